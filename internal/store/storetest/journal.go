package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/store"
)

var journalTests = []test{
	{"JournalOrder", testJournalOrder},
	{"JournalLive", testJournalLive},
	{"JournalRestart", testJournalRestart},
	{"JournalMoves", testJournalMoves},
	{"JournalFind", testJournalFind},
	{"JournalAddress", testJournalAddress},
	{"JournalRotation", testJournalRotation},
	{"JournalSealed", testJournalSealed},
	{"JournalClock", testJournalClock},
	{"JournalCrowd", testJournalCrowd},
	{"JournalDevices", testJournalDevices},
	{"JournalDevicesOfOneTime", testJournalDevicesOfOneTime},
	{"Disconnects", testDisconnects},
	{"Changes", testChanges},
	{"KeptSessions", testKeptSessions},
	{"DueOfOthers", testDueOfOthers},
	{"DueFirst", testDueFirst},
}

var silence = journal.Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}

const phone = "02:00:00:00:00:01"

// heard makes a record of key at a minute after the suite's begin.
func (s *suite) heard(status journal.Status, unit, key string, minute int, more ...func(*journal.Record)) journal.Record {
	r := journal.Record{Status: status, At: s.now.Add(time.Duration(minute) * time.Minute), NAS: "school-49", Unit: unit, Key: key,
		Person: identity.PersonID{7}, Detail: journal.Detail{Device: phone, SSID: "School", Peer: netip.MustParseAddr("10.1.0.1")}}
	if status == journal.On || status == journal.Off {
		r.Key, r.Person, r.Detail.Device = "", identity.PersonID{}, ""
	}
	for _, change := range more {
		change(&r)
	}
	return r
}

func lasted(minutes int) func(*journal.Record) {
	return func(r *journal.Record) { r.Duration = time.Duration(minutes) * time.Minute }
}

func address(prefixes ...string) func(*journal.Record) {
	return func(r *journal.Record) {
		for _, p := range prefixes {
			r.Addresses = append(r.Addresses, netip.MustParsePrefix(p))
		}
	}
}

func (s *suite) record(t *testing.T, now time.Time, records ...journal.Record) []*journal.Session {
	t.Helper()
	changed, err := s.db.Journal().Record(t.Context(), records, silence, now)
	check(t, err)
	return changed
}

func (s *suite) find(t *testing.T, q journal.Query) []*journal.Session {
	t.Helper()
	list, err := s.db.Journal().Find(t.Context(), q)
	check(t, err)
	return list
}

