package console

import "schoolbridge/internal/web"

// wordsRights are the texts of who administers what.
var wordsRights = web.Words{
	"rights.nav":   {"Права", "Rights"},
	"rights.title": {"Кто что администрирует", "Who administers what"},

	"rights.person":    {"Человек", "Person"},
	"rights.role":      {"Роль", "Role"},
	"rights.where":     {"Где", "Where"},
	"rights.since":     {"Выдано", "Granted"},
	"rights.by":        {"кем: %s", "by %s"},
	"rights.app":       {"Приложение с кодами", "App with codes"},
	"rights.app.yes":   {"подключено", "connected"},
	"rights.app.no":    {"не подключено", "not connected"},
	"rights.acts":      {"Действия", "Actions"},
	"rights.revoke":    {"Отозвать", "Revoke"},
	"rights.revoke.of": {"Отозвать роль «%s» у %s", "Revoke the role “%s” of %s"},
	"rights.enrol":     {"Новый код", "New code"},
	"rights.enrol.do":  {"Выдать код", "Give the code"},
	"rights.code":      {"Код из вашего приложения", "Code from your app"},
	"rights.enrol.of":  {"Новый код для %s", "New code for %s"},
	"rights.self":      {"это вы", "this is you"},
	"rights.empty":     {"Прав ещё никому не выдано.", "Nobody has been granted rights yet."},
	"rights.gone":      {"человек удалён", "the person was erased"},

	"rights.once.title": {"Код подключения для %s", "Connection code for %s"},
	"rights.once":       {"Передайте его лично или по телефону, не письмом. Он действует до %s и впустит один раз. Больше мы его не покажем.", "Hand it over in person or by telephone, not by e-mail. It counts until %s, once. It is not shown again."},
	"rights.once.done":  {"Код передан", "It was handed over"},

	"rights.new":          {"Выдать права", "Grant rights"},
	"rights.login":        {"Логин", "Login"},
	"rights.login.hint":   {"Учётная запись должна быть активирована.", "The account has to be activated."},
	"rights.schools":      {"ID ЕКИС школ", "IDs of the schools"},
	"rights.schools.hint": {"Администратору школы — один, куратору — несколько через пробел, остальным не нужно.", "One for an administrator of a school, several with spaces for a curator, none for the others."},
	"rights.grant":        {"Выдать", "Grant"},
	"rights.lost":         {"«Новый код» — для истёкшего кода подключения и для потерянного телефона: прежнее приложение и резервные коды сразу перестают действовать.", "“New code” is for a connection code that has expired, and for a lost phone: the former app and the recovery codes stop working at once."},

	"rights.wrong.role":     {"Выберите роль.", "Choose a role."},
	"rights.wrong.login":    {"Такого логина нет среди активированных учётных записей.", "There is no such login among the activated accounts."},
	"rights.wrong.school":   {"Школы с таким ID ЕКИС нет. Проверьте номер в карточке школы.", "There is no school with this ID. Look the number up on the school's card."},
	"rights.wrong.only":     {"Администратору школы нужна ровно одна школа; для нескольких выберите куратора.", "An administrator of a school needs exactly one; choose curator for several."},
	"rights.wrong.curator":  {"Куратору нужна хотя бы одна школа, каждая один раз.", "A curator needs at least one school, each of them once."},
	"rights.wrong.operator": {"Оператор — на весь город: уберите школы.", "An operator is for the whole city: remove the schools."},
	"rights.wrong.auditor":  {"Аудитор — на весь город: уберите школы.", "An auditor is for the whole city: remove the schools."},

	"rights.groups":       {"Группы Active Directory", "Groups of Active Directory"},
	"rights.groups.lead":  {"Их члены, и члены групп в них, имеют роль без записи здесь. Меняется в настройках: web.administration.groups.", "Their members, and members of groups in them, have the role without a line here. It is changed in the configuration: web.administration.groups."},
	"rights.groups.group": {"Группа", "Group"},
	"rights.wrong.for":    {"Ничего не выдано", "Nothing was granted"},
}
