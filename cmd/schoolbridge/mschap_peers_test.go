//go:build peers

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mschapv2 signs in by a method that shows no password, with a client that
// checks all that it gets.
func (d *demoProcess) mschapv2(login, password string) (string, int) {
	d.t.Helper()
	return d.run(demoSecret+"\n"+password+"\n", "/usr/bin/python3", filepath.Join("..", "..", "testdata", "radius", "mschapv2.py"), "127.0.0.1:1812", login)
}

// mschapv2 comes when the people of the demo have signed in by PAP.
func mschapv2(t *testing.T, d *demoProcess, program string) {
	explain := func(login string) string {
		out, _ := d.run("", program, "explain", "--config", filepath.Join(d.state, "config.yaml"), login)
		return out
	}
	for _, p := range accepted {
		for _, login := range []string{p.login, `MESH\` + p.login} {
			within(t, 20*time.Second, login+" signs in by MSCHAPv2", func() bool { // the hash is saved beside the sign-in
				out, code := d.mschapv2(login, p.password)
				return code == 0 && strings.Contains(out, "keys and proof are right")
			})
		}
	}
	if out := explain("orlovami"); !strings.Contains(out, "PEAP-MSCHAPv2: можно") || !strings.Contains(out, "KEPT_HASH") {
		t.Errorf("explain: %s", out)
	}
	other := stranger(t, d)
	if out := explain(other); !strings.Contains(out, "NT_HASH_MISSING") || !strings.Contains(out, "один раз вводит пароль mos.ru на странице активации") {
		t.Errorf("explain of somebody without a hash: %s", out)
	}
	refusals := append(refused[:len(refused):len(refused)], []struct{ login, password string }{{other, "Whatever-2021"}, {"orlovami", "Wrong-2021"}}...)
	for _, p := range refusals {
		out, code := d.mschapv2(p.login, p.password)
		if code != 1 || !strings.HasPrefix(out, "code 3 E=691 R=1 C=") {
			t.Errorf("%s: exit %d: %s", p.login, code, out)
		}
	}
	if out := explain("orlovami"); !strings.Contains(out, "NT_HASH_DIFFERS") {
		t.Errorf("explain after a wrong answer: %s", out)
	}
	d.sim("POST", "/sim/outage?mode=drop", "")
	if out, code := d.mschapv2("orlovami", "Snegir-2021"); code != 0 {
		t.Errorf("while mos.ru is off: exit %d: %s", code, out)
	}
	d.sim("POST", "/sim/outage?mode=off", "")
}
