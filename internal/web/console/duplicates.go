package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/provision/duplicates"
)

// Duplicates is what was found of accounts that one person has too many of. Each
// call covers what a scope covers: identity.ErrNotFound says the same of a group that
// is not there and of one that may not be seen.
type Duplicates interface {
	Overview(ctx context.Context, s rights.Scope) (duplicates.Overview, error)
	Cases(ctx context.Context, s rights.Scope, f duplicates.Filter) ([]duplicates.Case, error)
	Case(ctx context.Context, s rights.Scope, id string) (duplicates.Case, error)
	Apart(ctx context.Context, s rights.Scope, after, limit int) ([]duplicates.Pair, error)
	// Asked gives orders: those that stopped, or those that wait.
	Asked(ctx context.Context, s rights.Scope, stopped bool, limit int) ([]duplicates.Case, error)
	Done(ctx context.Context, s rights.Scope, before duplicates.Mark, limit int) ([]duplicates.Case, error)
	Report(ctx context.Context, s rights.Scope) (duplicates.Plan, error)
	Bulk(ctx context.Context, s rights.Scope, plan string) (duplicates.Bulk, error)
	// Figures are those of the brake.
	Figures(ctx context.Context) (duplicates.Figures, error)
}

// Repairs takes orders about duplicates; the daemon carries them out.
// identity.ErrConflict says that what was seen is not so any more.
type Repairs interface {
	Approve(ctx context.Context, s rights.Scope, id, version string, by duplicates.Ordered) error
	ApproveCertain(ctx context.Context, s rights.Scope, plan string, by duplicates.Ordered) (duplicates.Bulk, error)
	TakeBack(ctx context.Context, s rights.Scope, id, version string, keep []duplicates.Kept, by duplicates.Ordered) error
	Withdraw(ctx context.Context, s rights.Scope, id string, by duplicates.Ordered) error
	// Ask asks for a search; false where one is under way.
	Ask(ctx context.Context, by duplicates.Ordered) (bool, error)
}

const duplicatesAddress = address + "/duplicates"

// mending is the part about accounts that one person has too many of. Who may see
// people sees what was found; who may approve orders, and the daemon does it.
var mending = part{
	nav: entry{address: duplicatesAddress, title: "dups.nav", icon: "twins", may: rights.SeePeople},
	pages: map[string]page{
		"GET " + duplicatesAddress:                     {do: (*visit).groups, may: rights.SeePeople, alone: true},
		"GET " + duplicatesAddress + "/work":           {do: (*visit).works, may: rights.SeePeople, alone: true},
		"GET " + duplicatesAddress + "/namesakes":      {do: (*visit).namesakes, may: rights.SeePeople},
		"GET " + duplicatesAddress + "/report.html":    {do: (*visit).reportPage, may: rights.Export, costly: true},
		"GET " + duplicatesAddress + "/report.xlsx":    {do: (*visit).reportBook, may: rights.Export, costly: true},
		"POST " + duplicatesAddress + "/search":        {do: (*visit).lookForGroups, may: rights.Approve, back: duplicatesAddress},
		"GET " + duplicatesAddress + "/certain":        {do: (*visit).certain, may: rights.Approve},
		"POST " + duplicatesAddress + "/certain":       {do: (*visit).approveCertain, may: rights.Approve, back: duplicatesAddress},
		"GET " + duplicatesAddress + "/{id}":           {do: (*visit).group, may: rights.SeePeople, alone: true},
		"GET " + duplicatesAddress + "/{id}/approve":   {do: (*visit).askApproval, may: rights.Approve},
		"POST " + duplicatesAddress + "/{id}/approve":  {do: (*visit).approve, may: rights.Approve, back: duplicatesAddress},
		"GET " + duplicatesAddress + "/{id}/undo":      {do: (*visit).askUndo, may: rights.Approve},
		"POST " + duplicatesAddress + "/{id}/undo":     {do: (*visit).undoRepair, may: rights.Approve, back: duplicatesAddress},
		"POST " + duplicatesAddress + "/{id}/withdraw": {do: (*visit).withdraw, may: rights.Approve, back: duplicatesAddress},
	},
	glance: (*visit).duplicatesGlance,
	words:  wordsDuplicates,
	there:  func(o *Options) bool { return o.Duplicates != nil && o.Repairs != nil },
}

