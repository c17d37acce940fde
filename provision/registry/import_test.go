package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/person"
)

// memory is Records in memory.
type memory struct {
	mu      sync.Mutex
	rows    map[person.RecordKind]map[string]Row
	applied int
	fail    error
}

func newMemory() *memory { return &memory{rows: map[person.RecordKind]map[string]Row{}} }

func (m *memory) Begin(context.Context) error { return nil }

func (m *memory) Digests(_ context.Context, kind person.RecordKind, f func(string, []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(m.rows[kind])) {
		if err := f(key, m.rows[kind][key].Digest); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Apply(_ context.Context, c Chunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if len(c.Rows)+len(c.Gone) == 0 || len(c.Rows) > maxChunk || len(c.Gone) > maxChunk || c.Day.IsZero() {
		return errors.New("a chunk of no good size")
	}
	m.applied++
	if m.rows[c.Kind] == nil {
		m.rows[c.Kind] = map[string]Row{}
	}
	for _, row := range c.Rows {
		m.rows[c.Kind][row.Key] = row
	}
	for _, key := range c.Gone {
		delete(m.rows[c.Kind], key)
	}
	return nil
}

func (m *memory) keys(kind person.RecordKind) []string {
	return slices.Sorted(maps.Keys(m.rows[kind]))
}

var today, _ = person.NewDate(2026, 9, 1)

// folder writes files by name and gives their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, dir, name, text)
	}
	return dir
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func importDir(t testing.TB, m *memory, dir string, o Options) *Summary {
	t.Helper()
	o.Today = today
	s, err := Import(t.Context(), m, []string{dir}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// staff writes n rows of Кадры.
func staff(n int) string {
	var b strings.Builder
	b.WriteString("id,fio,snils,school,start,end\n")
	for i := range n {
		fmt.Fprintf(&b, "k%d,Иванов Иван %d,,Школа 1,2020-01-01,\n", i, i)
	}
	return b.String()
}

func TestImportTwiceChangesNothing(t *testing.T) {
	m := newMemory()
	dir := folder(t, map[string]string{
		"schools.csv":    "ekis_id,name\n49,ГБОУ Школа № 49\n",
		"kadry.csv":      staff(3) + "k9,Ким Вера,,ГБОУ «Школа №49»,2020-01-01,\n",
		"kontingent.csv": "id,last,first\nc1,Белова,Анна\n",
		"zapis.csv":      "child,parent_fio\nc1,Белов Пётр\nc1,БЕЛОВА  Ольга\n",
	})
	s := importDir(t, m, dir, Options{})
	if len(s.Files) != 4 || s.Files[1].New != 4 || s.Files[3].New != 2 {
		t.Errorf("first import: %+v", s.Files)
	}
	if got := m.rows[person.RecordEmployment]["k9"].Record.(person.Employment); got.School != "49" {
		t.Errorf("school %q", got.School)
	}
	if got := m.keys(person.RecordCard); !slices.Equal(got, []string{"c1|белов петр", "c1|белова ольга"}) {
		t.Errorf("card keys %q", got)
	}
	m.applied = 0
	s = importDir(t, m, dir, Options{})
	if m.applied != 0 || s.Files[1].Unchanged != 4 || s.Files[1].New+s.Files[1].Changed+s.Files[1].Gone != 0 {
		t.Errorf("second import: %d chunks, %+v", m.applied, s.Files)
	}
	// Without schools.csv the schools that the store knows serve.
	alone := folder(t, map[string]string{"kadry.csv": staff(3) + "k9,Ким Вера,,ГБОУ «Школа №49»,2020-01-01,\n"})
	importDir(t, m, alone, Options{Known: []person.School{{ID: "49", Name: "ГБОУ Школа № 49"}}})
	if m.applied != 0 {
		t.Error("the same rows without schools.csv are written anew")
	}
}

func TestImportTellsWhatChanged(t *testing.T) {
	m := newMemory()
	importDir(t, m, folder(t, map[string]string{"kadry.csv": staff(30)}), Options{})
	text := strings.Replace(staff(31), "k5,Иванов", "k5,Петров", 1)
	text = strings.Replace(text, "k7,Иванов Иван 7,,Школа 1,2020-01-01,\n", "", 1)
	s := importDir(t, m, folder(t, map[string]string{"kadry.csv": text}), Options{})
	f := s.Files[0]
	if f.New != 1 || f.Changed != 1 || f.Unchanged != 28 || f.Gone != 1 || f.Read != 30 {
		t.Errorf("%+v", f)
	}
	kadry := m.rows[person.RecordEmployment]
	if _, there := kadry["k7"]; there || kadry["k5"].Record.(person.Employment).FIO != "Петров Иван 5" {
		t.Error("the store was not brought up to date")
	}
}

func TestImportBrake(t *testing.T) {
	lines := strings.SplitAfter(staff(100), "\n")
	without := func(n int) string { return strings.Join(lines[:len(lines)-1-n], "") }
	closed := func(n int) string {
		return strings.Replace(staff(100), "2020-01-01,\n", "2020-01-01,2026-08-31\n", n)
	}
	for _, c := range []struct {
		name, text       string
		vanished, closed int // 0, 0: no brake
	}{
		{"few vanish", without(9), 0, 0},
		{"many vanish", without(10), 10, 0},
		{"few end", closed(9), 0, 0},
		{"many end", closed(10), 0, 10},
		{"end on a later day", strings.ReplaceAll(staff(100), "2020-01-01,\n", "2020-01-01,2026-09-01\n"), 0, 0},
		{"no school any more", strings.ReplaceAll(staff(100), "Школа 1", ""), 0, 100},
		{"no start any more", strings.ReplaceAll(staff(100), "2020-01-01", ""), 0, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory()
			importDir(t, m, folder(t, map[string]string{"kadry.csv": staff(100)}), Options{})
			m.applied = 0
			o := Options{Today: today}
			dir := folder(t, map[string]string{"kadry.csv": c.text})
			_, err := Import(t.Context(), m, []string{dir}, o)
			if c.vanished+c.closed == 0 {
				if err != nil || m.applied == 0 {
					t.Fatalf("err %v, %d chunks", err, m.applied)
				}
				return
			}
			var stop *EndingError
			if !errors.As(err, &stop) || m.applied != 0 {
				t.Fatalf("err %v, %d chunks", err, m.applied)
			}
			want := Ending{Kadry, 100, c.vanished, c.closed}
			if len(stop.Endings) != 1 || stop.Endings[0] != want {
				t.Errorf("%+v, want %+v", stop.Endings, want)
			}
			if !strings.Contains(stop.Error(), fmt.Sprintf("--accept-ending %d", want.Total())) {
				t.Errorf("no way out in %q", stop)
			}
			o.AcceptEnding = want.Total() + 1
			if _, err := Import(t.Context(), m, []string{dir}, o); !errors.As(err, &stop) {
				t.Errorf("another count is accepted: %v", err)
			}
			o.AcceptEnding--
			if _, err := Import(t.Context(), m, []string{dir}, o); err != nil || m.applied == 0 {
				t.Errorf("the exact count: %v, %d chunks", err, m.applied)
			}
		})
	}
}

func TestImportBrakeLeavesEndedRowsAlone(t *testing.T) {
	m := newMemory()
	ended := strings.ReplaceAll(staff(100), "2020-01-01,\n", "2020-01-01,2021-01-01\n")
	importDir(t, m, folder(t, map[string]string{"kadry.csv": ended}), Options{})
	s := importDir(t, m, folder(t, map[string]string{"kadry.csv": staff(1)}), Options{})
	if s.Files[0].Gone != 99 {
		t.Errorf("%+v", s.Files[0])
	}
}

func TestImportOfPupilsBrakes(t *testing.T) {
	pupils := func(status string) string {
		var b strings.Builder
		b.WriteString("id,last,first,school,status\n")
		for i := range 40 {
			fmt.Fprintf(&b, "c%d,Белова,Анна,49,%s\n", i, status)
		}
		return b.String()
	}
	m := newMemory()
	importDir(t, m, folder(t, map[string]string{"kontingent.csv": pupils("active")}), Options{})
	_, err := Import(t.Context(), m, []string{folder(t, map[string]string{"kontingent.csv": pupils("выбыл")})}, Options{Today: today})
	var stop *EndingError
	if !errors.As(err, &stop) || stop.Total() != 40 {
		t.Errorf("closing everybody: %v", err)
	}
}

func TestImportBadFileEndsNobody(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"header only":    "id,fio,school,start\n",
		"bad header":     "a,b\n1,2\n",
		"only bad rows":  "id,fio,school,start\nk1,Иванов,Школа 1,soon\n,,,x\n",
		"another format": "PK\x03\x04",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			importDir(t, m, folder(t, map[string]string{"kadry.csv": staff(8)}), Options{})
			m.applied = 0
			s := importDir(t, m, folder(t, map[string]string{"kadry.csv": text}), Options{})
			if m.applied != 0 || s.Files[0].Gone != 0 {
				t.Errorf("%d chunks, %+v", m.applied, s.Files[0])
			}
			if name != "header only" && !s.Findings() {
				t.Error("nothing is reported")
			}
		})
	}
}

