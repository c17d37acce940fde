package main

import (
	"os"
	"testing"

	"schoolbridge/config"
)

// A chain of the audit trail keeps the name under which it was begun, whatever the
// machine is called later.
func TestReplicaNameLasts(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{State: config.Path(t.TempDir())}
	c.Store.URLFile = "store-url"
	named := func(what, want string) {
		t.Helper()
		if name := replicaName(c); name != want {
			t.Errorf("%s: %q, want %q", what, name, want)
		}
	}
	named("before the first start", host)
	if err := keepReplicaName(c); err != nil {
		t.Fatal(err)
	}
	named("at the first start", host)
	write(t, replicaFile(c), "radius-of-last-year\n") // the machine had another name then
	if err := keepReplicaName(c); err != nil {
		t.Fatal(err)
	}
	named("under another name", "radius-of-last-year")
	write(t, replicaFile(c), "no name\n")
	named("a damaged file", host)
	if err := keepReplicaName(c); err != nil {
		t.Fatal(err)
	}
	c.Store.Replica = "radius-1"
	named("configured", "radius-1")
	c.Store.Replica, c.Store.URLFile = "", ""
	named("SQLite", "")
	c.Store.URLFile, c.State = "store-url", config.Path(t.TempDir()+"/nowhere")
	if err := keepReplicaName(c); err == nil {
		t.Error("a name that cannot be kept is no error")
	}
}
