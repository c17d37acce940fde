package ad_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// happening is one kind of step: it does it, and says what it was.
type happening struct {
	name   string
	weight int
	do     func(*city, event) string
}

var happenings = []happening{
	{"hired", 8, (*city).hire}, {"enrolled", 5, (*city).enrol}, {"on a child's card", 3, (*city).card}, {"ends", 5, (*city).ends}, {"withdrawn", 4, (*city).withdraw},
	{"back in the registry", 3, (*city).again}, {"row corrected", 4, (*city).correct}, {"row spoilt", 3, (*city).spoil}, {"moved", 3, (*city).move},
	{"merged", 2, (*city).merge}, {"all left", 2, (*city).allLeft}, {"half an export", 1, (*city).half},
	{"signed in", 16, (*city).signsIn}, {"two at once", 4, (*city).storm}, {"another city account", 2, (*city).another}, {"mos.ru changed", 4, (*city).changed}, {"married", 3, (*city).marry},
	{"decided", 6, (*city).decide}, {"decision taken back", 3, (*city).undo}, {"renamed", 3, (*city).rename}, {"suspended or resumed", 3, (*city).turn},
	{"account made by hand", 3, (*city).foreign}, {"claimed", 3, (*city).claim}, {"changed by hand", 5, (*city).byHand},
	{"plan and apply", 4, (*city).apply}, {"fault", 6, (*city).faulty}, {"restarted", 2, func(y *city, _ event) string { y.restart(); return "again" }},
	{"half a year", 2, func(y *city, _ event) string { y.now = y.now.AddDate(0, 6, 0); return "later" }},
}

func (y *city) somebody(e event) *human { return pick(y.people, e.who) }

// exported imports, most often; some exports come later.
func (y *city) exported(e event, what string) string {
	if e.c%4 == 0 {
		return what + ", not exported yet"
	}
	return what + ", " + y.takeIn(0)
}

func (y *city) add(kind person.RecordKind, h *human, e event, letter string) *entered {
	r := &entered{kind: kind, key: fmt.Sprintf("%s%d", letter, y.number()), of: h, there: true, source: y.truth(h)}
	r.source.hand, r.source.school = e.b, schools[int(e.a)%len(schools)].ID
	y.rows = append(y.rows, r)
	return r
}

func (y *city) truth(h *human) entry {
	return entry{last: h.last, first: h.first, middle: h.middle, snils: h.snils, phone: h.phone, birth: h.birth, ezhd: h.ezhd}
}

// err lets a registry be wrong now and then.
func (y *city) err(r *entered, n uint32) string {
	switch n % 16 {
	case 0:
		r.source.snils = "11223344596" // of no right checksum
	case 1:
		r.source.snils = y.snils() // another's
	case 2:
		r.source.snils = ""
	case 3:
		r.source.last += "а"
	case 4:
		r.source.phone = y.phone()
	case 5:
		r.source.school = ""
	default:
		return ""
	}
	return " (with an error)"
}

func (y *city) hire(e event) string {
	h := y.somebody(e)
	r := y.add(person.RecordEmployment, h, e, "k")
	r.source.start = y.today().AddDays(int(e.b>>8)%60 - 30)
	if e.b>>16%32 == 0 {
		r.source.start = person.Date{}
	}
	wrong := y.err(r, e.a>>8)
	return y.exported(e, fmt.Sprintf("%s at %s from %s as %s%s", h.accounts[0].login(), r.source.school, r.source.start, r.key, wrong))
}

func (y *city) enrol(e event) string {
	h := y.somebody(e)
	if live := y.some(h, func(r *entered) bool { return r.kind == person.RecordEnrolment && r.there && !r.source.closed }); len(live) > 0 && e.b>>8%8 != 0 {
		return ""
	}
	r := y.add(person.RecordEnrolment, h, e, "p")
	wrong := y.err(r, e.a>>8)
	return y.exported(e, fmt.Sprintf("%s at %s as %s%s", h.accounts[0].login(), r.source.school, r.key, wrong))
}

func (y *city) card(e event) string {
	h := y.somebody(e)
	r := y.add(person.RecordCard, h, e, "c")
	if e.b>>8%2 == 0 {
		r.source.snils = ""
	}
	return y.exported(e, fmt.Sprintf("%s on %s", h.accounts[0].login(), r.key))
}

