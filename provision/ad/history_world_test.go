package ad_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

const (
	keptDays = 200 // until the data of leavers are erased
	legacy   = "OU=legacy," + managed
	// lookAgain is after what time a worker has looked at every account.
	lookAgain = 7 * time.Hour
)

var (
	moscow  = time.FixedZone("MSK", 3*60*60)
	schools = []person.School{
		{ID: "49", District: "ЮАО", Name: "Школа № 49"}, {ID: "7", District: "САО", Name: "Школа № 7"}, {ID: "1050", District: "ЮАО", Name: "Школа № 1050"},
	}
)

// city is a store, a directory and a daemon between them, the people there, and
// what an onlooker knows of them.
type city struct {
	t    *testing.T
	seed uint64
	now  time.Time

	dir    string
	keys   *store.Keyset
	db     *store.DB
	site   *site
	line   *line
	target *ad.Target
	worker *provision.Worker
	names  match.Names
	brakes provision.Brakes
	grace  int
	woken  func() <-chan struct{}

	people    []*human
	rows      []*entered
	given     map[string]*citizen // every name that anybody ever had, folded
	objects   map[string]*legacyAccount
	claimed   map[string]*human // objects by GUID
	said      map[string]*saying
	transfers map[string]*transfer
	made      [4][]changed // drastic changes that nobody consented to
	killed    []time.Time
	typed     int
	named     int
	held      bool // the brake left something as it is
	barred    int  // accounts to be switched off to which nothing can be written
	story     []string
	failed    []string
	promise   string
}

// halt ends a history at once.
type halt struct{}

func (y *city) errorf(format string, args ...any) {
	if y.promise == "" {
		y.promise = format
	}
	y.failed = append(y.failed, fmt.Sprintf(format, args...))
}

func (y *city) must(err error) {
	if err != nil {
		y.errorf("an error: %v", err)
		panic(halt{})
	}
}

// live lets the events happen.
func (y *city) live(events []event) (found *broken) {
	defer func() {
		if p := recover(); p != nil && p != any(halt{}) {
			panic(p)
		}
		if y.promise != "" {
			found = &broken{y.promise, y.story, y.failed}
		}
	}()
	for _, e := range events {
		y.step(e)
		if y.check(); y.promise != "" {
			return
		}
	}
	y.must(y.db.Audit().Verify(y.t.Context(), nil))
	return nil
}

func (y *city) step(e event) {
	y.story = append(y.story, "")
	if y.held && e.wait < 65*time.Minute {
		e.wait = 65 * time.Minute // a held account is looked at again after an hour
	}
	y.now = y.now.Add(e.wait)
	told := &y.story[len(y.story)-1]
	*told = fmt.Sprintf("%d. %s %s", e.at, y.now.In(moscow).Format("2006-01-02 15:04"), e.name)
	at := slices.IndexFunc(happenings, func(h happening) bool { return h.name == e.name })
	what := happenings[at].do(y, e)
	for range y.people { // where that cannot happen to somebody, it does to the next
		if what == "" {
			e.who++
			what = happenings[at].do(y, e)
		}
	}
	*told += ": " + what
	y.daemon()
}

