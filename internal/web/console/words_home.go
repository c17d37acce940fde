package console

import "schoolbridge/internal/web"

// wordsHome are the texts of the first page and of the room's frame.
var wordsHome = web.Words{
	"console.title": {"Администрирование", "Administration"},
	"console.home":  {"Обзор", "Overview"},

	"home.roles":        {"Ваши права", "Your rights"},
	"home.waits":        {"Что происходит", "What is going on"},
	"home.unknown":      {"не удалось узнать", "could not be told"},
	"home.glass.title":  {"Был аварийный вход", "The emergency sign-in was used"},
	"home.glass":        {"Последний раз %s с адреса %s, всего с этим паролем: %d. Если это не ваши коллеги, немедленно смените пароль: schoolbridge rights break-glass.", "Last %s from %s; uses with this password so far: %d. If that was none of your colleagues, change the password at once: schoolbridge rights break-glass."},
	"home.glass.now":    {"Вы вошли аварийно. Когда mos.ru заработает, выйдите и войдите как обычно.", "You came in by the emergency sign-in. Once mos.ru works, leave and sign in as usual."},
	"home.few":          {"Осталось резервных кодов: %d. Попросите оператора подключить приложение заново — вы получите новые.", "Recovery codes left: %d. Ask the operator to connect the app anew: you will get new ones."},
	"home.leave":        {"Выйти из администрирования", "Leave administration"},
	"role.school":       {"Администратор школы", "Administrator of a school"},
	"role.curator":      {"Куратор школ", "Curator of schools"},
	"role.operator":     {"Оператор города", "Operator of the city"},
	"role.auditor":      {"Аудитор", "Auditor"},
	"role.school.may":   {"Видит людей своей школы и их учётные записи, решает спорные случаи, отключает устройства от Wi-Fi, выгружает списки.", "Sees the people of the school and their accounts, decides doubtful cases, takes devices off the Wi-Fi, exports lists."},
	"role.curator.may":  {"Видит людей своих школ и их учётные записи, решает спорные случаи, отключает устройства от Wi-Fi, выгружает списки; подтверждает исправление дубликатов.", "Sees the people of several schools and their accounts, decides doubtful cases, takes devices off the Wi-Fi, exports lists; approves repairs of duplicates."},
	"role.operator.may": {"Видит всех людей города, решает и исправляет всё, что могут кураторы; выдаёт права, видит настройки и журнал аудита.", "Sees all people of the city, decides and repairs whatever curators may; grants rights, sees configuration and audit trail."},
	"role.auditor.may":  {"Видит всё по всему городу и ничего не меняет.", "Sees everything in the whole city and changes nothing."},
	"role.city":         {"весь город", "the whole city"},
}
