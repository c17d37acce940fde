package console

import (
	"net/http"
	"slices"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/provision/queue"
)

// Story is all that is known of one account, or of somebody who has none yet.
type Story struct {
	Handle string
	Person identity.PersonID // zero: there is none yet
	Record string            // the record, where there is no person: "kadry:17"; "login:NAME": there is none
	Report explain.Report    // diagnosed, in the reader's language
	Path   explain.Path
	// Fields are the lines of the comparison, Sides who says what: mos.ru and each
	// record.
	Fields []Field
	Sides  []Side
	// Verdict is what an activation with mos.ru's word would come to now; nil where
	// mos.ru has said nothing.
	Verdict *Verdict
	Audit   []AuditLine // what happened
	Readers []AuditLine // who looked
	// Others are the records of people whom an account of Report.There is shown beside.
	Others    []string
	Questions []CaseLink // that wait because of the person
	Asked     bool       // Active Directory was asked now
	CanAsk    bool       // there is one
}

// Field is one line of a comparison.
type Field struct{ Name, Title string }

// Side is what one source says of the person.
type Side struct {
	Source string // in words
	Own    bool   // it is bound to the person
	Values map[string]string
	Equal  map[string]bool // to what mos.ru says, where both are known
}

// Verdict is a comparison of mos.ru's word with the registries.
type Verdict struct {
	Decision string // in words
	Match    bool
	Problems []explain.Problem
	Reasons  []string // in words of the reader's language
}

// AuditLine is one line of the trail, in words.
type AuditLine struct {
	At      time.Time
	What    string
	Details string
	Tone    trail.Tone
	By      AuditActor
	Whom    AuditActor // of lines about many people; whose story it is, else
	From    string     // the address it was done from, "" where none is known
	Here    bool       // on the server itself
}

// AuditActor is who did something, or whom it is about, as the reader may know it.
type AuditActor struct {
	Kind   string // one of the actors
	Handle string // of the person's page; "": there is none to show
	Name   string // ФИО or login, or the number of whoever has no name any more
}

// The kinds of actors.
const (
	ActorNobody  = ""        // the service itself, or nobody in particular
	ActorSelf    = "self"    // whom the line is about
	ActorPerson  = "person"  // Name and Handle tell
	ActorGone    = "gone"    // Name is the id
	ActorHidden  = "hidden"  // whoever reads may not see who
	ActorCommand = "command" // Name is the user of the server
	ActorGlass   = "glass"
)

// story is the page of one person.
func (v *visit) story() { v.tell(false) }

// storyNow asks Active Directory too, which may take some seconds.
func (v *visit) storyNow() { v.tell(true) }

func (v *visit) tell(ask bool) {
	s, err := v.o.Stories.Story(v.Request.Context(), v.view(), v.Request.PathValue("who"), ask)
	if err != nil {
		v.failed("a story cannot be told", err)
		return
	}
	more := map[string]any{}
	if s.Person.IsZero() {
		more["record"] = s.Record
	}
	if !v.readRecords("person", more, s.Others, s.Person) {
		return
	}
	v.Show(http.StatusOK, "person.html", "person.title", v.page(s))
}

// personPage is a Story as the template shows it.
type personPage struct {
	*Story
	Trunk, Branches []step
	End             step
	Channels        []channel
	SignIns         []signIn
	Tries           []try
	Decided         []decided
	Sessions        []stay
	Targets         []target
	There           []thereRow
	Audit, Readers  []auditLine
	Lines           []line
	State           string // "good", "bad", "wait"
	WholeTrail      bool   // who reads may read the audit trail as a whole
	BrokenCode      string // of the first broken link, of which the head says all; "": there is none
}

// line is one field of the comparison.
type line struct {
	Title string
	Cells []cell
}

type cell struct {
	Value         string
	Same, Differs bool
}

type step struct {
	explain.Step
	Title string // key of the text
	Icon  string
}

type channel struct {
	explain.Channel
	Name, Why string
}

type signIn struct {
	explain.SignIn
	When, Where, How, Why string
	Good                  bool
	Times                 int
}

