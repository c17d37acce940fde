package sample

import (
	"fmt"
	"strings"

	"schoolbridge/internal/person"
)

// flaw spoils what one member of staff is registered or known to mos.ru with.
// The row is the last of Кадры.
type flaw struct {
	dirt string
	do   func(w *world, f *files, h *human) (account bool)
}

// staffFlaws come one after the other among staff without flaws.
var staffFlaws = []flaw{
	{"no-break space", func(_ *world, f *files, h *human) bool {
		f.set(kFIO, strings.ReplaceAll(h.fio(), " ", "\u00a0"))
		return true
	}},
	{"double space", func(_ *world, f *files, h *human) bool {
		f.set(kFIO, " "+h.last+"  "+h.first+"  "+h.middle+" ")
		return true
	}},
	{"ё as е", func(w *world, f *files, h *human) bool {
		h.last, h.first = "Королёв", "Фёдор"
		if h.woman {
			h.last, h.first = "Королёва", "Алёна"
		}
		f.set(kFIO, strings.ReplaceAll(h.fio(), "ё", "е"))
		return true
	}},
	{"latin look-alike", func(_ *world, f *files, h *human) bool {
		f.set(kFIO, strings.Replace(h.fio(), "о", "o", 1))
		return true
	}},
	{"capitals", func(_ *world, f *files, h *human) bool {
		f.set(kFIO, strings.ToUpper(h.fio()))
		return true
	}},
	{"placeholder patronymic", func(_ *world, f *files, h *human) bool {
		h.middle = ""
		f.set(kFIO, h.last+" "+h.first+" отсутствует")
		return true
	}},
	{"lost leading zeros", func(w *world, f *files, h *human) bool {
		h.snils = withChecksum(3_000_000 + w.below(900_000))
		f.set(kSNILS, strings.TrimLeft(h.snils, "0"))
		return true
	}},
	{"invalid snils", func(_ *world, f *files, h *human) bool {
		f.set(kSNILS, h.snils[:10]+string('0'+(h.snils[10]-'0'+1)%10))
		return true
	}},
	{"two employers", func(w *world, f *files, h *human) bool {
		f.hire(w, *h, Lyceum7, w.today.AddDays(-400), person.Date{}, "педагог-организатор", h.login)
		return true
	}},
	{"maiden name", func(_ *world, _ *files, h *human) bool {
		h.last = "Майборода" // mos.ru knows the new name, which no other invented person has
		return true
	}},
	{"employment ended", func(w *world, f *files, _ *human) bool {
		f.set(kEnd, russian(w.today.AddDays(-40)))
		return true
	}},
	{"employment not started", func(w *world, f *files, _ *human) bool {
		f.set(kStart, russian(w.today.AddDays(21)))
		return true
	}},
	{"snils not confirmed", func(w *world, _ *files, h *human) bool {
		w.account(*h, func(p *Person) { p.Profile.SNILSConfirmed = false })
		return false
	}},
	{"snils mismatch", func(w *world, _ *files, h *human) bool {
		w.account(*h, func(p *Person) { p.Profile.SNILS = punctuated(w.number()) })
		return false
	}},
	{"two accounts", func(w *world, _ *files, h *human) bool {
		w.account(*h, nil)
		h.login = w.name(*h)
		h.email = h.login + "@example.org"
		w.account(*h, nil)
		return false
	}},
	{"no account", func(*world, *files, *human) bool { return false }},
}

// staff invents the teachers of all schools.
func (w *world) staff(f *files) {
	places := []person.SchoolID{School49, School1050, Lyceum7}
	for i := range 64 {
		h := w.human(24 + w.below(40))
		f.hire(w, h, places[i%len(places)], w.today.AddDays(-60-w.below(4000)), person.Date{},
			"учитель "+pick(&w.numbers, subjects), h.login)
		if i%3 == 1 && i/3 < len(staffFlaws) {
			if staffFlaws[i/3].do(w, f, &h) {
				w.account(h, nil)
			}
			continue
		}
		w.account(h, func(p *Person) { p.Activate = i%6 == 0 })
	}
	w.namesakes(f)
	f.spoilStaff(w)
}

// namesakes are two teachers of one name at two schools.
func (w *world) namesakes(f *files) {
	one := w.human(35)
	two := one
	two.login, two.birth = "", person.Date{}
	two = w.complete(two, 58)
	f.hire(w, one, School49, w.today.AddDays(-800), person.Date{}, "учитель химии", one.login)
	w.account(one, nil)
	f.hire(w, two, School1050, w.today.AddDays(-5000), person.Date{}, "учитель труда", two.login)
	w.account(two, nil)
}

// spoilStaff adds rows that cannot be read: a date that no calendar has, one
// field too few, no name.
func (f *files) spoilStaff(w *world) {
	h := w.human(30)
	f.hire(w, h, School49, w.today.AddDays(-100), person.Date{}, "учитель", "")
	f.set(kStart, "31.02.2020")
	f.hire(w, h, School49, w.today.AddDays(-100), person.Date{}, "учитель", "")
	last := len(f.kadry) - 1
	f.kadry[last] = f.kadry[last][:kDistrict]
	f.hire(w, h, School49, w.today.AddDays(-100), person.Date{}, "учитель", "")
	f.set(kFIO, "")
}

// hire adds a row to Кадры.
func (f *files) hire(w *world, h human, school person.SchoolID, start, end person.Date, position, ezhd string) {
	f.staffRows++
	ended := russian(end)
	if end.IsZero() && w.below(4) == 0 {
		ended = "01.01.0001 0:00:00"
	}
	f.kadry = append(f.kadry, []string{
		kID: f.lastStaff(), kFIO: h.fio(), kSNILS: punctuated(h.snils), kBirth: russian(h.birth),
		kSchool: pick(&w.numbers, schoolNames[school]), kStart: russian(start), kEnd: ended,
		kPosition: position, kPhone: w.dial(h.phone), kEmail: h.email, kLogin: ezhd, kDistrict: districtOf(school),
		kUnit: "Основное",
	})
}

// lastStaff is the id of the row that was added last.
func (f *files) lastStaff() string { return fmt.Sprintf("k%04d", f.staffRows) }

// set changes a field of the last row of Кадры.
func (f *files) set(column int, text string) { f.kadry[len(f.kadry)-1][column] = text }

func districtOf(id person.SchoolID) string {
	for _, s := range schools {
		if s.ID == id {
			return s.District
		}
	}
	return ""
}
