package trail

import (
	"sync"
	"time"
)

// What of denials is written in a minute.
const (
	deniedEach   = 10  // of one asker; then the hundredth, the thousandth …
	deniedAll    = 600 // of all together
	deniedAskers = 1024
)

// Denials says which refusals of a minute have a line, so that whoever asks without end
// does not fill the trail. It is safe for concurrent use; the zero value has counted
// nothing.
type Denials struct {
	mu      sync.Mutex
	minute  time.Time
	askers  map[string]int
	written int
}

// Count counts a refusal of an asker, and says whether a line is to tell it. times is
// how many there were in this minute, where not each has a line; else 0.
func (d *Denials) Count(by string, now time.Time) (times int, write bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.minute) >= time.Minute || now.Before(d.minute) {
		d.minute, d.askers, d.written = now, map[string]int{}, 0
	}
	if _, known := d.askers[by]; !known && len(d.askers) >= deniedAskers {
		by = "" // all further ones together
	}
	d.askers[by]++
	n := d.askers[by]
	if write = (n <= deniedEach || powerOfTen(n)) && d.written < deniedAll; write {
		d.written++
	}
	if n <= deniedEach {
		return 0, write
	}
	return n, write
}

// powerOfTen says that n is 1, 10, 100 …
func powerOfTen(n int) bool {
	for n > 1 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}