// story writes sessions down without their random ids.
func (s *suite) story(t *testing.T, db *store.DB) string {
	t.Helper()
	var lines []string
	list, err := db.Journal().Find(t.Context(), journal.Query{Device: phone})
	check(t, err)
	for _, x := range list {
		lines = append(lines, fmt.Sprintf("%s %s %v–%v %v heard %v %v", x.Unit, x.Key, x.Began.Sub(s.now), x.Ended.Sub(s.now), x.Ending, x.Heard().Sub(s.now), x.Addresses))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Records of a day with all that goes wrong make the same sessions in every
// order, in batches of any size, and told twice.
func testJournalOrder(t *testing.T, s *suite) {
	records := []journal.Record{
		s.heard(journal.Start, "ap-1", "a", 0), s.heard(journal.Interim, "ap-1", "a", 10, lasted(10), address("10.0.0.7/32")), // its Stop is lost: moved
		s.heard(journal.Start, "ap-2", "b", 15), s.heard(journal.Interim, "ap-2", "b", 25, lasted(10), address("10.0.0.8/32")), // ap-2 loses power
		s.heard(journal.On, "ap-2", "", 40),
		s.heard(journal.Start, "ap-2", "b", 45), s.heard(journal.Stop, "ap-2", "b", 60, lasted(15)), // its ids begin anew
		s.heard(journal.Start, "ap-1", "c", 61), s.heard(journal.Interim, "ap-1", "c", 71, lasted(10)), // silence
		s.heard(journal.Off, "ap-1", "", 1000),
	}
	const want = `ap-1 a 0s–15m0s moved heard 10m0s [{10.0.0.7/32 2026-09-01 08:10:00 +0000 UTC 2026-09-01 08:10:00 +0000 UTC}]
ap-1 c 1h1m0s–1h11m0s silent heard 1h11m0s []
ap-2 b 15m0s–40m0s nas_restarted heard 25m0s [{10.0.0.8/32 2026-09-01 08:25:00 +0000 UTC 2026-09-01 08:25:00 +0000 UTC}]
ap-2 b 45m0s–1h0m0s stop heard 1h0m0s []`
	evening := s.now.Add(20 * time.Hour)
	for range 12 {
		order := append(slices.Clone(records), records[rand.IntN(len(records))], records[rand.IntN(len(records))])
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for rest := order; len(rest) > 0; {
			n := 1 + rand.IntN(len(rest))
			s.record(t, evening, rest[:n]...)
			rest = rest[n:]
		}
		_, err := s.db.Journal().Sweep(t.Context(), silence, evening, 100)
		check(t, err)
		if got := s.story(t, s.db); got != want {
			var how []string
			for _, r := range order {
				how = append(how, fmt.Sprintf("%d %s@%v", r.Status, r.Key, r.At.Sub(s.now)))
			}
			t.Fatalf("in the order %v\n%s\nwant\n%s", how, got, want)
		}
		n, err := s.db.Journal().Prune(t.Context(), evening.AddDate(0, 0, 1), 100)
		check(t, err)
		if left, err := s.Count("SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM session_addresses) + (SELECT COUNT(*) FROM nas_restarts)"); n != 4 || left != 0 || err != nil {
			t.Fatalf("pruned %d, %d left, %v", n, left, err)
		}
	}
}

func testJournalLive(t *testing.T, s *suite) {
	now := s.now.Add(15 * time.Minute)
	first := s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0))
	if len(first) != 1 || !first[0].Live() {
		t.Fatalf("%+v", first)
	}
	// What the same record says again changes nothing, in another process too.
	again, err := s.open(t, s.keys).Journal().Record(t.Context(), []journal.Record{s.heard(journal.Start, "ap-1", "a", 0)}, silence, now)
	if err != nil || len(again) != 0 {
		t.Errorf("a repeated record: %+v, %v", again, err)
	}
	// One batch tells each session once, as it is in the end.
	changed := s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 10, lasted(10)), s.heard(journal.Start, "ap-2", "b", 12))
	if len(changed) != 2 || changed[0].Ending != journal.EndMoved || !changed[1].Live() {
		t.Errorf("%+v", changed)
	}
	live := func() (keys []string) {
		check(t, s.db.Journal().Live(t.Context(), func(x *journal.Session) { keys = append(keys, x.Key) }))
		return keys
	}
	if got := live(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("live: %v", got)
	}
	// The first NAS still sees the device: it was not moved, and lives.
	changed = s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 14, lasted(14)))
	if len(changed) != 1 || !changed[0].Live() {
		t.Errorf("a contradicted inference: %+v", changed)
	}
	// A Stop is what counts in the end.
	s.record(t, now, s.heard(journal.Stop, "ap-1", "a", 11, lasted(11)))
	if got := s.find(t, journal.Query{Device: phone}); len(got) != 2 || got[1].Ending != journal.EndTold || !got[1].Ended.Equal(s.now.Add(11*time.Minute)) {
		t.Errorf("%+v", got)
	}
	// Silence ends what is left, in portions; a sign of life undoes it.
	if n, err := s.db.Journal().Sweep(t.Context(), silence, now, 1); err != nil || len(n) != 0 {
		t.Errorf("swept too early: %+v, %v", n, err)
	}
	s.record(t, now, s.heard(journal.Interim, "ap-2", "b", 15, lasted(3)))
	swept, err := s.db.Journal().Sweep(t.Context(), silence, s.now.Add(2*time.Hour), 1)
	if err != nil || len(swept) != 1 || swept[0].Ending != journal.EndSilent || !swept[0].Ended.Equal(s.now.Add(15*time.Minute)) || len(live()) != 0 {
		t.Errorf("%+v, %v", swept, err)
	}
	s.record(t, s.now.Add(2*time.Hour), s.heard(journal.Interim, "ap-2", "b", 119, lasted(107)))
	if got := live(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after a sign of life: %v", got)
	}
}

