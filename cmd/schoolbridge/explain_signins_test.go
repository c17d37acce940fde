package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/packet"
)

// refusedSite is a site whose trail holds what devices ended by themselves.
func refusedSite(t *testing.T) site {
	s := newSite(t)
	s.write("config.yaml", withThings(policyConfig)+"names: {domains: [MESH], realms: [school49.example]}\n")
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\nk2,Ким Вера Львовна,49,2015-09-01\nk3,Белов Антон Ильич,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	for i, login := range []string{"orlovami", "02005e100001", "02005e100088"} {
		s.activate(login, true, person.RecordRef{Kind: person.RecordEmployment, ID: []person.RecordID{"k1", "k2", "k3"}[i]})
	}
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.people.Run(ctx) }()
	<-d.people.Loaded()
	teacher, ok := d.whose("orlovami")
	if !ok {
		t.Fatal("the directory does not know the teacher")
	}
	tell := func(name, device string, method packet.Type, v identity.Verdict) {
		d.refused(eap.Refusal{Name: name, Method: method, Verdict: v, Accepted: !v.Person.IsZero(),
			Source: identity.Source{NAS: "first", School: "49", Device: device}})
	}
	no := func(why identity.Reason) identity.Verdict {
		return identity.Verdict{Outcome: identity.Rejected, Reason: why}
	}
	tell("orlovami", "02:00:00:00:00:0a", packet.PEAP, no(identity.ReasonDistrust))
	tell("anonymous", "02:00:00:00:00:0a", packet.TTLS, no(identity.ReasonOldTLS))
	tell("anonymous@else.example", "02:00:00:00:00:0b", packet.TTLS, no(identity.ReasonDistrust))
	named := no(identity.ReasonNamesDisagree)
	named.Person = teacher
	tell("belovas", "02:00:00:00:00:0c", packet.TTLS, named)
	tell("host/PC1.school49.example", "02:00:00:00:00:0d", packet.TLS, no(identity.ReasonNotValid))
	tell("anonymous", "02:00:00:00:00:0e", 0, no(identity.ReasonMethod))
	tell("petrovaa@school49.example", "02:00:00:00:00:0f", packet.PEAP, no(identity.ReasonDistrust))
	for _, name := range []string{`MESH\PetrovaA`, "petrovaa", "petrovaaa", "smirnovao"} {
		d.auth.Authenticate(ctx, identity.Credential{Name: name, Proof: identity.Password("typed"), Channel: identity.ChannelWiFi,
			Source: identity.Source{NAS: "first", School: "49", Device: "02:00:00:00:00:10", Addr: netip.MustParseAddr("10.1.0.1")}})
	}
	d.auth.Authenticate(ctx, identity.Credential{Name: mistyped, Proof: identity.Password("typed"), Channel: identity.ChannelLDAP,
		Source: identity.Source{NAS: "cn=boards,o=school", Addr: netip.MustParseAddr("10.49.0.7")}})
	stop()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	if err := d.trail.Run(ctx); err != nil { // ctx has ended: writes what is queued
		t.Fatal(err)
	}
	d.close()
	return s
}

// mistyped is a board's name that is in no configuration.
const mistyped = "cn=raeder,ou=services,dc=school,dc=example"

// What comes over LDAP is told with the address, as all that tells which board or
// computer it was; over the Wi-Fi that would be the access point's.
func TestAddressesAreExplained(t *testing.T) {
	s := refusedSite(t)
	if r := s.explained(mistyped); len(r.SignIns) != 1 || r.SignIns[0].Addr != "10.49.0.7" {
		t.Errorf("%+v", r.SignIns)
	}
	if r := s.explained("petrovaa"); len(r.SignIns) < 2 || slices.ContainsFunc(r.SignIns, func(x explain.SignIn) bool { return x.Addr != "" }) {
		t.Errorf("%+v", r.SignIns)
	}
	if out, _, _ := s.command("explain", "--config", s.path("config.yaml"), mistyped); !strings.Contains(out, "ПК, доски cn=boards,o=school 10.49.0.7 отказ NO_SUCH_ACCOUNT") {
		t.Error(out)
	}
}

// A service account of the configuration is told from a login that nobody has.
func TestServiceAccountsAreExplained(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", siteConfig+"ldap: {base: o=school, services: [{dn: 'cn=reader,o=school', password_file: secret}]}\n")
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")) // makes the store
	for name, want := range map[string]string{"CN=Reader, o=school": "служебная запись LDAP", "cn=raeder,o=school": "NO_SUCH_ACCOUNT"} {
		if out, errs, _ := s.command("explain", "--config", s.path("config.yaml"), name); !strings.Contains(out, want) {
			t.Errorf("%s: %s%s", name, out, errs)
		}
	}
}

