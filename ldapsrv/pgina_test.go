package ldapsrv

// pGina lets people in to Windows PCs without a domain. It runs on Windows alone,
// so what it sends is sent here, byte for byte as far as its source tells, with
// the fields that docs/computers gives the administrator.
//
// Source: github.com/MutonUfoAI/pgina (pGina fork 3.9.9), Plugins/LdapPlugin/Ldap,
// LdapServer.cs, Plugin.cs and the rules' file; a connection is .NET's
// LdapConnection, which calls wldap32 (dotnet/corefx, LdapConnection.cs).
//
//	          DN pattern                                 search
//	Authenticate
//	  GetUserDN       –                                  bind Search DN; subtree Search Filter, all attributes, in each context
//	  Bind            bind the DN with the password      the same, on the same connection
//	  PWDexpired      base of the DN, (objectClass=*),   GetUserDN once more, then the same
//	  (after 49 too)  eight attributes about expiry
//	  converter       subtree of the DN, (objectClass=*), the attributes of the converter
//	AuthorizeUser     [bind Search DN, unless "bind with user credentials"]
//	  each rule       path and filter with %u, its scope, attribute "dn"
//	AuthenticatedUserGateway: as AuthorizeUser
//	EndChain          unbind
//
// What a search answers beside entries is not looked at, not even that it failed.
// Its documentation has the search and the bind on two connections, as older
// versions may: that is tried too.

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

// pgina is the plugin with its fields, on one connection.
type pgina struct {
	w         *world
	pattern   string // User DN Pattern
	search    bool   // Search for DN, with
	dn, pw    string // Search DN and Password
	filter    string // Search Filter
	context   string // Search Context
	asUser    bool   // bind with user credentials instead of anonymously
	onError   bool   // Allow when server is unreachable
	converter []string
	rules     []pginaRule
	reconnect bool // before the user's bind

	conn  *tls.Conn
	id    byte
	trace []string // what was sent
}

// pginaRule is a rule of the tabs Authorization and Gateway, whose condition is
// "If:".
type pginaRule struct {
	tab, path, filter, result string
	scope                     int
}

// microsoft encodes as wldap32 does: lengths of what is constructed have four
// bytes.
func microsoft(p *ber.Packet) []byte {
	if p.TagType == ber.TypePrimitive {
		return p.Bytes()
	}
	var inside []byte
	for _, child := range p.Children {
		inside = append(inside, microsoft(child)...)
	}
	b := []byte{byte(p.ClassType) | byte(p.TagType) | byte(p.Tag), 0x84}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(inside))), inside...)
}

// connect says whether the server is there.
func (p *pgina) connect() bool {
	p.w.t.Helper()
	if p.conn != nil {
		_ = p.conn.Close()
	}
	var err error
	p.conn, err = tls.Dial("tcp", p.w.tls, p.w.client())
	p.id = 0
	return err == nil
}

// ask sends one request and gives the entries and the code that come back.
func (p *pgina) ask(op *ber.Packet) (entries []*ber.Packet, code int64) {
	p.w.t.Helper()
	p.id++
	m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, p.id, ""))
	m.AppendChild(op)
	if _, err := p.conn.Write(microsoft(m)); err != nil {
		p.w.t.Fatal(err)
	}
	for {
		m, err := ber.ReadPacket(p.conn)
		if err != nil {
			p.w.t.Fatal(err)
		}
		if m.Children[1].Tag != ldap.ApplicationSearchResultEntry {
			return entries, m.Children[1].Children[0].Value.(int64)
		}
		entries = append(entries, m.Children[1])
	}
}

// bind is ldap_simple_bind_s.
func (p *pgina) bind(name, password string) int64 {
	p.trace = append(p.trace, "bind "+name)
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, password, ""))
	_, code := p.ask(op)
	return code
}

// unbind is what the end of a chain sends.
func (p *pgina) unbind() {
	if _, err := p.conn.Write([]byte{0x30, 0x84, 0, 0, 0, 5, 2, 1, p.id + 1, 0x42, 0}); err != nil {
		p.w.t.Error(err)
	}
	_ = p.conn.Close()
}

