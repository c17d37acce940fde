package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// fault is one thing that breaks: what brings the system there, what is asked,
// and what explain has to name first.
type fault struct {
	name   string
	breaks func(f *faulty)
	ask    string // "": orlovami
	link   string
	code   string
	who    string // English
}

var (
	kadry1  = person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}
	officer = "the school's personnel officer"
	both    = "the employee and the personnel officer"
	self    = "the person"
	onMosru = "the person, on mos.ru"
	device  = "the person, on the device"
	admin   = "the school's administrator"
	helper  = "the school's administrator, with the person"
	adAdmin = "the AD administrator"
	ops     = "the operator"
	itself  = "nobody: it passes by itself"
)

// tried starts and lets somebody try to activate.
func tried(login, password string, spoil func(f *faulty)) func(f *faulty) {
	return func(f *faulty) {
		spoil(f)
		f.start()
		f.activates(login, password)
	}
}

func teacher(spoil func(f *faulty)) func(f *faulty) { return tried("orlovami", sitePassword, spoil) }
func pupil(spoil func(f *faulty)) func(f *faulty)   { return tried("belovas", hisPassword, spoil) }

// settled starts with an activated teacher, and then breaks something.
func settled(then func(f *faulty)) func(f *faulty) {
	return func(f *faulty) {
		f.start()
		f.active("orlovami", sitePassword)
		then(f)
	}
}

// onWiFi is settled without Active Directory; more is configuration.
func onWiFi(more string, then func(f *faulty)) func(f *faulty) {
	return func(f *faulty) {
		f.noAD, f.more = true, more
		settled(then)(f)
	}
}

