package console

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/provision/duplicates"
)

func unixMicro(at int64) time.Time { return time.UnixMicro(at).UTC() }

// groupPage is one group: its accounts side by side.
type groupPage struct {
	groupRow
	Members   []memberCard
	Questions []questionRow
	Ambiguous bool
	Open      bool // may be approved here and now
	Undo      bool // may be taken back
	Withdraw  bool // an approval waits and may be withdrawn
	Held      bool // by the brake
	Figures   duplicates.Figures
	Journal   []journalRow
	Differs   []differenceRow
	Foreign   bool // seen, and not his to decide
	Version   string
	Fault     string
}

type memberCard struct {
	duplicates.Member
	Key          string // of forms
	Stays        bool
	Why          string // it stays
	Signed, Born string
	For, Against []string
	Steps        []string
	Certainty    duplicates.Level
	Masked       bool
}

type questionRow struct{ Key, Text string }

// journalRow is one step as far as it is.
type journalRow struct {
	Account string
	Text    string
	Kind    string // badge
	State   string // key
}

type differenceRow struct {
	Key                     string // of the form
	Account, What           string
	Before, Left, Now, Gone string
}

// group shows one group.
func (v *visit) group() {
	c, ok := v.caseOf(v.scope)
	if !ok {
		return
	}
	p := v.groupPageOf(&c)
	if mine, err := v.o.Duplicates.Case(v.Request.Context(), v.mender(), c.Group.ID); err == nil {
		p.Open, p.Undo = mine.Open(), mine.Undoable()
		p.Withdraw = !mine.Masked && mine.Order != nil && mine.Order.Verb == duplicates.Apply && (mine.Repair == nil || mine.Repair.Phase == duplicates.PhaseUndone)
	} else if !errors.Is(err, identity.ErrNotFound) {
		v.Broken("a group of duplicates cannot be read", err)
		return
	}
	p.Foreign = !p.Open && c.Open()
	if c.Order != nil && c.Order.Verb == duplicates.Apply && c.Order.Stopped == "" && !c.Order.Accepted {
		var err error
		if p.Figures, err = v.o.Duplicates.Figures(v.Request.Context()); err != nil {
			v.Broken("the brake cannot be asked", err)
			return
		}
		p.Held = c.Order.Disabling() > p.Figures.Left()
	}
	if !v.read("duplicate", map[string]any{"group": c.Group.ID, "accounts": accountsOf(c)}) {
		return
	}
	refresh := 0
	if p.State.Kind == "wait" {
		refresh = huntRefresh
	}
	v.showAgain("duplicate.html", "dups.group.title", p, refresh)
}

// caseOf reads the group of the address, or has said that there is none.
func (v *visit) caseOf(s rights.Scope) (duplicates.Case, bool) {
	id := v.Request.PathValue("id")
	if len(id) > 32 {
		v.missing()
		return duplicates.Case{}, false
	}
	c, err := v.o.Duplicates.Case(v.Request.Context(), s, id)
	if err != nil {
		v.failed("a group of duplicates cannot be read", err)
		return c, false
	}
	return c, true
}

func (v *visit) groupPageOf(c *duplicates.Case) groupPage {
	g := &c.Group
	p := groupPage{groupRow: v.rowOf(c), Ambiguous: g.Ambiguous}
	words := v.mended()
	for _, q := range g.Questions {
		p.Questions = append(p.Questions, questionRow{string(q), words.Question(q)})
	}
	for i := range g.Members {
		m := &g.Members[i]
		card := memberCard{Member: *m, Key: hex.EncodeToString(m.ID[:]), Masked: c.Masked && m.Name == "", Signed: v.day(m.SignedIn), Born: v.day(m.Created), Certainty: m.Level}
		if card.Stays = !c.Masked && m.ID == g.Survivor; card.Stays {
			card.Why = words.Why(g.Because)
		} else if !c.Masked {
			card.Steps = words.Steps(g, m)
			card.For, card.Against = v.reasons(m.Reasons)
		}
		p.Members = append(p.Members, card)
	}
	if c.Masked {
		return p
	}
	p.Version = g.Version()
	if c.Repair != nil {
		p.Journal = v.journal(c)
	}
	if c.Order != nil {
		for _, d := range c.Order.Differs {
			row := differenceRow{Key: keepKey(d.Account, d.What), Account: d.Name, What: d.What, Before: d.Before, Left: d.Left, Now: d.Now}
			if d.What == "" {
				row.Gone = words.Stop(d.Why)
			}
			p.Differs = append(p.Differs, row)
		}
	}
	return p
}

func keepKey(account duplicates.GUID, what string) string {
	return hex.EncodeToString(account[:]) + ":" + what
}

func (v *visit) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.o.Zone).Format("02.01.2006")
}

