//go:build peers

package main

// Accounting from FreeRADIUS's client, and FreeRADIUS as the NAS that is asked
// to end sessions: programs of others that know the RFCs by themselves.

import (
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/radiustest"
	"schoolbridge/internal/store"
	radiuswire "schoolbridge/radiussrv/wire"
)

// radclient sends one request and gives what it printed.
func (p *accessPoint) radclient(address, command, attributes string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "radclient", "-x", "-t", "5", "-r", "3", address, command, siteSecret)
	cmd.Stdin = strings.NewReader(attributes + "\n")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.t.Fatalf("radclient: %v (make test installs it)", err)
	}
	return string(out)
}

func (p *accessPoint) radacct(attributes string) {
	p.t.Helper()
	if out := p.radclient(p.acct, "acct", attributes+",NAS-Identifier=ap-1,Calling-Station-Id=02-00-00-00-00-01,Called-Station-Id=02-10-A4-23-19-C0:School"); !strings.Contains(out, "Received Accounting-Response") {
		p.t.Fatalf("%s: %s", attributes, out)
	}
}

func TestAccountingFromRadclient(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	s.started(&logged{})
	out := p.radclient(p.auth, "auth", "User-Name=orlovami,User-Password=Snegir-2021,Calling-Station-Id=02-00-00-00-00-01,Chargeable-User-Identity=0x00,Message-Authenticator=0x00")
	if !strings.Contains(out, "Received Access-Accept") || !strings.Contains(out, "Acct-Interim-Interval = 600") || !strings.Contains(out, "Chargeable-User-Identity = 0x") {
		t.Fatal(out)
	}
	_, class, _ := strings.Cut(out, "Class = ")
	class, _, _ = strings.Cut(class, "\n")
	_, identity, _ := strings.Cut(out[strings.Index(out, "Received"):], "Chargeable-User-Identity = ")
	identity, _, _ = strings.Cut(identity, "\n")
	common := fmt.Sprintf(",User-Name=orlovami,Class=%s,Chargeable-User-Identity=%s", class, identity)
	one := func(what, ending string, inferred bool) {
		t.Helper()
		list := s.sessions(exitDone, "--device", phone)
		if len(list) != 1 || list[0].Login != "orlovami" || list[0].Person == "" || list[0].Ending != ending || list[0].Inferred != inferred {
			t.Fatalf("%s: %+v", what, list)
		}
	}
	p.radacct("Acct-Status-Type=Start,Acct-Session-Id=r1" + common)
	one("Start", "", false)
	p.radacct("Acct-Status-Type=Interim-Update,Acct-Session-Id=r1,Acct-Session-Time=1,Framed-IP-Address=10.0.0.7,Framed-IPv6-Address=2001:db8::7,Framed-IPv6-Prefix=2001:db8:1::/64,Acct-Input-Octets=5,Acct-Input-Gigawords=1,NAS-Port-Id=wlan0" + common)
	p.radacct("Acct-Status-Type=Interim-Update,Acct-Session-Id=r1,Acct-Session-Time=1,Framed-IP-Address=10.0.0.7,Acct-Delay-Time=1" + common)
	one("Interim-Update", "", false)
	for _, address := range []string{"10.0.0.7", "2001:db8::7", "2001:db8:1::beef"} {
		if list := s.sessions(exitDone, "--address", address); len(list) != 1 || list[0].InOctets != 1<<32+5 || list[0].Port != "wlan0" || len(list[0].Addresses) != 3 {
			t.Errorf("%s: %+v", address, list)
		}
	}
	p.radacct("Acct-Status-Type=Accounting-On")
	one("Accounting-On", "nas_restarted", true)
	p.radacct("Acct-Status-Type=Stop,Acct-Session-Id=r1,Acct-Session-Time=2,Acct-Terminate-Cause=User-Request" + common)
	one("a late Stop", "stop", false)
	p.radacct("Acct-Status-Type=Start,Acct-Session-Id=r1,Acct-Delay-Time=1" + common)
	one("a late Start", "stop", false)
}

// coaSite is a virtual server that ends the session f1 and knows no other; f2
// it may not end.
const coaSite = `
server coa {
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = %s
	}
	recv-coa {
		if (!&Event-Timestamp || !&Message-Authenticator || &Calling-Station-Id != "02-00-00-00-00-01" || &NAS-Identifier != "ap-1") {
			update control {
				&Error-Cause := Missing-Attribute
			}
			reject
		}
		if (&Acct-Session-Id == "f1") {
			ok
		}
		elsif (&Acct-Session-Id == "f2") {
			update reply {
				&Error-Cause := Administratively-Prohibited
			}
			reject
		}
		else {
			update reply {
				&Error-Cause := Session-Context-Not-Found
			}
			reject
		}
	}
}
`

