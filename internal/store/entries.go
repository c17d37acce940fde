package store

import (
	"encoding/hex"
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// mergeHops bounds how far merged_to is followed: exports can hold circles.
const mergeHops = 8

// sealedPerson is people.sealed.
type sealedPerson struct {
	Subject identity.Subject
	Login   string // the mos.ru login
	// Elsewhere is the login where the Subject is at home, if that is not mos.ru;
	// Login is empty then: a version that knows mos.ru alone takes the person for
	// not activated and shows it no password.
	Elsewhere string `json:",omitempty"`
	Last      string `json:",omitempty"`
	First     string `json:",omitempty"`
	Middle    string `json:",omitempty"`
	Mail      string `json:",omitempty"`

	// For matching anew what registries say later.
	SNILS                        string `json:",omitempty"`
	SNILSConfirmed               bool   `json:",omitempty"`
	Phone, Birth                 string `json:",omitempty"`
	Trusted                      bool   `json:",omitempty"`
	PhoneVerified, EmailVerified bool   `json:",omitempty"`
	Asked                        int64  `json:",omitempty"` // when mos.ru said all this, microseconds
}

// login gives the login where the subject is at home.
func (p *sealedPerson) login() string {
	if p.Subject.Upstream() == "" {
		return p.Login
	}
	return p.Elsewhere
}

// closedStatus is the status of an enrolment that is over; the clear column
// holds it in lower case.
const closedStatus = "closed"

// entries composes the entries of the people with accounts whom the condition
// chooses, in order of their ids. PERSON in it stands for the column that
// holds the person. Who was erased has none, nor has one of them who came back as
// a parent: the account has no login until there is a role for it.
func (t *tx) entries(condition string, args ...any) ([]*directory.Entry, error) {
	var list []*directory.Entry
	byID := map[identity.PersonID]*directory.Entry{}
	where := on(condition)
	err := t.each(where(`SELECT p.id, p.epoch, p.state, p.upstream, p.created, p.modified, p.seq, p.sealed, a.uid_number, a.gid_number, a.uuid, a.sealed, o.object, o.sid,
		EXISTS (SELECT 1 FROM targets t WHERE t.person = p.id AND t.password_epoch < p.epoch
			AND NOT EXISTS (SELECT 1 FROM passwords w WHERE w.person = p.id AND w.epoch = p.epoch))
		FROM people p JOIN accounts a ON a.person = p.id LEFT JOIN targets o ON o.person = p.id AND o.target = 'ad' WHERE p.erased = 0 AND length(a.sealed) > 0 AND CONDITION ORDER BY p.id`, "p.id"), args,
		func(scan func(...any) error) error {
			e, err := t.scanEntry(scan)
			if err == nil {
				byID[e.Person] = e
				list = append(list, e)
			}
			return err
		})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = t.eachName(where("SELECT person, kind, digest, sealed FROM names WHERE CONDITION ORDER BY person, kind, digest", "person"), args,
		func(id identity.PersonID, name person.Name) {
			if e := byID[id]; e != nil {
				e.Names = append(e.Names, name)
			}
		})
	if err != nil {
		return nil, err
	}
	return list, t.affiliate(byID, where, args)
}

// on puts a condition into queries, on the column that holds the person there.
func on(condition string) func(query, column string) string {
	return func(query, column string) string {
		return strings.Replace(query, "CONDITION", strings.ReplaceAll(condition, "PERSON", column), 1)
	}
}

func (t *tx) scanEntry(scan func(...any) error) (*directory.Entry, error) {
	var id, uuid, object, sid, sealed, sealedLogin []byte
	var created, modified int64
	var upstream int
	e := &directory.Entry{}
	err := scan(&id, &e.Epoch, &e.State, &upstream, &created, &modified, &e.Seq, &sealed, &e.UIDNumber, &e.GIDNumber, &uuid, &sealedLogin, &object, &sid, &e.PasswordWanted)
	if err != nil {
		return nil, err
	}
	e.State = shown(e.State, upstream)
	e.Person, e.Created, e.Modified = personID(id), directory.MomentOf(moment(created)), directory.MomentOf(moment(modified))
	copy(e.UUID[:], uuid)
	if len(object) > 0 {
		e.AD = &directory.Object{SID: string(sid)}
		copy(e.AD.GUID[:], object)
	}
	var p sealedPerson
	row := e.Person.String()
	if err := t.db.keys.openJSON("people", row, "sealed", sealed, &p); err != nil {
		return nil, err
	}
	login, err := t.db.keys.open("accounts", row, "sealed", sealedLogin)
	e.Subject, e.MosruLogin, e.Login = p.Subject, p.login(), identity.Login(login)
	e.Last, e.First, e.Middle, e.Mail = p.Last, p.First, p.Middle, p.Mail
	return e, err
}

// eachName reads person, kind, digest and sealed text.
func (t *tx) eachName(query string, args []any, f func(identity.PersonID, person.Name)) error {
	return t.each(query, args, func(scan func(...any) error) error {
		var id, digest, sealed []byte
		var n person.Name
		if err := scan(&id, &n.Kind, &digest, &sealed); err != nil {
			return err
		}
		if len(sealed) == 0 {
			return nil // of somebody who was erased: only its digest is kept
		}
		text, err := t.db.keys.open("names", nameKey(digest), "sealed", sealed)
		if err != nil {
			return err
		}
		n.Text = string(text)
		f(personID(id), n)
		return nil
	})
}

func nameKey(digest []byte) string { return hex.EncodeToString(digest) }

func personID(b []byte) identity.PersonID {
	var id identity.PersonID
	copy(id[:], b)
	return id
}

// enrolled is what an affiliation needs of an enrolment.
type enrolled struct{ key, school, class, status, mergedTo, gone string }

func (e enrolled) affiliation() directory.Affiliation {
	return directory.Affiliation{
		Role: person.RolePupil, School: person.SchoolID(e.school), Class: e.class,
		Record: person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(e.key)},
		Closed: e.gone != "" || e.school == "" || e.status == closedStatus,
	}
}

