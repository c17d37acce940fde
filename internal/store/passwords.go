package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// Passwords keeps clear passwords that wait until a target has them: one a
// person, each for a day. They are sealed under a random key of the day on
// which they came, which is itself sealed with the keyset and destroyed when
// the last of them has died. From then on they open to nobody, in whatever
// backup they lie, as long as the day key is not in the same backup.
//
//	kept ─┬─ delivered ─────────────► deleted
//	      ├─ a newer one came ──────► replaced
//	      ├─ the credential changed ► deleted
//	      └─ 24 h ──────────────────► dead: refused at once, deleted by Prune; what a target has instead is stale
type Passwords struct{ db *DB }

// Passwords gives the waiting passwords.
func (db *DB) Passwords() *Passwords { return &Passwords{db} }

const (
	// passwordLife is how long a password waits. Its day's key lives as long
	// after the end of the day at most.
	passwordLife = 24 * time.Hour
	// passwordLimit bounds what is kept: AD takes 256 characters.
	passwordLimit = 1024
)

// Offer is told of clear passwords that mos.ru confirmed when it was asked, of
// a person whose credential epoch was epoch then. It is kept
// only if one of the person's targets does not have it, which is a short look
// at the store otherwise. identity.ErrConflict where the epoch has moved on;
// auth.ErrNewer where another one waits or was delivered that counts as newer
// than asked, as one from an event does for eventMargin.
func (p *Passwords) Offer(ctx context.Context, id identity.PersonID, epoch uint64, typed identity.Password, asked time.Time) error {
	o := offer{person: id, epoch: epoch, typed: typed, learnt: asked, now: p.db.now()}
	needed := false
	err := p.db.read(ctx, func(t *tx) (err error) {
		needed, err = t.needed(&o)
		return err
	})
	if err == nil && needed {
		err = p.db.write(ctx, func(t *tx) error {
			if err := t.holdEpoch(id, epoch); err != nil {
				return err
			}
			return t.keepPassword(o)
		})
	}
	if err != nil {
		return fmt.Errorf("keep password for the targets: %w", err)
	}
	return nil
}

// holdEpoch holds the person's row if the epoch still stands: no event can
// raise it between this look and the commit.
func (t *tx) holdEpoch(id identity.PersonID, epoch uint64) error {
	n, err := t.count("UPDATE people SET epoch = epoch WHERE id = ? AND epoch = ?", id[:], epoch)
	if err == nil && n == 0 {
		err = identity.ErrConflict
	}
	return err
}

// offer is a password that may be kept.
type offer struct {
	person identity.PersonID
	epoch  uint64
	typed  identity.Password
	learnt time.Time // until when mos.ru vouches for it: an event before that does not touch it
	now    time.Time
	tags   []keyed // the password's digests under every key, the current one first
}

// needed says whether keeping the password would change anything;
// auth.ErrNewer where another one stands in its way.
func (t *tx) needed(o *offer) (bool, error) {
	if o.typed == "" || len(o.typed) > passwordLimit {
		return false, nil
	}
	rows, err := t.targetRows(o.person)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	if o.tags == nil {
		if o.tags, err = t.db.keys.every(domainPassword, o.person.String()+string(o.typed)); err != nil {
			return false, err
		}
	}
	w, err := t.waitingPassword(o.person)
	switch {
	case errors.Is(err, identity.ErrNotFound):
	case err != nil:
		return false, err
	case w.alive(o.now) && w.Epoch == o.epoch && o.sameAs(w.Tag):
		return false, nil
	case w.Epoch > o.epoch:
		return false, nil
	case w.Epoch == o.epoch && w.learnt > micros(o.learnt):
		return false, auth.ErrNewer
	default:
		return true, nil // the one that waits must not be delivered any more
	}
	switch {
	case slices.ContainsFunc(rows, o.wantedBy):
		return true, nil
	case slices.ContainsFunc(rows, func(r storedTarget) bool {
		return r.Observed.PasswordEpoch == o.epoch && !o.sameAs(r.Observed.PasswordTag)
	}):
		return false, auth.ErrNewer
	}
	return false, nil
}

