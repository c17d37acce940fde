package wifi

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/radiustest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// password is everybody's.
const password = "Snegir-2021"

func login(i int) string { return fmt.Sprintf("user%06d", i) }

// world is what all servers share: the people, and who vouches for servers.
type world struct {
	people    int
	dir       string // holds the store, the keyset and the files of the servers
	authority *radiustest.Authority
	program   string // ours
	users     []sim.User
}

// newWorld imports and activates people as a school would have them.
func newWorld(t testing.TB, people int) *world {
	t.Helper()
	w := &world{people: people, dir: memory(t), authority: radiustest.NewAuthority(t)}
	for i := range people {
		w.users = append(w.users, sim.User{Profile: profileOf(i), Password: password})
	}
	w.program = build(t)
	ctx := t.Context()
	db, err := sqlite.OpenFiles(ctx, filepath.Join(w.dir, "schoolbridge.db"), filepath.Join(w.dir, "keyset.json"), store.Options{})
	must(t, err)
	today := person.DateOf(time.Now())
	_, err = registry.Import(ctx, db.Registry(), []string{w.kadry(t)}, registry.Options{Today: today})
	must(t, err)
	activator := provision.NewActivator(db.Accounts(), time.UTC, provision.ActivatorOptions{})
	for _, u := range w.users {
		result, err := activator.Activate(ctx, provision.Request{Profile: u.Profile, Password: u.Password}, time.Now())
		must(t, err)
		if result.Verdict.Decision != match.Match {
			t.Fatalf("%s does not match: %v", u.Profile.Login, result.Verdict.Problems)
		}
		// Kept at activation by the daemon; a first sign-in keeps it again.
		must(t, db.Credentials().SaveVerifier(ctx, result.Activated.Person, auth.Verifier{NTHash: nt[:], Epoch: 1, LearnAt: time.Now()}))
	}
	must(t, db.Close())
	return w
}

// memory is a folder in memory where there is one: people are activated one by
// one, each in a transaction that waits for the disk.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bench-wifi-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// profileOf is person i's city account.
func profileOf(i int) person.Profile {
	return person.Profile{
		Subject: identity.Subject("sub-" + login(i)), Login: login(i), Last: surname(i), First: "Мария", Middle: "Игоревна",
		SNILS: snils(i), SNILSConfirmed: true, Trusted: true, Email: login(i) + "@example.org",
	}
}

// surname is each person's own: the store compares namesakes, and refuses too
// many of them.
func surname(i int) string {
	syllables := strings.Fields("Ба Ве Го Ду Жи За Ки Лю Ме Но")
	name := ""
	for range 4 {
		name, i = syllables[i%10]+strings.ToLower(name), i/10
	}
	return name + "нова"
}

// snils is an invented number with the right checksum.
func snils(i int) string {
	digits := fmt.Sprintf("987%06d", i)
	sum := 0
	for k, d := range digits {
		sum += (9 - k) * int(d-'0')
	}
	if sum %= 101; sum == 100 {
		sum = 0
	}
	return fmt.Sprintf("%s%02d", digits, sum)
}

// kadry writes everybody's employment and gives the folder.
func (w *world) kadry(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(w.dir, "registry")
	must(t, os.Mkdir(dir, 0o700))
	file, err := os.Create(filepath.Join(dir, "kadry.csv"))
	must(t, err)
	text := bufio.NewWriter(file)
	fmt.Fprintln(text, "id;fio;snils;school;start;end;position;birth_date;phone;email;ezhd_login;district")
	for i := range w.people {
		fmt.Fprintf(text, "k%06d;%s Мария Игоревна;%s;1001;2019-09-01;;учитель;;;%s@example.org;;ЮАО\n", i, surname(i), snils(i), login(i))
	}
	must(t, text.Flush())
	must(t, file.Close())
	return dir
}

// certificate writes a server's certificate and key into dir.
func (w *world) certificate(t testing.TB, dir string, rsa bool) {
	t.Helper()
	certificate, key := radiustest.PEM(t, w.issue(t, rsa))
	write(t, filepath.Join(dir, "cert.pem"), certificate)
	write(t, filepath.Join(dir, "key.pem"), key)
	write(t, filepath.Join(dir, "ca.pem"), w.authority.PEM())
}

func (w *world) issue(t testing.TB, rsa bool) tls.Certificate {
	return w.authority.Issue(t, radiustest.ServerName, rsa, nil)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
