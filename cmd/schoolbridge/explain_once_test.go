package main

import (
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// TestOnceAfterAllocate: for whom a curator has kept a name is a person without a row
// as yet; whatever is asked, the person and the registry's row are one.
func TestOnceAfterAllocate(t *testing.T) {
	f := newFaulty(t)
	f.registries["kadry.csv"] = kadryOf + "k1,Орлова Мария Игоревна,112-233-445 95,49,2015-09-01,,учитель,89165550201,orlova@school.example,orlova-m\n"
	f.accounts = []simad.User{{Name: "orlovami", Unit: siteManaged, Password: "Starling-2020-Old"}}
	f.start()
	if problem := f.activates("orlovami", sitePassword); problem != "AD_UNOWNED" {
		t.Fatal(problem)
	}
	var her identity.PersonID
	f.inStore(func(db *store.DB) error {
		var open []queue.Item
		if err := db.Queue().Each(t.Context(), "", false, func(i queue.Item) error { open = append(open, i); return nil }); err != nil {
			return err
		}
		if len(open) != 1 {
			t.Fatalf("%+v", open)
		}
		d, err := db.Queue().Decide(t.Context(), queue.Decision{Item: open[0].ID, Verb: queue.Allocate, Name: "orlovamar", Target: targetAD, By: "curator"}, time.Now())
		her = d.Person
		return err
	})
	for _, ask := range []string{"orlovami", "Орлова Мария Игоревна", "орлова", "89165550201", "orlova@mail.example", "112-233-445 95", "s-orlova", "kadry:k1", her.String()} {
		r, _, _ := f.asks("en", ask)
		if len(r.Hits) > 0 || r.Person != her.String() || len(r.Tries) != 1 {
			t.Errorf("%s: %s, %d tries, %+v", ask, r.Person, len(r.Tries), r.Hits)
		}
	}
	for _, ask := range []string{"orlova-m", "orlova@school.example"} { // which the row alone has
		if r, _, _ := f.asks("en", ask); len(r.Hits) > 0 || len(r.Records) != 1 || len(r.Tries) != 1 {
			t.Errorf("%s: %q, %d tries, %+v", ask, r.Records, len(r.Tries), r.Hits)
		}
	}
}

// TestOnceByProfile: what mos.ru says of somebody finds a row of the same name and
// contact that is bound to nobody as hers, and of two city accounts of one person
// that fit no row one person.
func TestOnceByProfile(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	her := f.explained("orlovami").Person
	f.changes("kadry.csv", kadryOf+herRow+"k2,Орлова Мария Игоревна,,50,2016-09-01,,учитель,,orlova@mail.example,\n"+
		"k3,Орлова Мария Игоревна,90000000182,50,2016-09-01,,учитель,89165550288,,\n")
	for _, ask := range []string{"orlova@mail.example", "89165550201"} {
		if r, _, _ := f.asks("en", ask); len(r.Hits) > 0 || r.Person != her {
			t.Errorf("%s: %s, %+v", ask, r.Person, r.Hits)
		}
	}
	if r, _, _ := f.asks("en", "Орлова Мария Игоревна"); len(r.Hits) != 2 {
		t.Errorf("a namesake of another phone and СНИЛС: %+v", r.Hits)
	}
	f.inStore(func(db *store.DB) error {
		for i, subject := range []identity.Subject{"s-1", "s-2"} {
			p := person.Profile{Subject: subject, Login: "frolovan", Last: "Фролова", First: "Анна", Middle: "Юрьевна", SNILS: otherSNILS, Phone: "+79165550299", Email: "frolova@mail.example"}
			try := provision.Try{Subject: subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Decision: match.NoMatch,
				Problems: []match.Problem{{Code: match.NoSuchAccount}}, At: time.Now().Add(time.Duration(i) * time.Second), Profile: p}
			if err := db.Accounts().KeepTry(t.Context(), try); err != nil {
				return err
			}
		}
		return nil
	})
	for _, ask := range []string{"фролова анна юрьевна", "Фролова", "89165550299", "frolova@mail.example", "frolovan"} {
		if r, _, _ := f.asks("en", ask); len(r.Hits) > 0 || len(r.Tries) != 2 || r.Broken == nil || r.Broken.Code != string(match.NoSuchAccount) {
			t.Errorf("%s: %d tries, %+v, %+v", ask, len(r.Tries), r.Broken, r.Hits)
		}
	}
}
