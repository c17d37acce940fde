//go:build peers

package probe_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv/wire"
)

// TestForeignServer: what the probe tells of FreeRADIUS, right and wrong.
func TestForeignServer(t *testing.T) {
	s := radiustest.Start(t, radiustest.Options{Users: []radiustest.User{{Name: "orlovami", Password: "Snegir-2021", VLAN: 20}}, Resumption: true})
	good := func() *probe.Probe {
		return &probe.Probe{
			Server: s.Auth, Method: probe.EAPMethod, Login: "orlovami", Password: "Snegir-2021",
			Client: wire.ClientOptions{Secret: []byte(radiustest.Secret), Wait: 20 * time.Second, Tries: 2},
			Point:  nas.Point{Identifier: "probe"},
			EAP: eappeer.Options{Method: eappeer.PEAPMSCHAPv2, Identity: "orlovami", Password: "Snegir-2021",
				Roots: s.Authority.Pool(), ServerName: radiustest.ServerName},
		}
	}
	for name, c := range map[string]struct {
		change  func(*probe.Probe)
		outcome probe.Outcome
		problem probe.Problem
		says    string // in the English report
	}{
		"peap":         {func(*probe.Probe) {}, probe.Accepted, "", "MS-MPPE keys: both right\nVLAN: 20\n"},
		"certificate":  {func(*probe.Probe) {}, probe.Accepted, "", "(names: radius.school.example), issued by CN=school test authority, ECDSA P-256, until "},
		"tls 1.2":      {func(p *probe.Probe) { p.EAP.MaxVersion = tls.VersionTLS12 }, probe.Accepted, "", "\nTLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, X25519: full handshake\n"},
		"resumed":      {func(p *probe.Probe) { p.Resume = true }, probe.Accepted, "", ": resumed\n"},
		"no VLAN":      {func(p *probe.Probe) { p.Resume = true }, probe.Accepted, "", "note: on resumption the server sent another VLAN"},
		"not resumed":  {func(p *probe.Probe) { p.Resume, p.EAP.MaxVersion = true, tls.VersionTLS12 }, probe.Accepted, "", "note: the server did not resume"},
		"unverified":   {func(p *probe.Probe) { p.EAP.Roots, p.EAP.ServerName = nil, "" }, probe.Accepted, "", "not verified"},
		"password":     {func(p *probe.Probe) { p.EAP.Password = "nope" }, probe.Rejected, probe.ProblemRejected, "9 rounds"},
		"pap password": {func(p *probe.Probe) { p.EAP.Method, p.EAP.Password = eappeer.TTLSPAP, "nope" }, probe.Rejected, probe.ProblemRejected, "gives no reason"},
		"name":         {func(p *probe.Probe) { p.EAP.ServerName = "other.example" }, probe.Rejected, probe.ProblemName, "(names: radius.school.example)"},
		"authority":    {func(p *probe.Probe) { p.EAP.Roots = radiustest.NewAuthority(t).Pool() }, probe.Rejected, probe.ProblemAuthority, "of another authority"},
		"later":        {func(p *probe.Probe) { p.EAP.Now = func() time.Time { return time.Now().AddDate(2, 0, 0) } }, probe.Rejected, probe.ProblemExpired, "has ended"},
		"secret":       {func(p *probe.Probe) { p.Client.Secret, p.Client.Wait = []byte("another"), 50*time.Millisecond }, probe.NoAnswer, probe.ProblemNoAnswer, "no answer"},
		"unsigned":     {func(p *probe.Probe) { p.Method = probe.PAP }, probe.NoAnswer, probe.ProblemUnsigned, "CVE-2024-3596"},
		"pap":          {func(p *probe.Probe) { p.Method, p.Client.Unsigned = probe.PAP, true }, probe.Accepted, "", "Tunnel-Private-Group-Id = 20\n"},
		"mschapv2":     {func(p *probe.Probe) { p.Method, p.Client.Unsigned = probe.MSCHAPv2, true }, probe.Accepted, "", "round 1: "},
		"wrong secret": {func(p *probe.Probe) {
			p.Method, p.Client.Unsigned, p.Point.Unsigned = probe.MSCHAPv2, true, true
			p.Client.Secret, p.Client.Wait = []byte("another"), time.Second
		}, probe.NoAnswer, probe.ProblemSecret, "another secret"},
		"status":     {func(p *probe.Probe) { p.Method, p.Client.Unsigned = probe.Status, true }, probe.Accepted, "", "accepted: status"},
		"accounting": {func(p *probe.Probe) { p.Method, p.Server = probe.Accounting, s.Acct }, probe.Accepted, "", "2 rounds"},
		"wrong port": {func(p *probe.Probe) { p.Server, p.Client.Wait = "127.0.0.1:9", 50*time.Millisecond }, probe.NoAnswer, probe.ProblemRefused, "nobody listens"},
	} {
		p := good()
		c.change(p)
		r, err := p.Run(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var english, russian strings.Builder
		if err := r.Write(&english, probe.English); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(&russian, probe.Russian); err != nil {
			t.Fatal(err)
		}
		if r.Outcome != c.outcome || r.Problem != c.problem || !strings.Contains(english.String(), c.says) || strings.Contains(english.String()+russian.String(), "%!") {
			t.Errorf("%s: %s\n%s", name, english.String(), russian.String())
		}
		for _, hidden := range []string{"Snegir-2021", radiustest.Secret} {
			if strings.Contains(english.String()+russian.String(), hidden) {
				t.Errorf("%s: the report shows a secret", name)
			}
		}
		if testing.Verbose() {
			t.Logf("%s:\n%s", name, russian.String())
		}
	}
}
