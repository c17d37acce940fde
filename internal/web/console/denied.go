package console

import (
	"encoding/json"
	"regexp"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/queue"
)

// AuditDenied is the kind of lines that tell who asked for what is not there, or is not
// theirs to see.
const AuditDenied = "console_denied"

// Denials takes lines of the audit trail and never waits, so that an answer takes the
// same time whether there was somebody to be named in its line or not.
type Denials interface {
	Audit(entry identity.AuditEntry)
}

// places are those of an address that say which one.
var places = regexp.MustCompile(`\{[^}]*\}`)

// denied notes that the visitor was refused a page. Nothing is looked up for it: whom the
// address names by an id is named, whether there is anybody of that id or not.
func (v *visit) denied() {
	if v.session == nil {
		return
	}
	times, write := v.room.denials.Count(v.by(), v.Now)
	if !write {
		return
	}
	line := v.line()
	line["page"] = places.ReplaceAllString(v.Request.Pattern, "*")
	if v.action != 0 {
		line["action"] = v.action.String()
	}
	if times > 0 {
		line["times"] = times
	}
	stem, _ := queue.Split(v.Request.PathValue("id"))
	if _, _, ok := queue.Prefix(stem); ok {
		line["item"] = stem
	}
	if id := v.segmented(); v.Request.PathValue("school") != "" && slices.ContainsFunc(v.schools(), func(s person.School) bool { return s.ID == id }) {
		line["school"] = id
	}
	whom, _ := identity.ParsePersonID(v.Request.PathValue("who"))
	payload, err := json.Marshal(line)
	if err != nil { // of texts and numbers: never
		return
	}
	v.o.Denials.Audit(identity.AuditEntry{At: v.Now, Kind: AuditDenied, Person: whom, Payload: payload})
}

// schools are those that have a name; none where they cannot be read.
func (v *visit) schools() []person.School {
	all, err := v.o.People.Schools(v.Request.Context())
	if err != nil {
		return nil
	}
	return all
}
