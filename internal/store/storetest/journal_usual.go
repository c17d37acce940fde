package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
)

// A day as it is told in fact: records come about when they were made, some late,
// some twice, in transactions of any size, with a sweep in between. Whatever is
// known of a session then that need not be looked for, it ends as it would in
// transactions of one record.
func testJournalClock(t *testing.T, s *suite) {
	for range 2 {
		told := s.day()
		var cuts [][]journal.Record
		for rest := told; len(rest) > 0; {
			n := min(1+rand.IntN(9), len(rest))
			cuts, rest = append(cuts, rest[:n]), rest[n:]
		}
		var stories []string
		for _, alone := range []bool{true, false} {
			for _, batch := range cuts {
				last := slices.MaxFunc(batch, func(a, b journal.Record) int { return a.At.Compare(b.At) }).At
				now := last.Add(time.Second)
				size := len(batch)
				if alone {
					size = 1
				}
				for some := range slices.Chunk(batch, size) {
					for _, x := range s.record(t, now, some...) {
						if in, err := s.db.Journal().Get(t.Context(), x.ID); err != nil || fmt.Sprintf("%+v", in) != fmt.Sprintf("%+v", x) {
							t.Fatalf("told is %+v, stored %+v, %v", x, in, err)
						}
					}
				}
				_, err := s.db.Journal().Sweep(t.Context(), silence, now, 100)
				check(t, err)
			}
			evening := s.now.Add(48 * time.Hour)
			_, err := s.db.Journal().Sweep(t.Context(), silence, evening, 100)
			check(t, err)
			stories = append(stories, s.story(t, s.db))
			_, err = s.db.Journal().Prune(t.Context(), evening.AddDate(0, 0, 1), 100)
			check(t, err)
		}
		if stories[0] != stories[1] || stories[0] == "" {
			var how []string
			for _, r := range told {
				how = append(how, fmt.Sprintf("%d %s %s@%v/%v", r.Status, r.Unit, r.Key, r.At.Sub(s.now), r.Duration))
			}
			t.Fatalf("told %v\nas they come\n%s\ntogether\n%s", how, stories[0], stories[1])
		}
	}
}

// day makes records of one device that goes about between two access points.
func (s *suite) day() (told []journal.Record) {
	type arrival struct {
		journal.Record
		minute int
	}
	var all []arrival
	for range 36 {
		minute := rand.IntN(300)
		unit := fmt.Sprint("ap-", rand.IntN(2))
		r := s.heard(journal.Status(1+rand.IntN(3)), unit, fmt.Sprint(rand.IntN(8)), minute)
		switch {
		case rand.IntN(15) == 0:
			r = s.heard(journal.On, unit, "", minute)
		case r.Status != journal.Start:
			r.Duration = time.Duration(rand.IntN(60)) * time.Minute
			address(fmt.Sprintf("10.0.0.%d/32", rand.IntN(4)))(&r)
		}
		late := 0
		if rand.IntN(4) == 0 {
			late = rand.IntN(90)
		}
		for range 1 + rand.IntN(6)/5 {
			all = append(all, arrival{r, minute + late})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return a.minute - b.minute })
	for _, a := range all {
		told = append(told, a.Record)
	}
	return told
}

// Records of more sessions than one statement looks for, under more than one key,
// and of a device that uses one session id again and again.
func testJournalCrowd(t *testing.T, s *suite) {
	const many = 200
	rotated, err := s.keys.Rotated()
	check(t, err)
	device := func(i int) func(*journal.Record) {
		return func(r *journal.Record) { r.Detail.Device = fmt.Sprintf("02:00:00:00:01:%02x", i) }
	}
	both := func(status journal.Status, minute int, more ...func(*journal.Record)) (records []journal.Record) {
		for i := range many {
			records = append(records, s.heard(status, "wlc", fmt.Sprint(i), minute, append(more, device(i))...))
		}
		return records
	}
	s.record(t, s.now, both(journal.Start, 0)...)
	var again []journal.Record
	for i := range 70 { // one after the other, under one id
		again = append(again, s.heard(journal.Start, "wlc", "again", i*5, device(many)), s.heard(journal.Stop, "wlc", "again", i*5+1, lasted(1), device(many)))
	}
	s.record(t, s.now.Add(6*time.Hour), again...)
	s.db = s.open(t, rotated)
	records := append(both(journal.Interim, 10, lasted(10), address("10.0.0.7/32")), s.heard(journal.Stop, "wlc", "again", 346, lasted(1), device(many)))
	if changed := s.record(t, s.now.Add(11*time.Minute), records...); len(changed) != many {
		t.Errorf("%d sessions changed", len(changed))
	}
	changed := s.record(t, s.now.Add(21*time.Minute), append(both(journal.Stop, 20, lasted(20)), both(journal.Start, 21, func(r *journal.Record) { r.Unit = "other" })...)...)
	if len(changed) != 2*many {
		t.Errorf("%d sessions changed", len(changed))
	}
	for _, x := range changed {
		if x.Live() != (x.Unit == "other") || x.Unit == "wlc" && (x.Ending != journal.EndTold || len(x.Addresses) != 1) {
			t.Fatalf("%+v", x)
		}
	}
	if n, err := s.Count("SELECT COUNT(*) FROM sessions"); n != 2*many+70 || err != nil {
		t.Errorf("%d sessions, %v", n, err)
	}
}

