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
	login   identity.Login    // of that person, at the bind
	tree    *tree             // in which a person has named himself
	proof   *certified        // of a service account that has shown a certificate
	// asker is the service account that was signed in last, which is whose
	// users bind on the same connection (Apache does so).
	asker *service
	// saslBegun is the mechanism of a bind that waits for its next step.
	saslBegun string
	offer     offer
	tried     bool // the bind under way has tried a password
	locked    bool // it was right, and a gate is closed

	*work // while a search or a comparison runs
}

// Texts of answers, Russian first. They are fixed: causes go to the audit trail.
const (
	textCredentials  = "Неверный логин или пароль / Wrong login or password"
	textUnavailable  = "Вход сейчас невозможен, попробуйте позже / Sign-in is not possible now, try again later"
	textPlain        = "Пароль принимается только по TLS: StartTLS или LDAPS / Passwords are taken over TLS only: StartTLS or LDAPS"
	textEmpty        = "Нужен пароль / A bind with a name needs a password"
	textSASL         = "Такого способа входа здесь нет; есть простой bind, по TLS — SASL PLAIN и, с сертификатом, EXTERNAL / There is no such way to sign in here, but simple binds and, over TLS, SASL PLAIN and, with a certificate, EXTERNAL"
	textSASLStep     = "Вход начат и не закончен, он отменён; начните его заново / A sign-in was begun and not finished; it is cancelled: begin anew"
	textCertificate  = "Нет сертификата клиента; предъявите его при установке TLS / No client certificate; show one in the TLS handshake"
	textNotCertified = "По этому сертификату здесь никого нет, или он отозван, или вы назвались другим / This certificate is nobody's here, or revoked, or another identity was asked for"
	textNoValue      = "У этой операции нет значения / This operation has no value"
	textPolicy       = "У control password policy нет значения / The password policy control has no value"
	textVersion      = "Только LDAPv3 / Only LDAPv3 is spoken here"
	textMalformed    = "Имя или пароль записаны неверно / Malformed name or password"
	textSignIn       = "Сначала войдите (bind) / Sign in first"
	textCritical     = "Критичный control не поддерживается / A critical control is not supported"
	textProxied      = "От имени другого здесь не спрашивают: пусть он войдёт сам / Nobody asks here for somebody else: let him sign in"
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
		x.renew(c)
	} else if m.Op != wire.OpAbandonRequest && m.Op != wire.OpUnbindRequest && !x.goesOn(c, m) {
		return
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
		x.locked = false
		if result, extra, err = x.bind(ctx, c, m.Body); asksPolicy(m) {
			controls = policyResponse(x.locked)
		}
	case wire.OpUnbindRequest:
		c.End()
		return
	case wire.OpAbandonRequest: // the engine sees to it where there is something to abandon
		return
	case wire.OpSearchRequest:
		var abandoned bool
		x.work = works.Get().(*work)
		result, controls, abandoned, err = x.search(c, m, asked)
		x.forget()
		if abandoned {
			if !c.Canceled() {
				return
			}
			result, controls = wire.Result{Code: wire.Canceled}, nil
		}
	case wire.OpCompareRequest:
		x.work = works.Get().(*work)
		result, err = x.compare(c, m.Body)
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

// passwordElsewhere answers Password Modify (RFC 3062), whoever asks and of whom.
func (s *Server) passwordElsewhere() wire.Result {
	return wire.Result{Code: wire.UnwillingToPerform, Text: "Пароль здесь общий с городской учётной записью, и через LDAP его не сменить: смените его на " + s.opt.PasswordPlace +
		", новый подействует здесь сам / The password is that of the city account and is not changed over LDAP: change it at " + s.opt.PasswordPlace + ", and the new one takes effect here by itself"}
}

// whoAmI is the authorization identity in the form of RFC 4513 section 5.2.1.8,
// "" for nobody. Somebody whose login has changed since is called by the new one.
func (x *session) whoAmI() string {
	switch {
	case x.service != nil:
		return "dn:" + x.service.name
	case !x.person.IsZero():
		return "dn:" + x.s.nameOf(x.tree, x.person, x.login)
	}
	return ""
}

// signedIn says whether anybody is.
func (x *session) signedIn() bool { return x.service != nil || !x.person.IsZero() }

// who is the same for whoever is signed in, whatever he is called, and another for
// everybody else; "" for nobody.
func (x *session) who() string {
	switch {
	case x.service != nil:
		return x.service.name
	case x.signedIn():
		return x.person.String() // no DN
	}
	return ""
}

// goesOn looks at what has happened since the last request: a certificate that
// counts no more signs out, and a bind of several steps that is left in the
// middle is over, with the request that came instead (RFC 4511 section 4.2.1).
func (x *session) goesOn(c *wire.Conn, m *wire.Message) bool {
	x.stillIn(c)
	if x.saslBegun == "" {
		return true
	}
	x.saslBegun = ""
	x.reply(c, m, wire.Result{Code: wire.OperationsError, Text: textSASLStep}, nil, nil)
	return false
}

// stillIn says whether the sign-in counts that did before; where it does not, nobody
// is signed in.
func (x *session) stillIn(c *wire.Conn) bool {
	if !x.renew(c) {
		return false
	}
	if x.proof != nil && !x.stillCertified(c) {
		x.signOut(c)
		x.asker = nil
		return false
	}
	return true
}

// extended is RFC 4511 section 4.12.
func (x *session) extended(c *wire.Conn, body []byte) (r wire.Result, extra []byte, err error) {
	name, value, err := wire.Expect(body, 0x80)
	if err != nil {
		return r, nil, err
	}
	switch string(name) {
	case oidWhoAmI:
		if len(value) > 0 { // RFC 4532 section 2.1
			return wire.Result{Code: wire.ProtocolError, Text: textNoValue}, nil, nil
		}
		return r, wire.AppendTLV(nil, 0x8b, x.whoAmI()), nil
	case oidStartTLS:
		extra = wire.AppendTLV(nil, 0x8a, oidStartTLS)
		if len(value) > 0 { // RFC 4511 section 4.14.1
			return wire.Result{Code: wire.ProtocolError, Text: textNoValue}, extra, nil
		}
		return x.startTLS(c), extra, nil
	case wire.OIDCancel:
		value, _, _ = wire.Expect(value, 0x81)
		return wire.Result{Code: c.Cancel(value)}, nil, nil
	case oidPasswordModify:
		return x.s.passwordElsewhere(), nil, nil
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
func (x *session) view(c *wire.Conn) view {
	return x.s.viewOf(x.service, x.person, c.Peer())
}
