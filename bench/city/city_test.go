//go:build linux

// Package city measures what a whole city asks of provisioning: a million pupils
// and 80,000 staff, with as many namesakes as a city has, go through every stage
// by the commands that operators use. Each is a process of its own, so its peak of
// memory is its own.
//
//	make bench-city ARGS='-pupils 200000 -staff 16000'
//
// Limits: Linux. Active Directory is the simulated one, in this process: it
// answers at once, and its time is not in the figures of CPU.
package city

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/certtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

var (
	pupils   = flag.Int("pupils", 200, "pupils of the city; with -table 1000000 of them make a city")
	staff    = flag.Int("staff", 16, "staff of its schools")
	accounts = flag.Int("accounts", -1, "how many of all activate, to be planned and exported; -1: everybody")
	seen     = flag.Bool("seen", false, "note in the store that every account was seen in Active Directory, where applying them would take days")
	together = flag.Int("together", 2*runtime.NumCPU(), "how many of them activate at the same time")
)

func TestMain(m *testing.M) { stand.Main(m) }

// TestCity takes a city through all stages and prints a line for each.
func TestCity(t *testing.T) {
	c := &city{t: t, dir: stand.Folder(t, *pupils+*staff), program: *stand.Beside}
	if c.program == "" {
		c.program = stand.Build(t)
	}
	if !c.has("whole") {
		c.write()
		stand.Write(t, c.path("whole"), "")
	}
	c.directory()
	t.Logf("%d pupils and %d staff at %d schools", *pupils, *staff, c.schools())
	t.Logf("%-34s %10s %10s %12s %10s", "stage", "s", "s of CPU", "peak, MiB", "B a person")
	c.stage("nobody: what a command costs", "config", "check")
	c.stage("import, first", "registry", "import", c.path("registry"))
	c.stage("import, nothing new", "registry", "import", c.path("registry"))
	c.stage("match of all profiles", "match", "--registry", c.path("registry"), "--profiles", c.path("profiles.jsonl"), "--today", today)
	c.stage("statistics", "stats")
	c.stage("problems", "problems", "--format", "csv")
	c.activate()
	c.stage("plan, all to be made", "provision", "plan", "--format", "json")
	c.stage("apply, all made", "provision", "apply")
	c.stage("plan, nothing to do", "provision", "plan")
	c.stage("apply, nothing to do", "provision", "apply")
	if *seen {
		c.see()
	}
	c.stage("statistics, with accounts", "stats")
	c.stage("Teams, first", "teams", "export", "--dir", c.path("teams"))
	c.stage("Teams, nothing new", "teams", "export", "--dir", c.path("teams"))
}

const today = "2026-11-02"

type city struct {
	t       *testing.T
	dir     string
	program string
	base    float64 // MiB that a command has in memory with nobody
}

func (c *city) path(name string) string { return filepath.Join(c.dir, name) }

// has says that an earlier run has made a file.
func (c *city) has(name string) bool {
	_, err := os.Stat(c.path(name))
	return err == nil
}

func (c *city) people() int { return *pupils + *staff }

// schools: as large as Moscow's.
func (c *city) schools() int { return 1 + *pupils/1500 }

