package directory

import (
	"fmt"
	"slices"
	"testing"

	"schoolbridge/internal/person"
)

func named(number uint32, last, first, mail string) *Entry {
	e := entry(number, fmt.Sprint("n", number))
	e.Last, e.First, e.Mail = last, first, mail
	return e
}

func numbers(list []*Entry) (all []uint32) {
	for _, e := range list {
		all = append(all, e.UIDNumber)
	}
	return all
}

func TestPeopleByNameAndMail(t *testing.T) {
	f := newFeed()
	for _, e := range []*Entry{
		named(7, "Ёлкин", "Пётр", "family@example.org"), named(3, "Елкин", "Анна", "Family@Example.org"), named(5, "Елкина", "", ""), named(9, "", "Ёлкин", "x@example.org"), named(1, "Петров-Водкин", "Кузьма", ""),
	} {
		e.AD = &Object{GUID: [16]byte{byte(e.UIDNumber)}}
		f.entries[e.Person] = e
	}
	d := loaded(t, f)
	check := func(what string, got []*Entry, want ...uint32) {
		t.Helper()
		if !slices.Equal(numbers(got), want) {
			t.Errorf("%s: %v, want %v", what, numbers(got), want)
		}
	}
	beginning := func(name string, most int) []*Entry {
		list, ok := d.ByBeginning(name, most, nil)
		if !ok {
			t.Errorf("%s: too many", name)
		}
		return Ordered(list)
	}
	check("a surname", d.ByWord("ЁЛКИН Иван"), 3, 7, 9)
	check("another", d.ByWord("петров-водкин"), 1)
	check("nobody's", d.ByWord("петров"))
	check("a beginning", beginning("Ёлк", 10), 3, 5, 7, 9)
	check("another", beginning("п", 10), 1)
	check("a mail", Ordered(d.ByMail(" FAMILY@example.org", nil)), 3, 7)
	check("nobody's mail", d.ByMail("y@example.org", nil))
	if _, ok := d.ByBeginning("е", 3, nil); ok {
		t.Error("more than most are given")
	}
	if e, ok := d.ByGUID([16]byte{5}); !ok || e.UIDNumber != 5 {
		t.Errorf("a GUID finds %v", e)
	}

	// A marriage, a removal, and names enough for a new order of words.
	married := named(5, "Ким", "", "kim@example.org")
	f.change(Change{Entry: married})
	f.change(Change{Removed: entry(3, "").Person})
	for i := range uint32(2 * freshMost) {
		f.change(Change{Entry: named(1000+i, fmt.Sprintf("новый%04d", i), "", "family@example.org")})
	}
	for d.Seq() < f.head().Seq {
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check("who is left", d.ByWord("елкин"), 7, 9)
	check("the old name", beginning("елкина", 10))
	check("the new name", beginning("ки", 10), 5)
	if n := len(beginning("новый", 5000)); n != 2*freshMost {
		t.Errorf("%d of %d new names", n, 2*freshMost)
	}
	if n := len(d.ByMail("family@example.org", nil)); n != 2*freshMost+1 {
		t.Errorf("%d with one mail", n)
	}
	check("a new mail", d.ByMail("kim@example.org", nil), 5)
	if _, ok := d.ByGUID([16]byte{3}); ok {
		t.Error("a removed object is found")
	}
}

func TestGroupsInGroups(t *testing.T) {
	f := newFeed()
	for i, school := range []string{"49", "490", "49-5а"} {
		e := entry(uint32(10+i), fmt.Sprint("p", i), at(person.RolePupil, school, "5А"), at(person.RoleStaff, "49", ""))
		f.entries[e.Person] = e
	}
	d := loaded(t, f)
	name := func(list []*Group) (names []string) {
		for _, g := range list {
			names = append(names, g.Name)
		}
		return names
	}
	get := func(name string) *Group {
		g, ok := d.Group(name)
		if !ok {
			t.Fatalf("no group %s", name)
		}
		return g
	}
	// "school-49-5а" is a school here, and so no class of school 49.
	for group, want := range map[string][]string{
		"pupils": {"school-49-5а-5а", "school-490-5а"}, "staff": nil, "school-490": {"school-490-5а"}, "school-49": nil, "school-49-5а": {"school-49-5а-5а"}, "school-490-5а": nil,
	} {
		if got := name(slices.Collect(d.Inside(get(group)))); !slices.Equal(got, want) {
			t.Errorf("in %s: %q, want %q", group, got, want)
		}
	}
	for group, want := range map[string][]string{"school-490-5а": {"pupils", "school-490"}, "school-490": nil, "pupils": nil} {
		if got := name(d.Above(get(group))); !slices.Equal(got, want) {
			t.Errorf("above %s: %q, want %q", group, got, want)
		}
	}
	if got := name(d.GroupsAfter("school-490")); !slices.Equal(got, []string{"school-490-5а", "staff"}) {
		t.Errorf("after school-490: %q", got)
	}
	day, _ := person.NewDate(2026, 11, 1)
	pupil := at(person.RolePupil, "490", "5А")
	e := entry(1, "x", pupil)
	if a := e.Affiliations[0]; get("school-490").Direct(a, day) || get("pupils").Direct(a, day) || !get("school-490-5а").Direct(a, day) || !get("school-490").Takes(a, day) {
		t.Error("a pupil is a member of his class alone")
	}
	if got := d.InSchool("49", 10); !slices.Equal(numbers(got), []uint32{11, 12}) {
		t.Errorf("behind 10: %v", numbers(got))
	}
}

func FuzzWordKey(f *testing.F) {
	for _, s := range []string{"Ёлкин Пётр", " Зайцев", "O'Neil", "Петров-Водкин", "Кйи\u0306", "ǅ x", "´Иванов", "Иван\u00adов", "\x01a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if quick, slow := WordKey(s), foldedWord(s); quick != slow {
			t.Fatalf("%q: %q and %q", s, quick, slow)
		}
		_ = MailKey(s)
	})
}
