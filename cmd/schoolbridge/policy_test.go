package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
	"schoolbridge/ldapsrv"
	"schoolbridge/radiussrv/eap/eaptest"
)

const policyConfig = siteConfig + `policy:
  rules:
    - {name: boards, roles: device, channels: wifi, allow: true, vlan: 60}
    - {name: pcs, roles: machine, channels: wifi, allow: true, vlan: 70}
    - {name: staff, roles: staff, schools: any, allow: true, vlan: 20}
    - {name: pupils, roles: pupil, allow: true, vlan: 30}
`

// things goes below radius of siteConfig.
const things = `radius:
  devices: [{address: "02:00:5e:10:00:01", name: board, school: "49", vlan: 61}]
  machines: [{authority: pcs, name: "*.school49.example", school: "49"}]
`

func withThings(text string) string { return strings.Replace(text, "radius:\n", things, 1) }

func TestPolicyTest(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", withThings(policyConfig))
	const good = "- {who: 'staff@49', channel: wifi, nas: first, when: 2026-11-24 10:00, expect: allow, vlan: 20}\n" +
		"- {who: 02005e100001, channel: wifi, nas: first, when: 2026-11-24 10:00, expect: allow, vlan: 61}\n" +
		"- {who: host/pc1.school49.example, channel: wifi, nas: first, when: 2026-11-24 10:00, expect: allow, vlan: 70}\n"
	s.write("good.yaml", good)
	s.write("good.csv", "who;channel;when;expect;vlan\nstaff@49;wifi;24.11.2026 10:00;allow;20\n")
	s.write("findings.yaml", good+"- {name: a pupil, who: 'pupil@50', channel: ldap, school: '49', when: 2026-11-24 10:00, expect: allow}\n")
	s.write("bad.yaml", good+"- {who: 'guest@49'}\n")
	run := func(args ...string) (string, string, int) {
		return s.command(append([]string{"policy", "test", "--lang", "en", "--config", s.path("config.yaml")}, args...)...)
	}
	for _, name := range []string{"good.yaml", "good.csv"} {
		if out, errs, code := run(s.path(name)); code != exitDone || !strings.Contains(out, "otherwise: 0") {
			t.Errorf("%s: %d %s %s", name, code, out, errs)
		}
	}
	out, errs, code := run(s.path("findings.yaml"))
	if code != exitFindings || !strings.Contains(out, s.path("findings.yaml")+":4: a pupil, pupil@50, ldap, 49, 2026-11-24 10:00: not as expected") ||
		!strings.Contains(out, "rule «pupils», pupil@50: not where the device stands, school 49") || !strings.Contains(out, "cases: 4, as expected: 3, otherwise: 1") {
		t.Errorf("findings: %d %s %s", code, out, errs)
	}
	out, _, code = run("--json", s.path("findings.yaml"))
	var report struct {
		Cases    int
		Findings []struct {
			Line   int
			Reason identity.Reason
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFindings || report.Cases != 4 || len(report.Findings) != 1 ||
		report.Findings[0].Line != 4 || report.Findings[0].Reason != identity.ReasonSchoolNotAllowed {
		t.Errorf("as JSON: %d %v %s", code, err, out)
	}
	if out, errs, code := run(s.path("bad.yaml")); code != exitUsage || out != "" || !strings.Contains(errs, s.path("bad.yaml")+":4: who: \"guest@49\" is not understood; write role@school") {
		t.Errorf("a bad file: %d %s %s", code, out, errs)
	}
	for what, args := range map[string][]string{"no such file": {s.path("missing.yaml")}, "no cases": {}, "two": {s.path("good.yaml"), s.path("good.csv")}} {
		if out, errs, code := run(args...); code != exitUsage || out != "" || errs == "" {
			t.Errorf("%s: %d %s %s", what, code, out, errs)
		}
	}
	s.write("config.yaml", "radius: 1\n")
	if _, errs, code := run(s.path("good.yaml")); code != exitUsage || !strings.Contains(errs, "line 1") {
		t.Errorf("a bad configuration: %d %s", code, errs)
	}
	if _, err := os.Stat(s.path("state")); !os.IsNotExist(err) {
		t.Errorf("policy test made a state folder: %v", err)
	}
}

// accessConfig has two accounts and two rules of who sees whom.
const accessConfig = siteConfig + `ldap:
  base: dc=school,dc=example
  views: [{base: "dc=ad,dc=example"}]
  attributes: [{name: seat, value: "{class}"}]
  services:
    - {dn: "cn=board,ou=services,dc=school,dc=example", certificates: [{authority: a, name: "board.example"}], schools: ["49"], attributes: [cn, seat], from: [10.49.0.0/16]}
    - {dn: "cn=job,ou=services,dc=school,dc=example", password_file: secret, roles: staff}
  certificates: {authorities: [{name: a, ca_file: ca.pem}]}
  access:
    - {name: phonebook, who: staff, sees: staff, schools: own, attributes: [mail]}
    - {name: class, who: staff, sees: pupil, attributes: [seat, cn], from: [10.0.0.0/8]}
`

func TestPolicyTestOfAccess(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", accessConfig)
	const board, job = "'cn=board,ou=services,dc=school,dc=example'", "'CN=job,ou=services,dc=school,dc=example'"
	rows := []string{
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, attribute: seat, expect: seen, rule: 'cn=board,ou=services,dc=school,dc=example'",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, expect: seen",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, attribute: mail, expect: ATTRIBUTE_UNSEEN",
		"who: " + board + ", from: 10.49.1.2, whom: [pupil@50, staff@49], attribute: surname, expect: ATTRIBUTE_UNSEEN",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@50, expect: NO_RULE",
		"who: " + board + ", from: 10.49.1.2, whom: parent@49, expect: unseen",
		"who: " + board + ", from: 10.50.1.2, whom: pupil@49, expect: FROM_ELSEWHERE",
		"who: " + board + ", whom: pupil@49, expect: FROM_ELSEWHERE",
		"who: " + board + ", from: 10.49.1.2, whom: 'group:49', expect: seen",
		"who: " + board + ", from: 10.49.1.2, whom: 'class:49', attribute: cn, expect: seen",
		"who: " + board + ", from: 10.49.1.2, whom: 'group:50', expect: NO_RULE",
		"who: " + board + ", from: 10.49.1.2, whom: 'group:49', attribute: member, expect: ATTRIBUTE_UNSEEN",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, base: 'ou=groups,dc=school,dc=example', expect: NOT_BELOW_BASE",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, base: 'dc=elsewhere', expect: NOT_BELOW_BASE",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, base: 'OU=people,DC=ad,DC=example', attribute: cn, expect: seen",
		"who: " + board + ", from: 10.49.1.2, whom: pupil@49, base: 'DC=ad,DC=example', attribute: homeDirectory, expect: ATTRIBUTE_MISSING",
		"who: " + board + ", from: 10.49.1.2, base: 'ou=people,dc=school,dc=example', attribute: ou, expect: seen",
		"who: " + board + ", from: 10.49.1.2, base: 'cn=job,ou=services,dc=school,dc=example', expect: unseen",
		"who: " + job + ", whom: staff@7, attribute: mail, expect: seen",
		"who: " + job + ", whom: pupil@7, expect: unseen",
		"who: '2.5.4.3 = j\\6fb , OU=services, DC=school,dc=example', whom: pupil@7, expect: unseen",
		"who: " + job + ", whom: 'class:7', expect: unseen",
		"who: " + job + ", whom: 'group:staff', attribute: member, expect: seen",
		"who: " + job + ", whom: 'group:pupil', expect: unseen",
		"who: staff@49, whom: staff@49, attribute: mail, expect: seen, rule: phonebook",
		"who: staff@49, whom: staff@49, attribute: cn, expect: unseen",
		"who: staff@49, whom: staff@50, expect: unseen",
		"who: staff@49, from: 10.1.2.3, whom: pupil@49, attribute: seat, expect: seen, rule: class",
		"who: staff@49, from: '::ffff:10.1.2.3', whom: pupil@49, attribute: seat, expect: seen, rule: class",
		"who: staff@49, from: 192.0.2.1, whom: pupil@49, expect: unseen",
		"who: staff@49, whom: 'group:49', expect: seen", // who is in it
		"who: staff@49, whom: 'group:50', expect: unseen",
		"who: [parent@49, pupil@50], whom: pupil@50, expect: unseen",
		"who: pupil@49, channel: ldap, whom: self, attribute: memberOf, expect: seen, rule: self",
		"who: nobody, whom: staff@49, expect: NOT_SIGNED_IN",
		"who: nobody, base: 'dc=school,dc=example', expect: NOT_SIGNED_IN",
	}
	s.write("good.yaml", "- {"+strings.Join(rows, "}\n- {")+"}\n")
	s.write("good.csv", "кто;откуда;кого;атрибут;ожидается\ncn=board,ou=services,dc=school,dc=example;10.49.1.2;pupil@49;cn;seen\nstaff@49;;pupil@49;;unseen\n")
	run := func(args ...string) (string, string, int) {
		return s.command(append([]string{"policy", "test", "--lang", "en", "--config", s.path("config.yaml")}, args...)...)
	}
	for name, count := range map[string]string{"good.yaml": fmt.Sprint("cases: ", len(rows)), "good.csv": "cases: 2"} {
		if out, errs, code := run(s.path(name)); code != exitDone || !strings.Contains(out, count) {
			t.Errorf("%s: %d %s %s", name, code, out, errs)
		}
	}
	s.write("findings.yaml", "- {name: addresses, who: pupil@49, from: 10.0.0.1, whom: pupil@49, attribute: mail, expect: seen}\n- {who: staff@49, whom: staff@49, attribute: mail, expect: seen, rule: class}\n")
	out, errs, code := run(s.path("findings.yaml"))
	for _, words := range []string{":1: addresses, pupil@49, 10.0.0.1, pupil@49, mail: not as expected", "expect: expected seen, got NO_RULE", "NO_RULE: neither the account's scope", "rule: expected class, got phonebook", "otherwise: 2"} {
		if code != exitFindings || !strings.Contains(out, words) {
			t.Errorf("%d, no %q in\n%s%s", code, words, out, errs)
		}
	}
	if out, _, _ := run("--json", s.path("findings.yaml")); !strings.Contains(out, `"unseen": "NO_RULE"`) {
		t.Errorf("as JSON: %s", out)
	}
	for row, words := range map[string]string{
		"who: staff@49, whom: staff@49, attribute: snils, expect: seen":                      `there is no attribute "snils"`,
		"who: staff@49, whom: staff@49, attribute: dispalyName, expect: seen":                `did you mean displayname?`,
		"who: staff@49, whom: staff@49, attribute: saet, expect: seen":                       `did you mean seat?`,
		"who: staff@49, whom: staff@49, base: school, expect: seen":                          `base: "school" is no name of an entry`,
		"who: staff@49, whom: teacher, expect: seen":                                         "whom: \"teacher\" is not understood; write role@school, self",
		"who: staff@49, whom: device@49, expect: seen":                                       "whom: \"device@49\" is not understood",
		"who: 'cn=x,dc=y', whom: staff@49, expect: seen":                                     "is not in ldap.services; there are: cn=board",
		"who: device@49, whom: staff@49, expect: seen":                                       "people and the accounts of ldap.services",
		"who: " + job + ", whom: self, expect: seen":                                         "an account is nobody",
		"who: staff@49, whom: staff@49, from: here, expect: seen":                            "is no IP address",
		"who: staff@49, whom: staff@49, expect: allow":                                       "write seen, unseen or a reason",
		"who: staff@49, whom: staff@49, expect: unseen, rule: x":                             "rules only show",
		"who: staff@49, whom: staff@49, expect: seen, vlan: 20":                              "vlan: who sees whom",
		"who: staff@49, channel: wifi, whom: staff@49, expect: seen":                         "over ldap",
		"who: staff@49, base: 'uid=x,ou=people,dc=school,dc=example', expect: seen":          "say whose entry it is",
		"who: staff@49, channel: web, from: 10.0.0.1, when: 2026-11-24 10:00, expect: allow": "from: it goes with whom",
	} {
		s.write("bad.yaml", "- {"+row+"}\n")
		if out, errs, code := run(s.path("bad.yaml")); code != exitUsage || out != "" || !strings.Contains(errs, s.path("bad.yaml")+":1: ") || !strings.Contains(errs, words) {
			t.Errorf("%s: %d %s %s", row, code, out, errs)
		}
	}
	s.write("config.yaml", siteConfig)
	if _, errs, code := run(s.path("good.csv")); code != exitUsage || !strings.Contains(errs, "is not in ldap.services") || !strings.Contains(errs, "set ldap.base") {
		t.Errorf("without LDAP: %d %s", code, errs)
	}
}

// The configuration knows the attributes that the LDAP server has, and no others.
func TestAttributesOfConfigurationAndServer(t *testing.T) {
	want, got := ldapsrv.AttributeNames(), config.LDAPAttributes()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("the server has\n%s\nthe configuration knows\n%s", want, got)
	}
}

// Of attributes and templates the configuration says beforehand whether the LDAP
// server takes them, in either schema.
func TestConfiguredAttributesOfConfigurationAndServer(t *testing.T) {
	s := newSite(t)
	type pair struct{ name, template string }
	var pairs []pair
	for _, name := range append(ldapsrv.AttributeNames(), "own", "own-2", "2own", "o_wn", "ti tle", "длина", strings.Repeat("a", 48), strings.Repeat("a", 49)) {
		pairs = append(pairs, pair{name, "x"}, pair{name, "512"})
	}
	for _, template := range []string{"{uid}", "{uid}0", "{role_gid}", "{uuid}", "{created}", "{guid}", "{first:latin} {class}", "{uid:latin}", "{first:cyrillic}", "{first", "{}",
		strings.Repeat("{uid}-", 8), strings.Repeat("-{uid}", 9), strings.Repeat("a", 257)} {
		pairs = append(pairs, pair{"title", template}, pair{"gidNumber", template}, pair{"own", template})
	}
	for _, schema := range []ldapsrv.Schema{ldapsrv.RFC2307bis, ldapsrv.AD} {
		for _, p := range pairs {
			text := fmt.Sprintf("%s\nldap: {base: dc=school, schema: %s, attributes: [{name: %q, value: %q}]}\n", siteConfig, schema, p.name, p.template)
			c, faults := config.Check([]byte(text), s.dir)
			_, err := ldapsrv.New(ldapsrv.Options{Auth: struct{ ldapsrv.Authenticator }{}, Directory: struct{ ldapsrv.Directory }{},
				Base: "dc=school", Schema: schema, Attributes: []ldapsrv.Attribute{{Name: p.name, Value: p.template}}})
			if (c == nil) != (err != nil) {
				t.Errorf("%s: %v: the configuration says %v, the server %v", schema, p, faults, err)
			}
		}
	}
}

// Of names too; the configuration is the stricter one.
func TestDNsOfConfigurationAndServer(t *testing.T) {
	s := newSite(t)
	for _, dn := range []string{"dc=school,dc=example", "DC = school , DC = example", "o=Школа № 49", `o=a\, b`, `o=a\2Cb`, "2.5.4.10=a", "o=a=b", "o=a#b", `o=\ a`,
		"school", "o=", "o= ", "=a", "o=a,", "o=a,,o=b", `o=a\`, `o=a\zz`, `o=a\2`, `o="a"`, "o=a+cn=b", "o=#04", "o=a<b", "o=a;b", "ö=a", "o x=a", strings.Repeat("o=a,", 31) + "o=a", strings.Repeat("o=a,", 32) + "o=a"} {
		c, faults := config.Check([]byte(fmt.Sprintf("%s\nldap: {base: %q}\n", siteConfig, dn)), s.dir)
		_, err := ldapsrv.New(ldapsrv.Options{Auth: struct{ ldapsrv.Authenticator }{}, Directory: struct{ ldapsrv.Directory }{}, Base: dn})
		if c == nil && err == nil && dn != "o=" && dn != "o= " || c != nil && err != nil {
			t.Errorf("%q: the configuration says %v, the server %v", dn, faults, err)
		}
	}
}

// The demo's cases come out as they say.
func TestTheDemosCases(t *testing.T) {
	d := demoFolder(t.TempDir())
	if err := d.write(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	write(t, d.path("mosru-keys.json"), keySet("one"))
	s := site{t, string(d)}
	if out, errs, code := s.command("policy", "test", "--config", d.config(), d.cases()); code != exitDone || !strings.Contains(out, "иначе: 0") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

// So do those of the administrator's pages, over the policy that stands there.
func TestTheDocumentedPolicy(t *testing.T) {
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		block := func(begin string) string {
			_, section, ok := strings.Cut(string(text), "```yaml\n"+begin)
			section, _, ended := strings.Cut(section, "```\n")
			if !ok || !ended {
				t.Fatalf("%s has no example that begins with %q", page, begin)
			}
			return begin + section
		}
		s := newSite(t)
		s.write("boards.csv", "address;name;school;vlan\n02-00-5e-10-00-02;доска;000149;\n")
		if err := os.Mkdir(s.path("secrets"), 0o700); err != nil {
			t.Fatal(err)
		}
		s.write("secrets/radius-school-49", "0123456789abcdef0123\n")
		if err := os.Mkdir(s.path("tls"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.path("ca.pem"), s.path("tls/school-pcs.pem")); err != nil { // as good as theirs
			t.Fatal(err)
		}
		config := block("radius:\n  clients:\n    - name: school-49\n      vendor:")
		s.write("config.yaml", strings.Replace(config, "secrets/", s.path("secrets")+"/", 1)+"mosru: {url: 'http://127.0.0.1:1', client_id: test}\n")
		s.write("policy-cases.yaml", block("- name: "))
		out, errs, code := s.command("policy", "test", "--config", s.path("config.yaml"), s.path("policy-cases.yaml"))
		if code != exitDone || !strings.Contains(out, "иначе: 0") {
			t.Errorf("%s: %d %s %s", page, code, out, errs)
		}
		for _, known := range []string{"radius.eap.authorities", "radius.machines"} {
			if strings.Contains(errs, known) {
				t.Errorf("%s: the example is warned about: %s", page, errs)
			}
		}
	}
}

// And the cases of who sees whom, over the accounts and rules that stand there.
func TestTheDocumentedAccess(t *testing.T) {
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		block := func(begin string) string {
			_, section, ok := strings.Cut(string(text), "```yaml\n"+begin)
			section, _, ended := strings.Cut(section, "```\n")
			if !ok || !ended {
				t.Fatalf("%s has no example that begins with %q", page, begin)
			}
			return begin + section
		}
		s, pki := newSite(t), eaptest.NewPKI(t)
		eaptest.Write(t, s.dir, "school-devices", tls.Certificate{Certificate: [][]byte{pki.Authority.Raw}})
		s.write("school-devices.crl", string(pki.Revoke(t, time.Now().Add(time.Hour)).Raw))
		ldap := strings.NewReplacer("ldap:\n", "ldap:\n  base: dc=school49,dc=example\n", "tls/", "", "secrets/phonebook", "secret").Replace(block("ldap:\n  services:\n    - dn: cn=boards"))
		s.write("config.yaml", siteConfig+ldap)
		s.write("cases.yaml", block("- {who: \"cn=boards"))
		if out, errs, code := s.command("policy", "test", "--config", s.path("config.yaml"), s.path("cases.yaml")); code != exitDone || !strings.Contains(out, "иначе: 0") {
			t.Errorf("%s: %d %s %s", page, code, out, errs)
		}
	}
}

