package mosru

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// maxPause bounds what a Retry-After may ask of us.
const maxPause = 30 * time.Second

// signIn learns the subject: from the id_token where there is one, which saves
// a request, otherwise from /oauth/me.
func (c *Client) signIn(ctx context.Context, login string, password identity.Password) (p person.Profile, err error) {
	err = c.guarded(ctx, func() *Error {
		grant, fault := c.grant(ctx, login, password)
		if fault != nil {
			return fault
		}
		if grant.subject == "" {
			said, fault := c.person(ctx, grant)
			if fault != nil {
				return fault
			}
			grant.subject, _ = said.subject()
		}
		p.Subject = grant.subject
		return nil
	})
	return p, err
}

// profile asks /oauth/me and holds it against the id_token.
func (c *Client) profile(ctx context.Context, login string, password identity.Password) (p person.Profile, err error) {
	err = c.guarded(ctx, func() *Error {
		grant, fault := c.grant(ctx, login, password)
		if fault != nil {
			return fault
		}
		said, fault := c.person(ctx, grant)
		if fault != nil {
			return fault
		}
		var bad error
		if p, bad = said.profile(grant.subject, !c.o.ContactsUnverified); bad != nil {
			return &Error{Kind: identity.ErrFault, Op: "me", Code: "claims_unreadable"}
		}
		return nil
	})
	return p, err
}

// guarded runs one sign-in's requests past breaker, budget and slots.
func (c *Client) guarded(ctx context.Context, ask func() *Error) error {
	// A longer rest than the longest is of a clock that has been set back.
	if rest := time.Duration(c.pausedUntil.Load() - c.o.Now().UnixNano()); 0 < rest && rest <= maxPause {
		return c.refuse(identity.ErrThrottled, "mosru_asked_to_wait")
	}
	pass, ok := c.breaker.Enter(c.o.Now())
	if !ok {
		return c.refuse(identity.ErrUnreachable, "breaker_open")
	}
	v := breaker.Silent
	defer func() {
		switch state, changed := c.breaker.Done(pass, v, c.o.Now()); {
		case changed && state == breaker.Open:
			c.o.Logger.Warn("mos.ru is unreachable: nothing is asked for a while", "for", c.o.BreakerOpenFor.String())
		case changed:
			c.o.Logger.Info("mos.ru answers again")
		}
	}()
	release, fault := c.turn(ctx)
	if fault != nil {
		return fault
	}
	defer release()
	fault = ask()
	v = breaker.Alive
	if fault == nil {
		return nil
	}
	if errors.Is(fault, identity.ErrUnreachable) {
		v = breaker.Dead
		if c.life.Err() != nil {
			v = breaker.Silent // we gave up, not mos.ru
		}
	}
	c.o.Logger.Debug("mos.ru said no", "op", fault.Op, "code", fault.Code, "status", fault.Status)
	return fault
}

// refuse is an answer without asking mos.ru.
func (c *Client) refuse(kind error, code string) *Error {
	c.metrics.requests.WithLabelValues("wait", result(kind)).Inc()
	return &Error{Kind: kind, Op: "wait", Code: code}
}

// turn waits for a request out of the budget and a free slot, at most MaxWait.
func (c *Client) turn(ctx context.Context) (release func(), fault *Error) {
	now := c.o.Now()
	r := c.budget.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if !r.OK() || delay > c.o.MaxWait {
		r.CancelAt(now)
		return nil, c.refuse(identity.ErrThrottled, "budget_used_up")
	}
	limit := time.NewTimer(c.o.MaxWait)
	defer limit.Stop()
	if delay > 0 {
		due := time.NewTimer(delay)
		defer due.Stop()
		select {
		case <-due.C:
		case <-ctx.Done():
			return nil, c.refuse(identity.ErrThrottled, "given_up")
		}
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	default:
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	case <-limit.C:
		return nil, c.refuse(identity.ErrThrottled, "too_many_in_flight")
	case <-ctx.Done():
		return nil, c.refuse(identity.ErrThrottled, "given_up")
	}
}

// granted is what a password grant gave.
type granted struct {
	access  string
	subject identity.Subject // from the id_token; "" if there was none
}

// grant is the password grant (RFC 6749 section 4.3), parameters in the body.
func (c *Client) grant(ctx context.Context, login string, password identity.Password) (granted, *Error) {
	form := url.Values{
		"grant_type": {"password"},
		"username":   {login},
		"password":   {string(password)},
		"scope":      {strings.Join(c.o.Scopes, " ")},
	}
	body, fault := c.tokenRequest(ctx, "token", form)
	if fault != nil {
		return granted{}, fault
	}
	return c.readGrant(ctx, body)
}

