// Command schoolbridge is the daemon and its tools. This package joins the
// rooms of the house (it alone imports the store and the mos.ru client), reads
// flags and signals, and decides nothing else. Which file is what:
//
//	main.go, language.go      the table of commands, exit codes, what all flags share
//	NAME.go, NAME_*.go        one command: account, explain, policy, provision, registry, sessions, wifi, …
//	radius_flags.go, ldap_flags.go   what probe and load share
//	serve.go, services.go     the daemon: making it, its parts from start to stop
//	join_*.go, inventory.go   one part of the daemon each, from configuration to running
//	http*.go, ports.go        listeners
//	reload.go, certificate.go, expiry.go   what changes while it runs
//	demo*.go                  the demo: serve with everything around it made
//
// Tests named *_peers_test.go run against real programs.
//
// Machine output goes to standard output, messages to standard error. Exit
// codes: 0 done, 1 done with findings, 2 usage or configuration, 3 failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // the daemon needs Europe/Moscow on machines without zone files

	"schoolbridge/internal/said"
	"schoolbridge/internal/store/sqlite"
)

// version is set by the linker.
var version = "dev"

// Exit codes, fixed for scripts.
const (
	exitDone     = 0
	exitFindings = 1
	exitUsage    = 2
	exitFailed   = 3
)

