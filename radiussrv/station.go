package radiussrv

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// source says where a request came from, in words that policy and the audit
// trail compare. What does not look as it should is left out rather than kept
// as somebody wrote it.
func source(client *Client, r *wire.Received, request string) identity.Source {
	ap, ssid := called(r.Packet.Text(wire.CalledStationID))
	name := readable(r.Packet.Text(wire.NASIdentifier))
	if ap == "" {
		ap = name
	}
	if name == "" {
		name = nasAddress(r).String()
	}
	return identity.Source{
		Addr:    r.From.Addr(),
		Device:  device(r.Packet.Text(wire.CallingStationID)),
		AP:      ap,
		Unit:    name,
		NAS:     client.Name,
		SSID:    ssid,
		School:  client.School,
		Request: request,
	}
}

// nasAddress is the one that a device tells of itself (RFC 2865 section 5.4, RFC 3162
// section 2.1), else where its request came from.
func nasAddress(r *wire.Received) netip.Addr {
	if a := toldAddress(r.Packet); a.IsValid() {
		return a
	}
	return r.From.Addr()
}

func toldAddress(p *wire.Packet) netip.Addr {
	if a := p.IPv4(wire.NASIPAddress); a.IsValid() {
		return a
	}
	return p.IPv6(wire.NASIPv6Address)
}

// device and called read a station id: a hardware address in any of the usual
// writings, perhaps with a colon and the network's name behind it (RFC 3580
// sections 3.20 and 3.21). A device's address comes as lower-case hex with colons,
// an access point's as it was sent, which is always the same; what cannot be read
// is "".
func device(s string) string {
	address, rest, ok := identity.CutHardwareAddress(s)
	if !ok || rest != "" && rest[0] != ':' {
		return ""
	}
	return string(address)
}

func called(s string) (ap, ssid string) {
	_, rest, ok := identity.CutHardwareAddress(s)
	if !ok || rest != "" && rest[0] != ':' {
		return "", ""
	}
	if rest != "" {
		ssid = network(rest[1:])
	}
	return s[:len(s)-len(rest)], ssid
}

// network takes the name of a Wi-Fi network: at most 32 bytes of printable text.
func network(s string) string {
	if len(s) > 32 || !printable(s) {
		return ""
	}
	return s
}

// printable says that s is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 })
}
