package trail

import (
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// both is a word in both languages.
type both struct{ ru, en string }

// of chooses, by a field's value; a value without words is left out.
func (t *teller) of(words map[string]both, value string) string {
	w := words[value]
	return t.word(w.ru, w.en)
}

// add adds a part as it is, where there is one.
func (t *teller) add(part string) {
	if part != "" {
		t.said = append(t.said, part)
	}
}

// signIn tells where somebody came in or was refused, and why.
func (t *teller) signIn() {
	where := []string{explain.ChannelIn(t.lang, t.text("channel"))}
	for _, name := range []string{"nas", "ssid", "device"} {
		where = append(where, t.text(name))
	}
	t.add(strings.Join(slices.DeleteFunc(where, func(s string) bool { return s == "" }), ", "))
	outcome := t.text("outcome")
	if outcome == "" {
		return
	}
	t.add(explain.OutcomeIn(t.lang, outcome))
	if outcome == identity.Accepted.String() {
		if t.line.Tone == Calm {
			t.line.Tone = Good
		}
		return
	}
	t.add(explain.ReasonIn(t.lang, t.text("upstream"), identity.Reason(t.text("reason"))))
	t.line.Tone = Bad
}

func (t *teller) activation() {
	t.named("login", "логин", "login")
	if t.yes("created") {
		t.say("новый аккаунт", "a new account")
	} else {
		t.say("аккаунт уже был", "the account was there")
	}
	t.records()
}

// records tells of a list of records.
func (t *teller) records() {
	items, _ := t.data["records"].([]any)
	var words []string
	for _, item := range items {
		ref, _ := item.(map[string]any)
		kind, _ := ref["Kind"].(float64)
		id, _ := ref["ID"].(string)
		if id != "" {
			words = append(words, strings.TrimSpace(RegistryName(t.lang, person.RecordKind(kind))+" "+id))
		}
	}
	if len(words) > 0 {
		t.say("записи: %s", "records: %s", strings.Join(words, ", "))
	}
}

var registries = map[person.RecordKind]both{
	person.RecordEmployment: {"Кадры", "Staff register"}, person.RecordEnrolment: {"Контингент", "Pupil register"}, person.RecordCard: {"Карточка ребёнка", "Child's card"},
}

// RegistryName names a registry for people.
func RegistryName(lang explain.Lang, kind person.RecordKind) string {
	if lang == explain.English {
		return registries[kind].en
	}
	return registries[kind].ru
}

var events = map[string]both{
	"password_set": {"пароль изменён", "the password was changed"}, "attributes_changed": {"изменились сведения о человеке", "what is known of the person was changed"},
	"disabled": {"доступ закрыт на mos.ru", "shut out by mos.ru"}, "enabled": {"доступ открыт на mos.ru", "let in by mos.ru"}, "removed": {"учётная запись mos.ru удалена", "the mos.ru account was removed"},
}

func (t *teller) event() {
	t.add(t.of(events, t.text("kind")))
	if kind := t.text("kind"); kind == "disabled" || kind == "removed" {
		t.line.Tone = Bad
	}
}

func (t *teller) state() {
	if t.yes("suspended") {
		t.line.What, t.line.Tone = t.word("доступ закрыт", "shut out"), Bad
	} else {
		t.line.What = t.word("доступ открыт", "let in again")
	}
	t.reason()
}

func (t *teller) reason() { t.quoted("reason", "причина:", "reason:") }

var accountVerbs = map[string]both{
	"suspend": {"закрыть доступ", "shut out"}, "resume": {"открыть доступ", "let in again"},
}

func (t *teller) account() {
	if verb := t.text("request"); verb != "" {
		if said := t.of(accountVerbs, verb); said != "" {
			t.add(said)
		} else {
			t.add(verb)
		}
	}
	t.reason()
}

func (t *teller) rename() {
	t.say("с %s на %s", "from %s to %s", t.text("from"), t.text("to"))
	t.reason()
}

func (t *teller) erasure() { t.named("before", "не нужен с", "not needed since") }

func (t *teller) disconnect() { t.add(explain.DisconnectWhyIn(t.lang, t.text("why"))) }

func (t *teller) disconnected() {
	tries, _ := t.number("tries")
	cause, _ := t.number("cause")
	d := explain.Disconnect{State: t.text("answer"), Cause: uint32(cause), Tries: tries}
	t.add(d.AnswerIn(t.lang))
	switch t.text("answer") {
	case "disconnected", "changed":
		t.line.Tone = Good
	case "refused", "no_answer", "not_offered", "still_there":
		t.line.Tone = Bad
	}
}

// changed are what a pass over an account changes, as provision names it.
var changed = map[string]both{
	"account": {"учётная запись создана", "the account was made"}, "password": {"пароль передан", "the password was delivered"}, "enabled": {"включена", "enabled"}, "disabled": {"отключена", "disabled"},
	"name": {"имя для входа изменено", "the login name was changed"}, "upn": {"имя в Teams изменено", "the name in Teams was changed"}, "place": {"перенесена в другой отдел", "moved to another unit"},
	"displayName": {"показываемое имя изменено", "the display name was changed"}, "attributes": {"сведения обновлены", "attributes were updated"},
}

func (t *teller) provision() {
	var done []string
	for _, what := range t.list("changed") {
		if said := t.of(changed, what); said != "" {
			done = append(done, said)
		}
	}
	t.add(strings.Join(done, ", "))
	problems := t.list("problems")
	for _, code := range problems {
		t.add(explain.ProblemText(t.lang, "", code).Meaning)
	}
	switch {
	case len(problems) > 0:
		t.line.Tone = Bad
	case t.yes("ready"):
		t.say("всё как должно быть", "all is as it should be")
		t.line.Tone = Good
	}
}

func (t *teller) apply() {
	t.schools("school")
	t.counted("accept_disabling", "согласие отключить", "consent to disable")
	t.counted("accept_moves", "согласие перенести", "consent to move")
	t.counted("accept_renames", "согласие переименовать", "consent to rename")
	t.counted("accept_groups", "согласие вывести из групп", "consent to take out of groups")
}

func (t *teller) claims() {
	t.counted("pairs", "указанных пар", "pairs that were named")
	if t.yes("certain") {
		t.say("все бесспорные", "all that are certain")
	}
}

func (t *teller) planned() {
	t.schools("school")
	t.counted("accounts", "учётных записей", "accounts")
	t.counted("proposals", "предложений", "proposals")
}

func (t *teller) duplicates() {
	t.named("group", "группа", "group")
	t.counted("groups", "групп", "groups")
	t.counted("accounts", "учётных записей", "accounts")
	t.counted("disabling", "из них отключается", "of them disabled")
	t.counted("accept_disabling", "согласие отключить", "consent to disable")
	if s := t.text("stopped"); s != "" {
		t.add(duplicates.WordsFor(string(t.lang)).Stop(duplicates.Stop(s)))
	}
}

var verbs = map[string]both{
	"bind": {"запись принадлежит человеку", "the record is the person's"}, "refuse": {"отказ", "refused"}, "adopt": {"учётная запись AD взята", "the account in AD is taken over"},
	"claim": {"учётная запись AD взята списком", "the account in AD is taken over in bulk"}, "allocate": {"имя дано", "the name is given"},
	"transfer": {"человек переведён на другую учётную запись mos.ru", "the person is moved to another mos.ru account"},
}

func (t *teller) decision() {
	stem, _ := queue.Split(t.text("item"))
	kind, _, _ := queue.Prefix(stem)
	if verb := t.text("verb"); kind == queue.Support && verb == string(queue.Refuse) { // nobody is refused anything
		t.say("обращение закрыто", "the letter is closed")
	} else {
		t.add(t.of(verbs, verb))
	}
	t.named("name", "имя", "name")
	t.records()
	t.reason()
}

func (t *teller) letter() {
	t.schools("school")
	if t.yes("signed_in") {
		t.say("после входа через mos.ru", "after signing in with mos.ru")
	} else {
		t.say("без входа", "without signing in")
	}
}

func (t *teller) deadlines() {
	t.schools("school")
	t.named("staff", "сотрудники до", "staff by")
	t.named("pupils", "ученики до", "pupils by")
	t.named("parents", "родители до", "parents by")
}

var roles = map[string]both{
	"school": {"администратор школы", "school administrator"}, "curator": {"куратор", "curator"}, "operator": {"оператор города", "operator"}, "auditor": {"аудитор", "auditor"},
}

func (t *teller) rights() {
	for _, role := range append(t.list("roles"), t.text("role")) {
		t.add(t.of(roles, role))
	}
	t.schools("schools")
}

func (t *teller) invited() {
	if t.yes("replaced") {
		t.say("вместо прежнего приложения", "in place of the app before")
	}
}

func (t *teller) factor() {
	if t.text("how") == "recovery" {
		left, _ := t.number("recovery_left")
		t.say("резервным кодом, осталось %d", "with a recovery code, %d are left", left)
	}
}

func (t *teller) factorRefused() {
	if t.text("for") == "factor_enrolled" {
		t.say("при подключении приложения", "while connecting an app")
	}
	t.counted("failures", "неудач подряд", "failures in a row")
}

func (t *teller) glass() {
	t.counted("uses", "использован раз", "times used")
	t.counted("wrong", "неверных попыток за час", "wrong tries within the hour")
	t.counted("untold", "ещё попыток без записи", "further tries without a line")
}

// imported tells of files, a list of what each came to.
func (t *teller) imported() {
	files, _ := t.data["list"].([]any)
	for _, f := range files {
		fields, _ := f.(map[string]any)
		one := &teller{lang: t.lang, data: fields}
		name := one.text("Kind")
		read, _ := one.number("Read")
		bad, _ := one.number("Bad")
		one.counted("New", "новых", "new")
		one.counted("Changed", "изменено", "changed")
		one.counted("Gone", "исчезло", "gone")
		one.counted("Bad", "с ошибками", "faulty")
		text := one.word("%s: прочитано %d", "%s: %d read")
		t.say(text, text, t.registry(name), read)
		t.said[len(t.said)-1] += strings.Join(append([]string{""}, one.said...), ", ")
		if bad > 0 {
			t.line.Tone = Bad
		}
	}
}

var registryWords = map[string]both{
	"kadry": {"Кадры", "staff"}, "kontingent": {"Контингент", "pupils"}, "zapis": {"Запись в ОУ", "cards"}, "schools": {"школы", "schools"}, "ezhd": {"входы в ЭЖД", "sign-ins to the diary"},
	"employments": {"Кадры", "staff"}, "enrolments": {"Контингент", "pupils"}, "cards": {"Запись в ОУ", "cards"}, "ezhd_logins": {"входы в ЭЖД", "sign-ins to the diary"},
}

func (t *teller) registry(name string) string {
	if said := t.of(registryWords, name); said != "" {
		return said
	}
	return name
}

func (t *teller) chunk() {
	t.add(t.registry(t.text("registry")))
	t.counted("rows", "строк", "rows")
	t.counted("gone", "исчезло", "gone")
}

var configs = map[string]both{"reloaded": {"перечитаны", "read again"}, "in force": {"служба запущена с ними", "the service was started with it"}}

func (t *teller) config() {
	what := t.text("config")
	if said := t.of(configs, what); said != "" {
		what = said
	}
	t.add(what)
	if waiting := t.list("waiting_for_restart"); len(waiting) > 0 {
		t.say("подействуют после перезапуска: %s", "take effect after a restart: %s", strings.Join(waiting, ", "))
	}
}

func (t *teller) erased() {
	if before := t.text("Before"); len(before) >= len("2006-01-02") {
		t.say("старше %s", "older than %s", before[8:10]+"."+before[5:7]+"."+before[:4])
	}
}

// heads tells how far the chains of other daemons were.
func (t *teller) heads() {
	heads, _ := t.data["heads"].([]any)
	for _, head := range heads {
		h, _ := head.(map[string]any)
		chain, _ := h["chain"].(string)
		if n, ok := h["line"].(float64); ok {
			t.say("%s: строка %.0f", "%s: line %.0f", chain, n)
		}
	}
}

func (t *teller) schoolOf() { t.schools("school") }

// asked tells what a command was asked for; what was typed may be anything, so that
// only logins are said.
func (t *teller) asked() {
	t.named("asked", "спросили", "asked for")
	t.counted("found", "найдено", "found")
}

var platforms = map[string]string{"apple": "Apple", "windows": "Windows", "android": "Android", "linux": "Linux"}

func (t *teller) profile() {
	t.add(platforms[t.text("for")])
	if t.text("by") == "cabinet" {
		t.say("на своей странице", "on the own page")
	}
}

// pages are those of the console, as their readings name them.
var pages = map[string]both{
	"people": {"поиск людей", "search for people"}, "person": {"страница человека", "a person's page"}, "address": {"у кого был адрес", "who had an address"},
	"queue": {"очередь решений", "decisions that wait"}, "case": {"вопрос из очереди", "a question of the queue"}, "problems": {"список проблем", "list of problems"}, "problems file": {"список проблем файлом", "list of problems as a file"},
	"wifi": {"кто в Wi-Fi", "who is on the Wi-Fi"}, "wifi refused": {"кому отказал Wi-Fi", "whom the Wi-Fi refused"}, "wifi session": {"сеанс Wi-Fi", "a session of the Wi-Fi"},
	"launch missing": {"кто ещё не активирован", "who has not activated yet"}, "launch file": {"список школы файлом", "a school's list as a file"},
	"rights": {"кто что администрирует", "who administers what"}, "duplicate": {"группа дубликатов", "a group of duplicates"}, "duplicates": {"дубликаты", "duplicates"}, "duplicates done": {"сделанное с дубликатами", "what was done with duplicates"},
	"duplicates report": {"отчёт о дубликатах файлом", "report on duplicates as a file"}, "namesakes": {"тёзки", "namesakes"}, "devices": {"свои устройства", "the own devices"},
	"trail": {"журнал аудита", "the audit trail"}, "trail file": {"журнал аудита файлом", "the audit trail as a file"},
}

func (t *teller) read() {
	t.add(t.of(pages, t.text("page")))
	t.schools("school")
	t.named("record", "запись", "record")
	t.counted("found", "показано", "shown")
}

func (t *teller) ownDenied() { t.counted("times", "за минуту", "within a minute") }

func (t *teller) denied() {
	t.named("page", "страница", "page")
	t.named("item", "вопрос", "question")
	t.schools("school")
	t.ownDenied()
}