func TestImportKeepsTheRowsBehindFaults(t *testing.T) {
	m := newMemory()
	importDir(t, m, folder(t, map[string]string{"kadry.csv": staff(8)}), Options{})
	text := strings.Replace(staff(8), "k3,Иванов Иван 3,,Школа 1,2020-01-01", "k3,Иванов Иван 3,,Школа 1,2020-13-01", 1)
	text = strings.Replace(text, "k4,Иванов Иван 4,,", "k4,Иванов Иван 4,", 1)
	s := importDir(t, m, folder(t, map[string]string{"kadry.csv": text}), Options{})
	if f := s.Files[0]; f.Bad != 2 || f.Gone != 0 || len(m.keys(person.RecordEmployment)) != 8 {
		t.Errorf("%+v, %q", f, m.keys(person.RecordEmployment))
	}
	if f := s.Files[0].Faults[0]; f.Line != 5 || !strings.Contains(f.Reason.Error(), "start") || strings.Contains(f.Reason.Error(), "2020") {
		t.Errorf("%+v", f)
	}
}

func TestImportRepeatedKeys(t *testing.T) {
	text := "id,fio,snils,school,start\n" +
		"k1,Орлова,,49,2020-01-01\nk1,Орлова,,50,2020-01-01\nk1,Орлова,,49,2021-01-01\nk1,Орлова,,50,2022-01-01\n"
	m := newMemory()
	dir := folder(t, map[string]string{
		"kadry.csv":      text,
		"kontingent.csv": "id,last,first\nc1,А,Б\nc1,А,В\n",
		"zapis.csv":      "child,parent_fio\nc1,Пётр Ли\nc1,петр  ли\n",
	})
	s := importDir(t, m, dir, Options{})
	for i, want := range []int{2, 1, 1} {
		if f := s.Files[i]; f.Bad != want || len(f.Faults) == 0 {
			t.Errorf("%s: %d bad rows, want %d", f.Kind, f.Bad, want)
		}
	}
	if got := m.keys(person.RecordEmployment); !slices.Equal(got, []string{"k1", "k1|50"}) {
		t.Errorf("keys %q", got)
	}
	if got := m.rows[person.RecordEmployment]["k1|50"].Record.(person.Employment).ID; got != "k1|50" {
		t.Errorf("the second school's row is known as %q", got)
	}
	m.applied = 0
	importDir(t, m, dir, Options{})
	if m.applied != 0 {
		t.Error("repeated keys change at every import")
	}
}

