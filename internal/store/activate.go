package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// firstUID is the first uidNumber: above what distributions give to local
// users and below nothing that matters.
const firstUID = 100000

// Conflict is why an activation cannot be: a record or a name is somebody
// else's. It wraps identity.ErrConflict. Exactly one of Record, Name and Object
// is set.
type Conflict struct {
	Record person.RecordRef
	Name   person.Name
	Object [16]byte          // in a target
	Holder identity.PersonID // whose it is
}

// Error names the holder by id only: the text may reach a log.
func (c *Conflict) Error() string {
	switch {
	case c.Name != (person.Name{}):
		return fmt.Sprintf("the %s name belongs to person %s", c.Name.Kind, c.Holder)
	case c.Object != [16]byte{}:
		return fmt.Sprintf("the object in the target is the account of person %s", c.Holder)
	}
	return fmt.Sprintf("the %s record is bound to person %s", c.Record.Kind, c.Holder)
}

// TakenName is the name that is somebody else's, or "".
func (c *Conflict) TakenName() string { return c.Name.Text }

// Unwrap gives identity.ErrConflict.
func (c *Conflict) Unwrap() error { return identity.ErrConflict }

// Activate binds a city account to records and gives the person names and an
// account, all in one transaction. Repeating it gives equal values and
// changes nothing; two at the same moment come to the same account. A
// *Conflict where a record, a name or an object is somebody else's,
// identity.ErrNotFound where a record is in no registry; nothing is written
// then. The password waits for the person's targets where one needs it.
func (a *Accounts) Activate(ctx context.Context, act person.Activation, now time.Time) (person.Activated, error) {
	var done person.Activated
	if act.Profile.Subject == "" {
		return done, errors.New("activate: the profile has no subject")
	}
	for attempt := 1; ; attempt++ {
		err := a.db.write(ctx, func(t *tx) error {
			var err error
			done, err = t.activate(act, now)
			return err
		})
		if err == nil {
			return done, nil
		}
		// Another activation may have taken the row between our look and our
		// write where the engine has several writers; the next look sees it.
		if attempt == attempts || !a.db.driver.Duplicate(err) {
			return person.Activated{}, fmt.Errorf("activate: %w", err)
		}
	}
}

func (t *tx) activate(act person.Activation, now time.Time) (person.Activated, error) {
	var done person.Activated
	asked := act.Asked
	if asked.IsZero() {
		asked = now
	}
	if t.many = act.Unattended; t.many {
		if err := t.asksRematch(act.Profile.Subject); err != nil {
			return done, err
		}
	}
	id, changed, err := t.holdPerson(act.Profile, asked, now)
	if err != nil {
		return done, err
	}
	done.Person = id
	if err := t.noteCityLogin(act.Profile.Subject, act.Profile.Login, asked); err != nil {
		return done, err
	}
	if err := t.holdDecisions(act); err != nil {
		return done, err
	}
	if err := t.holdClaims(id, act); err != nil {
		return done, err
	}
	if err := t.dropTry(act.Profile.Subject, micros(asked)); err != nil {
		return done, err
	}
	newest, err := t.profileOf(id)
	if err != nil {
		return done, err
	}
	act.Profile.Login = newest.login()
	if done.Epoch, err = t.epochSince(id, asked); err != nil {
		return done, err
	}
	for _, step := range []func() (bool, error){
		func() (bool, error) { return t.bindAll(id, act, now) },
		func() (bool, error) { return t.nameAll(id, act) },
		func() (bool, error) { return t.giveAccount(id, act.Login, now, &done) },
		func() (bool, error) { return t.giveTarget(id, act.Target, now) },
	} {
		more, err := step()
		if err != nil {
			return person.Activated{}, err
		}
		changed = changed || more
	}
	if done.Epoch != 0 {
		if err := t.keepPassword(offer{person: id, epoch: done.Epoch, typed: act.Password, learnt: asked, now: now}); err != nil {
			return person.Activated{}, err
		}
		if err := t.learnHash(done, act.NTHash, asked); err != nil {
			return person.Activated{}, err
		}
	}
	if !changed {
		return done, nil
	}
	t.touch(id)
	return done, t.auditJSON(now, "activation", id, map[string]any{
		"login": done.Login, "records": act.Records, "uid_number": done.UIDNumber, "created": done.Created,
	})
}

// hashAgain is how old a kept verifier may grow before the same password renews it.
const hashAgain = time.Hour