// streams are the three standard streams, so that commands can be tested.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// json prints a command's answer for a program.
func (s streams) json(answer any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// command is one row of the command table.
type command struct {
	name, args, help string
	run              func(ctx context.Context, std streams, args []string) error
}

func commands() []command {
	return []command{
		{"demo", "[--state DIR] [--fresh] [--lang ru|en]", "вся система на этой машине, с вымышленными людьми / the whole system on loopback, with invented people", runDemo},
		{"serve", "--config FILE [--lang ru|en]", "служба / the daemon", runServe},
		{"config", "check --config FILE [--lang ru|en] | reference [--lang ru|en]", "ошибки файла настроек; все параметры с пояснениями / faults of a configuration file; all options, annotated", runConfig},
		{"registry", "import --config FILE [--lang ru|en] [--accept-ending N] PATH…", "загрузить реестры / registry files into the store", runRegistry},
		{"match", "--registry DIR --profiles FILE [--bindings FILE] [--today YYYY-MM-DD]", "пробное сопоставление, без хранилища / dry run of the matching rules, without a store", runMatch},
		{"explain", "--config FILE [--lang ru|en] [--json] LOGIN|RECORD|ADDRESS|host/NAME|NAS|-", "почему человек, устройство, компьютер или точка доступа может или не может войти; - читает ФИО, телефон, почту, СНИЛС со стандартного входа / why a person, device, computer or access point can or cannot sign in; - reads a ФИО, phone, e-mail, СНИЛС from the standard input", runExplain},
		{"doctor", "--config FILE [--ready] [--json] [--lang ru|en]", "что не так с этой установкой и что делать: сертификаты, хранилище, порты, часы, mos.ru, Active Directory, секреты, реестры / what is wrong with this installation, and what to do: certificates, store, ports, clocks, mos.ru, Active Directory, secrets, registries", runDoctor},
		{"backup", "--config FILE --out FILE [--lang ru|en] | verify --config FILE [--keyset FILE] [--lang ru|en] BACKUP", "копия хранилища рядом с работающей службой, проверенная; проверить копию / a verified copy of the store beside the running daemon; verify a copy", runBackup},
		{"restore", "--config FILE [--lang ru|en] BACKUP", "вернуть хранилище из копии, пока служба остановлена / put the store back from a copy, while the daemon is stopped", runRestore},
		{"store", "move --from FILE --to FILE|ADDRESS [--cancel] [--lang ru|en]", "перенести хранилище из SQLite в PostgreSQL, пока служба остановлена; --cancel: отказаться от переноса / move the store from SQLite to PostgreSQL while the daemon is stopped; --cancel: give the move up", runStore},
		{"account", "suspend|resume --config FILE LOGIN --reason TEXT [--json] [--lang ru|en]", "закрыть человеку вход и снова открыть / shut somebody out, and let them in again", runAccount},
		{"problems", "--config FILE [--school ID] [--behind] [--format table|csv|csv-bom|json|xlsx] [--out FILE] [--lang ru|en]", "список кураторов: у кого что исправить, кто это делает и как / the curators' list: whose data are to be repaired, by whom and how", runProblems},
		{"stats", "--config FILE [--school ID|--whole] [--sort COLUMN] [--behind] [--history] [--snapshot] [--format table|csv|csv-bom|xlsx|json] [--out FILE] [--lang ru|en]", "статистика активаций по школам; кто не успел к сроку; по дням / the statistics of activations by school; who is behind; day by day", runStats},
		{"teams", "export --config FILE --dir DIR [--accept-removals N] [--json] [--lang ru|en]", "файлы School Data Sync для Teams / the files of School Data Sync for Teams", runTeams},
		{"policy", "test --config FILE [--lang ru|en] [--json] CASES", "таблица случаев против правил, без хранилища / a table of cases against the rules, without a store", runPolicy},
		{"provision", "plan|apply --config FILE [--person LOGIN | --school ID] [--format diff|table|json] [--accept-disabling N] [--accept-moves N] [--accept-renames N] [--accept-groups N] [--lang ru|en] | rename --config FILE --person LOGIN --to NAME [--yes] [--lang ru|en] | " + claimUsage, "что изменилось бы в Active Directory; изменить это; переименовать человека; чьи записи в нём уже есть / what would change in Active Directory; change it; rename a person; whose are the accounts that it already has", runProvision},
		{"queue", queueUsage, "очередь куратора: что решает человек, и его решения / the curators' queue: what a person decides, and what was decided", runQueue},
		{"duplicates", duplicatesUsage, "дубликаты в Active Directory: найти, составить план, отключить лишние, вернуть / duplicates in Active Directory: find, plan, put to rest, take back", runDuplicates},
		{"sessions", "--config FILE [--address IP] [--at TIME] [--device MAC] [--login LOGIN] [--live] [--format table|json|csv] [--lang ru|en] | disconnect|reauthorize --config FILE [--wait TIME] SESSION|--login LOGIN", "кто и когда был в Wi-Fi; отключить от Wi-Fi или дать права заново / who was on the Wi-Fi when; take somebody off it, or give the rights anew", runSessions},
		{"probe", "radius|eap|ldap --server HOST --login LOGIN --password-file FILE …", "пробный вход в Wi-Fi или LDAP, для наблюдения: 0 принят, 1 отклонён, 2 нет ответа / a sign-in over Wi-Fi or LDAP from outside, for monitoring: 0 accepted, 1 rejected, 2 no answer", runProbe},
		{"load", "radius|eap|ldap --server HOST --users FILE --rate N|--concurrency N …", "нагрузка на любой сервер Wi-Fi или LDAP: сколько входов он выдержит / a load on any Wi-Fi or LDAP server: how many sign-ins it bears", runLoad},
		{"wifi", wifiUsage, "настроить устройство человека на Wi-Fi школы / set a person's device up for the school's Wi-Fi", runWiFi},
		{"rights", rightsUsage, "кто что администрирует в браузере: выдать и отозвать роль, код для приложения с кодами, пароль аварийного входа / who administers what in a browser: grant and revoke a role, a code to connect an app, the password of the break-glass account", runRights},
		{"audit", "verify --config FILE [--lang ru|en] | show --config FILE [--kinds KINDS] [--from TIME] [--to TIME] [--limit N] [--format table|json] [--lang ru|en] LOGIN|ID|--nobody", "цел ли журнал аудита; что в нём о человеке / is the audit trail whole; what it says of a person", runAudit},
		{"version", "", "версия / the version", runVersion},
	}
}

// exitError carries an exit code. A nil cause means that everything was said.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// usageError is one of how a command was called; its format may be in both
// languages, as said.Errorf takes it.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, said.Errorf(format, args...)}
}

// misused tells how a command is written.
func misused(name string) error {
	return usageError("вызов:\n  %[1]s / usage:\n  %[1]s", strings.Join(synopsis(name), "\n  "))
}

// synopsis gives the ways in which a command is written, a line each.
func synopsis(name string) (lines []string) {
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		for _, way := range ways(c.args) {
			lines = append(lines, strings.TrimSpace("schoolbridge "+c.name+" "+way))
		}
	}
	return lines
}

// ways divides a command's arguments where " | " stands in no brackets.
func ways(args string) (list []string) {
	depth, from := 0, 0
	for i, r := range args {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == '|' && depth == 0 && strings.HasPrefix(args[i-1:], " | "):
			list = append(list, args[from:i-1])
			from = i + 2
		}
	}
	return append(list, args[from:])
}

