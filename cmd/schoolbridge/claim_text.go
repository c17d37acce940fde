package main

import (
	"errors"
	"strings"

	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// claimText are the messages of "provision claim" and of answers to its
// questions, in one language.
type claimText struct {
	title, reading, planned, write, certain, decide             string
	noPlan, otherPlan, noPair, noCandidate, noProposal, noTaken string
	wrongName, heading                                          string
	settled, moved, applied, unclaim, noDeleted, names          string
	noObject, noClaim, used, passedOn, dropped                  string
	taken, gone, allotted                                       string
	but, called                                                 string
	head, short                                                 []string
	reason                                                      map[duplicates.Reason]string
}

func (t claimText) reasons(list []duplicates.Reason) string {
	var words []string
	for _, r := range list {
		words = append(words, t.reason[r])
	}
	return strings.Join(words, ", ")
}

func (t claimText) refusal(err error) string {
	switch {
	case errors.Is(err, queue.ErrTaken):
		return t.taken
	case errors.Is(err, queue.ErrAllotted):
		return t.allotted
	}
	return t.gone
}

var claimTexts = map[string]claimText{
	"ru": {
		title: "Чьи учётные записи AD", reading: "читаем все учётные записи домена и реестры…",
		head:  []string{"Имя для входа", "Решение", "ФИО в реестре", "Школа", "Записи", "Почему", "Сомнения", "Имя в AD", "Где лежит"},
		short: []string{"Имя для входа", "Решение", "ФИО в реестре", "Школа", "Записи", "Почему"},
		but:   "НО: ", called: "в AD: ",
		certain: "достоверно", decide: "решает человек",
		planned: "учётных записей %d: уже с владельцем %d, отмечены раньше %d, служебные %d, вне подразделений службы %d, неизвестно чьи %d, отключены как дубликаты %d\n" +
			"предлагается достоверно %d, решает человек %d; отклонено раньше %d",
		write:       "не записать %s: %w",
		noPlan:      "план %s не читается: %w",
		otherPlan:   "план %s составлен для другого домена: %s",
		noPair:      "%q — не пара ЗАПИСЬ_AD=ЗАПИСЬ_РЕЕСТРА: например, ivanov=kadry:17",
		noCandidate: "учётную запись %s для %s никто не предлагал, или под этим номером их несколько: выберите одну из тех, что в плане, вместе с реестром (kadry:17)",
		noProposal:  "учётной записи %s в плане нет",
		noTaken:     "список занятых имён %s не читается: %w",
		wrongName:   "список занятых имён %s, строка %d: кириллица — это не имя учётной записи. Исправьте или уберите строку (нужен один логин в строке или первом столбце) и повторите; из списка ничего не записано",
		heading:     "первая строка списка («%s») — заголовок, именем она не считается",
		settled:     "%s: уже отмечена или имеет владельца",
		moved:       "%s: изменилась с тех пор, как составлен план; составьте его заново",
		applied:     "отмечено %d; в очереди куратора %d (schoolbridge queue list)", unclaim: "отменить всё разом: schoolbridge provision claim drop --config %s --run %s",
		noDeleted: "удалённых записей домена (Deleted Objects) не видно: если они были, дайте служебной записи право читать этот контейнер " +
			"(dsacls … /G ЗАПИСЬ:LCRP) или передайте список: --taken",
		names:    "имена, занятые навсегда: из удалённых %d, из списка %d",
		noObject: "%q — не objectGUID (32 шестнадцатеричных знака): возьмите его из claim plan --format json или queue show",
		noClaim:  "учётная запись %s никем не отмечена или уже принадлежит человеку", used: "%s: уже стала учётной записью человека, не отменить",
		passedOn: "%s: отметка перешла на остающуюся запись при ремонте дубликатов: сначала верните его (duplicates undo)",
		dropped:  "отменено %d, осталось %d", taken: "уже отмечена за другим, или у человека есть другая", gone: "записи в реестре больше нет", allotted: "человеку дано имя для новой записи (queue decisions): сначала отмените то решение",
		reason: map[duplicates.Reason]string{
			duplicates.SameLogin: "логин ЭЖД или mos.ru", duplicates.SameUPN: "логин в UPN", duplicates.SameEmployeeID: "employeeID", duplicates.SameMail: "почта", duplicates.SamePhone: "телефон",
			duplicates.SameFIO: "ФИО", duplicates.SameSound: "ФИО в транслитерации", duplicates.PartFIO: "фамилия и имя (инициалы)", duplicates.NewSurname: "имя и отчество, фамилия другая",
			duplicates.OtherFIO: "ФИО ДРУГОЕ", duplicates.SameBirth: "дата рождения",
			duplicates.TwoPeople: "подходят несколько человек", duplicates.TwoAccounts: "у человека может быть другая запись", duplicates.HasAccount: "у человека уже есть запись",
			duplicates.SameNames: "есть полные тёзки",
		},
	},
	"en": {
		title: "Whose accounts", reading: "reading all accounts of the domain, and the registries…",
		head:  []string{"Account", "Decision", "Name in the registry", "School", "Records", "Why", "Doubts", "Name in AD", "Place"},
		short: []string{"Account", "Decision", "Name in the registry", "School", "Records", "Why"},
		but:   "BUT: ", called: "in AD: ",
		certain: "certain", decide: "to be decided",
		planned: "%d accounts: %d have an owner, %d were claimed before, %d are services', %d outside our units, %d nobody knows whose, %d put to rest as duplicates\n" +
			"%d are proposed for certain, %d to be decided; %d were refused before",
		write:       "cannot write %s: %w",
		noPlan:      "the plan %s cannot be read: %w",
		otherPlan:   "the plan %s is of another domain: %s",
		noPair:      "%q is no pair OBJECT=RECORD: ivanov=kadry:17, for example",
		noCandidate: "nobody proposed account %s for %s, or several have this number: choose one of those in the plan, with its registry (kadry:17)",
		noProposal:  "the plan has no account %s",
		noTaken:     "the list of names %s cannot be read: %w",
		wrongName:   "the list of names %s, line %d: Cyrillic is no name of an account. Correct the line or take it out (one login a line, or in the first column) and try again; nothing of the list was written",
		heading:     "the first line of the list (“%s”) is a heading, and counts as no name",
		settled:     "%s: claimed already, or somebody's",
		moved:       "%s: has changed since the plan was made; make it anew",
		applied:     "%d claimed; %d in the curators' queue (schoolbridge queue list --lang en)", unclaim: "to take all of them back: schoolbridge provision claim drop --lang en --config %s --run %s",
		noDeleted: "no deleted objects of the domain are to be seen: if there were any, let the service account read their container " +
			"(dsacls … /G ACCOUNT:LCRP), or hand in a list: --taken",
		names:    "names that are taken for ever: %d of deleted accounts, %d of the list",
		noObject: "%q is no objectGUID (32 hexadecimal digits): take it from claim plan --format json or queue show",
		noClaim:  "account %s is claimed for nobody, or is a person's", used: "%s: is a person's account by now, it stays",
		passedOn: "%s: the claim went to the account that stays when duplicates were put to rest: take that back first (duplicates undo)",
		dropped:  "%d taken back, %d left", taken: "claimed for somebody else, or the person has another one", gone: "the record has left its registry", allotted: "the person was given a name for a new account (queue decisions): take that decision back first",
		reason: map[duplicates.Reason]string{
			duplicates.SameLogin: "login of ЭЖД or mos.ru", duplicates.SameUPN: "login in the UPN", duplicates.SameEmployeeID: "employeeID", duplicates.SameMail: "mail", duplicates.SamePhone: "phone",
			duplicates.SameFIO: "name", duplicates.SameSound: "name, transliterated", duplicates.PartFIO: "surname and first name (initials)", duplicates.NewSurname: "first name and patronymic, surname differs",
			duplicates.OtherFIO: "ANOTHER NAME", duplicates.SameBirth: "birth date",
			duplicates.TwoPeople: "several people fit", duplicates.TwoAccounts: "the person may have another one", duplicates.HasAccount: "the person has one",
			duplicates.SameNames: "there are namesakes",
		},
	},
}
