package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
)

// Tally counts what mos.ru and the other homes of passwords refused of a login, for
// all daemons (auth.Tally), in the table refusals. A login is in it as a keyed digest,
// a refused password as 8 bytes under a key that all daemons share for its day. These
// keys are random and destroyed when the day after is over.
type Tally struct{ db *DB }

// Tally gives the tally.
func (db *DB) Tally() *Tally { return &Tally{db} }

// nobodyRows is how many rows there are of names that nobody has: each takes the place
// of the oldest one then. People's are as many as people and what is kept of each.
const nobodyRows = 1 << 16

// nobodyCounter numbers these rows.
const nobodyCounter = "refusals_nobody"

// tallyLogin is how the table knows a login.
func (db *DB) tallyLogin(q *auth.Ask) ([]byte, error) {
	what := "person "
	if q.Nobody {
		what = "nobody "
	}
	digest, err := db.keys.digest(db.keys.lookup.PrimaryID, domainTally, what+string(q.Login[:]))
	return digest[:min(len(digest), 16)], err
}

// Look implements auth.Tally.
func (y *Tally) Look(ctx context.Context, ask auth.Ask) (found auth.Counted, err error) {
	login, err := y.db.tallyLogin(&ask)
	if err == nil {
		err = y.db.read(ctx, func(t *tx) error {
			asked, err := t.asked(login)
			found = ask.Judge(asked)
			return err
		})
	}
	if err != nil {
		return auth.Counted{}, fmt.Errorf("look at a login's refusals: %w", err)
	}
	return found, nil
}

