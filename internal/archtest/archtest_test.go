package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouse is the point of the package: the rules on the real module.
func TestHouse(t *testing.T) {
	broken, err := Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range broken {
		t.Error(sentence)
	}
	if t.Failed() {
		t.Log("docs/architecture.md shows where a thing belongs; internal/archtest/rules.go holds the rules")
	}
}

// house makes a module of one file.
func house(name, source string) fstest.MapFS {
	return fstest.MapFS{"go.mod": {Data: []byte("module example\n")}, name: {Data: []byte(source)}}
}

func source(imported string) string { return "package p\n\nimport _ \"" + imported + "\"\n" }

func TestForbiddenImportsFail(t *testing.T) {
	for _, c := range []struct{ file, imported, reason string }{
		{"ldapsrv/a.go", "example/radiussrv", "front-ends never import each other"},
		{"radiussrv/wire/a.go", "example/ldapsrv/wire", "front-ends never import each other"},
		{"internal/web/a.go", "example/ldapsrv", "front-ends never import each other"},
		{"ldapsrv/a.go", "example/internal/auth", "small interfaces"},
		{"radiussrv/a.go", "example/internal/telemetry", "small interfaces"},
		{"provision/a.go", "example/internal/store", "only cmd joins the store"},
		{"internal/auth/a.go", "example/internal/store/sqlite", "only cmd joins the store"},
		{"internal/auth/a.go", "example/internal/mosru", "only cmd joins the mos.ru client"},
		{"internal/store/a.go", "example/config", "no front-end, configuration or client"},
		{"internal/store/a.go", "example/ldapsrv", "no front-end, configuration or client"},
		{"internal/mosru/a.go", "example/internal/auth", "speaks the protocol"},
		{"internal/auth/a.go", "net/http", "how one of them speaks"},
		{"internal/auth/a.go", "example/ldapsrv", "how one of them speaks"},
		{"provision/ad/a.go", "example/radiussrv", "without any front-end"},
		{"internal/auth/a.go", "example/config", "plain options"},
		{"internal/explain/a.go", "example/cmd/schoolbridge", "top of the house"},
		{"radiussrv/a.go", "layeh.com/radius", "RADIUS codec were replaced"},
		{"radiussrv/eap/a.go", "layeh.com/radius/rfc2865", "RADIUS codec were replaced"},
		{"provision/ad/a.go", "github.com/go-ldap/ldap/v3", "pins the server"},
		{"ldapsrv/a_test.go", "github.com/jimlambrt/gldap", "hostile bytes"},
		{"provision/ad/a.go", "example/internal/adtest", "a real Active Directory for tests"},
		{"radiussrv/a.go", "example/internal/freeport", "it needs a test"},
		{"radiussrv/a.go", "example/internal/rawtls", "a peer that misbehaves"},
		{"radiussrv/a.go", "example/radiussrv/eap/eaptest", "admits by itself"},
		{"radiussrv/a.go", "example/internal/radiustest", "real RADIUS servers for tests"},
		{"ldapsrv/a.go", "example/internal/httpdtest", "a real web server for tests"},
		{"internal/mosru/a.go", "example/internal/oidctest", "OpenID provider for tests"},
		{"internal/eappeer/a.go", "example/radiussrv/wire", "knows no RADIUS attribute"},
		{"radiussrv/a.go", "example/internal/nas", "other side of the wire"},
		{"ldapsrv/a.go", "example/internal/dua", "other side of the wire"},
		{"internal/auth/a_test.go", "database/sql", "SQL lives under internal/store"},
		{"cmd/schoolbridge/a.go", "modernc.org/sqlite", "SQL lives under internal/store"},
		{"internal/policy/a.go", "os", "every decision can be replayed"},
		{"internal/person/a.go", "log/slog", "every decision can be replayed"},
		{"provision/match/a.go", "net/http", "every decision can be replayed"},
		{"ldapsrv/filter/a.go", "net", "every decision can be replayed"},
		{"provision/login/a.go", "example/provision/registry", "pure in name only"},
		{"internal/policy/a.go", "math/rand/v2", "every decision can be replayed"},
		{"internal/policy/a.go", "os/user", "every decision can be replayed"},
		{"provision/match/a.go", "golang.org/x/net/http2", "every decision can be replayed"},
		{"internal/store/a.go", "example/internal/mosru/events", "no front-end, configuration or client"},
		{"ldapsrv/filter/a.go", "example/ldapsrv", "pure in name only"},
		{"internal/policy/a.go", "example/ldapsrv/wire", "pure in name only"},
		{"internal/identity/a.go", "golang.org/x/text/cases", "standard library only"},
		{"internal/identity/a_test.go", "example/internal/person", "standard library only"},
		{"internal/store/a.go", "C", "pure Go"},
		{"cmd/schoolbridge/a.go", "example/internal/archtest", "not a part of it"},
	} {
		broken, err := Check(house(c.file, source(c.imported)))
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(broken, func(s string) bool {
			ours := strings.TrimPrefix(c.imported, "example/")
			return strings.HasPrefix(s, c.file+":3 imports "+ours+", but ") && strings.Contains(s, c.reason)
		})
		if !said {
			t.Errorf("%s may import %s; said: %q", c.file, c.imported, broken)
		}
	}
}

