package radiussrv

import (
	"context"
	"crypto/md5"
	"maps"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

const board = identity.HardwareAddress("02:00:5e:10:00:01")

// boards admits the one board, beside the people of school.
func boards() *judge {
	people := school()
	return &judge{say: func(ctx context.Context, c identity.Credential) identity.Verdict {
		address, ok := c.Proof.(identity.HardwareAddress)
		switch {
		case !ok:
			return people.say(ctx, c)
		case string(address) != c.Source.Device:
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonStation}
		case address != board:
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonUnknownDevice}
		}
		return identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonListed, Grant: identity.Grant{Rule: "boards", Role: "device", VLAN: 60}}
	}}
}

// chap answers the Request Authenticator, or a challenge of its own.
func chap(r *wire.Request, password string, challenge []byte) {
	const chapChallenge = wire.Type(60)
	with := r.Authenticator[:]
	if challenge != nil {
		r.Add(chapChallenge, challenge)
		with = challenge
	}
	sum := md5.Sum(slices.Concat([]byte{7}, []byte(password), with))
	r.Add(wire.CHAPPassword, append([]byte{7}, sum[:]...))
}

func TestBypass(t *testing.T) {
	auth := boards()
	s, conn, _ := live(t, Options{Auth: auth})
	from := func(r *wire.Request) { r.AddText(wire.CallingStationID, "02-00-5E-10-00-01") }
	check := func(r *wire.Request) { from(r); r.AddUint32(wire.ServiceType, wire.CallCheck) }
	const (
		device = "device" // asked for as a device
		person = "person" // asked for as somebody's name and password
		nobody = "nobody" // refused without being asked for
	)
	for _, c := range []struct {
		what, name, password string
		change               func(*wire.Request)
		as                   string
		result               result
	}{
		{"bare, in small letters", "02005e100001", "02005e100001", from, device, resultAccepted},
		{"with hyphens, in capitals", "02-00-5E-10-00-01", "02-00-5E-10-00-01", from, device, resultAccepted},
		{"name and password written otherwise", "0200.5e10.0001", "02:00:5e:10:00:01", from, device, resultAccepted},
		{"Call-Check with the client's own password", "02005e100001", "port-secret", check, device, resultAccepted},
		{"Call-Check without a password", "02005e100001", "-", check, device, resultAccepted},
		{"CHAP, as switches do it", "02005e100001", "-", func(r *wire.Request) { from(r); chap(r, "02005e100001", nil) }, device, resultAccepted},
		{"CHAP with a challenge", "02-00-5e-10-00-01", "-", func(r *wire.Request) { from(r); chap(r, "02-00-5e-10-00-01", []byte("sixteen letters!")) }, device, resultAccepted},
		{"CHAP of another password, with Call-Check", "02005e100001", "-", func(r *wire.Request) { check(r); chap(r, "port-secret", nil) }, device, resultAccepted},
		{"a device in no list", "02005e100099", "02005e100099", func(r *wire.Request) { r.AddText(wire.CallingStationID, "02005e100099") }, device, resultRejected},

		{"another device asks", "02005e100001", "02005e100001", func(r *wire.Request) { r.AddText(wire.CallingStationID, "02-00-5E-10-00-99") }, device, resultRejected},
		{"nobody says who asks", "02005e100001", "02005e100001", nil, device, resultRejected},
		{"two who ask", "02005e100001", "02005e100001", func(r *wire.Request) { from(r); r.AddText(wire.CallingStationID, "02-00-5E-10-00-99") }, device, resultRejected},
		{"who asks is unreadable", "02005e100001", "02005e100001", func(r *wire.Request) { r.AddText(wire.CallingStationID, "board") }, device, resultRejected},
		{"CHAP of another password", "02005e100001", "-", func(r *wire.Request) { from(r); chap(r, "x", nil) }, nobody, resultCHAP},
		{"CHAP cut short", "02005e100001", "-", func(r *wire.Request) { from(r); r.Add(wire.CHAPPassword, []byte("7")) }, nobody, resultCHAP},
		{"PAP and CHAP", "02005e100001", "02005e100001", func(r *wire.Request) { from(r); chap(r, "02005e100001", nil) }, nobody, resultMalformed},
		{"no password and no Call-Check", "02005e100001", "-", from, nobody, resultMalformed},
		{"MS-CHAP", "02005e100001", "-", func(r *wire.Request) {
			check(r)
			r.Add(wire.VendorSpecific, []byte{0, 0, 1, 55, 1, 3, 0})
		}, nobody, resultMSCHAP},
		{"Call-Check of a name that is no address", "orlovami", "Snegir-2021", check, person, resultAccepted},
		{"a login that reads as an address", "02005e100001", "Snegir-2021", from, person, resultRejected},
		{"two names", "02005e100001", "02005e100001", func(r *wire.Request) { from(r); r.AddText(wire.UserName, "02005e100001") }, nobody, resultMalformed},
	} {
		t.Run(c.what, func(t *testing.T) {
			asked, before := auth.count(), counted(t, s.metrics.results[c.result])
			p := exchange(t, conn, access(t, c.name, c.password, c.change))
			as := nobody
			if auth.count() > asked {
				as = person
				if address, ok := auth.last().Proof.(identity.HardwareAddress); ok {
					as = device
					if got := auth.last(); got.Name != c.name || got.Channel != identity.ChannelWiFi || address != board && c.name != "02005e100099" {
						t.Errorf("asked %+v", got)
					}
				}
			}
			if as != c.as || counted(t, s.metrics.results[c.result]) != before+1 {
				t.Errorf("asked for as %s, want %s, counted as %v", as, c.as, c.result)
			}
			if accepted := p.Code == wire.AccessAccept; accepted != (c.result == resultAccepted) {
				t.Errorf("%v", p.Code)
			} else if accepted && as == device && (p.Has(wire.UserName) || p.Text(wire.TunnelPrivateGroupID) != "60") {
				t.Errorf("%+v", p)
			} else if !accepted && p.Text(wire.ReplyMessage) != defaultMessages.Rejected {
				t.Errorf("refused in other words: %q", p.Text(wire.ReplyMessage))
			}
		})
	}
}

