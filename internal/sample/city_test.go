package sample

import (
	"slices"
	"testing"

	"schoolbridge/internal/person"
)

// TestCity: the same city again, as many namesakes as there are in one, and of
// what is one's own nothing twice.
func TestCity(t *testing.T) {
	const pupils, staff = 180_000, 20_000
	names, own := map[string]int{}, map[string]bool{}
	var first []Citizen
	for c := range City(1, pupils, staff, 120) {
		if c.Number < 1000 {
			first = append(first, c)
		}
		names[c.Last+" "+c.First+" "+c.Middle]++
		for _, text := range []string{c.SNILS, c.Phone, c.Login} {
			if own[text] {
				t.Fatalf("%s is two people's", text)
			}
			own[text] = true
		}
		if _, ok := person.ParseSNILS(c.SNILS); !ok || person.UsableADName(c.Login) != nil || c.Staff != (c.Number >= pupils) || c.Staff != (c.Class == "") {
			t.Fatalf("%+v", c)
		}
	}
	shared := 0
	for _, n := range names {
		if n > 1 {
			shared += n
		}
	}
	if share := float64(shared) / (pupils + staff); share < 0.04 || share > 0.12 { // a quarter at a million
		t.Errorf("%.3f share the whole ФИО", share)
	}
	if again := slices.Collect(City(1, 1000, 0, 120)); !slices.Equal(first, again) {
		t.Error("the same seed gives two cities")
	}
}
