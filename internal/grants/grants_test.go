package grants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
)

var (
	orlova = identity.PersonID{1}
	object = [16]byte{0xAD}
)

// town is all that a Holder asks.
type town struct {
	entry   *directory.Entry
	granted []rights.Grant
	groups  []string
	broken  error // of the directory
	store   error
	asked   atomic.Int32
	hold    chan struct{} // until which the directory does not answer; nil: it does
}

func (t *town) Get(id identity.PersonID) (*directory.Entry, bool) {
	return t.entry, t.entry != nil && id == orlova
}
func (t *town) Schools() []person.School { return []person.School{{ID: "49"}, {ID: "1050"}} }
func (t *town) Of(context.Context, identity.PersonID) (list []rights.Granted, err error) {
	for _, g := range t.granted {
		list = append(list, rights.Granted{Person: orlova, Grant: g})
	}
	return list, t.store
}

func (t *town) Groups(ctx context.Context, o [16]byte) ([]string, error) {
	t.asked.Add(1)
	if t.hold != nil {
		select {
		case <-t.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if o != object {
		return nil, nil
	}
	return t.groups, t.broken
}

func newTown(t *testing.T) (*town, *Holder) {
	t.Helper()
	from, _ := person.NewDate(1999, 9, 1)
	w := &town{entry: &directory.Entry{Person: orlova, State: directory.StateActive, AD: &directory.Object{GUID: object},
		Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: "49", From: from}}}}
	each := func(school person.SchoolID) string { return "cn=admins-" + string(school) }
	one := func(name string) func(person.SchoolID) string { return func(person.SchoolID) string { return name } }
	return w, New(Options{Store: w, People: w, Groups: w, Rules: []Rule{
		{Group: each, Each: true, Role: rights.School},
		{Group: func(s person.SchoolID) string { return "cn=curators-" + string(s) }, Each: true, Role: rights.Curator, Schools: []person.SchoolID{"1050"}},
		{Group: one("cn=south"), Role: rights.Curator, Schools: []person.SchoolID{"49", "1050"}},
		{Group: one("cn=auditors"), Role: rights.Auditor},
		{Group: one(""), Role: rights.Operator}, // a name that cannot be
	}})
}

// held writes what somebody may.
func held(t *testing.T, h *Holder) string {
	t.Helper()
	r, err := h.Of(t.Context(), orlova)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, role := range r.Roles() {
		list = append(list, fmt.Sprint(role, r.At(role)))
	}
	return strings.Join(list, " ")
}

func TestStoreAndGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			granted []rights.Grant
			groups  []string
			want    string
		}{
			{nil, nil, ""},
			{[]rights.Grant{{Role: rights.Operator}}, nil, "operator[]"},
			{nil, []string{"cn=admins-49", "cn=others", ""}, "school[49]"},
			{nil, []string{"cn=admins-49", "cn=admins-1050"}, "school[49]"}, // he works at 49 alone
			{nil, []string{"cn=admins-777"}, ""},                            // no such school
			{nil, []string{"cn=curators-49", "cn=curators-1050"}, "curator[1050]"},
			{nil, []string{"cn=south"}, "curator[1050 49]"},
			{[]rights.Grant{{Role: rights.School, Schools: []person.SchoolID{"49"}}}, []string{"cn=auditors"}, "school[49] auditor[]"},
		} {
			w, h := newTown(t)
			w.granted, w.groups = c.granted, c.groups
			if got := held(t, h); got != c.want {
				t.Errorf("%v, %v: %s; want %s", c.granted, c.groups, got, c.want)
			}
		}
	})
}