// A controller with very many sessions begins anew.
func testJournalRestart(t *testing.T, s *suite) {
	const many = 700
	var records []journal.Record
	for i := range many {
		records = append(records, s.heard(journal.Start, "wlc", fmt.Sprint(i), 0, func(r *journal.Record) { r.Detail.Device = fmt.Sprint("d", i) }))
	}
	now := s.now.Add(10 * time.Minute)
	s.record(t, now, records...)
	s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0), s.heard(journal.Start, "wlc", "later", 7, func(r *journal.Record) { r.Detail.Device = "later" }))
	ended := len(s.record(t, now, s.heard(journal.On, "wlc", "", 5)))
	swept, err := s.db.Journal().Sweep(t.Context(), silence, now, many)
	check(t, err)
	if ended != 500 || len(swept) != many-ended || swept[0].Ending != journal.EndRestarted || !swept[0].Ended.Equal(s.now.Add(5*time.Minute)) {
		t.Errorf("%d ended at once, %d swept: %+v", ended, len(swept), swept[:1])
	}
	if again := s.record(t, now, s.heard(journal.Off, "wlc", "", 5), s.heard(journal.On, "wlc", "", 6)); len(again) != 0 {
		t.Errorf("the NAS repeats itself: %d changed", len(again))
	}
	if list := s.find(t, journal.Query{Live: true}); len(list) != 2 {
		t.Errorf("%d sessions live", len(list))
	}
}

// A device that goes from place to place without a Stop, or an access point
// that tells one address for all devices, costs each time the same.
func testJournalMoves(t *testing.T, s *suite) {
	now := s.now.Add(20 * time.Hour)
	for i := range 20 {
		changed := s.record(t, now, s.heard(journal.Start, "ap-1", fmt.Sprint(i), i))
		if want := min(i+1, 2); len(changed) != want {
			t.Fatalf("session %d changed %d, want %d", i, len(changed), want)
		}
	}
	last := s.find(t, journal.Query{Device: phone})[0]
	// Silence ended the last one; what began before that and is told late takes its place.
	s.record(t, now, s.heard(journal.Interim, "ap-1", "19", 30, lasted(11)))
	if x, err := s.db.Journal().Get(t.Context(), last.ID); err != nil || x.Ending != journal.EndSilent {
		t.Errorf("%+v, %v", x, err)
	}
	s.record(t, now, s.heard(journal.Start, "ap-2", "b", 40))
	if x, err := s.db.Journal().Get(t.Context(), last.ID); err != nil || x.Ending != journal.EndMoved || !x.Ended.Equal(s.now.Add(40*time.Minute)) {
		t.Errorf("%+v, %v", x, err)
	}
}

