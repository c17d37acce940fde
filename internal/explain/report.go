// Package explain says why somebody can or cannot sign in: who it is, what the
// registries say, what each channel answers and why, and what to do. It judges
// nothing itself; the caller hands it what auth, policy and the store found.
//
// Start reading at Report and its Write.
package explain

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// Report is the whole answer about one name.
type Report struct {
	Asked string `json:"asked"`
	Query string `json:"query,omitempty"` // the kind of what was asked: "login", "fio", …
	// Broken is the first broken link; nil where nothing is.
	Broken *Link `json:"first_broken_link"`
	// Refused is the last refusal here where the first broken link is in a target:
	// neither comes of the other.
	Refused *Link `json:"last_refusal,omitempty"`
	// Hits are those who may be meant where there are several; the rest of the
	// report is empty then. More says that there are others.
	Hits []Hit `json:"hits,omitempty"`
	More bool  `json:"more_hits,omitempty"`
	// Server is what is wrong with this installation; the report's caller looked.
	Server []Finding `json:"server,omitempty"`
	// Tries are activations that something stood in the way of, Would is what
	// would stand in the way of somebody who never tried.
	Tries []Try    `json:"tries,omitempty"`
	Would []string `json:"would,omitempty"`
	// Left are the codes of Tries, Would, Next and Channels that are so because the
	// rows which they are about have left their registry.
	Left []string `json:"left_registry,omitempty"`
	// Next is what the next activation of somebody with an account would come to by
	// what mos.ru said last and the registries hold now; nil where it would pass, or
	// where that is a try's to tell.
	Next *Next `json:"next_activation,omitempty"`

	Person    string          `json:"person,omitempty"` // person id, "" where there is no account
	Login     string          `json:"login,omitempty"`
	Others    []string        `json:"other_names,omitempty"` // that are the person's too: before a rename, at mos.ru, in the ЭЖД
	Name      string          `json:"name,omitempty"`        // ФИО
	UIDNumber uint32          `json:"uid_number,omitempty"`
	Roles     []Role          `json:"roles"`
	Records   []string        `json:"records"` // what the registries hold where there is no account
	Account   identity.Reason `json:"account,omitempty"`
	// Upstream owns the person in mos.ru's place; NoUpstream: it is in the
	// configuration no more, and nobody else is asked.
	Upstream   string `json:"upstream,omitempty"`
	NoUpstream bool   `json:"no_upstream,omitempty"`
	// Marked is the system of upstreams whose DOMAIN\ or @realm was asked with, where
	// the login is not a person's of it: with that mark it is nobody's.
	Marked string `json:"marked,omitempty"`
	// NameOf is, of somebody whose mos.ru login is another person's name here, that
	// login.
	NameOf string `json:"name_of_another,omitempty"`
	// Foreign is the DOMAIN\ or @realm that was asked with and is in no names.domains
	// or names.realms.
	Foreign  string    `json:"foreign,omitempty"`
	Channels []Channel `json:"channels"`
	MSCHAPv2 *MSCHAPv2 `json:"mschapv2,omitempty"` // nil where there is no account
	Targets  []Target  `json:"targets"`
	SignIns  []SignIn  `json:"sign_ins"`
	// Sessions live on the Wi-Fi, or were asked to end lately.
	Sessions []Session `json:"sessions"`

	// Suspension is nil where nobody closed the account.
	Suspension *Suspension `json:"suspension,omitempty"`

	// Decisions are what people have decided of the person in the queue, the newest first.
	Decisions []Decided `json:"decisions,omitempty"`
	// Moved is set where a person was moved away from the city account in question.
	Moved *Moved `json:"moved_away,omitempty"`
	// There are accounts of targets beside the person's own: that were claimed, are asked
	// about, or have the name that was asked for.
	There []There `json:"there,omitempty"`
	// Note is what deserves somebody's look and stands in nobody's way.
	Note *Link `json:"note,omitempty"`
	// Zone is where times in sentences of Diagnose are told; every report has one.
	Zone *time.Location `json:"-"`

	// Thing says that no person was asked about: "device", "machine", "service"
	// or "". Things are the lines of the configuration that fit it.
	Thing  string  `json:"thing,omitempty"`
	Things []Thing `json:"things,omitempty"`

	// Heard is the newest request of an access point that was understood: it knows the
	// secret and says whom it is about. Zero: none of late.
	Heard time.Time `json:"heard,omitzero"`

	// Silent says of an address that no line of the configuration has it, and that
	// nothing which was kept came from there.
	Silent bool `json:"silent,omitempty"`

	// Also is the device or machine that the name of somebody reads as, where
	// there is one, or else whose login it is at mos.ru, where that is another.
	Also *Report `json:"also,omitempty"`
}

