package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/eap/eaptest"
	radiuswire "schoolbridge/radiussrv/wire"
)

// machinesConfig is a school's Wi-Fi for computers of two authorities.
const machinesConfig = `state: state
mosru: {url: "http://127.0.0.1:1", client_id: test}
tls: {certificate_file: server.pem, key_file: server.key}
log: {format: text, level: debug}
radius:
  authentication: [%q]
  accounting: [%q]
  clients: [{name: hall, range: 127.0.0.0/8, secret_file: secret, school: "49", reject_delay: 0s}]
  eap:
    authorities:
      - {name: pcs, ca_file: pcs.pem, crl_file: pcs.crl}
      - {name: boards, ca_file: boards.pem}
  machines:
    - {authority: pcs, name: server.school49.example, school: "49", vlan: 71}
    - {authority: pcs, name: "*.school49.example", school: "49"}
    - {authority: pcs, name: "*.school50.example", school: "50"}
policy:
  rules:
    - {name: pcs, roles: machine, channels: wifi, allow: true, vlan: 70}
    - {name: people, allow: true, schools: any, vlan: 20}
`

// machines is a daemon that knows computers, and their authorities.
type machines struct {
	site
	auth, acct  string // addresses
	pcs, boards *eaptest.PKI
	daemon      *daemon
	log         *logged
	class       []byte // of the last acceptance
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	m := &machines{site: newSite(t), auth: freeport.UDP(t), acct: freeport.UDP(t), pcs: eaptest.NewPKI(t), boards: eaptest.NewPKI(t), log: &logged{}}
	eaptest.Write(t, m.dir, "server", m.pcs.Server(t, false))
	for name, pki := range map[string]*eaptest.PKI{"pcs": m.pcs, "boards": m.boards} {
		eaptest.Write(t, m.dir, name, tls.Certificate{Certificate: [][]byte{pki.Authority.Raw}})
	}
	m.revoke()
	m.write("config.yaml", fmt.Sprintf(machinesConfig, m.auth, m.acct))
	m.daemon = m.started(m.log)
	return m
}

func (m *machines) revoke(gone ...tls.Certificate) {
	m.t.Helper()
	m.site.write("pcs.crl", string(m.pcs.Revoke(m.t, time.Now().Add(time.Hour), gone...).Raw))
}

// signsIn lets a computer sign in as Windows does before anybody has: over the
// access point, by EAP-TLS, with its keys checked. It gives the VLAN of the
// acceptance, or the reason for which it was refused.
func (m *machines) signsIn(c tls.Certificate, version uint16, tickets tls.ClientSessionCache) (vlan string, resumed bool, refused string) {
	m.t.Helper()
	client := radiuswire.NewClient(m.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Wait: 30 * time.Second})
	defer client.Close()
	peer, err := eappeer.New(eappeer.Options{
		Method: eappeer.TLS, Identity: "host/" + c.Leaf.DNSNames[0], Certificate: &c, Roots: m.pcs.Pool(), ServerName: eaptest.ServerName,
		MinVersion: version, MaxVersion: version, Sessions: tickets,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	defer peer.Close()
	m.log.take()
	result, err := (&nas.Point{Calling: "02-00-00-00-00-07"}).EAP(m.t.Context(), client.Line(), peer, "host/"+c.Leaf.DNSNames[0])
	if err != nil {
		said := m.log.take()
		at := strings.LastIndex(said, "reason=") // of the verdict
		if result.Accepted || at < 0 {
			m.t.Fatalf("%v\n%s", err, said)
		}
		refused, _, _ = strings.Cut(said[at+len("reason="):], " ")
		return "", false, refused
	}
	if !result.Keys {
		m.t.Error("the keys of the acceptance are not the computer's")
	}
	m.class, _ = result.Reply.First(radiuswire.Class)
	group, _ := result.Reply.First(radiuswire.TunnelPrivateGroupID)
	return string(group), peer.Info().Resumed, ""
}

// TestMachines: computers come in by their certificates, from their own handshake
// to the VLAN in the acceptance, by authority, name, school and role.
func TestMachines(t *testing.T) {
	m := newMachines(t)
	pc, server := m.pcs.Computer(t, "PC1.school49.example"), m.pcs.Computer(t, "server.school49.example")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for what, c := range map[string]struct {
			certificate   tls.Certificate
			vlan, refused string
		}{
			"a PC":                   {pc, "70", ""},
			"one with its own VLAN":  {server, "71", ""},
			"another school's":       {m.pcs.Computer(t, "pc1.school50.example"), "", string(identity.ReasonSchoolNotAllowed)},
			"in no list":             {m.pcs.Computer(t, "pc1.elsewhere.example"), "", string(identity.ReasonUnknownMachine)},
			"two levels below":       {m.pcs.Computer(t, "a.b.school49.example"), "", string(identity.ReasonUnknownMachine)},
			"of the other authority": {m.boards.Computer(t, "pc1.school49.example"), "", string(identity.ReasonUnknownMachine)},
			"of nobody's authority":  {eaptest.NewPKI(t).Computer(t, "pc1.school49.example"), "", "CERTIFICATE_NOT_VALID"},
		} {
			tickets := tls.NewLRUClientSessionCache(1)
			for again := range 2 {
				vlan, resumed, refused := m.signsIn(c.certificate, version, tickets)
				if vlan != c.vlan || refused != c.refused || resumed != (again > 0 && c.refused == "") {
					t.Errorf("%s, %s, time %d: VLAN %q, resumed %v, refused %q", tls.VersionName(version), what, again+1, vlan, resumed, refused)
				}
			}
		}
	}
}