func there(r *entered) bool { return r.there && r.kind != person.RecordCard }

func (y *city) ends(e event) string {
	r := pick(y.some(y.somebody(e), func(r *entered) bool { return there(r) && !r.source.closed && r.source.end.IsZero() }), e.a)
	if r == nil {
		return ""
	}
	if r.source.closed = r.kind == person.RecordEnrolment; !r.source.closed {
		r.source.end = y.today().AddDays(int(e.b)%25 - 5)
	}
	return y.exported(e, fmt.Sprintf("%s %s", r.key, r.source.end))
}

func (y *city) withdraw(e event) string {
	r := pick(y.some(y.somebody(e), func(r *entered) bool { return r.there }), e.a)
	if r == nil {
		return ""
	}
	r.there = false
	return y.exported(e, r.key)
}

func (y *city) again(e event) string {
	r := pick(y.some(y.somebody(e), func(r *entered) bool { return !r.there || r.source.closed || !r.source.end.IsZero() }), e.a)
	if r == nil {
		return ""
	}
	r.there, r.source.closed, r.source.end, r.source.merged = true, false, person.Date{}, ""
	return y.exported(e, r.key)
}

func (y *city) correct(e event) string {
	r := pick(y.some(y.somebody(e), func(r *entered) bool { return r.there }), e.a)
	if r == nil {
		return ""
	}
	old := r.source
	r.source = y.truth(r.of)
	r.source.school, r.source.start, r.source.end, r.source.closed, r.source.merged, r.source.hand = old.school, old.start, old.end, old.closed, old.merged, e.b
	if r.source.school == "" {
		r.source.school = "7"
	}
	if r.source.start.IsZero() {
		r.source.start = y.today().AddDays(-20)
	}
	return y.exported(e, r.key)
}

func (y *city) spoil(e event) string {
	r := pick(y.some(y.somebody(e), func(r *entered) bool { return r.there }), e.a)
	if r == nil {
		return ""
	}
	y.err(r, e.b%6)
	return y.exported(e, fmt.Sprintf("%s, %d", r.key, e.b%6))
}

func (y *city) move(e event) string {
	r := pick(y.some(y.somebody(e), there), e.a)
	if r == nil {
		return ""
	}
	r.source.school = schools[int(e.b)%len(schools)].ID
	return y.exported(e, fmt.Sprintf("%s to %s", r.key, r.source.school))
}

// merge closes a pupil's record in favour of another one of the same pupil.
func (y *city) merge(e event) string {
	rows := y.some(y.somebody(e), func(r *entered) bool { return there(r) && r.kind == person.RecordEnrolment })
	if len(rows) < 2 {
		return ""
	}
	from, to := rows[0], rows[len(rows)-1]
	if from.source.merged != "" || to.source.merged != "" || slices.ContainsFunc(rows, func(r *entered) bool { return r.source.merged == from.key }) {
		return ""
	}
	from.source.closed, from.source.merged, to.source.closed = true, to.key, false
	return y.exported(e, from.key+" into "+to.key)
}

func (y *city) allLeft(e event) string {
	h := y.somebody(e)
	for _, r := range y.some(h, there) {
		if r.source.closed = r.kind == person.RecordEnrolment; !r.source.closed && (r.source.end.IsZero() || r.source.end.After(y.today())) {
			r.source.end = y.today().AddDays(-int(e.a) % 5)
		}
	}
	return h.accounts[0].login() + ", " + y.takeIn(0)
}

// half is an export that came in half, and the whole one after it.
func (y *city) half(e event) string {
	var lost []*entered
	for i, r := range y.rows {
		if r.there && r.kind != person.RecordCard && i/2%2 == int(e.a)%2 {
			r.there = false
			lost = append(lost, r)
		}
	}
	what := y.takeIn(0)
	for _, r := range lost {
		r.there = true
	}
	if total, tripped := y.endings(); tripped && e.b%2 == 0 { // what waited for consent before
		return what + ", " + y.takeIn(total)
	}
	return what + ", " + y.takeIn(0)
}

func (y *city) signsIn(e event) string {
	c := pick(y.somebody(e).accounts, e.a)
	r := y.activate(c)
	return fmt.Sprintf("%s: %s %v %s", c.login(), r.Verdict.Decision, r.Verdict.Problems, r.Verdict.Provision)
}

