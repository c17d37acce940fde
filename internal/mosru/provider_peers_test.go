//go:build peers

package mosru_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru"
	"schoolbridge/internal/oidctest"
	"schoolbridge/internal/person"
)

// provided is our client before somebody else's provider.
func provided(t *testing.T, passwords bool) *mosru.Client {
	t.Helper()
	a := anna().Profile
	issuer := oidctest.Start(t, oidctest.Options{
		Client: "bridge-1", Secret: "se%cr et+", Redirect: comeBack, Left: "https://id.school.example/signed-out", Passwords: passwords,
		People: map[string]oidctest.Person{"sub-anna": {Password: string(pass), Claims: map[string]any{
			"family_name": a.Last, "given_name": a.First, "middle_name": a.Middle, "preferred_username": a.Login, "snils": a.SNILS, "snils_confirmed": true, "trusted": true,
		}}},
	})
	c, err := mosru.New(mosru.Options{BaseURL: issuer, ClientID: "bridge-1", ClientSecret: "se%cr et+", Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// known is what the provider tells of anna: it has no contacts of hers.
func known() person.Profile {
	p := anna().Profile
	p.Phone, p.PhoneVerified, p.Email, p.EmailVerified, p.BirthDate = "", false, "", false, person.Date{}
	return p
}

func freshAttempt() mosru.Attempt {
	return mosru.Attempt{Redirect: comeBack, State: "state-1", Nonce: "nonce-1", Verifier: strings.Repeat("v", 43), Begun: time.Now()}
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// through sends a browser through the provider's pages, up to where it would come
// back to us.
func through(t *testing.T, c *mosru.Client, a mosru.Attempt) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), comeBack) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(c.AuthorizeURL(a))
	for range 4 { // name and password, then our wish to know
		if err != nil {
			t.Fatal(err)
		}
		page, err2 := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if back != nil {
			return back.Query()
		}
		action := formAction.FindSubmatch(page)
		if err2 != nil || action == nil {
			t.Fatalf("%s, no form: %s", resp.Status, page)
		}
		form := url.Values{"prompt": {"consent"}}
		if strings.Contains(string(page), `name="password"`) {
			form = url.Values{"prompt": {"login"}, "login": {"sub-anna"}, "password": {"any"}}
		}
		resp, err = browser.PostForm(strings.ReplaceAll(string(action[1]), "&amp;", "&"), form)
	}
	t.Fatal("the provider sends nobody back")
	return nil
}

// What we take for the code flow with PKCE is what others take for it.
func TestCodeFlowOfAnotherProvider(t *testing.T) {
	c := provided(t, false)
	a := freshAttempt()
	back := through(t, c, a)
	if back.Get("state") != a.State || back.Get("iss") != c.Issuer() {
		t.Errorf("back with state %q, iss %q", back.Get("state"), back.Get("iss"))
	}
	if p, err := c.Redeem(t.Context(), a, back.Get("code")); err != nil || p != known() {
		t.Errorf("%+v, %v; want %+v", p, err, known())
	}
	if _, err := c.Redeem(t.Context(), a, back.Get("code")); !errors.Is(err, identity.ErrStale) {
		t.Errorf("the same code again: %v", err)
	}
	for what, alter := range map[string]func(*mosru.Attempt){
		"another verifier": func(a *mosru.Attempt) { a.Verifier = strings.Repeat("w", 43) },
		"another address":  func(a *mosru.Attempt) { a.Redirect += "/x" },
		"another nonce":    func(a *mosru.Attempt) { a.Nonce = "nonce-2" },
		"signed in before": func(a *mosru.Attempt) { a.Begun = a.Begun.Add(time.Hour) },
	} {
		a := freshAttempt()
		code := through(t, c, a).Get("code")
		alter(&a)
		if p, err := c.Redeem(t.Context(), a, code); err == nil || p.Subject != "" {
			t.Errorf("%s: %q, %v", what, p.Subject, err)
		}
	}
	if _, err := c.SignIn(t.Context(), "sub-anna", pass); err == nil || errors.Is(err, identity.ErrWrongPassword) {
		t.Errorf("a password grant that is not there: %v", err)
	}
}

// So is the password grant.
func TestPasswordGrantOfAnotherProvider(t *testing.T) {
	c := provided(t, true)
	if p, err := c.Profile(t.Context(), "sub-anna", pass); err != nil || p != known() {
		t.Errorf("%+v, %v; want %+v", p, err, known())
	}
	if _, err := c.SignIn(t.Context(), "sub-anna", "Not-Her-Password-1"); !errors.Is(err, identity.ErrWrongPassword) {
		t.Errorf("a wrong password: %v", err)
	}
}
