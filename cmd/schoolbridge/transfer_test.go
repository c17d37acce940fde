package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/nas"
	radiuswire "schoolbridge/radiussrv/wire"
)

const herNewPassword = "Zimorodok-2026-Novyj"

// moving is a district in which a teacher has lost her mos.ru account and comes with a
// new one.
type moving struct {
	*faulty
	people string // LDAP, for PCs
}

func newMoving(t *testing.T) *moving {
	f := newFaulty(t)
	second := *f.users["orlovami"]
	second.Password, second.Profile.Subject, second.Profile.Login = herNewPassword, "s-orlova-2", "orlova2"
	f.users["orlova2"] = &second
	m := &moving{faulty: f, people: freeport.TCP(t)}
	f.more = "ldap:\n  base: dc=school,dc=example\n  listen_tls: [\"" + m.people + "\"]\n"
	f.start()
	f.active("orlovami", sitePassword)
	return m
}

// opens says where a name and a password open: the Wi-Fi by a password shown and by
// an answer, a PC over LDAP, a PC of the domain.
func (m *moving) opens(login, password string) (where string) {
	m.t.Helper()
	client := radiuswire.NewClient(m.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Tries: 10})
	defer client.Close()
	point := &nas.Point{Calling: "02-00-00-00-00-17"}
	for name, ask := range map[string]func(context.Context, *radiuswire.Line, string, identity.Password) (*nas.Result, error){"pap": point.PAP, "mschap": point.MSCHAPv2} {
		if _, err := ask(m.t.Context(), client.Line(), login, identity.Password(password)); err == nil {
			where += name + " "
		}
	}
	for name, at := range map[string]struct{ url, user string }{"ldap": {"ldaps://" + m.people, "uid=" + login + ",ou=people,dc=school,dc=example"}, "ad": {"ldaps://" + m.adAddress, "orlovami@obr.example"}} {
		c, err := ldap.DialURL(at.url, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
		if err != nil {
			m.t.Fatal(err)
		}
		if c.Bind(at.user, password) == nil {
			where += name + " "
		}
		_ = c.Close()
	}
	var sorted []string
	for _, name := range []string{"pap", "mschap", "ldap", "ad"} {
		if strings.Contains(where, name+" ") {
			sorted = append(sorted, name)
		}
	}
	return strings.Join(sorted, " ")
}

// until waits for what a name and a password open.
func (m *moving) until(what, login, password, want string) {
	m.t.Helper()
	got := ""
	if !eventually(func() bool { got = m.opens(login, password); return got == want }) {
		m.t.Fatalf("%s: %s opens %q, want %q", what, login, got, want)
	}
}

// waits gives the question of the new account.
func (m *moving) waits() queueObject {
	m.t.Helper()
	var list []queueObject
	if !eventually(func() bool {
		out, errs, code := m.command("queue", "list", "--config", m.path("config.yaml"), "--format", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			m.t.Fatalf("%d %s %s", code, out, errs)
		}
		return len(list) == 1
	}) {
		m.t.Fatalf("%+v", list)
	}
	return list[0]
}

// objects are the GUIDs of the accounts of the domain under her names.
func (m *moving) objects() (ids []string) {
	m.t.Helper()
	m.inAD(func(c *ldap.Conn) error {
		found, err := c.Search(ldap.NewSearchRequest(siteDomain, ldap.ScopeWholeSubtree, 0, 10, 0, false, "(|(sAMAccountName=orlova*))", []string{"objectGUID"}, nil))
		if err == nil {
			for _, e := range found.Entries {
				ids = append(ids, e.GetAttributeValue("objectGUID"))
			}
		}
		return err
	})
	return ids
}

