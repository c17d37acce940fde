package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Sought is what explain is asked for; exactly one field is set.
type Sought struct {
	Login, Phone, Email, SNILS string
	// FIO is a whole ФИО or the beginnings of its words.
	FIO     string
	Subject identity.Subject
	Record  person.RecordRef
}

// Found is what the store knows of whoever may be meant.
type Found struct {
	Candidates
	People []identity.PersonID // whose profile fits, who tried, or whom one of the rows is bound to
	Tries  []provision.Try     // of city accounts that fit
	// More says that there were more rows than foundRows.
	More bool
}

// foundRows bounds what one search gives.
const foundRows = 200

// Search finds rows, people and tries to activate. A ФИО that is whole and known
// is looked up; parts of one, and what profiles say, are found by going over all
// that there is, page by page.
func (a *Accounts) Search(ctx context.Context, s Sought) (Found, error) {
	var f Found
	err := a.db.read(ctx, func(t *tx) error {
		f = Found{}
		g := &gathering{t: t, rows: map[person.RecordRef]any{}}
		w := newWanted(s)
		people := map[identity.PersonID]bool{}
		if err := w.rows(g); err != nil {
			return err
		}
		if err := w.profiles(t, people); err != nil {
			return err
		}
		err := t.tries(func(try provision.Try) error {
			if w.fitsTry(try) && len(f.Tries) < foundRows {
				f.Tries = append(f.Tries, try)
			}
			return nil
		})
		if err == nil {
			err = t.whoTried(f.Tries, people)
		}
		if err != nil {
			return err
		}
		if f.Candidates, err = g.result(); err != nil {
			return err
		}
		for _, b := range f.Bindings {
			if b.Record.Kind != person.RecordCard || f.parentOf(b) {
				people[b.Person] = true
			}
		}
		for id := range people {
			f.People = append(f.People, id)
		}
		slices.SortFunc(f.People, func(a, b identity.PersonID) int { return slices.Compare(a[:], b[:]) })
		f.More = w.more || len(f.People) > foundRows
		f.People = f.People[:min(len(f.People), foundRows)]
		return nil
	})
	if err != nil {
		return Found{}, fmt.Errorf("search: %w", err)
	}
	return f, nil
}

// whoTried adds the people whose city accounts tried and to whom no row is bound yet:
// a curator has kept a name for them, and nothing else leads to them.
func (t *tx) whoTried(tries []provision.Try, people map[identity.PersonID]bool) error {
	for _, try := range tries {
		id, err := t.personBySubject(try.Subject)
		if errors.Is(err, identity.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		rows, err := t.boundTo(id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			people[id] = true
		}
	}
	return nil
}

// parentOf says that one of the found rows of a card is the bound parent's.
func (f *Found) parentOf(b Binding) bool {
	fio := fioKey(b.Last, b.First, b.Middle)
	return slices.ContainsFunc(f.Cards, func(c person.Card) bool { return c.Child == b.Record.ID && wholeFIO(c.ParentFIO) == fio })
}

// wanted is a Sought in its normal forms.
type wanted struct {
	Sought
	lookups []lookup
	fio     string
	words   []string
	more    bool
}

func newWanted(s Sought) *wanted {
	w := &wanted{Sought: s, lookups: contacts(s.Phone, s.Email)}
	w.lookups = append(w.lookups, snilsLookups(s.SNILS)...)
	w.lookups = append(w.lookups, identifiers("", "", s.Login)...)
	if w.fio = wholeFIO(s.FIO); w.fio != "" {
		w.words = strings.Fields(w.fio)
		w.lookups = append(w.lookups, lookup{domainFIO, w.fio})
	}
	return w
}

// wholeWords is how many words a whole ФИО has.
const wholeWords = 3

func (w *wanted) rows(g *gathering) error {
	if w.Record != (person.RecordRef{}) {
		return g.records([]person.RecordRef{w.Record})
	}
	if w.Subject != "" {
		return nil
	}
	if err := g.lookups(w.lookups); err != nil {
		return err
	}
	if len(w.words) == 0 || len(w.words) >= wholeWords && len(g.rows) > 0 {
		w.cut(g)
		return nil
	}
	for _, kind := range []person.RecordKind{person.RecordEmployment, person.RecordEnrolment, person.RecordCard} {
		if err := w.scan(g, kind); err != nil {
			return err
		}
	}
	w.cut(g)
	return nil
}

// cut leaves the first rows of too many.
func (w *wanted) cut(g *gathering) {
	refs := sortedRefs(g.rows)
	for _, ref := range refs[min(len(refs), foundRows):] {
		w.more = true
		delete(g.rows, ref)
	}
}

// scan goes over the rows of a registry until there are more than are shown.
func (w *wanted) scan(g *gathering, kind person.RecordKind) error {
	for after := ""; len(g.rows) <= foundRows; {
		var page []surveyed
		var gone []string
		err := g.t.each("SELECT key, gone, sealed FROM "+registries[kind].table+" WHERE key > ? ORDER BY key LIMIT ?", []any{after, censusPage},
			func(scan func(...any) error) error {
				var r surveyed
				var left string
				err := scan(&r.row.Key, &left, &r.sealed)
				page, gone = append(page, r), append(gone, left)
				return err
			})
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].row.Key
		if err := g.t.openAll(kind, page); err != nil {
			return err
		}
		for i, r := range page {
			if value := ended(r.row.Value, gone[i]); value != nil && w.fitsFIO(fioOf(value)) {
				g.rows[person.RecordRef{Kind: kind, ID: person.RecordID(r.row.Key)}] = value
			}
		}
	}
	return nil
}

