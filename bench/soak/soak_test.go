// Package soak lets a school live on the real daemon while everything goes wrong
// that may, and holds every answer against what would have been right.
//
//	make soak ARGS="-dir /tmp/soak"
//
// The built program serves from its own SQLite store. This process is the
// simulated mos.ru, the access points and the devices: an open loop of sign-ins
// (PAP, MS-CHAPv2, EAP-TTLS/PAP, PEAP, full and resumed), sessions with their
// accounting, some of it twice or in the wrong order. Meanwhile people change
// passwords, with a notice of mos.ru and without one, are suspended, leave and
// activate; devices go on with the old password for a while; somebody guesses;
// mos.ru is slow or gone; the store is locked; the daemon is killed and started
// again.
//
//	history  every deed as its client saw it, every fault;     ─► wrong accept,
//	         held to the bounds at the end (history.check)         lost account
//	oracle   everything works, the password is right, and no   ─► wrong reject
//	ledger   every Stop that was answered is in the journal    ─► lost stop
//	gauges   goroutines, heap and memory of the last life      ─► leak
//
// Any wrong accept, lost account, lost stop or leak fails; wrong rejects fail above a share of
// one in 10,000. A shorter run of the same code is part of the test suite, where
// nothing hangs on the machine's speed: the times that the documentation promises
// are checked with -strict only.
//
// Start reading at TestSoak; what is right is the oracle's.
package soak

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/load"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

var (
	rateFlag   = flag.Float64("rate", 40, "sign-ins a second")
	forFlag    = flag.Duration("for", 20*time.Second, "how long")
	peopleFlag = flag.Int("people", 60, "people with an account at the beginning")
	churnFlag  = flag.Float64("churn", 2, "changes (passwords, suspensions) a second")
	seedFlag   = flag.Uint64("seed", 1, "of everything that is chance")
	strictFlag = flag.Bool("strict", false, "hold the daemon to the promised times, and its memory to being flat")
	dirFlag    = flag.String("dir", "", "where the daemon's files and log stay; a temporary folder without it")
)

// TestSoak is the whole run.
func TestSoak(t *testing.T) {
	s := newSchool(t, *peopleFlag, *peopleFlag/spare, 1, inFile)
	d := startDaemon(t, s, s.fronts[0])
	s.activateAll(t, d)
	idle := d.quietGauges(t)
	o := newOracle(*strictFlag, &s.history)
	w := newWorld(s, d, o)
	defer w.close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.begin(ctx)
	report := w.live(ctx, t, *forFlag)
	w.sweep(t)
	d.judgeGauges(t, idle)
	d.stop(t)
	db, err := sqlite.OpenFiles(t.Context(), filepath.Join(s.dir, "store.db"), filepath.Join(s.dir, "keyset.json"), store.Options{})
	must(t, err)
	defer db.Close()
	w.judgeStops(t, db)
	o.judge(t, verdicts(t, db))
	o.judgeHistory(t, w.accounts(t, db), verdicts(t, db), d.missed)
	t.Log(w.tally.String())
	if report.Ended == 0 || w.tally.of("kill") == 0 {
		t.Error("nothing happened: the run proves nothing")
	}
}

// live lets people sign in for a while, and as long as the troubles are not over, and
// waits until all that they began has ended.
func (w *world) live(ctx context.Context, t *testing.T, d time.Duration, troubles ...<-chan struct{}) load.Report {
	t.Helper()
	signIn := func(d time.Duration) load.Report {
		report, err := load.Run(ctx, load.Options{Rate: *rateFlag, Duration: d, Concurrency: 1024, Progress: w.progress(t)}, w.signIn)
		must(t, err)
		return report
	}
	report := signIn(d)
	for _, over := range troubles {
		for !isClosed(over) {
			signIn(time.Second)
		}
	}
	w.end(t)
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("sign-ins: %s", text)
	return report
}

// verdicts reads from the audit trail what the daemon said of an answer.
func verdicts(t *testing.T, db *store.DB) func(wrong) (outcome, reason string) {
	read := map[*somebody][]identity.AuditEntry{}
	return func(w wrong) (string, string) {
		if _, ok := read[w.who]; !ok {
			holder, err := db.Accounts().Find(t.Context(), w.who.profile.Login)
			must(t, err)
			read[w.who], err = db.Audit().Recent(t.Context(), holder.Person, 5000, auth.AuditSignIn)
			must(t, err)
		}
		mac := strings.ToLower(strings.ReplaceAll(w.mac, "-", ":"))
		for _, e := range read[w.who] {
			var said struct{ Device, Outcome, Reason string }
			if json.Unmarshal(e.Payload, &said) == nil && said.Device == mac && !e.At.Before(w.sent.Truncate(time.Millisecond)) && !e.At.After(w.answered) {
				return said.Outcome, said.Reason
			}
		}
		return "no", "verdict"
	}
}

// accounts gives what the store has, of each person.
func (w *world) accounts(t *testing.T, db *store.DB) map[int][]string {
	t.Helper()
	of := map[identity.Subject]int{}
	for _, p := range w.people {
		of[p.profile.Subject] = p.n
	}
	accounts := map[int][]string{}
	_, err := db.Directory().Load(t.Context(), func(person.School) error { return nil }, func(e *directory.Entry) error {
		n, ours := of[e.Subject]
		if !ours {
			t.Errorf("an account of somebody who is nobody: %s", e.Login)
		}
		accounts[n] = append(accounts[n], string(e.Login))
		return nil
	})
	must(t, err)
	return accounts
}

// until tries again and again, for a limit that only a daemon which hangs
// reaches.
func until(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// folder is where the daemon lives.
func folder(t *testing.T) string {
	if *dirFlag == "" {
		return t.TempDir()
	}
	if err := os.RemoveAll(*dirFlag); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*dirFlag, 0o700); err != nil {
		t.Fatal(err)
	}
	return *dirFlag
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
