package eap

import (
	"crypto/tls"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

// TestNamesTellNothing: who may sign in cannot ask by another name, outside or
// inside, whether somebody has it.
func TestNamesTellNothing(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Outer = "guest" })
	each(t, func(t *testing.T, k kind, version uint16) {
		for _, fine := range []string{"anonymous", "Anonymous@else.example", "@else.example", "guest@else.example", eaptest.Teacher, "ORLOVAMI@school.example"} {
			p := b.peer(t, k, version)
			p.Outer = fine
			b.signsIn(t, p, false)
		}
		for _, outer := range []string{eaptest.Pupil, "nobody-here", "nobody@school.example", "anonymous.somebody"} {
			p := b.peer(t, k, version)
			p.Outer = outer
			b.refused(t, p, identity.Rejected, identity.ReasonNamesDisagree)
			if v := b.last.Verdict; !v.NotBefore.IsZero() || v.Person != eaptest.Person(eaptest.Teacher) {
				t.Errorf("%s: %+v", outer, v)
			}
		}
		if !strings.HasPrefix(k.inside, "eap-") {
			return
		}
		for _, inner := range []string{eaptest.Pupil, "nobody-here"} {
			p := b.peer(t, k, version)
			p.Wrong = func(step string, m []byte) []byte {
				if step == "inner identity" {
					return innerIdentity(m, k.method, inner)
				}
				return m
			}
			o, _ := p.Run(b.link(nas))
			if o.Success || b.last.Verdict.Outcome == identity.Accepted {
				t.Errorf("let in as %s inside", inner)
			}
		}
	})
	// What stands in the certificate is not only said.
	p := b.peer(t, kinds[6], tls.VersionTLS13)
	p.Outer = "Орлова"
	b.signsIn(t, p, false)
}

// TestOwnNameInAnotherRealm: it is the same person's all the same.
func TestOwnNameInAnotherRealm(t *testing.T) {
	b := newBench(t, func(o *Options) {
		whose := o.Whose
		o.Whose = func(name string) (identity.PersonID, bool) {
			if strings.Contains(name, "@") { // realms are not taken off
				return identity.PersonID{}, false
			}
			return whose(name)
		}
	})
	p := b.peer(t, kinds[0], tls.VersionTLS13)
	p.Outer = eaptest.Teacher + "@else.example"
	b.signsIn(t, p, false)
	p.Outer = eaptest.Pupil + "@else.example"
	b.refused(t, p, identity.Rejected, identity.ReasonNamesDisagree)
}

// innerIdentity is m with another name.
func innerIdentity(m []byte, method packet.Type, name string) []byte {
	if method == packet.PEAP {
		return append([]byte{m[0]}, name...)
	}
	return eaptest.AVP(0, 79, packet.Packet{Code: packet.Response, Type: packet.Identity, Data: []byte(name)}.Bytes())
}

// told signs in in vain and gives what was told of it.
func (b *bench) told(t *testing.T, p *eaptest.Peer) (all []Refusal) {
	t.Helper()
	b.opts.Refused = func(r Refusal) { all = append(all, r) }
	if o, _ := p.Run(b.link(nas)); o.Success {
		t.Error("let in")
	}
	return all
}

func TestRefusalsAreTold(t *testing.T) {
	teacher := eaptest.Person(eaptest.Teacher)
	for name, c := range map[string]struct {
		k      kind
		change func(*testing.T, *bench, *eaptest.Peer)
		want   Refusal
	}{
		"names": {kinds[0], func(_ *testing.T, _ *bench, p *eaptest.Peer) { p.Outer = eaptest.Pupil },
			Refusal{Name: eaptest.Pupil, Method: packet.TTLS, Accepted: true, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonNamesDisagree, Person: teacher, Login: eaptest.Teacher}}},
		"distrust": {kinds[4], func(t *testing.T, _ *bench, p *eaptest.Peer) { p.TLS.RootCAs = eaptest.NewPKI(t).Pool() },
			Refusal{Method: packet.PEAP, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}}},
		"another name of the server": {kinds[0], func(_ *testing.T, _ *bench, p *eaptest.Peer) { p.TLS.ServerName = "other.example" },
			Refusal{Method: packet.TTLS, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}}},
		"old TLS": {kinds[4], func(_ *testing.T, _ *bench, p *eaptest.Peer) {
			p.TLS.MinVersion, p.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, Refusal{Method: packet.PEAP, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonOldTLS}}},
		"no method": {kinds[0], func(_ *testing.T, _ *bench, p *eaptest.Peer) { p.Method = packet.MD5 },
			Refusal{Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}}},
		"machine": {kinds[4], func(_ *testing.T, _ *bench, p *eaptest.Peer) { p.Name = "host/pc-1" },
			Refusal{Method: packet.PEAP, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMachineAccount}}},
		"round trips": {kinds[0], func(_ *testing.T, b *bench, p *eaptest.Peer) { b.opts.RoundTrips, p.Fragment = 5, 20 },
			Refusal{Method: packet.TTLS, Verdict: identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonRoundTrips}}},
		"says failure after our success": {kinds[4], func(_ *testing.T, _ *bench, p *eaptest.Peer) {
			p.Wrong = func(step string, m []byte) []byte {
				if step == "result" {
					return []byte{2, 1, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}
				}
				return m
			}
		}, Refusal{Method: packet.PEAP, Accepted: true, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonGaveUp, Person: teacher, Login: eaptest.Teacher}}},
		"a revoked certificate": {kinds[6], func(t *testing.T, b *bench, p *eaptest.Peer) {
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(time.Hour), p.TLS.Certificates[0]))
		}, Refusal{Method: packet.TLS, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonRevoked}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			p := b.peer(t, c.k, tls.VersionTLS12)
			p.TLS.MinVersion, p.TLS.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			c.change(t, b, p)
			if c.want.Source = nas; c.want.Name == "" {
				c.want.Name = "anonymous@school.example"
			}
			if all := b.told(t, p); len(all) != 1 || all[0] != c.want {
				t.Errorf("told %+v\nwant %+v", all, c.want)
			}
		})
	}
}

