package main

import (
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
	"schoolbridge/internal/said"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// demoSeed makes the demo's people the same everywhere.
const demoSeed = 1

func runDemo(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	state := fs.String("state", "demo-state", "папка для её данных / folder `DIR` for its data")
	fresh := fs.Bool("fresh", false, "начать заново / start over")
	alone := fs.Bool("alone", false, "без людей: никто не входит в Wi-Fi сам / without people: nobody comes to the Wi-Fi by himself")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return misused("demo")
	}
	if taken := takenPorts(ctx); len(taken) > 0 {
		for _, fault := range taken {
			fmt.Fprintln(std.err, "schoolbridge:", fault)
		}
		return &exitError{code: exitFailed}
	}
	absolute, err := filepath.Abs(*state)
	if err != nil {
		return err
	}
	d := &demo{std: std, folder: demoFolder(absolute), lang: *lang, alone: *alone, now: time.Now()}
	return d.run(ctx, *fresh)
}

// demo is the whole system on loopback.
type demo struct {
	std    streams
	folder demoFolder
	lang   string // of what is printed
	alone  bool   // nobody comes and goes by himself
	now    time.Time
	people sample.Sample
	mosru  *sim.Server
	glass  string // the break-glass account's password
	invite string // connects the app of the school's administrator; "": one is connected

	odd    map[identity.Subject]bool // whom the rules do not simply take; of the first start
	letter *demoLetter               // to support; nil: nobody has to write one
}

