package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// The table questions says which questions there are, of which schools, and which
// are answered, so that a page of them is found without reading any other. It is an
// index alone: what a question is stands elsewhere, and is read when it is shown.
// What changes a question writes it (requeue); what an import changed meanwhile is
// noticed by Review.

// QueuePlace is where a page of questions ends.
type QueuePlace struct {
	At   time.Time
	Stem string
}

// PageAsk chooses a page of questions.
type PageAsk struct {
	Scope    queue.Scope
	Kinds    []queue.Kind
	Answered bool // those that are answered, instead of those that are open
	After    QueuePlace
	N        int
}

// pageLooks bounds the questions that are read for one page, of which some may have
// changed since they were noted.
const pageLooks = 60

// Page gives the next questions that concern the scope, the oldest first, and the
// place after which there are more; nil: there are none.
func (q *Queue) Page(ctx context.Context, ask PageAsk) (items []queue.Item, next *QueuePlace, err error) {
	err = q.db.read(ctx, func(t *tx) error {
		items, next = nil, nil
		places, err := t.places(ask, pageLooks+1)
		if err != nil {
			return err
		}
		for n, p := range places {
			if len(items) == ask.N || n == pageLooks {
				next = &places[n-1]
				return nil
			}
			item, err := t.question(p.Stem)
			if errors.Is(err, queue.ErrNoItem) {
				continue // gone since it was noted
			}
			if err != nil {
				return err
			}
			if item.Shown(ask.Scope) && item.Open() != ask.Answered {
				items = append(items, item)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read a page of the queue: %w", err)
	}
	return items, next, nil
}

// everySchool stands for all of them in questions.
const everySchool person.SchoolID = ""

// fewSchools are looked through one by one; in more of them, most questions are theirs.
const fewSchools = 16

// places gives the next n that are noted, each once.
func (t *tx) places(ask PageAsk, n int) ([]QueuePlace, error) {
	var all []QueuePlace
	take := func(kind queue.Kind, school person.SchoolID, more string, args ...any) error {
		return t.each("SELECT q.at, q.stem FROM questions q WHERE q.school = ? AND q.kind = ? AND q.answered = ? AND (q.at, q.stem) > (?, ?)"+more+" ORDER BY q.at, q.stem LIMIT ?",
			join([]any{string(school), string(kind), ask.Answered, micros(ask.After.At), ask.After.Stem}, args, []any{n}), func(scan func(...any) error) error {
				var p QueuePlace
				var at int64
				err := scan(&at, &p.Stem)
				p.At = moment(at)
				all = append(all, p)
				return err
			})
	}
	schools := slices.DeleteFunc(slices.Clone(ask.Scope.Schools), func(s person.SchoolID) bool { return s == everySchool })
	for _, kind := range ask.Kinds {
		var err error
		switch {
		case ask.Scope.All:
			err = take(kind, everySchool, "")
		case len(schools) > fewSchools:
			more, args := ofSchools(schools)
			err = take(kind, everySchool, more, args...)
		default:
			for _, school := range schools {
				err = errors.Join(err, take(kind, school, ""))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b QueuePlace) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Stem, b.Stem)) })
	all = slices.Compact(all)
	return all[:min(n, len(all))], nil
}

// ofSchools is the condition that a question, in its row for all schools, concerns one
// of these. Most concern one school, which that row says. CASE keeps the engine from
// looking for each of them by an index.
func ofSchools(schools []person.SchoolID) (more string, args []any) {
	for _, id := range schools {
		args = append(args, string(id))
	}
	in := " IN (" + marks(len(args)) + ")"
	return " AND (q.whose" + in + " OR q.whose IS NULL AND EXISTS (SELECT 1 FROM questions o WHERE o.stem = q.stem AND CASE WHEN o.school" + in + " THEN 1 ELSE 0 END = 1))", join(args, args)
}

// CountMost bounds what Count counts.
const CountMost = 1000

// Count says how many questions of a kind are open in a scope, up to CountMost; one
// that concerns two of its schools counts once.
func (q *Queue) Count(ctx context.Context, scope queue.Scope, kind queue.Kind) (n int, err error) {
	err = q.db.read(ctx, func(t *tx) error {
		places, err := t.places(PageAsk{Scope: scope, Kinds: []queue.Kind{kind}}, CountMost)
		n = len(places)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the queue: %w", err)
	}
	return n, nil
}

// noted is how a question stands in questions, or should.
type noted struct {
	at       time.Time
	answered bool
	schools  []person.SchoolID // sorted, everySchool among them
}

func (n noted) equal(o noted) bool {
	return n.at.Equal(o.at) && n.answered == o.answered && slices.Equal(n.schools, o.schools)
}

// whose is the one school that a question concerns: "" where there is none, NULL where
// there are several.
func (n noted) whose() (one sql.NullString) {
	for _, school := range n.schools {
		if school != everySchool {
			one.Valid, one.String = one.String == "", string(school)
		}
	}
	if len(n.schools) == 1 { // everySchool
		one.Valid = true
	}
	return one
}

// wanted is how a question should be noted; false: there is none.
func (t *tx) wanted(stem string) (n noted, ok bool, err error) {
	item, err := t.question(stem)
	if errors.Is(err, queue.ErrNoItem) {
		return n, false, nil
	}
	n.at, n.answered, n.schools = item.At, !item.Open(), append([]person.SchoolID{everySchool}, item.Schools...)
	if item.Kind != queue.Support {
		for _, r := range item.Rows {
			n.schools = append(n.schools, queue.SchoolOf(r.Value))
		}
	}
	slices.Sort(n.schools)
	n.schools = slices.Compact(n.schools)
	return n, err == nil, err
}

// noted is how a question is noted; false: it is not.
func (t *tx) noted(stem string) (n noted, ok bool, err error) {
	err = t.each("SELECT school, answered, at FROM questions WHERE stem = ? ORDER BY school", []any{stem}, func(scan func(...any) error) error {
		var school string
		var at int64
		err := scan(&school, &n.answered, &at)
		n.at, n.schools = moment(at), append(n.schools, person.SchoolID(school))
		return err
	})
	return n, len(n.schools) > 0, err
}

func (t *tx) forgetQuestion(stem string) error {
	return t.exec("DELETE FROM questions WHERE stem = ?", stem)
}

func (t *tx) noteQuestion(stem string, n noted) error {
	kind, _, ok := queue.Prefix(stem)
	if !ok {
		return queue.ErrNoItem
	}
	if err := t.forgetQuestion(stem); err != nil {
		return err
	}
	for _, school := range n.schools {
		var whose sql.NullString
		if school == everySchool {
			whose = n.whose()
		}
		err := t.exec("INSERT INTO questions (school, kind, answered, at, stem, whose) VALUES (?, ?, ?, ?, ?, ?)", string(school), string(kind), n.answered, micros(n.at), stem, whose)
		if err != nil {
			return err
		}
	}
	return nil
}

// requeue notes a question as it is now.
func (t *tx) requeue(stem string) error {
	n, ok, err := t.wanted(stem)
	if err != nil {
		return err
	}
	if !ok {
		return t.forgetQuestion(stem)
	}
	return t.noteQuestion(stem, n)
}

// requeueKnown is requeue of a question that is noted.
func (t *tx) requeueKnown(stem string) error {
	if _, ok, err := t.noted(stem); err != nil || !ok {
		return err
	}
	return t.requeue(stem)
}

// requeueTarget is requeue after a pass over somebody's account that saw these
// problems.
func (t *tx) requeueTarget(id identity.PersonID, problems []match.Problem) error {
	stem := queue.Stem(queue.Target, id[:])
	if len(queue.InTheWay(problems)) > 0 {
		return t.requeue(stem)
	}
	return t.requeueKnown(stem)
}

// Review notes anew what has changed of questions since they were noted: an import
// may have closed one, or opened it again. It reads all of them, some at a time.
func (q *Queue) Review(ctx context.Context) error {
	for _, kind := range queue.Kinds {
		for _, answered := range []bool{false, true} {
			if err := q.review(ctx, PageAsk{Scope: queue.Scope{All: true}, Kinds: []queue.Kind{kind}, Answered: answered}); err != nil {
				return fmt.Errorf("review the queue: %w", err)
			}
		}
	}
	return nil
}

func (q *Queue) review(ctx context.Context, ask PageAsk) error {
	for n := doubtsPage; n == doubtsPage; {
		var moved []string
		err := q.db.read(ctx, func(t *tx) error {
			moved = nil
			places, err := t.places(ask, doubtsPage)
			if err != nil {
				return err
			}
			for _, p := range places {
				want, ok, err := t.wanted(p.Stem)
				if err != nil {
					return err
				}
				have, _, err := t.noted(p.Stem)
				if err != nil {
					return err
				}
				if !ok || !want.equal(have) {
					moved = append(moved, p.Stem)
				}
			}
			if n = len(places); n > 0 {
				ask.After = places[n-1]
			}
			return nil
		})
		if err == nil && len(moved) > 0 {
			err = q.db.requeueAll(ctx, moved)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) requeueAll(ctx context.Context, stems []string) error {
	return batches(stems, doubtsPage, func(stems []string) error {
		return db.write(ctx, func(t *tx) error {
			for _, stem := range stems {
				if err := t.requeue(stem); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// questionsFilled is the mark in meta that fillQuestions was there.
const questionsFilled = "questions"

// fillQuestions notes, at the first start of a version that does so, the questions
// that were there before.
func (db *DB) fillQuestions(ctx context.Context) error {
	var filled int
	err := db.read(ctx, func(t *tx) (err error) {
		filled, err = t.meta(questionsFilled)
		return err
	})
	if err != nil || filled > 0 {
		return err
	}
	var stems []string
	err = db.Queue().Each(ctx, "", true, func(i queue.Item) error {
		stem, _ := queue.Split(i.ID)
		stems = append(stems, stem)
		return nil
	})
	if err == nil {
		err = db.requeueAll(ctx, stems)
	}
	if err == nil {
		err = db.write(ctx, func(t *tx) error { return t.setMeta(questionsFilled, 1) })
	}
	if err != nil {
		return fmt.Errorf("note the questions of the queue: %w", err)
	}
	return nil
}
