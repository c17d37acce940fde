package store

import (
	"errors"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// A transfer changes one thing: which city account a person is bound to. All that the
// person has hangs on the person's id and stays; all that was learnt under the city
// account before ends with the epoch. In decisions it stands under the person, as
// kind transferKind and key the person's id.
const transferKind = 0 // no registry's

// findHolder fills in whose the records of a question are that comes from a second city
// account, with all other records of that person: who is moved is moved everywhere.
func (t *tx) findHolder(item *queue.Item, own identity.PersonID) error {
	if !item.Transferable() {
		return nil
	}
	ids, err := t.othersWith(item, own)
	if err != nil || len(ids) == 0 {
		return err
	}
	if len(ids) > 1 {
		item.Holder = &queue.Holder{Bar: queue.ErrSeveral}
		return nil
	}
	h := &queue.Holder{Person: ids[0]}
	p, err := t.profileOf(h.Person)
	if err != nil {
		return err
	}
	h.Profile = p.profile()
	var done person.Activated
	if _, err := t.giveAccount(h.Person, "", time.Time{}, &done); err != nil { // without a login it only looks
		return err
	}
	h.Login = done.Login
	if err := t.otherRows(item, h, own); err != nil {
		return err
	}
	if h.Returned, err = t.leftAt(h.Person, item.Profile.Subject); err != nil {
		return err
	}
	named, err := t.onlyNamed(own)
	if err != nil {
		return err
	}
	switch guarded, err := t.administers(h.Person); {
	case err != nil:
		return err
	case !own.IsZero() && !named:
		h.Bar = queue.ErrOwnAccount
	case guarded:
		h.Bar = queue.ErrAdministers
	}
	item.Holder = h
	item.Weigh()
	return nil
}

// othersWith are those who have the records of a question, or one that was merged into
// such a record.
func (t *tx) othersWith(item *queue.Item, own identity.PersonID) (ids []identity.PersonID, err error) {
	add := func(id identity.PersonID) {
		if id != own && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, r := range item.Rows {
		if r.Bound && !r.Own {
			id, err := identity.ParsePersonID(r.Holder)
			if err != nil {
				return nil, err
			}
			add(id)
		}
		if r.Record.Kind != person.RecordEnrolment {
			continue
		}
		keys := []person.RecordID{r.Record.ID}
		for hop := 0; hop < mergeHops && len(keys) > 0; hop++ {
			var next []person.RecordID
			for _, key := range keys {
				err := t.each("SELECT e.key, b.person FROM enrolments e LEFT JOIN bindings b ON b.kind = ? AND b.key = e.key WHERE e.merged_to = ? AND e.merged_to <> '' ORDER BY e.key",
					[]any{person.RecordEnrolment, string(key)}, func(scan func(...any) error) error {
						var source person.RecordID
						var holder []byte
						err := scan(&source, &holder)
						if next = append(next, source); holder != nil {
							add(personID(holder))
						}
						return err
					})
				if err != nil {
					return nil, err
				}
			}
			keys = next
		}
	}
	return ids, nil
}

// otherRows shows the holder's records that the question does not speak of.
func (t *tx) otherRows(item *queue.Item, h *queue.Holder, own identity.PersonID) error {
	refs, err := t.boundTo(h.Person)
	if err != nil {
		return err
	}
	refs = slices.DeleteFunc(refs, func(ref person.RecordRef) bool {
		_, shown := item.Row(ref)
		return shown
	})
	rows, err := t.recordRows(refs, own, person.JoinFIO(h.Profile.Last, h.Profile.First, h.Profile.Middle))
	item.Rows = append(item.Rows, rows...)
	return err
}

// transfersOf are the transfers of a person that stand, the newest first.
func (t *tx) transfersOf(id identity.PersonID) ([]queue.Decision, error) {
	return t.decisions("kind = ? AND key = ? AND undone = 0", transferKind, id.String())
}

// leftAt is when a person was moved away from a city account; zero: never.
func (t *tx) leftAt(id identity.PersonID, subject identity.Subject) (time.Time, error) {
	list, err := t.transfersOf(id)
	for _, d := range list {
		if d.Origin != nil && d.Origin.Profile.Subject == subject {
			return d.At, err
		}
	}
	return time.Time{}, err
}

// administers says that somebody was granted rights of administration.
func (t *tx) administers(id identity.PersonID) (bool, error) {
	var n int
	err := t.row("SELECT COUNT(*) FROM rights WHERE person = ?", id[:]).Scan(&n)
	return n > 0, err
}

// decideTransfer moves the holder to the city account that asks. The question is
// answered by that itself: its records are the person's own from now on.
func (t *tx) decideTransfer(item *queue.Item, d *queue.Decision, now time.Time) error {
	h := item.Holder
	was, err := t.origin(h.Person)
	if err != nil {
		return err
	}
	missed, err := t.strayOf(d.Subject)
	if err != nil {
		return err
	}
	d.Person = h.Person
	told, err := t.foldNamed(d, now)
	if err != nil {
		return err
	}
	if told.upstreamAt > missed.upstreamAt {
		missed = told
	}
	missed = missed.since(item.At) // mos.ru may have said more since it was asked
	become, err := t.db.keys.current(domainSubject, string(d.Subject))
	if err != nil {
		return err
	}
	if was.Carried, err = t.carryDecisions(h.Profile.Subject, d.Subject, nil); err != nil {
		return err
	}
	err = t.bindSubject(h.Person, h.Profile.Subject, become, sealProfile(*item.Profile, item.At), missed.upstream, missed.upstreamAt, now)
	if err != nil {
		return err
	}
	d.Origin = was
	again, err := t.question(d.Item)
	d.Seen = again.Seen
	return err
}

// origin is what a person is now.
func (t *tx) origin(id identity.PersonID) (*queue.Origin, error) {
	p, err := t.profileOf(id)
	if err != nil {
		return nil, err
	}
	o := &queue.Origin{Profile: p.profile(), Asked: moment(p.Asked)}
	err = t.row("SELECT upstream, upstream_at FROM people WHERE id = ?", id[:]).Scan(&o.Upstream, &o.UpstreamAt)
	return o, notFound(err)
}

// bindSubject binds a person to another city account. What was learnt under the one
// before ends here: the epoch moves, so that no confirmation, ticket or late answer
// counts; verifier, waiting password and browsers go; and no target keeps a password.
// So does the app of the second factor: whose rights come from groups of a directory
// uses them after a new invitation alone.
func (t *tx) bindSubject(id identity.PersonID, before identity.Subject, subject keyed, p sealedPerson, upstream int, upstreamAt int64, now time.Time) error {
	sealed, err := t.db.keys.sealJSON("people", id.String(), "sealed", p)
	if err != nil {
		return err
	}
	// A Rematcher that is about to answer for the account before answers nothing.
	err = t.exec("UPDATE people SET subject_digest = ?, subject_version = ?, sealed = ?, upstream = ?, upstream_at = ?, erased = 0, idle = '', rematch = CASE WHEN rematch > 0 THEN rematch + 1 ELSE 0 END WHERE id = ?",
		subject.digest, subject.version, sealed, upstream, upstreamAt, id[:])
	if err != nil {
		return err
	}
	if err := t.raiseEpoch(id, now, never); err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE targets SET others_before = (SELECT epoch FROM people WHERE people.id = targets.person) WHERE person = ?",
		"DELETE FROM verifiers WHERE person = ?",
		"DELETE FROM factors WHERE person = ?",
	} {
		if err := t.exec(statement, id[:]); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM events WHERE id = ?", newestPasswordID(id)); err != nil { // it is about the other one
		return err
	}
	if err := t.endBrowsers(before); err != nil {
		return err
	}
	t.touch(id)
	return nil
}

// endBrowsers forgets who is signed in on pages with a city account.
func (t *tx) endBrowsers(subject identity.Subject) error {
	if subject == "" {
		return nil
	}
	digests, err := t.db.keys.every(domainBrowser, string(subject))
	if err != nil {
		return err
	}
	return t.exec("DELETE FROM web_sessions WHERE owner IN ("+marks(len(digests))+")", bytesOf(digests)...)
}

// carryDecisions lets what was decided of a person's records and name under one city
// account count for another, and gives the ids; with only, those alone.
func (t *tx) carryDecisions(from, to identity.Subject, only []string) (ids []string, err error) {
	if from == "" {
		return nil, nil
	}
	list, err := t.decisionsOf(from)
	if err != nil {
		return nil, err
	}
	become, err := t.db.keys.current(domainSubject, string(to))
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.Verb != queue.Bind && d.Verb != queue.Allocate || only != nil && !slices.Contains(only, d.ID) {
			continue
		}
		d.Subject = to
		sealed, err := t.db.keys.sealJSON("decisions", d.ID, "sealed", d)
		if err != nil {
			return nil, err
		}
		if err := t.exec("UPDATE decisions SET digest = ?, version = ?, sealed = ? WHERE id = ?", become.digest, become.version, sealed, d.ID); err != nil {
			return nil, err
		}
		ids = append(ids, d.ID)
	}
	return ids, nil
}

