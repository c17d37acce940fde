package main

import "schoolbridge/provision"

// provisionActions are the actions that write, in the order in which they are
// told.
func provisionActions() []string {
	return []string{provision.ActionCreate, provision.ActionAdopt, provision.ActionEnable, provision.ActionDisable,
		provision.ActionChange, provision.ActionPassword}
}

// provisionText are the messages of "provision" in one language.
type provisionText struct {
	noSection, unreachable, bind                string
	planning, accounts, queue, expected, brake  string
	applying, turn, stopped, applied, held, ask string
	action                                      map[string]string
}

var provisionTexts = map[string]provisionText{
	"ru": {
		noSection:   "Active Directory не подключён: в %s нет раздела ad. Что в нём писать: schoolbridge config reference и README, «Active Directory»",
		unreachable: "с контроллером домена %s не связаться: проверьте ad.server, сеть и порт 636, сертификат (ad.ca_file): %w",
		bind:        "контроллер домена %s не принял служебную запись %s: проверьте ad.bind и ad.password_file, не отключена ли она и не истёк ли её пароль: %w",

		planning: "сверка: %d из %d, %.0f в секунду, осталось %v",
		accounts: "Active Directory: учётных записей %d; как должно быть %d, изменить надо %d, с проблемами %d",
		queue:    "очередь службы: пора сверить %d, отложено после проблемы %d; паролей ждёт передачи %d",
		expected: "изменения займут примерно %v, до %s (из расчёта %d записей в секунду)",
		brake: "отключить предстоит %d, а разом служба отключает не больше %d: она оставит их включёнными и подождёт. " +
			"Проверьте, целы ли реестры; если всё верно: schoolbridge provision apply --accept-disabling %d",

		applying: "запись: %d из %d, %.0f в секунду, осталось %v",
		turn:     "с Active Directory сейчас работает служба: ждём очереди (Ctrl-C — прервать)",
		stopped:  "прервано: начато учётных записей %d из %d; сделанное остаётся, повторить можно в любое время",
		applied:  "учётных записей %d: изменено %d, с проблемами %d",
		held:     "не отключено %d: это больше, чем служба отключает разом. Проверьте, целы ли реестры; если всё верно, повторите с --accept-disabling %d",
		ask:      "какие проблемы и у кого: schoolbridge provision plan; что с ними делать: schoolbridge explain ЛОГИН",
		action: map[string]string{
			provision.ActionCreate: "завести", provision.ActionAdopt: "взять под управление", provision.ActionEnable: "включить", provision.ActionDisable: "отключить",
			provision.ActionChange: "поправить", provision.ActionPassword: "передать пароль",
		},
	},
	"en": {
		noSection:   "no Active Directory is connected: %s has no section ad. What to write there: schoolbridge config reference, and the README's \"Active Directory\"",
		unreachable: "the domain controller %s cannot be reached: look at ad.server, the network and port 636, the certificate (ad.ca_file): %w",
		bind:        "the domain controller %s refused the service account %s: look at ad.bind and ad.password_file, and whether it is disabled or its password has expired: %w",

		planning: "comparing: %d of %d, %.0f a second, %v left",
		accounts: "Active Directory: %d accounts; %d as they should be, %d to be changed, %d with problems",
		queue:    "the daemon's queue: %d due, %d put off after a problem; %d passwords wait for delivery",
		expected: "the changes will take about %v, until %s (at %d accounts a second)",
		brake: "%d are to be disabled, and no more than %d are at once: the daemon will leave them enabled and wait. " +
			"See whether the registries are whole; if they are: schoolbridge provision apply --accept-disabling %d",

		applying: "writing: %d of %d, %.0f a second, %v left",
		turn:     "the daemon is at work on Active Directory: waiting for a turn (Ctrl-C ends it)",
		stopped:  "interrupted: %d of %d accounts were begun; what is done stays, and this can be repeated at any time",
		applied:  "%d accounts: %d changed, %d with problems",
		held:     "%d were not disabled: more than are disabled at once. See whether the registries are whole; if they are, repeat with --accept-disabling %d",
		ask:      "which problems, and whose: schoolbridge provision plan; what to do about them: schoolbridge explain --lang en LOGIN",
		action: map[string]string{
			provision.ActionCreate: "create", provision.ActionAdopt: "adopt", provision.ActionEnable: "enable", provision.ActionDisable: "disable",
			provision.ActionChange: "correct", provision.ActionPassword: "deliver the password",
		},
	},
}
