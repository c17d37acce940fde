package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
)

var rightsTests = []test{
	{"Rights", testRights}, {"RightsAreSealed", testRightsAreSealed}, {"RightsEnd", testRightsEnd}, {"FactorOverReplicas", testFactorOverReplicas},
	{"FactorGuessing", testFactorGuessing}, {"FactorKeyRotation", testFactorKeyRotation}, {"BreakGlass", testBreakGlass}, {"BreakGlassGuessed", testBreakGlassGuessed},
}

func (s *suite) grant(t *testing.T, id identity.PersonID, role rights.Role, schools ...person.SchoolID) {
	t.Helper()
	g := rights.Granted{Person: id, Grant: rights.Grant{Role: role, Schools: schools}, By: "uid 1", At: s.now}
	check(t, s.db.Rights().Grant(t.Context(), g, map[string]any{"by": "uid 1"}))
}

func (s *suite) held(t *testing.T, id identity.PersonID) string {
	t.Helper()
	granted, err := s.db.Rights().Of(t.Context(), id)
	check(t, err)
	var list []string
	for _, g := range granted {
		if g.Person != id || g.By != "uid 1" || !g.At.Equal(s.now) {
			t.Errorf("%+v", g)
		}
		list = append(list, fmt.Sprint(g.Role, g.Schools))
	}
	return fmt.Sprint(list)
}

