//go:build peers

package ldapsrv

// Apache httpd lets people in by mod_authnz_ldap, set up as docs/computers says.

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/internal/identity"
)

// apache runs httpd with the page's recipe.
type apache struct {
	t       *testing.T
	address string
}

const apacheBase = `ServerRoot DIR
ServerName localhost
Listen ADDRESS
PidFile DIR/httpd.pid
Mutex file:DIR default
ErrorLog DIR/error.log
DocumentRoot DIR/www
User daemon
Group daemon
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule ldap_module /usr/lib/apache2/modules/mod_ldap.so
LoadModule authnz_ldap_module /usr/lib/apache2/modules/mod_authnz_ldap.so
Header set Came-As "expr=%{REMOTE_USER}"
`

// startApache gives one that serves the folders, each with its own recipe.
func startApache(t *testing.T, w *world, folders map[string]string) *apache {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} { // for its workers, who are not root
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(w.authority(dir), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "school-web", secret+"\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	conf := strings.NewReplacer("DIR", dir, "ADDRESS", address).Replace(apacheBase)
	for folder, text := range folders {
		if err := os.MkdirAll(filepath.Join(dir, "www", folder), 0o755); err != nil {
			t.Fatal(err)
		}
		page := write(t, filepath.Join(dir, "www", folder), "page", "let in\n")
		if err := os.Chmod(page, 0o644); err != nil {
			t.Fatal(err)
		}
		conf += strings.NewReplacer("/etc/ssl/certs/school-ca.pem", dir+"/ca.pem", "/etc/apache2/school-web", dir+"/school-web").Replace(text)
	}
	server, err := child.Start(dir, "/usr/sbin/apache2", "-DFOREGROUND", "-f", write(t, dir, "httpd.conf", conf))
	if err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(func() {
		server.Stop()
		if t.Failed() {
			said, _ := os.ReadFile(dir + "/error.log")
			t.Logf("apache said: %s%s", child.Log(dir), said)
		}
	})
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return &apache{t, address}
		}
		if server.Ended(0) || time.Now().After(until) {
			t.Fatal("apache does not answer")
		}
	}
}

// get asks for a folder's page and gives the status, and who the applications
// behind would take the visitor for.
func (a *apache) get(folder, login, password string) (int, string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.address+"/"+folder+"/page", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if login != "" {
		r.SetBasicAuth(login, password)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header.Get("Came-As")
}

func TestPeerApache(t *testing.T) {
	w := startRecipes(t, nil)
	const first = "# /etc/apache2/conf-available/school-login.conf"
	staff := w.recipe(first)
	// The same for pupils, over StartTLS; directives of the whole server stay as they are.
	_, pupils, _ := strings.Cut(w.recipe(first, `"/staff"`, `"/pupils"`, "cn=staff", "cn=pupils", "ldaps://bridge.school49.example/", "ldap://bridge.school49.example/", `(objectClass=person)"`, `(objectClass=person)" STARTTLS`), "<Location")
	a := startApache(t, w, map[string]string{"staff": staff, "pupils": "<Location" + pupils})
	for _, one := range []struct {
		folder, login, password string
		want                    int
		as                      string
	}{
		{"staff", "", "", 401, ""},
		{"staff", "orlovami", password, 200, "orlovami"},
		{"staff", "OrlovaMI", password, 200, "orlovami"},
		{"staff", "orlovami", "wrong", 401, ""},
		{"staff", "orlovami", "", 401, ""},
		{"staff", "nobody", password, 401, ""},
		{"staff", "*", password, 401, ""},
		{"staff", "kimv", password, 401, ""},
		{"staff", "belovas", password, 403, ""},
		{"pupils", "belovas", password, 200, "belovas"},
		{"pupils", "orlovami", password, 403, ""},
		{"pupils", "belovas", "wrong", 401, ""},
	} {
		status, as := a.get(one.folder, one.login, one.password)
		if status != one.want || as != one.as {
			t.Errorf("%s %s %q: %d as %q, want %d as %q", one.folder, one.login, one.password, status, as, one.want, one.as)
		}
	}
	t.Run("mos.ru unreachable", func(t *testing.T) {
		w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
			return identity.Verdict{Outcome: identity.Unavailable}
		})
		if status, _ := a.get("staff", "orlovami", "another"); status != 500 {
			t.Errorf("%d, want 500, for the password may be right", status)
		}
		w.auth.set(nil)
	})
	t.Run("the daemon was restarted", func(t *testing.T) {
		w.down()
		if status, _ := a.get("staff", "orlovami", "another"); status != 500 {
			t.Errorf("while it is away: %d", status)
		}
		if err := w.up(w.plain, w.tls); err != nil {
			t.Fatal(err)
		}
		if status, _ := a.get("staff", "orlovami", password); status != 200 {
			t.Errorf("when it is back: %d", status)
		}
		if status, _ := a.get("pupils", "belovas", password); status != 200 {
			t.Errorf("when it is back: %d", status)
		}
	})
	t.Run("password changed", func(t *testing.T) { apacheForgets(t, w, a) })
}

// apacheForgets: the old password, which Apache has let in a moment ago, ends
// with the cache's time that the page recommends; Apache's own would be ten
// minutes. The new one is let in at once.
func apacheForgets(t *testing.T, w *world, a *apache) {
	if status, _ := a.get("staff", "orlovami", password); status != 200 {
		t.Fatal(status)
	}
	e, _ := w.auth.d.Lookup("orlovami")
	w.auth.set(func(_ context.Context, c identity.Credential) identity.Verdict {
		if c.Name != "orlovami" || c.Proof != identity.Password("Kukushka-2026") {
			return identity.Verdict{Outcome: identity.Rejected}
		}
		return identity.Verdict{Outcome: identity.Accepted, Person: e.Person, Login: e.Login}
	})
	for until := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		status, _ := a.get("staff", "orlovami", password)
		if status == 401 {
			break
		}
		if status != 200 || time.Now().After(until) {
			t.Fatalf("the old password: %d", status)
		}
	}
	if status, _ := a.get("staff", "orlovami", "Kukushka-2026"); status != 200 {
		t.Errorf("the new password: %d", status)
	}
}
