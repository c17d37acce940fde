//go:build peers

package radiustest

import (
	"testing"

	"schoolbridge/internal/child"
)

// TestNoOrphan: a server ends when the pipe closes that only we hold, as it does
// when this process is killed.
func TestNoOrphan(t *testing.T) {
	for name, start := range map[string]func(testing.TB, Options) *Server{"freeradius": Start, "hostapd": StartHostapd} {
		s := start(t, Options{})
		s.process.Abandon()
		if !s.process.Ended(child.StopTime) {
			t.Errorf("%s outlives its test", name)
		}
	}
}

// TestStop: a server can be stopped before its test ends.
func TestStop(t *testing.T) {
	s := Start(t, Options{RSA: true, Users: []User{{Name: "a", Password: "b"}}})
	s.Stop()
	if !s.process.Ended(0) || s.answers() == nil {
		t.Error("it goes on")
	}
}
