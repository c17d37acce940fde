package main

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/provision"
)

// A change that waits is said, with for what, until when, and who can hasten it.
func TestExplainWaits(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.employ(sitePassword, "anna", "boris")
	s.run(exitDone, "provision", "apply")
	if r := s.explained("anna"); r.Targets[0].Waits != nil || r.Broken != nil {
		t.Fatalf("nothing is to do: %+v %+v", r.Targets[0], r.Broken)
	}
	expect := func(want explain.WaitsFor, code, what string) *explain.Waiting {
		t.Helper()
		r := s.explained("anna")
		w := r.Targets[0].Waits
		if w == nil || w.For != want || strings.Join(w.What, ",") != what || r.Targets[0].State != explain.TargetPending {
			t.Fatalf("%+v, want %s of %s: %+v", w, want, what, r.Targets[0])
		}
		if r.Broken != nil || r.Found() || r.Note == nil || r.Note.Code != code || r.Note.Who == "" || r.Note.Remedy == "" {
			t.Fatalf("%+v, note %+v, want %s", r.Broken, r.Note, code)
		}
		return w
	}

	// Another value by the configuration, which nobody told the daemon of.
	s.edit("ad:\n", "ad:\n  attributes: [{name: company, value: \"{role}\"}]\n")
	expect(explain.WaitsLook, "AD_CHANGE_WAITS_LOOK", "company")

	// In the queue of an import, at a rate: both before it may take a second each.
	s.edit("ad:\n", "ad:\n  rate: 0.5\n")
	s.write("kadry.csv", "id,fio,snils,school,start\nanna,Смирнова Ольга,"+smallSNILS(0)+",49,2015-09-02\nboris,Смирнова Ольга,"+smallSNILS(1)+",49,2015-09-02\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	if w := expect(explain.WaitsRate, "AD_CHANGE_WAITS_TURN", "company"); w.Ahead != 1 || time.Until(w.Until) < time.Second || time.Until(w.Until) > time.Minute {
		t.Errorf("%+v", w)
	}

	// Hours that are not now.
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Now().In(moscow).Add(3 * time.Hour)
	s.edit("ad:\n", "ad:\n  window: [\"mon-sun "+hour.Format("15:04")+"-"+hour.Add(10*time.Minute).Format("15:04")+"\"]\n")
	if w := expect(explain.WaitsWindow, "AD_CHANGE_WAITS_WINDOW", "company"); w.Until.Before(time.Now().Add(2*time.Hour)) || w.Until.After(time.Now().Add(4*time.Hour)) {
		t.Errorf("%+v", w)
	}
	out, _, code := s.command("explain", "--config", s.path("config.yaml"), "anna")
	if code != exitDone || strings.Contains(out, "ГДЕ ОБРЫВ") || !strings.Contains(out, "company: ждёт времени службы (ad.window): с 20") || !strings.Contains(out, "никто: пройдёт само") || !strings.Contains(out, "provision apply --person") {
		t.Error(code, out)
	}
}

// Who leaves waits for no window, but for consent; how many more may be today is
// said.
func TestExplainHeld(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.employ(sitePassword, "anna", "boris", "vera")
	s.run(exitDone, "provision", "apply")
	for _, login := range []string{"anna", "boris"} {
		s.account(exitDone, "suspend", login, "test")
	}
	s.run(exitFindings, "provision", "apply")
	w := s.explained("anna").Targets[0].Waits
	if w == nil || w.For != explain.WaitsConsent || w.Left != 1 || strings.Join(w.What, ",") != drasticWords[provision.Off] || !w.Until.After(time.Now()) {
		t.Fatalf("%+v", w)
	}
	s.run(exitDone, "provision", "apply", "--person", "anna", "--accept-disabling", "1") // as the advice says
	if r := s.explained("anna"); r.Targets[0].Waits != nil || r.Targets[0].Enabled {
		t.Errorf("%+v", r.Targets[0])
	}
}
