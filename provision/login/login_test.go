package login_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

func pattern(t testing.TB, text string) login.Pattern {
	t.Helper()
	p, err := login.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMake(t *testing.T) {
	for _, c := range []struct{ pattern, fio, want string }{
		{login.DefaultPattern, "Иванов/Пётр/Ильич", "ivanovpi ivanovpei ivanovpil ivanovpeti ivanovpeil ivanovpili ivanovpetri"},
		{login.DefaultPattern, "Щукина/Юлия/", "shchukinai shchukinaiu shchukinaiul shchukinaiuli shchukinaiulii shchukinaiuliia"},
		{login.DefaultPattern, "Щукина/Юлия/-", "shchukinai shchukinaiu"},
		{login.DefaultPattern, "Щукина/Юлия/нет", "shchukinai shchukinaiu"},
		{login.DefaultPattern, "Римский-Корсаков/Николай/Андреевич", "rimskiikorsakovna rimskiikorsakovnia"},
		{login.DefaultPattern, "Мамедов/Рашад/Октай оглы", "mamedovro mamedovrao"},
		{login.DefaultPattern, "Константинопольский-Задунайский/Аристарх/Модестович", "konstantinopolskiiam konstantinopolskiarm"},
		{login.DefaultPattern, "Cидоров/Oлег/", "sidorovo sidorovol"}, // Latin C and O
		{login.DefaultPattern, "Müller/Jörg/", "mullerj mullerjo"},
		{login.DefaultPattern, "Әбдірахман/Айгүл/", "abdirakhmana"},
		{login.DefaultPattern, "Підгірний/Олексій/", "pidgirniio"},
		{"{last}.{f}{m}", "Иванов/Пётр/Ильич", "ivanov.pi ivanov.pei"},
		{"{last}.{f}.{m}", "Иванов/Пётр/", "ivanov.p ivanov.pe"},
		{"{f}.{m}.{last}", "Иванов/Пётр/", "p.ivanov pe.ivanov"},
		{"{first}.{last}", "Иванова/Александра/Петровна", "aleksandra.ivanova"},
		{"{first}.{last}", "Константинопольская/Александра/", "aleksandra.konstanti"},
		{"u-{last}{f}", "Ким/Ен/", "u-kime u-kimen"},
		{login.DefaultPattern, "Иванов//Ильич", ""},
		{login.DefaultPattern, "/Пётр/Ильич", ""},
		{login.DefaultPattern, "王/小明/", ""},
		{login.DefaultPattern, "Ь/Ъ/", ""},
		{login.DefaultPattern, "Пастух/Устин/Ильич", "pastukhusi"}, // not pastukhui
	} {
		who := strings.Split(c.fio, "/")
		got := pattern(t, c.pattern).Make(who[0], who[1], who[2])
		want := strings.Fields(c.want)
		if c.want == "" && got != nil || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s by %s: %q", c.fio, c.pattern, got)
		}
	}
	if got := (login.Pattern{}).Make("Иванов", "Пётр", ""); got != nil {
		t.Errorf("no pattern: %q", got)
	}
}

