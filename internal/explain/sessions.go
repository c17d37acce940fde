package explain

import (
	"fmt"
	"time"
)

// Session is one stay of a device on the Wi-Fi.
type Session struct {
	ID string `json:"session"`
	// Person is a person id; "" where nothing proved whose the session is, and
	// Login then is only what the NAS told.
	Person string `json:"person,omitempty"`
	Login  string `json:"login,omitempty"`
	Name   string `json:"name,omitempty"` // ФИО
	// Thing is "device" or "machine" where one of these signed in, not a person.
	Thing string `json:"thing,omitempty"`
	// Began and Ended are shown in the school's time; Ended is missing while the
	// session lives. Inferred says that no NAS told the end.
	Began      time.Time   `json:"began"`
	Ended      *time.Time  `json:"ended,omitempty"`
	Ending     string      `json:"ending,omitempty"`
	Inferred   bool        `json:"inferred"`
	Heard      time.Time   `json:"heard"` // the last record that speaks of it
	Device     string      `json:"device,omitempty"`
	Addresses  []string    `json:"addresses"`
	NAS        string      `json:"nas"`
	Unit       string      `json:"unit"` // NAS-Identifier, else an address of the NAS
	SSID       string      `json:"ssid,omitempty"`
	School     string      `json:"school,omitempty"` // where it stands
	Port       string      `json:"port,omitempty"`
	InOctets   uint64      `json:"in_octets"`
	OutOctets  uint64      `json:"out_octets"`
	Disconnect *Disconnect `json:"disconnect,omitempty"`
}

// Disconnect is the last request to end or change a session, and what came of
// it.
type Disconnect struct {
	Why     string    `json:"why"`
	Request string    `json:"request"` // "disconnect" or "coa", the last one made
	State   string    `json:"state"`
	Asked   time.Time `json:"asked"`
	Tried   time.Time `json:"tried,omitzero"`
	Tries   int       `json:"tries"`
	Cause   uint32    `json:"error_cause,omitempty"`  // RFC 5176 section 3.5
	Forged  bool      `json:"wrong_secret,omitempty"` // what came last was signed with another secret
	Answer  string    `json:"answer"`                 // in words
}

// WhyTransferred is, in a report about a person, why a session ended whose password
// serves no more because the person was moved to another city account.
const WhyTransferred = "TRANSFERRED"

// sessionWords are the fixed texts about sessions.
type sessionWords struct {
	now, asked, lives, inferred, unproven, disconnect, change, noCoA, tries string

	ending, why, state, thing map[string]string
	cause                     map[uint32]string
	forged                    map[bool]string // whether it is tried again
}

