package ad_test

import (
	"cmp"
	"crypto/tls"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Of the importer's brake.
const (
	endingShare = 0.2
	minEnding   = 3
)

// endings counts the records that the next import would end, and says whether that
// is too many.
func (y *city) endings() (total int, tripped bool) {
	for _, kind := range []person.RecordKind{person.RecordEmployment, person.RecordEnrolment} {
		live, ends := 0, 0
		counts := func(e entry) bool {
			if kind == person.RecordEnrolment {
				return !e.closed
			}
			return e.school != "" && !e.start.IsZero() && (e.end.IsZero() || !e.end.Before(y.today()))
		}
		for _, r := range y.rows {
			if r.kind == kind && r.known && !r.gone && counts(r.stored) {
				live++
				if !r.there || !counts(r.source) {
					ends++
				}
			}
		}
		total += ends
		tripped = tripped || ends >= minEnding && float64(ends) > endingShare*float64(live)
	}
	return total, tripped
}

// about says that the store has a row, in whatever state.
func (r *entered) about() bool { return r.known && !r.dropped }

// fits is the rule of a registry (matching.md, rules 1 to 3), but for whether the
// row is active.
func (r *entered) fits(p person.Profile) bool {
	e := r.stored
	if !r.about() || e.fio() != person.JoinFIO(p.Last, p.First, p.Middle) {
		return false
	}
	snils := p.SNILSConfirmed && punctuated(e.snils) == p.SNILS
	phone := p.PhoneVerified && "+7"+e.phone == p.Phone
	switch r.kind {
	case person.RecordEmployment:
		return snils
	case person.RecordEnrolment:
		return phone && (e.birth.IsZero() || p.BirthDate.IsZero() || e.birth == p.BirthDate)
	}
	return (snils || phone) && !r.gone
}

// merged gives the record on which status and school stand, and all that were
// merged into it.
func (y *city) merged(r *entered) (target *entered, all []*entered) {
	target = r
	for _, o := range y.rows {
		if r.stored.merged != "" && o.kind == r.kind && o.key == r.stored.merged && o.about() {
			target = o
		}
	}
	for _, o := range y.rows {
		if o.kind == r.kind && o.about() && (o == target || o.stored.merged == target.key) {
			all = append(all, o)
		}
	}
	return target, all
}

// fitsSomehow: ФИО and contact may stand on any of the records that were merged.
func (y *city) fitsSomehow(r *entered, p person.Profile) bool {
	if r.kind != person.RecordEnrolment {
		return r.fits(p)
	}
	fio, phone := false, false
	_, all := y.merged(r)
	for _, o := range all {
		fio = fio || o.stored.fio() == person.JoinFIO(p.Last, p.First, p.Middle)
		phone = phone || p.PhoneVerified && "+7"+o.stored.phone == p.Phone
	}
	return r.about() && fio && phone
}

// current says that a row is active on a day, as far as the rules ask.
func (y *city) current(r *entered, day person.Date) bool {
	switch r.kind {
	case person.RecordEmployment:
		return !r.gone && r.stored.school != "" && !r.stored.start.IsZero() && !r.stored.start.After(day) && (r.stored.end.IsZero() || !r.stored.end.Before(day))
	case person.RecordEnrolment:
		target, _ := y.merged(r)
		return !target.gone && !target.stored.closed
	}
	return !r.gone
}

func (y *city) approved(c *citizen, r *entered) bool {
	for _, s := range y.said {
		if s.c == c && s.row == r && s.record == identityOf(r.stored) && s.profile == identityIn(c.profile) {
			return true
		}
	}
	return false
}

// judgement is what may and what must come of somebody's sign-in.
type judgement struct{ may, must bool }

func others(r *entered, c *citizen) bool { return r.holder != nil && r.holder != c }

func (y *city) judge(c *citizen) (j judgement) {
	for _, r := range y.rows {
		j.may = j.may || r.about() && y.current(r, y.today()) && (y.fitsSomehow(r, c.profile) || y.approved(c, r))
	}
	if !c.has && y.shown(c) {
		return j // a second city account
	}
	staff, pupil, parent := y.staffMust(c, c.profile), y.pupilMust(c, c.profile), y.parentMust(c, c.profile)
	j.must = (staff || pupil != nil) && (c.has || !y.doubtful(c)) || !staff && pupil == nil && parent
	return j
}

// staffMust: an active row of Кадры fits, and none that fits is another account's.
func (y *city) staffMust(c *citizen, p person.Profile) (must bool) {
	for _, r := range y.rows {
		if r.kind != person.RecordEmployment || !r.about() || !r.fits(p) && !y.approved(c, r) {
			continue
		}
		if others(r, c) {
			return false
		}
		must = must || y.current(r, y.today())
	}
	return must
}

// pupilMust gives the one pupil's record that fits, where nothing makes it unclear.
func (y *city) pupilMust(c *citizen, p person.Profile) (one *entered) {
	for _, r := range y.rows {
		switch {
		case r.kind == person.RecordCard && r.fits(p):
			return nil
		case r.kind != person.RecordEnrolment || !r.about():
			continue
		case y.approved(c, r):
			return nil
		}
		if !y.fitsSomehow(r, p) && !r.fits(p) {
			continue
		}
		if _, all := y.merged(r); len(all) > 1 || others(r, c) || one != nil && y.current(r, y.today()) {
			return nil
		}
		if r.fits(p) && y.current(r, y.today()) {
			one = r
		} else if y.current(r, y.today()) {
			return nil
		}
	}
	return one
}

// parentMust: a card fits, and nothing else does. Whoever is a pupil by a record
// of before is none by a telephone alone.
func (y *city) parentMust(c *citizen, p person.Profile) (must bool) {
	pupil := slices.ContainsFunc(y.rows, func(r *entered) bool { return r.kind == person.RecordEnrolment && r.holder == c })
	for _, r := range y.rows {
		if r.kind == person.RecordEnrolment && (y.fitsSomehow(r, p) || y.approved(c, r)) || r.kind == person.RecordEmployment && (r.fits(p) || y.approved(c, r)) {
			return false
		}
		surely := slices.Contains(c.cards, r) || p.SNILSConfirmed && punctuated(r.stored.snils) == p.SNILS
		must = must || r.kind == person.RecordCard && r.fits(p) && !others(r, c) && (!pupil || surely)
	}
	return must
}

// doubtful says that something may stand in the way of somebody's name, so that a
// person may have to decide.
func (y *city) doubtful(c *citizen) bool {
	wanted := person.FoldName(c.profile.Login)
	if person.UsableADName(wanted) != nil || len(wanted) > person.SAMLimit || y.given[wanted] != nil && y.given[wanted] != c {
		return true
	}
	for _, h := range y.claimed {
		if h == c.of {
			return true
		}
	}
	return y.inTheWay(c)
}

// inTheWay says that the directory has an account under one of somebody's names
// which is not his.
func (y *city) inTheWay(c *citizen) bool {
	names := []string{person.FoldName(c.profile.Login), person.FoldName(c.of.ezhd)}
	for name, holder := range y.given {
		if holder == c {
			names = append(names, name)
		}
	}
	for _, o := range y.seen() {
		local, _, _ := strings.Cut(o.Text("userPrincipalName"), "@")
		if string(o.Bytes("objectGUID")) != c.guid && (slices.Contains(names, person.FoldName(o.Text("sAMAccountName"))) || slices.Contains(names, person.FoldName(local))) {
			return true
		}
	}
	return false
}

// judged holds the answer of a sign-in against what may and must be.
func (y *city) judged(c *citizen, before judgement, r provision.Result, typed identity.Password) {
	matched, had := r.Verdict.Decision == match.Match, c.has
	if matched && !before.may {
		y.errorf("%s matches, though no record is his: %v", c.login(), r.Verdict.Records)
	}
	if !matched && before.must {
		y.errorf("%s does not match: %v, %v", c.login(), r.Verdict.Problems, r.Verdict.Reasons)
	}
	if matched {
		y.took(c, r, typed)
	} else {
		y.know()
	}
	if c.has && !had && y.shown(c) {
		y.errorf("%s has a second account: a record of the other one shows who this is", c.login())
	}
}

// took notes what an activation came to.
func (y *city) took(c *citizen, r provision.Result, typed identity.Password) {
	for _, ref := range r.Verdict.Records {
		row := y.row(ref)
		switch {
		case row == nil || row.of != c.of && !y.taken(row, c):
			y.errorf("%s is given the record %s of somebody else", c.login(), ref.ID)
		case others(row, c) && row.kind != person.RecordCard: // a card's binding is of its row with that ФИО
			y.errorf("%s is given the record %s, which was %s's", c.login(), ref.ID, row.holder.login())
		case !y.fitsSomehow(row, c.profile) && !y.approved(c, row):
			y.errorf("%s is given the record %s, which does not fit", c.login(), ref.ID)
		}
	}
	c.forgotten = c.forgotten && !slices.ContainsFunc(r.Verdict.Records, func(ref person.RecordRef) bool { return ref.Kind != person.RecordCard })
	y.know()
	if r.Activated.Person != c.id {
		y.errorf("%s is another person than before", c.login())
	}
	if c.told != c.profile || c.erased {
		c.idle, c.erased = person.Date{}, false
	}
	c.told = c.profile
	if c.has && r.Verdict.Provision.Kind != match.ProvisionNone {
		c.password = typed
	}
}

// taken: whom no record shows to be the pupil is taken for the parent of the same
// name and telephone; so is who works at a school, though he was a pupil: a
// teacher's roles add up (rule 4), and of who was erased nobody knows any more that he
// was one. That gives no account.
func (y *city) taken(r *entered, c *citizen) bool {
	return r.kind == person.RecordCard && (!c.has || c.forgotten || r.holder == c || y.staffMust(c, c.profile))
}

// shown says that a record of another account of the same human shows who this is:
// by СНИЛС, or as a pupil by contact and birth date.
func (y *city) shown(c *citizen) bool {
	return slices.ContainsFunc(y.rows, func(r *entered) bool {
		return r.kind != person.RecordCard && r.of == c.of && others(r, c) && r.holder.has && r.fits(c.profile) &&
			(r.kind == person.RecordEmployment || !r.stored.birth.IsZero())
	})
}

// give notes that a name is somebody's for ever.
func (y *city) give(c *citizen, name string) {
	if name = person.FoldName(name); name == "" {
		return
	}
	if holder := y.given[name]; holder != nil && holder != c {
		y.errorf("the name %s of %s goes to %s", name, holder.login(), c.login())
	}
	y.given[name] = c
}

// know reads from the store who has which records and names.
func (y *city) know() {
	holders := map[*entered]*citizen{}
	for _, c := range y.citizens() {
		h, err := y.db.Accounts().BySubject(y.t.Context(), c.profile.Subject)
		if errors.Is(err, identity.ErrNotFound) {
			if c.id != (identity.PersonID{}) {
				y.errorf("%s is not known any more", c.login())
			}
			continue
		}
		y.must(err)
		if c.id != (identity.PersonID{}) && c.id != h.Person {
			y.errorf("%s is another person", c.login())
		}
		c.id, c.has, c.cards = h.Person, h.UIDNumber != 0, nil
		for _, n := range h.Names {
			y.give(c, n.Text)
		}
		for _, ref := range h.Records {
			row := y.row(ref)
			if row == nil || row.of != c.of && !y.taken(row, c) {
				y.errorf("%s has the record %s of somebody else", c.login(), ref.ID)
				continue
			}
			if holders[row] != nil && row.kind != person.RecordCard {
				y.errorf("%s and %s have the record %s", c.login(), holders[row].login(), ref.ID)
			}
			if holders[row] = c; row.kind == person.RecordCard {
				c.cards = append(c.cards, row)
			}
		}
	}
	for _, r := range y.rows {
		r.holder = holders[r]
	}
}

// needed gives the rows by which somebody has an account today, the one that says
// where it lies first.
func (y *city) needed(c *citizen) (list []*entered) {
	var leaving []*entered
	today := y.today()
	rows := slices.DeleteFunc(slices.Clone(y.rows), func(r *entered) bool { return r.holder != c || !r.about() || r.kind == person.RecordCard })
	slices.SortFunc(rows, func(a, b *entered) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key)) })
	for _, r := range rows {
		on := r
		if r.kind == person.RecordEnrolment {
			on, _ = y.merged(r)
		}
		e := on.stored
		switch {
		case e.school == "" || on.gone:
		case y.current(r, today):
			list = append(list, on)
		case r.kind == person.RecordEmployment && !e.start.IsZero() && !e.end.IsZero() && e.end.Before(today) && !e.end.Before(today.AddDays(-y.grace)) && !e.start.After(e.end):
			leaving = append(leaving, on)
		}
	}
	if len(list) == 0 {
		list = leaving
	}
	return list
}