// journal tells of every step as far as it is.
func (v *visit) journal(c *duplicates.Case) (rows []journalRow) {
	stages := map[duplicates.Stage]journalRow{
		duplicates.StagePlanned: {State: "dups.stage.planned"}, duplicates.StageBegun: {Kind: "wait", State: "dups.stage.begun"}, duplicates.StageDone: {Kind: "good", State: "dups.stage.done"},
		duplicates.StageSkipped: {State: "dups.stage.skipped"}, duplicates.StageUndone: {State: "dups.stage.undone"},
	}
	names := map[duplicates.GUID]string{}
	for _, m := range c.Group.Members {
		names[m.ID] = m.Name
	}
	for i := range c.Repair.Entries {
		e := &c.Repair.Entries[i]
		row := stages[e.Stage]
		row.Account, row.Text = names[e.Account], v.mended().Step(e)
		rows = append(rows, row)
	}
	return rows
}

// approvable reads the group that is to be approved, as the visitor may; or has said
// that there is none.
func (v *visit) approvable() (duplicates.Case, bool) {
	c, ok := v.caseOf(v.scope)
	if ok && c.Masked {
		v.missing()
		return c, false
	}
	return c, ok
}

// askApproval shows what an approval does, by name.
func (v *visit) askApproval() { v.showApproval(http.StatusOK, "") }

func (v *visit) showApproval(status int, fault string) {
	c, ok := v.approvable()
	if !ok {
		return
	}
	if !c.Open() {
		v.To(duplicatesAddress + "/" + c.Group.ID)
		return
	}
	p := v.groupPageOf(&c)
	p.Fault = fault
	var err error
	if p.Figures, err = v.o.Duplicates.Figures(v.Request.Context()); err != nil {
		v.Broken("the brake cannot be asked", err)
		return
	}
	p.Held = c.Group.Disabling(c.Group.Approve(false)) > p.Figures.Left()
	if v.read("duplicate", map[string]any{"group": c.Group.ID, "accounts": accountsOf(c)}) {
		v.Show(status, "duplicate-approve.html", "dups.approve.title", p)
	}
}

// approve orders what the visitor has seen, and no more.
func (v *visit) approve() {
	form, ok := v.Form()
	if !ok {
		return
	}
	c, ok := v.approvable()
	if !ok {
		return
	}
	if form.Get("version") != c.Group.Version() || !c.Open() {
		v.showGroupFault("dups.fault.changed")
		return
	}
	for _, q := range c.Group.Questions {
		if !slices.Contains(form["answer"], string(q)) {
			v.showApproval(http.StatusUnprocessableEntity, "dups.fault.answer")
			return
		}
	}
	err := v.o.Repairs.Approve(v.Request.Context(), v.scope, c.Group.ID, form.Get("version"), v.ordered(false))
	if errors.Is(err, identity.ErrConflict) { // somebody was faster
		v.showGroupFault("dups.fault.changed")
		return
	}
	if err != nil {
		v.failed("a group of duplicates cannot be approved", err)
		return
	}
	v.To(duplicatesAddress + "/" + c.Group.ID)
}

// showGroupFault shows the group as it is now, and why nothing was done.
func (v *visit) showGroupFault(fault string) {
	now, ok := v.caseOf(v.scope)
	if !ok {
		return
	}
	p := v.groupPageOf(&now)
	p.Fault, p.Open, p.Undo = fault, now.Open(), now.Undoable()
	if v.read("duplicate", map[string]any{"group": now.Group.ID, "accounts": accountsOf(now)}) {
		v.Show(http.StatusConflict, "duplicate.html", "dups.group.title", p)
	}
}

// askUndo shows what comes back, and what differs by now.
func (v *visit) askUndo() {
	c, ok := v.approvable()
	if !ok {
		return
	}
	if !c.Undoable() {
		v.To(duplicatesAddress + "/" + c.Group.ID)
		return
	}
	if v.read("duplicate", map[string]any{"group": c.Group.ID, "accounts": accountsOf(c)}) {
		v.Show(http.StatusOK, "duplicate-undo.html", "dups.undo.title", v.groupPageOf(&c))
	}
}

// undoRepair orders that a repair is taken back, but for what is ticked of the differences
// that were shown.
func (v *visit) undoRepair() {
	form, ok := v.Form()
	if !ok {
		return
	}
	c, ok := v.approvable()
	if !ok {
		return
	}
	if !c.Undoable() || form.Get("version") != c.Group.Version() {
		v.showGroupFault("dups.fault.changed")
		return
	}
	var keep []duplicates.Kept
	for _, key := range form["keep"] {
		at := -1
		if c.Order != nil {
			at = slices.IndexFunc(c.Order.Differs, func(d duplicates.Difference) bool { return keepKey(d.Account, d.What) == key })
		}
		if at < 0 {
			v.showGroupFault("dups.fault.changed")
			return
		}
		d := c.Order.Differs[at]
		keep = append(keep, duplicates.Kept{Account: d.Account, What: d.What})
	}
	err := v.o.Repairs.TakeBack(v.Request.Context(), v.scope, c.Group.ID, form.Get("version"), keep, v.ordered(false))
	v.answered(err, &c, "duplicates cannot be taken back")
}

