package match

import (
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// Index holds a Registry so that each decision looks only at the rows that share
// something with the profile. Of a million people it takes some 150 bytes each:
// rows are packed, with the normal forms that are asked for again and again, and
// found by finders. It does not change once it is made and may be shared.
type Index struct {
	schools     map[person.SchoolID]person.School
	schoolNames map[string]person.SchoolID

	staff       staffRows
	staffByFIO  finder[string]
	staffBySSN  finder[person.SNILS]
	staffByID   finder[person.RecordID]
	pupils      pupilRows
	merged      []mergedPupil // by row
	sources     finder[int]   // pupils' rows by the one they were merged into
	pupilsByFIO finder[string]
	pupilsByID  finder[person.RecordID]
	cards       cardRows
	cardsByFIO  finder[string]
	cardsByID   finder[person.RecordID]
	severalFIO  []bool // by the first row of a card: it names more than one parent

	ad          accountRows
	adByName    finder[string]
	adByUPN     finder[string]
	adByPerson  finder[person.RecordID]
	adBySubject finder[identity.Subject]

	taken  map[string]bool // folded names of Registry.Taken
	listed map[string]bool // and of Registry.Listed
	names  Names
	// Only where names may be made: accounts by what their names look like, rows by
	// folded ЭЖД logins.
	looksByName, looksByUPN   finder[string]
	staffByEZHD, pupilsByEZHD finder[string]
}

// mergedPupil says what became of a pupil's record.
type mergedPupil struct {
	next   int32 // the record it was merged into, or -1
	target int32 // the last of those, or the record itself
}

// Builder makes an Index of rows that come one by one, of each registry in the
// order of its file: nothing else has to keep them.
type Builder struct{ ix *Index }

// NewBuilder begins with empty registries.
func NewBuilder(names Names) *Builder {
	ix := &Index{schools: map[person.SchoolID]person.School{}, schoolNames: map[string]person.SchoolID{}, taken: map[string]bool{}, listed: map[string]bool{}, names: names}
	ix.staffByFIO = newFinder(func(i int) string { return ix.staff.at(i).fio })
	ix.staffBySSN = newFinder(func(i int) person.SNILS { return ix.staff.at(i).snils })
	ix.staffByID = newFinder(func(i int) person.RecordID { return ix.staff.at(i).ID })
	ix.staffByEZHD = newFinder(func(i int) string { return person.FoldName(ix.staff.at(i).EZHDLogin) })
	ix.pupilsByFIO = newFinder(func(i int) string { return ix.pupils.at(i).fio })
	ix.pupilsByID = newFinder(func(i int) person.RecordID { return ix.pupils.at(i).ID })
	ix.pupilsByEZHD = newFinder(func(i int) string { return person.FoldName(ix.pupils.at(i).EZHDLogin) })
	ix.sources = newFinder(func(i int) int { return int(ix.merged[i].next) })
	ix.cardsByFIO = newFinder(func(i int) string { return ix.cards.at(i).fio })
	ix.cardsByID = newFinder(func(i int) person.RecordID { return ix.cards.at(i).Child })
	ix.adByName = newFinder(func(i int) string { return person.FoldName(ix.ad.at(i).SAM) })
	ix.adByUPN = newFinder(func(i int) string { return person.FoldName(ix.localUPN(i)) })
	ix.adByPerson = newFinder(func(i int) person.RecordID { return ix.ad.at(i).Person })
	ix.adBySubject = newFinder(func(i int) identity.Subject { return ix.ad.at(i).Subject })
	ix.looksByName = newFinder(func(i int) string { return login.Look(ix.ad.at(i).SAM) })
	ix.looksByUPN = newFinder(func(i int) string { return login.Look(ix.localUPN(i)) })
	return &Builder{ix}
}

// NewIndex makes the index of a whole Registry.
func NewIndex(r Registry) *Index {
	b := NewBuilder(r.Names)
	for _, s := range r.Schools {
		b.School(s)
	}
	for i := range r.Employments {
		b.Employment(&r.Employments[i])
	}
	for i := range r.Enrolments {
		b.Enrolment(&r.Enrolments[i])
	}
	for i := range r.Cards {
		b.Card(&r.Cards[i])
	}
	for i := range r.AD {
		b.Account(&r.AD[i])
	}
	for _, name := range r.Taken {
		b.ix.taken[person.FoldName(name)] = true
	}
	for _, name := range r.Listed {
		b.ix.listed[person.FoldName(name)] = true
	}
	return b.Index()
}

// Index is what was built. The Builder takes nothing more.
func (b *Builder) Index() *Index {
	b.ix.linkMerged()
	return b.ix
}

// School adds a school.
func (b *Builder) School(s person.School) {
	ix := b.ix
	if _, ok := ix.schools[s.ID]; !ok {
		ix.schools[s.ID] = s
	}
	if key := textKey(s.Name); key != "" {
		if _, ok := ix.schoolNames[key]; !ok {
			ix.schoolNames[key] = s.ID
		}
	}
}

// Employment adds a row of Кадры.
func (b *Builder) Employment(e *person.Employment) {
	ix, i := b.ix, b.ix.staff.len()
	row := staffRow{ID: e.ID, School: e.School, Start: e.Start, End: e.End, EZHDLogin: e.EZHDLogin}
	row.fio, row.mixed = person.NormalFIO(e.FIO)
	row.snils, _ = person.ParseSNILS(e.SNILS)
	ix.staff.add(&row)
	ix.staffByID.add(i)
	if row.fio != "" {
		ix.staffByFIO.add(i)
	}
	if row.snils != "" {
		ix.staffBySSN.add(i)
	}
	if !ix.names.Made.IsZero() {
		ix.staffByEZHD.add(i)
	}
}

// Enrolment adds a row of Контингент.
func (b *Builder) Enrolment(e *person.Enrolment) {
	ix, i := b.ix, b.ix.pupils.len()
	row := pupilRow{ID: e.ID, School: e.School, BirthDate: e.BirthDate, active: active(e.Status),
		phones: joined(person.Phones(e.Phone)), emails: joined(person.Emails(e.Email)), MergedTo: e.MergedTo, EZHDLogin: e.EZHDLogin}
	row.fio, row.mixed = person.NormalFIO(person.JoinFIO(e.Last, e.First, e.Middle))
	row.snils, _ = person.ParseSNILS(e.SNILS)
	ix.pupils.add(&row)
	ix.pupilsByID.add(i)
	if row.fio != "" {
		ix.pupilsByFIO.add(i)
	}
	if !ix.names.Made.IsZero() {
		ix.pupilsByEZHD.add(i)
	}
}

// Card adds a row of Запись в ОУ: a child's card, one parent of it.
func (b *Builder) Card(c *person.Card) {
	ix, i := b.ix, b.ix.cards.len()
	row := cardRow{Child: c.Child, phones: joined(person.Phones(c.Phone)), emails: joined(person.Emails(c.Email))}
	row.fio, row.mixed = person.NormalFIO(c.ParentFIO)
	row.snils, _ = person.ParseSNILS(c.ParentSNILS)
	ix.cards.add(&row)
	ix.cardsByID.add(i)
	ix.severalFIO = append(ix.severalFIO, false)
	if first, _ := ix.cardsByID.first(row.Child); ix.cards.at(first).fio != row.fio {
		ix.severalFIO[first] = true
	}
	if row.fio != "" {
		ix.cardsByFIO.add(i)
	}
}

// Account adds an account that Active Directory has.
func (b *Builder) Account(a *ADAccount) {
	ix, i := b.ix, b.ix.ad.len()
	made := !ix.names.Made.IsZero()
	ix.ad.add(a)
	ix.adByName.add(i)
	if made {
		ix.looksByName.add(i)
	}
	if ix.localUPN(i) != "" {
		ix.adByUPN.add(i)
		if made {
			ix.looksByUPN.add(i)
		}
	}
	if a.Person != "" {
		ix.adByPerson.add(i)
	}
	if a.Subject != "" {
		ix.adBySubject.add(i)
	}
}

// localUPN is what stands before the @ of an account's UPN.
func (ix *Index) localUPN(i int) string {
	local, _, _ := strings.Cut(ix.ad.at(i).Teams, "@")
	return local
}

// linkMerged finds for each pupil's record the one it was merged into. A
// missing target leaves the record itself, and so does a chain that ends in a
// circle: there is no target in it.
func (ix *Index) linkMerged() {
	const unseen, open, ends, circles = 0, 1, 2, 3
	state := make([]byte, ix.pupils.len())
	ix.merged = make([]mergedPupil, ix.pupils.len())
	step := func(i int) int {
		if to := ix.pupils.at(i).MergedTo; to != "" {
			if j, ok := ix.pupilsByID.first(to); ok && j != i {
				return j
			}
		}
		return -1
	}
	var chain []int
	for i := range state {
		chain = chain[:0]
		at := i
		for at >= 0 && state[at] == unseen {
			state[at] = open
			chain = append(chain, at)
			at = step(at)
		}
		end := byte(ends)
		if at >= 0 && state[at] != ends {
			end = circles
		}
		for _, c := range slices.Backward(chain) {
			state[c] = end
			ix.merged[c] = mergedPupil{-1, int32(c)}
			if next := step(c); end == ends && next >= 0 {
				ix.merged[c] = mergedPupil{int32(next), ix.merged[next].target}
			}
		}
	}
	for i, m := range ix.merged {
		if m.next >= 0 {
			ix.sources.add(i)
		}
	}
}

// namesSeveral says that a card names more than one parent.
func (ix *Index) namesSeveral(child person.RecordID) bool {
	first, ok := ix.cardsByID.first(child)
	return ok && ix.severalFIO[first]
}

// target is the record on which status and school of a pupil stand.
func (ix *Index) target(pupil int) int { return int(ix.merged[pupil].target) }

// textKey is how free texts of schools are told apart.
func textKey(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// schoolKey tells one school from another.
func (ix *Index) schoolKey(id person.SchoolID) string {
	if _, ok := ix.schools[id]; ok {
		return "#" + string(id)
	}
	key := textKey(string(id))
	if known, ok := ix.schoolNames[key]; ok && key != "" {
		return "#" + string(known)
	}
	return key
}

// schoolText is how a school is written in roles.
func (ix *Index) schoolText(id person.SchoolID) string {
	if s, ok := ix.schools[id]; ok && s.Name != "" {
		return s.Name
	}
	return string(id)
}

// place is where a record first stands in its file.
func (ix *Index) place(ref person.RecordRef) int {
	row := 0
	switch ref.Kind {
	case person.RecordEmployment:
		row, _ = ix.staffByID.first(ref.ID)
	case person.RecordEnrolment:
		row, _ = ix.pupilsByID.first(ref.ID)
	case person.RecordCard:
		row, _ = ix.cardsByID.first(ref.ID)
	}
	return row
}
