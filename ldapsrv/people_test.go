package ldapsrv

import (
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/ldapsrv/wire"
)

// Who has as many connections as a person may, in whatever form he signs in, ends his
// own idlest with the next, and nobody else's; a service account's have no such limit,
// nor have those on which people sign in through one.
func TestConnectionsOfOnePerson(t *testing.T) {
	w := start(t, func(o *Options) { o.PlainBind, o.Limits = PlainLoopback, wire.Limits{PerPerson: 2} })
	var services, through []*ldap.Conn
	for range 4 {
		services = append(services, w.as(reader, secret))
		c := w.as(board, secret)
		if err := c.Bind(personName("orlovami"), password); err != nil {
			t.Fatal(err)
		}
		through = append(through, c)
	}
	other := w.as(personName("belovas"), password)
	var own []*ldap.Conn
	for _, name := range []string{personName("orlovami"), "orlovami", "ORLOVAMI", "orlovami@school.example"} {
		own = append(own, w.as(name, password))
		if _, err := own[len(own)-1].WhoAmI(nil); err != nil { // so she counts
			t.Fatal(err)
		}
	}
	gone := func() (n int) {
		for _, c := range own[:3] {
			if c.IsClosing() {
				n++
			}
		}
		return n
	}
	for range 1000 {
		if gone() == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if gone() != 2 {
		t.Errorf("%d are ended", gone())
	}
	for _, c := range append(append(services, through...), other, own[3]) {
		if r, err := c.WhoAmI(nil); err != nil {
			t.Errorf("%v, %v: another one is ended", r, err)
		}
	}
}
