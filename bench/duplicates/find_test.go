// Package duplicates measures finding over a whole directory: how long it takes
// to read 200,000 accounts over LDAPS and to group them, and what stays in
// memory meanwhile.
package duplicates

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"schoolbridge/internal/certtest"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/simad"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/duplicates"
)

var people = flag.Int("people", 170_000, "people in the directory; accounts are an eighth more")

const domain = "DC=obr,DC=example"

// BenchmarkFind reads a simulated Active Directory that lies in this process
// too, so that its own time is in the first figure; what the finder holds is
// measured apart.
func BenchmarkFind(b *testing.B) {
	accounts, records := sample.MakeAD(1, sample.ADOptions{People: *people, Schools: *people / 600, Surnames: 7000})
	client := serve(b, accounts)
	target, err := ad.New(client, ad.Options{Layout: ad.Layout{Base: "OU=Schools," + domain}})
	if err != nil {
		b.Fatal(err)
	}
	mender := target.Mender(client, "")
	for b.Loop() {
		before := heap()
		f := duplicates.NewFinder()
		began := time.Now()
		if err := mender.Scan(b.Context(), func(a duplicates.Account) error { f.Add(a); return nil }); err != nil {
			b.Fatal(err)
		}
		read := time.Since(began)
		began = time.Now()
		for _, r := range records {
			f.Know(fact(r))
		}
		found := f.Find()
		b.ReportMetric(read.Seconds(), "s-read")
		b.ReportMetric(time.Since(began).Seconds(), "s-find")
		b.ReportMetric(float64(heap()-before)/float64(found.Accounts), "B/account")
		b.ReportMetric(float64(found.Accounts), "accounts")
		b.ReportMetric(float64(len(found.Groups)), "groups")
		runtime.KeepAlive(f)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func fact(r sample.ADRecord) duplicates.Fact {
	return duplicates.Fact{
		SNILS: person.SNILS(r.SNILS), Record: person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(fmt.Sprint(r.Person))}, Last: r.Last, First: r.First, Middle: r.Middle,
		Birth: r.Birth, School: person.SchoolID(r.School), Class: r.Class, EZHD: []string{r.EZHD}, Mosru: []string{r.Mosru}, Mails: []string{r.Mail}, Phones: []string{r.Phone},
	}
}

// serve puts the accounts into a simulated directory.
func serve(b *testing.B, accounts []sample.ADAccount) *ldapclient.Client {
	b.Helper()
	units := []string{}
	seen := map[string]bool{}
	o := simad.Options{Base: domain, AdminPassword: "Zhuravl-Admin-2021", Objects: len(accounts) + 10_000, Policy: simad.Policy{Relaxed: true}}
	for _, a := range accounts {
		school := a.Place[len("OU=staff,"):]
		for _, unit := range []string{school, a.Place} {
			if !seen[unit] {
				seen[unit] = true
				units = append(units, unit)
			}
		}
		values := map[string]string{}
		for name, v := range map[string]string{"employeeID": a.EmployeeID, "mail": a.Mail, "telephoneNumber": a.Phone} {
			if v != "" {
				values[name] = v
			}
		}
		o.Users = append(o.Users, simad.User{Name: a.Name, UPN: a.UPN, Display: a.Display, Unit: a.Place, Disabled: !a.Enabled, Values: values})
	}
	o.Units = units
	d, err := simad.NewDirectory(o)
	if err != nil {
		b.Fatal(err)
	}
	cert, roots := certtest.SelfSigned(b, "dc1.obr.example")
	server, err := simad.NewServer(d, &tls.Config{Certificates: []tls.Certificate{cert}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	client, err := ldapclient.New(ldapclient.Options{URL: "ldaps://" + l.Addr().String(), ServerName: "dc1.obr.example", RootCAs: roots,
		BindDN: "cn=admin," + domain, Password: "Zhuravl-Admin-2021", Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		<-done
	})
	return client
}
