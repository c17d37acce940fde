package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/load"
	"schoolbridge/internal/probe"
)

// ldapLoad are the flags of a load on a directory server.
type ldapLoad struct {
	*loadFlags
	ldap               ldapFlags
	work, bindDN, file string
	base, by, userDN   string
	wanted             string
	page               int
	timeout            time.Duration
}

func newLDAPLoad() *ldapLoad {
	f := &ldapLoad{loadFlags: newLoadFlags("ldap")}
	f.texts = ldapLoadTexts()
	var works []string
	for _, w := range load.LDAPWorks() {
		works = append(works, string(w))
	}
	fs := f.fs
	f.ldap.register(fs)
	fs.StringVar(&f.work, "work", string(load.LDAPSearch), "что делать / what to do, `WORK`: "+strings.Join(works, ", "))
	fs.StringVar(&f.bindDN, "bind-dn", "", "служебная учётная запись, `DN`; нет — анонимно / the service account; none: anonymous")
	fs.StringVar(&f.file, "password-file", "", "файл с её паролем; - стандартный ввод / `FILE` with its password; - is standard input")
	fs.StringVar(&f.base, "base", "", "корень, под которым искать, `DN` / the base of searches")
	fs.StringVar(&f.by, "by", "uid", "по какому атрибуту искать логин / the `ATTRIBUTE` that the login is searched in")
	fs.StringVar(&f.userDN, "user-dn", "", "имя человека для bind, например uid={login},ou=people,dc=… / a person's `DN` for bind, such as uid={login},ou=people,dc=…")
	fs.StringVar(&f.wanted, "attributes", "uid,cn,uidNumber,mail", "что спрашивать, через запятую / the attributes that are asked, with commas")
	fs.IntVar(&f.page, "page", 1000, "dump: записей на страницу / dump: entries of a page")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "сколько ждать ответа / how long to wait for an answer")
	return f
}

func loadLDAP(ctx context.Context, std streams, args []string) error {
	f := newLDAPLoad()
	if err := f.parse(std, args); err != nil {
		return err
	}
	o, err := f.target(std)
	if err != nil {
		return err
	}
	target, err := load.NewLDAP(o)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("%s: %w", f.fs.Name(), err)}
	}
	defer target.Close()
	return f.run(ctx, std, target.Do)
}

// target gives what is asked of which server.
func (f *ldapLoad) target(std streams) (load.LDAPOptions, error) {
	o := load.LDAPOptions{Work: load.LDAPWork(f.work), Service: f.bindDN, Base: f.base, By: f.by, UserDN: f.userDN, Page: f.page, Timeout: f.timeout,
		Wanted: strings.FieldsFunc(f.wanted, func(r rune) bool { return r == ',' || r == ' ' })}
	t, err := f.ldap.target()
	if err != nil {
		return o, err
	}
	if f.page < 1 || f.page > 1_000_000 || f.timeout <= 0 || f.timeout > 10*time.Minute {
		return o, usageError("--page: от 1 до 1000000, --timeout: до 10m / --page is from 1 to 1000000, --timeout up to 10m")
	}
	files := &secretFiles{in: std.in}
	o.Server, o.StartTLS = t.address, t.startTLS
	if t.implicit || t.startTLS {
		o.TLS = &tls.Config{ServerName: t.name, RootCAs: t.roots, InsecureSkipVerify: t.roots == nil} // as --ca says
	}
	if f.bindDN != "" {
		secret, err := files.read("--password-file", f.file)
		if err != nil {
			return o, err
		}
		o.Password = identity.Password(secret)
	}
	if f.users == "" && slices.Contains([]load.LDAPWork{load.LDAPDump, load.LDAPConnect}, o.Work) {
		return o, nil
	}
	o.Users, err = f.readUsers(files)
	return o, err
}

// ldapLoadTexts are the words of a report about LDAP.
func ldapLoadTexts() map[string]*loadText {
	ru, en := *loadTexts["ru"], *loadTexts["en"]
	ru.rate, en.rate = "прогонов %d за %.1f с: %.1f в секунду\n", "%d turns in %.1f s: %.1f a second\n"
	ru.entries, en.entries = "получено записей: %d, %.0f в секунду\n", "entries received: %d, %.0f a second\n"
	ru.rounds, en.rounds = "запросов на прогон: %.2f, отправлено снова: %d\n", "requests a turn: %.2f, sent again: %d\n"
	ru.service, en.service = "длительность самого прогона", "time of the turn itself"
	explain := func(lang probe.Lang, own map[probe.Problem][2]string) func(probe.Problem) (string, string) {
		return func(p probe.Problem) (meaning, remedy string) {
			if t, ok := own[p]; ok {
				return t[0], t[1]
			}
			return p.InLDAP(lang)
		}
	}
	ru.explain, en.explain = explain("ru", ldapProblems["ru"]), explain("en", ldapProblems["en"])
	return map[string]*loadText{"ru": &ru, "en": &en}
}

// ldapProblems are those that a load's flags are behind.
var ldapProblems = map[string]map[probe.Problem][2]string{
	"ru": {
		probe.ProblemPassword: {"неверные имя или пароль (49)", "Проверьте --bind-dn, --password-file, --user-dn и файл --users."},
		probe.ProblemNobody:   {"поиск не нашёл человека", "Проверьте --base, --by и файл --users."},
		probe.ProblemSeveral:  {"поиск нашёл не одного человека", "Проверьте --base, --by и файл --users."},
		probe.ProblemNoAnswer: {"сервер не ответил вовремя", "Сервер перегружен или недоступен; --timeout задаёт, сколько ждать."},
	},
	"en": {
		probe.ProblemPassword: {"wrong name or password (49)", "Check --bind-dn, --password-file, --user-dn and the file of --users."},
		probe.ProblemNobody:   {"the search found nobody", "Check --base, --by and the file of --users."},
		probe.ProblemSeveral:  {"the search found more than one", "Check --base, --by and the file of --users."},
		probe.ProblemNoAnswer: {"the server did not answer in time", "It is overloaded or away; --timeout says how long to wait."},
	},
}
