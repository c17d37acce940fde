package trail

import (
	"strings"
	"testing"
	"unicode"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
)

// lines are entries as they are written, and what people read of them.
var lines = []struct {
	kind, payload string
	ru, en        string
	tone          Tone
	from          string
	here          bool
}{
	{kind: "provision", payload: `{"target":"ad","writes":3,"changed":["account","password"],"ready":true,"problems":[]}`, ru: "учётная запись создана, пароль передан; всё как должно быть",
		en: "the account was made, the password was delivered; all is as it should be", tone: Good},
	{kind: "provision", payload: `{"changed":["attributes"],"ready":false,"problems":["AD_PASSWORD_REFUSED"]}`, ru: "сведения обновлены; ", en: "attributes were updated; ", tone: Bad},
	{kind: "state", payload: `{"suspended":true,"reason":"переезд"}`, ru: "причина: «переезд»", en: "reason: “переезд”", tone: Bad},
	{kind: "state", payload: `{"suspended":false,"reason":""}`},
	{kind: "activation", payload: `{"login":"evann","records":[{"Kind":1,"ID":"k1"}],"uid_number":5,"created":true}`, ru: "логин evann; новый аккаунт; записи: Кадры k1", en: "login evann; a new account; records: Staff register k1", tone: Good},
	{kind: "credential_change", payload: `{"event":"e","kind":"password_set"}`, ru: "пароль изменён", en: "the password was changed"},
	{kind: "sign_in", payload: `{"login":"secret","channel":"wifi","outcome":"rejected","reason":"WRONG_PASSWORD","nas":"first","addr":"192.0.2.7"}`, ru: "Wi-Fi, first; отказ", en: "Wi-Fi, first; ", tone: Bad, from: "192.0.2.7"},
	{kind: "sign_in", payload: `{"channel":"web","outcome":"accepted","reason":"CONFIRMED"}`, tone: Good},
	{kind: "rights_granted", payload: `{"by":"uid 0","uid":0,"role":"school","schools":["49"]}`, ru: "администратор школы; Школа № 49", en: "school administrator; Школа № 49", here: true},
	{kind: "console_read", payload: `{"by":"x","addr":"10.0.0.1","page":"people","action":"see people","kind":"fio","found":3}`, ru: "поиск людей; показано: 3", en: "search for people; shown: 3", from: "10.0.0.1"},
	{kind: "cabinet_denied", payload: `{"addr":"10.0.0.1","session":"00000000000000aa","times":100}`, ru: "за минуту: 100", en: "within a minute: 100", tone: Bad, from: "10.0.0.1"},
	{kind: "console_denied", payload: `{"by":"x","addr":"10.0.0.1","page":"POST /console/queue/*","item":"t0","school":"49","times":100}`, ru: "страница POST /console/queue/*; вопрос t0; Школа № 49; за минуту: 100", en: "page POST /console/queue/*; question t0; Школа № 49; within a minute: 100", tone: Bad, from: "10.0.0.1"},
	{kind: "decision", payload: `{"verb":"refuse","by":"uid 0"}`, ru: "отказ", en: "refused", here: true},
	{kind: "disconnect_answer", payload: `{"session":"s","answer":"refused","cause":503,"tries":1}`, ru: "точка доступа отказала", en: "the access point refused", tone: Bad},
	{kind: "disconnect", payload: `{"session":"s","why":"SUSPENDED"}`, ru: "аккаунт приостановлен", en: "account suspended"},
	{kind: "import", payload: `[{"Kind":"kadry","Read":10,"New":2,"Changed":0,"Gone":1,"Bad":1}]`, ru: "Кадры: прочитано 10, новых: 2, исчезло: 1, с ошибками: 1", en: "staff: 10 read, new: 2, gone: 1, faulty: 1", tone: Bad},
	{kind: "duplicates_stopped", payload: `{"group":"g1","accounts":2,"stopped":"GONE"}`, ru: "группа g1; учётных записей: 2; записи больше нет", en: "group g1; accounts: 2; an account is gone", tone: Bad},
	{kind: "decision", payload: `{"verb":"bind","by":"x","records":[{"Kind":2,"ID":"p1"}],"reason":"это он"}`, ru: "запись принадлежит человеку; записи: Контингент p1; причина: «это он»"},
	{kind: "decision", payload: `{"verb":"refuse","by":"x","item":"a00000000a1b2-c3","reason":"это он"}`, ru: "отказ; причина: «это он»", en: "refused; reason: “это он”"},
	{kind: "decision", payload: `{"verb":"refuse","by":"x","item":"s00000000a1b2-c3","reason":"это он"}`, ru: "обращение закрыто; причина: «это он»", en: "the letter is closed; reason: “это он”"},
	{kind: "decision_undone", payload: `{"verb":"refuse","by":"x","item":"s00000000a1b2"}`, ru: "обращение закрыто", en: "the letter is closed"},
	{kind: "decision", payload: `{"verb":"transfer","by":"x","subject":"s2","subject_before":"s1","reason":"passport"}`, ru: "человек переведён на другую учётную запись mos.ru; причина: «passport»", en: "the person is moved to another mos.ru account; "},
	{kind: "audit_lost", payload: `{"kind":"state","bytes":7}`, ru: "доступ закрыт или открыт", en: "shut out or let in", tone: Bad},
	{kind: "audit_erasure", payload: `{"Before":"2026-03-01T00:00:00Z"}`, ru: "старше 01.03.2026", en: "older than 01.03.2026"},
	{kind: "audit_heads", payload: `{"heads":[{"chain":"radius-2","line":57,"hash":"AAAA"}]}`, ru: "radius-2: строка 57", en: "radius-2: line 57"},
	{kind: "school_deadlines", payload: `{"by":"x","school":"49","staff":"2026-10-01","pupils":"","parents":""}`, ru: "Школа № 49; сотрудники до 2026-10-01"},
	{kind: "break_glass_used", payload: `{"by":"break-glass","addr":"10.0.0.9","uses":2}`, ru: "использован раз: 2", tone: Bad, from: "10.0.0.9"},
}

