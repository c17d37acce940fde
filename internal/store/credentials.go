package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// Credentials keeps verifiers and applies credential events; it implements
// auth.Verifiers.
type Credentials struct{ db *DB }

var _ auth.Verifiers = (*Credentials)(nil)

// Credentials gives the verifiers and events.
func (db *DB) Credentials() *Credentials { return &Credentials{db} }

// sealedVerifier is verifiers.sealed.
type sealedVerifier struct {
	NT     []byte `json:",omitempty"`
	Argon2 string `json:",omitempty"`
	Before []byte `json:",omitempty"`
}

// Verifier implements auth.Verifiers.
func (c *Credentials) Verifier(ctx context.Context, id identity.PersonID) (auth.Verifier, error) {
	var v auth.Verifier
	err := c.db.read(ctx, func(t *tx) (err error) {
		v, err = t.verifier(id)
		return err
	})
	if err != nil {
		return auth.Verifier{}, fmt.Errorf("read verifier: %w", err)
	}
	return v, nil
}

func (t *tx) verifier(id identity.PersonID) (v auth.Verifier, err error) {
	var learnt int64
	var sealed []byte
	if err := t.row("SELECT epoch, learnt, sealed FROM verifiers WHERE person = ?", id[:]).Scan(&v.Epoch, &learnt, &sealed); err != nil {
		return v, notFound(err)
	}
	v.LearnAt = moment(learnt)
	var s sealedVerifier
	err = t.db.keys.openJSON("verifiers", id.String(), "sealed", sealed, &s)
	v.NTHash, v.Argon2, v.Before = s.NT, s.Argon2, s.Before
	return v, err
}

// SaveVerifier implements auth.Verifiers.
func (c *Credentials) SaveVerifier(ctx context.Context, id identity.PersonID, v auth.Verifier) error {
	err := c.db.write(ctx, func(t *tx) error { return t.saveVerifier(id, v) })
	if err != nil {
		return fmt.Errorf("save verifier: %w", err)
	}
	return nil
}

func (t *tx) saveVerifier(id identity.PersonID, v auth.Verifier) error {
	sealed, err := t.db.keys.sealJSON("verifiers", id.String(), "sealed", sealedVerifier{v.NTHash, v.Argon2, v.Before})
	if err != nil {
		return err
	}
	if err := t.holdEpoch(id, v.Epoch); err != nil {
		return err
	}
	return t.exec(`INSERT INTO verifiers (person, epoch, learnt, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE
		SET epoch = excluded.epoch, learnt = excluded.learnt, sealed = excluded.sealed
		WHERE verifiers.epoch <> excluded.epoch OR verifiers.learnt <= excluded.learnt`, id[:], v.Epoch, micros(v.LearnAt), sealed)
}

// ReplaceVerifier implements auth.Verifiers.
func (c *Credentials) ReplaceVerifier(ctx context.Context, id identity.PersonID, old, v auth.Verifier) (replaced bool, err error) {
	err = c.db.write(ctx, func(t *tx) error {
		replaced = false
		kept, err := t.verifier(id)
		if err != nil {
			return err
		}
		if !kept.Same(old) || kept.Epoch == v.Epoch && kept.LearnAt.After(v.LearnAt) {
			return nil
		}
		replaced = true
		return t.saveVerifier(id, v)
	})
	if err != nil {
		return false, fmt.Errorf("replace verifier: %w", err)
	}
	return replaced, nil
}

// EventKind is what an upstream event tells.
type EventKind string

// The kinds of events.
const (
	EventPasswordSet EventKind = "password_set"
	EventAttributes  EventKind = "attributes_changed"
	EventDisabled    EventKind = "disabled"
	EventEnabled     EventKind = "enabled"
	EventRemoved     EventKind = "removed" // for good
)

// What the upstream says of a city account, beside what people here decided:
// lifting the one never lifts the other. They are stored; never renumber them.
const (
	upstreamOpen = iota
	upstreamDisabled
	upstreamRemoved
)

// shown is the state that the directory sees.
func shown(state directory.State, upstream int) directory.State {
	if upstream != upstreamOpen {
		return directory.StateSuspended
	}
	return state
}

