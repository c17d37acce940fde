package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/trail"
)

// TestAuditShow: a person's lines by kind and time, without the names that were
// typed, and the reading is a line too.
func TestAuditShow(t *testing.T) {
	s := newSite(t)
	file := s.path("config.yaml")
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", file, s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	var id identity.PersonID
	zone := loaded(t, file).Policy.TimeZone.Location()
	day := time.Date(2026, 9, 1, 23, 30, 0, 0, zone)
	s.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			return err
		}
		id = holder.Person
		var lines []identity.AuditEntry
		for i, kind := range []string{auth.AuditSignIn, auth.AuditEnded, auth.AuditRefused} {
			lines = append(lines, identity.AuditEntry{At: day.Add(time.Duration(i) * time.Hour), Kind: kind, Person: id,
				Payload: []byte(`{"login":"Typed-By-Mistake","channel":"wifi","outcome":"rejected","reason":"WRONG_PASSWORD","device":"\u001b[2J","nas":""}`)})
		}
		return db.Audit().Append(t.Context(), lines)
	})
	show := func(want int, args ...string) (out, errs string) {
		t.Helper()
		out, errs, code := s.command(append([]string{"audit", "show", "--config", file}, args...)...)
		if code != want || strings.Contains(out+errs, "Typed-By-Mistake") {
			t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
		}
		return out, errs
	}
	kinds := func(args ...string) (list []string) {
		t.Helper()
		out, _ := show(exitDone, append(args, "--format", "json")...)
		var lines []auditLine
		if err := json.Unmarshal([]byte(out), &lines); err != nil {
			t.Fatal(err)
		}
		for i, line := range lines {
			list = append(list, line.Kind)
			if len(line.Data) == 0 || i > 0 && line.At.After(lines[i-1].At) {
				t.Errorf("%v: %+v", args, line)
			}
		}
		return list
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"orlovami"}, []string{"activation", auth.AuditRefused, auth.AuditEnded, auth.AuditSignIn}},
		{[]string{"orlovami", "--kinds", "sign_in, activation"}, []string{"activation", auth.AuditSignIn}}, // and no audit_show
		{[]string{"orlovami", "--to", "01.09.2026"}, []string{auth.AuditSignIn}},
		{[]string{"orlovami", "--from", "2026-09-02", "--to", "2026-09-02 01:00"}, []string{auth.AuditEnded}},
		{[]string{id.String(), "--to", "2026-09-02", "--limit", "2"}, []string{auth.AuditRefused, auth.AuditEnded}},
		{[]string{"--nobody", "--kinds", "import"}, []string{"import"}},
		{[]string{"orlovami", "--kinds", "audit_show", "--limit", "1"}, []string{"audit_show"}},
	} {
		got := kinds(c.args...)
		slices.Sort(got) // activation and import have the clock's time
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
	s.inStore(func(db *store.DB) error {
		lines, err := db.Audit().Recent(t.Context(), id, 100, "audit_show")
		if len(lines) != 6 || !strings.Contains(string(lines[0].Payload), `"asked":"orlovami"`) {
			t.Errorf("%d readings are in the trail", len(lines))
		}
		return err
	})
	for lang, words := range map[string][]string{
		"ru": {"ВРЕМЯ", "2026-09-01 23:30:00", "попытка без доказательства", "активация", "КТО", "ОТКУДА", "Wi-Fi, \uFFFD[2J; отказ; mos.ru не принял пароль"},
		"en": {"TIME", "2026-09-02 00:30:00", "attempt without proof", "WHO", "mos.ru refused the password"},
	} {
		out, errs := show(exitDone, "orlovami", "--lang", lang, "--kinds", "activation,sign_in,sign_in_ended,sign_in_refused")
		for _, word := range words {
			if !strings.Contains(out, word) || strings.Contains(out, "WRONG_PASSWORD") || strings.Contains(out, "=") {
				t.Errorf("no %q in\n%s%s", word, out, errs)
			}
		}
	}
	if _, errs := show(exitDone, "orlovami", "--limit", "2", "--kinds", "sign_in,sign_in_ended,sign_in_refused"); !strings.Contains(errs, "последние строки: 2 из 3") {
		t.Error(errs)
	}
	if _, errs := show(exitUsage, "orlovami", "--kinds", "sign_in,state,gossip"); !strings.Contains(errs, `"gossip"`) || !strings.Contains(errs, "sign_in_refused, sign_in_unheard, state, support_case, teams_export, wifi_profile") {
		t.Error(errs)
	}
	show(exitFindings, "belovas")
	for _, args := range [][]string{{}, {"a", "b"}, {"orlovami", "--nobody"}, {"orlovami", "--from", "yesterday"}, {"orlovami", "--format", "xml"}, {"orlovami", "--limit", "0"}} {
		if _, errs := show(exitUsage, args...); errs == "" {
			t.Errorf("%v: in silence", args)
		}
	}
	if out, errs, code := s.command("audit", "verify", "--config", file); code != exitDone {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

// A line whose data was erased is known from one that cannot be read.
func TestAuditData(t *testing.T) {
	if data, err := trail.Read(identity.AuditEntry{Kind: "sign_in"}); data != nil || err != nil {
		t.Errorf("erased: %v, %v", data, err)
	}
	if _, err := trail.Read(identity.AuditEntry{Payload: []byte("{")}); err == nil {
		t.Error("what is no JSON is taken")
	}
}
