//go:build peers

package ldapsrv

// Apache httpd lets people in by mod_authnz_ldap, set up as docs/computers says.

import (
	"context"
	"os"
	"strings"
	"testing"

	"schoolbridge/internal/httpdtest"
	"schoolbridge/internal/identity"
)

// apache lets staff into one folder, and pupils into another, over StartTLS.
func (w *world) apache() *httpdtest.Server {
	w.t.Helper()
	t := w.t.(*testing.T)
	const first = "# /etc/apache2/conf-available/school-login.conf"
	files := []string{"/etc/ssl/certs/school-ca.pem", "DIR/ca.pem", "/etc/apache2/school-web", "DIR/school-web"}
	staff := w.recipe(first, files...)
	pupils := w.recipe(first, append(files, `"/staff"`, `"/pupils"`, "cn=staff", "cn=pupils", "ldaps://bridge.school49.example/", "ldap://bridge.school49.example/", `(objectClass=person)"`, `(objectClass=person)" STARTTLS`)...)
	_, pupils, _ = strings.Cut(pupils, "<Location") // what is before is the whole server's
	ca, err := os.ReadFile(w.authority(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return httpdtest.Start(t, staff+"<Location"+pupils, map[string]string{"ca.pem": string(ca), "school-web": secret + "\n"}, "staff", "pupils")
}

func TestPeerApache(t *testing.T) {
	w := startRecipes(t, nil)
	w.steady()
	a := w.apache()
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
		status, as := a.Get(t, one.folder, one.login, one.password)
		if status != one.want || as != one.as {
			t.Errorf("%s %s %q: %d as %q, want %d as %q", one.folder, one.login, one.password, status, as, one.want, one.as)
		}
	}
	t.Run("mos.ru unreachable", func(t *testing.T) {
		w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
			return identity.Verdict{Outcome: identity.Unavailable}
		})
		if status, _ := a.Get(t, "staff", "orlovami", "another"); status != 500 {
			t.Errorf("%d, want 500, for the password may be right", status)
		}
		w.auth.set(nil)
	})
	t.Run("the daemon was restarted", func(t *testing.T) {
		w.down()
		if status, _ := a.Get(t, "staff", "orlovami", "another"); status != 500 {
			t.Errorf("while it is away: %d", status)
		}
		if err := w.up(w.plain, w.tls); err != nil {
			t.Fatal(err)
		}
		for folder, login := range map[string]string{"staff": "orlovami", "pupils": "belovas"} {
			if status, _ := a.Get(t, folder, login, password); status != 200 {
				t.Errorf("%s when it is back: %d", login, status)
			}
		}
	})
	t.Run("password changed", func(t *testing.T) {
		w.changePassword("orlovami", newPassword)
		a.Forgets(t, "staff", "orlovami", password)
		if status, _ := a.Get(t, "staff", "orlovami", newPassword); status != 200 {
			t.Errorf("the new password: %d", status)
		}
	})
}