var errFindings = &exitError{code: exitFindings}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once what does not listen to the first
	code := dispatch(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// dispatch runs one command line and gives its exit code.
func dispatch(ctx context.Context, std streams, args []string) int {
	lang := askedLang(args)
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(std.err, lang)
		if len(args) == 0 {
			return exitUsage
		}
		return exitDone
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return report(std, lang, c.run(ctx, std, args[1:]))
		}
	}
	usage(std.err, lang)
	fmt.Fprintln(std.err)
	complain(std, lang, said.Errorf("команды %[1]q нет / there is no command %[1]q", args[0])) // last, where it is seen
	return exitUsage
}

func report(std streams, lang string, err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &exit):
		if exit.cause != nil {
			complain(std, lang, exit.cause)
		}
		return exit.code
	}
	complain(std, lang, err)
	return exitFailed
}

// complain prints an error. Somebody else's files and a second daemon are the
// commonest that do not say themselves what to do.
func complain(std streams, lang string, err error) {
	fmt.Fprintln(std.err, "schoolbridge:", said.In(err, lang))
	for _, m := range storeRussian {
		if errors.Is(err, m.err) && lang != "en" {
			fmt.Fprintln(std.err, m.text)
		}
	}
	tell := func(russian, english string, args ...any) {
		if lang == "en" {
			russian = english
		}
		fmt.Fprintf(std.err, russian+"\n", args...)
	}
	var path *fs.PathError
	switch {
	case errors.Is(err, sqlite.ErrLocked):
		tell("Служба уже работает с этой базой: вторую запускать не нужно, а для перезапуска — systemctl restart schoolbridge (запущенную не через systemd назовёт pgrep -a schoolbridge)",
			"The daemon is at work on this database: no second one is needed; to start it anew: systemctl restart schoolbridge (pgrep -a schoolbridge names one that systemd did not start)")
	case errors.As(err, &path) && errors.Is(path, fs.ErrPermission) && path.Op == "mkdir":
		tell("Папку %[1]s этому пользователю не создать: назовите такую, куда он может писать, например /var/lib/schoolbridge/…",
			"This user cannot make the folder %[1]s: name one where he may write, such as /var/lib/schoolbridge/…", path.Path)
	case errors.As(err, &path) && errors.Is(path, fs.ErrPermission):
		tell("Нет прав на %[1]s: выполните команду от пользователя службы, sudo -u schoolbridge schoolbridge …; то, что создал root, отдайте службе: chown schoolbridge: %[1]s",
			"%[1]s is not for this user: run the command as the daemon's, sudo -u schoolbridge schoolbridge …; what root has made is to be given to that user: chown schoolbridge: %[1]s", path.Path)
	}
}

func usage(w io.Writer, lang string) {
	fmt.Fprint(w, said.Text("schoolbridge: один логин для школьного Wi-Fi, ПК и досок / schoolbridge: one school login for Wi-Fi, classroom PCs and whiteboards", lang)+"\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s\n      %s\n", strings.Join(synopsis(c.name), "\n  "), said.Text(c.help, lang))
	}
	fmt.Fprint(w, "\n"+said.Text("Коды выхода: 0 сделано, 1 есть замечания, 2 вызов или настройки, 3 сбой / Exit codes: 0 done, 1 findings, 2 usage or configuration, 3 failed", lang)+"\n")
}

func runVersion(_ context.Context, std streams, _ []string) error {
	_, err := fmt.Fprintln(std.out, "schoolbridge", version)
	return err
}

// parse reads flags and gives the remaining words; flags may follow them. A
// flag that is not understood, or a question for help, shows the command's
// flags.
func parse(fs *flag.FlagSet, std streams, args []string) ([]string, error) {
	fs.SetOutput(io.Discard) // what the package says itself is English only
	var words []string
	all := args
	for {
		if err := fs.Parse(args); err != nil {
			fmt.Fprintln(std.err, strings.Join(synopsis(fs.Name()), "\n"))
			printFlags(std.err, fs, askedLang(all))
			if !errors.Is(err, flag.ErrHelp) { // below the flags, where it is seen
				err = usageError("не понято: %[1]w / not understood: %[1]w", err)
			}
			return nil, err
		}
		if fs.NArg() == 0 {
			return words, nil
		}
		words = append(words, fs.Arg(0))
		args = fs.Args()[1:]
	}
}
