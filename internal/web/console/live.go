package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

// wifi is the part that shows who is on the Wi-Fi, and whom it refuses.
var wifi = part{
	pages: map[string]page{
		"GET /console/wifi":                        {do: (*visit).liveCity, may: rights.SeePeople},
		"GET /console/wifi/{school}":               {do: (*visit).liveSchool, may: rights.SeePeople},
		"GET /console/wifi/{school}/refused":       {do: (*visit).liveRefused, may: rights.SeePeople},
		"GET /console/wifi/{school}/on/{session}":  {do: (*visit).liveStay, may: rights.SeePeople, alone: true},
		"POST /console/wifi/{school}/on/{session}": {do: (*visit).liveDisconnect, may: rights.Disconnect, back: "/console/wifi"},
	},
	nav:    entry{"/console/wifi", "wifi.title", "wifi", rights.SeePeople},
	glance: (*visit).liveGlance,
	words:  wordsLive,
	there:  func(o *Options) bool { return o.Live != nil },
}

// Live knows who is on the Wi-Fi and whom it refused lately. But for Stay and
// Disconnect it asks memory only.
type Live interface {
	// Schools counts by school, those of a scope at which there is anything.
	Schools(scope rights.Scope) []LiveSchool
	// School gives what there is at one: its places, what it refused.
	School(id person.SchoolID) LiveAt
	// Present gives who is on at a school, the newest first, at one place if that is
	// not nil, after a mark, with the mark of the next page. Whom the scope does not
	// cover is hidden.
	Present(scope rights.Scope, id person.SchoolID, at *LivePlace, after string) (list []LiveStay, next string)
	// Refused gives the last attempts that a school's Wi-Fi refused.
	Refused(scope rights.Scope, id person.SchoolID) []LiveRefusal
	// Stay gives one session of a school, ended ones too; identity.ErrNotFound.
	Stay(ctx context.Context, scope rights.Scope, id person.SchoolID, session string) (LiveStay, error)
	// Disconnect asks for the end of one that lives.
	Disconnect(ctx context.Context, session string) error
}

// LiveSchool is how it goes at one school.
type LiveSchool struct {
	ID      person.SchoolID // "": at access points of no school
	Name    string
	On      int // devices
	Refused int // within the hour
}

// LiveAt is what there is at one school.
type LiveAt struct {
	LiveSchool
	Since  time.Time // from when on refusals are counted
	Places []LivePlace
	Causes []LiveCause
}

// LivePlace is an access point, or what stands for some.
type LivePlace struct {
	NAS, Unit string
	On        int
}

// LiveCause is why something is refused, where, and how often.
type LiveCause struct {
	NAS                string
	Reason             identity.Reason
	Quarter, Hour, Day int
}

// LiveStay is one device on the Wi-Fi.
type LiveStay struct {
	Session   string
	Whose     identity.PersonID // zero: nobody's, or somebody's who may not be seen
	Named     string
	Hidden    bool   // somebody has it who may not be seen
	Thing     string // "device", "machine": no person's
	Device    string
	NAS       string
	Unit      string
	SSID      string
	Began     time.Time
	Ended     time.Time // zero: it lives
	Addresses []string  // of Stay alone, as is Cut
	Cut       *explain.Disconnect
}

// LiveRefusal is an attempt, or several alike.
type LiveRefusal struct {
	At     time.Time
	Whose  identity.PersonID // whose login was given; zero: nobody's, or not to be seen
	Named  string
	Hidden bool
	Device string
	NAS    string
	Unit   string
	Reason identity.Reason
	Times  int
}

// noSchool is the address of access points that stand in no school.
const noSchool = "-"

func schoolPath(id person.SchoolID) string {
	return "/console/wifi/" + cmp.Or(segment(id), noSchool)
}

// segment is a school in an address. An identifier may be any text of a registry: one
// that begins as noSchool does, or as "." and "..", which browsers take out of
// addresses, gets a sign more in front.
func segment(id person.SchoolID) string {
	if strings.HasPrefix(string(id), noSchool) || strings.HasPrefix(string(id), ".") {
		id = noSchool + id
	}
	return url.PathEscape(string(id))
}

// segmented is the school whose segment the address has.
func (v *visit) segmented() person.SchoolID {
	return person.SchoolID(strings.TrimPrefix(v.Request.PathValue("school"), noSchool))
}

// liveGlance is how many are on, for the first page.
func (v *visit) liveGlance() (glance, error) {
	n := 0
	for _, s := range v.o.Live.Schools(v.scope) {
		n += s.On
	}
	return glance{Figure: strconv.Itoa(n), Title: "wifi.on.n"}, nil
}

// livePage is how many schools a page shows, or sessions.
const livePage = 50

// liveCityPage is the schools with what happens there.
type liveCityPage struct {
	On, Refused, Schools int
	Rows                 []liveRow
	Sort, Typed          string
	Sorts                []liveSort
	Pager                web.Pager
}

type liveRow struct {
	LiveSchool
	Address string
}

type liveSort struct {
	ID, Address string
	Current     bool
}

