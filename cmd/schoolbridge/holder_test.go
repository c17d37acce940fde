package main

import (
	"testing"

	"schoolbridge/config"
)

// TestDaemonHolder: two daemons of one machine do not take each other's leases for their
// own, and one that was killed finds its own.
func TestDaemonHolder(t *testing.T) {
	daemon := func(replica config.Replica) *config.Config {
		return &config.Config{State: config.Path(t.TempDir()), Store: config.Store{URLFile: "address", Replica: replica}}
	}
	one := daemon("radius-1")
	first := daemonHolder(one)
	if first == daemonHolder(daemon("radius-2")) {
		t.Error("two daemons have one name")
	}
	if daemonHolder(one) != first || daemonHolder(daemon("")) == "/daemon" {
		t.Errorf("%q, %q", daemonHolder(one), daemonHolder(daemon("")))
	}
}
