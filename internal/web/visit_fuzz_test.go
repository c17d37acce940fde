package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzVisit: whatever the address and the cookies are, the answer is a page of
// ours, and nobody is sent anywhere but here and to mos.ru.
func FuzzVisit(f *testing.F) {
	f.Add("/sign-in/mosru?state=a&code=b", "x", "y", "en")
	f.Add("//evil.example/?lang=en", "", "", "")
	f.Add(`/\evil.example?lang=ru&a=b`, "", "", "ru")
	f.Add("/activate?lang=en#x", strings.Repeat("A", 43), "AAAA", "")
	o := options(&desk{answer: evann})
	o.Mosru, o.PublicURL = &page{}, "https://id.example"
	h, err := New(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, address, session, attempt, language string) {
		to, err := url.ParseRequestURI(address)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: to, Host: "id.example", Header: http.Header{}, Body: http.NoBody, RemoteAddr: "192.0.2.1:1"}
		for name, value := range map[string]string{sessionCookie: session, attemptCookie: attempt, languageCookie: language} {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Header().Get("Content-Security-Policy") == "" {
			t.Fatalf("%q: %d", address, w.Code)
		}
		if goal := w.Header().Get("Location"); goal != "" && !strings.HasPrefix(goal, "https://login.example/") &&
			(!strings.HasPrefix(goal, "/") || strings.HasPrefix(goal, "//") || strings.HasPrefix(goal, `/\`)) {
			t.Fatalf("%q leads to %q", address, goal)
		}
	})
}