// Whoever lost the mos.ru account is moved to the new one: the old password opens
// nothing any more, wherever it did, the new one opens the same account, and all that
// can be taken back.
func TestTransfer(t *testing.T) {
	m := newMoving(t)
	const all = "pap mschap ldap ad"
	m.until("before", "orlovami", sitePassword, all)
	account := m.objects()
	m.activates("orlova2", herNewPassword)
	item := m.waits()
	if got := strings.Join(item.Verbs, " "); got != "transfer refuse" || m.opens("orlova2", herNewPassword) != "" {
		t.Fatalf("%s, the new one opens %q", got, m.opens("orlova2", herNewPassword))
	}
	if r, text, _ := m.asks("ru", "orlova2"); len(r.Tries) == 0 || len(r.Tries[0].Works) != 1 || r.Tries[0].Works[0] != "orlovami" || !strings.Contains(text, "входит сейчас учётная запись mos.ru с логином: orlovami") {
		t.Errorf("explain: %+v\n%s", r.Tries, text)
	}
	config := []string{"--config", m.path("config.yaml")}
	for lang, want := range map[string][]string{"ru": {"mos.ru:bound", "orlova2", "похититель личности", "паспорт", "сейчас у неё запись orlovami", "тот, кого просят перевести", "Решите здесь"}, "en": {"mos.ru:bound", "stealing an identity", "transfer --reason"}} {
		out, _, _ := m.command(append([]string{"queue", "show", "--lang", lang, item.ID}, config...)...)
		for _, one := range want {
			if !strings.Contains(out, one) {
				t.Errorf("show, %s: no %q in\n%s", lang, one, out)
			}
		}
		if strings.Contains(out, "другой человек") || strings.Contains(out, "another person") {
			t.Errorf("who is to be moved is called another:\n%s", out)
		}
		if strings.Contains(out, herSNILS) {
			t.Errorf("the whole СНИЛС is shown")
		}
	}
	decide := func(words ...string) (string, int) {
		_, errs, code := m.command(append(append([]string{"queue"}, words...), config...)...)
		return errs, code
	}
	if errs, code := decide("decide", item.ID, "transfer"); code != exitUsage || !strings.Contains(errs, "--reason") {
		t.Errorf("without a reason: %d %s", code, errs)
	}
	if errs, code := decide("decide", item.ID, "transfer", "--reason", "с паспортом, лично"); code != 0 || !strings.Contains(errs, "queue undo") {
		t.Fatalf("%d %s", code, errs)
	}
	if errs, code := decide("decide", item.ID, "transfer", "--reason", "ещё раз"); code != exitFindings {
		t.Errorf("twice: %d %s", code, errs)
	}
	m.until("the old password", "orlovami", sitePassword, "")
	m.activates("orlova2", herNewPassword)
	m.until("the new password", "orlovami", herNewPassword, all)
	m.until("the new login", "orlova2", herNewPassword, all)
	if got := m.opens("orlovami", sitePassword); got != "" {
		t.Errorf("the old password opens %q again", got)
	}
	m.activates("orlovami", sitePassword) // the account before asks like anybody
	back := m.waits()
	if back.ID == item.ID || m.opens("orlovami", sitePassword) != "" {
		t.Errorf("%+v", back)
	}
	if out, _, _ := m.command(append([]string{"queue", "show", back.ID}, config...)...); !strings.Contains(out, "человека уже перевели") {
		t.Errorf("that the account before asks:\n%s", out)
	}
	if now := m.objects(); len(account) != 1 || len(now) != 1 || now[0] != account[0] {
		t.Errorf("accounts in the domain: %q, were %q", now, account)
	}
	m.takesBack(item, config)
	m.until("taken back", "orlovami", herNewPassword, "")
	m.active("orlovami", sitePassword)
	m.until("the old one again", "orlovami", sitePassword, all)
	if now := m.objects(); len(now) != 1 || now[0] != account[0] {
		t.Errorf("accounts in the domain: %q, were %q", now, account)
	}
}

// takesBack undoes the decision on a question.
func (m *moving) takesBack(item queueObject, config []string) {
	m.t.Helper()
	out, errs, code := m.command(append([]string{"queue", "decisions", "--json"}, config...)...)
	var list []decisionObject
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || !strings.HasPrefix(item.ID, list[0].Item) {
		m.t.Fatalf("%d %s %s", code, out, errs)
	}
	if _, errs, code := m.command(append([]string{"queue", "undo", list[0].ID}, config...)...); code != 0 {
		m.t.Fatalf("undo: %d %s", code, errs)
	}
}
