package duplicates

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
)

// Kept is what an undoing leaves as it is now.
type Kept struct {
	Account GUID
	What    string // one of Attributes; "": the whole account
}

// Difference is something of an account that is neither as the repair left it
// nor as it was before.
type Difference struct {
	Account GUID
	Name    string // sAMAccountName
	Why     Stop
	What    string // one of Attributes; "" where the account cannot be looked at
	Before  string
	Left    string // by the repair
	Now     string
}

// What stands among the attributes beside those of the directory.
const (
	place  = "place"  // the DN
	claims = "claims" // of registry records, in the store
)

// attributes are what a State holds.
var attributes = []struct {
	name string
	text func(State) string
	copy func(to *State, from State)
}{
	{"sAMAccountName", func(s State) string { return s.Name }, func(to *State, from State) { to.Name = from.Name }},
	{"userAccountControl", func(s State) string { return strconv.FormatUint(uint64(s.Control), 10) }, func(to *State, from State) { to.Control = from.Control }},
	{"userPrincipalName", func(s State) string { return s.UPN }, func(to *State, from State) { to.UPN = from.UPN }},
	{"proxyAddresses", func(s State) string { return strings.Join(s.Proxies, "\n") }, func(to *State, from State) { to.Proxies = from.Proxies }},
	{"mail", func(s State) string { return s.Mail }, func(to *State, from State) { to.Mail = from.Mail }},
	{"stamp", func(s State) string { return s.Stamp }, func(to *State, from State) { to.Stamp = from.Stamp }},
}

// Attributes names what an undoing can be told to leave.
func Attributes() []string {
	names := []string{place, claims}
	for _, a := range attributes {
		names = append(names, a.name)
	}
	return names
}

// keeps is a list of Kept as it is asked.
type keeps []Kept

func (k keeps) has(account GUID, what string) bool {
	return slices.Contains(k, Kept{account, what}) || slices.Contains(k, Kept{Account: account})
}

// Undo takes a repair back, as far as it went. What somebody has changed since is
// not written over: the repair stops before anything is written, and Differs
// says what it is; keep is what is to stay as it is now, beside what an undoing
// that was cut off has kept. What was set back by hand to what it had been is no
// difference.
func (m *Mender) Undo(ctx context.Context, id string, keep ...Kept) (Repair, error) {
	r, err := m.Journal.Repair(ctx, id)
	if err != nil || r.Phase == PhaseUndone {
		return r, err
	}
	if r.Phase == PhaseUndoing {
		keep = slices.Concat(r.Keep, keep)
	}
	if err := m.Journal.Undo(ctx, id, keep); err != nil {
		return r, err
	}
	r.Phase, r.Stopped, r.Keep = PhaseUndoing, "", keep
	return m.takeBack(ctx, r)
}

func (m *Mender) takeBack(ctx context.Context, r Repair) (Repair, error) {
	keep := keeps(r.Keep)
	var err error
	if r.Differs, err = m.differences(ctx, &r, keep); err != nil {
		return m.halt(ctx, r, err)
	}
	if len(r.Differs) > 0 {
		return m.halt(ctx, r, stop{r.Differs[0].Why})
	}
	for i := len(r.Entries) - 1; i >= 0; i-- {
		if e := &r.Entries[i]; e.happened() {
			if err := m.back(ctx, r, e, keep); err != nil {
				return m.halt(ctx, r, err)
			}
		}
	}
	return m.end(ctx, r, PhaseUndone, "")
}

// happened says that a step was made, or may have been.
func (e *Entry) happened() bool { return e.Stage == StageBegun || e.Stage == StageDone }

// subject is the account that a step changes.
func (r *Repair) subject(e *Entry) GUID {
	if e.Kind == Join {
		return r.Group.Survivor
	}
	return e.Account
}