// wantedBy says that a target should get the password: it has none of this
// epoch, or another one that mos.ru has not confirmed later.
func (o *offer) wantedBy(r storedTarget) bool {
	if r.Observed.PasswordEpoch != o.epoch {
		return r.Observed.PasswordEpoch < o.epoch
	}
	if o.sameAs(r.Observed.PasswordTag) {
		return false
	}
	// A moment that cannot have come yet was told by a clock that was wrong.
	soon := micros(o.now.Add(eventFuture + eventMargin))
	return r.passwordAt <= micros(o.learnt) || r.passwordAt > soon
}

func (o *offer) sameAs(tag []byte) bool {
	for _, d := range o.tags {
		if subtle.ConstantTimeCompare(d.digest, tag) == 1 {
			return true
		}
	}
	return false
}

// keepPassword keeps what is needed, in place of what waits, and makes the
// person's accounts due.
func (t *tx) keepPassword(o offer) error {
	needed, err := t.needed(&o)
	if errors.Is(err, auth.ErrNewer) {
		return nil
	}
	if err != nil || !needed {
		return err
	}
	day := o.now.UTC().Format(time.DateOnly)
	key, err := t.dayKey(day)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	sealed := key.Seal(nil, nil, []byte(o.typed), passwordPlace(o.person, id))
	err = t.exec(`INSERT INTO passwords (person, id, epoch, learnt, until, day, digest, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET id = excluded.id, epoch = excluded.epoch, learnt = excluded.learnt, until = excluded.until,
		day = excluded.day, digest = excluded.digest, sealed = excluded.sealed`,
		o.person[:], id[:], o.epoch, micros(o.learnt), micros(o.now.Add(passwordLife)), day, o.tags[0].digest, sealed)
	if err != nil {
		return err
	}
	t.woke = true
	t.publish(o.person)
	return t.triggerTargets(o.person, o.now)
}

func passwordPlace(person identity.PersonID, id [16]byte) []byte {
	return place("passwords", person.String()+"/"+hex.EncodeToString(id[:]), "sealed")
}

