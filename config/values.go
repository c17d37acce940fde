package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/person"
)

// The kinds of text that need more than a glance. Each checks itself.
type (
	Path       string // a file or folder that the daemon makes; absolute after loading
	File       string // a file that exists and holds something
	SecretFile string // a File that only the daemon's user should read; see ReadSecret
	Address    string // host:port to listen on
	URL        string // http or https
	URLPath    string // the path part of a URL
	DN         string // a distinguished name
	Zone       string // a time zone's name
	Day        string // YYYY-MM-DD, or DD.MM.YYYY
	Replica    string // names one of several daemons; "" is the machine's own name at the first start
)

// problem is what is wrong with one value, and the remedy.
type problem struct{ message, remedy Text }

func wrong(message, remedy Text) *problem { return &problem{message, remedy} }

// checker is implemented by the kinds above that can be judged alone.
type checker interface{ check() *problem }

func (a Address) check() *problem {
	remedy := say("напишите адрес и порт: \"0.0.0.0:389\", \"[::1]:389\" или \":389\"", `write address and port: "0.0.0.0:389", "[::1]:389" or ":389"`)
	host, port, err := net.SplitHostPort(string(a))
	if err != nil {
		return wrong(say("%s — не адрес с портом", "%s is no address with a port", show(string(a))), remedy)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return wrong(say("порт %s вне 1–65535", "port %s is not in 1 to 65535", show(port)), remedy)
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return wrong(say("%s — не IP-адрес", "%s is no IP address", show(host)), remedy)
		}
	}
	return nil
}

var replicaForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// ReplicaFits says that a name may be a daemon's.
func ReplicaFits(name string) bool { return replicaForm.MatchString(name) }

func (r Replica) check() *problem {
	if !replicaForm.MatchString(string(r)) {
		return wrong(say("%s — не имя службы", "%s is no name of a daemon", show(string(r))),
			say("латинские буквы, цифры, точка, дефис: radius-1", "Latin letters, digits, dots, hyphens: radius-1"))
	}
	return nil
}

// Loopback says that only this machine reaches the address.
func (a Address) Loopback() bool {
	host, _, _ := net.SplitHostPort(string(a))
	return loopback(host)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (u URL) check() *problem {
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return wrong(say("%s — не адрес сайта", "%s is no web address", show(string(u))),
			say("напишите https:// и имя", "write https:// and a name"))
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return wrong(say("в адресе лишнее: имя пользователя, ? или #", "the address holds a user, ? or #"),
			say("оставьте схему, имя, порт и путь", "leave scheme, name, port and path"))
	}
	if parsed.Scheme == "http" && !loopback(parsed.Hostname()) {
		return wrong(say("пароли ушли бы по сети открыто", "passwords would cross the network in the clear"),
			say("напишите https://; http:// годится только для 127.0.0.1", "write https://; http:// serves for 127.0.0.1 only"))
	}
	return nil
}

func (p URLPath) check() *problem {
	if !strings.HasPrefix(string(p), "/") || strings.ContainsAny(string(p), " ?#{}") || len(p) < 2 || path.Clean(string(p)) != string(p) {
		return wrong(say("%s — не путь", "%s is no path", show(string(p))), say("напишите, например, /events/mosru", "write, for example, /events/mosru"))
	}
	for _, taken := range []string{"/healthz", "/readyz", "/metrics", "/activate", "/api", "/assets", "/sign-in", "/sign-out", "/signed-out", "/help"} {
		if string(p) == taken || strings.HasPrefix(string(p), taken+"/") {
			return wrong(say("путь %s занят", "the path %s is taken", taken), say("выберите другой", "choose another"))
		}
	}
	return nil
}

// check holds a DN against RFC 4514, without names of several attributes and
// values in hex, which no directory here has.
func (d DN) check() *problem {
	if !dnForm.MatchString(string(d)) || len(d) > maxDN {
		return wrong(say("%s — не отличительное имя (DN)", "%s is no distinguished name", show(string(d))),
			say("напишите, например, dc=school,dc=example; знаки , + \" \\ < > ; в значении — после \\", "write, for example, dc=school,dc=example; the signs , + \" \\ < > ; of a value come behind a \\"))
	}
	return nil
}

const (
	maxDN   = 512
	dnFirst = `[^\\",;+<>#\x00 ]|\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2}`
	dnOther = `[^\\",;+<>\x00]|\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2}`
	dnPart  = ` *[A-Za-z0-9.-]+ *= *(?:` + dnFirst + `)(?:` + dnOther + `)*`
)