var sessionTexts = map[Lang]sessionWords{
	Russian: {"Сейчас в Wi-Fi", "Уже не в Wi-Fi, а отключить просили за последние сутки", "в сети", "по косвенным данным", "не подтверждён", "отключение", "новые права", "CoA не принят, устройство отключают, чтобы оно вошло заново: ", "попыток",
		map[string]string{"stop": "завершён", "moved": "устройство перешло", "nas_restarted": "точка доступа перезапущена", "silent": "нет вестей", "disconnected": "отключён"},
		map[string]string{"SUSPENDED": "аккаунт приостановлен", "EMPLOYMENT_ENDED": "нет действующего места работы или учёбы", "NO_SUCH_ACCOUNT": "аккаунт удалён",
			"CREDENTIAL_CHANGED": "прежний пароль больше не действует", WhyTransferred: "человека перевели на другую учётную запись mos.ru", "NOT_LISTED": "устройства, компьютера или центра сертификации больше нет в списке", "CERTIFICATE_REVOKED": "сертификат отозван", "ADMINISTRATOR": "по просьбе администратора", "OWNER": "по просьбе самого человека", "OUTSIDE_HOURS": "время по правилам вышло",
			"ROLE_NOT_ALLOWED": "правила больше не пускают эту роль", "SCHOOL_NOT_ALLOWED": "правила больше не пускают в этой школе",
			"TOO_MANY_DEVICES": "слишком много устройств сразу", "GRANT_CHANGED": "правила, роль или школа изменились", "REAUTHORIZE": "по просьбе администратора"},
		map[string]string{"waiting": "ждёт ответа точки доступа", "disconnected": "точка доступа отключила", "refused": "точка доступа отказала",
			"no_answer": "точка доступа не ответила: проверьте, что она слушает этот порт и секрет тот же", "not_offered": "не отправлено: dynamic_authorization для этой точки доступа не настроена",
			"over": "сеанс уже закончился сам", "changed": "точка доступа приняла новые права", "not_needed": "стало не нужно раньше, чем точку доступа спросили",
			"still_there": "точка доступа раз за разом подтверждает отключение, а сеанс продолжается: отключите устройство на ней самой и проверьте её настройки"},
		map[string]string{"device": "устройство из списка", "machine": "компьютер с сертификатом"},
		map[uint32]string{401: "атрибут не поддерживается", 402: "не хватает атрибута", 403: "точка доступа не узнаёт себя (NAS-Identifier, NAS-IP-Address)", 404: "запрос не понят",
			405: "такая служба не поддерживается", 406: "такое расширение не поддерживается", 407: "недопустимое значение атрибута", 501: "запрещено на точке доступа",
			502: "некому передать запрос", 503: "такого сеанса там нет", 504: "сеанс нельзя завершить", 505: "ошибка посредника (прокси)", 506: "не хватает ресурсов",
			507: "запрос начат повторно", 508: "подходит несколько сеансов"},
		map[bool]string{true: "точка доступа отвечает с другим секретом, попытки идут дальше: сверьте секрет Disconnect/CoA на ней и в dynamic_authorization.secret_file (или secret_file)",
			false: "точка доступа отвечала с другим секретом: сверьте секрет Disconnect/CoA на ней и в dynamic_authorization.secret_file (или secret_file)"}},
	English: {"On the Wi-Fi now", "No longer on it, asked to leave within a day", "on the network", "inferred", "not proven", "disconnect", "new rights", "no CoA was taken, so the device is disconnected to come back: ", "tries",
		map[string]string{"stop": "ended", "moved": "the device moved", "nas_restarted": "the access point restarted", "silent": "nothing heard", "disconnected": "disconnected"},
		map[string]string{"SUSPENDED": "account suspended", "EMPLOYMENT_ENDED": "no active employment or enrolment", "NO_SUCH_ACCOUNT": "account removed",
			"CREDENTIAL_CHANGED": "the password before serves no more", WhyTransferred: "the person was moved to another mos.ru account", "NOT_LISTED": "the device, machine or authority is no longer listed", "CERTIFICATE_REVOKED": "certificate revoked", "ADMINISTRATOR": "asked by the administrator", "OWNER": "asked by the person", "OUTSIDE_HOURS": "the hours of the rule are over",
			"ROLE_NOT_ALLOWED": "the rules no longer admit this role", "SCHOOL_NOT_ALLOWED": "the rules no longer admit at this school",
			"TOO_MANY_DEVICES": "too many devices at once", "GRANT_CHANGED": "rules, role or school changed", "REAUTHORIZE": "asked by the administrator"},
		map[string]string{"waiting": "waits for the access point", "disconnected": "the access point disconnected", "refused": "the access point refused",
			"no_answer": "the access point did not answer: see that it listens on that port with the same secret", "not_offered": "not sent: no dynamic_authorization for this access point",
			"over": "the session had ended by itself", "changed": "the access point took the new rights", "not_needed": "no longer needed when the access point was to be asked",
			"still_there": "the access point says again and again that it disconnected, and the session goes on: disconnect the device there and check its settings"},
		map[string]string{"device": "listed device", "machine": "computer with a certificate"},
		map[uint32]string{401: "unsupported attribute", 402: "missing attribute", 403: "the access point does not recognise itself (NAS-Identifier, NAS-IP-Address)", 404: "invalid request",
			405: "unsupported service", 406: "unsupported extension", 407: "invalid attribute value", 501: "administratively prohibited",
			502: "request not routable", 503: "it has no such session", 504: "session not removable", 505: "other proxy error", 506: "resources unavailable",
			507: "request initiated", 508: "several sessions fit"},
		map[bool]string{true: "the access point answers with another secret, and is asked again: compare the secret for Disconnect and CoA there with dynamic_authorization.secret_file (or secret_file)",
			false: "the access point answered with another secret: compare the secret for Disconnect and CoA there with dynamic_authorization.secret_file (or secret_file)"}},
}

