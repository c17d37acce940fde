package store

import (
	"database/sql"
	"math"
	"slices"
	"time"

	"schoolbridge/internal/journal"
)

// A device that begins a session somewhere ends the one that it had elsewhere. Whether
// it does is seen from all its sessions of late, and when many devices come and go at
// once, the engine is asked for those of all of them once, not twice for each session.

// device is what a transaction knows of a device's sessions: all that began since from,
// and those that something since sessions.since may end another way. What is asked
// beyond, the engine is asked for.
type device struct {
	from int64
	list []neighbour
}

// neighbour is one of a device's sessions; in is nil where it counts only when it began.
type neighbour struct {
	id    journal.ID
	began int64
	in    *stored
}

// note has a session known among its device's, where any is.
func (d *device) note(s *stored) {
	if d == nil {
		return
	}
	for i := range d.list {
		if d.list[i].id == s.ID {
			d.list[i].in = s
			return
		}
	}
	d.list = append(d.list, neighbour{s.ID, 0, s})
}

// next is when the first other session began that s cannot have outlived, 0 where none did.
func (d *device) next(s *stored) (first int64) {
	for _, n := range d.list {
		began := n.began
		if n.in != nil {
			began = micros(n.in.Began)
		}
		if n.id != s.ID && began > micros(s.Began) && began >= micros(s.Heard()) && (first == 0 || began < first) {
			first = began
		}
	}
	return first
}

// lately bounds from when on devices are known: a record that comes days late is not to
// have everybody's sessions of days read.
const lately = time.Hour

// meetDevices reads the other sessions of the devices that may have begun somewhere.
func (w *sessions) meetDevices(records []journal.Record) error {
	var devices []string
	seen := map[string]bool{}
	for i := range records {
		r := &records[i]
		if ofNAS(r) {
			continue
		}
		began, name := r.Began(), r.Detail.Device
		if list := w.byKey[sessionKey(r.NAS, r.Unit, r.Key)]; len(list) > 0 {
			if r.Status != journal.Start && w.byID[list[0].ID].goesOn(w.now) {
				continue
			}
			if began = r.At; name == "" {
				name = list[0].Detail.Device
			}
		}
		w.since = min(w.since, micros(began))
		if name != "" && !seen[name] {
			seen[name], devices = true, append(devices, name)
		}
	}
	w.since = max(w.since, micros(w.now.Add(-lately)))
	for some := range slices.Chunk(devices, max(atATime/len(w.db.keys.versions), 1)) {
		if err := w.meet(some); err != nil {
			return err
		}
	}
	return nil
}

// meet reads those of some devices that end a session begun since then, or are ended by
// it, and of what may have ended these before, when it began. Where there are too many
// of either, the engine is asked as for a device that is not known.
func (w *sessions) meet(devices []string) error {
	digests, err := w.digestsOf(domainDevice, devices...)
	if err != nil {
		return err
	}
	most := keyRows * len(digests)
	in, digests := listOf(digests)
	args := slices.Concat(digests, []any{w.since, journal.EndSilent, w.since}, digests, []any{w.since, w.since, most})
	list, err := w.load("s.id IN (SELECT id FROM sessions WHERE stopped = 0 AND device_digest IN "+in+" AND (ended = 0 OR ended >= ? OR ending = ? AND deadline >= ?)"+
		" UNION ALL SELECT id FROM sessions WHERE device_digest IN "+in+" AND stopped >= ? AND began >= ? LIMIT ?)", "", most, args...)
	if err != nil || len(list) == most {
		return err
	}
	for _, name := range devices {
		w.devices[name] = &device{from: w.since}
	}
	from := int64(math.MaxInt64)
	var older []string
	for _, s := range list {
		d, heard := w.devices[s.Detail.Device], micros(s.Heard())
		if d == nil { // the row was another's: digests meet
			continue
		}
		if d.note(s); s.Stopped.IsZero() && heard < w.since {
			older, from = append(older, s.Detail.Device), min(from, heard)
		}
	}
	if len(older) == 0 {
		return nil
	}
	slices.Sort(older)
	return w.meetOlder(slices.Compact(older), from)
}

