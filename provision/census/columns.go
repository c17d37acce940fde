package census

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"schoolbridge/internal/person"
)

// Head are the columns of the statistics table, whose names people know: files have
// them in every language. HeadEnglish are those for who reads a table in English.
var Head = []string{"ID ЕКИС", "ID ОО (НСИ)", "Название ОО", "Всего УЗ", "Активировано УЗ в АУПД", "Неуспешных активаций УЗ в АУПД",
	"Количество входов только через АУПД", "Количество входов в ЭЖД", "Учредитель"}

var HeadEnglish = []string{"EKIS ID", "NSI ID", "School", "Accounts", "Activated in AUPD", "Failed activations in AUPD", "Signed in through AUPD only", "Sign-ins to the diary", "Founder"}

// Cells are a line in the columns of Head.
func (l Line) Cells() []any {
	s := Named(l.School)
	return []any{string(s.ID), s.NSI, s.Name, l.Accounts, l.Activated, l.Failed, l.Only, l.SignIns, s.Founder}
}

// Named shows a school that is in no list by what registries call it.
func Named(s person.School) person.School {
	if s.Name == "" && strings.ContainsFunc(string(s.ID), unicode.IsLetter) {
		s.ID, s.Name = "", string(s.ID)
	}
	return s
}

// Share is the part of the accounts that is activated, from 0 to 1.
func (f Figures) Share() float64 {
	if f.Accounts == 0 {
		return 0
	}
	return float64(f.Activated) / float64(f.Accounts)
}

// Orders are the orders that a table may be asked for in; see Sort.
var Orders = map[string]func(a, b Line) int{
	"id":        func(a, b Line) int { return compareIDs(a.School.ID, b.School.ID) },
	"nsi":       func(a, b Line) int { return cmp.Compare(a.School.NSI, b.School.NSI) },
	"name":      func(a, b Line) int { return cmp.Compare(a.School.Name, b.School.Name) },
	"founder":   func(a, b Line) int { return cmp.Compare(a.School.Founder, b.School.Founder) },
	"accounts":  func(a, b Line) int { return cmp.Compare(a.Accounts, b.Accounts) },
	"activated": func(a, b Line) int { return cmp.Compare(a.Activated, b.Activated) },
	"failed":    func(a, b Line) int { return cmp.Compare(a.Failed, b.Failed) },
	"only":      func(a, b Line) int { return cmp.Compare(a.Only, b.Only) },
	"sign_ins":  func(a, b Line) int { return cmp.Compare(a.SignIns, b.SignIns) },
	"share":     func(a, b Line) int { return cmp.Compare(a.Share(), b.Share()) },
}

// Sort puts lines that are in the order of their ids into another, turned round by
// a minus before it; false where there is no such order.
func Sort(lines []Line, order string) bool {
	order, turned := strings.CutPrefix(order, "-")
	compare, ok := Orders[order]
	if !ok {
		return false
	}
	slices.SortStableFunc(lines, compare)
	if turned {
		slices.Reverse(lines)
	}
	return true
}
