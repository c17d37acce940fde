package explain

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// Decided is what somebody has decided of a person in the queue.
type Decided struct {
	ID     string     `json:"id"`
	Verb   queue.Verb `json:"verb"`
	At     time.Time  `json:"at"`
	By     string     `json:"by"`             // in words: the role, and the name of the account
	What   string     `json:"what,omitempty"` // records, an account or a name
	Reason string     `json:"reason,omitempty"`
	Undone time.Time  `json:"undone,omitzero"`
}

// Moved says that a person was moved away from the city account in question.
type Moved struct {
	Decided
	// Works is the login of the city account by which the person works since, of people
	// whom the reader may see.
	Works string `json:"works,omitempty"`
}

// decidedText are the words of decisions in one language.
type decidedText struct {
	title, undone, reason, refused, moved, works, by string
	verbs                                            map[queue.Verb]string
	refusedRemedy, movedRemedy                       string
}

var decidedTexts = map[Lang]decidedText{
	Russian: {"Решения людей", "отменено %s", "причина: «%s»", "в просьбе отказано", "человека перевели на другую учётную запись mos.ru", "её логин %s", "решил(а): %s",
		map[queue.Verb]string{queue.Bind: "запись реестра признана этого человека", queue.Refuse: "отказ", queue.Adopt: "учётная запись AD признана этого человека", queue.Claim: "учётная запись AD признана этого человека",
			queue.Further: "и эта учётная запись AD — этого человека, лишняя", queue.Allocate: "дано имя", queue.Transfer: "человек переведён на другую учётную запись mos.ru"},
		"Человек приходит в школу с паспортом и СНИЛС. Если данные исправят на mos.ru или в реестре, вопрос откроется сам после новой активации; ошибочный отказ отменяет тот, кто решает: schoolbridge queue undo %s.",
		"Человек входит с той учётной записью mos.ru. Если это ошибка, перевод отменяет тот, кто решает: schoolbridge queue undo %s."},
	English: {"Decisions of people", "taken back %s", "reason: “%s”", "this was refused", "the person was moved to another mos.ru account", "its login is %s", "by %s",
		map[queue.Verb]string{queue.Bind: "a record is this person's", queue.Refuse: "refused", queue.Adopt: "an AD account is this person's", queue.Claim: "an AD account is this person's",
			queue.Further: "an AD account is this person's too, one too many", queue.Allocate: "a name was given", queue.Transfer: "the person was moved to another mos.ru account"},
		"The person comes to the school with passport and SNILS. Once the data are corrected on mos.ru or in the registry, the question opens by itself at the next activation; whoever decides takes a mistaken refusal back: schoolbridge queue undo %s.",
		"The person signs in with that mos.ru account. If it is a mistake, whoever decides takes the move back: schoolbridge queue undo %s."},
}

// VerbIn says what was decided.
func (d Decided) VerbIn(lang Lang) string {
	return cmp.Or(decidedTexts[lang].verbs[d.Verb], string(d.Verb))
}

// said is when, by whom and why.
func (d Decided) said(lang Lang, loc *time.Location) string {
	t := decidedTexts[lang]
	words := []string{d.At.In(loc).Format(clock), fmt.Sprintf(t.by, d.By)}
	if d.Reason != "" {
		words = append(words, fmt.Sprintf(t.reason, d.Reason))
	}
	return strings.Join(words, ", ")
}

// writeDecided tells who decided what.
func (r Report) writeDecided(p *printer, loc *time.Location) {
	t := decidedTexts[p.lang]
	if len(r.Decisions) > 0 {
		p.line("%s:", t.title)
	}
	for _, d := range r.Decisions {
		undone := ""
		if !d.Undone.IsZero() {
			undone = fmt.Sprintf(t.undone, d.Undone.In(loc).Format(clock))
		}
		p.line("  %s", p.list(p.fields(d.ID+":", d.VerbIn(p.lang), d.What), d.said(p.lang, loc), undone))
	}
}

// moved: whose city account was asked about works under another one since.
func (r *Report) moved(time.Time) *broken {
	m := r.Moved
	if m == nil || r.Person != "" {
		return nil
	}
	b := &broken{at: LinkMosru, code: string(FaultMoved), who: &thePerson, remedy: m.remedy(func(t decidedText) string { return t.movedRemedy })}
	b.note = func(lang Lang) string {
		said := m.said(lang, r.Zone)
		if m.Works != "" {
			said += ", " + fmt.Sprintf(decidedTexts[lang].works, m.Works)
		}
		return said
	}
	return b
}

// remedy is a text that names the decision, in both languages.
func (d Decided) remedy(text func(decidedText) string) *[2]string {
	return &[2]string{fmt.Sprintf(text(decidedTexts[Russian]), d.ID), fmt.Sprintf(text(decidedTexts[English]), d.ID)}
}

// problemOf is the broken link of a try: what decided, or that a person has refused it.
func (r *Report) problemOf(t *Try, problem string) *broken {
	b := &broken{at: linkOf(codeOf(problem)), code: problem, home: t.home()}
	if d := t.Refused; d != nil {
		b.who, b.remedy = &thePerson, d.remedy(func(t decidedText) string { return t.refusedRemedy })
		b.note = func(lang Lang) string { return decidedTexts[lang].refused + " " + d.said(lang, r.Zone) }
	}
	return b
}

// asks notes that somebody asks for a working person's access with another city
// account: it stands in nobody's way, and is the curator's to look at.
func (r *Report) asks(lang Lang) *Link {
	if r.Person == "" {
		return nil
	}
	for i := range r.Tries {
		t := &r.Tries[i]
		p := decisive(t.Now)
		if p == "" || t.Own || t.Refused != nil || t.askedFor(r.Asked) {
			continue
		}
		b := r.problemOf(t, p)
		b.at, b.where = LinkMosru, t.Login
		if codeOf(p) == match.MultipleMosruAccounts {
			b.code = string(FaultAsked)
		}
		return b.link(lang, r.Upstream)
	}
	return nil
}

// askedFor says that the report is about this city account itself.
func (t *Try) askedFor(name string) bool {
	return name != "" && (name == t.Subject || strings.EqualFold(name, t.Login))
}

// writeRefused says of a try that a person has refused it.
func (t Try) writeRefused(p *printer, loc *time.Location) {
	if t.Refused != nil {
		p.line("      %s: %s", decidedTexts[p.lang].refused, t.Refused.said(p.lang, loc))
	}
	if t.Moved != nil {
		p.line("      %s: %s", decidedTexts[p.lang].moved, t.Moved.said(p.lang, loc))
	}
}

// ByIn says who decided: a user of this server, the break-glass account, or an
// administrator with the name of the account, of some schools or of the city.
func ByIn(lang Lang, by, account string, schools []string) string {
	_, notPerson := identity.ParsePersonID(by)
	ru := lang != English
	choose := func(russian, english string) string {
		if ru {
			return russian
		}
		return english
	}
	switch {
	case notPerson != nil && strings.HasPrefix(by, "uid "):
		return choose("оператор на сервере, ", "the operator on the server, ") + by
	case notPerson != nil:
		return choose("аварийный вход или команда: ", "break-glass or a command: ") + by
	case len(schools) == 0:
		return strings.TrimSpace(choose("администрация города ", "the city's administration ") + account)
	}
	return strings.Join(strings.Fields(choose("администрация школы ", "the school's administration ")+strings.Join(schools, ", ")+" "+account), " ")
}
