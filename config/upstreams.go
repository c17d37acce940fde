package config

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"schoolbridge/ldapsrv/filter"
)

// Upstream is a system beside mos.ru that owns people and checks their passwords.
type Upstream struct {
	Name      UpstreamName    `yaml:"name" need:"yes"`
	Kind      string          `yaml:"kind" need:"yes" one:"ldap|http"`
	Domains   []string        `yaml:"domains" default:"" unique:"fold" word:"yes"`
	Realms    []string        `yaml:"realms" default:"" unique:"fold" word:"yes"`
	Unmarked  bool            `yaml:"unmarked" default:"false"`
	Schools   []string        `yaml:"schools" need:"yes" unique:"yes" word:"yes"`
	Roles     []string        `yaml:"roles" default:"staff, pupil" one:"staff|pupil|parent" unique:"yes" word:"yes"`
	Confirmed []string        `yaml:"confirmed" default:"" one:"snils|phone|email|registration" unique:"yes" word:"yes"`
	Timeout   time.Duration   `yaml:"timeout" default:"2500ms" min:"100ms" max:"30s"`
	InFlight  int             `yaml:"in_flight" default:"16" min:"1" max:"1000"`
	Breaker   Breaker         `yaml:"breaker"`
	Profile   UpstreamProfile `yaml:"profile"`
	LDAP      UpstreamLDAP    `yaml:"ldap"`
	HTTP      UpstreamHTTP    `yaml:"http"`
}

// AnySchool says that it may decide about people of all schools.
func (u Upstream) AnySchool() bool { return len(u.Schools) == 1 && u.Schools[0] == "any" }

// UpstreamProfile says in which attribute or JSON field what stands.
type UpstreamProfile struct {
	Subject   string `yaml:"subject" need:"yes" maxlen:"128"`
	Login     string `yaml:"login" default:"" maxlen:"128"`
	Last      string `yaml:"last" default:"" maxlen:"128"`
	First     string `yaml:"first" default:"" maxlen:"128"`
	Middle    string `yaml:"middle" default:"" maxlen:"128"`
	SNILS     string `yaml:"snils" default:"" maxlen:"128"`
	Phone     string `yaml:"phone" default:"" maxlen:"128"`
	Email     string `yaml:"email" default:"" maxlen:"128"`
	BirthDate string `yaml:"birth_date" default:"" maxlen:"128"`
}

// UpstreamLDAP is a bind at an LDAP server.
type UpstreamLDAP struct {
	Servers []LDAPServer `yaml:"servers" default:"" unique:"fold" word:"yes"`
	CAFile  File         `yaml:"ca_file" default:""`
	Bind    string       `yaml:"bind" default:"" maxlen:"256"`
	Base    DN           `yaml:"base" default:""`
	Filter  string       `yaml:"filter" default:"" maxlen:"512"`
}

// UpstreamHTTP is a POST of JSON.
type UpstreamHTTP struct {
	URL        URL        `yaml:"url" default:""`
	CAFile     File       `yaml:"ca_file" default:""`
	SecretFile SecretFile `yaml:"secret_file" default:""`
	Body       JSONBody   `yaml:"body" default:""`
	Answers    []Answer   `yaml:"answers" default:""`
}

// Answer says what an HTTP answer means.
type Answer struct {
	Status  int    `yaml:"status" default:"0" min:"0" max:"599"`
	Field   string `yaml:"field" default:"" maxlen:"128"`
	Value   string `yaml:"value" default:"" maxlen:"128"`
	Outcome string `yaml:"outcome" need:"yes" one:"right|wrong|locked|second_factor|disabled|expired|barred|busy|unreachable|fault"`
}

// The kinds of text that upstreams need.
type (
	UpstreamName string // small Latin letters, digits and -
	LDAPServer   string // ldaps://host:port, or ldap://host:port for StartTLS
	JSONBody     string // JSON with {login} and {password} in the place of strings
)

