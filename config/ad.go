package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"schoolbridge/internal/policy"
	"schoolbridge/provision/login"
)

// AD is the Active Directory to which accounts are brought; without a server
// there is none.
type AD struct {
	Server         LDAPSURL      `yaml:"server" default:""`
	CAFile         File          `yaml:"ca_file" default:""`
	Bind           string        `yaml:"bind" default:"" maxlen:"256"`
	PasswordFile   SecretFile    `yaml:"password_file" default:""`
	Base           DN            `yaml:"base" default:""`
	SearchBase     DN            `yaml:"search_base" default:""`
	AdoptBases     []DN          `yaml:"adopt_bases" default:"" unique:"fold"`
	OU             string        `yaml:"ou" default:"OU={role},OU={school}" maxlen:"256"`
	Groups         []string      `yaml:"groups" default:"" unique:"fold"`
	UPNSuffix      string        `yaml:"upn_suffix" default:"{district}.obr.mos.ru" maxlen:"128"`
	Districts      []District    `yaml:"districts" default:""`
	MarkAttribute  string        `yaml:"mark_attribute" default:"employeeNumber" maxlen:"64"`
	StampAttribute string        `yaml:"stamp_attribute" default:"adminDescription" maxlen:"64"`
	StalePassword  string        `yaml:"stale_password" default:"keep" one:"keep|scramble"`
	BirthAttribute string        `yaml:"birth_attribute" default:"" maxlen:"64"`
	Timeout        time.Duration `yaml:"timeout" default:"10s" min:"1s" max:"1m"`
	Sweep          time.Duration `yaml:"sweep" default:"6h" min:"1m" max:"7d"`
	Names          ADNames       `yaml:"names"`
	DisableShare   float64       `yaml:"disable_share" default:"0.05" min:"0" max:"1"`
	DisableMinimum int           `yaml:"disable_minimum" default:"20" min:"0" max:"1000000"`
	DuplicatesOU   string        `yaml:"duplicates_ou" default:"OU=duplicates" maxlen:"256"`
	MoveShare      float64       `yaml:"move_share" default:"0.05" min:"0" max:"1"`
	MoveMinimum    int           `yaml:"move_minimum" default:"20" min:"0" max:"1000000"`
	RenameShare    float64       `yaml:"rename_share" default:"0.05" min:"0" max:"1"`
	RenameMinimum  int           `yaml:"rename_minimum" default:"20" min:"0" max:"1000000"`
	GroupShare     float64       `yaml:"group_share" default:"0.05" min:"0" max:"1"`
	GroupMinimum   int           `yaml:"group_minimum" default:"20" min:"0" max:"1000000"`
	BrakeMaximum   int           `yaml:"brake_maximum" default:"1000" min:"0" max:"1000000"`
	Window         []string      `yaml:"window" default:""`
	Rate           float64       `yaml:"rate" default:"0" min:"0" max:"1000"`
	GraceDays      int           `yaml:"grace_days" default:"0" min:"0" max:"90"`
	Places         []Place       `yaml:"places" default:""`
	Attributes     []Mapping     `yaml:"attributes" default:""`
}

// Place is where the accounts of some lie in Active Directory.
type Place struct {
	Roles   []string `yaml:"roles" default:"" one:"staff|pupil" unique:"yes"`
	Schools []string `yaml:"schools" default:"" unique:"yes"`
	OU      string   `yaml:"ou" default:"" maxlen:"256"`
	Groups  []string `yaml:"groups" default:"" unique:"fold"`
}

// Mapping is an attribute in Active Directory that is kept at a value.
type Mapping struct {
	Name    string   `yaml:"name" need:"yes" maxlen:"64"`
	Value   string   `yaml:"value" need:"yes" maxlen:"256"`
	Roles   []string `yaml:"roles" default:"" one:"staff|pupil" unique:"yes"`
	Schools []string `yaml:"schools" default:"" unique:"yes"`
}

// On says whether an Active Directory is connected.
func (a AD) On() bool { return a.Server != "" }

