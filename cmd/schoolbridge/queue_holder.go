package main

import (
	"fmt"

	"schoolbridge/internal/person"
	"schoolbridge/provision/queue"
)

// holderSide is the city account that has the person now, held against the one that asks.
func (q *queueDesk) holderSide(h *queue.Holder, p *person.Profile) queueSide {
	held := &h.Profile
	s := queueSide{Source: sourceHolder, Values: map[string]string{"fio": person.JoinFIO(held.Last, held.First, held.Middle), "snils": q.snils(held), "birth_date": held.BirthDate.String(),
		"phone": q.contact(held.Phone, held.PhoneVerified), "email": q.contact(held.Email, held.EmailVerified), "login": held.Login, "owner": h.Person.String()}}
	if h.Login != "" {
		s.Values["state"] = fmt.Sprintf(q.says.holds, h.Login)
	}
	s.Equal = map[string]bool{}
	if held.Subject != "" { // else nothing of it is known any more
		s.Equal = equals(held, p)
	}
	return s
}

// equals says what two city accounts have in common, of what both know.
func equals(a, b *person.Profile) map[string]bool {
	equal := map[string]bool{}
	met(equal, a.SNILS, b.SNILS, person.JoinFIO(a.Last, a.First, a.Middle), person.JoinFIO(b.Last, b.First, b.Middle))
	if !a.BirthDate.IsZero() && !b.BirthDate.IsZero() {
		equal["birth_date"] = a.BirthDate == b.BirthDate
	}
	meet(equal, "phone", person.Phones(a.Phone), person.Phones(b.Phone))
	meet(equal, "email", person.Emails(a.Email), person.Emails(b.Email))
	if a.Login != "" && b.Login != "" {
		equal["login"] = person.FoldName(a.Login) == person.FoldName(b.Login)
	}
	return equal
}