// file is a file that is being written.
func (c *city) file(name string) (*bufio.Writer, func()) {
	f, err := os.OpenFile(c.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	stand.Must(c.t, err)
	w := bufio.NewWriter(f)
	return w, func() { stand.Must(c.t, errors.Join(w.Flush(), f.Close())) }
}

// write writes registries, profiles and the configuration.
func (c *city) write() {
	stand.Must(c.t, os.RemoveAll(c.dir)) // of a run that did not end
	stand.Must(c.t, os.MkdirAll(c.path("registry"), 0o700))
	kadry, closeKadry := c.file("registry/kadry.csv")
	kontingent, closeKontingent := c.file("registry/kontingent.csv")
	list, closeSchools := c.file("registry/schools.csv")
	profiles, closeProfiles := c.file("profiles.jsonl")
	fmt.Fprintln(kadry, "ID;ФИО;СНИЛС;Дата рождения;Организация;Дата приема;Дата увольнения;Должность")
	fmt.Fprintln(kontingent, "ID;Фамилия;Имя;Отчество;Дата рождения;Организация;Класс;Телефон;СНИЛС;Статус")
	fmt.Fprintln(list, "ekis_id;nsi_id;name;founder;district")
	for i := range c.schools() {
		fmt.Fprintf(list, "%06d;%08d;ГБОУ Школа № %d;ДОНМ;%s\n", i, i, i, []string{"ЮАО", "САО", "ЦАО"}[i%3])
	}
	seen := map[uint64]int{}
	for p := range c.all() {
		seen[nameOf(p)]++
		if p.Staff {
			fmt.Fprintf(kadry, "k%07d;%s %s %s;%s;%s;%06d;01.09.2019;;учитель\n", p.Number, p.Last, p.First, p.Middle, p.SNILS, p.Birth, p.School)
		} else {
			fmt.Fprintf(kontingent, "p%07d;%s;%s;%s;%s;%06d;%s;%s;;active\n", p.Number, p.Last, p.First, p.Middle, p.Birth, p.School, p.Class, p.Phone)
		}
		if p.Number%20 != 7 { // one in twenty has no city account
			line, err := json.Marshal(profileLine(profileOf(p)))
			stand.Must(c.t, err)
			_, err = profiles.Write(append(line, '\n'))
			stand.Must(c.t, err)
		}
	}
	shared := 0
	for _, n := range seen {
		if n > 1 {
			shared += n
		}
	}
	c.t.Logf("%.1f %% share the whole ФИО with somebody", 100*float64(shared)/float64(c.people()))
	closeKadry()
	closeKontingent()
	closeSchools()
	closeProfiles()
}

// profileOf is somebody's city account: of one in fifty its СНИЛС is not
// confirmed, or its telephone another one.
func profileOf(p sample.Citizen) person.Profile {
	q := person.Profile{Subject: identity.Subject("sub-" + strconv.Itoa(p.Number)), Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle,
		SNILS: p.SNILS, SNILSConfirmed: fits(p), Phone: p.Phone, PhoneVerified: true, BirthDate: p.Birth, Trusted: true}
	if !fits(p) {
		q.Phone = "+70009999999"
	}
	return q
}

func profileLine(p person.Profile) map[string]any {
	return map[string]any{"sub": p.Subject, "login": p.Login, "last": p.Last, "first": p.First, "middle": p.Middle, "snils": p.SNILS,
		"snils_confirmed": p.SNILSConfirmed, "phone": p.Phone, "dob": p.BirthDate.String(), "trusted": p.Trusted}
}

// activate lets people activate, several at the same time, as the page does it,
// but for mos.ru. Who has done so in an earlier run is passed over.
func (c *city) activate() {
	if !stand.Wanted(c.t, "activation") {
		return
	}
	all, ctx := errgroup.WithContext(c.t.Context())
	db, err := sqlite.OpenFiles(ctx, c.path("schoolbridge.db"), c.path("keyset.json"), store.Options{})
	stand.Must(c.t, err)
	a := provision.NewActivator(db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Tries: db.Accounts()})
	began, used := time.Now(), cpu(c.t)
	waiting := make(chan sample.Citizen)
	for range *together {
		all.Go(func() error {
			for p := range waiting {
				r, err := a.Activate(ctx, provision.Request{Profile: profileOf(p), Password: "Snegir-2021-Dolgo"}, time.Now())
				if err != nil || (r.Verdict.Decision == match.Match) != fits(p) {
					return fmt.Errorf("%s: %v, %w", p.Login, r.Verdict.Problems, err)
				}
			}
			return nil
		})
	}
	made := c.send(ctx, waiting)
	stand.Must(c.t, all.Wait())
	stand.Must(c.t, db.Close())
	took, spent := time.Since(began).Seconds(), (cpu(c.t) - used).Seconds()
	c.t.Logf("%-34s %10.1f %10.1f %23s", "activation", took, spent,
		fmt.Sprintf("%.2f ms of CPU each, %d accounts", spent*1000/float64(made), made))
}

