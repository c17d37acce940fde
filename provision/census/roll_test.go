package census

import (
	"fmt"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

func TestRoll(t *testing.T) {
	day, _ := person.ParseDate("2026-11-29")
	on := func(s string) person.Date { d, _ := person.ParseDate(s); return d }
	work := func(id, fio, snils, position string, more ...string) Row {
		v := person.Employment{ID: person.RecordID(id), FIO: fio, SNILS: snils, School: "49", Position: position, Start: on("2020-09-01")}
		if len(more) > 0 {
			v.Start = on(more[0])
		}
		if len(more) > 1 {
			v.End = on(more[1])
		}
		return Row{Key: id, Value: v}
	}
	learn := func(id, last, class, status string) Row {
		return Row{Key: id, Value: person.Enrolment{ID: person.RecordID(id), Last: last, First: "Анна", School: "49", Class: class, Status: status}}
	}
	bound := func(r Row, who byte, account bool) Row {
		r.Person, r.Account = identity.PersonID{who}, account
		return r
	}
	rows := []Row{
		learn("p1", "Ёлкина", "10А", "active"), learn("p2", "Жукова", "10А", ""), bound(learn("p3", "Яшина", "2Б", "active"), 3, true), learn("p4", "Ушла", "2Б", "closed"),
		learn("p5", "Безклассова", "", "active"),
		work("k1", "Орлова Мария Игоревна", "112-233-445 95", "учитель"), bound(work("k2", "орлова мария игоревна", "11223344595", "завуч"), 1, true),
		work("k3", "Ушедший Пётр", "", "сторож", "2010-01-01", "2026-11-28"), work("k4", "Будущая Анна", "", "учитель", "2026-11-30"),
		work("k5", "Последний День", "", "сторож", "2010-01-01", "2026-11-29"), {Key: "k6", Value: person.Employment{ID: "k6", FIO: "Без Даты", School: "49"}},
		bound(work("k7", "Анин Олег", "", "сторож"), 9, false), bound(work("k8", "Анин Олег", "", "сторож"), 9, false),
	}
	var got []string
	for _, l := range Roll(day, rows) {
		got = append(got, fmt.Sprint(l.Role, " ", l.FIO, " (", l.Place, ") ", l.Record.ID, " ", l.Person[0], " ", l.Account))
	}
	want := []string{"staff Анин Олег (сторож) k7 9 false", "staff Орлова Мария Игоревна (учитель, завуч) k1 1 true", "staff Последний День (сторож) k5 0 false",
		"pupil Яшина Анна (2Б) p3 3 true", "pupil Ёлкина Анна (10А) p1 0 false", "pupil Жукова Анна (10А) p2 0 false", "pupil Безклассова Анна () p5 0 false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := fmt.Sprint(Groups(Roll(day, rows))); got != "[{staff  3 1} {pupil 2Б 1 1} {pupil 10А 2 0} {pupil  1 0}]" {
		t.Error(got)
	}
}

func TestClassesAreInTheirOrder(t *testing.T) {
	list := []string{"11А", "подг", "2Б", "1А", "10-1", "2А", "99999", ""}
	slices.SortFunc(list, CompareClasses)
	if got := fmt.Sprintf("%q", list); got != `["1А" "2А" "2Б" "10-1" "11А" "99999" "" "подг"]` {
		t.Error(got)
	}
}
