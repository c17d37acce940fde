package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/provision/queue"
)

var (
	consoleRounds  = flag.Int("console.rounds", 2, "how often every page is asked as each role")
	consoleRows    = flag.String("console.rows", "", "only pages whose row matches this `expression`")
	consoleProfile = flag.String("console.profile", "", "write a CPU profile of the pages to this `file`")
	consoleStrict  = flag.Bool("console.strict", false, "fail where a page takes longer or is larger than it may")
)

// What a page may take and measure: median of the server's time, and all that a
// browser needs for the first view, as it is sent.
const (
	pageTime  = 50 * time.Millisecond
	pageBytes = 100 << 10
)

// askedPage is a request for a page, as a variant of its pattern.
type askedPage struct {
	address string
	form    url.Values // of a POST
}

// changingPages are the addresses that change something, of which each time is another:
// what they show is a page of the table, or leads to one.
var changingPages = []string{
	"POST /console/enrol", "POST /console/codes", "POST /console/leave", "POST /console/sign-in", "POST /console/break-glass", "GET /console/codes", "/console/",
	"POST /console/queue/{id}", "POST /console/queue/{id}/undo",
	"POST /console/duplicates/search", "POST /console/duplicates/certain", "POST /console/duplicates/{id}/approve", "POST /console/duplicates/{id}/undo", "POST /console/duplicates/{id}/withdraw",
	"POST /console/rights", "POST /console/rights/revoke", "POST /console/rights/enrol", "POST /console/rights/code", "POST /console/wifi/{school}/on/{session}",
}

// handedOut are files, given whole, and take as long as they are long.
var handedOut = regexp.MustCompile(`\.(csv|xlsx)$|/report\.|/file/|print=`)