// TestRefusalsAreExplained: what a device ended by itself is told of with the
// person whose name it gave, and else by the device.
func TestRefusalsAreExplained(t *testing.T) {
	s := refusedSite(t)
	type line struct {
		reason      identity.Reason
		device, how string
		after, by   bool
	}
	shown := func(r explain.Report) map[line]bool {
		t.Helper()
		all := map[line]bool{}
		for i, x := range r.SignIns {
			all[line{x.Reason, x.Device, x.Method, x.After == "accepted", x.ByDevice}] = true
			if x.NAS != "first" || x.Channel != "wifi" || x.Outcome != "rejected" || i > 0 && x.At.After(r.SignIns[i-1].At) {
				t.Errorf("%+v", x)
			}
		}
		return all
	}
	for name, want := range map[string][]line{
		"orlovami": {{identity.ReasonNamesDisagree, "02:00:00:00:00:0c", "ttls", true, false}, {identity.ReasonDistrust, "02:00:00:00:00:0a", "peap", false, false},
			{identity.ReasonOldTLS, "02:00:00:00:00:0a", "ttls", false, true}},
		"02-00-00-00-00-0b":         {{identity.ReasonDistrust, "02:00:00:00:00:0b", "ttls", false, false}},
		"02-00-00-00-00-0e":         {{identity.ReasonMethod, "02:00:00:00:00:0e", "", false, false}},
		"host/pc1.school49.example": {{identity.ReasonNotValid, "02:00:00:00:00:0d", "tls", false, false}},
	} {
		r := s.explained(name)
		got := shown(r)
		for _, one := range want {
			if !got[one] {
				t.Errorf("%s: no %+v in %+v", name, one, r.SignIns)
			}
		}
		// A machine that is listed: whoever showed that certificate need not be it.
		if len(got) != len(want) || r.Found() == (name == "host/pc1.school49.example") {
			t.Errorf("%s: %+v", name, r.SignIns)
		}
	}
	for lang, words := range map[string][]string{
		"ru": {"ttls отказ после нашего «да» NAMES_DISAGREE", "TLS_TOO_OLD (по устройству)", "schoolbridge wifi profile", "не доверяет сертификату сервера", "Нужен TLS 1.2"},
		"en": {"ttls rejected after our yes NAMES_DISAGREE", "TLS_TOO_OLD (by the device)", "schoolbridge wifi profile", "does not trust the server's certificate", "TLS 1.2 is needed"},
	} {
		out, _, code := s.command("explain", "--lang", lang, "--config", s.path("config.yaml"), "orlovami")
		for _, w := range words {
			if code != exitFindings || !strings.Contains(out, w) {
				t.Errorf("%d, no %q in\n%s", code, w, out)
			}
		}
		if strings.Contains(out, "belovas") {
			t.Errorf("what was said outside is shown:\n%s", out)
		}
	}
}

// TestTriesOfNobody: what was tried under a name is shown also where nobody has
// it, or nobody who may sign in, in every writing that the daemon takes for it.
func TestTriesOfNobody(t *testing.T) {
	s := refusedSite(t)
	s.write("zapis.csv", "child,parent_fio,school\nc1,Смирнова Ольга,49\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("zapis.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("smirnovao", false, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	for name, want := range map[string]string{
		"petrovaa":      "wifi NO_SUCH_ACCOUNT, wifi NO_SUCH_ACCOUNT, peap SERVER_NOT_TRUSTED said",
		`mesh\PETROVAA`: "wifi NO_SUCH_ACCOUNT, wifi NO_SUCH_ACCOUNT, peap SERVER_NOT_TRUSTED said",
		"petrova":       "",
		"smirnovao":     "wifi NO_SUCH_ACCOUNT",
	} {
		r := s.explained(name)
		var got []string
		for _, x := range r.SignIns {
			line := fmt.Sprint(cmp.Or(x.Method, x.Channel), " ", x.Reason)
			if x.Said {
				line += " said"
			}
			got = append(got, line)
		}
		slices.SortFunc(got, func(a, b string) int { return cmp.Compare(b, a) })
		if strings.Join(got, ", ") != want || r.Account == "" || !r.Found() {
			t.Errorf("%s: %s %q, want %q", name, r.Account, got, want)
		}
	}
	out, _, _ := s.command("explain", "--lang", "en", "--config", s.path("config.yaml"), "petrovaa")
	if !strings.Contains(out, "Wi-Fi first 02:00:00:00:00:10 rejected NO_SUCH_ACCOUNT ×2") || !strings.Contains(out, "Attempts without proof") {
		t.Error(out)
	}
}

// TestSaidNamesHideNoSignIn: whoever says somebody's name without end takes no
// sign-in out of her report.
func TestSaidNamesHideNoSignIn(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	now := time.Now()
	s.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			return err
		}
		var lines []identity.AuditEntry
		line := func(ago time.Duration, kind, outcome, device string) {
			lines = append(lines, identity.AuditEntry{At: now.Add(-ago), Kind: kind, Person: holder.Person,
				Payload: fmt.Appendf(nil, `{"login":"orlovami","channel":"wifi","outcome":%q,"reason":"SERVER_NOT_TRUSTED","device":%q}`, outcome, device)})
		}
		for i := range 3 {
			line(time.Duration(i+1)*time.Hour, auth.AuditSignIn, "accepted", "02:00:00:00:00:0a")
		}
		line(2*time.Hour, auth.AuditEnded, "rejected", "02:00:00:00:00:0a")
		for i := range 2 * signInsRead {
			line(time.Duration(i)*time.Second, auth.AuditRefused, "rejected", fmt.Sprintf("02:00:00:00:01:%02x", i%256))
		}
		return db.Audit().Append(t.Context(), lines)
	})
	r := s.explained("orlovami")
	said := 0
	for _, x := range r.SignIns {
		if x.Said {
			said++
		}
		if x.Said != (x.Device != "02:00:00:00:00:0a") {
			t.Errorf("%+v", x)
		}
	}
	if last := r.SignIns[0]; !last.Said || r.Found() { // her own last one went well
		t.Errorf("%+v, found %v", last, r.Found())
	}
	if said != saidRead || len(r.SignIns) != said+4 {
		t.Errorf("%d attempts, %d of them under a name that was only said", len(r.SignIns), said)
	}
}

