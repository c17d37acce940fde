package duplicates

import (
	"testing"

	"schoolbridge/internal/person"
)

// proposed is the only proposal about an account and its owner's two records.
func proposed(t *testing.T, employee string, snils person.SNILS) Proposal {
	t.Helper()
	birth, ok := person.NewDate(1980, 5, 4)
	if !ok {
		t.Fatal("no date")
	}
	c := NewClaimer()
	c.Add(Account{ID: GUID{1}, Name: "EVANN", Display: "Еванова Нина Николаевна", UPN: "evann@uao.obr.example", EmployeeID: employee, Enabled: true})
	hers := Fact{Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, SNILS: snils, Last: "Еванова", First: "Нина", Middle: "Николаевна",
		Birth: birth, School: "49", Mosru: []string{"evann"}, Mails: []string{"evann@school.example"}, Phones: []string{"8 900"}}
	also := hers
	also.Record = person.RecordRef{Kind: person.RecordEnrolment, ID: "p7"}
	c.Know(hers)
	c.Know(also)
	list, _ := c.Propose()
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	return list[0]
}

// Digests stand in stores beside what was refused: whatever else changes in a
// version, the same facts have the same ones. The second holds words as they were.
func TestSeenStays(t *testing.T) {
	p := proposed(t, "112-233-445 95", "11223344595")
	if p.Seen != "71af08d5031203984c7762d0" || p.SeenBefore != "55d2ddf95c76c94d1c6335e4" {
		t.Errorf("%s, %s: what curators have refused comes back", p.Seen, p.SeenBefore)
	}
	if !p.RefusedAmong(map[string]bool{p.SeenBefore: true}) || !p.RefusedAmong(map[string]bool{p.Seen: true}) || p.RefusedAmong(map[string]bool{"": true}) {
		t.Error("a refusal is not found by either digest")
	}
}

// TestSeenHoldsNoWords: what is said of a finding, and how sure it is, may be called
// otherwise tomorrow.
func TestSeenHoldsNoWords(t *testing.T) {
	before := proposed(t, "", "11223344595")
	saved := levels
	t.Cleanup(func() { levels = saved })
	levels = map[Level]string{}
	for level, word := range saved {
		levels[level] = word + " (другими словами)"
	}
	after := proposed(t, "", "11223344595")
	if after.Candidates[0].Level.String() == saved[after.Candidates[0].Level] {
		t.Fatal("the words are the same")
	}
	if after.Seen != before.Seen || after.SeenBefore != before.SeenBefore {
		t.Error("other words make another question")
	}
	r := newRow(Account{ID: GUID{1}, Name: "evann"})
	one := guess{records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, level: Probable, reasons: []Reason{SameLogin}}
	other := one
	other.level, other.reasons = Certain, []Reason{"ЛОГИН", SameFIO}
	if seenClaim(&r, []guess{one}) != seenClaim(&r, []guess{other}) {
		t.Error("other reasons for the same facts make another question")
	}
}

// TestSeenTellsOfNumbers: a СНИЛС is in no digest; that it became the account's is a
// fact all the same.
func TestSeenTellsOfNumbers(t *testing.T) {
	if proposed(t, "112-233-445 95", "11223344595").Seen == proposed(t, "112-233-445 95", "").Seen {
		t.Error("the digest does not tell of a СНИЛС that is the account's")
	}
}