// changes says that new rights were wanted, not an end.
func (d *Disconnect) changes() bool { return d.Why == "GRANT_CHANGED" || d.Why == "REAUTHORIZE" }

// AnswerIn says what came of a request in words, with the Error-Cause of RFC
// 5176 section 3.5 where the NAS gave one.
func (d *Disconnect) AnswerIn(lang Lang) string {
	t := sessionTexts[lang]
	text := word(t.state, d.State)
	if d.changes() && d.Request == "disconnect" && d.Tries > 0 {
		text = t.noCoA + text
	}
	if d.Forged {
		return t.forged[d.State == "waiting"]
	}
	if d.Cause == 0 {
		return text
	}
	cause, ok := t.cause[d.Cause]
	if !ok {
		return fmt.Sprintf("%s (Error-Cause %d)", text, d.Cause)
	}
	return fmt.Sprintf("%s: %s (Error-Cause %d)", text, cause, d.Cause)
}

// Line says a request and its answer in one line.
func (d *Disconnect) Line(lang Lang) string {
	t := sessionTexts[lang]
	what := t.disconnect
	if d.changes() {
		what = t.change
	}
	line := fmt.Sprintf("%s, %s: %s", what, word(t.why, d.Why), d.Answer)
	if d.Tries > 1 {
		line += fmt.Sprintf(", %s: %d", t.tries, d.Tries)
	}
	return line
}

// End says how a session ended, "" for one that lives.
func (s *Session) End(lang Lang) string {
	t := sessionTexts[lang]
	switch {
	case s.Ended == nil:
		return t.lives
	case s.Inferred:
		return word(t.ending, s.Ending) + ", " + t.inferred
	}
	return word(t.ending, s.Ending)
}

// Who says whose a session is.
func (s *Session) Who(lang Lang) string {
	switch {
	case s.Person == "" && s.Login == "":
		return "–"
	case s.Person == "" && s.Thing != "":
		return fmt.Sprintf("%s (%s)", s.Login, word(sessionTexts[lang].thing, s.Thing))
	case s.Person == "":
		return fmt.Sprintf("%s (%s)", s.Login, sessionTexts[lang].unproven)
	case s.Login == "":
		return s.Person
	case s.Name == "":
		return s.Login
	}
	return s.Login + ", " + s.Name
}

// writeSessions lists the person's devices on the Wi-Fi, and those that were
// asked to leave it lately and did.
func (r Report) writeSessions(p *printer, loc *time.Location) {
	if r.Person == "" {
		return
	}
	t := sessionTexts[p.lang]
	var live, ended []Session
	for _, s := range r.Sessions {
		if s.Ended == nil {
			live = append(live, s)
		} else {
			ended = append(ended, s)
		}
	}
	if len(live) == 0 {
		p.line("%s: %s", t.now, p.t.none)
	} else {
		p.line("%s:", t.now)
		p.sessions(live, loc)
	}
	if len(ended) > 0 {
		p.line("%s:", t.asked)
		p.sessions(ended, loc)
	}
}

func (p *printer) sessions(list []Session, loc *time.Location) {
	for _, s := range list {
		since := s.Began.In(loc).Format(clock)
		p.line("  %s", p.fields(append([]string{s.ID, p.t.since, since, s.NAS, s.SSID, s.Device}, s.Addresses...)...))
		if s.Ended != nil {
			p.line("      %s", p.fields(s.Ended.In(loc).Format(clock), s.End(p.lang)))
		}
		if s.Disconnect != nil {
			p.line("      %s", s.Disconnect.Line(p.lang))
		}
	}
}

// DisconnectWhyIn says why a device was to leave, or to get other rights.
func DisconnectWhyIn(lang Lang, why string) string { return word(sessionTexts[lang].why, why) }
