package explain

import (
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// AdviceAt is AdviceFor about somebody whose password a system beside mos.ru
// checks; home is its name, "" for mos.ru.
func AdviceAt(lang Lang, home string, reason identity.Reason) (Advice, bool) {
	a, ok := AdviceFor(lang, reason)
	return adviceAt(lang, home, string(reason), a), ok
}

// ProblemAdviceAt is ProblemAdvice about such a person.
func ProblemAdviceAt(lang Lang, home string, code match.Code) (Advice, bool) {
	a, ok := ProblemAdvice(lang, code)
	return adviceAt(lang, home, string(code), a), ok
}

func adviceAt(lang Lang, home, code string, a Advice) Advice {
	if home == "" {
		return a
	}
	if own, ok := elsewhere[lang][code]; ok {
		filled := strings.NewReplacer("{home}", home)
		return Advice{filled.Replace(own.Meaning), filled.Replace(own.Remedy)}
	}
	return Advice{at(home, a.Meaning), at(home, a.Remedy)}
}

// at names the system in mos.ru's place; names of hosts that end like it stay.
func at(home, text string) string {
	if home == "" {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "mos.ru")
		b.WriteString(before)
		switch {
		case !found:
			return b.String()
		case strings.HasSuffix(before, "."):
			b.WriteString("mos.ru")
		default:
			b.WriteString(home)
		}
		text = after
	}
}

// elsewhere are the texts that are others where the password is not mos.ru's.
var elsewhere = map[Lang]map[string]Advice{
	Russian: {
		string(identity.ReasonWrongPassword):  {"система {home} не приняла пароль", "Проверьте пароль там, где он действует и без нас, например на ПК этого домена; если он забыт, его меняет администратор {home}."},
		string(identity.ReasonUpstreamBusy):   {"система {home} просит подождать или занята всеми разрешёнными вопросами", "Повторите через минуту; если это случается часто, оператор увеличивает in_flight этой системы в upstreams."},
		string(identity.ReasonUpstreamLocked): {"система {home} временно заблокировала вход этого человека", "Подождите, или администратор {home} снимает блокировку; найдите устройство со старым паролем, иначе она вернётся."},
		string(identity.ReasonSecondFactor):   {"система {home} требует второй фактор, а здесь его ввести негде", "Администратор {home} разрешает вход по паролю с этого сервера."},
		string(identity.ReasonUpstreamFault):  {"система {home} не приняла нас как клиента или ответила непонятно", "Оператор сверяет её раздел в upstreams (адрес, секрет, filter, answers, profile) с тем, что она отвечает."},
		string(identity.ReasonSuspended):      {"аккаунт приостановлен здесь", "Открывает schoolbridge account resume."},
		string(match.SNILSNotConfirmed):       {"система {home} не даёт СНИЛС сотрудника или за него не ручается", "Администратор {home} заполняет СНИЛС, а оператор добавляет snils в confirmed этой системы, если за него там ручаются. Иначе человек активирует аккаунт с логином mos.ru."},
		string(match.MultiSNILSNotConfirmed):  {"система {home} не даёт СНИЛС сотрудника нескольких организаций или за него не ручается", "Человек активирует аккаунт с логином mos.ru."},
		string(match.ContactNotVerified):      {"телефон или почта совпали, но система {home} за них не ручается", "Оператор добавляет phone или email в confirmed этой системы, если за них там ручаются. Иначе человек активирует аккаунт с логином mos.ru."},
		string(match.MultipleMosruAccounts):   {"эта запись уже привязана к другой учётной записи: mos.ru или другой системы", "Войти с той учётной записью. Если она потеряна, куратор переводит человека на новую учётную запись mos.ru: вопрос уже в очереди решений."},
		string(match.LoginNotUsable):          {"логин в системе {home} не может быть именем учётной записи на ПК", "Администратор {home} задаёт логин из латинских букв и цифр, и человек активирует аккаунт ещё раз."},
		string(match.ADNameTaken):             {"имя учётной записи занято (другим человеком или по загруженному списку), или это чей-то логин mos.ru или ЭЖД", "Куратор решает: обычно администратор {home} даёт человеку другой логин. Имена с добавленной цифрой служба не создаёт."},
		string(match.OutOfReach):              {"пароль проверила система {home}, которая не отвечает за школу или роль этого человека", "Человек активирует аккаунт с логином mos.ru. Если {home} должна отвечать за него, администратор дополняет её schools и roles."},
	},
	English: {
		string(identity.ReasonWrongPassword):  {"the system {home} refused the password", "Try it where it serves without us, for instance on a PC of that domain; if it is forgotten, the administrator of {home} changes it."},
		string(identity.ReasonUpstreamBusy):   {"the system {home} asks us to wait, or all questions that it is asked at once are under way", "Try again in a minute; if it happens often the operator raises in_flight of this system in upstreams."},
		string(identity.ReasonUpstreamLocked): {"the system {home} locked this person's sign-in for a time", "Wait, or the administrator of {home} unlocks it; find the device with the old password, or it comes back."},
		string(identity.ReasonSecondFactor):   {"the system {home} demands a second factor, which cannot be typed here", "The administrator of {home} allows sign-ins by password from this server."},
		string(identity.ReasonUpstreamFault):  {"the system {home} refused us as its client or answered what cannot be understood", "The operator compares its section of upstreams (address, secret, filter, answers, profile) with what it answers."},
		string(identity.ReasonSuspended):      {"the account is suspended here", "schoolbridge account resume opens it."},
		string(match.SNILSNotConfirmed):       {"the system {home} gives no SNILS of the employee, or does not vouch for it", "The administrator of {home} fills it in, and the operator adds snils to confirmed of this system if it is vouched for there. Else the person activates with the mos.ru login."},
		string(match.MultiSNILSNotConfirmed):  {"the system {home} gives no SNILS of the employee of several organisations, or does not vouch for it", "The person activates with the mos.ru login."},
		string(match.ContactNotVerified):      {"the phone or e-mail is equal, but the system {home} does not vouch for it", "The operator adds phone or email to confirmed of this system if it is vouched for there. Else the person activates with the mos.ru login."},
		string(match.MultipleMosruAccounts):   {"this record is bound to another account already, of mos.ru or of another system", "Sign in with that one. If it is lost, the curator moves the person to the new mos.ru account: the question is in the queue."},
		string(match.LoginNotUsable):          {"the login in the system {home} cannot be an account name", "The administrator of {home} sets one of Latin letters and digits, and the person activates again."},
		string(match.ADNameTaken):             {"the account name belongs to another person, is in the imported list of names in use, or is somebody's mos.ru or EZHD login", "The curator decides; usually the administrator of {home} gives the person another login. A digit is never appended."},
		string(match.OutOfReach):              {"the password was checked by the system {home}, which does not decide about this person's school or role", "The person activates with the mos.ru login. If {home} is to decide about this person, the administrator adds to its schools and roles."},
	},
}

// repairerAt says who repairs what of somebody whose password is not mos.ru's.
func repairerAt(home, code string, who [2]string) [2]string {
	if home == "" {
		return who
	}
	switch match.Code(code) {
	case match.SNILSNotConfirmed, match.ContactNotVerified, match.LoginNotUsable: // what it says of the person
		return theOther
	}
	if who == theMosru || who == theUpstream {
		return theOther
	}
	return who
}