// forget does to the oracle what a day does to the data of those who left.
func (y *city) forget() {
	today := y.today()
	for _, c := range y.citizens() {
		if c.erased { // a registry that lets go of a row of theirs later on
			y.drop(c)
		}
		if !c.has || c.erased {
			continue
		}
		ahead := slices.ContainsFunc(y.rows, func(r *entered) bool {
			if r.kind == person.RecordCard {
				return !r.gone && slices.Contains(c.cards, r)
			}
			if r.holder != c || !r.about() {
				return false
			}
			on, _ := y.merged(r)
			e := on.stored
			if r.kind == person.RecordEnrolment {
				return !on.gone && e.school != "" && !e.closed
			}
			return !r.gone && e.school != "" && !e.start.IsZero() && (e.end.IsZero() || !e.end.Before(today))
		})
		switch {
		case ahead:
			c.idle = person.Date{}
		case c.idle.IsZero():
			c.idle = today
		}
		if c.idle.IsZero() || !c.idle.Before(today.AddDays(-keptDays)) {
			continue
		}
		c.erased, c.forgotten = true, true
		y.drop(c)
	}
}

// drop: the rows of somebody who was erased, which no registry has any more.
func (y *city) drop(c *citizen) {
	for _, r := range y.rows {
		if r.holder == c && r.gone && r.kind != person.RecordCard {
			r.dropped = true
		}
	}
}

