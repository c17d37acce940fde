package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/provision/queue"
)

const queueAddress = address + "/queue"

// deciding is where people answer what the rules leave to them, and what was
// written to us.
var deciding = part{
	nav: entry{address: queueAddress, title: "queue.nav", icon: "inbox", may: rights.SeePeople},
	pages: map[string]page{
		"GET " + queueAddress:                 {do: (*visit).queue, may: rights.SeePeople},
		"POST " + queueAddress:                {do: (*visit).findCase, may: rights.SeePeople, back: queueAddress},
		"GET " + queueAddress + "/{id}":       {do: (*visit).oneCase, may: rights.SeePeople, costly: true},
		"POST " + queueAddress + "/{id}":      {do: (*visit).decide, may: rights.Decide, back: queueAddress},
		"POST " + queueAddress + "/{id}/undo": {do: (*visit).undo, may: rights.Decide, back: queueAddress},
	},
	glance: (*visit).queueGlance,
	words:  wordsQueue,
	there:  func(o *Options) bool { return o.Cases != nil },
}

// queueTabs are the lists by their names in addresses.
var queueTabs = []struct {
	name  string
	kinds []queue.Kind
}{
	{"", queue.Kinds}, {"activation", []queue.Kind{queue.Activation}}, {"support", []queue.Kind{queue.Support}},
	{"target", []queue.Kind{queue.Target}}, {"account", []queue.Kind{queue.Account}},
}

// queuePage is a list of questions.
type queuePage struct {
	Tabs    []queueTab
	Kind    string
	School  string          // that is asked for
	Schools []person.School // that may be asked for; one: it is not asked
	Cases   []caseRow
	Pager   web.Pager
	Done    *queueDone
	Decided bool   // the list of those that are answered
	Slip    string // key of why a decision is not taken back
}

type queueTab struct {
	Name, Title, Address string
	N                    string // how many wait; "": none, or not counted
	Current              bool
}

// caseRow is a question in the list.
type caseRow struct {
	CaseLine
	When string
	By   string
}

// queueDone is the visitor's last decision, which can be taken back.
type queueDone struct {
	Decision, Stem string
	Who            string // of whom it was decided
	Verb           queue.Verb
	At             time.Time
	Before         bool `json:"-"` // the page is about another question
}

// Letter says that it is about a message, which is closed and not refused.
func (d queueDone) Letter() bool {
	kind, _, _ := queue.Prefix(d.Stem)
	return kind == queue.Support
}

const (
	// queueRoom is under what a session keeps queueDone.
	queueRoom = "console-queue"
	// undoShown is how long it is offered to take the last decision back.
	undoShown = 15 * time.Minute
	queueRows = 25
)

// done is the last decision, if it was just now.
func (v *visit) done() *queueDone {
	var d queueDone
	if err := v.session.Get(queueRoom, &d); err != nil || d.Decision == "" || v.Now.Sub(d.At) > undoShown {
		return nil
	}
	return &d
}

func (v *visit) keepDone(d queueDone) bool {
	err := v.session.Set(queueRoom, d)
	if err == nil {
		err = v.Keep(v.session)
	}
	if err != nil {
		v.Broken("a decision cannot be remembered", err)
	}
	return err == nil
}

// queueGlance counts those where somebody waits, and beside them the old accounts of the
// directory, which may be thousands and would hide them.
func (v *visit) queueGlance() (glance, error) {
	all, old := 0, 0
	for _, kind := range queue.Kinds {
		n, err := v.o.Cases.Open(v.Request.Context(), v.scope, kind)
		if err != nil {
			return glance{}, err
		}
		if kind == queue.Account {
			old = n
		} else {
			all += n
		}
	}
	g := glance{Figure: strconv.Itoa(all), Title: "queue.glance", State: "good", Text: "queue.glance.none"}
	if all > 0 {
		g.State, g.Text = "wait", "queue.glance.some"
	}
	if old > 0 {
		g.Further, g.FurtherTitle = strconv.Itoa(old), "queue.glance.old"
	}
	return g, nil
}

// where is v.scope, narrowed to a school that was asked for.
func (v *visit) where(school string) rights.Scope {
	if school == "" {
		return v.scope
	}
	return rights.At(person.SchoolID(school)).Within(v.scope)
}

// seenSchools are the schools that the visitor may ask for.
func (v *visit) seenSchools() ([]person.School, error) {
	all, err := v.o.People.Schools(v.Request.Context())
	return slices.DeleteFunc(slices.Clone(all), func(s person.School) bool { return !v.scope.Covers(s.ID) }), err
}

// known is a school for the trail: what somebody typed into an address comes not into
// it.
func known(school string, among []person.School) string {
	if slices.ContainsFunc(among, func(s person.School) bool { return string(s.ID) == school }) {
		return school
	}
	return ""
}