// liveCity shows the schools; where there is but one, it is shown itself.
func (v *visit) liveCity() {
	if own := v.scope.Schools(); len(own) == 1 {
		v.To(schoolPath(own[0]))
		return
	}
	q := v.Request.URL.Query()
	p := liveCityPage{Sort: q.Get("sort"), Typed: strings.TrimSpace(q.Get("school"))}
	list := v.o.Live.Schools(v.scope)
	for _, s := range list {
		p.On, p.Refused = p.On+s.On, p.Refused+s.Refused
	}
	p.Schools = len(list)
	if p.Typed != "" {
		list = slices.DeleteFunc(list, func(s LiveSchool) bool { return !named(s.ID, s.Name, p.Typed) })
	}
	order := map[string]func(a, b LiveSchool) int{
		"":        func(a, b LiveSchool) int { return cmp.Compare(b.On, a.On) },
		"refused": func(a, b LiveSchool) int { return cmp.Compare(b.Refused, a.Refused) },
		"name":    func(a, b LiveSchool) int { return strings.Compare(a.Name, b.Name) },
	}
	if order[p.Sort] == nil {
		p.Sort = ""
	}
	slices.SortFunc(list, func(a, b LiveSchool) int {
		return cmp.Or(order[p.Sort](a, b), strings.Compare(string(a.ID), string(b.ID)))
	})
	link := func(sort string, page int) string {
		to := url.Values{}
		for name, value := range map[string]string{"sort": sort, "school": p.Typed} {
			if value != "" {
				to.Set(name, value)
			}
		}
		if page > 0 {
			to.Set("page", strconv.Itoa(page))
		}
		return strings.TrimSuffix("/console/wifi?"+to.Encode(), "?")
	}
	for _, sort := range []string{"", "refused", "name"} {
		p.Sorts = append(p.Sorts, liveSort{cmp.Or(sort, "on"), link(sort, 0), sort == p.Sort})
	}
	n, _ := strconv.Atoi(q.Get("page")) // what is no number is the first page
	n = max(0, min(n, len(list)/livePage))
	for _, s := range list[min(n*livePage, len(list)):min((n+1)*livePage, len(list))] {
		p.Rows = append(p.Rows, liveRow{s, schoolPath(s.ID)})
	}
	if n > 0 {
		p.Pager.First = link(p.Sort, 0)
	}
	if len(list) > (n+1)*livePage {
		p.Pager.Next = link(p.Sort, n+1)
	}
	v.Show(http.StatusOK, "live.html", "wifi.title", p)
}

// named says that a school is meant by what was typed.
func named(id person.SchoolID, name, typed string) bool {
	return string(id) == typed || strings.Contains(strings.ToLower(name), strings.ToLower(typed))
}

// school is the one in the address, or it has been said that there is none.
func (v *visit) school() (person.SchoolID, bool) {
	id := v.segmented() // noSchool is ""
	if !v.scope.Covers(id) {
		v.missing()
		return "", false
	}
	return id, true
}

// liveSchoolPage is one school's Wi-Fi.
type liveSchoolPage struct {
	LiveAt
	Address      string
	Refusing     bool // the tab
	Quarter, Day int
	Places       []livePlaceRow
	At           *LivePlace // the only one that is shown
	Stays        []liveStayRow
	Causes       []liveCauseRow
	Last         []liveRefusalRow
	Since        string
	May          bool // disconnect
	Many         bool // schools to go back to
	Pager        web.Pager
}

type livePlaceRow struct {
	LivePlace
	Address string
	Current bool
}

type liveStayRow struct {
	LiveStay
	From, Address, Handle string
}

type liveCauseRow struct {
	LiveCause
	Meaning, Remedy string
}

type liveRefusalRow struct {
	LiveRefusal
	When, Meaning, Handle string
}

// beginSchool is what both tabs of a school show.
func (v *visit) beginSchool(id person.SchoolID) liveSchoolPage {
	p := liveSchoolPage{LiveAt: v.o.Live.School(id), Address: schoolPath(id), Many: len(v.scope.Schools()) != 1,
		May: v.rights.In(rights.Disconnect).Covers(id)}
	p.Since = v.clock(p.LiveAt.Since)
	for _, c := range p.LiveAt.Causes {
		p.Quarter, p.Day = p.Quarter+c.Quarter, p.Day+c.Day
	}
	return p
}

// liveSchool shows who is on.
func (v *visit) liveSchool() {
	id, ok := v.school()
	if !ok {
		return
	}
	p := v.beginSchool(id)
	q := v.Request.URL.Query()
	if nas, unit := q.Get("nas"), q.Get("unit"); q.Has("nas") {
		p.At = &LivePlace{NAS: nas, Unit: unit}
	}
	for _, at := range p.LiveAt.Places {
		row := livePlaceRow{LivePlace: at, Address: p.Address + "?" + url.Values{"nas": {at.NAS}, "unit": {at.Unit}}.Encode()}
		row.Current = p.At != nil && p.At.NAS == at.NAS && p.At.Unit == at.Unit
		p.Places = append(p.Places, row)
	}
	list, next := v.o.Live.Present(v.scope, id, p.At, q.Get("after"))
	var whom []identity.PersonID
	for _, s := range list {
		if !s.Whose.IsZero() {
			whom = append(whom, s.Whose)
		}
		p.Stays = append(p.Stays, v.stayRow(id, s))
	}
	if len(whom) > 0 && !v.read("wifi", map[string]any{"school": id, "found": len(list)}, unique(whom)...) {
		return
	}
	if q.Has("after") {
		p.Pager.First = p.Address
	}
	if next != "" {
		q.Set("after", next)
		p.Pager.Next = p.Address + "?" + q.Encode()
	}
	v.Show(http.StatusOK, "live-school.html", "wifi.title", p)
}