const (
	groupsShown = 50
	ordersShown = 50
	huntRefresh = 5 // seconds
	workRefresh = 10
)

// mender is where the visitor may approve.
func (v *visit) mender() rights.Scope { return v.rights.In(rights.Approve) }

// mended is what the words of the report say in the visitor's language.
func (v *visit) mended() *duplicates.Words { return duplicates.WordsFor(string(v.Lang)) }

func (v *visit) ordered(accepted bool) duplicates.Ordered {
	return duplicates.Ordered{By: v.by(), At: v.Now, Accepted: accepted, Line: v.line()}
}

// duplicatesGlance says how many groups wait.
func (v *visit) duplicatesGlance() (glance, error) {
	o, err := v.o.Duplicates.Overview(v.Request.Context(), v.scope)
	g := glance{Title: "dups.glance", Figure: strconv.Itoa(o.Groups[duplicates.Certain] + o.Groups[duplicates.Probable] + o.Groups[duplicates.Possible])}
	switch {
	case o.Hunt.Under():
		g.State, g.Text = "wait", "dups.glance.hunt"
	case o.Plan == "":
		g.Figure, g.Title, g.State, g.Text = "", "dups.nav", "wait", "dups.glance.never"
	case o.Stopped > 0:
		g.State, g.Text = "bad", "dups.glance.stopped"
	}
	return g, err
}

// groupsPage is the list of groups.
type groupsPage struct {
	duplicates.Overview
	Tabs     mendTabs
	When     string
	Progress int // of 100; 0: not known
	List     []groupRow
	Levels   []levelTab
	Pager    web.Pager
	May      bool   // approve somewhere
	City     bool   // everything is seen
	Export   bool   // reports may be taken
	Level    string // the filter, or "all"
}

type mendTabs struct {
	At                       string
	Groups, Works, Strangers int
}

type levelTab struct {
	Level string // of the address, or "all"
	N     int
}

// groupRow is one line of the list.
type groupRow struct {
	ID       string
	Level    duplicates.Level
	Score    int
	Names    []string // "": another school's
	FIO      string
	Stays    string
	Disables int
	Asks     bool
	Masked   bool
	State    caseState
	When     string
}

// caseState is how far a group is.
type caseState struct{ Kind, Key, Why string }

// stateOf says how far a group is, the order before the journal.
func (v *visit) stateOf(c *duplicates.Case) caseState {
	switch {
	case c.Order != nil && c.Order.Stopped != "" && (c.Repair == nil || c.Repair.Phase == duplicates.PhaseStopped):
		return caseState{"bad", "dups.state.stopped", v.mended().Stop(c.Order.Stopped)}
	case c.Order != nil && c.Order.Stopped == "" && c.Order.Verb == duplicates.Undo:
		return caseState{Kind: "wait", Key: "dups.state.return"}
	case c.Order != nil && c.Order.Stopped == "" && (c.Repair == nil || c.Repair.Phase == duplicates.PhaseUndone):
		return caseState{Kind: "wait", Key: "dups.state.ordered"}
	case c.Repair == nil:
		return caseState{}
	}
	switch c.Repair.Phase {
	case duplicates.PhaseApplying:
		return caseState{Kind: "wait", Key: "dups.state.applying"}
	case duplicates.PhaseApplied:
		return caseState{Kind: "good", Key: "dups.state.applied"}
	case duplicates.PhaseUndoing:
		return caseState{Kind: "wait", Key: "dups.state.undoing"}
	case duplicates.PhaseUndone:
		return caseState{Key: "dups.state.undone"}
	}
	return caseState{"bad", "dups.state.stopped", v.mended().Stop(c.Repair.Stopped)}
}

func (v *visit) rowOf(c *duplicates.Case) groupRow {
	g := &c.Group
	r := groupRow{ID: g.ID, Level: g.Level, Score: g.Score, Masked: c.Masked, Asks: len(g.Questions) > 0, State: v.stateOf(c)}
	for i := range g.Members {
		m := &g.Members[i]
		r.Names = append(r.Names, m.Name)
		if r.FIO == "" {
			r.FIO = m.Display
		}
		if !c.Masked && m.ID == g.Survivor {
			r.Stays = m.Name
		}
	}
	if !c.Masked {
		r.Disables = len(g.Approve(false))
	}
	if c.Repair != nil {
		r.When = v.clock(c.Repair.Changed)
	}
	return r
}

