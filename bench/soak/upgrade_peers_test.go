//go:build peers

package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/pgtest"
)

// previousVersion names the last commit whose schema was the one before today's:
// whoever adds a migration writes the commit before it there.
const previousVersion = "testdata/previous"

// TestUpgrade: two daemons share a store, and the program of each is replaced by the
// present one, one after the other, while people sign in by RADIUS and LDAP and
// activate. Nobody with the right password is told no, and whoever was told of an
// account has it; between the two the old version goes on with the new one's schema.
//
// A checkout without history, as a shallow clone is, has no previous version to build:
// there the present one takes its own place. That its schema lets the version before
// go on is held by the stores' TestStatementsOfTheVersionBefore everywhere.
func TestUpgrade(t *testing.T) {
	server := pgtest.Own(t)
	database := server.Database(t)
	s := newSchool(t, 24, 600, 2, "url_file: store-url")
	s.put(t, server.URL(database), "store-url")
	present := build(t, ".", filepath.Join(s.dir, "schoolbridge"))
	previous, older := buildPrevious(t, filepath.Join(s.dir, "previous"))
	if !older {
		t.Log("this checkout has no history: the present version takes its own place")
		previous = present
	}
	first, second := startProgram(t, s, s.fronts[0], previous), startProgram(t, s, s.fronts[1], previous)
	s.activateAll(t, first)
	before := schemaOf(t, server, database)
	u := &upgrade{world: newWorld(s, first, newOracle(false, &s.history)), t: t}
	defer u.close()
	u.everybodyComesIn() // the second daemon hears of them by the feed

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u.under.Go(func() { u.joinSteadily(ctx, &u.joined) })
	for range 4 {
		u.under.Go(u.signInSteadily)
	}
	for range 2 {
		u.under.Go(u.bindSteadily)
	}
	u.meanwhile("before")
	for i, d := range []*daemon{first, second} {
		d.program = present
		if err := errors.Join(d.end(syscall.SIGTERM), d.start()); err != nil {
			t.Fatal(err)
		}
		u.meanwhile(fmt.Sprintf("with %d of 2 replaced", i+1))
	}
	u.end(t)
	if after := schemaOf(t, server, database); older && after <= before {
		t.Errorf("the schema was %d and is %d: nothing was upgraded", before, after)
	} else {
		t.Logf("schema %d, then %d", before, after)
	}
	u.everybodyComesIn()
	first.stop(t)
	second.stop(t)
	u.judgeShared(t, server.URL(database), func(from, to time.Time) bool { return first.missed(from, to) || second.missed(from, to) })
}

// buildPrevious builds the previous version out of the repository's history; older is
// false where there is none.
func buildPrevious(t *testing.T, to string) (program string, older bool) {
	t.Helper()
	name, err := os.ReadFile(previousVersion)
	must(t, err)
	commit := strings.TrimSpace(string(name))
	if exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run() != nil {
		return "", false
	}
	folder := t.TempDir()
	archive := exec.Command("git", "archive", "--format=tar", commit)
	archive.Dir = "../.."
	packed, err := archive.Output()
	must(t, err)
	unpack := exec.Command("tar", "-x", "-C", folder)
	unpack.Stdin = bytes.NewReader(packed)
	must(t, unpack.Run())
	return build(t, folder, to), true
}

func schemaOf(t *testing.T, server *pgtest.Server, database string) int {
	t.Helper()
	text, err := server.SQL(database, "SELECT value FROM meta WHERE name = 'schema'")
	must(t, err)
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// upgrade is a world whose people have the right password and insist on it.
type upgrade struct {
	*world
	t              *testing.T
	joined         joins
	signIns, binds atomic.Int64
	again          atomic.Int64 // sign-ins that had to be tried again
}

// meanwhile lets some of everything happen.
func (u *upgrade) meanwhile(when string) {
	u.t.Helper()
	signIns, binds, joined := u.signIns.Load()+80, u.binds.Load()+40, u.joined.count()+8
	if !until(2*time.Minute, func() bool {
		return u.signIns.Load() >= signIns && u.binds.Load() >= binds && u.joined.count() >= joined
	}) {
		u.t.Errorf("%s: hardly anybody comes in or activates", when)
	}
	u.t.Logf("%s: %d sign-ins by RADIUS and %d by LDAP, %d of them tried again; %d activations", when, u.signIns.Load(), u.binds.Load(), u.again.Load(), u.joined.count())
}

// insist tries until somebody is let in, as a device does that is told to come later.
// A no is an error at once, and so is the third try.
func (u *upgrade) insist(what string, try func() (in, no bool)) {
	for tries := range 3 {
		in, no := try()
		switch {
		case in:
			return
		case no || tries == 2:
			u.t.Errorf("%s: refused at try %d", what, tries+1)
			return
		}
		u.again.Add(1)
	}
}

// signInSteadily signs those in who were there at the beginning, on the devices of PAP
// and EAP-TTLS.
func (u *upgrade) signInSteadily() {
	for u.wait(20 * time.Millisecond) {
		p := u.people[rand.IntN(24)]
		d := p.devices[[]how{pap, ttls}[rand.IntN(2)]]
		if !d.mu.TryLock() {
			continue
		}
		u.insist("a sign-in by "+d.how.String(), func() (in, no bool) {
			outcome := u.try(u.t.Context(), d, d.secret, d.secret.password, rand.Float64() < fromTicket).Outcome
			// In EAP "not now" looks like a no; what it was, the trail tells at the end.
			return outcome == "right accepted", d.how == pap && outcome == "right rejected"
		})
		d.mu.Unlock()
		u.signIns.Add(1)
	}
}

func (u *upgrade) bindSteadily() {
	for u.wait(50 * time.Millisecond) {
		p := u.people[rand.IntN(24)]
		u.insist("a bind", func() (in, no bool) { return u.bind(p.profile.Login, p.now().password) })
		u.binds.Add(1)
	}
}

// bind binds at one daemon, or at the other one where that has gone.
func (u *upgrade) bind(login string, password identity.Password) (in, no bool) {
	for _, i := range rand.Perm(len(u.fronts)) {
		c, err := ldap.DialURL("ldap://" + u.fronts[i].ldap)
		if err != nil {
			continue
		}
		c.SetTimeout(10 * time.Second)
		err = c.Bind("uid="+login+",ou=people,dc=school,dc=example", string(password))
		_ = c.Close()
		switch {
		case err == nil:
			return true, false
		case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
			return false, true
		}
	}
	return false, false
}

// everybodyComesIn: who was told of an account signs in at both daemons.
func (u *upgrade) everybodyComesIn() {
	var eight sync.WaitGroup
	queue := make(chan *somebody)
	for range 8 {
		eight.Go(func() {
			for p := range queue {
				if !until(time.Minute, func() bool { return u.opens(u.t, p, p.now()) == len(u.auth) }) {
					u.t.Errorf("person %d was told of an account and does not come in", p.n)
				}
			}
		})
	}
	for _, p := range u.people {
		if !p.waits() {
			queue <- p
		}
	}
	close(queue)
	eight.Wait()
}
