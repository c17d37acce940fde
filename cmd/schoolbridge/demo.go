package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// demoSeed makes the demo's people the same everywhere.
const demoSeed = 1

func runDemo(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	state := fs.String("state", "demo-state", "folder `DIR` for the demo's state")
	fresh := fs.Bool("fresh", false, "start over")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return usageError("demo: %q is too much; write \"demo [--state DIR] [--fresh]\"", words[0])
	}
	if taken := takenPorts(); len(taken) > 0 {
		for _, fault := range taken {
			fmt.Fprintln(std.err, "schoolbridge:", fault)
		}
		return &exitError{code: exitFailed}
	}
	absolute, err := filepath.Abs(*state)
	if err != nil {
		return err
	}
	d := &demo{std: std, folder: demoFolder(absolute), now: time.Now()}
	return d.run(ctx, *fresh)
}

// demo is the whole system on loopback.
type demo struct {
	std    streams
	folder demoFolder
	now    time.Time
	people sample.Sample
	mosru  *sim.Server
}

func (d *demo) run(ctx context.Context, fresh bool) error {
	first := fresh || !d.folder.prepared()
	if first {
		if err := d.folder.clear(); err != nil {
			return err
		}
	}
	made, err := d.made(first)
	if err != nil {
		return err
	}
	d.people = sample.Make(demoSeed, made)
	if first {
		if err := d.folder.write(d.people.Files, d.now); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	stop, err := d.startMosru(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if first {
		if err := d.fill(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if err := os.WriteFile(d.folder.path(demoMark), []byte(made.String()+"\n"), 0o600); err != nil {
			return err
		}
	}
	return serve(ctx, d.std, d.folder.config(), d.announce)
}

// made is the day for which the people were invented: a later start invents the
// same ones.
func (d *demo) made(first bool) (person.Date, error) {
	if first {
		return person.DateOf(d.now), nil
	}
	text, err := os.ReadFile(d.folder.path(demoMark))
	if err != nil {
		return person.Date{}, err
	}
	day, err := person.ParseDate(strings.TrimSpace(string(text)))
	if err != nil || day.IsZero() {
		return day, fmt.Errorf("%s is damaged: start over with --fresh", d.folder.path(demoMark))
	}
	return day, nil
}

// startMosru starts the simulated mos.ru; stop ends it.
func (d *demo) startMosru(ctx context.Context) (stop func(), err error) {
	secret, err := config.ReadSecret(config.SecretFile(d.folder.path("secrets", "mosru")))
	if err != nil {
		return nil, err
	}
	o := sim.Options{
		Issuer:    "http://" + demoMosru,
		Clients:   []sim.Client{{ID: demoClientID, Secret: identity.Password(secret), PasswordGrant: true}},
		Events:    sim.Events{Endpoint: "http://" + demoWeb + "/events/mosru", Audience: demoClientID, Interval: 5 * time.Second, First: 200 * time.Millisecond},
		StateFile: d.folder.path("mosru.json"),
	}
	for _, p := range d.people.People {
		if p.Profile.Subject != "" {
			o.Users = append(o.Users, sim.User{Profile: p.Profile, Password: identity.Password(p.Password)})
		}
	}
	if d.mosru, err = sim.New(o); err != nil {
		return nil, fmt.Errorf("simulated mos.ru: %w", err)
	}
	if err := os.WriteFile(d.folder.path("mosru-keys.json"), d.mosru.EventKeys(), 0o600); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", demoMosru)
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{}, 2)
	go func() { d.mosru.Run(own); done <- struct{}{} }()
	go func() {
		if err := serveHTTP(own, listener, d.mosru, discardLog()); err != nil {
			fmt.Fprintln(d.std.err, "simulated mos.ru:", err)
		}
		done <- struct{}{}
	}()
	return func() { cancel(); <-done; <-done }, nil
}

// fill imports the sample schools and activates the people who are activated
// when the demo begins, each on the day on which that happened.
func (d *demo) fill(ctx context.Context) error {
	c, faults, err := config.Load(d.folder.config())
	if err != nil {
		return err
	}
	if !config.Usable(faults) {
		return errors.New("the demo's configuration is refused: " + faults[0].Format("en"))
	}
	db, err := openStore(ctx, c, store.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	_, err = importRegistry(ctx, db, []string{d.folder.path("registry")}, registry.Options{Today: person.DateOf(d.now)})
	if err != nil {
		return err
	}
	zone := c.Policy.TimeZone.Location()
	activator := provision.NewActivator(db.Accounts(), zone, provision.ActivatorOptions{})
	for _, p := range d.people.People {
		if !p.Activate {
			continue
		}
		when := d.now
		if !p.ActivateOn.IsZero() { // somebody who has left since
			when = p.ActivateOn.Time(zone).Add(12 * time.Hour)
		}
		result, err := activator.Activate(ctx, provision.Request{Profile: p.Profile}, when)
		if err != nil {
			return err
		}
		if result.Verdict.Decision != match.Match {
			return fmt.Errorf("the invented person %s does not match: %v", p.Profile.Login, result.Verdict.Problems)
		}
	}
	return nil
}

// announce prints what runs where and how to try it.
func (d *demo) announce() {
	var b bytes.Buffer
	ca := d.folder.path("ca.pem")
	ldap := func(login, password string) string {
		return fmt.Sprintf("  $ LDAPTLS_CACERT=%s ldapwhoami -x -H ldaps://127.0.0.1:3636 -D uid=%s,ou=people,%s -w %s\n", ca, login, demoBase, password)
	}
	wifi := func(login, password string) string {
		return fmt.Sprintf("  $ echo 'User-Name=%s,User-Password=%s,Message-Authenticator=0x00' | radclient -x 127.0.0.1:1812 auth %s\n", login, password, demoSecret)
	}
	b.WriteString(`
schoolbridge demo: invented people, loopback only

  LDAP      ldap://127.0.0.1:3389 (StartTLS), ldaps://127.0.0.1:3636, base ` + demoBase + `
  RADIUS    127.0.0.1:1812 (sign-in), 1813 (accounting), secret ` + demoSecret + `
  web       http://` + demoWeb + `/readyz /metrics
  mos.ru    http://` + demoMosru + `/sim/ (simulated; its switches)
  config    ` + d.folder.config() + `
  CA        ` + ca + `

  login      password         who
  orlovami   Snegir-2021      teacher at two schools and a parent, activated
  belovas    Sinica-2021      pupil, activated
  evann      Zimorodok-2021   teacher, not yet activated: refused
  smirnovao  Ivolga-2021      parent only: refused on PCs and Wi-Fi
  kimv       Krapivnik-2021   left the school last year: refused

Try it (packages ldap-utils and freeradius-utils):

A teacher signs in on a PC or board, then on the Wi-Fi:
`)
	b.WriteString(ldap("orlovami", "Snegir-2021") + wifi("orlovami", "Snegir-2021"))
	b.WriteString("A pupil:\n" + ldap("belovas", "Sinica-2021") + wifi("belovas", "Sinica-2021"))
	b.WriteString("A board looks a person up with its service account:\n")
	fmt.Fprintf(&b, "  $ LDAPTLS_CACERT=%s ldapsearch -x -LLL -ZZ -H ldap://127.0.0.1:3389 -D %s -w %s -b ou=people,%s uid=orlovami\n", ca, demoReader, demoReaderPass, demoBase)
	b.WriteString("mos.ru goes away and comes back (people seen lately go on):\n")
	fmt.Fprintf(&b, "  $ curl -sS -X POST 'http://%s/sim/outage?mode=drop'\n", demoMosru)
	b.WriteString(ldap("orlovami", "Snegir-2021"))
	fmt.Fprintf(&b, "  $ curl -sS -X POST 'http://%s/sim/outage?mode=off'\n", demoMosru)
	b.WriteString("Is everything well?\n")
	fmt.Fprintf(&b, "  $ curl -sS http://%s/readyz\n", demoWeb)
	fmt.Fprintf(&b, "Why can somebody not sign in?\n    %s explain --config %s kimv\n", os.Args[0], d.folder.config())
	b.WriteString("\nCtrl-C stops the demo.\nready\n")
	_, _ = d.std.out.Write(b.Bytes()) // nobody reads on: the demo goes on all the same
}
