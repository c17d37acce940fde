package explain

import "schoolbridge/internal/identity"

// Advice says in a person's words what a reason means and who mends it how.
type Advice struct {
	Meaning string
	Remedy  string // "" where nothing is to be done
}

// Lang is the language of a report.
type Lang string

// The languages. Russian is the default.
const (
	Russian Lang = "ru"
	English Lang = "en"
)

// AdviceFor gives the advice for a reason; the second value is false for a
// reason without one, which a test refuses.
func AdviceFor(lang Lang, reason identity.Reason) (Advice, bool) {
	table := russian
	if lang == English {
		table = english
	}
	a, ok := table[reason]
	return a, ok
}

var russian = map[identity.Reason]Advice{
	identity.ReasonConfirmed:        {"mos.ru только что подтвердил пароль", ""},
	identity.ReasonRecent:           {"пароль недавно подтверждён mos.ru", ""},
	identity.ReasonLocal:            {"mos.ru недоступен, пароль проверен по сохранённому образцу", ""},
	identity.ReasonKeptHash:         {"пароль или ответ MSCHAPv2 подходит к сохранённому образцу пароля", ""},
	identity.ReasonResumed:          {"устройство продолжило недавний вход", ""},
	identity.ReasonUnknown:          {"такого логина нет ни у кого", "Проверьте написание. Логин показан на странице активации; если человек ещё не активировал аккаунт, пусть активирует. У родителя, который в школе не работает и не учится, аккаунта не бывает: Wi-Fi и ПК ему не положены."},
	identity.ReasonLoginOnly:        {"введены почта, телефон или СНИЛС вместо логина", "На ПК, доске и в Wi-Fi действует только логин mos.ru: его показывает страница активации."},
	identity.ReasonNotActivated:     {"аккаунт не активирован", "Человек входит через mos.ru и один раз вводит пароль на странице активации. Если она откажет, что не сошлось и кто это исправляет, скажут она и schoolbridge explain."},
	identity.ReasonWrongPassword:    {"mos.ru не принял пароль", "Проверьте пароль входом на mos.ru; если он забыт, восстановите его там же («Не помню пароль»)."},
	identity.ReasonKnownBad:         {"этот пароль mos.ru недавно уже не принял; чтобы не заблокировать аккаунт, повторно он пока не спрашивается", "Обычно это старый пароль, сохранённый в телефоне или ноутбуке: введите на устройстве новый."},
	identity.ReasonEmptyPassword:    {"пароль пуст", "Введите пароль mos.ru; на доске проверьте, что поле пароля заполняется."},
	identity.ReasonLocalDiffers:     {"mos.ru недоступен, а пароль не тот, что mos.ru подтвердил в последний раз", "Проверьте пароль. Если его только что сменили, новый подойдёт, как только mos.ru ответит; до тех пор подходит прежний."},
	identity.ReasonHashDiffers:      {"пароль на устройстве не подходит к сохранённому образцу", "Введите на устройстве пароль mos.ru. " + afterAChange},
	identity.ReasonOldPassword:      {"на устройстве остался прежний пароль", "Введите на этом устройстве новый пароль mos.ru: «забудьте» сеть и подключитесь снова. " + afterAChange},
	identity.ReasonHashMissing:      {"для MSCHAPv2 (PEAP) нужен образец пароля, а его нет: здесь пароль ещё не вводили или его с тех пор сменили", learnAgain},
	identity.ReasonHashRevoked:      {"образец пароля для MSCHAPv2 отозван: mos.ru этот пароль больше не принимает", learnAgain},
	identity.ReasonHashTooOld:       {"образец пароля для MSCHAPv2 подтверждён слишком давно, а mos.ru не сообщает нам о смене паролей", learnAgain + " Срок задаёт auth.nt_max_age."},
	identity.ReasonHashOff:          {"вход по MSCHAPv2 здесь выключен (auth.nt_hash: false)", "Настройте на устройстве способ, который передаёт сам пароль (TTLS/PAP или PEAP-GTC)."},
	identity.ReasonFullSignIn:       {"прошлый вход слишком давний, чтобы его продолжить; устройство входит заново", ""},
	identity.ReasonSuspended:        {"аккаунт приостановлен", "Кто закрыл, показывает schoolbridge explain ЛОГИН. mos.ru — учётную запись восстанавливают там, потом человек активирует вход ещё раз; приостановили здесь — schoolbridge account resume."},
	identity.ReasonEnded:            {"нет действующего места работы или учёбы", "Если человек работает или учится, исправьте даты в Кадрах (1С) или статус в Контингенте и повторите загрузку реестров."},
	identity.ReasonNotStarted:       {"работа ещё не началась: дата приёма впереди", "Дождитесь даты приёма или исправьте её в Кадрах (1С)."},
	identity.ReasonRoleNotAllowed:   {"роли этого человека вход здесь не разрешён", "Родителям ПК и Wi-Fi школы не предоставляются. Для остальных смотрите правила в разделе policy настроек."},
	identity.ReasonSchoolNotAllowed: {"точка доступа, ПК или доска стоит в другой школе", "Ученик, доска и компьютер входят только в своей школе. Если точка доступа приписана не к той школе, исправьте school в разделе radius.clients."},
	identity.ReasonHours:            {"по правилу вход в этот час закрыт", "Часы задаёт hours в разделе policy."},
	identity.ReasonTooManyDevices:   {"у этого человека в Wi-Fi уже столько устройств, сколько разрешено", "Отключите лишнее: их показывает schoolbridge sessions --login ЛОГИН; устройство, которое вошло только что, считается минуту, даже если его там ещё нет. Число задаёт radius.simultaneous."},
	identity.ReasonReassigned:       {"логин на mos.ru теперь принадлежит другой учётной записи", "Вход закрыт, чтобы не пустить чужого. Если это тот же человек с новой учётной записью, он входит с ней на странице активации, и куратор переводит его на неё (queue decide … transfer)."},
	identity.ReasonThrottled:        {"слишком много неудачных попыток с этого логина, устройства или адреса", "Подождите и введите верный пароль; найдите устройство со старым паролем: оно видно в последних попытках входа."},
	identity.ReasonUpstreamDown:     {"mos.ru не отвечает", "Те, кто входил недавно, продолжают работать. Остальные повторят позже; оператор проверяет связь с mos.ru."},
	identity.ReasonUpstreamBusy:     {"mos.ru просит подождать или исчерпан наш запас запросов", "Повторите через минуту; если это случается часто, оператор увеличивает mosru.requests_per_second по договорённости с mos.ru."},
	identity.ReasonUpstreamLocked:   {"mos.ru временно заблокировал вход этого человека", "Подождите срок, названный на mos.ru, или восстановите доступ там же."},
	identity.ReasonSecondFactor:     {"mos.ru требует второй фактор, а здесь его ввести негде", "Человек входит на mos.ru в браузере, подтверждает вход и пробует здесь снова через минуту; оператор договаривается с mos.ru о входе по паролю для школ."},
	identity.ReasonUpstreamFault:    {"mos.ru не принял нас как клиента или ответил непонятно", "Оператор проверяет mosru.url, mosru.client_id и файл секрета."},
	identity.ReasonDisabledThere:    {"пароль верен, но в системе, которой принадлежит учётная запись, она отключена, просрочена или вне области поиска", "Администратор той системы включает или продлевает учётную запись; через минуту её спросят снова."},
	identity.ReasonExpiredThere:     {"пароль верен, но система, которой принадлежит учётная запись, требует сначала его сменить", "Смените пароль там, например на ПК этого домена, и войдите с новым."},
	identity.ReasonBarredThere:      {"пароль верен, но система, которой принадлежит учётная запись, не пускает её в этот час или отсюда", "Администратор той системы смотрит часы входа и список рабочих станций учётной записи."},
	identity.ReasonOverload:         {"сервер перегружен", "Повторите; оператор смотрит /metrics."},
	identity.ReasonEpochMoved:       {"пароль сменили как раз во время проверки", "Войдите ещё раз с новым паролем."},
	identity.ReasonCutOff:           {"сервер слишком долго без связи с хранилищем", "Оператор восстанавливает доступ к базе данных; причину называет /readyz."},
	identity.ReasonBadRequest:       {"запрос составлен неверно", "Проверьте настройки устройства или точки доступа."},

	identity.ReasonUnknownNAS: {"запросы RADIUS приходят с адреса, которого нет в radius.clients: они остаются без ответа", "Если это ваша точка доступа или контроллер, добавьте в radius.clients строку с этим адресом, школой и секретом и перечитайте настройки (reload)."},
	identity.ReasonNASSecret:  {"секрет RADIUS на точке доступа не тот, что здесь: её запросы остаются без ответа", "Впишите на точке доступа секрет из secret_file этой строки radius.clients (без пробелов и лишнего перевода строки) или исправьте файл и перечитайте настройки."},
	identity.ReasonUnsigned:   {"точка доступа не подписывает запросы (Message-Authenticator): они остаются без ответа", "Включите Message-Authenticator на точке доступа или обновите её; для старой, которая не умеет, есть message_authenticator: optional."},

	identity.ReasonListed:         {"аппаратный адрес есть в списке устройств", ""},
	identity.ReasonCertificate:    {"сертификат называет известный компьютер или человека", ""},
	identity.ReasonUnknownDevice:  {"аппаратного адреса (MAC) нет в списке устройств", "Если это доска или другое устройство школы, впишите адрес в radius.devices или в таблицу radius.devices_file и перечитайте настройки (reload). Телефоны и ноутбуки людей входят логином и паролем."},
	identity.ReasonStation:        {"спрашивают об одном устройстве, а подключается другое или неизвестно какое", "Включите на точке доступа или коммутаторе передачу Calling-Station-Id: в нём должен быть тот же аппаратный адрес, что и в User-Name."},
	identity.ReasonUnknownMachine: {"имя компьютера из сертификата не подходит ни к одной строке radius.machines", "Сверьте имя (dNSName) и удостоверяющий центр сертификата с radius.machines."},
	identity.ReasonWrongAuthority: {"сертификат без имени компьютера выпущен центром, который людей не называет", "Если этот центр выпускает сертификаты людям, впишите его в radius.people_authorities; сертификату компьютера нужно имя в dNSName."},

	identity.ReasonNotValid:       {"сертификат устройства просрочен или выпущен не теми центрами, которые названы в radius.eap.authorities", "Выпустите устройству новый сертификат или впишите его центр в radius.eap.authorities и перечитайте настройки (reload). Проверьте и часы устройства."},
	identity.ReasonRevoked:        {"сертификат устройства отозван", "Если отозван по ошибке, выпустите новый: отзыв не отменяют."},
	identity.ReasonListOutdated:   {"список отозванных сертификатов (CRL) просрочен, и никто по сертификату этого центра не входит", "Обновите файл radius.eap.authorities[].crl_file и перечитайте настройки (reload)."},
	identity.ReasonMethod:         {"устройство не знает ни одного из предлагаемых способов входа или просит сменить пароль, чего здесь не делают", "Настройте на устройстве PEAP или TTLS: профиль готовит schoolbridge wifi profile. Какие способы предлагаются, задают radius.eap.methods и inner. Портал или VPN спрашивает по CHAP — переключите его на PAP."},
	identity.ReasonMachineAccount: {"компьютер пытается войти сам (host/…) с паролем, а паролей компьютеров у службы нет", "В профиле Wi-Fi выберите вход пользователя, а не компьютера, либо выдайте компьютеру сертификат (EAP-TLS, radius.machines)."},
	identity.ReasonNamesDisagree:  {"пароль верен, но внешнее или внутреннее имя (identity) — не имя этого человека", "В поле «анонимное удостоверение» (outer identity) оставьте anonymous или пусто; проще всего заново поставить профиль: schoolbridge wifi profile."},
	identity.ReasonDistrust:       {"устройство не доверяет сертификату сервера: не знает удостоверяющего центра или ждёт другое имя сервера", "Поставьте на устройство профиль: schoolbridge wifi profile. Не доверяют многие сразу — сверьте сертификат сервера с разделом wifi: schoolbridge config check."},
	identity.ReasonHandshake:      {"устройство и сервер не договорились о TLS: нет общего шифра, нет сертификата для EAP-TLS или пришло что-то непонятное", "Обновите устройство. Если оно выбирает EAP-TLS без сертификата, поставьте профиль: schoolbridge wifi profile."},
	identity.ReasonOldTLS:         {"устройство умеет только TLS 1.1 и старше", "Нужен TLS 1.2: обновите устройство. Если нельзя, дайте ему отдельную сеть или впишите в radius.devices."},
	identity.ReasonNoMasterSecret: {"устройство говорит по TLS 1.2 без Extended Master Secret, и ключи Wi-Fi вывести нельзя", "Обновите устройство или включите на нём TLS 1.3. Если нельзя, дайте ему отдельную сеть."},
	identity.ReasonGaveUp:         {"сервер впустил, а устройство прервало вход или замолчало", "Чаще всего устройство не доверяет серверу или требует того, чего PEAP здесь не даёт (crypto-binding): поставьте профиль заново — schoolbridge wifi profile. Случай единичный — слабый сигнал, повторите."},
	identity.ReasonSilent:         {"устройство перестало отвечать посреди входа", "Чаще всего на экране ждёт ответа вопрос «доверять ли сертификату?» или устройство молча не доверяет: поставьте профиль — schoolbridge wifi profile. Молчат многие сразу — проверьте, доходят ли большие пакеты от точки доступа (MTU)."},
	identity.ReasonRoundTrips:     {"вход занял слишком много пакетов", "Точка доступа или устройство дробит пакеты слишком мелко: поднимите MTU (Framed-MTU). Для EAP-TLS сократите цепочку сертификатов устройства."},
	identity.ReasonConversation:   {"продолжение входа, который начат не здесь или слишком давно", "Если точка доступа знает несколько серверов, один вход должен идти через один из них. После перезапуска службы это случается и проходит само."},
}