// queue lists what waits.
func (v *visit) queue() { v.showQueue(http.StatusOK, "") }

func (v *visit) showQueue(status int, slip string) {
	q := v.Request.URL.Query()
	at := slices.IndexFunc(queueTabs, func(t struct {
		name  string
		kinds []queue.Kind
	}) bool {
		return t.name == q.Get("kind")
	})
	after, ok := readPlace(q.Get("after"))
	if at < 0 || !ok || len(q.Get("school")) > 256 {
		v.missing()
		return
	}
	p := queuePage{Kind: q.Get("kind"), School: q.Get("school"), Decided: q.Get("decided") != "", Done: v.done(), Slip: slip}
	ask := CasesAsk{Scope: v.where(p.School), Lang: v.Lang, Kinds: queueTabs[at].kinds, Answered: p.Decided, After: after, N: queueRows}
	found, err := v.o.Cases.Page(v.Request.Context(), ask)
	if err == nil {
		p.Schools, err = v.seenSchools()
	}
	if err == nil {
		p.Tabs, err = v.tabs(p)
	}
	if err != nil {
		v.Broken("the queue cannot be read", err)
		return
	}
	var whom []identity.PersonID
	var asked []string // of people without an account
	for _, c := range found.Cases {
		row := caseRow{CaseLine: c, When: v.clock(c.At)}
		if c.Decided != nil {
			row.By = v.nameOf(c.Decided.By)
		}
		p.Cases = append(p.Cases, row)
		if c.Person.IsZero() {
			asked = append(asked, "question:"+c.Stem)
		} else {
			whom = append(whom, c.Person)
		}
	}
	if !after.At.IsZero() {
		p.Pager.First = p.address(p.Kind, p.Decided, nil)
	}
	if found.Next != nil {
		p.Pager.Next = p.address(p.Kind, p.Decided, found.Next)
	}
	if v.readRecords("queue", map[string]any{"school": known(p.School, p.Schools), "questions": len(p.Cases)}, asked, unique(whom)...) {
		v.Show(status, "queue.html", map[bool]string{false: "queue.title", true: "queue.decided"}[p.Decided], p)
	}
}

// address is that of a list.
func (p queuePage) address(kind string, decided bool, after *CasesPlace) string {
	q := url.Values{}
	for name, value := range map[string]string{"kind": kind, "school": p.School} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if decided {
		q.Set("decided", "1")
	}
	if after != nil {
		q.Set("after", after.String())
	}
	if len(q) == 0 {
		return queueAddress
	}
	return queueAddress + "?" + q.Encode()
}

// String writes a place for an address.
func (p CasesPlace) String() string {
	return strconv.FormatInt(p.At.UnixMicro(), 10) + "-" + p.Stem
}

// readPlace reads what String writes; "" is the beginning.
func readPlace(text string) (p CasesPlace, ok bool) {
	if text == "" {
		return p, true
	}
	at, stem, ok := strings.Cut(text, "-")
	us, err := strconv.ParseInt(at, 10, 64)
	if _, _, known := queue.Prefix(stem); !known || !ok || err != nil || us <= 0 {
		return p, false
	}
	return CasesPlace{At: time.UnixMicro(us).UTC(), Stem: stem}, true
}

// tabs are the lists with how much waits in each.
func (v *visit) tabs(p queuePage) ([]queueTab, error) {
	var tabs []queueTab
	for _, t := range queueTabs {
		tab := queueTab{Name: t.name, Title: "queue.tab.all", Address: p.address(t.name, false, nil), Current: t.name == p.Kind && !p.Decided}
		if t.name != "" {
			tab.Title = "queue.tab." + t.name
			n, err := v.o.Cases.Open(v.Request.Context(), v.where(p.School), t.kinds[0])
			if err != nil {
				return nil, err
			}
			if n > 0 {
				tab.N = strconv.Itoa(n)
			}
		}
		tabs = append(tabs, tab)
	}
	return append(tabs, queueTab{Title: "queue.tab.decided", Address: p.address("", true, nil), Current: p.Decided}), nil
}

// findCase leads to a letter by its number; whether there is one is said there.
func (v *visit) findCase() {
	form, ok := v.Form()
	if !ok {
		return
	}
	number, ok := queue.ParseNumber(strings.TrimSpace(form.Get("number")))
	if !ok {
		v.To(queueAddress)
		return
	}
	v.To(queueAddress + "/" + queue.Stem(queue.Support, number.About()))
}

// casePage is one question.
type casePage struct {
	*Case
	When    string
	Fields  []string // those of which some side has a value
	Answers []answer
	Barred  string // key of why the person cannot be moved
	Away    string // when the person was moved away from the city account that asks
	Done    *queueDone
	Slip    string // key of why an answer was not taken
	Refused string // the same, in words
	By, At  string // of the decision that stands
	Reader  bool   // who sees and may not decide
	Reason  string // as typed
	Bare    bool   // no record and no account fits
}