// kinds are the kinds of the lines about somebody, the oldest first, without the
// activation.
func (s *suite) kinds(t *testing.T, id identity.PersonID) (kinds []string) {
	t.Helper()
	entries, err := s.db.Audit().Recent(t.Context(), id, 1000)
	check(t, err)
	for _, e := range slices.Backward(entries) {
		if e.Kind != "activation" {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// testRights: a role is had once, at the schools that were named last, until it is
// taken; others are not touched, and the trail tells of all of it.
func testRights(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	row, profile := belova(t)
	put(t, s.db, row)
	two := s.activate(t, s.db, activation(profile, enrolment("p1")))
	s.grant(t, one.Person, rights.Curator, "49", "50")
	s.grant(t, one.Person, rights.Auditor)
	s.grant(t, two.Person, rights.School, "49")
	s.grant(t, one.Person, rights.Curator, "51")
	if got := s.held(t, one.Person); got != "[auditor[] curator[51]]" {
		t.Error(got)
	}
	all, err := s.db.Rights().All(t.Context(), identity.PersonID{}, 10)
	check(t, err)
	first, err := s.db.Rights().All(t.Context(), identity.PersonID{}, 1)
	check(t, err)
	rest, err := s.db.Rights().All(t.Context(), first[len(first)-1].Person, 10)
	check(t, err)
	if len(all) != 3 || len(first)+len(rest) != 3 || first[len(first)-1].Person == rest[0].Person {
		t.Errorf("%d; %d and %d", len(all), len(first), len(rest))
	}
	for _, wrong := range []rights.Grant{{Role: "root"}, {Role: rights.School}, {Role: rights.Operator, Schools: []person.SchoolID{"49"}}} {
		if err := s.db.Rights().Grant(t.Context(), rights.Granted{Person: one.Person, Grant: wrong, At: s.now}, nil); err == nil {
			t.Errorf("%+v is granted", wrong)
		}
	}
	stranger := rights.Granted{Person: identity.PersonID{9}, Grant: rights.Grant{Role: rights.Operator}, At: s.now}
	if err := s.db.Rights().Grant(t.Context(), stranger, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("granted to nobody: %v", err)
	}
	for _, c := range []struct {
		role rights.Role
		n    int
		left string
	}{{rights.Operator, 0, "[auditor[] curator[51]]"}, {rights.Auditor, 1, "[curator[51]]"}, {"", 1, "[]"}, {"", 0, "[]"}} {
		if n, err := s.db.Rights().Revoke(t.Context(), one.Person, c.role, s.now, nil); err != nil || n != c.n || s.held(t, one.Person) != c.left {
			t.Errorf("%q: %d, %v; left %s", c.role, n, err, s.held(t, one.Person))
		}
	}
	if got := s.held(t, two.Person); got != "[school[49]]" {
		t.Error(got)
	}
	want := []string{store.AuditGranted, store.AuditGranted, store.AuditGranted, store.AuditRevoked, store.AuditRevoked}
	if got := s.kinds(t, one.Person); !slices.Equal(got, want) {
		t.Error(got)
	}
	check(t, s.db.Audit().Verify(t.Context(), nil))
}

// testRightsAreSealed: whoever writes to the database makes nobody an
// administrator, and reads neither schools nor secrets.
func testRightsAreSealed(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	s.grant(t, one.Person, rights.School, "school-forty-nine")
	check(t, s.Exec("UPDATE rights SET role = 'operator'"))
	if got, err := s.db.Rights().Of(t.Context(), one.Person); !errors.Is(err, store.ErrSealed) {
		t.Errorf("%+v, %v", got, err)
	}
	secret := []byte("twenty bytes secret.")
	s.enrol(t, one.Person, secret)
	check(t, s.db.BreakGlass().Make(t.Context(), "$argon2id$hash", "uid 1", s.now, nil))
	files, err := s.Bytes()
	check(t, err)
	for _, text := range []string{"school-forty-nine", "twenty bytes secret", "$argon2id$hash"} {
		if bytes.Contains(files, []byte(text)) {
			t.Errorf("%s is in clear on the disk", text)
		}
	}
}

// testRightsEnd: with somebody's personal data rights and second factor go too, and
// nobody who was erased is given any.
func testRightsEnd(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	s.grant(t, one.Person, rights.Operator)
	s.enrol(t, one.Person, []byte("twenty bytes secret."))
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-02")
	if n := s.erase(t, "2026-09-03", "2026-10-04"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	if s.count(t, "rights") != 0 || s.count(t, "factors") != 0 {
		t.Error("rights outlive the person")
	}
	g := rights.Granted{Person: one.Person, Grant: rights.Grant{Role: rights.Operator}, At: s.now}
	if err := s.db.Rights().Grant(t.Context(), g, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("granted: %v", err)
	}
	if err := s.db.Factors().Invite(t.Context(), one.Person, "A", s.now.Add(time.Hour), s.now, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("invited: %v", err)
	}
}

func (s *suite) appCode(t *testing.T, secret []byte, after time.Duration) string {
	t.Helper()
	code, err := factor.Code(secret, s.now.Add(after))
	check(t, err)
	return code
}

// enrol connects an app and gives the recovery codes.
func (s *suite) enrol(t *testing.T, id identity.PersonID, secret []byte) []string {
	t.Helper()
	codes, err := factor.NewRecovery(rand.Reader)
	check(t, err)
	check(t, s.db.Factors().Invite(t.Context(), id, "ABCD-EFGH-1234", s.now.Add(time.Hour), s.now, nil))
	check(t, s.db.Factors().Enrol(t.Context(), id, factor.Enrolment{Invitation: "abcd efgh 1234", Secret: secret, Code: s.appCode(t, secret, 0), Recovery: codes}, s.now, nil))
	return codes
}

// testFactorOverReplicas: of two replicas that are shown the same code at once, one
// takes it; so it is with a recovery code and an invitation.
func testFactorOverReplicas(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	secret := []byte("twenty bytes secret.")
	replicas := []*store.Factors{s.db.Factors(), s.open(t, s.keys).Factors()}
	race := func(f func(*store.Factors) error) {
		t.Helper()
		var taken atomic.Int32
		var group sync.WaitGroup
		for range 3 { // below the number of wrong answers that cost a wait
			for _, r := range replicas {
				if taken.Load() > 0 {
					continue
				}
				group.Go(func() {
					switch err := f(r); {
					case err == nil:
						taken.Add(1)
					case !errors.Is(err, factor.ErrWrong) && !errors.As(err, new(*factor.Locked)):
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		if taken.Load() != 1 {
			t.Errorf("taken %d times", taken.Load())
		}
	}
	check(t, replicas[0].Invite(t.Context(), one.Person, "ABCD", s.now.Add(time.Hour), s.now, nil))
	codes := []string{"AAAAA-BBBBB", "CCCCC-DDDDD"}
	race(func(r *store.Factors) error {
		return r.Enrol(t.Context(), one.Person, factor.Enrolment{Invitation: "ABCD", Secret: secret, Code: s.appCode(t, secret, 0), Recovery: codes}, s.now, nil)
	})
	for _, code := range []string{s.appCode(t, secret, 4*time.Hour), codes[1]} {
		at := s.now.Add(4 * time.Hour)
		race(func(r *store.Factors) error {
			_, err := r.Take(t.Context(), one.Person, code, at, nil)
			return err
		})
		s.now = s.now.Add(4 * time.Hour) // after the waits
	}
	if f, err := replicas[1].Find(t.Context(), one.Person); err != nil || !f.Enrolled() || len(f.Recovery) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}

// testFactorGuessing: wrong codes count on all replicas together, and while none is
// looked at the trail does not grow.
func testFactorGuessing(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	secret := []byte("twenty bytes secret.")
	s.enrol(t, one.Person, secret)
	replicas := []*store.Factors{s.db.Factors(), s.open(t, s.keys).Factors()}
	later := s.now.Add(time.Minute)
	var wrong, locked int
	for i := range 20 {
		_, err := replicas[i%2].Take(t.Context(), one.Person, "wrong", later, nil)
		switch {
		case errors.Is(err, factor.ErrWrong):
			wrong++
		case errors.As(err, new(*factor.Locked)):
			locked++
		default:
			t.Fatal(err)
		}
	}
	if wrong != 5 || locked != 15 {
		t.Errorf("%d wrong, %d locked", wrong, locked)
	}
	if _, err := replicas[0].Take(t.Context(), one.Person, s.appCode(t, secret, time.Minute), later, nil); !errors.As(err, new(*factor.Locked)) {
		t.Errorf("the right code during the wait: %v", err)
	}
	want := []string{store.AuditInvited, store.AuditEnrolled}
	for range 5 {
		want = append(want, store.AuditFactorRefused)
	}
	how, err := replicas[1].Take(t.Context(), one.Person, s.appCode(t, secret, 3*time.Minute), s.now.Add(3*time.Minute), nil)
	if err != nil || how != factor.ByApp {
		t.Fatal(how, err)
	}
	if got := s.kinds(t, one.Person); !slices.Equal(got, append(want, store.AuditFactor)) {
		t.Error(got)
	}
	if _, err := replicas[0].Take(t.Context(), identity.PersonID{9}, "1", s.now, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody's factor: %v", err)
	}
	if f, err := replicas[0].Find(t.Context(), identity.PersonID{9}); err != nil || f.Enrolled() {
		t.Errorf("%+v, %v", f, err)
	}
}

// testFactorKeyRotation: codes that were given before new keys count after them.
func testFactorKeyRotation(t *testing.T, s *suite) {
	_, one := s.withOrlova(t)
	codes := s.enrol(t, one.Person, []byte("twenty bytes secret."))
	keys, err := s.keys.Rotated()
	check(t, err)
	if how, err := s.open(t, keys).Factors().Take(t.Context(), one.Person, codes[4], s.now, nil); err != nil || how != factor.ByRecovery {
		t.Errorf("%v, %v", how, err)
	}
}

func testBreakGlass(t *testing.T, s *suite) {
	db := s.db.BreakGlass()
	if row, err := db.Find(t.Context()); !errors.Is(err, identity.ErrNotFound) {
		t.Fatalf("%+v, %v", row, err)
	}
	check(t, db.Make(t.Context(), "one", "uid 1", s.now, map[string]any{"uid": 1}))
	made, later := s.now, s.now.Add(time.Hour)
	check(t, db.Use(t.Context(), made, "192.0.2.7", later, nil))
	row, err := db.Find(t.Context())
	if err != nil || row.Hash != "one" || row.By != "uid 1" || !row.Made.Equal(made) || !row.Used.Equal(later) || row.From != "192.0.2.7" || row.Uses != 1 {
		t.Errorf("%+v, %v", row, err)
	}
	if err := db.Fail(t.Context(), "192.0.2.8", later, map[string]any{"request": "r1"}); err != nil {
		t.Fatal(err)
	}
	check(t, db.Make(t.Context(), "two", "uid 1", later, nil))
	if err := db.Use(t.Context(), made, "192.0.2.7", later, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("used with the password of before: %v", err)
	}
	if row, err := db.Find(t.Context()); err != nil || row.Hash != "two" || row.Uses != 0 || !row.Used.IsZero() {
		t.Errorf("%+v, %v", row, err)
	}
	want := []string{store.AuditGlassMade, store.AuditGlassUsed, store.AuditGlassWrong, store.AuditGlassMade}
	if got := s.kinds(t, identity.PersonID{}); !slices.Equal(got, want) {
		t.Error(got)
	}
}

// testBreakGlassGuessed: a guesser fills no trail, and nothing of it is lost.
func testBreakGlassGuessed(t *testing.T, s *suite) {
	db := s.db.BreakGlass()
	if err := db.Fail(t.Context(), "192.0.2.7", s.now, nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a try at an account that is not made: %v", err)
	}
	check(t, db.Make(t.Context(), "one", "uid 1", s.now, nil))
	now := s.now
	fail := func(times int) {
		for range times {
			now = now.Add(time.Second)
			check(t, db.Fail(t.Context(), "192.0.2.7", now, nil))
		}
	}
	fail(store.GlassLines + 7)
	lines := func() (list []string) {
		entries, err := s.db.Audit().Recent(t.Context(), identity.PersonID{}, 1000)
		check(t, err)
		for _, e := range slices.Backward(entries) {
			if e.Kind != store.AuditGlassMade {
				list = append(list, e.Kind+string(e.Payload))
			}
		}
		return list
	}
	if n := len(lines()); n != store.GlassLines {
		t.Errorf("%d lines of %d tries, want %d", n, store.GlassLines+7, store.GlassLines)
	}
	check(t, db.Use(t.Context(), s.now, "192.0.2.8", now, nil))
	fail(3) // the hour is not over
	now = now.Add(store.GlassSpan)
	fail(1)
	got := lines()
	if len(got) != store.GlassLines+2 || !strings.Contains(got[len(got)-2], `"untold":7`) || !strings.Contains(got[len(got)-1], `"untold":3`) ||
		!strings.Contains(got[len(got)-1], `"wrong":1`) {
		t.Errorf("%d lines, the last ones %q", len(got), got[max(0, len(got)-2):])
	}
}
