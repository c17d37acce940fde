//go:build !linux

package load

import (
	"context"
	"time"
)

// until waits for t; false if ctx ended.
func until(ctx context.Context, t time.Time) bool { return sleep(ctx, time.Until(t)) }
