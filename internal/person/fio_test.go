package person

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestNormalFIO(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		mixed          bool
	}{
		{"plain", "Иванова Анна Петровна", "иванова анна петровна", false},
		{"capitals", "ИВАНОВА АННА ПЕТРОВНА", "иванова анна петровна", false},
		{"trim", "  Иванова Анна ", "иванова анна", false},
		{"tab and newline", "Иванова\tАнна\nПетровна", "иванова анна петровна", false},
		{"no-break space", "Иванова\u00a0Анна", "иванова анна", false},
		{"narrow no-break space", "Иванова\u202fАнна", "иванова анна", false},
		{"thin and em spaces", "Иванова\u2009\u2003Анна", "иванова анна", false},
		{"ideographic space", "Иванова\u3000Анна", "иванова анна", false},
		{"double spaces", "Иванова   Анна", "иванова анна", false},
		{"zero-width space", "Ива\u200bнова Анна", "иванова анна", false},
		{"byte order mark", "\ufeffИванова Анна", "иванова анна", false},
		{"joiners", "Ива\u200dно\u200cва\u2060 Анна", "иванова анна", false},
		{"soft hyphen", "Ива\u00adнова Анна", "иванова анна", false},
		{"direction mark", "\u200eИванова Анна\u200f", "иванова анна", false},
		{"ё", "Алёна Ёлкина", "алена елкина", false},
		{"decomposed ё", "Але\u0308на", "алена", false},
		{"decomposed й", "Толстои\u0306", "толстой", false},
		{"decomposed й with a joiner inside", "Толстои\u200d\u0306", "толстой", false},
		{"й is not и", "Толстои", "толстои", false},
		{"stress mark stays", "Ива\u0301нова", "ива\u0301нова", false},
		{"hyphen", "Римский-Корсаков", "римский корсаков", false},
		{"no-break hyphen", "Римский\u2011Корсаков", "римский корсаков", false},
		{"en dash", "Римский–Корсаков", "римский корсаков", false},
		{"em dash with spaces", "Римский — Корсаков", "римский корсаков", false},
		{"minus", "Римский\u2212Корсаков", "римский корсаков", false},
		{"full-width hyphen", "Римский\uff0dКорсаков", "римский корсаков", false},
		{"look-alikes", "Ивaнoвa", "иванова", true},
		{"every capital look-alike", "АЯ ABCEHKMOPTXYЯ", "ая авсенкмортхуя", true},
		{"every small look-alike", "aceкmoptxyя", "асекмортхуя", true},
		{"small b and h look like nothing", "яbh", "яbh", false},
		{"capital B and H do", "ЯBH", "явн", true},
		{"a letter that looks like none", "Ивanов", "иваnов", true},
		{"Latin word stays", "Anna Иванова", "anna иванова", false},
		{"Latin name of look-alikes only stays", "COP", "cop", false},
		{"word borders at a dash", "Иванова-COP", "иванова cop", false},
		{"word borders at a space", "Иванова A", "иванова a", false},
		{"no look-alikes among digits", "Ив4нова", "ив4нова", false},
		{"placeholder нет", "Ким Вера нет", "ким вера", false},
		{"placeholder in capitals", "Ким Вера НЕТ", "ким вера", false},
		{"placeholder отсутствует", "Ким Вера Отсутствует", "ким вера", false},
		{"placeholder dash", "Ким Вера -", "ким вера", false},
		{"placeholder em dash", "Ким Вера —", "ким вера", false},
		{"no placeholder in the middle", "Ким нет Вера", "ким нет вера", false},
		{"a name of two words keeps нет", "Ким Нет", "ким нет", false},
		{"not a placeholder", "Ким Вера Нетовна", "ким вера нетовна", false},
		{"empty", "", "", false},
		{"only spaces", " \u00a0\t", "", false},
		{"only a dash", "-", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, mixed := NormalFIO(c.in)
			if got != c.want || mixed != c.mixed {
				t.Errorf("NormalFIO(%q) = %q, %v; want %q, %v", c.in, got, mixed, c.want, c.mixed)
			}
		})
	}
}

