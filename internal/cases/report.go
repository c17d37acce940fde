package cases

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

// Report is what became of all cases of a file.
type Report struct {
	File    string
	Answers []Answer
	Table   *policy.Table
}

// Findings is how many cases differ.
func (r Report) Findings() int {
	n := 0
	for _, a := range r.Answers {
		if len(a.Differs) > 0 {
			n++
		}
	}
	return n
}

type phrases struct {
	differs, want, got, allow, refuse, none, nothing, later, summary, role, seen, unseen string
}

var texts = map[explain.Lang]phrases{
	explain.Russian: {"не так, как ожидалось", "ожидалось", "вышло", "впустить", "отказать", "ни одно правило не подошло", "нет", "ниже подошло бы и",
		"случаев: %d, как ожидалось: %d, иначе: %d", "вопросов к правилам не было: у nobody нет ролей, а неизвестного устройства нет в списке", "видно", "не видно"},
	explain.English: {"not as expected", "expected", "got", "admit", "refuse", "no rule fits", "none", "below it would fit too",
		"cases: %d, as expected: %d, otherwise: %d", "no rule was asked: nobody has no roles, and what is not listed is unknown", "seen", "not seen"},
}

// Write prints every case that differs with all questions of the table, and a
// summary.
func (r Report) Write(w io.Writer, lang explain.Lang) error {
	t := texts[lang]
	out := bufio.NewWriter(w)
	line := func(format string, args ...any) {
		// What the file says must not move the reader's cursor.
		fmt.Fprintln(out, strings.Map(func(c rune) rune {
			if !unicode.IsPrint(c) {
				return '\uFFFD'
			}
			return c
		}, fmt.Sprintf(format, args...)))
	}
	for _, a := range r.Answers {
		if len(a.Differs) == 0 {
			continue
		}
		line("%s:%d: %s: %s", r.File, a.Case.Line, a.Case.title(), t.differs)
		for _, d := range a.Differs {
			line("    %s: %s %s, %s %s", d.Field, t.want, t.word(d.Want), t.got, t.word(d.Got))
		}
		if a.Case.Look != nil {
			if !a.Sight.Seen {
				line("    %s: %s", a.Sight.Unseen, a.Sight.words(lang))
			}
			continue
		}
		if a.Decision.Reason != "" {
			advice, _ := explain.AdviceFor(lang, a.Decision.Reason)
			line("    %s: %s", a.Decision.Reason, advice.Meaning)
		}
		asked := r.asked(a)
		for i, s := range a.Decision.Steps {
			mark := "   "
			switch {
			case i == a.Decision.Decided:
				mark = ">  "
			case s.Fits:
				mark = "+  "
			}
			line("    %s%s", mark, explain.Question(lang, s, asked))
		}
		switch {
		case len(a.Decision.Steps) == 0:
			line("    %s", t.role)
		case a.Decision.Decided < 0:
			line("    %s", t.none)
		}
		for _, s := range a.Decision.Later() {
			line("    %s: «%s» (%s)", t.later, s.Rule, s.Pair)
		}
	}
	findings := r.Findings()
	line(t.summary, len(r.Answers), len(r.Answers)-findings, findings)
	return out.Flush()
}

func (r Report) asked(a Answer) explain.Asked {
	return explain.Asked{Channel: a.Case.Channel, Source: a.Case.Source, When: a.Case.When.In(r.Table.Zone())}
}

func (t phrases) word(s string) string {
	switch s {
	case wordAllow:
		return t.allow
	case wordRefuse:
		return t.refuse
	case wordNone:
		return t.nothing
	case wordSeen:
		return t.seen
	case wordUnseen:
		return t.unseen
	}
	return s
}

// title tells a case from others.
func (c Case) title() string {
	var parts []string
	if q := c.Look; q != nil {
		from := ""
		if q.From.IsValid() {
			from = q.From.String()
		}
		for _, s := range []string{c.Name, c.who, from, q.Base, c.whom, q.Attribute} {
			if s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ", ")
	}
	for _, s := range []string{c.Name, c.who, c.Channel.String(), c.Source.NAS, c.Source.SSID, c.Source.School, c.When.Format("2006-01-02 15:04")} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// The JSON of a report.
type (
	jsonReport struct {
		File     string        `json:"file"`
		Cases    int           `json:"cases"`
		Expected int           `json:"as_expected"`
		Findings []jsonFinding `json:"findings"`
	}
	jsonFinding struct {
		Line    int             `json:"line"`
		Name    string          `json:"name,omitempty"`
		Who     string          `json:"who"`
		Reason  identity.Reason `json:"reason,omitempty"`
		Unseen  string          `json:"unseen,omitempty"`
		Differs []Difference    `json:"differs"`
		Steps   []jsonStep      `json:"steps"`
		Decided int             `json:"decided"` // index of the step that decided, or -1
	}
	jsonStep struct {
		Rule  string       `json:"rule"`
		Pair  string       `json:"pair"`
		Fits  bool         `json:"fits"`
		Allow bool         `json:"allow"`
		Field policy.Field `json:"field,omitempty"` // what did not fit
		Words string       `json:"words"`
	}
)

// WriteJSON prints the same as data.
func (r Report) WriteJSON(w io.Writer, lang explain.Lang) error {
	findings := r.Findings()
	out := jsonReport{File: r.File, Cases: len(r.Answers), Expected: len(r.Answers) - findings, Findings: []jsonFinding{}}
	for _, a := range r.Answers {
		if len(a.Differs) == 0 {
			continue
		}
		f := jsonFinding{Line: a.Case.Line, Name: a.Case.Name, Who: a.Case.who, Reason: a.Decision.Reason, Unseen: a.Sight.Unseen, Differs: a.Differs, Steps: []jsonStep{}, Decided: a.Decision.Decided}
		asked := r.asked(a)
		for _, s := range a.Decision.Steps {
			f.Steps = append(f.Steps, jsonStep{s.Rule, s.Pair.String(), s.Fits, s.Allow, s.Field, explain.Question(lang, s, asked)})
		}
		out.Findings = append(out.Findings, f)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
