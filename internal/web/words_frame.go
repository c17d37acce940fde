package web

// wordsFrame are the texts around every page, and of the pages that say that a
// request was wrong.
var wordsFrame = map[string]both{
	"frame.name":      {"Единый вход", "One sign-in"},
	"frame.skip":      {"К содержанию", "Skip to content"},
	"frame.language":  {"English", "Русский"},
	"frame.help":      {"Помощь", "Help"},
	"frame.support":   {"Написать нам", "Write to us"},
	"frame.fallback":  {"Войти через dnevnik.mos.ru", "Sign in with dnevnik.mos.ru"},
	"frame.sign-out":  {"Выйти", "Sign out"},
	"frame.home":      {"На первую страницу", "To the first page"},
	"frame.links":     {"Полезные ссылки", "Useful links"},
	"frame.other-way": {"Другие способы", "Other ways"},

	"error.missing.title": {"Такой страницы нет", "There is no such page"},
	"error.missing.text":  {"Адрес набран с ошибкой, или страница переехала.", "The address is misspelt, or the page has moved."},
	"error.foreign.title": {"Запрос пришёл с чужого сайта", "The request came from another site"},
	"error.foreign.text":  {"Мы его не выполнили: так вас защищают от поддельных страниц. Откройте нужную страницу здесь сами.", "We did not carry it out: this protects you from forged pages. Please open the page here yourself."},
	"error.often.title":   {"Слишком много запросов", "Too many requests"},
	"error.often.text":    {"С вашего адреса приходит слишком много запросов. Подождите минуту и повторите.", "Too many requests come from your address. Wait a minute and try again."},
	"error.bad.title":     {"Форма не прочитана", "The form could not be read"},
	"error.bad.text":      {"Вернитесь и заполните её ещё раз.", "Go back and fill it in once more."},
	"error.later.title":   {"Сейчас не получается", "Not possible right now"},
	"error.later.text":    {"У нас неполадка, и о ней уже знают. Повторите через несколько минут: введённое не потеряется и второй учётной записи не появится.", "Something is out of order on our side, and it is known. Try again in a few minutes: nothing is lost and no second account appears."},
	"error.broken.title":  {"Страница не получилась", "The page could not be made"},
	"error.broken.text":   {"Это наша ошибка. Повторите позже.", "This is our mistake. Please try again later."},
}

// wordsEntry are the texts of the first page.
var wordsEntry = map[string]both{
	"entry.title":      {"Вход", "Sign in"},
	"entry.left.title": {"Вы вышли", "You have signed out"},
	"entry.left":       {"На общем компьютере закройте окно браузера.", "On a shared computer, close the browser window."},
	"entry.lead":       {"Логин и пароль mos.ru — для сервисов МЭШ, Wi-Fi школы, рабочих ПК, интерактивных досок и Teams.", "Your mos.ru login and password serve for the MESH services, school Wi-Fi, work PCs, interactive boards and Teams."},
	"entry.button":     {"Войти через mos.ru", "Sign in with mos.ru"},
	"entry.gosuslugi":  {"Нет учётной записи mos.ru или вы живёте в другом регионе? На странице mos.ru выберите вход через Госуслуги.", "No mos.ru account, or you live in another region? Choose Gosuslugi on the mos.ru page."},
	"entry.form":       {"Войти с учётной записью другой организации", "Sign in with another organisation's account"},
	"entry.access":     {"Как получить доступ?", "How do I get access?"},
}