// password is one that nobody had before, a moment later.
func (y *city) password() identity.Password {
	y.typed++
	y.now = y.now.Add(time.Second)
	return identity.Password(fmt.Sprintf("Zimorodok-%d-Dolgo", y.typed))
}

// activate lets somebody sign in on the page.
func (y *city) activate(c *citizen) provision.Result {
	typed := y.password()
	before := y.judge(c)
	r, err := y.activator().Activate(y.t.Context(), provision.Request{Profile: c.profile, Password: typed, Asked: y.now}, y.now)
	y.must(err)
	y.judged(c, before, r, typed)
	return r
}

// storm lets somebody, or two city accounts of his, sign in at the same moment.
func (y *city) storm(e event) string {
	accounts := y.somebody(e).accounts
	list := []*citizen{accounts[0], accounts[len(accounts)-1], accounts[0]}
	results := make([]provision.Result, len(list))
	errs := make([]error, len(list))
	var before []judgement
	for _, c := range list {
		before = append(before, y.judge(c))
	}
	typed := y.password()
	var all sync.WaitGroup
	for i, c := range list {
		all.Go(func() {
			results[i], errs[i] = y.activator().Activate(y.t.Context(), provision.Request{Profile: c.profile, Password: typed, Asked: y.now}, y.now)
		})
	}
	all.Wait()
	y.must(errors.Join(errs...))
	if len(accounts) == 1 {
		for i, c := range list {
			if results[i].Activated.Person != results[0].Activated.Person || results[i].Activated.Login != results[0].Activated.Login {
				y.errorf("%s activates three times at once, and the answers differ", c.login())
			}
			y.judged(c, before[i], results[i], typed)
		}
		return fmt.Sprintf("%s: %s", list[0].login(), results[0].Verdict.Decision)
	}
	// Which of the two came first is nobody's choice: the state tells.
	one, two := accounts[0], accounts[1]
	both := !one.has && !two.has
	for i, c := range list {
		if r := results[i]; r.Verdict.Decision == match.Match {
			y.took(c, r, typed)
		}
	}
	if y.know(); both && one.has && two.has && y.shown(one) && y.shown(two) {
		y.errorf("%s and %s, who are one, get two accounts at once", one.login(), two.login())
	}
	return fmt.Sprintf("%s: %s, %s: %s", list[0].login(), results[0].Verdict.Decision, list[1].login(), results[1].Verdict.Decision)
}

func (y *city) another(e event) string {
	h := y.somebody(e)
	if len(h.accounts) > 1 {
		return ""
	}
	c := y.register(h, strings.ToLower(strings.ReplaceAll(h.accounts[0].profile.Login, "@mail.example", ""))[:4]+"2021")
	c.profile.SNILSConfirmed = e.a%2 == 0
	return c.login()
}

// changed: what mos.ru says of somebody.
func (y *city) changed(e event) string {
	h := y.somebody(e)
	c := pick(h.accounts, e.a)
	switch e.b % 5 {
	case 0:
		c.profile.SNILSConfirmed = !c.profile.SNILSConfirmed
		return fmt.Sprintf("%s: confirmed %v", c.login(), c.profile.SNILSConfirmed)
	case 1:
		c.profile.PhoneVerified = !c.profile.PhoneVerified
		return fmt.Sprintf("%s: phone verified %v", c.login(), c.profile.PhoneVerified)
	case 2:
		c.profile.Login = fmt.Sprintf("%s%c", strings.TrimRight(c.profile.Login, "xyz"), 'x'+rune(e.c%3))
		return "the login is now " + c.profile.Login
	}
	h.phone = y.phone()
	y.follow(h)
	if e.b%5 == 4 {
		return c.login() + ": another telephone"
	}
	for _, r := range y.some(h, there) {
		r.source.phone = h.phone
	}
	return y.exported(e, c.login()+": another telephone, also in the registries")
}

// marry changes the surname at mos.ru; the registries follow now or later.
func (y *city) marry(e event) string {
	h := y.somebody(e)
	h.last = []string{"Синицына", "Воробьёва", "Галкина", "Иванова"}[e.a%4]
	y.follow(h)
	if e.b%3 == 0 {
		return h.accounts[0].login() + " is " + h.last
	}
	for _, r := range y.some(h, func(r *entered) bool { return r.there }) {
		r.source.last = h.last
	}
	return y.exported(e, h.accounts[0].login()+" is "+h.last+", also in the registries")
}

