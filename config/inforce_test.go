package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInForce: every option is there with its text, secrets are not, and what a
// restart waits for is as it was.
func TestInForce(t *testing.T) {
	started := &Config{State: "/var/lib/schoolbridge"}
	started.Mosru.URL, started.Mosru.ClientSecretFile = "https://login.mos.ru", SecretFile(filepath.Join("secrets", "mosru-client"))
	started.RADIUS.Clients = []Client{{Name: "first", School: "49", SecretFile: "secrets/ap"}}
	started.Auth.NTMaxAge = 720 * time.Hour
	taken := *started
	taken.Mosru.URL = "https://other.mos.ru"                           // waits for a restart
	taken.RADIUS.Clients = []Client{{Name: "first"}, {Name: "second"}} // does not
	list := InForce(started, &taken)
	by := map[string]Setting{}
	for _, s := range list {
		if _, twice := by[s.Path]; twice {
			t.Errorf("%s twice", s.Path)
		}
		by[s.Path] = s
		if s.About.RU == "" || s.About.EN == "" {
			t.Errorf("%s has no text", s.Path)
		}
		if strings.Contains(s.Value, "secrets") {
			t.Errorf("%s: %s", s.Path, s.Value)
		}
	}
	walk(reflect.TypeFor[Config](), "", func(path string, f reflect.StructField) {
		one := strings.ReplaceAll(path, "[]", "[0]")
		if _, there := by[one]; !there && !section(f.Type) && !strings.Contains(path, "[]") && (f.Type.Kind() != reflect.Slice || !section(f.Type.Elem())) {
			t.Errorf("%s is not shown", path)
		}
	})
	for path, want := range map[string]Setting{
		"mosru.url":                {Value: "https://login.mos.ru", Waits: true},
		"mosru.client_secret_file": {Value: Hidden, Secret: true},
		"tls.key_file":             {Default: true, Secret: true},
		"radius.clients[1].name":   {Value: "second"},
		"state":                    {Value: "/var/lib/schoolbridge", Default: true},
		"auth.nt_max_age":          {Value: "30d", Default: true},
	} {
		got := by[path]
		got.Path, got.About = "", Text{}
		if got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
	if !slices.IsSortedFunc(list, func(a, b Setting) int { return indexOf(a) - indexOf(b) }) {
		t.Error("sections are mixed")
	}
}

func indexOf(s Setting) int {
	for i := range reflect.TypeFor[Config]().NumField() {
		if reflect.TypeFor[Config]().Field(i).Tag.Get("yaml") == s.Section() {
			return i
		}
	}
	return -1
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 24 * time.Hour: "24h", 1095 * 24 * time.Hour: "1095d", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 2500 * time.Millisecond: "2.5s", 10 * time.Second: "10s"} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