func (v *visit) rowsOf(list []duplicates.Case) (rows []groupRow, ids []string) {
	for i := range list {
		rows, ids = append(rows, v.rowOf(&list[i])), append(ids, list[i].Group.ID)
	}
	return rows, ids
}

func tabsOf(at string, o *duplicates.Overview) mendTabs {
	return mendTabs{at, o.Groups[duplicates.Certain] + o.Groups[duplicates.Probable] + o.Groups[duplicates.Possible], o.Orders + o.Stopped + o.Repairs, o.Groups[duplicates.Different]}
}

// after reads a place in the plan from the address; false: it is none, and that was
// said.
func (v *visit) after() (n int, ok bool) {
	text := v.Request.URL.Query().Get("after")
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<30 {
		v.missing()
		return 0, false
	}
	return n, true
}

// accountsOf are the accounts that groups show, for the trail: a group is forgotten
// with the next search.
func accountsOf(list ...duplicates.Case) (names []string) {
	for i := range list {
		for _, m := range list[i].Group.Members {
			names = append(names, m.Name)
		}
	}
	return names
}

var shownLevels = []duplicates.Level{duplicates.Certain, duplicates.Probable, duplicates.Possible}

// groups lists what was found.
func (v *visit) groups() {
	p := groupsPage{City: v.scope.All(), May: !v.mender().Empty(), Export: v.rights.May(rights.Export)}
	f := duplicates.Filter{Limit: groupsShown + 1}
	var ok bool
	if f.After, ok = v.after(); !ok {
		return
	}
	here := duplicatesAddress + "?"
	if p.Level = v.Request.URL.Query().Get("level"); p.Level == "" {
		p.Level = "all"
	} else {
		at := slices.IndexFunc(shownLevels, func(l duplicates.Level) bool { return l.String() == p.Level })
		if at < 0 {
			v.missing()
			return
		}
		f.Level = shownLevels[at]
		here += "level=" + p.Level + "&"
	}
	ctx := v.Request.Context()
	var err error
	var list []duplicates.Case
	if p.Overview, err = v.o.Duplicates.Overview(ctx, v.scope); err == nil {
		list, err = v.o.Duplicates.Cases(ctx, v.scope, f)
	}
	if err != nil {
		v.Broken("duplicates cannot be read", err)
		return
	}
	if f.After > 0 {
		p.Pager.First = strings.TrimRight(here, "?&")
	}
	if len(list) > groupsShown {
		list = list[:groupsShown]
		p.Pager.Next = here + "after=" + strconv.Itoa(list[groupsShown-1].Rank)
	}
	p.Tabs, p.When, p.Progress = tabsOf("groups", &p.Overview), v.clock(p.Made), progress(&p.Overview)
	p.Levels = []levelTab{{"all", p.Tabs.Groups}}
	for _, l := range shownLevels {
		p.Levels = append(p.Levels, levelTab{l.String(), p.Groups[l]})
	}
	var ids []string
	p.List, ids = v.rowsOf(list)
	if !v.read("duplicates", map[string]any{"groups": ids, "accounts": accountsOf(list...)}) {
		return
	}
	refresh := 0
	if p.Hunt.Under() {
		refresh = huntRefresh
	}
	v.showAgain("duplicates.html", "dups.title", p, refresh)
}

// progress is how far a search is, of 100; how many accounts there are is known from
// the one before.
func progress(o *duplicates.Overview) int {
	switch h := &o.Hunt; {
	case h.Phase == duplicates.HuntReading && o.Accounts > 0:
		return min(h.Read*70/o.Accounts, 70)
	case h.Phase == duplicates.HuntPlanning && h.All > 0:
		return 70 + min(h.Looked*30/h.All, 30)
	}
	return 0
}

// lookForGroups asks for a search; one at a time.
func (v *visit) lookForGroups() {
	if _, err := v.o.Repairs.Ask(v.Request.Context(), v.ordered(false)); err != nil {
		v.Broken("a search for duplicates cannot be asked for", err)
		return
	}
	v.To(duplicatesAddress)
}

// worksPage is what is ordered and done.
type worksPage struct {
	Tabs          mendTabs
	Stopped, Wait []groupRow
	Waiting       int // orders that wait, those that are not shown too
	Done          []groupRow
	Figures       duplicates.Figures
	City          bool // everything is seen, and the figures of the whole city
	Pager         web.Pager
}