func TestNormalFIODiffers(t *testing.T) {
	for _, c := range [][2]string{
		{"Иванова Наталья", "Иванова Наталия"},
		{"Толстой", "Толстои"},
		{"Иванова А П", "Иванова Анна Петровна"},
		{"Иванова Анна", "Ivanova Anna"},
		{"Иванова Анна", "Иванова Анна Петровна"},
		{"Иванова Анна", "Анна Иванова"},
		{"Иванова", "Ива нова"},
	} {
		a, _ := NormalFIO(c[0])
		b, _ := NormalFIO(c[1])
		if a == b {
			t.Errorf("%q and %q are one name %q", c[0], c[1], a)
		}
	}
}

func TestJoinFIO(t *testing.T) {
	for _, c := range []struct{ last, first, middle, want string }{
		{"Иванова", "Анна", "Петровна", "иванова анна петровна"},
		{"Иванова", "Анна", "", "иванова анна"},
		{"Иванова", "Анна", "-", "иванова анна"},
		{"Иванова", "Анна", "–", "иванова анна"},
		{"Иванова", "Анна", " НЕТ ", "иванова анна"},
		{"Иванова", "Анна", "отсутствует", "иванова анна"},
		{"Иванова", "", "нет", "иванова"},
		{"Ли", "Нет", "", "ли нет"},
		{" Иванова ", "Анна\u00a0", "\ufeff", "иванова анна"},
		{"", "", "", ""},
	} {
		if got, _ := NormalFIO(JoinFIO(c.last, c.first, c.middle)); got != c.want {
			t.Errorf("JoinFIO(%q, %q, %q) compares as %q, want %q", c.last, c.first, c.middle, got, c.want)
		}
	}
}

// TestUsualFIO: what is read the short way has the form that all names have.
func TestUsualFIO(t *testing.T) {
	parts := []string{"А", "Я", "а", "я", "Ё", "ё", "й", "Й", " ", "  ", "-", " - ", "Нет", "отсутствует", "Отсутствует", "Орлова", "МАРИЯ", "и\u0306", "A", "o", ".", "\u200b", "\t", "–", "ѐ", "Ђ", "1", "\xff"}
	random := rand.New(rand.NewPCG(1, 2))
	usual := 0
	for range 20_000 {
		var b strings.Builder
		most := len(parts)
		if random.IntN(2) == 0 {
			most = slices.Index(parts, "и\u0306")
		}
		for range random.IntN(8) {
			b.WriteString(parts[random.IntN(most)])
		}
		got, ok := usualFIO(b.String())
		if want, mixed := fioPass(compose(b.String())); ok && (got != want || mixed) {
			t.Fatalf("%q is %q, want %q", b.String(), got, want)
		}
		if ok {
			usual++
		}
	}
	if usual < 8000 {
		t.Errorf("only %d were read the short way", usual)
	}
	for _, name := range []string{"Белоусова-Орлова Мария Владимировна", "Ёлкин Пётр", "Ли", "ОГЛЫ  Али Мамед", ""} {
		if _, ok := usualFIO(name); !ok {
			t.Errorf("%q takes the long way", name)
		}
	}
}

func FuzzNormalFIO(f *testing.F) {
	for _, s := range []string{"Иванова Анна Петровна", "Ива\u0301нова", "Ким нет нет нет", "xёT\u0308 ẚя", "о\u200d\u0306-", "\xff\xfeя", "е\u0323\u0308я", "İя ŉ K", "у\u0306yё\u0300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal, _ := NormalFIO(s)
		again, mixed := NormalFIO(normal)
		if again != normal || mixed {
			t.Fatalf("%q: %q then %q (mixed %v)", s, normal, again, mixed)
		}
		if strings.Contains(normal, "  ") || strings.TrimSpace(normal) != normal {
			t.Fatalf("%q: spaces in %q", s, normal)
		}
		for _, r := range normal {
			if dash(r) || zeroWidth(r) || unicode.IsSpace(r) && r != ' ' || r == 'ё' {
				t.Fatalf("%q: %q is left in %q", s, r, normal)
			}
		}
		if padded, _ := NormalFIO("\u00a0" + strings.ReplaceAll(s, " ", "\t ") + "\u200b "); padded != normal {
			t.Fatalf("%q: white space changes %q to %q", s, normal, padded)
		}
	})
}
