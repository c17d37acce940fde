package main

import (
	"schoolbridge/internal/identity"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// queueText are the messages of "queue" in one language.
type queueText struct {
	title, open, openToo, moved, decided, nowIs     string
	unconfirmed, gone, own, other, nobody           string
	moves, mover, moverHow, letter, whyLetter       string
	verbs, names, same, noLive, whole, done, undone string
	noAccount, untouchable                          string
	left                                            map[duplicates.Why]string
	accountMoved, noName                            string
	noReason                                        map[queue.Verb]string // of answers that need one
	holds, returned, beware, barred                 string
	transferred, refused, claimed                   string
	told, from                                      string
	enabled                                         map[bool]string
	head                                            []string
	fields                                          map[string]string
	how                                             map[queue.Verb]string
	refusal                                         map[error]string
}

var queueTexts = map[string]queueText{
	"ru": {
		title: "Очередь куратора", head: []string{"Вопрос", "Когда", "Школы", "ФИО", "Имя", "В чём дело", "Ответы", "Состояние"},
		open: "ждёт решения", openToo: "ждёт решения; о той же записи AD: %s", moved: "ждёт решения заново: после %s (%s) данные изменились или этого не хватило", decided: "решено: %s (%s)", nowIs: "Данные изменились; теперь это вопрос",
		unconfirmed: "не подтверждён", gone: "в реестре больше нет", own: "этот человек", other: "другой человек", nobody: "неизвестно чья",
		moves: "тот, кого просят перевести", mover: "куратор", moverHow: "Решите здесь: если это тот же человек, переведите его на эту учётную запись mos.ru, если нет, откажите. Или пусть он входит с прежней.",
		letter: "обращение %s", whyLetter: "пишет, что не может войти",
		verbs: "Можно ответить: %s", names: "Свободные имена: %s", same: "Об этой же учётной записи спрашивает и вопрос %s: ответ на один закрывает и другой", noLive: "Active Directory не ответил: %v",
		whole: "%q — номер вопроса без конца, а конец говорит, какие данные вы видели. Посмотрите вопрос, и готовые команды ответа будут под ним: schoolbridge queue show --config %s %s",
		done:  "Решение %s (%s) записано и подействует при следующей активации человека, а где его ждёт служба — сразу. Отменить: schoolbridge queue undo --config %s %s", undone: "Решение %s (%s) отменено",
		noAccount: "учётной записи %s в Active Directory нет", untouchable: "учётную запись %s брать нельзя: %s",
		left:         map[duplicates.Why]string{duplicates.Protected: "она администратора или служебная", duplicates.Outside: "она вне подразделений службы (ad.base, ad.adopt_bases)"},
		accountMoved: "учётная запись %s в AD изменилась с тех пор, как попала в очередь: обновите очередь (provision claim plan и apply)",
		noName:       "свободного имени по ФИО нет: назовите своё (allocate ИМЯ)",
		noReason:     map[queue.Verb]string{queue.Refuse: "напишите, почему нет: refuse --reason ПОЧЕМУ", queue.Transfer: "напишите, как убедились, что это тот же человек: transfer --reason КАК"},
		holds:        "сейчас у неё запись %s", returned: "С учётной записи, которая просит, человека уже перевели %s: выясните, кто и почему просит вернуть.", barred: "Перевести человека нельзя: %s",
		beware: "ВНИМАНИЕ: о переводе может просить похититель личности. Не решайте по звонку и письму: пусть человек придёт сам (ученик — с родителем), сверьте паспорт и СНИЛС,\n" +
			"спросите, что стало с прежней учётной записью mos.ru, и проверьте, что она вправду потеряна. Если ею входили недавно, откажите и разберитесь.",
		refused:     "Решение %s (%s) записано: вопрос закрыт и с теми же данными больше не придёт. Отменить: schoolbridge queue undo --config %s %s",
		claimed:     "Решение %s (%s) записано: учётная запись AD отмечена за этим человеком. Отменить, пока она не занята: schoolbridge queue undo --config %s %s",
		told:        "Решение %s: %s, %s, решил(а) %s",
		from:        "с учётной записи mos.ru %s",
		transferred: "Решение %s (%s) записано: за одну-две секунды прежняя учётная запись mos.ru перестаёт входить куда-либо. Пусть человек войдёт на странице активации с новой. Отменить: schoolbridge queue undo --config %s %s",
		enabled:     map[bool]string{true: "включена", false: "отключена"},
		fields: map[string]string{"fio": "ФИО", "snils": "СНИЛС", "birth_date": "Дата рождения", "phone": "Телефон", "email": "Почта", "login": "Логин", "upn": "UPN (Teams)",
			"school": "Школа", "place": "Класс, должность, место", "state": "Состояние", "owner": "Чья", "employee_id": "employeeID", "account": "Другая запись AD", "guid": "objectGUID"},
		how: map[queue.Verb]string{
			queue.Bind: "bind ЗАПИСЬ — запись реестра принадлежит этому человеку (например, bind kadry:17)", queue.Adopt: "adopt ЗАПИСЬ — учётная запись AD принадлежит этому человеку: запись реестра или имя в AD",
			queue.Further:  "further ЗАПИСЬ — у человека этой записи уже есть другая учётная запись AD, и эта тоже его: входит он по-прежнему той, а эта станет лишней (AD_DUPLICATE), и duplicates plan предложит её отключить",
			queue.Allocate: "allocate [ИМЯ] — учётная запись в AD получит это имя, а та, что стоит на пути, не его; без имени — первое из свободных", queue.Transfer: "transfer --reason КАК — перевести человека со всем, что у него есть, на эту учётную запись mos.ru; прежняя перестанет входить", queue.Refuse: "refuse --reason ПОЧЕМУ — нет; тот же вопрос больше не придёт",
		},
		refusal: map[error]string{
			queue.ErrNoItem: "такого вопроса в очереди нет: он решён, или данные исправлены", queue.ErrMoved: "данные изменились с тех пор, как вопрос показали: посмотрите его заново (queue show)",
			queue.ErrUnfit: "такой ответ к этому вопросу не подходит: какие подходят, показывает queue show", queue.ErrTaken: "занято: запись, учётная запись или имя принадлежит другому, имя было у кого-то раньше или на чьё-то похоже (цифры в конце, точки и дефисы не в счёт)",
			queue.ErrIncomplete: "в записи реестра нет школы или даты приёма: дополните её в реестре", queue.ErrDecided: "вопрос уже решён: сначала отмените то решение (queue undo)",
			queue.ErrUsed: "решение уже стало учётной записью человека, отменить его нельзя: закройте запись (account suspend)", queue.ErrUndone: "решение уже отменено",
			queue.ErrOther:       "у человека этой записи уже есть (или создаётся) другая учётная запись AD: которая, показывает queue show. Если и эта его, ответьте further: она станет лишней, и duplicates plan предложит её отключить. Если не его — refuse",
			queue.ErrAllotted:    "этому человеку решением очереди дано имя для новой учётной записи (allocate): если его запись — эта, сначала отмените то решение (queue decisions, queue undo)",
			queue.ErrClaimed:     "за этим человеком уже отмечена учётная запись AD: имя ему не нужно. Если она не его, сначала снимите отметку (queue undo или provision claim drop)",
			queue.ErrPassedOn:    "отметка перешла на другую запись: сначала верните ремонт дубликатов (duplicates undo) или снимите отметку там (provision claim drop)",
			queue.ErrOwnAccount:  "у этой учётной записи mos.ru здесь уже есть свой человек: двух людей решением не соединяют. Если это один человек, исправьте реестр и напишите в поддержку",
			queue.ErrAnother:     "по СНИЛС или дате рождения это разные люди: если это ошибка, исправьте её на mos.ru или в реестре",
			queue.ErrSeveral:     "записи принадлежат разным людям: сначала исправьте реестр",
			queue.ErrAdministers: "у человека есть права в администрировании: сначала оператор отзывает их (rights revoke), а после перевода выдаёт заново",
			queue.ErrElsewhere:   "система рядом с mos.ru не забирает людей, которые входят с другой учётной записью",
			queue.ErrMovedOn:     "человека с тех пор перевели ещё раз: сначала отмените то решение",
			identity.ErrNotFound: "такого решения нет",
		},
	},
	"en": {
		title: "Curators' queue", head: []string{"Question", "When", "Schools", "Name", "Login", "What it is about", "Answers", "State"},
		open: "open", openToo: "open; about the same account: %s", moved: "open again: the data have changed since %s (%s), or it was not enough", decided: "decided: %s (%s)", nowIs: "The data have changed; the question is now",
		unconfirmed: "not confirmed", gone: "not in the registry any more", own: "this person", other: "another person", nobody: "nobody knows whose",
		moves: "the one who is to be moved", mover: "the curator", moverHow: "Decide here: if it is the same person, move them to this mos.ru account; if not, refuse. Or they go on with the one before.",
		letter: "message %s", whyLetter: "writes that signing in does not work",
		verbs: "Answers: %s", names: "Names that are free: %s", same: "Question %s is about the same account: an answer to one settles the other too", noLive: "Active Directory did not answer: %v",
		whole: "%q is a question without its end, which tells what data you have seen. Look at the question, and the commands that answer it stand below: schoolbridge queue show --lang en --config %s %s",
		done:  "Decision %s (%s) is kept, and takes effect at the person's next activation, or at once where the daemon waits for it. To take it back: schoolbridge queue undo --config %s %s", undone: "Decision %s (%s) is taken back",
		noAccount: "Active Directory has no account %s", untouchable: "account %s cannot be taken: %s",
		left:         map[duplicates.Why]string{duplicates.Protected: "it is an administrator's or a service's", duplicates.Outside: "it is outside the daemon's units (ad.base, ad.adopt_bases)"},
		accountMoved: "account %s has changed in AD since it came into the queue: bring the queue up to date (provision claim plan, apply)",
		noName:       "no name made from the person's is free: name one (allocate NAME)",
		noReason:     map[queue.Verb]string{queue.Refuse: "write why not: refuse --reason WHY", queue.Transfer: "write how you made sure that it is the same person: transfer --reason HOW"},
		holds:        "has account %s now", returned: "The person was moved away from the account that asks at %s: find out who wants it back, and why.", barred: "The person cannot be moved: %s",
		beware: "BEWARE: whoever asks for this may be stealing an identity. Decide by no call and no letter: the person comes in person (a pupil with a parent). Compare passport and SNILS,\n" +
			"ask what became of the mos.ru account before, and check that it is truly lost. If somebody signed in with it lately, refuse, and find out.",
		refused:     "Decision %s (%s) is kept: the question is closed, and does not come again with the same data. To take it back: schoolbridge queue undo --config %s %s",
		claimed:     "Decision %s (%s) is kept: the account in AD is noted as this person's. To take it back while it is not in use: schoolbridge queue undo --config %s %s",
		told:        "Decision %s: %s, %s, by %s",
		from:        "from the mos.ru account %s",
		transferred: "Decision %s (%s) is kept: within a second or two the mos.ru account before signs in nowhere any more. The person signs in on the page of activation with the new one. To take it back: schoolbridge queue undo --config %s %s",
		enabled:     map[bool]string{true: "enabled", false: "disabled"},
		fields: map[string]string{"fio": "Name", "snils": "SNILS", "birth_date": "Birth date", "phone": "Phone", "email": "Mail", "login": "Login", "upn": "UPN (Teams)",
			"school": "School", "place": "Class, position, place", "state": "State", "owner": "Whose", "employee_id": "employeeID", "account": "Other AD account", "guid": "objectGUID"},
		how: map[queue.Verb]string{
			queue.Bind: "bind RECORD: the registry's record is this person's (bind kadry:17, for example)", queue.Adopt: "adopt RECORD: the account is this person's: a registry's record, or the name in AD",
			queue.Further:  "further RECORD: the record's person has another account in AD, and this one is theirs too: they sign in with that one as before, this one is one too many (AD_DUPLICATE), and duplicates plan will propose to disable it",
			queue.Allocate: "allocate [NAME]: the account in AD gets this name, and the one that is in the way is not theirs; without one, the first of those that are free", queue.Transfer: "transfer --reason HOW: moves the person, with all there is, to this mos.ru account; the one before signs in no more", queue.Refuse: "refuse --reason WHY: no; the same question does not come again",
		},
		refusal: map[error]string{
			queue.ErrNoItem: "there is no such question: it was answered, or the data were repaired", queue.ErrMoved: "the data have changed since the question was shown: look at it again (queue show)",
			queue.ErrUnfit: "this answer does not fit the question: queue show tells those that do", queue.ErrTaken: "taken: the record, account or name is another's, or the name was somebody's before or looks like one (digits at the end, dots and dashes do not count)",
			queue.ErrIncomplete: "the record lacks its school or its first day: complete it in the registry", queue.ErrDecided: "the question is answered: take that decision back first (queue undo)",
			queue.ErrUsed: "the decision has become the person's account and cannot be taken back: suspend the account (account suspend)", queue.ErrUndone: "the decision was taken back before",
			queue.ErrOther:       "the record's person has another account in AD, or is to have one: queue show tells which. If this one is theirs too, answer further: it is one too many then, and duplicates plan will propose to disable it. If it is not, refuse",
			queue.ErrAllotted:    "the person was given a name for a new account (allocate): if this account is theirs, take that decision back first (queue decisions, queue undo)",
			queue.ErrClaimed:     "an account in AD is claimed for this person, who needs no name. If it is not theirs, take the claim back first (queue undo, or provision claim drop)",
			queue.ErrPassedOn:    "the claim has gone on to another account: take the repair of duplicates back (duplicates undo) or drop the claim there (provision claim drop) first",
			queue.ErrOwnAccount:  "this mos.ru account has a person of its own here: no decision makes two people one. If it is one person, repair the registry and write to support",
			queue.ErrAnother:     "by SNILS or birth date these are two people: if that is a mistake, correct it on mos.ru or in the registry",
			queue.ErrSeveral:     "the records belong to several people: repair the registry first",
			queue.ErrAdministers: "the person has rights of administration: the operator revokes them first (rights revoke), and grants them anew after the transfer",
			queue.ErrElsewhere:   "a system beside mos.ru takes nobody over who signs in with another account",
			queue.ErrMovedOn:     "the person has been moved once more since: take that decision back first",
			identity.ErrNotFound: "there is no such decision",
		},
	},
}
