package mosru_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru"
)

const comeBack = "https://id.school.example/sign-in/mosru"

// codeWorld has a client that is registered for the code flow.
func codeWorld(t *testing.T, alter func(*mosru.Options)) *world {
	return newWorld(t, func(o *mosru.Options) {
		o.ClientID, o.ClientSecret = "browser", "b"
		if alter != nil {
			alter(o)
		}
	})
}

func (w *world) attempt() mosru.Attempt {
	return mosru.Attempt{Redirect: comeBack, State: "state-1", Nonce: "nonce-1", Verifier: strings.Repeat("v", 43), Begun: w.clock.Now()}
}

// visit signs in on mos.ru's page and gives what the browser comes back with.
func (w *world) visit(t *testing.T, a mosru.Attempt, form url.Values) url.Values {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(w.AuthorizeURL(a), form)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	if !strings.HasPrefix(to.String(), comeBack+"?") {
		t.Fatalf("back at %s", to)
	}
	return to.Query()
}

var anna1 = url.Values{"login": {"orlovami"}, "password": {string(pass)}}

func TestCodeFlow(t *testing.T) {
	w := codeWorld(t, nil)
	a := w.attempt()
	q, err := url.Parse(w.AuthorizeURL(a))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"prompt": "login", "response_type": "code", "nonce": "nonce-1", "state": "state-1", "code_challenge_method": "S256", "redirect_uri": comeBack} {
		if got := q.Query().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if strings.Contains(q.RawQuery, a.Verifier) {
		t.Error("the verifier is in the address")
	}
	back := w.visit(t, a, anna1)
	if back.Get("state") != "state-1" || back.Get("iss") != w.Issuer() {
		t.Errorf("back with %v", back)
	}
	p, err := w.Redeem(t.Context(), a, back.Get("code"))
	if want := anna().Profile; err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	if _, err := w.Redeem(t.Context(), a, back.Get("code")); !errors.Is(err, identity.ErrStale) {
		t.Errorf("the same code again: %v", err)
	}
	if back := w.visit(t, a, url.Values{"decline": {"yes"}}); back.Get("error") != "access_denied" || back.Get("code") != "" {
		t.Errorf("declined: %v", back)
	}
}

// A code serves the attempt that it was given for, and no other.
func TestCodeOfAnotherAttempt(t *testing.T) {
	for what, c := range map[string]struct {
		alter func(w *world, a *mosru.Attempt)
		want  error
	}{
		"another verifier": {func(_ *world, a *mosru.Attempt) { a.Verifier = strings.Repeat("w", 43) }, identity.ErrStale},
		"another address":  {func(_ *world, a *mosru.Attempt) { a.Redirect += "/x" }, identity.ErrStale},
		"another nonce":    {func(_ *world, a *mosru.Attempt) { a.Nonce = "nonce-2" }, identity.ErrFault},
		"no nonce":         {func(_ *world, a *mosru.Attempt) { a.Nonce = "" }, identity.ErrFault},
		"too late":         {func(w *world, _ *mosru.Attempt) { w.clock.add(2 * time.Minute) }, identity.ErrStale},
		"signed in before": {func(w *world, a *mosru.Attempt) { a.Begun = a.Begun.Add(2 * time.Minute) }, identity.ErrFault},
		"mos.ru is away":   {func(w *world, _ *mosru.Attempt) { _ = w.sim.SetOutage("503") }, identity.ErrUnreachable},
		"no id_token":      {func(w *world, _ *mosru.Attempt) { w.post(t, "/sim/claims?id_token=off", "") }, identity.ErrFault},
	} {
		w := codeWorld(t, nil)
		a := w.attempt()
		code := w.visit(t, a, anna1).Get("code")
		c.alter(w, &a)
		if p, err := w.Redeem(t.Context(), a, code); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || err != nil && p.Subject != "" {
			t.Errorf("%s: %q, %v", what, p.Subject, err)
		}
		if strings.Contains(w.log.String(), code) {
			t.Errorf("%s: the log holds the code", what)
		}
	}
}

// What is no code is not brought to mos.ru, and nobody learns of a code by an error.
func TestCodeThatIsNone(t *testing.T) {
	w := codeWorld(t, nil)
	for _, code := range []string{"", strings.Repeat("c", 3<<10)} {
		if _, err := w.Redeem(t.Context(), w.attempt(), code); !errors.Is(err, identity.ErrStale) {
			t.Errorf("%d bytes: %v", len(code), err)
		}
	}
	_, err := w.Redeem(t.Context(), w.attempt(), "made-up-code")
	if !errors.Is(err, identity.ErrStale) || strings.Contains(err.Error(), "made-up-code") {
		t.Error(err)
	}
	w.Close()
	if _, err := w.Redeem(t.Context(), w.attempt(), "c"); !errors.Is(err, identity.ErrUnreachable) {
		t.Errorf("closed: %v", err)
	}
}