func (y *city) rename(e event) string {
	c := pick(y.somebody(e).accounts, e.a)
	to := []string{"ivanova.a", "ivanovaa", "petrovpi", "golub", "voron", "chizh", "strizh"}[e.b%7]
	if !c.has || c.forgotten {
		return ""
	}
	_, err := y.db.Accounts().Rename(y.t.Context(), c.id, identity.Login(to), y.now, nil)
	if errors.Is(err, store.ErrNotMade) && c.guid == "" {
		return c.login() + " has no account yet that could be " + to
	}
	if holder := y.given[to]; holder != nil && holder != c {
		if !errors.Is(err, identity.ErrConflict) {
			y.errorf("%s gets the name of %s: %v", c.login(), holder.login(), err)
		}
		return c.login() + " is refused " + to
	}
	if errors.Is(err, identity.ErrConflict) && y.given[to] == nil && y.elsewhere(to) {
		return c.login() + " is refused " + to + ", a login elsewhere"
	}
	y.must(err)
	y.give(c, to)
	return c.login() + " to " + to
}

// elsewhere says that a name is, or was, somebody's login at mos.ru or in the ЭЖД:
// nobody is called so who was not before.
func (y *city) elsewhere(name string) bool {
	bare := func(login string) string { return strings.TrimRight(person.FoldName(login), "xyz") } // as it was before it changed
	return slices.ContainsFunc(y.people, func(h *human) bool {
		return person.FoldName(h.ezhd) == name || slices.ContainsFunc(h.accounts, func(c *citizen) bool { return bare(c.login()) == bare(name) })
	})
}

func (y *city) turn(e event) string {
	c := pick(y.somebody(e).accounts, e.a)
	if !c.has {
		return ""
	}
	c.suspended = !c.suspended
	do := y.db.Accounts().Resume
	if c.suspended {
		do = y.db.Accounts().Suspend
	}
	y.must(do(y.t.Context(), c.id, y.now, "test"))
	return fmt.Sprintf("%s: %v", c.login(), c.suspended)
}

// saying is a decision that stands.
type saying struct {
	c       *citizen
	row     *entered
	record  string
	profile string
}

func identityOf(e entry) string { return e.fio() + e.snils + e.birth.String() }

func identityIn(p person.Profile) string {
	text := person.JoinFIO(p.Last, p.First, p.Middle) + p.BirthDate.String()
	if p.SNILSConfirmed {
		text += p.SNILS
	}
	return text
}

// decide is a curator who knows who is who.
func (y *city) decide(e event) string {
	q := y.db.Queue()
	var items []queue.Item
	y.must(q.Each(y.t.Context(), "", false, func(i queue.Item) error {
		items = append(items, i)
		return nil
	}))
	item := pick(items, e.a)
	if item.Profile == nil {
		return ""
	}
	c := y.whose(item.Profile.Subject)
	if c == nil {
		return ""
	}
	d := queue.Decision{Item: item.ID, Verb: queue.Refuse, By: "test", Reason: "нет", Target: "ad"}
	var row *entered
	for _, r := range item.Rows {
		if own := y.row(r.Record); own != nil && own.of == c.of && item.Fits(queue.Bind) && (!r.Bound || r.Own) {
			row, d.Verb, d.Records = own, queue.Bind, []person.RecordRef{r.Record}
		}
	}
	holder := y.transferable(item, c)
	if d.Verb == queue.Refuse && holder != nil && e.b%3 != 0 {
		d.Verb = queue.Transfer
	}
	if d.Verb == queue.Refuse && item.Fits(queue.Allocate) {
		d.Verb, d.Name = queue.Allocate, "naznachen"+string('a'+rune(e.b%26))+string('a'+rune(e.c%26))
		for _, o := range y.legacyOf(c.of) {
			if item.Fits(queue.Adopt) && e.b%2 == 0 {
				d.Verb, d.Name, d.Object = queue.Adopt, "", y.object(o)
			}
		}
	}
	done, err := q.Decide(y.t.Context(), d, y.now)
	if err != nil {
		for _, known := range []error{queue.ErrMoved, queue.ErrUnfit, queue.ErrTaken, queue.ErrIncomplete, queue.ErrDecided} {
			if errors.Is(err, known) {
				return fmt.Sprintf("%s %v: %s: %v", c.login(), item.Problems, d.Verb, known)
			}
		}
		y.must(err)
	}
	switch d.Verb {
	case queue.Bind:
		y.said[done.ID] = &saying{c, row, identityOf(row.stored), identityIn(*item.Profile)}
	case queue.Transfer:
		y.transferred(done.ID, holder, c, *item.Profile)
		c = holder
	case queue.Allocate:
		y.give(c, d.Name)
	case queue.Adopt:
		y.claimed[string(d.Object.ID[:])] = c.of
	}
	what := fmt.Sprintf("%s %v: %s %v%s", c.login(), item.Problems, d.Verb, d.Records, d.Name)
	if e.b%4 != 0 {
		r := y.activate(c)
		what += fmt.Sprintf(", signs in: %s %v %s", r.Verdict.Decision, r.Verdict.Problems, r.Verdict.Provision)
	}
	return what
}