// works lists orders and repairs.
func (v *visit) works() {
	ctx, q := v.Request.Context(), v.Request.URL.Query()
	var before duplicates.Mark
	if text, id, some := strings.Cut(q.Get("before"), "-"); some || text != "" {
		at, err := strconv.ParseInt(text, 16, 64)
		if err != nil || !some || len(id) > 32 {
			v.missing()
			return
		}
		before = duplicates.Mark{Made: unixMicro(at), ID: id}
	}
	p := worksPage{City: v.scope.All()}
	o, err := v.o.Duplicates.Overview(ctx, v.scope)
	var stopped, wait, done []duplicates.Case
	if err == nil {
		p.Figures, err = v.o.Duplicates.Figures(ctx)
	}
	if err == nil && before.ID == "" {
		if stopped, err = v.o.Duplicates.Asked(ctx, v.scope, true, ordersShown); err == nil {
			wait, err = v.o.Duplicates.Asked(ctx, v.scope, false, ordersShown)
		}
	}
	if err == nil {
		done, err = v.o.Duplicates.Done(ctx, v.scope, before, groupsShown+1)
	}
	if err != nil {
		v.Broken("repairs of duplicates cannot be read", err)
		return
	}
	here := duplicatesAddress + "/work"
	if before.ID != "" {
		p.Pager.First = here
	}
	if len(done) > groupsShown {
		done = done[:groupsShown]
		last := done[groupsShown-1]
		p.Pager.Next = here + "?before=" + strconv.FormatInt(last.Repair.Made.UnixMicro(), 16) + "-" + last.Group.ID
	}
	p.Tabs, p.Waiting = tabsOf("works", &o), o.Orders
	var ids, more []string
	p.Stopped, ids = v.rowsOf(stopped)
	p.Wait, more = v.rowsOf(wait)
	ids = append(ids, more...)
	p.Done, more = v.rowsOf(done)
	if !v.read("duplicates done", map[string]any{"groups": append(ids, more...), "accounts": accountsOf(slices.Concat(stopped, wait, done)...)}) {
		return
	}
	refresh := 0
	if p.Waiting > 0 && before.ID == "" {
		refresh = workRefresh
	}
	v.showAgain("duplicates-work.html", "dups.title", p, refresh)
}

// namesakesPage lists pairs that look like one person's accounts and are not.
type namesakesPage struct {
	Tabs  mendTabs
	List  []namesakesRow
	Pager web.Pager
}

type namesakesRow struct {
	A, B, FIO    string
	For, Against []string
}

func (v *visit) namesakes() {
	after, ok := v.after()
	if !ok {
		return
	}
	ctx := v.Request.Context()
	o, err := v.o.Duplicates.Overview(ctx, v.scope)
	var list []duplicates.Pair
	if err == nil {
		list, err = v.o.Duplicates.Apart(ctx, v.scope, after, groupsShown+1)
	}
	if err != nil {
		v.Broken("namesakes cannot be read", err)
		return
	}
	p := namesakesPage{Tabs: tabsOf("namesakes", &o)}
	var shown []string
	if after > 0 {
		p.Pager.First = duplicatesAddress + "/namesakes"
	}
	if len(list) > groupsShown {
		list = list[:groupsShown]
		p.Pager.Next = duplicatesAddress + "/namesakes?after=" + strconv.Itoa(list[groupsShown-1].Rank)
	}
	for _, n := range list {
		row := namesakesRow{A: n.A, B: n.B, FIO: n.FIO}
		shown = append(shown, n.A, n.B)
		row.For, row.Against = v.reasons(n.Reasons)
		p.List = append(p.List, row)
	}
	if v.read("namesakes", map[string]any{"pairs": len(list), "accounts": shown}) {
		v.Show(http.StatusOK, "duplicates-namesakes.html", "dups.title", p)
	}
}

// reasons are what speaks for one person, and against.
func (v *visit) reasons(list []duplicates.Reason) (pro, against []string) {
	for _, r := range list {
		if r.Against() {
			against = append(against, v.mended().Reason(r))
		} else {
			pro = append(pro, v.mended().Reason(r))
		}
	}
	return pro, against
}