var dnForm = regexp.MustCompile(`^` + dnPart + `(?:,` + dnPart + `){0,31}$`)

// Folded is a DN as it compares with others: case and spaces around commas and
// equals signs say nothing.
func (d DN) Folded() string {
	return strings.ToLower(dnSpace.ReplaceAllString(string(d), "$1$2"))
}

// below says that a folded DN stands below another: the comma between them is no part
// of a value.
func below(dn, base string) bool {
	above, ok := strings.CutSuffix(dn, ","+base)
	return ok && (len(above)-len(strings.TrimRight(above, `\`)))%2 == 0
}

var dnSpace = regexp.MustCompile(`(\\.)| *([,=]) *`) // what is escaped stays

// Template makes the values of an LDAP attribute of a person: text, and fields in
// braces.
type Template string

// templateFields are what a Template may name, and maxFields how many.
var templateFields = []string{"login", "sam", "full", "last", "first", "middle", "mail", "uid", "gid", "role_gid", "uuid", "role", "school", "school_id", "district", "class"}

const maxFields = 8

// number says that it makes numbers.
func (t Template) number() bool {
	_, err := strconv.ParseInt(string(t), 10, 64)
	return err == nil || t == "{uid}" || t == "{gid}" || t == "{role_gid}"
}

func (t Template) check() *problem {
	for rest := string(t); ; {
		_, behind, open := strings.Cut(rest, "{")
		if !open {
			break
		}
		field, after, closed := strings.Cut(behind, "}")
		name := strings.TrimSuffix(field, ":latin")
		if !closed || !slices.Contains(templateFields, name) {
			return wrong(say("поля {%s} нет", "there is no field {%s}", name), say("поля: %s; {first:latin} — латиницей", "the fields are %s; {first:latin} is in Latin letters", strings.Join(templateFields, ", ")))
		}
		rest = after
	}
	if t == "" || len(t) > 256 || strings.Count(string(t), "{") > maxFields {
		return wrong(say("шаблон пуст, длиннее 256 байт или в нём больше %d полей", "the template is empty, longer than 256 bytes, or has more than %d fields", maxFields), say("напишите, например, /home/{login}", "write, for example, /home/{login}"))
	}
	return nil
}

func (z Zone) check() *problem {
	if _, err := time.LoadLocation(string(z)); err != nil || z == "" || z == "Local" {
		return wrong(say("часового пояса %s нет", "there is no time zone %s", show(string(z))),
			say("напишите, например, Europe/Moscow", "write, for example, Europe/Moscow"))
	}
	return nil
}

func (d Day) check() *problem {
	if _, err := person.ParseDate(string(d)); err != nil {
		return wrong(say("%s — не день календаря", "%s is no day of the calendar", show(string(d))),
			say("напишите, например, \"2021-08-01\"", `write, for example, "2021-08-01"`))
	}
	return nil
}

// Date is the day of a checked configuration; zero where none is written.
func (d Day) Date() person.Date {
	date, _ := person.ParseDate(string(d))
	return date
}

// Location gives the zone, UTC if it is none.
func (z Zone) Location() *time.Location {
	at, err := time.LoadLocation(string(z))
	if err != nil {
		return time.UTC
	}
	return at
}

// parseDuration is time.ParseDuration with whole days: "30d".
func parseDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, true
		}
		return 0, false
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// parseBool takes the words of YAML 1.1, which people write.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// parseRange reads a network or a single address.
func parseRange(s string) (netip.Prefix, *problem) {
	remedy := say("напишите сеть \"10.1.2.0/24\" или один адрес \"10.1.2.3\"", `write a network "10.1.2.0/24" or one address "10.1.2.3"`)
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, wrong(say("%s — не сеть и не адрес", "%s is neither a network nor an address", show(s)), remedy)
	}
	if p.Addr().Is4In6() {
		return p, wrong(say("%s — адрес IPv4, записанный как IPv6", "%s is an IPv4 address written as IPv6", show(s)), remedy)
	}
	if m := p.Masked(); m != p {
		return p, wrong(say("у сети %s лишние биты в адресе", "the network %s has bits beyond its mask", show(s)),
			say("вы имели в виду %s?", "did you mean %s?", m))
	}
	return p, nil
}
