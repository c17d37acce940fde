package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/eaptls"
	"schoolbridge/radiussrv/eap/packet"
)

// bench is a server with all that it needs.
type bench struct {
	*Server
	school *eaptest.School
	pki    *eaptest.PKI
	trust  atomic.Pointer[eaptls.Trust]
	skew   atomic.Int64 // nanoseconds that the server's clock is ahead
	last   Result
}

var nas = identity.Source{NAS: "corridor", Addr: netip.MustParseAddr("127.0.0.1"), School: "1001"}

func (b *bench) trusts(t testing.TB, lists ...*x509.RevocationList) {
	t.Helper()
	trust, err := eaptls.NewTrust([]eaptls.Authority{{Name: "school", Certificates: []*x509.Certificate{b.pki.Authority}, Revoked: lists}})
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
		}
		return reply
	}); err != nil {
		t.Fatal(err)
	}
	if waited != 1 || !b.last.Verdict.NotBefore.Equal(b.school.NotBefore) {
		t.Errorf("%d requests waited, then %v", waited, b.last.Verdict.NotBefore)
	}
}

func TestResumption(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		full := b.signsIn(t, p, false)
		for range 3 {
			asked, before := b.school.Asked()
			o := b.signsIn(t, p, true)
			again, after := b.school.Asked()
			if k.method == packet.TLS {
				if len(again) != len(asked)+1 {
					t.Error("the certificate was not judged again")
				}
			} else if len(again) != len(asked) || after != before+1 {
				t.Error("the voucher was not judged, or the password was asked for")
			}
			// A ticket with a certificate in it makes messages long.
			if o.Trips > full.Trips && k.method != packet.TLS || o.MSK == full.MSK {
				t.Errorf("%d round trips instead of %d", o.Trips, full.Trips)
			}
		}
	})
}

// TestTicketAloneProvesNothing: whoever only shook hands signs in again.
func TestTicketAloneProvesNothing(t *testing.T) {
	b := newBench(t, nil)
	leaves := map[string][]string{
		"pap": {"password"}, "mschapv2": {"response", "proven"}, "eap-gtc": {"inner identity", "password"},
		"eap-mschapv2": {"inner identity", "response", "proven"}, "": {"done"},
	}
	each(t, func(t *testing.T, k kind, version uint16) {
		for _, at := range leaves[k.inside] {
			t.Run(at, func(t *testing.T) {
				p := b.peer(t, k, version)
				p.Leave = at
				if k.method == packet.TLS && version == tls.VersionTLS12 {
					p.Leave = "finished"
				}
				if _, err := p.Run(b.link(nas)); !errors.Is(err, eaptest.ErrLeft) {
					t.Fatal(err)
				}
				p.Leave = ""
				b.signsIn(t, p, false)
			})
		}
		t.Run("wrong password", func(t *testing.T) {
			if k.method == packet.TLS {
				return
			}
			p := b.peer(t, k, version)
			p.Password = "nope"
			b.refused(t, p, identity.Rejected, identity.ReasonWrongPassword)
			p.Password = eaptest.TeacherPassword
			b.signsIn(t, p, false)
		})
		t.Run("names", func(t *testing.T) {
			p := b.peer(t, k, version)
			p.Outer = eaptest.Pupil
			b.refused(t, p, identity.Rejected, "NAMES_DISAGREE")
			p.Outer = ""
			b.signsIn(t, p, false)
			p.Outer = eaptest.Pupil
			b.refused(t, p, identity.Rejected, "NAMES_DISAGREE")
		})
	})
}

// TestOverheardTicket: showing somebody else's ticket is no sign-in of hers.
func TestOverheardTicket(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		b.signsIn(t, p, false)
		before, resumed := b.school.Asked()
		p.Leave = "finished" // which only the ticket's owner can say
		if _, err := p.Run(b.link(nas)); !errors.Is(err, eaptest.ErrLeft) {
			t.Fatal(err)
		}
		if after, again := b.school.Asked(); len(after) != len(before) || again != resumed {
			t.Error("it was judged as a sign-in")
		}
	})
}

