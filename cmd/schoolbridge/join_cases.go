package main

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// caseDesk are the questions of the queue as the console knows them: what "provision
// queue" shows and does, within a scope.
type caseDesk struct{ d *daemon }

var _ console.Cases = caseDesk{}

func queueScope(s rights.Scope) queue.Scope {
	return queue.Scope{All: s.All(), Schools: s.Schools()}
}

// desk is the command's, over the daemon's store and directory, within a scope.
func (c caseDesk) desk(scope rights.Scope, lang web.Lang, now time.Time, words ...string) *queueDesk {
	return &queueDesk{queueCall: queueCall{lang: string(lang), words: words}, config: c.d.config, db: c.d.db, now: now, target: c.d.ad, covers: queueScope(scope).Covers,
		says: queueTexts[string(lang)], claims: claimTexts[string(lang)]}
}

// Page implements console.Cases.
func (c caseDesk) Page(ctx context.Context, ask console.CasesAsk) (console.CasesPage, error) {
	items, next, err := c.d.db.Queue().Page(ctx, store.PageAsk{Scope: queueScope(ask.Scope), Kinds: ask.Kinds, Answered: ask.Answered, After: store.QueuePlace(ask.After), N: ask.N})
	if err != nil {
		return console.CasesPage{}, err
	}
	page := console.CasesPage{Next: (*console.CasesPlace)(next)}
	for i := range items {
		unlettered(&items[i], ask.Scope)
		page.Cases = append(page.Cases, c.line(&items[i], ask.Scope, ask.Lang))
	}
	return page, nil
}

// Open implements console.Cases.
func (c caseDesk) Open(ctx context.Context, scope rights.Scope, kind queue.Kind) (int, error) {
	return c.d.db.Queue().Count(ctx, queueScope(scope), kind)
}

// line is a question in a list.
func (c caseDesk) line(i *queue.Item, scope rights.Scope, lang web.Lang) console.CaseLine {
	l := console.CaseLine{Kind: i.Kind, At: i.At, Who: whoseWithin(i, scope), Login: i.Name, Person: i.Person}
	l.Stem, _ = queue.Split(i.ID)
	if i.Case != nil {
		l.Number, l.Person = i.Case.Number.String(), i.Case.Person
	}
	l.Schools, l.Others = c.schools(i, scope)
	for _, p := range i.Problems {
		l.Why = append(l.Why, explain.ProblemAt(explain.Lang(lang), profileHome(i), p).Meaning)
	}
	if i.Case != nil && i.Case.Problem != "" {
		l.Why = append(l.Why, problemMeaning(lang, i.Case.Problem))
	}
	if i.Proposal != nil {
		l.Why = append(l.Why, c.desk(scope, lang, time.Time{}).question(i))
	}
	if d := i.Decided; d != nil {
		l.Decided = &console.CaseDecision{ID: d.ID, By: d.By, Reason: d.Reason, Verb: d.Verb, At: d.At, What: strings.TrimSpace(d.Object.Name + " " + d.Name)}
		if o := decisionOf(*d); l.Decided.What == "" && scope.All() {
			l.Decided.What = strings.Join(o.Records, " ")
		}
	}
	return l
}

// problemMeaning is what a code means, as a session has it: "CODE" or "CODE(arg)".
func problemMeaning(lang web.Lang, problem string) string {
	bare, _, _ := strings.Cut(problem, "(")
	if said, ok := explain.ProblemAdvice(explain.Lang(lang), match.Code(bare)); ok {
		return said.Meaning
	}
	said, _ := explain.AdviceAt(explain.Lang(lang), "", identity.Reason(bare))
	return said.Meaning
}

// whoseWithin is whose, of a candidate who may be seen: an account of the directory
// is perhaps another school's.
func whoseWithin(i *queue.Item, scope rights.Scope) string {
	if i.Proposal == nil || scope.All() {
		return whose(i)
	}
	for n, candidate := range i.Proposal.Candidates {
		if row, ok := i.Row(candidate.Records[0]); ok && scope.Covers(queue.SchoolOf(row.Value)) {
			return i.Proposal.Candidates[n].FIO
		}
	}
	return ""
}

// schools are the names of those that a question concerns and the scope covers, and
// whether there are others.
func (c caseDesk) schools(i *queue.Item, scope rights.Scope) (names []string, others bool) {
	ids := slices.Clone(i.Schools)
	for _, r := range i.Rows {
		ids = append(ids, queue.SchoolOf(r.Value))
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		switch {
		case id == "":
		case scope.Covers(id):
			names = append(names, c.schoolName(id))
		default:
			others = true
		}
	}
	return names, others
}

