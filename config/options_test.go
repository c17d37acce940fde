package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// options has a row for every option: another value than the default that is
// taken, and one that is refused.
var options = map[string]struct{ good, bad string }{
	"state":                                    {"/srv/bridge", `"a\tb"`},
	"store.path":                               {"people.db", `"a\u0000"`},
	"store.url_file":                           {"secret", "missing"},
	"store.keep_leavers":                       {"365d", "1d"},
	"store.keyset_file":                        {"keys.json", "[a]"},
	"store.replica":                            {"radius-1", "'радиус 1'"},
	"tls.certificate_file":                     {"server.pem", "missing.pem"},
	"tls.key_file":                             {"server-key.pem", "empty"},
	"mosru.url":                                {"http://127.0.0.1:8090", "http://mos.example"},
	"mosru.issuer":                             {"https://a.example/", "true"},
	"mosru.client_id":                          {"other", `""`},
	"mosru.client_secret_file":                 {"other-secret", "missing"},
	"mosru.ca_file":                            {"server.pem", "."},
	"mosru.timeout":                            {"1s", "1h"},
	"mosru.requests_per_second":                {"7.5", ".nan"},
	"mosru.burst":                              {"7", "0"},
	"mosru.in_flight":                          {"7", "many"},
	"mosru.breaker.failures":                   {"7", "1.5"},
	"mosru.breaker.open_for":                   {"7s", "7"},
	"mosru.contacts_verified_default":          {"no", "perhaps"},
	"mosru.events.issuer":                      {"https://a.example", "true"},
	"mosru.events.audience":                    {"bridge", "{a: b}"},
	"mosru.events.keys_file":                   {"keys.json", "missing"},
	"mosru.events.password_key_file":           {"secret", "missing"},
	"mosru.events.max_age":                     {"1h", "1s"},
	"mosru.events.heartbeat":                   {"30s", "2d"},
	"ldap.listen":                              {`["127.0.0.1:389"]`, `["localhost"]`},
	"ldap.listen_tls":                          {`["[::1]:636"]`, `[":0"]`},
	"ldap.listeners":                           {`[{address: "127.0.0.1:1389"}]`, "127.0.0.1:1389"},
	"ldap.listeners[].address":                 {"127.0.0.1:2389", "localhost"},
	"ldap.listeners[].tls":                     {"yes", "perhaps"},
	"ldap.listeners[].old_tls":                 {"yes", "1.0"},
	"ldap.listeners[].certificate_file":        {"server.pem", "missing.pem"},
	"ldap.listeners[].key_file":                {"server-key.pem", "empty"},
	"ldap.listeners[].balancers":               {"[10.0.0.5, 'fd00::/64']", "[0.0.0.0/0]"},
	"ldap.listeners[].idle":                    {"1h", "0s"},
	"ldap.listeners[].keepalive":               {"10s", "1d"},
	"ldap.base":                                {"o=School", "school"},
	"ldap.schema":                              {"ad", "nis"},
	"ldap.views":                               {`[{base: "dc=ad,dc=example"}]`, "ad"},
	"ldap.views[].base":                        {"dc=ad,dc=test", "ad"},
	"ldap.views[].schema":                      {"rfc2307bis", "nis"},
	"ldap.upn_suffix":                          {"school.example", `"@school.example"`},
	"ldap.attributes":                          {`[{name: title, value: "{role}"}]`, "title"},
	"ldap.attributes[].name":                   {"badge", `""`},
	"ldap.attributes[].value":                  {`"{school}, {class:latin}"`, `"{parents}"`},
	"ldap.plain_bind":                          {"always", "sometimes"},
	"ldap.services":                            {`[{dn: "cn=z,o=school", password_file: secret}]`, "cn=x"},
	"ldap.services[].dn":                       {"cn=y,o=school", "y"},
	"ldap.services[].password_file":            {"other-secret", "missing"},
	"ldap.services[].sync":                     {"true", "perhaps"},
	"ldap.services[].schools":                  {`["0049"]`, "[a, a]"},
	"ldap.services[].attributes":               {"[uid]", "[uid, UID]"},
	"ldap.services[].from":                     {"[10.0.0.0/8]", "[10.0.0.1/8]"},
	"ldap.services[].roles":                    {"staff", "[parent]"},
	"ldap.services[].certificates":             {"[{authority: a, name: b}]", "[a]"},
	"ldap.access":                              {"[{name: b, who: staff, sees: pupil}]", "[b]"},
	"ldap.access[].name":                       {"b", `""`},
	"ldap.access[].who":                        {"pupil", "[guest]"},
	"ldap.access[].sees":                       {"[staff, pupil]", "[all]"},
	"ldap.access[].schools":                    {"any", "[any, a]"},
	"ldap.access[].attributes":                 {"[cn, a]", "[cm]"},
	"ldap.access[].from":                       {"[10.0.0.0/8]", "[here]"},
	"ldap.certificates.listen":                 {`["127.0.0.1:389"]`, `["127.0.0.1:390"]`},
	"ldap.certificates.authorities":            {"[{name: a, ca_file: ca.pem}]", "[b]"},
	"ldap.services[].certificates[].authority": {"z", `""`},
	"ldap.services[].certificates[].name":      {"board 12", "a*"},
	"ldap.certificates.authorities[].name":     {"y", `""`},
	"ldap.certificates.authorities[].ca_file":  {"third.pem", "secret"},
	"ldap.certificates.authorities[].crl_file": {"devices.crl", "missing"},
	"ldap.limits.connections":                  {"2000", "0"},
	"ldap.limits.per_source":                   {"7", "-1"},
	"ldap.limits.per_person":                   {"7", "0"},
	"ldap.limits.handshakes":                   {"7", "0"},
	"ldap.limits.operations":                   {"7", "0"},
	"ldap.limits.unread":                       {"100000", "10"},
	"ldap.limits.handshake":                    {"7s", "0s"},
	"ldap.limits.request":                      {"7s", "1h"},
	"ldap.limits.idle":                         {"1m", "0s"},
	"ldap.limits.write":                        {"7s", "1h"},
	"ldap.limits.pdu":                          {"65536", "10"},
	"ldap.limits.in_flight":                    {"7", "0"},
	"ldap.limits.entries":                      {"7", "0"},
	"ldap.limits.unindexed":                    {"5000", "1"},
	"ldap.limits.search_time":                  {"7s", "1h"},
	"radius.authentication":                    {`["127.0.0.1:1812"]`, `["127.0.0.1:99999"]`},
	"radius.accounting":                        {`["127.0.0.1:1813"]`, `["radius.example:1813"]`},
	"radius.radsec_limits.connections":         {"2000", "0"},
	"radius.radsec_limits.per_source":          {"7", "0"},
	"radius.radsec_limits.asked":               {"40", "0"},
	"radius.radsec":                            {`["127.0.0.1:2083"]`, `{a: b}`},
	"radius.client_ca_file":                    {"server.pem", "."},
	"radius.clients":                           {`[{name: b, range: 10.9.0.1, secret_file: secret}, {name: c, certificate: c.example}]`, "[b]"},
	"radius.clients[].name":                    {"c", `""`},
	"radius.clients[].range":                   {"10.2.0.0/16", "10.2.0.1/16"},
	"radius.clients[].secret_file":             {"other-secret", "missing"},
	"radius.clients[].certificate":             {"wlc.school.example", strings.Repeat("x", 254)},
	"radius.clients[].school":                  {"0049", "true"},
	"radius.clients[].reject_delay":            {"0s", "1m"},
	"radius.eap.methods":                       {"[ttls]", "[md5]"},
	"radius.eap.inner":                         {"[gtc]", "[pap]"},
	"radius.eap.certificate_file":              {"server.pem", "missing.pem"},
	"radius.eap.key_file":                      {"server-key.pem", "empty"},
	"radius.eap.rsa_certificate_file":          {"server.pem", "missing.pem"},
	"radius.eap.rsa_key_file":                  {"server-key.pem", "empty"},
	"radius.eap.resumption":                    {"0s", "2d"},
	"radius.eap.conversations":                 {"1000", "1"},
	"radius.eap.authorities":                   {"[{name: b, ca_file: server.pem}]", "[b]"},
	"radius.eap.authorities[].name":            {"c", `""`},
	"radius.eap.authorities[].ca_file":         {"server.pem", "secret"},
	"wifi.ssids":                               {"[school]", strings.Repeat("x", 33)},
	"wifi.hidden":                              {"true", "maybe"},
	"wifi.server_names":                        {"bridge.example", `["*.example"]`},
	"wifi.ca_file":                             {"server.pem", "missing"},
	"wifi.method":                              {"peap-mschapv2", "leap"},
	"wifi.outer_identity":                      {"nobody", strings.Repeat("x", 65)},
	"wifi.organization":                        {"Школа № 49", `" x"`},
	"names.domains":                            {"[MESH, MOS]", "[mesh, MESH]"},
	"names.realms":                             {"[school.example]", `[""]`},
	"policy.time_zone":                         {"Asia/Omsk", "Moscow"},
	"policy.rules":                             {"[{name: b, allow: false}]", "{name: b}"},
	"policy.rules[].name":                      {"c", `" c"`},
	"policy.rules[].roles":                     {"[staff]", "[stuff]"},
	"policy.rules[].channels":                  {"wifi", "[wlan]"},
	"policy.rules[].schools":                   {"any", "[any, a]"},
	"policy.rules[].nas":                       {"[a]", "[nobody]"},
	"policy.rules[].ssids":                     {"[school]", "{a: b}"},
	"policy.rules[].hours":                     {`["mon-fri 07:00-20:00"]`, `["noon"]`},
	"policy.rules[].allow":                     {"false", "maybe"},
	"policy.rules[].vlan":                      {"20", "4095"},
	"policy.rules[].idle":                      {"10m", "60d"},
	"policy.rules[].bandwidth.down":            {"20M", "20"},
	"policy.rules[].bandwidth.up":              {"512k", "5G"},
	"policy.rules[].session":                   {"2h", "60d"},
	"policy.rules[].filter":                    {"staff", strings.Repeat("x", 254)},
	"auth.confirmation":                        {"1h", "1y"},
	"auth.confirmation_without_events":         {"1m", "10m"},
	"auth.confirmations":                       {"1000", "1"},
	"auth.nt_hash":                             {"off", "0"},
	"auth.nt_hashes":                           {"1000", "1"},
	"auth.nt_max_age":                          {"10d", "1m"},
	"auth.local_grace":                         {"1h", "-1h"},
	"auth.offline_grace":                       {"2h", "25h"},
	"auth.failures_per_login":                  {"3", "1"},
	"auth.failures_per_device":                 {"3", "0"},
	"auth.failures_per_source":                 {"3", "0"},
	"auth.failures_window":                     {"2h", "1s"},
	"registry.ending_share":                    {"0.5", "5"},
	"registry.ending_minimum":                  {"7", "-7"},
	"statistics.deadlines.staff":               {`"01.08.2021"`, `"2021-13-01"`},
	"statistics.deadlines.pupils":              {`"2021-09-01"`, "soon"},
	"statistics.deadlines.parents":             {`"2021-09-01"`, `"31.02.2021"`},
	"teams.classes":                            {"false", "some"},
	"teams.removal_share":                      {"0.5", "5"},
	"teams.removal_minimum":                    {"7", "-7"},
	"statistics.keep_tries":                    {"30d", "1h"},
	"web.listen":                               {"127.0.0.1:8081", "8081"},
	"web.events":                               {"/push", "/metrics"},
	"web.proxies":                              {"[10.0.0.0/8]", "[10.0.0.1/8]"},
	"web.monitors":                             {"[10.0.0.0/8]", "[10.0.0.1/8]"},
	"web.limits.connections":                   {"100", "0"},
	"web.limits.per_source":                    {"10", "0"},
	"web.recovery_url":                         {"https://a.example/r", "a.example"},
	"web.keep_support":                         {"30d", "1h"},
	"web.support_url":                          {"https://a.example/s", "ftp://a.example"},
	"web.fallback_url":                         {"https://a.example/f", "http://a.example"},
	"web.public_url":                           {"https://b.example", "http://b.example"},
	"web.sign_in":                              {"mosru", "google"},
	"web.sessions.idle":                        {"5m", "1s"},
	"web.sessions.longest":                     {"1h", "7d"},
	"web.administration.break_glass":           {"false", "perhaps"},
	"web.administration.idle":                  {"5m", "1s"},
	"web.administration.longest":               {"1h", "7d"},
	"web.administration.invitation":            {"1d", "1m"},
	"web.administration.groups":                {`[{group: "CN=b", role: auditor}]`, "CN=b"},
	"web.administration.groups[].group":        {`"CN=b-{school},OU=c"`, `"CN={role}"`},
	"web.administration.groups[].role":         {"curator", "root"},
	"web.administration.groups[].schools":      {`["0050"]`, "[a, a]"},
	"web.diary_url":                            {"https://a.example/d", "http://a.example"},
	"web.start_url":                            {"https://a.example/f", "http://a.example"},
	"ad.names.ezhd":                            {"true", "perhaps"},
	"ad.names.made":                            {"true", "perhaps"},
	"ad.names.pattern":                         {"'{first}.{last}'", "'{last}{f}{n}'"},
	"ad.server":                                {"ldaps://dc1.example:636", "ldap://dc1.example"},
	"ad.ca_file":                               {"server.pem", "missing"},
	"ad.bind":                                  {"bridge@obr.example", `" x"`},
	"ad.password_file":                         {"secret", "missing"},
	"ad.base":                                  {"OU=schools,DC=obr,DC=example", "schools"},
	"ad.search_base":                           {"DC=obr,DC=example", "obr"},
	"ad.adopt_bases":                           {`["OU=old,DC=obr,DC=example"]`, "[old]"},
	"ad.ou":                                    {"OU={school}", strings.Repeat("x", 257)},
	"ad.groups":                                {`["CN={school}"]`, "CN=x"},
	"ad.upn_suffix":                            {"obr.example", strings.Repeat("x", 129)},
	"ad.districts":                             {"[{name: ЮАО, label: uao}]", "ЮАО"},
	"ad.districts[].name":                      {"САО", `""`},
	"ad.districts[].label":                     {"sao", strings.Repeat("x", 64)},
	"ad.mark_attribute":                        {"employeeID", strings.Repeat("x", 65)},
	"ad.stamp_attribute":                       {"adminDisplayName", strings.Repeat("x", 65)},
	"ad.stale_password":                        {"scramble", "burn"},
	"ad.timeout":                               {"5s", "1h"},
	"ad.sweep":                                 {"1h", "1s"},
	"ad.disable_share":                         {"0.5", "2"},
	"ad.disable_minimum":                       {"7", "-7"},
	"upstreams":                                {"[{name: b, kind: ldap, unmarked: true, schools: any, profile: {subject: entryUUID}, ldap: {servers: 'ldaps://b.example', bind: 'uid={login},o=b'}}]", "school"},
	"upstreams[].name":                         {"other-ad", "Школа"},
	"upstreams[].kind":                         {"http", "ftp"},
	"upstreams[].domains":                      {"[B]", "[B, b]"},
	"upstreams[].realms":                       {"b.example", `"@b.example"`},
	"upstreams[].unmarked":                     {"true", "perhaps"},
	"upstreams[].schools":                      {`["0049"]`, "all"},
	"upstreams[].roles":                        {"parent", "guest"},
	"upstreams[].confirmed":                    {"[snils, phone]", "all"},
	"upstreams[].timeout":                      {"1s", "1h"},
	"upstreams[].in_flight":                    {"7", "0"},
	"upstreams[].breaker.failures":             {"7", "0"},
	"upstreams[].breaker.open_for":             {"7s", "7"},
	"upstreams[].profile.subject":              {"uid", `""`},
	"upstreams[].profile.login":                {"uid", strings.Repeat("x", 129)},
	"upstreams[].profile.last":                 {"sn", strings.Repeat("x", 129)},
	"upstreams[].profile.first":                {"gn", strings.Repeat("x", 129)},
	"upstreams[].profile.middle":               {"mn", strings.Repeat("x", 129)},
	"upstreams[].profile.snils":                {"employeeID", strings.Repeat("x", 129)},
	"upstreams[].profile.phone":                {"mobile", strings.Repeat("x", 129)},
	"upstreams[].profile.email":                {"mail", strings.Repeat("x", 129)},
	"upstreams[].profile.birth_date":           {"born", strings.Repeat("x", 129)},
	"upstreams[].ldap.servers":                 {"[ldap://b.example, 'ldaps://c.example:636']", "https://b.example"},
	"upstreams[].ldap.ca_file":                 {"server.pem", "missing"},
	"upstreams[].ldap.bind":                    {`"uid={login},o=c"`, "cn=bridge"},
	"upstreams[].ldap.base":                    {"o=c", "c"},
	"upstreams[].ldap.filter":                  {`"(uid={login})"`, `"uid={login}"`},
	"upstreams[].http.url":                     {"https://b.example/check", "http://b.example"},
	"upstreams[].http.ca_file":                 {"server.pem", "missing"},
	"upstreams[].http.secret_file":             {"other-secret", "missing"},
	"upstreams[].http.body":                    {`'{"a": {login}, "b": [{password}]}'`, `'{"a": "{login}", "b": {password}}'`},
	"upstreams[].http.answers":                 {"[{status: 201, outcome: right}, {status: 403, outcome: wrong}]", "ok"},
	"upstreams[].http.answers[].status":        {"202", "600"},
	"upstreams[].http.answers[].field":         {"a.b", strings.Repeat("x", 129)},
	"upstreams[].http.answers[].value":         {"\"true\"", "true"},
	"upstreams[].http.answers[].outcome":       {"locked", "yes"},
	"ad.birth_attribute":                       {"extensionAttribute1", strings.Repeat("x", 65)},
	"ad.duplicates_ou":                         {"OU=rest", "OU=" + strings.Repeat("x", 257)},
	"ad.move_share":                            {"0.5", "2"},
	"ad.move_minimum":                          {"7", "-7"},
	"ad.rename_share":                          {"0.5", "2"},
	"ad.rename_minimum":                        {"7", "-7"},
	"ad.group_share":                           {"0.5", "2"},
	"ad.group_minimum":                         {"7", "-7"},
	"ad.brake_maximum":                         {"7", "-7"},
	"ad.window":                                {`["mon-fri 22:00-06:00"]`, "[noon]"},
	"ad.rate":                                  {"7.5", "0.01"},
	"ad.grace_days":                            {"14", "91"},
	"ad.places":                                {"[{ou: OU=all}]", "pupils"},
	"ad.places[].roles":                        {"[pupil]", "[parent]"},
	"ad.places[].schools":                      {`["0049"]`, "[a, a]"},
	"ad.places[].ou":                           {"OU={school}", strings.Repeat("x", 257)},
	"ad.places[].groups":                       {`["CN={school}"]`, "CN=x"},
	"ad.attributes":                            {`[{name: company, value: "{school}"}]`, "company"},
	"ad.attributes[].name":                     {"department", `""`},
	"ad.attributes[].value":                    {`"{class}"`, strings.Repeat("x", 257)},
	"ad.attributes[].roles":                    {"[staff]", "[parent]"},
	"ad.attributes[].schools":                  {`["0049"]`, "[a, a]"},
	"log.format":                               {"text", "xml"},
	"log.level":                                {"debug", "loud"},

	"radius.clients[].message_authenticator": {"optional", "no"},
	"radius.eap.authorities[].crl_file":      {"devices.crl", "missing"},

	"radius.clients[].dynamic_authorization.port":        {"3799", "70000"},
	"radius.clients[].dynamic_authorization.secret_file": {"other-secret", "missing"},
	"radius.clients[].dynamic_authorization.radsec":      {"true", "perhaps"},
	"radius.clients[].dynamic_authorization.coa":         {"false", "perhaps"},
	"audit.keep_sign_ins":                                {"90d", "1h"},
	"radius.journal.keep":                                {"30d", "1h"},
	"radius.journal.interim":                             {"5m", "1s"},
	"radius.journal.silence":                             {"1h", "1m"},
	"radius.simultaneous.staff":                          {"5", "-1"},
	"radius.simultaneous.pupil":                          {"2", "many"},
	"radius.clients[].vendor":                            {"mikrotik", "zyxel"},
	"radius.devices":                                     {`[{address: 02005e100002, name: b, school: a}]`, "[board]"},
	"radius.devices[].address":                           {"02-00-5E-10-00-03", "02:00"},
	"radius.devices[].name":                              {"printer", `""`},
	"radius.devices[].school":                            {"0049", `""`},
	"radius.devices[].vlan":                              {"boards", "4095"},
	"radius.devices_file":                                {"boards.csv", "missing"},
	"radius.machines":                                    {`[{authority: b, name: pc.b.example, school: a}]`, "[pc]"},
	"radius.machines[].authority":                        {"b", `""`},
	"radius.machines[].name":                             {"pc1.a.example", "pc*.a.example"},
	"radius.machines[].school":                           {"0049", "[a]"},
	"radius.machines[].vlan":                             {"70", "a b"},
	"radius.people_authorities":                          {"city", "[city, city]"},
}

