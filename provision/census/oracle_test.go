package census

import (
	"iter"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// Of the sample's schools, the census names the people without a mos.ru account
// whom match.Run names, each with the same code, and nobody else.
func TestAsMatchHasIt(t *testing.T) {
	folder, err := registry.ReadDir("../../testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[person.RecordRef]int{} // which person
	var codes []match.Code
	ix := match.NewIndex(match.Registry{Schools: folder.Schools, Employments: folder.Employments, Enrolments: folder.Enrolments, Cards: folder.Cards})
	nobody := iter.Seq[person.Profile](func(func(person.Profile) bool) {})
	err = match.Run(ix, match.NewBindings(ix, nil, nil), nobody, today, func(v match.Verdict) error {
		for _, ref := range v.Records {
			wanted[ref] = len(codes)
		}
		codes = append(codes, v.Problems[0].Code)
		return nil
	})
	if err != nil || len(codes) < 100 {
		t.Fatal(len(codes), err)
	}
	w := newTown()
	for _, s := range folder.Schools {
		w.AddSchool(s)
	}
	ids := map[person.RecordID]bool{}
	for _, e := range folder.Enrolments {
		ids[e.ID] = true
	}
	for _, e := range folder.Enrolments {
		if ids[e.MergedTo] {
			w.AddMerge(e.ID, e.MergedTo)
		}
	}
	for _, e := range folder.Employments {
		w.add(e, 0)
	}
	for _, e := range folder.Enrolments {
		w.add(e, 0)
	}
	w.Close()
	met := map[int]bool{}
	err = w.List(t.Context(), w, Ask{}, func(i Item) error {
		if c := i.Problem.Code; c != match.NoMosruAccount && c != match.MultiOrgNoMosru {
			return nil
		}
		kind := person.RecordEmployment
		if i.Role == person.RolePupil {
			kind = person.RecordEnrolment
		}
		who, ok := wanted[person.RecordRef{Kind: kind, ID: person.RecordID(i.Record)}]
		if !ok || codes[who] != i.Problem.Code {
			t.Errorf("%s %s is not match's", i.Record, i.Problem)
		}
		met[who] = true
		return nil
	})
	if err != nil || len(met) != len(codes) {
		t.Errorf("%d people of %d, %v", len(met), len(codes), err)
	}
}
