package duplicates

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Claimer says whose the accounts are that a directory held before we came: Add
// all accounts, Know all facts of the registries, Propose once. An account that
// has an owner, or was claimed, is left alone, and so is one that may not be
// written.
//
// Certain is what an identifier says (a login of the ЭЖД or mos.ru, employeeID)
// together with the ФИО, or ФИО and birth date with one thing more. What rests
// on ФИО and one of them alone is certain only where no other person of the
// registries has that ФИО. Two people behind one account, and two accounts of
// one person, are never certain: a person decides.
type Claimer struct {
	f       *Finder
	open    []*open // by row; nil: nothing to decide about it
	claimed map[person.RecordRef]bool
	owned   map[identity.PersonID]bool
	has     map[string]bool   // people who have an account here, by who
	alike   map[string]int32  // by who, the account whose name may be the person's
	bound   map[string]string // by who, of a СНИЛС and a name that a bound record has too; "": of two people's
	summary ClaimSummary
}

// open is an account that is nobody's so far.
type open struct {
	guesses   []guess
	namesakes []string // distinct people of its ФИО, namesakesTold at most
}

// guess is one person who may be behind an account.
type guess struct {
	who     string // see who
	records []person.RecordRef
	fio     string
	birth   person.Date
	school  person.SchoolID
	level   Level
	alone   bool // certain, if nobody else has the ФИО
	reasons []Reason
	seen    uint64 // of what the registry says
	number  bool   // the account bears a number of the person's, as employeeID
}

// ClaimSummary counts what a directory came to.
type ClaimSummary struct {
	Accounts  int `json:"accounts"`
	Owned     int `json:"owned"`     // have an owner by the store's row
	Claimed   int `json:"claimed"`   // were claimed before
	Protected int `json:"protected"` // of administrators, services, the system
	Outside   int `json:"outside"`   // neither in the managed unit nor in an adopt base
	Unknown   int `json:"unknown"`   // nothing points to anybody
}

// Proposal says whose an account may be.
type Proposal struct {
	Object     GUID        `json:"object"`
	Name       string      `json:"name"`
	UPN        string      `json:"upn,omitempty"`
	Display    string      `json:"display,omitempty"`
	Place      string      `json:"place"`
	Enabled    bool        `json:"enabled"`
	Created    time.Time   `json:"created,omitzero"`
	Certain    bool        `json:"certain"`
	Why        []Reason    `json:"why,omitempty"`         // why it is not certain, beside the level
	Candidates []Candidate `json:"candidates"`            // the likeliest first
	Seen       string      `json:"seen"`                  // digest of all that was compared
	SeenBefore string      `json:"seen_before,omitempty"` // the same as versions had it whose digests held words too

	AccountSeen string `json:"account_seen"` // of what was compared of the account alone
}

// Candidate is one person who may be behind an account.
type Candidate struct {
	Records []person.RecordRef `json:"records"`
	FIO     string             `json:"fio"`
	Birth   person.Date        `json:"birth,omitzero"`
	School  person.SchoolID    `json:"school"`
	Level   Level              `json:"level"`
	Reasons []Reason           `json:"reasons"`
}

// Why a proposal is not certain.
const (
	TwoPeople   Reason = "TWO_PEOPLE"   // several people may be behind the account
	TwoAccounts Reason = "TWO_ACCOUNTS" // the person may have another one
	HasAccount  Reason = "HAS_ACCOUNT"  // the person has one by the store or a claim
	SameNames   Reason = "NAMESAKES"    // others have the same ФИО
)

// candidatesMost bounds the people who are told of for one account.
const candidatesMost = 8

// NewClaimer gives an empty one.
func NewClaimer() *Claimer {
	return &Claimer{f: NewFinder(), claimed: map[person.RecordRef]bool{}, owned: map[identity.PersonID]bool{}, has: map[string]bool{}, alike: map[string]int32{}, bound: map[string]string{}}
}

// Add takes one account.
func (c *Claimer) Add(a Account) { c.f.Add(a) }

// prepare makes the blocks that facts are held against.
func (c *Claimer) prepare() {
	if c.f.sorted {
		return
	}
	c.f.prepare()
	c.summary.Accounts = len(c.f.rows)
	c.open = make([]*open, len(c.f.rows))
	b := &c.f.blocks
	for i := range c.f.rows {
		r := &c.f.rows[i]
		if r.EmployeeID != "" { // whosever the account is: it may be what many have
			b.add(byEmployeeID, i, r.EmployeeID)
		}
		switch {
		case r.Person != (identity.PersonID{}):
			c.owned[r.Person] = true
			c.summary.Owned++
			continue
		case len(r.Records) > 0:
			for _, ref := range r.Records {
				c.claimed[ref] = true
			}
			c.summary.Claimed++
			continue
		case r.Untouchable == Protected:
			c.summary.Protected++
			continue
		case r.Untouchable != "":
			c.summary.Outside++
			continue
		}
		c.open[i] = &open{}
		if r.name.known() {
			b.add(byFIO, i, r.name.last, r.name.first[:1])
		}
	}
	b.sort()
	c.f.settle()
}

