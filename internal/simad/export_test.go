package simad

import "time"

// SetClock replaces the clock of a directory at rest.
func SetClock(d *Directory, now func() time.Time) { d.o.Now = now }