func (n UpstreamName) check() *problem {
	if n == "" || len(n) > 32 || strings.Trim(string(n), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || n == "mosru" || n == "mos-ru" {
		return wrong(say("%s — не имя системы", "%s is no name of a system", show(string(n))), say("до 32 знаков: строчные латинские буквы, цифры и -, например school49-ad", "at most 32 small Latin letters, digits and -, for example school49-ad"))
	}
	return nil
}

func (s LDAPServer) check() *problem {
	u, err := url.Parse(string(s))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "ldaps" && u.Scheme != "ldap" {
		return wrong(say("%s — не адрес сервера LDAP", "%s is no address of an LDAP server", show(string(s))),
			say("напишите ldaps://dc1.school49.example:636; ldap:// — это StartTLS", "write ldaps://dc1.school49.example:636; ldap:// is StartTLS"))
	}
	return nil
}

func (b JSONBody) check() *problem {
	if b == "" {
		return nil
	}
	remedy := say(`напишите, например, '{"login": {login}, "password": {password}}' — без кавычек вокруг {login} и {password}`,
		`write, for example, '{"login": {login}, "password": {password}}', without quotes around {login} and {password}`)
	for _, place := range []string{"{login}", "{password}"} {
		if !strings.Contains(string(b), place) {
			return wrong(say("в теле запроса нет %s", "the body holds no %s", place), remedy)
		}
	}
	for _, text := range []string{`"\""`, `"a"`} {
		if !json.Valid([]byte(strings.NewReplacer("{login}", text, "{password}", text).Replace(string(b)))) {
			return wrong(say("тело запроса — не JSON", "the body is no JSON"), remedy)
		}
	}
	return nil
}

// upstreams checks what the section's options must have in common.
func (d *decoder) upstreams(c *Config) {
	names, domains, realms := map[string]int{}, map[string]int{}, map[string]int{}
	unmarked := false
	for i := range c.Upstreams {
		u, path := &c.Upstreams[i], fmt.Sprintf("upstreams[%d]", i)
		d.once(names, string(u.Name), path+".name")
		d.schools(path, u.Schools, "any")
		d.anyAlone(path, u.Schools)
		d.marks(path+".domains", u.Domains, c.Names.Domains, domains, `\/@`)
		d.marks(path+".realms", u.Realms, c.Names.Realms, realms, `\/@`)
		switch {
		case u.Unmarked && unmarked:
			d.faultAt(path+".unmarked", wrong(say("логины без домена уже отданы другой системе", "logins without a domain belong to another system already"), say("оставьте unmarked у одной", "keep unmarked at one of them")))
		case !u.Unmarked && len(u.Domains)+len(u.Realms) == 0:
			d.faultAt(path, wrong(say("ни одно имя не принадлежит этой системе: её никогда не спросят", "no name belongs to this system: it is never asked"),
				say("укажите domains (ДОМЕН\\логин), realms (логин@окончание) или unmarked: true", "set domains (DOMAIN\\login), realms (login@realm) or unmarked: true")))
		}
		unmarked = unmarked || u.Unmarked
		if u.Kind == "ldap" {
			d.upstreamLDAP(path+".ldap", u)
		}
		if u.Kind == "http" {
			d.upstreamHTTP(path+".http", u)
		}
		d.authority(path+".ldap.ca_file", u.LDAP.CAFile)
		d.authority(path+".http.ca_file", u.HTTP.CAFile)
		for j, s := range u.LDAP.Servers {
			if parsed, err := url.Parse(string(s)); err == nil && u.Kind == "ldap" && c.AD.On() && strings.EqualFold(parsed.Hostname(), c.AD.Server.ServerName()) {
				d.warn(fmt.Sprintf("%s.ldap.servers[%d]", path, j), wrong(say("это контроллер из ad: служба записывала бы в него пароль, который он же проверил, и срок пароля не истёк бы никогда", "this is the controller of ad: the daemon would write the password there that it has just checked, and no password would ever expire"),
					say("людям этой AD другая целевая AD не нужна: уберите одно из двух", "remove one of the two")))
			}
		}
		if len(c.RADIUS.Authentication)+len(c.RADIUS.RadSec) > 0 && u.Timeout > 2500*time.Millisecond {
			d.warn(path+".timeout", wrong(say("Wi-Fi ждёт ответа 3 с", "Wi-Fi waits 3 s for an answer"), say("не больше 2500ms", "at most 2500ms")))
		}
	}
}

// marks faults what would mark a name for two systems, or for none.
func (d *decoder) marks(path string, list, own []string, seen map[string]int, not string) {
	for i, mark := range list {
		here := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case strings.ContainsAny(mark, not):
			d.faultAt(here, wrong(say("в %s лишние знаки", "%s holds signs that do not belong there", show(mark)), say("без \\, / и @", "without \\, / and @")))
		case slices.ContainsFunc(own, func(s string) bool { return strings.EqualFold(s, mark) }):
			d.faultAt(here, wrong(say("%s есть в names и значит «логин любой системы»", "%s is in names, where it says nothing of whose a login is", show(mark)),
				say("уберите его отсюда или оттуда", "remove it here or there")))
		}
		d.once(seen, strings.ToLower(mark), here)
	}
}

