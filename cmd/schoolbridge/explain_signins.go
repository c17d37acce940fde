package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
)

const (
	// signInsRead is how many attempts a report goes back, saidRead how many of
	// those beside them that anybody can cause with somebody's name.
	signInsRead = 200
	saidRead    = 100
	// nobodysRead is how many attempts of nobody in particular it looks through:
	// those of devices and machines are among them.
	nobodysRead = 5000
	// usersRead bounds the people of one device whose attempts are looked at.
	usersRead = 20
)

// attempt is one line of the trail, with what tells whose it is.
type attempt struct {
	explain.SignIn
	Login   string `json:"login"` // as typed, or said outside: never shown
	Machine string `json:"machine"`
}

// both reads somebody's last lines, or nobody's: those that say whose they are,
// and apart from them those in which that is only said.
func (e *explainer) both(ctx context.Context, id identity.PersonID, proven, said int) ([]attempt, error) {
	list, err := e.attempts(ctx, id, proven, auth.AuditSignIn, auth.AuditEnded)
	if err != nil {
		return nil, err
	}
	more, err := e.attempts(ctx, id, said, auth.AuditRefused)
	return append(list, more...), err
}

// attempts reads somebody's last lines, or nobody's, which several parts of a report
// look through, the newest first.
func (e *explainer) attempts(ctx context.Context, id identity.PersonID, limit int, kinds ...string) ([]attempt, error) {
	if !id.IsZero() {
		return e.recent(ctx, id, limit, kinds...)
	}
	of := strings.Join(kinds, " ")
	if _, have := e.read[of]; !have {
		list, err := e.recent(ctx, id, limit, kinds...)
		if err != nil {
			return nil, err
		}
		if e.read == nil {
			e.read = map[string][]attempt{}
		}
		e.read[of] = list
	}
	return slices.Clone(e.read[of]), nil // whose they are is noted in them
}

func (e *explainer) recent(ctx context.Context, id identity.PersonID, limit int, kinds ...string) ([]attempt, error) {
	entries, err := e.db.Audit().Recent(ctx, id, limit, kinds...)
	if err != nil {
		return nil, err
	}
	list := make([]attempt, 0, len(entries))
	for _, entry := range entries {
		var a attempt
		if entry.Payload != nil {
			if err := json.Unmarshal(entry.Payload, &a); err != nil {
				return nil, fmt.Errorf("read the audit trail: %w", err)
			}
		}
		a.At, a.Said = entry.At, entry.Kind == auth.AuditRefused
		if a.Channel == identity.ChannelWiFi.String() && entry.Kind != auditUnheard {
			a.Addr = "" // the access point's, which NAS names
		}
		list = append(list, a)
	}
	return list, nil
}

// add takes attempts into the report that fit, in the order of time: so many of
// either sort.
func add(r *explain.Report, list []attempt, fit func(*attempt) bool) {
	for i := range list {
		if fit(&list[i]) {
			r.SignIns = append(r.SignIns, list[i].SignIn)
		}
	}
	slices.SortStableFunc(r.SignIns, func(a, b explain.SignIn) int { return b.At.Compare(a.At) })
	left := map[bool]int{false: signInsRead, true: saidRead}
	r.SignIns = slices.DeleteFunc(r.SignIns, func(s explain.SignIn) bool {
		left[s.Said]--
		return left[s.Said] < 0
	})
}

// signIns are a person's attempts, and what became of those devices of hers that
// called themselves anonymous and got no further.
func (e *explainer) signIns(ctx context.Context, id identity.PersonID, r *explain.Report) error {
	return e.signInsOf(ctx, id, r, signInsRead, saidRead)
}