func newCity(t *testing.T, seed uint64) *city {
	y := &city{t: t, seed: seed, now: time.Date(2021, 8, 1, 9, 0, 0, 0, moscow), dir: t.TempDir(), grace: int(seed%2) * 3,
		given: map[string]*citizen{}, objects: map[string]*legacyAccount{}, claimed: map[string]*human{}, said: map[string]*saying{}, transfers: map[string]*transfer{}}
	var err error
	if y.keys, err = store.NewKeyset(); err != nil {
		t.Fatal(err)
	}
	if seed%3 != 0 { // else a person decides on every name
		y.names.EZHD = true
		if y.names.Made, err = login.ParsePattern(login.DefaultPattern); err != nil {
			t.Fatal(err)
		}
	}
	for kind := range y.brakes {
		y.brakes[kind] = provision.Brake{Minimum: 100}
		if seed%4 < 2 {
			y.brakes[kind] = provision.Brake{Share: 0.2, Minimum: 1}
		}
	}
	y.open()
	t.Cleanup(func() { _ = y.db.Close() })
	y.site = newSimulated(t, seed%2 == 0)
	y.must(y.site.admin.Add(t.Context(), legacy, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")}))
	for _, group := range []string{"staff-1050", "pupil-49", "pupil-7", "pupil-1050"} {
		y.must(y.site.admin.Add(t.Context(), "CN="+group+",OU=groups,"+managed, []ldapclient.Attribute{
			ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", group)}))
	}
	y.line = &line{Client: y.site.as("CN=bridge,CN=Users,"+domain, "Zhuravl-Bridge-2021")}
	y.target, err = ad.New(y.line, ad.Options{Layout: layout(), Zone: moscow})
	y.must(err)
	y.populate()
	y.restart()
	y.takeIn(0)
	y.daemon()
	return y
}

func (y *city) open() {
	var err error
	y.db, err = sqlite.Open(y.t.Context(), filepath.Join(y.dir, "store.db"), y.keys, store.Options{Now: func() time.Time { return y.now }})
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *city) today() person.Date { return person.DateOf(y.now.In(moscow)) }

// restart is a new daemon on the same store.
func (y *city) restart() {
	y.must(y.db.Close())
	y.open()
	y.line.alive()
	y.worker = y.newWorker("daemon", y.brakes)
}

func (y *city) newWorker(holder string, brakes provision.Brakes) *provision.Worker {
	w, err := provision.NewWorker(y.target, shelf{y.db.Targets(), y.line}, provision.WorkerOptions{Target: "ad", Holder: holder, Zone: moscow, LeaveGrace: y.grace,
		Brakes: brakes, Poll: time.Millisecond, Now: func() time.Time { return y.now }, Chance: func() float64 { return 0 },
		Wake: func() <-chan struct{} { return y.woken() }, Registerer: prometheus.NewRegistry()})
	y.must(err)
	return w
}

func (y *city) activator() *provision.Activator {
	return provision.NewActivator(y.db.Accounts(), moscow, provision.ActivatorOptions{Target: "ad", Finder: y.target, Patience: time.Minute, Names: y.names, Tries: y.db.Accounts()})
}

// daemon does what the daemon does from time to time, and one run of the worker.
func (y *city) daemon() {
	ctx := y.t.Context()
	y.must(y.db.TellDay(ctx, y.today()))
	_, err := provision.NewRematcher(y.db.Accounts(), y.activator(), nil).Pass(ctx, y.now)
	y.must(err)
	y.know()
	y.must(y.db.Accounts().NoteLeavers(ctx, y.today()))
	_, err = y.db.Accounts().EraseLeavers(ctx, y.today().AddDays(-keptDays), y.now)
	y.must(err)
	y.forget()
	y.must(y.db.Passwords().Prune(ctx, y.now))
	before := y.seen()
	y.work()
	y.counted(before)
	if y.line.died { // and comes up again
		y.killed = append(y.killed, y.now)
		y.restart()
		y.now = y.now.Add(65 * time.Minute)
		before = y.seen()
		y.work()
		y.counted(before)
	} else if y.line.lost() { // who was passed over has another turn
		y.now = y.now.Add(65 * time.Minute)
		before = y.seen()
		y.work()
		y.counted(before)
	}
	y.line.alive()
}

// work lets the worker run once through what is due.
func (y *city) work() {
	if y.line.died {
		return
	}
	ctx, stop := context.WithCancel(y.t.Context())
	defer stop()
	looks := 0
	y.woken = func() <-chan struct{} {
		if looks++; looks > 1 {
			stop()
		}
		now := make(chan struct{})
		close(now)
		return now
	}
	y.line.stop = stop
	y.must(y.worker.Run(ctx))
}

// command lets "provision apply" work on everybody.
func (y *city) command(accept int) provision.Summary {
	brakes := y.brakes
	for kind := range brakes {
		brakes[kind].Accept = accept
	}
	y.woken = func() <-chan struct{} { return nil }
	s, err := y.newWorker("command", brakes).Once(y.t.Context())
	y.must(err)
	return s
}

// line is between target and directory, and may lose an answer, or take the
// daemon with it.
type line struct {
	ad.Client
	left  int // requests until the fault; 0: none
	fault int
	died  bool
	one   bool // an answer was lost
	stop  func()
}

// The faults of a line.
const (
	lostBefore = iota // the request does not arrive
	lostAfter         // it does, and is answered to nobody
	killBefore
	killAfter
	faultKinds
)

var errLine = &ldapclient.Error{Op: "test", Cause: context.DeadlineExceeded}

func (l *line) alive() { l.left, l.died, l.one = 0, false, false }

func (l *line) lost() bool {
	was := l.one
	l.one, l.left = false, 0
	return was
}

func (l *line) ask(do func() error) error {
	if l.died {
		return errLine
	}
	hit := false
	if l.left > 0 {
		l.left--
		hit = l.left == 0
	}
	if !hit {
		return do()
	}
	if l.fault == lostAfter || l.fault == killAfter {
		_ = do()
	}
	if l.one = true; l.fault == killBefore || l.fault == killAfter {
		l.died = true
		l.stop()
	}
	return errLine
}

func (l *line) Search(ctx context.Context, q ldapclient.Query) (list []ldapclient.Entry, err error) {
	err = l.ask(func() (err error) { list, err = l.Client.Search(ctx, q); return err })
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (l *line) Add(ctx context.Context, dn string, attributes []ldapclient.Attribute) error {
	return l.ask(func() error { return l.Client.Add(ctx, dn, attributes) })
}

func (l *line) Modify(ctx context.Context, dn string, changes []ldapclient.Change) error {
	return l.ask(func() error { return l.Client.Modify(ctx, dn, changes) })
}

func (l *line) Rename(ctx context.Context, dn, rdn, superior string) error {
	return l.ask(func() error { return l.Client.Rename(ctx, dn, rdn, superior) })
}

// shelf is the store of a daemon that may be dead.
type shelf struct {
	provision.Queue
	line *line
}

var errDead = errors.New("the daemon is dead")

func (s shelf) Save(ctx context.Context, target string, id identity.PersonID, revision uint64, pass provision.Pass, failures int, due time.Time) error {
	if s.line.died {
		return errDead
	}
	return s.Queue.Save(ctx, target, id, revision, pass, failures, due)
}

func (s shelf) Due(ctx context.Context, target string, now time.Time, limit int) ([]identity.PersonID, error) {
	if s.line.died {
		return nil, errDead
	}
	return s.Queue.Due(ctx, target, now, limit)
}

func (s shelf) Renew(ctx context.Context, target, holder string, was, until time.Time) (bool, error) {
	if s.line.died {
		return false, errDead
	}
	return s.Queue.Renew(ctx, target, holder, was, until)
}

func (s shelf) Release(ctx context.Context, target, holder string) error {
	if s.line.died {
		return errDead
	}
	return s.Queue.Release(ctx, target, holder)
}

// takeIn exports the registries as they stand at their sources and imports them.
// accept is how many endings somebody agreed to.
func (y *city) takeIn(accept int) string {
	files := map[string]*strings.Builder{}
	line := func(file string, values ...string) {
		if files[file] == nil {
			files[file] = &strings.Builder{}
		}
		files[file].WriteString(strings.Join(values, ";") + "\n")
	}
	line("schools.csv", "ekis_id", "nsi_id", "name", "founder", "district")
	line("kadry.csv", "ID", "ФИО", "СНИЛС", "Дата рождения", "Организация", "Дата приема", "Дата увольнения", "Должность", "Логин ЭЖД")
	line("kontingent.csv", "ID", "Фамилия", "Имя", "Отчество", "Дата рождения", "Организация", "Класс", "Телефон", "СНИЛС", "Статус", "Объединено с", "Логин ЭЖД")
	line("zapis.csv", "Ребенок", "ФИО родителя", "СНИЛС родителя", "Телефон")
	for _, s := range schools {
		line("schools.csv", string(s.ID), "", s.Name, "", s.District)
	}
	for _, r := range y.rows {
		if !r.there {
			continue
		}
		e := r.source
		switch r.kind {
		case person.RecordEmployment:
			line("kadry.csv", r.key, e.ink(e.last+" "+e.first+" "+e.middle), punctuated(e.snils), "", string(e.school), e.start.String(), e.end.String(), "учитель", e.ezhd)
		case person.RecordEnrolment:
			status := "active"
			if e.closed {
				status = "closed"
			}
			line("kontingent.csv", r.key, e.ink(e.last), e.ink(e.first), e.middle, e.birth.String(), string(e.school), "5А", dialled(e.phone), punctuated(e.snils), status, e.merged, e.ezhd)
		case person.RecordCard:
			line("zapis.csv", r.key, e.ink(e.last+" "+e.first+" "+e.middle), punctuated(e.snils), dialled(e.phone))
		}
	}
	folder := filepath.Join(y.dir, "exports")
	y.must(os.MkdirAll(folder, 0o700))
	for name, text := range files {
		y.must(os.WriteFile(filepath.Join(folder, name), []byte(text.String()), 0o600))
	}
	total, tripped := y.endings()
	_, err := registry.Import(y.t.Context(), y.db.Registry(), []string{folder}, registry.Options{Today: y.today(), EndingShare: endingShare, MinEnding: minEnding, AcceptEnding: accept})
	var stop *registry.EndingError
	if errors.As(err, &stop) {
		if !tripped || accept == total {
			y.errorf("the import of %d endings was stopped", total)
		}
		return fmt.Sprintf("stopped at %d endings", total)
	}
	y.must(err)
	if tripped && accept != total {
		y.errorf("the import ended %d records, and nobody had agreed", total)
	}
	for _, r := range y.rows {
		if r.there {
			r.stored, r.known, r.gone, r.dropped = r.source, true, false, false
		} else {
			r.gone = true
		}
	}
	return "imported"
}

func punctuated(snils string) string {
	if len(snils) != 11 {
		return snils
	}
	return snils[:3] + "-" + snils[3:6] + "-" + snils[6:9] + " " + snils[9:]
}

func dialled(phone string) string {
	if len(phone) != 10 {
		return phone
	}
	return "8 (" + phone[:3] + ") " + phone[3:6] + "-" + phone[6:]
}
