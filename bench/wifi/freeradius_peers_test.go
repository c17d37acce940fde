//go:build linux && peers

package wifi

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/radiustest"
)

//go:embed testdata/freeradius.conf
var freeradiusConf string

// freeradius runs it until the test's end, or until stop.
func (w *world) freeradius(t testing.TB, o setting) (s *server, stop func()) {
	t.Helper()
	dir, host := t.TempDir(), stand.Loopback()
	w.certificate(t, dir, o.rsa)
	stand.Must(t, os.Mkdir(filepath.Join(dir, "sessions"), 0o700))
	users := new(strings.Builder)
	for i := range w.People {
		// MS-CHAPv2 would make the hash from the password each time.
		fmt.Fprintf(users, "%s Cleartext-Password := %q, NT-Password := 0x%x\n\n", stand.Login(i), stand.Password, nt[:])
	}
	stand.Write(t, filepath.Join(dir, "users"), users.String())
	all := 0 // it knows nothing else
	s = &server{Process: &stand.Process{Name: "FreeRADIUS"}, known: func(testing.TB) int { all += w.People; return all }, people: w.People, roots: w.authority.Pool(), identifiers: true}
	memory, err := os.MkdirTemp("/dev/shm", "bench-wifi")
	stand.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	fill := []string{"@dir@", dir, "@memory@", memory, "@host@", host, "@secret@", secret, "@cache@", map[bool]string{false: "no", true: "yes"}[o.resumption]}
	for name, address := range map[string]*string{"pap": &s.pap, "mschap": &s.mschap, "eap": &s.eap, "acct": &s.acct, "kept": &s.kept, "table": &s.table} {
		number := stand.Port(t, "udp", host)
		*address = net.JoinHostPort(host, number)
		fill = append(fill, "@"+name+"@", number)
	}
	stand.Write(t, filepath.Join(dir, "radiusd.conf"), strings.NewReplacer(fill...).Replace(freeradiusConf))
	schema, err := os.ReadFile("/etc/freeradius/3.0/mods-config/sql/main/sqlite/schema.sql")
	stand.Must(t, err)
	stand.Write(t, filepath.Join(dir, "accounting.sql"), "PRAGMA journal_mode = WAL;\n"+string(schema))
	running := radiustest.StartIn(t, dir, s.pap, stand.OnItsCore()...)
	s.Pid = running.Pid
	s.warm(t)
	return s, running.Stop
}
