//go:build peers

package load_test

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/load"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv/wire"
)

// TestForeignServer puts a short load of every kind on FreeRADIUS: everybody is
// accepted, whoever can come back does, and wrong passwords are told apart.
func TestForeignServer(t *testing.T) {
	var people []radiustest.User
	var users, wrong []load.User
	for i := range 50 {
		u := radiustest.User{Name: fmt.Sprintf("user%02d", i), Password: fmt.Sprintf("Snegir-%02d", i)}
		people = append(people, u)
		users = append(users, load.User{Login: u.Name, Password: identity.Password(u.Password)})
		wrong = append(wrong, load.User{Login: u.Name, Password: "nope"})
	}
	s := radiustest.Start(t, radiustest.Options{Users: people, Resumption: true})
	for name, c := range map[string]struct {
		method string
		eap    eappeer.Method
		tls    uint16
		users  []load.User
		resume float64
		rounds float64 // of a full one
	}{
		"pap":        {probe.PAP, 0, 0, users, 0, 1},
		"mschapv2":   {probe.MSCHAPv2, 0, 0, users, 0, 1},
		"wrong":      {probe.PAP, 0, 0, wrong, 0, 1},
		"accounting": {probe.Accounting, 0, 0, users, 0, 3},
		"ttls-pap":   {probe.EAPMethod, eappeer.TTLSPAP, tls.VersionTLS12, users, 0, 6},
		"peap":       {probe.EAPMethod, eappeer.PEAPMSCHAPv2, tls.VersionTLS12, users, 0, 10},
		"peap again": {probe.EAPMethod, eappeer.PEAPMSCHAPv2, tls.VersionTLS13, users, 0.5, 10},
		"apart":      {probe.EAPMethod, eappeer.TTLSPAP, tls.VersionTLS13, users, 0.5, 5},
		"by name":    {probe.EAPMethod, eappeer.TTLSPAP, tls.VersionTLS12, users, 0.5, 6},
	} {
		o := load.RADIUSOptions{Server: s.Auth, Method: c.method, Users: c.users, Resume: c.resume,
			Client: wire.ClientOptions{Secret: []byte(radiustest.Secret), Unsigned: true, Lines: 2, Wait: 10 * time.Second},
			EAP:    eappeer.Options{Method: c.eap, Roots: s.Authority.Pool(), ServerName: radiustest.ServerName, MaxVersion: c.tls}}
		o.EAP.Apart = name == "apart"
		if name == "by name" { // of the session: FreeRADIUS gives no tickets in TLS 1.2
			o.Sessions = func() tls.ClientSessionCache { return new(eappeer.Identifier) }
		}
		if c.method == probe.Accounting {
			o.Server = s.Acct
		}
		target, err := load.NewRADIUS(o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := load.Run(t.Context(), load.Options{Concurrency: 16, Duration: 10 * time.Minute, Count: 300}, target.Do)
		target.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", name, r)
		want := string(probe.Accepted)
		if name == "wrong" {
			want = string(probe.Rejected)
		}
		if r.Ended != 300 || r.Outcomes[want] != r.Ended || c.resume == 0 && r.Rounds != c.rounds || (r.Resumed > 0) != (c.resume > 0) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
