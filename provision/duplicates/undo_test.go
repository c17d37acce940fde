package duplicates_test

import (
	"context"
	"slices"
	"testing"
	"time"

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

func (n *notes) Save(_ context.Context, _ string, e duplicates.Entry) error {
	n.stages[e.Seq] = e.Stage
	return nil
}

func (*notes) Owned(context.Context, duplicates.GUID) (bool, []person.RecordRef, error) {
	return false, nil, nil
}

func (n *notes) SetPhase(_ context.Context, _ string, p duplicates.Phase, _ duplicates.Stop) error {
	n.repair.Phase = p
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