// base is a configuration in which every option can be set.
const base = `
mosru: {url: "https://login.example", client_id: bridge, client_secret_file: secret}
ldap: {base: o=school, plain_bind: loopback, listeners: [{address: "127.0.0.1:3890"}], views: [{base: o=elsewhere}], attributes: [{name: a, value: b}], services: [{dn: "cn=x,o=school", password_file: secret, certificates: [{authority: a, name: board}]}], access: [{name: a, who: staff, sees: staff}], certificates: {authorities: [{name: z, ca_file: ca.pem}, {name: a, ca_file: other.pem}]}}
radius: {clients: [{name: a, range: 10.1.0.0/16, secret_file: secret}], devices: [{address: "02:00:5e:10:00:01", name: board, school: a}], machines: [{authority: a, name: "*.a.example", school: a}], eap: {authorities: [{name: a, ca_file: ca.pem}]}}
policy: {rules: [{name: a, allow: true}]}
web: {public_url: "https://id.example", administration: {groups: [{group: "CN=admins", role: school, schools: ["0049"]}]}}
ad: {districts: [{name: ЮВАО, label: uvao}], places: [{groups: ["CN=a"]}], attributes: [{name: a, value: b}]}
upstreams: [{name: school, kind: ldap, domains: A, realms: a.example, schools: any, profile: {subject: objectGUID}, ldap: {servers: ["ldaps://a.example"], bind: "uid={login},o=a", base: o=a}, http: {url: "https://a.example/", body: '{"l": {login}, "p": {password}}', secret_file: secret, answers: [{status: 200, outcome: right}, {status: 401, outcome: wrong}]}}]
`

