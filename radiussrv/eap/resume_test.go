package eap

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/resume"
)

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

// counted is a ledger that counts what is written.
type counted struct {
	resume.Ledger
	records int
}

func (c *counted) Record(ctx context.Context, h resume.Handle, r resume.Record) {
	c.records++
	c.Ledger.Record(ctx, h, r)
}

// TestComingBackWritesNothing: the first success stands behind every ticket that
// follows from it.
func TestComingBackWritesNothing(t *testing.T) {
	ledger := &counted{Ledger: resume.NewMemory(8)}
	b := newBench(t, func(o *Options) { o.Ledger = ledger })
	each(t, func(t *testing.T, k kind, version uint16) {
		before := ledger.records
		p := b.peer(t, k, version)
		b.signsIn(t, p, false)
		for range 3 {
			b.signsIn(t, p, true)
		}
		if n := ledger.records - before; n != 1 {
			t.Errorf("%d records of one sign-in", n)
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
