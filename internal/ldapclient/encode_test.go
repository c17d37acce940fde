package ldapclient

import (
	"strings"
	"testing"

	"schoolbridge/internal/identity"
)

func TestEncodePassword(t *testing.T) {
	got, err := EncodePassword(`a"й😀`)
	if err != nil || string(got) != "\"\x00a\x00\"\x00\x39\x04\x3d\xd8\x00\xde\"\x00" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, p := range []string{"", "a\x00b", "\xff", strings.Repeat("й", 257)} {
		if _, err := EncodePassword(identity.Password(p)); err == nil || p != "" && strings.Contains(err.Error(), p) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := EncodePassword(identity.Password(strings.Repeat("й", 256))); err != nil {
		t.Error(err)
	}
}

func TestGUID(t *testing.T) {
	// MS-DTYP section 2.3.4.2: the first three groups are little-endian.
	b := []byte{0x04, 0x03, 0x02, 0x01, 0x06, 0x05, 0x08, 0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10}
	if got := GUID(b); got != "<GUID=01020304-0506-0708-090a-0b0c0d0e0f10>" {
		t.Error(got)
	}
	if GUID(b[1:]) != "" {
		t.Error("15 bytes are a GUID")
	}
}

func TestMangled(t *testing.T) {
	for dn, want := range map[string]bool{
		`CN=evann\0ACNF:a746b716-0ac0-11d2-b376-0000f87a46c8,OU=49,DC=obr`: true,
		`CN=evann CNF:a746b716,DC=obr`:                                     false, `CN=a,OU=x\0ACNF:a746b716,DC=obr`: false, "nonsense": false, "": false,
	} {
		if Mangled(dn) != want {
			t.Errorf("%s: %v", dn, !want)
		}
	}
}

func TestNames(t *testing.T) {
	base := "OU=Школа 49,DC=obr,DC=example"
	for dn, under := range map[string]bool{
		base: true,
		"cn=ivanov,ou=школа 49,dc=OBR,dc=example":  true,
		"CN=a,OU=b,OU=Школа 49,DC=obr,DC=example":  true,
		`CN=a\,OU=Школа 49,DC=obr,DC=example`:      false,
		"OU=Школа 490,DC=obr,DC=example":           false,
		"DC=obr,DC=example":                        false,
		"CN=a,OU=Школа 49,DC=obr,DC=example,DC=up": false,
		"nonsense": false,
		"":         false,
	} {
		if Under(dn, base) != under {
			t.Errorf("%s: under is %v", dn, !under)
		}
	}
	if Under("cn=a,dc=b", "") || Under("", "") || Under("cn=a", "nonsense") {
		t.Error("an empty base holds everything")
	}
	if !SameDN("CN=A, DC=b", "cn=a,dc=B") || SameDN("cn=a,dc=b", "cn=a,dc=c") || SameDN("x", "x") {
		t.Error("SameDN")
	}
	if got := Parent(`CN=a\, b,OU=c,DC=d`); got != "OU=c,DC=d" || Parent("DC=d") != "" || Parent("x") != "" {
		t.Error(got)
	}
	if got := EscapeFilter(`a*(b)\`); got != `a\2a\28b\29\5c` {
		t.Error(got)
	}
	if got := EscapeDN(` a,b=c#"`); !SameDN("cn="+got+",dc=d", `cn=\20a\,b\3dc#\",dc=d`) {
		t.Error(got)
	}
}

func TestFoldDN(t *testing.T) {
	want := FoldDN(`CN=Adm\, 49,OU=Группы,DC=obr,DC=example`)
	for _, dn := range []string{`cn=ADM\2C 49, ou=группы, dc=OBR,dc=example`, `CN=Adm\, 49,OU=ГРУППЫ,DC=obr,DC=example`} {
		if got := FoldDN(dn); got != want || got == "" {
			t.Errorf("%s: %s; want %s", dn, got, want)
		}
	}
	if FoldDN("no name") != "" || FoldDN(`CN=Adm 49,OU=Группы,DC=obr,DC=example`) == want {
		t.Error("what is no such name")
	}
}
