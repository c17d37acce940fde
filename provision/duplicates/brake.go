package duplicates

import (
	"context"
	"time"

	"schoolbridge/provision"
)

// Figures are what the brake on disabling says, of a day.
type Figures struct {
	Most   int // so many may be disabled within a day without somebody's consent
	Lately int // so many were
}

// Left is how many still may be.
func (f Figures) Left() int { return max(f.Most-f.Lately, 0) }

// Measure asks the journal what the brake says of a directory of so many accounts.
// What is under way counts whole, and what stopped by what it has disabled.
func Measure(ctx context.Context, j Journal, b provision.Brake, accounts int, now time.Time) (Figures, error) {
	lately, err := j.Lately(ctx, now.Add(-provision.BrakeDay))
	return Figures{Most: b.Allowed(accounts), Lately: lately}, err
}