// Two files of one kind are one export; a key that both have needs both to be
// read again when one changes.
func TestImportTwoFilesOfAKind(t *testing.T) {
	a := folder(t, map[string]string{"kadry.csv": "id,fio,school,start\nk1,Орлова,49,2020-01-01\n"})
	b := folder(t, map[string]string{"kadry.csv": "id,fio,school,start\nk1,Орлова,50,2020-01-01\n"})
	m := newMemory()
	o := Options{Today: today}
	for range 2 {
		if _, err := Import(t.Context(), m, []string{a, b}, o); err != nil {
			t.Fatal(err)
		}
		write(t, b, "kadry.csv", "id,fio,school,start\nk1,Орлова,50,2020-01-02\n")
	}
	if got := m.keys(person.RecordEmployment); !slices.Equal(got, []string{"k1", "k1|50"}) {
		t.Errorf("keys %q", got)
	}
	if got := m.rows[person.RecordEmployment]["k1|50"].Record.(person.Employment).Start.String(); got != "2020-01-02" {
		t.Errorf("start %s", got)
	}
}

// rewriter writes to a file between the passes.
type rewriter struct {
	*memory
	then func()
}

func (r rewriter) Apply(ctx context.Context, c Chunk) error {
	r.then()
	return r.memory.Apply(ctx, c)
}

