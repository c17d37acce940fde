package config

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/policy"
)

// defaultStore is the default of store.path.
const defaultStore = "schoolbridge.db"

// resolve finishes the paths that start at the state folder.
func (d *decoder) resolve(c *Config) {
	c.Store.Path = Path(absolute(string(c.State), string(c.Store.Path)))
	c.Store.KeysetFile = Path(absolute(string(c.State), string(c.Store.KeysetFile)))
	if c.Store.URLFile != "" {
		// The default, as the reference writes it, is nobody's wish.
		if c.Store.Path != Path(absolute(string(c.State), defaultStore)) {
			d.faultAt("store.url_file", wrong(say("указаны и store.path, и store.url_file: база одна", "both store.path and store.url_file are set: there is one database"),
				say("оставьте url_file для PostgreSQL или path для SQLite", "keep url_file for PostgreSQL, or path for SQLite")))
		}
		c.Store.Path = ""
	}
	if c.Store.Path == c.Store.KeysetFile {
		d.faultAt("store.keyset_file", wrong(say("ключи и база — один и тот же файл", "keys and database are one file"), say("назовите два файла", "name two files")))
	}
}

// whole checks what no option shows alone.
func (d *decoder) whole(c *Config) {
	d.mosru(c)
	pair := d.certificate(c)
	d.authority("mosru.ca_file", c.Mosru.CAFile)
	d.authority("radius.client_ca_file", c.RADIUS.ClientCAFile)
	d.authority("ad.ca_file", c.AD.CAFile)
	d.authority("wifi.ca_file", c.WiFi.CAFile)
	if own := d.eap(c); len(own) > 0 {
		d.wifi(c, own...)
	} else {
		d.wifi(c, pair)
	}
	d.listeners(c)
	d.ldap(c, pair)
	d.access(c)
	d.radius(c)
	d.things(c)
	d.policy(c)
	d.auth(c)
	d.ad(c)
	d.upstreams(c)
	d.web(c)
	d.administration(c)
}

func (d *decoder) mosru(c *Config) {
	if c.Mosru.ClientSecretFile == "" && c.Mosru.ClientID != "" {
		d.warn("mosru", wrong(say("client_secret_file не указан: mos.ru увидит клиента без секрета", "client_secret_file is not set: mos.ru sees a client without a secret"),
			say("укажите файл с секретом из договора с mos.ru", "name the file with the secret of your agreement with mos.ru")))
	}
	e := c.Mosru.Events
	d.eventKeys(e.KeysFile)
	all := []struct {
		key   string
		given bool
	}{{"issuer", e.Issuer != ""}, {"audience", e.Audience != ""}, {"keys_file", e.KeysFile != "" || d.nodes["mosru.events.keys_file"] != nil}}
	if !all[0].given && !all[1].given && !all[2].given {
		return
	}
	for _, part := range all {
		if !part.given {
			d.faultAt("mosru.events."+part.key, wrong(say("событиям mos.ru нужны issuer, audience и keys_file вместе", "mos.ru's events need issuer, audience and keys_file together"),
				say("добавьте %s или уберите остальные", "add %s or remove the others", part.key)))
		}
	}
}

