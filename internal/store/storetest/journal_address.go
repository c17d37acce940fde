package storetest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/journal"
)

// testJournalAddress: many have one address in turn and at once, for minutes and for
// days, told in any order; whoever had it at a time is found, also when an older
// version of the program wrote the rows.
func testJournalAddress(t *testing.T, s *suite) {
	const sessions, days = 40, 10
	chance := rand.New(rand.NewPCG(1, 2))
	var records []journal.Record
	for i := range sessions {
		device := func(r *journal.Record) { r.Detail.Device = fmt.Sprintf("02:00:00:00:01:%02x", i) }
		began, length := chance.IntN(days*24*60), 5+chance.IntN(90)
		if i%5 == 0 { // a whiteboard that is never switched off
			length = 24*60 + chance.IntN(4*24*60)
		}
		for at := 0; at < length; at += 30 {
			records = append(records, s.heard(journal.Interim, "ap-1", fmt.Sprint(i), began+at, lasted(at), device, address("10.0.0.7/32")))
		}
		if i%3 > 0 {
			records = append(records, s.heard(journal.Stop, "ap-1", fmt.Sprint(i), began+length, lasted(length), device))
		}
	}
	slices.SortStableFunc(records, func(a, b journal.Record) int { return a.At.Compare(b.At) })
	for i := range records[:len(records)-1] { // and some a little late
		if chance.IntN(10) == 0 {
			records[i], records[i+1] = records[i+1], records[i]
		}
	}
	for part := range slices.Chunk(records, 200) {
		s.record(t, part[len(part)-1].At.Add(time.Minute), part...)
	}
	addr := netip.MustParseAddr("10.0.0.7")
	all := s.find(t, journal.Query{Address: addr})
	if len(all) != sessions || !slices.IsSortedFunc(all, func(a, b *journal.Session) int { return b.Began.Compare(a.Began) }) {
		t.Fatalf("%d sessions", len(all))
	}
	keys := func(list []*journal.Session, at time.Time) string {
		var keys []string
		for _, x := range list {
			if x.Holds(addr, at) {
				keys = append(keys, x.Key)
			}
		}
		slices.Sort(keys)
		return strings.Join(keys, " ")
	}
	ask := func(who string) {
		found := 0
		for hour := range (days + 5) * 24 {
			at := s.now.Add(time.Duration(hour) * time.Hour)
			list := s.find(t, journal.Query{Address: addr, At: at})
			found += len(list)
			if got, want := keys(list, at), keys(all, at); got != want || len(list) != len(strings.Fields(want)) {
				t.Errorf("%s, hour %d: %d sessions, %q, want %q", who, hour, len(list), got, want)
			}
		}
		if found < days*24 {
			t.Errorf("%s: %d answers", who, found)
		}
	}
	ask("as written")
	long, err := s.Count("SELECT COUNT(*) FROM session_addresses WHERE long = 1")
	if check(t, err); long == 0 || long > sessions/5 {
		t.Errorf("%d long ones", long)
	}
	check(t, s.Exec("UPDATE session_addresses SET began = 0, long = 0 WHERE digest IN (SELECT digest FROM session_addresses)"))
	ask("of an older version")
}