// learnHash keeps the hash of the password that was typed for an activation, unless a
// younger word about it is kept. Whoever is told of the account signs in with it by
// methods that show no password, and no daemon's end between the two may cost that.
func (t *tx) learnHash(done person.Activated, hash []byte, asked time.Time) error {
	if len(hash) == 0 || done.Login == "" {
		return nil
	}
	kept, err := t.verifier(done.Person)
	if err != nil && !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, ErrSealed) {
		return err
	}
	v := auth.Verifier{NTHash: hash, Before: kept.Leaves(hash), Epoch: done.Epoch, LearnAt: asked}
	if kept.Epoch == v.Epoch && (kept.LearnAt.After(asked) || kept.Same(v) && asked.Sub(kept.LearnAt) < hashAgain) {
		return nil
	}
	return t.saveVerifier(done.Person, v)
}

// epochSince gives the credential epoch if it has stood since a moment, else 0.
func (t *tx) epochSince(id identity.PersonID, asked time.Time) (uint64, error) {
	var epoch uint64
	var raised int64
	err := t.row("SELECT epoch, epoch_at FROM people WHERE id = ?", id[:]).Scan(&epoch, &raised)
	if err != nil || raised >= micros(asked) {
		return 0, notFound(err)
	}
	return epoch, nil
}

// personBySubject finds who is bound to a city account.
func (t *tx) personBySubject(subject identity.Subject) (identity.PersonID, error) {
	digests, err := t.db.keys.every(domainSubject, string(subject))
	if err != nil {
		return identity.PersonID{}, err
	}
	for _, d := range digests {
		var id []byte
		err := t.row("SELECT id FROM people WHERE subject_digest = ? AND subject_version = ?", d.digest, d.version).Scan(&id)
		if err == nil || !isNoRows(err) {
			return personID(id), err
		}
	}
	return identity.PersonID{}, identity.ErrNotFound
}

// holdPerson finds or makes the person and keeps what the profile says. asked
// is when mos.ru was.
func (t *tx) holdPerson(p person.Profile, asked, now time.Time) (id identity.PersonID, changed bool, err error) {
	profile := sealProfile(p, asked)
	id, err = t.personBySubject(p.Subject)
	if err == nil {
		opened, err := t.reopen(id, asked)
		if err != nil {
			return id, false, err
		}
		changed, err = t.updateProfile(id, profile)
		return id, opened || changed, err
	}
	if !errors.Is(err, identity.ErrNotFound) {
		return id, false, err
	}
	if id, err = identity.NewPersonID(rand.Reader); err != nil {
		return id, false, err
	}
	subject, err := t.db.keys.current(domainSubject, string(p.Subject))
	if err != nil {
		return id, false, err
	}
	sealed, err := t.db.keys.sealJSON("people", id.String(), "sealed", profile)
	if err != nil {
		return id, false, err
	}
	missed, err := t.strayOf(p.Subject)
	if err != nil {
		return id, false, err
	}
	missed = missed.since(asked)
	return id, true, t.exec(`INSERT INTO people (id, subject_version, subject_digest, epoch, epoch_at, state, upstream, upstream_at, created, modified, seq, sealed)
		VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, 0, ?)`,
		id[:], subject.version, subject.digest, missed.at, directory.StateActive, missed.upstream, missed.upstreamAt, micros(now), micros(now), sealed)
}

// reopen: who signed in to the city account showed that it was open then,
// whatever event was lost. Events tell whole seconds: one of the second in which
// mos.ru was asked may have come after.
func (t *tx) reopen(id identity.PersonID, asked time.Time) (bool, error) {
	asked = asked.Truncate(time.Second)
	n, err := t.count("UPDATE people SET upstream = ?, upstream_at = ? WHERE id = ? AND upstream <> ? AND upstream_at < ?",
		upstreamOpen, micros(asked), id[:], upstreamOpen, micros(asked))
	return n > 0, err
}

func (t *tx) profileOf(id identity.PersonID) (sealedPerson, error) {
	var p sealedPerson
	var sealed []byte
	if err := t.row("SELECT sealed FROM people WHERE id = ?", id[:]).Scan(&sealed); err != nil {
		return p, notFound(err)
	}
	return p, t.db.keys.openJSON("people", id.String(), "sealed", sealed, &p)
}

func (t *tx) updateProfile(id identity.PersonID, profile sealedPerson) (bool, error) {
	old, err := t.profileOf(id)
	same := profile
	same.Asked = old.Asked
	if err != nil || old == same || profile.Asked < old.Asked { // what mos.ru said later stands
		return false, err
	}
	sealed, err := t.db.keys.sealJSON("people", id.String(), "sealed", profile)
	if err != nil {
		return false, err
	}
	return true, t.exec("UPDATE people SET sealed = ?, erased = 0, idle = '' WHERE id = ?", sealed, id[:])
}

// parentOf is the person's part of a card's binding: a card's binding
// concerns only the row with the bound person's ФИО.
func parentOf(p person.Profile) string { return fioKey(p.Last, p.First, p.Middle) }

