package strangers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/activation"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// pairs is how often somebody who exists and somebody who does not write to us, in
// turn.
const pairs = 150

// noise is what both may lie apart anyway, and share of the whole on a machine with other
// work. That is generous: that the same is asked of everybody, TestSupportAsksTheSameOfEverybody
// of the store says to the letter.
const (
	noise = 250 * time.Microsecond
	share = 4
)

// tries is how often a measurement may come out wrong: what lies in the code lies in
// every one.
const tries = 3

// box keeps letters in a real store, as the daemon's does.
type box struct {
	db      *store.DB
	schools []person.School
	before  func(activation.Letter) // a leak that the measurement has to find; nil: none
}

func (b *box) Schools() []person.School { return b.schools }

func (b *box) Write(ctx context.Context, l activation.Letter) (queue.Number, error) {
	if b.before != nil {
		b.before(l)
	}
	return b.db.Support().Add(ctx, store.Sent(l), store.SupportLimits{Source: 1 << 20, School: 1 << 20, All: 1 << 20})
}

// nobody activates.
type nobody struct{}

func (nobody) Activate(context.Context, identity.Credential) provision.Answer {
	return provision.Answer{}
}

func (nobody) Progress(context.Context, identity.Credential) provision.Answer {
	return provision.Answer{}
}

func (nobody) ActivateAs(context.Context, identity.Subject, identity.Credential) provision.Answer {
	return provision.Answer{}
}

func (nobody) Arrive(context.Context, provision.Arrival) provision.Answer { return provision.Answer{} }

func (nobody) Standing(context.Context, identity.PersonID, identity.Login) provision.Answer {
	return provision.Answer{}
}

func (nobody) Advice(web.Lang, string, string) (string, string, bool) { return "", "", false }

// town is a store that knows every second person of the sample.
type town struct {
	box              *box
	frame            *web.Frame
	known, strangers []person.Profile
}

func newTown(t testing.TB) *town {
	t.Helper()
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	x := &town{box: &box{db: db, schools: []person.School{{ID: "49", Name: "Школа 49"}}}}
	day, _ := person.NewDate(2026, 9, 1)
	var rows []store.Row
	for _, p := range sample.Make(1, day).People {
		if _, ok := person.ParseSNILS(p.Profile.SNILS); !ok || p.Profile.Middle == "" {
			continue
		}
		if len(x.known) > len(x.strangers) {
			x.strangers = append(x.strangers, p.Profile)
			continue
		}
		key := fmt.Sprintf("k%d", len(rows))
		rows = append(rows, store.Row{Key: key, Digest: []byte(key), Record: person.Employment{ID: person.RecordID(key), FIO: person.JoinFIO(p.Profile.Last, p.Profile.First, p.Profile.Middle),
			SNILS: p.Profile.SNILS, School: "49", Start: day, Phone: p.Profile.Phone, Email: p.Profile.Email}})
		x.known = append(x.known, p.Profile)
	}
	if err := db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	for i, p := range x.known {
		_, err := db.Accounts().Activate(t.Context(), person.Activation{Profile: p, Login: identity.Login(p.Login), Names: []person.Name{{Kind: person.NameMosru, Text: p.Login}},
			Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: person.RecordID(rows[i].Key)}}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
	}
	room, err := activation.New(activation.Options{Desk: nobody{}, Advice: nobody{}.Advice, Key: func(string) (k [32]byte, err error) { return k, nil }, Support: x.box})
	if err != nil {
		t.Fatal(err)
	}
	if x.frame, err = web.New(web.Options{Sessions: &webtest.Shelf{}}, room); err != nil {
		t.Fatal(err)
	}
	return x
}

var token = regexp.MustCompile(`name="form" value="([^"]+)"`)

// write fills in the form as a browser does, from an address of its own, and gives how
// long the answer takes, and the answer but for what is new in each.
func (x *town) write(t testing.TB, n int, who person.Profile) (took time.Duration, answer string) {
	t.Helper()
	from := fmt.Sprintf("192.0.%d.%d:4000", n/250, n%250+1)
	page := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/support", nil)
	r.RemoteAddr = from
	x.frame.ServeHTTP(page, r)
	form := token.FindStringSubmatch(page.Body.String())
	if form == nil {
		t.Fatalf("no form: %d %s", page.Code, page.Body)
	}
	body := url.Values{"form": {form[1]}, "last": {who.Last}, "first": {who.First}, "middle": {who.Middle}, "school": {"Школа 49"}, "snils": {who.SNILS}}.Encode()
	r = httptest.NewRequest(http.MethodPost, "/support", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from
	a := httptest.NewRecorder()
	began := time.Now()
	x.frame.ServeHTTP(a, r)
	took = time.Since(began)
	return took, fmt.Sprint(a.Code, a.Header().Get("Location"), a.Body.String())
}

// apart gives what a fifth of the answers is faster than, for both, and how far these lie
// apart: other work on the machine makes the slow ones slower, and these less.
func (x *town) apart(t testing.TB) (known, strange, apart time.Duration) {
	t.Helper()
	var times [2][]time.Duration
	answers := map[string]bool{}
	for n := range pairs {
		for i := range times {
			i := (i + n) % 2 // nobody is always the first
			who := [][]person.Profile{x.known, x.strangers}[i]
			took, answer := x.write(t, 2*n+i, who[n%len(who)])
			times[i], answers[answer] = append(times[i], took), true
		}
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	quick := func(all []time.Duration) time.Duration { slices.Sort(all); return all[len(all)/5] }
	known, strange = quick(times[0]), quick(times[1])
	return known, strange, max(known-strange, strange-known)
}

// TestSupportTellsNothingByTime: whether a person exists is not to be told by how long the
// form takes, and a look at the person that is made for one of both would be found.
func TestSupportTellsNothingByTime(t *testing.T) {
	x := newTown(t)
	// told says that a stranger could tell, try after try.
	told := func(what string) bool {
		for range tries {
			known, strange, apart := x.apart(t)
			t.Logf("%s: somebody %v, nobody %v, apart %v", what, known, strange, apart)
			if apart <= max(noise, strange/share) {
				return false
			}
		}
		return true
	}
	if told("as it is") {
		t.Error("how long the answer takes tells whether the person exists")
	}
	is := map[string]bool{}
	for _, p := range x.known {
		number, _ := person.ParseSNILS(p.SNILS)
		is[string(number)] = true
	}
	var slow time.Duration
	x.box.before = func(l activation.Letter) {
		for began := time.Now(); is[l.SNILS] && time.Since(began) < slow; {
		}
	}
	_, base, _ := x.apart(t)
	if slow = 2 * max(noise, base); !told("with a leak") {
		t.Errorf("a leak of %v is not found", slow)
	}
}
