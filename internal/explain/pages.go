package explain

import "strings"

// OnPage says a remedy to somebody who reads it on a page of administration: where it
// names a command, the page that does the same, else the operator as who runs it.
func OnPage(lang Lang, remedy string) string {
	return onPage[lang].Replace(remedy)
}

// onPage has what stands in a remedy of the commands, and what stands there on pages. Of
// two that begin alike the longer one comes first.
var onPage = map[Lang]*strings.Replacer{
	Russian: strings.NewReplacer(
		"скажут она и schoolbridge explain", "скажут она и страница человека в разделе «Люди»",
		"показывает schoolbridge explain ЛОГИН", "показывает страница человека в разделе «Люди»",
		"приостановили здесь — schoolbridge account resume", "приостановили здесь — открывает оператор командой schoolbridge account resume",
		"Открывает schoolbridge account resume", "Открывает оператор командой schoolbridge account resume",
		"закрывайте вход здесь: schoolbridge account suspend", "вход здесь закрывает оператор командой schoolbridge account suspend",
		"показывает schoolbridge sessions --login ЛОГИН", "показывает страница человека, ему самому — «Устройства и входы»",
		"говорит schoolbridge sessions --address", "говорит раздел «У кого был адрес»",
		"(schoolbridge duplicates plan)", "в разделе «Дубликаты»", "одобряет группу (duplicates apply --approve)", "одобряет группу там же",
		"предложит schoolbridge duplicates plan", "предложит раздел «Дубликаты»",
		"(queue decide … transfer)", "в «Очереди решений»",
		"schoolbridge queue undo ", "«Очередь решений», решение ", "schoolbridge queue show ", "«Очередь решений», вопрос ",
		"снимает schoolbridge provision claim drop", "снимает оператор командой schoolbridge provision claim drop",
		"говорит schoolbridge provision plan", "говорит оператору schoolbridge provision plan",
		"сразу — schoolbridge provision apply", "сразу — оператор командой schoolbridge provision apply",
		"schoolbridge wifi profile", "страница «Настройка Wi-Fi» самого человека",
		"Проверьте файл: schoolbridge config check", "Оператор проверяет файл: schoolbridge config check",
		"сверьте сертификат сервера с разделом wifi: schoolbridge config check", "оператор сверяет сертификат сервера с разделом wifi: schoolbridge config check",
		"показывает schoolbridge policy test", "показывает оператору schoolbridge policy test",
		"написано в журнале службы: journalctl -u schoolbridge", "написано в журнале службы, его читает оператор",
		"перечитайте настройки (systemctl reload schoolbridge)", "оператор перечитывает настройки (systemctl reload schoolbridge)",
	),
	English: strings.NewReplacer(
		"by the page and by schoolbridge explain", "by the page and by the person's page under “People”",
		"schoolbridge explain LOGIN tells who closed it", "The person's page under “People” tells who closed it",
		"suspended here: schoolbridge account resume", "suspended here: the operator opens it with schoolbridge account resume",
		"schoolbridge account resume LOGIN --reason WHY opens it", "The operator opens it with schoolbridge account resume LOGIN --reason WHY",
		"schoolbridge account resume opens it", "The operator opens it with schoolbridge account resume",
		"shuts the person out here: schoolbridge account suspend", "has the operator shut the person out here: schoolbridge account suspend",
		"schoolbridge sessions --login LOGIN shows them", "the person's page shows them, and the person's own page “Devices and sign-ins”",
		"told by schoolbridge sessions --address", "told by “Who had an address”",
		"(schoolbridge duplicates plan)", "under “Duplicates”", "approves the group (duplicates apply --approve)", "approves the group there",
		"schoolbridge duplicates plan proposes", "“Duplicates” proposes",
		"(queue decide … transfer)", "under “Decisions that wait”",
		"schoolbridge queue undo ", "“Decisions that wait”, decision ", "schoolbridge queue show ", "“Decisions that wait”, question ",
		"schoolbridge provision claim drop takes it back", "the operator takes it back with schoolbridge provision claim drop",
		"told by schoolbridge provision plan", "told to the operator by schoolbridge provision plan",
		"schoolbridge provision apply --person LOGIN does it now", "the operator does it now with schoolbridge provision apply --person LOGIN",
		"schoolbridge wifi profile", "the person's own page “Wi-Fi set-up”",
		"Check it: schoolbridge config check", "The operator checks it: schoolbridge config check",
		"compare the server's certificate with the section wifi: schoolbridge config check", "the operator compares the server's certificate with the section wifi: schoolbridge config check",
		"What it sees, schoolbridge policy test shows", "What it sees, schoolbridge policy test shows the operator",
		"stands in the daemon's log: journalctl -u schoolbridge", "stands in the daemon's log, which the operator reads",
		"reload (systemctl reload schoolbridge)", "let the operator reload (systemctl reload schoolbridge)",
	),
}