// vsa gives the vendor attributes of a packet.
func vsa(p *wire.Packet) map[[2]uint32]string {
	all := map[[2]uint32]string{}
	for v := range p.All(wire.VendorSpecific) {
		all[[2]uint32{uint32(v[0])<<24 | uint32(v[1])<<16 | uint32(v[2])<<8 | uint32(v[3]), uint32(v[4])}] = string(v[6:])
	}
	return all
}

func TestVendors(t *testing.T) {
	grant := identity.Grant{VLANName: "pupils", Filter: "kids", Down: 20_000_000, Up: 512_000, IdleTimeout: 90 * time.Second}
	numbered := identity.Grant{VLAN: 30, Up: 64_000}
	wispr := map[[2]uint32]string{{14122, 7}: "\x00\x07\xd0\x00", {14122, 8}: "\x01\x31\x2d\x00"}
	for _, c := range []struct {
		vendor Vendor
		grant  identity.Grant
		more   map[[2]uint32]string
	}{
		{"", grant, nil},
		{VendorWISPr, grant, nil},
		{VendorUbiquiti, grant, nil},
		{VendorAruba, grant, map[[2]uint32]string{{14823, 1}: "kids"}},
		{VendorRuckus, grant, map[[2]uint32]string{{25053, 1}: "kids"}},
		{VendorCisco, grant, map[[2]uint32]string{{14179, 6}: "kids", {14179, 7}: "\x00\x00\x4e\x20", {14179, 13}: "\x00\x00\x02\x00"}},
		{VendorHPE, grant, map[[2]uint32]string{{11, 25}: "kids", {11, 46}: "\x00\x00\x02\x00", {11, 48}: "\x00\x00\x4e\x20"}},
		{VendorMikroTik, grant, map[[2]uint32]string{{14988, 8}: "512k/20000k"}},
		{VendorMikroTik, numbered, map[[2]uint32]string{{14988, 8}: "64k/0k", {14988, 26}: "\x00\x00\x00\x1e", {14988, 27}: "\x00\x00\x00\x00"}},
	} {
		client := loopback()
		client.Vendor = c.vendor
		auth := &judge{say: func(context.Context, identity.Credential) identity.Verdict {
			return identity.Verdict{Outcome: identity.Accepted, Grant: c.grant}
		}}
		_, conn, _ := live(t, Options{Auth: auth, Clients: table(t, client)})
		p := exchange(t, conn, access(t, "orlovami", "Snegir-2021", nil))
		want := maps.Clone(c.more)
		if want == nil {
			want = map[[2]uint32]string{}
		}
		if c.grant == grant {
			maps.Copy(want, wispr)
			if idle, _ := p.Uint32(wire.IdleTimeout); idle != 90 || p.Text(wire.TunnelPrivateGroupID) != "pupils" || p.Text(wire.FilterID) != "kids" {
				t.Errorf("%s: %+v", c.vendor, p)
			}
		} else {
			want[[2]uint32{14122, 7}] = "\x00\x00\xfa\x00"
		}
		if got := vsa(p); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", c.vendor, got, want)
		}
	}
	client := loopback()
	client.Vendor = "zyxel"
	if _, err := NewClients([]Client{client}); err == nil {
		t.Error("a vendor that we do not know is taken")
	}
}
