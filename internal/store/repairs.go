package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

// Repairs is the journal of one target's duplicates: what was and what will be
// is in it before the target is written.
type Repairs struct {
	db     *DB
	target string
}

var _ duplicates.Journal = (*Repairs)(nil)

// Repairs gives the journal of a target.
func (db *DB) Repairs(target string) *Repairs { return &Repairs{db, target} }

func (r *Repairs) key(id string) string            { return r.target + "/" + id }
func (r *Repairs) stepKey(id string, n int) string { return r.key(id) + "/" + strconv.Itoa(n) }

// Begin implements duplicates.Journal.
func (r *Repairs) Begin(ctx context.Context, repair duplicates.Repair) error {
	now := micros(r.db.now())
	err := r.db.write(ctx, func(t *tx) error {
		var phase duplicates.Phase
		err := t.row("SELECT phase FROM repairs WHERE target = ? AND id = ?", r.target, repair.ID).Scan(&phase)
		if err == nil && phase != duplicates.PhaseUndone {
			return identity.ErrConflict
		}
		if err != nil && !isNoRows(err) {
			return err
		}
		sealed, err := r.seal(t, repair.ID, sealedRepair{Planned: repair.Group})
		if err != nil {
			return err
		}
		if err := r.drop(t, repair.ID); err != nil {
			return err
		}
		err = t.exec("INSERT INTO repairs (target, id, phase, stopped, made, changed, disabling, sealed) VALUES (?, ?, ?, '', ?, ?, ?, ?)",
			r.target, repair.ID, repair.Phase, micros(repair.Made), now, disabling(repair), sealed)
		if err == nil {
			err = t.placeGroup(r.target, "", &repair.Group)
		}
		if err != nil {
			return err
		}
		for _, e := range repair.Entries {
			if err := r.put(t, repair.ID, e, now); err != nil {
				return err
			}
		}
		return r.tell(t, repair.ID, repair.Phase, "")
	})
	if err != nil {
		return fmt.Errorf("begin a repair: %w", err)
	}
	return nil
}

// drop deletes a repair and its steps.
func (r *Repairs) drop(t *tx, id string) error {
	return errors.Join(t.exec("DELETE FROM repair_steps WHERE target = ? AND id = ?", r.target, id),
		t.exec("DELETE FROM repairs WHERE target = ? AND id = ?", r.target, id), t.displaceGroup(r.target, "", id))
}

// disabling is how many accounts that can sign in a repair is to put to rest: as
// long as it is under way, all of them count.
func disabling(r duplicates.Repair) int {
	var accounts []duplicates.GUID
	for _, e := range r.Entries {
		accounts = append(accounts, e.Account)
	}
	return r.Group.Disabling(accounts)
}

