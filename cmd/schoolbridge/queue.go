package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/login"
	"schoolbridge/provision/queue"
)

const queueUsage = "list --config FILE [--school ID] [--all] [--format table|csv|json|xlsx] | show --config FILE [--json] ID | " +
	"decide --config FILE ID bind RECORD|adopt RECORD|adopt ACCOUNT|allocate NAME|refuse [--reason TEXT] | decisions --config FILE [--all] [--json] | undo --config FILE DECISION [--lang ru|en]"

// queueCall is a command line of queue.
type queueCall struct {
	verb, file, lang, format, school, reason string
	all, json                                bool
	words                                    []string
}

func parseQueue(std streams, args []string) (c queueCall, err error) {
	fs := flag.NewFlagSet("queue", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.school, "school", "", "list: только школа с этим ID ЕКИС / only the school with this `ID`")
	fs.StringVar(&c.format, "format", "table", "list: вид: table, csv, json или xlsx / `FORMAT`: table, csv, json or xlsx")
	fs.StringVar(&c.reason, "reason", "", "decide: почему; для refuse обязательно / why (`TEXT`); refuse needs it")
	fs.BoolVar(&c.all, "all", false, "list: и решённые; decisions: и отменённые / list: answered ones too; decisions: those taken back too")
	fs.BoolVar(&c.json, "json", false, "show, decide, undo, decisions: JSON")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	c.lang = *lang
	if len(words) > 0 {
		c.verb, c.words = words[0], words[1:]
	}
	n, known := map[string]int{"list": 0, "show": 1, "undo": 1, "decisions": 0, "decide": len(c.words)}[c.verb]
	if !known || len(c.words) != n || !listFormat(c.format) || len(c.reason) > 1000 {
		return c, misused("queue")
	}
	if c.verb != "decide" {
		return c, nil
	}
	want, known := map[queue.Verb]int{queue.Bind: 3, queue.Adopt: 3, queue.Allocate: 3, queue.Refuse: 2}[queue.Verb(word(c.words, 1))]
	if !known || len(c.words) != want || c.words[1] == string(queue.Refuse) && strings.TrimSpace(c.reason) == "" {
		return c, misused("queue")
	}
	return c, nil
}

func word(words []string, n int) string {
	if n < len(words) {
		return words[n]
	}
	return ""
}

func runQueue(ctx context.Context, std streams, args []string) error {
	call, err := parseQueue(std, args)
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	q := &queueDesk{queueCall: call, std: std, config: c, db: db, now: time.Now(), says: queueTexts[call.lang], claims: claimTexts[call.lang]}
	if call.verb == "list" || call.verb == "show" || call.verb == "decisions" { // reading is in the trail too
		p := &provisioner{std: std, config: c, db: db, now: time.Now}
		if err := p.audit(ctx, "queue", map[string]any{"verb": call.verb, "school": call.school, "item": word(call.words, 0)}); err != nil {
			return err
		}
	}
	switch call.verb {
	case "list":
		return q.list(ctx)
	case "show":
		return q.show(ctx)
	case "decide":
		return q.decide(ctx)
	case "decisions":
		return q.decisions(ctx)
	}
	return q.undo(ctx)
}

// queueDesk is one run of the command.
type queueDesk struct {
	queueCall
	std    streams
	config *config.Config
	db     *store.DB
	now    time.Time
	says   queueText
	claims claimText
}

func (q *queueDesk) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(q.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04")
}

func (q *queueDesk) list(ctx context.Context) error {
	items, err := q.db.Queue().Items(ctx, person.SchoolID(q.school), q.all)
	if err != nil {
		return err
	}
	if q.format == "json" {
		all := &array{to: q.std.out}
		for i := range items {
			if err := all.item(q.object(&items[i], nil)); err != nil {
				return err
			}
		}
		if err := all.end(); err != nil {
			return err
		}
	} else if err := q.table(items); err != nil {
		return err
	}
	open := 0
	for i := range items {
		if items[i].Open() {
			open++
		}
	}
	if open > 0 {
		return errFindings
	}
	return nil
}

