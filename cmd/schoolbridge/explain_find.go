package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// face is what tells people apart: of a row, a person or a city account that tried.
type face struct {
	owner identity.PersonID // zero: nobody yet
	fio   string
	keys  []string // СНИЛС, phones, e-mails, merged records
}

// row is one row of a registry.
type row struct {
	face
	ref    person.RecordRef
	value  any
	hit    explain.Hit
	record string // for people to read
}

// somebody is who may be meant: a person, or rows that are bound to nobody, or
// a city account that fits no row.
type somebody struct {
	id      identity.PersonID
	subject identity.Subject // of a person
	rows    []row
	tries   []provision.Try
	faces   []face
}

func (s *somebody) refs() (refs []person.RecordRef) {
	for _, r := range s.rows {
		refs = append(refs, r.ref)
	}
	return refs
}

// fio is the normal form of the first row's name.
func (s *somebody) fio() string {
	if len(s.rows) == 0 {
		return ""
	}
	return s.rows[0].fio
}

func normalFIO(text string) string {
	normal, _ := person.NormalFIO(text)
	return normal
}

// contactKeys are what one person's rows have in common.
func contactKeys(snils, phone, email string) (keys []string) {
	if number, ok := person.ParseSNILS(snils); ok {
		keys = append(keys, "s"+string(number))
	}
	for _, p := range person.Phones(phone) {
		keys = append(keys, "p"+string(p))
	}
	for _, m := range person.Emails(email) {
		keys = append(keys, "m"+string(m))
	}
	return keys
}

// rowsOf gives the found rows with their owners.
func (e *explainer) rowsOf(c store.Candidates) (list []row) {
	for _, x := range c.Employments {
		list = append(list, row{ref: person.RecordRef{Kind: person.RecordEmployment, ID: x.ID}, value: x, face: face{fio: normalFIO(x.FIO), keys: contactKeys(x.SNILS, x.Phone, x.Email)},
			hit:    explain.Hit{Name: x.FIO, Login: x.EZHDLogin, Role: person.RoleStaff.String(), School: e.school(x.School), What: x.Position},
			record: fmt.Sprintf("%s %s: %s, %s – %s", person.RecordEmployment, x.ID, e.school(x.School), x.Start, x.End)})
	}
	for _, x := range c.Enrolments {
		name := person.JoinFIO(x.Last, x.First, x.Middle)
		keys := append(contactKeys(x.SNILS, x.Phone, x.Email), "r"+string(x.ID))
		merged := ""
		if x.MergedTo != "" {
			keys, merged = append(keys, "r"+string(x.MergedTo)), " → "+string(x.MergedTo)
		}
		list = append(list, row{ref: person.RecordRef{Kind: person.RecordEnrolment, ID: x.ID}, value: x, face: face{fio: normalFIO(name), keys: keys},
			hit:    explain.Hit{Name: name, Login: x.EZHDLogin, Role: person.RolePupil.String(), School: e.school(x.School), What: x.Class},
			record: fmt.Sprintf("%s %s: %s %s %s%s", person.RecordEnrolment, x.ID, e.school(x.School), x.Class, x.Status, merged)})
	}
	for _, x := range c.Cards {
		list = append(list, row{ref: person.RecordRef{Kind: person.RecordCard, ID: x.Child}, value: x, face: face{fio: normalFIO(x.ParentFIO), keys: contactKeys(x.ParentSNILS, x.Phone, x.Email)},
			hit:    explain.Hit{Name: x.ParentFIO, Role: person.RoleParent.String(), School: e.school(x.School)},
			record: fmt.Sprintf("%s %s: %s", person.RecordCard, x.Child, e.school(x.School))})
	}
	for i := range list {
		for _, b := range c.Bindings {
			if b.Record == list[i].ref && (b.Record.Kind != person.RecordCard || normalFIO(person.JoinFIO(b.Last, b.First, b.Middle)) == list[i].fio) {
				list[i].owner = b.Person
			}
		}
	}
	return list
}

// together says that two faces are one person's.
func (f face) together(o face) bool {
	if !f.owner.IsZero() && !o.owner.IsZero() {
		return f.owner == o.owner
	}
	merged := slices.ContainsFunc(f.keys, func(k string) bool { return strings.HasPrefix(k, "r") && slices.Contains(o.keys, k) })
	return merged || f.fio == o.fio && slices.ContainsFunc(f.keys, func(k string) bool { return slices.Contains(o.keys, k) })
}

// shows says that somebody has a face.
func (s *somebody) shows(f face) bool {
	return (s.id.IsZero() || f.owner.IsZero() || s.id == f.owner) && slices.ContainsFunc(s.faces, f.together)
}

