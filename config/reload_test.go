package config

import (
	"slices"
	"strings"
	"testing"
)

func TestReloadable(t *testing.T) {
	dir := folder(t)
	check := func(text string) *Config {
		c, faults := Check([]byte(text), dir)
		if c == nil {
			t.Fatal(lines(faults))
		}
		return c
	}
	tls := "tls: {certificate_file: server.pem, key_file: server-key.pem}\n"
	old := check(base + tls)
	if got := Reloadable(old, check(strings.NewReplacer("10.1.0.0/16", "10.2.0.0/16", "allow: true", "allow: false").Replace(base)+tls)); len(got) != 0 {
		t.Errorf("NAS clients and policy need a restart: %v", got)
	}
	listener := func(more string) *Config {
		return check(strings.Replace(base, `[{address: "127.0.0.1:3890"}]`, `[{address: "127.0.0.1:3890"`+more+`}]`, 1) + tls)
	}
	if got := Reloadable(old, listener(", certificate_file: server.pem, key_file: server-key.pem")); len(got) != 0 {
		t.Errorf("a listener's certificate needs a restart: %v", got)
	}
	if got := Reloadable(old, listener(", idle: 2h")); !slices.Equal(got, []string{"ldap.listeners"}) {
		t.Errorf("a listener's patience: %v", got)
	}
	got := Reloadable(old, check(strings.NewReplacer("o=school", "o=other", "policy: {", "policy: {time_zone: Asia/Omsk, ", "who: staff", "who: pupil", "name: z, ca_file: ca", "name: y, ca_file: third", "web: {", "web: {listen: '127.0.0.1:81', ").Replace(base)))
	if want := []string{"tls", "ldap.services", "ldap.base", "policy.time_zone", "web.listen"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = Reloadable(old, check(strings.NewReplacer("ad: {", "ad: {sweep: 1h, ", "label: uvao", "label: uv", "web: {", "web: {monitors: [10.0.0.0/8], limits: {per_source: 9}, ").Replace(base)+tls))
	if want := []string{"ad.districts", "ad.sweep", "web.monitors", "web.limits.per_source"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