// TestWhoIsNotHere: suspended, gone, a pupil, unknown: nothing, whatever was granted.
func TestWhoIsNotHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, change := range map[string]func(*town){
			"suspended":     func(w *town) { w.entry.State = directory.StateSuspended },
			"left":          func(w *town) { w.entry.Affiliations[0].To, _ = person.NewDate(1999, 12, 31) },
			"comes later":   func(w *town) { w.entry.Affiliations[0].From, _ = person.NewDate(2000, 9, 1) },
			"closed":        func(w *town) { w.entry.Affiliations[0].Closed = true },
			"a pupil":       func(w *town) { w.entry.Affiliations[0].Role = person.RolePupil },
			"nobody":        func(w *town) { w.entry = nil },
			"nowhere":       func(w *town) { w.entry.Affiliations = nil },
			"without state": func(w *town) { w.entry.State = 0 },
		} {
			w, h := newTown(t)
			w.granted, w.groups = []rights.Grant{{Role: rights.Operator}}, []string{"cn=auditors"}
			change(w)
			if got := held(t, h); got != "" {
				t.Errorf("%s: %s", name, got)
			}
		}
		w, h := newTown(t)
		w.store = errors.New("the store is away")
		if got := held(t, h); got != "the store is away" {
			t.Error(got)
		}
		w, h = newTown(t)
		w.entry.AD, w.groups = nil, []string{"cn=auditors"}
		if got := held(t, h); got != "" || w.asked.Load() != 0 {
			t.Errorf("without an account in the directory: %s", got)
		}
	})
}

// TestSchoolOfWork: the role of a school's administrator stays behind when he moves
// to another school; a curator's does not depend on where he works.
func TestSchoolOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newTown(t)
		w.granted = []rights.Grant{{Role: rights.School, Schools: []person.SchoolID{"49"}}, {Role: rights.Curator, Schools: []person.SchoolID{"49", "777"}}}
		w.groups = []string{"cn=admins-49"}
		if got := held(t, h); got != "school[49] curator[49 777]" {
			t.Error(got)
		}
		left, _ := person.NewDate(1999, 12, 31)
		from := w.entry.Affiliations[0].From
		w.entry.Affiliations = []directory.Affiliation{{Role: person.RoleStaff, School: "49", From: from, To: left}, {Role: person.RoleStaff, School: "1050", From: from}, {Role: person.RolePupil, School: "49"}}
		if got := held(t, h); got != "curator[49 777]" {
			t.Errorf("after the move: %s", got)
		}
		w.granted = append(w.granted, rights.Grant{Role: rights.School, Schools: []person.SchoolID{"1050"}})
		if got := held(t, h); got != "school[1050] curator[49 777]" {
			t.Errorf("of both schools: %s", got)
		}
	})
}

// TestTheDirectoryIsAway: what it said last counts for an hour, and it is not asked
// at every request.
func TestTheDirectoryIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newTown(t)
		w.groups = []string{"cn=auditors"}
		for range 5 {
			if got := held(t, h); got != "auditor[]" {
				t.Fatal(got)
			}
		}
		if n := w.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		w.broken = errors.New("away")
		until := time.Now().Add(59 * time.Minute)
		for time.Now().Before(until) {
			time.Sleep(10 * time.Second)
			if got := held(t, h); got != "auditor[]" {
				t.Fatalf("%s left: %s", time.Until(until), got)
			}
		}
		if n := w.asked.Load(); n > 120 {
			t.Errorf("asked %d times in an hour", n)
		}
		time.Sleep(2 * time.Minute)
		if got := held(t, h); got != "" {
			t.Errorf("after an hour: %s", got)
		}
		w.granted = []rights.Grant{{Role: rights.Operator}} // the store's count on
		if got := held(t, h); got != "operator[]" {
			t.Error(got)
		}
		w.broken, w.granted = nil, nil
		time.Sleep(retry)
		if got := held(t, h); got != "auditor[]" {
			t.Errorf("when it is back: %s", got)
		}
		w.groups = nil
		time.Sleep(fresh)
		if got := held(t, h); got != "" {
			t.Errorf("out of the group: %s", got)
		}
	})
}

// TestASilentDirectory holds nobody up for long, and all who wait ask once.
func TestASilentDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := newTown(t)
		w.granted, w.hold = []rights.Grant{{Role: rights.Auditor}}, make(chan struct{})
		began := time.Now()
		done := make(chan string)
		for range 10 {
			go func() { done <- held(t, h) }()
		}
		for range 10 {
			if got := <-done; got != "auditor[]" {
				t.Error(got)
			}
		}
		if took := time.Since(began); took > wait || w.asked.Load() != 1 {
			t.Errorf("took %s, asked %d times", took, w.asked.Load())
		}
	})
}
