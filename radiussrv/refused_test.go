package radiussrv

import (
	"fmt"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/wire"
)

// TestRefusedWithoutAsking: what the authenticator does not hear of is told.
func TestRefusedWithoutAsking(t *testing.T) {
	var told []string
	s := newServer(t, Options{Refused: func(name, method string, from identity.Source, v identity.Verdict) {
		told = append(told, fmt.Sprint(name, " ", method, " ", from.NAS, " ", from.Device, " ", v.Outcome, " ", v.Reason))
	}})
	ask := func(name string, change func(*wire.Request)) {
		b := access(t, name, "-", func(r *wire.Request) {
			r.AddText(wire.CallingStationID, "02-00-00-00-00-0A")
			change(r)
		})
		p, err := wire.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		s.Handle(t.Context(), receivedBy(s, p))
	}
	ask("orlovami", func(r *wire.Request) { r.Add(wire.CHAPPassword, make([]byte, 17)) })
	ask("orlovami", func(r *wire.Request) { r.AddVendor(wire.Microsoft, 1, make([]byte, 50)) })
	ask("host/pc-1", func(r *wire.Request) { _ = r.AddPassword([]byte("x"), []byte(testSecret)) })
	ask("a\x00b", func(r *wire.Request) { _ = r.AddPassword([]byte("x"), []byte(testSecret)) })
	const at = " %s 02:00:00:00:00:0a rejected "
	nas := s.opts.Clients().peer(receivedBy(s, nil).From.Addr()).Owner().(*Client).Name
	want := []string{
		"orlovami chap" + fmt.Sprintf(at, nas) + "METHOD_NOT_OFFERED", "orlovami mschap" + fmt.Sprintf(at, nas) + "METHOD_NOT_OFFERED",
		"host/pc-1 " + fmt.Sprintf(at, nas) + "MACHINE_ACCOUNT", " " + fmt.Sprintf(at, nas) + "BAD_REQUEST",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q\nwant %q", told, want)
	}
}

// TestAMachinesName: accounting will call a machine what its certificate does,
// not what it called itself outside.
func TestAMachinesName(t *testing.T) {
	_, conn, _ := live(t, Options{EAP: talk(func(eap.Request) eap.Result {
		return eap.Result{Message: []byte{3, 5, 0, 4}, Verdict: identity.Verdict{Outcome: identity.Accepted, Login: "pc1.school49.example"}}
	})})
	p := exchange(t, conn, access(t, "host/pc1", "-", func(r *wire.Request) { r.AddText(wire.EAPMessage, "\x02\x05\x00\x06\x01a") }))
	if got := p.Text(wire.UserName); p.Code != wire.AccessAccept || got != "pc1.school49.example" {
		t.Errorf("%v %q", p.Code, got)
	}
}