func (y *city) whose(s identity.Subject) *citizen {
	all := y.citizens()
	at := slices.IndexFunc(all, func(c *citizen) bool { return c.profile.Subject == s })
	if at < 0 {
		return nil
	}
	return all[at]
}

func (y *city) undo(e event) string {
	list, err := y.db.Queue().Decisions(y.t.Context(), false, 100)
	y.must(err)
	d := pick(list, e.a)
	if d.ID == "" {
		return ""
	}
	_, err = y.db.Queue().Undo(y.t.Context(), d.ID, map[string]any{"by": "test"}, y.now)
	for _, known := range []error{queue.ErrUsed, queue.ErrMovedOn, queue.ErrOwnAccount} {
		if errors.Is(err, known) {
			return fmt.Sprintf("%s: %v", d.Verb, known)
		}
	}
	y.must(err)
	y.movedBack(d.ID)
	if s := y.said[d.ID]; s != nil {
		s.row.loosened = true
		delete(y.said, d.ID)
	}
	if d.Verb == queue.Adopt && !slices.ContainsFunc(list, func(o queue.Decision) bool { return o.ID != d.ID && o.Object.ID == d.Object.ID }) {
		delete(y.claimed, string(d.Object.ID[:]))
	}
	return string(d.Verb)
}

// apply plans, does it, and plans again.
func (y *city) apply(e event) string {
	y.now = y.now.Add(lookAgain)
	y.daemon()
	accept := 0
	if e.a%2 == 0 {
		accept = 100
	}
	if y.look(accept); y.promise != "" {
		return ""
	}
	return fmt.Sprintf("accepting %d", accept)
}

// look holds a plan against what is done, and against what is left.
func (y *city) look(accept int) {
	planned := y.planned()
	before := y.seen()
	s := y.command(accept)
	if accept == 0 {
		y.counted(before)
	}
	held := s.Held[0] + s.Held[1] + s.Held[2]
	if held == 0 && s.Wrote != planned {
		y.errorf("a plan would write to %d accounts, and it were %d", planned, s.Wrote)
	}
	y.held = held > 0
	if again := y.command(accept); again.Wrote != 0 {
		y.errorf("a second run writes to %d accounts", again.Wrote)
	}
}

// planned counts the accounts to which a pass would write.
func (y *city) planned() (n int) {
	ids, err := y.db.Targets().Due(y.t.Context(), "ad", y.now.AddDate(100, 0, 0), 1000)
	y.must(err)
	for _, id := range ids {
		job, err := y.db.Targets().Job(y.t.Context(), "ad", id, y.now)
		y.must(err)
		job.Grace = y.grace
		p, err := y.target.Plan(y.t.Context(), job)
		y.must(err)
		if p.Action != provision.ActionNone && p.Action != provision.ActionProblem {
			n++
		}
	}
	return n
}

func (y *city) faulty(e event) string {
	y.line.left, y.line.fault = 1+int(e.a)%12, int(e.b)%faultKinds
	// All accounts are looked at, so that there are requests.
	y.now = y.now.Add(lookAgain)
	what := fmt.Sprintf("%d at request %d", y.line.fault, y.line.left)
	if e.c%2 == 0 {
		return what
	}
	left := y.line.left // activations ask too
	y.line.left = 0
	what += ", after " + y.signsIn(e)
	y.line.left = left
	return what
}

// legacyAccount was made by an administrator.
type legacyAccount struct {
	name string
	guid string
	of   *human // whom he made it for; nil: for nobody here
}

