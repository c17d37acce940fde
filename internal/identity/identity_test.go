package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Nothing that prints shows a password, alone or inside what carries it.
func TestPasswordsDoNotPrint(t *testing.T) {
	const secret = "Snegir-2021"
	c := Credential{Name: "orlovami", Proof: Password(secret)}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %[1]v"} {
		fmt.Fprintf(&out, verb+"\n", Password(secret))
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
	}
	fmt.Fprintln(&out, Password(secret), map[Password]Password{secret: secret}, []Password{secret}, fmt.Errorf("sign in: %v", Password(secret)))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "password", Password(secret), "credential", c)
	}
	b, err := json.Marshal(map[string]any{"password": Password(secret), "credential": c})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, shown := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("%q is shown:\n%s", shown, out.String())
		}
	}
	if !strings.Contains(out.String(), placeholder) {
		t.Error("nothing stands in its place")
	}
}

func TestPersonID(t *testing.T) {
	id, err := NewPersonID(bytes.NewReader([]byte("0123456789abcdef")))
	if err != nil || id.IsZero() {
		t.Fatal(id, err)
	}
	if back, err := ParsePersonID(id.String()); err != nil || back != id {
		t.Errorf("%v %v", back, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("0", 34), strings.Repeat("g", 32)} {
		if _, err := ParsePersonID(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := NewPersonID(strings.NewReader("short")); err == nil {
		t.Error("too little randomness makes an id")
	}
}

// A verdict that nobody gave is no permission, and has a word of its own.
func TestOutcomes(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []Outcome{0, Accepted, Rejected, Unavailable, Malformed} {
		seen[o.String()] = true
	}
	if len(seen) != 5 || (Verdict{}).Outcome == Accepted {
		t.Errorf("%v", seen)
	}
}
