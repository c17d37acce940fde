package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Targets keeps of every account in every target what cannot be derived from
// the other tables, and when its worker has to look again. How an account
// should look is stored nowhere: it follows from the person.
//
//	touched, password offered, event ─► revision raised, due now ─► Job ─► Save
//	                                             ▲                          │
//	                                             └── revision moved: conflict
type Targets struct{ db *DB }

var _ provision.Queue = (*Targets)(nil)

// Targets gives the queue of the targets' workers.
func (db *DB) Targets() *Targets { return &Targets{db} }

// Wake gives a channel that closes at the next commit of this process that
// may have made work. Take it before looking for work.
func (s *Targets) Wake() <-chan struct{} { return s.db.woken() }

// triggerTargets makes the person's accounts due, in front of what became due
// later, and any pass that is under way out of date. Unless the trigger is one
// of very many, they are urgent until the next pass is saved: a sign-in, an
// activation or a suspension does not wait behind an import.
func (t *tx) triggerTargets(id identity.PersonID, now time.Time) error {
	urgent := t.urgency()
	return t.exec(`UPDATE targets SET revision = revision + 1, urgent = CASE WHEN urgent > ? THEN urgent ELSE ? END,
		due = CASE WHEN due < ? THEN due ELSE ? END, updated = ? WHERE person = ?`,
		urgent, urgent, micros(now), micros(now), micros(now), id[:])
}

// urgency is 1 where somebody waits for what the transaction changes.
func (t *tx) urgency() int {
	if t.many {
		return 0
	}
	return 1
}

// giveTarget makes the row of an account in a target. A row that is there
// stays as it is: the first decision stands, and a rename is a step of its
// own. Only an object that was not known yet is taken over, under the same
// name.
func (t *tx) giveTarget(id identity.PersonID, want *person.TargetAccount, now time.Time) (changed bool, err error) {
	if want == nil {
		return false, nil
	}
	var object any // NULL: not known yet
	if want.Object != [16]byte{} {
		object = want.Object[:]
		if err := t.objectFree(id, want); err != nil {
			return false, err
		}
	}
	var known, sealed []byte
	err = t.row("SELECT object, name FROM targets WHERE person = ? AND target = ?", id[:], want.Target).Scan(&known, &sealed)
	if isNoRows(err) {
		return true, t.newTarget(id, want, object, now)
	}
	if err != nil || known != nil || object == nil {
		return false, err
	}
	name, err := t.db.keys.open("targets", targetKey(id, want.Target), "name", sealed)
	if err != nil || person.FoldName(string(name)) != person.FoldName(want.Name) {
		return false, err
	}
	return true, t.exec("UPDATE targets SET object = ? WHERE person = ? AND target = ?", object, id[:], want.Target)
}

// objectFree refuses an object that is another person's account.
func (t *tx) objectFree(id identity.PersonID, want *person.TargetAccount) error {
	var holder []byte
	err := t.row("SELECT person FROM targets WHERE target = ? AND object = ?", want.Target, want.Object[:]).Scan(&holder)
	if err == nil && personID(holder) != id {
		return &Conflict{Object: want.Object, Holder: personID(holder)}
	}
	if isNoRows(err) {
		return nil
	}
	return err
}

func (t *tx) newTarget(id identity.PersonID, want *person.TargetAccount, object any, now time.Time) error {
	row := targetKey(id, want.Target)
	name, err := t.db.keys.seal("targets", row, "name", []byte(want.Name))
	if err != nil {
		return err
	}
	observed, err := t.db.keys.sealJSON("targets", row, "observed", provision.Observed{})
	if err != nil {
		return err
	}
	t.woke = true
	return t.exec(`INSERT INTO targets (person, target, object, name, stamp, observed, password_epoch, password_at, revision, seen, failures, urgent, due, updated, off_at)
		VALUES (?, ?, ?, ?, '', ?, 0, 0, 1, 0, 0, ?, ?, ?, 0)`, id[:], want.Target, object, name, observed, t.urgency(), micros(now), micros(now))
}

// targetKey names a row of targets for sealing.
func targetKey(id identity.PersonID, target string) string { return target + "/" + id.String() }

// storedTarget is one row of targets.
type storedTarget struct {
	person identity.PersonID
	target string
	provision.Row
	seen       uint64
	urgent     bool
	passwordAt int64 // when mos.ru vouched for the password that was delivered last
	due        time.Time
}

// targetRows reads the rows of one person in all targets, in their order.
func (t *tx) targetRows(id identity.PersonID) ([]storedTarget, error) {
	return t.targetsWhere("person = ? ORDER BY target", id[:])
}