// send hands out who is to activate, and says how many of them come by it to an
// account. How far it is it writes down in between.
func (c *city) send(ctx context.Context, waiting chan<- sample.Citizen) (made int) {
	defer close(waiting)
	before, total := 0, 0
	if text, err := os.ReadFile(c.path("activated")); err == nil {
		before, err = strconv.Atoi(string(text))
		stand.Must(c.t, err)
	}
	for p := range c.all() {
		if total == *accounts {
			break
		}
		if fits(p) {
			total++
		}
		if p.Number < before {
			continue
		}
		select {
		case waiting <- p:
		case <-ctx.Done():
			return made
		}
		if fits(p) {
			made++
		}
		if done := p.Number - *together; done > 0 && done%1000 == 0 {
			stand.Write(c.t, c.path("activated"), strconv.Itoa(done))
		}
	}
	return made
}

// fits says that somebody's city account is that of the registries.
func fits(p sample.Citizen) bool { return p.Number%50 != 3 }

// cpu is what this process has used.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	stand.Must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stage runs a command to its end and says what it took. Findings are no fault.
func (c *city) stage(name string, words ...string) {
	c.t.Helper()
	if !stand.Wanted(c.t, name) {
		return
	}
	if words[0] != "match" {
		words = append(words[:len(words):len(words)], "--config", c.path("config.yaml"))
	}
	cmd := exec.Command(c.program, words...)
	out, err := os.Create(c.path("out"))
	stand.Must(c.t, err)
	defer out.Close()
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, said, c.dir
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		c.t.Fatalf("%v: %v\n%s", words, err, said)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	peak := float64(usage.Maxrss) / 1024
	if c.base == 0 {
		c.base = peak
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.t.Logf("%-34s %10.1f %10.1f %12.0f %10.0f", name, took.Seconds(), used.Seconds(), peak, (peak-c.base)*(1<<20)/float64(c.people()))
	stand.Must(c.t, os.Remove(out.Name()))
}

// all is everybody, again and again the same.
func (c *city) all() iter.Seq[sample.Citizen] { return sample.City(1, *pupils, *staff, c.schools()) }

// nameOf is a digest of a whole ФИО.
func nameOf(p sample.Citizen) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, p.Last, " ", p.First, " ", p.Middle)
	return h.Sum64()
}

const (
	domain        = "DC=obr,DC=example"
	configuration = `state: .
store: {path: schoolbridge.db, keyset_file: keyset.json}
mosru: {url: "http://127.0.0.1:9", client_id: bench, client_secret_file: ad-password}
ad:
  server: ldaps://@ad@
  ca_file: ca.pem
  bind: bridge@obr.example
  password_file: ad-password
  base: OU=Schools,DC=obr,DC=example
  search_base: DC=obr,DC=example
  disable_share: 1
policy: {time_zone: Europe/Moscow, rules: []}
`
)

// directory runs the simulated Active Directory and writes the configuration.
func (c *city) directory() {
	const password = "Zhuravl-Bridge-2021"
	d, err := simad.NewDirectory(simad.Options{Base: domain, AdminPassword: "Zhuravl-Admin-2021", Service: simad.User{Name: "bridge", Password: password},
		Objects: 2*c.people() + 10_000})
	stand.Must(c.t, err)
	cert, _ := certtest.SelfSigned(c.t, "127.0.0.1")
	server, err := simad.NewServer(d, &tls.Config{Certificates: []tls.Certificate{cert}}, nil)
	stand.Must(c.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	stand.Must(c.t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	c.t.Cleanup(func() { stand.Must(c.t, errors.Join(server.Close(), <-done)) })
	stand.Write(c.t, c.path("ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	stand.Write(c.t, c.path("ad-password"), password)
	stand.Write(c.t, c.path("config.yaml"), strings.ReplaceAll(configuration, "@ad@", l.Addr().String()))
}