// find is a SearchRequest with .NET's defaults: no alias is followed, no limit set.
func (p *pgina) find(base string, scope int, filter string, attributes ...string) []*ber.Packet {
	p.w.t.Helper()
	p.trace = append(p.trace, fmt.Sprintf("%s %s %s %s", []string{"base", "one", "sub"}[scope], base, filter, strings.Join(attributes, ",")))
	compiled, err := ldap.CompileFilter(filter)
	if err != nil {
		p.w.t.Fatal(err)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchRequest, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, base, ""))
	for _, n := range []int{scope, 0} {
		op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, n, ""))
	}
	for range 2 {
		op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 0, ""))
	}
	op.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	op.AppendChild(compiled)
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for _, a := range attributes {
		list.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, a, ""))
	}
	op.AppendChild(list)
	entries, _ := p.ask(op)
	return entries
}

// userDN is GetUserDN; "": nobody is found.
func (p *pgina) userDN(user string) string {
	if !p.search {
		return strings.ReplaceAll(p.pattern, "%u", user)
	}
	if p.bind(p.dn, p.pw) != 0 {
		return ""
	}
	found := p.find(p.context, ldap.ScopeWholeSubtree, strings.ReplaceAll(p.filter, "%u", user))
	if len(found) == 0 {
		return ""
	}
	return found[0].Children[0].Value.(string)
}

var expiryAttributes = []string{"shadowMax", "sambaPwdMustChange", "userAccountControl", "msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed", "pwdLastSet", "memberOf", "msDS-PSOApplied"}

// expired is PWDexpired: whoever's password has expired is let in, to change it,
// even after a wrong one. It judges by two of the attributes.
func (p *pgina) expired(user string) bool {
	dn := p.userDN(user)
	if dn == "" {
		return false
	}
	for _, e := range p.find(dn, ldap.ScopeBaseObject, "(objectClass=*)", expiryAttributes...) {
		for _, a := range e.Children[1].Children {
			name := strings.ToLower(a.Children[0].Value.(string))
			if name == "shadowmax" || strings.HasPrefix(name, "msds-") {
				return true
			}
		}
	}
	return false
}

// authenticate is LdapServer.Authenticate: whether somebody gets in, and what the
// converter finds.
func (p *pgina) authenticate(user, password string) (in bool, told map[string]string) {
	dn := p.userDN(user)
	if password == "" || dn == "" {
		return false, nil
	}
	if p.reconnect && !p.connect() {
		p.w.t.Fatal("no second connection")
	}
	code := p.bind(dn, password)
	if code != 0 && code != ldap.LDAPResultInvalidCredentials {
		return false, nil // "The user name or password is incorrect", whatever it was
	}
	expired := p.expired(user)
	if code != 0 || expired {
		return expired, nil
	}
	told = map[string]string{}
	for _, e := range p.find(dn, ldap.ScopeWholeSubtree, "(objectClass=*)", p.converter...) {
		for _, a := range e.Children[1].Children {
			told[a.Children[0].Value.(string)] = a.Children[1].Children[0].Value.(string)
		}
	}
	return true, told
}

// matching are the rules of a tab that fit: AuthorizeUser wants the first, and
// AuthenticatedUserGateway all.
func (p *pgina) matching(tab, user string) (results []string) {
	if !p.asUser {
		p.bind(p.dn, p.pw)
	}
	for _, r := range p.rules {
		if r.tab != tab {
			continue
		}
		if len(p.find(strings.ReplaceAll(r.path, "%u", user), r.scope, strings.ReplaceAll(r.filter, "%u", user), "dn")) > 0 {
			if results = append(results, r.result); tab == "Authorization" {
				break
			}
		}
	}
	return results
}

