package provision_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// second puts another job of a teacher into Кадры; over says that it has ended.
func (o *office) second(t *testing.T, p person.Profile, key string, over bool) {
	t.Helper()
	start, _ := person.NewDate(2020, 9, 1)
	row := person.Employment{ID: person.RecordID(key), FIO: person.JoinFIO(p.Last, p.First, p.Middle), SNILS: p.SNILS, School: "7", Start: start}
	if over {
		row.End, _ = person.NewDate(2021, 9, 1)
	}
	check(t, o.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: []store.Row{{Key: key, Digest: []byte(key), Record: row}}}))
}

// choking is a store that has no evidence of one.
type choking struct {
	*store.Accounts
	on identity.Subject
}

var errChoked = errors.New("choked")

func (c choking) Evidence(ctx context.Context, p person.Profile) (provision.Evidence, error) {
	if p.Subject == c.on {
		return provision.Evidence{}, errChoked
	}
	return c.Accounts.Evidence(ctx, p)
}

// One who cannot be matched keeps nobody from their new rows, and is asked for again.
func TestRematchGoesOn(t *testing.T) {
	o := newOffice(t)
	const people = 120 // more than are read at once
	for n := range people {
		p := o.teacher(t, n, fmt.Sprint("ivanova", n), "")
		o.activate(t, p)
	}
	for n := range people {
		p := person.Profile{Last: "Иванова", First: "Анна", Middle: "Петровна", SNILS: snilsOf(n)}
		o.second(t, p, fmt.Sprint("s", n), false)
	}
	c := choking{o.db.Accounts(), "sub-k7"}
	activator := provision.NewActivator(c, time.UTC, provision.ActivatorOptions{Target: "ad", Finder: o})
	matched, err := provision.NewRematcher(c, activator, nil).Pass(t.Context(), now)
	if !errors.Is(err, errChoked) || matched != people-1 {
		t.Errorf("%d were matched, %v", matched, err)
	}
	matched, err = provision.NewRematcher(o.db.Accounts(), o.activator(), nil).Pass(t.Context(), now)
	if err != nil || matched != 1 {
		t.Errorf("then %d were, %v", matched, err)
	}
	h, err := o.db.Accounts().BySubject(t.Context(), "sub-k7")
	if check(t, err); len(h.Records) != 2 {
		t.Errorf("%+v", h.Records)
	}
}

// A row that comes opens no account that mos.ru has shut, with Active Directory
// and without.
func TestRematchOpensNothing(t *testing.T) {
	for _, target := range []string{"", "ad"} {
		o := newOffice(t)
		p := o.teacher(t, 1, "ivanova", "")
		activator := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: target})
		_, err := activator.Activate(t.Context(), provision.Request{Profile: p, Asked: now.Add(-time.Hour)}, now)
		check(t, err)
		_, err = o.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e", At: now.Add(-time.Minute), Subject: p.Subject, Kind: store.EventDisabled})
		check(t, err)
		o.second(t, p, "k2", false)
		if matched, err := provision.NewRematcher(o.db.Accounts(), activator, nil).Pass(t.Context(), now); err != nil || matched != 1 {
			t.Errorf("%d, %v", matched, err)
		}
		h, err := o.db.Accounts().BySubject(t.Context(), p.Subject)
		if check(t, err); !h.Closed || len(h.Records) != 2 {
			t.Errorf("target %q: %+v", target, h)
		}
	}
}

// Whoever leaves has tried nothing.
func TestRematchIsNoTry(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "ivanova", "")
	activator := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: o, Tries: o.db.Accounts()})
	for n := range 2 { // mos.ru said something new after the binding
		p.Phone, p.PhoneVerified = fmt.Sprint("+7916555010", n), true
		_, err := activator.Activate(t.Context(), provision.Request{Profile: p, Asked: now.Add(time.Duration(n) * time.Minute)}, now)
		check(t, err)
	}
	o.second(t, p, "k1", true)
	o.second(t, p, "k2", true)
	if matched, err := provision.NewRematcher(o.db.Accounts(), activator, nil).Pass(t.Context(), now.Add(time.Hour)); err != nil || matched != 0 {
		t.Errorf("%d, %v", matched, err)
	}
	if tries, err := o.db.Accounts().TriesAbout(t.Context(), p.Subject, nil); err != nil || len(tries) != 0 {
		t.Errorf("%+v, %v", tries, err)
	}
}

// oldProfiles are what a version before kept of a profile.
type oldProfiles struct {
	list     []provision.Rematch
	answered int
}

func (n *oldProfiles) Rematches(_ context.Context, after identity.PersonID, _ int) ([]provision.Rematch, error) {
	if after != (identity.PersonID{}) {
		return nil, nil
	}
	return n.list, nil
}

func (n *oldProfiles) Rematched(context.Context, identity.PersonID, uint64) error {
	n.answered++
	return nil
}

