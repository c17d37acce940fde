package main

import (
	"crypto/x509"
	"flag"
	"net"
	"strings"
)

// ldapFlags say which directory server is asked, and how its TLS is checked.
type ldapFlags struct {
	server, ca, name   string
	implicit, startTLS bool
}

func (f *ldapFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.server, "server", "", "сервер, можно и ldap:// или ldaps://; порт 389, для --tls и ldaps:// 636 / the server, `HOST[:PORT]`, or as ldap:// or ldaps://; port 389, with --tls and ldaps:// 636")
	fs.BoolVar(&f.implicit, "tls", false, "LDAPS: TLS с начала соединения / LDAPS: TLS from the beginning of a connection")
	fs.BoolVar(&f.startTLS, "starttls", false, "начать TLS командой StartTLS / begin TLS by StartTLS")
	fs.StringVar(&f.ca, "ca", "", "TLS: центр, выдавший сертификат сервера; none — не проверять / TLS: `FILE` with the authority that signs the server's certificate; none: it is not checked")
	fs.StringVar(&f.name, "name", "", "TLS: имя в сертификате сервера; обычно то, что в --server / TLS: the `NAME` in the server's certificate; usually that of --server")
}

// target is a directory server as the command line names it.
type ldapTarget struct {
	address            string // host:port
	implicit, startTLS bool
	name               string
	roots              *x509.CertPool // nil: not checked
}

func (f *ldapFlags) target() (t ldapTarget, err error) {
	host, url := f.server, false
	if rest, ok := strings.CutPrefix(strings.ToLower(host), "ldaps://"); ok {
		host, url, f.implicit = rest, true, true
	} else if rest, ok := strings.CutPrefix(strings.ToLower(host), "ldap://"); ok {
		host, url = rest, true
	}
	if url {
		host = strings.TrimSuffix(host, "/")
	}
	switch {
	case host == "":
		return t, usageError("нет --server / --server is missing")
	case strings.Contains(host, "/"):
		return t, usageError("--server: %[1]q — больше, чем сервер и порт / --server: %[1]q is more than host and port", f.server)
	case f.implicit && f.startTLS:
		return t, usageError("или --tls (ldaps://), или --starttls / either --tls (ldaps://) or --starttls")
	}
	t = ldapTarget{address: withPort(host, map[bool]string{false: "389", true: "636"}[f.implicit]), implicit: f.implicit, startTLS: f.startTLS, name: f.name}
	if !f.implicit && !f.startTLS {
		return t, nil
	}
	if t.name == "" {
		t.name, _, _ = net.SplitHostPort(t.address)
	}
	if f.ca != "none" {
		t.roots, err = readAuthority("--ca", f.ca)
	}
	return t, err
}