// seen gives the users of the directory by GUID.
func (y *city) seen() map[string]ldapclient.Entry {
	list, err := y.site.admin.Search(y.t.Context(), ldapclient.Query{Base: domain, Scope: ldapclient.ScopeSub, Filter: "(objectClass=user)"})
	y.must(err)
	all := map[string]ldapclient.Entry{}
	for _, o := range list {
		all[string(o.Bytes("objectGUID"))] = o
	}
	return all
}

func enabled(o ldapclient.Entry) bool {
	control, err := strconv.Atoi(o.Text("userAccountControl"))
	return err == nil && control&2 == 0 // UF_ACCOUNTDISABLE
}

// changed is an account that was changed drastically.
type changed struct {
	c  *citizen
	at time.Time
}

// counted notes what a run of the daemon changed drastically, and holds it against
// the brakes.
func (y *city) counted(before map[string]ldapclient.Entry) {
	after := y.seen()
	for _, c := range y.citizens() {
		o, was := before[c.guid]
		n, is := after[c.guid]
		if !was || !is || c.touched || c.guid == "" {
			continue
		}
		for kind, did := range [4]bool{
			provision.Off:    enabled(o) && !enabled(n),
			provision.Move:   !ldapclient.SameDN(ldapclient.Parent(o.DN), ldapclient.Parent(n.DN)),
			provision.Rename: o.Text("displayName") != n.Text("displayName"),
			provision.Leave: enabled(n) && slices.ContainsFunc(o.Texts("memberOf"), func(g string) bool {
				return !slices.ContainsFunc(n.Texts("memberOf"), func(is string) bool { return ldapclient.SameDN(g, is) })
			}),
		} {
			if did {
				y.made[kind] = append(y.made[kind], changed{c, y.now})
			}
		}
	}
	kills := 0
	for _, at := range y.killed {
		if y.now.Sub(at) < provision.BrakeDay+2*time.Hour {
			kills++ // it may have died between the change and its note
		}
	}
	for kind := range y.made {
		if n, allowed := y.lately(kind), y.allowed(kind); n > allowed+kills {
			y.errorf("%d accounts were changed within a day, in kind %d, where the brake allows %d", n, kind, allowed)
		}
	}
}