func (c caseDesk) schoolName(id person.SchoolID) string {
	if s, ok := c.d.people.School(id); ok && s.Name != "" {
		return s.Name
	}
	return string(id)
}

// Case implements console.Cases.
func (c caseDesk) Case(ctx context.Context, scope, decide rights.Scope, lang web.Lang, id string) (*console.Case, error) {
	item, err := c.item(ctx, scope, id)
	if err != nil && !errors.Is(err, queue.ErrMoved) {
		return nil, err
	}
	decidable := !decide.Empty() && item.Decidable(queueScope(decide))
	desk := c.desk(scope, lang, time.Time{})
	e := desk.gather(ctx, &item)
	view := &console.Case{CaseLine: c.line(&item, scope, lang), ID: item.ID, Moved: item.Moved(), Foreign: !decide.Empty() && !decidable, Silent: e.live != nil, SignedIn: item.Case != nil && item.Case.Profile != nil}
	for _, p := range item.Problems {
		said, who := desk.advice(&item, p)
		if !scope.All() { // what stands behind the code is perhaps another school's child
			said.Code = string(p.Code)
		}
		view.Problems = append(view.Problems, console.CaseProblem{Code: said.Code, Meaning: said.Meaning, Who: who, Remedy: explain.OnPage(explain.Lang(lang), said.Remedy)})
	}
	if h := item.Holder; h != nil && decidable {
		view.Bound, view.Returned, view.Bar = true, h.Returned, h.Bar
	}
	view.Sides = c.sides(&item, desk, e, scope)
	for _, side := range view.Sides {
		if side.Source == "ad" && !side.Masked {
			view.Records = append(view.Records, "ad:"+side.Name)
		}
	}
	if err := c.leads(ctx, &item, e.same, view, scope, lang); err != nil {
		return nil, err
	}
	for _, r := range item.Rows {
		if !scope.All() && !scope.Covers(queue.SchoolOf(r.Value)) {
			continue
		}
		view.Records = append(view.Records, r.Record.Word())
		if id, err := identity.ParsePersonID(r.Holder); err == nil {
			view.Whom = append(view.Whom, id)
		}
	}
	if d := view.Decided; d != nil {
		d.Stays = !queueScope(decide).Undoes(item.Decided)
	}
	if decidable && item.Open() {
		for _, v := range item.Verbs() {
			if v == queue.Refuse {
				continue // it is always the last
			}
			for _, what := range c.choices(&item, desk, e, scope, v) {
				view.Choices = append(view.Choices, console.CaseChoice{Verb: v, What: what})
			}
		}
		view.Choices = append(view.Choices, console.CaseChoice{Verb: queue.Refuse})
	}
	return view, nil
}

// leads says where to go from a question: to the person, if it is certain who that
// is, to other questions about the same person, and, of a letter, what to do next.
func (c caseDesk) leads(ctx context.Context, item *queue.Item, same []string, view *console.Case, scope rights.Scope, lang web.Lang) error {
	s, err := newStories(c.d)
	if err != nil {
		return err
	}
	if view.Handle, err = c.handle(ctx, s, item, scope); err != nil {
		return err
	}
	var subject identity.Subject
	if item.Profile != nil {
		subject = item.Profile.Subject
	}
	stems, err := c.d.db.Queue().About(view.Person, subject)
	if err != nil {
		return err
	}
	for _, stem := range same {
		if !slices.Contains(stems, stem) {
			stems = append(stems, stem)
		}
	}
	for _, stem := range stems {
		if stem == view.Stem {
			continue
		}
		other, err := c.item(ctx, scope, stem)
		switch {
		case err == nil && other.Open():
			view.Beside = append(view.Beside, console.CaseLink{Stem: stem, Kind: other.Kind})
		case err != nil && !errors.Is(err, identity.ErrNotFound):
			return err
		}
	}
	if item.Case == nil || view.Handle == "" {
		return nil
	}
	story, err := s.Story(ctx, console.View{Scope: scope, Lang: lang, At: time.Now()}, view.Handle, false)
	if errors.Is(err, identity.ErrNotFound) { // gone meanwhile
		view.Handle = ""
		return nil
	}
	if err != nil {
		return err
	}
	if b := story.Report.Broken; b != nil {
		view.Next = &console.CaseProblem{Code: b.Code, Meaning: b.Meaning, Who: b.Who, Remedy: explain.OnPage(explain.Lang(lang), b.Remedy)}
	}
	view.Sound = view.Next == nil
	return nil
}

