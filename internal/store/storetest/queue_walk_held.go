package storetest

import (
	"slices"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/provision/queue"
)

// walked is what is whose after a step.
type walked struct {
	own      map[int][16]byte   // by the row
	claimed  map[int][][16]byte // by claims
	allotted map[int]queue.Decision
	further  map[int]int // answers by which somebody may have one more
	given    map[int]queue.Decision
}

// hold looks at everything after a step.
func (w *walker) hold(step int) {
	w.t.Helper()
	h := walked{map[int][16]byte{}, map[int][][16]byte{}, map[int]queue.Decision{}, map[int]int{}, map[int]queue.Decision{}}
	ids := make([][16]byte, 0, len(w.objects))
	for _, o := range w.objects {
		ids = append(ids, o.ID)
	}
	owners, err := w.db.Accounts().Owners(w.t.Context(), "ad", ids)
	check(w.t, err)
	for id, owner := range owners {
		whose := map[int]bool{}
		for n := range w.people {
			if owner.Subject == w.people[n].Subject {
				whose[n], h.own[n] = true, id
			}
			if slices.Contains(owner.Records, w.record(n)) {
				whose[n], h.claimed[n] = true, append(h.claimed[n], id)
			}
		}
		if len(whose) != 1 {
			w.t.Errorf("step %d: object %x belongs to %v", step, id[:2], whose)
		}
	}
	list, err := w.db.Queue().Decisions(w.t.Context(), false, 1000)
	check(w.t, err)
	for _, d := range list {
		w.notes(&h, d)
	}
	for n := range w.people {
		w.holdPerson(step, n, &h)
	}
	w.holdQuestions(step, &h)
}

func (w *walker) notes(h *walked, d queue.Decision) {
	for n, p := range w.people {
		mine := slices.Contains(d.Records, w.record(n))
		switch {
		case d.Verb == queue.Allocate && d.Subject == p.Subject:
			h.allotted[n] = d
		case mine && (d.Verb == queue.Further || d.Verb == queue.Claim && strings.HasSuffix(d.Run, "-true")):
			h.further[n]++
		case mine && d.Verb.Claims():
			h.given[n] = d
		}
	}
}

// holdPerson: a person has one object, and more only where somebody said so; a name
// that is to be an account's stands beside no claim.
func (w *walker) holdPerson(step, n int, h *walked) {
	own, has := h.own[n]
	all := len(h.claimed[n])
	if has && !slices.Contains(h.claimed[n], own) {
		all++
	}
	if all > 1+h.further[n] {
		w.t.Errorf("step %d: person %d has %d objects, and %d answers for a further one", step, n, all, h.further[n])
	}
	e := w.evidence(w.t, w.people[n])
	if e.Allotted.Decision != "" && len(e.Accounts) == 0 && len(h.claimed[n]) > 0 {
		w.t.Errorf("step %d: person %d is given a name and an object", step, n)
	}
	if len(e.Accounts) > 1 {
		w.t.Errorf("step %d: person %d has accounts %+v", step, n, e.Accounts)
	}
}

// holdQuestions: what is open is answered by nothing, and the pages go by the same.
func (w *walker) holdQuestions(step int, h *walked) {
	items, err := w.items(w.t, "", false)
	check(w.t, err)
	open := map[queue.Kind]int{}
	for _, i := range items {
		open[i.Kind]++
		if i.Kind == queue.Account {
			w.holdDoubt(step, &i, h)
			continue
		}
		n := slices.IndexFunc(w.people, func(p person.Profile) bool { return i.Profile != nil && p.Subject == i.Profile.Subject })
		for _, d := range []queue.Decision{h.allotted[n], h.given[n]} {
			if i.Kind == queue.Activation && d.ID != "" && !i.At.After(d.At) {
				w.t.Errorf("step %d: %s asks what %s %s has answered", step, i.ID, d.Verb, d.ID)
			}
		}
	}
	for _, kind := range queue.Kinds {
		if n, err := w.db.Queue().Count(w.t.Context(), queue.Scope{All: true}, kind); err != nil || n != open[kind] {
			w.t.Errorf("step %d: %d questions of %s are noted, %d are open, %v", step, n, kind, open[kind], err)
		}
	}
}

func (w *walker) holdDoubt(step int, i *queue.Item, h *walked) {
	for _, r := range i.Rows {
		n := slices.IndexFunc([]int{0, 1, 2}, func(n int) bool { return w.record(n) == r.Record })
		own, has := h.own[n]
		if (has || len(h.claimed[n]) > 0) && r.Has == "" {
			w.t.Errorf("step %d: %s does not say that person %d has another object", step, i.ID, n)
		}
		if has && own == i.Object.ID || slices.Contains(h.claimed[n], i.Object.ID) {
			w.t.Errorf("step %d: %s asks whose it is, and it is person %d's", step, i.ID, n)
		}
	}
}