// Know holds a fact of a registry against the accounts, after the last Add.
func (c *Claimer) Know(fact Fact) {
	c.prepare()
	if fact.Record == (person.RecordRef{}) {
		return // the store's own: their accounts have owners
	}
	name := newFIO(fact.Last, fact.First, fact.Middle)
	id := who(&fact, name)
	c.bind(&fact, name, id)
	if c.claimed[fact.Record] || fact.Person != (identity.PersonID{}) && c.owned[fact.Person] {
		c.has[id] = true
	}
	for _, i := range c.candidates(&fact, name) {
		o := c.open[i]
		if o == nil {
			continue
		}
		r := &c.f.rows[i]
		c.compare(o, i, name.compare(r.name), &fact, id)
		g := r.claim(&fact, name)
		g.who = id
		if g.level < Possible {
			continue
		}
		o.note(g)
	}
}

// severalRows stands in Claimer.alike for more than one account.
const severalRows int32 = -1

// namesakesTold is more than one person can be by two names of who.
const namesakesTold = 4

// compare notes who has the account's ФИО, and whose ФИО several accounts may
// have.
func (c *Claimer) compare(o *open, i uint32, like likeness, fact *Fact, id string) {
	if like < partly || c.f.rows[i].differs(fact) {
		return
	}
	if row, ok := c.alike[id]; ok && row != int32(i) {
		c.alike[id] = severalRows
	} else if !ok {
		c.alike[id] = int32(i)
	}
	if like > partly && len(o.namesakes) < namesakesTold && !slices.Contains(o.namesakes, id) {
		o.namesakes = append(o.namesakes, id)
	}
}

// candidates gives the accounts that share something with a fact.
func (c *Claimer) candidates(fact *Fact, name fio) []uint32 {
	var rows []uint32
	add := func(keys []key) {
		for _, k := range keys {
			rows = append(rows, k.row)
		}
	}
	for _, login := range slices.Concat(fact.Mosru, fact.EZHD) {
		add(c.f.blocks.few(byHolder, "login", person.FoldName(login)))
	}
	for _, v := range normal(fact.Mails, person.Emails) {
		add(c.f.blocks.few(byMail, v))
	}
	for _, v := range normal(fact.Phones, person.Phones) {
		add(c.f.blocks.few(byPhone, v))
	}
	for _, v := range fact.numbers() {
		add(c.f.blocks.few(byEmployeeID, v))
	}
	if name.known() {
		add(c.f.blocks.rows(byFIO, name.last, name.first[:1]))
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// numbers are what an employeeID of the person may hold.
func (f *Fact) numbers() []string {
	list := []string{strings.ToLower(string(f.Record.ID))}
	if f.SNILS != "" {
		list = append(list, string(f.SNILS))
	}
	return list
}

// differs says that account and fact are of two people whatever they share.
func (r *row) differs(f *Fact) bool {
	if !r.Birth.IsZero() && !f.Birth.IsZero() && r.Birth != f.Birth {
		return true
	}
	s, ok := person.ParseSNILS(r.employee)
	return ok && len(r.employee) >= len(s) && f.SNILS != "" && s != f.SNILS
}

// claim says how sure it is that a person of the registries is behind an account.
func (r *row) claim(f *Fact, name fio) guess {
	g := guess{records: []person.RecordRef{f.Record}, fio: person.JoinFIO(f.Last, f.First, f.Middle), birth: f.Birth, school: f.School, seen: f.digest()}
	if r.differs(f) {
		return g
	}
	v := verdict{like: name.compare(r.name)}
	logins := slices.Concat(f.Mosru, f.EZHD)
	is := func(name string) bool {
		return name != "" && slices.ContainsFunc(logins, func(l string) bool { return person.FoldName(l) == name })
	}
	v.note(is(person.FoldName(r.Name)), SameLogin)
	v.note(is(r.upn), SameUPN)
	v.note(r.employee != "" && slices.Contains(f.numbers(), r.employee), SameEmployeeID)
	v.note(meet(r.mails, normal(f.Mails, person.Emails)), SameMail)
	v.note(meet(r.phones, normal(f.Phones, person.Phones)), SamePhone)
	v.noteName()
	v.note(!r.Birth.IsZero() && r.Birth == f.Birth, SameBirth)
	g.level, g.alone = v.claim()
	g.reasons = v.reasons
	g.number = v.has(SameEmployeeID)
	return g
}

// claim is the table of the rules; the first that holds counts. alone asks for
// the one person of that ФИО.
func (v *verdict) claim() (level Level, alone bool) {
	full := v.like == exactly || v.like == sounding
	contact := v.has(SameMail, SamePhone)
	named := v.has(SameLogin, SameEmployeeID)
	for _, rule := range []struct {
		holds bool
		level Level
		alone bool
	}{
		{(v.like == unlike || v.like == initials) && named, Possible, false}, // a login that was given twice, a surname that changed
		{v.like == unlike || v.like == initials, Different, false},

		{full && v.has(SameLogin) && v.has(SameEmployeeID), Certain, false},
		{full && named && (contact || v.has(SameBirth)), Certain, false},
		{full && v.has(SameBirth) && (contact || v.has(SameUPN)), Certain, false},
		{v.like == partly && named && contact && v.has(SameBirth, SameEmployeeID), Certain, true},
		{full && (named || v.has(SameBirth)), Certain, true},

		{named, Probable, false},
		{full && (contact || v.has(SameUPN)), Probable, false},
		{v.like == surname && v.has(SameBirth) && contact, Probable, false},

		{full, Possible, false},
		{v.like == partly && contact, Possible, false},
		{v.like != surname && v.has(SameUPN), Possible, false},
	} {
		if rule.holds {
			return rule.level, rule.alone
		}
	}
	return None, false
}

// note keeps a guess; the records of one person are one guess.
func (o *open) note(g guess) {
	for i := range o.guesses {
		h := &o.guesses[i]
		if h.who != g.who {
			continue
		}
		for _, ref := range g.records {
			if !slices.Contains(h.records, ref) {
				h.records = append(h.records, ref)
			}
		}
		h.seen += g.seen // in whatever order they come
		h.number = h.number || g.number
		if g.level > h.level || g.level == h.level && h.alone && !g.alone {
			h.level, h.alone, h.reasons = g.level, g.alone, g.reasons
		}
		return
	}
	o.guesses = append(o.guesses, g)
	if len(o.guesses) > 2*candidatesMost { // a common name: the least likely go
		o.sort()
		o.guesses = o.guesses[:candidatesMost]
	}
}

func (o *open) sort() {
	slices.SortFunc(o.guesses, func(a, b guess) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(len(b.reasons), len(a.reasons)), cmp.Compare(a.who, b.who))
	})
}

