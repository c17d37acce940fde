package auth

import (
	"context"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

type nowhere struct{}

func (nowhere) Audit(identity.AuditEntry) {}

// still is a directory of one, without the test world's locks.
type still struct{ e *directory.Entry }

func (s still) Lookup(string) (*directory.Entry, bool)         { return s.e, true }
func (s still) Get(identity.PersonID) (*directory.Entry, bool) { return s.e, true }
func (s still) LastContact() time.Time                         { return time.Now() }

func newBench(b testing.TB) (*Authenticator, identity.Credential) {
	w := newWorld(b)
	table, err := policy.Compile(policy.Default(), time.UTC)
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(Options{Directory: still{w.entries["orlovami"]}, Policy: func() *policy.Table { return table }, Upstream: w, Verifiers: w,
		Auditor: nowhere{}, EventsHealthy: func() bool { return true }})
	if err != nil {
		b.Fatal(err)
	}
	c := identity.Credential{Name: "orlovami", Proof: right, Channel: identity.ChannelWiFi, Source: from("02:00:00:00:00:01")}
	if v := a.Authenticate(context.Background(), c); v.Outcome != identity.Accepted {
		b.Fatal(v.Reason)
	}
	return a, c
}

// BenchmarkRecent is the hot path: a recent confirmation, audited and counted.
func BenchmarkRecent(b *testing.B) {
	a, c := newBench(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if v := a.Authenticate(context.Background(), c); v.Reason != identity.ReasonRecent {
				b.Error(v.Reason)
			}
		}
	})
}

// BenchmarkKeptHash is the hot path of MSCHAPv2.
func BenchmarkKeptHash(b *testing.B) {
	a, c := newBench(b)
	a.work.Wait()
	c.Proof = reply("orlovami", right)
	b.ReportAllocs()
	for b.Loop() {
		if v := a.Authenticate(context.Background(), c); v.Reason != identity.ReasonKeptHash {
			b.Fatal(v.Reason)
		}
	}
}

func BenchmarkKnownBad(b *testing.B) {
	a, c := newBench(b)
	c.Proof = wrong
	a.Authenticate(context.Background(), c)
	b.ReportAllocs()
	for b.Loop() {
		if v := a.Authenticate(context.Background(), c); v.Reason != identity.ReasonKnownBad {
			b.Fatal(v.Reason)
		}
	}
}

func TestTheHotPathAllocatesLittle(t *testing.T) {
	a, c := newBench(t)
	if n := testing.AllocsPerRun(200, func() { a.Authenticate(context.Background(), c) }); n > 4 {
		t.Errorf("%v allocations", n)
	}
	a.work.Wait()
	c.Proof = reply("orlovami", right)
	if n := testing.AllocsPerRun(200, func() { a.Authenticate(context.Background(), c) }); n > 8 {
		t.Errorf("MSCHAPv2: %v allocations", n)
	}
}
