package radiussrv

import (
	"encoding/binary"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// bypassed recognises MAC authentication bypass, and the device that is asked
// about. User-Name is its hardware address, in any writing; the password is the
// same (as PAP in any writing, as CHAP in User-Name's own, which is how
// switches send it), or the client says Call-Check, and then the password is
// the client's and says nothing. A login that reads as an address has another
// password and remains a person's.
func bypassed(r *wire.Received, name string) (identity.HardwareAddress, bool) {
	p := r.Packet
	address, ok := identity.ParseHardwareAddress(name)
	if !ok || p.Count(wire.UserName) != 1 || fromMicrosoft(p) {
		return "", false
	}
	service, _ := p.Uint32(wire.ServiceType)
	check := service == wire.CallCheck && p.Count(wire.ServiceType) == 1
	switch {
	case p.Count(wire.UserPassword)+p.Count(wire.CHAPPassword) > 1:
		return "", false
	case p.Has(wire.UserPassword):
		clear, ok := p.Password(r.Peer.Secret())
		if !ok { // another secret: access says so
			return "", false
		}
		typed, same := identity.ParseHardwareAddress(string(clear))
		return address, check || same && typed == address
	case p.Has(wire.CHAPPassword):
		return address, check || p.CHAP([]byte(name))
	}
	return address, check
}

// fromMicrosoft says that the packet holds any attribute of Microsoft's: MS-CHAP
// has a user and is never a bypass.
func fromMicrosoft(p *wire.Packet) bool {
	for v := range p.All(wire.VendorSpecific) {
		if len(v) >= 4 && binary.BigEndian.Uint32(v) == wire.Microsoft {
			return true
		}
	}
	return false
}

// bypass asks for a device that shows nothing but its address. Whether that is
// the one that asks, the authenticator compares: two that are said to ask are
// none.
func (s *Server) bypass(client *Client, r *wire.Received, from identity.Source, name string, address identity.HardwareAddress, ask decide) (*wire.Reply, bool) {
	if r.Packet.Count(wire.CallingStationID) != 1 {
		from.Device = ""
	}
	v, ok := ask(identity.Credential{Name: name, Proof: address, Channel: identity.ChannelWiFi, Source: from})
	if !ok {
		return nil, false
	}
	return s.decided(client, r, from, v), true
}
