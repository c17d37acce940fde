package duplicates_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

// notes is a journal of one repair.
type notes struct {
	duplicates.Journal
	repair duplicates.Repair
	stages map[int]duplicates.Stage
}

func (n *notes) Repair(context.Context, string) (duplicates.Repair, error) {
	r := n.repair
	r.Entries = slices.Clone(r.Entries)
	return r, nil
}

func (n *notes) Save(_ context.Context, _ string, _ duplicates.Phase, _ duplicates.Stage, e duplicates.Entry) error {
	n.stages[e.Seq] = e.Stage
	return nil
}

func (*notes) Owned(context.Context, duplicates.GUID) (bool, []person.RecordRef, error) {
	return false, nil, nil
}

func (n *notes) SetPhase(_ context.Context, _ string, _, p duplicates.Phase, _ duplicates.Stop) error {
	n.repair.Phase = p
	return nil
}

func (n *notes) Undo(_ context.Context, _ string, keep []duplicates.Kept) error {
	n.repair.Phase, n.repair.Keep = duplicates.PhaseUndoing, keep
	return nil
}

// TestUndoGone: an account that is gone stops the return of the others, until
// somebody says that it is left out.
func TestUndoGone(t *testing.T) {
	stays, gone := duplicates.GUID{1}, duplicates.GUID{2}
	n := &notes{stages: map[int]duplicates.Stage{}, repair: duplicates.Repair{ID: "g1", Phase: duplicates.PhaseApplied,
		Group: duplicates.Planned{ID: "g1", Survivor: stays, Members: []duplicates.Member{{ID: stays, Name: "evann"}, {ID: gone, Name: "evann-1"}}}}}
	for i, kind := range []duplicates.Kind{duplicates.Retire, duplicates.Claims, duplicates.Join, duplicates.Move} {
		n.repair.Entries = append(n.repair.Entries, duplicates.Entry{Seq: i, Stage: duplicates.StageDone, Kind: kind, Account: gone,
			Before: &duplicates.State{Control: 512}, After: &duplicates.State{Control: 514}, From: "CN=evann-1,OU=49", To: "CN=evann-1,OU=duplicates"})
	}
	m := duplicates.Mender{Journal: n, Directory: still{objects: map[duplicates.GUID]duplicates.Object{stays: {ID: stays, Name: "evann"}}}, Now: func() time.Time { return day }}
	r, err := m.Undo(t.Context(), "g1")
	if err != nil || r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopGone || len(r.Differs) != 1 || r.Differs[0].Name != "evann-1" || r.Differs[0].What != "" || len(n.stages) != 0 {
		t.Fatalf("%v %s %+v %v, %v", r.Phase, r.Stopped, r.Differs, n.stages, err)
	}
	r, err = m.Undo(t.Context(), "g1", duplicates.Kept{Account: gone})
	if err != nil || r.Phase != duplicates.PhaseUndone || len(n.stages) != 4 || n.stages[1] != duplicates.StageSkipped {
		t.Errorf("%v %s %v, %v", r.Phase, r.Stopped, n.stages, err)
	}
}

// full is a journal that takes no step down.
type full struct{ *notes }

func (full) Save(context.Context, string, duplicates.Phase, duplicates.Stage, duplicates.Entry) error {
	return errDown
}

func (n *notes) Repairs(context.Context) ([]duplicates.Repair, error) {
	return []duplicates.Repair{n.repair}, nil
}

// writes notes whose account is written.
type writes struct {
	still
	changed *[]duplicates.GUID
}

func (w writes) Change(_ context.Context, id duplicates.GUID, _, to duplicates.State) error {
	*w.changed = append(*w.changed, id)
	o := w.objects[id]
	o.State = to
	w.objects[id] = o
	return nil
}

// TestUndoCutOff: an undoing that was cut off keeps what it was told to, whoever
// goes on with it.
func TestUndoCutOff(t *testing.T) {
	stays, rests, after := duplicates.GUID{1}, duplicates.GUID{2}, duplicates.State{Control: 514}
	for _, goOn := range []func(*duplicates.Mender) (duplicates.Repair, error){
		func(m *duplicates.Mender) (duplicates.Repair, error) {
			list, err := m.Resume(t.Context())
			return append(list, duplicates.Repair{})[0], err
		},
		func(m *duplicates.Mender) (duplicates.Repair, error) { return m.Undo(t.Context(), "g1") },
	} {
		n := &notes{stages: map[int]duplicates.Stage{}, repair: duplicates.Repair{ID: "g1", Phase: duplicates.PhaseApplied,
			Group:   duplicates.Planned{ID: "g1", Survivor: stays, Members: []duplicates.Member{{ID: stays, Name: "evann"}, {ID: rests, Name: "evann-1"}}},
			Entries: []duplicates.Entry{{Stage: duplicates.StageDone, Kind: duplicates.Retire, Account: rests, Before: &duplicates.State{Control: 512}, After: &after}}}}
		var changed []duplicates.GUID
		d := writes{still{objects: map[duplicates.GUID]duplicates.Object{stays: {ID: stays}, rests: {ID: rests, Name: "evann-1", State: after}}}, &changed}
		m := duplicates.Mender{Journal: full{n}, Directory: d, Now: func() time.Time { return day }}
		if r, err := m.Undo(t.Context(), "g1", duplicates.Kept{Account: rests}); !errors.Is(err, errDown) || n.repair.Phase != duplicates.PhaseUndoing {
			t.Fatalf("%v, %v", r.Phase, err)
		}
		m.Journal = n
		if r, err := goOn(&m); err != nil || r.Phase != duplicates.PhaseUndone || len(changed) != 0 || n.stages[0] != duplicates.StageSkipped {
			t.Errorf("%v, %v; changed %v, %v", r.Phase, err, changed, n.stages)
		}
		n.repair.Phase = duplicates.PhaseStopped // an undoing that came to an end is forgotten
		if r, err := m.Undo(t.Context(), "g1"); err != nil || len(changed) != 1 || len(r.Keep) != 0 {
			t.Errorf("begun anew: %v, %v; changed %v", r.Phase, err, changed)
		}
	}
}