// tokenRequest posts to /oauth/te as the registered client (RFC 6749 section
// 2.3.1).
func (c *Client) tokenRequest(ctx context.Context, op string, form url.Values) ([]byte, *Error) {
	if c.o.ClientSecret == "" {
		form.Set("client_id", c.o.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.token, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, transport(op, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.o.ClientSecret != "" {
		// Both are form-encoded inside Basic.
		req.SetBasicAuth(url.QueryEscape(c.o.ClientID), url.QueryEscape(string(c.o.ClientSecret)))
	}
	return c.do(op, req)
}

func (c *Client) readGrant(ctx context.Context, body []byte) (granted, *Error) {
	access, idToken, ok := readTokens(body)
	if !ok {
		return granted{}, &Error{Kind: identity.ErrFault, Op: "token", Code: "answer_unreadable", Status: http.StatusOK}
	}
	g := granted{access: access}
	if idToken == "" {
		return g, nil
	}
	said, fault := c.idToken(ctx, idToken)
	if fault != nil {
		return granted{}, fault
	}
	sub, err := said.text("sub")
	if err != nil || !usableSubject(sub) {
		return granted{}, &Error{Kind: identity.ErrFault, Op: "token", Code: "id_token_subject"}
	}
	g.subject = identity.Subject(sub)
	return g, nil
}

// readTokens reads a token response (RFC 6749 section 5.1).
func readTokens(body []byte) (access, idToken string, ok bool) {
	var answer struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
		ID     string `json:"id_token"`
	}
	if unmarshal(body, &answer) != nil || answer.Access == "" {
		return "", "", false
	}
	if answer.Type != "" && !strings.EqualFold(answer.Type, "Bearer") {
		return "", "", false
	}
	// RFC 6750 section 2.1: what a Bearer token may consist of. It goes into a
	// header.
	if strings.Trim(answer.Access, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != "" {
		return "", "", false
	}
	return answer.Access, answer.ID, true
}

// person asks /oauth/me. A subject other than the id_token's is another
// person's answer (OpenID Connect Core section 5.3.2).
func (c *Client) person(ctx context.Context, g granted) (claims, *Error) {
	// The follow-up is never refused, but the budget pays for it.
	c.budget.ReserveN(c.o.Now(), 1)
	body, fault := c.get(ctx, "me", c.me, g.access)
	if fault != nil {
		return nil, fault
	}
	said, err := readClaims(body)
	if err != nil {
		return nil, &Error{Kind: identity.ErrFault, Op: "me", Code: "claims_unreadable"}
	}
	if _, err := said.subject(); err != nil && g.subject == "" {
		return nil, &Error{Kind: identity.ErrFault, Op: "me", Code: "no_subject"}
	}
	if sub, _ := said.text("sub"); g.subject != "" && sub != "" && identity.Subject(sub) != g.subject {
		return nil, &Error{Kind: identity.ErrFault, Op: "me", Code: "other_subject"}
	}
	return said, nil
}

// get asks with an access token, or without where it is "".
func (c *Client) get(ctx context.Context, op, address, access string) ([]byte, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, transport(op, err)
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	return c.do(op, req)
}

// do sends one request and reads a bounded answer.
func (c *Client) do(op string, req *http.Request) (body []byte, fault *Error) {
	began := time.Now()
	defer func() {
		var kind error
		if fault != nil {
			kind = fault.Kind
		}
		c.metrics.observe(op, result(kind), time.Since(began))
	}()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "schoolbridge")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transport(op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil && resp.StatusCode < 500:
		return nil, transport(op, err)
	case resp.StatusCode != http.StatusOK:
		if resp.StatusCode == http.StatusTooManyRequests {
			c.pause(resp.Header.Get("Retry-After"))
		}
		return nil, refusal(op, resp.StatusCode, body)
	case len(body) > maxBody:
		return nil, &Error{Kind: identity.ErrFault, Op: op, Code: "answer_too_long", Status: resp.StatusCode}
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return nil, &Error{Kind: identity.ErrFault, Op: op, Code: "html_instead_of_json", Status: resp.StatusCode}
	}
	return body, nil
}

// pause keeps us quiet for as long as a 429 asks (RFC 9110 section 10.2.3, in
// seconds; a date would need both clocks to agree).
func (c *Client) pause(retryAfter string) {
	seconds, err := strconv.Atoi(strings.TrimSpace(retryAfter))
	if err != nil || seconds <= 0 {
		return
	}
	wait := min(time.Duration(min(seconds, 3600))*time.Second, maxPause)
	c.pausedUntil.Store(c.o.Now().Add(wait).UnixNano())
}
