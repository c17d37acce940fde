package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/store/sqlite"
	radiuswire "schoolbridge/radiussrv/wire"
)

// What is written wrongly is said last, below the flags and the commands, and
// each fault with its file or word, in one language.
func TestWrongCallsSayWhat(t *testing.T) {
	s := wifiSite(t)
	probing := []string{"probe", "eap", "--server", "127.0.0.1", "--secret-file", s.path("secret"), "--login", "a"}
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"command":       {[]string{"accounts"}, []string{`команды "accounts" нет`}},
		"flag":          {[]string{"probe", "eap", "--metod", "x"}, []string{"не понято", "metod"}},
		"configuration": {[]string{"explain", "--config", s.path("missing.yaml"), "a"}, []string{"missing.yaml нет", "--config"}},
		"platform":      {[]string{"wifi", "profile", "--config", s.path("config.yaml"), "--for", "ios", "a"}, []string{`"ios" не бывает`, "apple (iPhone"}},
		"session":       {[]string{"sessions", "disconnect", "--config", s.path("config.yaml"), "99"}, []string{`"99" — не номер сеанса`}},
		"password":      {append(probing, "--ca", s.path("ca.pem"), "--password-file", s.path("nothing")), []string{"--password-file: файла", "nothing нет"}},
		"authority":     {append(probing, "--ca", s.path("nothing")), []string{"--ca: файла", "nothing нет"}},
		"pair":          {append(probing, "--ca", s.path("ca.pem"), "--method", "tls", "--cert", "x"), []string{"--cert и --key"}},
		"key":           {append(probing, "--ca", s.path("ca.pem"), "--method", "tls", "--cert", s.path("ca.pem"), "--key", s.path("nothing")), []string{"--cert, --key: файла", "nothing нет"}},
		"no key":        {append(probing, "--ca", s.path("ca.pem"), "--method", "tls", "--cert", s.path("ca.pem"), "--key", s.path("secret")), []string{"оба PEM"}},
	} {
		code, out, errs := runLine("", c.args...)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		for _, want := range c.says {
			if code != exitUsage || out != "" || !strings.Contains(lines[len(lines)-1], want) || strings.Contains(errs, " / ") {
				t.Errorf("%s: exit %d, no %q at the end of\n%s%s", name, code, want, out, errs)
			}
		}
	}
}

// Somebody else's file comes with what to do about it; a network that forbids
// something does not.
func TestForbiddenFiles(t *testing.T) {
	for _, c := range []struct {
		err  error
		told bool
	}{
		{fmt.Errorf("open keyset: %w", &fs.PathError{Op: "open", Path: "/x/keyset.json", Err: syscall.EACCES}), true},
		{&fs.PathError{Op: "open", Path: "/x/keyset.json", Err: syscall.ENOENT}, false},
		{fmt.Errorf("send: %w", syscall.EPERM), false},
	} {
		for code, err := range map[int]error{exitFailed: c.err, exitUsage: &exitError{exitUsage, c.err}} {
			var errs bytes.Buffer
			if got := report(streams{err: &errs}, "ru", err); got != code {
				t.Errorf("%v: exit %d", err, got)
			}
			for _, word := range []string{"sudo -u schoolbridge", "chown schoolbridge: /x/keyset.json", "Нет прав на /x/keyset.json"} {
				if strings.Contains(errs.String(), word) != c.told {
					t.Errorf("%v: %q in %s", err, word, errs.String())
				}
			}
		}
	}
}

// A second daemon, and a folder that cannot be made, come with what to do.
func TestComplaintsSayWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"systemctl restart schoolbridge": fmt.Errorf("lock store /x/schoolbridge.db: %w", sqlite.ErrLocked),
		"Папку /root/x этому":            &fs.PathError{Op: "mkdir", Path: "/root/x", Err: syscall.EACCES},
	} {
		var errs bytes.Buffer
		if report(streams{err: &errs}, "ru", err); !strings.Contains(errs.String(), want) || strings.Contains(errs.String(), "chown") {
			t.Errorf("no %q, or chown, in %s", want, errs.String())
		}
	}
}

