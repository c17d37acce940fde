package archtest

import "strings"

// rules are the walls of the house. Packages are named by folder. A folder that
// does not exist yet has its rule already.
var rules = []rule{
	{
		who: "anything but cmd", in: not(under("cmd", "internal/store")), imports: under("internal/store"),
		reason: "only cmd joins the store to its consumers, which declare the one or two methods that they need; so each can be tested and replaced alone",
	},
	{
		who: "anything but cmd", in: not(under("cmd", "internal/mosru", "internal/simad")), imports: under("internal/mosru"),
		reason: "only cmd joins the mos.ru client to its consumers; auth asks any Upstream",
	},
	{
		who: "the store", in: under("internal/store"),
		imports: both(ours, not(under("internal/store", "internal/identity", "internal/person", "internal/policy", "internal/rights", "internal/factor", "internal/directory",
			"internal/auth", "provision", "internal/journal"))),
		reason: "the store knows the nouns and the records of its consumers, and no front-end, configuration or client",
	},
	{
		who: "the mos.ru client", in: under("internal/mosru"), imports: both(ours, not(under("internal/mosru", "internal/identity", "internal/person", "internal/breaker"))),
		reason: "it speaks the protocol of mos.ru and knows the nouns only, so that auth's rules are not spread over two rooms",
	},
	{
		who: "anything but cmd", in: not(under("cmd", "internal/upstream")), imports: under("internal/upstream"),
		reason: "only cmd joins the other upstreams to their consumers; auth asks any Upstream",
	},
	{
		who: "an upstream", in: under("internal/upstream"),
		imports: both(ours, not(under("internal/upstream", "internal/identity", "internal/person", "internal/breaker", "internal/ldapclient"))),
		reason:  "it speaks another system's protocol and knows the nouns only; who owns whom is auth's",
	},
	{who: "ldapsrv", in: under("ldapsrv"), imports: under("radiussrv", "internal/web"), reason: frontEnds},
	{who: "radiussrv", in: under("radiussrv"), imports: under("ldapsrv", "internal/web"), reason: frontEnds},
	{who: "the web front-end", in: under("internal/web"), imports: under("ldapsrv", "radiussrv"), reason: frontEnds},
	{
		who: "the frame of the web front-end", in: exactly("internal/web"), imports: both(ours, not(exactly("internal/identity", "internal/person"))),
		reason: "it serves whatever pages rooms bring, and knows none of them and nothing of what they show",
	},
	{who: "activation", in: under("internal/web/activation"), imports: under("internal/web/cabinet", "internal/web/console"), reason: webRooms},
	{who: "the cabinet", in: under("internal/web/cabinet"), imports: under("internal/web/activation", "internal/web/console"), reason: webRooms},
	{who: "the console", in: under("internal/web/console"), imports: under("internal/web/activation", "internal/web/cabinet"), reason: webRooms},
	{
		who: "anything but a test", in: not(under("internal/web/webtest")), imports: under("internal/web/webtest"),
		reason: "its door lets anybody in as anybody",
	},
	{
		who: "a front-end", in: under("ldapsrv", "radiussrv"),
		imports: both(ours, not(under("ldapsrv", "radiussrv", "internal/identity", "internal/person", "internal/policy", "internal/directory", "internal/mschap", "internal/trust", "internal/timely"))),
		reason:  "front-ends know the nouns (identity, person, policy, directory; the arithmetic of mschap, the chains of trust, the deadlines of timely) and declare what else they need as small interfaces; cmd joins them",
	},
	{
		who: "the authenticator", in: under("internal/auth"),
		imports: either(under("ldapsrv", "radiussrv", "internal/web", "provision", "net/http", "config"), exactly("net", "database/sql")),
		reason:  "it decides sign-ins for every channel and must not depend on how one of them speaks",
	},
	{
		who: "provision", in: under("provision"), imports: under("ldapsrv", "radiussrv", "internal/web", "internal/auth", "config"),
		reason: "bringing accounts to their state must work without any front-end running",
	},
	{
		who: "anything but cmd", in: not(under("cmd", "config")), imports: under("config"),
		reason: "packages take plain options; only cmd turns a configuration into them",
	},
	{
		who: "anything outside cmd", in: not(under("cmd")), imports: under("cmd"), tests: true,
		reason: "cmd is the top of the house",
	},
	{
		who: "anything but radiussrv/wire", in: not(under("radiussrv/wire")), imports: under("layeh.com/radius"),
		reason: "radiussrv/wire is the one place that would change if the RADIUS codec were replaced",
	},
	{
		who: "anything but internal/ldapclient", in: not(under("internal/ldapclient")), imports: under("github.com/go-ldap/ldap"),
		reason: "internal/ldapclient pins the server, verifies TLS and gives typed results; going past it would lose that (tests may: a foreign client is a witness)",
	},
	{
		who: "anything but internal/simad", in: not(under("internal/simad")), imports: under("github.com/jimlambrt/gldap"), tests: true,
		reason: "gldap has no bounds against hostile bytes and serves only as the simulated Active Directory",
	},
	{
		who: "anything but a test", in: not(under("internal/adtest")), imports: under("internal/adtest"),
		reason: "it starts a real Active Directory for tests, and knows only Linux with Samba installed",
	},
	{
		who: "anything but a test", in: not(under("internal/child", "internal/adtest", "internal/radiustest", "internal/httpdtest", "internal/oidctest", "internal/pgtest")), imports: under("internal/child"),
		reason: "it runs programs of others for tests, and knows only Linux",
	},
	{
		who: "anything but a test", in: not(under("internal/freeport", "internal/httpdtest", "internal/oidctest")), imports: under("internal/freeport"),
		reason: "it needs a test, and its ports are for one",
	},
	{
		who: "anything but a test", in: not(under("radiussrv/eap/eaptest")), imports: under("radiussrv/eap/eaptest"),
		reason: "its authenticator admits by itself, and its peer is for tests only",
	},
	{
		who: "anything but a test", in: not(under("internal/radiustest")), imports: under("internal/radiustest"),
		reason: "it starts real RADIUS servers for tests, and knows only Linux with them installed",
	},
	{
		who: "anything but a test", in: not(under("internal/certtest")), imports: under("internal/certtest"),
		reason: "its certificate is its own authority, made for one test",
	},
	{
		who: "anything but a test", in: not(under("internal/rawtls")), imports: under("internal/rawtls"),
		reason: "it is a peer that misbehaves, and verifies nobody",
	},
	{
		who: "anything but a test", in: not(under("internal/httpdtest")), imports: under("internal/httpdtest"),
		reason: "it starts a real web server for tests, and knows only Linux with one installed",
	},
	{
		who: "anything but a test", in: not(under("internal/pgtest")), imports: under("internal/pgtest"),
		reason: "it starts a real PostgreSQL for tests, and knows only Linux with one installed",
	},
	{
		who: "anything but a test", in: not(under("internal/oidctest")), imports: under("internal/oidctest"),
		reason: "it starts somebody else's OpenID provider for tests, and knows only Linux with node installed",
	},
	{
		who: "anything but a test", in: not(under("internal/browsertest")), imports: under("internal/browsertest"),
		reason: "it starts a real browser for tests, and knows only Linux with one installed",
	},
	{
		who: "anything but internal/browsertest", in: not(under("internal/browsertest")), imports: under("github.com/chromedp"), tests: true,
		reason: "internal/browsertest says what a test does with a browser; how is one room's business",
	},
	{
		who: "the EAP peer", in: under("internal/eappeer"), imports: both(ours, not(under("internal/eappeer", "internal/identity", "internal/mschap"))),
		reason: "it is a device: it knows no RADIUS attribute and nothing of the server, or a fault that both share would pass",
	},
	{
		who: "the server", in: under("radiussrv", "ldapsrv", "internal/auth", "provision", "internal/web"), imports: under("internal/eappeer", "internal/nas", "internal/dua", "internal/probe", "internal/load"),
		reason: "the other side of the wire is for probes, load and tests",
	},
	{
		who: "anything but internal/store", in: not(under("internal/store")), imports: under("database/sql", "modernc.org/sqlite", "github.com/jackc/pgx"), tests: true,
		reason: "SQL lives under internal/store, where one suite checks it on every engine",
	},
	{
		who: "anything but cmd", in: not(under("cmd")),
		uses: []string{"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.UserHomeDir", "os.UserConfigDir", "os.UserCacheDir",
			"syscall.Getenv", "syscall.Environ", "net/http.ProxyFromEnvironment"},
		reason: "a package whose behaviour hangs on the environment cannot be configured, checked or tested by what is handed to it",
	},
	{
		who: "a pure package", in: pure, imports: either(either(exactly("net", "crypto/rand", "io/ioutil"),
			under("os", "log", "math/rand", "syscall", "net/http", "net/rpc", "net/smtp", "database/sql", "embed", "plugin")), outsiders),
		uses: []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTicker", "time.NewTimer",
			"time.Local", "fmt.Print", "fmt.Printf", "fmt.Println"},
		reason: "rules that decide about people do no I/O, log nothing and read no clock: time and randomness are arguments, so that every decision can be replayed",
	},
	{
		// One exception: the filter reads its tree with the BER reader of
		// ldapsrv/wire, which works on bytes in memory.
		who: "a pure package", in: both(pure, not(under("ldapsrv/filter"))), imports: both(ours, not(pure)),
		reason: pureInName,
	},
	{
		who: "the filter", in: under("ldapsrv/filter"), imports: both(ours, not(either(pure, exactly("ldapsrv/wire")))),
		reason: pureInName,
	},
	{
		who: "identity", in: under("internal/identity"), imports: either(ours, thirdParty), tests: true,
		reason: "everybody shares these nouns, so they depend on the standard library only",
	},
	{
		who: "anything", in: under(""), imports: exactly("C"), tests: true,
		reason: "the product is pure Go: one static file that builds and runs anywhere, without a C compiler",
	},
	{
		who: "anything", in: under(""), imports: under("internal/archtest"), tests: true,
		reason: "it is a test of the house, not a part of it",
	},
}