// Event is one message of the upstream about a city account.
type Event struct {
	ID      string // the upstream's id of the message, at most 256 bytes
	At      time.Time
	Subject identity.Subject
	Kind    EventKind
	// Password is the new one, where the event brings it, and NTHash its hash (16
	// bytes), where such are kept.
	Password identity.Password
	NTHash   []byte
	NTOff    bool // no hashes are kept: none stays as the one before either
}

// ErrEvent says that an event cannot be taken: no id, or outside the window.
var ErrEvent = errors.New("the event has no id or is too old or from the future")

const (
	// eventWindow is how long ids are remembered. An event is refused before
	// its id is forgotten, so it cannot be replayed afterwards.
	eventWindow = 7 * 24 * time.Hour
	eventFuture = 5 * time.Minute
	// eventMargin covers the clocks and the way between mos.ru and us: a
	// verifier learnt only shortly after the event may still be the old one.
	eventMargin = time.Minute
)

// ApplyEvent applies an event once: the epoch is raised, which drops every
// confirmation, and the kept verifier goes, unless mos.ru confirmed it well
// after the event (a late event never replaces a newer confirmation). So it is
// with the passwords that wait for targets or were delivered to them; one that
// the event brings waits under the new epoch, and its hash is the verifier there.
// A city account that was disabled
// or removed is suspended, until it is enabled again; of events that overtook
// each other the younger one stands. It is durable when ApplyEvent returns. applied is false
// for a replay and for a subject that nobody here is bound to; that is
// remembered for who activates at this moment.
func (c *Credentials) ApplyEvent(ctx context.Context, e Event) (applied bool, err error) {
	now := c.db.now()
	if e.ID == "" || len(e.ID) > 256 || e.At.Before(now.Add(-eventWindow)) || e.At.After(now.Add(eventFuture)) {
		return false, ErrEvent
	}
	err = c.db.write(ctx, func(t *tx) error {
		applied = false
		// Two windows: what is told may have happened one before it was sent, and
		// be sent again for another one.
		if err := t.exec("DELETE FROM events WHERE at < ?", micros(now.Add(-2*eventWindow-eventFuture))); err != nil {
			return err
		}
		n, err := t.count("INSERT INTO events (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", e.ID, micros(e.At))
		if err != nil || n == 0 {
			return err
		}
		id, err := t.personBySubject(e.Subject)
		if errors.Is(err, identity.ErrNotFound) {
			return t.keepStray(e, now)
		}
		if err != nil {
			return err
		}
		applied = true
		return t.applyEvent(id, e, now)
	})
	if err != nil {
		return false, fmt.Errorf("apply event: %w", err)
	}
	return applied, nil
}

func (t *tx) applyEvent(id identity.PersonID, e Event, now time.Time) error {
	covers := e.At.Add(eventMargin)
	stands := int64(always) // events that are not about the password leave it
	switch e.Kind {
	case EventPasswordSet:
		stands = micros(covers)
	case EventRemoved:
		stands = never
	}
	if err := t.raiseEpoch(id, now, stands); err != nil {
		return err
	}
	if err := t.revoke(id, e.Kind == EventPasswordSet && !e.NTOff, covers); err != nil {
		return err
	}
	if err := t.exec("UPDATE verifiers SET epoch = (SELECT epoch FROM people WHERE id = ?) WHERE person = ?", id[:], id[:]); err != nil {
		return err
	}
	if err := t.applyUpstream(id, e); err != nil {
		return err
	}
	if e.Kind == EventPasswordSet {
		if err := t.takeNew(id, e, covers, now); err != nil {
			return err
		}
	}
	t.touch(id)
	return t.auditJSON(now, "credential_change", id, map[string]any{"event": e.ID, "kind": e.Kind, "at": e.At})
}

// revoke ends the verifier unless mos.ru confirmed it later than the event covers.
// With keep its hash stays as the one before: it opens nothing.
func (t *tx) revoke(id identity.PersonID, keep bool, covers time.Time) error {
	v, err := t.verifier(id)
	switch left := v.Leaves(nil); {
	case errors.Is(err, identity.ErrNotFound), v.LearnAt.After(covers):
		return nil
	case err != nil && !errors.Is(err, ErrSealed):
		return err
	case err == nil && keep && len(left) > 0:
		sealed, err := t.db.keys.sealJSON("verifiers", id.String(), "sealed", sealedVerifier{Before: left})
		if err != nil {
			return err
		}
		return t.exec("UPDATE verifiers SET sealed = ? WHERE person = ?", sealed, id[:])
	}
	return t.exec("DELETE FROM verifiers WHERE person = ?", id[:])
}

