package main

import (
	"strings"

	"schoolbridge/provision"
)

// provisionActions are the actions that write, in the order in which they are
// told.
func provisionActions() []string {
	return []string{provision.ActionCreate, provision.ActionAdopt, provision.ActionEnable, provision.ActionDisable,
		provision.ActionChange, provision.ActionPassword}
}

// provisionText are the messages of "provision" in one language.
type provisionText struct {
	noSection, unreachable, bind                string
	planning, accounts, queue, expected, window string
	applying, turn, noTurn, stopped, applied    string
	unmatched                                   string
	ask, enabled, disabled                      string
	nobody, noSchool, nothing, alike            string
	columns                                     []string
	renamed, taken, badName, same, notMade      string
	renaming, stays, renamesIn, keepsUPN        string // what a rename will be
	ownAlike, ownGiven                          string
	confirm, unasked, unchanged                 string
	brake, held                                 [4]string // by kind of drastic change
	consent, controller                         string
	action                                      map[string]string
	place, group, password, joins, leaves       string
	why                                         map[provision.Why]string
}

// what says which part of an account a change is about.
func (t provisionText) what(word string) string {
	switch word {
	case provision.ChangePlace:
		return t.place
	case provision.ChangeGroup:
		return t.group
	case provision.ChangePassword:
		return t.password
	}
	return word
}

// value says what a part of an account is or will be.
func (t provisionText) value(word, value string) string {
	if word != "userAccountControl" {
		return value
	}
	return strings.NewReplacer("(enabled)", "("+t.enabled+")", "(disabled)", "("+t.disabled+")").Replace(value)
}

// doing says what becomes of an account.
func (t provisionText) doing(action string) string {
	if text := t.action[action]; text != "" {
		return text
	}
	return action
}

