// Package oidctest gives tests an OpenID provider that others have written
// (oidc-provider, certified by the OpenID Foundation): what our client takes for
// the standard is held against theirs. It stands in mos.ru's place, with mos.ru's
// addresses below its own, for one test, and is gone with it.
//
// It shows pages of its own: a form that takes any name and password, then one
// that asks whether we may know. The password grant, which it lacks, is added.
//
// Limits: Linux with node, and oidc-provider as scripts/peers.sh installs it. Only
// tests with the build tag peers use it. Start reading at Start.
package oidctest

import (
	_ "embed"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/internal/freeport"
)

//go:embed provider/provider.mjs
var program []byte

// modules is where scripts/peers.sh has installed what provider/package-lock.json names.
const modules = "/usr/local/share/schoolbridge-peers/oidc-provider"

// Person is one whom the provider knows.
type Person struct {
	Password string         `json:"password"`
	Claims   map[string]any `json:"claims"`
}

// Options of a provider. The client is registered for the code flow.
type Options struct {
	Client, Secret string
	Redirect       string            // where browsers come back with a code
	Left           string            // where they come back after signing out
	Passwords      bool              // the password grant is there too
	People         map[string]Person // by subject, which is the name typed as well
}

// Start runs a provider and gives its issuer: its address.
func Start(t testing.TB, o Options) (issuer string) {
	t.Helper()
	dir, address := t.TempDir(), freeport.TCP(t)
	issuer = "http://" + address
	told, err := json.Marshal(map[string]any{
		"issuer": issuer, "port": freeport.Port(address), "client": o.Client, "secret": o.Secret, "redirect": o.Redirect, "left": o.Left,
		"passwords": o.Passwords, "people": o.People,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"provider.mjs": program, "provider.json": told} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process, err := child.Start(dir, "node", "provider.mjs", dir, modules)
	if err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(func() {
		process.Stop()
		if t.Failed() {
			t.Logf("the provider said: %s", child.Log(dir))
		}
	})
	await(t, process, dir, address)
	return issuer
}

// await waits until somebody answers, whom others cannot be: the port is ours.
func await(t testing.TB, process *child.Process, dir, address string) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		if process.Ended(0) || time.Now().After(until) {
			t.Fatalf("the provider does not answer (make test installs it): %s", strings.TrimSpace(child.Log(dir)))
		}
	}
}