// legacyOf gives those that were made for somebody.
func (y *city) legacyOf(h *human) (list []*legacyAccount) {
	for _, o := range y.objects {
		if o.of == h {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b *legacyAccount) int { return strings.Compare(a.name, b.name) })
	return list
}

func (y *city) object(o *legacyAccount) provision.Object {
	found, err := y.target.FindNames(y.t.Context(), []string{o.name})
	y.must(err)
	for _, f := range found {
		if string(f.ID[:]) == o.guid {
			return f
		}
	}
	return provision.Object{}
}

// foreign makes an account under a name that somebody may want.
func (y *city) foreign(e event) string {
	h := y.somebody(e)
	c := pick(h.accounts, e.a)
	name := []string{c.profile.Login, h.ezhd, strings.ToLower(c.profile.Login) + "-1", "stazher"}[e.b%4]
	if person.UsableADName(name) != nil || len(name) > person.SAMLimit {
		return ""
	}
	attributes := []ldapclient.Attribute{ldapclient.Texts("objectClass", "top", "person", "organizationalPerson", "user"), ldapclient.Texts("sAMAccountName", name),
		ldapclient.Texts("displayName", h.last+" "+h.first+" "+h.middle)}
	if e.c%2 == 0 {
		attributes = append(attributes, ldapclient.Texts("userPrincipalName", name+"@old.obr.mos.ru"))
	}
	dn := "CN=" + ldapclient.EscapeDN(h.last+" "+fmt.Sprint(y.number())) + "," + legacy
	err := y.site.admin.Add(y.t.Context(), dn, attributes)
	if errors.Is(err, ldapclient.ErrExists) || errors.Is(err, ldapclient.ErrConstraint) {
		return name + " is there"
	}
	y.must(err)
	found, err := y.site.admin.Search(y.t.Context(), ldapclient.Query{Base: dn, Scope: ldapclient.ScopeBase})
	y.must(err)
	o := &legacyAccount{name: name, guid: string(found[0].Bytes("objectGUID")), of: h}
	if e.b%4 == 3 {
		o.of = nil
	}
	y.objects[o.guid] = o
	return name
}

// claim approves that an account belongs to somebody's record.
func (y *city) claim(e event) string {
	o := pick(y.legacyOf(y.somebody(e)), e.a)
	if o == nil {
		return ""
	}
	r := pick(y.some(o.of, func(r *entered) bool { return r.known && !r.dropped && !r.gone && r.kind != person.RecordCard }), e.b)
	if r == nil || y.object(o).ID == [16]byte{} {
		return ""
	}
	y.must(y.db.Claims().Put(y.t.Context(), []provision.Claim{{Target: "ad", Object: y.object(o), Record: r.ref()}}))
	y.claimed[o.guid] = o.of
	return o.name + " for " + r.key
}

// byHand is what an administrator does to an account, and the next look at it.
func (y *city) byHand(e event) string {
	c := pick(y.somebody(e).accounts, e.a)
	o, ok := y.seen()[c.guid]
	if !ok || c.guid == "" {
		return ""
	}
	replace := func(attribute, value string) {
		y.must(y.site.admin.Modify(y.t.Context(), o.DN, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(attribute, value)}}))
	}
	rdn := o.DN[:strings.Index(o.DN, ",")]
	c.touched = true
	var what string
	switch e.b % 7 {
	case 0:
		what = "disabled"
		replace("userAccountControl", "66050")
	case 1:
		what = "enabled"
		replace("userAccountControl", "66048")
	case 2:
		what = "called otherwise"
		replace("displayName", "Кто-то Другой")
	case 3:
		what = "moved"
		y.must(y.site.admin.Rename(y.t.Context(), o.DN, rdn, legacy))
	case 4:
		what = "another name"
		replace("sAMAccountName", fmt.Sprintf("ruka%d", y.number()))
	case 5:
		mark, blocked := "4711", "OWNER_MARK_CHANGED"
		if c.blocked != "" {
			mark, blocked = c.id.String(), ""
		}
		what = "mark " + blocked
		replace("employeeNumber", mark)
		c.blocked = blocked
	case 6:
		what = "deleted"
		y.remove(o.DN)
		delete(y.objects, c.guid)
		if c.guid, c.blocked = "", ""; c.erased {
			c.upn = ""
		}
	}
	y.now = y.now.Add(lookAgain)
	return c.login() + " is " + what
}
