package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
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
	server, ca, name   string
	implicit, startTLS bool
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
	fs.StringVar(&f.server, "server", "", "сервер; порт 389, для --tls 636 / the server, `HOST[:PORT]`; port 389, with --tls 636")
	fs.BoolVar(&f.implicit, "tls", false, "LDAPS: TLS с начала соединения / LDAPS: TLS from the beginning of a connection")
	fs.BoolVar(&f.startTLS, "starttls", false, "начать TLS командой StartTLS / begin TLS by StartTLS")
	fs.StringVar(&f.ca, "ca", "", "TLS: центр, выдавший сертификат сервера; none — не проверять / TLS: `FILE` with the authority that signs the server's certificate; none: it is not checked")
	fs.StringVar(&f.name, "name", "", "TLS: имя в сертификате сервера; обычно то, что в --server / TLS: the `NAME` in the server's certificate; usually that of --server")
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
		StartTLS: f.startTLS, Wanted: strings.FieldsFunc(f.wanted, func(r rune) bool { return r == ',' || r == ' ' })}
	files := &secretFiles{in: std.in}
	switch {
	case f.server == "":
		return o, usageError("нет --server / --server is missing")
	case f.implicit && f.startTLS:
		return o, usageError("или --tls, или --starttls / either --tls or --starttls")
	case f.page < 1 || f.page > 1_000_000, f.timeout <= 0 || f.timeout > 10*time.Minute:
		return o, usageError("--page: от 1 до 1000000, --timeout: до 10m / --page is from 1 to 1000000, --timeout up to 10m")
	}
	o.Server = withPort(f.server, map[bool]string{false: "389", true: "636"}[f.implicit])
	if f.bindDN != "" {
		secret, err := files.read("--password-file", f.file)
		if err != nil {
			return o, err
		}
		o.Password = identity.Password(secret)
	}
	if f.implicit || f.startTLS {
		o.TLS = &tls.Config{ServerName: f.name, InsecureSkipVerify: f.ca == "none"} // as the flag says
		if o.TLS.ServerName == "" {
			o.TLS.ServerName, _, _ = net.SplitHostPort(o.Server)
		}
		if f.ca != "none" {
			roots, err := readAuthority("--ca", f.ca)
			if err != nil {
				return o, err
			}
			o.TLS.RootCAs = roots
		}
	}
	if f.users == "" && slices.Contains([]load.LDAPWork{load.LDAPDump, load.LDAPConnect}, o.Work) {
		return o, nil
	}
	var err error
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
			return p.In(lang)
		}
	}
	ru.explain, en.explain = explain("ru", ldapProblems["ru"]), explain("en", ldapProblems["en"])
	return map[string]*loadText{"ru": &ru, "en": &en}
}

// ldapProblems are what a directory server's answers mean, and what to do.
var ldapProblems = map[string]map[probe.Problem][2]string{
	"ru": {
		probe.ProblemRefused:    {"на этом порту никто не слушает", "Проверьте --server, порт (389, с --tls 636) и запущен ли сервер."},
		probe.ProblemPassword:   {"неверные имя или пароль (49)", "Проверьте --bind-dn, --password-file, --user-dn и файл --users."},
		probe.ProblemNoAnswer:   {"сервер не ответил вовремя", "Сервер перегружен или недоступен; --timeout задаёт, сколько ждать."},
		probe.ProblemProtocol:   {"ответ не по протоколу LDAP", "Проверьте порт: на 636 нужен --tls, на 389 — нет."},
		load.ProblemBusy:        {"сервер ответил «занято» (51)", "Это его предел; у schoolbridge — ldap.limits.operations для одного адреса."},
		load.ProblemUnavailable: {"сервер сейчас не может войти (52)", "Смотрите его журнал: для паролей ему нужен mos.ru или иной источник."},
		load.ProblemLimit:       {"достигнут предел поиска (3, 4 или 11)", "Поднимите пределы сервера или уменьшите --page."},
		load.ProblemAccess:      {"нет доступа или нужен TLS (8, 13, 48, 50, 53)", "Добавьте --tls или --starttls; проверьте права --bind-dn."},
		load.ProblemNobody:      {"поиск не нашёл человека или нашёл нескольких", "Проверьте --base, --by и файл --users."},
		load.ProblemResult:      {"сервер ответил ошибкой", "Смотрите журнал сервера."},
		load.ProblemClosed:      {"сервер закрыл соединение", "Возможно, предел соединений с одного адреса; у schoolbridge — ldap.limits.per_source."},
		load.ProblemTLS:         {"TLS не удался", "Проверьте --ca и --name."},
	},
	"en": {
		probe.ProblemRefused:    {"nobody listens on this port", "Check --server, the port (389, with --tls 636) and whether the server runs."},
		probe.ProblemPassword:   {"wrong name or password (49)", "Check --bind-dn, --password-file, --user-dn and the file of --users."},
		probe.ProblemNoAnswer:   {"the server did not answer in time", "It is overloaded or away; --timeout says how long to wait."},
		probe.ProblemProtocol:   {"an answer that is not LDAP", "Check the port: 636 needs --tls, 389 does not."},
		load.ProblemBusy:        {"the server answered busy (51)", "That is its limit; schoolbridge has ldap.limits.operations for one address."},
		load.ProblemUnavailable: {"the server cannot decide now (52)", "See its log: for passwords it needs mos.ru or another source."},
		load.ProblemLimit:       {"a limit of searches is reached (3, 4 or 11)", "Raise the server's limits, or lower --page."},
		load.ProblemAccess:      {"no access, or TLS is needed (8, 13, 48, 50, 53)", "Add --tls or --starttls; check what --bind-dn may do."},
		load.ProblemNobody:      {"the search found nobody, or several", "Check --base, --by and the file of --users."},
		load.ProblemResult:      {"the server answered with an error", "See the server's log."},
		load.ProblemClosed:      {"the server ended the connection", "Perhaps a limit of connections of one address; schoolbridge has ldap.limits.per_source."},
		load.ProblemTLS:         {"TLS failed", "Check --ca and --name."},
	},
}