func testJournalFind(t *testing.T, s *suite) {
	now := s.now.Add(time.Hour)
	other := func(r *journal.Record) {
		r.Person, r.Detail.Device, r.Detail.Name = identity.PersonID{}, "02:00:00:00:00:02", "Guest"
	}
	s.record(t, now,
		s.heard(journal.Start, "ap-1", "a", 0, address("10.0.0.7/32", "2001:db8:1::/64")),
		s.heard(journal.Interim, "ap-1", "a", 10, lasted(10), address("10.0.0.7/32", "2001:db8::7/128")),
		s.heard(journal.Stop, "ap-1", "a", 20, lasted(20)),
		s.heard(journal.Start, "ap-1", "b", 30, other, address("10.0.0.7/32")),
	)
	at := func(minute int) time.Time { return s.now.Add(time.Duration(minute) * time.Minute) }
	asked := s.find(t, journal.Query{Device: phone})[0].ID
	check(t, s.db.Journal().AskDisconnect(t.Context(), []journal.ID{asked}, journal.WhySuspended, at(25)))
	for what, c := range map[string]struct {
		q    journal.Query
		keys string
	}{
		"a person's that live or were asked to end":        {journal.Query{Person: identity.PersonID{7}, Live: true, Asked: at(25)}, "a"},
		"a person's that live or were asked to end lately": {journal.Query{Person: identity.PersonID{7}, Live: true, Asked: at(26)}, ""},
		"somebody's, of whom one lives and none was asked": {journal.Query{Person: identity.PersonID{9}, Name: "guest", Live: true, Asked: at(1)}, "b"},
		"an address":            {journal.Query{Address: netip.MustParseAddr("10.0.0.7")}, "b a"},
		"at a time":             {journal.Query{Address: netip.MustParseAddr("10.0.0.7"), At: at(5)}, "a"},
		"at another time":       {journal.Query{Address: netip.MustParseAddr("::ffff:10.0.0.7"), At: at(45)}, "b"},
		"between":               {journal.Query{Address: netip.MustParseAddr("10.0.0.7"), At: at(25)}, ""},
		"IPv6":                  {journal.Query{Address: netip.MustParseAddr("2001:db8::7"), At: at(15)}, "a"},
		"inside an IPv6 prefix": {journal.Query{Address: netip.MustParseAddr("2001:db8:1::beef"), At: at(15)}, "a"},
		"outside of it":         {journal.Query{Address: netip.MustParseAddr("2001:db8:2::beef"), At: at(15)}, ""},
		"nobody's address":      {journal.Query{Address: netip.MustParseAddr("10.0.0.9")}, ""},
		"a device":              {journal.Query{Device: phone}, "a"},
		"an address and device": {journal.Query{Device: phone, Address: netip.MustParseAddr("10.0.0.7")}, "a"},
		"a person":              {journal.Query{Person: identity.PersonID{7}}, "a"},
		"the newest one":        {journal.Query{Address: netip.MustParseAddr("10.0.0.7"), Most: 1}, "b"},
		"a person by name":      {journal.Query{Person: identity.PersonID{9}, Name: "guest"}, "b"},
		"a person and name":     {journal.Query{Person: identity.PersonID{7}, Name: "GUEST"}, "b a"},
		"a person's that live":  {journal.Query{Person: identity.PersonID{7}, Live: true}, ""},
		"all that live":         {journal.Query{Live: true}, "b"},
		"live at a time":        {journal.Query{Live: true, At: at(5)}, ""},
	} {
		var keys []string
		for _, x := range s.find(t, c.q) {
			keys = append(keys, x.Key)
		}
		if got := strings.Join(keys, " "); got != c.keys {
			t.Errorf("%s: %q, want %q", what, got, c.keys)
		}
	}
	one := s.find(t, journal.Query{Device: phone})[0]
	if got, err := s.db.Journal().Get(t.Context(), one.ID); err != nil || got.Key != "a" || got.Detail != one.Detail || len(got.Addresses) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.db.Journal().Get(t.Context(), journal.ID{}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a session that is none: %v", err)
	}
}

// What was written under an older key is found and continued under a newer one.
func testJournalRotation(t *testing.T, s *suite) {
	now := s.now.Add(20 * time.Minute)
	named := func(r *journal.Record) { r.Person, r.Detail.Name = identity.PersonID{}, "guest" }
	s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0, address("10.0.0.7/32"), named))
	rotated, err := s.keys.Rotated()
	check(t, err)
	s.db = s.open(t, rotated)
	s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 10, lasted(10), address("10.0.0.7/32", "10.0.0.8/32"), named), s.heard(journal.Start, "ap-2", "b", 15))
	for _, q := range []journal.Query{{Device: phone}, {Address: netip.MustParseAddr("10.0.0.7")}, {Address: netip.MustParseAddr("10.0.0.8")}, {Name: "guest"}} {
		if list := s.find(t, q); len(list) == 0 || list[len(list)-1].Key != "a" || list[len(list)-1].Ending != journal.EndMoved {
			t.Errorf("%+v: %+v", q, list)
		}
	}
}