// differences looks at every account that is to be brought back.
func (m *Mender) differences(ctx context.Context, r *Repair, keep keeps) ([]Difference, error) {
	var list []Difference
	gone := map[GUID]bool{}
	for i := range r.Entries {
		e := &r.Entries[i]
		account := r.subject(e)
		if !e.happened() || gone[account] || keep.whole(r, e) {
			continue
		}
		if e.Kind == Claims {
			d, err := m.claimed(ctx, e, keep)
			if err != nil {
				return nil, err
			}
			if d.Account, d.Name = account, r.Group.name(account); d.What != "" {
				list = append(list, d)
			}
			continue
		}
		o, err := m.Directory.Look(ctx, account)
		if why, ok := asStop(err); err != nil && ok {
			gone[account] = true
			list = append(list, Difference{Account: account, Name: r.Group.name(account), Why: why})
			continue
		} else if err != nil {
			return nil, err
		}
		for _, d := range r.differs(e, o, keep) {
			d.Account, d.Name, d.Why = account, o.Name, StopChanged
			list = append(list, d)
		}
	}
	return list, nil
}

// claimed tells where an account at rest was claimed for somebody else.
func (m *Mender) claimed(ctx context.Context, e *Entry, keep keeps) (d Difference, err error) {
	_, now, err := m.Journal.Owned(ctx, e.Account)
	if err != nil || keep.has(e.Account, claims) {
		return d, err
	}
	var before []person.RecordRef
	for _, c := range e.Claims {
		before = append(before, c.Record)
	}
	if slices.ContainsFunc(now, func(r person.RecordRef) bool { return !slices.Contains(before, r) }) {
		d = Difference{Why: StopChanged, What: claims, Before: recordWords(before), Now: recordWords(now)}
	}
	return d, nil
}

func recordWords(list []person.RecordRef) string {
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = r.Kind.String() + ":" + string(r.ID)
	}
	return strings.Join(words, " ")
}

func (p *Planned) name(id GUID) string {
	for _, m := range p.Members {
		if m.ID == id {
			return m.Name
		}
	}
	return ""
}

// whole says that a step stays for the sake of an account that is kept: its own,
// or the survivor's.
func (k keeps) whole(r *Repair, e *Entry) bool {
	return k.has(e.Account, "") || k.has(r.subject(e), "")
}

// differs compares an account with what a step made of it, and of what.
func (r *Repair) differs(e *Entry, o Object, keep keeps) []Difference {
	var list []Difference
	switch {
	case e.Kind == Move && !ldapclient.SameDN(o.DN, e.From) && !ldapclient.SameDN(o.DN, r.spare(e)) && !ldapclient.SameDN(o.DN, e.To) && !keep.has(e.Account, place):
		list = append(list, Difference{What: place, Before: e.From, Left: e.To, Now: o.DN})
	case e.Kind == Retire:
		for _, a := range attributes {
			before, left, now := a.text(*e.Before), a.text(*e.After), a.text(o.State)
			if a.name == "sAMAccountName" && before == "" {
				continue // repairs of former versions know none
			}
			if now != before && now != left && !keep.has(e.Account, a.name) {
				list = append(list, Difference{What: a.name, Before: before, Left: left, Now: now})
			}
		}
	}
	return list
}

// before is the state that an account gets back: without what it shared with the
// survivor, or the survivor has by now, which no controller gives twice.
func (m *Mender) before(ctx context.Context, r *Repair, e *Entry) (State, error) {
	before := *e.Before
	if !r.twin(e.Account) {
		return before, nil
	}
	survivor, err := m.Directory.Look(ctx, r.Group.Survivor)
	if err != nil && !errors.Is(err, ErrGone) {
		return before, err
	}
	first := r.Group.Members[0]
	if strings.EqualFold(before.Name, first.Name) || strings.EqualFold(before.Name, survivor.Name) {
		before.Name = e.After.Name
	}
	if strings.EqualFold(before.UPN, first.UPN) || strings.EqualFold(before.UPN, survivor.State.UPN) {
		before.UPN = e.After.UPN
	}
	return before, nil
}

