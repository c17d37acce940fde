//go:build peers

package main

import "testing"

// TestOnePersonOneAccount is the judgement of activation: whatever dies, is
// lost, is late or comes at once, everybody has exactly one account in a real
// Active Directory, whose password is that of mos.ru. The parts mostly wait, so
// three districts take turns on the machine, each with people of its own for each part.
func TestOnePersonOneAccount(t *testing.T) {
	t.Parallel()
	type part struct {
		name string
		test func(*testing.T, *district)
	}
	for _, way := range []struct {
		name  string
		parts []part
	}{
		{"killed", []part{
			{"while creating", killedCreating},
			{"while adopting", killedAdopting},
			{"while a password changes", killedRenewing},
			{"while somebody leaves", killedLeaving},
			{"while somebody returns", killedReturning},
			{"while somebody moves", killedMoving},
			{"while storing", killedStoring},
		}},
		{"killed between two mos.ru accounts", []part{
			{"after the move", killedTransferring},
			{"while the other one activates", killedTransferred},
		}},
		{"crowded, lost, late", []part{
			{"200 activations of one person", crowdOfOne},
			{"50 namesakes", crowdOfNamesakes},
			{"two workers", twoWorkers},
			{"lost answers", lostAnswers},
			{"the controller restarts", controllerRestarts},
			{"a worker that slept", overtaken},
			{"a pupil and the own mark", ownMark},
			{"a mark that was changed", foreignMark},
			{"a password that the policy refuses", refusedPassword},
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newDistrict(t)
			for _, part := range way.parts {
				t.Run(part.name, func(t *testing.T) { part.test(t, s) })
			}
			s.stop()
			s.discreet(t)
			if out, err := s.command("audit", "verify"); err != nil {
				t.Errorf("audit verify: %v: %s", err, out)
			}
		})
	}
}
