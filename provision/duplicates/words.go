package duplicates

import (
	"fmt"
	"slices"
	"strings"
)

// Words are the report's texts in one language.
type Words struct {
	lang string

	title, made, accounts, counts, apartTitle, apartNote, none   string
	group, account, fio, upn, place, state, signed, born, doing  string
	why, enabled, disabled, stays, because, nothing, never, take string
	kept, reasons, questions, member, level, score, for_         string
	levels                                                       map[Level]string
	reason                                                       map[Reason]string
	becauseOf                                                    map[Because]string
	left                                                         map[Why]string
	question                                                     map[Question]string
	step                                                         map[Kind]string
	stop                                                         map[Stop]string
	phase                                                        map[Phase]string
}

// WordsFor gives the texts in "ru" or "en".
func WordsFor(lang string) *Words {
	if lang == "en" {
		return &english
	}
	return &russian
}

var russian = Words{
	lang: "ru", title: "Дубликаты в Active Directory", made: "Составлено", accounts: "Учётных записей в домене: %d",
	counts:     "Групп: достоверных %d, вероятных %d, возможных %d",
	apartTitle: "Тёзки — это разные люди", apartNote: "Похожи, но не дубликаты; с ними ничего делать не надо. Всего пар: %d.", none: "Дубликатов не найдено.",
	group: "Группа", account: "Имя для входа", fio: "ФИО", upn: "Логин Teams (UPN)", place: "Где лежит", state: "Состояние", signed: "Последний вход", born: "Создана",
	doing: "Что предлагается", why: "Почему это один человек", enabled: "включена", disabled: "отключена", stays: "остаётся", because: "Остаётся, потому что", nothing: "ничего", take: "снять",
	never: "не было", kept: "останется в группах", reasons: "Почему", questions: "Решает человек", member: "Запись", level: "Уверенность", score: "Баллы", for_: "Остаётся вместо неё",
	levels: map[Level]string{Certain: "достоверно", Probable: "вероятно", Possible: "возможно", None: "связи нет", Different: "разные люди"},
	reason: map[Reason]string{
		SameOwner: "один владелец по данным службы", SameRecord: "обе заявлены за одной записью реестра", SameLogin: "оба имени — логины одного человека в реестрах",
		SameContact: "ФИО и контакт указывают на одного человека в реестрах", SameEmployeeID: "один табельный номер (employeeID)", SameFIO: "ФИО совпадает",
		SameSound: "ФИО совпадает с учётом транслитерации", PartFIO: "фамилия и имя (инициалы) совпадают", SameBirth: "дата рождения совпадает", SameMail: "одна почта",
		SamePhone: "один телефон", SameUPN: "одинаковый UPN до @", SameName: "одно и то же имя для входа: его одновременно выдали два контроллера домена", LookAlike: "похожие имена для входа", SamePlace: "лежат в одном подразделении", SameSchool: "одна школа",
		SameClass: "один класс", NewSurname: "имя и отчество совпадают, фамилия другая",
		OtherOwner: "разные владельцы", OtherSNILS: "разные СНИЛС", OtherBirth: "разные даты рождения", OtherEmployeeID: "разные табельные номера", OtherFIO: "разные ФИО",
		OtherSchool: "разные школы", OtherClass: "разные классы",
	},
	becauseOf: map[Because]string{
		BecauseOwner: "служба знает её как запись этого человека", BecauseAnchored: "её знает Entra ID (облако Teams)", BecauseMosru: "названа логином mos.ru",
		BecauseEZHD: "названа логином ЭЖД", BecauseSignedIn: "ею пользовались последней", BecauseOldest: "она самая старая",
	},
	left: map[Why]string{
		Protected: "не трогаем: администратор или служебная", Outside: "не трогаем: лежит вне подразделений службы", Owned: "не трогаем: у неё есть владелец",
		Unread: "не трогаем: не читается", Unsure: "не трогаем: неясно, чья она",
	},
	question: map[Question]string{
		SurvivorDisabled: "остающаяся запись отключена, а другая включена: кто ею пользуется?",
		NameConflict:     "имя для входа одно у обеих записей (конфликт репликации): это один человек или два?",
		AnchoredLoser:    "отключаемую запись знает Entra ID: в её облачном ящике и Teams могут быть данные",
	},
	step: map[Kind]string{Retire: "отключить", Claims: "заявки перенести на остающуюся", Join: "остающуюся добавить в %s", Move: "перенести: %s"},
	stop: map[Stop]string{
		StopChanged: "запись с тех пор изменилась: чтобы отключить лишние, найдите дубликаты заново (в командной строке — duplicates plan)", StopRefused: "Active Directory не принимает изменение: проверьте права служебной записи",
		StopGone: "записи больше нет", StopOwned: "запись с тех пор стала чьим-то аккаунтом: найдите дубликаты заново (в командной строке — duplicates plan)",
	},
	phase: map[Phase]string{PhaseApplying: "не закончено", PhaseApplied: "сделано", PhaseStopped: "остановлено", PhaseUndoing: "возврат не закончен", PhaseUndone: "возвращено"},
}