func TestImportNoticesAChangedFile(t *testing.T) {
	dir := folder(t, map[string]string{"schools.csv": "ekis_id,name\n1,Школа 1\n", "kadry.csv": staff(5)})
	r := rewriter{newMemory(), func() { write(t, dir, "kadry.csv", strings.Replace(staff(5), "Иванов", "Петров", 1)) }}
	if _, err := Import(t.Context(), r, []string{dir}, Options{Today: today}); !errors.Is(err, ErrFileChanged) {
		t.Errorf("err %v", err)
	}
}

func TestImportProgress(t *testing.T) {
	const rows = maxChunk + 1000
	dir := folder(t, map[string]string{"kadry.csv": staff(rows)})
	now := time.Unix(0, 0)
	var seen []Progress
	m := newMemory()
	importDir(t, m, dir, Options{
		Now:      func() time.Time { now = now.Add(time.Second); return now },
		Progress: func(p Progress) { seen = append(seen, p) },
	})
	const each = rows/1000 + 1 // reports of a pass: every thousand rows, and its end
	if len(seen) != 2*each || seen[0].Writing {
		t.Fatalf("%d reports, %+v", len(seen), seen)
	}
	if last := seen[2*each-1]; !last.Writing || last.Bytes != last.Total || last.Rows != rows {
		t.Errorf("the last report: %+v", last)
	}
	if seen[2].Left <= 0 || seen[2].Left > each*time.Second || seen[each-1].Left != 0 {
		t.Errorf("expected ends %v %v", seen[2].Left, seen[each-1].Left)
	}
	if m.applied != 2 {
		t.Errorf("%d chunks for %d rows", m.applied, rows)
	}
}

func TestImportStops(t *testing.T) {
	dir := folder(t, map[string]string{"kadry.csv": staff(5000)})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Import(ctx, newMemory(), []string{dir}, Options{Today: today, Progress: func(Progress) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	bad := folder(t, map[string]string{"kadry.csv": strings.ReplaceAll(staff(5000), "\nk", "\n,k")})
	ctx, cancel = context.WithCancel(t.Context())
	if _, err := Import(ctx, newMemory(), []string{bad}, Options{Today: today, Progress: func(Progress) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled among bad rows: %v", err)
	}
	full := errors.New("disk full")
	m := newMemory()
	m.fail = full
	if _, err := Import(t.Context(), m, []string{dir}, Options{Today: today}); !errors.Is(err, full) {
		t.Errorf("store refuses: %v", err)
	}
	if _, err := Import(t.Context(), m, []string{t.TempDir()}, Options{Today: today}); !errors.Is(err, ErrNoFiles) {
		t.Errorf("empty folder: %v", err)
	}
	if _, err := Import(t.Context(), m, []string{dir}, Options{}); err == nil {
		t.Error("no day is asked for")
	}
}
