package ldapsrv

import (
	"strings"
	"testing"
)

func TestParseDN(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"uid=anna,ou=people,dc=x":        "uid=anna,ou=people,dc=x",
		" UID = Anna , OU=people;dc=x":   "uid=Anna,ou=people,dc=x",
		`cn=a\,b\+c,dc=x`:                `cn=a\,b\+c,dc=x`,
		`cn=\d0\90,dc=x`:                 "cn=А,dc=x",
		`cn=\ a\ ,dc=x`:                  `cn=\ a\ ,dc=x`,
		`cn=\23a,dc=x`:                   `cn=\#a,dc=x`,
		`cn=a\00b`:                       `cn=a\00b`,
		"cn=школа № 49,dc=x":             "cn=школа № 49,dc=x",
		"cn=,dc=x":                       "cn=,dc=x",
		"0.9.2342.19200300.100.1.1=anna": "uid=anna", "UserID=anna": "uid=anna", "1.2.3=x": "1.2.3=x",
	} {
		d, err := parseDN(in)
		if err != nil || d.String() != want {
			t.Errorf("%q is %q, %v; want %q", in, d.String(), err, want)
		}
	}
	for _, in := range []string{
		"anna", "=anna", "uid=a+cn=b", "uid=#04016e", `uid=a\`, `uid=a\z`, `uid="a"`, "uid=a,", "uid=a,,dc=x", "uid=a<b", strings.Repeat("a=b,", maxRDNs) + "a=b", "cn=" + strings.Repeat("x", maxDN), "a,b=c",
	} {
		if d, err := parseDN(in); err == nil {
			t.Errorf("%q is taken as %q", in, d.String())
		}
	}
}

func TestResolve(t *testing.T) {
	w := start(t, nil)
	for in, want := range map[string]place{
		"": {kind: placeRoot}, testBase: {kind: placeBase}, "DC=School,DC=Example": {kind: placeBase}, "dc=school, dc=example": {kind: placeBase},
		testPeople: {kind: placePeople}, "OU=Groups," + testBase: {kind: placeGroups, matched: testGroups},
		"uid=anna," + testPeople: {kind: placePerson, leaf: "anna"}, "uid=anna , " + testPeople: {kind: placePerson, leaf: "anna"}, `uid=an\6ea,` + testPeople: {kind: placePerson, leaf: "anna"},
		"UID=Anna,OU=PEOPLE," + testBase: {kind: placePerson, leaf: "Anna"}, "cn=anna," + testPeople: {matched: testPeople}, "uid=a,uid=b," + testPeople: {matched: testPeople},
		"cn=staff," + testGroups: {kind: placeGroup, leaf: "staff"}, "o=x": {}, "uid=a,dc=example": {}, "cn=subschema": {kind: placeSchema}, "x": {kind: placeBad}, "uid=," + testPeople: {kind: placePerson},
		"ou=x," + testBase: {matched: testBase}, "cn=x,ou=services," + testBase: {matched: "ou=services," + testBase},
	} {
		got := w.server.resolve(in)
		if got.kind != want.kind || got.leaf != want.leaf || want.matched != "" && got.matched != want.matched {
			t.Errorf("%q is %+v, want %+v", in, got, want)
		}
	}
}

func TestSameDN(t *testing.T) {
	const one = "cn=Board\\, 1,ou=services,dc=school,dc=example"
	for other, want := range map[string]bool{
		one: true, `CN = board\2c 1 , OU=Services, dc=school,dc=example`: true, `2.5.4.3=Board\, 1,ou=services,dc=school,dc=example`: true,
		"cn=board,ou=services,dc=school,dc=example": false, "no name": false, "": false,
	} {
		if SameDN(one, other) != want || SameDN(other, one) != want {
			t.Errorf("%q: %v", other, !want)
		}
	}
	if SameDN("", "") || SameDN("no name", "no name") {
		t.Error("nothing is the same as nothing")
	}
}

func TestTyped(t *testing.T) {
	w := start(t, func(o *Options) { o.UPNSuffix, o.Views = "obr.example", []View{{Base: adBase, Schema: "ad"}} })
	for in, want := range map[string]string{
		personName("orlovami"): "orlovami", "UID=orlovami, OU=people, " + testBase: "orlovami", "cn=orlovami,ou=people," + adBase: "orlovami", "orlovami@OBR.example": "orlovami",
		"orlovami": "orlovami", `MESH\orlovami`: `MESH\orlovami`, reader: reader, "o=x": "o=x", "": "",
	} {
		if got := w.server.Typed(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func FuzzDN(f *testing.F) {
	for _, s := range []string{"uid=anna,ou=people,dc=x", `cn=\d0\90\,b , dc=x`, `cn=\ a\ ;dc=#`, "a=b+c=d", testPeople, "uid=x," + testPeople, `uid=\23 x,` + testPeople, "\xc1=a", "a=" + strings.Repeat("=", 20)} {
		f.Add(s)
	}
	s, err := New(Options{Auth: &fakeAuth{}, Directory: testDirectory(f), Base: testBase})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := parseDN(in)
		if err != nil || len(d) == 0 { // the root is written as nothing
			return
		}
		again, err := readDN(d.String())
		if err != nil || again.key() != d.key() {
			t.Fatalf("%q is written as %q and read as %q, %v", in, d.String(), again.String(), err)
		}
		// Taking the usual spelling apart without reading it changes nothing.
		quick, slow := s.resolve(in), s.resolveDN(d)
		if quick.kind != slow.kind || quick.leaf != slow.leaf {
			t.Fatalf("%q is %+v at once and %+v in full", in, quick, slow)
		}
	})
}

func FuzzUUID(f *testing.F) {
	f.Add("27000000-0000-0000-0000-000000000011")
	f.Add("27000000000000000000000000000011")
	f.Fuzz(func(t *testing.T, in string) {
		u, ok := parseUUID(in)
		if !ok {
			return
		}
		if again, ok := parseUUID(string(appendUUID(nil, u))); u != [16]byte{} && (!ok || again != u) {
			t.Fatalf("%q comes back as %v", in, again)
		}
	})
}
