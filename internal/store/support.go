package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision/queue"
)

// Support keeps what people wrote to us.
type Support struct{ db *DB }

// Support gives the cases of the support form.
func (db *DB) Support() *Support { return &Support{db} }

// SupportLimits bound what is taken.
type SupportLimits struct {
	Source int // of one source in an hour
	School int // of strangers to one school in a day: who fills it shuts no other school out
	All    int // of strangers together in a day
}

// ErrTooManyCases says that a limit is reached.
var ErrTooManyCases = errors.New("more was written to us than is taken")

// Sent is a case on its way in.
type Sent struct {
	queue.Case          // without a number
	Form       [16]byte // of the form that was filled in: it counts once
	Source     string   // what is counted: an address, or the city account of whoever is signed in
	// Line is what its line of the audit trail says besides: from where it came.
	Line map[string]any
}

// Add keeps a case and gives its number; of a form that was sent before, that
// one's: ErrTooManyCases. It asks nothing of registries or people, so that neither
// its answer nor its time tells a stranger anything.
func (s *Support) Add(ctx context.Context, c Sent, limits SupportLimits) (queue.Number, error) {
	source, err := s.db.keys.current(domainSupport, c.Source)
	if err != nil {
		return 0, err
	}
	err = s.db.write(ctx, func(t *tx) error {
		err := t.row("SELECT number FROM support_cases WHERE form = ?", c.Form[:]).Scan(&c.Number)
		if err == nil || !isNoRows(err) {
			return err
		}
		if err := t.roomForCase(c, source.digest, limits); err != nil {
			return err
		}
		if c.Number, err = t.newNumber(); err != nil {
			return err
		}
		sealed, err := t.db.keys.sealJSON("support_cases", caseKey(c.Number), "sealed", c.Case)
		if err != nil {
			return err
		}
		err = t.exec("INSERT INTO support_cases (number, form, source, signed, at, school, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
			int64(c.Number), c.Form[:], source.digest, c.Profile != nil, micros(c.At), string(c.School), sealed)
		if err != nil {
			return err
		}
		schools := []person.SchoolID{everySchool}
		if c.School != everySchool {
			schools = append(schools, c.School)
		}
		if err := t.noteQuestion(caseStem(c.Number), noted{at: c.At, schools: schools}); err != nil {
			return err
		}
		return t.auditJSON(c.At, "support_case", c.Person, with(c.Line, map[string]any{"item": caseStem(c.Number), "school": c.School, "signed_in": c.Profile != nil}))
	})
	if err != nil {
		return 0, fmt.Errorf("keep what was written to support: %w", err)
	}
	return c.Number, nil
}

// roomForCase counts what came lately.
func (t *tx) roomForCase(c Sent, source []byte, limits SupportLimits) error {
	var n int
	err := t.row("SELECT COUNT(*) FROM support_cases WHERE source = ? AND at > ?", source, micros(c.At.Add(-time.Hour))).Scan(&n)
	if err != nil || c.Profile != nil && n < limits.Source {
		return err
	}
	if n >= limits.Source {
		return ErrTooManyCases
	}
	day := micros(c.At.Add(-24 * time.Hour))
	err = t.row("SELECT COUNT(*) FROM support_cases WHERE signed = 0 AND at > ? AND school = ?", day, string(c.School)).Scan(&n)
	if err != nil || n >= limits.School {
		return cmp.Or(err, ErrTooManyCases)
	}
	err = t.row("SELECT COUNT(*) FROM support_cases WHERE signed = 0 AND at > ?", day).Scan(&n)
	if err == nil && n >= limits.All {
		err = ErrTooManyCases
	}
	return err
}

