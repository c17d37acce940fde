package activation

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// letterbox keeps letters.
type letterbox struct {
	schools []person.School
	letters []Letter
	err     error
}

func (b *letterbox) Schools() []person.School { return b.schools }

func (b *letterbox) Write(_ context.Context, l Letter) (queue.Number, error) {
	if b.err != nil {
		return 0, b.err
	}
	for n, old := range b.letters {
		if old.Form == l.Form {
			return queue.Number(n + 1), nil
		}
	}
	b.letters = append(b.letters, l)
	return queue.Number(len(b.letters)), nil
}

var someSchools = []person.School{{ID: "1049", Name: "ГБОУ Школа № 49"}, {ID: "1149", Name: "ГБОУ Школа № 149"}, {ID: "7", Name: "ГБОУ Лицей № 7 «Берёзка»"}, {ID: "8", Name: "ГБОУ Лицей № 8"}}

func newLetterbox(t *testing.T) (*world, *letterbox, *webtest.Guest) {
	w, box := newWorld(t), &letterbox{schools: someSchools}
	o, frame := options(w.desk), frameOptions()
	o.Support, o.Mosru, o.PublicURL = box, w.page, "https://bridge.example"
	frame.Links.Support = "/support"
	w.h = newFrame(t, o, frame)
	return w, box, newGuest(t, w.h)
}

var token = regexp.MustCompile(`name="form" value="([^"]+)"`)

// fill gives the fields of the form, as they have to be but for those given.
func fill(t *testing.T, g *webtest.Guest, but ...string) []string {
	t.Helper()
	found := token.FindStringSubmatch(g.Get("/support").Body.String())
	if found == nil {
		t.Fatal("no form")
	}
	return append([]string{"form", found[1]}, fields(but...)...)
}

func fields(but ...string) []string {
	all := map[string]string{"last": "Орлова", "first": "Мария", "middle": "Игоревна", "school": "ГБОУ Школа № 49", "snils": "112-233-445 95"}
	for i := 0; i < len(but); i += 2 {
		all[but[i]] = but[i+1]
	}
	var list []string
	for name, value := range all {
		list = append(list, name, value)
	}
	return list
}

