package activation

import (
	"context"
	"errors"
	"net/http"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
)

// entryPage is what the first page shows.
type entryPage struct {
	Code bool // mos.ru's page is where one signs in
	Form bool // and ours is for some
	Left bool // has just signed out
}

// entry is the first page; who is signed in goes on.
func (v *visit) entry() {
	s, err := v.found()
	switch {
	case err != nil:
		v.Broken("a session cannot be read", err)
	case s != nil:
		v.To("/activate")
	default:
		v.Show(http.StatusOK, "entry.html", "entry.title", entryPage{Code: v.o.Mosru != nil, Form: v.o.Others})
	}
}

// signedOut is where somebody comes back to who has left mos.ru too.
func (v *visit) signedOut() {
	v.Show(http.StatusOK, "entry.html", "entry.left.title", entryPage{Code: v.o.Mosru != nil, Form: v.o.Others, Left: true})
}

// signIn goes to mos.ru's page.
func (v *visit) signIn() {
	if v.o.Mosru == nil {
		v.To("/activate")
		return
	}
	a, err := v.newAttempt()
	if err != nil {
		v.Broken("a sign-in cannot begin", err)
		return
	}
	v.To(v.o.Mosru.AuthorizeURL(a))
}

// Ways in which mos.ru's page does not lead here; see the texts fault.*.
const (
	faultStale    = "SIGN_IN_STALE"    // the browser came back to no sign-in that it began lately
	faultDeclined = "SIGN_IN_DECLINED" // the person turned back there
)

// comeBack is where mos.ru sends the browser (RFC 6749 section 4.1.2).
func (v *visit) comeBack() {
	q := v.Request.URL.Query()
	if v.o.Mosru == nil {
		v.Fail(http.StatusNotFound)
		return
	}
	a, err := v.attempt(q.Get("state"))
	issuer := q.Get("iss")
	switch refused := q.Get("error"); {
	case errors.Is(err, errAttempt), issuer != "" && issuer != v.o.Mosru.Issuer():
		// Somebody pressed «back», or a stranger made up the address.
		if s, _ := v.found(); s != nil {
			v.To("/activate")
			return
		}
		v.failed(http.StatusBadRequest, provision.Answer{State: provision.StateRefused, Problem: faultStale})
		return
	case err != nil:
		v.Broken("a sign-in under way cannot be read", err)
		return
	case refused == "access_denied":
		v.failed(http.StatusForbidden, provision.Answer{State: provision.StateRefused, Problem: faultDeclined})
		return
	case refused != "":
		v.Log().Error("web: mos.ru's page refuses us as its client: look at mosru.client_id, web.public_url and what is registered there", "sign_in", "code")
		v.unavailable(identity.ErrFault)
		return
	}
	profile, err := v.o.Mosru.Redeem(v.Request.Context(), a, q.Get("code"))
	if err != nil {
		v.unavailable(err)
		return
	}
	answer := v.o.Desk.Arrive(v.Request.Context(), provision.Arrival{Profile: profile, Asked: a.Begun, Source: v.Source()})
	answer.Profile = profile // though nothing could be decided
	v.proved(answer, web.Record{Referred: true, Asked: a.Begun}, standing{})
}

// unavailable says why mos.ru did not tell who came back.
func (v *visit) unavailable(err error) {
	a := provision.Answer{State: provision.StateUnavailable}
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, identity.ErrStale):
		a.State, a.Problem, status = provision.StateRefused, faultStale, http.StatusBadRequest
	case errors.Is(err, identity.ErrUnreachable):
		a.Problem = string(identity.ReasonUpstreamDown)
	case errors.Is(err, identity.ErrThrottled):
		a.Problem = string(identity.ReasonUpstreamBusy)
	case errors.Is(err, context.Canceled):
		return // nobody waits for it any more
	default:
		a.Problem = string(identity.ReasonUpstreamFault)
	}
	v.failed(status, a)
}

// proved begins the session of somebody whom mos.ru has proved.
func (v *visit) proved(a provision.Answer, r web.Record, s standing) {
	err := take(&r, &s, a, v.Now)
	if err == nil {
		err = v.Begin(r)
	}
	v.admit(a, err)
}

// admit leads on who has a session now, unless that could not be kept.
func (v *visit) admit(a provision.Answer, err error) {
	if err != nil {
		v.Broken("a session cannot be kept", err)
		return
	}
	if a.State != provision.StateActive { // something is to be done first
		v.To("/activate")
		return
	}
	v.To(v.After("/activate"))
}

// signOut ends the session, and that on mos.ru with it: on a shared PC the next
// one would find it open.
func (v *visit) signOut() {
	s, err := v.found()
	if err == nil {
		err = v.End()
	}
	if err != nil {
		v.Broken("a session cannot be ended", err)
		return
	}
	if s != nil && s.Referred && v.o.Mosru != nil {
		v.To(v.o.Mosru.LogoutURL(v.o.PublicURL + "/signed-out"))
		return
	}
	v.To("/signed-out")
}
