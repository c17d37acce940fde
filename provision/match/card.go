package match

import "schoolbridge/internal/person"

// cardCandidate is a card's row with the profile's ФИО.
type cardCandidate struct {
	row       int
	sameSNILS bool
	approved  bool // a person has said so
	contact   contact
	owner     owner
}

func (k *cardCandidate) fits() bool { return k.sameSNILS || k.approved || k.contact == contactEqual }

type cardResult struct {
	fits   []cardCandidate // rule 3 holds, whoever they are bound to
	alone  []cardCandidate // ФИО equal and nothing else
	misses []finding
}

func (r *cardRow) ref() person.RecordRef {
	return person.RecordRef{Kind: person.RecordCard, ID: r.Child}
}

// cardRule is rule 3, one card at a time: ФИО equal and confirmed СНИЛС, phone
// or e-mail equal.
func (c *candidate) cardRule() cardResult {
	var r cardResult
	for _, i := range c.ix.cardsByFIO.rows(c.fio) {
		row := c.ix.cards.at(i)
		k := cardCandidate{row: i, sameSNILS: c.snils != "" && row.snils == c.snils,
			approved: c.b.approved[c.p.Subject][row.ref()], contact: c.contact(row.phones, row.emails), owner: c.b.card(c.ix, &row, c.p.Subject)}
		if k.fits() {
			r.fits = append(r.fits, k)
			continue
		}
		r.alone = append(r.alone, k)
		if k.contact == contactUnverified {
			r.misses = append(r.misses, miss(ContactNotVerified, Manual, row.ref(), CardUnverified, ""))
		}
	}
	return r
}

// cardNotes are what is reported of cards beside a match. A fitting card that
// was left alone (the father's, beside his son) is not reported.
func (c *candidate) cardNotes(linked []cardCandidate, r cardResult) []finding {
	var found []finding
	bySNILS, fitting := map[person.RecordID]bool{}, map[person.RecordID]bool{}
	for _, k := range r.fits {
		child := c.ix.cards.at(k.row).Child
		fitting[child] = true
		bySNILS[child] = bySNILS[child] || k.sameSNILS
	}
	for _, k := range linked {
		row := c.ix.cards.at(k.row)
		if !bySNILS[row.Child] && c.snils != "" && row.snils != "" {
			found = append(found, beside(CardSNILSMismatch, string(row.Child), Reason{Code: CardOtherSNILS, Records: []person.RecordRef{row.ref()}}))
		}
	}
	for _, k := range r.alone {
		if row := c.ix.cards.at(k.row); !fitting[row.Child] {
			found = append(found, beside(ParentRoleNotLinked, string(row.Child), Reason{Code: CardNothingEqual, Records: []person.RecordRef{row.ref()}}))
		}
	}
	return found
}