func TestResumptionEnds(t *testing.T) {
	each(t, func(t *testing.T, k kind, version uint16) {
		b := newBench(t, nil)
		p := b.peer(t, k, version)
		b.signsIn(t, p, false)
		if k.method != packet.TLS {
			b.school.Epoch(eaptest.Teacher)
			b.signsIn(t, p, false)
		}
		b.signsIn(t, p, true)
		// What is resumed ends when the first sign-in would have.
		b.skew.Store(int64(50 * time.Minute))
		b.signsIn(t, p, true)
		b.skew.Store(int64(59*time.Minute + 58*time.Second))
		b.signsIn(t, p, true)
		if k.method != packet.TLS { // its certificates end with the hour
			b.skew.Store(int64(61 * time.Minute))
			p.TLS.Time = b.opts.Now
			p.TLS.InsecureSkipVerify = true
			b.signsIn(t, p, false)
		}
		b.skew.Store(0)
		b.school.Suspend(eaptest.Teacher)
		b.refused(t, p, identity.Rejected, identity.ReasonSuspended)
	})
}

// TestTicketsStayWithTheirMethod and listener.
func TestTicketsStayWithTheirMethod(t *testing.T) {
	secret := func(time.Time) (uint64, [][32]byte) { return 1, [][32]byte{{7}} }
	b := newBench(t, func(o *Options) { o.Keys = secret })
	other := newBench(t, func(o *Options) {
		o.Keys, o.Ledger, o.Listener, o.Certificates, o.Auth = secret, b.opts.Ledger, "guests", b.opts.Certificates, b.school
	})
	same := newBench(t, func(o *Options) {
		o.Keys, o.Ledger, o.Certificates, o.Auth, o.Trust = secret, b.opts.Ledger, b.opts.Certificates, b.school, b.opts.Trust
	})
	for _, version := range versions {
		p := b.peer(t, kind{"", packet.TTLS, "pap"}, version)
		b.signsIn(t, p, false)
		p.Method, p.Inside = packet.PEAP, "eap-mschapv2"
		b.signsIn(t, p, false)
		b.signsIn(t, p, true)
		same.signsIn(t, p, true) // a replica with the same keys and ledger
		other.signsIn(t, p, false)
	}
}

func TestNoResumption(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Resumption = 0 })
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		b.signsIn(t, p, false)
		b.signsIn(t, p, false)
	})
}

func TestKeysChange(t *testing.T) {
	generation := atomic.Uint64{}
	b := newBench(t, func(o *Options) {
		o.Keys = func(time.Time) (uint64, [][32]byte) {
			g := generation.Load()
			return g, [][32]byte{{byte(g)}, {byte(g) - 1}}
		}
	})
	p := b.peer(t, kinds[0], tls.VersionTLS13)
	b.signsIn(t, p, false)
	generation.Add(1)
	b.signsIn(t, p, true) // under the key before
	generation.Add(2)
	b.signsIn(t, p, false)
}

func TestDeviceCertificates(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			tlsKind := kind{"", packet.TLS, ""}
			board := b.pki.Client(t, eaptest.Board, "", time.Time{})
			device := b.peer(t, tlsKind, version)
			device.TLS.Certificates = []tls.Certificate{board}
			device.Outer = "host/" + eaptest.Board
			admitted := func(resumed bool) {
				t.Helper()
				o, err := device.Run(b.link(nas))
				if err != nil || !o.Success || o.Resumed != resumed || b.last.Verdict.Grant.VLAN != 30 || !b.last.Verdict.Person.IsZero() {
					t.Fatalf("%+v %v %+v", o, err, b.last.Verdict)
				}
			}
			admitted(false)
			admitted(true)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(time.Hour), b.pki.Client(t, "other", "", time.Time{})))
			admitted(true)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(-time.Minute)))
			b.refused(t, device, identity.Unavailable, eaptls.ReasonOutdated)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(time.Hour), board))
			b.refused(t, device, identity.Rejected, eaptls.ReasonRevoked)
			fresh := b.peer(t, tlsKind, version)
			fresh.TLS.Certificates = device.TLS.Certificates
			b.refused(t, fresh, identity.Rejected, eaptls.ReasonRevoked)

			late := b.peer(t, tlsKind, version)
			late.TLS.Certificates = []tls.Certificate{b.pki.Client(t, eaptest.Board, "", time.Now().Add(-time.Minute))}
			b.refused(t, late, identity.Rejected, "CERTIFICATE_NOT_VALID")
			stranger := b.peer(t, tlsKind, version)
			foreign := eaptest.NewPKI(t).Client(t, eaptest.Board, "", time.Time{})
			stranger.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil }
			b.refused(t, stranger, identity.Rejected, "CERTIFICATE_NOT_VALID")
			none := b.peer(t, tlsKind, version)
			none.TLS.Certificates = nil
			b.refused(t, none, identity.Rejected, "TLS_FAILED")
		})
	}
}

