package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

// bench is a server with all that it needs.
type bench struct {
	*Server
	school *eaptest.School
	pki    *eaptest.PKI
	trust  atomic.Pointer[trust.Set]
	skew   atomic.Int64 // nanoseconds that the server's clock is ahead
	last   Result
}

var nas = identity.Source{NAS: "corridor", Addr: netip.MustParseAddr("127.0.0.1"), School: "1001"}

func (b *bench) trusts(t testing.TB, lists ...*x509.RevocationList) {
	t.Helper()
	trust, err := trust.New([]trust.Authority{{Name: "school", Certificates: []*x509.Certificate{b.pki.Authority}, Revoked: lists}})
	if err != nil {
		t.Fatal(err)
	}
	b.trust.Store(trust)
}

func newBench(t testing.TB, change func(*Options)) *bench {
	t.Helper()
	b := &bench{school: eaptest.NewSchool(), pki: eaptest.NewPKI(t)}
	b.trusts(t)
	certificate := b.pki.Server(t, false)
	o := Options{
		Auth: b.school, Whose: b.school.Whose, Trust: b.trust.Load, Resumption: time.Hour,
		Certificates: func() []tls.Certificate { return []tls.Certificate{certificate} },
		Now:          func() time.Time { return time.Now().Add(time.Duration(b.skew.Load())) },
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = s
	t.Cleanup(s.Close)
	return b
}

// link carries a peer's messages, as a NAS does.
func (b *bench) link(from identity.Source) eaptest.Send {
	var state []byte
	return func(message []byte) []byte {
		out := b.Exchange(context.Background(), Request{Source: from, Message: message, State: state})
		state, b.last = out.State, out
		return out.Message
	}
}

// kind is one way to sign in.
type kind struct {
	name   string
	method packet.Type
	inside string
}

var kinds = []kind{
	{"ttls-pap", packet.TTLS, "pap"}, {"ttls-mschapv2", packet.TTLS, "mschapv2"},
	{"ttls-eap-mschapv2", packet.TTLS, "eap-mschapv2"}, {"ttls-eap-gtc", packet.TTLS, "eap-gtc"},
	{"peap-mschapv2", packet.PEAP, "eap-mschapv2"}, {"peap-gtc", packet.PEAP, "eap-gtc"}, {"tls", packet.TLS, ""},
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// each runs f for every way and version.
func each(t *testing.T, f func(t *testing.T, k kind, version uint16)) {
	for _, k := range kinds {
		for name, version := range versions {
			t.Run(k.name+"/"+name, func(t *testing.T) { f(t, k, version) })
		}
	}
}

// peer makes one of the teacher's devices; for EAP-TLS it has her certificate.
func (b *bench) peer(t testing.TB, k kind, version uint16) *eaptest.Peer {
	p := &eaptest.Peer{
		Name: eaptest.Teacher, Password: eaptest.TeacherPassword, Method: k.method, Inside: k.inside,
		TLS: &tls.Config{
			RootCAs: b.pki.Pool(), ServerName: eaptest.ServerName, MinVersion: version, MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(4),
		},
	}
	if k.method == packet.TLS {
		p.TLS.Certificates = []tls.Certificate{b.pki.Client(t, "Орлова", eaptest.Teacher+"@school.example", time.Time{})}
	}
	return p
}

// signsIn demands success with keys that both sides share.
func (b *bench) signsIn(t *testing.T, p *eaptest.Peer, resumed bool) eaptest.Outcome {
	t.Helper()
	o, err := p.Run(b.link(nas))
	if err != nil || !o.Success {
		t.Fatalf("refused: %+v %v, verdict %+v", o, err, b.last.Verdict)
	}
	if b.last.MSK == nil || *b.last.MSK != o.MSK || o.MSK == [64]byte{} {
		t.Fatal("the keys differ")
	}
	if o.Resumed != resumed {
		t.Fatalf("resumed: %v, want %v", o.Resumed, resumed)
	}
	if v := b.last.Verdict; v.Person != eaptest.Person(eaptest.Teacher) || v.Grant.VLAN != 20 {
		t.Fatalf("verdict %+v", v)
	}
	return o
}

// refused demands a Failure without keys, for the reason given.
func (b *bench) refused(t *testing.T, p *eaptest.Peer, outcome identity.Outcome, why identity.Reason) eaptest.Outcome {
	t.Helper()
	o, _ := p.Run(b.link(nas))
	v := b.last.Verdict
	if o.Success || b.last.MSK != nil || v.Outcome != outcome || v.Reason != why {
		t.Fatalf("%+v, verdict %+v; want %v for %v", o, v, outcome, why)
	}
	if len(b.last.Message) != 4 || b.last.Message[0] != byte(packet.Failure) {
		t.Fatalf("no EAP-Failure: %x", b.last.Message)
	}
	return o
}

func TestSignIn(t *testing.T) {
	for _, fragment := range []int{0, 100, 333} {
		b := newBench(t, func(o *Options) { o.Fragment = max(fragment, 64) })
		each(t, func(t *testing.T, k kind, version uint16) {
			p := b.peer(t, k, version)
			p.Fragment = fragment
			o := b.signsIn(t, p, false)
			if proves := strings.Contains(k.inside, "mschapv2"); o.Proven != proves {
				t.Errorf("proven: %v", o.Proven)
			}
			asked, _ := b.school.Asked()
			c := asked[len(asked)-1]
			if c.Channel != identity.ChannelWiFi || c.Source != nas {
				t.Errorf("asked %+v", c)
			}
			if proof, ok := c.Proof.(identity.Certificate); k.method == packet.TLS &&
				(!ok || proof.Authority != "school" || len(proof.UPNs) != 1 || proof.UPNs[0] != eaptest.Teacher+"@school.example" || proof.Serial == "") {
				t.Errorf("proof %+v", c.Proof)
			}
		})
	}
	if n := newBench(t, nil).table.size(); n != 0 {
		t.Error(n)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		if k.method == packet.TLS {
			t.Run("unknown", func(t *testing.T) {
				p := b.peer(t, k, version)
				p.TLS.Certificates = []tls.Certificate{b.pki.Client(t, "nobody-here", "", time.Time{})}
				b.refused(t, p, identity.Rejected, identity.ReasonUnknown)
			})
			return
		}
		for _, c := range []struct {
			name, login, password, outer string
			outcome                      identity.Outcome
			why                          identity.Reason
			text                         string
		}{
			{"wrong password", eaptest.Teacher, "nope", "", identity.Rejected, identity.ReasonWrongPassword, "E=691 R=0 C="},
			{"unknown", "nobody-here", "nope", "", identity.Rejected, identity.ReasonUnknown, "E=691 R=0 C="},
			{"nobody can tell", eaptest.Away, "nope", "", identity.Unavailable, identity.ReasonUpstreamDown, ""},
			{"machine", "host/pc-1", "nope", "", identity.Rejected, "MACHINE_ACCOUNT", "E=691 R=0 C="},
			{"outer name", eaptest.Teacher, eaptest.TeacherPassword, eaptest.Pupil, identity.Rejected, "NAMES_DISAGREE", ""},
			{"odd name", "orl\x00va", "nope", "", identity.Malformed, identity.ReasonBadRequest, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := b.peer(t, k, version)
				p.Name, p.Password, p.Outer = c.login, c.password, c.outer
				o := b.refused(t, p, c.outcome, c.why)
				if k.inside != "eap-mschapv2" {
					c.text = ""
				}
				if !strings.HasPrefix(o.Error, c.text) || (c.text == "") != (o.Error == "") {
					t.Errorf("said %q", o.Error)
				}
			})
		}
	})
	if b.table.size() != 0 {
		t.Error("conversations are left")
	}
}