// registryFaults are data of the registries and of mos.ru that do not fit.
var registryFaults = []fault{
	{"wrong СНИЛС in Кадры", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", otherSNILS, 1)
	}), "", explain.LinkDecision, "SNILS_MISMATCH", both},
	{"СНИЛС not confirmed on mos.ru", teacher(func(f *faulty) { f.users["orlovami"].Profile.SNILSConfirmed = false }),
		"Орлова Мария Игоревна", explain.LinkMosru, "SNILS_NOT_CONFIRMED", self},
	{"СНИЛС not confirmed, two schools", teacher(func(f *faulty) {
		f.users["orlovami"].Profile.SNILSConfirmed = false
		f.registries["kadry.csv"] += "k2,Орлова Мария Игоревна,112-233-445 95,50,2016-09-01,,учитель,,,\n"
	}), "112-233-445 95", explain.LinkMosru, "MULTI_ORG_SNILS_NOT_CONFIRMED", self},
	{"another ФИО", teacher(func(f *faulty) { f.users["orlovami"].Profile.Last = "Орловская" }),
		"11223344595", explain.LinkDecision, "FIO_MISMATCH", both},
	{"no СНИЛС in Кадры", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", "", 1)
	}), "89165550201", explain.LinkRecords, "KADRY_SNILS_INVALID", officer},
	{"no СНИЛС in Кадры, never tried", func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", "", 1)
		f.start()
	}, "орлова мар", explain.LinkRecords, "KADRY_SNILS_INVALID", officer},
	{"never tried", func(f *faulty) { f.start() }, "Орлова Мария", explain.LinkAccount, "NOT_ACTIVATED", self},
	{"not started yet", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "2015-09-01", "2199-09-01", 1)
	}), "", explain.LinkRecords, "EMPLOYMENT_NOT_STARTED", officer},
	{"start put off after the activation", settled(func(f *faulty) {
		f.changes("kadry.csv", strings.Replace(kadryOf+herRow, "2015-09-01", "2199-09-01", 1))
	}), "", explain.LinkRecords, "EMPLOYMENT_NOT_STARTED", officer},
	{"left", settled(func(f *faulty) {
		f.changes("kadry.csv", strings.Replace(kadryOf+herRow, "2015-09-01,,", "2015-09-01,2020-05-31,", 1))
	}), "", explain.LinkRecords, "EMPLOYMENT_ENDED", officer},
	{"start missing", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "2015-09-01", "", 1)
	}), "", explain.LinkRecords, "EMPLOYMENT_DATA_MISSING", officer},
	{"merged into a closed record", pupil(func(f *faulty) {
		f.registries["kontingent.csv"] = pupilsOf + "p1,Белов,Антон,Ильич,2010-05-06,49,5А,89165550204,,active,p2\np2,Белов,Антон,Ильич,2010-05-06,50,5Б,,,closed,\n"
	}), "kontingent:p1", explain.LinkRecords, "NOT_ENROLLED", "the school"},
	{"closed record", pupil(func(f *faulty) {
		f.registries["kontingent.csv"] = strings.Replace(pupilsOf+hisRow, "active", "closed", 1)
	}),
		"belovas", explain.LinkRecords, "NOT_ENROLLED", "the school"},
	{"another phone", pupil(func(f *faulty) { f.users["belovas"].Profile.Phone = "+79165559999" }),
		"Белов Антон Ильич", explain.LinkDecision, "CONTACT_MISMATCH", "the pupil or parent and the school"},
	{"phone not verified", pupil(func(f *faulty) { f.users["belovas"].Profile.PhoneVerified = false }),
		"+7 916 555-02-04", explain.LinkMosru, "CONTACT_NOT_VERIFIED", self},
	{"another birth date", pupil(func(f *faulty) { f.users["belovas"].Profile.BirthDate, _ = person.NewDate(2010, 5, 7) }),
		"belovas", explain.LinkDecision, "DOB_MISMATCH", "the pupil or parent and the school"},
	{"two records alike", pupil(func(f *faulty) {
		f.registries["kontingent.csv"] += "p2,Белов,Антон,Ильич,2010-05-06,50,5Б,89165550204,,active,\n"
	}), "belovas", explain.LinkDecision, "AMBIGUOUS", "the curator"},
	{"second mos.ru account", func(f *faulty) {
		second := *f.users["orlovami"]
		second.Profile.Subject, second.Profile.Login = "s-orlova-2", "orlova2"
		f.users["orlova2"] = &second
		f.start()
		f.active("orlovami", sitePassword)
		f.activates("orlova2", sitePassword)
	}, "orlova2", explain.LinkMosru, "MULTIPLE_MOSRU_ACCOUNTS", self},
	{"nobody of the registries", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = kadryOf + strings.Replace(herRow, "Орлова", "Ворон", 1)
		f.users["orlovami"].Profile.SNILS = otherSNILS
	}),
		"s-orlova", explain.LinkDecision, "NO_SUCH_ACCOUNT", "the person and the school"},
	{"a login that is no name", tried("orlova@mail.example", sitePassword, func(f *faulty) {
		u := f.users["orlovami"]
		u.Profile.Login = "orlova@mail.example"
	}), "Орлова Мария Игоревна", explain.LinkMosru, "LOGIN_NOT_USABLE", self},
	{"repaired, and not tried since", teacher(func(f *faulty) {
		f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", otherSNILS, 1)
	}), "", explain.LinkAccount, "ACTIVATE_AGAIN", self},
	{"a parent", func(f *faulty) { f.start(); f.activates("smirnovao", hisPassword) }, "smirnovao", explain.LinkPolicy, "ROLE_NOT_ALLOWED", "nobody: this is as it should be"},
	{"a name of nobody", func(f *faulty) { f.start() }, "orlovamy", explain.LinkName, "NO_SUCH_ACCOUNT", helper},
}

