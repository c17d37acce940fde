package console

import (
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/qr"
)

// codePage is the page of the second factor.
type codePage struct {
	Fault string // key of what was wrong; "": nothing
	Until string // when the next code is looked at
	// Where no app is connected yet:
	Enrol   bool
	Invited bool
	Picture template.HTML
	Key     string
}

// administrator says that the visitor is one who has to show a second factor, or
// has sent him on.
func (v *visit) administrator() bool {
	switch {
	case v.session == nil, v.rights.None(), !v.state.Glass.IsZero():
		v.To(address)
		return false
	}
	return true
}

// signIn asks for the second factor.
func (v *visit) signIn() {
	switch {
	case !v.administrator():
	case v.elevated():
		v.To(address)
	default:
		v.askCode(http.StatusOK, codePage{})
	}
}

// askCode shows the form that fits: a code, or an app to be connected.
func (v *visit) askCode(status int, p codePage) {
	f, err := v.o.Factors.Find(v.Request.Context(), v.person())
	if err != nil {
		v.Broken("a second factor cannot be read", err)
		return
	}
	if f.Enrolled() {
		v.Show(status, "code.html", "code.title", p)
		return
	}
	p.Enrol, p.Invited = true, f.Invited(v.Now)
	if p.Invited && !v.newApp(&p) {
		return
	}
	v.Show(status, "enrol.html", "enrol.title", p)
}

// newApp shows the secret of an app that may be connected; it stays the same until
// it is, so that a reload spoils nothing. The session that keeps it has a new name:
// whoever has stolen the one before does not read along what the app is given.
func (v *visit) newApp(p *codePage) bool {
	if v.state.Secret == nil {
		var err error
		if v.state.Secret, err = factor.NewSecret(rand.Reader); err != nil {
			v.Broken("a secret cannot be made", err)
			return false
		}
		if !v.rename() {
			return false
		}
	}
	var err error
	p.Key = grouped(factor.Key(v.state.Secret))
	p.Picture, err = qr.SVG(factor.URL(v.state.Secret, v.o.Issuer, v.account()), v.Text("enrol.picture"))
	if err != nil {
		v.Broken("a QR code cannot be drawn", err)
	}
	return err == nil
}

// account is what the app calls the visitor.
func (v *visit) account() string {
	if v.session.Login != "" {
		return string(v.session.Login)
	}
	return v.session.Profile.Login
}

// grouped writes a key in fours, as people copy it.
func grouped(key string) string {
	var b []byte
	for i := range len(key) {
		if i > 0 && i%4 == 0 {
			b = append(b, ' ')
		}
		b = append(b, key[i])
	}
	return string(b)
}

// takeCode takes a code of the app, or a recovery code.
func (v *visit) takeCode() {
	form, ok := v.Form()
	if !ok || !v.administrator() {
		return
	}
	how, err := v.o.Factors.Take(v.Request.Context(), v.person(), form.Get("code"), v.Now, v.line())
	if err != nil {
		v.refused(err)
		return
	}
	if how == factor.ByRecovery {
		v.Log().Warn("web: somebody came into administration with a recovery code", "person", v.person().String())
	}
	v.elevate()
}

// enrol connects an app.
func (v *visit) enrol() {
	form, ok := v.Form()
	if !ok || !v.administrator() {
		return
	}
	codes, err := factor.NewRecovery(rand.Reader)
	if err != nil {
		v.Broken("recovery codes cannot be made", err)
		return
	}
	err = v.o.Factors.Enrol(v.Request.Context(), v.person(),
		factor.Enrolment{Invitation: form.Get("invitation"), Secret: v.state.Secret, Code: form.Get("code"), Recovery: codes}, v.Now, v.line())
	if errors.Is(err, factor.ErrWrong) { // either code may be
		v.askCode(http.StatusForbidden, codePage{Fault: "enrol.wrong"})
		return
	}
	if err != nil {
		v.refused(err)
		return
	}
	v.state.Secret, v.state.Codes = nil, codes
	v.elevate()
}

// refused says that a code was not taken.
func (v *visit) refused(err error) {
	var locked *factor.Locked
	switch {
	case errors.As(err, &locked):
		v.Writer.Header().Set("Retry-After", "60")
		v.askCode(http.StatusTooManyRequests, codePage{Fault: "code.locked", Until: v.clock(locked.Until.Add(time.Minute - 1).Truncate(time.Minute))})
	case errors.Is(err, factor.ErrWrong):
		v.askCode(http.StatusForbidden, codePage{Fault: "code.wrong"})
	case errors.Is(err, identity.ErrNotFound): // erased meanwhile
		v.missing()
	default:
		v.Broken("a code cannot be looked at", err)
	}
}

// elevate lets the visitor in, under a new name of the session.
func (v *visit) elevate() {
	to := address
	switch {
	case len(v.state.Codes) > 0:
		to = address + "/codes"
	case v.state.Next != "":
		to, v.state.Next = v.state.Next, ""
	}
	f, err := v.o.Factors.Find(v.Request.Context(), v.person())
	if err != nil {
		v.Broken("a second factor cannot be read", err)
		return
	}
	if !f.Enrolled() { // forgotten at this moment
		v.To(address + "/sign-in")
		return
	}
	v.state.Known, v.state.Begun, v.state.Seen, v.state.App, v.state.Own = true, v.Now, v.Now, f.Since, nil
	if v.rename() {
		v.To(to)
	}
}

// codes shows the recovery codes until they are noted down.
func (v *visit) codes() {
	if !v.elevated() || v.rights.None() || len(v.state.Codes) == 0 {
		v.To(address)
		return
	}
	v.Show(http.StatusOK, "codes.html", "codes.title", v.state.Codes)
}

// codesNoted forgets them.
func (v *visit) codesNoted() {
	if v.elevated() && len(v.state.Codes) > 0 {
		v.state.Codes = nil
		if !v.keep() {
			return
		}
	}
	v.To(address)
}

// leave makes the visitor a person like others, under a new name of the session.
func (v *visit) leave() {
	switch {
	case v.session == nil:
	case !v.state.Glass.IsZero():
		if err := v.End(); err != nil {
			v.Broken("a session cannot be ended", err)
			return
		}
	default:
		v.state = state{Known: v.state.Known, Codes: v.state.Codes}
		if !v.rename() {
			return
		}
		v.To("/")
		return
	}
	v.To(address)
}