// affiliate adds what the bound records say to the entries.
func (t *tx) affiliate(byID map[identity.PersonID]*directory.Entry, where func(query, column string) string, args []any) error {
	add := func(id []byte, a directory.Affiliation) {
		e := byID[personID(id)]
		if e == nil || slices.ContainsFunc(e.Affiliations, func(b directory.Affiliation) bool { return a.Record == b.Record }) {
			return // two records that were merged into one are one affiliation
		}
		e.Affiliations = append(e.Affiliations, a)
	}
	// "+b.kind" is no index: where SQLite searches by kind it reads the bindings
	// of everybody for each page of people.
	err := t.each(where(`SELECT b.person, e.key, e.school, e.starts, e.ends, e.gone FROM bindings b JOIN employments e ON e.key = b.key
		WHERE +b.kind = 1 AND CONDITION ORDER BY b.person, e.key`, "b.person"), args,
		func(scan func(...any) error) error {
			var id []byte
			var key, school, starts, ends, gone string
			if err := scan(&id, &key, &school, &starts, &ends, &gone); err != nil {
				return err
			}
			a, err := employedAffiliation(key, school, starts, ends, gone)
			add(id, a)
			return err
		})
	if err != nil {
		return err
	}
	type bound struct {
		id []byte
		enrolled
	}
	var all []bound
	err = t.each(where(`SELECT b.person, e.key, e.school, e.class, e.status, e.merged_to, e.gone FROM bindings b JOIN enrolments e ON e.key = b.key
		WHERE +b.kind = 2 AND CONDITION ORDER BY b.person, e.key`, "b.person"), args,
		func(scan func(...any) error) error {
			var b bound
			err := scan(&b.id, &b.key, &b.school, &b.class, &b.status, &b.mergedTo, &b.gone)
			all = append(all, b)
			return err
		})
	if err != nil {
		return err
	}
	for _, b := range all {
		target, err := t.mergeTarget(b.enrolled)
		if err != nil {
			return err
		}
		add(b.id, target.affiliation())
	}
	return nil
}

func employedAffiliation(key, school, starts, ends, gone string) (directory.Affiliation, error) {
	a := directory.Affiliation{
		Role: person.RoleStaff, School: person.SchoolID(school),
		Record: person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(key)},
		Closed: gone != "" || school == "" || starts == "",
	}
	var err error
	if a.From, err = person.ParseDate(starts); err != nil {
		return a, err
	}
	a.To, err = person.ParseDate(ends)
	return a, err
}

// mergeTarget follows merged_to; a missing target leaves the record itself.
func (t *tx) mergeTarget(e enrolled) (enrolled, error) {
	seen := map[string]bool{e.key: true}
	for range mergeHops {
		if e.mergedTo == "" || seen[e.mergedTo] {
			break
		}
		seen[e.mergedTo] = true
		next := enrolled{key: e.mergedTo}
		err := t.row("SELECT school, class, status, merged_to, gone FROM enrolments WHERE key = ?", next.key).
			Scan(&next.school, &next.class, &next.status, &next.mergedTo, &next.gone)
		if isNoRows(err) {
			break
		}
		if err != nil {
			return e, err
		}
		e = next
	}
	return e, nil
}

func (t *tx) allSchools() ([]person.School, error) {
	var list []person.School
	err := t.each("SELECT key, nsi, name, founder, district FROM schools WHERE gone = '' ORDER BY key", nil,
		func(scan func(...any) error) error {
			var s person.School
			err := scan(&s.ID, &s.NSI, &s.Name, &s.Founder, &s.District)
			list = append(list, s)
			return err
		})
	return list, err
}