// handle is that of the person's page: of whom the question names, or whose the only
// record is that fits and may be seen.
func (c caseDesk) handle(ctx context.Context, s stories, item *queue.Item, scope rights.Scope) (string, error) {
	id := item.Person
	switch {
	case item.Case != nil:
		id = item.Case.Person
	case item.Holder != nil:
		id = item.Holder.Person
	}
	if !id.IsZero() {
		err := c.d.db.People().Covers(ctx, scope, id)
		if errors.Is(err, identity.ErrNotFound) {
			return "", nil
		}
		return id.String(), err
	}
	var fits []queue.Row
	for _, r := range item.Rows {
		if r.Value != nil {
			fits = append(fits, r)
		}
	}
	if len(fits) != 1 || !scope.Covers(queue.SchoolOf(fits[0].Value)) {
		return "", nil
	}
	return s.sealed(sealedHandle, handleOfRow(fits[0].Record, fits[0].Value)), nil
}

// handleOfRow names a record's person; of a card, its parent.
func handleOfRow(ref person.RecordRef, value any) handle {
	h := handle{Kind: ref.Kind, Key: ref.ID}
	if card, ok := value.(person.Card); ok {
		h.FIO = normalFIO(card.ParentFIO)
	}
	return h
}

// item gives a question that the scope may see: identity.ErrNotFound, and
// queue.ErrMoved with the question as it is now.
func (c caseDesk) item(ctx context.Context, scope rights.Scope, id string) (queue.Item, error) {
	item, err := c.d.db.Queue().Item(ctx, id)
	switch {
	case errors.Is(err, queue.ErrNoItem):
		return item, identity.ErrNotFound
	case err != nil && !errors.Is(err, queue.ErrMoved):
		return item, err
	case !item.Shown(queueScope(scope)):
		return queue.Item{}, identity.ErrNotFound
	}
	unlettered(&item, scope)
	return item, err
}

// unlettered leaves out of a letter the records of other schools, without a trace:
// that a number which a stranger has typed is anybody's is what nobody may learn by
// writing to a school.
func unlettered(i *queue.Item, scope rights.Scope) {
	if i.Kind == queue.Support && !scope.All() {
		i.Rows = slices.DeleteFunc(slices.Clone(i.Rows), func(r queue.Row) bool { return !queueScope(scope).Covers(queue.SchoolOf(r.Value)) })
	}
}

// isoDay is a day as registries and JSON write it.
var isoDay = regexp.MustCompile(`\b(\d{4})-(\d{2})-(\d{2})\b`)

// dotDays writes the days of evidence as people do.
func dotDays(values map[string]string) {
	for _, field := range []string{"birth_date", "state"} {
		if v, ok := values[field]; ok {
			values[field] = isoDay.ReplaceAllString(v, "$3.$2.$1")
		}
	}
}

// sides are the evidence without what is not the scope's: a record at another
// school, an account of somebody else, and the name of one of whom nobody knows
// whose it is, unless that is the name in question.
func (c caseDesk) sides(item *queue.Item, desk *queueDesk, e *evidence, scope rights.Scope) []console.CaseSide {
	var list []console.CaseSide
	asked := desk.asked(item)
	own := map[person.RecordRef]bool{}
	rows := item.Rows
	for _, s := range e.sides {
		kind, name, _ := strings.Cut(s.Source, ":")
		side := console.CaseSide{Source: kind, Name: name, Values: s.Values, Equal: s.Equal}
		switch {
		case strings.HasPrefix(s.Source, sourceLetter):
			side.Source = "letter"
		case s.Source == sourceProfile:
			side.Source = "mosru"
			if home := profileHome(item); home != "" {
				side.Source, side.Name = "upstream", home
			}
		case s.Source == sourceHolder:
			side.Source, side.Name, side.Masked = "bound", "", !holderSeen(item, scope)
			delete(side.Values, "owner") // its page is a link
		case kind == "ad":
			meant := slices.ContainsFunc(asked, func(n string) bool { return person.FoldName(n) == person.FoldName(s.object.Name) })
			side.Masked = !scope.All() && (!meant || !ownObject(item, &s, own)) // else it is there by its UPN
			if !scope.All() && len(s.owner.Records) == 0 && s.owner.Subject == "" && !sameName(s.Values["fio"], item, scope) {
				for _, field := range []string{"fio", "birth_date", "phone", "email", "employee_id"} {
					delete(side.Values, field)
					delete(side.Equal, field)
				}
			}
		default: // the records, in their order
			r := rows[0]
			rows = rows[1:]
			covered := scope.Covers(queue.SchoolOf(r.Value))
			own[r.Record] = covered
			side.Masked = !scope.All() && !covered
		}
		if side.Masked {
			side.Name, side.Values, side.Equal = "", nil, nil
		}
		if school := side.Values["school"]; school != "" {
			side.Values["school"] = c.schoolName(person.SchoolID(school))
		}
		dotDays(side.Values)
		list = append(list, side)
	}
	return list
}

