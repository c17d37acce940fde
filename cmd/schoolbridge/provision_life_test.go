package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
)

// A person's plan says what differs and why, in each form; a school's holds its
// people; a rename is done in the store and in the directory, and the old name
// goes on finding the person.
func TestProvisionOfOne(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.employ(sitePassword, "evann", "orlovami")
	file := s.path("config.yaml")
	provision := func(want int, text string, args ...string) string {
		t.Helper()
		out, errs, code := s.command(append([]string{"provision", args[0], "--config", file}, args[1:]...)...)
		if code != want || !strings.Contains(out+errs, text) {
			t.Fatalf("%q: exit %d, no %q in: %s\n%s", args, code, text, out, errs)
		}
		return out
	}
	out := provision(exitFindings, "завести: 1", "plan", "--person", "EVANN", "--format", "diff")
	for _, part := range []string{"evann (", "+ sAMAccountName", "+ пароль", "mos.ru", "пароль ждёт передачи", "по роли и школе", "Смирнова"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	if strings.Contains(out, "orlovami") || strings.Contains(out, sitePassword) {
		t.Errorf("somebody else's, or the password:\n%s", out)
	}
	out = provision(exitFindings, "create: 2", "plan", "--school", "49", "--format", "table", "--lang", "en")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "Login") || !strings.Contains(out, "orlovami") {
		t.Errorf("%s", out)
	}
	provision(exitUsage, "в школе 8 нет никого", "plan", "--school", "8")
	provision(exitUsage, "никого с логином nobody", "apply", "--person", "nobody")
	provision(exitDone, "учётных записей 1: изменено 1", "apply", "--person", "evann")
	provision(exitFindings, "create: 1", "plan", "--lang", "en")
	s.inStore(func(db *store.DB) error {
		h, err := db.Accounts().Find(t.Context(), "evann")
		if err != nil {
			return err
		}
		lines, err := db.Audit().Recent(t.Context(), h.Person, 50)
		told := 0
		for _, l := range lines {
			if l.Kind == "provision_plan" || l.Kind == "provision_apply" {
				if told++; strings.Contains(string(l.Payload), "evann") {
					t.Errorf("a line that is no person's names one: %s", l.Payload)
				}
			}
		}
		if told != 2 {
			t.Errorf("%d lines tell of it", told)
		}
		return err
	})
}

// What a value of ad.attributes may name is the same for the configuration and for
// the directory.
func TestMappingFields(t *testing.T) {
	s := newSite(t)
	s.directory()
	for _, value := range append(ad.MappingFields(), "nonsense") {
		s.edit("ad:\n", "ad:\n  attributes:\n    - {name: title, value: \"{"+value+"} {"+value+":latin}\"}\n")
		out, errs, code := s.command("config", "check", "--config", s.path("config.yaml"))
		if refused := code == exitUsage; refused != (value == "nonsense") {
			t.Errorf("%s: exit %d: %s%s", value, code, out, errs)
		}
		s.edit("ad:\n  attributes:\n    - {name: title, value: \"{"+value+"} {"+value+":latin}\"}\n", "ad:\n")
	}
}