// TestVerdictsAreNotToldTwice: what the authenticator has refused, it has
// audited.
func TestVerdictsAreNotToldTwice(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		p.Password = "nope"
		if k.method == packet.TLS {
			p.TLS.Certificates = []tls.Certificate{b.pki.Client(t, "nobody-here", "", time.Time{})}
		}
		if all := b.told(t, p); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	})
}

// TestSilence: who stops in the handshake or after our yes is told of when the
// time is over, who never answered and who was refused are not.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan Refusal, 10)
		b := newBench(t, func(o *Options) { o.Refused = func(r Refusal) { told <- r } })
		wait := func() (all []Refusal) {
			if len(told) > 0 {
				t.Error("told at once")
			}
			time.Sleep(b.opts.Lifetime + time.Second)
			synctest.Wait()
			for len(told) > 0 {
				all = append(all, <-told)
			}
			return all
		}
		leave := func(k kind, step, password string) []Refusal {
			t.Helper()
			p := b.peer(t, k, tls.VersionTLS12)
			p.Leave, p.Password = step, password
			if _, err := p.Run(b.link(nas)); err == nil {
				t.Fatal("did not leave")
			}
			return wait()
		}
		if got := leave(kinds[4], "response", eaptest.TeacherPassword); len(got) != 1 || got[0].Verdict.Reason != identity.ReasonSilent || got[0].Accepted || got[0].Source != nas {
			t.Errorf("inside: %+v", got)
		}
		if got := leave(kinds[4], "result", eaptest.TeacherPassword); len(got) != 1 || got[0].Verdict.Reason != identity.ReasonGaveUp || !got[0].Accepted ||
			got[0].Verdict.Person != eaptest.Person(eaptest.Teacher) {
			t.Errorf("after the yes: %+v", got)
		}
		if got := leave(kinds[4], "result", "nope"); len(got) != 0 {
			t.Errorf("after the no: %+v", got)
		}
		b.Exchange(t.Context(), Request{Source: nas, Message: hello("x")})
		if got := wait(); len(got) != 0 {
			t.Errorf("never answered: %+v", got)
		}
		b.Close()
	})
}

// TestUnacknowledgedAlert: a peer that goes away at our alert, as wpa_supplicant
// does, is told of at once, with the reason of the alert, and not again.
func TestUnacknowledgedAlert(t *testing.T) {
	for name, c := range map[string]struct {
		k      kind
		change func(*testing.T, *bench, *eaptest.Peer)
		want   identity.Reason
	}{
		"old TLS": {kinds[4], func(_ *testing.T, _ *bench, p *eaptest.Peer) {
			p.TLS.MinVersion, p.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, identity.ReasonOldTLS},
		"certificate out of date": {kinds[6], func(t *testing.T, b *bench, p *eaptest.Peer) {
			p.TLS.Certificates[0] = b.pki.Client(t, "Орлова", eaptest.Teacher+"@school.example", time.Now().Add(-time.Hour))
		}, identity.ReasonNotValid},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan Refusal, 10)
				b := newBench(t, func(o *Options) { o.Refused = func(r Refusal) { told <- r } })
				p := b.peer(t, c.k, tls.VersionTLS12)
				c.change(t, b, p)
				p.Leave = "alert"
				if o, err := p.Run(b.link(nas)); err == nil || o.Success {
					t.Fatal("did not leave")
				}
				if len(told) != 1 {
					t.Fatalf("told %d times", len(told))
				}
				if r := <-told; r.Verdict.Reason != c.want || r.Verdict.Outcome != identity.Rejected {
					t.Errorf("told %+v", r)
				}
				time.Sleep(b.opts.Lifetime + time.Second)
				synctest.Wait()
				if len(told) != 0 {
					t.Errorf("told again: %+v", <-told)
				}
				b.Close()
			})
		})
	}
}
