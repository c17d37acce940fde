package main

import "strings"

// demoRussian is every line of demoText that people read, in Russian. Lines to
// copy are the same in both languages but for the language that they ask for.
var demoRussian = map[string]string{
	"schoolbridge demo: invented people, loopback only": "Демонстрация schoolbridge: люди вымышлены, доступна только с этой машины (English: --lang en)",

	"  RADIUS    127.0.0.1:1812 (sign-in), 1813 (accounting), 2083 (RadSec), secret {secret}":                                           "  RADIUS    127.0.0.1:1812 (вход), 1813 (учёт), 2083 (RadSec), секрет {secret}",
	"  LDAP      ldap://127.0.0.1:3389 (StartTLS), ldaps://127.0.0.1:3636, base {base}":                                                 "  LDAP      ldap://127.0.0.1:3389 (StartTLS), ldaps://127.0.0.1:3636, корень {base}",
	"  RadSec    a client comes with {radsec} and the key beside it":                                                                    "  RadSec    клиент приходит с сертификатом {radsec} и ключом рядом с ним",
	"  web       http://{web}/ (sign-in and activation), /me (what people do themselves), /support (write to us), /readyz /metrics":     "  веб       http://{web}/ (вход и активация), /me (кабинет), /support (написать нам), /readyz /metrics",
	"  AD        ldap://{ad} (simulated; StartTLS, and TLS on the same port), base {ad-base}, administrator {ad-admin} / {ad-password}": "  AD        ldap://{ad} (имитация; StartTLS и TLS на том же порту), корень {ad-base}, администратор {ad-admin} / {ad-password}",
	"  mos.ru    {sim}/ (simulated; this page lists its switches)":                                                                      "  mos.ru    {sim}/ (имитация; на этой странице её переключатели)",
	"  config    {config}": "  настройки {config}",
	"  CA        {ca}":     "  УЦ        {ca}",

	"  login      password         who":                                                                                   "  логин      пароль           кто",
	"  orlovami   Snegir-2021      teacher at two schools and a parent, activated":                                        "  orlovami   Snegir-2021      учитель в двух школах и родитель, активирована",
	"  belovas    Sinica-2021      pupil, activated":                                                                      "  belovas    Sinica-2021      ученик, активирован",
	"  evann      Zimorodok-2021   teacher, not yet activated: activate her on the page; AD has two old accounts of hers": "  evann      Zimorodok-2021   учитель, ещё не активирована: активируйте её на странице; в AD две её старые записи",
	"  smirnovao  Ivolga-2021      parent only: refused on PCs and Wi-Fi":                                                 "  smirnovao  Ivolga-2021      только родитель: на ПК и в Wi-Fi отказ",
	"  kimv       Krapivnik-2021   left the school last year: refused":                                                    "  kimv       Krapivnik-2021   уволилась в прошлом году: отказ",

	"  administration in a browser: http://{web}/console":                                                             "  администрирование в браузере: http://{web}/console",
	"  admin      {glass}   the emergency sign-in below the button: the whole city, without mos.ru":                   "  admin      {glass}   аварийный вход под кнопкой: весь город, без mos.ru",
	"  orlovami   her own sign-in, then an app with codes; administrator of school 000149; connection code: {invite}": "  orlovami   свой вход, потом приложение с кодами; администратор школы 000149; код подключения: {invite}",

	"Copy a line into another terminal (packages ldap-utils, freeradius-utils, curl):":                                      "Копируйте строки в другой терминал (пакеты ldap-utils, freeradius-utils, curl):",
	"A teacher signs in on a PC or board, with LDAPS and with StartTLS, then on the Wi-Fi:":                                 "Учитель входит на ПК или доске, через LDAPS и через StartTLS, потом в Wi-Fi:",
	"As her phone does it (WPA-Enterprise), with handshake, certificate, keys and VLAN:":                                    "Как это делает её телефон (WPA-Enterprise): рукопожатие, сертификат, ключи, VLAN:",
	"What a monitor asks of LDAP, and is told: each step with its time, the certificate and its days; exit code 0, 1 or 2:": "Что спросит у LDAP программа наблюдения и что узнает: каждый шаг с временем, сертификат и сколько дней ему осталось; код выхода 0, 1 или 2:",
	"A pupil:": "Ученик:",
	"A board without a sign-in comes into its own VLAN by its hardware address, which anybody can copy; why, and the rules against a table of cases:": "Доска без входа попадает в свой VLAN по аппаратному адресу, который может подделать любой; почему, и правила против таблицы случаев:",
	"A board looks a person up with its service account:":                                                                              "Доска ищет человека под своей служебной записью:",
	"Another board signs in with its certificate, without a password:":                                                                 "Другая доска входит с сертификатом, без пароля:",
	"A program that keeps a copy of the people asks, with the cookie at the end, for nothing but what has changed:":                    "Программа держит у себя копию людей; с cookie из конца ответа она спрашивает только изменившееся:",
	"A teacher activates. Active Directory holds two accounts of hers, and her mos.ru password opens neither (49):":                    "Учитель активируется. В Active Directory две её записи, и пароль mos.ru не открывает ни одну (49):",
	"  In a browser: http://{web}/, or here. One account is taken over, no third is made, and the password of mos.ru opens it:":        "  В браузере: http://{web}/, или здесь. Одна запись взята под управление, третьей нет, и пароль mos.ru её открывает:",
	"  She changes her password on mos.ru: seconds later Active Directory takes the new one and refuses the old one (49):":             "  Она меняет пароль на mos.ru: через секунды Active Directory принимает новый и не принимает старый (49):",
	"Would anything change in Active Directory? (exit code 1: something would, or there are problems)":                                 "Изменилось бы что-нибудь в Active Directory? (код 1: да, или есть проблемы)",
	"Whose data are to be repaired, by whom and how; how far activation is (what a curator is to decide: http://{web}/console/queue):": "У кого какие данные исправить, кому и как; сколько людей активировано (что решает куратор: http://{web}/console/queue):",
	"Which accounts are one person's; a plan with a report for the director; it is carried out, and taken back:":                       "Какие записи принадлежат одному человеку; план с отчётом для директора; его выполняют и отменяют:",
	"The files of School Data Sync for Teams; the second time only what changed is told:":                                              "Файлы School Data Sync для Teams; во второй раз команда говорит лишь о том, что изменилось:",
	"What her phone needs for the Wi-Fi, without a password in it (--for apple, windows, linux too):":                                  "Что нужно её телефону для Wi-Fi; пароля там нет (бывает и --for apple, windows, linux):",
	`mos.ru goes away and comes back: people seen lately go on, the others hear "not now", not "wrong password":`:                      "mos.ru пропадает и возвращается: кто входил недавно, работает, остальные слышат «не сейчас», а не «неверный пароль»:",
	"All switches of the simulated mos.ru (changed passwords, events, slowness), with lines to copy:":                                  "Все переключатели имитации mos.ru (смена пароля, события, медлительность), со строками для копирования:",
	"Is everything well?": "Всё ли в порядке?",
	"What does the audit trail say of somebody, and is it whole?":                    "Что говорит о человеке журнал аудита, и цел ли он?",
	"Who is this, and what speaks against signing in? (exit code 1: something does)": "Кто это и что мешает войти? (код 1: что-то мешает)",

	"A password that you changed stays changed: --fresh starts over. Ctrl-C stops the demo.": "Изменённый пароль таким и останется: --fresh начинает заново. Ctrl-C останавливает демонстрацию.",
}

// demoTextIn is demoText in a language, ru or en.
func demoTextIn(lang string) string {
	if lang == "en" {
		return demoText
	}
	var b strings.Builder
	for line := range strings.Lines(demoText) {
		if russian, ok := demoRussian[strings.TrimSuffix(line, "\n")]; ok {
			line = russian + "\n"
		} else if demoCommand(line) {
			line = strings.Replace(line, " --lang en ", " ", 1)
		}
		b.WriteString(line)
	}
	return b.String()
}

// demoCommand says that a line is to be copied.
func demoCommand(line string) bool { return strings.HasPrefix(line, "    ") }
