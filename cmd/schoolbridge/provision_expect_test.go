package main

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
)

// Work that is done in some hours only stands still in the others.
func TestInHours(t *testing.T) {
	moscow := time.FixedZone("MSK", 3*60*60)
	at := func(text string) time.Time {
		t.Helper()
		moment, err := time.ParseInLocation("2006-01-02 15:04:05", text, moscow)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	c := &config.Config{}
	c.Policy.TimeZone = "Europe/Moscow"
	c.AD.Window = []string{"20:00-22:00"}
	window := windowAD(c)
	for _, x := range []struct {
		now, from, until string
		work             time.Duration
	}{
		{"2021-09-01 20:00:00", "2021-09-01 20:00:00", "2021-09-01 20:10:00", 10 * time.Minute},
		{"2021-09-01 21:50:30", "2021-09-01 21:50:30", "2021-09-02 20:00:30", 10 * time.Minute},
		{"2021-09-01 12:00:00", "2021-09-01 20:00:00", "2021-09-03 21:00:00", 5 * time.Hour},
	} {
		now := at(x.now)
		from, until := inHours(window, now, x.work)
		if !from.Equal(at(x.from)) || !until.Equal(at(x.until)) {
			t.Errorf("%v from %s: %v to %v", x.work, x.now, from, until)
		}
	}
}

// A plan says that nothing runs, how long applying it would take from now on, and
// when the daemon would be at it.
func TestPlanSaysWhatIsExpected(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.employ(sitePassword, "evann", "orlovami")
	file := s.path("config.yaml")
	if _, errs, code := s.command("provision", "apply", "--config", file); code != exitDone {
		t.Fatal(errs)
	}
	day := strings.ToLower(time.Now().Add(48 * time.Hour).In(time.FixedZone("MSK", 3*60*60)).Format("Mon"))
	s.edit("ad:\n", "ad:\n  rate: 0.5\n  window: [\""+day+" 20:00-21:00\"]\n  attributes:\n    - {name: title, value: \"x\"}\n")
	_, errs, code := s.planned("ru")
	for _, part := range []string{"изменить надо 2", "план ничего не записывает", "provision apply", "примерно 4s, с ", "0.5 записей в секунду", "никто не ждёт (их 2)", " 20:00:00 до ", " 20:00:04"} {
		if code != exitFindings || !strings.Contains(errs, part) {
			t.Errorf("exit %d, no %q in:\n%s", code, part, errs)
		}
	}
	if _, errs, _ := s.planned("en"); !strings.Contains(errs, "a plan writes nothing") || !strings.Contains(errs, "at work on them from") {
		t.Errorf("%s", errs)
	}
}