func (d *demo) run(ctx context.Context, fresh bool) error {
	first := fresh || !d.folder.prepared()
	if first {
		if err := d.folder.begin(); err != nil {
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
	for _, start := range []func(context.Context) (func(), error){d.startMosru, d.startAD} {
		stop, err := start(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	if first {
		if err := d.fill(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if err := os.WriteFile(d.folder.path(demoMark), []byte(made.String()+"\n"), 0o600); err != nil {
			return err
		}
	}
	if err := d.administrators(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return serve(ctx, d.std, d.folder.config(), d.lang, func(ctx context.Context) {
		d.announce()
		if !d.alone {
			d.crowd(ctx)
		}
	})
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
		return day, said.Errorf("файл %[1]s повреждён: начните заново с --fresh / %[1]s is damaged: start over with --fresh", d.folder.path(demoMark))
	}
	return day, nil
}

// startMosru starts the simulated mos.ru; stop ends it.
func (d *demo) startMosru(ctx context.Context) (stop func(), err error) {
	secret, err := config.ReadSecret(config.SecretFile(d.folder.path("secrets", "mosru")))
	if err != nil {
		return nil, err
	}
	key, err := readEventKey(d.folder.path("secrets", "events.pem"))
	if err != nil {
		return nil, err
	}
	o := sim.Options{
		Issuer: "http://" + demoMosru,
		Clients: []sim.Client{{ID: demoClientID, Secret: identity.Password(secret), PasswordGrant: true,
			Redirects: []string{"http://" + demoWeb + "/sign-in/mosru"}, LogoutRedirect: []string{"http://" + demoWeb + "/signed-out"}}},
		Events:    sim.Events{Endpoint: "http://" + demoWeb + "/events/mosru", Audience: demoClientID, Interval: 5 * time.Second, First: 200 * time.Millisecond, PasswordKey: key.Public()},
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

// open opens the demo's store; now is its clock, nil: the real one.
func (d *demo) open(ctx context.Context, now func() time.Time) (*config.Config, *store.DB, error) {
	c, faults, err := config.Load(d.folder.config())
	if err != nil {
		return nil, nil, err
	}
	if !config.Usable(faults) {
		return nil, nil, errors.New("the demo's configuration is refused: " + faults[0].Format("en"))
	}
	db, err := openStore(ctx, c, store.Options{Now: now})
	return c, db, err
}

// fill imports the sample schools, lives through the days before the first start, and
// asks for a search for duplicates, as somebody does on the console.
func (d *demo) fill(ctx context.Context) error {
	clock := &demoClock{}
	clock.set(d.now.AddDate(0, 0, -demoDays-1))
	c, db, err := d.open(ctx, clock.read)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed by then
	_, err = importRegistry(ctx, db, []string{d.folder.path("registry")}, registry.Options{Today: person.DateOf(d.now)})
	if err != nil {
		return err
	}
	target, release, err := openAD(c, discardLog())
	if err != nil {
		return err
	}
	defer release()
	read, err := registry.ReadDir(d.folder.path("registry"))
	if err != nil {
		return err
	}
	if d.odd, err = d.oddPeople(read); err != nil {
		return err
	}
	d.takeOver(read)
	defer func() { d.addressed(read) }()
	if err := d.claim(ctx, db, target, read); err != nil {
		return fmt.Errorf("claim the accounts of the simulated Active Directory: %w", err)
	}
	p, err := d.newPast(c, db, target, clock)
	if err != nil {
		return err
	}
	if err := p.live(ctx, d.arrivals(p.zone)); err != nil {
		return err
	}
	_, err = db.Duplicates(targetAD).Ask(ctx, duplicates.Ordered{By: "demo", At: d.now})
	return err
}

// errNotMatching says that the demo's people and the rules do not go together.
func errNotMatching(p sample.Person, v match.Verdict) error {
	return fmt.Errorf("the invented person %s does not match: %v", p.Profile.Login, v.Problems)
}

// announce prints what runs where and how to try it, at last "ready". Commands are indented by
// four spaces and work as they are, from any folder.
func (d *demo) announce() {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	ca := d.folder.path("ca.pem")
	with := strings.NewReplacer("{glass}", d.glass, "{invite}", d.invitation(), "{ca}", ca, "{config}", d.folder.config(), "{cases}", d.folder.cases(), "{self}", self, "{base}", demoBase,
		"{secret}", demoSecret, "{secret-file}", d.folder.path("secrets", "radius"), "{server-name}", "bridge.school.example", "{radsec}", d.folder.path("tls", "radsec.pem"),
		"{state}", string(d.folder), "{board}", d.folder.path("tls", "board.pem"), "{board-key}", d.folder.path("tls", "board-key.pem"),
		"{reader}", demoReader, "{reader-password}", demoReaderPass, "{web}", demoWeb, "{sim}", "http://"+demoMosru+"/sim",
		"{ad}", demoAD, "{ad-base}", demoADBase, "{ad-admin}", "cn=admin,"+demoADBase, "{ad-password}", demoADAdmin, "{upn}", "evann@uao.obr.mos.ru",
		"{adsearch}", "LDAPTLS_CACERT="+ca+" ldapsearch -x -LLL",
		"{ldaps}", "LDAPTLS_CACERT="+ca+" ldapwhoami -x -H ldaps://127.0.0.1:3636",
		"{starttls}", "LDAPTLS_CACERT="+ca+" ldapwhoami -x -ZZ -H ldap://127.0.0.1:3389",
		"{radius}", "radclient -x 127.0.0.1:1812 auth "+demoSecret)
	if text, err := os.ReadFile(d.folder.config()); err == nil && string(text) != demoConfig {
		fmt.Fprintf(d.std.out, map[string]string{"ru": "\n%s не тот, который пишет эта версия (его правили, или папку сделала прежняя): часть строк может не сработать, --fresh начинает заново.\n",
			"en": "\n%s is not what this version writes (somebody changed it, or an older version made the folder): some lines may not work; --fresh starts over.\n"}[d.lang], d.folder.config())
	}
	_, _ = with.WriteString(d.std.out, demoTextIn(d.lang)) // nobody reads on: the demo goes on all the same
}

const demoText = `
schoolbridge demo: invented people, loopback only

  LDAP      ldap://127.0.0.1:3389 (StartTLS), ldaps://127.0.0.1:3636, base {base}
  RADIUS    127.0.0.1:1812 (sign-in), 1813 (accounting), 2083 (RadSec), secret {secret}
  RadSec    a client comes with {radsec} and the key beside it
  web       http://{web}/ (sign-in and activation), /me (what people do themselves), /support (write to us), /readyz /metrics
  AD        ldap://{ad} (simulated; StartTLS, and TLS on the same port), base {ad-base}, administrator {ad-admin} / {ad-password}
  mos.ru    {sim}/ (simulated; this page lists its switches)
  config    {config}
  CA        {ca}

  login      password         who
  orlovami   Snegir-2021      teacher at two schools and a parent, activated
  belovas    Sinica-2021      pupil, activated
  evann      Zimorodok-2021   teacher, not yet activated: activate her on the page; AD has two old accounts of hers
  smirnovao  Ivolga-2021      parent only: refused on PCs and Wi-Fi
  kimv       Krapivnik-2021   left the school last year: refused

  administration in a browser: http://{web}/console
  admin      {glass}   the emergency sign-in below the button: the whole city, without mos.ru
  orlovami   her own sign-in, then an app with codes; administrator of school 000149; connection code: {invite}

Copy a line into another terminal (packages ldap-utils, freeradius-utils, curl):

A teacher signs in on a PC or board, with LDAPS and with StartTLS, then on the Wi-Fi:
    {ldaps} -D uid=orlovami,ou=people,{base} -w Snegir-2021
    {starttls} -D uid=orlovami,ou=people,{base} -w Snegir-2021
    echo 'User-Name=orlovami,User-Password=Snegir-2021,Message-Authenticator=0x00' | {radius}
As her phone does it (WPA-Enterprise), with handshake, certificate, keys and VLAN:
    echo Snegir-2021 | {self} probe eap --lang en --server 127.0.0.1 --secret-file {secret-file} --ca {ca} --name {server-name} --method ttls-pap --login orlovami --password-file -
What a monitor asks of LDAP, and is told: each step with its time, the certificate and its days; exit code 0, 1 or 2:
    echo Snegir-2021 | {self} probe ldap --lang en --server ldaps://127.0.0.1:3636 --ca {ca} --login uid=orlovami,ou=people,{base} --password-file -
A pupil:
    {ldaps} -D uid=belovas,ou=people,{base} -w Sinica-2021
    echo 'User-Name=belovas,User-Password=Sinica-2021,Message-Authenticator=0x00' | {radius}
A board without a sign-in comes into its own VLAN by its hardware address, which anybody can copy; why, and the rules against a table of cases:
    echo 'User-Name=02005e100001,User-Password=02005e100001,Calling-Station-Id=02-00-5E-10-00-01,Message-Authenticator=0x00' | {radius}
    {self} explain --lang en --config {config} 02:00:5e:10:00:01
    {self} policy test --lang en --config {config} {cases}
A board looks a person up with its service account:
    LDAPTLS_CACERT={ca} ldapsearch -x -LLL -ZZ -H ldap://127.0.0.1:3389 -D {reader} -w {reader-password} -b ou=people,{base} uid=orlovami
Another board signs in with its certificate, without a password:
    LDAPTLS_CACERT={ca} LDAPTLS_CERT={board} LDAPTLS_KEY={board-key} ldapwhoami -Y EXTERNAL -H ldaps://127.0.0.1:3636
A program that keeps a copy of the people asks, with the cookie at the end, for nothing but what has changed:
    LDAPTLS_CACERT={ca} ldapsearch -x -ZZ -H ldap://127.0.0.1:3389 -D {reader} -w {reader-password} -b ou=people,{base} -E '!sync=ro' '(objectClass=person)' uid
A teacher activates. Active Directory holds two accounts of hers, and her mos.ru password opens neither (49):
    {adsearch} -H ldap://{ad} -D {ad-admin} -w {ad-password} -b {ad-base} 'sAMAccountName=evann*' userPrincipalName employeeNumber
    {adsearch} -ZZ -H ldap://{ad} -D {upn} -w Zimorodok-2021 -b {ad-base} sAMAccountName=evann dn
  In a browser: http://{web}/, or here. One account is taken over, no third is made, and the password of mos.ru opens it:
    curl -sS http://{web}/api/activate -d '{"login":"evann","password":"Zimorodok-2021"}'
    {adsearch} -H ldap://{ad} -D {ad-admin} -w {ad-password} -b {ad-base} 'sAMAccountName=evann*' userPrincipalName employeeNumber
    {adsearch} -ZZ -H ldap://{ad} -D {upn} -w Zimorodok-2021 -b {ad-base} sAMAccountName=evann dn
  She changes her password on mos.ru: seconds later Active Directory takes the new one and refuses the old one (49):
    curl -sS -X POST {sim}/password -d '{"login":"evann","password":"Zimorodok-2026","event":"now"}'
    {adsearch} -ZZ -H ldap://{ad} -D {upn} -w Zimorodok-2026 -b {ad-base} sAMAccountName=evann dn
    {adsearch} -ZZ -H ldap://{ad} -D {upn} -w Zimorodok-2021 -b {ad-base} sAMAccountName=evann dn
Would anything change in Active Directory? (exit code 1: something would, or there are problems)
    {self} provision plan --lang en --config {config}
Whose data are to be repaired, by whom and how; how far activation is (what a curator is to decide: http://{web}/console/queue):
    {self} problems --lang en --config {config} --school 000149
    {self} stats --lang en --config {config}
Which accounts are one person's; a plan with a report for the director; it is carried out, and taken back:
    {self} duplicates plan --lang en --config {config} --out {state}/plan.json --report {state}/report.html
    {self} duplicates apply --lang en --config {config} --plan {state}/plan.json --approve-certain
    {self} duplicates undo --lang en --config {config} all
The files of School Data Sync for Teams; the second time only what changed is told:
    {self} teams export --lang en --config {config} --dir {state}/sds
What her phone needs for the Wi-Fi, without a password in it (--for apple, windows, linux too):
    {self} wifi profile --lang en --config {config} --for android orlovami
mos.ru goes away and comes back: people seen lately go on, the others hear "not now", not "wrong password":
    curl -sS -X POST '{sim}/outage?mode=drop'
    {ldaps} -D uid=orlovami,ou=people,{base} -w Snegir-2021
    curl -sS -X POST '{sim}/outage?mode=off'
All switches of the simulated mos.ru (changed passwords, events, slowness), with lines to copy:
    curl -sS {sim}/
Is everything well?
    curl -sS http://{web}/readyz
Who is this, and what speaks against signing in? (exit code 1: something does)
    {self} explain --lang en --config {config} evann
    {self} explain --lang en --config {config} kimv
What does the audit trail say of somebody, and is it whole?
    {self} audit show --lang en --config {config} orlovami
    {self} audit verify --lang en --config {config}

A password that you changed stays changed: --fresh starts over. Ctrl-C stops the demo.
ready
`