// withdraw takes an approval back that was not begun with.
func (v *visit) withdraw() {
	c, ok := v.approvable()
	if !ok {
		return
	}
	err := v.o.Repairs.Withdraw(v.Request.Context(), v.scope, c.Group.ID, v.ordered(false))
	v.answered(err, &c, "an approval cannot be withdrawn")
}

func (v *visit) answered(err error, c *duplicates.Case, what string) {
	switch {
	case errors.Is(err, identity.ErrConflict):
		v.showGroupFault("dups.fault.changed")
	case err != nil:
		v.failed(what, err)
	default:
		to := duplicatesAddress + "/" + c.Group.ID
		if c.Rank == 0 && c.Repair == nil { // it is nowhere any more
			to = duplicatesAddress
		}
		v.To(to)
	}
}

// certainPage is what an approval of all that is certain does.
type certainPage struct {
	duplicates.Bulk
	Figures duplicates.Figures
	Plan    string
	When    string
	Over    int  // so many are more than a day takes
	Accept  bool // the visitor may let them be disabled at once
	Fault   string
}

// certain shows the figures before all that is certain is approved.
func (v *visit) certain() { v.showCertain(http.StatusOK, "") }

func (v *visit) showCertain(status int, fault string) {
	ctx := v.Request.Context()
	p := certainPage{Fault: fault, Accept: v.scope.All()}
	o, err := v.o.Duplicates.Overview(ctx, v.scope)
	if err == nil {
		p.Bulk, err = v.o.Duplicates.Bulk(ctx, v.scope, o.Plan)
	}
	if err == nil {
		p.Figures, err = v.o.Duplicates.Figures(ctx)
	}
	if err != nil {
		v.Broken("what is certain of duplicates cannot be counted", err)
		return
	}
	p.Plan, p.When, p.Over = o.Plan, v.clock(o.Made), max(p.Disabling-p.Figures.Left(), 0)
	v.Show(status, "duplicates-certain.html", "dups.certain.title", p)
}

// approveCertain orders all that is certain of the plan whose figures were shown.
// Only whoever sees the whole city lets more be disabled at once than the brake does.
func (v *visit) approveCertain() {
	form, ok := v.Form()
	if !ok {
		return
	}
	accepted := form.Get("accept") != ""
	if accepted && !v.scope.All() {
		v.missing()
		return
	}
	b, err := v.o.Duplicates.Bulk(v.Request.Context(), v.scope, form.Get("plan"))
	if err != nil {
		v.Broken("what is certain of duplicates cannot be counted", err)
		return
	}
	if strconv.Itoa(b.Disabling) != form.Get("disabling") || b.Groups == 0 {
		v.showCertain(http.StatusConflict, "dups.fault.plan")
		return
	}
	_, err = v.o.Repairs.ApproveCertain(v.Request.Context(), v.scope, form.Get("plan"), v.ordered(accepted))
	if errors.Is(err, identity.ErrConflict) {
		v.showCertain(http.StatusConflict, "dups.fault.plan")
		return
	}
	if err != nil {
		v.Broken("what is certain of duplicates cannot be approved", err)
		return
	}
	v.To(duplicatesAddress + "/work")
}

// reportPage and reportBook give the director's report of all that is seen whole.
func (v *visit) reportPage() {
	v.report("text/html; charset=utf-8", "duplicates.html", func(b *bytes.Buffer, p *duplicates.Plan) error { return p.HTML(b, v.mended(), v.o.Zone) })
}

func (v *visit) reportBook() {
	v.report("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "duplicates.xlsx",
		func(b *bytes.Buffer, p *duplicates.Plan) error { return p.XLSX(b, v.mended(), v.o.Zone) })
}

// report is written whole or not at all, and saved: its styles are not those that a
// page of ours may have.
func (v *visit) report(kind, name string, write func(*bytes.Buffer, *duplicates.Plan) error) {
	done, ok := v.file()
	if !ok {
		return
	}
	defer done()
	p, err := v.o.Duplicates.Report(v.Request.Context(), v.scope)
	var b bytes.Buffer
	if err == nil {
		err = write(&b, &p)
	}
	if err != nil {
		v.Broken("a report of duplicates cannot be made", err)
		return
	}
	var accounts []string
	for i := range p.Groups {
		for _, m := range p.Groups[i].Members {
			accounts = append(accounts, "ad:"+m.Name)
		}
	}
	for _, n := range p.Namesakes {
		accounts = append(accounts, "ad:"+n.A, "ad:"+n.B)
	}
	if !v.readRecords("duplicates report", map[string]any{"groups": len(p.Groups), "file": strings.TrimPrefix(name, "duplicates.")}, accounts) {
		return
	}
	head := v.Writer.Header()
	head.Set("Content-Type", kind)
	head.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = b.WriteTo(v.Writer) // whoever has gone misses nothing
}
