package adtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

//go:embed pair.py
var pairScript string

// replicating are the services that let another controller read a domain: LDAP,
// and directory replication (MS-DRSR) with the mapper that finds it.
const replicating = "\n\tserver services = ldap rpc\n\tdcerpc endpoint servers = epmapper drsuapi\n"

// Pair makes a domain with two controllers. What one of them is told the other
// learns when Replicate is called and not before, so that a test decides what
// "at the same time" means.
func Pair(t testing.TB, o Options) (one, two *DC) {
	t.Helper()
	o.Config += replicating
	one = Start(t, o)
	dir, err := place()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o.Config += "\tnetbios name = DC2\n"
	if err := writeConfig(dir, one.Address, o.Config); err != nil {
		t.Fatal(err)
	}
	if err := pair("join", dir, one.Address); err != nil {
		t.Fatalf("join a second domain controller: %v; the first one's last words:\n%s", err, tail(one.dir))
	}
	return one, serve(t, dir, "dc2."+Realm, o.Config)
}

// Replicate has the controller take over all that another one has.
func (d *DC) Replicate(from *DC) {
	d.t.Helper()
	if err := pair("replicate", d.dir, from.Address); err != nil {
		d.t.Fatalf("replicate: %v; the source's last words:\n%s", err, tail(from.dir))
	}
}

func pair(verb, dir, source string) error {
	cmd := exec.Command(python, "-c", pairScript, verb, configFile(dir), source, "DC2")
	cmd.Stdin = strings.NewReader(string(AdminPassword) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out[max(0, len(out)-4096):]))
	}
	return nil
}
