package match

import (
	"cmp"
	"slices"

	"schoolbridge/internal/person"
)

// candidate is one profile in its normal form, and what it is held against.
type candidate struct {
	ix    *Index
	b     *Bindings
	p     person.Profile
	today person.Date

	fio    string
	snils  person.SNILS // confirmed and valid, or ""
	phones []person.Phone
	emails []person.Email
}

// contact says how the contacts of a row and of the profile agree.
type contact uint8

const (
	contactNone       contact = iota
	contactUnverified         // equal, but mos.ru has not verified it
	contactEqual
)

func (c *candidate) contact(phones contacts[person.Phone], emails contacts[person.Email]) contact {
	result := contactNone
	if phones.meet(c.phones) {
		if c.p.PhoneVerified {
			return contactEqual
		}
		result = contactUnverified
	}
	if emails.meet(c.emails) {
		if c.p.EmailVerified {
			return contactEqual
		}
		result = contactUnverified
	}
	return result
}

// finding is a problem with what it is about.
type finding struct {
	problem  Problem
	decision Decision // NoMatch or Manual; "" for what is reported beside a match
	refs     []person.RecordRef
	reason   Reason
}

func miss(code Code, d Decision, ref person.RecordRef, why ReasonCode, value string) finding {
	refs := []person.RecordRef{ref}
	return finding{Problem{Code: code}, d, refs, Reason{why, refs, value}}
}

func beside(code Code, arg string, why Reason) finding {
	return finding{problem: Problem{code, arg}, reason: why}
}

// Decide holds one profile against the registries. It changes nothing: whoever
// acts on a match notes it with Bindings.Bind.
func Decide(ix *Index, b *Bindings, p person.Profile, today person.Date) Verdict {
	c := &candidate{ix: ix, b: b, p: p, today: today, phones: person.Phones(p.Phone), emails: person.Emails(p.Email)}
	c.fio, _ = person.NormalFIO(person.JoinFIO(p.Last, p.First, p.Middle))
	if p.SNILSConfirmed {
		c.snils, _ = person.ParseSNILS(p.SNILS)
	}
	staff := c.staffRule()
	pupils, cards := c.pupilRule(), c.cardRule()
	pupil, parent, unclear := c.pupilOrParent(pupils, cards)
	if second := c.secondOf(staff, pupils, pupil); len(second) > 0 {
		staff.active, pupil, unclear = nil, nil, append(unclear, second...)
	}
	if !staff.matched() { // else the СНИЛС has proved an adult
		sure, bound := c.boundPupil(parent)
		parent, unclear = sure, append(unclear, bound...)
	}

	v := Verdict{Subject: p.Subject, Login: p.Login}
	if !staff.matched() && pupil == nil && len(parent) == 0 {
		misses := slices.Concat(staff.misses, pupils.misses, cards.misses, unclear)
		if len(misses) == 0 {
			misses = []finding{c.nobody(cards)}
		}
		c.refuse(&v, misses)
		return v
	}
	m := &matched{staff: staff, pupil: pupil, parent: parent}
	c.accept(&v, m, cards)
	if !staff.matched() && pupil == nil {
		// The teacher-parent must learn why the staff role is missing.
		c.report(&v, slices.DeleteFunc(staff.misses, func(f finding) bool {
			return f.problem.Code != SNILSMismatch && f.problem.Code != SNILSNotConfirmed && f.problem.Code != MultiSNILSNotConfirmed
		}))
	} else {
		c.provision(&v, m, pupils)
	}
	v.tidy(c.ix)
	return v
}

func (c *candidate) nobody(cards cardResult) finding {
	f := finding{problem: Problem{Code: NoSuchAccount}, decision: NoMatch,
		reason: Reason{Code: NobodyFits}}
	if len(cards.alone) > 0 {
		row := c.ix.cards.at(cards.alone[0].row)
		f.reason = Reason{Code: OnlyCardName, Records: []person.RecordRef{row.ref()}}
	}
	return f
}