// lately counts the accounts that were changed so within a day.
func (y *city) lately(kind int) int {
	who := map[*citizen]bool{}
	for _, m := range y.made[kind] {
		if y.now.Sub(m.at) < provision.BrakeDay {
			who[m.c] = true
		}
	}
	return len(who)
}

func (y *city) allowed(kind int) int {
	d, err := y.db.Targets().Depth(y.t.Context(), "ad", y.now)
	y.must(err)
	return y.brakes[kind].Allowed(d.Accounts)
}

// check holds store and directory against the oracle.
func (y *city) check() {
	y.know()
	objects := y.seen()
	marked := map[string][]ldapclient.Entry{}
	for guid, o := range objects {
		mark := strings.ToLower(o.Text("employeeNumber"))
		marked[mark] = append(marked[mark], o)
		ours := slices.ContainsFunc(y.citizens(), func(c *citizen) bool { return c.guid == guid && c.blocked != "" || c.has && c.id.String() == mark })
		if name := o.Text("sAMAccountName"); !ours && y.objects[guid] == nil && name != "admin" && name != "bridge" {
			y.errorf("the account %s is nobody's", name)
		}
	}
	drift := [4]int{}
	y.barred = 0
	for _, c := range y.citizens() {
		if c.has {
			y.checkOne(c, marked[c.id.String()], &drift)
			y.checkErased(c)
			y.checkRecords(c)
		} else if own := marked[c.id.String()]; len(own) > 0 && c.id != (identity.PersonID{}) {
			y.errorf("%s has an account, and should have none", c.login())
		}
		c.touched = false
	}
	y.held = drift != [4]int{}
	for kind, n := range drift {
		if n > 0 && n+y.barred+y.lately(kind) <= y.allowed(kind) {
			y.errorf("%d accounts are not brought to their state, in kind %d, and no brake holds them", n, kind)
		}
	}
	for name, c := range y.given {
		if h, err := y.db.Accounts().Find(y.t.Context(), name); err != nil || h.Person != c.id {
			y.errorf("the name %s is no longer %s's: %v", name, c.login(), err)
		}
	}
}