// fitsFIO says that every word asked for begins a word of the name, each another
// one.
func (w *wanted) fitsFIO(fio string) bool {
	if len(w.words) == 0 {
		return false
	}
	left := strings.Fields(fio)
	for _, word := range w.words {
		i := slices.IndexFunc(left, func(have string) bool { return strings.HasPrefix(have, word) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// profiles finds people by what mos.ru said of them.
func (w *wanted) profiles(t *tx, people map[identity.PersonID]bool) error {
	if w.Subject != "" {
		id, err := t.personBySubject(w.Subject)
		if err == nil {
			people[id] = true
		} else if errors.Is(err, identity.ErrNotFound) {
			err = nil
		}
		return err
	}
	whose := "" // a login is a name of whoever has an account: left are parents
	if w.Login != "" {
		whose = " AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.person = people.id)"
	} else if len(w.words) == 0 && w.Email == "" {
		return nil
	}
	login := person.FoldName(w.Login)
	for after := []byte{}; len(people) <= foundRows; {
		n := 0
		err := t.each("SELECT id, sealed FROM people WHERE id > ?"+whose+" ORDER BY id LIMIT ?", []any{after, censusPage}, func(scan func(...any) error) error {
			var sealed []byte
			if err := scan(&after, &sealed); err != nil {
				return err
			}
			n++
			var p sealedPerson
			if err := t.db.keys.openJSON("people", hex.EncodeToString(after), "sealed", sealed, &p); err != nil {
				return err
			}
			if w.fitsFIO(fioKey(p.Last, p.First, p.Middle)) || shares(person.Emails(w.Email), person.Emails(p.Mail)) || login != "" && person.FoldName(p.Login) == login {
				people[personID(after)] = true
			}
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

func shares[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(x T) bool { return slices.Contains(b, x) })
}

// fitsTry says that a city account is meant that tried to activate.
func (w *wanted) fitsTry(try provision.Try) bool {
	p := try.Profile
	switch {
	case w.Subject != "":
		return try.Subject == w.Subject
	case w.Login != "":
		return person.FoldName(try.Login) == person.FoldName(w.Login)
	case w.Record != (person.RecordRef{}):
		return slices.Contains(try.Records, w.Record)
	case w.SNILS != "":
		own, ok := person.ParseSNILS(p.SNILS)
		asked, valid := person.ParseSNILS(w.SNILS)
		return ok && valid && own == asked
	case w.fio != "":
		return w.fitsFIO(fioKey(try.Last, try.First, try.Middle))
	}
	return shares(person.Phones(w.Phone), person.Phones(p.Phone)) || shares(person.Emails(w.Email), person.Emails(p.Email))
}