// folder has the files that the tests name.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret": "sixteen-letters-and-more\n", "other-secret": "seventeen-letters-and-more\n", "empty": "\n", "keys.json": `{"keys":[{}]}`,
		"boards.csv": "address;name;school;vlan\n02-00-5e-10-00-07;доска;0049;60\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, dir)
	for _, name := range []string{"other.pem", "third.pem"} {
		another := t.TempDir()
		writeCertificate(t, another)
		if err := errors.Join(os.Rename(filepath.Join(another, "ca.pem"), filepath.Join(dir, name)), os.Rename(filepath.Join(another, "devices.crl"), filepath.Join(dir, name+".crl"))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// with sets one option in base, and what it depends on.
func with(t *testing.T, path, value string) string {
	t.Helper()
	var root, set yaml.Node
	for text, node := range map[string]*yaml.Node{base: &root, value: &set} {
		if err := yaml.Unmarshal([]byte(text), node); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	put(root.Content[0], strings.Split(path, "."), set.Content[0])
	partners := map[string]string{
		"tls.certificate_file": "tls.key_file=server-key.pem", "tls.key_file": "tls.certificate_file=server.pem",
		"radius.eap.certificate_file": "radius.eap.key_file=server-key.pem", "radius.eap.key_file": "radius.eap.certificate_file=server.pem",
		"radius.eap.rsa_certificate_file": "radius.eap.rsa_key_file=server-key.pem", "radius.eap.rsa_key_file": "radius.eap.rsa_certificate_file=server.pem",
		"ldap.listen": "ldap.plain_bind=loopback", "policy.rules[].vlan": "", "ldap.listen_tls": "tls.certificate_file=server.pem tls.key_file=server-key.pem",
		"mosru.events.issuer":   "mosru.events.audience=a mosru.events.keys_file=keys.json",
		"mosru.events.audience": "mosru.events.issuer=a mosru.events.keys_file=keys.json", "mosru.events.keys_file": "mosru.events.issuer=a mosru.events.audience=a",
	}
	partners["ldap.certificates.listen"] = "ldap.listen=[127.0.0.1:389] ldap.plain_bind=loopback"
	partners["wifi.ssids"] = "wifi.server_names=bridge.example wifi.ca_file=server.pem"
	partners["ad.server"] = "ad.bind=b@obr.example ad.password_file=secret ad.base=OU=schools,DC=obr ad.search_base=DC=obr"
	partners["ldap.listeners[].tls"], partners["ldap.listeners[].old_tls"] = partners["ldap.listen_tls"], partners["ldap.listen_tls"]
	partners["ldap.listeners[].certificate_file"] = partners["ldap.listen_tls"] + " ldap.listeners[].key_file=server-key.pem"
	partners["ldap.listeners[].key_file"] = partners["ldap.listen_tls"] + " ldap.listeners[].certificate_file=server.pem"
	for _, role := range []string{"staff", "pupil"} {
		partners["radius.simultaneous."+role] = "radius.accounting=[127.0.0.1:1813]"
	}
	partners["radius.radsec"] = partners["ldap.listen_tls"] + " radius.client_ca_file=server.pem"
	for partner := range strings.FieldsSeq(partners[path]) {
		key, text, _ := strings.Cut(partner, "=")
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		put(root.Content[0], strings.Split(key, "."), node.Content[0])
	}
	out, err := yaml.Marshal(&root)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func put(at *yaml.Node, path []string, value *yaml.Node) {
	key, list := strings.CutSuffix(path[0], "[]")
	var child *yaml.Node
	for i := 0; i < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			child = at.Content[i+1]
		}
	}
	if child == nil {
		child = &yaml.Node{Kind: yaml.MappingNode}
		at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, child)
	}
	if list {
		child = child.Content[0]
	}
	if len(path) == 1 {
		*child = *value
		return
	}
	put(child, path[1:], value)
}

// each visits every option, lists of sections included.
func each(visit func(path string, f reflect.StructField)) {
	walk(reflect.TypeFor[Config](), "", func(path string, f reflect.StructField) {
		if !section(f.Type) {
			visit(path, f)
		}
	})
}

func TestEveryOptionIsDocumentedAndTested(t *testing.T) {
	known := map[string]bool{}
	walk(reflect.TypeFor[Config](), "", func(path string, f reflect.StructField) {
		known[path] = true
		d := docs[path]
		if d.ru == "" || d.en == "" {
			t.Errorf("%s: docs.go says nothing in one of the languages", path)
		}
		if !strings.ContainsFunc(d.ru, func(r rune) bool { return r >= 'А' && r <= 'я' }) && !strings.HasPrefix(path, "log.level") {
			t.Errorf("%s: the Russian text is not Russian: %s", path, d.ru)
		}
	})
	each(func(path string, f reflect.StructField) {
		_, hasDefault := f.Tag.Lookup("default")
		if need := f.Tag.Get("need") != ""; need == hasDefault {
			t.Errorf("%s: an option has either a default or need", path)
		}
		isList := f.Type.Kind() == reflect.Slice && section(f.Type.Elem())
		if docs[path].example == "" && !isList {
			t.Errorf("%s: no example", path)
		}
		switch f.Type.Kind() {
		case reflect.Int, reflect.Float64, reflect.Int64:
			if f.Tag.Get("min") == "" || f.Tag.Get("max") == "" {
				t.Errorf("%s: a number needs min and max", path)
			}
		}
		if row := options[path]; row.good == "" || row.bad == "" {
			t.Errorf("%s: no row in the table of this test", path)
		}
	})
	for path := range docs {
		if !known[path] {
			t.Errorf("docs.go explains %s, which does not exist", path)
		}
	}
	for path := range options {
		if !known[path] {
			t.Errorf("the test's table has %s, which does not exist", path)
		}
	}
}

func TestEveryOptionIsTakenAndChecked(t *testing.T) {
	dir := folder(t)
	plain, faults := Check([]byte(base), dir)
	if plain == nil {
		t.Fatal(faults)
	}
	each(func(path string, f reflect.StructField) {
		row := options[path]
		t.Run(path, func(t *testing.T) {
			c, faults := Check([]byte(with(t, path, row.good)), dir)
			if c == nil {
				t.Fatalf("%s is refused: %s", row.good, lines(faults))
			}
			if reflect.DeepEqual(value(c, path), value(plain, path)) {
				t.Errorf("%s changes nothing", row.good)
			}
			_, faults = Check([]byte(with(t, path, row.bad)), dir)
			for _, fault := range faults {
				if strings.HasPrefix(listIndex.ReplaceAllString(fault.Path, "[]"), strings.TrimSuffix(path, "[]")) && !fault.Warning {
					if fault.Line == 0 || fault.Remedy.RU == "" || fault.Remedy.EN == "" {
						t.Errorf("a fault without line or remedy: %+v", fault)
					}
					return
				}
			}
			t.Errorf("%s is taken: %s", row.bad, lines(faults))
		})
	})
}

// value reads a path out of a configuration.
func value(c *Config, path string) any {
	v := reflect.ValueOf(*c)
	for part := range strings.SplitSeq(path, ".") {
		key, list := strings.CutSuffix(part, "[]")
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("yaml") == key {
				v = v.Field(i)
				break
			}
		}
		if list {
			v = v.Index(0)
		}
	}
	return v.Interface()
}

func lines(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintln(&b, f.Format("en"))
	}
	return b.String()
}