// answer is a choice with its key.
type answer struct {
	CaseChoice
	N       int
	Key     string // "": too many
	Text    string
	Follows string // what comes of it
	Reason  string // key of what is asked beside; "": nothing
}

// caseFields are the lines of the evidence, in their order.
var caseFields = []string{"fio", "snils", "birth_date", "phone", "email", "employee_id", "login", "upn", "school", "place", "state", "owner", "account"}

// oneCase shows a question.
func (v *visit) oneCase() { v.showCase(http.StatusOK, v.Request.PathValue("id"), casePage{}) }

func (v *visit) showCase(status int, id string, p casePage) {
	stem, _ := queue.Split(id)
	if _, _, ok := queue.Prefix(stem); !ok {
		v.missing()
		return
	}
	var err error
	if p.Case, err = v.o.Cases.Case(v.Request.Context(), v.rights.In(rights.SeePeople), v.rights.In(rights.Decide), v.Lang, stem); err != nil {
		if errors.Is(err, identity.ErrNotFound) {
			v.missing()
			return
		}
		v.Broken("a question cannot be read", err)
		return
	}
	p.When, p.Done, p.Reader = v.clock(p.CaseLine.At), v.done(), !v.rights.May(rights.Decide)
	if p.Done != nil {
		p.Done.Before = p.Done.Stem != stem
	}
	if d := p.Decided; d != nil {
		p.By, p.At = v.nameOf(d.By), v.clock(d.At)
	}
	for _, field := range caseFields {
		if slices.ContainsFunc(p.Sides, func(s CaseSide) bool { return s.Values[field] != "" }) {
			p.Fields = append(p.Fields, field)
		}
	}
	p.Bare = !slices.ContainsFunc(p.Sides, func(s CaseSide) bool { return s.Source != "mosru" && s.Source != "letter" })
	for i, c := range p.Choices {
		p.Answers = append(p.Answers, v.answer(p.Case, c, i+1))
	}
	p.Barred = slipOf(p.Bar)
	if !p.Returned.IsZero() {
		p.Away = v.clock(p.Returned)
	}
	whom := p.Whom
	if !p.Person.IsZero() {
		whom = append(whom, p.Person)
	}
	if v.readRecords("case", map[string]any{"case": stem}, p.Records, unique(whom)...) {
		v.Show(status, "case.html", "case.title", p)
	}
}

// answer puts a choice into words.
func (v *visit) answer(c *Case, choice CaseChoice, n int) answer {
	a := answer{CaseChoice: choice, N: n}
	if choice.What == "" {
		a.Reason = "case.reason"
	}
	if n <= 9 {
		a.Key = strconv.Itoa(n)
	}
	switch {
	case choice.Verb == queue.Bind:
		a.Text, a.Follows = v.Text("case.bind", choice.What), v.Text("case.bind.follows")
	case choice.Verb == queue.Adopt && c.Kind == queue.Account:
		a.Text, a.Follows = v.Text("case.claim", c.Login, choice.What), v.Text("case.adopt.follows")
	case choice.Verb == queue.Adopt:
		a.Text, a.Follows = v.Text("case.adopt", choice.What), v.Text("case.adopt.follows")
	case choice.Verb == queue.Further:
		a.Text, a.Follows = v.Text("case.further", c.Login, choice.What), v.Text("case.further.follows")
	case choice.Verb == queue.Allocate:
		a.Text, a.Follows = v.Text("case.allocate", choice.What), v.Text("case.allocate.follows")
	case choice.Verb == queue.Transfer:
		a.Text, a.Follows, a.Reason = v.Text("case.transfer", choice.What), v.Text("case.transfer.follows"), "case.transfer.reason"
	case c.Kind == queue.Support:
		a.Text, a.Follows, a.Reason = v.Text("case.close"), v.Text("case.close.follows"), "case.word"
	default:
		a.Text, a.Follows = v.Text("case.refuse"), v.Text("case.refuse.follows")
	}
	return a
}

// reasonMost bounds why somebody decided, in letters.
const reasonMost = 500