type try struct {
	explain.Try
	Foreign         bool // another city account than the one of the account here
	When, Came, Now string
	Problems        []explain.Problem
	No              *decided // a curator's
}

// decided is an answer of the queue about the person.
type decided struct {
	explain.Decided
	When, Verb, Undone string
}

type target struct {
	explain.Target
	Seen, Next string
	Change     string // that waits, and for what
}

// thereRow is an account of the directory beside the person's own.
type thereRow struct {
	explain.There
	Said explain.Advice
	Stem string   // of its question; "": it is not asked about
	By   *decided // of whom it is claimed, or nobody's
}

type stay struct {
	explain.Session
	From, To, Whose string
}

type auditLine struct {
	AuditLine
	When, Moment, Who, Handle string
	Whom, WhomHandle, From    string
}

// listed bounds the lines of each list.
const listed = 15

var stepTitles = map[string][2]string{
	explain.StepMosru: {"path.mosru", "person"}, explain.StepRecords: {"path.records", "family"}, explain.StepVerdict: {"path.verdict", "check"},
	explain.StepAccount: {"path.account", "lock"}, explain.StepAD: {"path.ad", "pc"}, explain.StepPC: {"path.pc", "board"}, explain.StepWiFi: {"path.wifi", "wifi"},
	explain.StepTeams: {"path.teams", "teams"}, explain.StepSignIns: {"path.signins", "clock"},
}

func (v *visit) page(s *Story) personPage {
	p := personPage{Story: s, Trunk: steps(s.Path.Trunk), Branches: steps(s.Path.Branches), End: steps([]explain.Step{s.Path.End})[0], State: "good"}
	r, lang := &s.Report, explain.Lang(v.Lang)
	if r.Broken != nil {
		p.BrokenCode = r.Broken.Code
	}
	onPage(lang, s)
	switch {
	case r.Broken != nil && !r.Broken.Unproven:
		p.State = "bad"
	case r.Found() || r.Broken != nil || r.Note != nil:
		p.State = "wait"
	}
	for _, f := range s.Fields {
		one := line{Title: f.Title}
		for _, side := range s.Sides {
			equal, known := side.Equal[f.Name]
			one.Cells = append(one.Cells, cell{side.Values[f.Name], known && equal, known && !equal})
		}
		p.Lines = append(p.Lines, one)
	}
	for _, c := range r.Together(lang) {
		one := channel{Channel: c, Name: explain.ChannelIn(lang, c.Channel)}
		if !c.Allowed {
			one.Why = explain.ReasonIn(lang, r.Upstream, c.Reason)
		}
		p.Channels = append(p.Channels, one)
	}
	p.SignIns = v.signIns(r)
	for _, t := range r.Tries {
		one := try{Try: t, Foreign: r.Person != "" && !t.Own, When: v.clock(t.At), Came: explain.DecisionIn(lang, t.Decision)}
		if t.NowDecision != "" {
			one.Now = explain.DecisionIn(lang, t.NowDecision)
		}
		if t.Refused != nil {
			refused := v.decidedLine(*t.Refused)
			one.No = &refused
		}
		for _, code := range t.Now {
			one.Problems = append(one.Problems, explain.ProblemText(lang, r.Upstream, code))
		}
		p.Tries = append(p.Tries, one)
	}
	for _, d := range r.Decisions {
		p.Decided = append(p.Decided, v.decidedLine(d))
	}
	for _, t := range r.Targets {
		one := target{Target: t, Seen: v.clock(t.Seen), Next: v.clock(t.Next)}
		if t.Waits != nil {
			one.Change = t.Waits.Line(lang, v.o.Zone)
		}
		p.Targets = append(p.Targets, one)
	}
	for _, a := range r.There {
		one := thereRow{There: a, Said: a.Advice(lang)}
		if one.Stem, _ = queue.Split(a.Question); one.Stem != "" {
			one.Said.Remedy = "" // the question is a link
		}
		one.Said.Remedy = explain.OnPage(lang, one.Said.Remedy)
		if a.Decision != nil {
			by := v.decidedLine(*a.Decision)
			one.By = &by
		}
		p.There = append(p.There, one)
	}
	for _, x := range r.Sessions {
		p.Sessions = append(p.Sessions, v.stay(x))
	}
	p.Audit, p.Readers = v.lines(s.Audit[:min(len(s.Audit), 2*listed)]), v.lines(s.Readers[:min(len(s.Readers), 2*listed)])
	p.WholeTrail = !s.Person.IsZero() && v.o.Audit != nil && v.rights.In(rights.ReadAudit).All()
	return p
}