// directoryFaults are what Active Directory has or does.
var directoryFaults = []fault{
	{"name taken", func(f *faulty) {
		f.registries["kadry.csv"] += "k2,Ким Вера Львовна,90000000182,49,2015-09-01,,завхоз,,,\n"
		f.accounts = []simad.User{{Name: "orlovami", Unit: siteManaged, Password: "Starling-2020-Old"}}
		f.start()
		objects, err := f.d.ad.FindNames(f.t.Context(), []string{"orlovami"})
		if err != nil || len(objects) != 1 {
			f.t.Fatal(objects, err)
		}
		f.inStore(func(db *store.DB) error { // it was claimed as Kim's
			return db.Claims().Put(f.t.Context(), []provision.Claim{{Target: targetAD, Object: objects[0], Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k2"}}})
		})
		f.activates("orlovami", sitePassword)
	}, "s-orlova", explain.LinkTarget, "AD_NAME_TAKEN", "the curator"},
	{"unowned account", teacher(func(f *faulty) {
		f.accounts = []simad.User{{Name: "orlovami", Unit: siteManaged, Password: "Starling-2020-Old"}}
	}), "", explain.LinkTarget, "AD_UNOWNED", "the curator"},
	{"password refused", func(f *faulty) {
		f.users["orlovami"].Password = "abc-12"
		f.start()
		f.activates("orlovami", "abc-12")
	}, "", explain.LinkTarget, "AD_PASSWORD_REFUSED", self},
	{"controller unreachable", settled(func(f *faulty) { f.stopAD() }), "", explain.LinkTarget, "AD_UNREACHABLE", ops},
	{"the service's password changed", settled(func(f *faulty) { f.write("ad-secret", "Zhuravl-Bridge-2020\n") }), "", explain.LinkTarget, "AD_BIND_REFUSED", adAdmin},
	{"unit missing", settled(func(f *faulty) {
		f.inAD(func(c *ldap.Conn) error { return c.ModifyDN(ldap.NewModifyDNRequest(siteManaged, "OU=Old", true, "")) })
	}), "", explain.LinkTarget, "AD_UNIT_MISSING", adAdmin},
	{"attribute unfit", settled(func(f *faulty) {
		f.write("config.yaml", strings.Replace(read(f.site, "config.yaml"), "\nad:\n", "\nad:\n  birth_attribute: birthDay\n", 1))
	}), "", explain.LinkTarget, "AD_ATTRIBUTE_UNFIT", adAdmin},
	{"mark changed", settled(func(f *faulty) { f.setAD("orlovami", "employeeNumber", "00000000000000000000000000000007") }), "", explain.LinkTarget, "OWNER_MARK_CHANGED", adAdmin},
	{"disabled by hand", settled(func(f *faulty) { f.setAD("orlovami", "userAccountControl", "514") }), "", explain.LinkTarget, "AD_DISABLED_BY_HAND", adAdmin},
	{"deleted by hand", settled(func(f *faulty) {
		f.inAD(func(c *ldap.Conn) error {
			found, err := c.Search(ldap.NewSearchRequest(siteDomain, ldap.ScopeWholeSubtree, 0, 1, 0, false, "(sAMAccountName=orlovami)", nil, nil))
			if err != nil {
				return err
			}
			return c.Del(ldap.NewDelRequest(found.Entries[0].DN, nil))
		})
	}), "", explain.LinkTarget, "AD_ACCOUNT_DELETED", adAdmin},
	{"locked", func(f *faulty) {
		f.policy = simad.Policy{Lockout: 3}
		settled(func(f *faulty) {
			for range 3 {
				f.inAD(func(c *ldap.Conn) error {
					if err := c.Bind("orlovami@obr.example", "Not-Hers-1"); err == nil {
						return fmt.Errorf("a wrong password opens")
					}
					return nil
				})
			}
		})(f)
	}, "", explain.LinkTarget, "AD_LOCKED", adAdmin},
	{"protected account", settled(func(f *faulty) { f.setAD("orlovami", "adminCount", "1") }), "", explain.LinkTarget, "AD_PROTECTED(orlovami)", adAdmin},
	{"password waits for delivery", func(f *faulty) {
		f.noAD = true
		f.start()
		f.stop()
		f.pages.Close()
		f.noAD = false
		f.write("config.yaml", read(f.site, "config.yaml")+f.startAD())
		f.inStore(func(db *store.DB) error { // another replica is at work and does not come to it
			ok, err := db.Targets().Lease(f.t.Context(), targetAD, "another", time.Now(), 4*time.Minute)
			if err == nil && !ok {
				err = fmt.Errorf("no lease")
			}
			return err
		})
		f.begin()
		f.activates("orlovami", sitePassword)
	}, "", explain.LinkTarget, "PASSWORD_WAITS", itself},
	{"activated before Active Directory came", func(f *faulty) {
		f.noAD = true
		settled(func(f *faulty) { f.write("config.yaml", read(f.site, "config.yaml")+f.startAD()) })(f)
	}, "", explain.LinkTarget, "AD_NO_ACCOUNT", self},
}

// passwordFaults are passwords that Active Directory has not got.
var passwordFaults = []fault{
	{"password changed, and the new one not shown", settled(func(f *faulty) {
		if _, err := (changes{f.d}).ApplyChange(f.t.Context(), events.Change{ID: "e1", At: time.Now(), Subject: "s-orlova", Kind: events.PasswordChanged}); err != nil {
			f.t.Fatal(err)
		}
	}), "", explain.LinkTarget, "AD_PASSWORD_STALE", self},
	{"password never shown", func(f *faulty) {
		f.start()
		f.inStore(func(db *store.DB) error { // as one that waited for longer than it is kept
			_, err := db.Accounts().Activate(f.t.Context(), person.Activation{Profile: f.users["orlovami"].Profile, Records: []person.RecordRef{kadry1}, Login: "orlovami",
				Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}, Target: &person.TargetAccount{Target: targetAD, Name: "orlovami"}}, time.Now())
			return err
		})
	}, "", explain.LinkTarget, "PASSWORD_NEEDED", self},
}

// mosruFaults are mos.ru's answers.
var mosruFaults = []fault{
	{"locked on mos.ru", onWiFi("", func(f *faulty) {
		f.mos("/sim/user/orlovami", `{"locked":true}`)
		f.signsIn("orlovami", "Another-2021", herPhone)
	}), "", explain.LinkMosru, "MOSRU_LOCKED", onMosru},
	{"second factor", func(f *faulty) {
		f.users["orlovami"].Flags.SecondFactor = true
		f.noAD = true
		f.start()
		f.known("orlovami", kadry1)
		f.signsIn("orlovami", sitePassword, herPhone)
	}, "", explain.LinkMosru, "MOSRU_SECOND_FACTOR", onMosru},
	{"second factor at the activation", teacher(func(f *faulty) { f.users["orlovami"].Flags.SecondFactor = true }), "", explain.LinkMosru, "MOSRU_SECOND_FACTOR", onMosru},
	{"mos.ru unreachable", func(f *faulty) {
		f.noAD = true
		f.start()
		f.known("orlovami", kadry1)
		f.mos("/sim/outage?mode=drop", "")
		f.signsIn("orlovami", sitePassword, herPhone)
	}, "", explain.LinkUpstream, "MOSRU_UNREACHABLE", ops},
	{"mos.ru says later", func(f *faulty) {
		f.noAD = true
		f.start()
		f.known("orlovami", kadry1)
		f.mos("/sim/outage?mode=429", "")
		f.signsIn("orlovami", sitePassword, herPhone)
	}, "", explain.LinkUpstream, "MOSRU_THROTTLED", "the operator, with mos.ru"},
	{"the client's secret is wrong", func(f *faulty) {
		f.noAD = true
		f.start()
		f.known("orlovami", kadry1)
		f.mos("/sim/outage?mode=nonsense", "")
		f.signsIn("orlovami", sitePassword, herPhone)
	}, "", explain.LinkUpstream, "MOSRU_FAULT", ops},
	{"clock off", func(f *faulty) { f.clock = -time.Hour; onWiFi("", func(*faulty) {})(f) }, "", explain.LinkServer, "CLOCK_OFF", ops},
	{"login reassigned", onWiFi("", func(f *faulty) {
		f.mos("/sim/reassign", `{"login":"orlovami","subject":"a-stranger","password":"Voron-2021-Dolgo"}`)
		f.signsIn("orlovami", "Voron-2021-Dolgo", herPhone)
	}), "", explain.LinkMosru, "LOGIN_REASSIGNED", "the curator"},
	{"closed by mos.ru", onWiFi("", func(f *faulty) {
		if _, err := (changes{f.d}).ApplyChange(f.t.Context(), events.Change{ID: "e1", At: time.Now(), Subject: "s-orlova", Kind: events.Disabled}); err != nil {
			f.t.Fatal(err)
		}
	}), "", explain.LinkMosru, "SUSPENDED", self},
}

// signInFaults are passwords, devices, access points and our own rules.
var signInFaults = []fault{
	{"suspended here", settled(func(f *faulty) { f.account(exitDone, "suspend", "orlovami", "holiday") }), "", explain.LinkAccount, "SUSPENDED", admin},
	{"wrong password", onWiFi("", func(f *faulty) { f.signsIn("orlovami", "Snegir-2020", herPhone) }), "", explain.LinkPassword, "WRONG_PASSWORD", onMosru},
	{"no password typed", onWiFi("", func(f *faulty) { f.signsIn("orlovami", "", herPhone) }), "", explain.LinkPassword, "EMPTY_PASSWORD", helper},
	{"the store is behind", func(f *faulty) {
		f.noAD, f.more = true, "auth: {offline_grace: 1s}\n"
		f.start()
		f.known("orlovami", kadry1)
		f.deafen()
		if !eventually(func() bool { f.signsIn("orlovami", sitePassword, herPhone); return f.saw("STORE_UNREACHABLE") }) {
			f.t.Fatal("sign-ins go on")
		}
	}, "", explain.LinkServer, "STORE_UNREACHABLE", ops},
	{"a phone repeats an old password", onWiFi("", func(f *faulty) {
		f.signsIn("orlovami", "Snegir-2020", herPhone)
		f.signsIn("orlovami", "Snegir-2020", herPhone)
		f.signsIn("orlovami", sitePassword, herLaptop)
	}), "Орлова", explain.LinkPassword, "KNOWN_BAD_PASSWORD", device},
	{"old password on a phone", onWiFi("", func(f *faulty) {
		f.mos("/sim/password", `{"login":"orlovami","password":"Kukushka-2026-Dolgo","event":"lost"}`)
		f.signsIn("orlovami", "Kukushka-2026-Dolgo", herLaptop)
		if !eventually(func() bool { return f.answers("orlovami", "Kukushka-2026-Dolgo", herLaptop) == nil }) {
			f.t.Fatal("the new hash is not kept")
		}
		_ = f.answers("orlovami", sitePassword, herPhone)
	}), "", explain.LinkPassword, "OLD_PASSWORD", device},
	{"hash does not fit", onWiFi("", func(f *faulty) { _ = f.answers("orlovami", "Snegir-2020", herPhone) }), "", explain.LinkPassword, "NT_HASH_DIFFERS", device},
	{"hash revoked", onWiFi("", func(f *faulty) {
		if _, err := (changes{f.d}).ApplyChange(f.t.Context(), events.Change{ID: "e1", At: time.Now(), Subject: "s-orlova", Kind: events.PasswordChanged}); err != nil {
			f.t.Fatal(err)
		}
		if !eventually(func() bool {
			_ = f.answers("orlovami", "Kukushka-2026-Dolgo", herPhone)
			return f.saw("NT_HASH_REVOKED")
		}) {
			f.t.Fatal("the hash still serves")
		}
	}), "", explain.LinkPassword, "NT_HASH_REVOKED", self},
	{"hash missing", func(f *faulty) {
		f.noAD = true
		f.start()
		f.known("orlovami", kadry1)
		_ = f.answers("orlovami", sitePassword, herPhone)
	}, "", explain.LinkPassword, "NT_HASH_MISSING", self},
	{"hash too old", func(f *faulty) {
		f.noAD = true
		f.start()
		id := f.known("orlovami", kadry1)
		f.d.auth.Learn(id, 1, sitePassword, time.Now().Add(-40*24*time.Hour))
		if !eventually(func() bool { _ = f.answers("orlovami", sitePassword, herPhone); return f.saw("NT_HASH_TOO_OLD") }) {
			f.t.Fatal("no sign-in says so")
		}
	}, "", explain.LinkPassword, "NT_HASH_TOO_OLD", self},
	{"hash off", onWiFi("auth: {nt_hash: false}\n", func(f *faulty) { _ = f.answers("orlovami", sitePassword, herPhone) }), "", explain.LinkPassword, "NT_HASH_OFF", helper},
	{"guessed at", onWiFi("", func(f *faulty) {
		for n := range 12 {
			f.signsIn("orlovami", fmt.Sprint("guess-", n), stranger1)
		}
	}), "", explain.LinkPassword, "THROTTLED", helper},
	{"e-mail typed as login", onWiFi("", func(f *faulty) { f.signsIn("orlova@mail.example", sitePassword, herPhone) }), "", explain.LinkName, "LOGIN_ONLY", device},
	{"phone typed as login", onWiFi("", func(f *faulty) { f.signsIn("89165550201", sitePassword, herPhone) }), "+79165550201", explain.LinkName, "LOGIN_ONLY", device},
	{"another school's access point", func(f *faulty) {
		f.noAD = true
		f.start()
		f.active("belovas", hisPassword)
		f.radius("127.0.0.2", siteSecret, "belovas", hisPassword, herPhone, true)
	}, "belovas", explain.LinkPolicy, "SCHOOL_NOT_ALLOWED", admin},
	{"role not allowed", func(f *faulty) {
		f.noAD, f.more = true, "policy: {rules: [{name: staff, roles: staff, allow: true}, {name: web, roles: pupil, channels: [web, ldap], allow: true}]}\n"
		f.start()
		f.active("belovas", hisPassword)
	}, "belovas", explain.LinkPolicy, "ROLE_NOT_ALLOWED", admin},
	{"outside hours", func(f *faulty) {
		now := time.Now().In(time.FixedZone("MSK", 3*3600)).Add(12 * time.Hour)
		hours := strings.ToLower(now.Weekday().String()[:3]) + " " + now.Format("15:00") + "-" + now.Format("15:01")
		onWiFi("policy: {time_zone: Europe/Moscow, rules: [{name: day, roles: staff, channels: wifi, hours: '"+hours+"', allow: true}, {name: rest, channels: [web, ldap], allow: true}]}\n", func(*faulty) {})(f)
	}, "", explain.LinkPolicy, "OUTSIDE_HOURS", admin},
	{"too many devices", func(f *faulty) {
		f.noAD = true
		f.oneDevice = true
		settled(func(f *faulty) {
			f.signsIn("orlovami", sitePassword, herLaptop)
			f.signsIn("orlovami", sitePassword, herPhone)
		})(f)
	}, "", explain.LinkPolicy, "TOO_MANY_DEVICES", device},
	{"the server is not trusted", onWiFi("", func(f *faulty) {
		other := newSite(f.t) // whose authority is another
		roots, err := certPool(other.path("ca.pem"))
		if err != nil {
			f.t.Fatal(err)
		}
		f.joins(eappeer.Options{Method: eappeer.TTLSPAP, Identity: "orlovami", Password: sitePassword, Roots: roots, ServerName: "localhost"}, herPhone)
	}), "", explain.LinkDevice, "SERVER_NOT_TRUSTED", helper},
	{"TLS too old", onWiFi("", func(f *faulty) {
		f.joins(eappeer.Options{Method: eappeer.TTLSPAP, Identity: "orlovami", Password: sitePassword, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, herPhone)
	}), "", explain.LinkDevice, "TLS_TOO_OLD", helper},
	{"the server's certificate ran out", onWiFi("", func(f *faulty) {
		past := time.Now().AddDate(-10, 0, 0)
		ca, err := newAuthority(f.path("ca.pem"), past)
		if err == nil {
			err = ca.issue(f.path("server.pem"), f.path("server-key.pem"), x509.ExtKeyUsageServerAuth, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, past)
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}), "", explain.LinkServer, "SERVER_CERTIFICATE_OUT_OF_DATE", ops},
	{"the access point's secret is wrong", onWiFi("", func(f *faulty) {
		f.radius("127.0.0.1", "another-secret-2021", "orlovami", sitePassword, herPhone, false)
	}), "school-49", explain.LinkNAS, "NAS_SECRET_WRONG", admin},
	{"the same, by its address", onWiFi("", func(f *faulty) {
		f.radius("127.0.0.1", "another-secret-2021", "orlovami", sitePassword, herPhone, false)
	}), "127.0.0.1", explain.LinkNAS, "NAS_SECRET_WRONG", admin},
	{"unknown access point", onWiFi("", func(f *faulty) {
		f.radius("127.0.0.9", siteSecret, "orlovami", sitePassword, herPhone, false)
	}), "127.0.0.9", explain.LinkNAS, "NAS_UNKNOWN", admin},
	{"the access point signs nothing", onWiFi("", func(f *faulty) {
		f.unsigned = true
		f.radius("127.0.0.1", siteSecret, "orlovami", sitePassword, herPhone, false)
	}), "school-49", explain.LinkNAS, "NAS_UNSIGNED", admin},
	{"a device in no list", onWiFi("", func(f *faulty) {
		f.radius("127.0.0.1", siteSecret, "02005e100077", "02005e100077", "02-00-5E-10-00-77", true)
	}), "02:00:5e:10:00:77", explain.LinkThing, "NO_SUCH_DEVICE", admin},
	{"a computer signs in with a password", onWiFi("", func(f *faulty) {
		f.signsIn("host/pc1.school49.example", "machine", herLaptop)
	}), "host/pc1.school49.example", explain.LinkThing, "NO_SUCH_MACHINE", admin},
}

// TestFaults: forty and more faults, each brought about for good, are each named
// by one call of explain, with who repairs it and how, in both languages.
func TestFaults(t *testing.T) {
	all := slices.Concat(registryFaults, directoryFaults, passwordFaults, upstreamFaults, mosruFaults, signInFaults)
	if len(all) < 40 {
		t.Fatalf("%d faults", len(all))
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			f := newFaulty(t)
			c.breaks(f)
			if c.code == "ACTIVATE_AGAIN" {
				f.changes("kadry.csv", kadryOf+herRow)
			}
			c.holds(f)
		})
	}
}

// holds asks once what is broken; what the daemon writes a moment later is waited
// for.
func (c fault) holds(f *faulty) {
	t := f.t
	t.Helper()
	ask := c.ask
	if ask == "" {
		ask = "orlovami"
	}
	var r explain.Report
	var text string
	if !eventually(func() bool {
		r, text, _ = f.asks("en", ask)
		return r.Broken != nil && r.Broken.Code == c.code
	}) {
		t.Fatalf("broken is %+v, want %s\n%s", r.Broken, c.code, text)
	}
	b := r.Broken
	if b.Link != c.link || b.Who != c.who || b.Meaning == "" || b.Remedy == "" {
		t.Errorf("%+v, want %s by %s", b, c.link, c.who)
	}
	first, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(first, "FIRST BROKEN LINK: ") || !strings.Contains(first, c.code) || !strings.Contains(text, b.Remedy) {
		t.Errorf("not at the top:\n%s", text)
	}
	russian, text, code := f.asks("ru", ask)
	if code != exitFindings && !b.Unproven || russian.Broken == nil || russian.Broken.Code != c.code || russian.Broken.Remedy == b.Remedy || russian.Broken.Who == b.Who ||
		!strings.HasPrefix(text, "ГДЕ ОБРЫВ: ") {
		t.Errorf("%d %+v\n%s", code, russian.Broken, text)
	}
}