// signIn is the whole chain for somebody who types a login and a password. Local
// says that the plugin Local Machine knows him: one of the two has to.
func (p *pgina) signIn(user, password string, local bool) (in bool, groups []string, told map[string]string) {
	p.trace, p.conn = nil, nil
	if !p.connect() {
		return local && p.onError, nil, nil
	}
	defer p.unbind()
	known, told := p.authenticate(user, password)
	if !known && !local {
		return false, nil, nil
	}
	if denied := p.matching("Authorization", user); slices.Contains(denied, "deny.") { // Default: Allow
		return false, nil, nil
	}
	return true, p.matching("Gateway", user), told
}

// pginaFields fills the fields in as a page says: those of the plugin, the rules
// and, if it is to search, what is otherwise then.
func pginaFields(w *world, page string, search bool) *pgina {
	w.t.Helper()
	_, text, _ := strings.Cut(page, "<a id=\"pgina\"></a>")
	text, _, _ = strings.Cut(text, "<a id=\"apache\"></a>")
	tables := regexp.MustCompile(`(?m)(^\|.*\n)+`).FindAllString(w.named(text), -1)
	if len(tables) != 3 {
		w.t.Fatalf("%d tables for pGina", len(tables))
	}
	p := &pgina{w: w}
	for i, table := range tables {
		for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
			cells := strings.Split(strings.Trim(row, "| "), " | ")
			switch i {
			case 1:
				p.addRule(cells)
			case 0:
				p.set(cells[0], cells[1])
			case 2:
				if search {
					p.set(cells[0], cells[1])
				}
			}
		}
	}
	return p
}

// set fills a field in; in the table a value that has to be typed stands in marks.
func (p *pgina) set(field, value string) {
	p.w.t.Helper()
	typed, yes := strings.Trim(value, "`"), value == "yes" || value == "да"
	fixed := map[string]string{"LDAP Port": "636", "Use SSL": "yes", "Use TLS": "no", "Validate Server Certificate": "yes", "Bind → Allow Empty Passwords": "no",
		"Authorization → Default": "Allow", "Authorization → Deny when LDAP authentication fails": "no"}
	switch field {
	case "Bind → User DN Pattern":
		p.pattern = typed
	case "Bind → Search for DN":
		p.search = yes
	case "Bind → Search Filter":
		p.filter = typed
	case "Bind → Search Context(s)":
		p.context = typed
	case "Search DN":
		p.dn = typed
	case "Search Password":
		p.pw = typed
	case "bind with user credentials instead of anonymously":
		p.asUser = yes
	case "Authorization → Allow when server is unreachable":
		p.onError = yes
	case "Attribute converter":
		for _, m := range regexp.MustCompile("← `(\\w+)`").FindAllStringSubmatch(value, -1) {
			p.converter = append(p.converter, m[1])
		}
	case "LDAP Host(s)", "SSL/TLS Certificate", "Search DN, Search Password": // the test's own, or none
	default:
		want, known := fixed[field]
		if !known || strings.NewReplacer("да", "yes", "нет", "no").Replace(typed) != want {
			p.w.t.Errorf("pGina is played with %q in %q, the page says %q", want, field, value)
		}
	}
}

// addRule takes a rule, which pGina keeps only if it has the form of its own
// expression.
func (p *pgina) addRule(cells []string) {
	p.w.t.Helper()
	for i := range cells {
		cells[i] = strings.Trim(cells[i], "`")
	}
	scope := slices.Index([]string{"Base", "OneLevel", "Subtree"}, cells[2])
	kept := regexp.MustCompile(`^[01]\t[0-2]\t([\p{L}\d_%]+=[^,\t]+,?)+\t\(.*\)\t([\p{L}\d_-]+|deny\.)$`)
	if text := fmt.Sprintf("0\t%d\t%s\t%s\t%s", scope, cells[3], cells[4], cells[5]); cells[1] != "If:" || !kept.MatchString(text) {
		p.w.t.Fatalf("pGina keeps no rule %q", text)
	}
	p.rules = append(p.rules, pginaRule{tab: cells[0], scope: scope, path: cells[3], filter: cells[4], result: cells[5]})
}