// onPage has the remedies of a story name pages in place of commands.
func onPage(lang explain.Lang, s *Story) {
	for _, l := range []*explain.Link{s.Report.Broken, s.Report.Refused, s.Report.Note} {
		if l != nil {
			l.Remedy = explain.OnPage(lang, l.Remedy)
		}
	}
	say := func(problems []explain.Problem) {
		for i := range problems {
			problems[i].Remedy = explain.OnPage(lang, problems[i].Remedy)
		}
	}
	if s.Verdict != nil {
		say(s.Verdict.Problems)
	}
	for _, t := range s.Report.Targets {
		say(t.Problems)
	}
}

func (v *visit) decidedLine(d explain.Decided) decided {
	return decided{Decided: d, When: v.clock(d.At), Verb: d.VerbIn(explain.Lang(v.Lang)), Undone: v.clock(d.Undone)}
}

func (v *visit) lines(list []AuditLine) (all []auditLine) {
	for _, l := range list {
		one := auditLine{AuditLine: l, When: v.clock(l.At), Moment: l.At.In(v.o.Zone).Format("02.01.2006 15:04:05"), Handle: l.By.Handle, WhomHandle: l.Whom.Handle, From: l.From}
		if one.Who = v.actor(l.By); l.By.Kind == ActorNobody {
			one.Who = v.Text("trail.service")
		}
		one.Whom = v.actor(l.Whom)
		if l.Here && l.From == "" {
			one.From = v.Text("trail.server")
		}
		all = append(all, one)
	}
	return all
}

// actor says who did something; "" where nobody in particular did.
func (v *visit) actor(a AuditActor) string {
	switch a.Kind {
	case ActorSelf, ActorHidden, ActorGlass:
		return v.Text("trail." + a.Kind)
	case ActorCommand, ActorGone:
		return v.Text("trail."+a.Kind, a.Name)
	}
	return a.Name
}

func steps(list []explain.Step) (all []step) {
	for _, s := range list {
		all = append(all, step{s, stepTitles[s.Kind][0], stepTitles[s.Kind][1]})
	}
	return all
}

// signIns are the last attempts, each for those alike that follow each other.
func (v *visit) signIns(r *explain.Report) (list []signIn) {
	lang := explain.Lang(v.Lang)
	for _, s := range r.SignIns {
		if n := len(list); n > 0 && list[n-1].Alike(s) {
			list[n-1].Times++
			continue
		}
		if len(list) == listed {
			break
		}
		one := signIn{SignIn: s, When: v.clock(s.At), How: explain.OutcomeIn(lang, s.Outcome), Good: s.Outcome == "accepted", Times: 1}
		one.Where = join(", ", explain.ChannelIn(lang, s.Channel), s.NAS, s.Device, s.Addr, s.Method)
		if !one.Good {
			one.Why = explain.ReasonIn(lang, r.Upstream, s.Reason)
		}
		list = append(list, one)
	}
	return list
}

func (v *visit) stay(s explain.Session) stay {
	one := stay{Session: s, From: v.clock(s.Began), Whose: s.Who(explain.Lang(v.Lang))}
	if s.Ended != nil {
		one.To = v.clock(*s.Ended)
	}
	return one
}

// join joins the words that are there.
func join(by string, words ...string) string {
	text := ""
	for _, w := range slices.DeleteFunc(words, func(w string) bool { return w == "" }) {
		if text != "" {
			text += by
		}
		text += w
	}
	return text
}