// applyUpstream opens or closes what the upstream's state opens and closes.
// Events tell whole seconds: of two in one, the one that comes last stands.
func (t *tx) applyUpstream(id identity.PersonID, e Event) error {
	become, below := upstreamOpen, upstreamRemoved // what was removed stays removed
	switch e.Kind {
	case EventDisabled:
		become = upstreamDisabled
	case EventRemoved:
		become, below = upstreamRemoved, upstreamRemoved+1
	case EventEnabled:
	default:
		return nil
	}
	n, err := t.count("UPDATE people SET upstream = ?, upstream_at = ? WHERE id = ? AND upstream_at <= ? AND upstream < ?",
		become, micros(e.At), id[:], micros(e.At), below)
	if err != nil || n == 0 || become == upstreamOpen {
		return err
	}
	return t.exec("DELETE FROM verifiers WHERE person = ?", id[:])
}

// takeNew takes what a password event brought.
func (t *tx) takeNew(id identity.PersonID, e Event, covers, now time.Time) error {
	if erased, err := t.isErased(id); err != nil || erased {
		return err
	}
	if newest, err := t.newestPassword(id, e); err != nil || !newest {
		return err
	}
	if err := t.takePassword(id, e, covers, now); err != nil {
		return err
	}
	return t.takeHash(id, e, covers)
}

// newestPassword says that no younger password event of the person came before,
// perhaps without its password. It is remembered among the events' ids, which
// hold no line break, as long as older ones may come. Of two in one second, the
// one that comes last stands.
func (t *tx) newestPassword(id identity.PersonID, e Event) (bool, error) {
	n, err := t.count("INSERT INTO events (id, at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE events.at <= excluded.at",
		newestPasswordID(id), micros(e.At))
	return n > 0, err
}

// newestPasswordID is under what newestPassword remembers.
func newestPasswordID(id identity.PersonID) string { return "password\n" + id.String() }

// takeHash keeps the hash of a password that an event brought as the verifier of
// somebody who has an account that is open, unless mos.ru has confirmed a younger
// one. It counts as learnt as late as an older password may still be confirmed.
func (t *tx) takeHash(id identity.PersonID, e Event, covers time.Time) error {
	if len(e.NTHash) == 0 {
		return nil
	}
	var epoch uint64
	var upstream, accounts int
	err := t.row("SELECT epoch, upstream, (SELECT COUNT(*) FROM accounts WHERE person = people.id) FROM people WHERE id = ?", id[:]).Scan(&epoch, &upstream, &accounts)
	if err != nil || upstream != upstreamOpen || accounts == 0 {
		return err
	}
	v, err := t.verifier(id)
	switch {
	case v.LearnAt.After(covers):
		return nil
	case err != nil && !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, ErrSealed):
		return err
	}
	sealed, err := t.db.keys.sealJSON("verifiers", id.String(), "sealed", sealedVerifier{NT: e.NTHash, Before: v.Leaves(e.NTHash)})
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO verifiers (person, epoch, learnt, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE
		SET epoch = excluded.epoch, learnt = excluded.learnt, sealed = excluded.sealed`, id[:], epoch, micros(covers), sealed)
}

// takePassword keeps the password that an event brought, unless a target has a
// newer one already.
func (t *tx) takePassword(id identity.PersonID, e Event, covers, now time.Time) error {
	if e.Password == "" {
		return nil
	}
	var epoch uint64
	if err := t.row("SELECT epoch FROM people WHERE id = ?", id[:]).Scan(&epoch); err != nil {
		return err
	}
	var newer int
	err := t.row("SELECT COUNT(*) FROM targets WHERE person = ? AND password_epoch = ? AND password_at > ?", id[:], epoch, micros(covers)).Scan(&newer)
	if err != nil || newer > 0 {
		return err
	}
	return t.keepPassword(offer{person: id, epoch: epoch, typed: e.Password, learnt: covers, now: now})
}

// auditJSON adds an audit line with a JSON payload.
func (t *tx) auditJSON(at time.Time, kind string, id identity.PersonID, payload any) error {
	text, err := json.Marshal(payload)
	if err == nil {
		t.audit(identity.AuditEntry{At: at, Kind: kind, Person: id, Payload: text})
	}
	return err
}