// Ways out that several reasons share.
const (
	learnAgain     = "Человек один раз вводит пароль mos.ru на странице активации, на ПК или доске либо входит в Wi-Fi способом, который передаёт сам пароль (TTLS/PAP или PEAP-GTC)."
	afterAChange   = "Если пароль недавно сменили, сначала один раз введите новый на странице активации."
	learnAgainEn   = "The person types the mos.ru password once on the activation page, on a PC or board, or signs in to the Wi-Fi with a method that shows the password (TTLS/PAP or PEAP-GTC)."
	afterAChangeEn = "If it was changed lately, type the new one once on the activation page first."
)

var english = map[identity.Reason]Advice{
	identity.ReasonConfirmed:        {"mos.ru confirmed the password just now", ""},
	identity.ReasonRecent:           {"mos.ru confirmed the password a short while ago", ""},
	identity.ReasonLocal:            {"mos.ru is unreachable; the kept verifier fits the password", ""},
	identity.ReasonKeptHash:         {"the password or the MSCHAPv2 answer fits the kept hash of the password", ""},
	identity.ReasonResumed:          {"the device went on with a recent sign-in", ""},
	identity.ReasonUnknown:          {"nobody has this login", "Check the spelling. The activation page shows the login; somebody who has not activated yet does so first. A parent who neither works nor learns at a school has no account: Wi-Fi and PCs are not for parents."},
	identity.ReasonLoginOnly:        {"an e-mail, phone or SNILS was typed instead of the login", "PCs, boards and Wi-Fi take the mos.ru login only; the activation page shows it."},
	identity.ReasonNotActivated:     {"the account is not activated", "The person signs in through mos.ru and types the password once on the activation page. If it refuses, what does not fit and who repairs it is told by the page and by schoolbridge explain."},
	identity.ReasonWrongPassword:    {"mos.ru refused the password", "Try it on mos.ru; if it is forgotten, recover it there."},
	identity.ReasonKnownBad:         {"mos.ru refused this password lately; it is not asked again yet, so that the account does not get locked", "Usually an old password kept by a phone or laptop: type the new one on that device."},
	identity.ReasonEmptyPassword:    {"the password is empty", "Type the mos.ru password; on a board check that the password field is sent."},
	identity.ReasonLocalDiffers:     {"mos.ru is unreachable, and the password is not the one that it confirmed last", "Check the password. One that was changed just now fits as soon as mos.ru answers; until then the one before does."},
	identity.ReasonHashDiffers:      {"the device's password does not fit the kept hash", "Type the mos.ru password on the device. " + afterAChangeEn},
	identity.ReasonOldPassword:      {"the device still has the password before the last change", "Type the new mos.ru password on this device: forget the network and join it again. " + afterAChangeEn},
	identity.ReasonHashMissing:      {"MSCHAPv2 (PEAP) needs a hash of the password, and none is kept: it was never typed here, or was changed since", learnAgainEn},
	identity.ReasonHashRevoked:      {"the hash kept for MSCHAPv2 is revoked: mos.ru no longer takes its password", learnAgainEn},
	identity.ReasonHashTooOld:       {"the hash kept for MSCHAPv2 was confirmed too long ago, and mos.ru does not tell us of changed passwords", learnAgainEn + " The time is auth.nt_max_age."},
	identity.ReasonHashOff:          {"MSCHAPv2 is switched off here (auth.nt_hash: false)", "Set a method on the device that shows the password (TTLS/PAP or PEAP-GTC)."},
	identity.ReasonFullSignIn:       {"the last sign-in is too old to go on with; the device signs in anew", ""},
	identity.ReasonSuspended:        {"the account is suspended", "schoolbridge explain LOGIN tells who closed it. mos.ru: the account is recovered there, and then the person activates once more; suspended here: schoolbridge account resume."},
	identity.ReasonEnded:            {"no employment or enrolment is active", "If the person works or studies here, correct the dates in Kadry (1C) or the status in Kontingent and import again."},
	identity.ReasonNotStarted:       {"the employment has not started: its start date lies ahead", "Wait for the date or correct it in Kadry (1C)."},
	identity.ReasonRoleNotAllowed:   {"no rule admits this person's role here", "Parents get no PC and no school Wi-Fi. Otherwise see the policy section of the configuration."},
	identity.ReasonSchoolNotAllowed: {"the access point, PC or board stands in another school", "Pupils, boards and computers sign in at their own school only. If the access point is assigned to the wrong school, correct school in radius.clients."},
	identity.ReasonHours:            {"the rule does not admit at this hour", "The hours are set in the policy section."},
	identity.ReasonTooManyDevices:   {"the person has as many devices on the Wi-Fi as are allowed", "Take one off: schoolbridge sessions --login LOGIN shows them; one that has just signed in counts for a minute though it is not there yet. radius.simultaneous sets the number."},
	identity.ReasonReassigned:       {"the login belongs to another mos.ru account now", "Sign-in is closed so that no stranger gets in. If it is the same person with a new account, he signs in with it on the page of activation, and the curator moves him to it (queue decide … transfer)."},
	identity.ReasonThrottled:        {"too many failures from this login, device or address", "Wait and type the right password; find the device with the old one among the last sign-ins."},
	identity.ReasonUpstreamDown:     {"mos.ru does not answer", "People who signed in lately go on. Others try later; the operator checks the connection to mos.ru."},
	identity.ReasonUpstreamBusy:     {"mos.ru asks us to wait, or our request budget is used up", "Try again in a minute; if it happens often the operator raises mosru.requests_per_second in agreement with mos.ru."},
	identity.ReasonUpstreamLocked:   {"mos.ru locked this person's sign-in for a time", "Wait as long as mos.ru says, or recover access there."},
	identity.ReasonSecondFactor:     {"mos.ru demands a second factor, which cannot be typed here", "The person signs in to mos.ru in a browser, confirms, and tries again here in a minute; the operator agrees with mos.ru on password sign-in for schools."},
	identity.ReasonUpstreamFault:    {"mos.ru refused us as its client or answered what cannot be understood", "The operator checks mosru.url, mosru.client_id and the secret file."},
	identity.ReasonDisabledThere:    {"the password is right, but the account is disabled, expired or not among those searched in the system that owns it", "Its administrator enables the account there or extends it; a minute later it is asked again."},
	identity.ReasonExpiredThere:     {"the password is right, but the system that owns the account wants it changed first", "Change the password there, for instance on a PC of that domain, and sign in with the new one."},
	identity.ReasonBarredThere:      {"the password is right, but the system that owns the account bars it at this hour or from here", "Its administrator looks at the account's logon hours and workstations."},
	identity.ReasonOverload:         {"the server is overloaded", "Try again; the operator looks at /metrics."},
	identity.ReasonEpochMoved:       {"the password was changed while it was being checked", "Sign in again with the new password."},
	identity.ReasonCutOff:           {"the server has been without its store for too long", "The operator restores access to the database; /readyz names the cause."},
	identity.ReasonBadRequest:       {"the request is malformed", "Check the settings of the device or access point."},

	identity.ReasonUnknownNAS: {"RADIUS requests come from an address that is not in radius.clients: they get no answer", "If it is your access point or controller, add a line with the address, school and secret to radius.clients and reload."},
	identity.ReasonNASSecret:  {"the access point has another RADIUS secret: its requests get no answer", "Type the secret of this line's secret_file on the access point (no blanks, no further line), or correct the file and reload."},
	identity.ReasonUnsigned:   {"the access point does not sign its requests (Message-Authenticator): they get no answer", "Switch Message-Authenticator on there or update it; for an old one that cannot there is message_authenticator: optional."},

	identity.ReasonListed:         {"the hardware address is in the list of devices", ""},
	identity.ReasonCertificate:    {"the certificate names a computer or person that we know", ""},
	identity.ReasonUnknownDevice:  {"the hardware address (MAC) is in no list of devices", "If it is a board or another thing of the school, add the address to radius.devices or to the table of radius.devices_file and reload. People's phones and laptops sign in with login and password."},
	identity.ReasonStation:        {"one device is asked about, and another or nobody knows which one is asking", "Let the access point or switch send Calling-Station-Id, with the same hardware address as in User-Name."},
	identity.ReasonUnknownMachine: {"the computer's name in the certificate fits no line of radius.machines", "Compare the certificate's name (dNSName) and authority with radius.machines."},
	identity.ReasonWrongAuthority: {"the certificate names no computer, and its authority does not name people", "If this authority issues certificates to people, add it to radius.people_authorities; a computer's certificate needs its name as dNSName."},

	identity.ReasonNotValid:       {"the device's certificate is out of date, or of no authority that radius.eap.authorities names", "Issue a new one to the device, or add its authority to radius.eap.authorities and reload. Look at the device's clock too."},
	identity.ReasonRevoked:        {"the device's certificate is revoked", "If that was a mistake, issue a new one: nothing takes a revocation back."},
	identity.ReasonListOutdated:   {"the revocation list (CRL) is out of date, and nobody comes in by this authority's certificates", "Renew the file radius.eap.authorities[].crl_file and reload."},
	identity.ReasonMethod:         {"the device knows none of the methods that are offered, or asks for a change of the password, which is not done here", "Set PEAP or TTLS on the device: schoolbridge wifi profile prepares the profile. radius.eap.methods and inner say what is offered. A portal or VPN that asks by CHAP: switch it to PAP."},
	identity.ReasonMachineAccount: {"a computer signs in for itself (host/…) with a password, and the daemon has no passwords of computers", "Choose the user's sign-in in the Wi-Fi profile, or give the computer a certificate (EAP-TLS, radius.machines)."},
	identity.ReasonNamesDisagree:  {"the password is right, but the outer or inner identity is not this person's name", "Write anonymous as the outer (anonymous) identity, or nothing; installing the profile anew is easiest: schoolbridge wifi profile."},
	identity.ReasonDistrust:       {"the device does not trust the server's certificate: it does not know the authority, or expects another name of the server", "Install the profile on the device: schoolbridge wifi profile. If many distrust it at once, compare the server's certificate with the section wifi: schoolbridge config check."},
	identity.ReasonHandshake:      {"device and server found no common TLS: no common cipher, no certificate for EAP-TLS, or bytes that are no TLS", "Update the device. If it chooses EAP-TLS without having a certificate, install the profile: schoolbridge wifi profile."},
	identity.ReasonOldTLS:         {"the device knows TLS 1.1 at most", "TLS 1.2 is needed: update the device. If that cannot be, give it a network of its own, or list it in radius.devices."},
	identity.ReasonNoMasterSecret: {"the device speaks TLS 1.2 without Extended Master Secret, and no keys for the Wi-Fi can be derived", "Update the device or switch TLS 1.3 on there. If that cannot be, give it a network of its own."},
	identity.ReasonGaveUp:         {"the server let the device in, and the device broke off or said nothing more", "Most often the device does not trust the server, or demands what PEAP does not give here (crypto-binding): install the profile anew, schoolbridge wifi profile. Once only: a weak signal, try again."},
	identity.ReasonSilent:         {"the device stopped answering in the middle of the sign-in", "Most often a question whether to trust the certificate waits on its screen, or it distrusts without a word: install the profile, schoolbridge wifi profile. If many are silent at once, see that large packets of the access point get through (MTU)."},
	identity.ReasonRoundTrips:     {"the sign-in took too many packets", "The access point or the device cuts packets too small: raise the MTU (Framed-MTU). For EAP-TLS shorten the device's chain of certificates."},
	identity.ReasonConversation:   {"a sign-in goes on that did not begin here, or too long ago", "If the access point knows several servers, one sign-in has to stay with one of them. After a restart of the daemon it happens, and passes."},
}
