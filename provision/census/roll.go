package census

import (
	"cmp"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Listed is somebody who is to have an account because of a school.
type Listed struct {
	Role   person.Role // RoleStaff or RolePupil
	FIO    string
	Place  string            // class or position
	Record person.RecordRef  // the first of the rows that say so
	Person identity.PersonID // whom one of the rows is bound to; zero: nobody
	// Account says that the person has an account: is activated.
	Account bool
}

// Roll gives who is to have an account at a school on a day, each once in each
// role: staff by name, then pupils by class and name. The rows are the school's;
// a pupil's record that was merged into another is not among them.
func Roll(day person.Date, rows []Row) []Listed {
	var list []Listed
	at := map[key]int{}
	for _, r := range rows {
		l, same := listed(day, r)
		if l.FIO == "" {
			continue
		}
		i, ok := at[same]
		if !ok {
			at[same] = len(list)
			list = append(list, l)
			continue
		}
		if list[i].Account = list[i].Account || l.Account; list[i].Person.IsZero() {
			list[i].Person = l.Person
		}
		if places := strings.Split(list[i].Place, ", "); l.Place != "" && !slices.Contains(places, l.Place) {
			list[i].Place = strings.TrimPrefix(list[i].Place+", "+l.Place, ", ")
		}
	}
	sortRoll(list)
	return list
}

// sortRoll puts a roll into its order. What names are ordered by is made once for each.
func sortRoll(list []Listed) {
	type placed struct {
		Listed
		name string
	}
	all := make([]placed, len(list))
	for i, l := range list {
		all[i] = placed{l, order(l.FIO)}
	}
	slices.SortFunc(all, func(a, b placed) int {
		c := cmp.Compare(a.Role, b.Role)
		if c == 0 && a.Role == person.RolePupil && a.Place != b.Place {
			c = CompareClasses(a.Place, b.Place)
		}
		if c == 0 {
			c = strings.Compare(a.name, b.name)
		}
		return cmp.Or(c, strings.Compare(string(a.Record.ID), string(b.Record.ID)))
	})
	for i := range all {
		list[i] = all[i].Listed
	}
}

// order is a name as lists have it: Ё stands with Е.
func order(fio string) string {
	return strings.ReplaceAll(strings.ToUpper(fio), "Ё", "Е")
}

// listed makes of a row who is listed, and what rows of one person have in common;
// without a name where the row makes no account on that day.
func listed(day person.Date, r Row) (l Listed, same key) {
	var number string
	switch v := r.Value.(type) {
	case person.Employment:
		if v.Start.IsZero() || v.Start.After(day) || !v.End.IsZero() && v.End.Before(day) {
			return l, same
		}
		l, number = Listed{Role: person.RoleStaff, FIO: v.FIO, Place: v.Position, Record: person.RecordRef{Kind: person.RecordEmployment, ID: v.ID}}, v.SNILS
	case person.Enrolment:
		if v.Status == "closed" {
			return l, same
		}
		l, number = Listed{Role: person.RolePupil, FIO: person.JoinFIO(v.Last, v.First, v.Middle), Place: v.Class, Record: person.RecordRef{Kind: person.RecordEnrolment, ID: v.ID}}, v.SNILS
	}
	l.Person, l.Account = r.Person, r.Account
	fio, _ := person.NormalFIO(l.FIO)
	snils, valid := person.ParseSNILS(number)
	switch {
	case fio != "" && valid:
		same = hash(l.Role.String(), "fio", fio, string(snils))
	case !r.Person.IsZero():
		same = hash(l.Role.String(), "person", string(r.Person[:]))
	default:
		same = hash(l.Role.String(), "row", r.Key)
	}
	return l, same
}

// CompareClasses orders classes as schools do: 5А, 5Б, 10А.
func CompareClasses(a, b string) int {
	return cmp.Or(cmp.Compare(grade(a), grade(b)), strings.Compare(a, b))
}

// grade is the number that a class begins with; without one it comes last.
func grade(class string) int {
	n, digits := 0, 0
	for _, r := range class {
		if r < '0' || r > '9' || digits == 3 {
			break
		}
		n, digits = n*10+int(r-'0'), digits+1
	}
	if digits == 0 {
		return 1000
	}
	return n
}

// Group is how far one class, or the staff, of a school is.
type Group struct {
	Role       person.Role
	Class      string // of pupils
	All, Ready int    // who is to have an account, and of them who has one
}

// Groups counts a roll by class, in its order.
func Groups(roll []Listed) (list []Group) {
	for _, l := range roll {
		class := l.Place
		if l.Role == person.RoleStaff {
			class = ""
		}
		if n := len(list); n == 0 || list[n-1].Role != l.Role || list[n-1].Class != class {
			list = append(list, Group{Role: l.Role, Class: class})
		}
		g := &list[len(list)-1]
		if g.All++; l.Account {
			g.Ready++
		}
	}
	return list
}