func (q *queueDesk) table(items []queue.Item) error {
	rows, err := table.New(q.std.out, q.format, q.says.title, q.says.head)
	if err != nil {
		return err
	}
	for i := range items {
		item := &items[i]
		var schools []string
		for _, id := range item.Schools {
			schools = append(schools, string(id))
		}
		if err := rows.Row(item.ID, q.clock(item.At), strings.Join(schools, " "), whose(item), item.Name, q.question(item), strings.Join(verbs(item), " "), q.state(item)); err != nil {
			return err
		}
	}
	return rows.Close()
}

// whose is the name of the person in question.
func whose(i *queue.Item) string {
	if i.Profile != nil {
		return person.JoinFIO(i.Profile.Last, i.Profile.First, i.Profile.Middle)
	}
	if i.Proposal != nil && len(i.Proposal.Candidates) > 0 {
		return i.Proposal.Candidates[0].FIO
	}
	return ""
}

func verbs(i *queue.Item) []string {
	var list []string
	for _, v := range i.Verbs() {
		list = append(list, string(v))
	}
	return list
}

func (q *queueDesk) question(i *queue.Item) string {
	if i.Proposal != nil {
		best := i.Proposal.Candidates[0]
		text := q.claims.reasons(best.Reasons)
		if len(i.Proposal.Why) > 0 {
			text += "; " + q.claims.reasons(i.Proposal.Why)
		}
		return text
	}
	var codes []string
	for _, p := range i.Problems {
		codes = append(codes, p.String())
	}
	return strings.Join(codes, " ")
}

func (q *queueDesk) state(i *queue.Item) string {
	switch {
	case i.Decided == nil:
		return q.says.open
	case i.Moved():
		return fmt.Sprintf(q.says.moved, i.Decided.ID, i.Decided.Verb)
	}
	return fmt.Sprintf(q.says.decided, i.Decided.ID, i.Decided.Verb)
}

// queueObject is a question for a program.
type queueObject struct {
	ID          string            `json:"id"`
	Kind        queue.Kind        `json:"kind"`
	At          string            `json:"at"`
	Schools     []person.SchoolID `json:"schools"`
	FIO         string            `json:"fio"`
	Name        string            `json:"name"`
	Problems    []string          `json:"problems,omitempty"`
	Verbs       []string          `json:"verbs"`
	Open        bool              `json:"open"`
	Moved       bool              `json:"moved"`
	Decision    string            `json:"decision,omitempty"`
	Proposal    *claimLine        `json:"proposal,omitempty"`
	Sides       []queueSide       `json:"evidence,omitempty"`
	Suggestions []string          `json:"suggestions,omitempty"`
}

// queueSide is one column of the evidence: the profile, a record, or an account.
type queueSide struct {
	Source string            `json:"source"` // mos.ru, a record, or ad:NAME
	Values map[string]string `json:"values"`
	Equal  map[string]bool   `json:"equal,omitempty"` // to the profile, where both are known
}

func (q *queueDesk) object(i *queue.Item, more *evidence) queueObject {
	o := queueObject{ID: i.ID, Kind: i.Kind, At: i.At.UTC().Format(time.RFC3339), Schools: append([]person.SchoolID{}, i.Schools...), FIO: whose(i), Name: i.Name,
		Verbs: verbs(i), Open: i.Open(), Moved: i.Moved()}
	for _, p := range i.Problems {
		o.Problems = append(o.Problems, p.String())
	}
	if i.Decided != nil {
		o.Decision = i.Decided.ID
	}
	if i.Proposal != nil {
		line := lineOf(*i.Proposal)
		o.Proposal = &line
	}
	if more != nil {
		o.Sides, o.Suggestions = more.sides, more.names
	}
	return o
}

// evidence is what a question is decided by.
type evidence struct {
	sides []queueSide
	names []string // that may be allocated
	live  error    // why the directory was not asked
}