// Lately implements duplicates.Journal.
func (r *Repairs) Lately(ctx context.Context, since time.Time) (int, error) {
	n := 0
	err := r.db.read(ctx, func(t *tx) error {
		var uncounted []string
		err := t.each("SELECT id FROM repairs WHERE target = ? AND changed >= ? AND phase <> ? AND disabling < 0", []any{r.target, micros(since), duplicates.PhaseUndone},
			func(scan func(...any) error) error {
				var id string
				err := scan(&id)
				uncounted = append(uncounted, id)
				return err
			})
		if err != nil {
			return err
		}
		err = t.row("SELECT COALESCE(SUM(disabling), 0) FROM repairs WHERE target = ? AND changed >= ? AND phase <> ? AND disabling > 0",
			r.target, micros(since), duplicates.PhaseUndone).Scan(&n)
		for i := 0; err == nil && i < len(uncounted); i++ {
			var repair duplicates.Repair
			repair, err = r.read(t, uncounted[i], true)
			n += repair.Disabled()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count what repairs have disabled lately: %w", err)
	}
	return n, nil
}

// put writes one step.
func (r *Repairs) put(t *tx, id string, e duplicates.Entry, now int64) error {
	sealed, err := t.db.keys.sealJSON("repair_steps", r.stepKey(id, e.Seq), "sealed", e)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO repair_steps (target, id, seq, stage, at, sealed) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (target, id, seq) DO UPDATE SET stage = excluded.stage, at = excluded.at, sealed = excluded.sealed`,
		r.target, id, e.Seq, e.Stage, now, sealed)
}

// Save implements duplicates.Journal.
func (r *Repairs) Save(ctx context.Context, id string, in duplicates.Phase, was duplicates.Stage, e duplicates.Entry) error {
	err := r.db.write(ctx, func(t *tx) error {
		if err := r.stands(t, id, in, was, e.Seq); err != nil {
			return err
		}
		return r.put(t, id, e, micros(r.db.now()))
	})
	if err != nil {
		return fmt.Errorf("save a step of a repair: %w", err)
	}
	return nil
}

// stands refuses whoever has read a step in another state than it is in.
func (r *Repairs) stands(t *tx, id string, in duplicates.Phase, was duplicates.Stage, seq int) error {
	var phase duplicates.Phase
	var stage duplicates.Stage
	err := t.row("SELECT r.phase, s.stage FROM repairs r JOIN repair_steps s ON s.target = r.target AND s.id = r.id WHERE r.target = ? AND r.id = ? AND s.seq = ?",
		r.target, id, seq).Scan(&phase, &stage)
	if err == nil && (phase != in || stage != was) {
		err = identity.ErrConflict
	}
	return notFound(err)
}

// tell leaves a line in the audit trail.
func (r *Repairs) tell(t *tx, id string, p duplicates.Phase, why duplicates.Stop) error {
	group, err := r.read(t, id, false)
	if err != nil {
		return err
	}
	line := map[string]any{"group": id, "phase": p.String(), "survivor": group.Group.Survivor, "accounts": len(group.Group.Members)}
	if why != "" {
		line["stopped"] = why
	}
	var owner identity.PersonID
	holder, err := t.holderOfObject(r.target, group.Group.Survivor)
	if err == nil {
		owner = holder
	} else if !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	return t.auditJSON(r.db.now(), "duplicates_"+p.String(), owner, line)
}

// holderOfObject gives whose row names the object; identity.ErrNotFound.
func (t *tx) holderOfObject(target string, object [16]byte) (identity.PersonID, error) {
	var holder []byte
	err := t.row("SELECT person FROM targets WHERE target = ? AND object = ?", target, object[:]).Scan(&holder)
	return personID(holder), notFound(err)
}

// sealedRepair is repairs.sealed.
type sealedRepair struct {
	duplicates.Planned
	Keep []duplicates.Kept `json:",omitempty"`
}

func (r *Repairs) seal(t *tx, id string, s sealedRepair) ([]byte, error) {
	return t.db.keys.sealJSON("repairs", r.key(id), "sealed", s)
}

// Undo implements duplicates.Journal.
func (r *Repairs) Undo(ctx context.Context, id string, keep []duplicates.Kept) error {
	err := r.db.write(ctx, func(t *tx) error {
		repair, err := r.read(t, id, false)
		if err != nil {
			return err
		}
		sealed, err := r.seal(t, id, sealedRepair{repair.Group, keep})
		if err != nil {
			return err
		}
		err = t.exec("UPDATE repairs SET phase = ?, stopped = '', changed = ?, sealed = ? WHERE target = ? AND id = ?",
			duplicates.PhaseUndoing, micros(r.db.now()), sealed, r.target, id)
		return errors.Join(err, r.tell(t, id, duplicates.PhaseUndoing, ""))
	})
	if err != nil {
		return fmt.Errorf("begin an undoing: %w", err)
	}
	return nil
}

// SetPhase implements duplicates.Journal.
func (r *Repairs) SetPhase(ctx context.Context, id string, in, p duplicates.Phase, why duplicates.Stop) error {
	err := r.db.write(ctx, func(t *tx) error {
		repair, err := r.read(t, id, true)
		if err == nil && repair.Phase != in {
			err = identity.ErrConflict
		}
		if err != nil {
			return err
		}
		repair.Phase = p
		err = t.exec("UPDATE repairs SET phase = ?, stopped = ?, changed = ?, disabling = ? WHERE target = ? AND id = ?",
			p, string(why), micros(r.db.now()), repair.Disabled(), r.target, id)
		return errors.Join(err, r.tell(t, id, p, why))
	})
	if err != nil {
		return fmt.Errorf("save a repair: %w", err)
	}
	return nil
}

// Claim implements duplicates.Journal: the claims on the account that rests
// become claims on the survivor, so that no activation takes the account up
// again; or they go back. The survivor is not claimed where it has an owner.
func (r *Repairs) Claim(ctx context.Context, id string, survivor duplicates.GUID, e duplicates.Entry, back bool) error {
	err := r.db.write(ctx, func(t *tx) error {
		e, in := e, duplicates.PhaseApplying
		if back {
			in = duplicates.PhaseUndoing
		}
		if err := r.stands(t, id, in, e.Stage, e.Seq); err != nil {
			return err
		}
		if back {
			e.Stage = duplicates.StageUndone
			return errors.Join(t.putClaims(e.Claims), t.dropClaims(e.Given), r.put(t, id, e, micros(r.db.now())))
		}
		var err error
		if e.Claims, err = t.claimsOn(r.target, e.Account); err != nil {
			return err
		}
		if e.Given, err = r.given(t, id, survivor, e.Claims); err != nil {
			return err
		}
		e.Stage = duplicates.StageDone
		return errors.Join(t.putClaims(e.Given), t.dropClaims(e.Claims), r.put(t, id, e, micros(r.db.now())))
	})
	if err != nil {
		return fmt.Errorf("move claims: %w", err)
	}
	return nil
}

// given are the claims that the survivor has not, as claims on it.
func (r *Repairs) given(t *tx, id string, survivor duplicates.GUID, claims []provision.Claim) ([]provision.Claim, error) {
	if _, err := t.holderOfObject(r.target, survivor); !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	repair, err := r.read(t, id, false)
	if err != nil {
		return nil, err
	}
	there, err := t.claimsOn(r.target, survivor)
	if err != nil {
		return nil, err
	}
	m := repair.Group.Members[0]
	object := provision.Object{ID: survivor, Name: m.Name, UPN: m.UPN, Display: m.Display, Enabled: m.Enabled, Created: m.Created}
	var list []provision.Claim
	for _, c := range claims {
		if !slices.ContainsFunc(there, func(d provision.Claim) bool { return d.Record == c.Record }) {
			list = append(list, provision.Claim{Target: r.target, Record: c.Record, Object: object})
		}
	}
	return list, nil
}

// Owned implements duplicates.Journal.
func (r *Repairs) Owned(ctx context.Context, account duplicates.GUID) (owned bool, records []person.RecordRef, err error) {
	err = r.db.read(ctx, func(t *tx) error {
		records = nil
		_, err := t.holderOfObject(r.target, account)
		if owned = err == nil; err != nil && !errors.Is(err, identity.ErrNotFound) {
			return err
		}
		claims, err := t.claimsOn(r.target, account)
		for _, c := range claims {
			records = append(records, c.Record)
		}
		return err
	})
	if err != nil {
		return false, nil, fmt.Errorf("look whose an account is: %w", err)
	}
	return owned, records, nil
}

// Name gives the name that is reserved for a person's account; identity.ErrNotFound.
func (r *Repairs) Name(ctx context.Context, id identity.PersonID) (name string, err error) {
	err = r.db.read(ctx, func(t *tx) error {
		rows, err := t.targetsWhere("target = ? AND person = ?", r.target, id[:])
		if err == nil && len(rows) == 0 {
			err = identity.ErrNotFound
		}
		if err == nil {
			name = rows[0].Name
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the name of an account: %w", err)
	}
	return name, nil
}

// Resting gives the accounts that repairs have put to rest that stand, or stood
// when they were erased.
func (r *Repairs) Resting(ctx context.Context) (map[duplicates.GUID]bool, error) {
	resting := map[duplicates.GUID]bool{}
	err := r.db.read(ctx, func(t *tx) error {
		clear(resting)
		return t.each(`SELECT s.id, s.seq, s.sealed FROM repair_steps s LEFT JOIN repairs r ON r.target = s.target AND r.id = s.id
			WHERE s.target = ? AND s.stage = ? AND (r.phase = ? OR r.phase IS NULL)`, []any{r.target, duplicates.StageDone, duplicates.PhaseApplied}, func(scan func(...any) error) error {
			var id string
			var seq int
			var sealed []byte
			if err := scan(&id, &seq, &sealed); err != nil {
				return err
			}
			var e duplicates.Entry
			err := t.db.keys.openJSON("repair_steps", r.stepKey(id, seq), "sealed", sealed, &e)
			resting[e.Account] = true
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts at rest: %w", err)
	}
	return resting, nil
}

// erasedRepairs bounds the repairs that one transaction erases, of some steps each.
const erasedRepairs = 100

// eraseRepairs erases repairs that came to an end before a moment. Of one that
// stands there stays that its accounts are at rest, as steps without a repair: they
// are nobody's to ask about. One that stopped has waited for somebody as long as data
// are kept: its accounts are found and proposed anew. One that was cut off goes on.
func (db *DB) eraseRepairs(ctx context.Context, before int64) error {
	for n := erasedRepairs; n == erasedRepairs; {
		err := db.write(ctx, func(t *tx) error {
			var old [][2]string
			err := t.each("SELECT target, id FROM repairs WHERE changed < ? AND phase IN (?, ?, ?) ORDER BY changed LIMIT ?",
				[]any{before, duplicates.PhaseApplied, duplicates.PhaseUndone, duplicates.PhaseStopped, erasedRepairs}, func(scan func(...any) error) error {
					var target, id string
					err := scan(&target, &id)
					old = append(old, [2]string{target, id})
					return err
				})
			n = len(old)
			for i := 0; err == nil && i < n; i++ {
				err = db.Repairs(old[i][0]).erase(t, old[i][1])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// erase deletes a repair but for which accounts it put to rest.
func (r *Repairs) erase(t *tx, id string) error {
	repair, err := r.read(t, id, true)
	if err == nil {
		err = r.drop(t, id)
	}
	rests := map[duplicates.GUID]bool{}
	for _, e := range repair.Entries {
		if err != nil {
			return err
		}
		if repair.Phase == duplicates.PhaseApplied && e.Stage == duplicates.StageDone && !rests[e.Account] {
			rests[e.Account] = true
			err = r.put(t, id, duplicates.Entry{Seq: e.Seq, Stage: e.Stage, Kind: e.Kind, Account: e.Account}, micros(r.db.now()))
		}
	}
	return err
}

// Repairs implements duplicates.Journal.
func (r *Repairs) Repairs(ctx context.Context) ([]duplicates.Repair, error) {
	var list []duplicates.Repair
	err := r.db.read(ctx, func(t *tx) error {
		list = nil
		var ids []string
		err := t.each("SELECT id FROM repairs WHERE target = ? ORDER BY made, id", []any{r.target}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			repair, err := r.read(t, id, false)
			if err != nil {
				return err
			}
			list = append(list, repair)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read repairs: %w", err)
	}
	return list, nil
}

// Repair implements duplicates.Journal.
func (r *Repairs) Repair(ctx context.Context, id string) (duplicates.Repair, error) {
	var repair duplicates.Repair
	err := r.db.read(ctx, func(t *tx) (err error) {
		repair, err = r.read(t, id, true)
		return err
	})
	if err != nil {
		return repair, fmt.Errorf("read a repair: %w", err)
	}
	return repair, nil
}

func (r *Repairs) read(t *tx, id string, entries bool) (duplicates.Repair, error) {
	repair := duplicates.Repair{ID: id}
	var made, changed int64
	var sealed []byte
	err := t.row("SELECT phase, stopped, made, changed, sealed FROM repairs WHERE target = ? AND id = ?", r.target, id).
		Scan(&repair.Phase, &repair.Stopped, &made, &changed, &sealed)
	if err != nil {
		return repair, notFound(err)
	}
	repair.Made, repair.Changed = moment(made), moment(changed)
	var s sealedRepair
	err = t.db.keys.openJSON("repairs", r.key(id), "sealed", sealed, &s)
	if repair.Group, repair.Keep = s.Planned, s.Keep; err != nil || !entries {
		return repair, err
	}
	return repair, t.each("SELECT seq, stage, sealed FROM repair_steps WHERE target = ? AND id = ? ORDER BY seq", []any{r.target, id},
		func(scan func(...any) error) error {
			var e duplicates.Entry
			var seq int
			var stage duplicates.Stage
			var sealed []byte
			if err := scan(&seq, &stage, &sealed); err != nil {
				return err
			}
			if err := t.db.keys.openJSON("repair_steps", r.stepKey(id, seq), "sealed", sealed, &e); err != nil {
				return err
			}
			e.Seq, e.Stage = seq, stage
			repair.Entries = append(repair.Entries, e)
			return nil
		})
}
