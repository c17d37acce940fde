package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/provision/queue"
)

// decides answers the open question of the queue, and gives the decision.
func (m *moving) decides(words ...string) (id string) {
	m.t.Helper()
	out, errs, code := m.command(append([]string{"queue", "decide", "--json", "--config", m.path("config.yaml"), m.waits().ID}, words...)...)
	var d decisionObject
	if err := json.Unmarshal([]byte(out), &d); code != 0 || err != nil {
		m.t.Fatalf("%v: %d %s %s", words, code, out, errs)
	}
	return d.ID
}

func (m *moving) undoes(id string) {
	m.t.Helper()
	if _, errs, code := m.command("queue", "undo", "--config", m.path("config.yaml"), id); code != 0 {
		m.t.Fatalf("undo: %d %s", code, errs)
	}
}

// TestExplainTellsDecisions: somebody who asks from a second account breaks nothing of
// the person who works; a refusal, a transfer and its undo are told where they count,
// with who, when and why.
func TestExplainTellsDecisions(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	second := *f.users["orlovami"]
	second.Profile.Subject, second.Profile.Login = "s-orlova-2", "orlova2"
	f.users["orlova2"] = &second
	f.start()
	m := &moving{faulty: f}
	f.active("orlovami", sitePassword)
	if problem := f.activates("orlova2", sitePassword); problem != "MULTIPLE_MOSRU_ACCOUNTS" {
		t.Fatal(problem)
	}
	m.waits()
	r, text, code := f.asks("ru", "orlovami")
	if code != 0 || r.Broken != nil || r.Note == nil || r.Note.Code != string(explain.FaultAsked) || r.Note.Where != "orlova2" || !strings.Contains(text, "куратор") {
		t.Errorf("whoever works, while another account asks: %d %+v %+v\n%s", code, r.Broken, r.Note, text)
	}
	if r, _, code := f.asks("ru", "orlova2"); code != exitFindings || r.Broken == nil || r.Broken.Code != "MULTIPLE_MOSRU_ACCOUNTS" {
		t.Errorf("the account that asks: %d %+v", code, r.Broken)
	}

	refusedItem := m.waits().ID
	refusal := m.decides("refuse", "--reason", "личность не подтвердила")
	r, text, code = f.asks("ru", "orlova2")
	if code != exitFindings || len(r.Tries) != 1 || r.Tries[0].Refused == nil || r.Tries[0].Refused.ID != refusal || !strings.Contains(r.Broken.Meaning, "отказано") || !strings.Contains(r.Broken.Meaning, "личность не подтвердила") ||
		!strings.Contains(r.Broken.Remedy, "queue undo "+refusal) || strings.Contains(text, "решает куратор") && !strings.Contains(text, "отказано") || strings.Contains(text, "сейчас было бы: решает куратор") {
		t.Errorf("after the refusal: %d %+v\n%s", code, r.Broken, text)
	}
	if r, _, code := f.asks("ru", "orlovami"); code != 0 || r.Note != nil {
		t.Errorf("whoever works, after the refusal: %d %+v", code, r.Note)
	}
	stem, _ := queue.Split(refusedItem)
	if out, errs, code := m.command("queue", "show", "--config", m.path("config.yaml"), stem); code != 0 || !strings.Contains(out, "личность не подтвердила") || !strings.Contains(out, refusal) {
		t.Errorf("the question, refused: %d %s %s", code, out, errs)
	}
	if _, said := f.told("orlova2", sitePassword); !strings.Contains(said, "отказал") || strings.Contains(said, "личность") {
		t.Errorf("who was refused is told %q", said)
	}
	m.undoes(refusal)
	if _, said := f.told("orlova2", sitePassword); strings.Contains(said, "отказал") {
		t.Errorf("who waits again is told %q", said)
	}

	transfer := m.decides("transfer", "--reason", "с паспортом")
	r, text, _ = f.asks("ru", "orlovami")
	if len(r.Decisions) == 0 || r.Decisions[0].ID != transfer || r.Decisions[0].Verb != queue.Transfer || r.Decisions[0].Reason != "с паспортом" || !strings.Contains(r.Decisions[0].By, "uid ") || !strings.Contains(text, "Решения людей") {
		t.Errorf("the person who was moved: %+v\n%s", r.Decisions, text)
	}
	gone := func(when string) {
		t.Helper()
		r, text, code := f.asks("ru", "s-orlova")
		if code != exitFindings || r.Person != "" || r.Moved == nil || r.Moved.Works != "orlova2" || r.Broken == nil || r.Broken.Code != string(explain.FaultMoved) ||
			!strings.Contains(r.Broken.Meaning, "orlova2") || !strings.Contains(r.Broken.Meaning, "uid ") || !strings.Contains(r.Broken.Remedy, "queue undo "+transfer) || strings.Contains(text, "ACTIVATE_AGAIN") {
			t.Errorf("the account before, %s: %d %+v\n%s", when, code, r.Broken, text)
		}
	}
	gone("at once")
	if out, _, code := m.command("queue", "show", "--config", m.path("config.yaml"), stem); code != 0 || !strings.Contains(out, transfer) || !strings.Contains(out, "с учётной записи mos.ru orlovami") || !strings.Contains(out, "с паспортом") {
		t.Errorf("the question of the transfer: %d %s", code, out)
	}
	f.active("orlova2", sitePassword)
	if out, _, code := m.command("queue", "show", "--config", m.path("config.yaml"), stem); code != 0 || !strings.Contains(out, transfer) {
		t.Errorf("the question, which is there no more: %d %s", code, out)
	}
	if r, _, code := f.asks("ru", "10.9.9.9"); code != exitFindings || r.Broken == nil || r.Broken.Code != string(explain.FaultSilent) {
		t.Errorf("an address that nobody knows: %d %+v", code, r.Broken)
	}
	f.activates("orlovami", sitePassword)
	m.waits()
	if r, text, _ := f.asks("ru", "s-orlova"); len(r.Tries) == 0 || r.Tries[0].Moved == nil || !strings.Contains(text, "перевели") {
		t.Errorf("the account before, having asked: %+v\n%s", r.Tries, text)
	}
	if r, text, _ := f.asks("ru", "orlovami"); r.Also == nil || r.Also.Moved == nil {
		t.Errorf("the login of both: %+v\n%s", r, text)
	} else if at := r.Also.Moved.At; strings.Contains(text, at.UTC().Format(time.DateTime)) || strings.Count(text, at.In(moscow(t)).Format(time.DateTime)) < 2 {
		t.Errorf("one decision at two hours:\n%s", text)
	}
	m.undoes(transfer)
	if r, text, _ := f.asks("ru", "orlovami"); len(r.Decisions) == 0 || r.Decisions[0].ID != transfer || r.Decisions[0].Undone.IsZero() || !strings.Contains(text, "отменено") {
		t.Errorf("taken back: %+v\n%s", r.Decisions, text)
	}
	if r, _, _ := f.asks("ru", "s-orlova"); r.Person == "" || r.Moved != nil {
		t.Errorf("the account of before is the person's again: %+v", r)
	}
}

func moscow(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// The session of somebody who was moved ended for that, and not for a new password.
func TestExplainTransferredSession(t *testing.T) {
	began, asked := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	between := began.Add(time.Minute)
	for what, c := range map[string]struct {
		d    explain.Decided
		want bool
	}{
		"moved":           {explain.Decided{Verb: queue.Transfer, At: between}, true},
		"moved back":      {explain.Decided{Verb: queue.Transfer, At: began.Add(-time.Hour), Undone: between}, true},
		"moved before":    {explain.Decided{Verb: queue.Transfer, At: began.Add(-time.Hour)}, false},
		"moved later":     {explain.Decided{Verb: queue.Transfer, At: asked.Add(time.Hour)}, false},
		"another verdict": {explain.Decided{Verb: queue.Bind, At: between}, false},
	} {
		if got := transferred([]explain.Decided{c.d}, began, asked); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	for lang, want := range map[explain.Lang]string{explain.Russian: "перевели", explain.English: "moved to another mos.ru account"} {
		if got := explain.DisconnectWhyIn(lang, explain.WhyTransferred); !strings.Contains(got, want) {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
