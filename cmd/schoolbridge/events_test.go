package main

import (
	"fmt"
	"io"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
)

// TestAnEventsPasswordServesMSCHAPv2: a change that mos.ru tells with the new
// password needs no sign-in that shows it, unless hashes are kept at all.
func TestAnEventsPasswordServesMSCHAPv2(t *testing.T) {
	for option, want := range map[string]identity.Reason{"true": "", "false": identity.ReasonHashOff} {
		s := newSite(t)
		s.edit("log:", fmt.Sprintf("auth: {nt_hash: %s}\nlog:", option))
		s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
		if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
			t.Fatalf("import: %d %s %s", code, out, errs)
		}
		s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
		d := s.started(io.Discard)
		holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			t.Fatal(err)
		}
		old := auth.Verifier{NTHash: []byte("0123456789abcdef"), Epoch: 1, LearnAt: time.Now().Add(-time.Hour)}
		if err := d.db.Credentials().SaveVerifier(t.Context(), holder.Person, old); err != nil {
			t.Fatal(err)
		}
		applied, err := changes{d}.ApplyChange(t.Context(), events.Change{ID: "e1", At: time.Now(), Subject: "orlovami", Kind: events.PasswordChanged, Password: "Snegir-2022"})
		if err != nil || !applied {
			t.Fatal(applied, err)
		}
		v, err := d.db.Credentials().Verifier(t.Context(), holder.Person)
		hash := mschap.NTHash("Snegir-2022")
		if option == "true" && (err != nil || string(v.NTHash) != string(hash[:])) || option == "false" && len(v.NTHash)+len(v.Argon2)+len(v.Before) > 0 {
			t.Errorf("nt_hash %s: %d bytes, %v", option, len(v.NTHash), err)
		}
		if r := s.explained("orlovami"); r.MSCHAPv2 == nil || r.MSCHAPv2.Reason != want {
			t.Errorf("nt_hash %s: %+v", option, r.MSCHAPv2)
		}
		if option == "false" {
			continue
		}
		// As a device answers, as soon as the directory has heard of the change.
		c := identity.Credential{Name: "orlovami", Channel: identity.ChannelWiFi, Source: identity.Source{NAS: "first", School: "49", Device: "02:00:00:00:00:0a"}}
		answer := identity.MSCHAPv2{Name: "orlovami", Challenge: [16]byte{1}, PeerChallenge: [16]byte{2}}
		answer.Response = mschap.Response(hash, mschap.Challenge(answer.PeerChallenge, answer.Challenge, answer.Name))
		c.Proof = answer
		var verdict identity.Verdict
		if !eventually(func() bool {
			verdict = d.auth.Authenticate(t.Context(), c)
			return verdict.Outcome == identity.Accepted
		}) || verdict.Reason != identity.ReasonKeptHash {
			t.Errorf("%+v", verdict)
		}
	}
}
