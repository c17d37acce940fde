package identity

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AuditEntry is one line of the audit trail. Payload is JSON; it may name a
// login, and is sealed at rest.
type AuditEntry struct {
	At      time.Time
	Kind    string   // "sign_in", "activation", "credential_change", "import", "config", ...
	Person  PersonID // zero if nobody in particular
	Payload []byte
}

// SignIn says whether the entry tells of a sign-in, as its kind does: "sign_in"
// and what begins so. Those are many, and go after their time; all others stay.
func (e AuditEntry) SignIn() bool { return strings.HasPrefix(e.Kind, "sign_in") }

// ownDeeds are the kinds of what people do about themselves, and who did it is whom
// the line is about.
var ownDeeds = []string{"activation", "cabinet", "cabinet_denied", "cabinet_disconnect", "factor_enrolled", "factor_taken", "factor_refused", "support_case"}

// Actor says who did what the entry tells of: a person's id, "uid 1000" of somebody
// who gave a command, the name of the break-glass account; "" for the service
// itself, for strangers, and for a sign-in, which is the deed of whom it is about.
func (e AuditEntry) Actor() string {
	if e.SignIn() {
		return ""
	}
	var said struct {
		By   any  `json:"by"`
		UID  *int `json:"uid"`
		Sudo *int `json:"sudo_uid"`
	}
	_ = json.Unmarshal(e.Payload, &said) // a list says nothing of anybody
	by, _ := said.By.(string)
	return e.actor(by, said.UID, said.Sudo)
}

// ActorIn is Actor for whoever has read the payload already.
func (e AuditEntry) ActorIn(said map[string]any) string {
	if e.SignIn() {
		return ""
	}
	number := func(name string) *int {
		if f, ok := said[name].(float64); ok {
			n := int(f)
			return &n
		}
		return nil
	}
	by, _ := said["by"].(string)
	return e.actor(by, number("uid"), number("sudo_uid"))
}

func (e AuditEntry) actor(by string, uid, sudo *int) string {
	switch {
	case sudo != nil:
		return "uid " + strconv.Itoa(*sudo)
	case uid != nil:
		return "uid " + strconv.Itoa(*uid)
	case !e.Person.IsZero() && (slices.Contains(ownDeeds, e.Kind) || e.Kind == "wifi_profile"):
		return e.Person.String()
	case e.Kind == "explain": // by what was looked for
		return ""
	}
	return by
}
