package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// Queue keeps what people have to decide, and what they have decided.
type Queue struct{ db *DB }

// Queue gives the curators' queue.
func (db *DB) Queue() *Queue { return &Queue{db} }

// doubtKey names a row of doubts for sealing.
func doubtKey(target string, object []byte) string { return target + "/" + hex.EncodeToString(object) }

// queueChunk bounds the rows of one transaction.
const queueChunk = 500

// Doubts puts the accounts of a target in the place of those that were there, of
// which a person has to say whose they are.
func (q *Queue) Doubts(ctx context.Context, target string, list []duplicates.Proposal, now time.Time) error {
	for some := range slices.Chunk(list, queueChunk) {
		err := q.db.write(ctx, func(t *tx) error {
			for _, p := range some {
				p.Candidates = unnamed(p.Candidates)
				sealed, err := t.db.keys.sealJSON("doubts", doubtKey(target, p.Object[:]), "sealed", p)
				if err != nil {
					return err
				}
				err = t.exec(`INSERT INTO doubts (target, object, at, sealed) VALUES (?, ?, ?, ?)
					ON CONFLICT (target, object) DO UPDATE SET at = excluded.at, sealed = excluded.sealed`, target, p.Object[:], micros(now), sealed)
				if err == nil {
					err = t.requeue(queue.Stem(queue.Account, p.Object[:]))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("keep accounts to be decided on: %w", err)
		}
	}
	for n := queueChunk; n == queueChunk; {
		err := q.db.write(ctx, func(t *tx) (err error) {
			n, err = t.dropDoubts(target, micros(now))
			return err
		})
		if err != nil {
			return fmt.Errorf("drop accounts that were decided on: %w", err)
		}
	}
	return nil
}

// dropDoubts drops some of the accounts that were kept before a moment, and says
// how many.
func (t *tx) dropDoubts(target string, before int64) (n int, err error) {
	var objects [][]byte
	err = t.each("SELECT object FROM doubts WHERE target = ? AND at < ? LIMIT ?", []any{target, before, queueChunk}, func(scan func(...any) error) error {
		var object []byte
		err := scan(&object)
		objects = append(objects, object)
		return err
	})
	for i := 0; err == nil && i < len(objects); i++ {
		if err = t.exec("DELETE FROM doubts WHERE target = ? AND object = ?", target, objects[i]); err == nil {
			err = t.forgetQuestion(queue.Stem(queue.Account, objects[i]))
		}
	}
	return len(objects), err
}

// unnamed leaves of candidates what finds them: who they are stands in their
// registries, for as long as it may.
func unnamed(list []duplicates.Candidate) []duplicates.Candidate {
	list = slices.Clone(list)
	for i := range list {
		list[i].FIO, list[i].Birth = "", person.Date{}
	}
	return list
}

// Each tells the questions of a school ("": of all): first those of people who
// wait, the oldest first, then those of accounts, in the order of their ids. They
// are those that are open, and with all also those that were answered. No more
// than a page of accounts is in memory.
func (q *Queue) Each(ctx context.Context, school person.SchoolID, all bool, f func(queue.Item) error) error {
	wanted := func(i *queue.Item) bool { return i.Concerns(school) && (all || i.Open()) }
	var list []queue.Item
	keep := func(i queue.Item) error {
		if wanted(&i) {
			list = append(list, i)
		}
		return nil
	}
	give := func() error {
		for _, i := range list {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	err := q.db.read(ctx, func(t *tx) error {
		list = nil
		return errors.Join(t.activationItems(nil, keep), t.supportItems(nil, keep), t.targetItems(nil, keep))
	})
	if err != nil {
		return fmt.Errorf("read the queue: %w", err)
	}
	slices.SortStableFunc(list, func(a, b queue.Item) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	if err := give(); err != nil {
		return err
	}
	for last, n := (doubt{object: []byte{}}), doubtsPage; n == doubtsPage; {
		err := q.db.read(ctx, func(t *tx) (err error) {
			list = nil
			last, n, err = t.doubts(nil, last, keep)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the queue: %w", err)
		}
		if err := give(); err != nil {
			return err
		}
	}
	return nil
}

// Item gives one question; queue.ErrNoItem, and queue.ErrMoved with the question
// as it is now where the id is of what it was.
func (q *Queue) Item(ctx context.Context, id string) (queue.Item, error) {
	var item queue.Item
	err := q.db.read(ctx, func(t *tx) (err error) {
		item, err = t.question(id)
		return err
	})
	if err != nil {
		return item, fmt.Errorf("question %s: %w", id, err)
	}
	return item, nil
}

// About gives the stems of the questions that may be there about one person: about
// the city account's activation, and the accounts in targets.
func (q *Queue) About(id identity.PersonID, subject identity.Subject) (stems []string, err error) {
	if !id.IsZero() {
		stems = append(stems, queue.Stem(queue.Target, id[:]))
	}
	if subject == "" {
		return stems, nil
	}
	digests, err := q.db.keys.every(domainSubject, string(subject))
	for _, d := range digests {
		stems = append(stems, queue.Stem(queue.Activation, d.digest))
	}
	return stems, err
}

// errFound ends a walk.
var errFound = errors.New("found")

func (t *tx) question(id string) (queue.Item, error) {
	stem, seen := queue.Split(id)
	kind, about, ok := queue.Prefix(stem)
	if !ok {
		return queue.Item{}, queue.ErrNoItem
	}
	var item queue.Item
	found := func(i queue.Item) error {
		item = i
		return errFound
	}
	var err error
	switch kind {
	case queue.Activation:
		err = t.activationItems(about, found)
	case queue.Account:
		_, _, err = t.doubts(about, doubt{object: []byte{}}, found)
	case queue.Target:
		err = t.targetItems(about, found)
	case queue.Support:
		err = t.supportItems(about, found)
	}
	switch {
	case errors.Is(err, errFound):
	case err != nil:
		return item, err
	default:
		return item, queue.ErrNoItem
	}
	if seen != "" && item.ID != id {
		return item, queue.ErrMoved
	}
	return item, nil
}

// activationItems gives those of the tries whose digests begin with a prefix.
func (t *tx) activationItems(prefix []byte, f func(queue.Item) error) error {
	var tries []provision.Try
	var about [][]byte
	err := t.triesFrom(prefix, func(digest []byte, try provision.Try) error {
		if try.Decision == match.Manual {
			tries, about = append(tries, try), append(about, digest)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, try := range tries {
		item, err := t.activationItem(try)
		if err != nil {
			return err
		}
		if err := t.ask(item, about[n], f); err != nil {
			return err
		}
	}
	return nil
}

// ask completes an item and gives it away.
func (t *tx) ask(item queue.Item, about []byte, f func(queue.Item) error) error {
	if err := item.See(about); err != nil {
		return err
	}
	var list []queue.Decision
	var err error
	if item.Kind == queue.Activation { // under whatever key
		list, err = t.decisionsOf(item.Profile.Subject)
	} else {
		stem, _ := queue.Split(item.ID)
		list, err = t.decisions("item = ? AND undone = 0", stem)
	}
	if err != nil {
		return err
	}
	if len(list) > 0 {
		item.Decided = &list[0]
	}
	if item.Kind == queue.Activation && item.Open() {
		elsewhere, err := t.answeredElsewhere(&item)
		if err != nil {
			return err
		}
		item.Decided = cmp.Or(elsewhere, item.Decided)
	}
	return f(item)
}

func (t *tx) activationItem(try provision.Try) (queue.Item, error) {
	item := queue.Item{Kind: queue.Activation, At: try.At, Problems: try.Problems, Profile: &try.Profile, Schools: slices.Clone(try.Schools)}
	if try.Profile.Subject == "" { // of a version that did not keep it
		item.Profile = &person.Profile{Subject: try.Subject, Login: try.Login, Last: try.Last, First: try.First, Middle: try.Middle}
	}
	item.Name = item.Profile.Login
	own, err := t.personBySubject(try.Subject)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return item, err
	}
	if item.Rows, err = t.recordRows(try.Records, own, person.JoinFIO(try.Last, try.First, try.Middle)); err != nil {
		return item, err
	}
	return item, t.findHolder(&item, own)
}

// recordRows reads records as they are now. fio chooses among a card's rows.
func (t *tx) recordRows(refs []person.RecordRef, own identity.PersonID, fio string) ([]queue.Row, error) {
	var rows []queue.Row
	for _, ref := range refs {
		row := queue.Row{Record: ref}
		g := &gathering{t: t, rows: map[person.RecordRef]any{}}
		if _, err := registryOf(ref.Kind); err != nil {
			return nil, err
		}
		if err := g.records([]person.RecordRef{ref}); err != nil {
			return nil, err
		}
		parent := []byte{}
		for _, key := range sortedRefs(g.rows) {
			value := g.rows[key]
			if card, ok := value.(person.Card); ok && wholeFIO(card.ParentFIO) != wholeFIO(fio) {
				continue
			}
			row.Value = value
		}
		if ref.Kind == person.RecordCard {
			d, err := t.db.keys.current(domainParent, wholeFIO(fio))
			if err != nil {
				return nil, err
			}
			parent = d.digest
		}
		var holder []byte
		err := t.row("SELECT person FROM bindings WHERE kind = ? AND key = ? AND parent_digest = ?", ref.Kind, string(ref.ID), parent).Scan(&holder)
		if err != nil && !isNoRows(err) {
			return nil, err
		}
		if err == nil {
			id := personID(holder)
			row.Bound, row.Own, row.Holder = true, id == own, id.String()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// behind is behind every digest and id that begins with a prefix.
func behind(prefix []byte) []byte {
	return append(slices.Clone(prefix), bytes.Repeat([]byte{0xff}, 33)...)
}

// doubt is a row of doubts.
type doubt struct {
	target         string
	object, sealed []byte
	at             int64
}

// doubtsPage bounds the accounts that are in memory at once.
const doubtsPage = 200

// doubts gives a page of the accounts of targets that a person decides on, whose
// GUIDs begin with a prefix; the last row of it, and how many there were.
func (t *tx) doubts(prefix []byte, after doubt, f func(queue.Item) error) (last doubt, n int, err error) {
	var page []doubt
	err = t.each("SELECT target, object, at, sealed FROM doubts WHERE (target, object) > (?, ?) AND object >= ? AND object <= ? ORDER BY target, object LIMIT ?",
		[]any{after.target, after.object, append([]byte{}, prefix...), behind(prefix), doubtsPage}, func(scan func(...any) error) error {
			var d doubt
			err := scan(&d.target, &d.object, &d.at, &d.sealed)
			page = append(page, d)
			return err
		})
	if err != nil || len(page) == 0 {
		return after, 0, err
	}
	for _, d := range page {
		item, err := t.doubtItem(d.target, d.object, d.sealed)
		if err != nil {
			return after, 0, err
		}
		item.At = moment(d.at)
		err = t.ask(item, d.object, func(i queue.Item) error {
			if !i.Open() {
				return f(i)
			}
			if o, err := t.ownerOf(d.target, i.Object.ID); err != nil || o.Subject != "" || len(o.Records) > 0 {
				return err // it has become somebody's otherwise
			}
			if i.Same, err = t.same(&i); err != nil {
				return err
			}
			return f(i)
		})
		if err != nil {
			return after, 0, err
		}
	}
	return page[len(page)-1], len(page), nil
}

func (t *tx) doubtItem(target string, object, sealed []byte) (queue.Item, error) {
	var p duplicates.Proposal
	if err := t.db.keys.openJSON("doubts", doubtKey(target, object), "sealed", sealed, &p); err != nil {
		return queue.Item{}, err
	}
	o := objectOf(p)
	item := queue.Item{Kind: queue.Account, Target: target, Name: p.Name, Object: &o, Proposal: &p}
	var refs []person.RecordRef
	for _, c := range p.Candidates {
		refs = append(refs, c.Records...)
	}
	var err error
	if item.Rows, err = t.recordRows(refs, identity.PersonID{}, ""); err != nil {
		return item, err
	}
	item.Schools = schoolsOfRows(item.Rows)
	for i := range item.Rows {
		r := &item.Rows[i]
		if r.Has, err = t.otherObject(target, o, []person.RecordRef{r.Record}); err != nil {
			return item, err
		}
	}
	for i := range p.Candidates { // as their registries have it now
		c := &p.Candidates[i]
		row, _ := item.Row(c.Records[0])
		f := factOf(row.Value)
		c.FIO, c.Birth = person.JoinFIO(f.Last, f.First, f.Middle), f.Birth
	}
	return item, nil
}

func objectOf(p duplicates.Proposal) provision.Object {
	return provision.Object{ID: p.Object, Name: p.Name, UPN: p.UPN, Display: p.Display, Enabled: p.Enabled, Created: p.Created}
}

func schoolsOfRows(rows []queue.Row) []person.SchoolID {
	var ids []person.SchoolID
	for _, r := range rows {
		id := queue.SchoolOf(r.Value)
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// inTheWay gives the accounts that something stands in the way of, of people
// whose ids begin with a prefix.
func (t *tx) inTheWay(prefix []byte) ([]census.Target, error) {
	var list []census.Target
	after, target, end := append([]byte{}, prefix...), "", behind(prefix)
	for {
		n := 0
		err := t.each("SELECT person, target, name, observed FROM targets WHERE (person, target) > (?, ?) AND person <= ? ORDER BY person, target LIMIT ?", []any{after, target, end, loadPage},
			func(scan func(...any) error) error {
				var name, observed []byte
				if err := scan(&after, &target, &name, &observed); err != nil {
					return err
				}
				n++
				c := census.Target{Person: personID(after), Target: target}
				key := targetKey(c.Person, target)
				var o provision.Observed
				if err := t.db.keys.openJSON("targets", key, "observed", observed, &o); err != nil {
					return err
				}
				if c.Problems = queue.InTheWay(o.Problems); len(c.Problems) == 0 {
					return nil
				}
				text, err := t.db.keys.open("targets", key, "name", name)
				c.Login, c.At = cmp.Or(o.Name, string(text)), o.At
				list = append(list, c)
				return err
			})
		if err != nil || n < loadPage {
			return list, err
		}
	}
}

// targetItems gives the questions of inTheWay.
func (t *tx) targetItems(prefix []byte, f func(queue.Item) error) error {
	list, err := t.inTheWay(prefix)
	if err != nil {
		return err
	}
	for _, c := range list {
		item := queue.Item{Kind: queue.Target, At: c.At, Target: c.Target, Name: c.Login, Person: c.Person, Problems: c.Problems}
		p, err := t.profileOf(c.Person)
		if err != nil {
			return err
		}
		item.Profile = &person.Profile{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle}
		refs, err := t.boundTo(c.Person)
		if err != nil {
			return err
		}
		if item.Rows, err = t.recordRows(refs, c.Person, person.JoinFIO(p.Last, p.First, p.Middle)); err != nil {
			return err
		}
		item.Schools = schoolsOfRows(item.Rows)
		rows, err := t.targetRows(c.Person)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.target == c.Target && len(r.Object) > 0 {
				o := provision.Object{Name: r.Observed.Name, UPN: r.Observed.UPN, Enabled: r.Observed.Enabled}
				copy(o.ID[:], r.Object)
				item.Object = &o
			}
		}
		if err := t.ask(item, c.Person[:], f); err != nil {
			return err
		}
	}
	return nil
}
