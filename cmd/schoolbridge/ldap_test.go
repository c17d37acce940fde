package main

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/freeport"
	ldapwire "schoolbridge/ldapsrv/wire"
)

// What the configuration says of views and attributes is what the LDAP server
// has; every field that the one takes in a template the other knows.
func TestViewsAndAttributesOfLDAP(t *testing.T) {
	ports := [2]string{freeport.TCP(t), freeport.TCP(t)}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "sixteen-letters-and-more\n")
	text := "state: state\nmosru: {url: 'http://127.0.0.1:9', client_id: x}\nweb: {listen: '" + ports[0] + "'}\nldap:\n  base: dc=school,dc=test\n  listen: ['" + ports[1] + "']\n  plain_bind: loopback\n" +
		"  views: [{base: 'dc=ad,dc=test'}]\n  upn_suffix: obr.example\n  services: [{dn: 'cn=reader,ou=services,dc=school,dc=test', password_file: secret, attributes: [a1, cn]}]\n  attributes:\n" +
		"    - {name: gidNumber, value: '{role_gid}'}\n"
	for i, field := range []string{"login", "sam", "full", "last", "first", "middle", "mail", "uid", "gid", "role_gid", "uuid", "role", "school", "school_id", "district", "class", "first:latin"} {
		text += fmt.Sprintf("    - {name: a%d, value: 'x {%s}'}\n", i, field)
	}
	file := filepath.Join(dir, "config.yaml")
	write(t, file, text)
	var log bytes.Buffer
	d, err := newDaemon(t.Context(), &log, file, loaded(t, file))
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	defer d.close()
	d.registry = prometheus.NewRegistry() // for a second one
	server, err := d.ldapServer()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l, ldapwire.Listener{}) }()
	c, err := ldap.DialURL("ldap://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind("cn=reader,ou=services,dc=school,dc=test", "sixteen-letters-and-more"); err != nil {
		t.Fatal(err)
	}
	root, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, 0, 0, 5, false, "(objectClass=*)", []string{"namingContexts"}, nil))
	if err != nil || !slices.Equal(root.Entries[0].GetAttributeValues("namingContexts"), []string{"dc=school,dc=test", "DC=ad,DC=test"}) {
		t.Errorf("%+v, %v", root, err)
	}
	schema, err := c.Search(ldap.NewSearchRequest("cn=Subschema", ldap.ScopeBaseObject, 0, 0, 5, false, "(objectClass=*)", []string{"attributeTypes"}, nil))
	if err != nil || !strings.Contains(strings.Join(schema.Entries[0].GetAttributeValues("attributeTypes"), " "), "NAME 'a16'") {
		t.Errorf("%v", err)
	}
	_ = c.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the server does not end")
	}
}
