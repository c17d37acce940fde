package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/radiussrv/eap/eaptest"
	radiuswire "schoolbridge/radiussrv/wire"
)

// TestWaysToAsk: one teacher, who is a parent too, her namesake, and a pupil are
// found by all that may be known of them.
func TestWaysToAsk(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "example,\n", "example,orlova-m\n", 1) // LOGIN_DIFFERS: her try is kept
	f.registries["kadry.csv"] += "k2,Орлова Марина Игоревна,90000000182,50,2016-09-01,,завхоз,89165550299,,marinao\nk3,Королёва Алёна Петровна,,50,2016-09-01,,учитель,,,\n"
	f.registries["zapis.csv"] += "p1,Орлова Мария Игоревна,11223344595,89165550201,,49\n"
	f.start()
	f.active("orlovami", sitePassword)
	her, _, _ := f.asks("en", "orlovami")
	for _, ask := range []string{"Орлова Мария Игоревна", "орлова мария", "ИГОРЕВНА Мария", "орлова мария и", "112-233-445 95", "11223344595", "8 (916) 555-02-01", "orlova@school.example",
		"orlova@mail.example", "s-orlova", her.Person, "id " + her.Person, "kadry:k1", "ORLOVAMI", `orlovami`} {
		r, text, _ := f.asks("en", ask)
		if r.Person != her.Person || len(r.Roles) != 1 || len(r.Hits) > 0 {
			t.Errorf("%s: %+v", ask, r)
		}
		if (r.Query == "snils" || r.Query == "phone") && strings.Contains(text, ask) {
			t.Errorf("%s is repeated:\n%s", ask, text)
		}
	}
	for ask, record := range map[string]string{"королева алена": "kadry k3", "Королёва": "kadry k3", "89165550299": "kadry k2", "marinao": "kadry k2", "kontingent:p1": "kontingent p1", "Белов А": "kontingent p1"} {
		if r, _, _ := f.asks("en", ask); len(r.Records) != 1 || !strings.HasPrefix(r.Records[0], record+":") || r.Broken == nil {
			t.Errorf("%s: %+v", ask, r)
		}
	}
	r, text, code := f.asks("en", "орлова")
	if code != exitFindings || len(r.Hits) != 2 || r.Broken != nil || r.Person != "" {
		t.Fatalf("%d %+v", code, r)
	}
	want := []explain.Hit{{Name: "Орлова Марина Игоревна", Login: "marinao", Role: "staff", School: "ГБОУ Школа № 50", What: "завхоз", Ask: "kadry:k2"},
		{Name: "Орлова Мария Игоревна", Login: "orlovami", Role: "staff", School: "ГБОУ Школа № 49", What: "учитель", Ask: "orlovami"}}
	for i, h := range r.Hits {
		if h != want[i] {
			t.Errorf("%+v, want %+v", h, want[i])
		}
		if again, _, _ := f.asks("en", h.Ask); len(again.Hits) > 0 || again.Person == "" && len(again.Records) == 0 {
			t.Errorf("%s gives %+v", h.Ask, again)
		}
	}
	if !strings.Contains(text, "staff ГБОУ Школа № 49 учитель — choose with: orlovami") {
		t.Error(text)
	}
	for _, ask := range []string{"Никто Никтович", "90000000283", "89160000001", "nobody@else.example"} {
		if r, _, _ := f.asks("en", ask); r.Account != identity.ReasonUnknown || r.Broken == nil || r.Broken.Who != "the person and the school" {
			t.Errorf("%s: %+v", ask, r.Broken)
		}
	}
}

// twoOfOneName are a teacher under a name that was made for her here, and a pupil
// whose login at mos.ru that is.
func twoOfOneName(t *testing.T) (f *faulty, his person.Profile, gives func(person.Activation)) {
	t.Helper()
	f = newFaulty(t)
	f.noAD = true
	user := f.users["belovas"]
	delete(f.users, "belovas")
	user.Profile.Login = "orlovam"
	f.users["orlovam"] = user
	f.start()
	gives = func(a person.Activation) {
		t.Helper()
		f.inStore(func(db *store.DB) error {
			_, err := db.Accounts().Activate(t.Context(), a, time.Now())
			return err
		})
	}
	gives(person.Activation{Profile: f.users["orlovami"].Profile, Records: []person.RecordRef{kadry1}, Login: "orlovam", Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}})
	if !eventually(func() bool { _, ok := f.d.people.Lookup("orlovam"); return ok }) {
		t.Fatal("the daemon does not see the account")
	}
	return f, user.Profile, gives
}

