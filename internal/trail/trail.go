// Package trail puts the lines of the audit trail into words: what happened, in a
// sentence of the reader's language, and whether that is as it should be. It is
// without I/O, and names nobody: whose an identifier is, only the caller knows, and
// whether that may be shown.
//
//	identity.AuditEntry ─► Read ─► Data ─► Tell ─► Line: what, details, tone, from where
//
// What a line said as a name at a sign-in stays in the trail: it may be a password,
// or somebody else's. Its other fields are shown to nobody as they are.
//
// Every kind of line stands in one table, kinds, and a test finds those of the code
// without a place in it. Start reading at Tell.
package trail

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
)

// Group is what sort of thing a line tells of, for those who look for some.
type Group string

// The groups, in the order of pages.
const (
	Accounts  Group = "accounts"  // activations, shutting out, passwords of mos.ru, renames, erasure
	Directory Group = "directory" // Active Directory: changes, claims, duplicates
	Decisions Group = "decisions" // the queue of decisions and letters
	WiFi      Group = "wifi"      // devices taken off
	Rights    Group = "rights"    // rights, second factors, break-glass, deadlines
	Service   Group = "service"   // configuration, imports, exports, the trail itself
	Readings  Group = "readings"  // who looked at what
	SignIns   Group = "sign-ins"
)

// Groups gives all groups.
func Groups() []Group {
	return []Group{Accounts, Directory, Decisions, WiFi, Rights, Service, Readings, SignIns}
}

// Tone says how a line is to be looked at.
type Tone string

// The tones.
const (
	Calm Tone = ""     // it happened
	Good Tone = "good" // as it should be
	Bad  Tone = "bad"  // refused, failed or lost: look here
)

// kind is what one kind of line is.
type kind struct {
	group  Group
	ru, en string
	tone   Tone
	tell   func(*teller) // adds the details; nil: there are none to tell
}

// Kinds gives the kinds of a group, sorted; of "", all.
func Kinds(g Group) []string {
	return slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, bool) bool) {
		for name, k := range kinds {
			if (g == "" || k.group == g) && !yield(name, true) {
				return
			}
		}
	})))
}

// Known says that there is such a kind.
func Known(name string) bool { _, ok := kinds[name]; return ok }

// What names a kind; one that is not known by its code.
func What(lang explain.Lang, name string) string {
	k, ok := kinds[name]
	switch {
	case !ok:
		return name
	case lang == explain.English:
		return k.en
	}
	return k.ru
}

// Line is an entry in words.
type Line struct {
	Group   Group
	What    string
	Details string // "": What says all
	Tone    Tone
	From    string // the address it was done from; "" where none is known
	Here    bool   // it was done on the server itself, by a command
	Said    Data   // what the entry says
}

// Data is what an entry says, without what may be a secret. It is nil of one whose
// payload was erased.
type Data map[string]any

// Read reads an entry's payload.
func Read(e identity.AuditEntry) (Data, error) {
	if e.Payload == nil {
		return nil, nil
	}
	var data any
	if err := json.Unmarshal(e.Payload, &data); err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	fields, ok := data.(map[string]any)
	if !ok {
		return Data{"list": data}, nil
	}
	if e.SignIn() {
		delete(fields, "login")
	}
	return fields, nil
}

// Tell puts an entry into words. school gives the name of a school by its
// identifier; nil: identifiers are shown.
func Tell(lang explain.Lang, e identity.AuditEntry, school func(string) string) (Line, error) {
	data, err := Read(e)
	if err != nil {
		return Line{}, err
	}
	k := kinds[e.Kind]
	t := &teller{lang: lang, data: data, school: school, line: Line{Group: k.group, What: What(lang, e.Kind), Tone: k.tone, Said: data}}
	if data == nil {
		t.say("стёрто по сроку хранения", "erased after its retention")
	} else if k.tell != nil {
		k.tell(t)
	}
	if lost := t.text("kind"); e.Kind == "audit_lost" && lost != "" {
		t.add(What(lang, lost))
	}
	t.line.Details = strings.Join(t.said, "; ")
	t.line.From = t.text("addr")
	_, t.line.Here = data["uid"]
	t.line.Here = t.line.Here || strings.HasPrefix(t.text("by"), "uid ")
	return t.line, nil
}

// teller makes the details of one line.
type teller struct {
	lang   explain.Lang
	data   Data
	school func(string) string
	line   Line
	said   []string
}

// word chooses the reader's language.
func (t *teller) word(ru, en string) string {
	if t.lang == explain.English {
		return en
	}
	return ru
}

// say adds a part of the sentence.
func (t *teller) say(ru, en string, args ...any) {
	t.said = append(t.said, fmt.Sprintf(t.word(ru, en), args...))
}

// text is a field that is a text, "" where it is none.
func (t *teller) text(name string) string { s, _ := t.data[name].(string); return s }

// yes says that a field is true.
func (t *teller) yes(name string) bool { b, _ := t.data[name].(bool); return b }

// number is a field that is one.
func (t *teller) number(name string) (int, bool) {
	n, ok := t.data[name].(float64)
	return int(n), ok
}

// list is a field that is a list of texts.
func (t *teller) list(name string) (all []string) {
	items, _ := t.data[name].([]any)
	for _, item := range items {
		if s, ok := item.(string); ok && s != "" {
			all = append(all, s)
		}
	}
	return all
}

// quoted adds a field as it was typed, where it is not empty.
func (t *teller) quoted(name, ru, en string) {
	if s := t.text(name); s != "" {
		t.say(ru+" «%s»", en+" “%s”", s)
	}
}

// named adds a field after its name, where it is not empty.
func (t *teller) named(name, ru, en string) {
	if s := t.text(name); s != "" {
		t.say(ru+" %s", en+" %s", s)
	}
}

// counted adds a number after its name, where it is not 0.
func (t *teller) counted(name, ru, en string) {
	if n, _ := t.number(name); n != 0 {
		t.say(ru+": %d", en+": %d", n)
	}
}

// schools adds the schools of a field, a text or a list of texts.
func (t *teller) schools(name string) {
	ids := t.list(name)
	if id := t.text(name); id != "" {
		ids = []string{id}
	}
	if len(ids) == 0 {
		return
	}
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		if t.school != nil {
			id = t.school(id)
		}
		names = append(names, id)
	}
	t.said = append(t.said, strings.Join(names, ", "))
}
