package duplicates

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"schoolbridge/internal/person"
)

var (
	errGUID  = errors.New("this is no objectGUID: 32 hexadecimal digits")
	errLevel = errors.New("this is no level: certain, probable or possible")
)

// Finder takes accounts, then what is known of people, and gives the groups:
// Add all accounts, Know all facts, Find once.
type Finder struct {
	rows   []row
	blocks blocks
	sorted bool
	places map[string]string // each unit's DN once
}

// Bounds of the answer.
const (
	groupMost = 32    // accounts in one group
	apartMost = 2_000 // pairs of namesakes that are told of
)

// possibleMost is the highest score of what is only possible.
const possibleMost = 59

// NewFinder gives an empty one.
func NewFinder() *Finder { return &Finder{places: map[string]string{}} }

// Add takes one account. One that was added before is taken once.
func (f *Finder) Add(a Account) {
	if place, ok := f.places[a.Place]; ok {
		a.Place = place
	} else {
		f.places[a.Place] = a.Place
	}
	f.rows = append(f.rows, newRow(a))
}

// Accounts is how many were added.
func (f *Finder) Accounts() int { return len(f.rows) }

// prepare puts the accounts in an order that does not depend on how they came,
// and makes the blocks that facts are held against.
func (f *Finder) prepare() {
	if f.sorted {
		return
	}
	f.sorted = true
	slices.SortFunc(f.rows, func(a, b row) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	f.rows = slices.CompactFunc(f.rows, func(a, b row) bool { return a.ID == b.ID })
	for i := range f.rows {
		f.blocks.first(i, &f.rows[i])
	}
	f.blocks.sort()
}

// factsMost bounds the facts that one account may have.
const factsMost = 4

// Know holds a fact against the accounts, after the last Add. One that is
// nobody's here is not kept. A login of the person points to the account unless
// the ФИО differs; a contact points to it only where the whole ФИО is equal,
// which is the rule by which pupils are matched.
func (f *Finder) Know(fact Fact) {
	f.prepare()
	name := newFIO(fact.Last, fact.First, fact.Middle)
	for _, logins := range [][]string{fact.Mosru, fact.EZHD} {
		for _, login := range logins {
			for _, k := range f.blocks.few(byHolder, "login", person.FoldName(login)) {
				if like := name.compare(f.rows[k.row].name); like != unlike && like != surname {
					f.point(int(k.row), fact, false)
				}
			}
		}
	}
	contact := func(kind kind, value string) {
		for _, k := range f.blocks.few(kind, value) {
			if like := name.compare(f.rows[k.row].name); like == exactly || like == sounding {
				f.point(int(k.row), fact, true)
			}
		}
	}
	for _, v := range normal(fact.Mails, person.Emails) {
		contact(byMail, v)
	}
	for _, v := range normal(fact.Phones, person.Phones) {
		contact(byPhone, v)
	}
}

// point notes that an account points to a person. What a name says outweighs
// what a contact says; contacts of two people say nothing (father and son).
func (f *Finder) point(i int, fact Fact, contact bool) {
	r := &f.rows[i]
	if b := r.Birth; !b.IsZero() && !fact.Birth.IsZero() && b != fact.Birth {
		return
	}
	for j, h := range r.holders {
		if h.fact.id() == fact.id() {
			fact.join(h.fact)
			r.holders[j] = holder{&fact, h.contact && contact}
			return
		}
	}
	if len(r.holders) < factsMost {
		r.holders = append(r.holders, holder{&fact, contact})
	}
}

// join adds what another fact of the same person has more.
func (f *Fact) join(g *Fact) {
	if f.Birth.IsZero() {
		f.Birth = g.Birth
	}
	if f.SNILS == "" {
		f.SNILS = g.SNILS
	}
	f.also = append(append(f.also, g.also...), g.School)
	if f.School == "" {
		f.School, f.Class = g.School, g.Class
	}
	f.Mosru, f.EZHD = merged(f.Mosru, g.Mosru), merged(f.EZHD, g.EZHD)
}

func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// resolve leaves what facts say for sure: an account has one person behind it.
func (r *row) resolve() {
	named := slices.DeleteFunc(slices.Clone(r.holders), func(h holder) bool { return h.contact })
	if len(named) == 0 {
		named = r.holders
	}
	if len(named) > 1 {
		named = nil
	}
	r.holders = named
	if len(named) == 0 {
		return
	}
	r.Schools = schools(append(named[0].fact.also, named[0].fact.School))
	is := func(login string) bool { return person.FoldName(login) == person.FoldName(r.Name) }
	switch f := named[0].fact; {
	case slices.ContainsFunc(f.Mosru, is):
		r.Login = MosruLogin
	case slices.ContainsFunc(f.EZHD, is):
		r.Login = EZHDLogin
	}
}

// schools sorts schools, each once, and leaves none out but "".
func schools(list []person.SchoolID) []person.SchoolID {
	list = slices.DeleteFunc(slices.Clone(list), func(s person.SchoolID) bool { return s == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

// edge is a link between two rows.
type edge struct {
	a, b  uint32
	level Level
	score int
}

// Find gives the groups.
func (f *Finder) Find() Findings {
	f.prepare()
	found := Findings{Accounts: len(f.rows), Shared: map[string]int{}}
	for i := range f.rows {
		f.rows[i].resolve()
		f.blocks.second(i, &f.rows[i])
	}
	f.blocks.sort()
	f.settle()
	edges, apart := f.pairs(&found)
	found.Groups = f.groups(edges)
	f.tellApart(&found, apart)
	return found
}

// settle leaves what may be compared of the accounts: a value that too many have
// is nobody's, whatever else brings two of them together.
func (f *Finder) settle() {
	own := func(k kind, values []string) []string {
		common := func(v string) bool { return f.blocks.few(k, v) == nil }
		if !slices.ContainsFunc(values, common) {
			return values
		}
		return slices.DeleteFunc(slices.Clone(values), common)
	}
	for i := range f.rows {
		r := &f.rows[i]
		r.mails, r.phones = own(byMail, r.Mails), own(byPhone, r.Phones)
		if r.EmployeeID != "" && f.blocks.few(byEmployeeID, r.EmployeeID) != nil {
			r.employee = r.EmployeeID
		}
	}
}

// pairs judges what the blocks propose.
func (f *Finder) pairs(found *Findings) (edges, apart []edge) {
	for k := kind(0); k < kinds; k++ {
		f.blocks.each(k, func(block []key) {
			if len(block) > most[k] {
				if word, ok := shared[k]; ok {
					found.Shared[word]++
				}
				return
			}
			for i, x := range block {
				for _, y := range block[i+1:] {
					a, b := &f.rows[x.row], &f.rows[y.row]
					level, score, _ := weigh(a, b)
					switch {
					case level >= Possible:
						edges = append(edges, edge{x.row, y.row, level, score})
					case level == Different && remarkable(k, a, b):
						apart = append(apart, edge{x.row, y.row, level, score})
					}
				}
			}
		})
		edges, apart = unique(edges), unique(apart)
	}
	return edges, apart
}

// remarkable says that people would take two accounts for one person's.
func remarkable(k kind, a, b *row) bool {
	if a.Name != "" && strings.EqualFold(a.Name, b.Name) {
		return true
	}
	switch k {
	case byFIO, byFIOBase, byFIOPlace:
		return a.name.full() && a.name.compare(b.name) >= sounding
	}
	return false
}

func unique(list []edge) []edge {
	slices.SortFunc(list, func(x, y edge) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	return slices.Compact(list)
}

// groups joins accounts along the links, the strongest first, unless two of
// them are different people.
func (f *Finder) groups(edges []edge) []Group {
	slices.SortFunc(edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(y.level, x.level), cmp.Compare(y.score, x.score), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	var refused []edge
	cluster := map[uint32]*members{}
	var all []*members
	of := func(i uint32) *members {
		if cluster[i] == nil {
			cluster[i] = &members{rows: []uint32{i}}
			all = append(all, cluster[i])
		}
		return cluster[i]
	}
	for _, e := range edges {
		into, from := of(e.a), of(e.b)
		if into == from || len(into.rows)+len(from.rows) > groupMost {
			continue
		}
		if f.differ(into.rows, from.rows) {
			refused = append(refused, e)
			continue
		}
		into.rows = append(into.rows, from.rows...)
		into.level, into.score = e.level, e.score // the weakest so far
		for _, i := range from.rows {
			cluster[i] = into
		}
		from.rows = nil
	}
	var groups []Group
	for _, m := range all {
		if len(m.rows) > 1 {
			groups = append(groups, f.group(m))
		}
	}
	// An account that may belong to either of two people is told of beside the
	// nearest account of the other one.
	told := map[uint32]bool{}
	for _, e := range refused {
		if !told[e.a] || !told[e.b] {
			told[e.a], told[e.b] = true, true
			g := f.group(&members{rows: []uint32{e.a, e.b}, level: Possible, score: min(e.score, possibleMost), ambiguous: true})
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(b.Score, a.Score), strings.Compare(a.ID, b.ID))
	})
	return groups
}

type members struct {
	rows  []uint32
	level Level
	score int

	ambiguous bool
}

func (f *Finder) differ(one, other []uint32) bool {
	for _, i := range one {
		for _, j := range other {
			if level, _, _ := weigh(&f.rows[i], &f.rows[j]); level == Different {
				return true
			}
		}
	}
	return false
}

func (f *Finder) group(m *members) Group {
	slices.Sort(m.rows)
	g := Group{Level: m.level, Score: m.score, Ambiguous: m.ambiguous}
	h, most := sha256.New(), Certain
	if m.ambiguous {
		most = Possible
	}
	for i, a := range m.rows {
		r := &f.rows[a]
		_, _ = h.Write(r.ID[:]) // a hash takes everything
		g.Members = append(g.Members, r.Account)
		for _, b := range m.rows[i+1:] {
			level, score, reasons := weigh(r, &f.rows[b])
			if level = min(level, most); level >= Possible {
				g.Links = append(g.Links, Link{r.ID, f.rows[b].ID, level, score, reasons})
			}
		}
	}
	slices.SortStableFunc(g.Links, func(a, b Link) int { return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(b.Score, a.Score)) })
	g.ID = "g" + hex.EncodeToString(h.Sum(nil)[:6])
	return g
}

// tellApart tells of namesakes, those with look-alike names first.
func (f *Finder) tellApart(found *Findings, apart []edge) {
	look := func(e edge) int {
		if a, b := &f.rows[e.a], &f.rows[e.b]; a.base != "" && a.base == b.base {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(apart, func(x, y edge) int { return cmp.Compare(look(x), look(y)) })
	found.More = max(0, len(apart)-apartMost)
	for _, e := range apart[:min(len(apart), apartMost)] {
		_, _, reasons := weigh(&f.rows[e.a], &f.rows[e.b])
		found.Apart = append(found.Apart, Apart{f.rows[e.a].Account, f.rows[e.b].Account, reasons})
	}
}

// Between is how sure it is that two members are one person's: the weakest link
// on the strongest way from one to the other.
func (g Group) Between(a, b GUID) Level {
	reached := map[GUID]bool{a: true}
	for _, level := range []Level{Certain, Probable, Possible} {
		for more := true; more; {
			more = false
			for _, l := range g.Links {
				if l.Level >= level && reached[l.A] != reached[l.B] {
					reached[l.A], reached[l.B], more = true, true, true
				}
			}
		}
		if reached[b] {
			return level
		}
	}
	return None
}
