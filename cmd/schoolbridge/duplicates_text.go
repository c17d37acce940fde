package main

// duplicatesText are the messages of "duplicates" in one language.
type duplicatesText struct {
	reading, found, applying, written, write, noPlan, otherPlan, noGroup, noRepair, brake, busy, before, done, left string
	noKept, differs, lost, keep                                                                                     string

	findHead, planHead []string
}

var duplicatesTexts = map[string]duplicatesText{
	"ru": {
		reading: "чтение всех учётных записей домена…", found: "прочитано учётных записей %d за %v: групп возможных дубликатов %d, похожих пар тёзок %d, уже отключённых этой командой записей %d",
		applying: "группы: %d из %d, %.1f в секунду, осталось %v, до %s", written: "записано: %s", write: "не записать %s: %w",
		noPlan: "%s — не план (его пишет duplicates plan --out ФАЙЛ): %v", otherPlan: "план %s составлен для другого домена: %s",
		noGroup: "группы %s в плане %s нет", noRepair: "с группой %s ничего не делали: какие были, показывает аудит, audit show --nobody --kinds duplicates_applied",
		brake: "отключить предстоит %d, а разом можно не больше %d. Проверьте план; если всё верно, добавьте --accept-disabling %d",
		busy:  "дубликатами уже занимается служба или другой запуск этой команды: дождитесь конца (если он оборвался, полминуты)", before: "%s: уже начато раньше; чтобы повторить, сначала верните: duplicates undo %[1]s",
		done:   "сделано групп: %d, остановлено: %d",
		left:   "одобрено, но не начато групп: %d (одобрение от %s): %s. Чтобы сделать и их: schoolbridge duplicates apply --config %s --plan %s %s",
		noKept: "--keep %s: такой записи в группе нет, это имя у нескольких (назовите GUID) или это не атрибут; записи: %s; атрибуты: %s", differs: "  %s, %s: было %q, мы оставили %q, сейчас %q",
		lost: "  %s: записи больше нет, или она не читается",
		keep: "верните прежние значения, или повторите так, чтобы нынешние остались: schoolbridge duplicates undo %s --keep %s",

		findHead: []string{"Группа", "Уверенность", "Баллы", "Записи", "Почему"}, planHead: []string{"Группа", "Уверенность", "Запись", "Что предлагается", "Почему"},
	},
	"en": {
		reading: "reading all accounts of the domain…", found: "%d accounts read in %v: %d groups of possible duplicates, %d pairs of namesakes that look alike, %d accounts put to rest by this command before",
		applying: "groups: %d of %d, %.1f a second, %v left, until %s", written: "written: %s", write: "%s cannot be written: %w",
		noPlan: "%s is no plan (duplicates plan --out FILE writes one): %v", otherPlan: "the plan %s was made for another domain: %s",
		noGroup: "there is no group %s in the plan %s", noRepair: "nothing was done with group %s: the audit trail shows those that there were, audit show --nobody --kinds duplicates_applied",
		brake: "%d are to be disabled, and no more than %d may be at once. Look at the plan; if it is right, add --accept-disabling %d",
		busy:  "the daemon or another run of this command is at work on duplicates: wait for its end (half a minute, if it was cut off)", before: "%s was begun before; to repeat it take it back first: duplicates undo %[1]s",
		done:   "groups done: %d, stopped: %d",
		left:   "groups approved and not begun: %d (approved at %s): %s. To do these too: schoolbridge duplicates apply --lang en --config %s --plan %s %s",
		noKept: "--keep %s: the group has no such account, several have this name (say the GUID), or this is no attribute; accounts: %s; attributes: %s", differs: "  %s, %s: it was %q, we left %q, it is %q",
		lost: "  %s: the account is gone, or cannot be read",
		keep: "set back what it was, or repeat it so that what is there now stays: schoolbridge duplicates undo %s --keep %s",

		findHead: []string{"Group", "Confidence", "Score", "Accounts", "Why"}, planHead: []string{"Group", "Confidence", "Account", "What is proposed", "Why"},
	},
}
