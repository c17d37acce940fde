package explain

import (
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// Hit is one of several who may be meant.
type Hit struct {
	Name   string `json:"name"` // ФИО
	Login  string `json:"login,omitempty"`
	Role   string `json:"role,omitempty"`
	School string `json:"school,omitempty"`
	What   string `json:"what,omitempty"` // class or position
	// Ask is what explain is to be asked for to have this one: a login, a record
	// as "kadry:ID", a person id or a subject.
	Ask string `json:"ask"`
}

// Try is what the last activation of a city account came to, and what it would
// come to now.
type Try struct {
	Login    string    `json:"login"`
	Subject  string    `json:"subject"`
	At       time.Time `json:"at"`
	Own      bool      `json:"own"` // the city account that is bound to the person
	Decision string    `json:"decision"`
	Problems []string  `json:"problems"`
	// NowDecision and Now are the same, judged again by what the registries hold;
	// Reasons are sentences in the reader's language.
	NowDecision string   `json:"decision_now"`
	Now         []string `json:"problems_now"`
	Reasons     []string `json:"reasons"`
	// Works are the logins of the city account that has the person, where this one is a
	// second one: of people whom the reader may see.
	Works []string `json:"works,omitempty"`
	// Refused is the answer of a curator to what it asks, where it was no.
	Refused *Decided `json:"refused,omitempty"`
	// Moved is set where a person was moved away from this city account.
	Moved *Decided `json:"moved_away,omitempty"`
}

// home is the system beside mos.ru whose account it is, "" for mos.ru.
func (t Try) home() string { return identity.Subject(t.Subject).Upstream() }

// hitWords are the fixed texts about hits, tries and the first broken link.
type hitWords struct {
	several, more, choose, broken, besides, who, nothing, noted, toLook, tried, now, other, unproven, works string

	link, decision map[string]string
}

var hitTexts = map[Lang]hitWords{
	Russian: {"Подходит несколько человек", "и другие: уточните запрос", "выбрать", "ГДЕ ОБРЫВ", "КРОМЕ ТОГО, последний отказ во входе", "Кто исправляет", "Обрывов не видно: всё на месте", "Обрывов не видно; на что обратить внимание, отмечено ниже", "Обрывов не видно; обратить внимание", "Последняя активация", "сейчас было бы", "другая учётная запись mos.ru",
		"так назвалось устройство, доказательства нет", "входит сейчас учётная запись mos.ru с логином",
		map[string]string{LinkServer: "эта служба", LinkName: "имя для входа", LinkRecords: "записи реестров", LinkMosru: "учётная запись mos.ru", LinkDecision: "сверка с реестрами",
			LinkAccount: "аккаунт", LinkTarget: "Active Directory", LinkPolicy: "правила входа", LinkPassword: "пароль", LinkDevice: "устройство", LinkNAS: "точка доступа",
			LinkUpstream: "связь с mos.ru", LinkThing: "списки устройств"},
		map[string]string{"match": "подходит", "no_match": "отказ", "manual": "решает куратор"}},
	English: {"Several people fit", "and others: ask more precisely", "choose with", "FIRST BROKEN LINK", "BESIDES, the last refusal", "Who repairs it", "No broken link: all is in place", "No broken link; what deserves a look is noted below", "No broken link; deserves a look", "Last activation", "now it would be", "another mos.ru account",
		"a device said this name and proved nothing", "the mos.ru account that signs in now has the login",
		map[string]string{LinkServer: "this service", LinkName: "the login name", LinkRecords: "registry records", LinkMosru: "the mos.ru account", LinkDecision: "comparison with the registries",
			LinkAccount: "the account", LinkTarget: "Active Directory", LinkPolicy: "sign-in rules", LinkPassword: "the password", LinkDevice: "the device", LinkNAS: "the access point",
			LinkUpstream: "mos.ru", LinkThing: "lists of devices"},
		map[string]string{"match": "matches", "no_match": "refused", "manual": "a curator decides"}},
}

func (r Report) writeHits(p *printer) {
	t := hitTexts[p.lang]
	p.line("%s:", t.several)
	for _, h := range r.Hits {
		p.line("  %s — %s: %s", p.list(h.Name, h.Login, p.fields(word(p.t.role, h.Role), h.School, h.What)), t.choose, h.Ask)
	}
	if r.More {
		p.line("  %s", t.more)
	}
}

// writeBroken comes first: most readers need no more.
func (r Report) writeBroken(p *printer) {
	t := hitTexts[p.lang]
	b := r.Broken
	if b == nil && r.Note != nil {
		r.Note.write(p, t.toLook)
		p.line("")
		return
	}
	if b == nil {
		switch {
		case r.Person != "" && r.noted():
			p.line("%s", t.noted)
		case r.Person != "":
			p.line("%s", t.nothing)
		}
		return
	}
	b.write(p, t.broken)
	if r.Refused != nil {
		r.Refused.write(p, t.besides)
	}
	p.line("")
}

func (b *Link) write(p *printer, title string) {
	t, unproven, where := hitTexts[p.lang], "", b.Where
	if channel, rest, _ := strings.Cut(where, " "); p.t.channel[channel] != "" {
		where = strings.TrimSpace(p.t.channel[channel] + " " + rest)
	}
	if b.Unproven {
		unproven = "(" + t.unproven + ")"
	}
	p.line("%s: %s: %s: %s", title, at(p.home, word(t.link, b.Link)), p.fields(b.Code, where, unproven), b.Meaning)
	p.line("  %s: %s", t.who, b.Who)
	if b.Remedy != "" {
		p.line("  %s: %s", p.t.todo, b.Remedy)
	}
}

// writeTries tells what activations came to, and what they would now.
func (r Report) writeTries(p *printer, loc *time.Location) {
	t := hitTexts[p.lang]
	for _, x := range r.Tries {
		other := ""
		if r.Person != "" && !x.Own {
			other = t.other
		}
		p.home = x.home()
		p.line("%s: %s", t.tried, p.list(x.At.In(loc).Format(clock), p.fields(other, x.Login, inBrackets(x.home())), word(t.decision, x.Decision)))
		p.problems("  ", x.Problems)
		if x.NowDecision == "" {
			continue
		}
		if x.Refused == nil {
			p.line("  %s: %s", t.now, word(t.decision, x.NowDecision))
		}
		for _, reason := range x.Reasons {
			p.line("      %s", reason)
		}
		x.writeRefused(p, loc)
		if len(x.Works) > 0 {
			p.line("      %s: %s", t.works, strings.Join(x.Works, ", "))
		}
		if x.NowDecision != x.Decision || !equal(x.Now, x.Problems) {
			p.problems("      ", x.Now)
		}
	}
	p.home = r.Upstream
	p.problems("  ", r.Would)
}

// inBrackets is a word beside another one; "" stays nothing.
func inBrackets(word string) string {
	if word == "" {
		return ""
	}
	return "(" + word + ")"
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// told is the advice for a code, where the rows have left their registry another one.
func (p *printer) told(code string, advice Advice) Advice {
	if slices.Contains(p.left, code) {
		return leftAdvice(p.lang, advice)
	}
	return advice
}

func (p *printer) problems(indent string, list []string) {
	for _, code := range list {
		if advice, ok := ProblemAdviceAt(p.lang, p.home, match.Code(bare(code))); ok {
			advice = p.told(code, advice)
			p.advice(indent, Advice{code + ": " + advice.Meaning, advice.Remedy})
		}
	}
}

// link says a broken link in words; home is where the person's
// password is at home.
func (b *broken) link(lang Lang, home string) *Link {
	if b.home != "" {
		home = b.home
	}
	l := &Link{Link: b.at, Code: b.code, Where: b.where, Unproven: b.unproven, Ahead: b.ahead}
	n := 0
	if lang == English {
		n = 1
	}
	code := bare(b.code)
	advice, ok := faultAdvice[Fault(code)][n], true
	who := faultRepairers[Fault(code)]
	if Fault(code) == FaultNoTarget {
		advice = adviceAt(lang, home, code, advice)
	}
	if advice.Meaning == "" {
		who = reasonRepairers[identity.Reason(code)]
		advice, ok = AdviceAt(lang, home, identity.Reason(code))
		if problem, known := ProblemAdviceAt(lang, home, match.Code(code)); known && (!ok || ofProblem(b.at) && !b.reason) {
			advice, who = problem, repairers[match.Code(code)]
		}
	}
	if b.who != nil {
		who = *b.who
	}
	who = repairerAt(home, code, who)
	if b.left {
		advice, who = leftAdvice(lang, advice), theSchool
	}
	l.Meaning, l.Remedy, l.Who = advice.Meaning, advice.Remedy, who[n]
	if b.remedy != nil {
		l.Remedy = at(home, b.remedy[n])
	}
	if b.ahead {
		l.Meaning = aheadWords[lang].meaning + l.Meaning
	}
	if b.more != "" {
		l.Meaning += ": " + b.more
	}
	if b.note != nil {
		l.Meaning += ": " + b.note(lang)
	}
	return l
}

// ofProblem says that a code which is a reason and a problem is meant as the
// problem: "EMPLOYMENT_ENDED" of a decision is about one row.
func ofProblem(link string) bool {
	return link == LinkRecords || link == LinkDecision || link == LinkMosru || link == LinkTarget
}