// pages are what is asked at each address of the room.
func (h *hall) pages() map[string][]askedPage {
	get := func(addresses ...string) (list []askedPage) {
		for _, a := range addresses {
			list = append(list, askedPage{address: a})
		}
		return list
	}
	post := func(address, field string, values ...string) (list []askedPage) {
		for _, v := range values {
			list = append(list, askedPage{address, url.Values{field: {v}}})
		}
		return list
	}
	const c, first = "/console", "/000000"
	p := h.whose
	return map[string][]askedPage{
		"GET " + c:                                  get(c),
		"GET " + c + "/break-glass":                 get(c + "/break-glass"),
		"GET " + c + "/sign-in":                     get(c + "/sign-in"),
		"GET " + c + "/people":                      get(c + "/people"),
		"POST " + c + "/people":                     post(c+"/people", "q", p.Last, p.Last+" "+p.First, person.JoinFIO(p.Last, p.First, p.Middle), p.Last+" Ы", p.Phone, p.SNILS, p.Login, "kontingent:p0000000"),
		"GET " + c + "/people/{who}":                get(c+"/people/"+h.person.String(), c+"/people/"+h.nobody),
		"POST " + c + "/people/{who}":               post(c+"/people/"+h.person.String(), "", ""),
		"GET " + c + "/address":                     get(c + "/address"),
		"POST " + c + "/address":                    post(c+"/address", "address", "10.1.0.1", "02:00:00:00:00:01"),
		"GET " + c + "/queue":                       get(c+"/queue", c+"/queue?kind=activation", c+"/queue?kind=support", c+"/queue?kind=target", c+"/queue?kind=account", c+"/queue?decided=1", c+"/queue?school=000000"),
		"POST " + c + "/queue":                      post(c+"/queue", "number", "123 456 789"),
		"GET " + c + "/queue/{id}":                  get(h.cases...),
		"GET " + c + "/problems":                    get(c+"/problems", c+"/problems?list=behind", c+"/problems?list=behind&from=5000", c+"/problems?school=000000", c+"/problems?code=AD_NAME_TAKEN", c+"/problems?print=1"),
		"GET " + c + "/problems.csv":                get(c + "/problems.csv"),
		"GET " + c + "/problems.xlsx":               get(c + "/problems.xlsx"),
		"GET " + c + "/wifi":                        get(c + "/wifi"),
		"GET " + c + "/wifi/{school}":               get(c + "/wifi" + first),
		"GET " + c + "/wifi/{school}/refused":       get(c + "/wifi" + first + "/refused"),
		"GET " + c + "/wifi/{school}/on/{session}":  get(c + "/wifi" + first + "/on/" + h.session),
		"GET " + c + "/launch":                      get(c + "/launch"),
		"GET " + c + "/launch/{school}":             get(c + "/launch" + first),
		"POST " + c + "/launch/{school}":            post(c+"/launch"+first, "staff", "2026-08-20"),
		"GET " + c + "/launch/{school}/letter":      get(c + "/launch" + first + "/letter"),
		"GET " + c + "/launch/{school}/missing":     get(c + "/launch" + first + "/missing"),
		"GET " + c + "/launch/{school}/file/{file}": get(c+"/launch"+first+"/file/missing.csv", c+"/launch"+first+"/file/ready.csv"),
		"GET " + c + "/stats":                       get(c+"/stats", c+"/stats?sort=activated"),
		"GET " + c + "/stats/{school}":              get(c + "/stats" + first),
		"GET " + c + "/stats.csv":                   get(c + "/stats.csv"),
		"GET " + c + "/stats.xlsx":                  get(c + "/stats.xlsx"),
		"GET " + c + "/duplicates":                  get(c+"/duplicates", c+"/duplicates?level=certain", c+"/duplicates?level=possible", fmt.Sprintf("%s/duplicates?after=%d", c, h.m.share(10_000)*9/10)),
		"GET " + c + "/duplicates/work":             get(c + "/duplicates/work"),
		"GET " + c + "/duplicates/namesakes":        get(c + "/duplicates/namesakes"),
		"GET " + c + "/duplicates/report.html":      get(c + "/duplicates/report.html"),
		"GET " + c + "/duplicates/report.xlsx":      get(c + "/duplicates/report.xlsx"),
		"GET " + c + "/duplicates/certain":          get(c + "/duplicates/certain"),
		"GET " + c + "/duplicates/{id}":             get(c+"/duplicates/"+h.group, c+"/duplicates/"+h.repair),
		"GET " + c + "/duplicates/{id}/approve":     get(c + "/duplicates/" + h.group + "/approve"),
		"GET " + c + "/duplicates/{id}/undo":        get(c + "/duplicates/" + h.repair + "/undo"),
		"GET " + c + "/system":                      get(c + "/system"),
		"GET " + c + "/configuration":               get(c + "/configuration"),
		"GET " + c + "/rights":                      get(c + "/rights"),
		"GET " + c + "/audit":                       get(c+"/audit", c+"/audit?group=sign-ins", c+"/audit?whom="+h.person.String()),
		"GET " + c + "/audit.csv":                   get(c + "/audit.csv"),
		"POST " + c + "/audit":                      post(c+"/audit", "whom", p.Login),
	}
}

// hall is the daemon's pages over a city, and whom they are asked about.
type hall struct {
	t       testing.TB
	m       *metropolis
	d       *daemon
	frame   http.Handler
	room    web.Room
	whose   sample.Citizen
	person  identity.PersonID
	nobody  string // the handle of a pupil without an account
	session string
	group   string
	repair  string
	cases   []string
	cookies map[rights.Role]*http.Cookie
	source  int
}