// TestALoginLikeAnAddress: the person comes first, and the thing with it where
// there is one.
func TestALoginLikeAnAddress(t *testing.T) {
	s := refusedSite(t)
	r := s.explained("02005e100001")
	if r.Login != "02005e100001" || r.Thing != "" || len(r.Roles) != 1 || r.Also == nil || r.Also.Thing != "device" || len(r.Also.Things) != 1 {
		t.Errorf("%+v, also %+v", r, r.Also)
	}
	out, _, _ := s.command("explain", "--lang", "en", "--config", s.path("config.yaml"), "02005E100001")
	if !strings.Contains(out, "Account: 02005e100001, Смирнова") || !strings.Contains(out, "device, «board»") {
		t.Error(out)
	}
	if r := s.explained("02005e100088"); r.Login != "02005e100088" || r.Also != nil {
		t.Errorf("a device that nobody knows: %+v", r.Also)
	}
	// With separators it is nobody's login.
	if r := s.explained("02-00-5e-10-00-01"); r.Login != "" || r.Thing != "device" || r.Also != nil || len(r.Things) != 1 {
		t.Errorf("an address with separators: %+v", r)
	}
	if r := s.explained("02005e100077"); r.Thing != "device" || r.Asked != "02005e100077" || r.Account != identity.ReasonUnknownDevice {
		t.Errorf("neither: %+v", r)
	}
}

// TestManySessions: a session that lives is shown, and one that was asked to end
// today, however many of the person's came after them.
func TestManySessions(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	now := time.Now()
	s.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			return err
		}
		record := func(status journal.Status, key string, ago time.Duration) journal.Record {
			return journal.Record{Status: status, At: now.Add(-ago), NAS: "first", Unit: "ap", Key: key, Person: holder.Person,
				Detail: journal.Detail{Device: "device " + key}}
		}
		records := []journal.Record{record(journal.Start, "lives", 3*time.Hour), record(journal.Start, "cut", 3*time.Hour), record(journal.Start, "cut long ago", 3*time.Hour)}
		for i := range journal.MaxFound + 1 {
			key := fmt.Sprint(i)
			records = append(records, record(journal.Start, key, 2*time.Hour), record(journal.Stop, key, time.Hour))
		}
		rules := journal.Rules{Silence: 24 * time.Hour, Quiet: 24 * time.Hour}
		changed, err := db.Journal().Record(t.Context(), records, rules, now)
		if err != nil {
			return err
		}
		for i, at := range map[int]time.Time{1: now.Add(-time.Hour), 2: now.Add(-25 * time.Hour)} {
			if err := db.Journal().AskDisconnect(t.Context(), []journal.ID{changed[i].ID}, journal.WhySuspended, at); err != nil {
				return err
			}
		}
		_, err = db.Journal().Record(t.Context(), []journal.Record{record(journal.Stop, "cut", time.Minute), record(journal.Stop, "cut long ago", time.Minute)}, rules, now)
		return err
	})
	var devices []string
	for _, x := range s.explained("orlovami").Sessions {
		devices = append(devices, x.Device)
	}
	slices.Sort(devices)
	if want := []string{"device cut", "device lives"}; !slices.Equal(devices, want) {
		t.Errorf("%q, want %q", devices, want)
	}
}
