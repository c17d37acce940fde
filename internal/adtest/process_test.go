//go:build peers

package adtest

import "testing"

// TestNoOrphan: the controller ends when the pipe that only we hold closes, as
// it does when this process is killed.
func TestNoOrphan(t *testing.T) {
	dc := Start(t, Options{})
	_ = dc.process.pipe.Close()
	if !dc.process.wait(stopTime) {
		t.Error("the domain controller outlives its test")
	}
}
