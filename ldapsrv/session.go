package ldapsrv

import (
	"context"

	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// session is what one connection knows: who is signed in on it.
type session struct {
	s       *Server
	service *service          // a service account, or nil
	person  identity.PersonID // a person, or zero
	name    string            // DN of either, "" for nobody
	// asker is the service account that was signed in last, which is whose
	// users bind on the same connection (Apache does so).
	asker *service

	*work // while a search or a comparison runs
}

// Texts of answers, Russian first. They are fixed: causes go to the audit trail.
const (
	textCredentials  = "Неверный логин или пароль / Wrong login or password"
	textUnavailable  = "Вход сейчас невозможен, попробуйте позже / Sign-in is not possible now, try again later"
	textPlain        = "Пароль принимается только по TLS: StartTLS или LDAPS / Passwords are taken over TLS only: StartTLS or LDAPS"
	textEmpty        = "Нужен пароль / A bind with a name needs a password"
	textSASL         = "SASL не поддерживается, только простой bind / SASL is not supported, only simple binds"
	textVersion      = "Только LDAPv3 / Only LDAPv3 is spoken here"
	textMalformed    = "Имя или пароль записаны неверно / Malformed name or password"
	textSignIn       = "Сначала войдите (bind) / Sign in first"
	textCritical     = "Критичный control не поддерживается / A critical control is not supported"
	textBadDN        = "Это не DN / Not a distinguished name"
	textOperation    = "Такой операции нет / Unknown extended operation"
	textTLSThere     = "TLS уже включён / TLS is there already"
	textNoTLS        = "TLS не настроен / TLS is not set up"
	textRange        = "Такого scope или предела нет / No such scope or limit"
	textTooComplex   = "Слишком сложный фильтр / The filter is too large or too deep"
	textTooManyAttrs = "Слишком много атрибутов / Too many attributes"
	textTime         = "Поиск занял слишком много времени, сузьте фильтр, например uid=… / The search took too long; narrow the filter, for example uid=…"
	textUnindexed    = "По такому фильтру пришлось бы перебрать слишком много людей: ищите по uid, uidNumber, mail, фамилии, группе или постранично / Too many people would have to be looked through: search by uid, uidNumber, mail, surname or group, or by pages"
	textCookie       = "Этот поиск по страницам начат не так или не здесь, начните его заново / These pages were begun otherwise or elsewhere: begin anew"
	textEntries      = "Найдено больше, чем отдаётся сразу: ищите постранично / There is more than is sent at once: search by pages"
	textPage         = "Неверный запрос страницы / Malformed request of a page"
)

// Serve implements wire.Session.
func (x *session) Serve(ctx context.Context, c *wire.Conn, m *wire.Message) {
	if m.Op == wire.OpBindRequest { // whatever comes of it (RFC 4513 section 5.1)
		x.signOut(c)
	}
	asked, refused := readControls(m)
	if refused.Code != wire.Success {
		x.reply(c, m, refused, nil, nil)
		return
	}
	var result wire.Result
	var extra, controls []byte
	var err error
	switch m.Op {
	case wire.OpBindRequest:
		result, err = x.bind(ctx, c, m.Body)
	case wire.OpUnbindRequest:
		c.End()
		return
	case wire.OpAbandonRequest: // the engine sees to it where there is something to abandon
		return
	case wire.OpSearchRequest:
		var abandoned bool
		x.work = works.Get().(*work)
		result, controls, abandoned, err = x.search(ctx, c, m, asked)
		x.forget()
		if abandoned {
			return
		}
	case wire.OpCompareRequest:
		x.work = works.Get().(*work)
		result, err = x.compare(m.Body)
		x.forget()
	case wire.OpExtendedRequest:
		result, extra, err = x.extended(c, m.Body)
	default: // modify, add, delete, modify DN
		result = x.s.readOnly()
	}
	if err != nil {
		c.Malformed()
		return
	}
	x.reply(c, m, result, extra, controls)
}

func (x *session) reply(c *wire.Conn, m *wire.Message, r wire.Result, extra, controls []byte) {
	x.s.metrics.count(m.Op, r.Code)
	c.ReplyExtra(m.ID, wire.ResponseOf(m.Op), r, extra, controls)
}

func (s *Server) readOnly() wire.Result {
	return wire.Result{Code: wire.UnwillingToPerform, Text: "Каталог только для чтения; пароль меняют на " + s.opt.PasswordPlace +
		" / This directory is read-only; passwords are changed at " + s.opt.PasswordPlace}
}

// extended is RFC 4511 section 4.12.
func (x *session) extended(c *wire.Conn, body []byte) (r wire.Result, extra []byte, err error) {
	name, _, err := wire.Expect(body, 0x80)
	if err != nil {
		return r, nil, err
	}
	switch string(name) {
	case oidWhoAmI:
		who := ""
		if x.name != "" {
			who = "dn:" + x.name
		}
		return r, wire.AppendTLV(nil, 0x8b, who), nil
	case oidStartTLS:
		return x.startTLS(c), wire.AppendTLV(nil, 0x8a, oidStartTLS), nil
	case oidPasswordModify:
		return x.s.readOnly(), nil, nil
	}
	return wire.Result{Code: wire.ProtocolError, Text: textOperation}, nil, nil
}

// startTLS is RFC 4511 section 4.14. What was agreed in the clear does not
// count under TLS (RFC 4513 section 4): whoever was signed in is not any more.
func (x *session) startTLS(c *wire.Conn) wire.Result {
	switch {
	case c.TLS():
		return wire.Result{Code: wire.OperationsError, Text: textTLSThere}
	case !c.StartTLS():
		return wire.Result{Code: wire.ProtocolError, Text: textNoTLS}
	}
	x.signOut(c)
	x.asker = nil
	return wire.Result{}
}

// view is the directory as whoever is signed in sees it today.
func (x *session) view() view {
	v := view{s: x.s, tree: x.s.trees[0], day: x.s.today(), service: x.service, person: x.person, read: x.s.schema.all}
	if x.service != nil {
		v.read = x.service.read
	}
	return v
}