// TestReloadedAuthorities: who is not trusted any more does not resume either.
func TestReloadedAuthorities(t *testing.T) {
	for _, version := range versions {
		b := newBench(t, nil)
		p := b.peer(t, kind{"", packet.TLS, ""}, version)
		b.signsIn(t, p, false)
		trust, err := eaptls.NewTrust([]eaptls.Authority{{Name: "other", Certificates: []*x509.Certificate{eaptest.NewPKI(t).Authority}}})
		if err != nil {
			t.Fatal(err)
		}
		b.trust.Store(trust)
		p.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.TLS.Certificates[0], nil }
		b.refused(t, p, identity.Rejected, "CERTIFICATE_NOT_VALID")
	}
}

func TestCertificateIsChosen(t *testing.T) {
	b := newBench(t, nil)
	set := atomic.Pointer[[]tls.Certificate]{}
	both := []tls.Certificate{b.pki.Server(t, false), b.pki.Server(t, true)}
	set.Store(&both)
	b = newBench(t, func(o *Options) { o.Certificates = func() []tls.Certificate { return *set.Load() } })
	shown := func(suites ...uint16) x509.PublicKeyAlgorithm {
		t.Helper()
		p := b.peer(t, kinds[0], tls.VersionTLS12)
		var algorithm x509.PublicKeyAlgorithm
		p.TLS.CipherSuites, p.TLS.InsecureSkipVerify = suites, true
		p.TLS.VerifyConnection = func(s tls.ConnectionState) error {
			algorithm = s.PeerCertificates[0].PublicKeyAlgorithm
			return nil
		}
		b.signsIn(t, p, false)
		return algorithm
	}
	if got := shown(); got != x509.ECDSA {
		t.Errorf("%v by default", got)
	}
	if got := shown(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); got != x509.RSA {
		t.Errorf("%v for whoever knows RSA only", got)
	}
	only := both[1:]
	set.Store(&only)
	if got := shown(); got != x509.RSA {
		t.Errorf("%v after a reload", got)
	}
	set.Store(&[]tls.Certificate{})
	b.refused(t, b.peer(t, kinds[0], tls.VersionTLS13), identity.Rejected, "TLS_FAILED")
}

func TestDistrustIsNamed(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		p.TLS.RootCAs = eaptest.NewPKI(t).Pool()
		b.refused(t, p, identity.Rejected, "SERVER_NOT_TRUSTED")
	})
	p := b.peer(t, kinds[0], tls.VersionTLS12)
	p.TLS.MinVersion, p.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	b.refused(t, p, identity.Rejected, "TLS_FAILED")
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

// TestLostAndRepeated: every message twice, some with other identifiers between,
// change nothing.
func TestLostAndRepeated(t *testing.T) {
	b := newBench(t, func(o *Options) { o.RoundTrips = 400 })
	each(t, func(t *testing.T, k kind, version uint16) {
		var state, reply []byte
		p := b.peer(t, k, version)
		p.Fragment = 200
		o, err := p.Run(func(m []byte) []byte {
			again := bytes.Clone(m)
			in := Request{Source: nas, Message: m, State: state}
			if state != nil {
				wrong := bytes.Clone(m)
				wrong[1] += 7
				before := b.Exchange(t.Context(), Request{Source: nas, Message: wrong, State: state})
				if !bytes.Equal(before.Message, reply) || !bytes.Equal(before.State, state) {
					t.Fatal("another identifier gets another answer")
				}
			}
			out := b.Exchange(t.Context(), in)
			b.last = out
			if out.Verdict.Outcome == 0 && state != nil {
				in.Message = again
				if second := b.Exchange(t.Context(), in); !bytes.Equal(second.Message, out.Message) {
					t.Fatal("a repeated response gets another answer")
				}
			}
			state, reply = out.State, out.Message
			return out.Message
		})
		if err != nil || !o.Success || o.MSK != *b.last.MSK {
			t.Fatalf("%+v %v", o, err)
		}
	})
}