func TestForbiddenUsesFail(t *testing.T) {
	for _, c := range []struct{ file, source, reason string }{
		{"internal/policy/a.go", "package p\nimport \"time\"\nvar now = time.Now\n", "read no clock"},
		{"provision/match/a.go", "package p\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }\n", "read no clock"},
		{"internal/auth/a.go", "package p\nimport \"os\"\nvar home = os.Getenv(\"HOME\")\n", "hangs on the environment"},
		{"ldapsrv/a.go", "//go:build never\n\npackage p\nimport \"os\"\nvar all = os.Environ()\n", "hangs on the environment"},
		{"ldapsrv/a.go", "package p\nimport \"net/http\"\nvar proxy = http.ProxyFromEnvironment\n", "hangs on the environment"},
		{"internal/policy/a.go", "package p\nimport . \"time\"\nvar now = Now\n", "where a name comes from"},
		{"README.md", "see .." + "/shared/design.md", "must stand alone"},
	} {
		broken, err := Check(house(c.file, c.source))
		if err != nil {
			t.Fatal(err)
		}
		if len(broken) != 1 || !strings.HasPrefix(broken[0], c.file+":") || !strings.Contains(broken[0], c.reason) {
			t.Errorf("%s: said %q, want one sentence with %q", c.file, broken, c.reason)
		}
	}
}

func TestAllowedImportsPass(t *testing.T) {
	for file, imported := range map[string]string{
		"cmd/schoolbridge/a.go":        "example/internal/store",
		"cmd/schoolbridge/b.go":        "example/internal/mosru",
		"internal/store/a.go":          "example/provision/registry",
		"internal/store/sqlite/a.go":   "database/sql",
		"internal/store/a_test.go":     "example/internal/auth",
		"internal/auth/a.go":           "example/internal/directory",
		"internal/auth/b.go":           "net/netip",
		"ldapsrv/a.go":                 "example/ldapsrv/wire",
		"ldapsrv/a_test.go":            "github.com/go-ldap/ldap/v3",
		"ldapsrv/filter/a.go":          "example/ldapsrv/wire",
		"radiussrv/wire/a.go":          "layeh.com/radius/rfc2865",
		"radiussrv/a_test.go":          "layeh.com/radius",
		"internal/ldapclient/a.go":     "github.com/go-ldap/ldap/v3",
		"internal/simad/a.go":          "github.com/jimlambrt/gldap",
		"provision/ad/a_test.go":       "example/internal/adtest",
		"radiussrv/c_test.go":          "example/internal/freeport",
		"radiussrv/b_test.go":          "example/internal/eappeer",
		"internal/nas/a.go":            "example/radiussrv/wire",
		"internal/nas/a_test.go":       "example/internal/radiustest",
		"internal/policy/a.go":         "example/internal/person",
		"provision/match/a_test.go":    "os",
		"internal/person/a.go":         "golang.org/x/text/unicode/norm",
		"internal/identity/a.go":       "net/netip",
		"config/a.go":                  "example/internal/policy",
		"cmd/schoolbridge/c.go":        "example/config",
		"internal/mosru/events/a.go":   "example/internal/identity",
		"bench/a_test.go":              "example/internal/auth",
		"bench/stand/a.go":             "example/internal/store",
		"internal/auth/testdata/a.go":  "C",
		"demo-state/generated/file.go": "C",
	} {
		broken, err := Check(house(file, source(imported)))
		if err != nil || len(broken) != 0 {
			t.Errorf("%s must be able to import %s: %q, %v", file, imported, broken, err)
		}
	}
}

// TestSecondWorkingTree: its .git is a file that names a folder of the machine.
func TestSecondWorkingTree(t *testing.T) {
	tree := house("a.go", "package a\n")
	tree[".git"] = &fstest.MapFile{Data: []byte("gitdir: /work" + "/main/.git/worktrees/a\n")}
	if broken, err := Check(tree); err != nil || len(broken) != 0 {
		t.Errorf("%q, %v", broken, err)
	}
}

func TestOtherModulesAreNoModule(t *testing.T) {
	if _, err := Check(fstest.MapFS{}); err == nil {
		t.Error("a folder without go.mod is checked")
	}
	if _, err := Check(house("a.go", "package")); err == nil {
		t.Error("a file that cannot be read is passed over")
	}
}

// TestDependenciesAreExplained holds go.mod's direct modules against the page
// that says why each is there.
func TestDependenciesAreExplained(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range unexplained(string(mod), string(page)) {
		t.Errorf("docs/dependencies.md has no row for %s: say what for, licence, upkeep and way out", module)
	}
}

func unexplained(mod, page string) []string {
	var modules []string
	for line := range strings.Lines(mod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") && !strings.Contains(page, "| `"+fields[0]+"` |") {
			modules = append(modules, fields[0])
		}
	}
	return modules
}

func TestUnexplained(t *testing.T) {
	mod := "module a\n\nrequire (\n\tb.example/b v1.0.0\n\tc.example/c v1.0.0\n\td.example/d v1.0.0 // indirect\n)\nrequire e.example/e v1.0.0\n"
	if got := unexplained(mod, "| `b.example/b` | all |\n"); !slices.Equal(got, []string{"c.example/c", "e.example/e"}) {
		t.Errorf("got %v", got)
	}
}