// meetOlder reads when the devices' sessions began since an earlier time.
func (w *sessions) meetOlder(devices []string, from int64) error {
	digests, err := w.digestsOf(domainDevice, devices...)
	if err != nil {
		return err
	}
	of := make(map[string]string, len(digests))
	for i, d := range digests {
		of[string(d.([]byte))] = devices[i/len(w.db.keys.versions)]
	}
	most := keyRows * len(digests)
	in, digests := listOf(digests)
	found := map[string][]neighbour{}
	n := 0
	err = w.each("SELECT device_digest, id, began FROM sessions WHERE device_digest IN "+in+" AND stopped = 0 AND began >= ?"+
		" UNION ALL SELECT device_digest, id, began FROM sessions WHERE device_digest IN "+in+" AND stopped >= ? AND began >= ? LIMIT ?",
		slices.Concat(digests, []any{from}, digests, []any{from, from, most}), func(scan func(...any) error) error {
			var digest, id sql.RawBytes
			var began int64
			n++
			if err := scan(&digest, &id, &began); err != nil {
				return err
			}
			name := of[string(digest)]
			found[name] = append(found[name], neighbour{journal.ID(id), began, w.byID[journal.ID(id)]})
			return nil
		})
	if err != nil || n == most {
		return err
	}
	for _, name := range devices {
		d := w.devices[name]
		d.from = from
		for _, n := range found[name] {
			if !slices.ContainsFunc(d.list, func(o neighbour) bool { return o.id == n.id }) {
				d.list = append(d.list, n)
			}
		}
	}
	return nil
}

// movedAt is when the device began the next session, 0 where it did not.
func (w *sessions) movedAt(s *stored) (int64, error) {
	began, heard := micros(s.Began), micros(s.Heard())
	if d := w.devices[s.Detail.Device]; d != nil && d.from <= heard {
		return d.next(s), nil
	}
	digests, err := w.digestsOf(domainDevice, s.Detail.Device)
	if err != nil {
		return 0, err
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	const find = "SELECT MIN(began) FROM sessions WHERE began > ? AND began >= ? AND id <> ? AND device_digest IN "
	in, digests := listOf(digests)
	args := append([]any{began, heard, s.ID[:]}, digests...)
	var open, stopped sql.NullInt64
	if err := w.row(find+in+" AND stopped = 0", args...).Scan(&open); err != nil {
		return 0, err
	}
	if err := w.row(find+in+" AND stopped >= ?", append(args, heard)...).Scan(&stopped); err != nil {
		return 0, err
	}
	if !open.Valid || stopped.Valid && stopped.Int64 < open.Int64 {
		return stopped.Int64, nil
	}
	return open.Int64, nil
}

// elsewhere looks again at the device's other sessions: this one may end them,
// and may have ended them when it seemed to begin at another time. Those that
// something ended before are left alone (see bound), or each session of a device
// that never stops would cost more than the last.
func (w *sessions) elsewhere(s *stored, before time.Time) error {
	earliest, latest := micros(s.Began), micros(s.Began)
	if !before.IsZero() {
		earliest, latest = min(earliest, micros(before)), max(latest, micros(before))
	}
	if d := w.devices[s.Detail.Device]; d != nil && w.since <= earliest {
		return w.settleAgain(d.others(s, earliest, latest))
	}
	digests, err := w.digestsOf(domainDevice, s.Detail.Device)
	if err != nil {
		return err
	}
	args := append(digests, latest, latest, earliest, earliest, journal.EndSilent, s.ID[:])
	return w.resettle("s.device_digest IN ("+marks(len(digests))+") AND s.stopped = 0 AND s.began < ? AND s.heard <= ? AND s.deadline >= ?"+
		" AND (s.ended = 0 OR s.ended >= ? OR s.ending = ?) AND s.id <> ?", "s.began DESC", atOnce, args...)
}

// others are those that one which began between two times may end, or have ended.
func (d *device) others(s *stored, earliest, latest int64) (list []*stored) {
	for _, n := range d.list {
		o := n.in
		if o == nil || o == s || !o.Stopped.IsZero() || micros(o.Began) >= latest || micros(o.Heard()) > latest || o.settled.deadline < earliest {
			continue
		}
		if o.Live() || micros(o.Ended) >= earliest || o.Ending == journal.EndSilent {
			list = append(list, o)
		}
	}
	return list
}

// listOf is a list of marks for values, the last of them repeated until they are as many
// as a power of two: few lists, and so few statements that the engine has to be told of.
func listOf(values []any) (string, []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	for len(values) > 0 && len(values) < n {
		values = append(values, values[len(values)-1])
	}
	return "(" + marks(len(values)) + ")", values
}
