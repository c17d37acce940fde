package store

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
)

func FuzzSession(f *testing.F) {
	at := time.Date(2026, 9, 1, 8, 0, 0, 5000, time.UTC)
	whole := &journal.Session{
		Key: "a", Epoch: 1 << 63, Given: identity.Given{Mark: 1<<64 - 1, At: at, Until: at.Add(time.Hour)},
		Basis: &identity.Basis{Authority: "pcs", Machine: "pc1", Chain: []identity.Issued{{Issuer: 1<<64 - 1, Serial: "05"}}},
		Detail: journal.Detail{Name: "имя", Device: "02:00:00:00:00:01", Station: "s", SSID: "n", School: "49", Port: "p", Multi: "m", SignIn: "i", NASIdentifier: "ap",
			Peer: netip.MustParseAddr("fe80::1%eth0"), NASAddr: netip.MustParseAddr("10.0.0.1")},
		Addresses: []journal.Address{{Prefix: netip.MustParsePrefix("10.0.0.7/32"), First: at, Last: at}, {Prefix: netip.MustParsePrefix("2001:db8::/64"), First: at, Last: at.Add(time.Minute)}},
		BeganTold: true, Opened: "o", Interim: true, Told: at, Stopped: at, Bound: at, BoundBy: journal.EndCut, Duration: time.Hour,
		Traffic: journal.Traffic{InOctets: 1<<64 - 1, OutOctets: 2, InPackets: 1<<32 - 1, OutPackets: 4}, Cause: 1<<32 - 1,
	}
	for _, s := range []*journal.Session{whole, {}} {
		plain := sealSession(s)
		f.Add(plain)
		var again journal.Session
		err := openSession(plain, &again)
		if !again.Basis.Equal(s.Basis) {
			f.Fatalf("%+v, want %+v", again.Basis, s.Basis)
		}
		if again.Basis = s.Basis; err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", *s) {
			f.Fatalf("%+v, %v, want %+v", again, err, *s)
		}
		for n := range plain {
			if openSession(plain[:n], new(journal.Session)) == nil {
				f.Fatalf("%d of %d bytes open", n, len(plain))
			}
		}
	}
	f.Add([]byte(`{"Key":"a","Told":"2026-09-01T08:00:00Z","Traffic":{}}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		var s, again journal.Session
		if openSession(plain, &s) != nil {
			return
		}
		if err := openSession(sealSession(&s), &again); err != nil {
			t.Errorf("%+v does not open again: %v", s, err)
		}
	})
}
