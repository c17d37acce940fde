package match

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"schoolbridge/internal/person"
)

func TestEncode(t *testing.T) {
	var b bytes.Buffer
	e := NewEncoder(&b)
	world := parseWorld(t, `h 49 name=ГБОУ_"Школа_<49>_&_Ко"; k k1 ezhd=evannvn; ad evannvn person=k1; c c1; k k2 fio=Другая snils=B; s s1`)
	for _, v := range world.run(t) {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(b.String(), "\n")
	want := []string{
		`{"sub":"s1","login":"evann","decision":"match","roles":["staff@ГБОУ \"Школа <49> & Ко\"","parent(c1)"],"problems":["LOGIN_DIFFERS"],"provision":"adopt:evannvn","records":["k1","c1"],"reasons":["`,
		`{"sub":null,"login":"","decision":"no_match","roles":[],"problems":["NO_MOSRU_ACCOUNT"],"provision":"-","records":["k2"],"reasons":["`,
	}
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("got  %s\nwant %s", lines[i], w)
		}
	}
	whole, err := json.Marshal(world.run(t)[1])
	if err != nil || string(whole) != lines[1] {
		t.Errorf("json.Marshal gives %s, %v", whole, err)
	}
}

func TestReadProfiles(t *testing.T) {
	const text = "\ufeff" + `{"sub":"s1","login":"evann","last":"Иванова","first":"Анна","middle":"Петровна","snils":"1","snils_confirmed":true,"phone":"2","email":"3","dob":"02.01.2010","trusted":true,"extra":[1]}

{"sub":"s2","snils":null,"dob":null,"phone_verified":false,"email_verified":true}
{"sub":5}
{"login":"nobody"}
not json
{"sub":"s3","dob":"31.02.2010"}
["s4"]
{"sub":"s5","phone_verified":null,"email_verified":false}`
	for _, verified := range []bool{true, false} {
		var profiles []person.Profile
		var bad []int
		for p, err := range ReadProfiles(strings.NewReader(text), verified) {
			var fault *LineError
			switch {
			case errors.As(err, &fault):
				bad = append(bad, fault.Line)
			case err != nil:
				t.Fatal(err)
			default:
				profiles = append(profiles, p)
			}
		}
		dob, _ := person.NewDate(2010, 1, 2)
		want := []person.Profile{
			{Subject: "s1", Login: "evann", Last: "Иванова", First: "Анна", Middle: "Петровна", SNILS: "1", SNILSConfirmed: true,
				Phone: "2", Email: "3", BirthDate: dob, Trusted: true, PhoneVerified: verified, EmailVerified: verified},
			{Subject: "s2", EmailVerified: true},
			{Subject: "s5", PhoneVerified: verified},
		}
		if len(profiles) != len(want) {
			t.Fatalf("%d profiles: %+v", len(profiles), profiles)
		}
		for i := range want {
			if profiles[i] != want[i] {
				t.Errorf("got %+v\nwant %+v", profiles[i], want[i])
			}
		}
		if got := []int{4, 5, 6, 7, 8}; len(bad) != 5 || bad[0] != got[0] || bad[4] != got[4] {
			t.Errorf("bad lines %v, want %v", bad, got)
		}
	}
}

func TestReadBindings(t *testing.T) {
	const text = `{"record":"k1","sub":"s1"}` + "\r\n" + `{"record":"k1"}` + "\n" + `{"sub":"s1"}` + "\n{}\nnull\n" + `{"record":"c1","sub":"s2","since":1}`
	var got []Binding
	bad := 0
	for b, err := range ReadBindings(strings.NewReader(text)) {
		if err != nil {
			bad++
			continue
		}
		got = append(got, b)
	}
	if bad != 4 || len(got) != 2 || got[0] != (Binding{Record: "k1", Subject: "s1"}) || got[1] != (Binding{Record: "c1", Subject: "s2"}) {
		t.Errorf("%d bad, %+v", bad, got)
	}
}

func TestLinesAreBounded(t *testing.T) {
	long := `{"sub":"` + strings.Repeat("x", 5*MaxLine) + `"}`
	var subs []string
	var faults []error
	for p, err := range ReadProfiles(strings.NewReader(long+"\n"+`{"sub":"s1"}`+"\n"+long), true) {
		if err != nil {
			faults = append(faults, err)
			continue
		}
		subs = append(subs, string(p.Subject))
	}
	if len(subs) != 1 || subs[0] != "s1" || len(faults) != 2 || !strings.HasPrefix(faults[1].Error(), "line 3: longer") {
		t.Errorf("%q, %v", subs, faults)
	}
	broken := errors.New("broken")
	for _, err := range ReadProfiles(&brokenReader{err: broken}, true) {
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
}

type brokenReader struct{ err error }

func (r *brokenReader) Read([]byte) (int, error) { return 0, r.err }

// A fault tells the line and the field, never the value.
func TestFaultsNameNoOne(t *testing.T) {
	for _, text := range []string{`{"sub":"s","snils":11223344595}`, `{"sub":"s","dob":"Иванова"}`, `Иванова 11223344595`} {
		for _, err := range ReadProfiles(strings.NewReader(text), true) {
			if err == nil || strings.Contains(err.Error(), "11223344595") || strings.Contains(err.Error(), "Иванова") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func FuzzReadProfiles(f *testing.F) {
	f.Add([]byte(`{"sub":"s1","login":"evann","dob":"2010-01-02","phone_verified":false}` + "\n\n{"))
	f.Add([]byte("\ufeff[]\n\"x\"\nnull\n{\"sub\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := 0
		for p, err := range ReadProfiles(bytes.NewReader(b), true) {
			var fault *LineError
			if errors.As(err, &fault) {
				if fault.Line <= last {
					t.Fatalf("line %d after %d", fault.Line, last)
				}
				last = fault.Line
			} else if err != nil || p.Subject == "" {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		for l, err := range ReadBindings(bytes.NewReader(b)) {
			if err == nil && (l.Record == "" || l.Subject == "") {
				t.Fatalf("%+v", l)
			}
		}
	})
}