// fields are the lines of the evidence.
var queueFields = []string{"fio", "snils", "birth_date", "phone", "email", "login", "upn", "school", "place", "state", "owner", "guid"}

func (q *queueDesk) show(ctx context.Context) error {
	item, err := q.db.Queue().Item(ctx, q.words[0])
	moved := errors.Is(err, queue.ErrMoved)
	if err != nil && !moved {
		return q.refused(err)
	}
	e := q.gather(ctx, &item)
	if q.json {
		if err := q.std.json(q.object(&item, e)); err != nil {
			return err
		}
	} else if err := q.sideBySide(&item, e); err != nil {
		return err
	}
	if moved {
		fmt.Fprintln(q.std.err, q.says.nowIs, item.ID)
	}
	if item.Open() {
		return errFindings
	}
	return nil
}

func (q *queueDesk) sideBySide(item *queue.Item, e *evidence) error {
	w := tabwriter.NewWriter(q.std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\t%s\n", item.ID, q.question(item), q.state(item))
	fmt.Fprint(w, "\t")
	for _, s := range e.sides {
		fmt.Fprint(w, s.Source, "\t")
	}
	fmt.Fprintln(w)
	for _, field := range queueFields {
		if !slices.ContainsFunc(e.sides, func(s queueSide) bool { return s.Values[field] != "" }) {
			continue
		}
		fmt.Fprint(w, q.says.fields[field], "\t")
		for _, s := range e.sides {
			mark := ""
			if equal, ok := s.Equal[field]; ok && equal {
				mark = "= "
			} else if ok {
				mark = "≠ "
			}
			fmt.Fprint(w, mark, s.Values[field], "\t")
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	lang := explain.Lang(q.lang)
	for _, p := range item.Problems {
		said := explain.ProblemOf(lang, p)
		fmt.Fprintf(q.std.out, "\n%s: %s\n    %s\n", p, said.Meaning, said.Remedy)
	}
	fmt.Fprintf(q.std.out, "\n"+q.says.verbs+"\n", strings.Join(verbs(item), ", "))
	for _, v := range item.Verbs() {
		fmt.Fprintf(q.std.out, "    %s\n", q.says.how[v])
	}
	if len(e.names) > 0 {
		fmt.Fprintf(q.std.out, q.says.names+"\n", strings.Join(e.names, ", "))
	}
	if e.live != nil {
		fmt.Fprintf(q.std.err, q.says.noLive+"\n", e.live)
	}
	return nil
}

// hidden shows the end of a СНИЛС, enough to compare by.
func hidden(snils string) string {
	s, ok := person.ParseSNILS(snils)
	if !ok {
		if strings.TrimSpace(snils) == "" {
			return ""
		}
		return "?"
	}
	digits := string(s)
	return "***-***-*" + digits[7:9] + " " + digits[9:]
}

// gather collects the evidence; what the directory does not answer is left out.
func (q *queueDesk) gather(ctx context.Context, item *queue.Item) *evidence {
	e := &evidence{}
	p := item.Profile
	if p != nil {
		snils := hidden(p.SNILS)
		if snils != "" && !p.SNILSConfirmed {
			snils += " (" + q.says.unconfirmed + ")"
		}
		e.sides = append(e.sides, queueSide{Source: "mos.ru", Values: map[string]string{"fio": whose(item), "snils": snils, "birth_date": p.BirthDate.String(),
			"phone": q.contact(p.Phone, p.PhoneVerified), "email": q.contact(p.Email, p.EmailVerified), "login": p.Login}})
	}
	for _, r := range item.Rows {
		e.sides = append(e.sides, q.rowSide(r, p))
	}
	objects, err := q.objects(ctx, item)
	e.live = err
	for _, o := range objects {
		e.sides = append(e.sides, q.objectSide(ctx, o, item))
	}
	if item.Fits(queue.Allocate) && err == nil {
		e.names, e.live = q.suggest(ctx, item)
	}
	return e
}

func (q *queueDesk) contact(value string, verified bool) string {
	if value != "" && !verified {
		return value + " (" + q.says.unconfirmed + ")"
	}
	return value
}

func (q *queueDesk) rowSide(r queue.Row, p *person.Profile) queueSide {
	s := queueSide{Source: recordWord(r.Record), Values: map[string]string{}, Equal: map[string]bool{}}
	var fio, snils, phone, email string
	var birth person.Date
	switch v := r.Value.(type) {
	case person.Employment:
		fio, snils, birth, phone, email = v.FIO, v.SNILS, v.BirthDate, v.Phone, v.Email
		s.Values["login"], s.Values["school"], s.Values["place"] = v.EZHDLogin, string(v.School), v.Position
		s.Values["state"] = strings.Trim(v.Start.String()+" … "+v.End.String(), " ")
	case person.Enrolment:
		fio, snils, birth, phone, email = person.JoinFIO(v.Last, v.First, v.Middle), v.SNILS, v.BirthDate, v.Phone, v.Email
		s.Values["login"], s.Values["school"], s.Values["place"], s.Values["state"] = v.EZHDLogin, string(v.School), v.Class, v.Status
	case person.Card:
		fio, snils, phone, email = v.ParentFIO, v.ParentSNILS, v.Phone, v.Email
		s.Values["school"] = string(v.School)
	default:
		s.Values["state"] = q.says.gone
		return s
	}
	s.Values["fio"], s.Values["snils"], s.Values["birth_date"], s.Values["phone"], s.Values["email"] = fio, hidden(snils), birth.String(), phone, email
	if r.Bound {
		s.Values["owner"] = q.says.other + " " + r.Holder
		if r.Own {
			s.Values["owner"] = q.says.own
		}
	}
	if p == nil {
		return s
	}
	one, _ := person.NormalFIO(fio)
	two, _ := person.NormalFIO(person.JoinFIO(p.Last, p.First, p.Middle))
	s.Equal["fio"] = one == two
	if a, ok := person.ParseSNILS(snils); ok {
		if b, ok := person.ParseSNILS(p.SNILS); ok {
			s.Equal["snils"] = a == b
		}
	}
	if !birth.IsZero() && !p.BirthDate.IsZero() {
		s.Equal["birth_date"] = birth == p.BirthDate
	}
	meet(s.Equal, "phone", person.Phones(phone), person.Phones(p.Phone))
	meet(s.Equal, "email", person.Emails(email), person.Emails(p.Email))
	if s.Values["login"] != "" && p.Login != "" {
		s.Equal["login"] = person.FoldName(s.Values["login"]) == person.FoldName(p.Login)
	}
	return s
}

func meet[T comparable](equal map[string]bool, field string, a, b []T) {
	if len(a) > 0 && len(b) > 0 {
		equal[field] = slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
	}
}

// objects are the accounts of the directory under the names in question.
func (q *queueDesk) objects(ctx context.Context, item *queue.Item) ([]provision.Object, error) {
	if item.Kind == queue.Account {
		return []provision.Object{*item.Object}, nil
	}
	if !q.config.AD.On() {
		return nil, nil
	}
	target, release, err := openAD(q.config, discardLog())
	if err != nil {
		return nil, err
	}
	defer release()
	names := []string{item.Name}
	for _, r := range item.Rows {
		switch v := r.Value.(type) {
		case person.Employment:
			names = append(names, v.EZHDLogin)
		case person.Enrolment:
			names = append(names, v.EZHDLogin)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	return target.FindNames(ctx, names)
}

func (q *queueDesk) objectSide(ctx context.Context, o provision.Object, item *queue.Item) queueSide {
	s := queueSide{Source: "ad:" + o.Name, Values: map[string]string{"fio": o.Display, "login": o.Name, "upn": o.UPN, "guid": hex.EncodeToString(o.ID[:]), "state": q.says.enabled[o.Enabled]}}
	if item.Proposal != nil {
		s.Values["place"] = item.Proposal.Place
	}
	owners, err := q.db.Accounts().Owners(ctx, targetAD, [][16]byte{o.ID})
	switch owner := owners[o.ID]; {
	case err != nil:
		s.Values["owner"] = "?"
	case owner.Subject != "":
		s.Values["owner"] = q.says.other
		if item.Profile != nil && owner.Subject == item.Profile.Subject {
			s.Values["owner"] = q.says.own
		}
	case len(owner.Records) > 0:
		s.Values["owner"] = strings.Join(recordWords(owner.Records), " ")
	default:
		s.Values["owner"] = q.says.nobody
	}
	return s
}

// suggestedMost bounds the names that are suggested.
const suggestedMost = 3

// suggest gives names made from the ФИО that look like nobody's, here and in the
// directory.
func (q *queueDesk) suggest(ctx context.Context, item *queue.Item) ([]string, error) {
	pattern, err := login.ParsePattern(string(q.config.AD.Names.Pattern))
	if err != nil || item.Profile == nil || !q.config.AD.On() {
		return nil, err
	}
	p := item.Profile
	made := pattern.Make(p.Last, p.First, p.Middle)
	var free []string
	for _, name := range made {
		if ok, err := q.free(ctx, p.Subject, name); err != nil {
			return free, err
		} else if ok {
			free = append(free, name)
		}
		if len(free) == suggestedMost {
			break
		}
	}
	return free, nil
}

// free says that a name looks like nobody's, here and in the directory.
func (q *queueDesk) free(ctx context.Context, subject identity.Subject, name string) (bool, error) {
	taken, err := q.db.Accounts().Taken(ctx, provision.NameQuery{Target: targetAD, Subject: subject, Made: []string{name}})
	if err != nil || len(taken) > 0 {
		return false, err
	}
	target, release, err := openAD(q.config, discardLog())
	if err != nil {
		return false, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	alike, err := target.FindAlike(ctx, []string{name})
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(alike, func(o provision.Object) bool { return login.Look(o.Name) == login.Look(name) }), nil
}

func (q *queueDesk) decide(ctx context.Context) error {
	d := queue.Decision{Item: q.words[0], Verb: queue.Verb(q.words[1]), By: callerText(), Reason: q.reason}
	if _, seen := queue.Split(d.Item); seen == "" {
		return usageError(q.says.whole, d.Item)
	}
	item, err := q.db.Queue().Item(ctx, d.Item)
	if err != nil {
		return q.refused(err)
	}
	if err := q.complete(ctx, &item, &d); err != nil {
		return q.refused(err)
	}
	done, err := q.db.Queue().Decide(ctx, d, q.now)
	if err != nil {
		return q.refused(err)
	}
	if q.json {
		return q.std.json(decisionOf(done))
	}
	fmt.Fprintf(q.std.err, q.says.done+"\n", done.ID, done.Verb, done.ID)
	return nil
}

// complete reads what the verb is about.
func (q *queueDesk) complete(ctx context.Context, item *queue.Item, d *queue.Decision) error {
	what := word(q.words, 2)
	switch {
	case d.Verb == queue.Bind, d.Verb == queue.Adopt && item.Kind == queue.Account:
		at := slices.IndexFunc(item.Rows, func(r queue.Row) bool { return namesRecord([]person.RecordRef{r.Record}, what) })
		if at < 0 {
			return queue.ErrUnfit
		}
		d.Records = []person.RecordRef{item.Rows[at].Record}
	case d.Verb == queue.Adopt:
		d.Target = targetAD
		o, err := q.adoptable(ctx, what)
		d.Object = o
		return err
	case d.Verb == queue.Allocate:
		d.Target, d.Name = targetAD, what
		if item.Profile == nil || !q.config.AD.On() {
			return queue.ErrUnfit
		}
		free, err := q.free(ctx, item.Profile.Subject, what)
		if err == nil && !free {
			err = queue.ErrTaken
		}
		return err
	}
	return nil
}

// adoptable finds the account of a name that may be written.
func (q *queueDesk) adoptable(ctx context.Context, name string) (provision.Object, error) {
	if !q.config.AD.On() {
		return provision.Object{}, queue.ErrUnfit
	}
	target, client, err := dialAD(q.config, discardLog())
	if err != nil {
		return provision.Object{}, err
	}
	defer func() { _ = client.Close() }()
	found, err := target.FindNames(ctx, []string{name})
	if err != nil {
		return provision.Object{}, err
	}
	at := slices.IndexFunc(found, func(o provision.Object) bool { return person.FoldName(o.Name) == person.FoldName(name) })
	if at < 0 {
		return provision.Object{}, fmt.Errorf(q.says.noAccount, name)
	}
	whole, err := target.Mender(client, "").Look(ctx, duplicates.GUID(found[at].ID))
	if err != nil {
		return provision.Object{}, err
	}
	if whole.Untouchable != "" {
		return provision.Object{}, fmt.Errorf(q.says.untouchable, name, whole.Untouchable)
	}
	return found[at], nil
}

// refused says why an answer was not taken; what the caller can mend is the
// caller's fault.
func (q *queueDesk) refused(err error) error {
	for _, known := range []error{queue.ErrNoItem, queue.ErrMoved, queue.ErrUnfit, queue.ErrTaken, queue.ErrIncomplete, queue.ErrDecided, queue.ErrUsed, queue.ErrUndone, identity.ErrNotFound} {
		if errors.Is(err, known) {
			return &exitError{exitFindings, errors.New(q.says.refusal[known])}
		}
	}
	return err
}

// decisionObject is a decision for a program.
type decisionObject struct {
	ID      string     `json:"id"`
	Item    string     `json:"item"`
	Verb    queue.Verb `json:"verb"`
	Run     string     `json:"run,omitempty"`
	At      string     `json:"at"`
	By      string     `json:"by"`
	Reason  string     `json:"reason,omitempty"`
	Records []string   `json:"records,omitempty"`
	Object  string     `json:"object,omitempty"`
	Name    string     `json:"name,omitempty"`
	Undone  string     `json:"undone,omitempty"`
}

func decisionOf(d queue.Decision) decisionObject {
	o := decisionObject{ID: d.ID, Item: d.Item, Verb: d.Verb, Run: d.Run, At: d.At.UTC().Format(time.RFC3339), By: d.By, Reason: d.Reason, Name: d.Name}
	if len(d.Records) > 0 {
		o.Records = recordWords(d.Records)
	}
	if d.Object.ID != [16]byte{} {
		o.Object, o.Name = hex.EncodeToString(d.Object.ID[:]), d.Object.Name
	}
	if !d.Undone.IsZero() {
		o.Undone = d.Undone.UTC().Format(time.RFC3339)
	}
	return o
}

// decisionsMost is how many of the last decisions are told of.
const decisionsMost = 10_000

func (q *queueDesk) decisions(ctx context.Context) error {
	list, err := q.db.Queue().Decisions(ctx, q.all, decisionsMost)
	if err != nil {
		return err
	}
	if q.json {
		all := &array{to: q.std.out}
		for _, d := range list {
			if err := all.item(decisionOf(d)); err != nil {
				return err
			}
		}
		return all.end()
	}
	w := tabwriter.NewWriter(q.std.out, 0, 0, 2, ' ', 0)
	for _, d := range list {
		o := decisionOf(d)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\t%s\t%s\n", d.ID, q.clock(d.At), d.Item, d.Verb, strings.Join(o.Records, " "), o.Name, d.By, d.Reason, q.clock(d.Undone))
	}
	return w.Flush()
}

func (q *queueDesk) undo(ctx context.Context) error {
	d, err := q.db.Queue().Undo(ctx, q.words[0], callerText(), q.now)
	if err != nil {
		return q.refused(err)
	}
	if q.json {
		d.Undone = q.now
		return q.std.json(decisionOf(d))
	}
	fmt.Fprintf(q.std.err, q.says.undone+"\n", d.ID, d.Verb)
	return nil
}
