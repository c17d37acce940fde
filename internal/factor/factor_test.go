package factor

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hash is a keyed digest with an older key behind the current one.
func hash(meaning, code string) ([][]byte, error) {
	sum := func(key string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(meaning + "\x00" + code))
		return m.Sum(nil)
	}
	return [][]byte{sum("new"), sum("old")}, nil
}

// rotated is hash after another rotation of keys.
func rotated(meaning, code string) ([][]byte, error) {
	digests, err := hash(meaning, code)
	return append([][]byte{[]byte("newest")}, digests...), err
}

var now = time.Date(2026, 9, 1, 8, 0, 10, 0, time.UTC)

// TestRFC6238 holds the codes against appendix B of RFC 6238, of which apps show
// the last six digits.
func TestRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got, err := Code(secret, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: %s, %v; want %s", at, got, err, want)
		}
	}
}

func code(t *testing.T, secret []byte, at time.Time) string {
	t.Helper()
	c, err := Code(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enrolled is a factor whose app was connected a day ago.
func enrolled(t *testing.T) (Factor, []string) {
	t.Helper()
	var f Factor
	before := now.Add(-24 * time.Hour)
	invitation, err := NewInvitation(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := NewRecovery(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Invite(invitation, before.Add(time.Hour), hash); err != nil || f.Enrolled() || !f.Invited(before) || f.Invited(now) {
		t.Fatal(f, err)
	}
	if err := f.Enrol(Enrolment{invitation, secret, code(t, secret, before), codes}, before, hash); err != nil || !f.Enrolled() || f.Invited(before) {
		t.Fatal(f, err)
	}
	// It is kept as JSON.
	text, err := json.Marshal(f)
	if err != nil || json.Unmarshal(text, &f) != nil {
		t.Fatal(err)
	}
	return f, codes
}

func TestEnrolNeedsBothCodes(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, secretBytes)
	app := code(t, secret, now)
	for name, c := range map[string]struct {
		typed string
		app   string
		at    time.Time
		right bool
	}{
		"right":                  {"ABCD-EFGH-1234", app, now, true},
		"small, spaces, Russian": {" аBсd efgh l234 ", app[:3] + " " + app[3:], now, true},
		"another invitation":     {"ABCD-EFGH-1235", app, now, false},
		"none":                   {"", app, now, false},
		"another code":           {"ABCD-EFGH-1234", "000000", now, false},
		"expired":                {"ABCD-EFGH-1234", code(t, secret, now.Add(time.Hour)), now.Add(time.Hour), false},
	} {
		var f Factor
		if err := f.Invite("ABCD-EFGH-1234", now.Add(time.Hour), hash); err != nil {
			t.Fatal(err)
		}
		err := f.Enrol(Enrolment{c.typed, secret, c.app, []string{"AAAAA-BBBBB"}}, c.at, hash)
		if (err == nil) != c.right || err != nil && !errors.Is(err, ErrWrong) || f.Enrolled() != c.right || (f.Failures == 1) == c.right {
			t.Errorf("%s: %v, %+v", name, err, f)
		}
		if !c.right {
			continue
		}
		// The invitation is gone, and so is the code that connected the app.
		if err := f.Enrol(Enrolment{c.typed, secret, code(t, secret, now.Add(time.Minute)), nil}, now.Add(time.Minute), hash); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: the invitation serves twice: %v", name, err)
		}
		if _, err := f.Take(app, now, hash); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: the first code serves twice: %v", name, err)
		}
	}
	var nobody Factor
	if err := nobody.Enrol(Enrolment{"", secret, app, nil}, now, hash); !errors.Is(err, ErrWrong) {
		t.Errorf("without an invitation: %v", err)
	}
	var short Factor
	if err := short.Invite("A", now.Add(time.Hour), hash); err != nil {
		t.Fatal(err)
	}
	if err := short.Enrol(Enrolment{"A", nil, "", nil}, now, hash); !errors.Is(err, ErrWrong) || short.Enrolled() {
		t.Errorf("without a secret: %v", err)
	}
}

// TestClocksDiffer: a phone may be wrong by one step, and no code of a step at or
// before the last one counts.
func TestClocksDiffer(t *testing.T) {
	f, _ := enrolled(t)
	for seconds, right := range map[int]bool{0: true, -30: true, 30: true, -15: true, -61: false, 60: false, 3600: false, -24 * 3600: false} {
		g := f
		_, err := g.Take(code(t, f.Secret, now.Add(time.Duration(seconds)*time.Second)), now, hash)
		if (err == nil) != right {
			t.Errorf("%d s: %v", seconds, err)
		}
	}
	if how, err := f.Take(code(t, f.Secret, now.Add(30*time.Second)), now, hash); err != nil || how != ByApp {
		t.Fatal(how, err)
	}
	for _, seconds := range []int{30, 0, -30} {
		if _, err := f.Take(code(t, f.Secret, now.Add(time.Duration(seconds)*time.Second)), now, hash); !errors.Is(err, ErrWrong) {
			t.Errorf("%d s after the code of 30 s: %v", seconds, err)
		}
	}
	later := now.Add(2 * time.Minute)
	if _, err := f.Take(code(t, f.Secret, later), later, hash); err != nil || f.Failures != 0 {
		t.Errorf("%v, %d failures", err, f.Failures)
	}
}

func TestRecoveryCodesServeOnce(t *testing.T) {
	f, codes := enrolled(t)
	if len(codes) != RecoveryCodes || len(f.Recovery) != RecoveryCodes {
		t.Fatal(codes, len(f.Recovery))
	}
	for _, typed := range []string{codes[3], strings.ToLower(strings.ReplaceAll(codes[9], "-", " ")), codes[0]} {
		if how, err := f.Take(typed, now, rotated); err != nil || how != ByRecovery {
			t.Errorf("%s: %v, %v", typed, how, err)
		}
		if _, err := f.Take(typed, now, hash); !errors.Is(err, ErrWrong) {
			t.Errorf("%s serves twice: %v", typed, err)
		}
	}
	if len(f.Recovery) != RecoveryCodes-3 {
		t.Errorf("%d left", len(f.Recovery))
	}
	if err := f.Invite("A", now.Add(time.Hour), hash); err != nil || f.Enrolled() || len(f.Recovery) > 0 {
		t.Errorf("a new invitation leaves %+v, %v", f, err)
	}
	if _, err := f.Take(codes[5], now, hash); !errors.Is(err, ErrWrong) {
		t.Errorf("a code of before the invitation: %v", err)
	}
}

// TestGuessing: five tries, and then one after a wait that doubles up to an hour;
// a right code during a wait is not looked at, and one after it ends them.
func TestGuessing(t *testing.T) {
	f, _ := enrolled(t)
	at, tries := now, 0
	var waits []time.Duration
	for at.Before(now.Add(24 * time.Hour)) {
		_, err := f.Take("000000x", at, hash)
		if locked := (*Locked)(nil); errors.As(err, &locked) {
			if _, err := f.Take(code(t, f.Secret, at), at, hash); !errors.As(err, &locked) {
				t.Fatalf("a code is looked at during a wait: %v", err)
			}
			waits = append(waits, locked.Until.Sub(at))
			at = locked.Until
			continue
		}
		if !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
		tries++
	}
	if tries > 35 || waits[0] != time.Minute || waits[1] != 2*time.Minute || waits[len(waits)-1] != time.Hour {
		t.Errorf("%d tries in a day, waits %v", tries, waits)
	}
	if _, err := f.Take(code(t, f.Secret, at), at, hash); err != nil || f.Failures != 0 {
		t.Errorf("%v, %d failures", err, f.Failures)
	}
	// A clock that was wrong when a wait began.
	f.Until = now.Add(300 * 24 * time.Hour)
	if _, err := f.Take(code(t, f.Secret, at.Add(time.Hour)), at.Add(time.Hour), hash); err != nil {
		t.Errorf("shut out for good: %v", err)
	}
	if wait(1_000_000) != time.Hour || wait(0) != 0 {
		t.Error(wait(1_000_000), wait(0))
	}
}

func TestURL(t *testing.T) {
	if got := URL([]byte("12345678901234567890"), "id.school.example", "orlova mi"); got !=
		"otpauth://totp/id.school.example:orlova%20mi?issuer=id.school.example&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" {
		t.Error(got)
	}
}

func TestCodesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p, err := NewPassword(rand.Reader)
		if err != nil || seen[p] || len(p) != 35 || FoldPassword(strings.ToLower(p)) != strings.ReplaceAll(p, "-", "") {
			t.Fatal(p, err)
		}
		seen[p] = true
	}
	if _, err := NewPassword(bytes.NewReader(nil)); err == nil {
		t.Error("without randomness")
	}
	if len(letters) != 32 {
		t.Error(len(letters))
	}
}

// FuzzTake: whatever is typed, nothing but the right codes counts.
func FuzzTake(f *testing.F) {
	f.Add("123456")
	f.Add("AAAAA-BBBBB")
	f.Add("\xff\x00")
	secret := bytes.Repeat([]byte{9}, secretBytes)
	digests, err := hash(recovery, fold("AAAAA-BBBBB"))
	if err != nil {
		f.Fatal(err)
	}
	var right []string
	for _, s := range []int{-30, 0, 30} {
		c, err := Code(secret, now.Add(time.Duration(s)*time.Second))
		if err != nil {
			f.Fatal(err)
		}
		right = append(right, c)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		factor := Factor{Secret: secret, Recovery: digests[:1]}
		how, err := factor.Take(typed, now, hash)
		plain := strings.Join(strings.Fields(typed), "")
		want := fmt.Sprint(plain == right[0] || plain == right[1] || plain == right[2])
		if how == ByApp && want != "true" || how == ByRecovery && fold(typed) != "AAAAABBBBB" || how == "" && err == nil {
			t.Errorf("%q: %v, %v", typed, how, err)
		}
	})
}
