//go:build peers

package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

// anew is the person with the account at mos.ru that they make when the first is lost.
func (p *someone) anew() *someone {
	other := *p
	other.login, other.password = p.login+"n", p.password+"-Novyy"
	return &other
}

// asksAnew enrols somebody, and has the second account ask.
func (s *district) asksAnew(t *testing.T, p *someone) {
	t.Helper()
	s.enrol(t, p)
	if a, err := s.activate(p.anew()); err != nil || a.State == "active" {
		t.Fatalf("a second account of %s at once: %+v, %v", p.login, a, err)
	}
}

// transfer decides that the second account is the person's.
func (s *district) transfer(t *testing.T, p *someone) {
	t.Helper()
	text, err := s.command("queue", "list", "--format", "json")
	s.must(t, err)
	var items []queueObject
	s.must(t, json.Unmarshal([]byte(text), &items))
	i := slices.IndexFunc(items, func(o queueObject) bool { return strings.Contains(o.Name, p.anew().login) })
	if i < 0 {
		t.Fatalf("%s is not asked about: %s", p.login, text)
	}
	if text, err = s.command("queue", "decide", items[i].ID, "transfer", "--reason", "с паспортом"); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// opens says whether a password opens the person's account in Active Directory.
func (s *district) opens(t *testing.T, p *someone, password identity.Password) bool {
	t.Helper()
	err := s.dc.Bind(p.upn(), password)
	if err != nil && !errors.Is(err, ldapclient.ErrCredentials) {
		t.Fatal(err)
	}
	return err == nil
}

// killedTransferring: whenever the daemon dies after somebody was moved to another
// account at mos.ru, the password of the lost one opens the account no longer, and it
// is the same account.
func killedTransferring(t *testing.T, s *district) {
	s.walk(t, deed{
		prepare: s.asksAnew,
		do:      s.transfer,
		done: func(t *testing.T, p *someone) bool {
			status, ok := s.status(t, p)
			return ok && !status.Pending && !s.opens(t, p, p.password)
		},
		judge: func(t *testing.T, p *someone) {
			if found := s.objects(t, p); len(found) != 1 || found[0].Text("employeeNumber") != p.id.String() {
				t.Errorf("%s has %d objects", p.login, len(found))
			}
			s.whole(t)
		},
	})
}

// killedTransferred: whenever it dies while the other account activates, its password
// opens the same account afterwards, and that of the lost one does not.
func killedTransferred(t *testing.T, s *district) {
	told := map[*someone]bool{}
	activates := func(t *testing.T, p *someone) {
		a, err := s.activate(p.anew())
		told[p] = err == nil && a.State == "active"
	}
	s.walk(t, deed{
		prepare: func(t *testing.T, p *someone) {
			s.asksAnew(t, p)
			s.transfer(t, p)
			if !until(recovery, func() bool { return !s.opens(t, p, p.password) }) {
				t.Fatalf("the lost account of %s still opens its own", p.login)
			}
		},
		do: activates,
		done: func(t *testing.T, p *someone) bool {
			if !told[p] { // who got no answer tries again
				activates(t, p)
			}
			return told[p] && s.settled(t, p) && s.opens(t, p, p.anew().password)
		},
		judge: func(t *testing.T, p *someone) {
			lost := p.password
			p.password = p.anew().password
			s.judge(t, p, lost)
		},
	})
}