// ADNames says what a new account may be called where the mos.ru login cannot be
// its name; with neither a person decides.
type ADNames struct {
	EZHD    bool        `yaml:"ezhd" default:"false"`
	Made    bool        `yaml:"made" default:"false"`
	Pattern NamePattern `yaml:"pattern" default:"{last}{f}{m}"`
}

// NamePattern is a pattern of login.ParsePattern.
type NamePattern string

func (p NamePattern) check() *problem {
	if _, err := login.ParsePattern(string(p)); err != nil {
		return wrong(say("%s — не шаблон имени", "%s is no pattern of a name", show(string(p))),
			say("нужны {last} и {f} или {first}, можно {m} или {middle}, каждая подстановка один раз; между ними — a-z, точка и дефис: {last}.{f}{m}",
				"{last} and {f} or {first} are needed, {m} or {middle} may be, each once; between them a-z, dot and hyphen: {last}.{f}{m}"))
	}
	return nil
}

// District says how a district of the registries is written in the Teams
// login.
type District struct {
	Name  string `yaml:"name" need:"yes" maxlen:"64"`
	Label string `yaml:"label" need:"yes" maxlen:"63"`
}

// LDAPSURL is the address of a directory server: ldaps://host:port.
type LDAPSURL string

func (u LDAPSURL) check() *problem {
	if u == "" {
		return nil
	}
	remedy := say("напишите, например, ldaps://dc1.obr.example:636", "write, for example, ldaps://dc1.obr.example:636")
	parsed, err := url.Parse(string(u))
	switch {
	case err != nil || parsed.Hostname() == "" || parsed.Path != "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return wrong(say("%s — не адрес контроллера домена", "%s is no address of a domain controller", show(string(u))), remedy)
	case parsed.Scheme == "ldap":
		return wrong(say("без TLS контроллер домена не примет пароли", "without TLS a domain controller takes no passwords"), remedy)
	case parsed.Scheme != "ldaps":
		return wrong(say("%s — не адрес контроллера домена", "%s is no address of a domain controller", show(string(u))), remedy)
	}
	return nil
}