func TestSupportForm(t *testing.T) {
	w, box, g := newLetterbox(t)
	holds(t, g.Get("/support"), 200, "Форма обратной связи", "Сообщение в техническую поддержку", "Проблемы со входом", "Укажите сведения о персоне",
		"Фамилия", "Имя", "Отчество", "нет отчества", "Образовательная организация", "СНИЛС", "Продолжить", `<option value="ГБОУ Школа № 49">`)
	form := fill(t, g)
	goes(t, g.Post("/support", form...), "/support/sent")
	holds(t, g.Get("/support/sent"), 200, "Обращение принято", "000 000 001", "Что дальше")
	got := box.letters[0]
	want := queue.Case{At: got.At, Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", School: "1049"}
	if got.Case != want || got.Source != "192.0.2.1" || got.At.IsZero() {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Line["addr"] != "192.0.2.1" || got.Line["request"] == "" {
		t.Errorf("the trail does not learn from where: %v", got.Line)
	}
	// «Back» and the same button once more: the same letter.
	goes(t, g.Post("/support", form...), "/support/sent")
	holds(t, g.Get("/support/sent"), 200, "000 000 001")
	if len(box.letters) != 1 {
		t.Errorf("%d letters", len(box.letters))
	}
	g.From = "[2001:db8:1:2:3::4]:1"
	goes(t, g.Post("/support", fill(t, g, "middle", "", "no-middle", "1", "school", "Моей организации нет в списке")...), "/support/sent")
	if got := box.letters[1]; got.Middle != "" || got.School != "" || got.Source != "2001:db8:1::" {
		t.Errorf("%+v", got)
	}
	goes(t, newGuest(t, w.h).Get("/support/sent"), "/support") // who has sent nothing
}

// What is wrong is said at its field, what was typed stays, and nothing is kept.
func TestSupportFaults(t *testing.T) {
	_, box, g := newLetterbox(t)
	for _, c := range []struct{ field, value, says string }{
		{"last", "", "Заполните это поле"}, {"last", "Орлова1", "Только буквы"}, {"first", "<b>", "Только буквы"}, {"last", strings.Repeat("я", 81), "Только буквы"}, {"first", "---", "Только буквы"},
		{"middle", "", "Введите отчество или отметьте"}, {"school", "", "Заполните это поле"}, {"school", "Гимназия № 5000", "Такой организации нет в списке"}, {"school", "№", "Такой организации нет в списке"},
		{"school", "лицей", "Выберите, какая из них ваша"}, {"snils", "", "Заполните это поле"}, {"snils", "112-233-445 96", "Проверьте СНИЛС"}, {"snils", "000-000-000 00", "Проверьте СНИЛС"}, {"snils", "1", "Проверьте СНИЛС"},
	} {
		w := g.Post("/support", fill(t, g, c.field, c.value)...)
		holds(t, w, http.StatusUnprocessableEntity, c.says, "Исправьте отмеченные поля", `aria-invalid="true"`, `name="form"`)
		if c.field != "snils" {
			holds(t, w, http.StatusUnprocessableEntity, "112-233-445 95")
		}
		if strings.Contains(w.Body.String(), "<b>") {
			t.Error("what was typed is markup")
		}
	}
	holds(t, g.Post("/support", fields()...), http.StatusBadRequest)
	holds(t, g.Post("/support", append(fields(), "form", "short")...), http.StatusBadRequest)
	if len(box.letters) != 0 {
		t.Errorf("%+v", box.letters)
	}
	// A school in other words; one of several that were meant.
	for typed, want := range map[string]person.SchoolID{"школа 149": "1149", "7 березка": "7", "1149": "1149", "гбоу школа №49": "1049"} {
		goes(t, g.Post("/support", fill(t, g, "school", typed)...), "/support/sent")
		if got := box.letters[len(box.letters)-1].School; got != want {
			t.Errorf("%q is school %s, want %s", typed, got, want)
		}
	}
	goes(t, g.Post("/support", fill(t, g, "school", "лицей", "choice", "8")...), "/support/sent")
	if got := box.letters[len(box.letters)-1].School; got != "8" {
		t.Errorf("chosen: %s", got)
	}
	holds(t, g.Post("/support", fill(t, g, "school", "лицей", "choice", "9")...), http.StatusUnprocessableEntity) // a forged id
}

func TestSupportIsBounded(t *testing.T) {
	_, box, g := newLetterbox(t)
	box.err = ErrOften
	holds(t, g.Post("/support", fill(t, g)...), http.StatusTooManyRequests, "Сейчас обращений больше", "Орлова")
	box.err = errors.New("the store is down")
	holds(t, g.Post("/support", fill(t, g)...), http.StatusServiceUnavailable, "!Орлова")
	for range 3 {
		if n := webtest.FirstView(g, "/support"); n > 100_000 {
			t.Errorf("%d bytes", n)
		}
	}
}

// Six hundred schools fit the first view.
func TestSupportOfACity(t *testing.T) {
	_, box, g := newLetterbox(t)
	box.schools = nil
	for range 600 {
		box.schools = append(box.schools, person.School{ID: "1", Name: "ГБОУ «Школа № 1234 имени Героя»"})
	}
	if n := webtest.FirstView(g, "/support"); n > 100_000 {
		t.Errorf("%d bytes", n)
	}
}

// Somebody signed in finds the form filled in, and what mos.ru says goes with it.
func TestSupportOfSomebodySignedIn(t *testing.T) {
	w, box, g := newLetterbox(t)
	w.page.who = evann.Profile
	w.page.who.SNILS = "11223344595"
	w.arriving = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH", Roles: evann.Roles}
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, `href="/support"`)
	holds(t, g.Get("/support"), 200, "Поля заполнены по данным mos.ru", `value="Еванова"`, `value="Николаевна"`, `value="112-233-445 95"`, `value="ГБОУ Школа № 49"`)
	goes(t, g.Post("/support", fill(t, g)...), "/support/sent")
	got := box.letters[0]
	if got.Profile == nil || got.Profile.Login != "evann" || got.Problem != "SNILS_MISMATCH" || got.Source != "person sub-evann" || got.Last != "Орлова" {
		t.Errorf("%+v", got)
	}
	goes(t, g.Get("/support?lang=en"), "/support")
	webtest.English(t, g.Get("/support"), "Еванова", "Нина", "Николаевна", "ГБОУ Школа № 49", "ГБОУ Школа № 149", "ГБОУ Лицей № 7 «Берёзка»", "ГБОУ Лицей № 8")
	webtest.English(t, g.Get("/support/sent"), "Нина Николаевна")
}

func FuzzSupport(f *testing.F) {
	f.Add("Орлова", "ГБОУ Школа № 49", "112-233-445 95", "")
	f.Add("\xff", "лицей", "0", "8")
	f.Fuzz(func(t *testing.T, name, school, snils, choice string) {
		p := supportPage{Last: name, First: name, Middle: name, School: school, SNILS: snils}
		l := p.letter(choice, someSchools, "нет")
		if len(p.Wrong) == 0 && (l.Last == "" || len([]rune(l.Last)) > nameLength || len(l.SNILS) != 11) {
			t.Errorf("%+v", l)
		}
		if l.School != "" && !strings.Contains("1049 1149 7 8", string(l.School)) || len(p.Choices) > choicesMost {
			t.Errorf("%+v", l)
		}
	})
}