func TestDisconnectAtFreeRADIUS(t *testing.T) {
	s := newSite(t)
	coa := freeport.Port(freeport.UDP(t))
	s.write("coa-secret", radiustest.Secret+"\n")
	p := s.wifi("")
	s.edit("dynamic_authorization: {port: "+fmt.Sprint(p.port)+"}", fmt.Sprintf("dynamic_authorization: {port: %s, secret_file: coa-secret}", coa))
	nas := radiustest.Start(t, radiustest.Options{Sites: fmt.Sprintf(coaSite, coa)})
	log := make(answered, 100)
	d := s.started(log)
	on := func(key string) string {
		t.Helper()
		p.account(1, key, phone, p.signIn(phone), nil)
		list := s.sessions(exitDone, "--live")
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0].ID
	}
	said := func(code int, state string, cause uint32, ending string) {
		t.Helper()
		list := s.sessions(code, "disconnect", "--login", "orlovami")
		if len(list) != 1 || list[0].Disconnect == nil || list[0].Disconnect.State != state || list[0].Disconnect.Cause != cause || list[0].Ending != ending {
			t.Fatalf("%+v %+v\n%s", list, list[0].Disconnect, nas.Log())
		}
		<-log
	}
	on("f2")
	said(exitFindings, "refused", 501, "")
	out, _, _ := s.command("sessions", "--config", s.path("config.yaml"), "--live")
	if !strings.Contains(out, "запрещено на точке доступа (Error-Cause 501)") {
		t.Errorf("the answer is not said in words:\n%s", out)
	}
	p.account(2, "f2", phone, nil, nil)
	on("f3")
	said(exitDone, "refused", 503, "disconnected")
	on("f1")
	said(exitDone, "disconnected", 0, "disconnected")
	// And by itself, for a suspended account.
	on("f1")
	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.db.Accounts().Suspend(t.Context(), holder.Person, time.Now(), "test"); err != nil {
		t.Fatal(err)
	}
	<-log
	if list := s.sessions(exitDone, "--device", phone); list[0].Ending != "disconnected" || list[0].Disconnect.Why != "SUSPENDED" {
		t.Errorf("%+v\n%s", list[0], nas.Log())
	}
	nas.Stop()
}

// TestKilledAmidAccounting: what was answered is in the journal, whenever the
// daemon is killed.
func TestKilledAmidAccounting(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	s.edit("log: {format: text}", "web: {listen: '"+freeport.TCP(t)+"'}\nlog: {format: text}")
	program := buildProgram(t)
	answered := map[string]bool{}
	var mu sync.Mutex
	var sent atomic.Int64
	for life := range 3 {
		daemon := exec.Command(program, "serve", "--config", s.path("config.yaml"))
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = daemon.Process.Kill() }) // gone already, unless the test failed
		client := radiuswire.NewClient(p.acct, radiuswire.ClientOptions{Secret: []byte(siteSecret), Wait: 500 * time.Millisecond, Tries: 200})
		ctx, cancel := context.WithCancel(t.Context())
		var senders sync.WaitGroup
		for range 64 {
			senders.Go(func() {
				for ctx.Err() == nil {
					key := fmt.Sprintf("k%d-%d", life, sent.Add(1))
					r := &radiuswire.Request{Code: radiuswire.AccountingRequest}
					r.AddUint32(radiuswire.AcctStatusType, 1)
					r.AddText(radiuswire.NASIdentifier, "ap-1")
					r.AddText(radiuswire.AcctSessionID, key)
					r.AddUint32(radiuswire.EventTimestamp, binary.BigEndian.Uint32([]byte{1, 2, 3, byte(life)}))
					if _, err := client.Line().Exchange(ctx, r); err == nil {
						mu.Lock()
						answered[key] = true
						mu.Unlock()
					}
				}
			})
		}
		within(t, time.Minute, "records are answered", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(answered) > 700*(life+1)
		})
		if err := daemon.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = daemon.Wait() // it was killed
		cancel()
		senders.Wait()
		client.Close()
	}
	db, err := openMadeStore(t.Context(), loaded(t, s.path("config.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	kept := keptKeys(t, db)
	lost := 0
	for key := range answered {
		if !kept[key] {
			lost++
		}
	}
	t.Logf("%d answered, %d kept", len(answered), len(kept))
	if lost > 0 {
		t.Errorf("%d of %d answered records are lost", lost, len(answered))
	}
}

func keptKeys(t *testing.T, db *store.DB) map[string]bool {
	t.Helper()
	kept := map[string]bool{}
	if err := db.Journal().Live(t.Context(), func(x *journal.Session) { kept[x.Key] = true }); err != nil {
		t.Fatal(err)
	}
	return kept
}