// TestNameOfAnother: on the page the login is his whose it is at mos.ru, once mos.ru
// has told, and explain tells of both.
func TestNameOfAnother(t *testing.T) {
	f, _, _ := twoOfOneName(t)
	reasons := func() (list []string) {
		f.inStore(func(db *store.DB) error {
			lines, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 10, "sign_in")
			for _, l := range lines {
				var a attempt
				if err := json.Unmarshal(l.Payload, &a); err != nil {
					return err
				}
				list = append(list, string(a.Reason))
			}
			return err
		})
		return list
	}
	f.activates("+7 916 555-02-04", hisPassword) // mos.ru tells of his login
	if !eventually(func() bool { return slices.Contains(reasons(), "AD_NAME_TAKEN") }) {
		t.Fatal(reasons())
	}
	f.activates("orlovam", hisPassword)
	if !eventually(func() bool { return len(reasons()) == 2 }) || reasons()[0] != "AD_NAME_TAKEN" {
		t.Errorf("typed by him, his login is %q", reasons())
	}
	r, text, _ := f.asks("en", "orlovam")
	if r.Login != "orlovam" || r.Broken != nil || r.Also == nil || r.Also.Broken == nil || r.Also.Broken.Code != "AD_NAME_TAKEN" || r.Also.Broken.Link != explain.LinkTarget || !strings.Contains(text, "Белов") {
		t.Errorf("%+v\n%s", r, text)
	}
}

// TestLoginUnderAnotherName: so it does where he has an account under another name.
func TestLoginUnderAnotherName(t *testing.T) {
	f, his, gives := twoOfOneName(t)
	gives(person.Activation{Profile: his, Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: "p1"}}, Login: "belovai", Names: []person.Name{{Kind: person.NameAD, Text: "belovai"}}})
	r, text, _ := f.asks("en", "orlovam")
	if r.Login != "orlovam" || r.Also == nil || r.Also.Login != "belovai" || r.Also.Broken == nil || r.Also.Broken.Code != "LOGIN_OF_ANOTHER_HERE" || !strings.Contains(text, "belovai serves") {
		t.Errorf("%+v %+v\n%s", r, r.Also, text)
	}
	if r, _, code := f.asks("en", "belovai"); r.NameOf != "orlovam" || r.Broken != nil || code != exitDone {
		t.Errorf("%d %+v %+v", code, r.Broken, r)
	}
	if r, _, _ := f.asks("en", "orlovami"); r.Also != nil || r.NameOf != "" {
		t.Errorf("%+v", r)
	}
	f.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "belovai")
		if err != nil {
			return err
		}
		lines, err := db.Audit().Recent(t.Context(), holder.Person, 10, "explain")
		if len(lines) != 4 { // each answer in JSON and in text
			t.Errorf("%d lines about him", len(lines))
		}
		return err
	})
}

// TestDeviceReportIsAudited: a device's report tells who signed in on it.
func TestDeviceReportIsAudited(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	auth := radiuswire.NewClient(f.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Tries: 10})
	defer auth.Close()
	acct := radiuswire.NewClient(f.acct, radiuswire.ClientOptions{Secret: []byte(siteSecret), Tries: 10})
	defer acct.Close()
	phone := &nas.Point{Calling: herPhone}
	in, err := phone.PAP(t.Context(), auth.Line(), "orlovami", sitePassword)
	if err != nil {
		t.Fatal(err)
	}
	class, _ := in.Reply.First(radiuswire.Class)
	if _, err := phone.Account(t.Context(), acct.Line(), nas.Session{Name: "orlovami", ID: "s1", Class: class}, nas.Start); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool {
		return slices.ContainsFunc(f.explained(herPhone).SignIns, func(s explain.SignIn) bool { return s.Who == "orlovami" })
	}) {
		t.Fatal("the device is nobody's")
	}
	f.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			return err
		}
		before, err := db.Audit().Recent(t.Context(), holder.Person, 1000, "explain")
		if err != nil {
			return err
		}
		f.explained(herPhone)
		after, err := db.Audit().Recent(t.Context(), holder.Person, 1000, "explain")
		if len(after) != len(before)+1 {
			t.Errorf("%d lines about her, then %d", len(before), len(after))
		}
		return err
	})
}

// TestReadingIsAudited: each person shown has a line, which names neither number
// nor name.
func TestReadingIsAudited(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.registries["kadry.csv"] += "k2,Орлова Марина Игоревна,90000000182,50,2016-09-01,,завхоз,89165550299,,\n"
	f.start()
	id := f.known("orlovami", person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	ask := func(query string) {
		var out, errs bytes.Buffer
		dispatch(t.Context(), streams{strings.NewReader(query), &out, &errs}, []string{"explain", "--config", f.path("config.yaml"), "-"})
	}
	for _, query := range []string{"112-233-445 95", "орлова", "89165550201", "orlova@school.example"} {
		ask(query)
	}
	f.inStore(func(db *store.DB) error {
		hers, err := db.Audit().Recent(t.Context(), id, 10, "explain")
		if err != nil {
			return err
		}
		nobodys, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 10, "explain")
		if err != nil {
			return err
		}
		var kinds []string
		for _, line := range append(hers, nobodys...) {
			text := strings.ToLower(string(line.Payload))
			for _, secret := range []string{"112", "445", "орлова", "9165550", "@", "asked"} {
				if strings.Contains(text, secret) && !strings.Contains(text, `"sudo_uid"`) {
					t.Errorf("%s", text)
				}
			}
			for _, kind := range []string{"snils", "fio", "phone", "email"} {
				if strings.Contains(text, `"by":"`+kind+`"`) {
					kinds = append(kinds, kind)
				}
			}
		}
		if len(hers) != 4 || len(nobodys) != 1 || len(kinds) != 5 || !strings.Contains(string(nobodys[0].Payload), `"record":"kadry:k2"`) {
			t.Errorf("%d of hers, %d of nobody, %q", len(hers), len(nobodys), kinds)
		}
		return nil
	})
}

