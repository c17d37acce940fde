package sim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// grant is what a code or token stands for.
type grant struct {
	login, client    string
	scope, nonce     string
	redirect, pkce   string // of a code
	signedIn, expiry time.Time
}

const codeLife = time.Minute

// told is the subject that mos.ru names: the right one, unless told to lie.
func (u User) told() identity.Subject {
	if u.Flags.Lie != "" {
		return u.Flags.Lie
	}
	return u.Profile.Subject
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// fail is an error answer (RFC 6749 section 5.2) with a code of Blitz in it.
func fail(w http.ResponseWriter, status int, code, detail string) {
	body := map[string]string{"error": code}
	if detail != "" {
		body["error_description"] = detail
	}
	reply(w, status, body)
}

// client authenticates an application: Basic (form-encoded inside, RFC 6749
// section 2.3.1) or parameters of the body.
func (s *Server) client(r *http.Request) (Client, bool) {
	id, secret, basic := r.BasicAuth()
	if basic {
		var err1, err2 error
		id, err1 = url.QueryUnescape(id)
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			return Client{}, false
		}
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	c, ok := s.registered(id)
	return c, ok && same(c.Secret, identity.Password(secret))
}

func (s *Server) registered(id string) (Client, bool) {
	i := slices.IndexFunc(s.o.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return s.o.Clients[i], true
}

// token is /oauth/te. Parameters in the query are taken too, as Blitz does.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	c, ok := s.client(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="mos.ru"`)
		fail(w, http.StatusUnauthorized, "invalid_client", "")
		return
	}
	switch r.Form.Get("grant_type") {
	case "password":
		s.passwordGrant(w, r, c)
	case "authorization_code":
		s.codeGrant(w, r, c)
	case "refresh_token":
		s.refreshGrant(w, r, c)
	default:
		fail(w, http.StatusBadRequest, "unsupported_grant_type", "")
	}
}

func (s *Server) passwordGrant(w http.ResponseWriter, r *http.Request, c Client) {
	if !c.PasswordGrant {
		fail(w, http.StatusBadRequest, "unauthorized_client", "")
		return
	}
	u, code := s.signIn(r.Form.Get("username"), identity.Password(r.Form.Get("password")))
	if code != "" {
		fail(w, http.StatusBadRequest, "invalid_grant", code)
		return
	}
	s.issue(w, grant{login: u.Profile.Login, client: c.ID, scope: r.Form.Get("scope"), signedIn: s.o.Now()})
}

// signIn checks a password and counts.
func (s *Server) signIn(name string, password identity.Password) (User, string) {
	u, code := s.people.check(name, password, s.o.Now())
	s.countSignIn(u.Profile.Login, code)
	return u, code
}

// codeGrant redeems a code once (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (s *Server) codeGrant(w http.ResponseWriter, r *http.Request, c Client) {
	g, ok := s.take(s.codes, r.Form.Get("code"))
	sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	proof := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || g.client != c.ID || g.redirect != r.Form.Get("redirect_uri") ||
		subtle.ConstantTimeCompare([]byte(proof), []byte(g.pkce)) != 1 {
		fail(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	s.issue(w, g)
}

// refreshGrant redeems a refresh token once.
func (s *Server) refreshGrant(w http.ResponseWriter, r *http.Request, c Client) {
	g, ok := s.take(s.refresh, r.Form.Get("refresh_token"))
	if !ok || g.client != c.ID {
		fail(w, http.StatusBadRequest, "invalid_grant", "")
		return
	}
	s.issue(w, g)
}

// take removes a single-use grant from its table.
func (s *Server) take(table interface {
	Get(string) (grant, bool)
	Remove(string) bool
}, name string) (grant, bool) {
	s.redeem.Lock()
	defer s.redeem.Unlock()
	g, ok := table.Get(name)
	table.Remove(name)
	return g, ok && s.o.Now().Before(g.expiry)
}

// issue answers with tokens for a grant.
func (s *Server) issue(w http.ResponseWriter, g grant) {
	now := s.o.Now()
	answer := map[string]any{"access_token": randomText(), "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": g.scope}
	if s.current().IDToken && slices.Contains(strings.Fields(g.scope), "openid") {
		id, err := s.idToken(g)
		if err != nil {
			fail(w, http.StatusInternalServerError, "server_error", "")
			return
		}
		answer["id_token"] = id
	}
	g.redirect, g.pkce, g.nonce = "", "", ""
	g.expiry = now.Add(tokenLife)
	s.access.Add(answer["access_token"].(string), g)
	g.expiry = now.Add(30 * 24 * time.Hour)
	refresh := randomText()
	s.refresh.Add(refresh, g)
	answer["refresh_token"] = refresh
	reply(w, http.StatusOK, answer)
}

// bearer gives the grant and the account of an access token.
func (s *Server) bearer(token string) (grant, User, bool) {
	g, ok := s.access.Get(token)
	if !ok || !s.o.Now().Before(g.expiry) {
		return grant{}, User{}, false
	}
	u, ok := s.people.get(g.login)
	return g, u, ok && !u.Flags.Disabled
}

// me is /oauth/me (OpenID Connect Core section 5.3).
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, u, known := s.bearer(token)
	if !ok || !known {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		fail(w, http.StatusUnauthorized, "invalid_token", "")
		return
	}
	s.countMe(u.Profile.Login)
	reply(w, http.StatusOK, u.claims(s.current().Style))
}

// claims are what /oauth/me says, under the names of one of mos.ru's
// interfaces.
func (u User) claims(style string) map[string]any {
	p := u.Profile
	all := map[string]any{"snils": p.SNILS, "birthdate": p.BirthDate.String(), "trusted": p.Trusted, "snils_confirmed": p.SNILSConfirmed,
		"phone_verified": p.PhoneVerified, "email_verified": p.EmailVerified}
	names := map[string][7]string{
		"modern": {"sub", "logonname", "family_name", "given_name", "middle_name", "phone_number", "email"},
		"legacy": {"uid", "logonname", "surname", "firstname", "middlename", "phone_number", "email"},
		"aupd":   {"guid", "login", "LastName", "FirstName", "MiddleName", "mobile", "mail"},
	}[style]
	for i, v := range []string{string(u.told()), p.Login, p.Last, p.First, p.Middle, p.Phone, p.Email} {
		all[names[i]] = v
	}
	for name, v := range all {
		if v == "" || slices.Contains(u.Flags.Missing, name) {
			delete(all, name)
		}
	}
	return all
}

// introspect is /oauth/introspect (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	c, ok := s.client(r)
	if !ok {
		fail(w, http.StatusUnauthorized, "invalid_client", "")
		return
	}
	g, u, ok := s.bearer(r.PostFormValue("token"))
	if !ok || g.client != c.ID {
		reply(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	reply(w, http.StatusOK, map[string]any{"active": true, "sub": u.told(), "client_id": g.client, "scope": g.scope,
		"exp": g.expiry.Unix(), "username": u.Profile.Login, "token_type": "Bearer"})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.keys.published())
}

// discovery is OpenID Connect Discovery section 4.
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	at := func(path string) string { return s.o.Issuer + "/oauth/" + path }
	reply(w, http.StatusOK, map[string]any{
		"issuer": s.o.Issuer, "authorization_endpoint": at("ae"), "token_endpoint": at("te"), "userinfo_endpoint": at("me"),
		"introspection_endpoint": at("introspect"), "end_session_endpoint": at("logout"), "jwks_uri": at("jwks"),
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "password"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"scopes_supported":                      []string{"openid", "profile"},
	})
}
