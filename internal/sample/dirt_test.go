package sample

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// evidence is what the dirt is looked for in.
type evidence struct {
	raw      map[string][]byte
	kadry    string // decoded
	folder   *registry.Folder
	people   []Person
	verdicts []match.Verdict
}

// problem says whether somebody has it.
func (e *evidence) problem(codes ...match.Code) bool {
	return slices.ContainsFunc(e.verdicts, func(v match.Verdict) bool {
		return slices.ContainsFunc(v.Problems, func(p match.Problem) bool { return slices.Contains(codes, p.Code) })
	})
}

func (e *evidence) employment(is func(person.Employment) bool) bool {
	return slices.ContainsFunc(e.folder.Employments, is)
}

func (e *evidence) enrolment(is func(person.Enrolment) bool) bool {
	return slices.ContainsFunc(e.folder.Enrolments, is)
}

// pupils says whether two pupils' rows are like that.
func (e *evidence) pupils(are func(a, b person.Enrolment) bool) bool {
	for i, a := range e.folder.Enrolments {
		if slices.ContainsFunc(e.folder.Enrolments[:i], func(b person.Enrolment) bool { return are(a, b) }) {
			return true
		}
	}
	return false
}

func (e *evidence) staffPairs(are func(a, b person.Employment) bool) bool {
	for i, a := range e.folder.Employments {
		if slices.ContainsFunc(e.folder.Employments[:i], func(b person.Employment) bool { return are(a, b) }) {
			return true
		}
	}
	return false
}

func snils(s string) person.SNILS { n, _ := person.ParseSNILS(s); return n }

func samePhone(a, b string) bool {
	x, y := person.Phones(a), person.Phones(b)
	return len(x) > 0 && len(y) > 0 && x[0] == y[0]
}

func digits(s string) int {
	return len(s) - len(strings.Trim(s, "0123456789"))
}