// waysOut are the problems for which nobody can have an account, or not all of it.
var waysOut = []match.Code{match.ADUnowned, match.ADNameTaken, match.LoginNotUsable, match.ADRefused}

func (y *city) checkOne(c *citizen, own []ldapclient.Entry, drift *[4]int) {
	list, err := y.db.Targets().Status(y.t.Context(), c.id)
	y.must(err)
	if len(list) != 1 {
		y.errorf("%s has %d rows of accounts", c.login(), len(list))
		return
	}
	s := list[0]
	if len(own) > 1 {
		y.errorf("%s has %d accounts in the directory", c.login(), len(own))
		return
	}
	if c.blocked != "" {
		if o, there := y.seen()[c.guid]; there && enabled(o) && !y.on(c) {
			y.barred++ // it stands in the count of the brake, though nothing can be done
		}
		if o, there := y.seen()[c.guid]; there && !slices.ContainsFunc(s.Problems, func(p match.Problem) bool { return string(p.Code) == c.blocked }) {
			y.errorf("nobody is told what is wrong with %s: %v", o.Text("sAMAccountName"), s.Problems)
		}
		return
	}
	stuck := slices.ContainsFunc(s.Problems, func(p match.Problem) bool { return slices.Contains(waysOut, p.Code) })
	on := y.on(c)
	if stuck && !y.inTheWay(c) && !slices.ContainsFunc(y.needed(c), func(r *entered) bool { return r.stored.school == "" }) {
		y.errorf("%s is stuck and nothing is in the way: %v", c.login(), s.Problems)
	}
	if len(own) == 0 {
		if on && !stuck {
			y.errorf("%s has no account, and nobody is told why: %v", c.login(), s.Problems)
		}
		return
	}
	o := own[0]
	y.checkSame(c, o)
	y.checkLost(c, o, s.Problems)
	if enabled(o) && !on {
		drift[provision.Off]++
		return
	}
	if !enabled(o) && on && !stuck {
		y.errorf("%s is disabled: %v", c.login(), s.Problems)
	}
	if on == enabled(o) && !c.erased && len(y.needed(c)) > 0 { // who is suspended keeps place and groups
		y.checkLook(c, o, s, drift)
	}
	if s.Pending || !s.Ready && len(s.Problems) == 0 && *drift == [4]int{} {
		y.errorf("%s is left half made: %+v", c.login(), s)
	}
}

// on says that somebody's account is to be enabled.
func (y *city) on(c *citizen) bool { return !c.suspended && !c.erased && len(y.needed(c)) > 0 }

// checkSame: the account is the one that it always was.
func (y *city) checkSame(c *citizen, o ldapclient.Entry) {
	guid, upn := string(o.Bytes("objectGUID")), o.Text("userPrincipalName")
	if c.guid == "" {
		c.guid = guid
	}
	if c.upn == "" {
		c.upn = upn
	}
	if guid != c.guid || upn != c.upn {
		y.errorf("%s has another account than before, or the Teams login went from %s to %s", c.login(), c.upn, upn)
	}
	if old := y.objects[guid]; old != nil && old.of != c.of {
		y.errorf("%s has the account %s, which was made for somebody else", c.login(), old.name)
	}
	if name := strings.ToLower(o.Text("sAMAccountName")); y.objects[guid] == nil && strings.ContainsAny(name, "0123456789") && !strings.HasPrefix(name, "ruka") {
		from := slices.ContainsFunc(c.of.accounts, func(c *citizen) bool {
			return strings.HasPrefix(name, strings.ToLower(c.profile.Login)[:min(8, len(c.profile.Login))])
		})
		if !from && name != c.of.ezhd {
			y.errorf("%s was given the name %s, which was counted up", c.login(), name)
		}
	}
}