// TestNotBeforeBindsTheFirstNo: what tells the peer no inside must wait as long
// as the Failure.
func TestNotBeforeBindsTheFirstNo(t *testing.T) {
	b := newBench(t, nil)
	b.school.NotBefore = time.Now().Add(time.Hour)
	p := b.peer(t, kind{"", packet.PEAP, "eap-mschapv2"}, tls.VersionTLS13)
	p.Password = "nope"
	waited := 0
	send := b.link(nas)
	if _, err := p.Run(func(m []byte) []byte {
		reply := send(m)
		if b.last.NotBefore.Equal(b.school.NotBefore) {
			waited++
			lost := Request{Source: nas, Message: bytes.Clone(m), State: b.last.State}
			if again := b.Exchange(t.Context(), lost); !bytes.Equal(again.Message, reply) || !again.NotBefore.Equal(b.school.NotBefore) {
				t.Errorf("repeated, it leaves at %v", again.NotBefore)
			}
		}
		return reply
	}); err != nil {
		t.Fatal(err)
	}
	if waited != 1 || !b.last.Verdict.NotBefore.Equal(b.school.NotBefore) {
		t.Errorf("%d requests waited, then %v", waited, b.last.Verdict.NotBefore)
	}
}

func TestNegotiation(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Methods = []packet.Type{packet.PEAP, packet.TTLS} })
	p := b.peer(t, kinds[0], tls.VersionTLS13) // TTLS: says Nak to PEAP
	b.signsIn(t, p, false)
	for _, wanted := range []packet.Type{packet.MD5, packet.GTC, packet.MSCHAPv2, packet.TLS, 0} {
		p.Method = wanted
		b.refused(t, p, identity.Rejected, "METHOD_NOT_OFFERED")
	}
	for _, o := range []Options{
		{Methods: []packet.Type{packet.MD5}}, {Methods: []packet.Type{packet.TLS}}, {Methods: []packet.Type{}},
		{Inner: []packet.Type{packet.MD5}}, {Inner: []packet.Type{}}, {Fragment: 10},
	} {
		o.Auth, o.Certificates = b.school, b.opts.Certificates
		if _, err := New(o); err == nil {
			t.Errorf("%+v makes a server", o)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a server without an authenticator")
	}
}

