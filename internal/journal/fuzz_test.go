package journal

import (
	"net/netip"
	"testing"
	"time"
)

// FuzzFold: whatever a NAS tells, in whatever order, a record told twice
// changes nothing the second time, nothing grows without bound, and no session
// ends before it began.
func FuzzFold(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 10, 10, 1, 3, 20, 20, 1})
	f.Add([]byte{2, 70, 10, 0, 1, 60, 0, 0, 3, 25, 25, 0, 1, 0, 0, 0, 17, 61, 0, 2})
	f.Fuzz(func(t *testing.T, program []byte) {
		var b book
		for ; len(program) >= 4 && len(b) < 200; program = program[4:] {
			r := told(Status(program[0]%8), string('a'+rune(program[0]>>4)), float64(program[1]), int(program[2]))
			r.Person[0] = program[3] & 3
			r.Detail.SignIn = []string{"", "x", "y"}[program[3]>>2%3]
			r.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, program[1]}), 32)}
			b.take(r)
			n := len(b)
			if s, changed := Fold(rowsOf(b, r), r); s == nil || changed && r.Status != Interim {
				t.Fatalf("told twice: %+v", r)
			}
			if len(b) != n {
				t.Fatal("a repeated record began a session")
			}
		}
		for _, s := range b {
			s.Settle(rules, at(5000))
			if s.Live() || s.Ended.Before(s.Began) || len(s.Addresses) > maxAddresses || s.Heard().After(at(300)) || s.Began.Before(at(-300)) {
				t.Fatalf("%+v", s)
			}
			s.Holds(netip.AddrFrom4([4]byte{10, 0, 0, 1}), at(1).Add(time.Second))
		}
	})
}

func rowsOf(b book, r *Record) (rows []*Session) {
	for _, s := range b {
		if s.Key == r.Key {
			rows = append(rows, s)
		}
	}
	return rows
}
