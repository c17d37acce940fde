package console

import "schoolbridge/internal/web"

// wordsGate are the texts of the way in.
var wordsGate = web.Words{
	"entrance.title":      {"Администрирование", "Administration"},
	"entrance.lead":       {"Вход для администраторов школ, кураторов и операторов: сначала тот же вход, что и для всех, потом код из приложения на телефоне.", "For administrators of schools, curators and operators: first the same sign-in as for everybody, then a code from an app on your phone."},
	"entrance.button":     {"Войти через mos.ru", "Sign in with mos.ru"},
	"entrance.glass":      {"mos.ru не работает? Аварийный вход", "Is mos.ru down? Emergency sign-in"},
	"entrance.none.title": {"Нет прав администратора", "No administrator's rights"},
	"entrance.none":       {"Вы вошли, но этой учётной записи права не выданы. Их выдаёт оператор города: назовите ему свой логин и школу.", "You are signed in, but this account has no rights. The city's operator grants them: tell him your login and school."},
	"entrance.own":        {"К своей учётной записи", "To your own account"},

	"code.title":  {"Второй шаг входа", "The second step"},
	"code.lead":   {"Откройте приложение с кодами на телефоне и наберите шесть цифр.", "Open the app with the codes on your phone and type the six digits."},
	"code.label":  {"Код из приложения", "Code from the app"},
	"code.hint":   {"Нет телефона под рукой? Наберите один из резервных кодов: он сработает один раз.", "No phone at hand? Type one of your recovery codes: it works once."},
	"code.button": {"Продолжить", "Continue"},
	"code.lost":   {"Потеряли и телефон, и резервные коды? Оператор подключит новый телефон: попросите у него код подключения.", "Lost both the phone and the recovery codes? The operator connects a new phone: ask him for a connection code."},
	"code.wrong":  {"Код не подошёл. Каждый код действует полминуты и один раз: дождитесь следующего. Если не подходит и он, проверьте, что время на телефоне выставлено автоматически.", "The code does not fit. Each one works for half a minute and once: wait for the next. If that does not fit either, see that the phone sets its clock by itself."},
	"code.locked": {"Слишком много неверных кодов. Следующий будет проверен не раньше:", "Too many wrong codes. The next one is looked at not before:"},

	"enrol.title":      {"Подключите приложение с кодами", "Connect an app with codes"},
	"enrol.lead":       {"Одного пароля для администрирования мало. Подойдёт любое приложение, которое показывает одноразовые коды (TOTP): Яндекс Ключ, Google Authenticator, FreeOTP, Aegis.", "A password alone is not enough for administration. Any app that shows one-time codes (TOTP) will do: Yandex Key, Google Authenticator, FreeOTP, Aegis."},
	"enrol.1":          {"1. Наведите приложение на картинку", "1. Point the app at the picture"},
	"enrol.picture":    {"QR-код для приложения; тот же ключ написан рядом буквами", "QR code for the app; the same key stands beside it in letters"},
	"enrol.key":        {"или наберите в нём ключ:", "or type the key into it:"},
	"enrol.2":          {"2. Наберите код подключения, который дал оператор", "2. Type the connection code that the operator gave you"},
	"enrol.invitation": {"Код подключения", "Connection code"},
	"enrol.3":          {"3. Наберите шесть цифр, которые показывает приложение", "3. Type the six digits that the app shows"},
	"enrol.wrong": {"Код не подошёл. Сверьте код подключения с тем, что дал оператор. Код из приложения действует полминуты и один раз: дождитесь следующего; если не подходит и он, проверьте, что время на телефоне выставлено автоматически.",
		"The code does not fit. Compare the connection code with the one that the operator gave you. The app's code works for half a minute and once: wait for the next; if that does not fit either, see that the phone sets its clock by itself."},
	"enrol.button":    {"Подключить и войти", "Connect and sign in"},
	"enrol.not.title": {"Нужен код подключения", "A connection code is needed"},
	"enrol.not":       {"Права у вас есть, но приложение с кодами ещё не подключено, а код подключения не выдан или истёк. Попросите оператора города выдать новый.", "You have rights, but no app with codes is connected, and no connection code was given or it has expired. Ask the city's operator for a new one."},

	"codes.title":  {"Запишите резервные коды", "Note down the recovery codes"},
	"codes.lead":   {"Приложение подключено. Эти коды впустят вас, если телефона нет под рукой: каждый — один раз. Больше мы их не покажем.", "The app is connected. These codes let you in without the phone: each of them once. They are not shown again."},
	"codes.hint":   {"Распечатайте их или перепишите и храните не там, где телефон.", "Print them or copy them, and keep them apart from the phone."},
	"codes.button": {"Коды записаны", "I have noted them down"},

	"glass.title":    {"Аварийный вход", "Emergency sign-in"},
	"glass.lead":     {"Для дня, когда mos.ru не работает. Каждый вход виден всем операторам и записан в журнал аудита.", "For the day on which mos.ru is down. Every use is seen by all operators and written into the audit trail."},
	"glass.login":    {"Имя", "Name"},
	"glass.password": {"Пароль", "Password"},
	"glass.button":   {"Войти", "Sign in"},
	"glass.wrong":    {"Имя или пароль не подошли. Новый пароль делает команда schoolbridge rights break-glass на сервере.", "Name or password do not fit. The command schoolbridge rights break-glass on the server makes a new password."},
}