// newHall joins a daemon of which only runs what pages read from memory: the worker
// would make accounts meanwhile.
func newHall(t *testing.T) *hall {
	h := &hall{t: t, m: newMetropolis(t), cookies: map[rights.Role]*http.Cookie{}}
	var err error
	h.d, err = h.m.s.daemon(io.Discard)
	must(t, err)
	t.Cleanup(h.d.close)
	h.d.services = slices.DeleteFunc(h.d.services, func(s service) bool { return s.name != "directory" && s.name != "session journal" })
	h.room, err = h.d.console() // for its table
	must(t, err)
	h.frame, err = h.d.pages(make(chan struct{}))
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	running := 0
	run := func(name string) {
		for _, s := range h.d.services {
			if s.name == name {
				running++
				go func() { _ = s.run(ctx); done <- struct{}{} }()
			}
		}
	}
	t.Cleanup(func() {
		stop()
		for range running {
			<-done
		}
	})
	run("directory")
	run("session journal")
	<-h.d.people.Loaded()
	h.find()
	for i, p := range h.m.staff()[:len(consoleRoles)] {
		h.signIn(consoleRoles[i], p)
	}
	only := regexp.MustCompile(*consoleRows)
	if slices.ContainsFunc(figured, func(address string) bool { return only.MatchString("GET " + address) }) {
		run("statistics")
		h.counted()
	}
	return h
}

// find looks for whom pages are asked about.
func (h *hall) find() {
	ctx, db := h.t.Context(), h.d.db
	for p := range h.m.all() {
		if p.School == 0 && active(p) && h.whose.Login == "" {
			h.whose = p
		}
		if p.School == 0 && !active(p) {
			made, err := newStories(h.d)
			must(h.t, err)
			h.nobody = made.sealed(sealedHandle, handle{Kind: recordOf(p).Kind, Key: recordOf(p).ID})
		}
		if h.whose.Login != "" && h.nobody != "" {
			break
		}
	}
	var err error
	h.person, err = h.m.told(ctx, db)
	must(h.t, err)
	groups := h.m.share(10_000)
	h.group = h.m.twins(0).ID
	for n := groups; n < groups+groups/5; n++ {
		if h.repair = h.m.twins(n).ID; n%h.m.schools == 0 && n%4 != 3 {
			break
		}
	}
	for _, kind := range queue.Kinds {
		items, _, err := db.Queue().Page(ctx, store.PageAsk{Scope: queue.Scope{Schools: []person.SchoolID{schoolID(0)}}, Kinds: []queue.Kind{kind}, N: 1})
		must(h.t, err)
		if len(items) == 0 {
			items, _, err = db.Queue().Page(ctx, store.PageAsk{Scope: queue.Scope{All: true}, Kinds: []queue.Kind{kind}, N: 1})
			must(h.t, err)
		}
		for _, i := range items {
			stem, _ := queue.Split(i.ID)
			h.cases = append(h.cases, "/console/queue/"+stem)
		}
	}
	for deadline := time.Now().Add(time.Minute); h.session == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if stays, _ := h.d.journal.Present(string(schoolID(0)), nil, journal.After{}, 1); len(stays) > 0 {
			h.session = stays[0].ID.String()
		}
	}
	for i := range h.m.share(5000) {
		src := identity.Source{School: string(schoolID(i % 50 % h.m.schools)), NAS: "first", Device: fmt.Sprintf("02:00:00:00:%02x:%02x", i%400/256, i%256)}
		h.d.refusals.Refused(identity.ChannelWiFi, src, identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword, Person: h.person})
	}
}

// signIn brings an administrator in, as a browser does that mos.ru has sent back.
func (h *hall) signIn(role rights.Role, p sample.Citizen) {
	ctx, now := h.t.Context(), time.Now()
	holder, err := h.d.db.Accounts().Find(ctx, p.Login)
	must(h.t, err)
	data, err := json.Marshal(web.Record{Begun: now, Profile: cityProfile(p), Person: holder.Person, Login: holder.Login})
	must(h.t, err)
	name := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{byte(len(h.cookies) + 1)}, 32))
	handle := sha256.Sum256([]byte(name))
	must(h.t, h.d.db.WebSessions().End(ctx, handle)) // of a run that did not end
	must(h.t, h.d.db.WebSessions().Begin(ctx, store.WebSession{Handle: handle, Owner: holder.Subject, Seen: now, Ends: now.Add(time.Hour), Data: data}, browsersEach))
	h.cookies[role] = web.Cookie("__Host-session", name)
	for { // each code counts once, and one of an earlier run may have counted
		code, err := factor.Code(appSecret, time.Now())
		must(h.t, err)
		res, _ := h.ask(role, askedPage{"/console/sign-in", url.Values{"code": {code}}})
		if cookies := res.Result().Cookies(); res.Code == http.StatusSeeOther && len(cookies) > 0 {
			h.cookies[role] = cookies[0]
			return
		}
		if time.Since(now) > time.Minute {
			h.t.Fatalf("%s does not come in: %d", role, res.Code)
		}
		time.Sleep(10 * time.Second)
	}
}