func (t *tx) targetsWhere(condition string, args ...any) ([]storedTarget, error) {
	var rows []storedTarget
	err := t.each(`SELECT person, target, object, name, stamp, observed, password_epoch, password_at, revision, seen, failures, due, urgent, renaming, others_before FROM targets
		WHERE `+condition, args, func(scan func(...any) error) error {
		var r storedTarget
		var id, name, observed []byte
		var epoch uint64
		var due int64
		if err := scan(&id, &r.target, &r.Object, &name, &r.Stamp, &observed, &epoch, &r.passwordAt, &r.Revision, &r.seen, &r.Failures, &due, &r.urgent, &r.Rename, &r.OthersBefore); err != nil {
			return err
		}
		r.person = personID(id)
		key := targetKey(r.person, r.target)
		text, err := t.db.keys.open("targets", key, "name", name)
		if err != nil {
			return err
		}
		if err := t.db.keys.openJSON("targets", key, "observed", observed, &r.Observed); err != nil {
			return err
		}
		r.Name, r.Observed.PasswordEpoch, r.due = string(text), epoch, moment(due)
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// matchingFirst is how long an account waits for its person's new rows: one import
// takes the old school away and brings the new one, and who moves is not switched
// off in between. A Rematcher needs seconds; whoever waits for none is not kept.
const matchingFirst = 2 * time.Minute

// matchingLook bounds the accounts that one call holds against matchingFirst: an import
// of a city makes a hundred thousand wait at once, and the worker asks every few seconds.
// What is behind them waits with them.
const matchingLook = 1024

// Due implements provision.Queue. An account in the target whose person is about to be
// matched anew waits for that, but not for ever, and not where it is closed, here or at
// mos.ru: no row opens it.
func (s *Targets) Due(ctx context.Context, target string, now time.Time, limit int) ([]identity.PersonID, error) {
	var ids []identity.PersonID
	err := s.db.read(ctx, func(t *tx) error {
		ids = nil
		add := func(scan func(...any) error) error {
			var id []byte
			err := scan(&id)
			ids = append(ids, personID(id))
			return err
		}
		until, waited := micros(now), micros(now.Add(-matchingFirst))
		for _, urgent := range []int{1, 0} {
			err := t.each("SELECT person FROM targets WHERE target = ? AND urgent = ? AND due <= ? ORDER BY due LIMIT ?", []any{target, urgent, waited, limit - len(ids)}, add)
			if err != nil || len(ids) == limit {
				return err
			}
			// A count is asked for each of them; NOT EXISTS may be made a join of all who wait.
			err = t.each(`SELECT person FROM (SELECT person, object, due FROM targets WHERE target = ? AND urgent = ? AND due > ? AND due <= ? ORDER BY due LIMIT ?) w WHERE
				object IS NULL OR (SELECT COUNT(*) FROM people WHERE people.id = w.person AND people.rematch > 0 AND people.state = ? AND people.upstream = ?) = 0
				ORDER BY due LIMIT ?`,
				[]any{target, urgent, waited, until, max(matchingLook, limit-len(ids)), directory.StateActive, upstreamOpen, limit - len(ids)}, add)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find due accounts: %w", err)
	}
	return ids, nil
}

// Save implements provision.Queue.
func (s *Targets) Save(ctx context.Context, target string, id identity.PersonID, revision uint64, pass provision.Pass, failures int, due time.Time) error {
	err := s.db.write(ctx, func(t *tx) error {
		saved, err := t.savePass(target, provision.Saving{Person: id, Revision: revision, Pass: pass, Failures: failures, Due: due})
		if err == nil && !saved {
			err = identity.ErrConflict
		}
		return err
	})
	return s.saved(err)
}

// SaveAll implements provision.Queue, in one transaction.
func (s *Targets) SaveAll(ctx context.Context, target string, list []provision.Saving) (map[identity.PersonID]bool, error) {
	saved := map[identity.PersonID]bool{}
	err := s.db.write(ctx, func(t *tx) error {
		clear(saved)
		for _, one := range list {
			ok, err := t.savePass(target, one)
			if err != nil {
				return err
			}
			if ok {
				saved[one.Person] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.saved(err)
	}
	return saved, nil
}

func (s *Targets) saved(err error) error {
	if s.db.driver.Duplicate(err) {
		err = ErrShared
	}
	if err != nil {
		return fmt.Errorf("save pass: %w", err)
	}
	return nil
}

// savePass writes a pass; false where the row has moved on, and nothing is written
// then.
func (t *tx) savePass(target string, one provision.Saving) (bool, error) {
	id, pass := one.Person, one.Pass
	var object, stamp, observed, epoch any // NULL leaves what is there
	if pass.Object != nil {
		object = pass.Object
	}
	if pass.Stamp != "" || pass.Object != nil {
		stamp = pass.Stamp
	}
	if !pass.Observed.At.IsZero() {
		epoch = pass.Observed.PasswordEpoch
	}
	now := micros(t.db.now())
	sid, err := t.publishPass(id, target, pass, epoch)
	if err != nil {
		return false, err
	}
	erased, err := t.isErased(id)
	if err != nil {
		return false, err
	}
	if epoch != nil {
		seen := pass.Observed
		if erased {
			seen = nameless(seen)
		}
		if observed, err = t.db.keys.sealJSON("targets", targetKey(id, target), "observed", seen); err != nil {
			return false, err
		}
	}
	n, err := t.count(`UPDATE targets SET object = COALESCE(?, object), sid = ?, stamp = COALESCE(?, stamp), observed = COALESCE(?, observed),
		password_epoch = COALESCE(?, password_epoch), revision = revision + 1, seen = CASE WHEN ? THEN seen ELSE revision + 1 END, failures = ?,
		urgent = CASE WHEN ? THEN urgent ELSE 0 END, due = ?, updated = ?, off_at = CASE WHEN ? THEN ? ELSE off_at END,
		moved_at = CASE WHEN ? THEN ? ELSE moved_at END, renamed_at = CASE WHEN ? THEN ? ELSE renamed_at END,
		left_at = CASE WHEN ? THEN ? ELSE left_at END, renaming = CASE WHEN ? THEN 0 ELSE renaming END
		WHERE person = ? AND target = ? AND revision = ?`,
		object, sid, stamp, observed, epoch, pass.Again, one.Failures, pass.Again, micros(one.Due), now, pass.Made[provision.Off], now,
		pass.Made[provision.Move], now, pass.Made[provision.Rename], now, pass.Made[provision.Leave], now, pass.Renamed, id[:], target, one.Revision)
	if err != nil || n == 0 {
		return false, err
	}
	if observed != nil {
		if err := t.requeueTarget(id, pass.Observed.Problems); err != nil {
			return false, err
		}
	}
	if pass.Delivered == nil {
		return true, nil
	}
	return true, t.delivered(id, target, *pass.Delivered)
}

// publishPass lets the directory know where a pass changes whether the target
// wants the password, or which object there is, and gives the object's SID. epoch
// is the one of the password that the target has now, nil where the pass did not
// see.
func (t *tx) publishPass(id identity.PersonID, target string, pass provision.Pass, epoch any) (sid []byte, err error) {
	var before uint64
	var object []byte
	err = t.row("SELECT password_epoch, object, sid FROM targets WHERE person = ? AND target = ?", id[:], target).Scan(&before, &object, &sid)
	if isNoRows(err) {
		return nil, nil // the write finds that out
	}
	known := sid
	other := pass.Object != nil && !bytes.Equal(pass.Object, object)
	if other || len(pass.SID) > 0 {
		sid = pass.SID // of another object, the old one is none
	}
	wanted := pass.Delivered != nil || epoch != nil && before != epoch.(uint64)
	if err == nil && (wanted || other || !bytes.Equal(sid, known)) {
		t.publish(id)
	}
	return sid, err
}

// ErrShared says that a pass came upon an object which is another person's
// account by the store's row: nothing is saved, and somebody has to look.
var ErrShared = errors.New("the object in the target is another person's account already: compare the two with explain")

// Depth implements provision.Queue. Each figure has an index of its own: it is
// asked for often, and few accounts are due or wait.
func (s *Targets) Depth(ctx context.Context, target string, now time.Time) (provision.Depth, error) {
	var d provision.Depth
	err := s.db.read(ctx, func(t *tx) error {
		d = provision.Depth{}
		at, day := micros(now), micros(now.Add(-provision.BrakeDay))
		soon := micros(now.Add(leaseSkew)) // what a clock that was wrong has put into the future counts for no day
		for _, urgent := range []int{1, 0} {
			var n int
			var oldest int64
			err := t.row("SELECT COUNT(*), COALESCE(MIN(due), 0) FROM targets WHERE target = ? AND urgent = ? AND due <= ?", target, urgent, at).
				Scan(&n, &oldest)
			if err != nil {
				return err
			}
			if first := moment(oldest); n > 0 && (d.Due == 0 || first.Before(d.Oldest)) {
				d.Oldest = first
			}
			d.Due += n
		}
		for _, count := range []struct {
			into  *int
			query string
			args  []any
		}{
			{&d.Accounts, "SELECT COUNT(*) FROM targets WHERE target = ?", []any{target}},
			{&d.Waiting, "SELECT COUNT(*) FROM targets WHERE target = ? AND failures > 0 AND due > ?", []any{target, at}},
			{&d.Made[provision.Off], "SELECT COUNT(*) FROM targets WHERE target = ? AND off_at > 0 AND off_at > ? AND off_at <= ?", []any{target, day, soon}},
			{&d.Made[provision.Move], "SELECT COUNT(*) FROM targets WHERE target = ? AND moved_at > 0 AND moved_at > ? AND moved_at <= ?", []any{target, day, soon}},
			{&d.Made[provision.Rename], "SELECT COUNT(*) FROM targets WHERE target = ? AND renamed_at > 0 AND renamed_at > ? AND renamed_at <= ?", []any{target, day, soon}},
			{&d.Made[provision.Leave], "SELECT COUNT(*) FROM targets WHERE target = ? AND left_at > 0 AND left_at > ? AND left_at <= ?", []any{target, day, soon}},
			{&d.Passwords, "SELECT COUNT(*) FROM passwords WHERE until > ?", []any{at}},
		} {
			if err := t.row(count.query, count.args...).Scan(count.into); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return d, fmt.Errorf("measure the queue: %w", err)
	}
	return d, nil
}

// leaseSkew is how far the clocks of two holders may be apart.
const leaseSkew = 5 * time.Minute

// Lease implements provision.Queue. A lease that ends later than one that begins
// now was made by a clock that was wrong, and holds nobody up.
func (s *Targets) Lease(ctx context.Context, target, holder string, now time.Time, term time.Duration) (bool, error) {
	mine := false
	err := s.db.write(ctx, func(t *tx) error {
		n, err := t.count(`INSERT INTO leases (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
			SET holder = excluded.holder, until = excluded.until
			WHERE leases.holder = excluded.holder OR leases.until <= ? OR leases.until > ?`,
			target, holder, micros(now.Add(term)), micros(now), micros(now.Add(term+leaseSkew)))
		mine = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lease the target: %w", err)
	}
	return mine, nil
}

// Renew implements provision.Queue: the lease is as its holder left it or it is not
// theirs any more, whoever has had it meanwhile, and if nobody has it now.
func (s *Targets) Renew(ctx context.Context, target, holder string, was, until time.Time) (bool, error) {
	mine := false
	err := s.db.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE leases SET until = ? WHERE name = ? AND holder = ? AND until = ?", micros(until), target, holder, micros(was))
		mine = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("renew the lease: %w", err)
	}
	return mine, nil
}

// Release implements provision.Queue.
func (s *Targets) Release(ctx context.Context, target, holder string) error {
	err := s.db.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM leases WHERE name = ? AND holder = ?", target, holder)
	})
	if err != nil {
		return fmt.Errorf("release the target: %w", err)
	}
	return nil
}

// Status says how far a person's accounts are, in the order of the targets'
// names; none where no target was ever asked for one.
func (s *Targets) Status(ctx context.Context, id identity.PersonID) ([]provision.Status, error) {
	var list []provision.Status
	err := s.db.read(ctx, func(t *tx) error {
		list = nil
		rows, err := t.targetRows(id)
		if err != nil || len(rows) == 0 {
			return err
		}
		w, err := t.waitingPassword(id)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return err
		}
		waits := err == nil && w.alive(s.db.now())
		for _, r := range rows {
			o := r.Observed
			duplicates := map[identity.PersonID][]match.Problem{}
			if err := t.duplicates(r.target, []identity.PersonID{id}, duplicates); err != nil {
				return err
			}
			list = append(list, provision.Status{
				Account: r.account(), Pending: r.Revision > r.seen || o.At.IsZero(), Ready: o.Ready && len(o.Problems) == 0,
				Enabled: o.Enabled, UPN: o.UPN, Problems: o.Problems, Seen: o.At, Next: r.due, Failures: r.Failures,
				Waiting: waits && !bytes.Equal(o.PasswordRefused, w.ID[:]), Duplicates: duplicates[id],
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts in targets: %w", err)
	}
	return list, nil
}

func (r storedTarget) account() provision.Account {
	a := provision.Account{Target: r.target, Name: r.Name}
	if r.Observed.Name != "" {
		a.Name = r.Observed.Name // a person may have renamed it there
	}
	copy(a.Object[:], r.Object)
	return a
}
