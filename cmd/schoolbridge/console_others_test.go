package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision/queue"
)

// Every page of administration is asked about one school by those who administer
// others: what is named in an address or a form is not there, nobody of that school is
// shown on any page, nothing is changed, and nothing is said to have been read.
func TestConsoleOfAnotherSchool(t *testing.T) {
	h := newHall(t)
	h.moveAway(rights.School, schoolID(1))
	h.moveAway(rights.Curator, schoolID(1), schoolID(2))
	theirs := h.marks()
	before, begun := h.deeds(), time.Now()
	pages := h.pages()
	pages["GET /console/queue/{id}"] = nil
	for _, i := range h.own() {
		stem, _ := queue.Split(i.ID)
		at := "/console/queue/" + stem
		pages["GET /console/queue/{id}"] = append(pages["GET /console/queue/{id}"], askedPage{address: at})
		pages["POST /console/queue/{id}"] = append(pages["POST /console/queue/{id}"], askedPage{at, url.Values{"case": {i.ID}, "verb": {string(queue.Refuse)}, "reason": {"x"}}})
		pages["POST /console/queue/{id}/undo"] = append(pages["POST /console/queue/{id}/undo"], askedPage{at + "/undo", url.Values{"decision": {"d1"}}})
	}
	maps.Copy(pages, h.forged())
	for _, pattern := range slices.Sorted(maps.Keys(pages)) {
		if h.room.Table[pattern].Do == nil {
			t.Errorf("%s is no page", pattern)
		}
		for _, p := range pages[pattern] {
			for _, role := range []rights.Role{rights.School, rights.Curator} {
				res, _ := h.ask(role, p)
				text := typedFields.ReplaceAllString(h.text(res), "")
				if strings.Contains(pattern, "{") && res.Code != http.StatusNotFound {
					t.Errorf("%s, %s %v: %d", role, p.address, p.form, res.Code)
				}
				if found := theirs.FindString(text); found != "" {
					t.Errorf("%s, %s %v shows %q", role, p.address, p.form, found)
				}
			}
		}
	}
	if after := h.deeds(); !slices.Equal(after, before) {
		t.Errorf("something was done:\n%v\n%v", before, after)
	}
	read, err := h.d.db.Audit().Browse(t.Context(), store.AuditAsk{Person: h.person, Kinds: []string{"console_read"}, From: begun.Add(-time.Second), Limit: 10, Look: 1000})
	if err != nil || len(read.Entries) > 0 {
		t.Errorf("read about somebody of the school: %s, %v", read.Entries, err)
	}
}

// typedFields are what a page shows again of what was typed.
var typedFields = regexp.MustCompile(`<input [^>]*>`)

// moveAway gives the administrator of a role other schools than the first.
func (h *hall) moveAway(role rights.Role, to ...person.SchoolID) {
	holder, err := h.d.db.Accounts().Find(h.t.Context(), h.m.staff()[slices.Index(consoleRoles, role)].Login)
	must(h.t, err)
	must(h.t, h.d.db.Rights().Grant(h.t.Context(), rights.Granted{Person: holder.Person, Grant: rights.Grant{Role: role, Schools: to}, By: "uid 0", At: time.Now()}, nil))
}

// marks finds what tells of somebody of the first school: what is each one's own, and
// the names of the accounts of a group there.
func (h *hall) marks() *regexp.Regexp {
	own := []string{regexp.QuoteMeta(h.m.twins(0).Members[0].Name)}
	for p := range h.m.all() {
		if p.School == 0 {
			own = append(own, p.Login, p.SNILS, regexp.QuoteMeta(p.Phone), string(recordOf(p).ID))
		}
	}
	return regexp.MustCompile(`\b(?:` + strings.Join(own, "|") + `)\b`)
}

// own are the questions that concern the first school alone.
func (h *hall) own() (list []queue.Item) {
	for _, kind := range queue.Kinds {
		items, _, err := h.d.db.Queue().Page(h.t.Context(), store.PageAsk{Scope: queue.Scope{All: true}, Kinds: []queue.Kind{kind}, N: 1000})
		must(h.t, err)
		at := slices.IndexFunc(items, func(i queue.Item) bool { return slices.Equal(i.Schools, []person.SchoolID{schoolID(0)}) })
		if at >= 0 {
			list = append(list, items[at])
		}
	}
	if len(list) < 2 {
		h.t.Fatalf("only %d kinds of questions of the first school", len(list))
	}
	return list
}

// forged are forms that somebody of elsewhere makes up.
func (h *hall) forged() map[string][]askedPage {
	const c = "/console"
	group, err := h.d.db.Duplicates(targetAD).Case(h.t.Context(), rights.City(), h.group)
	must(h.t, err)
	version := url.Values{"version": {group.Group.Version()}}
	of := func(address string, form url.Values) []askedPage { return []askedPage{{address, form}} }
	return map[string][]askedPage{
		"POST " + c + "/duplicates/{id}/approve":    of(c+"/duplicates/"+h.group+"/approve", version),
		"POST " + c + "/duplicates/{id}/undo":       of(c+"/duplicates/"+h.repair+"/undo", version),
		"POST " + c + "/duplicates/{id}/withdraw":   of(c+"/duplicates/"+h.group+"/withdraw", version),
		"POST " + c + "/wifi/{school}/on/{session}": of(c+"/wifi/000001/on/"+h.session, url.Values{}),
		"GET " + c + "/wifi/{school}/on/{session}":  of(c+"/wifi/000001/on/"+h.session, nil),
		"POST " + c + "/launch/{school}":            of(c+"/launch/000000", url.Values{"staff": {"2026-12-01"}}),
		"GET " + c + "/launch/{school}/file/{file}": of(c+"/launch/000000/file/activated.csv", nil),
		"POST " + c + "/rights":                     of(c+"/rights", url.Values{"login": {h.whose.Login}, "role": {"auditor"}, "code": {"000000"}}),
		"POST " + c + "/rights/revoke":              of(c+"/rights/revoke", url.Values{"person": {h.person.String()}, "role": {"school"}}),
		"POST " + c + "/rights/enrol":               of(c+"/rights/enrol", url.Values{"person": {h.person.String()}, "code": {"000000"}}),
		"POST " + c + "/rights/code":                of(c+"/rights/code", url.Values{}),
	}
}

// deeds are what the audit trail says was done, and not only read.
func (h *hall) deeds() (list []string) {
	ask := store.AuditAsk{Limit: 5000, Look: 5000}
	for {
		page, err := h.d.db.Audit().Browse(h.t.Context(), ask)
		must(h.t, err)
		for _, e := range page.Entries {
			if e.Kind != "console_read" {
				list = append(list, fmt.Sprint(e.At.UnixMicro(), e.Kind, e.Person))
			}
		}
		if page.Next == nil {
			slices.Sort(list)
			return list
		}
		ask.After = *page.Next
	}
}
