// Package httpdtest gives tests a real web server: Apache httpd, with the
// configuration that the test hands over beside what every server needs, in a
// folder of its own, on a free port of the loopback, gone when the test is.
//
// Limits: Linux and the packages that scripts/peers.sh installs. Only tests with
// the build tag peers use it. Start reading at Start.
package httpdtest

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
	"schoolbridge/internal/freeport"
)

// Server is a running httpd.
type Server struct {
	address string
	process *child.Process
}

// base is what every server has. Who was let in is told in a header of the pages.
const base = `ServerRoot DIR
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

// Start serves a page in each of the folders, with more configuration, in which
// DIR is the server's own folder. files go there: what they hold by name.
func Start(t *testing.T, configuration string, files map[string]string, folders ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	// Its workers, who are not root, have to get at pages and certificates.
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	address := freeport.TCP(t)
	all := map[string]string{"httpd.conf": strings.NewReplacer("DIR", dir, "ADDRESS", address).Replace(base + configuration)}
	for name, text := range files {
		all[name] = text
	}
	for _, folder := range folders {
		all["www/"+folder+"/page"] = "let in\n"
	}
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	process, err := child.Start(dir, "/usr/sbin/apache2", "-DFOREGROUND", "-f", dir+"/httpd.conf")
	if err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(func() {
		process.Stop()
		if t.Failed() {
			said, _ := os.ReadFile(dir + "/error.log") // where there is one
			t.Logf("apache said: %s%s", child.Log(dir), said)
		}
	})
	s := &Server{address, process}
	s.wait(t)
	return s
}

func (s *Server) wait(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.address); err == nil {
			_ = c.Close()
			return
		}
		if s.process.Ended(0) || time.Now().After(until) {
			t.Fatal("apache does not answer")
		}
	}
}

// Get asks for a folder's page, with a login unless it is "", and gives the
// status, and whom an application behind would take the visitor for.
func (s *Server) Get(t *testing.T, folder, login, password string) (status int, as string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/"+folder+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	if login != "" {
		r.SetBasicAuth(login, password)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header.Get("Came-As")
}

// Forgets waits until a password that was let in is not any more, as it was
// changed: Apache remembers it for a while of its own, which is ten minutes
// unless it is told otherwise.
func (s *Server) Forgets(t *testing.T, folder, login, password string) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		status, _ := s.Get(t, folder, login, password)
		if status == http.StatusUnauthorized {
			return
		}
		if status != http.StatusOK || time.Now().After(until) {
			t.Fatalf("the old password: %d", status)
		}
	}
}
