package match

import (
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// Index holds a Registry with the normal forms of its rows, made once, so that
// each decision looks only at the rows that share something with the profile.
// It does not change after NewIndex and may be shared.
type Index struct {
	schools     map[person.SchoolID]person.School
	schoolNames map[string]person.SchoolID

	staff       []staffRow
	staffByFIO  map[string][]int
	staffBySSN  map[person.SNILS][]int
	staffByID   map[person.RecordID][]int
	pupils      []pupilRow
	pupilsByFIO map[string][]int
	pupilByID   map[person.RecordID]int
	cards       []cardRow
	cardsByFIO  map[string][]int
	cardsByID   map[person.RecordID][]int
	severalFIO  map[person.RecordID]bool // cards that name more than one parent

	ad         []ADAccount
	adByName   map[string][]int
	adByUPN    map[string][]int
	adByPerson map[person.RecordID][]int

	adBySubject map[identity.Subject][]int

	taken map[string]bool  // folded names of Registry.Taken
	looks map[string][]int // accounts by what their names look like; only where names may be made
	ezhd  map[string]bool  // folded ЭЖД logins of all rows; only where names may be made
	names Names
}

type staffRow struct {
	*person.Employment
	fio   string
	mixed bool
	snils person.SNILS // "" if empty or invalid
}

type pupilRow struct {
	*person.Enrolment
	fio     string
	mixed   bool
	snils   person.SNILS
	phones  []person.Phone
	emails  []person.Email
	next    int   // the record it was merged into, or -1
	target  int   // the last of those, or the record itself
	sources []int // the records that were merged into it
}

type cardRow struct {
	*person.Card
	fio    string
	mixed  bool
	snils  person.SNILS
	phones []person.Phone
	emails []person.Email
}

// NewIndex makes the index. It keeps pointers into the registry's slices: the
// caller leaves them alone.
func NewIndex(r Registry) *Index {
	ix := &Index{
		schools: map[person.SchoolID]person.School{}, schoolNames: map[string]person.SchoolID{},
		staffByFIO: map[string][]int{}, staffBySSN: map[person.SNILS][]int{}, staffByID: map[person.RecordID][]int{},
		pupilsByFIO: map[string][]int{}, pupilByID: map[person.RecordID]int{},
		cardsByFIO: map[string][]int{}, cardsByID: map[person.RecordID][]int{}, severalFIO: map[person.RecordID]bool{},
		ad: r.AD, adByName: map[string][]int{}, adByUPN: map[string][]int{}, adByPerson: map[person.RecordID][]int{},
		adBySubject: map[identity.Subject][]int{}, taken: map[string]bool{}, looks: map[string][]int{}, names: r.Names,
	}
	for _, s := range r.Schools {
		if _, ok := ix.schools[s.ID]; !ok {
			ix.schools[s.ID] = s
		}
		if key := textKey(s.Name); key != "" {
			if _, ok := ix.schoolNames[key]; !ok {
				ix.schoolNames[key] = s.ID
			}
		}
	}
	ix.addStaff(r.Employments)
	ix.addPupils(r.Enrolments)
	ix.addCards(r.Cards)
	ix.addAD(r.AD)
	for _, name := range r.Taken {
		ix.taken[person.FoldName(name)] = true
	}
	if !r.Names.Made.IsZero() {
		ix.addEZHD()
	}
	return ix
}

func (ix *Index) addEZHD() {
	ix.ezhd = map[string]bool{}
	for _, r := range ix.staff {
		ix.ezhd[person.FoldName(r.EZHDLogin)] = true
	}
	for _, r := range ix.pupils {
		ix.ezhd[person.FoldName(r.EZHDLogin)] = true
	}
}

func (ix *Index) addStaff(rows []person.Employment) {
	ix.staff = make([]staffRow, len(rows))
	for i := range rows {
		row := staffRow{Employment: &rows[i]}
		row.fio, row.mixed = person.NormalFIO(row.FIO)
		row.snils, _ = person.ParseSNILS(row.SNILS)
		ix.staff[i] = row
		ix.staffByID[row.ID] = append(ix.staffByID[row.ID], i)
		if row.fio != "" {
			ix.staffByFIO[row.fio] = append(ix.staffByFIO[row.fio], i)
		}
		if row.snils != "" {
			ix.staffBySSN[row.snils] = append(ix.staffBySSN[row.snils], i)
		}
	}
}

func (ix *Index) addPupils(rows []person.Enrolment) {
	ix.pupils = make([]pupilRow, len(rows))
	for i := range rows {
		row := pupilRow{Enrolment: &rows[i], next: -1}
		row.fio, row.mixed = person.NormalFIO(person.JoinFIO(row.Last, row.First, row.Middle))
		row.snils, _ = person.ParseSNILS(row.SNILS)
		row.phones, row.emails = person.Phones(row.Phone), person.Emails(row.Email)
		ix.pupils[i] = row
		if _, ok := ix.pupilByID[row.ID]; !ok {
			ix.pupilByID[row.ID] = i
		}
		if row.fio != "" {
			ix.pupilsByFIO[row.fio] = append(ix.pupilsByFIO[row.fio], i)
		}
	}
	ix.linkMerged()
}

// linkMerged finds for each pupil's record the one it was merged into. A
// missing target leaves the record itself, and so does a chain that ends in a
// circle: there is no target in it.
func (ix *Index) linkMerged() {
	const unseen, open, ends, circles = 0, 1, 2, 3
	state := make([]byte, len(ix.pupils))
	step := func(i int) int {
		if to := ix.pupils[i].MergedTo; to != "" {
			if j, ok := ix.pupilByID[to]; ok && j != i {
				return j
			}
		}
		return -1
	}
	for i := range ix.pupils {
		var chain []int
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
			ix.pupils[c].target = c
			if next := step(c); end == ends && next >= 0 {
				ix.pupils[c].next = next
				ix.pupils[c].target = ix.pupils[next].target
			}
		}
	}
	for i, p := range ix.pupils {
		if p.next >= 0 {
			ix.pupils[p.next].sources = append(ix.pupils[p.next].sources, i)
		}
	}
}

