package explain

import "schoolbridge/internal/identity"

// Who repairs what sign-ins and faults tell of, beside repairers.
var (
	theOperator      = [2]string{"оператор службы", "the operator"}
	theAdministrator = [2]string{"администратор школы", "the school's administrator"}
	theMosru         = [2]string{"сам человек на mos.ru", "the person, on mos.ru"}
	theWaiting       = [2]string{"никто: пройдёт само", "nobody: it passes by itself"}
	theUpstream      = [2]string{"оператор вместе с mos.ru", "the operator, with mos.ru"}
	theUser          = [2]string{"сам человек на своём устройстве", "the person, on the device"}
	theOther         = [2]string{"администратор системы, которой принадлежит учётная запись", "the administrator of the system that owns the account"}
	theHelper        = [2]string{"администратор школы вместе с человеком", "the school's administrator, with the person"}
)

// What opens a suspended account, by who closed it: whoever reads it is looking at
// who did.
var (
	resume = [2]string{"Кто закрыл и почему, сказано ниже. Открывает schoolbridge account resume ЛОГИН --reason ПОЧЕМУ.",
		"Who closed it and why stands below. schoolbridge account resume LOGIN --reason WHY opens it."}
	recovery = [2]string{"Человек восстанавливает учётную запись на mos.ru и потом активирует аккаунт ещё раз.",
		"The person recovers the account at mos.ru, and then activates once more."}
)

var reasonRepairers = map[identity.Reason][2]string{
	identity.ReasonUnknown: theHelper, identity.ReasonLoginOnly: theUser, identity.ReasonNotActivated: thePerson,
	identity.ReasonWrongPassword: theMosru, identity.ReasonKnownBad: theUser, identity.ReasonEmptyPassword: theHelper, identity.ReasonLocalDiffers: theUser,
	identity.ReasonHashDiffers: theUser, identity.ReasonOldPassword: theUser, identity.ReasonHashMissing: thePerson, identity.ReasonHashRevoked: thePerson,
	identity.ReasonHashTooOld: thePerson, identity.ReasonHashOff: theHelper, identity.ReasonFullSignIn: theWaiting,
	identity.ReasonSuspended: theAdministrator, identity.ReasonEnded: theOfficer, identity.ReasonNotStarted: theOfficer,
	identity.ReasonRoleNotAllowed: theAdministrator, identity.ReasonSchoolNotAllowed: theAdministrator, identity.ReasonHours: theAdministrator,
	identity.ReasonTooManyDevices: theUser, identity.ReasonReassigned: theCurator, identity.ReasonThrottled: theHelper,
	identity.ReasonUpstreamDown: theOperator, identity.ReasonUpstreamBusy: theUpstream, identity.ReasonUpstreamLocked: theMosru, identity.ReasonSecondFactor: theMosru,
	identity.ReasonDisabledThere: theOther, identity.ReasonExpiredThere: thePerson, identity.ReasonBarredThere: theOther,
	identity.ReasonUpstreamFault: theOperator, identity.ReasonOverload: theOperator, identity.ReasonEpochMoved: theUser, identity.ReasonCutOff: theOperator,
	identity.ReasonBadRequest: theAdministrator, identity.ReasonUnknownNAS: theAdministrator, identity.ReasonNASSecret: theAdministrator, identity.ReasonUnsigned: theAdministrator,
	identity.ReasonUnknownDevice: theAdministrator, identity.ReasonStation: theAdministrator, identity.ReasonUnknownMachine: theAdministrator, identity.ReasonWrongAuthority: theAdministrator,
	identity.ReasonNotValid: theAdministrator, identity.ReasonRevoked: theAdministrator, identity.ReasonListOutdated: theOperator, identity.ReasonMethod: theHelper,
	identity.ReasonMachineAccount: theAdministrator, identity.ReasonNamesDisagree: theUser, identity.ReasonDistrust: theHelper, identity.ReasonHandshake: theHelper,
	identity.ReasonOldTLS: theHelper, identity.ReasonNoMasterSecret: theHelper, identity.ReasonGaveUp: theHelper, identity.ReasonSilent: theHelper,
	identity.ReasonRoundTrips: theAdministrator, identity.ReasonConversation: theAdministrator,
}

