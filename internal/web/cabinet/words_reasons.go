package cabinet

import (
	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
)

// reason is why a sign-in fails, in words for the person: what it is, what to do.
type reason struct{ what, how web.Both }

// again is what there is to do where it passes by itself.
var again = web.Both{"Делать ничего не нужно: устройство повторит попытку само, обычно через несколько минут.", "Nothing is to be done: the device tries again by itself, usually within minutes."}

// retype is what helps against an old password.
var retype = web.Both{"На этом устройстве забудьте сеть и подключитесь заново: логин — как на этой странице, пароль — нынешний от mos.ru.",
	"On that device forget the network and join it again: the login as on this page, the password that of mos.ru today."}

// confirm renews what is kept of the password.
var confirm = web.Both{"Откройте «Мой логин» → «Пароль сменился?» на странице активации и введите пароль mos.ru один раз: после этого Wi-Fi примет его.",
	"Go to the activation page, “Changed your password?”, and type the mos.ru password once: the Wi-Fi takes it after that."}

// renew sets the device up anew.
var renew = web.Both{"Настройте устройство заново: откройте здесь «Настройка Wi-Fi» и пройдите шаги.", "Set the device up anew: open “Wi-Fi set-up” here and follow the steps."}

// school sends to the school's administrator, who sees the same code.
var school = web.Both{"Скажите об этом администратору школы и назовите код.", "Tell the school's administrator, and give the code."}

// mosru sends to mos.ru.
var mosru = web.Both{"Войдите на mos.ru в браузере: там видно, что нужно сделать. Потом подключитесь снова.", "Sign in on mos.ru in a browser: it shows what is to be done. Then connect again."}