// TestStateIsBound: it is worth nothing to another NAS, nor later.
func TestStateIsBound(t *testing.T) {
	b := newBench(t, nil)
	open := func() (Request, Result) {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: packet.Packet{Code: packet.Response, Type: packet.Identity, Data: []byte("x")}.Bytes()})
		r := packet.Packet{Code: packet.Response, ID: 1, Type: packet.PEAP, Data: []byte{0}}
		return Request{Source: nas, Message: r.Bytes(), State: out.State}, out
	}
	for name, change := range map[string]func(*Request){
		"another NAS":     func(r *Request) { r.Source.NAS = "yard" },
		"another address": func(r *Request) { r.Source.Addr = netip.MustParseAddr("127.0.0.2") },
		"another state":   func(r *Request) { r.State[3] ^= 1 },
		"a short state":   func(r *Request) { r.State = r.State[:7] },
		"much later":      func(*Request) { b.skew.Add(int64(time.Hour)) },
	} {
		in, _ := open()
		change(&in)
		if out := b.Exchange(t.Context(), in); out.Verdict.Outcome != identity.Unavailable || out.Verdict.Reason != ReasonState {
			t.Errorf("%s: %+v", name, out.Verdict)
		}
	}
	first, one := open()
	_, two := open()
	if bytes.Equal(one.State, two.State) {
		t.Error("two conversations have one state")
	}
	first.Message = packet.Packet{Code: packet.Response, Type: packet.Identity, ID: 1, Data: []byte("x")}.Bytes()
	if out := b.Exchange(t.Context(), first); !bytes.Equal(out.Message, one.Message) {
		t.Error("another type than asked for has an effect")
	}
}

func TestMalformed(t *testing.T) {
	b := newBench(t, nil)
	for _, m := range []string{"\x02", "\x02\x01\x00\x05", "\x01\x01\x00\x05\x01", "\x03\x01\x00\x04", "\x02\x01\x00\x05\x03", "\x02\x01\x00\x06\x01\xff"} {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: []byte(m)})
		if out.Verdict.Outcome != identity.Malformed || out.Message[0] != byte(packet.Failure) {
			t.Errorf("%x: %+v", m, out)
		}
	}
	if b.table.size() != 0 {
		t.Error("conversations are left")
	}
}