// holderSeen says that a scope covers the person whom another city account has.
func holderSeen(item *queue.Item, scope rights.Scope) bool {
	return scope.All() || slices.ContainsFunc(item.Rows, func(r queue.Row) bool {
		return r.Holder == item.Holder.Person.String() && scope.Covers(queue.SchoolOf(r.Value))
	})
}

// holderName is what the person whom another city account has is called in an answer.
func holderName(h *queue.Holder) string {
	return cmp.Or(string(h.Login), h.Profile.Login, h.Person.String())
}

// ownObject says that an account is nobody's, or belongs to the person in question.
func ownObject(item *queue.Item, s *queueSide, own map[person.RecordRef]bool) bool {
	switch {
	case s.owner.Subject != "":
		return item.Profile != nil && s.owner.Subject == item.Profile.Subject
	case len(s.owner.Records) > 0:
		return !slices.ContainsFunc(s.owner.Records, func(r person.RecordRef) bool { return !own[r] })
	}
	return true
}

func sameName(display string, item *queue.Item, scope rights.Scope) bool {
	one, _ := person.NormalFIO(display)
	two, _ := person.NormalFIO(whoseWithin(item, scope))
	return one == two
}

// choices are those of the command, without accounts that are not shown.
func (c caseDesk) choices(item *queue.Item, desk *queueDesk, e *evidence, scope rights.Scope, v queue.Verb) []string {
	if v == queue.Transfer {
		return []string{holderName(item.Holder)}
	}
	list := choices(item, e, v)
	if !v.Claims() || item.Kind == queue.Account {
		return list
	}
	for i, side := range c.sides(item, desk, e, scope) {
		if name, ok := strings.CutPrefix(e.sides[i].Source, "ad:"); ok && side.Masked {
			list = slices.DeleteFunc(list, func(what string) bool { return what == name })
		}
	}
	return list
}

// Decide implements console.Cases.
func (c caseDesk) Decide(ctx context.Context, scope rights.Scope, a console.CaseAnswer) (console.CaseDone, error) {
	item, err := c.item(ctx, scope, a.Case)
	if err != nil {
		return console.CaseDone{}, err
	}
	if _, seen := queue.Split(a.Case); seen == "" || !item.Decidable(queueScope(scope)) {
		return console.CaseDone{}, identity.ErrNotFound
	}
	desk := c.desk(scope, a.Lang, a.Now, a.Case, string(a.Choice.Verb), a.Choice.What)
	if err := c.offered(ctx, desk, &item, scope, a.Choice); err != nil {
		return console.CaseDone{}, err
	}
	d := queue.Decision{Item: a.Case, Verb: a.Choice.Verb, By: a.By, Line: a.Line, Reason: a.Reason, Within: queueScope(scope).Schools}
	if err := desk.complete(ctx, &item, &d); err != nil {
		if said := (refusedAnswer{}); errors.As(err, &said) {
			return console.CaseDone{}, console.CaseRefused{Text: said.Error()}
		}
		return console.CaseDone{}, err
	}
	done, err := c.d.db.Queue().Decide(ctx, d, a.Now)
	return console.CaseDone{ID: done.ID, Who: whoseWithin(&item, scope), Place: console.CasesPlace{At: item.At, Stem: done.Item}}, err
}

// offered says that an answer is one of those that the page shows. Whatever else a
// forged form names is asked of nobody: neither the directory nor the list of names
// answers for people of other schools.
func (c caseDesk) offered(ctx context.Context, desk *queueDesk, item *queue.Item, scope rights.Scope, choice console.CaseChoice) error {
	if choice.Verb == queue.Refuse {
		return nil
	}
	if !item.Fits(choice.Verb) {
		return queue.ErrUnfit
	}
	e := desk.gather(ctx, item)
	switch {
	case slices.Contains(c.choices(item, desk, e, scope, choice.Verb), choice.What):
		return nil
	case e.live != nil: // it may be one that the directory would offer
		return e.live
	}
	return queue.ErrUnfit
}

// Undo implements console.Cases, of what was not decided with a wider scope. Whose question is gone, for it has come to an
// account, is the operator's to take back.
func (c caseDesk) Undo(ctx context.Context, scope rights.Scope, decision string, line map[string]any, now time.Time) error {
	d, err := c.d.db.Queue().Decision(ctx, decision)
	if err != nil {
		return err
	}
	if !scope.All() {
		item, err := c.item(ctx, scope, d.Item)
		if err != nil {
			return err
		}
		if !item.Decidable(queueScope(scope)) || !queueScope(scope).Undoes(&d) {
			return identity.ErrNotFound
		}
	}
	_, err = c.d.db.Queue().Undo(ctx, decision, line, now)
	return err
}