// newNumber finds one that no case has.
func (t *tx) newNumber() (queue.Number, error) {
	for {
		r, err := rand.Int(rand.Reader, big.NewInt(queue.Numbers))
		if err != nil {
			return 0, err
		}
		var one int
		err = t.row("SELECT 1 FROM support_cases WHERE number = ?", r.Int64()).Scan(&one)
		if isNoRows(err) {
			return queue.Number(r.Int64()), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func caseKey(n queue.Number) string { return strconv.FormatUint(uint64(n), 10) }

func caseStem(n queue.Number) string { return queue.Stem(queue.Support, n.About()) }

// Erase forgets the cases from before a moment, with what was decided of them, and
// says how many there were.
func (s *Support) Erase(ctx context.Context, before time.Time) (all int, err error) {
	for n := erasedRows; n == erasedRows; all += n {
		err := s.db.write(ctx, func(t *tx) error {
			var numbers []queue.Number
			err := t.each("SELECT number FROM support_cases WHERE at < ? ORDER BY at LIMIT ?", []any{micros(before), erasedRows}, func(scan func(...any) error) error {
				var number queue.Number
				err := scan(&number)
				numbers = append(numbers, number)
				return err
			})
			if err != nil {
				return err
			}
			for _, number := range numbers {
				if err := t.eraseCase(number); err != nil {
					return err
				}
			}
			n = len(numbers)
			return nil
		})
		if err != nil {
			return all, fmt.Errorf("erase what was written to support: %w", err)
		}
	}
	return all, nil
}

func (t *tx) eraseCase(n queue.Number) error {
	stem := caseStem(n)
	for _, statement := range []string{"DELETE FROM questions WHERE stem = ?", "DELETE FROM decisions WHERE item = ?"} {
		if err := t.exec(statement, stem); err != nil {
			return err
		}
	}
	return t.exec("DELETE FROM support_cases WHERE number = ?", int64(n))
}

// caseRows bounds the records that are shown beside a case.
const caseRows = 20

// supportItems gives the cases whose numbers are what a question is about; nil: all.
func (t *tx) supportItems(about []byte, f func(queue.Item) error) error {
	after, last := int64(-1), int64(queue.Numbers)
	if about != nil {
		last = int64(queue.NumberOf(about))
		after = last - 1
	}
	for n := doubtsPage; n == doubtsPage; {
		var page []queue.Case
		err := t.each("SELECT number, sealed FROM support_cases WHERE number > ? AND number <= ? ORDER BY number LIMIT ?", []any{after, last, doubtsPage},
			func(scan func(...any) error) error {
				var sealed []byte
				if err := scan(&after, &sealed); err != nil {
					return err
				}
				var c queue.Case
				err := t.db.keys.openJSON("support_cases", caseKey(queue.Number(after)), "sealed", sealed, &c)
				c.Number = queue.Number(after)
				page = append(page, c)
				return err
			})
		if err != nil {
			return err
		}
		n = len(page)
		for _, c := range page {
			item, err := t.supportItem(c)
			if err != nil {
				return err
			}
			if err := t.ask(item, c.Number.About(), f); err != nil {
				return err
			}
		}
	}
	return nil
}

// supportItem finds what the registries say by what was typed: by СНИЛС, and by
// ФИО at the school that was chosen; and what is bound to whoever was signed in.
func (t *tx) supportItem(c queue.Case) (queue.Item, error) {
	item := queue.Item{Kind: queue.Support, At: c.At, Case: &c, Profile: c.Profile}
	if c.School != "" {
		item.Schools = []person.SchoolID{c.School}
	}
	fio := person.JoinFIO(c.Last, c.First, c.Middle)
	g := &gathering{t: t, rows: map[person.RecordRef]any{}}
	err := g.lookups([]lookup{{domainFIO, wholeFIO(fio)}})
	if err != nil && !errors.Is(err, ErrTooMany) {
		return item, err
	}
	for ref, value := range g.rows {
		if queue.SchoolOf(value) != c.School {
			delete(g.rows, ref) // a namesake elsewhere
		}
	}
	if err := g.lookups(snilsLookups(c.SNILS)); err != nil && !errors.Is(err, ErrTooMany) {
		return item, err
	}
	var refs []person.RecordRef
	for _, ref := range sortedRefs(g.rows) {
		if ref.Kind != person.RecordCard { // it is about a child
			refs = append(refs, ref)
		}
	}
	if item.Rows, err = t.recordRows(refs[:min(len(refs), caseRows)], c.Person, fio); err != nil {
		return item, err
	}
	return item, nil
}