func (ix *Index) addCards(rows []person.Card) {
	ix.cards = make([]cardRow, len(rows))
	for i := range rows {
		row := cardRow{Card: &rows[i]}
		row.fio, row.mixed = person.NormalFIO(row.ParentFIO)
		row.snils, _ = person.ParseSNILS(row.ParentSNILS)
		row.phones, row.emails = person.Phones(row.Phone), person.Emails(row.Email)
		ix.cards[i] = row
		if same := ix.cardsByID[row.Child]; len(same) > 0 && ix.cards[same[0]].fio != row.fio {
			ix.severalFIO[row.Child] = true
		}
		ix.cardsByID[row.Child] = append(ix.cardsByID[row.Child], i)
		if row.fio != "" {
			ix.cardsByFIO[row.fio] = append(ix.cardsByFIO[row.fio], i)
		}
	}
}

func (ix *Index) addAD(rows []ADAccount) {
	for i, a := range rows {
		name := person.FoldName(a.SAM)
		ix.adByName[name] = append(ix.adByName[name], i)
		if local, _, _ := strings.Cut(a.Teams, "@"); local != "" {
			upn := person.FoldName(local)
			ix.adByUPN[upn] = append(ix.adByUPN[upn], i)
			ix.addLook(local, i)
		}
		ix.addLook(a.SAM, i)
		if a.Person != "" {
			ix.adByPerson[a.Person] = append(ix.adByPerson[a.Person], i)
		}
		if a.Subject != "" {
			ix.adBySubject[a.Subject] = append(ix.adBySubject[a.Subject], i)
		}
	}
}

func (ix *Index) addLook(name string, i int) {
	if !ix.names.Made.IsZero() {
		look := login.Look(name)
		ix.looks[look] = append(ix.looks[look], i)
	}
}

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
	var rows []int
	switch ref.Kind {
	case person.RecordEmployment:
		rows = ix.staffByID[ref.ID]
	case person.RecordEnrolment:
		return ix.pupilByID[ref.ID]
	case person.RecordCard:
		rows = ix.cardsByID[ref.ID]
	}
	if len(rows) == 0 {
		return 0
	}
	return rows[0]
}