func (t *tx) bindAll(id identity.PersonID, act person.Activation, now time.Time) (changed bool, err error) {
	for _, record := range act.Records {
		parents := []keyed{{digest: []byte{}}}
		if record.Kind == person.RecordCard {
			if parents, err = t.db.keys.every(domainParent, parentOf(act.Profile)); err != nil {
				return false, err
			}
		}
		more, err := t.bind(id, record, parents, now)
		if err != nil {
			return false, err
		}
		changed = changed || more
	}
	return changed, nil
}

var recordExists = map[person.RecordKind]string{
	person.RecordEmployment: "SELECT COUNT(*) FROM employments WHERE key = ?",
	person.RecordEnrolment:  "SELECT COUNT(*) FROM enrolments WHERE key = ?",
	person.RecordCard:       "SELECT COUNT(*) FROM cards WHERE child = ?",
}

func (t *tx) bind(id identity.PersonID, record person.RecordRef, parents []keyed, now time.Time) (bool, error) {
	for _, parent := range parents {
		var holder []byte
		err := t.row("SELECT person FROM bindings WHERE kind = ? AND key = ? AND parent_digest = ? AND parent_version = ?",
			record.Kind, string(record.ID), parent.digest, parent.version).Scan(&holder)
		switch {
		case isNoRows(err):
			continue
		case err != nil:
			return false, err
		case personID(holder) != id:
			return false, &Conflict{Record: record, Holder: personID(holder)}
		}
		return false, nil
	}
	query, ok := recordExists[record.Kind]
	if !ok {
		return false, fmt.Errorf("%d is no kind of record", record.Kind)
	}
	var n int
	if err := t.row(query, string(record.ID)).Scan(&n); err != nil {
		return false, err
	}
	if n == 0 {
		return false, fmt.Errorf("%s record: %w", record.Kind, identity.ErrNotFound)
	}
	return true, t.exec("INSERT INTO bindings (kind, key, parent_digest, parent_version, person, at) VALUES (?, ?, ?, ?, ?, ?)",
		record.Kind, string(record.ID), parents[0].digest, parents[0].version, id[:], micros(now))
}

// nameAll reserves the names. A name is never taken from its holder, nor
// deleted: the mos.ru login that is replaced by another becomes retired.
func (t *tx) nameAll(id identity.PersonID, act person.Activation) (changed bool, err error) {
	if act.Target != nil && act.Target.Made {
		var n int
		if err := t.row("SELECT COUNT(*) FROM targets WHERE person = ? AND target = ?", id[:], act.Target.Target).Scan(&n); err != nil {
			return false, err
		}
		if n > 0 { // the first decision stands, and needs no other name
			act.Login, act.Target = "", nil
		} else if changed, err = t.giveMade(id, act.Target, nil); err != nil {
			return false, err
		}
	}
	wanted := act.Names
	if act.Login != "" {
		wanted = append(wanted[:len(wanted):len(wanted)], person.Name{Kind: person.NameAD, Text: string(act.Login)})
	}
	for _, name := range wanted {
		if name.Text == "" {
			continue
		}
		if err := t.mayClaim(id, act.Profile.Subject, name); err != nil {
			return false, err
		}
		more, err := t.giveName(id, name)
		if err != nil {
			return false, err
		}
		changed = changed || more
	}
	retired, err := t.retireOthers(id, act.Profile.Login)
	if err != nil || act.Target == nil {
		return changed || retired, err
	}
	// After the old ones were retired: the name of an adopted account may be one.
	more, err := t.giveName(id, person.Name{Kind: person.NameAD, Text: act.Target.Name})
	return changed || retired || more, err
}

// mayClaim gives a *Conflict where a system beside mos.ru gives its person a login
// that is somebody else's at mos.ru or in the ЭЖД: whoever keeps a school's own
// directory writes any login into it, and would be shown the passwords of whoever
// types this one.
func (t *tx) mayClaim(id identity.PersonID, subject identity.Subject, name person.Name) error {
	if subject.Upstream() == "" || name.Kind != person.NameMosru {
		return nil
	}
	holder, held, err := t.elsewhereThan(id, name.Text, nil)
	if err == nil && held {
		err = &Conflict{Name: name, Holder: holder}
	}
	return err
}

