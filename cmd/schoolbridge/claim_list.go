package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/table"
	"schoolbridge/provision/duplicates"
)

// claimLine is a proposal for a program.
type claimLine struct {
	Object     duplicates.GUID  `json:"object"`
	Name       string           `json:"name"`
	UPN        string           `json:"upn,omitempty"`
	Display    string           `json:"display,omitempty"`
	Place      string           `json:"place"`
	Enabled    bool             `json:"enabled"`
	Level      string           `json:"level"` // certain or decide
	Why        []string         `json:"why"`
	Candidates []claimCandidate `json:"candidates"`
}

type claimCandidate struct {
	Records []string            `json:"records"`
	FIO     string              `json:"fio"`
	Birth   string              `json:"birth_date,omitempty"`
	School  person.SchoolID     `json:"school"`
	Level   duplicates.Level    `json:"level"`
	Reasons []duplicates.Reason `json:"reasons"`
}

func recordWords(list []person.RecordRef) []string {
	words := make([]string, 0, len(list))
	for _, r := range list {
		words = append(words, r.Word())
	}
	return words
}

func (k *claiming) list(list []duplicates.Proposal) error {
	if k.claimCall.format == "json" {
		all := &array{to: k.std.out}
		for _, p := range list {
			if err := all.item(claimLineOf(p)); err != nil {
				return err
			}
		}
		return all.end()
	}
	head := k.says.head
	if k.claimCall.format == "table" {
		head = k.says.short
	}
	rows, err := table.New(k.std.out, k.claimCall.format, k.says.title, head)
	if err != nil {
		return err
	}
	for i := range list {
		for n := range list[i].Candidates {
			if err := rows.Row(k.cells(&list[i], n)...); err != nil {
				return err
			}
		}
	}
	return rows.Close()
}

// cells are the line of one candidate. A table for a terminal says in one column
// what speaks for it and against it, and leaves out where the account lies.
func (k *claiming) cells(p *duplicates.Proposal, n int) []any {
	c := &p.Candidates[n]
	level, doubts, name := k.says.decide, k.says.reasons(p.Why), p.Name
	if p.Certain {
		level = k.says.certain
	}
	screen := k.claimCall.format == "table"
	if n > 0 {
		level, doubts = "", ""
		if screen {
			name = ""
		}
	}
	reasons, records := k.says.reasons(c.Reasons), strings.Join(recordWords(c.Records), " ")
	if !screen {
		return []any{name, level, c.FIO, string(c.School), records, reasons, doubts, p.Display, p.Place}
	}
	said := table.Lines{reasons}
	if doubts != "" {
		said = append(said, k.says.but+doubts)
	}
	fio, _ := person.NormalFIO(c.FIO)
	if display, _ := person.NormalFIO(p.Display); n == 0 && p.Display != "" && display != fio {
		said = append(said, k.says.called+p.Display)
	}
	return []any{name, level, c.FIO, string(c.School), records, said}
}

func claimLineOf(p duplicates.Proposal) claimLine {
	line := claimLine{p.Object, p.Name, p.UPN, p.Display, p.Place, p.Enabled, "decide", []string{}, nil}
	if p.Certain {
		line.Level = "certain"
	}
	for _, w := range p.Why {
		line.Why = append(line.Why, string(w))
	}
	for _, c := range p.Candidates {
		line.Candidates = append(line.Candidates, claimCandidate{recordWords(c.Records), c.FIO, c.Birth.String(), c.School, c.Level, c.Reasons})
	}
	return line
}

// claimPlan is the file that plan writes for apply, but for the candidates of its
// proposals: apply looks at them again.
type claimPlan struct {
	base      string
	proposals []plannedClaim
}

// plannedLine is a proposal in a plan: what claim plan --format json shows, and
// what apply holds against the directory.
type plannedLine struct {
	claimLine
	Certain bool   `json:"certain"`
	Seen    string `json:"seen"`
}

// plannedClaim is what apply reads of it.
type plannedClaim struct {
	Object  duplicates.GUID     `json:"object"`
	Name    string              `json:"name"`
	Certain bool                `json:"certain"`
	Why     []duplicates.Reason `json:"why"`
	Seen    string              `json:"seen"`
}

// claimPlanBytes bounds the file: 200 thousand accounts are 150 MB.
const claimPlanBytes = 1 << 30

// writePlan writes a plan, one proposal after the other.
func (k *claiming) writePlan(w io.Writer, seen *seenDirectory) error {
	head, err := json.Marshal(struct {
		Made    time.Time               `json:"made"`
		Base    string                  `json:"base"`
		Summary duplicates.ClaimSummary `json:"summary"`
	}{k.now(), string(k.config.AD.SearchBase), seen.summary})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s,\"proposals\":", strings.TrimSuffix(string(head), "}")); err != nil {
		return err
	}
	all := &array{to: w}
	for _, p := range seen.proposals {
		if err := all.item(plannedLine{claimLineOf(p), p.Certain, p.Seen}); err != nil {
			return err
		}
	}
	if err := all.end(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "}")
	return err
}

var errClaimPlan = errors.New("this is no plan of claim plan")

// readClaimPlan reads a plan, one proposal after the other.
func readClaimPlan(r io.Reader) (plan claimPlan, err error) {
	in := json.NewDecoder(io.LimitReader(r, claimPlanBytes))
	if err := opens(in, '{'); err != nil {
		return plan, err
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return plan, err
		}
		switch key {
		case "base":
			err = in.Decode(&plan.base)
		case "proposals":
			plan.proposals, err = readProposals(in)
		default:
			var other json.RawMessage
			err = in.Decode(&other)
		}
		if err != nil {
			return plan, err
		}
	}
	_, err = in.Token()
	return plan, err
}

func readProposals(in *json.Decoder) (list []plannedClaim, err error) {
	if err := opens(in, '['); err != nil {
		return nil, err
	}
	for in.More() {
		var p plannedClaim
		if err := in.Decode(&p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	_, err = in.Token()
	return list, err
}

func opens(in *json.Decoder, want json.Delim) error {
	if first, err := in.Token(); err != nil || first != want {
		return errors.Join(errClaimPlan, err)
	}
	return nil
}
