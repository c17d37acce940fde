package sample

import (
	"fmt"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// human is one invented person before the files and mos.ru have spoken of them.
type human struct {
	last, first, middle string
	woman               bool
	birth               person.Date
	snils               string // eleven digits
	phone, email        string
	login, password     string
}

func (h *human) fio() string { return h.last + " " + h.first + " " + h.middle }

// numbers is splitmix64: the sequence of a seed is the same for ever, whatever
// the standard library does to its own.
type numbers struct{ state uint64 }

func (n *numbers) next() uint64 {
	n.state += 0x9e3779b97f4a7c15
	z := n.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below gives a number from 0 to limit-1.
func (n *numbers) below(limit int) int { return int(n.next() % uint64(limit)) }

func pick[T any](n *numbers, list []T) T { return list[n.below(len(list))] }

// world invents people, no two alike by accident.
type world struct {
	numbers
	today  person.Date
	year   int
	people []Person
	fios   map[string]bool
	logins map[string]int
	snils  int
	phones int
}

// human invents somebody of the age.
func (w *world) human(age int) human {
	for {
		h := human{woman: w.below(2) == 0}
		family := pick(&w.numbers, surnames)
		h.last, h.first = family.man, pick(&w.numbers, men)
		if h.woman {
			h.last, h.first = family.woman, pick(&w.numbers, women)
		}
		h.middle = patronymic(pick(&w.numbers, fathers), h.woman)
		if w.fios[h.fio()] {
			continue
		}
		return w.complete(h, age)
	}
}

// complete gives a person with a name the rest.
func (w *world) complete(h human, age int) human {
	w.fios[h.fio()] = true
	if h.birth.IsZero() {
		h.birth, _ = person.NewDate(w.year-age, 1+w.below(12), 1+w.below(28))
	}
	h.snils = w.number()
	h.phone = w.telephone()
	if h.login == "" {
		h.login = w.name(h)
		h.password = fmt.Sprintf("%s-%04d", pick(&w.numbers, birds), w.below(10000))
	} else {
		w.logins[h.login]++
	}
	h.email = h.login + "@example.org"
	return h
}

// name makes a mos.ru login: the surname and initials, counted where taken.
func (w *world) name(h human) string {
	base := latin.Replace(strings.ToLower(h.last + initial(h.first) + initial(h.middle)))
	w.logins[base]++
	if n := w.logins[base]; n > 1 {
		return fmt.Sprintf("%s%d", base, n)
	}
	return base
}

// number invents the next СНИЛС. They are counted from 987-000-000, so that
// they are known for invented ones; the checksum is right.
func (w *world) number() string {
	w.snils += 1 + w.below(40)
	return withChecksum(987_000_000 + w.snils)
}

// withChecksum completes nine digits.
func withChecksum(nine int) string {
	text := fmt.Sprintf("%09d", nine)
	sum := 0
	for i := range text {
		sum += (9 - i) * int(text[i]-'0')
	}
	return fmt.Sprintf("%s%02d", text, sum%101%100)
}

// telephone invents a number with the code 000, which nobody has.
func (w *world) telephone() string {
	w.phones += 1 + w.below(90)
	return fmt.Sprintf("+7000%07d", 1000000+w.phones)
}

// punctuated writes a СНИЛС as people do.
func punctuated(snils string) string {
	return fmt.Sprintf("%s-%s-%s %s", snils[:3], snils[3:6], snils[6:9], snils[9:])
}

// dial writes a number in one of the ways that exports hold.
func (w *world) dial(phone string) string {
	d := phone[2:]
	switch w.below(4) {
	case 0:
		return phone
	case 1:
		return "8" + d
	case 2:
		return fmt.Sprintf("+7 (%s) %s-%s-%s", d[:3], d[3:6], d[6:8], d[8:])
	}
	return fmt.Sprintf("8 %s %s %s", d[:3], d[3:6], d[6:])
}

// account opens a city account with everything in order; change may spoil it.
func (w *world) account(h human, change func(*Person)) {
	id := w.next()
	p := Person{
		Profile: person.Profile{
			Subject: identity.Subject(fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(id>>32), uint16(id>>16), uint16(id)&0xfff, w.below(0x1000), w.next()>>16)),
			Login:   h.login, Last: h.last, First: h.first, Middle: h.middle,
			SNILS: punctuated(h.snils), SNILSConfirmed: true,
			Phone: h.phone, Email: h.email, BirthDate: h.birth,
			Trusted: true, PhoneVerified: true, EmailVerified: true,
		},
		Password: h.password,
	}
	if change != nil {
		change(&p)
	}
	w.people = append(w.people, p)
}
