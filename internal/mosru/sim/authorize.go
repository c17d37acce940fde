package sim

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// page is the sign-in form. It posts to its own address, so that the request's
// parameters stay in the query.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Вход — имитация mos.ru</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #f4f4f6; color: #1c1c21; }
main { max-width: 22rem; margin: 4rem auto; padding: 2rem; background: #fff; border-top: 4px solid #c8102e; }
h1 { font-size: 1.375rem; margin: 0 0 .25rem; }
p { margin: 0 0 1.25rem; }
label { display: block; margin: 0 0 1rem; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem .75rem; border: 1px solid #767680; border-radius: .25rem; }
button { margin-top: .5rem; background: #c8102e; border-color: #c8102e; color: #fff; }
button.no { background: none; border-color: transparent; color: #a50d25; text-decoration: underline; }
[role=alert] { color: #a50d25; }
</style>
</head>
<body>
<main>
<h1>Вход</h1>
<p>Имитация mos.ru для демонстрации и тестов</p>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
{{if .Form}}<form method="post">
<label>Логин, почта, телефон или СНИЛС <input name="login" autocomplete="username" required autofocus></label>
<label>Пароль <input name="password" type="password" autocomplete="current-password" required></label>
<button>Войти</button>
<button class="no" name="decline" value="yes" formnovalidate>Отказаться</button></form>{{end}}
</main>
</body>
</html>
`))

func (s *Server) page(w http.ResponseWriter, status int, problem string, form bool) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_ = page.Execute(w, struct {
		Problem string
		Form    bool
	}{problem, form})
}

const (
	cookie      = "sim_session"
	sessionLife = 8 * time.Hour
)

// authorize is /oauth/ae: the code flow with PKCE (OpenID Connect Core section
// 3.1.2, RFC 7636).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c, ok := s.registered(q.Get("client_id"))
	redirect := q.Get("redirect_uri")
	if !ok || !slices.Contains(c.Redirects, redirect) {
		// RFC 6749 section 4.1.2.1: never send anybody to an unknown address.
		s.page(w, http.StatusBadRequest, "Неизвестное приложение или адрес возврата (client_id, redirect_uri).", false)
		return
	}
	if code := badRequest(q); code != "" {
		s.back(w, r, url.Values{"error": {code}})
		return
	}
	prompt := strings.Fields(q.Get("prompt"))
	login := ""
	if k, err := r.Cookie(cookie); err == nil && !slices.Contains(prompt, "login") {
		login, _ = s.sessions.Get(k.Value)
	}
	switch {
	case r.Method == http.MethodPost && r.PostFormValue("decline") != "":
		s.back(w, r, url.Values{"error": {"access_denied"}})
		return
	case r.Method == http.MethodPost:
		u, code := s.signIn(r.PostFormValue("login"), identity.Password(r.PostFormValue("password")))
		if code != "" {
			s.page(w, http.StatusUnauthorized, problems[code], true)
			return
		}
		login = u.Profile.Login
		session := randomText()
		s.sessions.Add(session, login)
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: session, Path: "/oauth/", HttpOnly: true,
			SameSite: http.SameSiteLaxMode, MaxAge: int(sessionLife.Seconds())})
	case login == "" && slices.Contains(prompt, "none"):
		s.back(w, r, url.Values{"error": {"login_required"}})
		return
	case login == "":
		s.page(w, http.StatusOK, "", true)
		return
	}
	now := s.o.Now()
	code := randomText()
	s.codes.Add(code, grant{login: login, client: c.ID, scope: q.Get("scope"), nonce: q.Get("nonce"),
		redirect: redirect, pkce: q.Get("code_challenge"), signedIn: now, expiry: now.Add(codeLife)})
	s.back(w, r, url.Values{"code": {code}})
}

var problems = map[string]string{
	"invalid_credentials":     "Неверный логин или пароль.",
	"no_subject_found":        "Неверный логин или пароль.",
	"no_attempts":             "Попытки исчерпаны, вход временно закрыт.",
	"pswd_method_temp_locked": "Вход по паролю временно закрыт.",
	"otp_required":            "Нужен второй фактор.",
	"expired":                 "Срок действия пароля истёк.",
}

// badRequest gives the error code of a request that a client got wrong.
func badRequest(q url.Values) string {
	switch {
	case q.Get("response_type") != "code":
		return "unsupported_response_type"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "invalid_scope"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43, q.Get("state") == "":
		return "invalid_request"
	}
	return ""
}

// back sends the browser to the application, with the state that it gave.
func (s *Server) back(w http.ResponseWriter, r *http.Request, answer url.Values) {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		s.page(w, http.StatusBadRequest, "Адрес возврата не читается.", false)
		return
	}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	answer.Set("iss", s.o.Issuer) // RFC 9207
	all := to.Query()
	for k, v := range answer {
		all[k] = v
	}
	to.RawQuery = all.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// logout is /oauth/logout (OpenID Connect RP-Initiated Logout section 2).
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if k, err := r.Cookie(cookie); err == nil {
		s.sessions.Remove(k.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/oauth/", MaxAge: -1})
	to := r.URL.Query().Get("post_logout_redirect_uri")
	if to == "" {
		s.page(w, http.StatusOK, "Вы вышли.", false)
		return
	}
	c, ok := s.registered(r.URL.Query().Get("client_id"))
	if !ok || !slices.Contains(c.LogoutRedirect, to) {
		s.page(w, http.StatusBadRequest, "Вы вышли. Адрес возврата неизвестен.", false)
		return
	}
	if state := r.URL.Query().Get("state"); state != "" {
		u, err := url.Parse(to)
		if err == nil {
			q := u.Query()
			q.Set("state", state)
			u.RawQuery = q.Encode()
			to = u.String()
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
