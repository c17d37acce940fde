package explain

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/queue"
)

// TestWhoeverWorksIsNotBroken: another city account that asks is a note; the account
// itself, asked about, is refused still; and once a curator has refused it, the
// person's report says nothing of it but in its line.
func TestWhoeverWorksIsNotBroken(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	r := Report{Zone: time.UTC, Person: "1", Asked: "orlovami", Tries: []Try{{Login: "orlova2", Subject: "s-2", Decision: "manual", NowDecision: "manual", Now: []string{"MULTIPLE_MOSRU_ACCOUNTS"}}}}
	if r.Diagnose(English, now); r.Found() || !r.noted() || r.Note == nil || r.Note.Code != string(FaultAsked) || r.Note.Who != "the curator" {
		t.Errorf("%+v, note %+v", r.Broken, r.Note)
	}
	for _, asked := range []string{"ORLOVA2", "s-2"} {
		r.Asked = asked
		if r.Diagnose(English, now); !r.Found() || r.Note != nil {
			t.Errorf("%s: %+v, note %+v", asked, r.Broken, r.Note)
		}
	}
	r.Asked, r.Tries[0].Refused = "orlovami", &Decided{ID: "d1", Verb: queue.Refuse, At: now, By: "uid 0", Reason: "another person"}
	if r.Diagnose(English, now); r.Found() || r.Note != nil {
		t.Errorf("refused: %+v, note %+v", r.Broken, r.Note)
	}
	r.Asked = "s-2"
	if r.Diagnose(English, now); !r.Found() || !strings.Contains(r.Broken.Meaning, "another person") || !strings.Contains(r.Broken.Remedy, "queue undo d1") {
		t.Errorf("refused, asked about: %+v", r.Broken)
	}
}

// TestMovedAway: nobody is told to activate again with an account that a person left.
func TestMovedAway(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	r := Report{Zone: time.FixedZone("MSK", 3*3600), Asked: "s-1", Account: identity.ReasonNotActivated, Moved: &Moved{Decided{ID: "d7", Verb: queue.Transfer, At: now, By: "uid 0", Reason: "passport"}, "orlova2"}, Tries: []Try{{Subject: "s-1", NowDecision: "match"}}}
	for lang, moved := range map[Lang]string{Russian: "перевели", English: "was moved"} {
		r.Diagnose(lang, now)
		for _, want := range []string{moved, "2026-09-01 08:20:00", "uid 0", "passport", "orlova2"} {
			if r.Broken == nil || r.Broken.Code != string(FaultMoved) || !strings.Contains(r.Broken.Meaning, want) {
				t.Errorf("no %q in %+v", want, r.Broken)
			}
		}
	}
}

// TestSilentAddress: of an address that nobody knows it is not said that requests come.
func TestSilentAddress(t *testing.T) {
	r := Report{Asked: "10.9.9.9", Thing: ThingNAS, Silent: true}
	if r.Diagnose(English, time.Now()); !r.Found() || r.Broken.Code != string(FaultSilent) || strings.Contains(r.Broken.Meaning, "requests come") {
		t.Errorf("%+v", r.Broken)
	}
}
