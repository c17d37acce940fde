package events

import (
	"testing"
	"time"
)

func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"iss":"https://login.example","aud":"a","iat":1,"jti":"x","sub_id":{"format":"iss_sub","iss":"https://login.example","sub":"s"},"events":{"` + typeCredentialChange + `":{"credential_type":"password","event_timestamp":1}}}`))
	f.Add([]byte(`{"iss":"https://login.example","iat":1e300,"jti":"x","toe":-1e18,"sub":"s","events":{"` + typeDisabled + `":{},"` + typeEnabled + `":{}}}`))
	f.Add([]byte(`{"iss":"https://login.example","aud":["a","b"],"iat":1.5,"jti":"x","events":{"` + typePurged + `":{"subject":{"subject_type":"iss-sub","iss":"https://login.example","sub":"s"}}}}`))
	f.Add([]byte(`{"events":{"` + typeVerification + `":null}}`))
	f.Add([]byte(`[]`))
	oldest := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := parseSet(payload)
		if err != nil {
			return
		}
		all, _, err := s.changes("https://login.example", oldest)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, c := range all {
			if c.ID == "" || len(c.ID) > 256 || c.Subject == "" || len(c.Subject) > maxSubject || c.Kind.String() == "unknown" || seen[c.ID] {
				t.Fatalf("%+v", c)
			}
			seen[c.ID] = true
			if c.At.After(s.IssuedAt.Time()) {
				t.Fatalf("%v is after the issue", c.At)
			}
		}
	})
}
