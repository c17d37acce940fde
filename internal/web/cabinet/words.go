package cabinet

import "schoolbridge/internal/web"

// words are the texts of the room.
var words = web.JoinWords(wordsMe, wordsDevices, wordsSetup)

// wordsMe are the texts of the first page.
var wordsMe = web.Words{
	"me.way":            {"Мой кабинет", "My page"},
	"me.title":          {"Мой логин", "My login"},
	"me.login":          {"Ваш логин", "Your login"},
	"me.password":       {"Пароль — от mos.ru. Меняют и восстанавливают его только там; новый действует сразу, изредка — через несколько минут.", "The password is that of mos.ru. It is changed and recovered only there; a new one works at once, at times after some minutes."},
	"me.password.of":    {"Пароль — от системы «%s». Меняют его только там.", "The password is that of the system “%s”. It is changed only there."},
	"me.serves":         {"Где он действует", "Where it serves"},
	"me.place.web":      {"mos.ru и сервисы МЭШ", "mos.ru and the MESH services"},
	"me.place.wifi":     {"Wi-Fi школы", "School Wi-Fi"},
	"me.place.wifi.at":  {"Wi-Fi школы: %s", "School Wi-Fi: %s"},
	"me.place.pc":       {"Рабочие ПК и интерактивные доски", "Work PCs and interactive boards"},
	"me.place.teams":    {"Teams", "Teams"},
	"me.state.ready":    {"работает", "works"},
	"me.state.pending":  {"готовится", "being prepared"},
	"me.state.problem":  {"нужна помощь", "needs help"},
	"me.wifi":           {"Wi-Fi", "Wi-Fi"},
	"me.wifi.good":      {"Wi-Fi вас пускает", "The Wi-Fi admits you"},
	"me.wifi.on":        {"Сейчас подключено устройств: %d.", "Devices connected now: %d."},
	"me.wifi.off":       {"Сейчас ни одно ваше устройство не подключено.", "None of your devices is connected now."},
	"me.wifi.bad":       {"Почему Wi-Fi не пускает", "Why the Wi-Fi refuses"},
	"me.wifi.maybe":     {"Кто-то пытался войти с вашим логином", "Somebody tried to sign in with your login"},
	"me.wifi.unproven":  {"Так назвалось устройство; доказательств, что оно ваше, нет. Если это были не вы, ничего делать не нужно.", "A device gave this name, and nothing proves that it is yours. If it was not you, there is nothing to do."},
	"me.wifi.when":      {"Последняя попытка: %s.", "Last attempt: %s."},
	"me.wifi.code":      {"Код для администратора:", "Code for the administrator:"},
	"me.wifi.setup":     {"Настроить Wi-Fi", "Set up the Wi-Fi"},
	"me.wifi.devices":   {"Устройства и входы", "Devices and sign-ins"},
	"me.activation":     {"Страница активации и смена пароля", "Activation page and changed password"},
	"me.wifi.refreshed": {"Проверить ещё раз", "Check once more"},
}

