package match

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/person"
)

// small draws a small world in which everything collides, out of a seed.
func small(t testing.TB, seed uint64) world {
	r := rand.New(rand.NewPCG(seed, 7))
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	fio := func() string {
		return " fio=" + pick("Ли_Анна", "Ли_Aнна", "Ким_Вера_нет", "Ким_Вера", "-")
	}
	snils := func() string { return " snils=" + pick("A", "B", "-", "1", "11223344596") }
	phone := func() string { return " phone=" + pick("9161111111", "89161111111,9162222222", "", "11111") }
	date := func(key string) string {
		return pick("", " "+key+"=2010-01-01", " "+key+"=2026-09-01", " "+key+"=2027-01-01")
	}
	id := func(kind string) string { return fmt.Sprint(kind, r.IntN(4)) }
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString("k " + id(pick("k", "x")) + fio() + snils() + date("start") + date("end") + pick("", " school=", " school=50") + pick("", " ezhd=annli") + ";")
	}
	for range r.IntN(4) {
		b.WriteString("p " + id(pick("p", "x")) + fio() + snils() + phone() + date("dob") + pick("", " status=closed") + pick("", " to="+id("p")) + ";")
	}
	for range r.IntN(4) {
		b.WriteString("c " + id(pick("c", "x")) + fio() + snils() + phone() + ";")
	}
	for range r.IntN(3) {
		b.WriteString("ad " + pick("evann", "EVANN", "annli", "other") + pick("", " person="+id("k"), " person="+id("p"), " person="+id("x")) + ";")
	}
	for range r.IntN(3) {
		b.WriteString("b " + id(pick("k", "p", "c", "x")) + " sub=" + id("s") + ";")
	}
	for range 1 + r.IntN(4) {
		b.WriteString("s " + id("s") + fio() + snils() + phone() + date("dob") + pick("", " un") + pick("", " pv=no") + pick("", " login=annli", " login=a@b") + ";")
	}
	return parseWorld(t, b.String())
}

func checkWorld(t testing.TB, w world) {
	ix := NewIndex(w.registry)
	b := NewBindings(ix, w.bindings, slices.Values(w.profiles))
	day, _ := person.ParseDate(today)
	at := 0
	var first, again bytes.Buffer
	enc := NewEncoder(&first)
	err := Run(ix, b, slices.Values(w.profiles), day, func(v Verdict) error {
		if !v.Nobody {
			checkVerdict(t, b, w.profiles[at], v)
			at++
		} else if len(v.Records) == 0 {
			t.Fatal("nobody without a record")
		}
		return enc.Encode(v)
	})
	if err != nil || at != len(w.profiles) {
		t.Fatalf("%d of %d profiles, %v", at, len(w.profiles), err)
	}
	enc = NewEncoder(&again)
	for _, v := range w.run(t) {
		_ = enc.Encode(v)
	}
	if first.String() != again.String() {
		t.Fatalf("not the same twice:\n%s\n%s", &first, &again)
	}
}

func checkVerdict(t testing.TB, b *Bindings, p person.Profile, v Verdict) {
	matched := v.Decision == Match
	if matched != (len(v.Roles) > 0) || matched != (v.Provision.Kind != ProvisionNothing) || matched && len(v.Records) == 0 {
		t.Fatalf("roles, provision or records against the decision: %s", short(v))
	}
	if !matched && len(v.Problems) == 0 || len(v.Reasons) == 0 {
		t.Fatalf("nothing says why: %s", short(v))
	}
	account := slices.ContainsFunc(v.Roles, func(r Role) bool { return r.Role != person.RoleParent })
	if matched && account == (v.Provision.Kind == ProvisionNone) {
		t.Fatalf("provision against the roles: %s", short(v))
	}
	if matched {
		for _, ref := range v.Records {
			if s, _ := b.bindee(ref); ref.Kind != person.RecordCard && s != p.Subject {
				t.Fatalf("%v is taken over: %s", ref, short(v))
			}
		}
	}
	if v.Decision == NoMatch && slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == Ambiguous || p.Code == MultipleMosruAccounts }) {
		t.Fatalf("not manual: %s", short(v))
	}
	for _, reason := range v.Reasons {
		for _, number := range []string{"112-233-445", "112233445", "123456789"} {
			if strings.Contains(reason.String(), number) {
				t.Fatalf("a СНИЛС in %q", reason)
			}
		}
	}
	text, err := json.Marshal(v)
	if err != nil || !json.Valid(text) || bytes.Contains(text, []byte("null")) {
		t.Fatalf("%s, %v", text, err)
	}
}

func TestInvariants(t *testing.T) {
	decisions := map[Decision]int{}
	for seed := range uint64(3000) {
		w := small(t, seed)
		checkWorld(t, w)
		for _, v := range w.run(t) {
			decisions[v.Decision]++
		}
	}
	for _, d := range []Decision{Match, NoMatch, Manual} {
		if decisions[d] < 300 {
			t.Errorf("only %d times %s: the worlds are too poor", decisions[d], d)
		}
	}
}

func FuzzDecide(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, "Ли Анна", "112-233-445 95", "9161111111", "evann")
	}
	f.Fuzz(func(t *testing.T, seed uint64, fio, snils, phone, login string) {
		w := small(t, seed)
		last, first, middle := split(fio)
		if len(w.registry.Employments) > 0 {
			w.registry.Employments[0].FIO, w.registry.Employments[0].SNILS = fio, snils
		}
		if len(w.registry.Cards) > 0 {
			w.registry.Cards[0].ParentFIO, w.registry.Cards[0].Phone = fio, phone
		}
		p := &w.profiles[0]
		p.Last, p.First, p.Middle, p.SNILS, p.Phone, p.Login = last, first, middle, snils, phone, login
		checkWorld(t, w)
	})
}

// big makes n people of each registry with many namesakes.
func big(n int) (Registry, []person.Profile) {
	var r Registry
	var profiles []person.Profile
	for i := range n {
		last, phone := fmt.Sprintf("Фамилия%d", i/5), fmt.Sprintf("916%07d", i)
		id := person.RecordID(fmt.Sprint(i))
		r.Enrolments = append(r.Enrolments, person.Enrolment{ID: "p" + id, Last: last, First: "Анна", Middle: "Петровна", Phone: "+7" + phone, School: "49"})
		r.Cards = append(r.Cards, person.Card{Child: "c" + id, ParentFIO: last + " Вера Львовна", Phone: phone})
		profiles = append(profiles, person.Profile{Subject: "s", Login: "evann" + string(id), Last: last, First: "Анна", Middle: "Петровна", Phone: "8" + phone, PhoneVerified: true})
	}
	return r, profiles
}

func BenchmarkIndex(b *testing.B) {
	r, _ := big(20000)
	for b.Loop() {
		NewIndex(r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*40000), "ns/row")
}

func BenchmarkDecide(b *testing.B) {
	r, profiles := big(20000)
	ix := NewIndex(r)
	none := NewBindings(ix, nil, nil)
	day, _ := person.ParseDate(today)
	i := 0
	for b.Loop() {
		if v := Decide(ix, none, profiles[i%len(profiles)], day); v.Decision != Match {
			b.Fatal(short(v))
		}
		i++
	}
}
