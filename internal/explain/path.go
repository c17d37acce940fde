package explain

import (
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// Step is one place on the way from mos.ru to a sign-in, as it is drawn.
type Step struct {
	Kind  string // see the steps
	State string // see the states
	Said  string // what is there, in words
	// Broken is the first broken link of all, if it is at this place.
	Broken *Link
}

// The steps. The first four follow each other; the account leads to the next four,
// which stand beside each other and end in sign-ins.
const (
	StepMosru   = "mosru"
	StepRecords = "records"
	StepVerdict = "verdict"
	StepAccount = "account"
	StepAD      = "ad"
	StepPC      = "pc" // boards and PCs that ask over LDAP
	StepWiFi    = "wifi"
	StepTeams   = "teams"
	StepSignIns = "sign_ins"
)

// The states of a step.
const (
	StateGood   = "good"
	StateBroken = "broken" // the first broken link is here
	StateNote   = "note"   // something deserves a look
	StateWait   = "wait"
	StateOff    = "off" // not reached, or not there
)

// Path is the whole way. Trunk, then Branches, then End.
type Path struct {
	Trunk    []Step
	Branches []Step
	End      Step
	// Elsewhere is the first broken link where it is at no step: this service, the
	// name that was typed, an inventory.
	Elsewhere *Link
}

// Known is what the path shows that a Report does not have.
type Known struct {
	Told     time.Time // when mos.ru spoke of the person last; zero: it never did
	Records  int       // rows of registries
	Decision string    // of the last comparison: "match", "manual", "no_match" or ""
	Loc      *time.Location
}

// Path draws a person's report, which Diagnose has looked at.
func (r *Report) Path(lang Lang, k Known) Path {
	d := &drawing{r: r, k: k, t: pathTexts[lang], lang: lang}
	if r.Broken != nil {
		d.at = stepOf(r.Broken)
	}
	p := Path{Trunk: []Step{d.mosru(), d.records(), d.verdict(), d.account()}, Branches: []Step{d.ad(), d.pc(), d.wifi(), d.teams()}, End: d.signIns()}
	reached := true
	for _, part := range [][]Step{p.Trunk, p.Branches} {
		for i := range part {
			d.mark(&part[i], &reached)
		}
	}
	after := true
	d.mark(&p.End, &after)
	if d.at == "" {
		p.Elsewhere = r.Broken
	}
	return p
}

// drawing is a path in the making.
type drawing struct {
	r    *Report
	k    Known
	t    pathWords
	lang Lang
	at   string // the step of the first broken link; "": none
}

// mark puts the broken link where it is. What the trunk leads to is not reached
// after it.
func (d *drawing) mark(s *Step, reached *bool) {
	switch {
	case s.Kind == d.at:
		s.Broken = d.r.Broken
		if s.State = StateBroken; d.r.Broken.Unproven || d.r.Broken.Ahead {
			s.State = StateNote
		}
		trunk := !d.r.Broken.Ahead && slices.Contains([]string{StepMosru, StepRecords, StepVerdict, StepAccount}, s.Kind)
		*reached = *reached && !trunk
	case !*reached && s.State == StateGood && d.r.Account != "" && s.Kind != StepRecords: // those are there all the same
		s.State = StateOff
	}
}

// stepOf says at which step a link is; "": at none.
func stepOf(l *Link) string {
	channel, _, _ := strings.Cut(l.Where, " ")
	switch l.Link {
	case LinkMosru, LinkUpstream:
		return StepMosru
	case LinkRecords:
		return StepRecords
	case LinkDecision:
		return StepVerdict
	case LinkAccount:
		return StepAccount
	case LinkTarget:
		return StepAD
	case LinkPolicy, LinkPassword, LinkDevice, LinkNAS:
		switch channel {
		case identity.ChannelLDAP.String():
			return StepPC
		case identity.ChannelWiFi.String():
			return StepWiFi
		case identity.ChannelWeb.String():
			return StepMosru
		}
		if l.Link == LinkPolicy {
			return StepAccount // a parent: no channel is open
		}
		return StepSignIns
	}
	return ""
}

func (d *drawing) day(at time.Time) string {
	loc := d.k.Loc
	if loc == nil {
		loc = time.UTC
	}
	return at.In(loc).Format("02.01.2006 15:04")
}

func (d *drawing) mosru() Step {
	s := Step{Kind: StepMosru, State: StateOff, Said: d.t.neverSeen}
	if !d.k.Told.IsZero() {
		s.State, s.Said = StateGood, d.t.told+" "+d.day(d.k.Told)
	} else if d.r.Person != "" {
		s.State, s.Said = StateGood, d.t.known
	}
	if d.r.Note != nil && d.r.Note.Link == LinkMosru {
		s.State, s.Said = StateNote, s.Said+"; "+d.r.Note.Meaning
	}
	if d.r.Upstream != "" {
		s.Said = d.r.Upstream + ": " + s.Said
	}
	return s
}

func (d *drawing) records() Step {
	active := slices.ContainsFunc(d.r.Roles, func(r Role) bool { return r.Active })
	switch {
	case d.k.Records == 0:
		return Step{Kind: StepRecords, State: StateNote, Said: d.t.noRecords}
	case active:
		return Step{Kind: StepRecords, State: StateGood, Said: d.roles()}
	case len(d.r.Roles) > 0:
		return Step{Kind: StepRecords, State: StateNote, Said: d.t.ended}
	}
	return Step{Kind: StepRecords, State: StateGood, Said: d.t.found}
}

// roles names those of today, each once.
func (d *drawing) roles() string {
	var words []string
	for _, r := range d.r.Roles {
		said := word(texts[d.lang].role, r.Role)
		if r.Class != "" {
			said += " " + r.Class
		}
		if said += ", " + r.School; r.Active && !slices.Contains(words, said) {
			words = append(words, said)
		}
	}
	return strings.Join(words, "; ")
}

func (d *drawing) verdict() Step {
	s := Step{Kind: StepVerdict, State: StateOff, Said: d.t.notTried}
	switch decision := d.k.Decision; {
	case decision == string(match.Match):
		s.State, s.Said = StateGood, d.t.matched
	case decision != "":
		s.State, s.Said = StateNote, word(hitTexts[d.lang].decision, decision)
	case d.r.Person != "":
		s.State, s.Said = StateGood, d.t.matched
	}
	return s
}

func (d *drawing) account() Step {
	switch {
	case d.r.Suspension != nil:
		return Step{Kind: StepAccount, State: StateNote, Said: d.t.closed}
	case d.r.Account == identity.ReasonRoleNotAllowed:
		return Step{Kind: StepAccount, State: StateOff, Said: d.t.parent}
	case d.r.Account != "" || d.r.Login == "":
		return Step{Kind: StepAccount, State: StateOff, Said: d.t.noAccount}
	}
	return Step{Kind: StepAccount, State: StateGood, Said: d.r.Login}
}

// target is the one in Active Directory; nil where there is none.
func (d *drawing) target() *Target {
	if len(d.r.Targets) == 0 {
		return nil
	}
	return &d.r.Targets[0]
}

func (d *drawing) ad() Step {
	t := d.target()
	if t == nil {
		return Step{Kind: StepAD, State: StateOff, Said: d.t.noTarget}
	}
	s := Step{Kind: StepAD, Said: word(targetTexts[d.lang].state, t.State)}
	if t.State == TargetReady && len(t.Problems) > 0 { // as it should be, but for what is beside it
		s.Said = t.Problems[0].Meaning
	}
	if t.Name != "" {
		s.Said = t.Name + ": " + s.Said
	}
	switch {
	case t.State == TargetPending:
		s.State = StateWait
	case t.found():
		s.State = StateNote
	default:
		s.State = StateGood
	}
	return s
}

func (d *drawing) teams() Step {
	t := d.target()
	if t == nil || t.Teams == "" {
		return Step{Kind: StepTeams, State: StateOff, Said: d.t.noTeams}
	}
	s := Step{Kind: StepTeams, State: StateGood, Said: t.Teams}
	switch t.State {
	case TargetPending:
		s.State = StateWait
	case TargetProblem:
		s.State = StateNote // it has its password from there
	}
	return s
}

func (d *drawing) pc() Step   { return d.channel(StepPC, identity.ChannelLDAP) }
func (d *drawing) wifi() Step { return d.channel(StepWiFi, identity.ChannelWiFi) }

func (d *drawing) channel(kind string, c identity.Channel) Step {
	there := slices.ContainsFunc(d.r.Channels, func(o Channel) bool { return o.Channel == c.String() })
	switch why := d.r.closed(c); {
	case !there:
		return Step{Kind: kind, State: StateOff, Said: d.t.noChannel}
	case why != "":
		advice, _ := AdviceAt(d.lang, d.r.Upstream, why)
		return Step{Kind: kind, State: StateNote, Said: advice.Meaning}
	}
	s := Step{Kind: kind, State: StateGood, Said: d.t.open}
	if kind == StepWiFi && d.r.MSCHAPv2 != nil && d.r.MSCHAPv2.Reason != "" {
		s.Said = d.t.noHash
	}
	return s
}

func (d *drawing) signIns() Step {
	i := slices.IndexFunc(d.r.SignIns, func(s SignIn) bool { return !s.Said })
	if i < 0 {
		return Step{Kind: StepSignIns, State: StateOff, Said: d.t.noSignIns}
	}
	last := d.r.SignIns[i]
	s := Step{Kind: StepSignIns, State: StateGood, Said: d.day(last.At) + ", " + word(texts[d.lang].channel, last.Channel) + ": " + word(texts[d.lang].outcome, last.Outcome)}
	if last.Outcome != identity.Accepted.String() {
		s.State = StateNote
	}
	return s
}

// pathWords are the fixed texts of a path.
type pathWords struct {
	neverSeen, told, known, noRecords, ended, found, notTried, matched, closed, parent, noAccount, noTarget, noTeams, noChannel, open, noHash, noSignIns string
}

var pathTexts = map[Lang]pathWords{
	Russian: {"ещё не входил здесь с учётной записью mos.ru", "сведения получены", "учётная запись известна", "записей в реестрах нет", "действующих записей нет", "запись в реестре есть",
		"сравнивать пока не с чем: попыток активации не было", "профиль и реестры сходятся", "доступ закрыт", "родителю аккаунт не нужен: дневник открыт и без него", "аккаунта пока нет",
		"учётной записи там нет", "логина Teams пока нет", "недоступно без аккаунта", "вход разрешён", "вход разрешён; PEAP-MSCHAPv2 — после входа с паролем", "входов не было"},
	English: {"has not signed in here with a mos.ru account yet", "told on", "the account is known", "no records in the registries", "no record that is active", "there is a record in a registry",
		"nothing to compare yet: nobody tried to activate", "profile and registries agree", "shut out", "a parent needs no account: the diary is open without one", "no account yet",
		"no account there", "no Teams login yet", "not to be had without an account", "open", "open; PEAP-MSCHAPv2 after a sign-in with the password", "no sign-ins"},
}

// ReasonIn says a reason of a sign-in in one sentence, or gives it as it is.
func ReasonIn(lang Lang, home string, reason identity.Reason) string {
	if advice, ok := AdviceAt(lang, home, reason); ok {
		return advice.Meaning
	}
	if advice, ok := ProblemAdviceAt(lang, home, match.Code(reason)); ok {
		return advice.Meaning
	}
	return string(reason)
}

// Together gives channels with the same answer one line, as Write does.
func (r Report) Together(lang Lang) []Channel { return together(r.Channels, texts[lang].more) }

// ChannelIn, OutcomeIn and RoleIn say a code of a report in words.
func ChannelIn(lang Lang, channel string) string { return word(texts[lang].channel, channel) }

// OutcomeIn says how a sign-in ended.
func OutcomeIn(lang Lang, outcome string) string { return word(texts[lang].outcome, outcome) }

// RoleIn says a role.
func RoleIn(lang Lang, role string) string { return word(texts[lang].role, role) }

// DecisionIn says what a comparison came to.
func DecisionIn(lang Lang, decision string) string { return word(hitTexts[lang].decision, decision) }

// LinkIn names a link of the chain.
func LinkIn(lang Lang, home, link string) string { return at(home, word(hitTexts[lang].link, link)) }

// ProblemText says a problem by its code as lists show it.
func ProblemText(lang Lang, home, code string) Problem {
	advice, _ := ProblemAdviceAt(lang, home, match.Code(bare(code)))
	return Problem{Code: code, Meaning: advice.Meaning, Remedy: advice.Remedy}
}

// Alike says that two attempts differ in time only.
func (s SignIn) Alike(other SignIn) bool { return s.alike(other) }

// Line says for what a change waits.
func (w *Waiting) Line(lang Lang, loc *time.Location) string { return w.line(lang, loc) }
