package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/census"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

const queueUsage = "list --config FILE [--school ID] [--all] [--format table|csv|csv-bom|json|xlsx] | show --config FILE [--json] ID | " +
	"decide --config FILE ID bind RECORD|adopt RECORD|adopt ACCOUNT|further RECORD|allocate [NAME]|transfer|refuse [--reason TEXT] | decisions --config FILE [--all] [--json] | undo --config FILE DECISION [--lang ru|en]"

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
	fs.StringVar(&c.format, "format", "table", "list: вид: table, csv, csv-bom (для Excel), json или xlsx / `FORMAT`: table, csv, csv-bom (for Excel), json or xlsx")
	fs.StringVar(&c.reason, "reason", "", "decide: почему; для refuse и transfer обязательно / why (`TEXT`); refuse and transfer need it")
	fs.BoolVar(&c.all, "all", false, "list: и решённые; decisions: и отменённые / list: answered ones too; decisions: those taken back too")
	fs.BoolVar(&c.json, "json", false, "show, decide, undo, decisions: вывести JSON / print JSON")
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
	want, known := map[queue.Verb]int{queue.Bind: 3, queue.Adopt: 3, queue.Further: 3, queue.Allocate: 3, queue.Transfer: 2, queue.Refuse: 2}[queue.Verb(word(c.words, 1))]
	suggested := known && c.words[1] == string(queue.Allocate) && len(c.words) == 2
	if !known || len(c.words) != want && !suggested {
		return c, misused("queue")
	}
	if without, needed := queueTexts[c.lang].noReason[queue.Verb(c.words[1])]; needed && strings.TrimSpace(c.reason) == "" {
		return c, usageError("%s", without)
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
		err := q.list(ctx)
		if err == nil && !q.all {
			fmt.Fprintln(q.std.err, nextStepTexts[q.lang].nothing)
		}
		return err
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
	target *ad.Target                 // the daemon's; nil: one is opened
	covers func(person.SchoolID) bool // at which schools records lead to the directory; nil: at all
}

// openAD gives what asks the directory, and what ends it.
func (q *queueDesk) openAD() (*ad.Target, func(), error) {
	if q.target != nil {
		return q.target, func() {}, nil
	}
	return openAD(q.config, discardLog())
}

func (q *queueDesk) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(q.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04")
}

func (q *queueDesk) list(ctx context.Context) error {
	write, end, err := q.lister()
	if err != nil {
		return err
	}
	open, any := false, false
	err = q.db.Queue().Each(ctx, person.SchoolID(q.school), q.all, func(i queue.Item) error {
		open, any = open || i.Open(), true
		i.Same = q.whole(ctx, i.Same)
		return write(&i)
	})
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	if open {
		return errFindings
	}
	if q.school != "" && !any {
		return q.known(ctx)
	}
	return nil
}

// known refuses a school that nobody has heard of: that nothing is open there
// would be no answer.
func (q *queueDesk) known(ctx context.Context) error {
	count := census.New(person.DateOf(q.now.In(q.config.Policy.TimeZone.Location())))
	if err := q.db.Census().Survey(ctx, count, false, false); err != nil {
		return err
	}
	if !count.Knows(person.SchoolID(q.school)) {
		return usageError(problemWords[q.lang].noSchool, q.school)
	}
	return nil
}

// lister gives what writes a question in the format that was asked for, and what
// ends the list.
func (q *queueDesk) lister() (write func(*queue.Item) error, end func() error, err error) {
	if q.format == "json" {
		all := &array{to: q.std.out}
		return func(i *queue.Item) error { return all.item(q.object(i, nil)) }, all.end, nil
	}
	rows, err := table.New(q.std.out, q.format, q.says.title, q.says.head)
	if err != nil {
		return nil, nil, err
	}
	return func(i *queue.Item) error {
		var schools []string
		for _, id := range i.Schools {
			schools = append(schools, string(id))
		}
		return rows.Row(i.ID, q.clock(i.At), strings.Join(schools, " "), whose(i), i.Name, q.question(i), strings.Join(verbs(i), " "), q.state(i))
	}, rows.Close, nil
}

// whose is the name of the person in question.
func whose(i *queue.Item) string {
	if c := i.Case; c != nil {
		return person.JoinFIO(c.Last, c.First, c.Middle)
	}
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
	if c := i.Case; c != nil {
		return fmt.Sprintf(q.says.letter, c.Number) + ": " + cmp.Or(c.Problem, q.says.whyLetter)
	}
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
	case i.Decided == nil && len(i.Same) > 0:
		return fmt.Sprintf(q.says.openToo, strings.Join(i.Same, " "))
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
	Barred      string            `json:"transfer_barred,omitempty"` // why the person cannot be moved to this mos.ru account
	Returned    string            `json:"moved_away,omitempty"`      // when the person was moved away from it
	Same        []string          `json:"same,omitempty"`            // the questions about the same account
}

// queueSide is one column of the evidence: the profile, a record, or an account.
type queueSide struct {
	Source string            `json:"source"` // mos.ru, a record, or ad:NAME
	Values map[string]string `json:"values"`
	Equal  map[string]bool   `json:"equal,omitempty"` // to the profile, else to the account, where both are known

	object provision.Object // of an account
	owner  provision.Owner
	left   duplicates.Why // why nobody may be given it; "": he may
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
		line := claimLineOf(*i.Proposal)
		o.Proposal = &line
	}
	if i.Holder != nil && i.Holder.Bar != nil {
		o.Barred = q.says.refusal[i.Holder.Bar]
	}
	if i.Holder != nil && !i.Holder.Returned.IsZero() {
		o.Returned = i.Holder.Returned.UTC().Format(time.RFC3339)
	}
	if o.Same = i.Same; more != nil {
		o.Sides, o.Suggestions, o.Same = more.sides, more.names, more.same
	}
	return o
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
	From    string     `json:"from,omitempty"` // of transfer: the login of the mos.ru account before
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
	if d.Origin != nil {
		o.From = d.Origin.Profile.Login
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
	for i := range list {
		list[i].Item = q.whole(ctx, []string{list[i].Item})[0]
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
	rows, err := table.New(q.std.out, "table", "", nextStepTexts[q.lang].decisions)
	if err != nil {
		return err
	}
	for _, d := range list {
		o := decisionOf(d)
		what := strings.TrimSpace(strings.Join(o.Records, " ") + " " + o.Name)
		if err := rows.Row(d.ID, q.clock(d.At), d.Item, string(d.Verb), what, d.By, d.Reason, q.clock(d.Undone)); err != nil {
			return err
		}
	}
	return rows.Close()
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