// signInsOf is signIns as far back as is said: so many of the person's own, and of
// those that only said the name.
func (e *explainer) signInsOf(ctx context.Context, id identity.PersonID, r *explain.Report, proven, said int) error {
	own, err := e.both(ctx, id, proven, said)
	if err != nil {
		return err
	}
	add(r, own, func(*attempt) bool { return true })
	devices := map[string]bool{}
	for _, s := range r.SignIns {
		devices[s.Device] = true
	}
	for _, s := range r.Sessions {
		devices[s.Device] = true
	}
	if delete(devices, ""); len(devices) == 0 {
		return nil
	}
	others, err := e.attempts(ctx, identity.PersonID{}, e.nobodys, auth.AuditRefused)
	if err != nil {
		return err
	}
	add(r, others, func(a *attempt) bool {
		a.ByDevice = true
		return devices[a.Device]
	})
	return nil
}

// namedSignIns are those of nobody in particular under any of these names: logins
// that nobody has who may sign in, and what was typed in place of one.
func (e *explainer) namedSignIns(ctx context.Context, r *explain.Report, names ...string) error {
	return e.attemptsUnder(ctx, r, false, names...)
}

// attemptsUnder is namedSignIns; said marks them as what anybody can cause.
func (e *explainer) attemptsUnder(ctx context.Context, r *explain.Report, said bool, names ...string) error {
	wanted := map[string]bool{}
	for _, name := range names {
		if name != "" {
			wanted[typedKey(name)] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	nobodys, err := e.both(ctx, identity.PersonID{}, e.nobodys, e.nobodys)
	add(r, nobodys, func(a *attempt) bool {
		a.Said = a.Said || said
		return a.Login != "" && (wanted[typedKey(a.Login)] || wanted[typedKey(e.bare(a.Login))])
	})
	return err
}

// typedKey is what two writings of a login, phone, e-mail or СНИЛС have in
// common.
func typedKey(name string) string {
	switch person.Classify(name) {
	case person.ShapePhone, person.ShapeSNILS, person.ShapeEmail:
		if keys := contactKeys(name, name, name); len(keys) > 0 {
			return keys[0]
		}
	}
	return "l" + person.FoldName(name)
}

// deviceSignIns are those that came from a hardware address, whoever it was, and
// those that were about it.
func (e *explainer) deviceSignIns(ctx context.Context, address identity.HardwareAddress, r *explain.Report) error {
	nobodys, err := e.both(ctx, identity.PersonID{}, e.nobodys, e.nobodys)
	if err != nil {
		return err
	}
	device := string(address)
	add(r, nobodys, func(a *attempt) bool {
		named, ok := identity.ParseHardwareAddress(a.Login)
		return ok && named == address || a.Device == device
	})
	sessions, err := e.db.Journal().Find(ctx, journal.Query{Device: device})
	if err != nil {
		return err
	}
	users := map[identity.PersonID]bool{{}: true} // nobody has been looked at
	for _, s := range sessions {
		if users[s.Person] || len(users) > usersRead {
			continue
		}
		users[s.Person] = true
		if err := e.userSignIns(ctx, s.Person, device, r); err != nil {
			return err
		}
	}
	return nil
}

// userSignIns are those of one person on one device.
func (e *explainer) userSignIns(ctx context.Context, id identity.PersonID, device string, r *explain.Report) error {
	holder, err := e.db.Accounts().Get(ctx, id)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	own, err := e.both(ctx, id, signInsRead, saidRead)
	there := false
	add(r, own, func(a *attempt) bool {
		a.Who = string(holder.Login)
		there = there || a.Device == device
		return a.Device == device
	})
	if there {
		e.users = append(e.users, somebody{id: id})
	}
	return err
}

// machineSignIns are those of a computer: by its certificate, or, where none was
// taken, by the name that it gave itself.
func (e *explainer) machineSignIns(ctx context.Context, host string, r *explain.Report) error {
	nobodys, err := e.both(ctx, identity.PersonID{}, e.nobodys, e.nobodys)
	add(r, nobodys, func(a *attempt) bool {
		said, ok := strings.CutPrefix(strings.ToLower(a.Login), "host/")
		return a.Machine == host || a.Machine == "" && ok && identity.FoldMachineName(said) == host
	})
	return err
}
