package activation

import (
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// The help answers in the reader's own case; a stranger gets all questions. The five
// things that administrators meet are for whoever may be one.
func TestHelpInTheReadersCase(t *testing.T) {
	w := newWorld(t)
	g := newGuest(t, w.h)
	holds(t, g.Get("/help"), 200, "Вопросы и ответы", "!Ваш случай", "Администратору школы", `id="admin-login"`, `id="admin-fail"`, `id="admin-missing"`, `id="admin-targets"`, `id="admin-doubles"`, `id="q-still"`)
	role := func(r person.Role) []match.Role { return []match.Role{{Role: r, School: "ГБОУ Школа № 49"}} }
	for _, c := range []struct {
		answer provision.Answer
		texts  []string
	}{
		{provision.Answer{State: provision.StatePassword, Roles: role(person.RoleStaff)}, []string{"Остался один шаг", "!ещё готовится", "Администратору школы"}},
		{provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH"}, []string{"Активация остановилась", "Администратору школы", faults["SNILS_MISMATCH"].what.In(web.Russian), faults["SNILS_MISMATCH"].how.In(web.Russian)}},
		{provision.Answer{State: provision.StateActive, Person: identity.PersonID{8}, Roles: role(person.RoleParent)}, []string{"Вы вошли как родитель", "!/me/wifi", "!Администратору школы"}},
		{provision.Answer{State: provision.StatePassword, Roles: role(person.RolePupil)}, []string{"Остался один шаг", "!Администратору школы"}},
		{evann, []string{"Аккаунт активирован. Ваш логин — evann", "/me/wifi", "Остальные вопросы", "отличается от прежнего логина"}},
	} {
		w.arriving = c.answer
		w.answer = c.answer
		g := newGuest(t, w.h)
		goes(t, w.arrive(t, g), "/activate")
		holds(t, g.Get("/help"), 200, append(c.texts, "Ваш случай")...)
	}
	w.arriving = evann
	w.answer = evann
	w.answer.Targets = map[string]provision.Progress{"ad": provision.Stuck, "wifi": provision.Pending}
	g = newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/help"), 200, "Ещё готовится: Wi-Fi", "Нужен администратор: ")
}

// Whoever is asked about first is asked about once, and no question is lost.
func TestQuestionsAreAllThere(t *testing.T) {
	for _, roles := range [][]person.Role{nil, {person.RoleStaff, person.RoleParent}, {person.RolePupil}} {
		for _, state := range []string{"stopped", "active"} {
			s := &session{}
			for _, r := range roles {
				s.Roles = append(s.Roles, match.Role{Role: r})
			}
			list := first(s, &helpCase{State: state})
			for i, q := range list {
				if slices.Contains(list[:i], q) || !slices.Contains(questions, q) {
					t.Errorf("%v %s: %q", roles, state, list)
				}
			}
		}
	}
}
