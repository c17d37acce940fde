//go:build peers

package ldapsrv

// The same people in OpenLDAP's server and in ours: thousands of searches, equal
// answers. Left out is what differs on purpose: ё is no е there, ~= compares
// sounds there, memberOf is an overlay's business there; homeDirectory, loginShell
// and mail are of ASCII there, which the rules for other texts do not fit, and
// the former two take no substrings; a class that it does not know is Undefined
// there and False here, so that "(!(objectClass=computer))" finds people.

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/child"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/freeport"
)

var slapdAttributes = []string{"objectClass", "uid", "cn", "sn", "givenName", "displayName", "mail", "uidNumber", "gidNumber", "homeDirectory", "loginShell", "employeeType", "o"}

// slapd serves the entries.
func slapd(t *testing.T, entries []*ldap.Entry) *ldap.Conn {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/db", 0o700); err != nil {
		t.Fatal(err)
	}
	conf := write(t, dir, "slapd.conf", `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
sizelimit unlimited
database mdb
suffix "`+testBase+`"
rootdn "`+reader+`"
rootpw `+secret+`
directory `+dir+`/db
`)
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: domain\ndc: school\n\ndn: %s\nobjectClass: organizationalUnit\nou: people\n", testBase, testPeople)
	for _, e := range entries {
		fmt.Fprintf(&b, "\ndn:: %s\n", base64.StdEncoding.EncodeToString([]byte(e.DN)))
		for _, a := range e.Attributes {
			for _, v := range a.Values {
				fmt.Fprintf(&b, "%s:: %s\n", a.Name, base64.StdEncoding.EncodeToString([]byte(v)))
			}
		}
	}
	if out, code := runClient(t, "/usr/sbin/slapadd", "-q", "-f", conf, "-l", write(t, dir, "people.ldif", b.String())); code != 0 {
		t.Fatalf("slapadd: exit %d: %s", code, out)
	}
	c, err := ldap.DialURL("ldap://" + runSlapd(t, dir, conf))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Bind(reader, secret); err != nil {
		t.Fatal(err)
	}
	return c
}

// runSlapd gives the address of a server with the configuration.
func runSlapd(t *testing.T, dir, conf string) string {
	t.Helper()
	address := freeport.TCP(t)
	server, err := child.Start(dir, "/usr/sbin/slapd", "-h", "ldap://"+address, "-f", conf, "-d", "none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		if server.Ended(0) || time.Now().After(until) {
			t.Fatalf("slapd does not answer: %s", child.Log(dir))
		}
	}
}

// anyPart makes one assertion from what somebody has.
func anyPart(r *rand.Rand, entries []*ldap.Entry) string {
	e := entries[r.IntN(len(entries))]
	attribute := slapdAttributes[r.IntN(len(slapdAttributes))]
	values := e.GetAttributeValues(attribute)
	if len(values) == 0 || r.IntN(8) == 0 {
		switch values = []string{"x", "10", "ivanov"}; attribute {
		case "objectClass":
			values = []string{"device", "account"}
		case "cn", "sn", "givenName", "displayName", "o":
			values = append(values, "Иван")
		}
	}
	value := values[r.IntN(len(values))]
	switch r.IntN(4) {
	case 0:
		value = strings.ToUpper(value)
	case 1:
		value = strings.ReplaceAll(value, " ", "   ")
	}
	text := func(s string) string { return string(escaped(s)) }
	kind := r.IntN(12)
	if attribute == "homeDirectory" || attribute == "loginShell" || attribute == "mail" && kind >= 7 {
		return "(" + attribute + "=" + text(value) + ")"
	}
	letters := []rune(value)
	cut := func() string { // a piece without spaces at its ends
		from := r.IntN(len(letters))
		return strings.TrimSpace(string(letters[from:min(len(letters), from+1+r.IntN(4))]))
	}
	switch kind {
	case 0:
		return "(" + attribute + "=*)"
	case 1, 2:
		if piece := strings.TrimSpace(string(letters[:1+r.IntN(len(letters))])); piece != "" {
			return "(" + attribute + "=" + text(piece) + "*)"
		}
	case 3:
		if a, b := cut(), cut(); a != "" && b != "" {
			return "(" + attribute + "=*" + text(a) + "*" + text(b) + "*)"
		}
	case 4:
		if piece := cut(); piece != "" {
			return "(" + attribute + "=*" + text(piece) + ")"
		}
	case 5:
		return "(" + attribute + ">=" + text(value) + ")"
	case 6:
		return "(uidNumber<=" + e.GetAttributeValue("uidNumber") + ")"
	case 7:
		rule := []string{"caseExactMatch", "caseIgnoreMatch", "2.5.13.2", "2.5.13.5", "integerMatch", "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804"}[r.IntN(7)]
		return "(" + attribute + ":" + rule + ":=" + text(value) + ")"
	case 8:
		return "(" + attribute + ":dn:=" + text(value) + ")"
	}
	return "(" + attribute + "=" + text(value) + ")"
}

func anyTree(r *rand.Rand, entries []*ldap.Entry, depth int) string {
	if depth == 0 || r.IntN(2) == 0 {
		return anyPart(r, entries)
	}
	switch r.IntN(3) {
	case 0:
		return "(!" + anyTree(r, entries, depth-1) + ")"
	case 1:
		return "(&" + anyTree(r, entries, depth-1) + anyTree(r, entries, depth-1) + ")"
	}
	return "(|" + anyTree(r, entries, depth-1) + anyTree(r, entries, depth-1) + anyTree(r, entries, depth-1) + ")"
}

func TestPeerSlapd(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var people []*directory.Entry
	plain := strings.NewReplacer("Ёлкин", "Волков", "Елкин", "Волкова", "Пётр", "Павел", "Петр", "Павла", "семёнов", "semenov", "зайцев", "zaitsev")
	for _, e := range town(r, 300) {
		if e.Last == "" {
			continue // sn is a must there
		}
		for _, text := range []*string{&e.Last, &e.First, &e.Middle, &e.Mail, (*string)(&e.Login)} {
			*text = plain.Replace(*text)
		}
		people = append(people, e)
	}
	w := start(t, func(o *Options) { o.Entries = 10_000 }, people...)
	ours := w.as(reader, secret)
	all, err := ours.Search(search(testPeople, ldap.ScopeSingleLevel, "(objectClass=*)", slapdAttributes...))
	if err != nil {
		t.Fatal(err)
	}
	theirs := slapd(t, all.Entries)
	found := func(c *ldap.Conn, filter string) []string {
		a, err := c.Search(search(testPeople, ldap.ScopeSingleLevel, filter, "1.1"))
		if err != nil {
			t.Fatalf("%s: %v", filter, err)
		}
		var names []string
		for _, e := range a.Entries {
			names = append(names, strings.ToLower(e.DN))
		}
		slices.Sort(names)
		return names
	}
	entries, differ := 0, 0
	for range 4000 {
		filter := anyTree(r, all.Entries, 3)
		mine, other := found(ours, filter), found(theirs, filter)
		entries += len(mine)
		if !slices.Equal(mine, other) {
			if differ++; differ < 20 {
				t.Errorf("%s: %d here, %d in slapd", filter, len(mine), len(other))
			}
		}
	}
	if entries < 10_000 || differ > 0 {
		t.Errorf("%d entries found, %d answers differ", entries, differ)
	}
}
