package console

import "schoolbridge/internal/web"

// wordsStats are the texts of the statistics. The columns bear the names that
// people know from the city's table.
var wordsStats = web.Words{
	"stats.title":        {"Статистика активаций", "Activation statistics"},
	"stats.nav":          {"Статистика", "Statistics"},
	"stats.glance":       {"аккаунтов активировано", "of the accounts are activated"},
	"stats.glance.first": {"ещё считается", "still being counted"},
	"stats.files":        {"Скачать таблицу", "Download the table"},
	"stats.first":        {"Цифры считаются впервые. Страница обновится сама.", "The figures are being counted for the first time. The page will show them by itself."},
	"stats.empty":        {"Школ в реестрах пока нет: загрузите выгрузки командой registry import.", "There are no schools in the registries yet: load the exports with registry import."},
	"stats.at":           {"Посчитано %s.", "Counted %s."},
	"stats.kept":         {"По состоянию на %s.", "As it was on %s."},
	"stats.counting":     {"Новые цифры считаются, обновите страницу через минуту.", "New figures are being counted, reload in a minute."},
	"stats.school":       {"Школа: номер, название или ID", "School: number, name or ID"},
	"stats.find":         {"Найти", "Find"},
	"stats.none":         {"Таких школ нет", "There are no such schools"},
	"stats.share":        {"Доля активированных", "Share of those activated"},
	"stats.all":          {"Все вместе", "All together"},
	"stats.what":         {"Что значат столбцы", "What the columns mean"},
	"stats.curve":        {"Активировано по дням", "Activated day by day"},
	"stats.curve.label":  {"Активировано: %s — %s, %s — %s", "Activated: %s — %s, %s — %s"},
	"stats.trend":        {"За последнюю неделю: %s. Осталось: %s.", "In the last week: %s. Left: %s."},

	"stats.tile.accounts":  {"всего УЗ", "accounts in all"},
	"stats.tile.activated": {"активировано, %d\u00a0%%", "activated, %d\u00a0%%"},
	"stats.tile.left":      {"ещё не активировано", "not activated yet"},
	"stats.tile.failed":    {"неуспешная активация|неуспешные активации|неуспешных активаций", "activation that failed|activations that failed"},

	"stats.col.id":        {"ID ЕКИС", "EKIS ID"},
	"stats.col.nsi":       {"ID ОО (НСИ)", "NSI ID"},
	"stats.col.name":      {"Название ОО", "School"},
	"stats.col.accounts":  {"Всего УЗ", "Accounts"},
	"stats.col.activated": {"Активировано УЗ в АУПД", "Activated in AUPD"},
	"stats.col.failed":    {"Неуспешных активаций УЗ в АУПД", "Failed activations in AUPD"},
	"stats.col.only":      {"Количество входов только через АУПД", "Signed in through AUPD only"},
	"stats.col.sign_ins":  {"Количество входов в ЭЖД", "Sign-ins to the diary"},
	"stats.col.founder":   {"Учредитель", "Founder"},

	"stats.means.accounts":  {"сколько людей сейчас работает и учится в школе, без родителей", "how many people work and study at the school today, without parents"},
	"stats.means.activated": {"сколько из них уже активировали аккаунт", "how many of them have activated their account"},
	"stats.means.failed":    {"сколько учётных записей, у которых активация не удалась и с тех пор не прошла", "accounts whose activation failed and has not succeeded since"},
	"stats.means.only":      {"сколько активированных, кого с 10.01.2021 не было на dnevnik.mos.ru", "activated accounts not seen on dnevnik.mos.ru since 10.01.2021"},
	"stats.means.sign_ins":  {"число входов, а не людей: может быть больше числа УЗ", "a count of sign-ins, not of people: may exceed the accounts"},

	"stats.categories":  {"Кто и к какому сроку", "Who, and by when"},
	"stats.category":    {"Категория", "Category"},
	"stats.people":      {"Всего", "People"},
	"stats.activated":   {"Активировано", "Activated"},
	"stats.deadline":    {"Срок", "Deadline"},
	"stats.no-deadline": {"не задан", "none set"},
	"stats.late":        {"прошло дней: %d", "days late: %d"},
	"stats.role.0":      {"Сотрудники", "Staff"},
	"stats.role.1":      {"Ученики", "Pupils"},
	"stats.role.2":      {"Родители (аккаунт им не нужен)", "Parents (need no account)"},
}
