package main

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/doctor"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/store"
)

// examined is what doctor says.
func (s site) examined(lang string) (r doctor.Report, text string, code int) {
	s.t.Helper()
	out, errs, code := s.command("doctor", "--config", s.path("config.yaml"), "--lang", lang, "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.t.Fatalf("%v: %d %s %s", err, code, out, errs)
	}
	text, _, _ = s.command("doctor", "--config", s.path("config.yaml"), "--lang", lang)
	return r, text, code
}

func codesOf(r doctor.Report, state doctor.State) (codes []string) {
	for _, f := range r.Findings {
		if f.State == state {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// swapped puts another text into a file and gives the way back.
func (f *faulty) swapped(name, text string) (undo func()) {
	f.t.Helper()
	before, err := os.ReadFile(f.path(name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(name, text)
	return func() { f.write(name, string(before)) }
}

// moded gives a file another mode, and gives the way back.
func (f *faulty) moded(name string, mode os.FileMode) (undo func()) {
	f.t.Helper()
	set := func(mode os.FileMode) {
		if err := os.Chmod(f.path(name), mode); err != nil {
			f.t.Fatal(err)
		}
	}
	set(mode)
	return func() { set(0o600) }
}

// issued gives the site another certificate, issued at a time.
func (f *faulty) issued(at time.Time) (undo func()) {
	f.t.Helper()
	back := []func(){}
	for _, name := range []string{"ca.pem", "server.pem", "server-key.pem"} {
		text, err := os.ReadFile(f.path(name))
		if err != nil {
			f.t.Fatal(err)
		}
		back = append(back, func() { f.write(name, string(text)) })
	}
	ca, err := newAuthority(f.path("other-ca.pem"), at)
	if err == nil {
		err = ca.issue(f.path("server.pem"), f.path("server-key.pem"), x509.ExtKeyUsageServerAuth, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, at)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return func() {
		for _, restore := range back {
			restore()
		}
	}
}

// ailment is one thing that is wrong with an installation, brought about and taken
// back, and what doctor has to say of it.
type ailment struct {
	name   string
	breaks func(f *faulty) (undo func())
	check  string
	state  doctor.State
	code   string
}

func ailments() []ailment {
	two := `    - {name: other-1, range: 10.1.0.0/16, secret_file: secret, school: "49"}
    - {name: other-2, range: 10.2.0.0/16, secret_file: secret, school: "50"}
`
	nothing := func() {}
	return []ailment{
		{"a certificate ran out", func(f *faulty) func() { return f.issued(time.Now().AddDate(-10, 0, 0)) }, doctor.CheckCertificates, doctor.Bad, string(explain.FaultCertificate)},
		{"a certificate is not valid yet", func(f *faulty) func() { return f.issued(time.Now().AddDate(0, 1, 0)) }, doctor.CheckCertificates, doctor.Bad, string(explain.FaultCertificate)},
		{"others may read a secret", func(f *faulty) func() { return f.moded("secret", 0o644) }, doctor.CheckConfig, doctor.Warn, string(doctor.ConfigFault)},
		{"a secret is short", func(f *faulty) func() { // on loopback nobody captures packets
			undo := f.edited("  clients:\n", "  clients:\n    - {name: far, range: 10.9.0.0/16, secret_file: short, school: \"49\"}\n")
			f.write("short", "geheim1\n")
			return undo
		}, doctor.CheckConfig, doctor.Warn, string(doctor.ConfigFault)},
		{"two schools have one secret", func(f *faulty) func() { return f.edited("  clients:\n", "  clients:\n"+two) }, doctor.CheckNAS, doctor.Warn, string(doctor.SecretShared)},
		{"mos.ru's clock", func(f *faulty) func() { f.skew.Store(int64(-10 * time.Minute)); return func() { f.skew.Store(0) } }, doctor.CheckClock, doctor.Bad, string(explain.FaultClock)},
		{"Active Directory's clock", func(f *faulty) func() { f.adSkew.Store(int64(7 * time.Minute)); return func() { f.adSkew.Store(0) } }, doctor.CheckClock, doctor.Bad, string(doctor.ClockOffAD)},
		{"another secret at mos.ru", func(f *faulty) func() { return f.swapped("client-secret", "another-secret-2021\n") }, doctor.CheckMosru, doctor.Bad, string(doctor.MosruClient)},
		{"another password of the service account", func(f *faulty) func() { return f.swapped("ad-secret", "Drugoy-Parol-2021\n") }, doctor.CheckAD, doctor.Bad, string(explain.FaultADBind)},
		{"no such unit", func(f *faulty) func() { return f.edited("base: "+siteManaged, "base: OU=Nowhere,"+siteDomain) }, doctor.CheckAD, doctor.Bad, string(explain.FaultADUnit)},
		{"a mark that everybody may write", func(f *faulty) func() {
			return f.edited("  bind: bridge", "  mark_attribute: msDS-cloudExtensionAttribute1\n  bind: bridge")
		}, doctor.CheckAD, doctor.Bad, string(explain.FaultADAttribute)},
		{"a service account without rights", func(f *faulty) func() {
			undo := f.edited("bind: bridge@obr.example", "bind: orlovami@obr.example")
			back := f.swapped("ad-secret", sitePassword+"\n")
			return func() { undo(); back() }
		}, doctor.CheckAD, doctor.Bad, string(doctor.ADRight)},
		{"another authority of Active Directory", func(f *faulty) func() {
			other := newSite(f.t)
			text, err := os.ReadFile(other.path("ca.pem"))
			if err != nil {
				f.t.Fatal(err)
			}
			return f.swapped("ca.pem", string(text))
		}, doctor.CheckAD, doctor.Bad, string(doctor.ADCertificate)},
		{"an access point with another secret", func(f *faulty) func() {
			f.radius("127.0.0.1", "another-secret-2021", "orlovami", sitePassword, herPhone, false)
			return nothing
		}, doctor.CheckNAS, doctor.Warn, "NAS_SECRET_WRONG"},
		{"others may read the store", func(f *faulty) func() { return f.moded("state/schoolbridge.db", 0o640) }, doctor.CheckStore, doctor.Bad, string(doctor.StoreOpen)},
		{"others may read the keyset", func(f *faulty) func() { return f.moded("state/keyset.json", 0o644) }, doctor.CheckStore, doctor.Bad, string(doctor.KeysetOpen)},
		{"the store's disk may only be read", readOnly, doctor.CheckStore, doctor.Bad, string(doctor.StoreReadOnly)},
		{"a damaged keyset", func(f *faulty) func() { return f.swapped("state/keyset.json", "{}") }, doctor.CheckStore, doctor.Bad, string(doctor.KeysetDamaged)},
		{"another store's keyset", func(f *faulty) func() {
			if _, err := store.CreateKeyset(f.path("other.json")); err != nil {
				f.t.Fatal(err)
			}
			text, err := os.ReadFile(f.path("other.json"))
			if err != nil {
				f.t.Fatal(err)
			}
			return f.swapped("state/keyset.json", string(text))
		}, doctor.CheckStore, doctor.Bad, string(doctor.KeysetForeign)},
		{"no keyset", func(f *faulty) func() {
			undo := f.swapped("state/keyset.json", "")
			if err := os.Remove(f.path("state/keyset.json")); err != nil {
				f.t.Fatal(err)
			}
			return undo
		}, doctor.CheckStore, doctor.Bad, string(doctor.KeysetMissing)},
		{"a port that is not the daemon's yet", func(f *faulty) func() { return f.edited("  listen: [", "  listen: ['"+freeport.TCP(f.t)+"', ") }, doctor.CheckPorts, doctor.Bad, string(doctor.PortSilent)},
		{"Active Directory is gone", func(f *faulty) func() { f.stopAD(); return nothing }, doctor.CheckAD, doctor.Bad, string(explain.FaultADUnreachable)},
		{"mos.ru is gone", func(f *faulty) func() { f.mosru.Close(); return nothing }, doctor.CheckMosru, doctor.Bad, string(doctor.MosruUnreachable)},
		{"the daemon is down", func(f *faulty) func() { f.stop(); return nothing }, doctor.CheckDaemon, doctor.Bad, string(doctor.DaemonDown)},
		{"the daemon hangs", func(f *faulty) func() { // the kernel takes connections for it, as for one that is stopped
			l, err := net.Listen("tcp", string(f.d.config.Web.Listen))
			if err != nil {
				f.t.Fatal(err)
			}
			return func() { _ = l.Close() }
		}, doctor.CheckDaemon, doctor.Bad, string(doctor.DaemonHangs)},
		{"another program has the port of a daemon that is down", func(f *faulty) func() {
			l, err := net.Listen("tcp", string(f.d.config.LDAP.All()[0].Address))
			if err != nil {
				f.t.Fatal(err)
			}
			return func() { _ = l.Close() }
		}, doctor.CheckPorts, doctor.Bad, string(doctor.PortTaken)},
	}
}

// readOnly makes the state folder what a broken disk becomes: it can be read.
func readOnly(f *faulty) (undo func()) {
	state := f.path("state")
	for _, flags := range []uintptr{syscall.MS_BIND, syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY} {
		if err := syscall.Mount(state, state, "", flags, ""); err != nil {
			f.t.Fatal(err)
		}
	}
	return func() {
		if err := syscall.Unmount(state, syscall.MNT_DETACH); err != nil {
			f.t.Fatal(err)
		}
	}
}

// edited changes the configuration's file, which the daemon has read already.
func (f *faulty) edited(old, now string) (undo func()) {
	f.t.Helper()
	text, err := os.ReadFile(f.path("config.yaml"))
	if err != nil || strings.Count(string(text), old) != 1 {
		f.t.Fatalf("%v: no %q in\n%s", err, old, text)
	}
	return f.swapped("config.yaml", strings.Replace(string(text), old, now, 1))
}

// TestDoctor: a whole installation has nothing the matter; then one thing after
// another breaks, for good, and each is named with what to do, in both languages.
func TestDoctor(t *testing.T) {
	f := newFaulty(t)
	f.more = "web: {listen: '" + freeport.TCP(t) + "'}\nldap:\n  base: dc=school,dc=test\n  listen: ['" + freeport.TCP(t) + "']\n  listen_tls: ['" + freeport.TCP(t) + "']\n"
	f.start()
	f.active("orlovami", sitePassword)
	if r, text, code := f.examined("en"); code != exitFindings || !slices.Equal(codesOf(r, doctor.Warn), []string{string(doctor.BackupMissing)}) || codesOf(r, doctor.Bad) != nil {
		t.Errorf("without a backup: %d\n%s", code, text)
	}
	if _, errs, code := f.command("backup", "--config", f.path("config.yaml"), "--out", f.path("copy.db")); code != exitDone {
		t.Fatal(errs)
	}
	began := time.Now()
	r, text, code := f.examined("en")
	if took := time.Since(began); took > 2*(checkWait+2*time.Second) {
		t.Errorf("it takes %v", took)
	}
	if code != exitDone || r.State != doctor.OK || len(codesOf(r, doctor.OK)) != len(r.Findings) {
		t.Fatalf("%d\n%s", code, text)
	}
	if text, _, code := f.command("doctor", "--config", f.path("config.yaml"), "--ready"); code != exitDone || strings.Count(text, "\n") != 3 {
		t.Errorf("--ready: %d\n%s", code, text)
	}
	for _, want := range []doctor.Code{doctor.ConfigFine, doctor.CertificateFine, doctor.StoreFine, doctor.DaemonFine, doctor.PortFine, doctor.ClockFine, doctor.MosruFine, doctor.ADFine, doctor.RegistriesFine, doctor.BackupFine} {
		if !slices.Contains(codesOf(r, doctor.OK), string(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "the port answers"); n != 4 {
		t.Errorf("%d ports answer\n%s", n, text)
	}
	for _, a := range ailments() {
		t.Run(a.name, func(t *testing.T) {
			undo := a.breaks(f)
			var one *doctor.Finding
			var r doctor.Report
			var text string
			var code int
			eventually(func() bool { // what the daemon writes a moment later is waited for
				r, text, code = f.examined("en")
				for _, x := range r.Findings {
					if x.Check == a.check && x.Code == a.code {
						one = &x
					}
				}
				return one != nil
			})
			ru, _, _ := f.examined("ru")
			undo()
			switch {
			case one == nil:
				t.Fatalf("no %s in\n%s", a.code, text)
			case one.State != a.state || one.Meaning == "" || one.Remedy == "" || !strings.Contains(text, one.Remedy) || code != exitFindings:
				t.Errorf("exit %d: %+v\n%s", code, one, text)
			}
			i := slices.IndexFunc(ru.Findings, func(x doctor.Finding) bool { return x.Check == a.check && x.Code == a.code })
			if i < 0 || ru.Findings[i].Meaning == one.Meaning || ru.Findings[i].Remedy == "" || ru.Findings[i].State != a.state {
				t.Errorf("in Russian: %+v", ru.Findings)
			}
			for _, secret := range []string{siteSecret, sitePassword, sitePass, "0123456789abcdef0123"} {
				if strings.Contains(text, secret) {
					t.Errorf("a secret is told:\n%s", text)
				}
			}
		})
	}
}

// A daemon says what it knows and nobody else can: that no events come.
func TestDoctorAsksTheDaemon(t *testing.T) {
	s := newSite(t)
	s.edit("log: {format: text}", "web: {listen: '"+freeport.TCP(t)+"'}\nlog: {format: text}")
	s.started(io.Discard)
	r, text, code := s.examined("ru")
	warned := codesOf(r, doctor.Warn)
	if code != exitFindings || !slices.Contains(warned, string(doctor.EventsSilent)) || !slices.Contains(warned, string(doctor.RegistriesMissing)) ||
		!slices.Contains(codesOf(r, doctor.Bad), string(doctor.MosruUnreachable)) {
		t.Errorf("%d\n%s", code, text)
	}
}

// Without a daemon, a store, anything: what is there is looked at, and nothing is
// made.
func TestDoctorOfNothing(t *testing.T) {
	s := newSite(t)
	s.edit("log: {format: text}", "web: {listen: '"+freeport.TCP(t)+"'}\nlog: {format: text}")
	r, text, code := s.examined("en")
	if code != exitFindings || !slices.Contains(codesOf(r, doctor.Warn), string(doctor.StoreMissing)) || !slices.Contains(codesOf(r, doctor.Bad), string(doctor.DaemonDown)) {
		t.Errorf("%d\n%s", code, text)
	}
	if text, _, code := s.command("doctor", "--config", s.path("config.yaml"), "--ready"); code != exitFindings {
		t.Errorf("--ready: %d\n%s", code, text)
	}
	if _, err := os.Stat(s.path("state")); err == nil {
		t.Error("it made the state folder")
	}
	s.edit("client_id: test", "client_ib: test")
	if r, text, code := s.examined("en"); code != exitUsage || r.State != doctor.Bad || !strings.Contains(text, "client_id") {
		t.Errorf("%d\n%s", code, text)
	}
	if _, errs, code := s.command("doctor", "--config", s.path("nowhere.yaml")); code != exitUsage || !strings.Contains(errs, "nowhere.yaml") {
		t.Errorf("%d %s", code, errs)
	}
}

// Ports of a daemon that does not run: what cannot be told to be free is not called so.
func TestDoctorPorts(t *testing.T) {
	x := &examination{}
	at := func(address string) port { return port{"LDAP", "tcp", config.Address(address), nil} }
	if f := x.port(t.Context(), at("192.0.2.1:3389")); f.State != doctor.Bad || f.Code != string(doctor.PortElsewhere) {
		t.Errorf("an address of another machine: %+v", f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !occupied(t.Context(), at(l.Addr().String()), syscall.EACCES) {
		t.Error("a low port that somebody holds, by somebody who may not open it")
	}
	_ = l.Close()
	if occupied(t.Context(), at(l.Addr().String()), syscall.EACCES) {
		t.Error("a low port that nobody holds")
	}
}

// What time alone makes wrong.
func TestDoctorLater(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	for after, want := range map[time.Duration]doctor.Code{0: doctor.RegistriesFine, 9 * 24 * time.Hour: doctor.RegistriesOld, -9 * 24 * time.Hour: doctor.RegistriesOld} {
		x := &examination{config: f.d.config, lang: explain.English, now: time.Now().Add(after)}
		list := x.withStore(t.Context())
		if !slices.ContainsFunc(list, func(one doctor.Finding) bool { return one.Code == string(want) }) {
			t.Errorf("after %v: %+v", after, list)
		}
	}
	made := time.Now()
	if err := f.d.db.NoteBackup(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]doctor.Code{49 * time.Hour: doctor.BackupFine, 51 * time.Hour: doctor.BackupOld, -51 * time.Hour: doctor.BackupOld} {
		x := &examination{config: f.d.config, lang: explain.English, now: made.Add(after)}
		list := x.withStore(t.Context())
		if !slices.ContainsFunc(list, func(one doctor.Finding) bool { return one.Code == string(want) }) {
			t.Errorf("after %v: %+v", after, list)
		}
	}
	cert, err := loadCertificate(f.path("server.pem"), f.path("server-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	end := cert.config().Certificates[0].Leaf.NotAfter
	x := &examination{config: f.d.config, lang: explain.English, now: end.Add(-10 * 24 * time.Hour)}
	if list := x.certificates(t.Context()); list[0].Code != string(doctor.CertificateSoon) || list[0].State != doctor.Warn || !strings.Contains(list[0].More, "days left: 10") && !strings.Contains(list[0].More, "days left: 9") {
		t.Errorf("%+v", list)
	}
}