func TestParsePattern(t *testing.T) {
	for _, bad := range []string{"", "{last}", "{f}{m}", "{last}{last}{f}", "{last}{f}{", "{last}{f", "{last}{f}}", "{Last}{f}", "{last}{f}1", "{last} {f}",
		"{last}{f}я", "{last}{f}{n}", "{last}{f}_{m}", "{last}{f}" + strings.Repeat("a", 64)} {
		if _, err := login.ParsePattern(bad); !errors.Is(err, login.ErrPattern) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
	}{
		{"ivanovpi", nil}, {"shitov", nil}, {"nazirov", nil}, {"lebanidze", nil}, {"slutskii", nil}, {"con-stantin", nil}, {"tit.petrov", nil}, {"chuiloa", nil},
		{"ivanov1", login.ErrShape}, {"", login.ErrShape}, {".ivanov", login.ErrShape}, {"ivanov-", login.ErrShape}, {"Ivanov", login.ErrShape},
		{"iva_nov", login.ErrShape}, {"иванов", login.ErrShape}, {strings.Repeat("a", 21), login.ErrShape},
		{"con", login.ErrReserved}, {"nul", login.ErrReserved}, {"con.petrov", login.ErrReserved}, {"admin", login.ErrReserved}, {"ad-min", login.ErrReserved},
		{"krbtgt", login.ErrReserved}, {"domain-admins", login.ErrReserved}, {"root", login.ErrReserved}, {"lpt", login.ErrReserved},
		{"student", login.ErrReserved}, {"sales", login.ErrReserved}, {"www-data", login.ErrReserved}, {"post-gres", login.ErrReserved},
		{"suka", login.ErrOffensive}, {"s.u.k.a", login.ErrOffensive}, {"petrov.hui", login.ErrOffensive}, {"pastukhui", login.ErrOffensive},
		{"pastuk-hui", login.ErrOffensive}, {"ebaniko", login.ErrOffensive}, {"ebinov", nil}, {"ebaltyn", login.ErrOffensive}, {"fuckov", login.ErrOffensive}, {"ass", login.ErrOffensive},
	} {
		if got := login.Check(c.name); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestOfSystem: what a person may not choose either, as Active Directory compares it,
// and what only nobody is given.
func TestOfSystem(t *testing.T) {
	for name, want := range map[string]bool{
		"root": true, "ROOT": true, "Administrator": true, "ádmin": true, "krbtgt": true, "www-data": true, "daemon": true, "sshd": true, "postgres": true,
		"student": false, "teacher": false, "test": false, "sales": false, "info": false, "users": false, "ro-ot": false, "root1": false, "wwwdata": false, "": false,
	} {
		if got := login.OfSystem(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestLook(t *testing.T) {
	for _, c := range [][2]string{
		{"evann", "EvAnn"}, {"evann", "ev.ann"}, {"evann", "e-v_ann"}, {"evann", "evann1"}, {"evann", "evann-1"}, {"vavv", "vavv-2083"},
		{"evann", "évann"}, {"ivanova", "ivаnоvа"}, {"ivanova", "ivanova²"}, {"naoko", "nаоkо-12"}, {"evann", "evann\u0661"}, {"TEMP", "ТЕМР"},
	} {
		if !login.Alike(c[0], c[1]) {
			t.Errorf("%q looks like %q, %q like %q", c[0], login.Look(c[0]), c[1], login.Look(c[1]))
		}
	}
	for _, c := range [][2]string{{"evann", "evan"}, {"e1vann", "evann"}, {"2083", "2084"}, {"7b", "b"}, {"iuliia", "yuliya"}} {
		if login.Alike(c[0], c[1]) {
			t.Errorf("%q and %q look alike", c[0], c[1])
		}
	}
}

func TestSpell(t *testing.T) {
	for _, c := range []struct {
		table      login.Table
		text, want string
	}{
		{login.ICAO, "Юлия Щёголева-Цой", "iuliia shchegoleva tsoi"}, {login.ICAO, "Подъячев", "podieiachev"},
		{login.GOST2006, "Юлия Цой", "iuliia tcoi"}, {login.GOST2006, "Подъячев", "podiachev"},
		{login.MVD1997, "Юлия Цой", "yuliya tsoy"}, {login.MVD1997, "Елена Аграфьенина", "yelena agrafyenina"}, {login.MVD1997, "Ильин", "ilyin"},
		{login.MVD1997, "Ёлкин", "yolkin"}, {login.MVD1997, "Семён", "semyen"}, {login.MVD1997, "Горбачёв", "gorbachev"},
		{login.GOST2000, "Юлия Цой", "yuliya czoj"}, {login.GOST2000, "Цезарь Хабаров", "cezar xabarov"}, {login.GOST2000, "Щёголев", "shhyogolev"},
		{login.BGN, "Елена Алексеева", "yelena alekseyeva"}, {login.BGN, "Юлия Майер", "yuliya mayyer"},
		{login.ICAO, "O'Brien", "obrien"}, {login.ICAO, "李", ""}, {login.ICAO, "", ""},
	} {
		if got := c.table.Spell(c.text); got != c.want {
			t.Errorf("%s by %d: %q, want %q", c.text, c.table, got, c.want)
		}
	}
}

func TestSpellings(t *testing.T) {
	got := login.Spellings("Юлия", 100)
	for _, want := range []string{"iuliia", "yuliya", "iuliya", "yuliia"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if len(got) != 4 || got[0] != "iuliia" {
		t.Errorf("%q", got)
	}
	const whole = "Щёголева-Цезарева Юлия Ильинична Хайруллоевна"
	if got := login.Spellings(whole, 20); len(got) != 20 || got[0] != login.ICAO.Spell(whole) || !slices.Contains(got, login.BGN.Spell(whole)) {
		t.Errorf("%q", got)
	}
	for _, none := range []string{"", "李明", "-"} {
		if got := login.Spellings(none, 20); got != nil {
			t.Errorf("%q: %q", none, got)
		}
	}
	if got := login.Spellings("Юлия", 0); got != nil {
		t.Errorf("at most none: %q", got)
	}
}

// Everybody of one name gets a name of his own, without a digit, or none: who
// comes in which order decides who has which, and never which there are.
func TestNamesakes(t *testing.T) {
	p := pattern(t, login.DefaultPattern)
	for _, who := range [][3]string{
		{"Майер", "Антон", ""}, {"Мюллер", "Анна", "Карловна"}, {"Иванов", "Иван", "Иванович"}, {"Ли", "Ян", ""}, {"Александров", "Александр", "Александрович"},
	} {
		candidates := p.Make(who[0], who[1], who[2])
		taken := map[string]bool{}
		queued := 0
		for range 500 {
			i := slices.IndexFunc(candidates, func(name string) bool { return !taken[login.Look(name)] })
			if i < 0 {
				queued++
				continue
			}
			if name := candidates[i]; strings.ContainsFunc(name, unicode.IsDigit) {
				t.Errorf("%s is counted", name)
			}
			taken[login.Look(candidates[i])] = true
		}
		if len(taken) != len(candidates) || len(taken)+queued != 500 || len(candidates) < 2 || len(candidates) > login.Most {
			t.Errorf("%v: %d candidates, %d names, %d in the queue", who, len(candidates), len(taken), queued)
		}
	}
}

func FuzzMake(f *testing.F) {
	for _, s := range [][3]string{{"Иванов", "Пётр", "Ильич"}, {"Пастух", "Устин", "Ильич"}, {"Müller", "Jörg", "-"}, {"ŉ", "İ", "\xff"}, {"Ад", "Мин", ""}, {"е\ue000", "ё", "е\u0308"}} {
		f.Add(login.DefaultPattern, s[0], s[1], s[2])
		f.Add("{f}.{m}-{last}", s[0], s[1], s[2])
		f.Add("u{first}-.{last}.x-{middle}", s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, text, last, first, middle string) {
		p, err := login.ParsePattern(text)
		if err != nil {
			if !p.IsZero() {
				t.Fatal("a pattern beside an error")
			}
			return
		}
		names := p.Make(last, first, middle)
		if len(names) > login.Most {
			t.Fatal(len(names))
		}
		looks := map[string]bool{}
		for _, n := range names {
			if login.Check(n) != nil || person.UsableADName(n) != nil || person.Classify(n) != person.ShapeLogin || person.FoldName(n) != n || len(n) > person.SAMLimit {
				t.Fatalf("%q is made: %v", n, login.Check(n))
			}
			if looks[login.Look(n)] {
				t.Fatalf("%q looks like another of %q", n, names)
			}
			looks[login.Look(n)] = true
		}
		if again := p.Make(last, first, middle); !slices.Equal(again, names) {
			t.Fatalf("%q, then %q", names, again)
		}
		for _, s := range login.Spellings(last, 30) {
			if s == "" || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != ' ' }) {
				t.Fatalf("%q is spelled %q", last, s)
			}
		}
	})
}

func FuzzLook(f *testing.F) {
	for _, s := range []string{"EvAnn", "ev.ann-1", "İ1", "ŉ", "1е\u03081", "ᄀ.ᅡ", "\xff", "ﬃ9", "2083", "а\u200b1"} {
		f.Add(s, s+"1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		look := login.Look(a)
		if again := login.Look(look); again != look {
			t.Fatalf("%q looks like %q, that like %q", a, look, again)
		}
		if person.FoldName(a) == person.FoldName(b) && !login.Alike(a, b) {
			t.Fatalf("%q and %q are one name and do not look alike", a, b)
		}
		if login.Check(a) == nil && (!login.Alike(a, strings.ToUpper(a)) || !login.Alike(a, a+"-1") || !login.Alike(a, a+"2083") || !login.Alike(a, "."+a)) {
			t.Fatalf("%q does not look like itself", a)
		}
	})
}

func ExamplePattern_Make() {
	p, _ := login.ParsePattern(login.DefaultPattern)
	fmt.Println(p.Make("Кац", "Ия", ""))
	// Output: [katsi katsii katsiia]
}
