package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDemoEmptiesOnlyItsOwnFolder(t *testing.T) {
	live := demoFolder(t.TempDir())
	for _, name := range []string{live.config(), live.path("schoolbridge.db")} {
		if err := os.WriteFile(name, []byte("of a real daemon"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := live.clear(); err == nil {
		t.Error("the folder of a real daemon is taken for a demo's")
	}
	if _, err := os.Stat(live.path("schoolbridge.db")); err != nil {
		t.Errorf("a real daemon's store is gone: %v", err)
	}

	demo := demoFolder(filepath.Join(t.TempDir(), "demo"))
	if err := demo.clear(); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := demo.write(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	// Interrupted before its configuration was written.
	if err := os.Remove(demo.config()); err != nil {
		t.Fatal(err)
	}
	if err := demo.clear(); err != nil {
		t.Errorf("an interrupted first start: %v", err)
	}
	if _, err := os.Stat(string(demo)); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}
