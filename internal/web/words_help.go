package web

// wordsHelp are the texts of the help page: what people ask.
var wordsHelp = map[string]both{
	"help.title":  {"Помощь", "Help"},
	"help.lead":   {"Ответы на то, о чём спрашивают чаще всего.", "Answers to what people ask most."},
	"help.access": {"Как получить доступ?", "How do I get access?"},
	"help.access.1": {"Зарегистрируйтесь на mos.ru. Сотрудник указывает и подтверждает СНИЛС, ученик — телефон или почту, известные школе.",
		"Register on mos.ru. Staff enter and confirm the SNILS, pupils a phone or e-mail that the school knows."},
	"help.access.2": {"Войдите здесь через mos.ru и один раз введите пароль.", "Sign in here with mos.ru and type the password once."},
	"help.access.3": {"Дождитесь, пока Wi-Fi, рабочий ПК и Teams будут готовы: обычно меньше минуты, изредка до пяти.",
		"Wait until Wi-Fi, work PC and Teams are ready: usually less than a minute, at times up to five."},

	"help.password.q": {"Забыли пароль?", "Forgot the password?"},
	"help.password.a": {"Пароль один — от mos.ru, и восстанавливают его только там.", "There is one password, that of mos.ru, and it is recovered only there."},
	"help.change.q":   {"Сменили пароль — когда заработает новый?", "Changed the password: when does the new one work?"},
	"help.change.a":   {"Сразу; иногда нужно до пяти минут. В телефоне и ноутбуке замените сохранённый пароль Wi-Fi.", "At once; at times it takes up to five minutes. Replace the saved Wi-Fi password in your phone and laptop."},
	"help.wifi.q":     {"Не подключается Wi-Fi?", "The Wi-Fi does not connect?"},
	"help.wifi.a":     {"Рабочий ПК, на котором вы вошли с паролем mos.ru, подключается сам. На своём устройстве введите логин (не почту и не телефон) и пароль mos.ru.", "A work PC on which you signed in with the mos.ru password connects by itself. On your own device type the login (no e-mail, no phone) and the mos.ru password."},
	"help.refused.q":  {"Пишет «Такой учётной записи нет» или активация не удаётся?", "It says “no such account”, or the activation fails?"},
	"help.refused.a":  {"Сотрудник сверяет с кадровиком ФИО, СНИЛС, место работы и дату приёма (1С); верен СНИЛС, записанный в Кадрах. Ученик и родитель сверяют со школой ФИО, телефон и почту.", "Staff compare full name, SNILS, place of work and first day with the personnel officer (1C); the SNILS of the personnel system is the right one. Pupils and parents compare full name, phone and e-mail with the school."},
	"help.several.q":  {"Несколько учётных записей mos.ru?", "Several mos.ru accounts?"},
	"help.several.a":  {"Нужна та, где СНИЛС и контакты, которые вы дали школе. Разбросанные данные объединит поддержка mos.ru.", "The one that has the SNILS and the contacts that you gave to the school. Scattered data are merged by mos.ru support."},
	"help.simple.q":   {"Подойдёт ли упрощённая регистрация ребёнка?", "Does a child's simplified registration do?"},
	"help.simple.a":   {"Да.", "Yes."},
	"help.child.q":    {"А если ребёнок не войдёт?", "And if the child does not sign in?"},
	"help.child.a":    {"Тогда у него не будет доступа к МЭШ.", "Then the child has no access to MESH."},
	"help.diary.q":    {"Дневник на mos.ru останется?", "Does the diary on mos.ru stay?"},
	"help.diary.a":    {"Да, он никуда не денется.", "Yes, it does."},
	"help.region.q":   {"Живёте не в Москве?", "Not from Moscow?"},
	"help.region.a":   {"Войти может любой — любым способом, который предлагает mos.ru, в том числе через Госуслуги.", "Anybody may sign in, in any way that mos.ru offers, Gosuslugi included."},
	"help.mail.q":     {"Менять ли личную почту на служебную?", "Must the personal e-mail be changed to the official one?"},
	"help.mail.a":     {"Нет.", "No."},
	"help.parent.q":   {"Вы родитель?", "Are you a parent?"},
	"help.parent.a":   {"Активация не нужна: входите в дневник с логином и паролем mos.ru.", "No activation is needed: the diary opens with your mos.ru login and password."},
	"help.still.q":    {"Всё верно, а доступа нет?", "All is right, and still no access?"},
	"help.still.a":    {"Напишите нам: назовите логин и код, который показала страница.", "Write to us: give your login and the code that the page showed."},
	"help.questions":  {"Вопросы и ответы", "Questions and answers"},
}

// questions are those of the help page, in their order.
var questions = []string{"password", "change", "wifi", "refused", "several", "simple", "child", "diary", "region", "mail", "parent", "still"}