// A load's report gives each outcome and each cause in words.
func TestLoadSpeaks(t *testing.T) {
	server := freeport.UDP(t) // nobody listens there
	f := files(t, map[string]string{"secret": "a secret\n", "users": "orlovami,Snegir-2021\n"})
	for lang, says := range map[string][]string{"ru": {"  нет ответа: 2\n", "причина port_closed, 2: на этом порту никто не слушает\n", "что делать: "}, "en": {"  no answer: 2\n", "reason port_closed, 2: ", "remedy: "}} {
		_, out, errs := runLine("", "load", "radius", "--lang", lang, "--server", server, "--secret-file", f["secret"], "--users", f["users"], "--concurrency", "1", "--count", "2", "--tries", "1", "--duration", "10m")
		for _, want := range says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s%s", lang, want, out, errs)
			}
		}
	}
	if _, remedy := probe.ProblemPassword.In(probe.Russian); !strings.Contains(remedy, "ttls-pap") {
		t.Errorf("MSCHAPv2 without a kept hash: %s", remedy)
	}
}

// Who looks in vain is told of which moment, and of a login that is nobody's.
func TestNothingFound(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	s.started(&logged{})
	class := p.signIn(phone)
	p.account(1, "a1", phone, class, func(r *radiuswire.Request) { r.Add(radiuswire.FramedIPAddress, []byte{10, 0, 0, 7}) })
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--address", "10.0.0.7", "--at", "01.09.2020 10:30"}, exitDone, "на момент 2020-09-01 10:30:00, время Europe/Moscow"},
		{[]string{"--login", "orlovam"}, exitDone, "нет ни у кого"},
		{[]string{"disconnect", "--login", "orlovam"}, exitUsage, "нет ни у кого"},
	} {
		out, errs, code := s.command(append(append([]string{"sessions"}, c.args...), "--config", s.path("config.yaml"))...)
		if code != c.code || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, out, errs)
		}
	}
	if _, errs, _ := s.command("sessions", "--config", s.path("config.yaml"), "--login", "orlovami"); errs != "" {
		t.Error(errs)
	}
}

// A school that no registry knows is told of at the start and at a reload, once
// registries are there.
func TestUnknownSchools(t *testing.T) {
	config := func(s site, more string) {
		s.write("config.yaml", strings.Replace(siteConfig, "secret_file: secret}", `secret_file: secret, school: "49"}`+more, 1))
	}
	s, log := newSite(t), &logged{}
	config(s, "")
	s.started(log)
	if text := log.take(); strings.Contains(text, "no registry") {
		t.Errorf("before the first import: %s", text)
	}
	s = newSite(t)
	config(s, "")
	s.write("schools.csv", "ekis_id,name\n000049,Школа № 49\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("schools.csv")); code != exitDone {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	d := s.started(log)
	text := log.take()
	config(s, `
  devices: [{address: "02:00:5e:10:00:01", name: board, school: "50"}]
  eap: {authorities: [{name: pcs, ca_file: ca.pem}]}
  machines: [{authority: pcs, name: pc.school.example, school: "000049"}, {authority: pcs, name: pc.school51.example, school: "51"}]
ldap:
  base: dc=school,dc=example
  services: [{dn: "cn=board,dc=school,dc=example", password_file: secret, schools: ["52", "000049"]}]
  access: [{name: phonebook, who: staff, sees: staff, schools: [own, "53"]}]
policy: {rules: [{name: staff, allow: true, schools: [own, "54"]}]}`)
	d.reload()
	for _, want := range []string{`option="radius.clients first" school=49`, "option=radius.devices school=50", `option="radius.machines pc.school51.example" school=51`,
		`option="ldap.services cn=board,dc=school,dc=example" school=52`, `option="ldap.access phonebook" school=53`, `option="policy.rules staff" school=54`, "ekis_id"} {
		if text += log.take(); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "school=000049") || strings.Contains(text, "school=own") {
		t.Errorf("a school that is there is told of:\n%s", text)
	}
}
