package mosru

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

func TestClaims(t *testing.T) {
	born, _ := person.NewDate(1980, 2, 29)
	for name, c := range map[string]struct {
		body string
		want person.Profile
	}{
		"numbers and texts for booleans": {`{"sub":42,"snils":"1","snils_confirmed":"true","trusted":1,"email":"a@b","email_verified":"0"}`,
			person.Profile{Subject: "42", SNILS: "1", SNILSConfirmed: true, Trusted: true, Email: "a@b"}},
		"sub before uid":              {`{"uid":"u","sub":"s"}`, person.Profile{Subject: "s"}},
		"userId":                      {`{"userId":"u"}`, person.Profile{Subject: "u"}},
		"empty is absent":             {`{"sub":"s","family_name":" ","surname":"Ким","phone_number":null,"mobile":"+79160000001"}`, person.Profile{Subject: "s", Last: "Ким", Phone: "+79160000001", PhoneVerified: true}},
		"dates":                       {`{"sub":"s","birthdate":"29.02.1980"}`, person.Profile{Subject: "s", BirthDate: born}},
		"date with time":              {`{"sub":"s","birthdate":"1980-02-29T00:00:00Z"}`, person.Profile{Subject: "s", BirthDate: born}},
		"no such date":                {`{"sub":"s","birthdate":"31.02.1980"}`, person.Profile{Subject: "s"}},
		"nothing confirmed unasked":   {`{"sub":"s","snils":"1"}`, person.Profile{Subject: "s", SNILS: "1"}},
		"flags without their subject": {`{"sub":"s","snils_confirmed":true,"phone_verified":true}`, person.Profile{Subject: "s"}},
		"case matters":                {`{"sub":"s","SUB":"x","SNILS":"2","snils":"1"}`, person.Profile{Subject: "s", SNILS: "1"}},
	} {
		said, err := readClaims([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := said.profile("", true); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, body := range map[string]string{
		"no subject": `{"family_name":"Ким"}`, "long subject": `{"sub":"` + strings.Repeat("a", 256) + `"}`,
		"long claim": `{"sub":"s","family_name":"` + strings.Repeat("a", 1025) + `"}`, "NUL": `{"sub":"s","family_name":"a\u0000"}`,
		"object": `{"sub":{}}`,
	} {
		said, err := readClaims([]byte(body))
		if err == nil {
			_, err = said.profile("", true)
		}
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, body := range []string{`null`, `[]`, `{}x`, ``, `{"a":` + strings.Repeat(" ", maxBody) + `1}`} {
		if _, err := readClaims([]byte(body)); err == nil {
			t.Errorf("%.10q is taken", body)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		op     string
		status int
		body   string
		want   error
	}{
		{"token", 400, `{"error":"invalid_grant"}`, identity.ErrWrongPassword},
		{"token", 400, `{"error":"invalid_grant","error_description":"pswd_method_temp_locked"}`, identity.ErrLocked},
		{"token", 400, `{"error":"access_denied","error_description":"auth failed: no_attempts."}`, identity.ErrLocked},
		{"token", 400, `{"errors":[{"code":"invalid_credentials"}]}`, identity.ErrWrongPassword},
		{"token", 401, `{"error_code":"no_subject_found"}`, identity.ErrWrongPassword},
		{"token", 400, `{"error":"invalid_otp"}`, identity.ErrSecondFactor},
		{"token", 400, `{"error":"invalid_grant","error_description":"expired"}`, identity.ErrSecondFactor},
		{"token", 401, `{"error":"invalid_client"}`, identity.ErrFault},
		{"token", 403, `<html>`, identity.ErrFault},
		{"token", 400, `{"error":{"a":1}}`, identity.ErrFault},
		{"token", 302, `{"error":"invalid_grant"}`, identity.ErrFault},
		{"token", 204, ``, identity.ErrFault},
		{"token", 429, `{"error":"invalid_grant"}`, identity.ErrThrottled},
		{"token", 400, `{"error":"temporarily_unavailable"}`, identity.ErrThrottled},
		{"token", 500, `{"error":"invalid_credentials"}`, identity.ErrUnreachable},
		{"token", 503, ``, identity.ErrUnreachable},
		{"me", 401, `{"error":"invalid_grant"}`, identity.ErrFault},
	} {
		if got := refusal(c.op, c.status, []byte(c.body)); !errors.Is(got, c.want) {
			t.Errorf("%s %d %s: %v", c.op, c.status, c.body, got)
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"sub":"s","family_name":"Ким","snils":"1","snils_confirmed":true,"birthdate":"1980-02-29","phone_verified":"no"}`))
	f.Add([]byte(`{"uid":1e9,"trusted":0,"email":null}`))
	f.Add([]byte(`[{}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		said, err := readClaims(body)
		if err != nil {
			return
		}
		p, err := said.profile("", true)
		if err != nil {
			return
		}
		for _, s := range []string{string(p.Subject), p.Login, p.Last, p.First, p.Middle, p.SNILS, p.Phone, p.Email} {
			if len(s) > maxClaim || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("%q", s)
			}
		}
		if p.Subject == "" || len(p.Subject) > maxSub || p.SNILSConfirmed && p.SNILS == "" || p.PhoneVerified && p.Phone == "" {
			t.Fatalf("%+v", p)
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","token_type":"Bearer","id_token":"a.b.c","expires_in":3600}`))
	f.Add([]byte(`{"access_token":"a\r\nb"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		access, _, ok := readTokens(body)
		if ok && (access == "" || strings.ContainsAny(access, " \r\n\x00")) {
			t.Fatalf("%q", access)
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_grant","error_description":"no_attempts","errors":[{"code":"expired"}]}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := refusal("token", status, body)
		if e.Kind == nil || e.Code == "" {
			t.Fatalf("%+v", e)
		}
		if status >= 500 != errors.Is(e, identity.ErrUnreachable) {
			t.Fatalf("%d: %v", status, e)
		}
		if status == http.StatusTooManyRequests && !errors.Is(e, identity.ErrThrottled) {
			t.Fatalf("%v", e)
		}
	})
}
