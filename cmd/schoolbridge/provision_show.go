package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/term"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision"
)

// The forms of a plan.
const (
	planDiff  = "diff"  // what differs, a line each: attribute, is, will be, why
	planTable = "table" // a line an account
	planJSON  = "json"  // a line an account
)

func planForms() []string { return []string{planDiff, planTable, planJSON} }

// planForm is the form where none is asked for: people look at terminals, programs
// read the rest.
func planForm(std streams) string {
	if f, ok := std.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return planDiff
	}
	return planJSON
}

// planLine is one account with something to do or a problem.
type planLine struct {
	Person   string             `json:"person"`
	Login    string             `json:"login"`
	Action   string             `json:"action"`
	Changes  []provision.Change `json:"changes"`
	Problems []string           `json:"problems"`
}

// shower shows the lines of a plan one after the other; close ends it.
type shower interface {
	show(planLine) error
	close() error
}

func newShower(form string, to io.Writer, t provisionText) shower {
	switch form {
	case planJSON:
		e := json.NewEncoder(to)
		e.SetEscapeHTML(false)
		return jsonShower{e}
	case planTable:
		return &tableShower{to: to, text: t}
	}
	return &diffShower{to: to, text: t}
}

type jsonShower struct{ e *json.Encoder }

func (s jsonShower) show(l planLine) error { return s.e.Encode(l) }
func (s jsonShower) close() error          { return nil }

// tableShower has a line an account; without one there is no table.
type tableShower struct {
	to   io.Writer
	text provisionText
	rows table.Writer
}

func (s *tableShower) show(l planLine) (err error) {
	if s.rows == nil {
		if s.rows, err = table.New(s.to, "table", "", s.text.columns); err != nil {
			return err
		}
	}
	what := make([]string, 0, len(l.Changes))
	for _, c := range l.Changes {
		if w := s.text.what(c.What); !slices.Contains(what, w) {
			what = append(what, w)
		}
	}
	return s.rows.Row(l.Login, s.text.doing(l.Action), joined(what), joined(l.Problems))
}

func (s *tableShower) close() error {
	if s.rows == nil {
		return nil
	}
	return s.rows.Close()
}

func joined(list []string) string {
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, ", ")
}

// diffShower shows each difference with its reason.
type diffShower struct {
	to   io.Writer
	text provisionText
}

func (s *diffShower) show(l planLine) error {
	if _, err := fmt.Fprintf(s.to, "%s (%s): %s\n", oneLine(l.Login), l.Person, s.text.doing(l.Action)); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.to, 0, 0, 2, ' ', 0)
	for _, c := range l.Changes {
		if c.What == provision.ChangeGroup { // one line says all: in or out
			sign, what, group := "+", s.text.joins, c.Will
			if c.Will == "" {
				sign, what, group = "-", s.text.leaves, c.Is
			}
			fmt.Fprintf(w, "  %s %s\t%s\t%s\n", sign, what, oneLine(group), s.text.why[c.Why])
			continue
		}
		if c.Is != "" {
			fmt.Fprintf(w, "  - %s\t%s\n", s.text.what(c.What), oneLine(s.text.value(c.What, c.Is)))
		}
		if c.Will != "" {
			fmt.Fprintf(w, "  + %s\t%s\t%s\n", s.text.what(c.What), oneLine(s.text.value(c.What, c.Will)), s.text.why[c.Why])
		} else {
			fmt.Fprintf(w, "  + %s\t%s\t%s\n", s.text.what(c.What), s.text.nothing, s.text.why[c.Why])
		}
	}
	for _, p := range l.Problems {
		fmt.Fprintf(w, "  ! %s\n", oneLine(p))
	}
	return w.Flush()
}

func (s *diffShower) close() error { return nil }

// oneLine keeps what others wrote from moving the cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

// holder finds the person of --person.
func (p *provisioner) holder(ctx context.Context) (store.Holder, error) {
	h, err := holderOf(ctx, p.db, p.config, p.login)
	if errors.Is(err, identity.ErrNotFound) {
		err = usageError(p.text.nobody, p.login)
	}
	p.person = h.Person
	return h, err
}

// chosen are the accounts that the command is about.
type chosen struct {
	ids []identity.PersonID
	all bool
}

// choose finds the accounts of one person, of one school, or all.
func (p *provisioner) choose(ctx context.Context) (chosen, error) {
	switch {
	case p.login != "":
		h, err := p.holder(ctx)
		return chosen{ids: []identity.PersonID{h.Person}}, err
	case p.school != "":
		ids, err := p.db.Targets().At(ctx, targetAD, person.SchoolID(p.school))
		if err == nil && len(ids) == 0 {
			return chosen{}, usageError(p.text.noSchool, p.school)
		}
		return chosen{ids: ids}, err
	}
	ids, err := p.db.Targets().All(ctx, targetAD)
	return chosen{ids, true}, err
}