func testJournalSealed(t *testing.T, s *suite) {
	s.record(t, s.now, s.heard(journal.Start, "ap-1", "acct-5f1", 0, address("10.77.66.55/32", "2001:db8:77::1/128"), func(r *journal.Record) {
		r.Person, r.Detail.Name, r.Detail.Station, r.Detail.Port = identity.PersonID{}, "orlovami", "02-00-00-00-00-01", "wlan7"
	}))
	disk, err := s.Bytes()
	check(t, err)
	for _, clear := range []string{"acct-5f1", "10.77.66.55", "2001:db8:77::1", "orlovami", phone, "02-00-00-00-00-01", "wlan7"} {
		if bytes.Contains(disk, []byte(clear)) {
			t.Errorf("%q stands on the disk in clear", clear)
		}
	}
	check(t, s.Exec("UPDATE sessions SET id = ?", make([]byte, 8)))
	if _, err := s.db.Journal().Find(t.Context(), journal.Query{Device: phone}); !errors.Is(err, store.ErrSealed) {
		t.Errorf("a row under another id opens: %v", err)
	}
}

func testDisconnects(t *testing.T, s *suite) {
	j := s.db.Journal()
	now := s.now.Add(5 * time.Minute)
	s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0))
	id := s.find(t, journal.Query{Live: true})[0].ID
	check(t, s.open(t, s.keys).Journal().AskDisconnect(t.Context(), []journal.ID{id}, journal.WhySuspended, now))
	if err := j.AskDisconnect(t.Context(), []journal.ID{{1}}, journal.WhySuspended, now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("no such session: %v", err)
	}
	due := func(at time.Time) []*journal.Session {
		t.Helper()
		list, err := j.DueDisconnects(t.Context(), at, 10, nil)
		check(t, err)
		return list
	}
	save := func(x *journal.Session, change func(*journal.Cut)) *journal.Session {
		t.Helper()
		change(x.Cut)
		after, err := j.SaveDisconnect(t.Context(), x, silence, now)
		check(t, err)
		return after
	}
	list := due(now)
	if len(list) != 1 || list[0].ID != id || list[0].Cut.Why != journal.WhySuspended || len(due(journal.WhySuspended.Due(now).Add(-time.Second))) != 0 {
		t.Fatalf("%+v", list)
	}
	old := *list[0].Cut
	save(list[0], func(c *journal.Cut) { c.Tries, c.At, c.Due = 1, now, now.Add(time.Minute) })
	if len(due(now)) != 0 || len(due(now.Add(time.Minute))) != 1 {
		t.Error("the next try has no moment of its own")
	}
	// Asked anew meanwhile: the older answer does not count.
	now = now.Add(time.Second)
	check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhyAdministrator, now))
	list[0].Cut = &old
	if after := save(list[0], func(c *journal.Cut) { c.State, c.At, c.Tries = journal.CutDone, now, 1 }); !after.Live() || after.Cut.State != journal.CutWaiting {
		t.Errorf("an answer to an older request: %+v", after)
	}
	after := save(due(now)[0], func(c *journal.Cut) { c.State, c.At, c.Tries, c.Cause = journal.CutRefused, now, 1, 501 })
	if !after.Live() || after.Cut.State != journal.CutRefused || after.Cut.Cause != 501 || len(due(now.Add(time.Hour))) != 0 {
		t.Errorf("refused: %+v", after)
	}
	for _, cause := range []uint32{503, 0} {
		now = now.Add(time.Second)
		check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhyAdministrator, now))
		state := journal.CutDone
		if cause != 0 {
			state = journal.CutRefused
		}
		after = save(due(now)[0], func(c *journal.Cut) { c.State, c.At, c.Tries, c.Cause = state, now, 1, cause })
		if after.Ending != journal.EndCut || !after.Ended.Equal(now) || len(s.find(t, journal.Query{Live: true})) != 0 {
			t.Errorf("cause %d: %+v", cause, after)
		}
	}
	// A sign of life after it, and in the end the Stop, are what counts.
	s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 10, lasted(10)))
	if got := s.find(t, journal.Query{Live: true}); len(got) != 1 || got[0].Cut == nil {
		t.Errorf("%+v", got)
	}
	s.record(t, now, s.heard(journal.Stop, "ap-1", "a", 11, lasted(11)))
	if got := s.find(t, journal.Query{Device: phone})[0]; got.Ending != journal.EndTold {
		t.Errorf("%+v", got)
	}
	lines, err := s.db.Audit().Recent(t.Context(), identity.PersonID{7}, 20, "disconnect", "disconnect_answer")
	if err != nil || len(lines) != 7 {
		t.Errorf("%d lines in the trail, %v", len(lines), err)
	}
}
