package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	ldapwire "schoolbridge/ldapsrv/wire"
)

// A job synchronizes with a daemon over its store; its cookie outlives the daemon.
func TestSynchronizationOverTheStore(t *testing.T) {
	ports := [2]string{freeport.TCP(t), freeport.TCP(t)}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "sixteen-letters-and-more\n")
	file := filepath.Join(dir, "config.yaml")
	write(t, file, "state: state\nmosru: {url: 'http://127.0.0.1:9', client_id: x}\nweb: {listen: '"+ports[0]+"'}\nldap:\n  base: dc=school,dc=test\n  listen: ['"+ports[1]+
		"']\n  plain_bind: loopback\n  services: [{dn: 'cn=sync,ou=services,dc=school,dc=test', password_file: secret, sync: true}]\n")
	var cookie []byte
	poll := func(d *daemon, what string, entries, present, gone int) {
		t.Helper()
		gotEntries, gotPresent, gotGone, next := synchronize(t, d, cookie)
		if cookie = next; gotEntries != entries || gotPresent != present || gotGone != gone {
			t.Errorf("%s: %d entries, %d present, %d gone; want %d, %d, %d", what, gotEntries, gotPresent, gotGone, entries, present, gone)
		}
	}
	today := person.DateOf(time.Now())
	var ids [3]identity.PersonID
	for life := range 2 {
		var log bytes.Buffer
		d, err := newDaemon(t.Context(), &log, file, loaded(t, file))
		if err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
		if life == 0 {
			for i, key := range []string{"ivanovi", "petrovp", "kimk"} {
				ids[i] = employed(t, d, key, today.AddDays([]int{-5, -2, 9}[i]))
			}
		} else { // while nobody ran
			if err := d.db.Accounts().Suspend(t.Context(), ids[1], time.Now(), ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.people.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			poll(d, "first", 2, 0, 0)
			poll(d, "again", 0, 0, 0)
			if err := d.db.TellDay(t.Context(), today.AddDays(-2)); err != nil { // petrovp began then
				t.Fatal(err)
			}
			poll(d, "a day was told", 1, 0, 0)
			if err := d.db.Accounts().Remove(t.Context(), ids[0], time.Now(), ""); err != nil {
				t.Fatal(err)
			}
			poll(d, "removed", 0, 0, 1)
		} else {
			poll(d, "after a restart", 0, 0, 0)
			poll(d, "and on", 0, 0, 0)
			if err := d.db.Accounts().Resume(t.Context(), ids[1], time.Now(), ""); err != nil {
				t.Fatal(err)
			}
			poll(d, "resumed", 1, 0, 0)
		}
		d.close()
	}
}

// employed gives somebody an account, employed from a day on.
func employed(t *testing.T, d *daemon, key string, from person.Date) identity.PersonID {
	t.Helper()
	row := store.Row{Key: key, Digest: []byte(key), Record: person.Employment{ID: person.RecordID(key), FIO: "Ким Анна", School: "49", Start: from}}
	if err := d.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: []store.Row{row}}); err != nil {
		t.Fatal(err)
	}
	done, err := d.db.Accounts().Activate(t.Context(), person.Activation{
		Login: identity.Login(key), Names: []person.Name{{Kind: person.NameMosru, Text: key}}, Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: person.RecordID(key)}},
		Profile: person.Profile{Subject: identity.Subject(key), Login: key, Last: "Ким", First: "Анна"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return done.Person
}

// synchronize polls the people of a daemon that has read its feed to the end.
func synchronize(t *testing.T, d *daemon, cookie []byte) (entries, present, gone int, next []byte) {
	t.Helper()
	for n, err := 1, error(nil); n > 0; {
		if n, err = d.people.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.registry = prometheus.NewRegistry() // for another one
	server, err := d.ldapServer()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l, ldapwire.Listener{}) }()
	c, err := ldap.DialURL("ldap://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Bind("cn=sync,ou=services,dc=school,dc=test", "sixteen-letters-and-more"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	query := ldap.NewSearchRequest("ou=people,dc=school,dc=test", ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false, "(uid=*)", []string{"uid"}, nil)
	answer := c.Syncrepl(ctx, query, 8, ldap.SyncRequestModeRefreshOnly, cookie, false)
	for answer.Next() {
		if answer.Entry() != nil {
			entries++
		}
		for _, one := range answer.Controls() {
			switch one := one.(type) {
			case *ldap.ControlSyncInfo:
				if one.SyncIdSet.RefreshDeletes {
					gone += len(one.SyncIdSet.SyncUUIDs)
				} else {
					present += len(one.SyncIdSet.SyncUUIDs)
				}
			case *ldap.ControlSyncDone:
				next = one.Cookie
			}
		}
	}
	if err := answer.Err(); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	return entries, present, gone, next
}
