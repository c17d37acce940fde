package identity

import (
	"encoding/json"
	"testing"
)

func TestActor(t *testing.T) {
	who := PersonID{7}
	for _, c := range []struct{ kind, payload, want string }{
		{"console_read", `{"by":"0a"}`, "0a"}, {"config", `{"config":"reloaded"}`, ""}, {"import", `[{"Kind":"kadry"}]`, ""}, {"account", `{"uid":0}`, "uid 0"},
		{"account", `{"uid":7,"sudo_uid":1000}`, "uid 1000"}, {"rights_granted", `{"by":"x","uid":3}`, "uid 3"}, {"explain", `{"by":"login"}`, ""}, {"explain", `{"by":"login","uid":5}`, "uid 5"},
		{"activation", `{}`, who.String()}, {"cabinet_disconnect", `{}`, who.String()}, {"wifi_profile", `{"by":"cabinet"}`, who.String()}, {"sign_in", `{"by":"x"}`, ""}, {"state", `{"by":7}`, ""}, {"state", `{`, ""}, {"factor_taken", `{"by":"x"}`, who.String()},
	} {
		if got := (AuditEntry{Kind: c.kind, Person: who, Payload: []byte(c.payload)}).Actor(); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.kind, c.payload, got, c.want)
		}
		var said map[string]any
		_ = json.Unmarshal([]byte(c.payload), &said) // a list is read as nothing
		if got := (AuditEntry{Kind: c.kind, Person: who}).ActorIn(said); got != c.want {
			t.Errorf("%s %s, read already: %q, want %q", c.kind, c.payload, got, c.want)
		}
	}
	if got := (AuditEntry{Kind: "support_case", Payload: []byte(`{}`)}).Actor(); got != "" {
		t.Errorf("a stranger's letter: %q", got)
	}
}
