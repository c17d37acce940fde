package console

import (
	"context"
	"net/netip"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/trail"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

var testNow = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// teller tells of invented people: of each school one.
type teller struct {
	asked []View // how somebody looked
	typed []string
	hits  []Hit
	next  string
	story func(explain.Lang) *Story
	err   error
}

var nina = identity.PersonID{7}

func (t *teller) Find(_ context.Context, view View, typed, next string) (Results, error) {
	t.asked, t.typed = append(t.asked, view), append(t.typed, typed, next)
	return Results{Kind: "fio", Hits: t.hits, Next: t.next}, t.err
}

func (t *teller) Story(_ context.Context, view View, handle string, ask bool) (*Story, error) {
	t.asked = append(t.asked, view)
	if t.err != nil {
		return nil, t.err
	}
	if !view.Scope.Covers("49") || handle != nina.String() {
		return nil, identity.ErrNotFound
	}
	s := t.story(explain.Lang(view.Lang))
	s.Asked, s.CanAsk = ask, true
	return s, nil
}

func (t *teller) Had(_ context.Context, view View, q AddressQuery) ([]Stay, error) {
	t.asked = append(t.asked, view)
	if q.Address == netip.MustParseAddr("10.49.3.99") || t.err != nil {
		return nil, t.err
	}
	ended := testNow.Add(-time.Hour)
	return []Stay{
		{Session: explain.Session{Began: testNow.Add(-3 * time.Hour), Ended: &ended, Person: nina.String(), Login: "evann", Name: "Еванова Нина Николаевна", Device: "02-00-5E-10-00-01", Addresses: []string{"10.49.3.17"}, NAS: "first-floor"}, Whose: nina, School: "Школа № 49"},
		{Session: explain.Session{Began: testNow.Add(-30 * time.Hour), Ended: &ended, Inferred: true, Addresses: []string{"10.49.3.17"}, NAS: "hall"}, Hidden: true, School: "Школа № 49"},
		{Session: explain.Session{Began: testNow.Add(-time.Minute), Login: "board-7", Thing: "device", Addresses: []string{"10.49.3.17"}, NAS: "hall"}, School: "Школа № 49"},
	}, nil
}

func (t *teller) State(context.Context) (State, error) {
	return State{
		Checks:       []Check{{Name: "store", OK: true, Needed: true}, {Name: "directory", OK: true, Needed: true}, {Name: "mosru", Reason: "mos.ru does not answer: people seen lately go on, others are told to come later"}, {Name: "ad", OK: true}},
		Queue:        &Queue{Accounts: 1184, Due: 312, Waiting: 4, Passwords: 17, Held: 2, Oldest: testNow.Add(-20 * time.Minute), End: testNow.Add(40 * time.Minute)},
		Certificates: []Certificate{{"tls", testNow.AddDate(0, 0, 12)}, {"eap", testNow.AddDate(0, 11, 0)}, {"mosru_ca", testNow.AddDate(0, 0, -1)}, {"other", testNow.AddDate(4, 0, 0)}},
	}, t.err
}

func (t *teller) Settings() []Setting {
	return []Setting{
		{Path: "state", Value: "/var/lib/schoolbridge", About: [2]string{"Папка с данными службы.", "The folder of the daemon's data."}, Default: true},
		{Path: "mosru.url", Value: "https://login.mos.ru", About: [2]string{"Адрес службы входа.", "Address of the sign-in service."}, Waits: true},
		{Path: "mosru.client_secret_file", Value: "•••", About: [2]string{"Файл с секретом клиента.", "File with the client's secret."}, Secret: true},
	}
}

// sound is the story of somebody with whom all is well.
func sound(lang explain.Lang) *Story {
	r := explain.Report{Person: nina.String(), Login: "evann", Name: "Еванова Нина Николаевна", Asked: "",
		Roles: []explain.Role{{Role: "staff", School: "Школа № 49", From: "2015-09-01", Active: true}},
		Channels: []explain.Channel{{Channel: "ldap", Allowed: true, Rule: "staff"}, {Channel: "web", Allowed: true, Rule: "staff"},
			{Channel: "wifi", Allowed: true, Rule: "staff", VLAN: "20", Where: "first-floor"}},
		MSCHAPv2: &explain.MSCHAPv2{Confirmed: testNow.Add(-time.Hour)},
		Targets:  []explain.Target{{Target: "ad", State: explain.TargetReady, Name: "evann", Teams: "evann@uao.obr.mos.ru", Made: true, Enabled: true, Seen: testNow.Add(-time.Hour), Next: testNow.Add(time.Hour)}},
		SignIns: []explain.SignIn{{At: testNow.Add(-time.Minute), Channel: "wifi", Device: "02-00-5E-10-00-01", NAS: "first-floor", Method: "PEAP-MSCHAPv2", Outcome: "accepted"},
			{At: testNow.Add(-time.Hour), Channel: "wifi", Device: "02-00-5E-10-00-02", NAS: "first-floor", Outcome: "rejected", Reason: identity.ReasonOldPassword},
			{At: testNow.Add(-2 * time.Hour), Channel: "wifi", Device: "02-00-5E-10-00-02", NAS: "first-floor", Outcome: "rejected", Reason: identity.ReasonOldPassword},
			{At: testNow.Add(-9 * 24 * time.Hour), Channel: "wifi", Device: "02-00-5E-10-00-02", NAS: "first-floor", Outcome: "accepted"}},
		Sessions: []explain.Session{{Began: testNow.Add(-time.Minute), Device: "02-00-5E-10-00-01", Addresses: []string{"10.49.3.17"}, NAS: "first-floor", SSID: "Study"}},
	}
	r.SignIns = r.SignIns[:1]
	s := &Story{Handle: nina.String(), Person: nina, Report: r,
		Fields: []Field{{"fio", pick(lang, "ФИО", "Name")}, {"snils", pick(lang, "СНИЛС", "SNILS")}, {"phone", pick(lang, "Телефон", "Phone")}, {"school", pick(lang, "Школа", "School")}},
		Sides: []Side{{Source: "mos.ru", Values: map[string]string{"fio": "Еванова Нина Николаевна", "snils": "***-***-*45 95", "phone": "89165550102"}},
			{Source: pick(lang, "Кадры", "Staff register") + " k1", Own: true, Values: map[string]string{"fio": "Еванова Нина Николаевна", "snils": "***-***-*45 95", "phone": "84955550000", "school": "Школа № 49"},
				Equal: map[string]bool{"fio": true, "snils": true, "phone": false}}},
		Verdict: &Verdict{Decision: explain.DecisionIn(lang, "match"), Match: true, Reasons: []string{pick(lang, "СНИЛС и фамилия совпали с Кадрами.", "The SNILS and the name agree with the staff register.")}},
		Audit: []AuditLine{{At: testNow.Add(-time.Hour), What: pick(lang, "активация", "activation"), Details: pick(lang, "новый аккаунт", "a new account"), Tone: trail.Good, By: AuditActor{Kind: ActorSelf}, From: "10.49.3.17"},
			{At: testNow.Add(-30 * time.Minute), What: pick(lang, "доступ закрыт", "shut out"), Tone: trail.Bad, By: AuditActor{Kind: ActorCommand, Name: "uid 0"}, Here: true}},
		Readers: []AuditLine{{At: testNow.Add(-time.Minute), What: pick(lang, "прочитано на странице", "read on a page"), By: AuditActor{Kind: ActorPerson, Name: "orlovami", Handle: admin49.ID.String()}, From: "10.49.3.2"},
			{At: testNow.Add(-time.Minute), What: pick(lang, "прочитано на странице", "read on a page"), By: AuditActor{Kind: ActorHidden}}},
	}
	finish(s, lang, explain.Known{Told: testNow.Add(-time.Hour), Records: 1, Decision: "match"})
	return s
}

// broken is that of somebody whose СНИЛС is another one in Кадры.
func broken(lang explain.Lang) *Story {
	s := sound(lang)
	problem := match.Problem{Code: match.SNILSMismatch}
	s.Report = explain.Report{Name: s.Report.Name, Account: identity.ReasonNotActivated,
		Tries: []explain.Try{{Login: "evann", At: testNow.Add(-time.Hour), Own: true, Decision: "no_match", Problems: []string{problem.String()}, NowDecision: "no_match", Now: []string{problem.String()}}}}
	s.Sides[1].Own, s.Sides[1].Values["snils"], s.Sides[1].Equal["snils"] = false, "***-***-*03 00", false
	s.Verdict = &Verdict{Decision: explain.DecisionIn(lang, "no_match"), Problems: []explain.Problem{explain.ProblemOf(lang, problem)}, Reasons: []string{pick(lang, "СНИЛС в Кадрах другой.", "The SNILS in the staff register is another one.")}}
	finish(s, lang, explain.Known{Told: testNow.Add(-time.Hour), Records: 1, Decision: "no_match"})
	return s
}

// waiting is that of somebody whose account in Active Directory has a problem and
// whose phone has an old password.
func waiting(lang explain.Lang) *Story {
	s := sound(lang)
	s.Report.Targets[0].State = explain.TargetProblem
	s.Report.Targets[0].Problems = []explain.Problem{explain.ProblemOf(lang, match.Problem{Code: match.ADPasswordRefused})}
	s.Report.There = []explain.There{{Target: "ad", Name: "evann1", Teams: "evann1@uao.obr.mos.ru", Enabled: true, State: explain.ThereWaits, Question: stemOf(queue.Account, 9) + "-beef",
		For: []explain.ThereFor{{Name: "Еванова Нина Николаевна", Records: []string{"kadry:k1"}, Why: pick(lang, "ФИО", "name")}}},
		{Target: "ad", Name: "evann2", State: explain.ThereRefused, Decision: &explain.Decided{ID: "d0a1", Verb: queue.Refuse, By: "orlovami", At: testNow.Add(-time.Hour), Reason: pick(lang, "другая", "another one")}}}
	s.Questions = []CaseLink{{Stem: stemOf(queue.Target, 7), Kind: queue.Target}}
	s.Report.Targets[0].Waits = &explain.Waiting{For: explain.WaitsConsent, What: []string{"move"}}
	s.Report.SignIns = []explain.SignIn{{At: testNow.Add(-time.Hour), Channel: "wifi", Device: "02-00-5E-10-00-02", NAS: "first-floor", Outcome: "rejected", Reason: identity.ReasonOldPassword},
		{At: testNow.Add(-2 * time.Hour), Channel: "wifi", Device: "02-00-5E-10-00-02", NAS: "first-floor", Outcome: "rejected", Reason: identity.ReasonOldPassword}}
	finish(s, lang, explain.Known{Told: testNow.Add(-time.Hour), Records: 1, Decision: "match"})
	return s
}

func pick(lang explain.Lang, ru, en string) string {
	if lang == explain.English {
		return en
	}
	return ru
}

func finish(s *Story, lang explain.Lang, k explain.Known) {
	s.Report.Diagnose(lang, testNow)
	s.Path = s.Report.Path(lang, k)
}

func someHits() []Hit {
	return []Hit{
		{Handle: nina.String(), Person: nina, Name: "Еванова Нина Николаевна", Login: "evann", Role: "сотрудник", School: "Школа № 49", What: "учитель", State: "account"},
		{Handle: "sealed", Name: "Еванова Полина Николаевна", Role: "сотрудник", School: "Школа № 49", State: "none"},
		{Handle: "sealed-2", Name: "Еванов Пётр", Role: "родитель", School: "Школа № 49", State: "parent"},
		{Handle: "sealed-3", Name: "Еванов Егор Ильич", Role: "ученик", School: "Школа № 49", What: "9Б", State: "try"},
		{Handle: "sealed-4", Name: "Еванов Лев Львович", Login: "evanovl", Role: "ученик", School: "Школа № 49", What: "11А", State: "closed"},
	}
}
