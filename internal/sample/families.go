package sample

import (
	"fmt"

	"schoolbridge/internal/person"
)

// families invents pupils and their parents.
func (w *world) families(f *files) {
	places := []person.SchoolID{School49, School1050, Lyceum7}
	for i := range 72 {
		school := places[i%len(places)]
		mother := w.parentOf(nil)
		children := []human{w.childOf(mother, 7+w.below(11))}
		switch {
		case i%12 == 3: // twins
			twin := w.childOf(mother, 0, children[0].birth)
			children = append(children, twin)
		case i%4 == 1: // a younger one
			children = append(children, w.childOf(mother, 7+w.below(4)))
		}
		for j := range children {
			if len(children) > 1 {
				children[j].phone, children[j].email = mother.phone, "" // siblings on one phone
			}
			ezhd := ""
			if w.below(3) > 0 {
				ezhd = children[j].login
			}
			child := f.enrol(w, children[j], school, ezhd)
			f.parent(w, child, mother, school)
			w.pupilAccount(f, i, j, children[j])
		}
		if i%2 == 0 {
			father := w.parentOf(&mother)
			f.parent(w, f.lastPupil(), father, school)
			if i%4 == 0 {
				w.account(father, nil)
			}
		}
		if i%3 != 2 {
			w.account(mother, nil)
		}
	}
	w.oddPupils(f)
	f.spoilFamilies(w)
}

// pupilAccount opens the account of a pupil; the family's number says with
// what flaw.
func (w *world) pupilAccount(f *files, family, child int, h human) {
	switch {
	case child == 0 && family%18 == 5: // no account
	case child == 0 && family%18 == 7: // contact differs
		w.account(h, func(p *Person) { p.Profile.Phone, p.Profile.Email = w.telephone(), "other."+h.login+"@example.org" })
	case child == 0 && family%6 == 4: // simplified registration
		w.account(h, func(p *Person) {
			p.Profile.Trusted, p.Profile.SNILSConfirmed, p.Profile.SNILS = false, false, ""
		})
	case child == 0 && family%18 == 14: // several contacts
		f.setPupil(pPhone, w.dial(w.telephone())+"; "+w.dial(h.phone))
		w.account(h, nil)
	default:
		w.account(h, func(p *Person) { p.Activate = child == 0 && family%9 == 0 })
	}
}

// parentOf invents a parent; the spouse's surname where there is one.
func (w *world) parentOf(spouse *human) human {
	for {
		h := w.human(32 + w.below(18))
		if h.woman == (spouse == nil) {
			return h
		}
		delete(w.fios, h.fio())
	}
}

// childOf invents a child of the mother's surname, born on a day if one is given.
func (w *world) childOf(mother human, age int, birth ...person.Date) human {
	for {
		h := human{woman: w.below(2) == 0}
		h.first = pick(&w.numbers, men)
		if h.woman {
			h.first = pick(&w.numbers, women)
		}
		h.middle = patronymic(fathers[len(mother.login)%len(fathers)], h.woman)
		for _, s := range surnames {
			if s.woman == mother.last {
				h.last = s.man
				if h.woman {
					h.last = s.woman
				}
			}
		}
		if len(birth) > 0 {
			h.birth = birth[0]
		}
		if !w.fios[h.fio()] {
			return w.complete(h, age)
		}
	}
}

// oddPupils are one who left, one whose record was merged into another, and two
// of one name at two schools.
func (w *world) oddPupils(f *files) {
	left := w.human(16)
	f.enrol(w, left, School49, "")
	f.setPupil(pStatus, "Выбыл")
	w.account(left, nil)

	moved := w.human(11)
	f.enrol(w, moved, School49, "")
	f.setPupil(pStatus, "closed")
	f.setPupil(pMerged, fmt.Sprintf("c%04d", f.pupilRows+1))
	f.enrol(w, moved, Lyceum7, moved.login)
	w.account(moved, nil)

	one := w.human(14)
	two := one
	two.login, two.birth = "", person.Date{}
	two = w.complete(two, 14)
	f.enrol(w, one, School49, "")
	w.account(one, nil)
	f.enrol(w, two, School1050, "")
	w.account(two, nil)
}

// spoilFamilies adds rows that cannot be read.
func (f *files) spoilFamilies(w *world) {
	h := w.human(10)
	f.enrol(w, h, School49, "")
	f.setPupil(pStatus, "возможно")
	f.enrol(w, h, School49, "")
	f.setPupil(pID, "")
	f.zapis = append(f.zapis, []string{f.lastPupil(), "", "", w.dial(h.phone), "", ""})
}

// enrol adds a row to Контингент and gives its id.
func (f *files) enrol(w *world, h human, school person.SchoolID, ezhd string) string {
	f.pupilRows++
	middle := h.middle
	class := fmt.Sprintf("%d%s", max(1, min(11, w.year-birthYear(h)-6)), pick(&w.numbers, []string{"А", "Б", "В"}))
	snils := ""
	if w.below(2) == 0 {
		snils = punctuated(h.snils)
	}
	f.kontingent = append(f.kontingent, []string{
		pID: f.lastPupil(), pLast: h.last, pFirst: h.first, pMiddle: middle, pBirth: h.birth.String(),
		pSchool: pick(&w.numbers, schoolNames[school]), pClass: class, pPhone: w.dial(h.phone), pEmail: h.email,
		pSNILS: snils, pStatus: pick(&w.numbers, []string{"active", "Обучается", ""}), pMerged: "", pLogin: ezhd,
	})
	return f.lastPupil()
}

func (f *files) lastPupil() string { return fmt.Sprintf("c%04d", f.pupilRows) }

func (f *files) setPupil(column int, text string) {
	f.kontingent[len(f.kontingent)-1][column] = text
}

// parent adds a row to a child's card. Some cards lack the СНИЛС or a contact.
func (f *files) parent(w *world, child string, h human, school person.SchoolID) {
	snils, email := punctuated(h.snils), h.email
	switch w.below(4) {
	case 0:
		snils = ""
	case 1:
		email = ""
	}
	f.zapis = append(f.zapis, []string{child, h.fio(), snils, w.dial(h.phone), email, pick(&w.numbers, schoolNames[school])})
}