func (v *visit) stayRow(id person.SchoolID, s LiveStay) liveStayRow {
	row := liveStayRow{LiveStay: s, From: v.clock(s.Began), Address: schoolPath(id) + "/on/" + s.Session}
	if !s.Whose.IsZero() {
		row.Handle = s.Whose.String()
	}
	return row
}

// unique leaves each out of whom once.
func unique(whom []identity.PersonID) []identity.PersonID {
	slices.SortFunc(whom, func(a, b identity.PersonID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(whom)
}

// liveRefused shows whom a school's Wi-Fi refuses, and why.
func (v *visit) liveRefused() {
	id, ok := v.school()
	if !ok {
		return
	}
	p := v.beginSchool(id)
	p.Refusing = true
	for _, c := range p.LiveAt.Causes {
		advice, _ := explain.AdviceAt(explain.Lang(v.Lang), "", c.Reason)
		p.Causes = append(p.Causes, liveCauseRow{c, advice.Meaning, explain.OnPage(explain.Lang(v.Lang), advice.Remedy)})
	}
	var whom []identity.PersonID
	for _, r := range v.o.Live.Refused(v.scope, id) {
		advice, _ := explain.AdviceAt(explain.Lang(v.Lang), "", r.Reason)
		row := liveRefusalRow{LiveRefusal: r, When: v.clock(r.At), Meaning: advice.Meaning}
		if !r.Whose.IsZero() {
			row.Handle, whom = r.Whose.String(), append(whom, r.Whose)
		}
		p.Last = append(p.Last, row)
	}
	if len(whom) > 0 && !v.read("wifi refused", map[string]any{"school": id, "found": len(p.Last)}, unique(whom)...) {
		return
	}
	v.Show(http.StatusOK, "live-school.html", "wifi.title", p)
}

// liveStayPage is one session.
type liveStayPage struct {
	liveStayRow
	School LiveSchool
	Back   string
	To     string
	Answer string // what the access point said to the request to end it
	Waits  bool
	May    bool
}

// liveStay shows one session, and what came of a request to end it.
func (v *visit) liveStay() {
	id, ok := v.school()
	if !ok {
		return
	}
	s, err := v.o.Live.Stay(v.Request.Context(), v.scope, id, v.Request.PathValue("session"))
	switch {
	case errors.Is(err, identity.ErrNotFound):
		v.missing()
		return
	case err != nil:
		v.Broken("a session of the Wi-Fi cannot be read", err)
		return
	}
	if !s.Whose.IsZero() && !v.read("wifi session", map[string]any{"session": s.Session}, s.Whose) {
		return
	}
	p := liveStayPage{liveStayRow: v.stayRow(id, s), School: v.o.Live.School(id).LiveSchool, Back: schoolPath(id), To: v.clock(s.Ended)}
	p.May = s.Ended.IsZero() && v.rights.In(rights.Disconnect).Covers(id)
	refresh := 0
	if s.Cut != nil && s.Ended.IsZero() {
		p.Answer, p.Waits = s.Cut.AnswerIn(explain.Lang(v.Lang)), s.Cut.State == "waiting"
		if p.Waits {
			refresh = 3
		}
	}
	v.showAgain("live-stay.html", "wifi.stay", p, refresh)
}

// auditDisconnect is the kind of lines that tell who had a session ended.
const auditDisconnect = "console_disconnect"

// liveDisconnect asks for the end of a session.
func (v *visit) liveDisconnect() {
	id, ok := v.school()
	if !ok {
		return
	}
	ctx := v.Request.Context()
	s, err := v.o.Live.Stay(ctx, v.scope, id, v.Request.PathValue("session"))
	if errors.Is(err, identity.ErrNotFound) {
		v.missing()
		return
	}
	if err == nil && s.Ended.IsZero() {
		err = v.noteDisconnect(s)
		if err == nil {
			err = v.o.Live.Disconnect(ctx, s.Session)
		}
	}
	if err != nil && !errors.Is(err, identity.ErrNotFound) { // it has ended meanwhile
		v.Broken("the end of a session cannot be asked for", err)
		return
	}
	v.To(schoolPath(id) + "/on/" + url.PathEscape(s.Session))
}

func (v *visit) noteDisconnect(s LiveStay) error {
	line := v.line()
	line["session"] = s.Session
	payload, err := json.Marshal(line)
	if err != nil {
		return err
	}
	return v.o.Trail.Append(v.Request.Context(), []identity.AuditEntry{{At: v.Now, Kind: auditDisconnect, Person: s.Whose, Payload: payload}})
}
