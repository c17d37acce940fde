package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/internal/table"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// evidence is what a question is decided by.
type evidence struct {
	sides []queueSide
	names []string // that may be allocated
	same  []string // stems of the other open questions about the same accounts
	live  error    // why the directory was not asked
}

// fields are the lines of the evidence.
var queueFields = []string{"fio", "snils", "birth_date", "phone", "email", "employee_id", "login", "upn", "school", "place", "state", "owner", "account", "guid"}

func (q *queueDesk) show(ctx context.Context) error {
	item, err := q.db.Queue().Item(ctx, q.words[0])
	moved := errors.Is(err, queue.ErrMoved)
	if errors.Is(err, queue.ErrNoItem) && !q.json {
		if told, err := q.answers(ctx, q.words[0]); err != nil || told {
			return err
		}
	}
	if err != nil && !moved {
		return q.refused(err)
	}
	item.Same = q.whole(ctx, item.Same)
	e := q.gather(ctx, &item)
	e.same = q.whole(ctx, e.same)
	if q.json {
		if err := q.std.json(q.object(&item, e)); err != nil {
			return err
		}
	} else if err := q.sideBySide(&item, e); err != nil {
		return err
	}
	if moved {
		fmt.Fprintln(q.std.err, q.says.nowIs, item.ID)
	}
	if item.Open() {
		return errFindings
	}
	return nil
}