// decide answers a question and leads to the next.
func (v *visit) decide() {
	form, ok := v.Form()
	if !ok {
		return
	}
	a := CaseAnswer{Case: form.Get("case"), Choice: CaseChoice{Verb: queue.Verb(form.Get("verb")), What: form.Get("what")}, By: v.by(), Lang: v.Lang, Now: v.Now,
		Reason: strings.TrimSpace(form.Get("reason"))}
	stem, seen := queue.Split(a.Case)
	verbs := []queue.Verb{queue.Bind, queue.Adopt, queue.Further, queue.Allocate, queue.Transfer, queue.Refuse}
	if stem != v.Request.PathValue("id") || seen == "" || !slices.Contains(verbs, a.Choice.Verb) || (a.Choice.What == "") != (a.Choice.Verb == queue.Refuse) {
		v.missing()
		return
	}
	if (a.Choice.Verb == queue.Refuse || a.Choice.Verb == queue.Transfer) && a.Reason == "" || utf8.RuneCountInString(a.Reason) > reasonMost {
		v.showCase(http.StatusUnprocessableEntity, stem, casePage{Slip: "case.wrong.reason", Reason: a.Reason})
		return
	}
	done, err := v.o.Cases.Decide(v.Request.Context(), v.scope, a)
	if err != nil {
		v.notDecided(stem, a, err)
		return
	}
	if !v.keepDone(queueDone{Decision: done.ID, Stem: stem, Who: done.Who, Verb: a.Choice.Verb, At: v.Now}) {
		return
	}
	v.To(v.nextCase(done.Place))
}

// nextCase is the address of the question after one, of the same kind.
func (v *visit) nextCase(place CasesPlace) string {
	kind, _, _ := queue.Prefix(place.Stem)
	found, err := v.o.Cases.Page(v.Request.Context(), CasesAsk{Scope: v.scope, Lang: v.Lang, Kinds: []queue.Kind{kind}, After: place, N: 1})
	if err != nil || len(found.Cases) == 0 {
		return queuePage{}.address(string(kind), false, nil)
	}
	return queueAddress + "/" + found.Cases[0].Stem
}

// caseSlips are the words for why an answer was not taken.
var caseSlips = []struct {
	err error
	key string
}{
	{queue.ErrMoved, "case.wrong.moved"}, {queue.ErrDecided, "case.wrong.decided"}, {queue.ErrTaken, "case.wrong.taken"}, {queue.ErrIncomplete, "case.wrong.incomplete"},
	{queue.ErrUsed, "case.wrong.used"}, {queue.ErrPassedOn, "case.wrong.passed"}, {queue.ErrUndone, "case.wrong.undone"}, {queue.ErrUnfit, "case.wrong.unfit"},
	{queue.ErrOther, "case.wrong.other"}, {queue.ErrAllotted, "case.wrong.allotted"}, {queue.ErrClaimed, "case.wrong.claimed"},
	{queue.ErrOwnAccount, "case.wrong.own"}, {queue.ErrAnother, "case.wrong.another"}, {queue.ErrSeveral, "case.wrong.several"}, {queue.ErrAdministers, "case.wrong.administers"},
	{queue.ErrElsewhere, "case.wrong.elsewhere"}, {queue.ErrMovedOn, "case.wrong.on"},
}

// slipOf is the key of the words for an error; "": there is none.
func slipOf(err error) string {
	for _, slip := range caseSlips {
		if errors.Is(err, slip.err) {
			return slip.key
		}
	}
	return ""
}

// notDecided says why an answer was not taken, beside the question as it is now. One
// that was sent twice is not told of.
func (v *visit) notDecided(stem string, a CaseAnswer, err error) {
	refused := CaseRefused{}
	switch {
	case errors.Is(err, identity.ErrNotFound), errors.Is(err, queue.ErrNoItem):
		v.missing()
		return
	case errors.As(err, &refused):
		v.showCase(http.StatusConflict, stem, casePage{Refused: refused.Text, Reason: a.Reason})
		return
	}
	if d := v.done(); errors.Is(err, queue.ErrDecided) && d != nil && d.Stem == stem && d.Verb == a.Choice.Verb {
		v.To(queueAddress)
		return
	}
	if key := slipOf(err); key != "" {
		v.showCase(http.StatusConflict, stem, casePage{Slip: key, Reason: a.Reason})
		return
	}
	v.Broken("a question cannot be decided", err)
}

// undo takes a decision back and shows its question again.
func (v *visit) undo() {
	form, ok := v.Form()
	if !ok {
		return
	}
	stem := v.Request.PathValue("id")
	if _, _, ok := queue.Prefix(stem); !ok { // it is where the answer leads
		v.missing()
		return
	}
	err := v.o.Cases.Undo(v.Request.Context(), v.scope, form.Get("decision"), v.by(), v.Now)
	if errors.Is(err, queue.ErrUsed) { // its question is gone with that, and so is the offer
		if v.keepDone(queueDone{}) {
			v.showQueue(http.StatusConflict, "case.wrong.used")
		}
		return
	}
	if err != nil && !errors.Is(err, queue.ErrUndone) {
		v.notDecided(stem, CaseAnswer{}, err)
		return
	}
	if v.keepDone(queueDone{}) {
		v.To(queueAddress + "/" + stem)
	}
}