// wordsDevices are those of devices and sign-ins.
var wordsDevices = web.Words{
	"devices.title":        {"Устройства и входы", "Devices and sign-ins"},
	"devices.on":           {"Сейчас в Wi-Fi", "On the Wi-Fi now"},
	"devices.on.none":      {"Ни одного вашего устройства сейчас в Wi-Fi нет.", "None of your devices is on the Wi-Fi now."},
	"devices.bound":        {"Сразу можно подключить устройств: %d.", "So many devices may be on at once: %d."},
	"devices.before":       {"Были в сети недавно", "Were on lately"},
	"devices.device":       {"Устройство", "Device"},
	"devices.unnamed":      {"без адреса", "without address"},
	"devices.network":      {"Сеть", "Network"},
	"devices.school":       {"Школа", "School"},
	"devices.since":        {"С какого времени", "Since"},
	"devices.from":         {"с %s", "since %s"},
	"devices.until":        {"До", "Until"},
	"devices.off":          {"Отключить", "Disconnect"},
	"devices.off.what":     {"Отключить устройство %s", "Disconnect the device %s"},
	"devices.waiting":      {"отключаем…", "disconnecting…"},
	"devices.no":           {"точка доступа не отключила", "the access point did not disconnect it"},
	"devices.hint":         {"Отключённое устройство, на котором сохранён пароль, подключится снова. Потеряли устройство — смените пароль на mos.ru: старый перестанет действовать везде.", "A disconnected device that has kept the password connects again. If you have lost one, change the password on mos.ru: the old one then serves nowhere."},
	"devices.address":      {"Адрес устройства (MAC) показан в его настройках Wi-Fi.", "A device's address (MAC) is shown in its Wi-Fi settings."},
	"devices.signins":      {"Последние входы", "Last sign-ins"},
	"devices.none":         {"Входов пока не было.", "There were no sign-ins yet."},
	"devices.when":         {"Когда", "When"},
	"devices.where":        {"Где", "Where"},
	"devices.result":       {"Итог", "Result"},
	"devices.ok":           {"вошли", "signed in"},
	"devices.times":        {"раз: %d", "times: %d"},
	"devices.said":         {"назван только логин", "only the login was said"},
	"devices.channel.wifi": {"Wi-Fi", "Wi-Fi"},
	"devices.channel.ldap": {"ПК или доска", "PC or board"},
	"devices.channel.web":  {"сайт", "site"},
	"devices.strange":      {"Не узнаёте устройство или вход? Смените пароль на mos.ru.", "You do not recognise a device or a sign-in? Change the password on mos.ru."},
}

// wordsSetup are those of the set-up of devices.
var wordsSetup = web.Words{
	"setup.title":        {"Настройка Wi-Fi", "Wi-Fi set-up"},
	"setup.lead":         {"Настройка проверяет, что сеть — школьная, и никому другому пароль не отдаст. Самого пароля в файлах нет.", "The set-up makes sure that the network is the school's and gives the password to nobody else. The files hold no password."},
	"setup.guess":        {"Мы узнали устройство по браузеру. Настраиваете другое — выберите его.", "We recognised the device by its browser. If you set up another one, choose it."},
	"setup.kinds":        {"Устройство", "Device"},
	"setup.kind.apple":   {"iPhone, iPad, Mac", "iPhone, iPad, Mac"},
	"setup.kind.windows": {"Windows", "Windows"},
	"setup.kind.android": {"Android", "Android"},
	"setup.kind.linux":   {"Linux", "Linux"},
	"setup.kind.board":   {"Доска", "Board"},
	"setup.download":     {"Скачать %s", "Download %s"},
	"setup.steps":        {"Что делать", "What to do"},
	"setup.others":       {"Для тех, кто настраивает много устройств", "For whoever sets up many devices"},
	"setup.qr":           {"Настроить телефон", "Set up a phone"},
	"setup.qr.text":      {"Наведите камеру телефона: откроется эта же страница, и телефон получит свою настройку. Войти нужно и на телефоне; интернет — пока мобильный.", "Point the phone's camera here: the same page opens, and the phone gets its own set-up. You sign in on the phone too; use mobile data for now."},
	"setup.qr.label":     {"QR-код с адресом этой страницы", "QR code with the address of this page"},
	"setup.board.1":      {"На доске вводят тот же логин и пароль mos.ru, что на рабочем ПК. Почта, телефон и СНИЛС там не годятся.", "On a board you type the same login and mos.ru password as on a work PC. E-mail, phone and SNILS do not serve there."},
	"setup.board.2":      {"К Wi-Fi доску подключает администратор школы, один раз и без вашего пароля: не сохраняйте на ней свой.", "A board is joined to the Wi-Fi by the school's administrator, once and without your password: do not save yours on it."},
	"setup.board.3":      {"Закончили урок — выйдите: следующий войдёт под собой.", "When the lesson is over, sign out: the next one signs in as himself."},
}