// matched is what the rules came to for one person.
type matched struct {
	staff  staffResult
	pupil  *pupilCandidate
	parent []cardCandidate
}

// accept gives the roles, the records and what is reported beside a match.
func (c *candidate) accept(v *Verdict, m *matched, cards cardResult) {
	v.Decision = Match
	v.Provision.Kind = ProvisionNone
	mixed := false
	if m.staff.matched() {
		for _, i := range m.staff.active {
			row := c.ix.staff.at(i)
			mixed = mixed || row.mixed
			v.grant(Role{Role: person.RoleStaff, School: c.ix.schoolText(row.School)}, row.ref(), c.fits(row.ref(), StaffFits))
		}
		c.report(v, c.duplicates())
	}
	if m.pupil != nil {
		row := c.ix.pupils.at(m.pupil.target)
		mixed = mixed || m.pupil.mixed
		v.grant(Role{Role: person.RolePupil, School: c.ix.schoolText(row.School)}, row.ref(), c.fits(row.ref(), PupilFits))
	}
	for _, k := range m.parent {
		row := c.ix.cards.at(k.row)
		mixed = mixed || row.mixed
		how := CardFitsContact
		if k.sameSNILS {
			how = CardFitsSNILS
		}
		v.grant(Role{Role: person.RoleParent, Child: row.Child}, row.ref(), c.fits(row.ref(), how))
	}
	c.report(v, c.cardNotes(m.parent, cards))
	if mixed {
		c.report(v, []finding{beside(RegistryMixedScript, "", Reason{Code: MixedScript})})
	}
}

// fits is why a record is the person's: what the rules found, or that a person said so,
// whatever the rules say of it.
func (c *candidate) fits(ref person.RecordRef, found ReasonCode) ReasonCode {
	if c.b.approved[c.p.Subject][ref] {
		return Decided
	}
	return found
}

// grant adds a role and its record.
func (v *Verdict) grant(r Role, ref person.RecordRef, why ReasonCode) {
	if !slices.Contains(v.Roles, r) {
		v.Roles = append(v.Roles, r)
	}
	v.Records = append(v.Records, ref)
	v.about = append(v.about, ref)
	v.Reasons = append(v.Reasons, Reason{Code: why, Records: []person.RecordRef{ref}})
}

// report adds problems that leave the decision as it is.
func (c *candidate) report(v *Verdict, found []finding) {
	if v.rows == nil {
		v.rows, v.codes = map[Problem][]person.RecordRef{}, map[ReasonCode]Code{}
	}
	for _, f := range found {
		v.rows[f.problem] = append(v.rows[f.problem], f.reason.Records...)
		v.codes[f.reason.Code] = f.problem.Code
		v.Problems = append(v.Problems, f.problem)
		v.Reasons = append(v.Reasons, f.reason)
		v.about = append(v.about, f.refs...)
	}
}

// refuse is a verdict without a match.
func (c *candidate) refuse(v *Verdict, misses []finding) {
	v.Decision = NoMatch
	c.report(v, misses)
	for _, f := range misses {
		if f.decision == Manual {
			v.Decision = Manual
		}
		v.Records = append(v.Records, f.refs...)
	}
	v.tidy(c.ix)
}

// tidy orders problems as the table of rules does and records as the files,
// each once.
func (v *Verdict) tidy(ix *Index) {
	slices.SortStableFunc(v.Problems, func(a, b Problem) int { return cmp.Compare(order[a.Code], order[b.Code]) })
	v.Problems = unique(v.Problems)
	slices.SortStableFunc(v.Records, func(a, b person.RecordRef) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(ix.place(a), ix.place(b)))
	})
	v.Records = unique(v.Records)
	v.about = unique(append(v.about, v.Records...))
	v.Reasons = uniqueReasons(v.Reasons)
}

// unique leaves out what came before; the lists are short but for hostile
// registries, so a set is used.
func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		was := seen[v]
		seen[v] = true
		return was
	})
}
