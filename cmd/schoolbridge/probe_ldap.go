package main

import (
	"context"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/probe"
)

// ldapProbe are the flags of one sign-in to a directory server.
type ldapProbe struct {
	*probeFlags
	ldap           ldapFlags
	method, userDN string
	bindDN, secret string
	base, by       string
	cert, key      string
	allowClear     bool
}

func newLDAPProbe() *ldapProbe {
	f := &ldapProbe{probeFlags: newProbeFlags("ldap")}
	fs := f.fs
	f.ldap.register(fs)
	fs.StringVar(&f.method, "method", probe.LDAPSimple, "способ / the `METHOD`: simple, plain (SASL PLAIN), external (SASL EXTERNAL)")
	fs.StringVar(&f.userDN, "user-dn", "", "simple: имя, под которым входить, например uid={login},ou=people,dc=…; обычно сам --login / simple: the `NAME` to sign in by, such as uid={login},ou=people,dc=…; usually --login itself")
	fs.StringVar(&f.base, "base", "", "simple: сначала найти логин под этим корнем и войти тем, кто найден, `DN` / simple: search the login below this base first, and sign in as who is found")
	fs.StringVar(&f.by, "by", "uid", "по какому атрибуту искать логин / the `ATTRIBUTE` that the login is searched in")
	fs.StringVar(&f.bindDN, "bind-dn", "", "кто ищет: служебная учётная запись, `DN`; нет — анонимно / who searches: the service account; none: anonymous")
	fs.StringVar(&f.secret, "bind-password-file", "", "файл с её паролем; - стандартный ввод / `FILE` with its password; - is standard input")
	fs.StringVar(&f.cert, "cert", "", "external: наш сертификат / external: `FILE` with our certificate")
	fs.StringVar(&f.key, "key", "", "external: его ключ / external: `FILE` with its key")
	fs.BoolVar(&f.allowClear, "allow-cleartext", false, "послать пароль и без TLS: его увидит каждый на пути / send the password without TLS too: everybody on the way sees it")
	return f
}

func probeLDAP(ctx context.Context, std streams, args []string) error {
	f := newLDAPProbe()
	if err := f.arguments(std, args); err != nil {
		return err
	}
	p, err := f.probe(std)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *f.within)
	defer cancel()
	return f.tell(std, p.Run(ctx))
}

// probe checks the flags and reads the files.
func (f *ldapProbe) probe(std streams) (*probe.LDAP, error) {
	t, err := f.ldap.target()
	if err != nil {
		return nil, err
	}
	p := &probe.LDAP{Server: t.address, StartTLS: t.startTLS, Implicit: t.implicit, Roots: t.roots, ServerName: t.name,
		Method: f.method, Login: *f.login, UserDN: f.userDN, Base: f.base, By: f.by, Service: f.bindDN}
	files := &secretFiles{in: std.in}
	external := f.method == probe.LDAPExternal
	switch {
	case f.method != probe.LDAPSimple && f.method != probe.LDAPPlain && !external:
		return nil, usageError("probe ldap: --method %[1]q: есть только simple, plain, external / probe ldap: --method %[1]q is none of simple, plain, external", f.method)
	case f.method != probe.LDAPSimple && f.userDN+f.base+f.bindDN != "", f.userDN != "" && f.base != "", f.bindDN != "" && f.base == "":
		return nil, usageError("probe ldap: --user-dn или --base — для simple и не вместе, --bind-dn — с --base / --user-dn or --base goes with simple, not both; --bind-dn with --base")
	case f.userDN != "" && !strings.Contains(f.userDN, "{login}"):
		return nil, usageError("probe ldap: в --user-dn нет {login}; имя целиком пишут в --login / --user-dn is without {login}; a whole name goes to --login")
	case external && !t.implicit && !t.startTLS:
		return nil, usageError("probe ldap: external бывает только с --tls или --starttls / external needs --tls or --starttls")
	case external:
		p.Certificate, err = readPair("--cert", f.cert, "--key", f.key)
		return p, err
	case *f.login == "":
		return nil, usageError("probe ldap: нет --login / --login is missing")
	case !t.implicit && !t.startTLS && !f.allowClear:
		return nil, usageError("probe ldap: пароль ушёл бы открыто; добавьте --starttls или --tls (или --allow-cleartext) / the password would go in the clear; add --starttls or --tls (or --allow-cleartext)")
	}
	if f.bindDN != "" {
		secret, err := files.read("--bind-password-file", f.secret)
		if err != nil {
			return nil, err
		}
		p.ServicePassword = identity.Password(secret)
	}
	password, err := files.read("--password-file", *f.password)
	p.Password = identity.Password(password)
	return p, err
}