// TestMachinesOfNow: inventory and revocation are asked anew where a computer
// comes back without a full handshake.
func TestMachinesOfNow(t *testing.T) {
	m := newMachines(t)
	pc, other := m.pcs.Computer(t, "pc1.school49.example"), m.pcs.Computer(t, "pc2.school49.example")
	tickets := map[uint16]tls.ClientSessionCache{tls.VersionTLS12: tls.NewLRUClientSessionCache(1), tls.VersionTLS13: tls.NewLRUClientSessionCache(1)}
	each := func(what, vlan, refused string, resumed bool) {
		t.Helper()
		for version, cache := range tickets {
			if v, r, why := m.signsIn(pc, version, cache); v != vlan || r != resumed || why != refused {
				t.Errorf("%s, %s: VLAN %q, resumed %v, refused %q", tls.VersionName(version), what, v, r, why)
			}
		}
	}
	each("at first", "70", "", false)
	m.revoke(other)
	text, err := os.ReadFile(m.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("config.yaml", strings.Replace(string(text), `"*.school49.example", school: "49"`, `"*.school49.example", school: "49", vlan: 72`, 1))
	m.daemon.reload()
	each("moved", "72", "", true)
	m.revoke(other, pc)
	m.daemon.reload()
	each("revoked", "", "CERTIFICATE_REVOKED", false)
}

// stays begins the session of whoever was admitted last, and gives what the
// store holds of it.
func (m *machines) stays(key string) *journal.Stay {
	m.t.Helper()
	client := radiuswire.NewClient(m.acct, radiuswire.ClientOptions{Secret: []byte(siteSecret), Wait: 30 * time.Second})
	defer client.Close()
	if _, err := (&nas.Point{}).Account(m.t.Context(), client.Line(), nas.Session{Name: key, ID: key, Class: m.class}, nas.Start); err != nil {
		m.t.Fatal(err)
	}
	list, err := m.daemon.db.Journal().Find(m.t.Context(), journal.Query{Live: true})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, s := range list {
		if s.Key == key {
			return journal.StayOf(s)
		}
	}
	m.t.Fatalf("no session of %s in %+v", key, list)
	return nil
}

// TestMachinesThatMayNotStay: of computers that are on the network, each as its
// own sign-in says, those whose certificate is taken back or whose line is gone
// may not stay.
func TestMachinesThatMayNotStay(t *testing.T) {
	m := newMachines(t)
	stays := map[string]*journal.Stay{}
	certificates := map[string]tls.Certificate{}
	for _, name := range []string{"pc1.school49.example", "pc2.school49.example", "server.school49.example"} {
		certificates[name] = m.pcs.Computer(t, name)
		vlan, _, refused := m.signsIn(certificates[name], tls.VersionTLS13, nil)
		if refused != "" {
			t.Fatalf("%s: VLAN %q, %s", name, vlan, refused)
		}
		stays[name] = m.stays(name)
	}
	stand := func(when string, want map[string]journal.Why) {
		t.Helper()
		for name, stay := range stays {
			if got, known := m.daemon.standing(stay, time.Now()); !known || got.Why != want[name] {
				t.Errorf("%s, %s: %+v, %v; want %q", when, name, got, known, want[name])
			}
		}
	}
	stand("all is well", nil)
	m.revoke(certificates["pc1.school49.example"])
	m.daemon.reload()
	stand("one is revoked", map[string]journal.Why{"pc1.school49.example": journal.WhyRevoked})
	m.revoke()
	m.edit("name: server.school49.example", "name: other.school49.example")
	m.edit("name: hall", "dynamic_authorization: {port: "+freeport.Port(freeport.UDP(t))+"}, name: hall")
	m.daemon.reload()
	stand("one gets the VLAN of the others", map[string]journal.Why{"server.school49.example": journal.WhyGrant})
	m.edit(`"*.school49.example"`, `"*.school51.example"`)
	m.daemon.reload()
	stand("no line is theirs", map[string]journal.Why{"pc1.school49.example": journal.WhyUnlisted, "pc2.school49.example": journal.WhyUnlisted, "server.school49.example": journal.WhyUnlisted})
	m.edit(`"*.school51.example"`, `"*.school49.example"`)
	m.edit("allow: true, vlan: 70", "allow: false")
	m.daemon.reload()
	stand("computers are not admitted", map[string]journal.Why{"pc1.school49.example": journal.WhyRole, "pc2.school49.example": journal.WhyRole, "server.school49.example": journal.WhyRole})
}
