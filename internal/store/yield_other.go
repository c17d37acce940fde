//go:build !linux

package store

import "runtime"

// yield lets others of this process run.
func yield() { runtime.Gosched() }