// Book implements auth.Tally.
func (y *Tally) Book(ctx context.Context, asks []auth.Ask, ends []auth.Ended) (found []auth.Counted, err error) {
	err = y.db.write(ctx, func(t *tx) error {
		found = make([]auth.Counted, len(asks))
		for i := range ends {
			if err := t.endAsked(&ends[i]); err != nil {
				return err
			}
		}
		for i := range asks {
			if err := t.takePlace(&asks[i], &found[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	return found, nil
}

// asked gives what was asked about a login, in order.
func (t *tx) asked(login []byte) ([]auth.Asked, error) {
	var list []auth.Asked
	err := t.each("SELECT place, at, epoch, refused, day, mark, step, next, webbed FROM refusals WHERE login = ?", []any{login}, func(scan func(...any) error) error {
		var a auth.Asked
		var place []byte
		var at, epoch, refused, day, mark, step, next, webbed int64
		if err := scan(&place, &at, &epoch, &refused, &day, &mark, &step, &next, &webbed); err != nil {
			return err
		}
		copy(a.Place[:], place)
		a.At, a.Epoch, a.Hold = moment(at), uint64(epoch), holdOf(refused)
		a.Refused = refused != 0 && a.Hold == ""
		a.Tag = auth.Tag{Day: uint32(day), Mark: uint64(mark), Step: uint8(step), Webbed: webbed != 0, Next: moment(next)}
		list = append(list, a)
		return nil
	})
	slices.SortFunc(list, func(a, b auth.Asked) int { return cmp.Or(a.At.Compare(b.At), slices.Compare(a.Place[:], b.Place[:])) })
	return list, err
}

// takePlace judges a question and takes a place for it where there is one.
func (t *tx) takePlace(q *auth.Ask, found *auth.Counted) error {
	login, err := t.db.tallyLogin(q)
	if err != nil {
		return err
	}
	asked, err := t.asked(login)
	if err != nil {
		return err
	}
	*found = q.Judge(asked)
	if err := t.forgetAsked(login, found.Over); err != nil {
		return err
	}
	if found.Reason != "" {
		return nil
	}
	if found.Passed {
		if err := t.exec("UPDATE refusals SET webbed = 1 WHERE login = ? AND day = ? AND mark = ?", login, int64(found.Tag.Day), int64(found.Tag.Mark)); err != nil {
			return err
		}
	}
	_, _ = rand.Read(found.Place[:]) // never fails
	return t.addAsked(login, &auth.Ended{Ask: *q, Place: found.Place})
}

// forgetAsked deletes what says nothing any more.
func (t *tx) forgetAsked(login []byte, over [][16]byte) error {
	for _, place := range over {
		if err := t.exec("DELETE FROM refusals WHERE login = ? AND place = ?", login, place[:]); err != nil {
			return err
		}
	}
	return nil
}

// addAsked writes a row.
func (t *tx) addAsked(login []byte, e *auth.Ended) error {
	var slot *int64 // of names that nobody has
	if e.Nobody {
		var n int64
		err := t.row("INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value", nobodyCounter).Scan(&n)
		if err != nil {
			return err
		}
		n %= nobodyRows
		if err := t.exec("DELETE FROM refusals WHERE slot = ?", n); err != nil {
			return err
		}
		slot = &n
	}
	return t.exec(`INSERT INTO refusals (login, place, at, expires, epoch, refused, day, mark, step, next, webbed, slot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		login, e.Place[:], micros(e.At), micros(e.EndsAt()), int64(e.Epoch), refusedAs(e), int64(e.Tag.Day), int64(e.Tag.Mark), int64(e.Tag.Step),
		micros(e.Tag.Next), flag(e.Tag.Webbed), slot)
}

// endAsked writes what a question came to.
func (t *tx) endAsked(e *auth.Ended) error {
	login, err := t.db.tallyLogin(&e.Ask)
	if err != nil {
		return err
	}
	if !e.Refused && e.Hold == "" {
		if err := t.exec("DELETE FROM refusals WHERE login = ? AND place = ?", login, e.Place[:]); err != nil {
			return err
		}
		return t.clearTags(login, e)
	}
	n, err := t.count("UPDATE refusals SET at = ?, expires = ?, epoch = ?, refused = ?, day = ?, mark = ?, step = ?, next = ?, webbed = ? WHERE login = ? AND place = ?",
		micros(e.At), micros(e.EndsAt()), int64(e.Epoch), refusedAs(e), int64(e.Tag.Day), int64(e.Tag.Mark), int64(e.Tag.Step), micros(e.Tag.Next), flag(e.Tag.Webbed), login, e.Place[:])
	if err != nil || n > 0 {
		return err
	}
	// There was no store when it was asked, or no place was needed, or the row had to
	// go for others.
	again := *e
	if again.Place == [16]byte{} {
		_, _ = rand.Read(again.Place[:]) // never fails
		asked, err := t.asked(login)
		if err != nil {
			return err
		}
		if err := t.forgetAsked(login, e.Judge(asked).Over); err != nil {
			return err
		}
	}
	return t.addAsked(login, &again)
}

// firstHold is what the column refused has from on for a hold, in the order of holds: 0
// is a question under way and 1 a refusal. A version that does not know of holds takes
// one for a refusal, and asks no more either.
const firstHold = 2

var holds = []identity.Reason{identity.ReasonUpstreamLocked, identity.ReasonSecondFactor, identity.ReasonDisabledThere, identity.ReasonExpiredThere, identity.ReasonBarredThere}

func holdOf(refused int64) identity.Reason {
	if at := refused - firstHold; at >= 0 && at < int64(len(holds)) {
		return holds[at]
	}
	return ""
}

func refusedAs(e *auth.Ended) int64 {
	if at := slices.Index(holds, e.Hold); at >= 0 {
		return firstHold + int64(at)
	}
	return flag(e.Refused)
}

// clearTags forgets what a right password disproves; the refusals count on.
func (t *tx) clearTags(login []byte, e *auth.Ended) error {
	const forget = "UPDATE refusals SET day = 0, expires = at + ? WHERE login = ? AND day <> 0"
	window := e.Window.Microseconds()
	switch m := e.Marks; e.Clears {
	case auth.ClearsAll:
		return t.exec(forget, window, login)
	case auth.ClearsTag:
		return t.exec(forget+" AND (day = ? AND mark = ? OR day = ? AND mark = ?)", window, login,
			int64(m.Day), int64(m.Today), int64(m.Day)-1, int64(m.Yesterday))
	}
	return nil
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// tagDays is how long a tag's key lives, beyond its own day.
const tagDays = 1

// pruneRefusals is how many rows one transaction of Prune forgets.
const pruneRefusals = 2000

// Prune forgets what counts no more, and what a clock far ahead has written.
func (y *Tally) Prune(ctx context.Context, now time.Time) error {
	ahead := now.Add((tagDays + 2) * 24 * time.Hour)
	for n := int64(pruneRefusals); n == pruneRefusals; {
		err := y.db.write(ctx, func(t *tx) (err error) {
			n, err = t.count(`DELETE FROM refusals WHERE (login, place) IN (SELECT login, place FROM refusals WHERE expires <= ? OR expires > ? LIMIT ?)`,
				micros(now), micros(ahead), pruneRefusals)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget refusals: %w", err)
		}
	}
	return nil
}

// TagKeys gives the keys of refused passwords' tags for yesterday, today and tomorrow,
// by days since 1970 in UTC, the same ones to every daemon. It makes what is missing
// and destroys those of other days.
func (y *Tally) TagKeys(ctx context.Context, now time.Time) (map[uint32][32]byte, error) {
	today := now.Unix() / 86400
	var keys map[uint32][32]byte
	read := func(t *tx) (err error) {
		keys, err = t.tagKeys(today-tagDays, today+1)
		return err
	}
	err := y.db.read(ctx, read)
	if err == nil && len(keys) < tagDays+2 { // once a day
		err = y.db.write(ctx, func(t *tx) error {
			if err := t.exec("DELETE FROM tag_keys WHERE day < ? OR day > ?", today-tagDays, today+1); err != nil {
				return err
			}
			for day := today - tagDays; day <= today+1; day++ {
				if err := t.makeTagKey(day); err != nil {
					return err
				}
			}
			return read(t)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys of refused passwords: %w", err)
	}
	return keys, nil
}

func (t *tx) tagKeys(from, to int64) (map[uint32][32]byte, error) {
	keys := map[uint32][32]byte{}
	err := t.each("SELECT day, sealed FROM tag_keys WHERE day >= ? AND day <= ?", []any{from, to}, func(scan func(...any) error) error {
		var day int64
		var sealed []byte
		if err := scan(&day, &sealed); err != nil {
			return err
		}
		key, err := t.db.keys.open("tag_keys", strconv.FormatInt(day, 10), "sealed", sealed)
		if err == nil && len(key) != 32 {
			err = ErrSealed
		}
		if err == nil {
			keys[uint32(day)] = [32]byte(key)
		}
		return err
	})
	return keys, err
}

func (t *tx) makeTagKey(day int64) error {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	sealed, err := t.db.keys.seal("tag_keys", strconv.FormatInt(day, 10), "sealed", fresh)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO tag_keys (day, sealed) VALUES (?, ?) ON CONFLICT (day) DO NOTHING", day, sealed)
}

var _ auth.Tally = (*Tally)(nil)
