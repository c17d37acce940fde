package match

import (
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// plain is the rules once more, as they are told: every row is looked at, nothing is
// packed, found by a key or kept in normal form. What it says of a profile has to be
// what Decide says.
type plain struct {
	Registry
	today person.Date
	bound []Binding                   // with kind and ФИО; of staff and pupils, one a record
	given map[string]identity.Subject // names that a verdict gave away, folded
}

// bind keeps a binding; a record of staff or of a pupil stays with its first subject.
func (w *plain) bind(b Binding) {
	if b.Kind == person.RecordCard || !slices.ContainsFunc(w.bound, func(o Binding) bool { return o.Kind == b.Kind && o.Record == b.Record }) {
		w.bound = append(w.bound, b)
	}
}

// plainCase is one profile under the plain rules.
type plainCase struct {
	*plain
	p     person.Profile
	fio   string
	snils person.SNILS
	// What is found, and for what it is not bound.
	roles    []string
	problems map[Problem]Decision // "": beside a match
	records  []person.RecordRef
}

func plainFIO(text string) string {
	normal, _ := person.NormalFIO(text)
	return normal
}

func plainSNILS(text string) person.SNILS {
	s, _ := person.ParseSNILS(text)
	return s
}

func pupilFIO(e person.Enrolment) string { return plainFIO(person.JoinFIO(e.Last, e.First, e.Middle)) }

// meets says how the contacts of a row and of the profile agree.
func (c *plainCase) meets(phone, email string) contact {
	result := contactNone
	for _, one := range person.Phones(phone) {
		if slices.Contains(person.Phones(c.p.Phone), one) {
			result = max(result, map[bool]contact{true: contactEqual, false: contactUnverified}[c.p.PhoneVerified])
		}
	}
	for _, one := range person.Emails(email) {
		if slices.Contains(person.Emails(c.p.Email), one) {
			result = max(result, map[bool]contact{true: contactEqual, false: contactUnverified}[c.p.EmailVerified])
		}
	}
	return result
}

// whose says to whom a record of staff or of a pupil is bound.
func (c *plainCase) whose(kind person.RecordKind, id person.RecordID) owner {
	for _, b := range c.bound {
		if b.Kind == kind && b.Record == id {
			return map[bool]owner{true: own, false: others}[b.Subject == c.p.Subject]
		}
	}
	return free
}

// isBound says that the subject is bound to a record of one of the kinds.
func (c *plainCase) isBound(kinds ...person.RecordKind) bool {
	return slices.ContainsFunc(c.bound, func(b Binding) bool { return b.Subject == c.p.Subject && slices.Contains(kinds, b.Kind) })
}

func (c *plainCase) found(code Code, arg string, d Decision) {
	p := Problem{code, arg}
	if c.problems[p] != Manual {
		c.problems[p] = d
	}
}

// plainStaff is what rule 1 comes to.
type plainStaff struct{ same, active []person.Employment }

func (c *plainCase) staff() (s plainStaff, matched bool) {
	taken := false
	unconfirmed := map[person.SNILS][]person.Employment{}
	for _, e := range c.Employments {
		ended := !e.End.IsZero() && e.End.Before(c.today)
		switch number := plainSNILS(e.SNILS); {
		case plainFIO(e.FIO) != c.fio || c.fio == "":
		case c.snils == "" && number == "":
			c.found(SNILSNotConfirmed, "", NoMatch)
		case c.snils == "":
			unconfirmed[number] = append(unconfirmed[number], e)
		case number == "":
			c.found(KadrySNILSInvalid, "", Manual)
		case number != c.snils:
			c.found(SNILSMismatch, "", NoMatch)
		default:
			s.same = append(s.same, e)
			taken = taken || c.whose(person.RecordEmployment, e.ID) == others
			switch {
			case ended:
				c.found(EmploymentEnded, "", NoMatch)
			case strings.TrimSpace(string(e.School)) == "" || e.Start.IsZero():
				c.found(EmploymentDataMissing, "", Manual)
			case e.Start.After(c.today):
				c.found(EmploymentNotStarted, "", NoMatch)
			default:
				s.active = append(s.active, e)
			}
		}
	}
	for _, rows := range unconfirmed {
		if plainPlaces(rows, c.today) > 1 {
			c.found(MultiSNILSNotConfirmed, "", NoMatch)
		} else {
			c.found(SNILSNotConfirmed, "", NoMatch)
		}
	}
	if len(s.active) > 0 && taken {
		c.found(MultipleMosruAccounts, "", Manual)
	}
	if len(s.active) == 0 && c.sameNumber() {
		c.found(FIOMismatch, "", Manual)
	}
	return s, len(s.active) > 0 && !taken
}

// sameNumber says that a live row has the СНИЛС under another ФИО.
func (c *plainCase) sameNumber() bool {
	return slices.ContainsFunc(c.Employments, func(e person.Employment) bool {
		return c.snils != "" && plainSNILS(e.SNILS) == c.snils && plainFIO(e.FIO) != c.fio && (e.End.IsZero() || !e.End.Before(c.today))
	})
}

// plainPlaces counts schools, which have no other names in these worlds.
func plainPlaces(rows []person.Employment, today person.Date) int {
	active, all := map[person.SchoolID]bool{}, map[person.SchoolID]bool{}
	for _, e := range rows {
		if e.School == "" {
			continue
		}
		all[e.School] = true
		if !e.Start.IsZero() && !e.Start.After(today) && (e.End.IsZero() || !e.End.Before(today)) {
			active[e.School] = true
		}
	}
	if len(active) > 0 {
		return len(active)
	}
	return len(all)
}

// path gives a pupil's record and those it was merged into, one after the other;
// the record alone where they end in a circle.
func (w *plain) path(i int) []int {
	path := []int{i}
	for at := i; ; {
		to := slices.IndexFunc(w.Enrolments, func(e person.Enrolment) bool { return e.ID == w.Enrolments[at].MergedTo })
		if w.Enrolments[at].MergedTo == "" || to < 0 || to == at {
			return path
		}
		if slices.Contains(path, to) {
			return []int{i}
		}
		path, at = append(path, to), to
	}
}

// plainPupil is a pupil's record on which status and school stand, with all that may
// carry ФИО and contact, and all that was merged into it.
type plainPupil struct {
	pupilCandidate
	sources []int
}

func (c *plainCase) pupils() (all, fits []plainPupil) {
	for target := range c.Enrolments {
		p := plainPupil{pupilCandidate: pupilCandidate{target: target}}
		named := false
		nodes := map[int]bool{}
		for i, e := range c.Enrolments {
			path := c.path(i)
			if path[len(path)-1] != target {
				continue
			}
			p.sources = append(p.sources, i)
			if pupilFIO(e) != c.fio || c.fio == "" {
				continue
			}
			named = true
			for _, below := range path {
				nodes[below] = true
			}
			for j := range c.Enrolments {
				if slices.Contains(c.path(j), i) {
					nodes[j] = true
				}
			}
		}
		if p.nodes = slices.Sorted(maps.Keys(nodes)); named {
			c.hold(&p)
			all = append(all, p)
		}
	}
	for _, p := range all {
		active := c.plainActive(p.target)
		switch {
		case p.contact == contactEqual && !active:
			c.found(NotEnrolled, "", NoMatch)
		case p.contact == contactEqual && p.differsDOB:
			c.found(DOBMismatch, "", Manual)
		case p.contact == contactEqual:
			fits = append(fits, p)
		case p.contact == contactUnverified && active && !p.differsDOB:
			c.found(ContactNotVerified, "", Manual)
		case p.sameSNILS:
			c.found(ContactMismatch, "", Manual)
		default:
			c.found(ContactMismatch, "", NoMatch)
		}
	}
	return all, fits
}

func (w *plain) plainActive(i int) bool {
	status := strings.ToLower(strings.TrimSpace(w.Enrolments[i].Status))
	return status == "" || status == "active"
}

// hold compares a pupil's records with the profile.
func (c *plainCase) hold(p *plainPupil) {
	dates := []person.Date{c.Enrolments[p.target].BirthDate}
	for _, i := range p.nodes {
		e := c.Enrolments[i]
		p.contact = max(p.contact, c.meets(e.Phone, e.Email))
		p.sameSNILS = p.sameSNILS || c.snils != "" && plainSNILS(e.SNILS) == c.snils
		if dates[0].IsZero() {
			dates = append(dates, e.BirthDate)
		}
		_, mixed := person.NormalFIO(person.JoinFIO(e.Last, e.First, e.Middle))
		p.mixed = p.mixed || mixed && pupilFIO(e) == c.fio
	}
	dates = slices.DeleteFunc(dates, person.Date.IsZero)
	p.sameDOB = !c.p.BirthDate.IsZero() && slices.Contains(dates, c.p.BirthDate)
	p.differsDOB = len(dates) > 0 && !c.p.BirthDate.IsZero() && !p.sameDOB
	for _, i := range p.sources {
		if o := c.whose(person.RecordEnrolment, c.Enrolments[i].ID); o == others || o == own && p.owner == free {
			p.owner = o
		}
	}
	if c.whose(person.RecordEnrolment, c.Enrolments[p.target].ID) == own {
		p.owner = own
	}
}

func (c *plainCase) cards() (fits, alone []cardCandidate) {
	for i, row := range c.Cards {
		if plainFIO(row.ParentFIO) != c.fio || c.fio == "" {
			continue
		}
		k := cardCandidate{row: i, sameSNILS: c.snils != "" && plainSNILS(row.ParentSNILS) == c.snils, contact: c.meets(row.Phone, row.Email)}
		for _, b := range c.bound {
			if b.Kind != person.RecordCard || b.Record != row.Child {
				continue
			}
			if b.Subject == c.p.Subject {
				k.owner = own
			} else if k.owner == free && plainFIO(b.FIO) == c.fio {
				k.owner = others
			}
		}
		if k.fits() {
			fits = append(fits, k)
			continue
		}
		if alone = append(alone, k); k.contact == contactUnverified {
			c.found(ContactNotVerified, "", Manual)
		}
	}
	return fits, alone
}

// apart tells pupil from parent: what is certain first, then what others have.
func (c *plainCase) apart(pupils []plainPupil, cards []cardCandidate) (*plainPupil, []cardCandidate) {
	certain := func(p plainPupil) bool { return p.sameDOB || p.sameSNILS }
	mine := func(p plainPupil) bool { return p.owner == own || certain(p) }
	sure := func(k cardCandidate) bool { return k.owner == own || k.sameSNILS }
	if slices.ContainsFunc(pupils, mine) {
		cards = nil
	} else if slices.ContainsFunc(cards, sure) {
		pupils = nil
	}
	left := slices.DeleteFunc(slices.Clone(pupils), func(p plainPupil) bool { return p.owner == others })
	parent := slices.DeleteFunc(slices.Clone(cards), func(k cardCandidate) bool { return k.owner == others })
	if slices.ContainsFunc(pupils, func(p plainPupil) bool { return p.owner == others && certain(p) }) && !slices.ContainsFunc(left, mine) {
		left, parent = nil, nil // a second city account of the same pupil
	}
	if at := slices.IndexFunc(left, func(p plainPupil) bool { return p.owner == own }); at >= 0 {
		left = left[at : at+1]
	}
	switch {
	case len(left) == 1 && len(parent) == 0:
		return &left[0], nil
	case len(left) == 0 && len(parent) > 0:
		return nil, parent
	case len(left) > 0:
		c.found(Ambiguous, "", Manual)
	case len(pupils) > 0 || len(cards) > 0:
		c.found(MultipleMosruAccounts, "", Manual)
	}
	return nil, nil
}

// decide is the verdict, in short: decision, roles, problems, what comes of it.
func (w *plain) decide(p person.Profile) string {
	c := &plainCase{plain: w, p: p, fio: plainFIO(person.JoinFIO(p.Last, p.First, p.Middle)), problems: map[Problem]Decision{}}
	if p.SNILSConfirmed {
		c.snils = plainSNILS(p.SNILS)
	}
	staff, isStaff := c.staff()
	ofStaff := maps.Clone(c.problems)
	all, fitting := c.pupils()
	cards, alone := c.cards()
	pupil, parent := c.apart(fitting, cards)
	if (isStaff || pupil != nil) && !c.isBound(person.RecordEmployment, person.RecordEnrolment) && c.elsewhere(staff, all) {
		c.found(MultipleMosruAccounts, "", Manual)
		isStaff, pupil = false, nil
	}
	if !isStaff && len(parent) > 0 && c.isBound(person.RecordEnrolment) {
		sure := func(k cardCandidate) bool { return k.owner == own || k.sameSNILS }
		if parent = slices.DeleteFunc(parent, func(k cardCandidate) bool { return !sure(k) }); len(parent) == 0 {
			c.found(Ambiguous, "", Manual)
		}
	}
	if !isStaff && pupil == nil && len(parent) == 0 {
		return c.refused()
	}
	// Near misses are silent but for what a parent must learn of the staff role.
	clear(c.problems)
	if !isStaff && pupil == nil {
		for _, code := range []Code{SNILSMismatch, SNILSNotConfirmed, MultiSNILSNotConfirmed} {
			if _, was := ofStaff[Problem{Code: code}]; was {
				c.found(code, "", "")
			}
		}
	}
	c.roleRows(staff, isStaff, pupil, parent)
	c.notes(parent, cards, alone)
	if !isStaff && pupil == nil {
		return c.matched("none")
	}
	return c.account(staff, all, pupil)
}

// elsewhere says that what is certain points to a record of another subject.
func (c *plainCase) elsewhere(staff plainStaff, all []plainPupil) bool {
	return slices.ContainsFunc(staff.same, func(e person.Employment) bool { return c.whose(person.RecordEmployment, e.ID) == others }) ||
		slices.ContainsFunc(all, func(p plainPupil) bool {
			return p.owner == others && p.contact == contactEqual && !p.differsDOB && (p.sameDOB || p.sameSNILS)
		})
}

func (c *plainCase) refused() string {
	if len(c.problems) == 0 {
		c.found(NoSuchAccount, "", NoMatch)
	}
	d := NoMatch
	if slices.Contains(slices.Collect(maps.Values(c.problems)), Manual) {
		d = Manual
	}
	return c.line(d, "-")
}

func (c *plainCase) roleRows(staff plainStaff, isStaff bool, pupil *plainPupil, parent []cardCandidate) {
	mixed := false
	grant := func(role string, kind person.RecordKind, id person.RecordID) {
		c.roles, c.records = append(c.roles, role), append(c.records, person.RecordRef{Kind: kind, ID: id})
	}
	if isStaff {
		for _, e := range staff.active {
			_, m := person.NormalFIO(e.FIO)
			mixed = mixed || m
			grant("staff@"+string(e.School), person.RecordEmployment, e.ID)
		}
		if c.sameNumber() {
			c.found(KadrySNILSDuplicate, "", "")
		}
	}
	if pupil != nil {
		mixed = mixed || pupil.mixed
		e := c.Enrolments[pupil.target]
		grant("pupil@"+string(e.School), person.RecordEnrolment, e.ID)
	}
	for _, k := range parent {
		_, m := person.NormalFIO(c.Cards[k.row].ParentFIO)
		mixed = mixed || m
		grant("parent("+string(c.Cards[k.row].Child)+")", person.RecordCard, c.Cards[k.row].Child)
	}
	if mixed {
		c.found(RegistryMixedScript, "", "")
	}
}

func (c *plainCase) notes(parent, cards, alone []cardCandidate) {
	fits := func(child person.RecordID, bySNILS bool) bool {
		return slices.ContainsFunc(cards, func(k cardCandidate) bool { return c.Cards[k.row].Child == child && (!bySNILS || k.sameSNILS) })
	}
	for _, k := range parent {
		if row := c.Cards[k.row]; !fits(row.Child, true) && c.snils != "" && plainSNILS(row.ParentSNILS) != "" {
			c.found(CardSNILSMismatch, string(row.Child), "")
		}
	}
	for _, k := range alone {
		if child := c.Cards[k.row].Child; !fits(child, false) {
			c.found(ParentRoleNotLinked, string(child), "")
		}
	}
}

// matched notes what a match binds and gives away.
func (c *plainCase) matched(provision string) string {
	for p := range c.problems {
		if p.Code == ADDuplicate {
			c.given[person.FoldName(p.Arg)] = c.p.Subject
		}
	}
	for _, ref := range c.records {
		c.bind(Binding{Record: ref.ID, Kind: ref.Kind, Subject: c.p.Subject, FIO: c.fio})
	}
	return c.line(Match, provision)
}

func (c *plainCase) line(d Decision, provision string) string {
	return plainLine(d, c.roles, slices.Collect(maps.Keys(c.problems)), provision)
}

// plainLine has no order and nothing twice.
func plainLine(d Decision, roles []string, problems []Problem, provision string) string {
	var codes []string
	for _, p := range problems {
		codes = append(codes, p.String())
	}
	slices.Sort(codes)
	slices.Sort(roles)
	return string(d) + " / " + strings.Join(slices.Compact(roles), ", ") + " / " + strings.Join(codes, ", ") + " / " + provision
}
