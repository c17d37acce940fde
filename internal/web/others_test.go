package web

import (
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// Whose password another system checks is told nothing of mos.ru, and who is
// refused is told of a system by the look of the name alone.
func TestPagesOfOtherSystems(t *testing.T) {
	d := &desk{answer: evann}
	o := options(d)
	o.Others, o.Home = true, func(name string) string {
		if strings.HasPrefix(name, `SCHOOL49\`) {
			return "school49"
		}
		return ""
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, newGuest(t, h).get("/activate"), 200, "системы своей школы", ">Логин</label>", ">Пароль</label>", `ДОМЕН\логин`)
	g := newGuest(t, h)
	goes(t, g.post("/activate", "login", "evann", "password", "x"), "/activate")
	holds(t, g.get("/activate"), 200, "mos.ru и сервисы МЭШ", "логин и пароль mos.ru", "Почта, телефон")
	d.answer.Profile.Login = "anna@mail.example" // the login at mos.ru is not that of the account
	g = newGuest(t, h)
	goes(t, g.post("/activate", "login", "anna@mail.example", "password", "x"), "/activate")
	holds(t, g.get("/activate"), 200, "<code>anna@mail.example</code>", "<strong>evann</strong>")
	d.answer.Profile.Subject, d.answer.Profile.Login = identity.SubjectAt("school49", "1"), "evann"
	g = newGuest(t, h)
	goes(t, g.post("/activate", "login", `SCHOOL49\evann`, "password", "x"), "/activate")
	holds(t, g.get("/activate"), 200, "пароль системы school49", "LOGIN_DIFFERS at school49", "!mos.ru и сервисы", "!пароль mos.ru", "!Почта, телефон")
	// Refused by the records, which were mended then: the password is that system's.
	d.answer.State, d.answer.Problem, d.arriving.State = provision.StateRefused, "FIO_MISMATCH", provision.StatePassword
	g = newGuest(t, h)
	goes(t, g.post("/activate", "login", `SCHOOL49\evann`, "password", "x"), "/activate")
	goes(t, g.post("/activate/again"), "/activate")
	holds(t, g.get("/activate"), 200, "Пароль от системы school49", "!через mos.ru.", "!проверяет mos.ru", "!Не помню пароль")
	goes(t, g.post("/activate", "password", "x"), "/activate")
	if c := d.asked[len(d.asked)-1]; c.Name != `SCHOOL49\evann` {
		t.Errorf("asked with %q", c.Name)
	}
	d.answer = provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"}
	holds(t, newGuest(t, h).post("/activate", "login", `SCHOOL49\evann`, "password", "x"), 403, "WRONG_PASSWORD at school49")
	holds(t, newGuest(t, h).post("/activate", "login", "evann", "password", "x"), 403, "mos.ru не принял")
	d.answer = provision.Answer{State: provision.StateManual, Problem: "AD_NAME_TAKEN"}
	d.answer.Profile.Subject = identity.SubjectAt("school49", "1")
	if w := post(h, "/api/activate", asJSON, `{"login":"SCHOOL49\\\\evann","password":"b"}`); !strings.Contains(w.Body.String(), "at school49") {
		t.Error(w.Body)
	}
}
