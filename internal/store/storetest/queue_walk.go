package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// walker is three people and a directory that was there before, between curators who
// answer, take back and answer anew, in any order and two at once.
type walker struct {
	*suite
	t       *testing.T
	random  *rand.Rand
	people  []person.Profile
	doubts  []duplicates.Proposal
	walk    int
	run     int
	mu      sync.Mutex
	objects []provision.Object // of the directory
}

const (
	walks     = 10
	walkSteps = 20
)

// testQueueOneAccount holds random walks to what a queue is for: one person one
// object, one object one person, and no question without an effect.
func testQueueOneAccount(t *testing.T, s *suite) {
	w := &walker{suite: s, t: t, random: rand.New(rand.NewPCG(6, 2026))}
	for walk := range walks {
		w.begin(walk)
		for step := range walkSteps {
			ops := []func() error{w.op()}
			if w.random.IntN(2) == 0 {
				ops = append(ops, w.op())
			}
			results := make([]error, len(ops))
			var all sync.WaitGroup
			for i, op := range ops {
				all.Go(func() { results[i] = op() })
			}
			all.Wait()
			check(t, errors.Join(results...))
			if w.hold(walk*walkSteps + step); t.Failed() {
				t.FailNow()
			}
			if w.random.IntN(3) == 0 {
				s.now = s.now.Add(time.Minute)
			}
		}
	}
}

// begin brings new people and their directory; those before have left it.
func (w *walker) begin(walk int) {
	w.people, w.objects, w.doubts, w.walk = nil, nil, nil, walk
	end := string(rune('a' + walk))
	for n, last := range []string{"Ветрова", "Луговая", "Озёрова"} {
		p := person.Profile{Subject: identity.Subject(fmt.Sprintf("s%d%s", n, end)), Login: []string{"vetrova", "lugovaya", "ozerova"}[n] + end, Last: last + end, First: "Анна", Middle: "Ивановна",
			SNILS: fmt.Sprintf("00100%04d00", walk*10+n+1), SNILSConfirmed: true}
		w.people = append(w.people, p)
		put(w.t, w.db, person.Employment{ID: w.record(n).ID, FIO: p.Last + " Анна Ивановна", SNILS: p.SNILS, School: "49", Start: date(w.t, "2015-09-01"), EZHDLogin: "ezhd" + p.Login})
	}
	for n, name := range []string{"vetrova", "lugovaya", "ozerova", "ezhdvetrova", "seventeen"} {
		w.objects = append(w.objects, w.object(name+end))
		p := proposal(0, name+end, "", false)
		p.Object, p.Candidates = w.objects[n].ID, nil
		for _, who := range [][]int{{0}, {1, 2}, {2}, {0}, {0, 1}}[n] {
			p.Candidates = append(p.Candidates, duplicates.Candidate{Records: []person.RecordRef{w.record(who)}})
		}
		w.doubts = append(w.doubts, p)
	}
}

func (w *walker) record(n int) person.RecordRef { return employment(fmt.Sprintf("k%d-%d", n, w.walk)) }

func (w *walker) object(name string) provision.Object {
	return provision.Object{ID: [16]byte{byte(w.walk + 1), byte(len(w.objects) + 1)}, Name: name, UPN: name + "@obr.example"}
}

// FindNames implements provision.Finder.
func (w *walker) FindNames(_ context.Context, names []string) (found []provision.Object, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.objects {
		if slices.ContainsFunc(names, o.Has) {
			found = append(found, o)
		}
	}
	return found, nil
}

// op draws what somebody does next.
func (w *walker) op() func() error {
	r, now, ctx := w.random, w.now, w.t.Context()
	n := r.IntN(len(w.people))
	doubt := w.doubts[r.IntN(len(w.doubts))]
	at := r.IntN(100)
	switch r.IntN(14) {
	case 0, 1:
		return func() error { return w.activates(n, now) }
	case 2:
		return func() error { return w.works(n, now) }
	case 3:
		return func() error { return w.reads(now) }
	case 4:
		return func() error { return w.takesBack(at, now) }
	case 5:
		w.run++
		a := store.Approved{Proposal: doubt, Candidate: at % len(doubt.Candidates), Further: at < 10}
		run := fmt.Sprintf("r%d-%v", w.run, a.Further)
		return func() error {
			return w.db.Queue().Claim(ctx, "ad", run, "", []store.Approved{a}, now, func(store.Approved, error) error { return nil })
		}
	}
	d := queue.Decision{Target: "ad", Name: fmt.Sprintf("name.%c%c%c", 'a'+rune(w.walk), 'a'+rune(r.IntN(26)), 'a'+rune(r.IntN(26))), Object: w.objects[r.IntN(5)]}
	if r.IntN(4) == 0 {
		d.Verb = []queue.Verb{queue.Adopt, queue.Further, queue.Allocate, queue.Refuse, queue.Bind}[r.IntN(5)]
	}
	return func() error { return w.answers(d, at, now) }
}

