package mosru

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Attempt is one sign-in on mos.ru's own page (OpenID Connect Core section 3.1,
// with RFC 7636). Whoever begins it keeps it, tied to the browser, until that
// browser comes back.
type Attempt struct {
	Redirect string // the address to come back to, exactly as registered
	State    string // comes back beside the code
	Nonce    string // comes back inside the id_token
	Verifier string // of PKCE: 43 to 128 characters of RFC 7636 section 4.1
	Begun    time.Time
}

// AuthorizeURL is where the browser goes: mos.ru's page, which asks for the
// password even of somebody who is signed in there already (prompt=login).
func (c *Client) AuthorizeURL(a Attempt) string {
	sum := sha256.Sum256([]byte(a.Verifier))
	return c.authorize + "?" + url.Values{
		"response_type": {"code"}, "client_id": {c.o.ClientID}, "redirect_uri": {a.Redirect},
		"scope": {strings.Join(c.o.Scopes, " ")}, "state": {a.State}, "nonce": {a.Nonce}, "prompt": {"login"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// LogoutURL is where the browser goes to leave mos.ru too, and from there to
// redirect (OpenID Connect RP-Initiated Logout section 2).
func (c *Client) LogoutURL(redirect string) string {
	return c.logout + "?" + url.Values{"client_id": {c.o.ClientID}, "post_logout_redirect_uri": {redirect}}.Encode()
}

// Issuer is what an "iss" beside a code has to be (RFC 9207).
func (c *Client) Issuer() string { return c.o.Issuer }

// maxCode bounds an authorization code; longer ones are not mos.ru's.
const maxCode = 2 << 10

// Redeem gives the person to whom a code belongs. The id_token is needed, and
// has to answer this attempt. Errors are *Error over one of identity's upstream
// errors; identity.ErrStale where the code is too old or was redeemed before.
// It goes on when the caller gives up: a code serves once.
func (c *Client) Redeem(ctx context.Context, a Attempt, code string) (person.Profile, error) {
	if code == "" || len(code) > maxCode {
		return person.Profile{}, &Error{Kind: identity.ErrStale, Op: "wait", Code: "no_code"}
	}
	if err := ctx.Err(); err != nil {
		return person.Profile{}, gaveUp(err)
	}
	return c.run(func(ctx context.Context) (p person.Profile, err error) {
		err = c.guarded(ctx, func() *Error {
			var fault *Error
			p, fault = c.redeem(ctx, a, code)
			return fault
		})
		return p, err
	})
}

func (c *Client) redeem(ctx context.Context, a Attempt, code string) (person.Profile, *Error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.Redirect}, "code_verifier": {a.Verifier}}
	body, fault := c.tokenRequest(ctx, "code", form)
	if fault != nil {
		if fault.Code == "invalid_grant" { // RFC 6749 section 5.2: of a code
			fault.Kind = identity.ErrStale
		}
		return person.Profile{}, fault
	}
	access, raw, ok := readTokens(body)
	if !ok || raw == "" {
		return person.Profile{}, &Error{Kind: identity.ErrFault, Op: "code", Code: "answer_unreadable", Status: http.StatusOK}
	}
	said, fault := c.idToken(ctx, raw)
	if fault != nil {
		return person.Profile{}, fault
	}
	g := granted{access: access}
	if g.subject, fault = a.answeredBy(said); fault != nil {
		return person.Profile{}, fault
	}
	all, fault := c.person(ctx, g)
	if fault != nil {
		return person.Profile{}, fault
	}
	p, err := all.profile(g.subject, !c.o.ContactsUnverified)
	if err != nil {
		return person.Profile{}, &Error{Kind: identity.ErrFault, Op: "me", Code: "claims_unreadable"}
	}
	return p, nil
}

// answeredBy holds an id_token against the attempt: the nonce, and, where
// mos.ru tells it, that the password was typed for this attempt and not before
// it (OpenID Connect Core section 3.1.3.7, 11 and 13).
func (a Attempt) answeredBy(said claims) (identity.Subject, *Error) {
	bad := func(code string) *Error { return &Error{Kind: identity.ErrFault, Op: "code", Code: code} }
	nonce, err := said.text("nonce")
	if err != nil || a.Nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(a.Nonce)) != 1 {
		return "", bad("id_token_nonce")
	}
	if at, ok := said.seconds("auth_time"); ok && at.Before(a.Begun.Truncate(time.Second).Add(-time.Minute)) {
		return "", bad("id_token_auth_time")
	}
	sub, err := said.text("sub")
	if err != nil || !usableSubject(sub) {
		return "", bad("id_token_subject")
	}
	return identity.Subject(sub), nil
}
