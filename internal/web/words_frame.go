package web

// wordsFrame are the texts around every page.
var wordsFrame = Words{
	"frame.name":     {"Единый вход", "One sign-in"},
	"frame.skip":     {"К содержанию", "Skip to content"},
	"frame.language": {"English", "Русский"},
	"frame.help":     {"Помощь", "Help"},
	"frame.support":  {"Написать нам", "Write to us"},
	"frame.fallback": {"Войти через dnevnik.mos.ru", "Sign in with dnevnik.mos.ru"},
	"frame.sign-out": {"Выйти", "Sign out"},
	"frame.home":     {"На первую страницу", "To the first page"},
	"frame.links":    {"Полезные ссылки", "Useful links"},

	"frame.sections": {"Разделы", "Sections"},
	"frame.pager":    {"Страницы списка", "Pages of the list"},
	"frame.first":    {"В начало", "To the beginning"},
	"frame.next":     {"Дальше", "Next"},
}

// wordsErrors are those of the pages that say that a request was wrong.
var wordsErrors = Words{
	"error.missing.title": {"Такой страницы нет", "There is no such page"},
	"error.missing.text":  {"Адрес набран с ошибкой, или страница переехала.", "The address is misspelt, or the page has moved."},
	"error.closed.text":   {"Адрес набран с ошибкой, такой записи уже нет, или на эту страницу нет прав. Права выдаёт оператор города.", "The address is misspelt, what it names is gone, or you have no right to this page. The operator of the city grants rights."},
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
