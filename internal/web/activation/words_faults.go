package activation

import (
	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/provision/match"
)

// faultWords say to a person what went wrong, who mends it and how.
type faultWords struct{ what, who, how both }

// both keeps the table below readable.
type both = web.Both

// Those who mend things.
var (
	byYou     = both{"Вы", "You"}
	byOfficer = both{"Кадровик школы", "The school's personnel officer"}
	byBoth    = both{"Вы и кадровик школы", "You and the school's personnel officer"}
	bySchool  = both{"Школа", "The school"}
	byFamily  = both{"Вы и школа", "You and the school"}
	byCurator = both{"Куратор", "The curator"}
	byAdmin   = both{"Администратор", "The administrator"}
	byNobody  = both{"Никто: так и должно быть", "Nobody: this is as it should be"}
	byTime    = both{"Пройдёт само", "It passes by itself"}
)

// faults are the words for each code that somebody can meet.
var faults = map[string]faultWords{
	// What was typed, and mos.ru.
	string(identity.ReasonWrongPassword): {both{"mos.ru не принял логин или пароль.", "mos.ru did not accept the login or password."}, byYou,
		both{"Проверьте раскладку и Caps Lock. Забытый пароль восстановите на mos.ru («Не помню пароль»).", "Check the keyboard layout and Caps Lock. A forgotten password is recovered on mos.ru (“I forgot my password”)."}},
	string(identity.ReasonKnownBad): {both{"Этот пароль mos.ru только что не принял.", "mos.ru refused this very password a moment ago."}, byYou,
		both{"Чтобы mos.ru не закрыл вход, мы не спрашиваем его снова. Введите другой пароль или восстановите его на mos.ru.", "So that mos.ru does not lock you out, we do not ask again. Type another password or recover it on mos.ru."}},
	string(identity.ReasonEmptyPassword): {both{"Пароль не введён.", "No password was typed."}, byYou, both{"Введите пароль от mos.ru.", "Type your mos.ru password."}},
	string(identity.ReasonBadRequest): {both{"Логин или пароль так не пишутся: слишком длинно или посторонние знаки.", "A login or password is not written like that: too long, or strange characters."}, byYou,
		both{"Введите их ещё раз, не копируя лишнего.", "Type them once more without copying anything else."}},
	string(identity.ReasonThrottled): {both{"Слишком много неудачных попыток.", "Too many attempts have failed."}, byTime,
		both{"Подождите десять минут и введите верный пароль. Вход на mos.ru этим не закрыт.", "Wait ten minutes and type the right password. This does not lock you out of mos.ru."}},
	string(identity.ReasonUpstreamDown): {both{"mos.ru сейчас не отвечает.", "mos.ru does not answer right now."}, byTime,
		both{"Повторите через несколько минут. Кто входил недавно, тот работает как обычно.", "Try again in a few minutes. Who signed in lately goes on working as usual."}},
	string(identity.ReasonUpstreamBusy): {both{"Сейчас входит очень много людей.", "Very many people are signing in right now."}, byTime, both{"Повторите через минуту.", "Try again in a minute."}},
	string(identity.ReasonOverload):     {both{"Сейчас входит очень много людей.", "Very many people are signing in right now."}, byTime, both{"Повторите через минуту.", "Try again in a minute."}},
	string(identity.ReasonUpstreamLocked): {both{"mos.ru временно закрыл вход с этим паролем.", "mos.ru has locked this sign-in for a time."}, byYou,
		both{"Подождите, сколько сказано на mos.ru, или восстановите доступ там же. Если mos.ru уже открыл вход, мы узнаем об этом в течение минуты: подождите её и повторите.", "Wait as long as mos.ru says, or recover access there. Once mos.ru has opened it again, we notice within a minute: wait for it and try again."}},
	string(identity.ReasonSecondFactor): {both{"mos.ru просит подтвердить вход вторым способом или сменить пароль, а здесь это сделать негде.", "mos.ru wants a second confirmation or a new password, which cannot be given here."}, byYou,
		both{"Войдите на mos.ru в браузере, подтвердите вход и повторите здесь через минуту. Если подтверждение нужно каждый раз, отключите его в личном кабинете или напишите нам.", "Sign in to mos.ru in a browser, confirm, and try again here in a minute. If that is asked for every time, switch it off in your account there or write to us."}},
	string(identity.ReasonUpstreamFault): {both{"mos.ru не принимает запросы этого сервиса.", "mos.ru does not accept this service's requests."}, byAdmin,
		both{"С вашим логином и паролем всё в порядке. Напишите нам и повторите позже.", "Nothing is wrong with your login and password. Write to us and try again later."}},
	string(identity.ReasonCutOff): {both{"Школьный сервис временно без связи со своей базой.", "The school's service is without its database for the moment."}, byAdmin,
		both{"Повторите через несколько минут: второй учётной записи от этого не появится.", "Try again in a few minutes: no second account comes of it."}},
	string(identity.ReasonReassigned): {both{"Пароль подошёл к другой учётной записи mos.ru, а не к той, с которой вы вошли.", "The password belongs to another mos.ru account than the one that you signed in with."}, byYou,
		both{"Выйдите и войдите ещё раз — с учётной записью, где ваш СНИЛС и контакты, известные школе.", "Sign out and sign in once more, with the account that has your SNILS and the contacts that the school knows."}},
	string(identity.ReasonDisabledThere): {both{"Пароль верен, но учётная запись вашей организации отключена.", "The password is right, but your organisation's account is disabled."}, byAdmin,
		both{"Попросите администратора своей организации включить её.", "Ask your organisation's administrator to enable it."}},
	string(identity.ReasonExpiredThere): {both{"Пароль верен, но ваша организация требует его сменить.", "The password is right, but your organisation wants it changed."}, byYou,
		both{"Смените его там, например на рабочем ПК, и войдите с новым.", "Change it there, for instance on a work PC, and sign in with the new one."}},
	string(identity.ReasonBarredThere): {both{"Пароль верен, но ваша организация не пускает в этот час или отсюда.", "The password is right, but your organisation does not admit at this hour or from here."}, byAdmin,
		both{"Спросите администратора своей организации.", "Ask your organisation's administrator."}},
	faultStale: {both{"Вход начат слишком давно, в другом окне или повторён кнопкой «Назад».", "The sign-in began too long ago, in another window, or was repeated with the “back” button."}, byYou,
		both{"Начните вход ещё раз и не переключайтесь между окнами.", "Begin to sign in once more, in one window."}},
	faultDeclined: {both{"На странице mos.ru вход отменён.", "The sign-in was cancelled on the mos.ru page."}, byYou,
		both{"Если это вышло случайно, начните ещё раз. Войти можно и через Госуслуги — на той же странице mos.ru.", "If that was not intended, begin once more. The mos.ru page offers Gosuslugi, too."}},

	// What the records say.
	string(match.SNILSMismatch): {both{"СНИЛС на mos.ru и в кадровой системе школы разные.", "The SNILS on mos.ru and in the school's personnel system differ."}, byBoth,
		both{"Сверьте СНИЛС в личном кабинете mos.ru и у кадровика (1С). Ошибку в 1С исправит кадровик; если учётных записей mos.ru несколько, войдите с той, где этот СНИЛС.", "Compare the SNILS in your mos.ru account and with the personnel officer (1C). An error in 1C is corrected there; if you have several mos.ru accounts, sign in with the one that has this SNILS."}},
	string(match.SNILSNotConfirmed): {both{"СНИЛС на mos.ru не указан или не подтверждён.", "The SNILS on mos.ru is missing or not confirmed."}, byYou,
		both{"Укажите и подтвердите СНИЛС в личном кабинете mos.ru, затем войдите здесь ещё раз.", "Enter and confirm the SNILS in your mos.ru account, then sign in here once more."}},
	string(match.MultiSNILSNotConfirmed): {both{"СНИЛС на mos.ru не подтверждён, а вы работаете в нескольких организациях.", "The SNILS on mos.ru is not confirmed, and you work for several organisations."}, byYou,
		both{"Подтвердите СНИЛС в личном кабинете mos.ru: одного раза достаточно для всех мест работы. Затем войдите здесь ещё раз.", "Confirm the SNILS in your mos.ru account: once is enough for all places of work. Then sign in here once more."}},
	string(match.KadrySNILSInvalid): {both{"В кадровой системе школы ваш СНИЛС пуст или записан с ошибкой.", "The school's personnel system has your SNILS empty or misspelt."}, byOfficer,
		both{"Попросите кадровика исправить СНИЛС в 1С. Данные приходят к нам на следующий день.", "Ask the personnel officer to correct it in 1C. We get the data on the next day."}},
	string(match.KadrySNILSDuplicate): {both{"В кадровой системе школы ваш СНИЛС записан ещё у одного человека.", "The school's personnel system has your SNILS for another person, too."}, byOfficer,
		both{"Попросите кадровика найти в 1С обе записи и исправить ошибочную.", "Ask the personnel officer to find both records in 1C and to correct the wrong one."}},
	string(match.FIOMismatch): {both{"СНИЛС совпал, а фамилия, имя или отчество на mos.ru и в школе разные.", "The SNILS is the same, but the name on mos.ru and at the school differ."}, byBoth,
		both{"Сверьте написание с кадровиком: смена фамилии, опечатка, отчество. Исправьте там, где ошибка.", "Compare the spelling with the personnel officer: a new surname, a slip, the patronymic. Correct it where it is wrong."}},
	string(match.EmploymentEnded): {both{"По данным кадровой системы вы больше не работаете в школе.", "By the personnel system you do not work at the school any more."}, byOfficer,
		both{"Если вы работаете, попросите кадровика проверить место работы и даты в 1С.", "If you do, ask the personnel officer to check the place and dates in 1C."}},
	string(match.EmploymentNotStarted): {both{"Дата приёма на работу ещё не наступила.", "Your employment has not begun yet."}, byTime,
		both{"Возвращайтесь в день приёма. Если дата неверна, её исправит кадровик в 1С.", "Come back on the first day. If the date is wrong, the personnel officer corrects it in 1C."}},
	string(match.EmploymentDataMissing): {both{"В кадровой системе не указано место работы или дата приёма.", "The personnel system lacks your place of work or first day."}, byOfficer,
		both{"Попросите кадровика дополнить запись в 1С.", "Ask the personnel officer to complete the record in 1C."}},
	string(match.ContactMismatch): {both{"Телефон и почта на mos.ru не те, что знает школа.", "The phone and e-mail on mos.ru are not those that the school knows."}, byFamily,
		both{"Пусть совпадёт хотя бы одно: сообщите школе нынешние телефон или почту или укажите на mos.ru те, что есть в школе.", "One of them has to be the same: tell the school your phone or e-mail of today, or enter on mos.ru those that the school has."}},
	string(match.ContactNotVerified): {both{"Телефон или почта на mos.ru не подтверждены.", "The phone or e-mail on mos.ru is not confirmed."}, byYou,
		both{"Подтвердите их в личном кабинете mos.ru и войдите здесь ещё раз.", "Confirm it in your mos.ru account and sign in here once more."}},
	string(match.DOBMismatch): {both{"Дата рождения на mos.ru и в школе разная.", "The date of birth on mos.ru and at the school differ."}, byFamily,
		both{"Сверьте дату со школой и исправьте там, где ошибка.", "Compare the date with the school and correct it where it is wrong."}},
	string(match.Ambiguous): {both{"В реестрах вам подходят записи нескольких людей.", "Records of several people fit you."}, byCurator,
		both{"Куратор уже видит это у себя и решит. Ускорить можно, написав нам.", "The curator sees it and decides. Writing to us makes it quicker."}},
	faultTurned: {both{"Куратор рассмотрел ваш вопрос и отказал.", "The curator looked at your question and refused it."}, bySchool,
		both{"Обратитесь в школу лично, с паспортом и СНИЛС: отказ могут отменить. Когда данные исправят на mos.ru или в школе, войдите здесь ещё раз — вопрос откроется сам.", "Go to the school in person, with passport and SNILS: a refusal can be taken back. Once the data are corrected on mos.ru or at the school, sign in here once more: the question opens by itself."}},
	string(match.NotEnrolled): {both{"В школе нет действующей записи об этом ученике.", "No school has a record of this pupil that is in force."}, bySchool,
		both{"Попросите школу проверить зачисление в АИС «Контингент».", "Ask the school to check the enrolment in AIS Kontingent."}},
	string(match.MultipleMosruAccounts): {both{"У вас несколько учётных записей mos.ru, и школьные записи уже связаны с другой из них.", "You have several mos.ru accounts, and your school records belong to another one of them already."}, byYou,
		both{"Войдите с той, с которой входили здесь раньше. Если доступ к ней потерян, обратитесь в школу лично, с паспортом: куратор переведёт вас на новую.", "Sign in with the one that you used here before. If you lost it, go to the school in person, with your passport: the curator moves you to the new one."}},
	string(match.NoSuchAccount): {both{"Среди сотрудников, учеников и родителей вас не нашлось.", "You were not found among staff, pupils and parents."}, byFamily,
		both{"Сверьте со школой ФИО, а также СНИЛС (сотрудник) или телефон и почту (ученик, родитель) — на mos.ru и в школьных записях.", "Compare with the school your full name and the SNILS (staff) or phone and e-mail (pupils, parents), on mos.ru and in the school's records."}},
	string(match.NoMosruAccount): {both{"У вас нет учётной записи mos.ru.", "You have no mos.ru account."}, byYou,
		both{"Зарегистрируйтесь на mos.ru и войдите здесь ещё раз.", "Register on mos.ru and sign in here once more."}},
	string(match.MultiOrgNoMosru): {both{"У вас нет учётной записи mos.ru.", "You have no mos.ru account."}, byYou,
		both{"Зарегистрируйтесь на mos.ru, подтвердите СНИЛС и войдите здесь ещё раз.", "Register on mos.ru, confirm the SNILS and sign in here once more."}},
	string(match.ADNameTaken): {both{"Ваш логин в школьной сети уже занят: он есть у другого человека или в списке занятых имён.", "Your login is in use in the school network: somebody else has it, or the list of names in use does."}, byCurator,
		both{"Куратор назначит имя. От вас ничего не нужно; ускорить можно, написав нам.", "The curator assigns a name. Nothing is needed from you; writing to us makes it quicker."}},
	string(match.ADUnowned): {both{"В школьной сети есть учётная запись с вашим именем, и нужно убедиться, что она ваша.", "The school network has an account by your name, and somebody has to make sure that it is yours."}, byCurator,
		both{"Куратор уже видит это у себя. От вас ничего не нужно; ускорить можно, написав нам.", "The curator sees it. Nothing is needed from you; writing to us makes it quicker."}},
	string(match.OutOfReach): {both{"Учётная запись этой организации не подтверждает людей вашей школы.", "This organisation's account does not vouch for people of your school."}, byYou,
		both{"Войдите с учётной записью mos.ru.", "Sign in with your mos.ru account."}},

	// What is told beside a success.
	string(match.LoginDiffers): {both{"Ваш логин отличается от прежнего логина ЭЖД.", "Your login differs from your earlier diary login."}, byNobody,
		both{"Входите с именами, показанными выше; в Teams имя бывает и прежним.", "Sign in with the names shown above; in Teams it may be the earlier one."}},
	string(match.LoginTooLong): {both{"Ваш логин длиннее, чем принимают старые программы Windows.", "Your login is longer than old Windows programs take."}, byNobody,
		both{"На рабочих ПК входите с именем, показанным выше.", "On work PCs sign in with the name shown above."}},
	string(match.LoginNotUsable): {both{"Логин mos.ru не подходит для школьных систем: это почта, телефон или в нём недопустимые знаки.", "The mos.ru login does not serve for the school systems: it is an e-mail or phone, or has characters that are not allowed."}, byYou,
		both{"Задайте логин в личном кабинете mos.ru и войдите здесь ещё раз.", "Set a login in your mos.ru account and sign in here once more."}},
	string(match.ParentRoleNotLinked): {both{"Ребёнок с вами пока не связан.", "Your child is not linked with you yet."}, byFamily,
		both{"Попросите школу ребёнка записать в его карточку ваши ФИО и СНИЛС, телефон или почту — как на mos.ru.", "Ask the child's school to write your full name and SNILS, phone or e-mail into the child's card, as on mos.ru."}},
	string(match.CardSNILSMismatch): {both{"В карточке ребёнка указан другой ваш СНИЛС.", "The child's card has another SNILS of yours."}, bySchool,
		both{"Попросите школу ребёнка исправить карточку.", "Ask the child's school to correct the card."}},
	string(match.ADPasswordRefused): {both{"Школьная сеть не приняла ваш пароль: он слишком прост для её правил.", "The school network did not take your password: it is too simple for its rules."}, byYou,
		both{"Смените пароль на mos.ru на более длинный и введите его здесь один раз.", "Change your password on mos.ru to a longer one and type it here once."}},
	string(match.PasswordNeeded): {both{"Школьная сеть ждёт ваш пароль.", "The school network is waiting for your password."}, byYou,
		both{"Введите пароль от mos.ru внизу этой страницы один раз.", "Type your mos.ru password once at the bottom of this page."}},
}
