package onboard

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// issued is a certificate with its key.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

// issue makes a certificate; by nobody else where by is nil.
func issue(t testing.TB, name string, authority bool, key crypto.Signer, by *issued) *issued {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(len(name)) + 0x1234), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: authority, BasicConstraintsValid: true}
	if !authority {
		template.DNSNames, template.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if by == nil {
		by = &issued{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{c, key}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// school is a network whose names would break out of a careless writer.
func school(t testing.TB, m Method) Network {
	t.Helper()
	root := issue(t, "Школа CA", true, newKey(t), nil)
	between := issue(t, "between", true, newKey(t), root)
	return Network{SSIDs: []string{"school-49", `Школа 49;`, `<'"&$(x)\ 'q`}, Hidden: true, ServerNames: []string{"bridge.school49.example", "b.example"},
		Authorities: []*x509.Certificate{root.Certificate, between.Certificate}, Outer: "anonymous", Method: m, Organization: `Школа "№ 49" & <Co> it's`}
}

func files(t testing.TB, n Network, login identity.Login, p Platform, lang Lang) []File {
	t.Helper()
	list, err := Files(n, login, p, lang)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func body(t testing.TB, list []File, name string) string {
	t.Helper()
	for _, f := range list {
		if f.Name == name {
			return string(f.Body)
		}
	}
	t.Fatalf("no file %s", name)
	return ""
}

// tree is any XML, as another reader than the writer sees it.
type tree struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []tree `xml:",any"`
}

func parse(t testing.TB, text string) tree {
	t.Helper()
	var root tree
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return root
}

// all gives the texts of every element of a name space and name.
func (n tree) all(space, name string) []string {
	var out []string
	if n.XMLName == (xml.Name{Space: space, Local: name}) {
		out = append(out, n.Text)
	}
	for _, c := range n.Children {
		out = append(out, c.all(space, name)...)
	}
	return out
}

// value turns an element of a property list into maps, lists and strings.
func (n tree) value() any {
	switch n.XMLName.Local {
	case "plist":
		return n.Children[0].value()
	case "dict":
		m := map[string]any{}
		for i := 0; i < len(n.Children); i += 2 {
			m[n.Children[i].Text] = n.Children[i+1].value()
		}
		return m
	case "array":
		list := []any{}
		for _, c := range n.Children {
			list = append(list, c.value())
		}
		return list
	case "true", "false":
		return n.XMLName.Local == "true"
	}
	return n.Text
}

func TestApple(t *testing.T) {
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		n := school(t, m)
		profile := parse(t, body(t, files(t, n, "orlovami", Apple, Russian), "school-wifi.mobileconfig")).value().(map[string]any)
		if profile["PayloadType"] != "Configuration" || profile["PayloadOrganization"] != n.Organization || profile["PayloadVersion"] != "1" {
			t.Error(profile)
		}
		anchors, uuids := []any{}, map[any]bool{profile["PayloadUUID"]: true}
		var networks []map[string]any
		for i, each := range profile["PayloadContent"].([]any) {
			p := each.(map[string]any)
			if uuids[p["PayloadUUID"]] || p["PayloadIdentifier"] == nil || p["PayloadDisplayName"] == nil {
				t.Errorf("payload %d: %v", i, p)
			}
			uuids[p["PayloadUUID"]] = true
			if p["PayloadType"] == "com.apple.wifi.managed" {
				networks = append(networks, p)
				continue
			}
			anchors = append(anchors, p["PayloadUUID"])
			if der, err := base64.StdEncoding.DecodeString(p["PayloadContent"].(string)); err != nil || !bytes.Equal(der, n.Authorities[i].Raw) {
				t.Errorf("authority %d: %v", i, err)
			}
			if kind := p["PayloadType"]; (kind == "com.apple.security.root") != (i == 0) || i == 1 && kind != "com.apple.security.pkcs1" {
				t.Errorf("authority %d is %v", i, kind)
			}
		}
		if len(networks) != len(n.SSIDs) {
			t.Fatalf("%d networks", len(networks))
		}
		for i, p := range networks {
			eap := p["EAPClientConfiguration"].(map[string]any)
			want := map[string]any{"AcceptEAPTypes": []any{"21"}, "TTLSInnerAuthentication": "PAP", "UserName": "orlovami", "OuterIdentity": "anonymous",
				"TLSTrustedServerNames": []any{"bridge.school49.example", "b.example"}, "PayloadCertificateAnchorUUID": anchors, "TLSMinimumVersion": "1.2"}
			if m == PEAPMSCHAPv2 {
				want["AcceptEAPTypes"] = []any{"25"}
				delete(want, "TTLSInnerAuthentication")
			}
			if fmt.Sprint(eap) != fmt.Sprint(want) {
				t.Errorf("got  %v\nwant %v", eap, want)
			}
			if p["SSID_STR"] != n.SSIDs[i] || p["HIDDEN_NETWORK"] != true || p["EncryptionType"] != "WPA2" {
				t.Error(p)
			}
		}
	}
}

var anUUID = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// A second installation, another person's included, replaces the first; a
// neighbour school's stays beside it.
func TestIdentifiersFollowFromTheNetwork(t *testing.T) {
	n := school(t, TTLSPAP)
	other := n
	other.ServerNames = []string{"bridge.school50.example"}
	for _, p := range []Platform{Apple, Linux} {
		read := func(n Network, login identity.Login, lang Lang) []string {
			return anUUID.FindAllString(string(files(t, n, login, p, lang)[0].Body), -1)
		}
		mine := read(n, "orlovami", Russian)
		if len(mine) < 3 || !slices.Equal(mine, read(n, "evann", English)) {
			t.Errorf("%s: %v", p, mine)
		}
		for _, theirs := range read(other, "orlovami", Russian) {
			if slices.Contains(mine, theirs) {
				t.Errorf("%s: two schools share %s", p, theirs)
			}
		}
	}
	for _, f := range [][]File{files(t, n, "a", Windows, Russian), files(t, n, "b", Windows, Russian)} {
		if !strings.Contains(body(t, f, "school-wifi-1.xml"), "<name>school-49</name>") {
			t.Error("Windows replaces profiles by name")
		}
	}
}

func TestWindows(t *testing.T) {
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		n := school(t, m)
		list := files(t, n, "orlovami", Windows, Russian)
		sum := sha1.Sum(n.Authorities[0].Raw)
		print := strings.TrimSpace(fmt.Sprintf("% x", sum[:]))
		for i, ssid := range n.SSIDs {
			x := parse(t, body(t, list, fmt.Sprintf("school-wifi-%d.xml", i+1)))
			check := func(space, name string, want ...string) {
				t.Helper()
				if got := x.all(space, name); !slices.Equal(got, want) {
					t.Errorf("%s: %q, wanted %q", name, got, want)
				}
			}
			check(nsWLAN, "hex", fmt.Sprintf("%X", ssid))
			check(nsWLAN, "name", ssid, ssid)
			check(nsWLAN, "nonBroadcast", "true")
			check(nsWLAN, "authentication", "WPA2")
			check(nsOneX, "authMode", "user")
			names := strings.Join(n.ServerNames, ";")
			if m == TTLSPAP {
				check(nsCommon, "Type", "21")
				check(nsCommon, "AuthorId", "311")
				check(nsTTLS, "ServerNames", names)
				check(nsTTLS, "TrustedRootCAHash", print) // the root alone
				check(nsTTLS, "DisablePrompt", "true")
				check(nsTTLS, "PAPAuthentication", "")
				check(nsTTLS, "AnonymousIdentity", "anonymous")
				continue
			}
			check(nsCommon, "Type", "25")
			check(nsCommon, "AuthorId", "0")
			check(nsBase, "Type", "25", "26")
			check(nsPEAP, "ServerNames", names)
			check(nsPEAP, "TrustedRootCA", print)
			check(nsPEAP, "DisableUserPromptForServerValidation", "true")
			check(nsPEAP2, "PerformServerValidation", "true")
			check(nsPEAP2, "AcceptServerName", "true")
			check(nsPEAP2, "AnonymousUserName", "anonymous")
			check(nsPEAP3, "AllowPromptingWhenServerCANotFound", "false")
			check(nsMSCHAPv2, "UseWinLogonCredentials", "false")
		}
	}
}

// The script carries the very files, and nothing of a name stands outside a
// quoted text.
func TestWindowsScript(t *testing.T) {
	n := school(t, TTLSPAP)
	list := files(t, n, "orlovami", Windows, Russian)
	script := string(list[0].Body)
	for _, f := range list[1:] {
		if !strings.Contains(script, "'"+base64.StdEncoding.EncodeToString(f.Body)+"'") {
			t.Errorf("the script lacks %s", f.Name)
		}
	}
	if !strings.HasPrefix(script, "\uFEFF# ") || strings.Contains(strings.ReplaceAll(script, "\r\n", ""), "\n") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(script) {
		t.Error(script)
	}
	if !strings.Contains(script, `<''"&$(x)\ ''q`) {
		t.Error("the network's name is not quoted")
	}
	for in, want := range map[string]string{"it's": "'it''s'", "’": "'’’'", "$x": "'$x'"} {
		if got := quotePS(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestAndroid(t *testing.T) {
	for lang, words := range map[Lang][]string{Russian: {"Анонимное", "QR"}, English: {"Anonymous", "QR"}} {
		for m, method := range map[Method][]string{TTLSPAP: {"TTLS", "PAP"}, PEAPMSCHAPv2: {"PEAP", "MSCHAPV2"}} {
			n := school(t, m)
			list := files(t, n, "orlovami", Android, lang)
			steps := string(list[0].Body)
			for _, w := range append(append(words, method...), n.SSIDs[0], "bridge.school49.example;b.example", "orlovami", "anonymous", n.Organization, "school-ca.crt") {
				if !strings.Contains(steps, w) {
					t.Errorf("%s %s: no %q in\n%s", lang, m, w, steps)
				}
			}
			if regexp.MustCompile(`\{[a-z]+\}`).MatchString(steps) {
				t.Error(steps)
			}
			x := parse(t, body(t, list, "school-wifi.eap-config"))
			inner := map[Method][]string{TTLSPAP: {"21", "1"}, PEAPMSCHAPv2: {"25", "26"}}[m]
			for name, want := range map[string][]string{"Type": inner, "ServerID": n.ServerNames, "SSID": n.SSIDs, "UserName": {"orlovami"}, "OuterIdentity": {"anonymous"}, "DisplayName": {n.Organization},
				"CA": {base64.StdEncoding.EncodeToString(n.Authorities[0].Raw), base64.StdEncoding.EncodeToString(n.Authorities[1].Raw)}} {
				if got := x.all("", name); !slices.Equal(got, want) {
					t.Errorf("%s: %q, wanted %q", name, got, want)
				}
			}
		}
	}
}

func TestKeyfileQuoting(t *testing.T) {
	for in, want := range map[string]string{"school-49": "school-49", "a b": "a b", "49;": "52;57;59;", " a": "32;97;", "a ": "97;32;", "Ш": "208;168;"} {
		if got := ssidKey(in); got != want {
			t.Errorf("%q: %s, wanted %s", in, got, want)
		}
	}
	if got := quoteKey(` a\n`); got != `\sa\\n` {
		t.Error(got)
	}
}

func TestRefused(t *testing.T) {
	good := school(t, TTLSPAP)
	if _, err := Files(good, "orlovami", "symbian", Russian); err == nil {
		t.Error("a platform that does not exist is served")
	}
	for what, change := range map[string]func(*Network, *identity.Login){
		"no network":               func(n *Network, _ *identity.Login) { n.SSIDs = nil },
		"a long name":              func(n *Network, _ *identity.Login) { n.SSIDs = []string{strings.Repeat("Ш", 17)} },
		"a name with a line end":   func(n *Network, _ *identity.Login) { n.SSIDs = []string{"a\nb"} },
		"no server":                func(n *Network, _ *identity.Login) { n.ServerNames = nil },
		"a pattern for a server":   func(n *Network, _ *identity.Login) { n.ServerNames = []string{"*.example"} },
		"two servers in one":       func(n *Network, _ *identity.Login) { n.ServerNames = []string{"a.example;b.example"} },
		"no authority":             func(n *Network, _ *identity.Login) { n.Authorities = nil },
		"no root":                  func(n *Network, _ *identity.Login) { n.Authorities = n.Authorities[1:] },
		"no method":                func(n *Network, _ *identity.Login) { n.Method = "" },
		"no outer name":            func(n *Network, _ *identity.Login) { n.Outer = "" },
		"no login":                 func(_ *Network, l *identity.Login) { *l = "" },
		"a login of two lines":     func(_ *Network, l *identity.Login) { *l = "a\npassword=b" },
		"a broken login":           func(_ *Network, l *identity.Login) { *l = "a\xff" },
		"an organisation in lines": func(n *Network, _ *identity.Login) { n.Organization = "a\r\nb" },
	} {
		n, login := good, identity.Login("orlovami")
		change(&n, &login)
		for _, p := range Platforms() {
			if list, err := Files(n, login, p, Russian); err == nil || list != nil {
				t.Errorf("%s is taken", what)
			}
		}
	}
}

// The organisation is the only thing that may be left out.
func TestOrganizationByDefault(t *testing.T) {
	n := school(t, TTLSPAP)
	n.Organization = ""
	if text := string(files(t, n, "orlovami", Apple, English)[0].Body); !strings.Contains(text, "<string>Wi-Fi: bridge.school49.example</string>") {
		t.Error(text)
	}
}

func TestSignRefused(t *testing.T) {
	key := newKey(t)
	c := issue(t, "a", false, key, nil)
	f := File{Body: []byte("x")}
	if _, err := Sign(f, nil, key, rand.Reader); err == nil {
		t.Error("signed without a certificate")
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(f, []*x509.Certificate{c.Certificate}, rsaKey, rand.Reader); err == nil {
		t.Error("signed with another certificate's key")
	}
}
