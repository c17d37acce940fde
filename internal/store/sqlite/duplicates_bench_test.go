package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision/duplicates"
)

// BenchmarkDuplicates reads what the pages show of 10,000 groups at 588 schools, one in
// four of them at two, half of them repaired, for a school's administrator, curators of
// twenty and of 500 schools and the operator. cpu-ms is what an op takes of a processor,
// whoever computes beside it.
func BenchmarkDuplicates(b *testing.B) {
	const groups, schools = 10_000, 588
	db := benchStore(b)
	school := func(n int) []person.SchoolID {
		return []person.SchoolID{person.SchoolID(fmt.Sprintf("%06d", n%schools))}
	}
	group := func(n int) duplicates.Planned {
		g := duplicates.Planned{ID: fmt.Sprintf("g%012x", n), Level: []duplicates.Level{duplicates.Certain, duplicates.Certain, duplicates.Probable, duplicates.Possible}[n%4], Score: 90}
		for k := range 2 + n%5/4 {
			at := n
			if k > 0 && n%4 == 3 {
				at = n*7 + k
			}
			m := duplicates.Member{ID: duplicates.GUID{byte(n >> 16), byte(n >> 8), byte(n), byte(k)}, Name: fmt.Sprintf("evann%d-%d", n, k), Display: "Еванова Нина Николаевна", Enabled: true, Level: g.Level, Schools: school(at)}
			if k > 0 {
				m.Steps = []duplicates.Step{{Kind: duplicates.Retire, What: []string{"userAccountControl"}}}
			}
			g.Members = append(g.Members, m)
		}
		g.Survivor = g.Members[0].ID
		return g
	}
	d, now := db.Duplicates("ad"), time.Now()
	plan := duplicates.Plan{Made: now, Base: "DC=obr", Accounts: 1_000_000}
	for n := range groups {
		plan.Groups = append(plan.Groups, group(n))
	}
	for n := range 500 {
		plan.Namesakes = append(plan.Namesakes, duplicates.Namesakes{A: fmt.Sprint("a", n), B: fmt.Sprint("b", n), FIO: "Титов Павел Львович", IDs: [2]duplicates.GUID{{200, byte(n >> 8), byte(n), 1}, {200, byte(n >> 8), byte(n), 2}},
			Schools: [2][]person.SchoolID{school(n), school(n / 2)}})
	}
	if err := d.Put(b.Context(), &plan, duplicates.Hunt{Phase: duplicates.HuntDone, Base: plan.Base}); err != nil {
		b.Fatal(err)
	}
	for n := range groups / 2 {
		if err := d.Begin(b.Context(), duplicates.Repair{ID: group(groups + n).ID, Phase: duplicates.PhaseApplied, Group: group(groups + n), Made: now.Add(-time.Duration(n) * time.Minute)}); err != nil {
			b.Fatal(err)
		}
	}
	for n := range groups / 50 {
		g := group(50*n + 5)
		if err := d.Approve(b.Context(), rights.City(), g.ID, g.Version(), duplicates.Ordered{By: "uid 0", At: now}); err != nil {
			b.Fatal(err)
		}
	}
	at := func(n int) (list []person.SchoolID) {
		for i := range n {
			list = append(list, school(i)...)
		}
		return list
	}
	for _, who := range []struct {
		name  string
		scope rights.Scope
	}{{"school", rights.At(at(1)...)}, {"twenty", rights.At(at(20)...)}, {"curator", rights.At(at(500)...)}, {"city", rights.City()}} {
		for name, read := range duplicateReads(b, d, who.scope, groups) {
			b.Run(who.name+"/"+name, func(b *testing.B) {
				before := cpu(b)
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

func duplicateReads(b *testing.B, d store.Duplicates, s rights.Scope, groups int) map[string]func() error {
	ctx := b.Context()
	o, err := d.Overview(ctx, s)
	if err != nil {
		b.Fatal(err)
	}
	cases := func(f duplicates.Filter) func() error {
		f.Limit = 51
		return func() error { _, err := d.Cases(ctx, s, f); return err }
	}
	return map[string]func() error{
		"overview":   func() error { _, err := d.Overview(ctx, s); return err },
		"first page": cases(duplicates.Filter{}), "last page": cases(duplicates.Filter{After: groups * 9 / 10}), "possible": cases(duplicates.Filter{Level: duplicates.Possible}),
		"namesakes": func() error { _, err := d.Apart(ctx, s, 0, 51); return err },
		"done":      func() error { _, err := d.Done(ctx, s, duplicates.Mark{}, 51); return err },
		"ordered":   func() error { _, err := d.Asked(ctx, s, false, 51); return err },
		"bulk":      func() error { _, err := d.Bulk(ctx, s, o.Plan); return err },
	}
}