var provisionTexts = map[string]provisionText{
	"ru": {
		noSection:   "Active Directory не подключён: в %s нет раздела ad. Что в нём писать: schoolbridge config reference и README, «Active Directory»",
		unreachable: "с контроллером домена %s не связаться: проверьте ad.server, сеть и порт 636, сертификат (ad.ca_file): %w",
		bind:        "контроллер домена %s не принял служебную запись %s: проверьте ad.bind и ad.password_file, не отключена ли она и не истёк ли её пароль: %w",

		planning: "сверка: %d из %d, %.0f в секунду, осталось %v, до %s",
		accounts: "Active Directory: учётных записей %d; как должно быть %d, изменить надо %d, с проблемами %d",
		queue:    "очередь службы: пора сверить %d, отложено после проблемы %d; паролей ждёт передачи %d",
		expected: "план ничего не записывает. Записать всё это сейчас (provision apply) заняло бы примерно %v, с %s до %s, из расчёта %.3g записей в секунду",
		brake: [4]string{
			"отключить предстоит %d, а без согласия за сутки можно ещё не больше %d: пока их столько, служба оставляет все включёнными и ждёт. " +
				"Проверьте, целы ли реестры",
			"перенести в другое подразделение предстоит %d, а без согласия за сутки можно ещё не больше %d: пока их столько, служба оставляет все на месте и ждёт. " +
				"Проверьте, цел ли список школ",
			"сменить имя предстоит у %d, а без согласия за сутки можно ещё не больше чем у %d: пока их столько, служба оставляет все имена и ждёт. " +
				"Проверьте, верны ли имена на mos.ru",
			"из групп вывести предстоит %d, а без согласия за сутки можно ещё не больше %d: пока их столько, служба оставляет всех в группах и ждёт. " +
				"Проверьте ad.groups, ad.places и список школ",
		},
		consent:    "если всё верно, разом на всё это: schoolbridge provision apply --config %s%s",
		controller: "контроллер домена %s: %w",
		window:     "служба меняет записи, которых никто не ждёт (их %d), только в своё время (ad.window): ими она была бы занята с %s до %s; команда apply этого времени не ждёт",

		applying:  "запись: %d из %d, %.0f в секунду, осталось %v, до %s",
		turn:      "с Active Directory сейчас работает служба: ждём очереди (Ctrl-C — прервать)",
		unmatched: "строки последней загрузки ещё не все сопоставлены с людьми, у кого нет школы, может показаться ушедшим: %v",
		noTurn:    "с Active Directory всё это время работал другой процесс: посмотрите журнал службы или остановите её и повторите",
		stopped:   "прервано: начато учётных записей %d из %d; сделанное остаётся, повторить можно в любое время",
		applied:   "учётных записей %d: изменено %d, с проблемами %d",
		held: [4]string{
			"не отключено %d: это больше, чем служба отключает разом. Проверьте, целы ли реестры; если всё верно, повторите с --accept-disabling %d",
			"не перенесено %d: это больше, чем служба переносит разом. Проверьте, цел ли список школ; если всё верно, повторите с --accept-moves %d",
			"имя не сменено у %d: это больше, чем служба меняет разом. Проверьте, верны ли имена на mos.ru; если всё верно, повторите с --accept-renames %d",
			"не выведено из групп %d: это больше, чем служба выводит разом. Проверьте ad.groups, ad.places и список школ; если всё верно, повторите с --accept-groups %d",
		},
		ask: "какие проблемы и у кого: schoolbridge provision plan --config %s; что с ними делать: schoolbridge explain --config %[1]s ЛОГИН",
		action: map[string]string{
			provision.ActionCreate: "завести", provision.ActionAdopt: "взять под управление", provision.ActionEnable: "включить", provision.ActionDisable: "отключить",
			provision.ActionChange: "поправить", provision.ActionPassword: "передать пароль", provision.ActionProblem: "не изменить: проблема",
			provision.ActionNone: "без изменений",
		},
		nobody:   "никого с логином %s здесь нет, или аккаунт ещё не активирован: что с ним, покажет schoolbridge explain",
		noSchool: "в школе %s нет никого с учётной записью Active Directory: верен ли ID ЕКИС (с нулями впереди, как в списке школ)?",
		enabled:  "включена", disabled: "отключена",
		columns: []string{"Логин", "Что сделать", "Что меняется", "Проблемы"}, nothing: "(нет)",
		place: "подразделение", group: "группа", password: "пароль", joins: "добавить в группу", leaves: "убрать из группы",
		renaming:  "Будет переименование: %s → %s",
		stays:     "  прежнее имя %s остаётся за человеком навсегда, вход с ним работает; новое тоже останется за ним навсегда",
		renamesIn: "  запись в %s: %s → %s (sAMAccountName и cn; запись, группы и пароль прежние). Wi-Fi, LDAP и ПК примут новое имя, как только запись переименована",
		keepsUPN:  "  логин Teams не меняется: %s",
		ownAlike:  "  имя %s похоже на собственное имя этого человека %s (цифры в конце, точки и дефисы не в счёт): их будут путать. Точно ли нужно такое?",
		ownGiven:  "имени %s не дать: оно похоже на другое имя того же человека, %s, а двух похожих имён здесь не дают никому. Выберите другое",
		confirm:   "Чтобы переименовать, введите новое имя (%s) ещё раз: ",
		unasked:   "переименование надо подтвердить: запустите команду на терминале или добавьте --yes",
		unchanged: "не подтверждено: %s зовётся как прежде",
		renamed:   "%s теперь зовётся %s; прежнее имя остаётся за человеком навсегда, вход с ним работает. Логин Teams и записи AD прежние",
		taken:     "имя %s занято: оно есть или было у другого человека. Имя выбирает человек, счётчики не добавляются",
		alike:     "имя %s похоже на имя, которое есть или было у другого (цифры в конце, точки и дефисы не в счёт): их путали бы. Выберите другое; так его может назвать только mos.ru или ЭЖД",
		badName:   "имя %s не годится для Active Directory: до 20 знаков, латинские буквы, цифры, точка, дефис, не служебное имя (root, administrator)",
		same:      "%s уже зовётся так: менять нечего",
		notMade:   "у %s ещё нет записи в Active Directory: имя меняют, когда она заведена (почему её нет: schoolbridge explain)",
		why: map[provision.Why]string{
			provision.WhyNew: "человек прошёл активацию, записи ещё нет", provision.WhyOwner: "метка владельца", provision.WhyActive: "работает или учится",
			provision.WhyLeft: "нигде не работает и не учится", provision.WhySuspended: "вход закрыт здесь или на mos.ru", provision.WhyRemoved: "запись удалена из хранилища",
			provision.WhyProfile: "так на mos.ru", provision.WhyMapping: "так в настройках (ad.attributes)", provision.WhyPlace: "по роли и школе", provision.WhyGroup: "по роли и школе",
			provision.WhyTeams: "логина Teams ещё нет", provision.WhyRename: "переименование подтверждено", provision.WhyDelivery: "пароль ждёт передачи",
			provision.WhyStale: "прежний пароль не годится", provision.WhyControl: "срок пароля — дело mos.ru", provision.WhyNoPassword: "с этим флагом (PASSWD_NOTREQD) AD принял бы и пустой пароль",
			provision.WhyRefused:  "AD этот пароль уже не принял; ждём, когда смягчат политику паролей домена или человек сменит пароль на mos.ru. Служба пробует снова сама",
			provision.WhyStamp:    "штамп чужой",
			provision.WhyConflict: "имя, отнятое конфликтом репликации, снова свободно",
		},
	},
	"en": {
		noSection:   "no Active Directory is connected: %s has no section ad. What to write there: schoolbridge config reference, and the README's \"Active Directory\"",
		unreachable: "the domain controller %s cannot be reached: look at ad.server, the network and port 636, the certificate (ad.ca_file): %w",
		bind:        "the domain controller %s refused the service account %s: look at ad.bind and ad.password_file, and whether it is disabled or its password has expired: %w",

		planning: "comparing: %d of %d, %.0f a second, %v left, until %s",
		accounts: "Active Directory: %d accounts; %d as they should be, %d to be changed, %d with problems",
		queue:    "the daemon's queue: %d due, %d put off after a problem; %d passwords wait for delivery",
		expected: "a plan writes nothing. Applying all of it now (provision apply) would take about %v, from %s until %s, at %.3g accounts a second",
		brake: [4]string{
			"%d are to be disabled, and no more than %d more may be within a day without consent: while there are so many, the daemon leaves all of them enabled and waits. " +
				"See whether the registries are whole",
			"%d are to be moved to another unit, and no more than %d more may be within a day without consent: while there are so many, the daemon leaves all of them where they are and waits. " +
				"See whether the list of schools is whole",
			"%d are to get another displayed name, and no more than %d more may within a day without consent: while there are so many, the daemon leaves all the names and waits. " +
				"See whether the names at mos.ru are right",
			"%d are to be taken out of groups, and no more than %d more may be within a day without consent: while there are so many, the daemon leaves all of them in their groups and waits. " +
				"See whether ad.groups, ad.places and the list of schools are right",
		},
		consent:    "if all is right, consent to all of it at once: schoolbridge provision apply --lang en --config %s%s",
		controller: "domain controller %s: %w",
		window:     "the daemon changes accounts for which nobody waits (%d of them) in its hours only (ad.window): it would be at work on them from %s until %s; the command apply does not wait for these hours",

		applying:  "writing: %d of %d, %.0f a second, %v left, until %s",
		turn:      "the daemon is at work on Active Directory: waiting for a turn (Ctrl-C ends it)",
		unmatched: "not all rows of the last import are given to their people yet, who has no school may look like one who left: %v",
		noTurn:    "another process has been at work on Active Directory all the time: look at the daemon's log, or stop it and try again",
		stopped:   "interrupted: %d of %d accounts were begun; what is done stays, and this can be repeated at any time",
		applied:   "%d accounts: %d changed, %d with problems",
		held: [4]string{
			"%d were not disabled: more than are disabled at once. See whether the registries are whole; if they are, repeat with --accept-disabling %d",
			"%d were not moved: more than are moved at once. See whether the list of schools is whole; if it is, repeat with --accept-moves %d",
			"%d did not get their new displayed name: more than do at once. See whether the names at mos.ru are right; if they are, repeat with --accept-renames %d",
			"%d were not taken out of groups: more than are at once. See whether ad.groups, ad.places and the list of schools are right; if they are, repeat with --accept-groups %d",
		},
		ask: "which problems, and whose: schoolbridge provision plan --lang en --config %s; what to do about them: schoolbridge explain --lang en --config %[1]s LOGIN",
		action: map[string]string{
			provision.ActionCreate: "create", provision.ActionAdopt: "adopt", provision.ActionEnable: "enable", provision.ActionDisable: "disable",
			provision.ActionChange: "correct", provision.ActionPassword: "deliver the password", provision.ActionProblem: "cannot be changed: a problem",
			provision.ActionNone: "nothing to do",
		},
		nobody:   "nobody here has the login %s, or its person has not activated yet: schoolbridge explain tells",
		noSchool: "nobody at the school %s has an account in Active Directory: is the ID ЕКИС right (with the zeros in front, as in the list of schools)?",
		enabled:  "enabled", disabled: "disabled",
		columns: []string{"Login", "What to do", "What changes", "Problems"}, nothing: "(nothing)",
		place: "unit", group: "group", password: "password", joins: "add to the group", leaves: "remove from the group",
		renaming:  "To be renamed: %s → %s",
		stays:     "  the old name %s stays this person's for ever, and signing in with it works; so will the new one stay",
		renamesIn: "  the account in %s: %s → %s (sAMAccountName and cn; account, groups and password are the same). Wi-Fi, LDAP and PCs take the new name once the account has it",
		keepsUPN:  "  the Teams login does not change: %s",
		ownAlike:  "  the name %s looks like this person's own name %s (digits at the end, dots and dashes do not count): they will be mixed up. Is that what is wanted?",
		ownGiven:  "the name %s cannot be given: it looks like another name of the same person, %s, and nobody is given two that look alike here. Choose another one",
		confirm:   "To rename, type the new name (%s) once more: ",
		unasked:   "a rename has to be confirmed: run the command on a terminal, or add --yes",
		unchanged: "not confirmed: %s is called as before",
		renamed:   "%s is called %s from now on; the old name stays this person's for ever, and signing in with it works. The Teams login and the account in AD are the same",
		taken:     "the name %s is taken: another person has it, or had it. A person chooses the name, no counter is added",
		alike:     "the name %s looks like one that somebody else has or had (digits at the end, dots and dashes do not count): they would be mixed up. Choose another one; mos.ru or the ЭЖД alone may give it",
		badName:   "the name %s cannot be one in Active Directory: up to 20 characters, Latin letters, digits, dot, hyphen, no system's account (root, administrator)",
		same:      "%s is called so already: there is nothing to do",
		notMade:   "%s has no account in Active Directory yet: the name is changed once there is one (why there is none: schoolbridge explain)",
		why: map[provision.Why]string{
			provision.WhyNew: "the person activated and has no account yet", provision.WhyOwner: "the owner's mark", provision.WhyActive: "works or studies",
			provision.WhyLeft: "works and studies nowhere", provision.WhySuspended: "shut out here or by mos.ru", provision.WhyRemoved: "the account was removed from the store",
			provision.WhyProfile: "so at mos.ru", provision.WhyMapping: "so in the configuration (ad.attributes)", provision.WhyPlace: "by role and school", provision.WhyGroup: "by role and school",
			provision.WhyTeams: "there is no Teams login yet", provision.WhyRename: "the rename was confirmed", provision.WhyDelivery: "the password waits for delivery",
			provision.WhyStale: "the former password will not do", provision.WhyControl: "the password's age is mos.ru's matter", provision.WhyNoPassword: "with this flag (PASSWD_NOTREQD) AD would take an empty password too",
			provision.WhyRefused:  "AD has refused this password; waiting until the domain's password policy is relaxed or the person changes the password at mos.ru. The daemon tries again by itself",
			provision.WhyStamp:    "the stamp is not ours",
			provision.WhyConflict: "the name that a replication conflict took is free again",
		},
	},
}