// TestPrivateArguments: what names a person does not go through the list of
// processes, and nothing is read for it.
func TestNobodyHasIt(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	for text, want := range map[string]string{"+7 999 123 45 67\n": "С таким телефоном здесь нет никого", "nobody@example.org": "С такой почтой здесь нет никого",
		"987-000-055 07": "С таким СНИЛС здесь нет никого", "112-233-445 96": "контрольное число", "Титов Егор": "С таким ФИО здесь нет никого"} {
		var out, errs bytes.Buffer
		code := dispatch(t.Context(), streams{strings.NewReader(text), &out, &errs}, []string{"explain", "--config", s.path("config.yaml"), "-"})
		if code == exitDone || !strings.Contains(out.String()+errs.String(), want) || strings.Contains(out.String(), "(") || strings.Contains(out.String(), "логин") {
			t.Errorf("%q: %d\n%s\n%s", text, code, out.String(), errs.String())
		}
	}
}

func TestPrivateArguments(t *testing.T) {
	s := newSite(t)
	for _, word := range []string{"112-233-445 95", "+7 916 555-02-01", "Орлова Мария"} {
		if out, errs, code := s.command("explain", "--config", s.path("config.yaml"), word); code != exitUsage || out != "" || !strings.Contains(errs, "explain -") || strings.Contains(errs, word) {
			t.Errorf("%s: %d %s%s", word, code, out, errs)
		}
	}
	var out, errs bytes.Buffer
	if code := dispatch(t.Context(), streams{strings.NewReader(" \n"), &out, &errs}, []string{"explain", "--config", s.path("config.yaml"), "-"}); code != exitUsage {
		t.Errorf("%d %s", code, errs.String())
	}
}

func TestKindsOfQueries(t *testing.T) {
	for text, want := range map[string]string{
		"orlovami": queryLogin, `MESH\orlova`: queryLogin, "host/pc1": queryLogin, "10.1.2.3": queryLogin, "10.10.200.203": queryLogin, "02:00:5e:10:00:01": queryLogin,
		"020000000010": queryLogin, "cn=reader, o=school": queryLogin, "orlova@school.example": queryEmail, "Орлова": queryFIO, "орлова м": queryFIO, "Smith John": queryFIO,
		"112-233-445 95": querySNILS, "11223344595": querySNILS, "8 916 555 02 01": queryPhone, "+79165550201": queryPhone, "kadry:k1": queryRecord, "zapis:": queryLogin, "school-49": queryLogin,
	} {
		if got := kindOf(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"orlovami", "112-233-445 95", "Орлова Мария", "kadry:k1", "10.1.2.3", "a@b", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := query{kindOf(s), s}
		if shown := q.shown(); (q.kind == querySNILS || q.kind == queryPhone) && shown == s {
			t.Errorf("%q is repeated", s)
		}
		_ = q.sought()
	})
}

// TestMachineFaults: computers' certificates.
func TestMachineFaults(t *testing.T) {
	for name, c := range map[string]struct {
		breaks    func(m *machines)
		link      string
		code, who string
	}{
		"certificate of nobody's authority": {func(m *machines) {
			m.signsIn(eaptest.NewPKI(t).Computer(t, "pc1.school49.example"), tls.VersionTLS13, nil)
		}, explain.LinkDevice, "CERTIFICATE_NOT_VALID", admin},
		"certificate out of date": {func(m *machines) {
			m.signsIn(m.pcs.ComputerUntil(t, "pc1.school49.example", time.Now().Add(-time.Minute)), tls.VersionTLS13, nil)
		}, explain.LinkDevice, "CERTIFICATE_NOT_VALID", admin},
		"certificate revoked": {func(m *machines) {
			pc := m.pcs.Computer(t, "pc1.school49.example")
			m.revoke(pc)
			m.daemon.reload()
			m.signsIn(pc, tls.VersionTLS13, nil)
		}, explain.LinkDevice, "CERTIFICATE_REVOKED", admin},
		"list out of date": {func(m *machines) {
			m.write("pcs.crl", string(m.pcs.Revoke(t, time.Now().Add(-time.Minute)).Raw))
			m.daemon.reload()
			m.signsIn(m.pcs.Computer(t, "pc1.school49.example"), tls.VersionTLS13, nil)
		}, explain.LinkServer, "REVOCATION_LIST_OUT_OF_DATE", ops},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachines(t)
			m.write("kadry.csv", kadryOf+herRow)
			m.command("registry", "import", "--config", m.path("config.yaml"), m.path("kadry.csv"))
			c.breaks(m)
			fault{ask: "host/pc1.school49.example", link: c.link, code: c.code, who: c.who}.holds(&faulty{site: m.site})
		})
	}
}
