package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
)

var tallyTests = []test{
	{"TallyOfManyDaemons", testTallyOfManyDaemons},
	{"TallyOldPhone", testTallyOldPhone},
	{"TallyAfterAChange", testTallyAfterAChange},
	{"TallyNobody", testTallyNobody},
	{"TallyPlaces", testTallyPlaces},
	{"TallyClocks", testTallyClocks},
	{"TallyStoreFails", testTallyStoreFails},
	{"TallyHangs", testTallyHangs},
	{"TallyRows", testTallyRows},
	{"TagKeys", testTagKeys},
	{"TallyHold", testTallyHold},
	{"TallyAlone", testTallyAlone},
}

const (
	tallyRight = identity.Password("Snegir-2021")
	tallyOld   = identity.Password("Snegir-2020")
	// As the authenticator's defaults are: a login's share, and what of it strangers have.
	tallyWindow            = 10 * time.Minute
	tallyAll, tallyForeign = 4, 3
)

// testTallyOfManyDaemons: guessers at several daemons at once show mos.ru no more than
// they could at one, whatever they draw, and take nothing from whoever has a device
// that is known.
func testTallyOfManyDaemons(t *testing.T, s *suite) {
	f := newFleet(t, s, 3)
	const people = 4
	login := func(i int) string { return fmt.Sprint("p", i) }
	for i := range people { // each daemon knows the laptop
		for _, d := range f.daemons {
			wantVerdict(t, d.sign(login(i), tallyRight, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for window := range 3 {
		var guessers sync.WaitGroup
		for n := range 24 {
			draw := rand.New(rand.NewPCG(seed, uint64(window*100+n)))
			guessers.Go(func() {
				for range 12 {
					guess := identity.Password(fmt.Sprint("guess-", draw.IntN(40)))
					d := f.daemons[draw.IntN(len(f.daemons))]
					if v := d.sign(login(draw.IntN(people)), guess, fmt.Sprint(draw.IntN(60))); v.Outcome == identity.Accepted {
						t.Errorf("accepted: %v", v)
					}
				}
			})
		}
		guessers.Wait()
		f.settled()
		for i := range people {
			if worst := f.worst(login(i)); worst > tallyForeign {
				t.Errorf("window %d, %s: mos.ru refused %d times", window, login(i), worst)
			}
		}
		f.pass(11 * time.Minute)
	}
	for i := range people {
		if f.total(login(i)) < 2*tallyForeign {
			t.Errorf("%s: mos.ru was asked %d times only in three windows", login(i), f.total(login(i)))
		}
	}
}

// testTallyOldPhone: a phone with an old password asks at both daemons every minute,
// day and night: mos.ru hears of it as often as from one daemon.
func testTallyOldPhone(t *testing.T, s *suite) {
	f := newFleet(t, s, 2)
	for minute := range 160 {
		for _, d := range f.daemons {
			before := f.total("p1")
			if v := d.sign("p1", tallyOld, "phone"); v.Outcome == identity.Accepted || v.Outcome == identity.Unavailable {
				t.Fatalf("minute %d: %v %v", minute, v.Outcome, v.Reason)
			}
			if f.total("p1") != before {
				f.settled()
			}
		}
		f.pass(time.Minute)
	}
	if n := f.total("p1"); n != 4 { // at once, after 5 and 30 minutes, and 2 hours
		t.Errorf("mos.ru was asked %d times", n)
	}
	wantVerdict(t, f.daemons[1].sign("p1", tallyRight, "laptop"), identity.Accepted, identity.ReasonConfirmed)
}

// testTallyAfterAChange: the new password, typed before mos.ru knew it, is refused by
// both daemons for a while and no longer; an event, which raises the epoch, ends that at
// once at both, and so does a success that shows that the password was changed.
func testTallyAfterAChange(t *testing.T, s *suite) {
	const fresh = identity.Password("Sinitsa-2022")
	f := newFleet(t, s, 2)
	one, two := f.daemons[0], f.daemons[1]
	wantVerdict(t, one.sign("p1", tallyRight, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	wantVerdict(t, one.sign("p1", fresh, "phone"), identity.Rejected, identity.ReasonWrongPassword)
	f.settled()
	wantVerdict(t, two.sign("p1", fresh, "phone"), identity.Rejected, identity.ReasonKnownBad)
	f.mu.Lock()
	f.right = fresh
	f.mu.Unlock()
	wantVerdict(t, two.sign("p1", fresh, "phone"), identity.Rejected, identity.ReasonKnownBad)
	f.pass(5*time.Minute + time.Second)
	wantVerdict(t, two.sign("p1", fresh, "phone"), identity.Accepted, identity.ReasonConfirmed)
	f.settled()
	wantVerdict(t, one.sign("p1", fresh, "phone"), identity.Accepted, identity.ReasonConfirmed)

	wantVerdict(t, one.sign("p2", tallyRight, "phone"), identity.Rejected, identity.ReasonWrongPassword)
	f.settled()
	f.mu.Lock()
	f.right, f.epoch = tallyRight, 2
	f.mu.Unlock()
	wantVerdict(t, two.sign("p2", tallyRight, "phone"), identity.Accepted, identity.ReasonConfirmed)
}

// testTallyNobody: of a name that nobody has the daemons say what they say of a wrong
// password, try after try, wherever it is tried.
func testTallyNobody(t *testing.T, s *suite) {
	f := newFleet(t, s, 3)
	tries := func(name string) (said []identity.Outcome) {
		for i := range 9 {
			v := f.daemons[i%3].sign(name, identity.Password(fmt.Sprint("guess", i/2)), fmt.Sprint(i))
			said = append(said, v.Outcome)
			f.settled()
		}
		return said
	}
	real, nobody := tries("p1"), tries("nobody")
	if !slices.Equal(real, nobody) {
		t.Errorf("of somebody %v, of nobody %v", real, nobody)
	}
	if n := f.total("p1"); n != tallyForeign {
		t.Errorf("mos.ru refused %d", n)
	}
	// A name of nobody is as busy at a daemon that was not asked yet.
	d := f.join(patient)
	wantVerdict(t, d.sign("nobody", "another", "x"), identity.Unavailable, identity.ReasonUnknown)
	wantVerdict(t, d.sign("p1", "another", "x"), identity.Unavailable, identity.ReasonThrottled)
}

// testTallyPlaces: a place that nobody gave back, because its daemon was killed, is
// there again when the window is over; meanwhile it counts.
func testTallyPlaces(t *testing.T, s *suite) {
	f := newFleet(t, s, 2)
	q := auth.Ask{Login: identity.PersonID{'1'}, Epoch: 1, Share: tallyForeign, Window: tallyWindow, At: s.now}
	for range tallyForeign {
		got, err := s.db.Tally().Book(t.Context(), []auth.Ask{q}, nil)
		check(t, err)
		if got[0].Place == ([16]byte{}) || got[0].Reason != "" {
			t.Fatalf("no place: %+v", got)
		}
	}
	for _, d := range f.daemons {
		wantVerdict(t, d.sign("p1", tallyOld, "a"), identity.Unavailable, identity.ReasonThrottled)
	}
	f.pass(tallyWindow + time.Second)
	wantVerdict(t, f.daemons[0].sign("p1", tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
	// What gives no answer costs nothing.
	f.breaks(identity.ErrUnreachable)
	for i := range 5 {
		_ = f.daemons[i%2].sign("p2", identity.Password(fmt.Sprint("guess", i)), "a")
	}
	f.breaks(nil)
	for range 500 {
		if n, err := s.Count("SELECT COUNT(*) FROM refusals"); err == nil && n <= tallyForeign {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	wantVerdict(t, f.daemons[1].sign("p2", tallyOld, "b"), identity.Rejected, identity.ReasonWrongPassword)
}

// testTallyClocks: a daemon whose clock goes wrong neither shuts anybody out for longer
// than a window of its own, nor opens more than one window more.
func testTallyClocks(t *testing.T, s *suite) {
	f := newFleet(t, s, 2)
	one, two := f.daemons[0], f.daemons[1]
	two.ahead.Store(int64(24 * time.Hour))
	for i := range 6 {
		_ = two.sign("p1", identity.Password(fmt.Sprint("guess", i)), fmt.Sprint(i))
	}
	f.settled()
	wantVerdict(t, one.sign("p1", tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
	for i := range 6 {
		_ = one.sign("p1", identity.Password(fmt.Sprint("other", i)), fmt.Sprint(i))
	}
	f.settled()
	two.ahead.Store(0) // set right
	for i := range 6 {
		_ = two.sign("p1", identity.Password(fmt.Sprint("third", i)), fmt.Sprint(i))
	}
	f.settled()
	if n := f.total("p1"); n > 2*tallyForeign {
		t.Errorf("mos.ru refused %d times", n)
	}
	// A few minutes of difference cost nothing but those minutes.
	two.ahead.Store(int64(-3 * time.Minute))
	f.pass(tallyWindow + 4*time.Minute)
	for i := range 12 {
		_ = f.daemons[i%2].sign("p2", identity.Password(fmt.Sprint("guess", i)), fmt.Sprint(i))
		f.settled()
	}
	if n := f.total("p2"); n != tallyForeign {
		t.Errorf("with clocks that differ: %d times", n)
	}
	check(t, s.db.Tally().Prune(t.Context(), f.now.Add(-10*24*time.Hour))) // whose rows are all from far ahead
	if n, err := s.Count("SELECT COUNT(*) FROM refusals"); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// testTallyStoreFails: while the store fails now and then, or for one daemon, each
// daemon counts by itself, nobody waits, right passwords are right, and what a daemon
// was refused meanwhile is counted for all once the store is there.
func testTallyStoreFails(t *testing.T, s *suite) {
	f := newFleet(t, s, 2)
	one, two := f.daemons[0], f.daemons[1]
	two.down.Store(true)
	for i := range 6 {
		_ = two.sign("p1", identity.Password(fmt.Sprint("guess", i)), fmt.Sprint(i))
	}
	if n := f.total("p1"); n != tallyForeign {
		t.Errorf("alone: %d", n)
	}
	wantVerdict(t, two.sign("p2", tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
	two.down.Store(false)
	f.pass(6 * time.Second)
	wantVerdict(t, two.sign("p3", tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
	f.settled()
	wantVerdict(t, one.sign("p1", "guess9", "b"), identity.Unavailable, identity.ReasonThrottled)

	f.failures.Store(3)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				_ = f.daemons[j%2].sign("p4", identity.Password(fmt.Sprint("guess", i, j)), fmt.Sprint(i))
				if j%5 == 0 {
					f.pass(time.Second)
				}
			}
		})
	}
	all.Wait()
	f.failures.Store(0)
	if n := f.total("p4"); n > 2*tallyForeign {
		t.Errorf("while the store failed: %d", n)
	}
}

// slowTally answers nobody before the time that one is willing to wait is over.
type slowTally struct{}

func (slowTally) Look(ctx context.Context, _ auth.Ask) (auth.Counted, error) {
	<-ctx.Done()
	return auth.Counted{}, ctx.Err()
}

func (slowTally) Book(ctx context.Context, _ []auth.Ask, _ []auth.Ended) ([]auth.Counted, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// testTallyHangs: a store that does not answer holds up one sign-in for a second,
// and the next ones not at all.
func testTallyHangs(t *testing.T, s *suite) {
	f := newFleet(t, s, 0)
	d := f.join(0) // as long as it is by default
	d.tally = slowTally{}
	began := time.Now()
	for i := range 20 {
		wantVerdict(t, d.sign(fmt.Sprint("p", i%9), tallyRight, fmt.Sprint(i)), identity.Accepted, map[bool]identity.Reason{true: identity.ReasonConfirmed, false: identity.ReasonRecent}[i < 9])
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// testTallyRows: names that nobody has take as many rows as there are places for them,
// the newest; what is over goes; and no login is in the table.
func testTallyRows(t *testing.T, s *suite) {
	book := func(nobody bool, n byte, at time.Time) {
		t.Helper()
		q := auth.Ask{Login: identity.PersonID{'L', 'O', 'G', 'I', 'N', n}, Nobody: nobody, Epoch: 1, Share: tallyAll, Window: tallyWindow, At: at,
			Marks: auth.Marks{Day: uint32(at.Unix() / 86400), Today: 1<<63 + uint64(n)}}
		got, err := s.db.Tally().Book(t.Context(), []auth.Ask{q}, nil)
		check(t, err)
		_, err = s.db.Tally().Book(t.Context(), nil, []auth.Ended{{Ask: q, Place: got[0].Place, Refused: true,
			Tag: auth.Tag{Day: q.Marks.Day, Mark: q.Marks.Today, Next: at.Add(5 * time.Minute)}}})
		check(t, err)
		if found, err := s.db.Tally().Look(t.Context(), q); err != nil || found.Reason != identity.ReasonKnownBad || len(found.Failures) != 1 {
			t.Errorf("%v %d: %+v, %v", nobody, n, found, err)
		}
	}
	count := func(want int) {
		t.Helper()
		if n, err := s.Count("SELECT COUNT(*) FROM refusals"); err != nil || n != want {
			t.Errorf("%d rows, want %d, %v", n, want, err)
		}
	}
	for n := range byte(5) {
		book(true, n, s.now)
		book(false, n, s.now)
	}
	count(10)
	check(t, s.Exec("UPDATE counters SET value = 65536 WHERE name = 'refusals_nobody'")) // once around
	for n := range byte(4) {
		book(true, n+10, s.now)
	}
	count(10)
	all, err := s.Bytes()
	check(t, err)
	if bytes.Contains(all, []byte("LOGIN")) {
		t.Error("a login can be read in the store's files")
	}
	check(t, s.db.Tally().Prune(t.Context(), s.now.Add(24*time.Hour)))
	count(10) // their tags' key lives
	check(t, s.db.Tally().Prune(t.Context(), s.now.Add(48*time.Hour)))
	count(0)
	// One login guessed at for two days leaves no more than its tags.
	for i := range 40 {
		book(false, 0, s.now.Add(time.Duration(i)*time.Hour))
		check(t, s.Exec(fmt.Sprint("UPDATE refusals SET mark = ", i, " WHERE mark < 0")))
	}
	if n, err := s.Count("SELECT COUNT(*) FROM refusals"); err != nil || n > 16+tallyAll {
		t.Errorf("%d rows of one login, %v", n, err)
	}
}

// testTagKeys: all daemons have the same keys; those of days that are over are
// destroyed, and a clock that was wrong leaves none.
func testTagKeys(t *testing.T, s *suite) {
	keys := func(at time.Duration) map[uint32][32]byte {
		t.Helper()
		list, err := s.db.Tally().TagKeys(t.Context(), s.now.Add(at))
		check(t, err)
		return list
	}
	var group sync.WaitGroup
	seen := make([]string, 8)
	for i := range seen {
		db := s.open(t, s.keys)
		group.Go(func() {
			list, err := db.Tally().TagKeys(t.Context(), s.now)
			seen[i] = fmt.Sprint(list, err)
		})
	}
	group.Wait()
	first := keys(0)
	today := uint32(s.now.Unix() / 86400)
	if len(first) != 3 || len(slices.Compact(seen)) != 1 || seen[0] != fmt.Sprint(first, error(nil)) || first[today] == first[today+1] {
		t.Fatalf("not the same keys for all: %v", seen)
	}
	next := keys(24 * time.Hour)
	if len(next) != 3 || next[today] != first[today] || next[today+1] != first[today+1] || next[today+2] == [32]byte{} {
		t.Errorf("the day after: %v, before %v", next, first)
	}
	_ = keys(1000 * 24 * time.Hour)
	_ = keys(24 * time.Hour)
	if n, err := s.Count("SELECT COUNT(*) FROM tag_keys"); err != nil || n != 3 {
		t.Errorf("%d keys, %v", n, err)
	}
}