var faultRepairers = map[Fault][2]string{
	FaultCertificate: theOperator, FaultUnreadable: theOperator, FaultClock: theOperator,
	FaultADUnreachable: theOperator, FaultADBind: theDirectory, FaultADUnit: theDirectory, FaultADAttribute: theDirectory, FaultADDisabled: theDirectory, FaultADDisabledToo: theDirectory, FaultADGone: theDirectory, FaultADLocked: theDirectory, FaultADHeld: theOperator,
	FaultADWindow: theWaiting, FaultADRate: theWaiting, FaultADLook: theWaiting,
	FaultPasswordWaits: theWaiting, FaultTargetWaits: theWaiting, FaultNoTarget: thePerson, FaultActivateAgain: thePerson,
	FaultNoUpstream: theOperator, FaultNameOfTwo: theUser, FaultForeignMark: theUser, FaultMoved: thePerson, FaultSilent: theAdministrator, FaultAsked: theCurator,
	FaultThereWaits: theCurator, FaultThereRefused: theCurator, FaultThereNobodys: theOperator, FaultThereFurther: theOperator, FaultThereRenamed: theUser,
}

var faultAdvice = map[Fault][2]Advice{
	FaultCertificate: {
		{"сертификат сервера просрочен или ещё не действует: устройства ему не верят", "Выпустите новый, положите на место прежнего и перечитайте настройки (systemctl reload schoolbridge)."},
		{"the server's certificate is out of date or not valid yet: devices do not trust it", "Issue a new one, put it in the old one's place and reload (systemctl reload schoolbridge)."}},
	FaultUnreadable: {
		{"файл из настроек не читается", "Проверьте файл: schoolbridge config check. После перезапуска служба с ним не поднимется."},
		{"a file of the configuration cannot be read", "Check it: schoolbridge config check. After a restart the daemon would not come up with it."}},
	FaultClock: {
		{"часы этого сервера и mos.ru расходятся", "Включите синхронизацию времени (chrony или systemd-timesyncd) и проверьте: timedatectl. Пока часы неверны, не подходят сертификаты, сроки и события mos.ru."},
		{"the clocks of this server and of mos.ru differ", "Switch time synchronization on (chrony or systemd-timesyncd) and check: timedatectl. Until then certificates, dates and events of mos.ru do not fit."}},
	FaultADUnreachable: {
		{"контроллер домена не отвечает", "Проверьте, что он включён и порт LDAPS (636) из ad.server доступен отсюда, а его сертификат выпущен центром из ad.ca_file. Записи и пароли ждут и уйдут сами; пароль ждёт не больше суток."},
		{"the domain controller does not answer", "See that it runs, that the LDAPS port (636) of ad.server can be reached from here and that its certificate comes from ad.ca_file. Accounts and passwords wait and go by themselves; a password waits a day at most."}},
	FaultADBind: {
		{"контроллер домена не принимает учётную запись службы", "Администратор AD проверяет запись из ad.bind: не заблокирована ли, не истёк ли пароль; оператор кладёт новый пароль в ad.password_file и перезапускает службу."},
		{"the domain controller refuses the service account", "The AD administrator looks whether the account of ad.bind is locked or its password ran out; the operator puts the new one into ad.password_file and restarts the daemon."}},
	FaultADUnit: {
		{"в Active Directory нет подразделения из настроек, или служба его не видит", "Администратор AD создаёт подразделение или даёт на него права; если переименовали — оператор исправляет ad.base или ad.search_base."},
		{"Active Directory lacks a unit of the configuration, or the service account cannot see it", "The AD administrator creates it or gives the rights; if it was renamed, the operator corrects ad.base or ad.search_base."}},
	FaultADAttribute: {
		{"атрибута из настроек в Active Directory нет, или служба не может в него писать", "Что именно не подходит, говорит schoolbridge provision plan. Администратор AD даёт службе право на атрибут, или оператор исправляет его в ad.attributes, ad.mark_attribute, ad.stamp_attribute или ad.birth_attribute."},
		{"Active Directory lacks an attribute of the configuration, or the service account cannot write it", "What does not fit is told by schoolbridge provision plan. The AD administrator gives the right to write it, or the operator corrects it in ad.attributes, ad.mark_attribute, ad.stamp_attribute or ad.birth_attribute."}},
	FaultADDisabled: {
		{"учётную запись в Active Directory выключили вручную", "При следующей проверке служба включит её сама; сразу — schoolbridge provision apply --person ЛОГИН. Если выключили нарочно, закрывайте вход здесь: schoolbridge account suspend."},
		{"the account in Active Directory was disabled by hand", "The next look enables it by itself; schoolbridge provision apply --person LOGIN does it now. Whoever did it on purpose shuts the person out here: schoolbridge account suspend."}},
	FaultADDisabledToo: {
		{"учётную запись в Active Directory тоже выключили, и не эта служба", "Пока вход закрыт здесь, так и должно быть. Когда его откроют, служба включит и её; если она должна остаться выключенной, не открывайте вход здесь."},
		{"the account in Active Directory was disabled too, and not by this daemon", "While the person is shut out here it is as it should be. Once that is over it is enabled too; if it is to stay disabled, leave the person shut out here."}},
	FaultADGone: {
		{"учётной записи больше нет в Active Directory", "Служба заведёт её заново при следующей проверке; если её удалили по ошибке, администратор AD восстанавливает её из корзины раньше: тогда сохранятся группы и файлы."},
		{"the account is no longer in Active Directory", "The next look makes it anew; if it was deleted by mistake, the AD administrator restores it from the recycle bin before: groups and files stay then."}},
	FaultADLocked: {
		{"учётная запись в Active Directory заблокирована после неверных паролей", "Администратор AD снимает блокировку (Unlock-ADAccount) или ждёт её конца; найдите ПК, службу или задание со старым паролем, иначе она вернётся."},
		{"the account in Active Directory is locked after wrong passwords", "The AD administrator unlocks it (Unlock-ADAccount) or waits; find the PC, service or task with the old password, or it comes back."}},
	FaultADHeld: {
		{"часть изменений в Active Directory ждёт согласия: их накопилось больше, чем служба делает разом", "Оператор смотрит provision plan. Если реестры целы, он соглашается командой provision apply --accept-disabling, --accept-moves, --accept-renames или --accept-groups (только об этом человеке: с --person ЛОГИН и числом 1); если нет — исправляет реестр и загружает заново."},
		{"some changes in Active Directory wait for consent: there are more of them than the daemon makes at once", "The operator looks at provision plan. If the registries are whole, provision apply --accept-disabling, --accept-moves, --accept-renames or --accept-groups consents (about this person alone: with --person LOGIN and the number 1); if not, the registry is repaired and imported again."}},
	FaultADWindow: {
		{"изменение в Active Directory ждёт времени, отведённого для таких работ (ad.window)", "Ничего: служба изменит запись сама. Если ждать нельзя, оператор выполняет schoolbridge provision apply --person ЛОГИН: команда не ждёт."},
		{"a change in Active Directory waits for the hours of such work (ad.window)", "Nothing: the daemon makes it by itself. Where it cannot wait, the operator runs schoolbridge provision apply --person LOGIN, which does not."}},
	FaultADRate: {
		{"изменение в Active Directory ждёт очереди: служба меняет не больше ad.rate записей в секунду", "Ничего: очередь дойдёт. Если ждать нельзя, оператор выполняет schoolbridge provision apply --person ЛОГИН."},
		{"a change in Active Directory waits for its turn: no more than ad.rate accounts are changed a second", "Nothing: its turn comes. Where it cannot wait, the operator runs schoolbridge provision apply --person LOGIN."}},
	FaultADLook: {
		{"запись в Active Directory не такая, какой должна быть, и служба увидит это при следующей проверке (ad.sweep)", "Ничего: служба поправит её сама. Если ждать нельзя, оператор выполняет schoolbridge provision apply --person ЛОГИН."},
		{"the account in Active Directory is not as it should be, which the daemon sees at its next look (ad.sweep)", "Nothing: the daemon corrects it by itself. Where it cannot wait, the operator runs schoolbridge provision apply --person LOGIN."}},
	FaultPasswordWaits: {
		{"пароль принят и ждёт передачи в Active Directory", "Подождите несколько минут. Если ждёт дольше, смотрите /readyz и журнал службы: не остановлена ли запись в Active Directory."},
		{"the password was taken and waits for delivery to Active Directory", "Wait some minutes. If it takes longer, see /readyz and the daemon's log: whether writing to Active Directory stopped."}},
	FaultTargetWaits: {
		{"учётная запись в Active Directory ждёт своей очереди", "Подождите несколько минут. Если ждёт дольше, смотрите /readyz и журнал службы."},
		{"the account in Active Directory waits for its turn", "Wait some minutes. If it takes longer, see /readyz and the daemon's log."}},
	FaultNoTarget: {targetTexts[Russian].none, targetTexts[English].none},
	FaultNoUpstream: {
		{"системы, которая проверяет пароль этого человека, нет в upstreams, и никого другого не спросят", "Верните её раздел в настройки под тем же именем и перезапустите службу. Если её больше нет, человек входит на странице активации с mos.ru, и куратор переводит его (queue decide … transfer)."},
		{"the system that checks this person's password is not in upstreams, and nobody else is asked", "Put its section back into the configuration under the same name and restart the daemon. If it is gone for good, the person signs in on the page of activation with mos.ru, and the curator moves him (queue decide … transfer)."}},
	FaultNameOfTwo: {
		{"этот логин mos.ru здесь уже был именем другого человека", "На ПК, досках и в Wi-Fi человек входит с логином, который показывает страница активации; логин mos.ru действует на самой странице."},
		{"this mos.ru login was another person's name here before", "On PCs, boards and the Wi-Fi the person signs in with the login that the activation page shows; the mos.ru login serves on the page itself."}},
	FaultForeignMark: {
		{"с этим доменом или окончанием логин принадлежит другой системе (upstreams), и там его ни у кого здесь нет", "Войдите без домена и окончания или с теми, что у своей системы."},
		{"with this domain or ending the login belongs to another system (upstreams), of which nobody here has it", "Sign in without domain and ending, or with those of the own system."}},
	FaultMoved: {
		{"эта учётная запись mos.ru здесь больше не действует: человека перевели на другую", "Человек входит с той учётной записью mos.ru."},
		{"this mos.ru account serves here no more: the person was moved to another one", "The person signs in with that mos.ru account."}},
	FaultSilent: {
		{"этого адреса нет в radius.clients, и отказов с него служба не помнит", "Точка доступа: запросы сюда не доходят — проверьте на ней адрес сервера, порт и сеть, и добавьте её адрес, школу и секрет в radius.clients. ПК или доска: проверьте в её настройках адрес LDAP. У кого был адрес в Wi-Fi, говорит schoolbridge sessions --address."},
		{"radius.clients does not have this address, and no refusal of anything from there is remembered", "An access point: its requests do not get here. Check the server's address, port and network on it, and add its address, school and secret to radius.clients. A PC or board: check the LDAP address in its settings. Who had the address on the Wi-Fi is told by schoolbridge sessions --address."}},
	FaultAsked: {
		{"доступ этого человека просят и с другой учётной записи mos.ru; у него самого всё работает", "Куратор смотрит вопрос в очереди решений и отвечает на него. Самому человеку делать ничего не нужно."},
		{"another mos.ru account asks for this person's access, whose own one works", "The curator looks at the question in the queue and answers it. The person has nothing to do."}},
	FaultThereWaits:   {thereTexts[Russian].states[ThereWaits], thereTexts[English].states[ThereWaits]},
	FaultThereRefused: {thereTexts[Russian].states[ThereRefused], thereTexts[English].states[ThereRefused]},
	FaultThereNobodys: {thereTexts[Russian].states[ThereNobodys], thereTexts[English].states[ThereNobodys]},
	FaultThereFurther: {thereTexts[Russian].states[ThereFurther], thereTexts[English].states[ThereFurther]},
	FaultThereRenamed: {thereTexts[Russian].states[ThereOwn], thereTexts[English].states[ThereOwn]},
	FaultActivateAgain: {
		{"то, что мешало активации, исправлено", "Человек входит на страницу активации ещё раз."},
		{"what stood in the way of the activation is repaired", "The person signs in on the activation page once more."}},
}

// FaultAdvice gives the advice for a fault and who repairs it; false where it has
// none.
func FaultAdvice(lang Lang, fault Fault) (advice Advice, who string, ok bool) {
	n := map[Lang]int{English: 1}[lang]
	all, ok := faultAdvice[fault]
	return all[n], faultRepairers[fault][n], ok
}

// ReasonRepairer says who repairs what a reason of a sign-in tells of; "" where
// nobody has to.
func ReasonRepairer(lang Lang, reason identity.Reason) string {
	return reasonRepairers[reason][map[Lang]int{English: 1}[lang]]
}