// reasons are all for which a sign-in of a person is refused.
var reasons = map[identity.Reason]reason{
	identity.ReasonWrongPassword:  {web.Both{"Пароль неверен: устройство прислало не тот, что сейчас на mos.ru.", "The password is wrong: the device sent another one than mos.ru has now."}, retype},
	identity.ReasonKnownBad:       {web.Both{"Устройство снова и снова присылает старый пароль.", "The device sends an old password again and again."}, retype},
	identity.ReasonLocalDiffers:   {web.Both{"mos.ru сейчас недоступен, а присланный пароль не тот, что был в прошлый раз.", "mos.ru does not answer just now, and the password sent is not the one of last time."}, retype},
	identity.ReasonHashDiffers:    {web.Both{"Пароль на устройстве не тот, что сейчас на mos.ru.", "The password on the device is not the one that mos.ru has now."}, retype},
	identity.ReasonOldPassword:    {web.Both{"На устройстве сохранён прежний пароль.", "The device has kept the former password."}, retype},
	identity.ReasonEmptyPassword:  {web.Both{"Устройство прислало пустой пароль.", "The device sent an empty password."}, retype},
	identity.ReasonBadRequest:     {web.Both{"Устройство прислало то, что нельзя прочесть.", "The device sent what cannot be read."}, renew},
	identity.ReasonHashMissing:    {web.Both{"Для такого подключения нужно один раз подтвердить пароль.", "For this kind of connection the password has to be confirmed once."}, confirm},
	identity.ReasonHashRevoked:    {web.Both{"Пароль сменился, и новый ещё не подтверждён.", "The password has changed, and the new one is not confirmed yet."}, confirm},
	identity.ReasonHashTooOld:     {web.Both{"Пароль давно не подтверждался.", "The password was not confirmed for a long time."}, confirm},
	identity.ReasonHashOff:        {web.Both{"Этот способ подключения здесь выключен.", "This way of connecting is switched off here."}, renew},
	identity.ReasonFullSignIn:     {web.Both{"Устройство слишком долго не вводило пароль.", "The device has not shown the password for too long."}, again},
	identity.ReasonEpochMoved:     {web.Both{"Пароль сменился как раз во время входа.", "The password changed just during the sign-in."}, again},
	identity.ReasonThrottled:      {web.Both{"Было слишком много неверных попыток, и вход на время закрыт.", "There were too many wrong attempts, and the sign-in is shut for a while."}, web.Both{"Исправьте пароль на всех устройствах, где он старый, и подождите несколько минут.", "Mend the password on every device that has an old one, and wait some minutes."}},
	identity.ReasonUnknown:        {web.Both{"На устройстве набран логин, которого нет.", "The device has a login that does not exist."}, retype},
	identity.ReasonLoginOnly:      {web.Both{"Вместо логина введены почта, телефон или СНИЛС: в Wi-Fi годится только логин.", "An e-mail, phone or SNILS was typed in place of the login: the Wi-Fi takes the login alone."}, retype},
	identity.ReasonNotActivated:   {web.Both{"Аккаунт ещё не активирован.", "The account is not activated yet."}, web.Both{"Откройте первую страницу и активируйте его.", "Open the first page and activate it."}},
	identity.ReasonSuspended:      {web.Both{"Аккаунт приостановлен.", "The account is suspended."}, school},
	identity.ReasonEnded:          {web.Both{"По записям школы вы в ней больше не работаете и не учитесь.", "By the school's records you no longer work or study there."}, web.Both{"Если это ошибка, её исправит кадровик (сотруднику) или секретарь школы (ученику).", "If that is a mistake, the personnel officer (staff) or the school's office (pupils) mends it."}},
	identity.ReasonNotStarted:     {web.Both{"По записям школы ваша работа или учёба ещё не началась.", "By the school's records your work or study has not begun yet."}, web.Both{"Wi-Fi откроется в первый день. Если день неверен, его исправит кадровик или секретарь школы.", "The Wi-Fi opens on the first day. If the day is wrong, the personnel officer or the school's office mends it."}},
	identity.ReasonRoleNotAllowed: {web.Both{"Правила школы не пускают в эту сеть с вашей ролью.", "The school's rules do not let your role into this network."}, school},
	identity.ReasonSchoolNotAllowed: {web.Both{"Это Wi-Fi другой школы: в ней вы не записаны.", "This is another school's Wi-Fi, and you are not on its records."},
		web.Both{"В своей школе подключение работает. Если вы работаете и здесь, это вносит в записи кадровик этой школы.", "At your own school it works. If you work here too, this school's personnel officer has to record it."}},
	identity.ReasonHours:          {web.Both{"Сейчас не те часы, в которые правила школы пускают в Wi-Fi.", "It is not the hours in which the school's rules admit to the Wi-Fi."}, web.Both{"Подключитесь позже; часы назовёт администратор школы.", "Connect later; the school's administrator knows the hours."}},
	identity.ReasonTooManyDevices: {web.Both{"В Wi-Fi уже столько ваших устройств, сколько разрешено сразу.", "As many of your devices are on the Wi-Fi already as may be at once."}, web.Both{"Отключите лишнее на странице «Устройства и входы».", "Take one off on the page “Devices and sign-ins”."}},
	identity.ReasonReassigned:     {web.Both{"На mos.ru этот логин теперь у другого человека.", "On mos.ru this login is somebody else's now."}, school},
	identity.ReasonUpstreamDown:   {web.Both{"mos.ru сейчас не отвечает.", "mos.ru does not answer just now."}, again},
	identity.ReasonUpstreamBusy:   {web.Both{"mos.ru сейчас перегружен.", "mos.ru is overloaded just now."}, again},
	identity.ReasonUpstreamFault:  {web.Both{"У нас неполадка связи с mos.ru.", "Our connection with mos.ru is out of order."}, again},
	identity.ReasonUpstreamLocked: {web.Both{"mos.ru на время закрыл вашу учётную запись.", "mos.ru has locked your account for a while."}, mosru},
	identity.ReasonSecondFactor: {web.Both{"mos.ru требует второй шаг входа, а в Wi-Fi его ввести негде.", "mos.ru demands a second step, for which the Wi-Fi has no place."},
		web.Both{"Войдите на mos.ru в браузере и подтвердите вход; через минуту подключитесь снова.", "Sign in on mos.ru in a browser and confirm; connect again in a minute."}},
	identity.ReasonDisabledThere: {web.Both{"Система, где хранится ваш пароль, закрыла учётную запись.", "The system that holds your password has closed the account."}, school},
	identity.ReasonExpiredThere:  {web.Both{"Пароль истёк: его пора сменить.", "The password has expired and has to be changed."}, web.Both{"Смените пароль там, где он хранится, и введите новый на устройстве.", "Change the password where it is kept, and type the new one on the device."}},
	identity.ReasonBarredThere:   {web.Both{"Система, где хранится ваш пароль, не пускает в это время или отсюда.", "The system that holds your password does not admit at this hour or from here."}, school},
	identity.ReasonOverload:      {web.Both{"Служба входа сейчас перегружена.", "The sign-in service is overloaded just now."}, again},
	identity.ReasonCutOff:        {web.Both{"У службы входа неполадка.", "The sign-in service is out of order."}, again},

	identity.ReasonMethod:         {web.Both{"Устройство пытается войти способом, которого здесь нет.", "The device tries a way of signing in that is not there."}, renew},
	identity.ReasonMachineAccount: {web.Both{"Входить пытается сам компьютер, а не человек.", "The computer itself tries to sign in, not a person."}, renew},
	identity.ReasonNamesDisagree:  {web.Both{"В настройке сети на устройстве два разных логина.", "The network's settings on the device hold two different logins."}, renew},
	identity.ReasonDistrust:       {web.Both{"Устройство не доверяет сети школы: на нём нет её сертификата.", "The device does not trust the school's network: it lacks the certificate."}, renew},
	identity.ReasonHandshake:      {web.Both{"Устройство и сеть не договорились о защите.", "The device and the network found no common protection."}, renew},
	identity.ReasonOldTLS:         {web.Both{"Устройство слишком старое: его защита больше не принимается.", "The device is too old: its protection is no longer accepted."}, web.Both{"Обновите систему на устройстве; если обновлений нет, возьмите другое.", "Update the device's system; where there are no updates, take another one."}},
	identity.ReasonNoMasterSecret: {web.Both{"Устройство слишком старое: оно не умеет нужную защиту.", "The device is too old: it does not know the protection that is needed."}, web.Both{"Обновите систему на устройстве; если обновлений нет, возьмите другое.", "Update the device's system; where there are no updates, take another one."}},
	identity.ReasonGaveUp:         {web.Both{"Устройство само прервало вход в последний момент.", "The device broke the sign-in off at the last moment."}, renew},
	identity.ReasonSilent:         {web.Both{"Устройство замолчало посреди входа: скорее всего, слабый сигнал.", "The device fell silent during the sign-in: most likely the signal is weak."}, web.Both{"Подойдите ближе к точке доступа и повторите. Если не помогает, настройте устройство заново.", "Go nearer to the access point and try again. If that does not help, set the device up anew."}},
	identity.ReasonRoundTrips:     {web.Both{"Вход длился слишком долго: скорее всего, слабый сигнал.", "The sign-in took too long: most likely the signal is weak."}, again},
	identity.ReasonConversation:   {web.Both{"Вход прервался на полпути.", "The sign-in was interrupted half-way."}, again},

	identity.ReasonUnknownDevice:  {web.Both{"Этого устройства нет в списке школы.", "This device is not on the school's list."}, school},
	identity.ReasonUnknownMachine: {web.Both{"Сертификат этого компьютера здесь не записан.", "This computer's certificate is not recorded here."}, school},
	identity.ReasonStation:        {web.Both{"Устройство назвалось чужим адресом.", "The device gave another one's address."}, school},
	identity.ReasonWrongAuthority: {web.Both{"Сертификат на устройстве не для людей.", "The certificate on the device is not for people."}, school},
	identity.ReasonNotValid:       {web.Both{"Сертификат на устройстве недействителен.", "The certificate on the device is not valid."}, school},
	identity.ReasonRevoked:        {web.Both{"Сертификат на устройстве отозван.", "The certificate on the device was revoked."}, school},
	identity.ReasonListOutdated:   {web.Both{"Служба входа не может проверить сертификат устройства.", "The sign-in service cannot check the device's certificate."}, school},
	identity.ReasonUnknownNAS:     {web.Both{"Эта точка доступа здесь не записана.", "This access point is not recorded here."}, school},
	identity.ReasonNASSecret:      {web.Both{"Точка доступа настроена с ошибкой.", "The access point is set up wrongly."}, school},
	identity.ReasonUnsigned:       {web.Both{"Точка доступа настроена с ошибкой.", "The access point is set up wrongly."}, school},
}