// Propose gives what there is to decide, in the order of names.
func (c *Claimer) Propose() ([]Proposal, ClaimSummary) {
	c.prepare()
	c.unite()
	accounts := map[string]int{} // how many accounts of a person have such evidence
	for _, o := range c.open {
		if o == nil {
			continue
		}
		o.settle()
		for _, g := range o.guesses {
			if g.level >= Probable {
				accounts[g.who]++
			}
		}
	}
	var list []Proposal
	for i, o := range c.open {
		switch {
		case o == nil:
		case len(o.guesses) == 0:
			c.summary.Unknown++
		default:
			list = append(list, c.proposal(&c.f.rows[i], o, accounts))
		}
	}
	slices.SortFunc(list, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.Object[:], b.Object[:]))
	})
	return list, c.summary
}

// settle leaves the guesses that say something: people of whom only the ФИО is
// equal are told of where there is nothing better, and one of them at most.
func (o *open) settle() {
	o.sort()
	if len(o.guesses) == 0 {
		return
	}
	if o.guesses[0].level > Possible {
		o.guesses = slices.DeleteFunc(o.guesses, func(g guess) bool {
			return g.level <= Possible && !slices.Contains(g.reasons, SameLogin) && !slices.Contains(g.reasons, SameEmployeeID)
		})
	} else if onlyFIO := func(g guess) bool { return len(g.reasons) == 1 }; len(o.namesakes) > 1 && !slices.ContainsFunc(o.guesses, func(g guess) bool { return !onlyFIO(g) }) {
		o.guesses = nil
	}
	o.guesses = o.guesses[:min(len(o.guesses), candidatesMost)]
}

func (c *Claimer) proposal(r *row, o *open, accounts map[string]int) Proposal {
	p := Proposal{Object: r.ID, Name: r.Name, UPN: r.UPN, Display: r.Display, Place: r.Place, Enabled: r.Enabled, Created: r.Created, AccountSeen: r.digest()}
	first := o.guesses[0]
	p.Certain = first.level == Certain
	doubt := func(holds bool, why Reason) {
		if holds {
			p.Certain, p.Why = false, append(p.Why, why)
		}
	}
	doubt(len(o.guesses) > 1, TwoPeople)
	doubt(accounts[first.who] > 1 || first.level == Certain && first.alone && c.alike[first.who] == severalRows, TwoAccounts)
	doubt(c.has[first.who], HasAccount)
	doubt(first.level == Certain && first.alone && len(o.namesakes) > 1, SameNames)
	for _, g := range o.guesses {
		slices.SortFunc(g.records, func(a, b person.RecordRef) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
		p.Candidates = append(p.Candidates, Candidate{g.records, g.fio, g.birth, g.school, g.level, g.reasons})
	}
	p.Seen, p.SeenBefore = seenClaim(r, o.guesses), seenInWords(r, o.guesses)
	return p
}