// ServerName is the name that the controller's certificate must carry.
func (u LDAPSURL) ServerName() string {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

// ad checks what the section's options must have in common.
func (d *decoder) ad(c *Config) {
	a := c.AD
	d.hoursAD(a)
	if !a.On() {
		return
	}
	for _, part := range []struct {
		key   string
		given bool
	}{{"bind", a.Bind != ""}, {"password_file", a.PasswordFile != "" || d.nodes["ad.password_file"] != nil}, {"base", a.Base != ""}, {"search_base", a.SearchBase != ""}} {
		if !part.given {
			d.faultAt("ad."+part.key, wrong(say("к контроллеру домена не подключиться: нет %s", "the domain controller cannot be used without %s", part.key), d.example("ad."+part.key)))
		}
	}
	base, domain := a.Base.Folded(), a.SearchBase.Folded()
	if base != "" && domain != "" && base != domain && !below(base, domain) {
		d.faultAt("ad.base", wrong(say("подразделение не в домене %s", "the unit is not in the domain %s", string(a.SearchBase)), say("напишите, например, OU=schools,%s", "write, for example, OU=schools,%s", string(a.SearchBase))))
	}
	if base != "" && base == domain {
		d.faultAt("ad.base", wrong(say("служба не должна распоряжаться всем доменом", "the daemon must not manage the whole domain"), say("заведите для школ отдельное подразделение и передайте права только на него", "make a unit of its own for the schools and delegate rights on it only")))
	}
	if strings.EqualFold(a.MarkAttribute, a.StampAttribute) {
		d.faultAt("ad.stamp_attribute", wrong(say("метка владельца и штамп записи — разные атрибуты", "the owner's mark and the stamp are different attributes"), say("оставьте adminDescription", "keep adminDescription")))
	}
	d.unknownPlaces(a)
	if ou := a.DuplicatesOU; ou != "" && !strings.HasPrefix(strings.ToUpper(ou), "OU=") {
		d.faultAt("ad.duplicates_ou", wrong(say("%s — не подразделение", "%s is no unit", show(ou)), d.example("ad.duplicates_ou")))
	}
	seen := map[string]int{}
	for i, district := range a.Districts {
		d.once(seen, strings.ToLower(district.Name), fmt.Sprintf("ad.districts[%d].name", i))
	}
	if host := a.Server.ServerName(); net.ParseIP(host) != nil && !loopback(host) {
		d.warn("ad.server", wrong(say("в сертификате контроллера обычно имя, а не адрес", "a controller's certificate usually carries a name, not an address"), say("напишите имя контроллера", "write the controller's name")))
	}
}

// relativeName are names of a unit and of a group below a base, lowest first, as
// provision/ad reads them.
var relativeName = map[string]*regexp.Regexp{"OU": relative("OU"), "CN": relative("CN")}

func relative(first string) *regexp.Regexp {
	const value = `\s*=\s*(?:[^\\,+\s]|\\.)(?:[^\\,+]|\\.)*`
	return regexp.MustCompile(`(?is)^\s*` + first + value + `(?:,\s*OU` + value + `)*$`)
}

// belowBase finds what is no unit (ad.ou) or no group (groups) relative to ad.base.
func (d *decoder) belowBase(path, name string) {
	kind, example := "CN", "CN=pupils,OU=groups"
	if strings.HasSuffix(path, "ou") {
		kind, example = "OU", "OU={role},OU={school}"
	}
	if name != "" && !relativeName[kind].MatchString(name) {
		d.faultAt(path, wrong(say("%s — не имя внутри ad.base", "%s is no name below ad.base", show(name)),
			say("первым стоит %s=, остальные OU=, без самого ad.base: %s", "%s= comes first, OU= are the others, without ad.base itself: %s", kind, example)))
	}
}

// mappingFields are what the value of a Mapping may name.
var mappingFields = []string{"login", "full", "last", "first", "middle", "mail", "role", "school", "school_id", "district", "class", "position"}

// leastRate is the slowest pace of writes: the turn among the processes that write
// lasts 30 s.
const leastRate = 0.1

// hoursAD checks the window and the pace.
func (d *decoder) hoursAD(a AD) {
	if a.Rate > 0 && a.Rate < leastRate {
		d.faultAt("ad.rate", wrong(say("%v в секунду — слишком медленно", "%v a second is too slow", a.Rate), say("0 — без ограничения, иначе не меньше %v", "0 is without a limit, else no less than %v", leastRate)))
	}
	if _, err := policy.ParseHours(a.Window); err != nil {
		d.faultAt("ad.window", wrong(say("не часы: %v", "no hours: %v", err), say("напишите, например, \"mon-fri 22:00-06:00\"", "write, for example, \"mon-fri 22:00-06:00\"")))
	}
}

// unknownPlaces finds placeholders that nothing fills.
func (d *decoder) unknownPlaces(a AD) {
	check := func(path, template string, known ...string) {
		if strings.HasSuffix(path, ".ou") || strings.Contains(path, "groups[") {
			d.belowBase(path, template)
		}
		rest := template
		for _, k := range known {
			rest = strings.ReplaceAll(rest, "{"+k+"}", "")
		}
		if strings.ContainsAny(rest, "{}") {
			d.faultAt(path, wrong(say("неизвестная подстановка в %s", "an unknown placeholder in %s", show(template)), say("бывают: {%s}", "there are: {%s}", strings.Join(known, "}, {"))))
		}
	}
	check("ad.ou", a.OU, "role", "school")
	for i, g := range a.Groups {
		check(fmt.Sprintf("ad.groups[%d]", i), g, "role", "school")
	}
	check("ad.upn_suffix", a.UPNSuffix, "district")
	for i, p := range a.Places {
		check(fmt.Sprintf("ad.places[%d].ou", i), p.OU, "role", "school")
		for j, g := range p.Groups {
			check(fmt.Sprintf("ad.places[%d].groups[%d]", i, j), g, "role", "school")
		}
	}
	var fields []string
	for _, f := range mappingFields {
		fields = append(fields, f, f+":latin")
	}
	for i, m := range a.Attributes {
		check(fmt.Sprintf("ad.attributes[%d].value", i), m.Value, fields...)
	}
	check("ad.duplicates_ou", a.DuplicatesOU)
}