// checkLook: an account that is needed shows who somebody is and where.
func (y *city) checkLook(c *citizen, o ldapclient.Entry, s provision.Status, drift *[4]int) {
	if want := c.told.Last + " " + c.told.First + " " + c.told.Middle; o.Text("displayName") != want {
		if drift[provision.Rename]++; y.brakes[provision.Rename].Share == 0 {
			y.errorf("%s is shown as %s, not as %s", c.login(), o.Text("displayName"), want)
		}
	}
	place, groups := "", map[string]bool{}
	for _, r := range y.needed(c) {
		as := "pupil"
		if r.kind == person.RecordEmployment {
			as = "staff"
		}
		groups[strings.ToLower("CN="+as+"-"+string(r.stored.school)+",OU=groups,"+managed)] = true
		place = cmp.Or(place, "OU="+as+",OU="+string(r.stored.school)+","+managed)
	}
	if !ldapclient.SameDN(ldapclient.Parent(o.DN), place) {
		if drift[provision.Move]++; y.brakes[provision.Move].Share == 0 {
			y.errorf("%s lies at %s, not at %s", c.login(), o.DN, place)
		}
	}
	left := false
	for _, g := range o.Texts("memberOf") {
		if groups[strings.ToLower(g)] {
			delete(groups, strings.ToLower(g))
			continue
		}
		if !left {
			drift[provision.Leave], left = drift[provision.Leave]+1, true
		}
		if y.brakes[provision.Leave].Share == 0 {
			y.errorf("%s is member of %s", c.login(), g)
		}
	}
	if len(groups) > 0 {
		y.errorf("%s is no member of %v", c.login(), groups)
	}
	if s.Ready && enabled(o) && c.password != "" && c.proved != c.password {
		if err := y.site.bind(o.Text("sAMAccountName")+"@"+realm, c.password); err != nil {
			y.errorf("%s cannot sign in with the password that was confirmed: %v", c.login(), err)
		}
		c.proved = c.password
	}
}

// checkErased: erased means erased.
func (y *city) checkErased(c *citizen) {
	h, err := y.db.Accounts().Get(y.t.Context(), c.id)
	y.must(err)
	if erased := h.Subject == ""; erased != c.erased {
		y.errorf("%s is erased: %v, and nobody needs the account since %s", c.login(), erased, c.idle)
	}
	if !c.erased {
		return
	}
	if h.Last+h.First+h.Middle+h.Mail+h.MosruLogin+string(h.Login) != "" || len(h.Names) > 0 {
		y.errorf("of %s something is left", c.login())
	}
	list, err := y.db.Targets().Status(y.t.Context(), c.id)
	y.must(err)
	for _, s := range list {
		if s.UPN+s.Name != "" {
			y.errorf("of the account of %s something is left", c.login())
		}
	}
	for _, r := range y.rows {
		if r.holder != c || !r.dropped {
			continue
		}
		rows, err := y.db.Census().Rows(y.t.Context(), r.kind, []string{r.key})
		if y.must(err); len(rows) > 0 {
			y.errorf("the record %s of %s is left", r.key, c.login())
		}
	}
}

// checkRecords: a row that came, began or was corrected is the person's without a
// sign-in, if it fits what is known of somebody who has another row of that name.
func (y *city) checkRecords(c *citizen) {
	if c.erased {
		return
	}
	known := slices.ContainsFunc(y.rows, func(r *entered) bool {
		return r.holder == c && r.about() && r.stored.fio() == person.JoinFIO(c.told.Last, c.told.First, c.told.Middle) && r.kind != person.RecordCard
	})
	if !known || !y.staffMust(c, c.told) {
		return
	}
	for _, r := range y.rows {
		if r.kind == person.RecordEmployment && r.holder == nil && !r.loosened && r.fits(c.told) && y.current(r, y.today()) {
			y.errorf("%s: the record %s is not the person's yet", c.login(), r.key)
		}
	}
}

// remove deletes an object, as only an administrator does.
func (y *city) remove(dn string) {
	o := y.site.options("cn=admin,"+domain, "Zhuravl-Admin-2021")
	conn, err := ldap.DialURL(o.URL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: o.RootCAs, ServerName: o.ServerName, MinVersion: tls.VersionTLS12}))
	y.must(err)
	defer func() { _ = conn.Close() }()
	y.must(conn.Bind(o.BindDN, string(o.Password)))
	y.must(conn.Del(ldap.NewDelRequest(dn, nil)))
}