// TestOutOfOrder breaks every step of every way, in several fashions. Nobody is
// let in, and every conversation ends.
func TestOutOfOrder(t *testing.T) {
	b := newBench(t, nil)
	fashions := map[string]func(step string, b []byte) []byte{
		"empty":   func(string, []byte) []byte { return nil },
		"garbage": func(string, []byte) []byte { return []byte("\x17\x03\x03\x00\x05hello") },
		"twice":   func(_ string, b []byte) []byte { return append(bytes.Clone(b), b...) },
		"cut":     func(_ string, b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(_ string, b []byte) []byte {
			c := bytes.Clone(b)
			for i := range c {
				c[i] ^= 0x55
			}
			return c
		},
	}
	// An inner identity that names nobody is as good as none, and what stands
	// behind an acknowledgement or is named twice says nothing.
	harmless := []string{"inner identity twice", "inner identity cut", "proven twice", "inner nak twice"}
	each(t, func(t *testing.T, k kind, version uint16) {
		var steps []string
		learn := b.peer(t, k, version)
		learn.Wrong = func(step string, b []byte) []byte {
			if step != "identity" && len(b) > 0 {
				steps = append(steps, step)
			}
			return b
		}
		b.signsIn(t, learn, false)
		for _, at := range steps {
			for how, change := range fashions {
				if slices.Contains(harmless, at+" "+how) {
					continue
				}
				p := b.peer(t, k, version)
				p.Wrong = func(step string, b []byte) []byte {
					if step == at {
						return change(step, b)
					}
					return b
				}
				o, _ := p.Run(b.link(nas))
				if o.Success || b.last.MSK != nil || b.last.Verdict.Outcome == identity.Accepted {
					t.Errorf("%s %s: let in", at, how)
				}
			}
		}
	})
}

// TestInnerOrder: messages that are right elsewhere.
func TestInnerOrder(t *testing.T) {
	b := newBench(t, nil)
	for name, c := range map[string]struct {
		k    kind
		at   string
		says []byte
	}{
		"success before the challenge is answered": {kinds[4], "response", []byte{26, 3}},
		"failure before the challenge is answered": {kinds[4], "response", []byte{26, 4}},
		"change of the password":                   {kinds[4], "response", append([]byte{26, 7, 0, 0, 6}, make([]byte, 60)...)},
		"result instead of an answer":              {kinds[4], "response", []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 1}},
		"failure for a success":                    {kinds[4], "proven", []byte{26, 4}},
		"nak for a success":                        {kinds[4], "proven", []byte{3, 6}},
		"result says failure":                      {kinds[4], "result", []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}},
		"result without a result":                  {kinds[4], "result", []byte{2, 1, 0, 5, 33}},
		"two identities":                           {kinds[4], "response", []byte{1, 'x'}},
		"nak of nothing":                           {kinds[5], "inner nak", []byte{3, 0}},
		"nak of the same":                          {kinds[5], "inner nak", []byte{3, 26}},
		"two ways at once": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(0, 2, []byte("x"))...),
			eaptest.AVP(0, 3, []byte("x"))...)},
		"two passwords": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(0, 2, []byte("nope"))...),
			eaptest.AVP(0, 2, []byte(eaptest.TeacherPassword))...)},
		"a challenge of the peer's": {kinds[1], "response", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)), eaptest.AVP(311, 11, make([]byte, 16))...),
			eaptest.AVP(311, 25, make([]byte, 50))...)},
		"a mandatory AVP that nobody knows": {kinds[0], "password", append(append(eaptest.AVP(0, 1, []byte(eaptest.Teacher)),
			eaptest.AVP(0, 2, []byte(eaptest.TeacherPassword))...), eaptest.AVP(0, 999, nil)...)},
	} {
		for _, version := range versions {
			p := b.peer(t, c.k, version)
			p.Wrong = func(step string, b []byte) []byte {
				if step == c.at {
					return c.says
				}
				return b
			}
			o, err := p.Run(b.link(nas))
			if o.Success || b.last.MSK != nil || b.last.Verdict.Outcome == identity.Accepted || b.last.Verdict.Outcome == 0 {
				t.Errorf("%s: %+v %v %+v", name, o, err, b.last.Verdict)
			}
			if strings.HasPrefix(name, "change") && !strings.HasPrefix(o.Error, "E=709 R=0") {
				t.Errorf("the change of a password is answered with %q", o.Error)
			}
		}
	}
	if b.table.size() != 0 {
		t.Error("conversations are left")
	}
}

func TestRoundTripsAreCounted(t *testing.T) {
	b := newBench(t, func(o *Options) { o.RoundTrips = 5 })
	p := b.peer(t, kinds[0], tls.VersionTLS12)
	p.Fragment = 20
	b.refused(t, p, identity.Malformed, identity.ReasonBadRequest)
	if b.table.size() != 0 {
		t.Error("the conversation is left")
	}
}

// TestBusy: while an answer is being found, a second message of the same
// conversation is dropped, and another conversation goes on.
func TestBusy(t *testing.T) {
	b := newBench(t, nil)
	blocked, release := make(chan struct{}), make(chan struct{})
	first := atomic.Bool{}
	b.school.Block = func(context.Context) {
		if first.CompareAndSwap(false, true) {
			close(blocked)
			<-release
		}
	}
	state := atomic.Pointer[[]byte]{}
	done := make(chan error)
	go func() {
		p := b.peer(t, kinds[0], tls.VersionTLS13)
		o, err := p.Run(func(m []byte) []byte {
			in := Request{Source: nas, Message: m}
			if s := state.Load(); s != nil {
				in.State = *s
			}
			out := b.Exchange(context.Background(), in)
			state.Store(&out.State)
			return out.Message
		})
		if err == nil && !o.Success {
			err = fmt.Errorf("refused: %+v", o)
		}
		done <- err
	}()
	<-blocked
	r := packet.Packet{Code: packet.Response, ID: 2, Type: packet.TTLS, Data: []byte{0}}
	if out := b.Exchange(t.Context(), Request{Source: nas, Message: r.Bytes(), State: *state.Load()}); out.Message != nil || out.Verdict.Outcome != 0 {
		t.Errorf("answered with %+v", out)
	}
	b.signsIn(t, b.peer(t, kinds[4], tls.VersionTLS12), false)
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