func TestTell(t *testing.T) {
	school := func(id string) string { return "Школа № " + id }
	for _, c := range lines {
		e := identity.AuditEntry{Kind: c.kind, Payload: []byte(c.payload)}
		for lang, want := range map[explain.Lang]string{explain.Russian: c.ru, explain.English: c.en} {
			got, err := Tell(lang, e, school)
			if err != nil || want != "" && !strings.HasPrefix(got.Details, want) || got.Tone != c.tone || got.From != c.from || got.Here != c.here || got.What == "" {
				t.Errorf("%s: %+v, %v, want %q", c.payload, got, err, want)
			}
			if strings.Contains(got.Details, "secret") || strings.ContainsAny(got.Details, "={}[]") {
				t.Errorf("%s: %q", c.payload, got.Details)
			}
		}
	}
}

// What is told in English has no Russian word but those that were typed.
func TestEnglish(t *testing.T) {
	for _, c := range lines {
		payload := strings.NewReplacer("переезд", "x", "это он", "x").Replace(c.payload)
		got, err := Tell(explain.English, identity.AuditEntry{Kind: c.kind, Payload: []byte(payload)}, nil)
		if err != nil || strings.ContainsFunc(got.What+got.Details, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
			t.Errorf("%q %q, %v", got.What, got.Details, err)
		}
	}
}

// TestOdd: what was erased, what is no JSON, and what says nothing.
func TestOdd(t *testing.T) {
	if got, err := Tell(explain.English, identity.AuditEntry{Kind: "sign_in"}, nil); err != nil || got.Details != "erased after its retention" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Tell(explain.English, identity.AuditEntry{Kind: "state", Payload: []byte("x")}, nil); err == nil {
		t.Error("no JSON is told")
	}
	for kind := range kinds {
		for _, payload := range []string{`{}`, `[]`, `"x"`, `7`, `null`, `{"records":7,"kind":[],"problems":{},"answer":7,"Before":"x","list":[7,null]}`, `[null,7,{"Kind":7}]`} {
			if got, err := Tell(explain.Russian, identity.AuditEntry{Kind: kind, Payload: []byte(payload)}, nil); err != nil || got.What == "" || got.Group == "" {
				t.Errorf("%s %s: %+v, %v", kind, payload, got, err)
			}
		}
	}
}

func FuzzTell(f *testing.F) {
	for _, c := range lines {
		f.Add(c.kind, []byte(c.payload))
	}
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		_, _ = Tell(explain.Russian, identity.AuditEntry{Kind: kind, Payload: payload}, func(id string) string { return id })
		_ = identity.AuditEntry{Kind: kind, Payload: payload}.Actor()
	})
}