var english = Words{
	lang: "en", title: "Duplicates in Active Directory", made: "Made", accounts: "Accounts in the domain: %d",
	counts:     "Groups: %d certain, %d probable, %d possible",
	apartTitle: "Namesakes: different people", apartNote: "They look alike and are no duplicates; nothing is to be done. Pairs in all: %d.", none: "No duplicates were found.",
	group: "Group", account: "Sign-in name", fio: "Name", upn: "Teams login (UPN)", place: "Where it lies", state: "State", signed: "Last sign-in", born: "Created",
	doing: "What is proposed", why: "Why this is one person", enabled: "enabled", disabled: "disabled", stays: "stays", because: "It stays because", nothing: "nothing", take: "take away",
	never: "never", kept: "stays in the groups", reasons: "Why", questions: "A person decides", member: "Account", level: "Confidence", score: "Score", for_: "Stays instead of it",
	levels: map[Level]string{Certain: "certain", Probable: "probable", Possible: "possible", None: "no link", Different: "different people"},
	reason: map[Reason]string{
		SameOwner: "one owner by the daemon's data", SameRecord: "both claimed for one registry record", SameLogin: "both names are logins of one person in the registries",
		SameContact: "name and contact point to one person in the registries", SameEmployeeID: "one employeeID", SameFIO: "the name is equal", SameSound: "the name is equal in transliteration",
		PartFIO: "surname and first name (initials) are equal", SameBirth: "the birth date is equal", SameMail: "one mail address", SamePhone: "one telephone", SameUPN: "one UPN before the @",
		SameName: "the very same sign-in name: two domain controllers gave it away at once", LookAlike: "sign-in names look alike", SamePlace: "they lie in one unit", SameSchool: "one school", SameClass: "one class", NewSurname: "first name and patronymic are equal, the surname is not",
		OtherOwner: "different owners", OtherSNILS: "different SNILS", OtherBirth: "different birth dates", OtherEmployeeID: "different employeeIDs", OtherFIO: "different names",
		OtherSchool: "different schools", OtherClass: "different classes",
	},
	becauseOf: map[Because]string{
		BecauseOwner: "the daemon knows it as this person's", BecauseAnchored: "Entra ID (the Teams cloud) holds it", BecauseMosru: "it is named as the mos.ru login",
		BecauseEZHD: "it is named as the login of the diary (EZhD)", BecauseSignedIn: "it was used last", BecauseOldest: "it is the oldest",
	},
	left: map[Why]string{
		Protected: "left alone: an administrator's or a service's", Outside: "left alone: outside the daemon's units", Owned: "left alone: it has an owner", Unread: "left alone: cannot be read",
		Unsure: "left alone: whose it is is not clear",
	},
	question: map[Question]string{
		SurvivorDisabled: "the account that stays is disabled and another one is not: who uses that?",
		NameConflict:     "both accounts have one sign-in name (a replication conflict): are they one person's or two people's?",
		AnchoredLoser:    "Entra ID holds the one that is to be disabled: its cloud mailbox and Teams may hold data",
	},
	step: map[Kind]string{Retire: "disable", Claims: "claims go to the one that stays", Join: "the one that stays joins %s", Move: "move to %s"},
	stop: map[Stop]string{
		StopChanged: "an account has changed since: to put duplicates to rest, search anew (on the command line: duplicates plan)", StopRefused: "Active Directory does not take the change: look at the service account's rights",
		StopGone: "an account is gone", StopOwned: "an account became a person's since: search anew (on the command line: duplicates plan)",
	},
	phase: map[Phase]string{PhaseApplying: "not finished", PhaseApplied: "done", PhaseStopped: "stopped", PhaseUndoing: "return not finished", PhaseUndone: "taken back"},
}