// looksFor says how each dirt is found.
var looksFor = map[string]func(*evidence) bool{
	"windows-1251":    func(e *evidence) bool { return !utf8.Valid(e.raw["kadry.csv"]) && utf8.Valid(e.raw["zapis.csv"]) },
	"byte order mark": func(e *evidence) bool { return bytes.HasPrefix(e.raw["kontingent.csv"], []byte("\ufeff")) },
	"tabs":            func(e *evidence) bool { return bytes.Count(e.raw["zapis.csv"], []byte("\t")) > 400 },
	"titles above the header": func(e *evidence) bool {
		return strings.HasPrefix(e.kadry, kadryTitle+"\r\n\r\nID;")
	},
	"unknown column": func(e *evidence) bool {
		return slices.ContainsFunc(e.folder.Faults, func(f registry.Fault) bool {
			return f.Warning && strings.Contains(f.Reason.Error(), "Подразделение")
		})
	},
	"no-break space": func(e *evidence) bool {
		return e.employment(func(r person.Employment) bool { return strings.Contains(r.FIO, "\u00a0") })
	},
	"double space": func(e *evidence) bool {
		return e.employment(func(r person.Employment) bool { return strings.Contains(r.FIO, "  ") })
	},
	"ё as е": func(e *evidence) bool {
		return slices.ContainsFunc(e.people, func(p Person) bool {
			fio := person.JoinFIO(p.Profile.Last, p.Profile.First, p.Profile.Middle)
			return strings.Contains(fio, "ё") && e.employment(func(r person.Employment) bool {
				return r.FIO == strings.ReplaceAll(fio, "ё", "е") && snils(r.SNILS) == snils(p.Profile.SNILS)
			})
		})
	},
	"latin look-alike": func(e *evidence) bool { return e.problem(match.RegistryMixedScript) },
	"capitals": func(e *evidence) bool {
		return e.employment(func(r person.Employment) bool { return r.FIO == strings.ToUpper(r.FIO) })
	},
	"placeholder patronymic": func(e *evidence) bool {
		return e.employment(func(r person.Employment) bool { return strings.HasSuffix(r.FIO, " отсутствует") })
	},
	"lost leading zeros": func(e *evidence) bool {
		return e.employment(func(r person.Employment) bool {
			return digits(r.SNILS) == 9 && len(r.SNILS) == 9 && snils(r.SNILS) != ""
		})
	},
	"invalid snils": func(e *evidence) bool { return e.problem(match.KadrySNILSInvalid) },
	"empty 1C date": func(e *evidence) bool { return strings.Contains(e.kadry, "01.01.0001 0:00:00") },
	"school name written differently": func(e *evidence) bool {
		return strings.Contains(e.kadry, ";гбоу школа № 49;") && strings.Contains(e.kadry, ";ГБОУ Школа № 49;")
	},
	"quotes in a field": func(e *evidence) bool { return strings.Contains(e.kadry, `;"ГБОУ ""Школа`) },
	"two employers": func(e *evidence) bool {
		return e.staffPairs(func(a, b person.Employment) bool { return a.FIO == b.FIO && a.SNILS == b.SNILS && a.School != b.School })
	},
	"namesakes": func(e *evidence) bool {
		return e.staffPairs(func(a, b person.Employment) bool { return a.FIO == b.FIO && snils(a.SNILS) != snils(b.SNILS) }) &&
			e.pupils(func(a, b person.Enrolment) bool {
				return a.Last == b.Last && a.First == b.First && a.Middle == b.Middle && a.BirthDate != b.BirthDate
			})
	},
	"twins": func(e *evidence) bool {
		return e.pupils(func(a, b person.Enrolment) bool {
			return a.BirthDate == b.BirthDate && a.First != b.First && samePhone(a.Phone, b.Phone)
		})
	},
	"siblings on one phone": func(e *evidence) bool {
		return e.pupils(func(a, b person.Enrolment) bool { return a.BirthDate != b.BirthDate && samePhone(a.Phone, b.Phone) })
	},
	"maiden name":            func(e *evidence) bool { return e.problem(match.FIOMismatch) },
	"employment ended":       func(e *evidence) bool { return e.problem(match.EmploymentEnded) },
	"employment not started": func(e *evidence) bool { return e.problem(match.EmploymentNotStarted) },
	"closed pupil":           func(e *evidence) bool { return e.problem(match.NotEnrolled) },
	"merged pupil": func(e *evidence) bool {
		return e.enrolment(func(r person.Enrolment) bool { return r.MergedTo != "" && r.Status == "closed" })
	},
	"several contacts": func(e *evidence) bool {
		return e.enrolment(func(r person.Enrolment) bool { return len(person.Phones(r.Phone)) > 1 })
	},
	"snils not confirmed": func(e *evidence) bool { return e.problem(match.SNILSNotConfirmed) },
	"snils mismatch":      func(e *evidence) bool { return e.problem(match.SNILSMismatch) },
	"two accounts":        func(e *evidence) bool { return e.problem(match.MultipleMosruAccounts) },
	"no account":          func(e *evidence) bool { return e.problem(match.NoMosruAccount) },
	"contact differs":     func(e *evidence) bool { return e.problem(match.ContactMismatch) },
	"simplified registration": func(e *evidence) bool {
		return slices.ContainsFunc(e.people, func(p Person) bool { return !p.Profile.Trusted })
	},
	"bad row": func(e *evidence) bool { return e.folder.Bad > 0 },
}

func TestEveryDirtIsThere(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		s := Make(seed, day)
		kadry, err := charmap.Windows1251.NewDecoder().Bytes(s.Files["kadry.csv"])
		if err != nil {
			t.Fatal(err)
		}
		e := &evidence{raw: s.Files, kadry: string(kadry), folder: read(t, s), people: s.People}
		_, e.verdicts = verdicts(t, s, e.folder, day)
		for _, dirt := range Dirt() {
			if look := looksFor[dirt]; look == nil || !look(e) {
				t.Errorf("seed %d: no %q", seed, dirt)
			}
		}
	}
	if len(looksFor) != len(Dirt()) {
		t.Errorf("%d kinds of dirt are looked for, %d are listed", len(looksFor), len(Dirt()))
	}
}