// eventKeys makes sure of the kind of file only: which of its keys serve is
// for the receiver to say.
func (d *decoder) eventKeys(file File) {
	const path = "mosru.events.keys_file"
	if file == "" || d.faulty(path) {
		return
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	text, err := os.ReadFile(string(file))
	if err != nil || json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 {
		d.faultAt(path, wrong(say("%s — не набор открытых ключей (JWK set)", "%s is no set of public keys (JWK set)", string(file)), say("нужен JSON вида {\"keys\": [...]}, каким его публикует mos.ru", "JSON such as {\"keys\": [...]} is needed, as mos.ru publishes it")))
	}
}

// faulty says whether a fault (not a warning) was noted below a prefix.
func (d *decoder) faulty(prefix string) bool {
	for _, f := range d.faults {
		if !f.Warning && strings.HasPrefix(f.Path, prefix) {
			return true
		}
	}
	return false
}

// listening is an address in use and where it stands.
type listening struct {
	network string
	address Address
	path    string
}

// clashes says whether two sockets cannot be there at once. 0.0.0.0 and [::]
// alike are every address of the machine, of both kinds (net.Listen), and leave
// no room for another on the same port.
func (l listening) clashes(network string, a Address) bool {
	host, port, _ := net.SplitHostPort(string(a))
	ownHost, ownPort, _ := net.SplitHostPort(string(l.address))
	every := func(host string) bool {
		ip, err := netip.ParseAddr(host)
		return host == "" || err == nil && ip.IsUnspecified()
	}
	return l.network == network && ownPort == port && (ownHost == host || every(ownHost) || every(host))
}

// listeners finds addresses that are in each other's way, and a daemon that
// nobody can ask.
func (d *decoder) listeners(c *Config) {
	var seen []listening
	first := func(network string, a Address) *listening {
		i := slices.IndexFunc(seen, func(l listening) bool { return l.clashes(network, a) })
		if i < 0 {
			return nil
		}
		return &seen[i]
	}
	taken := func(a Address, by *listening) *problem {
		if a == by.address {
			return wrong(say("адрес %s уже занят: %s", "the address %s is taken by %s", string(a), by.path), say("выберите другой порт", "choose another port"))
		}
		return wrong(say("адрес %s уже занят: %s (%s); 0.0.0.0 и [::] — это все адреса машины, IPv4 и IPv6", "the address %s is taken by %s (%s); 0.0.0.0 and [::] are all addresses of the machine, IPv4 and IPv6", string(a), by.path, string(by.address)),
			say("оставьте один из двух или выберите другой порт", "keep one of the two, or choose another port"))
	}
	use := func(network, path string, list []Address) {
		for i, a := range list {
			here := fmt.Sprintf("%s[%d]", path, i)
			by := first(network, a)
			if by == nil {
				seen = append(seen, listening{network, a, here})
				continue
			}
			if by.address != a || !strings.HasPrefix(by.path, path+"[") { // the same within one list is told already
				d.faultAt(here, taken(a, by))
			}
		}
	}
	use("tcp", "ldap.listen", c.LDAP.Listen)
	use("tcp", "ldap.listen_tls", c.LDAP.ListenTLS)
	for i, l := range c.LDAP.Listeners {
		use("tcp", fmt.Sprintf("ldap.listeners[%d].address", i), []Address{l.Address})
	}
	use("tcp", "radius.radsec", c.RADIUS.RadSec)
	use("udp", "radius.authentication", c.RADIUS.Authentication)
	use("udp", "radius.accounting", c.RADIUS.Accounting)
	if by := first("tcp", c.Web.Listen); by != nil {
		at := d.near("web.listen")
		if at == nil { // the default is in the way
			at = d.near(by.path)
		}
		d.fault(at, "web.listen", taken(c.Web.Listen, by))
	}
	if len(seen) == 0 {
		d.warn("", wrong(say("служба никого не слушает: нет ни ldap.listen, ни ldap.listen_tls, ни ldap.listeners, ни radius.authentication, ни radius.radsec", "the daemon listens to nobody: none of ldap.listen, ldap.listen_tls, ldap.listeners, radius.authentication, radius.radsec is set"),
			say("включите то, что нужно школе", "switch on what the school needs")))
	}
}

func (d *decoder) ldap(c *Config, pair *tls.Certificate) {
	if c.LDAP.Base == "" && len(c.LDAP.All()) > 0 {
		d.faultAt("ldap.base", wrong(say("LDAP включён, а корня каталога нет", "LDAP is on and has no base"), d.example("ldap.base")))
	}
	if c.LDAP.PlainBind == "always" {
		d.warn("ldap.plain_bind", wrong(say("пароли пойдут по сети открыто", "passwords will cross the network in the clear"), say("по возможности never, а клиентам — LDAPS или StartTLS", "never where possible, and LDAPS or StartTLS for the clients")))
	}
	if c.LDAP.Limits.PerSource > c.LDAP.Limits.Connections && !d.faulty("ldap.limits.connections") {
		d.faultAt("ldap.limits.per_source", wrong(say("с одного адреса разрешено больше соединений, чем всего", "one source may hold more connections than there are"), say("не больше %d", "at most %d", c.LDAP.Limits.Connections)))
	}
	d.ldapListeners(c, pair)
	d.views(c)
	seen := map[string]int{}
	for i, s := range c.LDAP.Services {
		path := fmt.Sprintf("ldap.services[%d].dn", i)
		dn, base := s.DN.Folded(), c.LDAP.Base.Folded()
		d.once(seen, dn, path)
		if s.DN != "" && base != "" && !below(dn, base) && !d.faulty(path) && !d.faulty("ldap.base") {
			d.faultAt(path, wrong(say("служебная учётная запись не под корнем %s", "the service account is not below the base %s", string(c.LDAP.Base)), say("напишите, например, cn=reader,ou=services,%s", "write, for example, cn=reader,ou=services,%s", string(c.LDAP.Base))))
		}
		for _, place := range []string{"people", "groups", "personal"} {
			if below(dn, "ou="+place+","+base) {
				d.faultAt(path, wrong(say("в ou=%s лежат не служебные записи", "ou=%s is no place of service accounts", place), say("напишите, например, cn=reader,ou=services,%s", "write, for example, cn=reader,ou=services,%s", string(c.LDAP.Base))))
			}
		}
		d.anyAlone(fmt.Sprintf("ldap.services[%d]", i), s.Schools)
	}
}

// views faults bases that are not apart, and attributes that come twice.
func (d *decoder) views(c *Config) {
	bases := []string{c.LDAP.Base.Folded()}
	for i, v := range c.LDAP.Views {
		base := v.Base.Folded()
		for _, other := range bases {
			if base != "" && (base == other || below(base, other) || below(other, base)) {
				d.faultAt(fmt.Sprintf("ldap.views[%d].base", i), wrong(say("корень пересекается с %s", "the base is not apart from %s", other), say("дайте виду свой корень, например dc=ad,dc=example", "give the view a base of its own, for example dc=ad,dc=example")))
			}
		}
		bases = append(bases, base)
	}
	seen := map[string]int{}
	for i, a := range c.LDAP.Attributes {
		d.once(seen, strings.ToLower(a.Name), fmt.Sprintf("ldap.attributes[%d].name", i))
	}
}

// once faults the second use of a name in a list of sections.
func (d *decoder) once(seen map[string]int, name, path string) {
	if line, again := seen[name]; again && name != "" {
		d.faultAt(path, wrong(say("%s уже есть в строке %d", "%s is already in line %d", show(name), line), say("имена не повторяются", "names are unique")))
	}
	if n := d.near(path); n != nil {
		seen[name] = n.Line
	}
}

func (d *decoder) radius(c *Config) {
	names, ranges, certificates := map[string]int{}, map[string]int{}, map[string]int{}
	for i, client := range c.RADIUS.Clients {
		path := fmt.Sprintf("radius.clients[%d]", i)
		d.once(names, client.Name, path+".name")
		if client.Range.IsValid() {
			d.once(ranges, client.Range.String(), path+".range")
		}
		d.once(certificates, strings.ToLower(client.Certificate), path+".certificate")
		d.provesItself(path, c, client)
		if client.MessageAuthenticator == "optional" {
			d.warn(path+".message_authenticator", wrong(say("без Message-Authenticator ответы можно подделать (Blast-RADIUS, CVE-2024-3596)", "without Message-Authenticator replies can be forged (Blast-RADIUS, CVE-2024-3596)"),
				say("только для старых устройств; обновите их и верните required", "for old devices only; update them and go back to required")))
		}
		d.weak(path+".secret_file", client)
		if client.DynamicAuthorization.Port != 0 && client.DynamicAuthorization.SecretFile == "" && client.SecretFile == "" {
			d.faultAt(path+".dynamic_authorization", wrong(say("просьбу отключить нечем подписать", "nothing signs the request to disconnect"),
				say("добавьте dynamic_authorization.secret_file", "add dynamic_authorization.secret_file")))
		}
		if client.DynamicAuthorization.RadSec && len(c.RADIUS.RadSec) == 0 {
			d.warn(path+".dynamic_authorization", wrong(say("radsec: true, а radius.radsec не слушает", "radsec: true, and radius.radsec does not listen"),
				say("добавьте radius.radsec или уберите radsec", "add radius.radsec or remove radsec")))
		}
		if client.DynamicAuthorization.SecretFile != "" && client.DynamicAuthorization.Port == 0 {
			d.warn(path+".dynamic_authorization", wrong(say("секрет есть, а port не задан: никого не отключают", "there is a secret and no port: nobody is disconnected"),
				say("добавьте port: 3799 или уберите secret_file", "add port: 3799 or remove secret_file")))
		}
	}
	d.sessions(c)
	if l := c.RADIUS.RadSecLimits; l.PerSource > l.Connections && !d.faulty("radius.radsec_limits.connections") {
		d.faultAt("radius.radsec_limits.per_source", wrong(say("с одного адреса разрешено больше соединений, чем всего", "one source may hold more connections than there are"), say("не больше %d", "at most %d", l.Connections)))
	}
	if len(c.RADIUS.RadSec) > 0 && c.RADIUS.ClientCAFile == "" && !d.faulty("radius.client_ca_file") {
		d.faultAt("radius.client_ca_file", wrong(say("для RadSec не указан удостоверяющий центр клиентов", "there is no authority for the certificates of RadSec clients"),
			say("укажите radius.client_ca_file", "set radius.client_ca_file")))
	}
	if len(c.RADIUS.Authentication)+len(c.RADIUS.RadSec) > 0 && len(c.RADIUS.Clients) == 0 && !d.faulty("radius.clients") {
		d.warn("radius", wrong(say("RADIUS включён, а точек доступа нет: все пакеты будут отброшены", "RADIUS is on and has no clients: every packet will be dropped"), say("добавьте radius.clients", "add radius.clients")))
	}
}

// sessions checks what the journal of sessions needs.
func (d *decoder) sessions(c *Config) {
	if j := c.RADIUS.Journal; j.Silence < 2*j.Interim && !d.faulty("radius.journal") {
		d.faultAt("radius.journal.silence", wrong(say("silence меньше двух interim: одно потерянное сообщение закончит сеанс", "silence is below two interims: one lost message would end a session"),
			say("задайте не меньше 2 × interim, лучше 3,5", "set at least 2 × interim, better 3.5")))
	}
	if s := c.RADIUS.Simultaneous; s.Staff+s.Pupil > 0 && len(c.RADIUS.Accounting)+len(c.RADIUS.RadSec) == 0 {
		d.faultAt("radius.simultaneous", wrong(say("без учёта не видно, кто в сети", "without accounting nobody knows who is on the network"),
			say("укажите radius.accounting и включите учёт на контроллере", "set radius.accounting and switch accounting on at the controller")))
	}
}

// provesItself looks whether a client can be told from others.
func (d *decoder) provesItself(path string, c *Config, client Client) {
	if !client.Range.IsValid() && !d.faulty(path+".range") && (client.Certificate == "" || client.SecretFile != "") {
		d.faultAt(path+".range", wrong(say("не указано, с каких адресов приходит клиент", "it is not said from which addresses the client comes"),
			say("укажите range, а для клиента только RadSec — certificate и никакого secret_file", "set range, or for a client of RadSec alone certificate and no secret_file")))
	}
	if client.SecretFile == "" && client.Certificate == "" && !d.faulty(path+".secret_file") {
		d.faultAt(path+".secret_file", wrong(say("у клиента нет ни общего секрета, ни сертификата", "the client has neither a shared secret nor a certificate"),
			say("укажите secret_file (UDP) или certificate (RadSec)", "set secret_file (UDP) or certificate (RadSec)")))
	}
	if client.Certificate != "" && len(c.RADIUS.RadSec) == 0 {
		d.warn(path+".certificate", wrong(say("сертификат клиента нужен только RadSec, а он выключен", "a client's certificate is for RadSec, which is off"), say("укажите radius.radsec", "set radius.radsec")))
	}
}

// weak warns about a shared secret that can be guessed from captured packets.
func (d *decoder) weak(path string, client Client) {
	const enough = 16
	if client.SecretFile == "" || d.faulty(path) { // it may be a pipe, which must not be opened
		return
	}
	secret, err := ReadSecret(client.SecretFile)
	if err != nil || len(secret) >= enough || client.Range.IsValid() && client.Range.Addr().IsLoopback() {
		return
	}
	d.warn(path, wrong(say("секрет короче %d знаков: его подбирают по перехваченным пакетам", "the secret is shorter than %d characters: it can be guessed from captured packets", enough),
		say("openssl rand -hex 16 даёт хороший", "openssl rand -hex 16 makes a good one")))
}

func (d *decoder) policy(c *Config) {
	seen := map[string]int{}
	var nas []string
	for _, client := range c.RADIUS.Clients {
		nas = append(nas, client.Name)
	}
	for _, s := range c.LDAP.Services {
		nas = append(nas, string(s.DN))
	}
	for i, r := range c.Policy.Rules {
		d.once(seen, r.Name, fmt.Sprintf("policy.rules[%d].name", i))
		d.schools(fmt.Sprintf("policy.rules[%d]", i), r.Schools, "own", "any")
		for j, name := range r.NAS {
			if !slices.Contains(nas, name) {
				remedy := say("имена — это radius.clients[].name и ldap.services[].dn", "names are those of radius.clients[].name and ldap.services[].dn")
				if near := Nearest(name, nas); near != "" {
					remedy = say("вы имели в виду %s?", "did you mean %s?", near)
				}
				d.faultAt(fmt.Sprintf("policy.rules[%d].nas[%d]", i, j), wrong(say("устройства %s в настройках нет", "no device is named %s here", show(name)), remedy))
			}
		}
	}
	if _, err := c.Policy.Compile(); err != nil {
		d.compileFaults(err)
	}
}

// compileFaults gives the policy's own objections their lines, where nothing
// was said about the option yet.
func (d *decoder) compileFaults(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			d.compileFaults(e)
		}
		return
	}
	var f *policy.Fault
	if !errors.As(err, &f) {
		d.faultAt("policy.rules", wrong(say("таблица не принята: %v", "the table is refused: %v", err), say("исправьте правило", "mend the rule")))
		return
	}
	path := fmt.Sprintf("policy.rules[%d].%s", f.Index, f.Field)
	if d.faulty(path) {
		return
	}
	d.faultAt(path, wrong(say("правило не принято: %s", "the rule is refused: %s", f.Text), say("исправьте правило; все ключи описывает config reference", "mend the rule; config reference explains every key")))
}