const pureInName = "a pure package that imports another that is not would be pure in name only"

const frontEnds = "front-ends never import each other, so that one can be changed or switched off without the others"

const webRooms = "rooms of the web front-end never import each other: what two of them need belongs to the frame, or below both"

// pure are the packages that only decide.
func pure(pkg string) bool {
	return under("internal/identity", "internal/breaker", "internal/person", "internal/policy", "internal/rights", "internal/mschap", "internal/sheet", "internal/onboard", "provision/match", "provision/login", "ldapsrv/filter")(pkg)
}

// ours says that a folder of this module is meant.
func ours(imported string) bool {
	return under("cmd", "config", "internal", "ldapsrv", "radiussrv", "provision", "bench")(imported)
}

// thirdParty says that a path begins with a host name.
func thirdParty(imported string) bool {
	host, _, _ := strings.Cut(imported, "/")
	return strings.Contains(host, ".")
}

// outsiders are modules of others; the tables of Unicode and a hash are as good
// as the standard library's.
func outsiders(imported string) bool {
	return thirdParty(imported) && !under("golang.org/x/text", "golang.org/x/crypto/md4")(imported)
}

// under matches folders and what lies below them; "" matches all.
func under(folders ...string) func(string) bool {
	return func(pkg string) bool {
		for _, f := range folders {
			if f == "" || pkg == f || strings.HasPrefix(pkg, f+"/") {
				return true
			}
		}
		return false
	}
}

func exactly(names ...string) func(string) bool {
	return func(pkg string) bool {
		for _, n := range names {
			if pkg == n {
				return true
			}
		}
		return false
	}
}

func not(f func(string) bool) func(string) bool { return func(s string) bool { return !f(s) } }

func both(f, g func(string) bool) func(string) bool {
	return func(s string) bool { return f(s) && g(s) }
}

func either(f, g func(string) bool) func(string) bool {
	return func(s string) bool { return f(s) || g(s) }
}