// answers gives an answer, that of d or a fitting one, to a question, open or not.
func (w *walker) answers(d queue.Decision, at int, now time.Time) error {
	items, err := w.items(w.t, "", at%4 == 0)
	items = slices.DeleteFunc(items, func(i queue.Item) bool {
		return !strings.HasSuffix(string(i.Rows[0].Record.ID), fmt.Sprintf("-%d", w.walk))
	})
	if wait := slices.DeleteFunc(slices.Clone(items), func(i queue.Item) bool { return i.Kind == queue.Account }); at%2 == 0 && len(wait) > 0 {
		items = wait // of those there are few
	}
	if err != nil || len(items) == 0 {
		return err
	}
	item := items[at%len(items)]
	if d.Item = item.ID; d.Verb == "" {
		d.Verb = item.Verbs()[at%len(item.Verbs())]
	}
	if item.Kind == queue.Account || d.Verb == queue.Bind {
		d.Records = []person.RecordRef{item.Rows[at%len(item.Rows)].Record}
	}
	if d.Verb == queue.Allocate {
		found, _ := w.FindNames(w.t.Context(), []string{item.Name, "ezhd" + item.Name})
		for _, o := range found {
			d.Passed = append(d.Passed, o.ID)
		}
	}
	_, err = w.db.Queue().Decide(w.t.Context(), d, now)
	return w.known(err)
}

func (w *walker) takesBack(at int, now time.Time) error {
	list, err := w.db.Queue().Decisions(w.t.Context(), true, 1000)
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = w.db.Queue().Undo(w.t.Context(), list[at%len(list)].ID, nil, now)
	return w.known(err)
}

// known takes away what an answer may meet.
func (w *walker) known(err error) error {
	for _, may := range []error{queue.ErrNoItem, queue.ErrMoved, queue.ErrUnfit, queue.ErrTaken, queue.ErrDecided, queue.ErrUsed, queue.ErrUndone, queue.ErrOther, queue.ErrAllotted, queue.ErrClaimed} {
		if errors.Is(err, may) {
			return nil
		}
	}
	return err
}

// activates lets somebody sign in on the page.
func (w *walker) activates(n int, now time.Time) error {
	a := provision.NewActivator(w.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: w, Tries: w.db.Accounts()})
	_, err := a.Activate(w.t.Context(), provision.Request{Profile: w.people[n], Asked: now}, now)
	return err
}

// works is a worker's pass over somebody's account.
func (w *walker) works(n int, now time.Time) error {
	e, err := w.db.Accounts().Evidence(w.t.Context(), w.people[n])
	if err != nil || len(e.Accounts) == 0 || e.Accounts[0].Object != [16]byte{} {
		return err
	}
	holder, err := w.db.Accounts().BySubject(w.t.Context(), w.people[n].Subject)
	if err != nil {
		return err
	}
	job, err := w.db.Targets().Job(w.t.Context(), "ad", holder.Person, now)
	if err != nil {
		return err
	}
	pass := provision.Pass{Observed: provision.Observed{At: now}}
	if found, _ := w.FindNames(w.t.Context(), []string{job.Row.Name}); len(found) > 0 {
		pass.Observed.Problems = []match.Problem{{Code: match.ADUnowned}}
	} else {
		w.mu.Lock()
		o := w.object(job.Row.Name)
		w.objects = append(w.objects, o)
		w.mu.Unlock()
		pass.Object = o.ID[:]
	}
	err = w.db.Targets().Save(w.t.Context(), "ad", holder.Person, job.Row.Revision, pass, 0, now.Add(time.Hour))
	if errors.Is(err, identity.ErrConflict) {
		return nil
	}
	return err
}

// reads brings the queue up to date, as claim apply does.
func (w *walker) reads(now time.Time) error {
	refused, err := w.db.Queue().Refused(w.t.Context())
	if err != nil {
		return err
	}
	var list []duplicates.Proposal
	for _, p := range w.doubts {
		owners, err := w.db.Accounts().Owners(w.t.Context(), "ad", [][16]byte{p.Object})
		if err != nil {
			return err
		}
		if _, owned := owners[p.Object]; !owned && !refused[p.Seen] {
			list = append(list, p)
		}
	}
	return w.db.Queue().Doubts(w.t.Context(), "ad", list, now)
}