// figured are the pages that show what was counted.
var figured = []string{"/console/problems", "/console/stats"}

// counted waits for the figures, which are counted once they are asked for.
func (h *hall) counted() {
	began, used := time.Now(), spent()
	for _, address := range figured {
		for {
			res, _ := h.ask(rights.Operator, askedPage{address: address})
			if res.Code != http.StatusOK {
				h.t.Fatalf("%s: %d", address, res.Code)
			}
			if strings.Contains(h.text(res), "<table") {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	h.t.Logf("the figures were counted in %v, %v of CPU", time.Since(began).Round(time.Millisecond), (spent() - used).Round(time.Millisecond))
}

// took is what an answer took: until its end, of the processor, and until its first byte,
// which a browser shows of a long one.
type took struct{ whole, cpu, first time.Duration }

// recorder notes when the first byte comes.
type recorder struct {
	*httptest.ResponseRecorder
	began time.Time
	first time.Duration
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.first == 0 && len(p) > 0 {
		r.first = time.Since(r.began)
	}
	return r.ResponseRecorder.Write(p)
}

// ask asks for a page as a role, as a browser does, and says what it took.
func (h *hall) ask(role rights.Role, p askedPage) (*httptest.ResponseRecorder, took) {
	method, body := http.MethodGet, io.Reader(nil)
	if p.form != nil {
		method, body = http.MethodPost, strings.NewReader(p.form.Encode())
	}
	r := httptest.NewRequest(method, p.address, body).WithContext(h.t.Context())
	if p.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	h.source++
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", h.source>>16&255, h.source>>8&255, h.source&255) // a source has its pace
	r.Header.Set("Accept-Encoding", "gzip, br")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if c := h.cookies[role]; c != nil {
		r.AddCookie(c)
	}
	used, res := spent(), &recorder{ResponseRecorder: httptest.NewRecorder(), began: time.Now()}
	h.frame.ServeHTTP(res, r)
	return res.ResponseRecorder, took{time.Since(res.began), spent() - used, res.first}
}

// spent is the processor's time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var linked = regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)

// size is what the first view of a page takes on the wire: the page and what it
// links to.
func (h *hall) size(role rights.Role, res *httptest.ResponseRecorder) int {
	n, page := res.Body.Len(), h.text(res)
	seen := map[string]bool{}
	for _, link := range linked.FindAllStringSubmatch(page, -1) {
		if address := link[1]; !seen[address] {
			seen[address] = true
			asset, _ := h.ask(role, askedPage{address: address})
			n += asset.Body.Len()
		}
	}
	return n
}

// text is an answer as it was before it was compressed.
func (h *hall) text(res *httptest.ResponseRecorder) string {
	body := io.Reader(bytes.NewReader(res.Body.Bytes()))
	if res.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		must(h.t, err)
		body = z
	}
	text, err := io.ReadAll(body)
	must(h.t, err)
	return string(text)
}

// pageRow is a line of the table.
type pageRow struct {
	page   string
	role   rights.Role
	status int
	time   [2]time.Duration // median, p95
	cpu    time.Duration    // median
	first  time.Duration    // median of the time until the first byte
	bytes  int
	whole  bool // a file
}

func (h *hall) measure(pattern string, p askedPage, role rights.Role) (row pageRow, shown bool) {
	row = pageRow{page: strings.Fields(pattern)[0] + " " + p.address, role: role}
	if p.form != nil {
		row.page += " " + p.form.Encode()
	}
	if row.whole = handedOut.MatchString(p.address); len(row.page) > 70 {
		row.page = row.page[:70] + "…"
	}
	var whole, cpu, first []time.Duration
	for n := range *consoleRounds + 1 {
		res, t := h.ask(role, p)
		if row.status = res.Code; res.Code == http.StatusNotFound || res.Code == http.StatusForbidden {
			return row, false
		}
		if res.Code >= 400 {
			h.t.Errorf("%s as %s: %d", row.page, role, res.Code)
			return row, false
		}
		if n == 0 { // what the first brings into memory, the others find there
			row.bytes = h.size(role, res)
			continue
		}
		whole, cpu, first = append(whole, t.whole), append(cpu, t.cpu), append(first, t.first)
	}
	slices.Sort(whole)
	slices.Sort(cpu)
	slices.Sort(first)
	row.time, row.cpu, row.first = [2]time.Duration{whole[len(whole)/2], whole[min(len(whole)*95/100, len(whole)-1)]}, cpu[len(cpu)/2], first[len(first)/2]
	return row, true
}

// Every page of administration answers in a city, as every role that may see it; the
// room's own table says which there are. make bench-console makes the table of a city
// of a million.
func TestConsolePages(t *testing.T) {
	h := newHall(t)
	pages := h.pages()
	for _, pattern := range slices.Sorted(maps.Keys(h.room.Table)) {
		if pages[pattern] == nil && !slices.Contains(changingPages, pattern) {
			t.Errorf("%s is not asked", pattern)
		}
	}
	if *consoleProfile != "" {
		f, err := os.Create(*consoleProfile)
		must(t, err)
		must(t, pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	only := regexp.MustCompile(*consoleRows)
	var rows []pageRow
	for _, pattern := range slices.Sorted(maps.Keys(pages)) {
		if _, there := h.room.Table[pattern]; !there {
			t.Errorf("%s is no page", pattern)
		}
		seen := false
		for _, p := range pages[pattern] {
			if !only.MatchString(pattern + " " + p.address) {
				seen = true
				continue
			}
			runtime.GC()
			for _, role := range consoleRoles {
				row, shown := h.measure(pattern, p, role)
				if seen = seen || shown; shown {
					rows = append(rows, row)
				}
			}
		}
		if !seen {
			t.Errorf("nobody sees %s", pattern)
		}
	}
	h.show(rows)
}

func (h *hall) show(rows []pageRow) {
	slices.SortStableFunc(rows, func(a, b pageRow) int { return -cmp.Compare(a.time[0], b.time[0]) })
	out := &strings.Builder{}
	fmt.Fprintf(out, "%-74s %-9s %6s %9s %9s %9s %9s %9s\n", "page", "role", "status", "median ms", "p95 ms", "CPU ms", "first ms", "bytes")
	late := 0
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, r := range rows {
		mark := ""
		switch {
		case r.whole:
			mark = "  (a file)"
		case strings.HasPrefix(r.page, "POST /console/people/"):
			mark = "  (asks Active Directory)"
		case r.time[0] > pageTime || r.bytes > pageBytes:
			mark = "  (!)"
			late++
		}
		fmt.Fprintf(out, "%-74s %-9s %6d %9.1f %9.1f %9.1f %9.1f %9d%s\n", r.page, r.role, r.status, ms(r.time[0]), ms(r.time[1]), ms(r.cpu), ms(r.first), r.bytes, mark)
	}
	h.t.Logf("%d people, %d schools, of which the curator has %d; %d rounds\n%s%d of %d are above %v or %d bytes", h.m.people, h.m.schools, h.m.curated, *consoleRounds, out, late, len(rows), pageTime, pageBytes)
	if *consoleStrict && late > 0 {
		h.t.Errorf("%d pages take longer or are larger than they may", late)
	}
}