// giveName reserves one name, and says whether that changed anything. The
// first kind that a text was given under stays, unless that was retired.
func (t *tx) giveName(id identity.PersonID, name person.Name) (bool, error) {
	folded := person.FoldName(name.Text)
	holder, kind, digest, err := t.holderOf(folded)
	switch {
	case err == nil && holder != id:
		return false, &Conflict{Name: name, Holder: holder}
	case err == nil && kind == person.NameRetired && name.Kind != person.NameRetired:
		sealed, err := t.db.keys.seal("names", nameKey(digest.digest), "sealed", []byte(name.Text))
		if err != nil {
			return false, err
		}
		return true, t.exec("UPDATE names SET kind = ?, sealed = ? WHERE digest = ? AND version = ?", name.Kind, sealed, digest.digest, digest.version)
	case err == nil:
		return false, nil
	case !errors.Is(err, identity.ErrNotFound):
		return false, err
	}
	digest, err = t.db.keys.current(domainName, folded)
	if err != nil {
		return false, err
	}
	sealed, err := t.db.keys.seal("names", nameKey(digest.digest), "sealed", []byte(name.Text))
	if err != nil {
		return false, err
	}
	look, err := t.db.keys.current(domainLook, login.Look(name.Text))
	if err != nil {
		return false, err
	}
	return true, t.exec("INSERT INTO names (digest, version, person, kind, sealed, look) VALUES (?, ?, ?, ?, ?, ?)",
		digest.digest, digest.version, id[:], name.Kind, sealed, look.digest)
}

// retireOthers makes the mos.ru names retired that are not the login of now.
func (t *tx) retireOthers(id identity.PersonID, mosru string) (bool, error) {
	if mosru == "" {
		return false, nil
	}
	digests, err := t.db.keys.every(domainName, person.FoldName(mosru))
	if err != nil {
		return false, err
	}
	args := []any{person.NameRetired, id[:], person.NameMosru}
	for _, d := range digests {
		args = append(args, d.digest)
	}
	n, err := t.count("UPDATE names SET kind = ? WHERE person = ? AND kind = ? AND digest NOT IN ("+marks(len(digests))+")", args...)
	return n > 0, err
}

// holderOf finds whose a folded name is.
func (t *tx) holderOf(folded string) (id identity.PersonID, kind person.NameKind, found keyed, err error) {
	digests, err := t.db.keys.every(domainName, folded)
	if err != nil {
		return id, 0, found, err
	}
	for _, d := range digests {
		var holder []byte
		err := t.row("SELECT person, kind FROM names WHERE digest = ? AND version = ?", d.digest, d.version).Scan(&holder, &kind)
		if err == nil || !isNoRows(err) {
			return personID(holder), kind, d, err
		}
	}
	return id, 0, found, identity.ErrNotFound
}

// giveAccount finds or makes the account. Its login and numbers never change
// here: a rename is a step of its own that a person confirms.
func (t *tx) giveAccount(id identity.PersonID, login identity.Login, now time.Time, done *person.Activated) (bool, error) {
	var uuid, sealed []byte
	err := t.row("SELECT uid_number, uuid, sealed FROM accounts WHERE person = ?", id[:]).Scan(&done.UIDNumber, &uuid, &sealed)
	if err == nil {
		copy(done.UUID[:], uuid)
		if len(sealed) == 0 { // somebody who was erased came back
			return t.loginAgain(id, login, done)
		}
		text, err := t.db.keys.open("accounts", id.String(), "sealed", sealed)
		done.Login = identity.Login(text)
		return false, err
	}
	if !isNoRows(err) || login == "" {
		if isNoRows(err) {
			err = nil // a parent
		}
		return false, err
	}
	// Numbers come from a counter, not from the highest account: a number
	// that was ever given stays given.
	if err := t.row("UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", "uid_number").Scan(&done.UIDNumber); err != nil {
		return false, err
	}
	done.Login, done.Created, done.UUID = login, true, randomUUID()
	if sealed, err = t.db.keys.seal("accounts", id.String(), "sealed", []byte(login)); err != nil {
		return false, err
	}
	err = t.exec("INSERT INTO accounts (person, uid_number, gid_number, uuid, created, sealed) VALUES (?, ?, ?, ?, ?, ?)",
		id[:], done.UIDNumber, done.UIDNumber, done.UUID[:], micros(now), sealed)
	if err != nil {
		return false, err
	}
	return true, t.refill(id, login)
}

// loginAgain gives an account whose login was erased one; without a login it only
// looks.
func (t *tx) loginAgain(id identity.PersonID, login identity.Login, done *person.Activated) (bool, error) {
	done.Login = login
	if login == "" {
		return false, nil
	}
	sealed, err := t.db.keys.seal("accounts", id.String(), "sealed", []byte(login))
	if err != nil {
		return false, err
	}
	if err := t.exec("UPDATE accounts SET sealed = ? WHERE person = ?", sealed, id[:]); err != nil {
		return false, err
	}
	return true, t.refill(id, login)
}

// randomUUID gives a version 4 UUID (RFC 9562 section 5.4).
func randomUUID() [16]byte {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}