// missing faults an option that the kind of system needs.
func (d *decoder) missing(path string, given bool) {
	if !given && d.nodes[path] == nil {
		d.faultAt(path, wrong(say("без %s система не ответит", "the system cannot be asked without %s", path[strings.LastIndexByte(path, '.')+1:]), d.example(path)))
	}
}

func (d *decoder) upstreamLDAP(path string, u *Upstream) {
	l := u.LDAP
	d.missing(path+".servers", len(l.Servers) > 0)
	d.missing(path+".bind", l.Bind != "")
	bindDN := strings.Contains(l.Bind, "=")
	if !bindDN && l.Bind != "" {
		d.missing(path+".filter", l.Filter != "")
	}
	if l.Filter != "" {
		d.missing(path+".base", l.Base != "")
	}
	for _, part := range []struct{ key, text string }{{".bind", l.Bind}, {".filter", l.Filter}} {
		rest := strings.NewReplacer("{login}", "", "{upn}", "", "{domain}", "").Replace(part.text)
		if part.text != "" && (strings.ContainsAny(rest, "{}") || !strings.Contains(part.text, "{login}") && !strings.Contains(part.text, "{upn}")) {
			d.faultAt(path+part.key, wrong(say("в шаблоне нет логина или есть неизвестная подстановка", "the template has no login, or an unknown placeholder"), say("бывают: {login}, {upn} (логин@realms[0]), {domain} (domains[0])", "there are: {login}, {upn} (login@realms[0]), {domain} (domains[0])")))
		}
		if strings.Contains(part.text, "{upn}") && len(u.Realms) == 0 || strings.Contains(part.text, "{domain}") && len(u.Domains) == 0 {
			d.faultAt(path+part.key, wrong(say("нечем заполнить {upn} или {domain}", "there is nothing to fill {upn} or {domain} with"), say("укажите realms или domains", "set realms or domains")))
		}
	}
	if _, err := filter.Parse(strings.NewReplacer("{login}", "a", "{upn}", "a", "{domain}", "a").Replace(l.Filter)); l.Filter != "" && (err != nil || !strings.HasPrefix(l.Filter, "(")) {
		d.faultAt(path+".filter", wrong(say("%s — не фильтр LDAP", "%s is no LDAP filter", show(l.Filter)), d.example(path+".filter")))
	}
	for i, s := range l.Servers {
		if parsed, err := url.Parse(string(s)); err == nil && net.ParseIP(parsed.Hostname()) != nil && !loopback(parsed.Hostname()) {
			d.warn(fmt.Sprintf("%s.servers[%d]", path, i), wrong(say("в сертификате сервера обычно имя, а не адрес", "a server's certificate usually carries a name, not an address"), say("напишите имя сервера", "write the server's name")))
		}
	}
}

func (d *decoder) upstreamHTTP(path string, u *Upstream) {
	h := u.HTTP
	d.missing(path+".url", h.URL != "")
	d.missing(path+".body", h.Body != "")
	said := map[string]bool{}
	for i, a := range h.Answers {
		said[a.Outcome] = true
		if a.Status == 0 && a.Field == "" {
			d.faultAt(fmt.Sprintf("%s.answers[%d]", path, i), wrong(say("под это правило подходит любой ответ", "any answer fits this rule"), say("укажите status, field или оба", "set status, field or both")))
		}
	}
	for _, needed := range []string{"right", "wrong"} {
		if !said[needed] {
			d.faultAt(path+".answers", wrong(say("не сказано, какой ответ значит outcome: %s", "which answer means outcome: %s is not said", needed),
				say(`напишите, например, {status: 200, field: result, value: ok, outcome: right} и {status: 401, outcome: wrong}`, `write, for example, {status: 200, field: result, value: ok, outcome: right} and {status: 401, outcome: wrong}`)))
		}
	}
	if h.SecretFile == "" && d.nodes[path+".secret_file"] == nil && h.URL != "" {
		d.warn(path, wrong(say("secret_file не указан: система не отличит нас от того, кто подбирает пароли", "secret_file is not set: the system cannot tell us from somebody who guesses"), say("укажите файл с секретом (Authorization: Bearer)", "name the file with a secret (Authorization: Bearer)")))
	}
}