// What an older version kept of a profile is too little to judge by.
func TestRematchOfOldProfile(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "ivanova", "")
	p.SNILS, p.SNILSConfirmed = "", false
	n := &oldProfiles{list: []provision.Rematch{{Person: identity.PersonID{1}, Profile: p, Asked: 1}}}
	activator := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Tries: o.db.Accounts()})
	if matched, err := provision.NewRematcher(n, activator, nil).Pass(t.Context(), now); err != nil || matched != 0 || n.answered != 1 {
		t.Errorf("%d, %v, %d answered", matched, err, n.answered)
	}
	if tries, err := o.db.Accounts().TriesAbout(t.Context(), p.Subject, nil); err != nil || len(tries) != 0 {
		t.Errorf("%+v, %v", tries, err)
	}
}

// between is a store in which something happens after somebody was found to be matched
// anew, and before that is done.
type between struct {
	*store.Accounts
	then func()
}

func (b between) Rematches(ctx context.Context, after identity.PersonID, limit int) ([]provision.Rematch, error) {
	list, err := b.Accounts.Rematches(ctx, after, limit)
	if len(list) > 0 {
		b.then()
	}
	return list, err
}

// movingPupil has a pupil who is known by a telephone alone change schools in one import,
// after she has asked for her access with a second city account.
func (o *office) movingPupil(t *testing.T) (old, fresh person.Profile, done person.Activated) {
	t.Helper()
	row := person.Enrolment{ID: "p1", Last: "Белова", First: "Софья", Middle: "Олеговна", School: "49", Class: "9Б", Phone: "89165550203"}
	put := func(row person.Enrolment, digest string) {
		t.Helper()
		chunk := store.Chunk{Kind: person.RecordEnrolment, Rows: []store.Row{{Key: string(row.ID), Digest: []byte(digest), Record: row}}}
		check(t, o.db.Registry().Apply(t.Context(), chunk))
	}
	put(row, "p1")
	old = person.Profile{Subject: "sub-old", Login: "belovas", Last: row.Last, First: row.First, Middle: row.Middle, Phone: row.Phone, PhoneVerified: true}
	done = o.activate(t, old).Activated
	fresh = old
	fresh.Subject, fresh.Login = "sub-fresh", "belova.new"
	activator := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: o, Tries: o.db.Accounts()})
	r, err := activator.Activate(t.Context(), provision.Request{Profile: fresh, Asked: now}, now)
	if check(t, err); problems(r) != "MULTIPLE_MOSRU_ACCOUNTS" {
		t.Fatalf("%+v", r.Verdict)
	}
	row.Status = "closed"
	put(row, "closed")
	row.ID, row.School, row.Status = "p2", "7", ""
	put(row, "p2")
	return old, fresh, done
}

func (o *office) transfer(t *testing.T) queue.Decision {
	t.Helper()
	var items []queue.Item
	check(t, o.db.Queue().Each(t.Context(), "", false, func(i queue.Item) error { items = append(items, i); return nil }))
	if len(items) != 1 {
		t.Fatalf("%+v", items)
	}
	d, err := o.db.Queue().Decide(t.Context(), queue.Decision{Item: items[0].ID, Verb: queue.Transfer, By: "uid 0", Reason: "с паспортом"}, now)
	check(t, err)
	return d
}

// Whom a curator moves to another city account while a Rematcher is about to look is one
// person, who gets the rows.
func TestRematchOfWhoIsMoved(t *testing.T) {
	o := newOffice(t)
	old, fresh, done := o.movingPupil(t)
	moved := false
	b := between{o.db.Accounts(), func() {
		if !moved {
			moved = true
			o.transfer(t)
		}
	}}
	rematcher := provision.NewRematcher(b, o.activator(), nil)
	for range 2 { // what was found too early is looked at again
		_, err := rematcher.Pass(t.Context(), now)
		check(t, err)
	}
	if h, err := o.db.Accounts().BySubject(t.Context(), old.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a second person: %+v, %v", h, err)
	}
	h, err := o.db.Accounts().BySubject(t.Context(), fresh.Subject)
	if check(t, err); h.Person != done.Person || len(h.Records) != 2 {
		t.Errorf("%+v", h)
	}
}

// Two replicas match the same people at the same time, and a curator takes a person's
// account away meanwhile: nobody is there twice, and what was taken away stays away.
func TestRematchTwice(t *testing.T) {
	o := newOffice(t)
	const people = 20
	for n := range people {
		p := o.teacher(t, n, fmt.Sprint("ivanova", n), "")
		o.activate(t, p)
		o.second(t, p, fmt.Sprint("s", n), false)
	}
	gone, err := o.db.Accounts().BySubject(t.Context(), "sub-k7")
	check(t, err)
	var once sync.Once
	b := between{o.db.Accounts(), func() { once.Do(func() { check(t, o.db.Accounts().Remove(t.Context(), gone.Person, now, "test")) }) }}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := provision.NewRematcher(b, o.activator(), nil).Pass(t.Context(), now); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for n := range people {
		h, err := o.db.Accounts().BySubject(t.Context(), identity.Subject(fmt.Sprint("sub-k", n)))
		check(t, err)
		if h.Person != gone.Person && len(h.Records) != 2 || h.Person == gone.Person && (h.Login != "" || len(h.Records) != 0) {
			t.Errorf("%d: %+v", n, h)
		}
	}
}