// withRow joins a row to all whose it is, or makes somebody of it.
func withRow(all []somebody, r row) []somebody {
	joined := somebody{id: r.owner, rows: []row{r}, faces: []face{r.face}}
	rest := all[:0:0]
	for _, s := range all {
		if s.shows(r.face) && (s.id.IsZero() || joined.id.IsZero() || s.id == joined.id) {
			joined.rows, joined.faces = append(s.rows, joined.rows...), append(s.faces, joined.faces...)
			if joined.id.IsZero() {
				joined.id = s.id
			}
			continue
		}
		rest = append(rest, s)
	}
	return append(rest, joined)
}

// apart tells the people of a search apart, each once: rows that are one person's,
// people whose rows they are, or are by all that is known of them, and last what
// tried to activate.
func (e *explainer) apart(ctx context.Context, f store.Found) ([]somebody, error) {
	var all []somebody
	for _, r := range e.rowsOf(f.Candidates) {
		all = withRow(all, r)
	}
	for _, id := range f.People {
		var err error
		if all, err = e.withPerson(ctx, all, id, f.Tries); err != nil {
			return nil, err
		}
	}
	return withTries(all, f.Tries), nil
}

// withPerson joins a person to the rows that are bound to nobody yet and are the
// person's by name and contact; one to whom no row is bound, by what the own city
// account tried.
func (e *explainer) withPerson(ctx context.Context, all []somebody, id identity.PersonID, tries []provision.Try) ([]somebody, error) {
	holder, err := e.db.Accounts().Get(ctx, id)
	if errors.Is(err, identity.ErrNotFound) { // erased meanwhile
		return slices.DeleteFunc(all, func(s somebody) bool { return s.id == id }), nil
	}
	if err != nil {
		return nil, err
	}
	p, _, err := e.db.Accounts().Profile(ctx, id)
	if err != nil {
		return nil, err
	}
	own := face{id, normalFIO(person.JoinFIO(holder.Last, holder.First, holder.Middle)), append(contactKeys(p.SNILS, p.Phone, p.Email), contactKeys("", "", holder.Mail)...)}
	joined := somebody{id: id, subject: holder.Subject, faces: []face{own}}
	at := slices.IndexFunc(all, func(s somebody) bool { return s.id == id })
	if at >= 0 {
		joined.rows, joined.faces = all[at].rows, append(all[at].faces, own)
	}
	tried := -1 // of a try about several rows the first ones are the person's
	for _, t := range tries {
		if t.Subject != holder.Subject {
			continue
		}
		joined.faces = append(joined.faces, faceOf(t))
		if tried < 0 && len(holder.Records) == 0 {
			tried = slices.IndexFunc(all, func(s somebody) bool { return s.id.IsZero() && s.triedBy(t) })
		}
	}
	var rest []somebody
	for i, s := range all {
		switch {
		case i == at:
		case s.id.IsZero() && (i == tried || slices.ContainsFunc(joined.faces, s.shows)):
			joined.rows, joined.faces = append(joined.rows, s.rows...), append(joined.faces, s.faces...)
		default:
			rest = append(rest, s)
		}
	}
	return append(rest, joined), nil
}

// faceOf is that of a city account that tried.
func faceOf(t provision.Try) face {
	return face{fio: normalFIO(person.JoinFIO(t.Last, t.First, t.Middle)), keys: contactKeys(t.Profile.SNILS, t.Profile.Phone, t.Profile.Email)}
}

// triedBy says that a try speaks of somebody's rows.
func (s *somebody) triedBy(t provision.Try) bool {
	return slices.ContainsFunc(s.rows, func(r row) bool { return slices.Contains(t.Records, r.ref) })
}

// withTries gives each try to those of whom it speaks; what speaks of nobody
// found is somebody of its own.
func withTries(all []somebody, tries []provision.Try) []somebody {
	for _, try := range tries {
		look := faceOf(try)
		about := slices.IndexFunc(all, func(s somebody) bool { return s.subject != "" && s.subject == try.Subject })
		if about < 0 {
			about = slices.IndexFunc(all, func(s somebody) bool { return s.triedBy(try) })
		}
		if about < 0 { // another city account of the same person
			about = slices.IndexFunc(all, func(s somebody) bool { return s.shows(look) })
		}
		if about < 0 { // a namesake, if there is but one
			about = onlyNamesake(all, look.fio)
		}
		if about < 0 {
			all = append(all, somebody{tries: []provision.Try{try}, faces: []face{look}})
		} else {
			all[about].tries, all[about].faces = append(all[about].tries, try), append(all[about].faces, look)
		}
	}
	return all
}