// dayKey gives the day's key, making it for the first password of the day.
func (t *tx) dayKey(day string) (cipher.AEAD, error) {
	key, err := t.openDayKey(day)
	if !errors.Is(err, identity.ErrNotFound) {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	sealed, err := t.db.keys.seal("day_keys", day, "sealed", fresh)
	if err != nil {
		return nil, err
	}
	if err := t.exec("INSERT INTO day_keys (day, sealed) VALUES (?, ?) ON CONFLICT (day) DO NOTHING", day, sealed); err != nil {
		return nil, err
	}
	return t.openDayKey(day) // somebody else's, if that came first
}

func (t *tx) openDayKey(day string) (cipher.AEAD, error) {
	var sealed []byte
	if err := t.row("SELECT sealed FROM day_keys WHERE day = ?", day).Scan(&sealed); err != nil {
		return nil, notFound(err)
	}
	key, err := t.db.keys.open("day_keys", day, "sealed", sealed)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// storedPassword is one row of passwords.
type storedPassword struct {
	provision.Password // without Clear
	learnt             int64
	day                string
	sealed             []byte
}

func (w storedPassword) alive(now time.Time) bool { return w.Until.After(now) }

func (t *tx) waitingPassword(id identity.PersonID) (storedPassword, error) {
	found, err := t.waitingPasswords("person = ?", id[:])
	w, ok := found[id]
	if err == nil && !ok {
		err = identity.ErrNotFound
	}
	return w, err
}

func (t *tx) waitingPasswords(condition string, args ...any) (map[identity.PersonID]storedPassword, error) {
	found := map[identity.PersonID]storedPassword{}
	err := t.each("SELECT person, id, epoch, learnt, until, day, digest, sealed FROM passwords WHERE "+condition, args, func(scan func(...any) error) error {
		var w storedPassword
		var id, key []byte
		var until int64
		err := scan(&id, &key, &w.Epoch, &w.learnt, &until, &w.day, &w.Tag, &w.sealed)
		copy(w.ID[:], key)
		w.Until = moment(until)
		found[personID(id)] = w
		return err
	})
	return found, err
}

// open gives the password with its clear text.
func (w storedPassword) open(id identity.PersonID, key cipher.AEAD) (*provision.Password, error) {
	typed, err := key.Open(nil, nil, w.sealed, passwordPlace(id, w.ID))
	if err != nil {
		return nil, fmt.Errorf("passwords.sealed: %w", ErrSealed)
	}
	w.Clear = identity.Password(typed)
	return &w.Password, nil
}

// delivered deletes a password that a target has now, and notes how new it is.
func (t *tx) delivered(id identity.PersonID, target string, password [16]byte) error {
	w, err := t.waitingPassword(id)
	if errors.Is(err, identity.ErrNotFound) || err == nil && !bytes.Equal(w.ID[:], password[:]) {
		return nil // it died meanwhile; the target has it all the same
	}
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE targets SET password_at = ? WHERE person = ? AND target = ?", w.learnt, id[:], target); err != nil {
		return err
	}
	return t.exec("DELETE FROM passwords WHERE person = ? AND id = ?", id[:], password[:])
}

// always is before every moment at which a password was learnt, never after.
const (
	always = -1
	never  = math.MaxInt64
)

// raiseEpoch begins a new credential epoch. What mos.ru has vouched for after
// the moment (in microseconds; always: everything, never: nothing) stands under the new one
// too: waiting passwords, and those that targets have.
func (t *tx) raiseEpoch(id identity.PersonID, now time.Time, stands int64) error {
	var epoch uint64
	err := t.row("UPDATE people SET epoch = epoch + 1, epoch_at = ? WHERE id = ? RETURNING epoch", micros(now), id[:]).Scan(&epoch)
	if err != nil {
		return notFound(err)
	}
	if err := t.exec("DELETE FROM passwords WHERE person = ? AND (learnt <= ? OR epoch <> ?)", id[:], stands, epoch-1); err != nil {
		return err
	}
	if err := t.exec("UPDATE passwords SET epoch = ? WHERE person = ?", epoch, id[:]); err != nil {
		return err
	}
	return t.exec("UPDATE targets SET password_epoch = ? WHERE person = ? AND password_epoch = ? AND password_at > ?",
		epoch, id[:], epoch-1, stands)
}

// pruneRows is how many passwords one transaction of Prune deletes: others want
// to write too.
const pruneRows = 500

// Prune deletes dead passwords and destroys the keys of days that are over
// and have none left: at latest 24 h after the end of the day. Call it at the
// start and hourly.
func (p *Passwords) Prune(ctx context.Context, now time.Time) error {
	const day = time.DateOnly
	today, yesterday, tomorrow := now.UTC().Format(day), now.UTC().Add(-passwordLife).Format(day), now.UTC().Add(passwordLife).Format(day)
	left := pruneRows
	for left == pruneRows {
		err := p.db.write(ctx, func(t *tx) (err error) {
			left, err = t.pruneSome(now, yesterday, tomorrow)
			return err
		})
		if err != nil {
			return fmt.Errorf("destroy dead passwords: %w", err)
		}
	}
	err := p.db.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM day_keys WHERE (day < ? OR day > ?) AND NOT EXISTS (SELECT 1 FROM passwords WHERE passwords.day = day_keys.day)", today, tomorrow)
	})
	if err == nil {
		err = p.db.driver.Scrub(ctx)
	}
	if err != nil {
		return fmt.Errorf("destroy dead passwords: %w", err)
	}
	return nil
}

// pruneSome deletes some dead passwords and says how many. The days hold
// whatever a clock or a hand has done to until.
func (t *tx) pruneSome(now time.Time, yesterday, tomorrow string) (n int, err error) {
	type dead struct {
		person []byte
		epoch  uint64
	}
	var list []dead
	err = t.each(`DELETE FROM passwords WHERE person IN (SELECT person FROM passwords WHERE until <= ? OR day < ? OR day > ? LIMIT ?) RETURNING person, epoch`,
		[]any{micros(now), yesterday, tomorrow, pruneRows}, func(scan func(...any) error) error {
			var d dead
			err := scan(&d.person, &d.epoch)
			list = append(list, d)
			return err
		})
	t.many = true // nobody waits
	for i := 0; err == nil && i < len(list); i++ {
		err = t.outlived(personID(list[i].person), list[i].epoch, now)
	}
	return len(list), err
}

// outlived notes that a password died which no target got: what they have of its
// epoch is the one before, as if an event had told of a change.
func (t *tx) outlived(id identity.PersonID, epoch uint64, now time.Time) error {
	t.publish(id)
	n, err := t.count("UPDATE targets SET password_epoch = password_epoch - 1 WHERE person = ? AND password_epoch = ? AND password_epoch > 0", id[:], epoch)
	if err == nil && n > 0 {
		err = t.triggerTargets(id, now)
	}
	return err
}