// Level says a level.
func (w *Words) Level(l Level) string { return w.levels[l] }

// Phase says how far a repair is, and why it stopped.
func (w *Words) Phase(r Repair) string {
	if r.Stopped != "" {
		return w.phase[r.Phase] + ": " + w.stop[r.Stopped]
	}
	return w.phase[r.Phase]
}

// Stop says why something stopped.
func (w *Words) Stop(s Stop) string { return w.stop[s] }

// Reason says one reason.
func (w *Words) Reason(r Reason) string { return w.reason[r] }

// Against says that a reason speaks against one person.
func (r Reason) Against() bool { return strings.HasPrefix(string(r), "OTHER_") }

// Question says what whoever approves must decide.
func (w *Words) Question(q Question) string { return w.question[q] }

// Why says why an account stays, without saying that it does.
func (w *Words) Why(b Because) string { return w.becauseOf[b] }

// Left says why an account is left alone.
func (w *Words) Left(y Why) string { return w.left[y] }

// Reasons says reasons, those for first as weigh gives them.
func (w *Words) Reasons(list []Reason) string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = w.reason[r]
	}
	return strings.Join(texts, "; ")
}

// Doing says what becomes of a member.
func (w *Words) Doing(p *Planned, m *Member) string { return strings.Join(w.Steps(p, m), "; ") }

// Because says why an account is a member, or stays.
func (w *Words) Because(p *Planned, m *Member) string {
	if m.ID == p.Survivor {
		return w.because + ": " + w.becauseOf[p.Because]
	}
	return w.Reasons(m.Reasons)
}

// Steps says what becomes of a member, one after the other.
func (w *Words) Steps(p *Planned, m *Member) []string {
	if m.ID == p.Survivor {
		return []string{w.stays}
	}
	if m.Left != "" {
		return []string{w.left[m.Left]}
	}
	var texts []string
	for _, s := range m.Steps {
		text := w.step[s.Kind]
		if s.Kind == Retire {
			text = w.retire(s.What)
		} else if len(s.What) > 0 {
			text = fmt.Sprintf(text, strings.Join(s.What, ", "))
		}
		texts = append(texts, text)
	}
	if len(m.Kept) > 0 {
		texts = append(texts, w.kept+" "+strings.Join(m.Kept, ", "))
	}
	if len(texts) == 0 {
		return []string{w.nothing}
	}
	return texts
}

// Step says what a step of the journal does.
func (w *Words) Step(e *Entry) string {
	switch {
	case e.Kind == Retire && e.Before != nil && e.After != nil:
		return w.retire(e.After.differs(*e.Before))
	case e.Kind == Join || e.Kind == Move:
		return fmt.Sprintf(w.step[e.Kind], e.To)
	}
	return w.step[e.Kind]
}

// retire says what is taken from an account beside that it is disabled.
func (w *Words) retire(what []string) string {
	text := w.step[Retire]
	if what = slices.DeleteFunc(slices.Clone(what), func(a string) bool { return a == "userAccountControl" }); len(what) > 0 {
		text += ", " + w.take + " " + strings.Join(what, ", ")
	}
	return text
}

// Questions says what whoever approves a group must decide.
func (w *Words) Questions(p *Planned) []string {
	var texts []string
	for _, q := range p.Questions {
		texts = append(texts, w.question[q])
	}
	return texts
}