// Compile makes the table of policy, the default one where no rule is written.
func (p Policy) Compile() (*policy.Table, error) {
	if len(p.Rules) == 0 {
		return policy.Compile(policy.Default(), p.TimeZone.Location())
	}
	rules := make([]policy.Rule, len(p.Rules))
	for i, r := range p.Rules {
		rules[i] = policy.Rule{Name: r.Name, Roles: r.Roles, Channels: r.Channels, Schools: r.Schools, NAS: r.NAS, SSIDs: r.SSIDs,
			Hours: r.Hours, Allow: r.Allow, VLAN: string(r.VLAN), Session: r.Session, Idle: r.Idle, Filter: r.Filter,
			Down: r.Bandwidth.Down, Up: r.Bandwidth.Up}
	}
	return policy.Compile(rules, p.TimeZone.Location())
}

func (d *decoder) auth(c *Config) {
	if c.Auth.ConfirmationWithoutEvents > c.Auth.Confirmation {
		d.faultAt("auth.confirmation_without_events", wrong(say("без событий подтверждение живёт дольше, чем с ними", "without events a confirmation lives longer than with them"),
			say("не больше auth.confirmation", "at most auth.confirmation")))
	}
	if len(c.RADIUS.Authentication)+len(c.RADIUS.RadSec) > 0 && c.Mosru.Timeout > 2500*time.Millisecond {
		d.warn("mosru.timeout", wrong(say("Wi-Fi ждёт ответа 3 с: при медленном mos.ru вход сорвётся", "Wi-Fi waits 3 s for an answer: with a slow mos.ru sign-ins will fail"), say("не больше 2500ms", "at most 2500ms")))
	}
}

// web keeps passwords off the network in clear, and sign-ins from leading nowhere.
func (d *decoder) web(c *Config) {
	if c.Web.SignIn == "mosru" && c.Web.Public == "" && !d.faulty("web") {
		d.faultAt("web.sign_in", wrong(say("mos.ru не знает, куда вернуть человека", "mos.ru does not know where to send people back to"),
			say("укажите web.public_url, например https://id.school.example", "set web.public_url, for example https://id.school.example")))
	}
	if c.Web.Sessions.Longest < c.Web.Sessions.Idle {
		d.faultAt("web.sessions.idle", wrong(say("больше, чем web.sessions.longest", "longer than web.sessions.longest"), say("не больше longest", "at most longest")))
	}
	if c.Web.Listen.Loopback() || c.TLS.CertificateFile != "" || d.faulty("tls") {
		return
	}
	d.faultAt("web.listen", wrong(say("страница активации принимает пароли, а сертификата нет", "the activation page takes passwords, and there is no certificate"),
		say("укажите tls.certificate_file и tls.key_file или слушайте 127.0.0.1 за обратным прокси с TLS", "set tls.certificate_file and tls.key_file, or listen on 127.0.0.1 behind a reverse proxy with TLS")))
}
