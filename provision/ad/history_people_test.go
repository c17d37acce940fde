package ad_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// human is somebody as he is in truth, which nobody but the oracle knows.
type human struct {
	last, first, middle string
	birth               person.Date
	snils, phone        string
	ezhd                string // on the records of those who have one
	accounts            []*citizen
}

// citizen is a city account, and what became of it here.
type citizen struct {
	of      *human
	profile person.Profile // as mos.ru has it now

	id        identity.PersonID   // zero: nobody here
	told      person.Profile      // as it was known here last
	has       bool                // an account
	cards     []*entered          // which bind the parent; a card is also bound to others
	password  identity.Password   // the last one that was taken
	proved    identity.Password   // the last one that opened the account
	lost      []identity.Password // of city accounts that are not the person's any more
	suspended bool
	idle      person.Date // since when nobody needs the account
	erased    bool
	forgotten bool // was erased, and no record has shown since whose the account is

	guid, upn string // of the object
	blocked   string // why nothing can be written to it; "": it can
	touched   bool   // by hand, in this step
}

func (c *citizen) login() string { return c.profile.Login }

// entered is a row of a registry: at its source, and as it was imported last.
type entered struct {
	kind           person.RecordKind
	key            string // of a card the child
	of             *human // nobody's: nil
	there          bool   // at the source
	source, stored entry
	known          bool // was imported once
	gone           bool // left its registry
	dropped        bool // was erased
	holder         *citizen
	loosened       bool // a decision that bound it was taken back
}

func (r *entered) ref() person.RecordRef {
	return person.RecordRef{Kind: r.kind, ID: person.RecordID(r.key)}
}

// entry is what a row says, clean; how it is written is another matter.
type entry struct {
	last, first, middle, snils, phone, ezhd, merged string
	birth, start, end                               person.Date
	school                                          person.SchoolID
	closed                                          bool
	hand                                            uint32
}

func (e *entry) fio() string { return person.JoinFIO(e.last, e.first, e.middle) }

// ink writes a name as somebody's hand does.
func (e *entry) ink(name string) string {
	switch e.hand % 6 {
	case 1:
		return strings.ReplaceAll(name, "ё", "е")
	case 2:
		return " " + strings.ReplaceAll(name, " ", "  ")
	case 3:
		return strings.Replace(name, "о", "o", 1) // a Latin letter
	case 4:
		return strings.ToUpper(name)
	case 5:
		return strings.ReplaceAll(name, " ", "\u00a0")
	}
	return name
}

func (y *city) number() int { y.named++; return y.named }

// snils makes one with a right checksum: invented, nobody's.
func (y *city) snils() string {
	digits := fmt.Sprintf("%09d", 987_000_000+y.number())
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (9 - i)
	}
	return fmt.Sprintf("%s%02d", digits, sum%101%100)
}

func (y *city) phone() string { return fmt.Sprintf("916%07d", 5550000+y.number()) }

func (y *city) born(last, first, middle, login, ezhd string) *human {
	h := &human{last: last, first: first, middle: middle, snils: y.snils(), phone: y.phone(), ezhd: ezhd}
	h.birth, _ = person.NewDate(1980+y.number()%20, 3, 1+y.number()%28)
	y.people = append(y.people, h)
	y.register(h, login)
	return h
}

// register opens a city account.
func (y *city) register(h *human, login string) *citizen {
	c := &citizen{of: h, profile: person.Profile{Subject: identity.Subject(fmt.Sprintf("subject-%d", y.number())), Login: login, SNILSConfirmed: true, PhoneVerified: true, Trusted: true}}
	h.accounts = append(h.accounts, c)
	y.follow(h)
	return c
}

// follow lets the city accounts say what is true.
func (y *city) follow(h *human) {
	for _, c := range h.accounts {
		p := &c.profile
		p.Last, p.First, p.Middle, p.SNILS, p.Phone, p.BirthDate = h.last, h.first, h.middle, punctuated(h.snils), "+7"+h.phone, h.birth
	}
}

// populate: two namesakes whose logins look alike, one whose login is too long for
// Active Directory, one whose login can be no name there, a father and his son of
// one name and one telephone, and people whose records never change.
func (y *city) populate() {
	y.born("Иванова", "Анна", "Игоревна", "ivanovaa", "")
	y.born("Иванова", "Анна", "Игоревна", "ivanova.a", "aivanova")
	y.born("Петров", "Пётр", "Ильич", "Petrovpi", "petrovp")
	y.born("Сидорова", "Ольга", "Павловна", "verylongloginofaperson", "")
	y.born("Щукина", "Юлия", "Олеговна", "shchukina@mail.example", "shchukinayo")
	father := y.born("Ким", "Игорь", "Олегович", "kimi", "")
	y.born("Ким", "Игорь", "Олегович", "kimigor", "kimio").phone = father.phone
	y.follow(y.people[len(y.people)-1])
	y.born("Орлова", "Мария", "Ивановна", "orlovami", "orlovam")
	r := rand.New(rand.NewPCG(y.seed, 1))
	for i, h := range y.people {
		e := event{who: uint32(i), a: r.Uint32(), b: r.Uint32()}
		switch {
		case h == father:
			y.card(e)
		case i == 6 || i < 3 && r.IntN(3) == 0:
			y.enrol(e)
		default:
			y.hire(e)
		}
	}
	for i := range 6 {
		e := entry{last: fmt.Sprintf("Постоянный-%c", 'А'+rune(i)), first: "Пётр", middle: "Фомич", snils: y.snils(), phone: y.phone(), school: "49", start: y.today().AddDays(-900)}
		y.rows = append(y.rows, &entered{kind: person.RecordEmployment, key: fmt.Sprintf("ka%d", i), there: true, source: e},
			&entered{kind: person.RecordEnrolment, key: fmt.Sprintf("pa%d", i), there: true, source: e})
	}
	y.rows = append(y.rows, &entered{kind: person.RecordCard, key: "pa0", there: true, source: entry{last: "Постоянная", first: "Фёкла", middle: "Фоминична", phone: y.phone()}})
}

func (y *city) citizens() (all []*citizen) {
	for _, h := range y.people {
		all = append(all, h.accounts...)
	}
	return all
}

// pick chooses among what there is; the zero value where there is nothing.
func pick[T any](list []T, n uint32) (one T) {
	if len(list) > 0 {
		one = list[int(n)%len(list)]
	}
	return one
}

// some gives the rows of somebody that fit.
func (y *city) some(h *human, fit func(*entered) bool) (list []*entered) {
	for _, r := range y.rows {
		if r.of == h && h != nil && fit(r) {
			list = append(list, r)
		}
	}
	return list
}

func (y *city) row(ref person.RecordRef) *entered {
	at := slices.IndexFunc(y.rows, func(r *entered) bool { return r.ref() == ref })
	if at < 0 {
		return nil
	}
	return y.rows[at]
}