// onlyNamesake is the only one whose rows have a name; -1: there is none, or several.
func onlyNamesake(all []somebody, fio string) int {
	found := -1
	for i, s := range all {
		if s.fio() == fio {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// hit shows one of several.
func (e *explainer) hit(ctx context.Context, s *somebody) (explain.Hit, error) {
	var h explain.Hit
	switch {
	case len(s.rows) > 0:
		h = s.rows[0].hit
		h.Ask = s.rows[0].ref.Kind.String() + ":" + string(s.rows[0].ref.ID)
	case len(s.tries) > 0:
		t := s.tries[0]
		h = explain.Hit{Name: person.JoinFIO(t.Last, t.First, t.Middle), Login: t.Login, Ask: string(t.Subject)}
	}
	if s.id.IsZero() {
		return h, nil
	}
	holder, err := e.db.Accounts().Get(ctx, s.id)
	h.Ask = cmp.Or(string(holder.Login), s.id.String())
	h.Login = cmp.Or(string(holder.Login), holder.MosruLogin)
	if h.Name == "" {
		h.Name = person.JoinFIO(holder.Last, holder.First, holder.Middle)
	}
	return h, err
}

// search answers a query that is no login.
func (e *explainer) search(ctx context.Context, q query, r *explain.Report) ([]somebody, error) {
	found, err := e.db.Accounts().Search(ctx, q.sought())
	if err != nil {
		return nil, err
	}
	all, err := e.apart(ctx, found)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		r.More = found.More
		return all, e.several(ctx, all, r)
	}
	return all, e.one(ctx, &all[0], r)
}

// several lists who may be meant; nobody: that there is nobody.
func (e *explainer) several(ctx context.Context, all []somebody, r *explain.Report) error {
	if len(all) == 0 {
		r.Account = identity.ReasonUnknown
		return nil
	}
	for i := range all {
		h, err := e.hit(ctx, &all[i])
		if err != nil {
			return err
		}
		r.Hits = append(r.Hits, h)
	}
	slices.SortStableFunc(r.Hits, func(a, b explain.Hit) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.School, b.School))
	})
	return nil
}

// one explains the only one.
func (e *explainer) one(ctx context.Context, s *somebody, r *explain.Report) error {
	if !s.id.IsZero() {
		holder, err := e.db.Accounts().Get(ctx, s.id)
		if err != nil {
			return err
		}
		return e.holder(ctx, holder, "", r)
	}
	return e.withoutAccount(ctx, s, r)
}

// withoutAccount explains somebody of the registries, or a city account that
// tried to activate and fits none.
func (e *explainer) withoutAccount(ctx context.Context, s *somebody, r *explain.Report) error {
	var subject identity.Subject
	for _, x := range s.rows {
		r.Records = append(r.Records, strings.TrimSpace(x.record))
		r.Name = cmp.Or(r.Name, x.hit.Name)
	}
	for _, t := range s.tries {
		subject = t.Subject
		r.Name = cmp.Or(r.Name, person.JoinFIO(t.Last, t.First, t.Middle))
	}
	tries, err := e.db.Accounts().TriesAbout(ctx, subject, s.refs())
	if err != nil {
		return err
	}
	for _, t := range s.tries { // of a namesake, which speaks of no record
		if !slices.ContainsFunc(tries, func(o provision.Try) bool { return o.Subject == t.Subject }) {
			tries = append(tries, t)
		}
	}
	if len(s.rows) == 0 && len(tries) > 0 { // whose account it is that tried
		r.Upstream = tries[0].Subject.Upstream()
	}
	r.Account = identity.ReasonNotActivated
	if err := e.tries(ctx, tries, "", r); err != nil {
		return err
	}
	subjects := []identity.Subject{subject}
	for _, t := range tries {
		subjects = append(subjects, t.Subject)
	}
	if err := e.decided(ctx, identity.PersonID{}, r, subjects...); err != nil {
		return err
	}
	if len(s.rows) == 0 {
		if r.Moved, err = e.movedFrom(ctx, subject); err != nil {
			return err
		}
	}
	if len(tries) == 0 {
		if r.Would, err = e.would(ctx, s, r); err != nil {
			return err
		}
	}
	if err := e.there(ctx, identity.PersonID{}, s.refs(), r); err != nil {
		return err
	}
	return e.triedSignIns(ctx, s, tries, r)
}

// triedSignIns are the attempts under the names that somebody without an account
// may have typed.
func (e *explainer) triedSignIns(ctx context.Context, s *somebody, tries []provision.Try, r *explain.Report) error {
	var names []string
	for _, x := range s.rows {
		names = append(names, x.hit.Login)
		names = append(names, typed(x.value)...)
	}
	for _, t := range tries {
		names = append(names, t.Login, t.Profile.Email, t.Profile.Phone, t.Profile.SNILS)
	}
	return e.namedSignIns(ctx, r, names...)
}

// typed are what somebody may have typed in place of a login.
func typed(value any) []string {
	switch x := value.(type) {
	case person.Employment:
		return []string{x.Phone, x.Email, x.SNILS}
	case person.Enrolment:
		return []string{x.Phone, x.Email, x.SNILS}
	case person.Card:
		return []string{x.Phone, x.Email, x.ParentSNILS}
	}
	return nil
}