func TestProvisionRename(t *testing.T) {
	s := newSite(t)
	s.directory(simad.User{Name: "busy", UPN: "strizh@obr.example", Unit: siteManaged, Password: "Starling-2020-Old"})
	s.employ(sitePassword, "evann", "orlovami")
	file := s.path("config.yaml")
	rename := func(want int, text, who, to string) {
		t.Helper()
		out, errs, code := s.command("provision", "rename", "--config", file, "--lang", "en", "--person", who, "--to", to, "--yes")
		if code != want || !strings.Contains(out+errs, text) {
			t.Fatalf("exit %d, no %q in: %s\n%s", code, text, out, errs)
		}
	}
	rename(exitFindings, "no account in Active Directory yet", "evann", "golub")
	if _, errs, code := s.command("provision", "apply", "--config", file); code != exitDone {
		t.Fatal(errs)
	}
	for _, taken := range []string{"Orlovami", "busy", "Strizh"} { // by a person, by an account that is nobody's here
		rename(exitFindings, "is taken", "evann", taken)
	}
	for _, alike := range []string{"orlovami1", "orlova.mi", "busy-1", "stri-zh", "strizh2"} { // the last two like a Teams login
		rename(exitFindings, "looks like one", "evann", alike)
	}
	rename(exitUsage, "cannot be one", "evann", "еванова")
	rename(exitUsage, "nobody here", "nobody", "golub")
	rename(exitDone, "evann is called golub", "evann", "Golub")
	rename(exitDone, "so already", "evann", "golub")
	if lines, errs, code := s.planned("en"); code != exitDone || len(lines) > 0 {
		t.Errorf("exit %d, %+v\n%s", code, lines, errs)
	}
	for _, name := range []string{"evann", "golub"} {
		if x := s.explained(name); string(x.Login) != "golub" || !slices.Equal(x.Others, []string{"evann"}) {
			t.Errorf("%s is explained as %+v", name, x)
		}
		if out, _, _ := s.command("explain", "--config", file, name); !strings.Contains(out, "golub") || !strings.Contains(out, "входить можно и с ними): evann") {
			t.Errorf("%s", out)
		}
	}
	rename(exitFindings, "is taken", "orlovami", "evann")
	rename(exitFindings, "looks like one", "orlovami", "golub1")
	rename(exitFindings, "looks like another name of the same person, golub", "golub", "golub1")
	rename(exitDone, "golub is called evann", "golub", "evann") // the name that mos.ru gave
	rename(exitDone, "the name evann2 looks like this person's own name evann", "evann", "evann2")
	for _, args := range [][]string{{"rename", "--person", "evann"}, {"rename", "--to", "a"}, {"plan", "--to", "a"}, {"plan", "--yes"}, {"apply", "--yes"}, {"plan", "--format", "xml"}, {"plan", "--accept-moves", "1"},
		{"apply", "--person", "a", "--school", "b"}, {"apply", "--accept-moves", "-1"}} {
		if _, _, code := s.command(append([]string{"provision", args[0], "--config", file}, args[1:]...)...); code != exitUsage {
			t.Errorf("%q: exit %d", args, code)
		}
	}
}

// moves has the site's Кадры say that evann left one school for another, and the same
// of nobody else.
func (s site) moves() {
	s.t.Helper()
	s.write("kadry.csv", "id,fio,snils,school,start\nevann-7,Смирнова Ольга,"+smallSNILS(0)+",7,2020-09-01\norlovami,Смирнова Ольга,"+smallSNILS(1)+",49,2015-09-01\n")
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), "--accept-ending", "1", s.path("kadry.csv")); code != exitDone {
		s.t.Fatal(errs)
	}
}

// inAD is what the store knows of a person's account in Active Directory.
func (s site) inAD(login string) (job provision.Job) {
	s.t.Helper()
	s.inStore(func(db *store.DB) error {
		h, err := db.Accounts().Find(s.t.Context(), login)
		if err != nil {
			return err
		}
		job, err = db.Targets().Job(s.t.Context(), targetAD, h.Person, time.Now())
		return err
	})
	return job
}

// Who leaves one school for another in one import is switched off nowhere, whether the
// daemon is at work or a command; who only leaves is.
func TestMoveIsNoLeave(t *testing.T) {
	for _, way := range []string{"command", "daemon"} {
		t.Run(way, func(t *testing.T) {
			s := newSite(t)
			s.directory()
			s.employ(sitePassword, "evann", "orlovami")
			s.run(exitDone, "provision", "apply")
			bring := func() { s.run(exitDone, "provision", "apply") }
			if way == "daemon" {
				s.started(io.Discard)
				bring = func() {}
			}
			s.moves()
			if way == "command" { // plan matches too, and the daemon is to do it by itself
				if lines, errs, code := s.planned("ru"); slices.ContainsFunc(lines, func(l planLine) bool { return l.Action == provision.ActionDisable }) {
					t.Errorf("exit %d, %+v\n%s", code, lines, errs)
				}
			}
			bring()
			if !eventually(func() bool { return strings.Contains(s.inAD("evann").Row.Observed.Place, "OU=7,") }) {
				t.Fatal("the account is not moved")
			}
			job := s.inAD("evann")
			s.inStore(func(db *store.DB) error {
				lines, err := db.Audit().Recent(t.Context(), job.Person, 50)
				for _, l := range lines {
					if strings.Contains(string(l.Payload), `"disabled"`) {
						t.Errorf("it was off in between: %s", l.Payload)
					}
				}
				return err
			})
			s.write("kadry.csv", "id,fio,snils,school,start\norlovami,Смирнова Ольга,"+smallSNILS(1)+",49,2015-09-01\n")
			s.run(exitDone, "registry", "import", "--accept-ending", "1", s.path("kadry.csv"))
			bring()
			if !eventually(func() bool { return !s.inAD("evann").Row.Observed.Enabled }) {
				t.Error("who left is not switched off")
			}
		})
	}
}