// undoTransfer moves the person back, unless something has come in the way since: the
// person was moved on, or the city account before has become another person's.
func (t *tx) undoTransfer(d queue.Decision, now time.Time) error {
	was := d.Origin
	if was == nil || was.Profile.Subject == "" {
		return queue.ErrUsed // who was erased has nowhere to go back to
	}
	switch id, err := t.personBySubject(d.Subject); {
	case errors.Is(err, identity.ErrNotFound), err == nil && id != d.Person:
		return queue.ErrMovedOn
	case err != nil:
		return err
	}
	switch _, err := t.personBySubject(was.Profile.Subject); {
	case err == nil:
		return queue.ErrOwnAccount
	case !errors.Is(err, identity.ErrNotFound):
		return err
	}
	guarded, err := t.administers(d.Person)
	if err != nil {
		return err
	}
	if guarded {
		return queue.ErrAdministers
	}
	if was.Upstream, was.UpstreamAt, err = t.toldSince(was); err != nil {
		return err
	}
	if _, err := t.carryDecisions(d.Subject, was.Profile.Subject, append([]string{}, was.Carried...)); err != nil {
		return err
	}
	become, err := t.db.keys.current(domainSubject, string(was.Profile.Subject))
	if err != nil {
		return err
	}
	err = t.bindSubject(d.Person, d.Subject, become, sealProfile(was.Profile, was.Asked), was.Upstream, was.UpstreamAt, now)
	if err != nil {
		return err
	}
	// What was said of the person goes on standing with the person alone.
	d.Origin = nil
	sealed, err := t.db.keys.sealJSON("decisions", d.ID, "sealed", d)
	if err != nil {
		return err
	}
	return t.exec("UPDATE decisions SET sealed = ? WHERE id = ?", sealed, d.ID)
}

// toldSince is what mos.ru says of the city account before, with what came while it
// was nobody's here.
func (t *tx) toldSince(was *queue.Origin) (upstream int, at int64, err error) {
	missed, err := t.strayOf(was.Profile.Subject)
	if err == nil && missed.upstreamAt > was.UpstreamAt && was.Upstream != upstreamRemoved {
		return missed.upstream, missed.upstreamAt, nil
	}
	return was.Upstream, was.UpstreamAt, err
}

// lateForTransfer says that a try asks for a second city account to which the person
// was moved since it began.
func (t *tx) lateForTransfer(problems []match.Problem, digest []byte, at int64) (bool, error) {
	if !slices.ContainsFunc(problems, func(p match.Problem) bool { return p.Code == match.MultipleMosruAccounts }) {
		return false, nil
	}
	var n int
	err := t.row("SELECT COUNT(*) FROM decisions WHERE digest = ? AND verb = ? AND undone = 0 AND at >= ?", digest, queue.Transfer, at).Scan(&n)
	return n > 0, err
}
