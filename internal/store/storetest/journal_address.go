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
	ask := func(who string, every int) {
		found := 0
		for hour := 0; hour < (days+5)*24; hour += every {
			at := s.now.Add(time.Duration(hour) * time.Hour)
			list := s.find(t, journal.Query{Address: addr, At: at})
			found += len(list)
			if got, want := keys(list, at), keys(all, at); got != want || len(list) != len(strings.Fields(want)) {
				t.Errorf("%s, hour %d: %d sessions, %q, want %q", who, hour, len(list), got, want)
			}
		}
		if found < days*24/every {
			t.Errorf("%s: %d answers", who, found)
		}
	}
	ask("as written", 1)
	long, err := s.Count("SELECT COUNT(*) FROM session_addresses WHERE long = 1")
	if check(t, err); long == 0 || long > sessions/5 {
		t.Errorf("%d long ones", long)
	}
	later := s.now.AddDate(0, 0, days+8)
	s.spanned(t, later)
	ask("with ends", 3)
	s.late(t, later, addr)
	check(t, s.Exec("UPDATE session_addresses SET began = 0, long = 0, until = 9223372036854775807 WHERE digest IN (SELECT digest FROM session_addresses)"))
	all = s.find(t, journal.Query{Address: addr})
	ask("of an older version", 1)
	check(t, s.Exec("DELETE FROM counters WHERE name = 'addresses_spanned'"))
	s.spanned(t, later)
	ask("of an older version, brought up to date", 3)
}

// spanned enters all ends, a few at a time, and looks whether addresses have what their
// sessions have.
func (s *suite) spanned(t *testing.T, now time.Time) {
	t.Helper()
	const some = 7
	for n := some; n >= some; {
		var err error
		n, err = s.db.Journal().Span(t.Context(), now, some)
		check(t, err)
	}
	s.exact(t)
}

// exact: whatever has an address tells of its session what the session does; of one
// that lives, and of which an older version told no beginning, nothing is entered yet.
func (s *suite) exact(t *testing.T) {
	t.Helper()
	wrong, err := s.Count(`SELECT COUNT(*) FROM session_addresses a JOIN sessions s ON s.id = a.session
		WHERE a.began <> s.began AND (a.began > 0 OR s.ended > 0) OR a.until <> CASE s.ended WHEN 0 THEN 9223372036854775807 ELSE s.ended END`)
	if check(t, err); wrong > 0 {
		t.Errorf("%d addresses tell other times than their sessions", wrong)
	}
}

// late: a record comes days late and moves an end that was entered long ago, twice;
// another one tells of an address and an end at once.
func (s *suite) late(t *testing.T, now time.Time, addr netip.Addr) {
	t.Helper()
	held := func(hour int, want bool) {
		t.Helper()
		at := s.now.Add(time.Duration(hour) * time.Hour)
		list := s.find(t, journal.Query{Address: addr, At: at})
		if got := slices.ContainsFunc(list, func(x *journal.Session) bool { return x.Key == "late" }); got != want {
			t.Errorf("hour %d: found is %v", hour, got)
		}
		s.exact(t)
	}
	device := func(r *journal.Record) { r.Detail.Device = "02:00:00:00:02:01" }
	interim := func(hour int) journal.Record {
		return s.heard(journal.Interim, "ap-2", "late", hour*60, lasted(hour*60), device, address(netip.PrefixFrom(addr, 32).String()))
	}
	s.record(t, now, interim(1), interim(2))
	held(2, true)
	s.record(t, now, interim(30))
	held(20, true)
	held(34, false)
	s.record(t, now, s.heard(journal.Stop, "ap-2", "late", 20*60, lasted(20*60), device))
	held(20, true)
	held(22, false)
	s.record(t, now, s.heard(journal.Stop, "ap-3", "late", 60*60, lasted(10*60), address(netip.PrefixFrom(addr, 32).String())))
	held(55, true)
	s.record(t, s.now.Add(90*time.Minute), s.heard(journal.Start, "ap-4", "late", 80*60, address(netip.PrefixFrom(addr, 32).String())))
	held(90, true)
}
