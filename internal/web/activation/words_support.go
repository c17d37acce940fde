package activation

import "schoolbridge/internal/web"

// wordsSupport are the texts of the support form.
var wordsSupport = web.Words{
	"support.title":       {"Форма обратной связи", "Write to us"},
	"support.failed":      {"Проверьте поля — Форма обратной связи", "Check the fields — Write to us"},
	"support.heading":     {"Сообщение в техническую поддержку", "A message to technical support"},
	"support.subject":     {"Тема", "Subject"},
	"support.problem":     {"Проблемы со входом", "Trouble signing in"},
	"support.person":      {"Укажите сведения о персоне", "Tell us about the person"},
	"support.required":    {"Все поля обязательны.", "All fields are required."},
	"support.mosru":       {"Поля заполнены по данным mos.ru. Если в школе записано иначе — исправьте.", "The fields are filled in with what mos.ru says. If the school has it otherwise, correct them."},
	"support.last":        {"Фамилия", "Surname"},
	"support.first":       {"Имя", "First name"},
	"support.middle":      {"Отчество", "Patronymic"},
	"support.no-middle":   {"нет отчества", "no patronymic"},
	"support.school":      {"Образовательная организация", "School"},
	"support.school.hint": {"Начните вводить номер или название и выберите из списка", "Begin to type the number or name and choose from the list"},
	"support.unlisted":    {"Моей организации нет в списке", "My school is not in the list"},
	"support.snils":       {"СНИЛС", "SNILS"},
	"support.snils.hint":  {"11 цифр, например 112-233-445 95", "11 digits, for instance 112-233-445 95"},
	"support.snils.good":  {"Номер записан верно", "The number is well-formed"},
	"support.snils.bad":   {"В номере ошибка: контрольное число не сходится", "There is a slip in the number: the check digits do not fit"},
	"support.snils.more":  {"Осталось цифр:", "Digits to go:"},
	"support.button":      {"Продолжить", "Continue"},
	"support.safe":        {"Данные увидят только администраторы вашей школы и города. Пароль в сообщении не нужен.", "Only the administrators of your school and of the city see the data. No password belongs into the message."},

	"support.wrong":        {"Исправьте отмеченные поля", "Correct the fields that are marked"},
	"support.wrong.empty":  {"Заполните это поле", "Fill in this field"},
	"support.wrong.name":   {"Только буквы, дефис и пробел, до 80 знаков", "Letters, hyphens and blanks only, up to 80"},
	"support.wrong.middle": {"Введите отчество или отметьте «нет отчества»", "Type the patronymic or tick “no patronymic”"},
	"support.wrong.school": {"Такой организации нет в списке. Введите номер или выберите из подсказок", "No such school is in the list. Type its number or choose a suggestion"},
	"support.wrong.which":  {"Выберите, какая из них ваша", "Choose which of them is yours"},
	"support.wrong.snils":  {"Проверьте СНИЛС: 11 цифр, и последние две сходятся с остальными", "Check the SNILS: 11 digits, of which the last two fit the others"},
	"support.often":        {"Сейчас обращений больше, чем можно принять", "More messages come than can be taken"},
	"support.often.text":   {"Повторите через час или обратитесь к администратору своей школы.", "Try again in an hour, or turn to your school's administrator."},

	"support.sent":        {"Обращение принято", "Your message has arrived"},
	"support.sent.number": {"Номер обращения:", "Its number:"},
	"support.sent.keep":   {"Запишите его: по номеру обращение найдёт администратор школы.", "Write it down: the school's administrator finds the message by it."},
	"support.sent.next":   {"Что дальше", "What happens next"},
	"support.sent.1":      {"Администратор школы сверит эти данные с реестрами: ФИО, СНИЛС, место и дату начала работы или класс.", "The school's administrator compares these data with the registries: full name, SNILS, place and first day of work, or class."},
	"support.sent.2":      {"Если в реестре ошибка, её исправит кадровик или классный руководитель; если на mos.ru — вы сами, в личном кабинете.", "A slip in the registry is mended by the personnel officer or the class teacher, one at mos.ru by yourself, in your account there."},
	"support.sent.3":      {"Через один-два рабочих дня войдите ещё раз. Не получилось — назовите номер администратору школы.", "In one or two working days sign in again. If it does not work, tell the school's administrator the number."},
	"support.sent.button": {"На первую страницу", "To the first page"},
}