// TestThingsAreExplained: an administrator asks why a board is not admitted.
func TestThingsAreExplained(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", withThings(policyConfig))
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(proof identity.Proof, school string) {
		src := identity.Source{NAS: "first", School: school, Device: "02:00:5e:10:00:07"}
		if address, ok := proof.(identity.HardwareAddress); ok {
			src.Device = string(address)
		}
		d.auth.Authenticate(t.Context(), identity.Credential{Name: strings.ReplaceAll(src.Device, ":", ""), Proof: proof, Channel: identity.ChannelWiFi, Source: src})
	}
	ask(identity.HardwareAddress("02:00:5e:10:00:01"), "50")
	ask(identity.HardwareAddress("02:00:5e:10:00:09"), "50") // another's
	ask(identity.Certificate{Authority: "pcs", DNSNames: []string{"pc1.school49.example"}, Serial: "01"}, "49")
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.trail.Run(ended); err != nil { // writes what is queued, and ends
		t.Fatal(err)
	}
	d.close()

	board := s.explained("02-00-5E-10-00-01")
	if board.Thing != "device" || len(board.Things) != 1 || board.Things[0].Name != "board" || board.Things[0].VLAN != "61" || board.Account != "" {
		t.Errorf("%+v", board)
	}
	if len(board.Channels) != 1 || !board.Channels[0].Allowed || board.Channels[0].Rule != "boards" || board.Channels[0].By != "device@49" || board.Channels[0].VLAN != "61" {
		t.Errorf("%+v", board.Channels)
	}
	if len(board.SignIns) != 1 || board.SignIns[0].Reason != identity.ReasonSchoolNotAllowed {
		t.Errorf("%+v", board.SignIns)
	}
	if pc := s.explained("host/PC1.school49.example"); pc.Thing != "machine" || len(pc.Things) != 1 || pc.Things[0].Authority != "pcs" ||
		len(pc.SignIns) != 1 || pc.SignIns[0].Outcome != "accepted" || !pc.Channels[0].Allowed {
		t.Errorf("%+v", pc)
	}
	if pc := s.explained("pc7.school49.example"); pc.Thing != "machine" || len(pc.SignIns) != 0 {
		t.Errorf("%+v", pc)
	}
	for name, reason := range map[string]identity.Reason{"02:00:5e:10:00:99": identity.ReasonUnknownDevice, "host/pc1.school50.example": identity.ReasonUnknownMachine} {
		if r := s.explained(name); r.Account != reason || r.Thing == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	out, _, code := s.command("explain", "--config", s.path("config.yaml"), "02:00:5e:10:00:99")
	for _, words := range []string{"02:00:5e:10:00:99: нет в списках настроек", "NO_SUCH_DEVICE", "radius.devices"} {
		if code != exitFindings || !strings.Contains(out, words) {
			t.Errorf("%d, no %q in\n%s", code, words, out)
		}
	}
	out, _, _ = s.command("explain", "--lang", "en", "--config", s.path("config.yaml"), "02:00:5e:10:00:01")
	for _, words := range []string{"device, «board», 49, VLAN 61", "Wi-Fi first: allowed, rule «boards» (device@49), VLAN 61", "SCHOOL_NOT_ALLOWED"} {
		if !strings.Contains(out, words) {
			t.Errorf("no %q in\n%s", words, out)
		}
	}
}

// A reload takes devices and machines anew.
func TestReloadOfThings(t *testing.T) {
	s, log := newSite(t), &logged{}
	s.write("config.yaml", policyConfig)
	d := s.started(log)
	ask := func() identity.Reason {
		return d.auth.Authenticate(t.Context(), identity.Credential{Name: "x", Proof: identity.HardwareAddress("02:00:5e:10:00:01"), Channel: identity.ChannelWiFi,
			Source: identity.Source{Device: "02:00:5e:10:00:01"}}).Reason
	}
	if got := ask(); got != identity.ReasonUnknownDevice {
		t.Error(got)
	}
	s.write("config.yaml", withThings(policyConfig))
	log.take()
	d.reload()
	if said := log.take(); strings.Contains(said, "restart") || strings.Contains(said, "refused") {
		t.Errorf("after a reload: %s", said)
	}
	if got := ask(); got != identity.ReasonListed {
		t.Error(got)
	}
	s.write("config.yaml", policyConfig)
	d.reload()
	if got := ask(); got != identity.ReasonUnknownDevice {
		t.Errorf("a device that was taken off the list: %s", got)
	}
}

// The authorities and VLANs of a configuration arrive where they decide.
func TestInventoryOfAConfiguration(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", withThings(policyConfig))
	n, err := inventoryOf(loaded(t, s.path("config.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := n.Device("02:00:5e:10:00:01"); !ok || d != (auth.Device{Address: "02:00:5e:10:00:01", Name: "board", School: "49", VLAN: policy.VLAN{Number: 61}}) {
		t.Errorf("%+v", d)
	}
	if m, _, ok := n.Machines("pcs", []string{"a.school49.example"}); !ok || m.School != "49" {
		t.Errorf("%+v", m)
	}
}
