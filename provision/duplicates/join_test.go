package duplicates_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"schoolbridge/provision/duplicates"
)

// grouped is a directory of one group, which the survivor joins. meanwhile happens
// before the request, as somebody else's hand.
type grouped struct {
	still
	id        duplicates.GUID
	meanwhile func()
	joined    *int
}

const pupils = "CN=pupils,DC=obr"

func (g grouped) member() {
	o := g.objects[g.id]
	o.Groups = append(slices.Clone(o.Groups), pupils)
	g.objects[g.id] = o
}

func (g grouped) Join(context.Context, string, string) error {
	if g.meanwhile != nil {
		g.meanwhile()
	}
	if slices.Contains(g.objects[g.id].Groups, pupils) {
		return duplicates.ErrMember
	}
	*g.joined++
	g.member()
	return nil
}

func (g grouped) Leave(context.Context, string, string) error {
	o := g.objects[g.id]
	o.Groups = nil
	g.objects[g.id] = o
	return nil
}

// kept is a journal that remembers what was saved.
type kept struct{ *notes }

func (k kept) Save(_ context.Context, _ string, _ duplicates.Phase, _ duplicates.Stage, e duplicates.Entry) error {
	k.repair.Entries[e.Seq] = e
	return nil
}

// TestJoinByOthers: a membership that somebody else gave meanwhile stays when the
// repair is taken back; ours goes, also where a run ended before it was noted.
func TestJoinByOthers(t *testing.T) {
	stays, rests := duplicates.GUID{1}, duplicates.GUID{2}
	errKilled := errors.New("killed")
	for name, c := range map[string]struct {
		waits     func(grouped) error // of the first run, before the request
		meanwhile func(grouped)       // between the look and the request
		begun     bool                // the run that made us a member ended before it noted that
		stays     bool
	}{
		"by us":                          {},
		"by us, and the note was lost":   {begun: true},
		"while our turn was waited for":  {waits: func(g grouped) error { g.member(); return nil }, stays: true},
		"after we were killed waiting":   {waits: func(g grouped) error { g.member(); return errKilled }, stays: true},
		"just before the request":        {meanwhile: grouped.member, stays: true},
		"before a run that does it anew": {waits: func(grouped) error { return errKilled }, meanwhile: grouped.member, stays: true},
	} {
		n := &notes{repair: duplicates.Repair{ID: "g1", Phase: duplicates.PhaseApplying,
			Group:   duplicates.Planned{ID: "g1", Survivor: stays, Members: []duplicates.Member{{ID: stays, Name: "evann"}, {ID: rests, Name: "evann-1"}}},
			Entries: []duplicates.Entry{{Stage: duplicates.StagePlanned, Kind: duplicates.Join, Account: rests, To: pupils}}}}
		d := grouped{still{objects: map[duplicates.GUID]duplicates.Object{stays: {ID: stays, DN: "CN=evann"}, rests: {ID: rests, DN: "CN=evann-1"}}}, stays, nil, new(int)}
		if c.meanwhile != nil {
			d.meanwhile = func() { c.meanwhile(d) }
		}
		if c.begun {
			n.repair.Entries[0].Stage = duplicates.StageBegun
			d.member()
		}
		m := duplicates.Mender{Journal: kept{n}, Directory: d, Now: func() time.Time { return day }}
		if c.waits != nil {
			m.Wait = func(context.Context) error { return c.waits(d) }
		}
		if _, err := m.Resume(t.Context()); err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("%s: %v", name, err)
		}
		m.Wait = nil
		if _, err := m.Resume(t.Context()); err != nil || n.repair.Phase != duplicates.PhaseApplied || !slices.Contains(d.objects[stays].Groups, pupils) {
			t.Fatalf("%s: %v, %v, in %v", name, err, n.repair.Phase, d.objects[stays].Groups)
		}
		r, err := m.Undo(t.Context(), "g1")
		if err != nil || r.Phase != duplicates.PhaseUndone || slices.Contains(d.objects[stays].Groups, pupils) != c.stays || c.stays && *d.joined > 0 {
			t.Errorf("%s: %v, %v; in %v, joined %d times", name, err, r.Phase, d.objects[stays].Groups, *d.joined)
		}
	}
}

// TestUndoDisablesNobody: the brake on disabling never holds a return, whatever the
// repair had put to rest.
func TestUndoDisablesNobody(t *testing.T) {
	o := duplicates.Order{Verb: duplicates.Apply, Accounts: []duplicates.GUID{{2}},
		Group: duplicates.Planned{Survivor: duplicates.GUID{1}, Members: []duplicates.Member{{ID: duplicates.GUID{1}, Enabled: true}, {ID: duplicates.GUID{2}, Enabled: true}}}}
	if n := o.Disabling(); n != 1 {
		t.Fatalf("a repair disables %d", n)
	}
	if o.Verb = duplicates.Undo; o.Disabling() != 0 {
		t.Errorf("a return disables %d", o.Disabling())
	}
}
