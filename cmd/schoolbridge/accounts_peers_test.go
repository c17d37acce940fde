//go:build peers

package main

import "testing"

// TestOnePersonOneAccount is the judgement of activation: whatever dies, is
// lost, is late or comes at once, everybody has exactly one account in a real
// Active Directory, whose password is that of mos.ru. One district serves all of
// it, with people of their own for each part.
func TestOnePersonOneAccount(t *testing.T) {
	s := newDistrict(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *district)
	}{
		{"killed while creating", killedCreating},
		{"killed while adopting", killedAdopting},
		{"killed while a password changes", killedRenewing},
		{"killed while somebody leaves", killedLeaving},
		{"killed while somebody returns", killedReturning},
		{"killed while somebody moves", killedMoving},
		{"killed while storing", killedStoring},
		{"killed after a move to another mos.ru account", killedTransferring},
		{"killed while the other mos.ru account activates", killedTransferred},
		{"200 activations of one person", crowdOfOne},
		{"50 namesakes", crowdOfNamesakes},
		{"two workers", twoWorkers},
		{"lost answers", lostAnswers},
		{"the controller restarts", controllerRestarts},
		{"a worker that slept", overtaken},
		{"a pupil and the own mark", ownMark},
		{"a mark that was changed", foreignMark},
		{"a password that the policy refuses", refusedPassword},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
	s.stop()
	s.discreet(t)
	if out, err := s.command("audit", "verify"); err != nil {
		t.Errorf("audit verify: %v: %s", err, out)
	}
}
