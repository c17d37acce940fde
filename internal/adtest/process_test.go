//go:build peers

package adtest

import (
	"testing"

	"schoolbridge/internal/child"
)

// TestNoOrphan: the controller ends when the pipe that only we hold closes, as
// it does when this process is killed.
func TestNoOrphan(t *testing.T) {
	dc := Start(t, Options{})
	dc.process.Abandon()
	if !dc.process.Ended(child.StopTime) {
		t.Error("the domain controller outlives its test")
	}
}