func TestStart(t *testing.T) {
	b := newBench(t, nil)
	out := b.Exchange(t.Context(), Request{Source: nas})
	p, err := packet.Parse(out.Message)
	if err != nil || p.Code != packet.Request || p.Type != packet.Identity || out.State != nil || b.table.size() != 0 {
		t.Errorf("%+v %v", out, err)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	b := newBench(t, func(o *Options) { o.Metrics = registry })
	until := time.Now().Add(20 * time.Minute)
	b.trusts(t, b.pki.Revoke(t, until))
	p := b.peer(t, kinds[4], tls.VersionTLS13)
	b.signsIn(t, p, false)
	b.signsIn(t, p, true)
	p.Password, p.TLS.ClientSessionCache = "nope", nil
	b.refused(t, p, identity.Rejected, identity.ReasonWrongPassword)
	p.Leave = "response"
	_, _ = p.Run(b.link(nas))
	_ = b.Exchange(t.Context(), Request{Source: nas, Message: hello("x"), State: make([]byte, 16)})
	got := values(t, registry)
	for name, want := range map[string]float64{
		"schoolbridge_eap_conversations":                       1,
		"schoolbridge_eap_results_total full peap accepted":    1,
		"schoolbridge_eap_results_total resumed peap accepted": 1,
		"schoolbridge_eap_results_total full peap rejected":    1,
		"schoolbridge_eap_abandoned_total unknown_state":       1,
		"schoolbridge_eap_revocation_list_end_seconds":         float64(until.Unix()),
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
}

// values gives every counter and gauge by its name and the values of its labels.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}