func (w writes) Move(_ context.Context, from, to string) error {
	for id, o := range w.objects {
		if o.DN == from {
			o.DN = to
			w.objects[id] = o
		}
	}
	return nil
}

// TestUndoHome: of two accounts of one name the one that comes back has its place
// again, but where the other one's is, or will be.
func TestUndoHome(t *testing.T) {
	stays, rests := duplicates.GUID{1}, duplicates.GUID{2}
	spare := "CN=" + duplicates.Spare(rests) + ",OU=50"
	for _, c := range []struct{ from, survivor, want string }{
		{"CN=Еванова Нина,OU=50", "CN=evann,OU=49", "CN=Еванова Нина,OU=50"},
		{"CN=evann,OU=50", "CN=evann,OU=49", "CN=evann,OU=50"},
		{"CN=Еванова Нина,OU=50", "CN=evann,OU=50", "CN=Еванова Нина,OU=50"},
		{"CN=evann,OU=50", "CN=Evann,OU=50", spare},
		{"CN=evann,OU=50", `CN=evann\0ACNF:a746b716-0ac0-11d2-b376-0000f87a46c8,OU=50`, spare},
		{`CN=evann\0ACNF:a746b716-0ac0-11d2-b376-0000f87a46c8,OU=50`, "CN=evann,OU=49", spare},
	} {
		n := &notes{stages: map[int]duplicates.Stage{}, repair: duplicates.Repair{ID: "g1", Phase: duplicates.PhaseApplied,
			Group:   duplicates.Planned{ID: "g1", Survivor: stays, Members: []duplicates.Member{{ID: stays, Name: "evann"}, {ID: rests, Name: "evann"}}},
			Entries: []duplicates.Entry{{Stage: duplicates.StageDone, Kind: duplicates.Move, Account: rests, From: c.from, To: "CN=evann,OU=duplicates"}}}}
		d := writes{still{objects: map[duplicates.GUID]duplicates.Object{stays: {ID: stays, DN: c.survivor}, rests: {ID: rests, DN: "CN=evann,OU=duplicates"}}}, nil}
		m := duplicates.Mender{Journal: n, Directory: d, Now: func() time.Time { return day }}
		for range 2 { // or again, where the note of it was lost
			if r, err := m.Undo(t.Context(), "g1"); err != nil || r.Phase != duplicates.PhaseUndone || !ldapclient.SameDN(d.objects[rests].DN, c.want) {
				t.Errorf("%s beside %s: %v, at %s, %v", c.from, c.survivor, r.Phase, d.objects[rests].DN, err)
			}
			n.repair.Phase = duplicates.PhaseUndoing
		}
	}
}

// TestUndoDispossessed: who gave its name up for one that had lost it has it back,
// unless that one has it by now.
func TestUndoDispossessed(t *testing.T) {
	stays, rests := duplicates.GUID{1}, duplicates.GUID{2}
	for now, want := range map[string]string{"$DUPLICATE-1f4": "evann", "evann": duplicates.Spare(rests), "other": "evann"} {
		before, after := duplicates.State{Name: "evann", Control: 512}, duplicates.State{Name: duplicates.Spare(rests), Control: 514}
		n := &notes{stages: map[int]duplicates.Stage{}, repair: duplicates.Repair{ID: "g1", Phase: duplicates.PhaseApplied,
			Group:   duplicates.Planned{ID: "g1", Survivor: stays, Members: []duplicates.Member{{ID: stays, Name: "$DUPLICATE-1f4"}, {ID: rests, Name: "evann"}}},
			Entries: []duplicates.Entry{{Stage: duplicates.StageDone, Kind: duplicates.Retire, Account: rests, Before: &before, After: &after}}}}
		d := writes{still{objects: map[duplicates.GUID]duplicates.Object{stays: {ID: stays, Name: now}, rests: {ID: rests, State: after}}}, new([]duplicates.GUID)}
		m := duplicates.Mender{Journal: n, Directory: d, Now: func() time.Time { return day }}
		if r, err := m.Undo(t.Context(), "g1"); err != nil || r.Phase != duplicates.PhaseUndone || d.objects[rests].State.Name != want || d.objects[rests].State.Control != 512 {
			t.Errorf("beside %s: %v, %+v, %v", now, r.Phase, d.objects[rests].State, err)
		}
	}
}
