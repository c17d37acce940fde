//go:build linux

package stand

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// Password is everybody's.
const Password = "Snegir-2021"

// Login is person i's.
func Login(i int) string { return fmt.Sprintf("user%06d", i) }

// School is who the servers know, and our program.
type School struct {
	People  int
	Dir     string // holds the store and the keyset
	Program string // ours
	users   []sim.User
}

// NewSchool builds our program, and imports and activates people.
func NewSchool(t testing.TB, people int) *School {
	t.Helper()
	w := &School{People: people, Dir: Folder(t, people)}
	for i := range people {
		w.users = append(w.users, User(i))
	}
	w.Program = Build(t)
	whole := filepath.Join(w.Dir, "whole")
	if _, err := os.Stat(whole); err != nil {
		Must(t, os.RemoveAll(w.Dir)) // of a run that did not end
		Must(t, os.MkdirAll(w.Dir, 0o700))
		w.fill(t)
		Write(t, whole, "")
	}
	return w
}

// With is the same people with another build of our program.
func (w *School) With(program string) *School {
	other := *w
	other.Program = program
	return &other
}

// Folder is where so many people lie, of an earlier run perhaps.
func Folder(t testing.TB, people int) string {
	t.Helper()
	if *world == "" {
		return Memory(t)
	}
	dir, err := filepath.Abs(filepath.Join(*world, strconv.Itoa(people)))
	Must(t, err)
	return dir
}

// fill imports and activates everybody.
func (w *School) fill(t testing.TB) {
	t.Helper()
	db, err := sqlite.OpenFiles(t.Context(), filepath.Join(w.Dir, "schoolbridge.db"), filepath.Join(w.Dir, "keyset.json"), store.Options{})
	Must(t, err)
	Activate(t, db, w.Dir, w.People)
	Must(t, db.Close())
}

// Activate imports and activates so many people in a store that knows nobody yet; dir is
// for files of the registry.
func Activate(t testing.TB, db *store.DB, dir string, people int) {
	t.Helper()
	ctx := t.Context()
	nt := mschap.NTHash(Password)
	today := person.DateOf(time.Now())
	_, err := registry.Import(ctx, db.Registry(), []string{kadry(t, dir, people)}, registry.Options{Today: today})
	Must(t, err)
	activator := provision.NewActivator(db.Accounts(), time.UTC, provision.ActivatorOptions{})
	for i := range people {
		profile := Profile(i)
		result, err := activator.Activate(ctx, provision.Request{Profile: profile, Password: Password}, time.Now())
		Must(t, err)
		if result.Verdict.Decision != match.Match {
			t.Fatalf("%s does not match: %v", profile.Login, result.Verdict.Problems)
		}
		// Kept at activation by the daemon; a first sign-in keeps it again.
		Must(t, db.Credentials().SaveVerifier(ctx, result.Activated.Person, auth.Verifier{NTHash: nt[:], Epoch: 1, LearnAt: time.Now()}))
	}
}

// Memory is a folder in memory where there is one: people are activated one by
// one, each in a transaction that waits for the disk.
func Memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bench-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// User is person i at mos.ru.
func User(i int) sim.User { return sim.User{Profile: Profile(i), Password: Password} }

// Profile is person i's city account.
func Profile(i int) person.Profile {
	return person.Profile{
		Subject: identity.Subject("sub-" + Login(i)), Login: Login(i), Last: surname(i), First: "Мария", Middle: "Игоревна",
		SNILS: snils(i), SNILSConfirmed: true, Trusted: true, Email: Login(i) + "@example.org",
	}
}

// Employment is the row of the registry that makes person i a teacher, at one of some
// schools.
func Employment(i, schools int) person.Employment {
	p := Profile(i)
	start, _ := person.NewDate(2019, 9, 1)
	return person.Employment{ID: person.RecordID(fmt.Sprintf("k%06d", i)), FIO: person.JoinFIO(p.Last, p.First, p.Middle), SNILS: p.SNILS, School: SchoolID(i % schools),
		Start: start, Position: "учитель", Email: p.Email, District: "ЮАО"}
}

// SchoolID is the n-th school's.
func SchoolID(n int) person.SchoolID { return person.SchoolID(fmt.Sprint(1001 + n)) }

// surname is each person's own: the store compares namesakes, and refuses too
// many of them.
func surname(i int) string {
	syllables := strings.Fields("Ба Ве Го Ду Жи За Ки Лю Ме Но")
	name := ""
	for k := 0; k < 4 || i > 0; k++ {
		name, i = syllables[i%10]+strings.ToLower(name), i/10
	}
	return name + "нова"
}

// snils is an invented number with the right checksum.
func snils(i int) string {
	digits := fmt.Sprint(987_000_000 + i)
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
func kadry(t testing.TB, dir string, people int) string {
	t.Helper()
	dir = filepath.Join(dir, "registry")
	Must(t, os.Mkdir(dir, 0o700))
	file, err := os.Create(filepath.Join(dir, "kadry.csv"))
	Must(t, err)
	text := bufio.NewWriter(file)
	fmt.Fprintln(text, "id;fio;snils;school;start;end;position;birth_date;phone;email;ezhd_login;district")
	for i := range people {
		fmt.Fprintf(text, "k%06d;%s Мария Игоревна;%s;1001;2019-09-01;;учитель;;;%s@example.org;;ЮАО\n", i, surname(i), snils(i), Login(i))
	}
	Must(t, text.Flush())
	Must(t, file.Close())
	return dir
}

// Write writes a file that only we read.
func Write(t testing.TB, path, text string) {
	t.Helper()
	Must(t, os.WriteFile(path, []byte(text), 0o600))
}

// Must ends a test at what must not happen.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