func (q *queueDesk) sideBySide(item *queue.Item, e *evidence) error {
	fmt.Fprintf(q.std.out, "%s: %s (%s)\n", item.ID, printable(q.question(item)), q.state(item))
	if item.Decided != nil {
		q.tellDecision(*item.Decided)
	}
	fmt.Fprintln(q.std.out)
	head := []string{""}
	for _, s := range e.sides {
		head = append(head, printable(q.heading(item, s.Source)))
	}
	rows, err := table.New(q.std.out, "table", "", head)
	if err != nil {
		return err
	}
	for _, field := range queueFields {
		if !slices.ContainsFunc(e.sides, func(s queueSide) bool { return s.Values[field] != "" }) {
			continue
		}
		cells := []any{q.says.fields[field]}
		for _, s := range e.sides {
			cells = append(cells, s.mark(field)+s.Values[field])
		}
		if err := rows.Row(cells...); err != nil {
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, p := range item.Problems {
		said, _ := q.advice(item, p)
		fmt.Fprintf(q.std.out, "\n%s: %s\n    %s\n", printable(p.String()), said.Meaning, said.Remedy)
	}
	fmt.Fprintf(q.std.out, "\n"+q.says.verbs+"\n", strings.Join(verbs(item), ", "))
	for _, v := range item.Verbs() {
		fmt.Fprintf(q.std.out, "    %s\n", q.says.how[v])
		for _, what := range choices(item, e, v) {
			fmt.Fprintf(q.std.out, "        schoolbridge queue decide --config %s %s %s %s\n", q.file, item.ID, v, pasted(what))
		}
	}
	if len(e.names) > 0 {
		fmt.Fprintf(q.std.out, q.says.names+"\n", strings.Join(e.names, ", "))
	}
	if item.Holder != nil {
		q.warn(item.Holder)
	}
	for _, stem := range e.same {
		fmt.Fprintf(q.std.out, q.says.same+"\n", stem)
	}
	if e.live != nil {
		fmt.Fprintf(q.std.err, q.says.noLive+"\n", e.live)
	}
	return nil
}

// tellDecision tells who decided what, when and why.
func (q *queueDesk) tellDecision(d queue.Decision) {
	o := decisionOf(d)
	what := strings.TrimSpace(string(d.Verb) + " " + strings.Join(o.Records, " ") + " " + o.Name)
	line := fmt.Sprintf(q.says.told, d.ID, what, q.clock(d.At), d.By)
	if o.From != "" {
		line += ", " + fmt.Sprintf(q.says.from, o.From)
	}
	if d.Reason != "" {
		line += ": " + d.Reason
	}
	if !d.Undone.IsZero() {
		line += fmt.Sprintf(" ("+q.says.undone+" %s)", d.ID, d.Verb, q.clock(d.Undone))
	}
	fmt.Fprintln(q.std.out, printable(line))
}

// answers tells the decisions on a question that is there no more; false: there were
// none.
func (q *queueDesk) answers(ctx context.Context, id string) (told bool, err error) {
	stem, _ := queue.Split(id)
	list, err := q.db.Queue().Answers(ctx, stem)
	for _, d := range list {
		q.tellDecision(d)
	}
	return len(list) > 0, err
}

// mark says whether what is known on both sides is equal.
func (s *queueSide) mark(field string) string {
	equal, known := s.Equal[field]
	switch {
	case !known:
		return ""
	case equal:
		return "= "
	}
	return "≠ "
}

// choices are what a verb may be about here, to be copied.
func choices(item *queue.Item, e *evidence, v queue.Verb) (list []string) {
	switch {
	case v == queue.Allocate:
		return e.names
	case item.Kind == queue.Account && v.Claims():
		for _, r := range item.Rows {
			if r.Value != nil && r.Adopts() == v {
				list = append(list, r.Record.Word())
			}
		}
	case v == queue.Bind:
		for _, r := range item.Rows {
			if r.Value != nil && (!r.Bound || r.Own) && queue.Complete(r.Value) {
				list = append(list, r.Record.Word())
			}
		}
	case v == queue.Adopt:
		for _, s := range e.sides {
			if name, ok := strings.CutPrefix(s.Source, "ad:"); ok && s.left == "" && s.free(item) {
				list = append(list, name)
			}
		}
	}
	return list
}

// free says that an account is nobody's, or the person's in question.
func (s *queueSide) free(item *queue.Item) bool {
	if subject := s.owner.Subject; subject != "" && (item.Profile == nil || item.Profile.Subject != subject) {
		return false
	}
	mine := item.Records()
	return !slices.ContainsFunc(s.owner.Records, func(r person.RecordRef) bool { return !slices.Contains(mine, r) })
}

// hidden shows the end of a СНИЛС, enough to compare by.
func hidden(snils string) string {
	s, ok := person.ParseSNILS(snils)
	if !ok {
		if strings.TrimSpace(snils) == "" {
			return ""
		}
		return "?"
	}
	digits := string(s)
	return "***-***-*" + digits[7:9] + " " + digits[9:]
}

// gather collects the evidence; what the directory does not answer is left out.
func (q *queueDesk) gather(ctx context.Context, item *queue.Item) *evidence {
	e := &evidence{}
	p := item.Profile
	if c := item.Case; c != nil {
		said := person.Profile{Last: c.Last, First: c.First, Middle: c.Middle, SNILS: c.SNILS}
		side := queueSide{Source: sourceLetter + c.Number.String(), Values: map[string]string{"fio": whose(item), "snils": hidden(c.SNILS), "school": string(c.School), "state": c.Problem}}
		if p != nil {
			side.Equal = map[string]bool{}
			met(side.Equal, said.SNILS, p.SNILS, whose(item), person.JoinFIO(p.Last, p.First, p.Middle))
		}
		e.sides = append(e.sides, side)
		p = &said // the records are held against what was typed
	}
	if p := item.Profile; p != nil {
		e.sides = append(e.sides, queueSide{Source: sourceProfile, Values: map[string]string{"fio": person.JoinFIO(p.Last, p.First, p.Middle), "snils": q.snils(p), "birth_date": p.BirthDate.String(),
			"phone": q.contact(p.Phone, p.PhoneVerified), "email": q.contact(p.Email, p.EmailVerified), "login": p.Login}})
	}
	if item.Holder != nil && !item.Holder.Person.IsZero() {
		e.sides = append(e.sides, q.holderSide(item.Holder, item.Profile))
	}
	for _, r := range item.Rows {
		side := q.rowSide(r, p)
		if h := item.Holder; h != nil && r.Bound && !r.Own && r.Holder == h.Person.String() {
			side.Values["owner"] = q.says.moves + " " + r.Holder
		}
		e.sides = append(e.sides, side)
	}
	objects, err := q.objects(ctx, item)
	e.live, e.same = err, q.same(ctx, item, objects)
	for _, o := range objects {
		if p == nil {
			compare(e.sides, o)
		}
		side := q.objectSide(ctx, o, item)
		if p != nil {
			side.Equal = likeness(person.JoinFIO(p.Last, p.First, p.Middle), p.Login, o.Object)
			meet(side.Equal, "phone", person.Phones(side.Values["phone"]), person.Phones(p.Phone))
			meet(side.Equal, "email", person.Emails(side.Values["email"]), person.Emails(p.Email))
		}
		e.sides = append(e.sides, side)
	}
	if item.Fits(queue.Allocate) && err == nil {
		e.names, e.live = q.suggest(ctx, item)
	}
	return e
}

// warn says what to know before a person is moved, or why nobody can be.
func (q *queueDesk) warn(h *queue.Holder) {
	if h.Bar != nil {
		fmt.Fprintf(q.std.out, "\n"+q.says.barred+"\n", q.says.refusal[h.Bar])
	} else {
		fmt.Fprintf(q.std.out, "\n%s\n", q.says.beware)
	}
	if !h.Returned.IsZero() {
		fmt.Fprintf(q.std.out, q.says.returned+"\n", q.clock(h.Returned))
	}
}

// sourceHolder is the side of the city account that has the person now, sourceProfile
// of the one in question, sourceLetter of a letter, with its number behind.
const (
	sourceHolder  = "mos.ru:bound"
	sourceProfile = "mos.ru"
	sourceLetter  = "letter "
)

// snils shows the end of a profile's, and whether it is confirmed.
func (q *queueDesk) snils(p *person.Profile) string {
	shown := hidden(p.SNILS)
	if shown != "" && !p.SNILSConfirmed {
		shown += " (" + q.says.unconfirmed + ")"
	}
	return shown
}

func (q *queueDesk) contact(value string, verified bool) string {
	if value != "" && !verified {
		return value + " (" + q.says.unconfirmed + ")"
	}
	return value
}

func (q *queueDesk) rowSide(r queue.Row, p *person.Profile) queueSide {
	s := queueSide{Source: r.Record.Word(), Values: map[string]string{}, Equal: map[string]bool{}}
	var fio, snils, phone, email string
	var birth person.Date
	switch v := r.Value.(type) {
	case person.Employment:
		fio, snils, birth, phone, email = v.FIO, v.SNILS, v.BirthDate, v.Phone, v.Email
		s.Values["login"], s.Values["school"], s.Values["place"] = v.EZHDLogin, string(v.School), v.Position
		s.Values["state"] = strings.Trim(v.Start.String()+" … "+v.End.String(), " ")
	case person.Enrolment:
		fio, snils, birth, phone, email = person.JoinFIO(v.Last, v.First, v.Middle), v.SNILS, v.BirthDate, v.Phone, v.Email
		s.Values["login"], s.Values["school"], s.Values["place"], s.Values["state"] = v.EZHDLogin, string(v.School), v.Class, v.Status
	case person.Card:
		fio, snils, phone, email = v.ParentFIO, v.ParentSNILS, v.Phone, v.Email
		s.Values["school"] = string(v.School)
	default:
		s.Values["state"] = q.says.gone
		return s
	}
	s.Values["fio"], s.Values["snils"], s.Values["birth_date"], s.Values["phone"], s.Values["email"] = fio, hidden(snils), birth.String(), phone, email
	s.Values["account"] = r.Has
	if r.Bound {
		s.Values["owner"] = q.says.other + " " + r.Holder
		if r.Own {
			s.Values["owner"] = q.says.own
		}
	}
	if p == nil {
		return s
	}
	met(s.Equal, snils, p.SNILS, fio, person.JoinFIO(p.Last, p.First, p.Middle))
	if !birth.IsZero() && !p.BirthDate.IsZero() {
		s.Equal["birth_date"] = birth == p.BirthDate
	}
	meet(s.Equal, "phone", person.Phones(phone), person.Phones(p.Phone))
	meet(s.Equal, "email", person.Emails(email), person.Emails(p.Email))
	if s.Values["login"] != "" && p.Login != "" {
		s.Equal["login"] = person.FoldName(s.Values["login"]) == person.FoldName(p.Login)
	}
	return s
}

// compare marks what the records have in common with the account in question.
func compare(records []queueSide, o seenObject) {
	for _, s := range records {
		if s.Equal == nil { // a record that has left its registry
			continue
		}
		maps.Copy(s.Equal, likeness(s.Values["fio"], s.Values["login"], o.Object))
		meet(s.Equal, "phone", person.Phones(s.Values["phone"]), person.Phones(strings.Join(o.whole.Phones, ";")))
		meet(s.Equal, "email", person.Emails(s.Values["email"]), person.Emails(strings.Join(o.whole.Mails, ";")))
	}
}

// likeness says whether an account bears a person's ФИО and login; what is not known
// is left out.
func likeness(fio, login string, o provision.Object) map[string]bool {
	equal := map[string]bool{}
	display, _ := person.NormalFIO(o.Display)
	if fio, _ = person.NormalFIO(fio); fio != "" && display != "" {
		equal["fio"] = fio == display
	}
	if login != "" {
		equal["login"] = person.FoldName(login) == person.FoldName(o.Name)
	}
	return equal
}

// met marks whether СНИЛС and ФИО of two sides are equal.
func met(equal map[string]bool, snils, otherSNILS, fio, otherFIO string) {
	one, _ := person.NormalFIO(fio)
	two, _ := person.NormalFIO(otherFIO)
	equal["fio"] = one == two
	if a, ok := person.ParseSNILS(snils); ok {
		if b, ok := person.ParseSNILS(otherSNILS); ok {
			equal["snils"] = a == b
		}
	}
}

func meet[T comparable](equal map[string]bool, field string, a, b []T) {
	if len(a) > 0 && len(b) > 0 {
		equal[field] = slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
	}
}

// seenObject is an account of the directory under a name in question.
type seenObject struct {
	provision.Object
	whole duplicates.Account // as the directory has it; zero: it was not asked
	left  duplicates.Why
}

// same gives the other open questions about the accounts.
func (q *queueDesk) same(ctx context.Context, item *queue.Item, objects []seenObject) []string {
	stems := slices.Clone(item.Same)
	if item.Kind == queue.Account {
		return stems
	}
	for _, o := range objects {
		stem := queue.Stem(queue.Account, o.ID[:])
		if other, err := q.db.Queue().Item(ctx, stem); err == nil && other.Open() && other.Object.ID == o.ID {
			stems = append(stems, stem)
		}
	}
	return stems
}

// objects are the accounts of the directory under the names in question.
func (q *queueDesk) objects(ctx context.Context, item *queue.Item) (list []seenObject, err error) {
	if !q.config.AD.On() {
		if item.Kind == queue.Account {
			list = []seenObject{{Object: *item.Object}}
		}
		return list, nil
	}
	target, release, err := q.openAD()
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	mender := target.Mender(nil, "")
	if item.Kind == queue.Account { // as it was when it came into the queue, where it cannot be read
		whole, err := mender.Account(ctx, duplicates.GUID(item.Object.ID))
		return []seenObject{{*item.Object, whole, whole.Untouchable}}, err
	}
	found, err := target.FindNames(ctx, q.asked(item))
	if err != nil {
		return nil, err
	}
	for _, o := range found {
		whole, err := mender.Account(ctx, duplicates.GUID(o.ID))
		if err != nil {
			return list, err
		}
		list = append(list, seenObject{o, whole, whole.Untouchable})
	}
	return list, nil
}

// asked are the names that the directory is asked for: the one in question, and the
// logins of those records that may be seen.
func (q *queueDesk) asked(item *queue.Item) []string {
	names := []string{item.Name}
	for _, r := range item.Rows {
		if q.covers != nil && !q.covers(queue.SchoolOf(r.Value)) {
			continue
		}
		switch v := r.Value.(type) {
		case person.Employment:
			names = append(names, v.EZHDLogin)
		case person.Enrolment:
			names = append(names, v.EZHDLogin)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

func (q *queueDesk) objectSide(ctx context.Context, o seenObject, item *queue.Item) queueSide {
	s := queueSide{Source: "ad:" + o.Name, object: o.Object, left: o.left, Values: map[string]string{"fio": o.Display, "login": o.Name, "upn": o.UPN, "guid": hex.EncodeToString(o.ID[:]), "place": o.whole.Place, "state": q.says.enabled[o.Enabled],
		"phone": strings.Join(o.whole.Phones, "; "), "email": strings.Join(o.whole.Mails, "; "), "employee_id": employeeID(o.whole.EmployeeID), "birth_date": o.whole.Birth.String()}}
	if o.left != "" {
		s.Values["state"] += "; " + fmt.Sprintf(q.says.untouchable, o.Name, q.says.left[o.left])
	}
	if item.Proposal != nil {
		s.Values["place"] = item.Proposal.Place
	}
	owners, err := q.db.Accounts().Owners(ctx, targetAD, [][16]byte{o.ID})
	s.owner = owners[o.ID]
	switch owner := s.owner; {
	case err != nil:
		s.Values["owner"] = "?"
	case owner.Subject != "":
		s.Values["owner"] = q.says.other
		if item.Profile != nil && owner.Subject == item.Profile.Subject {
			s.Values["owner"] = q.says.own
		} else if item.Holder != nil && owner.Subject == item.Holder.Profile.Subject {
			s.Values["owner"] = q.says.moves
		}
	case len(owner.Records) > 0:
		s.Values["owner"] = strings.Join(recordWords(owner.Records), " ")
	default:
		s.Values["owner"] = q.says.nobody
	}
	return s
}

// employeeID is what a directory numbers its people by; a СНИЛС is shown by its end.
func employeeID(value string) string {
	if _, ok := person.ParseSNILS(value); ok {
		return hidden(value)
	}
	return value
}
