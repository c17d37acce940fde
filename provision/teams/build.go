package teams

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Build writes a complete set into an empty folder and makes it durable. People
// are written as they come, with the classes that they learn in; of their schools
// and classes the names are kept, and of each login a digest. It gives those whose
// login was taken.
func Build(ctx context.Context, dir string, from Source, o Options) ([]identity.PersonID, error) {
	b := &builder{o: o, orgs: map[person.SchoolID]person.School{}, classes: map[class]string{}, logins: map[digest]bool{}, session: sessionOf(o.Today)}
	err := b.open(dir)
	if err == nil {
		err = from.People(ctx, o.Today, b.school, b.person)
	}
	if err == nil {
		err = b.rest()
	}
	if err := errors.Join(err, b.close()); err != nil {
		return nil, err
	}
	return b.skipped, syncDir(dir)
}

// class is a class of a school.
type class struct {
	school person.SchoolID
	name   string
}

func (c class) id() string { return string(c.school) + "-" + c.name }

// out is one file being written.
type out struct {
	file   *os.File
	buffer *bufio.Writer
	csv    *csv.Writer
}

type builder struct {
	o       Options
	files   map[string]*out
	orgs    map[person.SchoolID]person.School
	classes map[class]string // their ids
	logins  map[digest]bool
	skipped []identity.PersonID
	session session
}

func (b *builder) open(dir string) error {
	b.files = map[string]*out{}
	for _, s := range specs {
		f, err := os.OpenFile(filepath.Join(dir, s.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		o := &out{file: f, buffer: bufio.NewWriterSize(f, 64<<10)}
		o.csv = csv.NewWriter(o.buffer)
		o.csv.UseCRLF = true // RFC 4180 section 2
		b.files[s.name] = o
		if err := o.csv.Write(s.columns); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) close() error {
	var all error
	for _, o := range b.files {
		o.csv.Flush()
		all = errors.Join(all, o.csv.Error(), o.buffer.Flush(), o.file.Sync(), o.file.Close())
	}
	return all
}

// write adds a record. The format takes no line ends in values.
func (b *builder) write(file string, values ...string) error {
	for i, v := range values {
		values[i] = oneLine(v)
	}
	return b.files[file].csv.Write(values)
}

func oneLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
	}) {
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
}

func (b *builder) school(s person.School) error {
	b.orgs[s.ID] = s
	return nil
}

// person writes a user with the roles; who has no place today is left out.
func (b *builder) person(p Person) error {
	if p.UPN == "" || !slices.ContainsFunc(p.Places, func(l Place) bool { return l.School != "" }) {
		return nil
	}
	login := digestOf(strings.ToLower(p.UPN))
	if b.logins[login] {
		b.skipped = append(b.skipped, p.ID)
		return nil
	}
	b.logins[login] = true
	id := p.ID.String()
	if err := b.write("users.csv", id, p.UPN, p.First, p.Last, "", p.UPN, "", "", ""); err != nil {
		return err
	}
	roles := rolesOf(p.Places)
	for i, r := range roles {
		if _, known := b.orgs[r.school]; !known {
			b.orgs[r.school] = person.School{ID: r.school}
		}
		if err := b.write("roles.csv", id, string(r.school), r.role, "", r.grade, strconv.FormatBool(r.primary), "", ""); err != nil {
			return err
		}
		if in := (class{r.school, oneLine(r.class)}); b.o.Classes && in.name != "" && !slices.ContainsFunc(roles[:i], func(o role) bool { return o.school == r.school && o.class == r.class }) {
			if b.classes[in] == "" {
				b.classes[in] = in.id()
			}
			if err := b.write("enrollments.csv", b.classes[in], id, "student"); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest writes what is known only when everybody has been seen.
func (b *builder) rest() error {
	for _, id := range slices.Sorted(maps.Keys(b.orgs)) {
		name := b.orgs[id].Name
		if err := b.write("orgs.csv", string(id), cmp.Or(name, string(id)), "school", ""); err != nil {
			return err
		}
	}
	if !b.o.Classes {
		return nil
	}
	s := b.session
	if err := b.write("academicSessions.csv", s.id, s.title, "schoolYear", s.year, s.start, s.end); err != nil {
		return err
	}
	for _, c := range slices.SortedFunc(maps.Keys(b.classes), func(x, y class) int { return cmp.Compare(x.id(), y.id()) }) {
		if err := b.write("classes.csv", c.id(), string(c.school), c.name, s.id, ""); err != nil {
			return err
		}
	}
	return nil
}

// role is one row of roles.csv.
type role struct {
	school             person.SchoolID
	role, grade, class string
	primary            bool
}

// rolesOf gives each role at each school once, in order. The first place is the
// primary one.
func rolesOf(places []Place) []role {
	var list []role
	for _, p := range places {
		r := role{school: p.School, role: "student", grade: gradeOf(p.Class), class: p.Class}
		if p.Role == person.RoleStaff {
			r = role{school: p.School, role: staffRole(p.Position)}
		}
		if p.School == "" || slices.ContainsFunc(list, func(o role) bool { return o.school == r.school && o.role == r.role }) {
			continue
		}
		r.primary = len(list) == 0
		list = append(list, r)
	}
	slices.SortFunc(list, func(x, y role) int { return cmp.Or(cmp.Compare(x.school, y.school), cmp.Compare(x.role, y.role)) })
	return list
}

// teaching are the beginnings of words by which a position is a teacher's.
var teaching = []string{"учител", "преподавател", "педагог", "воспитател"}

func staffRole(position string) string {
	for word := range strings.FieldsSeq(strings.ToLower(position)) {
		for _, t := range teaching {
			if strings.HasPrefix(word, t) {
				return "teacher"
			}
		}
	}
	return "staff"
}

// gradeOf is the number that a class begins with: 9 of "9Б", "" where it is none
// of a school.
func gradeOf(class string) string {
	class = strings.TrimSpace(class)
	n := 0
	for n < len(class) && class[n] >= '0' && class[n] <= '9' {
		n++
	}
	if g := strings.TrimLeft(class[:n], "0"); slices.Contains(grades, g) {
		return g
	}
	return ""
}

// session is a school year: it begins on September 1; from August on it is the
// next one.
type session struct{ id, title, year, start, end string }

func sessionOf(today person.Date) session {
	text := today.String()
	year, _ := strconv.Atoi(text[:4])
	if text[5:7] < "08" {
		year--
	}
	from, to := strconv.Itoa(year), strconv.Itoa(year+1)
	return session{from + "-" + to, from + "/" + to, to, from + "-09-01", to + "-08-31"}
}