// Who is on record with a device of a sign-in's: those that live first, then the
// newest, and nobody whom nothing proves.
func testJournalDevices(t *testing.T, s *suite) {
	const many = 1200 // more than are read at once
	given := func(person byte, key string) func(*journal.Record) {
		return func(r *journal.Record) {
			r.Person, r.Given.At, r.Detail.Device = identity.PersonID{person}, r.At, "device "+key
		}
	}
	old := s.now.Add(-100 * 24 * time.Hour)
	var records []journal.Record
	for i := range many {
		records = append(records, s.heard(journal.Stop, "ap-1", fmt.Sprint(i), i, given(1, fmt.Sprint(i))))
	}
	records = append(records,
		s.heard(journal.Start, "ap-2", "live", 1, given(2, "live")),
		s.heard(journal.Stop, "ap-2", "old", 0, given(2, "old"), func(r *journal.Record) { r.At = old }),
		s.heard(journal.Stop, "ap-2", "unproven", 5000, given(2, "a"), func(r *journal.Record) { r.Person = identity.PersonID{} }),
		s.heard(journal.Stop, "ap-2", "another's", 5001, given(2, "b"), func(r *journal.Record) { r.Given = identity.Given{} }),
		s.heard(journal.Stop, "ap-2", "by certificate", 5003, given(2, "d"), func(r *journal.Record) { r.Basis = &identity.Basis{Authority: "people"} }),
		s.heard(journal.Stop, "ap-2", "no device", 5002, given(2, "c"), func(r *journal.Record) { r.Detail.Device = "" }),
	)
	s.record(t, s.now.Add(time.Hour), records...)
	read := func(most int) (keys []string) {
		check(t, s.db.Journal().Devices(t.Context(), old.Add(time.Hour), func(x *journal.Session) bool {
			if !slices.Contains(keys, x.Key) {
				keys = append(keys, x.Key)
			}
			return len(keys) < most
		}))
		return keys
	}
	want := []string{"live"}
	for i := range many {
		want = append(want, fmt.Sprint(many-1-i))
	}
	if got := read(many * 2); !slices.Equal(got, want) {
		t.Errorf("%d: %.100q …", len(got), got)
	}
	if got := read(3); !slices.Equal(got, want[:3]) {
		t.Errorf("three: %q", got)
	}
}

// None is left out where more than are read at once have one time: those that live,
// after an update of the schema; those that ended with their controller.
func testJournalDevicesOfOneTime(t *testing.T, s *suite) {
	const many = 1200
	proven := func(i int) func(*journal.Record) {
		return func(r *journal.Record) {
			r.Person, r.Given.At, r.Detail.Device = identity.PersonID{1}, r.At, fmt.Sprint("device ", i)
		}
	}
	var live, ended []journal.Record
	for i := range many {
		live = append(live, s.heard(journal.Start, "ap-1", fmt.Sprint("live", i), i%60, proven(i)))
		ended = append(ended, s.heard(journal.Start, "ap-2", fmt.Sprint("ended", i), i%60, proven(i)))
	}
	s.record(t, s.now.Add(time.Hour), live...)
	s.record(t, s.now.Add(time.Hour), ended...)
	s.record(t, s.now.Add(time.Hour), s.heard(journal.On, "ap-2", "", 61))
	sweep := func(times int) {
		for range times {
			_, err := s.db.Journal().Sweep(t.Context(), silence, s.now.Add(62*time.Minute), 50)
			check(t, err)
		}
	}
	sweep(40)
	if n, err := s.Count("SELECT COUNT(DISTINCT ended) FROM sessions WHERE ended > 0"); n != 1 || err != nil {
		t.Fatalf("%d times of ending, %v", n, err)
	}
	check(t, s.Exec("UPDATE sessions SET due = 0 WHERE ended = 0"))
	for _, sweeps := range []int{0, 1, 20} { // none has a time, some, all
		sweep(sweeps)
		keys := map[string]bool{}
		check(t, s.db.Journal().Devices(t.Context(), s.now, func(x *journal.Session) bool {
			keys[x.Key] = true
			return true
		}))
		if len(keys) != 2*many {
			t.Errorf("after %d sweeps: %d of %d", sweeps, len(keys), 2*many)
		}
	}
}
