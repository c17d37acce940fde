package trail

import (
	"fmt"
	"testing"
	"time"
)

// Who asks ten thousand times leaves a line for each power of ten; many askers leave no
// more than is taken in a minute, and the next minute begins anew.
func TestDenials(t *testing.T) {
	now := time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC)
	var d Denials
	var told []int
	for range 10_000 {
		if times, write := d.Count("one", now); write {
			told = append(told, times)
		}
	}
	if got := fmt.Sprint(told); got != "[0 0 0 0 0 0 0 0 0 0 100 1000 10000]" {
		t.Error(got)
	}
	lines := len(told)
	for i := range 5000 {
		if _, write := d.Count(fmt.Sprint(i), now.Add(time.Second)); write {
			lines++
		}
	}
	if lines != deniedAll || len(d.askers) > deniedAskers+1 {
		t.Errorf("%d lines, %d askers", lines, len(d.askers))
	}
	if times, write := d.Count("one", now.Add(time.Minute)); times != 0 || !write {
		t.Errorf("a minute later: %d, %v", times, write)
	}
}