// spare is where an account goes back to that cannot have its own name.
func (r *Repair) spare(e *Entry) string {
	if r.twin(e.Account) {
		return "CN=" + Spare(e.Account) + "," + ldapclient.Parent(e.From)
	}
	return e.From
}

// home is where an account goes back to: under a name of its own where the survivor
// has its DN, or lost it and gets it back, or no client can give it.
func (m *Mender) home(ctx context.Context, r *Repair, e *Entry) (string, error) {
	if ldapclient.Mangled(e.From) {
		return r.spare(e), nil
	}
	survivor, err := m.Directory.Look(ctx, r.Group.Survivor)
	if err != nil && !errors.Is(err, ErrGone) {
		return "", err
	}
	if ldapclient.SameDN(unmangled(survivor.DN), e.From) {
		return r.spare(e), nil
	}
	return e.From, nil
}

// unmangled is the DN that an object had before it lost its name to another one.
func unmangled(dn string) string {
	if !ldapclient.Mangled(dn) {
		return dn
	}
	rdn, _, _ := strings.Cut(dn, "CNF:")
	rdn = strings.TrimSuffix(strings.TrimSuffix(rdn, "\n"), `\0A`)
	return rdn + "," + ldapclient.Parent(dn)
}

// back takes one step back, or finds that it was not made.
func (m *Mender) back(ctx context.Context, r Repair, e *Entry, keep keeps) error {
	if keep.whole(&r, e) || e.Kind == Move && keep.has(e.Account, place) || e.Kind == Claims && keep.has(e.Account, claims) {
		return m.save(ctx, r, e, StageSkipped)
	}
	switch e.Kind {
	case Retire:
		return m.restore(ctx, r, e, keep)
	case Claims:
		return m.Journal.Claim(ctx, r.ID, r.Group.Survivor, *e, true)
	case Join:
		return m.leave(ctx, r, e)
	case Move:
		return m.moveBack(ctx, r, e, keep)
	}
	return stop{StopRefused} // a kind of a later version
}

// restore gives an account what it had, but for what is kept.
func (m *Mender) restore(ctx context.Context, r Repair, e *Entry, keep keeps) error {
	o, err := m.Directory.Look(ctx, e.Account)
	if err != nil {
		return err
	}
	if len(r.differs(e, o, keep)) > 0 {
		return stop{StopChanged}
	}
	to, err := m.before(ctx, &r, e)
	if err != nil {
		return err
	}
	for _, a := range attributes {
		if keep.has(e.Account, a.name) {
			a.copy(&to, o.State)
		}
	}
	if o.State.Stamp != to.Stamp || !o.State.equal(to) {
		if err := m.wait(ctx); err != nil {
			return err
		}
		if err := m.Directory.Change(ctx, e.Account, o.State, to); err != nil {
			return err
		}
	}
	return m.save(ctx, r, e, StageUndone)
}

func (m *Mender) leave(ctx context.Context, r Repair, e *Entry) error {
	o, err := m.Directory.Look(ctx, r.Group.Survivor)
	if err != nil {
		return err
	}
	if holds(o.Groups, e.To) {
		if err := m.wait(ctx); err != nil {
			return err
		}
		if err := m.Directory.Leave(ctx, e.To, o.DN); err != nil {
			return err
		}
	}
	return m.save(ctx, r, e, StageUndone)
}

func (m *Mender) moveBack(ctx context.Context, r Repair, e *Entry, keep keeps) error {
	o, err := m.Directory.Look(ctx, e.Account)
	if err != nil {
		return err
	}
	if len(r.differs(e, o, keep)) > 0 {
		return stop{StopChanged}
	}
	if !ldapclient.SameDN(o.DN, e.From) && !ldapclient.SameDN(o.DN, r.spare(e)) {
		from, err := m.home(ctx, &r, e)
		if err != nil {
			return err
		}
		if err := m.wait(ctx); err != nil {
			return err
		}
		if err := m.Directory.Move(ctx, o.DN, from); err != nil {
			return err
		}
	}
	return m.save(ctx, r, e, StageUndone)
}