// Role is one employment or enrolment of the person.
type Role struct {
	Role   string `json:"role"`
	School string `json:"school"`
	Class  string `json:"class,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Active bool   `json:"active"`
}

// Channel is the answer on one channel, as of now and before any password.
type Channel struct {
	Channel string          `json:"channel"`
	Allowed bool            `json:"allowed"`
	Reason  identity.Reason `json:"reason,omitempty"`
	Rule    string          `json:"rule,omitempty"` // the policy rule that decided, also where it refused
	By      string          `json:"by,omitempty"`   // the role and school that it fitted: "staff@1234"
	VLAN    string          `json:"vlan,omitempty"`
	Where   string          `json:"where,omitempty"`
	Later   []Later         `json:"later,omitempty"`
}

// SignIn is one attempt from the audit trail.
type SignIn struct {
	At      time.Time       `json:"at"`
	Channel string          `json:"channel"`
	Method  string          `json:"method,omitempty"` // of EAP, or what was shown in place of a password
	Device  string          `json:"device,omitempty"`
	NAS     string          `json:"nas,omitempty"`
	Addr    string          `json:"addr,omitempty"` // of the computer or board; "" on the Wi-Fi
	Outcome string          `json:"outcome"`
	Reason  identity.Reason `json:"reason"`
	After   string          `json:"after,omitempty"` // "accepted": the server had said yes
	// Upstream is the system beside mos.ru that was asked about somebody not known here.
	Upstream string `json:"upstream,omitempty"`
	// Who signed in, in a device's report. ByDevice says, in a person's, that the
	// device is all that tells whose attempt it was; Said, that nothing but a name
	// does which a device gave and did not prove.
	Who      string `json:"who,omitempty"`
	ByDevice bool   `json:"by_device,omitempty"`
	Said     bool   `json:"said,omitempty"`
}

// Found says whether anything stands in the way, by what Diagnose found: a broken
// link, or that nobody or several are meant. Commands exit 1 then. What deserves a
// look and keeps nobody out is no finding, and neither is what anybody can cause by
// saying a name.
func (r Report) Found() bool {
	return r.Account != "" || r.NoUpstream || len(r.Hits) > 0 || r.Broken != nil && !r.Broken.Unproven
}

// noted says whether there is anything to look at: beside what stands in the way
// a channel that refuses somewhere, a problem in a target beside which all works,
// or a last sign-in that failed, however long ago.
func (r Report) noted() bool {
	if r.Found() {
		return true
	}
	if slices.ContainsFunc(r.Channels, func(c Channel) bool { return !c.Allowed && !r.elsewhere(c) }) {
		return true
	}
	if r.Note != nil || slices.ContainsFunc(r.Targets, Target.found) {
		return true
	}
	i := slices.IndexFunc(r.SignIns, func(s SignIn) bool { return !s.Said })
	return i >= 0 && r.SignIns[i].Outcome != identity.Accepted.String()
}

// elsewhere says that a refusal is about another school's access point, while
// the same channel is open at one.
func (r Report) elsewhere(c Channel) bool {
	return c.Reason == identity.ReasonSchoolNotAllowed &&
		slices.ContainsFunc(r.Channels, func(o Channel) bool { return o.Allowed && o.Channel == c.Channel })
}

// words are the fixed texts of a report. Codes that a map does not know are
// shown as they are.
type words struct {
	account, none, roles, active, ended, records, channels, things, more, yes, no, signIns, noSignIns, todo, rule, since, until, confirmed, ahead, after, byDevice, said string

	role, channel, outcome map[string]string
}

func word(of map[string]string, code string) string {
	if w, ok := of[code]; ok {
		return w
	}
	return code
}

var texts = map[Lang]words{
	Russian: {"Аккаунт", "нет", "Роли", "действует", "не действует", "Записи реестров", "Вход сейчас (если пароль верен)", "Вход сейчас", " и ещё %d",
		"можно", "нельзя", "Последние попытки входа", "не было", "Что делать", "правило", "с", "по", "образец пароля подтверждён", "образец пароля пришёл с событием о его смене, считается подтверждённым на", "после нашего «да»", "(по устройству)", "Попытки без доказательства (такую может вызвать кто угодно)",
		map[string]string{"staff": "сотрудник", "pupil": "ученик", "parent": "родитель"},
		map[string]string{"ldap": "ПК, доски", "web": "сайт", "wifi": "Wi-Fi"},
		map[string]string{"accepted": "вошёл", "rejected": "отказ", "unavailable": "недоступно", "malformed": "неверный запрос"}},
	English: {"Account", "none", "Roles", "active", "not active", "Registry records", "Sign-in now (if the password is right)", "Sign-in now", " and %d more",
		"allowed", "refused", "Last sign-ins", "none", "What to do", "rule", "from", "to", "the kept hash was confirmed", "the kept hash came with the event of its change, and counts as confirmed at", "after our yes", "(by the device)", "Attempts without proof (anybody can cause one)",
		nil, map[string]string{"ldap": "PCs, boards", "wifi": "Wi-Fi"}, nil},
}

// Write prints the report for a person to read. Times are shown in loc.
func (r Report) Write(w io.Writer, lang Lang, loc *time.Location) error {
	p := &printer{w: w, lang: lang, t: texts[lang], home: r.Upstream, left: r.Left}
	if len(r.Hits) > 0 {
		r.writeHits(p)
		return p.err
	}
	r.writeBroken(p)
	if r.Thing != "" {
		r.writeThings(p, loc)
	} else {
		r.writeAccount(p)
	}
	r.writeTries(p, loc)
	r.writeNext(p)
	r.writeDecided(p, loc)
	r.writeSuspension(p, loc)
	r.writeChannels(p)
	r.writeMSCHAPv2(p, loc)
	r.writeTargets(p, loc)
	r.writeThere(p, loc)
	r.writeSessions(p, loc)
	r.writeSignIns(p, loc)
	if r.Also != nil && p.err == nil {
		p.line("")
		return r.Also.Write(w, lang, loc)
	}
	return p.err
}

// nobodyBy says that a query that is no login found nobody, by its kind.
var nobodyBy = map[Lang]map[string]string{
	Russian: {"phone": "С таким телефоном здесь нет никого", "email": "С такой почтой здесь нет никого", "snils": "С таким СНИЛС здесь нет никого", "fio": "С таким ФИО здесь нет никого"},
	English: {"phone": "Nobody here has this phone", "email": "Nobody here has this e-mail", "snils": "Nobody here has this SNILS", "fio": "Nobody here has this full name"},
}

func (r Report) writeAccount(p *printer) {
	if text := nobodyBy[p.lang][r.Query]; text != "" && r.Account == identity.ReasonUnknown && len(r.Tries) == 0 {
		p.line("%s", text)
		r.writeForeign(p)
		return
	}
	if r.Person == "" {
		p.line("%s «%s»: %s", p.t.account, r.Asked, p.list(p.t.none, r.Name))
	} else if r.Login == "" { // a parent, or somebody who has not activated
		p.line("%s: %s", p.t.account, p.list(p.t.none, r.Name, "id "+r.Person))
	} else {
		p.line("%s: %s", p.t.account, p.list(r.Login, r.Name, fmt.Sprintf("uidNumber %d", r.UIDNumber), "id "+r.Person))
	}
	if len(r.Others) > 0 {
		p.line("  "+map[Lang]string{Russian: "Другие имена этого человека, прежние тоже (входить можно и с ними): %s",
			English: "Other names of this person, former ones too (they serve to sign in as well): %s"}[p.lang], strings.Join(r.Others, ", "))
	}
	r.writeUpstream(p)
	if r.NameOf != "" {
		p.line("  "+map[Lang]string{Russian: "Логин mos.ru — %s; здесь это имя другого человека: на ПК, досках и в Wi-Fi действует %s.",
			English: "The mos.ru login is %s; that is another person's name here: on PCs, boards and the Wi-Fi %s serves."}[p.lang], r.NameOf, r.Login)
	}
	if r.Account != "" {
		p.reason("  ", r.Account)
	}
	r.writeForeign(p)
	if len(r.Roles) > 0 {
		p.line("%s:", p.t.roles)
	}
	for _, role := range r.Roles {
		state := p.t.active
		if !role.Active {
			state = p.t.ended
		}
		p.line("  %s, %s: %s", word(p.t.role, role.Role), p.fields(role.School, role.Class, p.period(role.From, role.To)), state)
	}
	if len(r.Records) > 0 {
		p.line("%s:", p.t.records)
	}
	for _, record := range r.Records {
		p.line("  %s", record)
	}
}

// writeForeign says what to do about a domain or realm that is not known as ours.
func (r Report) writeForeign(p *printer) {
	if r.Foreign != "" {
		p.line("  "+map[Lang]string{Russian: "Если «%s» — ваш домен или окончание логина, впишите его в names.domains (ДОМЕН\\логин) или names.realms (логин@окончание).",
			English: "If “%s” is a domain or an ending of logins of yours, add it to names.domains (DOMAIN\\login) or names.realms (login@realm)."}[p.lang], r.Foreign)
	}
}

// writeUpstream names who checks the password where that is not mos.ru.
func (r Report) writeUpstream(p *printer) {
	if r.Upstream == "" {
		return
	}
	p.line("  "+map[Lang]string{Russian: "Пароль проверяет %s, не mos.ru.",
		English: "The password is checked by %s, not by mos.ru."}[p.lang], r.Upstream)
}

// writeChannels gives each channel a line, and each remedy once: most often all
// channels are closed for one reason.
func (r Report) writeChannels(p *printer) {
	if len(r.Channels) == 0 {
		return
	}
	if r.Thing == "" {
		p.line("%s:", p.t.channels)
	} else { // it has no password
		p.line("%s:", p.t.things)
	}
	told := map[identity.Reason]bool{}
	for _, c := range together(r.Channels, p.t.more) {
		what := p.fields(word(p.t.channel, c.Channel), c.Where)
		if c.Allowed {
			p.line("  %s: %s, %s", what, p.t.yes, p.decision(c))
			p.writePolicy(c)
			continue
		}
		p.line("  %s: %s", what, p.list(p.t.no, string(c.Reason), p.decision(c)))
		p.writePolicy(c)
		if !told[c.Reason] {
			told[c.Reason] = true
			p.reason("      ", c.Reason)
		}
	}
}

// placesNamed is how many access points of one answer are named.
const placesNamed = 4

// together gives channels of the same answer one line: a city has hundreds of
// access points that refuse a pupil.
func together(all []Channel, more string) []Channel {
	var list []Channel
	var places []int
	for _, c := range all {
		i := slices.IndexFunc(list, func(o Channel) bool { return c.answersAs(o) })
		if i < 0 {
			list, places = append(list, c), append(places, 1)
			continue
		}
		if places[i]++; places[i] <= placesNamed {
			list[i].Where += ", " + c.Where
		}
	}
	for i, n := range places {
		if n > placesNamed {
			list[i].Where += fmt.Sprintf(more, n-placesNamed)
		}
	}
	return list
}

// answersAs says that two answers differ in the place only.
func (c Channel) answersAs(other Channel) bool {
	return c.Channel == other.Channel && c.Allowed == other.Allowed && c.Reason == other.Reason &&
		c.Rule == other.Rule && c.By == other.By && c.VLAN == other.VLAN && slices.Equal(c.Later, other.Later)
}

// signInLines is how many lines the last attempts take, saidLines how many those
// apart from them which anybody can cause. A device that tries again and again
// takes one.
const (
	signInLines = 10
	saidLines   = 5
)

// writeSignIns lists the attempts, the newest first, and explains each reason
// for which one failed, once: another device may have got in since. Those whose
// name nobody proved come after them.
func (r Report) writeSignIns(p *printer, loc *time.Location) {
	nobody := r.Person == "" && (r.Thing == "" || r.Thing == ThingService || r.Thing == ThingAddress || !r.Heard.IsZero())
	if nobody && len(r.SignIns) == 0 {
		return
	}
	var proven, said []SignIn
	for _, s := range r.SignIns {
		if s.Said {
			said = append(said, s)
		} else {
			proven = append(proven, s)
		}
	}
	explained := map[identity.Reason]bool{r.Account: nobody}
	if r.Account == identity.ReasonNotActivated { // who has no account yet is nobody at a sign-in
		explained[identity.ReasonUnknown] = true
	}
	if len(proven) == 0 {
		p.line("%s: %s", p.t.signIns, p.t.noSignIns)
	} else {
		p.line("%s:", p.t.signIns)
		p.attempts(proven, signInLines, loc, explained)
	}
	if len(said) > 0 {
		p.line("%s:", p.t.said)
		p.attempts(said, saidLines, loc, explained)
	}
}

// attempts writes at most so many lines, each for those alike that follow each
// other.
func (p *printer) attempts(list []SignIn, lines int, loc *time.Location, explained map[identity.Reason]bool) {
	for i := 0; i < len(list) && lines > 0; lines-- {
		s, n := list[i], 0
		for i < len(list) && s.alike(list[i]) {
			i, n = i+1, n+1
		}
		after, by, times := "", "", ""
		if n > 1 {
			times = fmt.Sprintf("×%d", n)
		}
		if s.After != "" {
			after = p.t.after
		}
		if s.ByDevice {
			by = p.t.byDevice
		}
		p.line("  %s", p.fields(s.At.In(loc).Format(clock), word(p.t.channel, s.Channel), s.NAS, s.Device, s.Addr, s.Who, s.Method, word(p.t.outcome, s.Outcome), after, string(s.Reason), by, times))
		if !explained[s.Reason] && s.Outcome != identity.Accepted.String() {
			explained[s.Reason] = true
			home := p.home
			p.home = cmp.Or(s.Upstream, home)
			p.reason("      ", s.Reason)
			p.home = home
		}
	}
}

// alike says that two attempts differ in time only.
func (s SignIn) alike(other SignIn) bool {
	other.At = s.At
	return s == other
}

// printer remembers the first error of many writes.
type printer struct {
	w    io.Writer
	lang Lang
	t    words
	home string   // whose password is told of; "": mos.ru
	left []string // Report.Left
	err  error
}

func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	// What registries and devices wrote must not move the reader's cursor.
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, fmt.Sprintf(format, args...))
	_, p.err = fmt.Fprintln(p.w, text)
}

func (p *printer) reason(indent string, reason identity.Reason) {
	advice, ok := AdviceAt(p.lang, p.home, reason)
	if !ok { // an activation ends with a problem's code
		advice, _ = ProblemAdviceAt(p.lang, p.home, match.Code(reason))
	}
	advice = p.told(string(reason), advice)
	advice.Meaning = string(reason) + ": " + advice.Meaning
	p.advice(indent, advice)
}

func (p *printer) advice(indent string, a Advice) {
	p.line("%s%s", indent, a.Meaning)
	if a.Remedy != "" {
		p.line("%s%s: %s", indent, p.t.todo, a.Remedy)
	}
}

// list joins the phrases that are there.
func (p *printer) list(phrases ...string) string {
	return strings.Join(slices.DeleteFunc(phrases, func(s string) bool { return s == "" }), ", ")
}

// fields joins the words that are there.
func (p *printer) fields(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

func (p *printer) period(from, to string) string {
	var words []string
	if from != "" {
		words = append(words, p.t.since, from)
	}
	if to != "" {
		words = append(words, p.t.until, to)
	}
	return p.fields(words...)
}