func TestPGina(t *testing.T) {
	for i, page := range computerPages(t) {
		for _, how := range []string{"DN pattern", "search", "search, two connections"} {
			t.Run(fmt.Sprintf("%s/page %d", how, i), func(t *testing.T) {
				w := startRecipes(t, func(o *Options) { o.PlainBind = PlainNever })
				p := pginaFields(w, page, how != "DN pattern")
				p.reconnect = how == "search, two connections"
				pginaSignsIn(t, p)
			})
		}
	}
}

func pginaSignsIn(t *testing.T, p *pgina) {
	teachers, pupils := []string{"Teachers"}, []string{"Pupils"}
	for _, one := range []struct {
		what, user, password string
		local                bool
		in                   bool
		groups               []string
	}{
		{"a teacher", "orlovami", password, false, true, teachers},
		{"in other letters", "OrlovaMI", password, false, true, teachers},
		{"a pupil", "belovas", password, false, true, pupils},
		{"a wrong password", "orlovami", "wrong", false, false, nil},
		{"none", "orlovami", "", false, false, nil},
		{"nobody", "nobody", password, false, false, nil},
		{"of another school", "sidorov", password, false, false, nil},
		{"suspended", "petrovp", "wrong", false, false, nil},
		{"the PC's administrator", "Administrator", "his own", true, true, nil},
	} {
		in, groups, told := p.signIn(one.user, one.password, one.local)
		if in != one.in || !slices.Equal(groups, one.groups) {
			t.Errorf("%s: in %v with %q, want %v with %q; sent\n%s", one.what, in, groups, one.in, one.groups, strings.Join(p.trace, "\n"))
		}
		if in && !one.local && (told["displayName"] == "" || told["mail"] == "") {
			t.Errorf("%s: the converter finds %q", one.what, told)
		}
	}
	// A PC with a service account is told apart by it.
	p.signIn("belovas", "another", false)
	if asked, want := p.w.auth.last().Source.NAS, map[bool]string{true: p.dn}[p.search && !p.reconnect]; asked != want {
		t.Errorf("the sign-in comes by way of %q, want %q", asked, want)
	}
	p.w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
		return identity.Verdict{Outcome: identity.Unavailable}
	})
	if in, _, _ := p.signIn("orlovami", password, false); in {
		t.Error("in while mos.ru does not answer")
	}
	p.w.down()
	for login, want := range map[string]bool{"Administrator": true, "orlovami": false} {
		if in, _, _ := p.signIn(login, password, want); in != want {
			t.Errorf("%s while the server is away: in %v", login, in)
		}
	}
}

// What is sent for a teacher with the right password, and for a wrong one.
func TestPGinaSequence(t *testing.T) {
	who, base := personName("orlovami"), "ou=people,"+testBase
	expiry := "base " + who + " (objectClass=*) " + strings.Join(expiryAttributes, ",")
	service := []string{"bind cn=pgina,ou=services," + testBase, "sub " + base + " (uid=orlovami) "}
	rule := func(filter string) string { return "base " + who + " " + filter + " dn" }
	rules := []string{rule("(!(memberOf=cn=school-49," + testGroups + "))"), rule("(memberOf=cn=staff," + testGroups + ")"), rule("(memberOf=cn=pupils," + testGroups + ")")}
	convert := "sub " + who + " (objectClass=*) displayName,mail"
	for _, one := range []struct {
		search   bool
		password string
		want     []string
	}{
		{false, password, append([]string{"bind " + who, expiry, convert}, rules...)},
		{false, "wrong", []string{"bind " + who, expiry}},
		{true, password, slices.Concat(service, []string{"bind " + who}, service, []string{expiry, convert, service[0], rules[0], service[0]}, rules[1:])},
		{true, "wrong", slices.Concat(service, []string{"bind " + who}, service, []string{expiry})},
	} {
		p := pginaFields(startRecipes(t, nil), computerPages(t)[0], one.search)
		p.signIn("orlovami", one.password, false)
		if !slices.Equal(p.trace, one.want) {
			t.Errorf("search %v, %s: sent\n%s\nwant\n%s", one.search, one.password, strings.Join(p.trace, "\n"), strings.Join(one.want, "\n"))
		}
	}
}
