package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// HTTPOptions say what is asked and what the answers mean.
type HTTPOptions struct {
	URL     string            // https; http on loopback only; without user, query and fragment
	Secret  identity.Password // of "Authorization: Bearer"; empty: none
	RootCAs *x509.CertPool    // nil: the system's
	// Body is JSON in which {login} and {password} stand for JSON strings, quotes
	// included.
	Body     string
	Rules    []Rule // the first that fits an answer says what it means
	Fields   Fields
	InFlight int           // connections kept; 16
	Timeout  time.Duration // of a connection's making, which goes on when nobody waits for it any more; 2.5 s
}

// HTTP checks passwords by a POST of JSON. Redirects are refused, the answer is
// bounded, the password is in the body and nowhere else.
type HTTP struct {
	o    HTTPOptions
	http *http.Client
}

const maxAnswer = 64 << 10

// NewHTTP checks the options; it does not call the system.
func NewHTTP(o HTTPOptions) (*HTTP, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address is an https URL without user, query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("passwords go to https only")
	case o.Fields.Subject == "":
		return nil, errors.New("no field is named that identifies an account")
	}
	if err := CheckBody(o.Body); err != nil {
		return nil, err
	}
	if err := checkRules(o.Rules); err != nil {
		return nil, err
	}
	if o.InFlight <= 0 {
		o.InFlight = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 2500 * time.Millisecond
	}
	return &HTTP{o, &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    o.Timeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           o.InFlight,
			MaxIdleConnsPerHost:    o.InFlight,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 32 << 10,
		},
		// A redirected POST would carry the password to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CheckBody says what is wrong with a template of the request.
func CheckBody(template string) error {
	if !strings.Contains(template, "{login}") || !strings.Contains(template, "{password}") {
		return errors.New("the body holds no {login} or no {password}")
	}
	// Both ways, so that a place inside of quotes shows whatever it holds.
	for _, text := range []string{`"`, "a"} {
		if !json.Valid(fillBody(template, text, identity.Password(text))) {
			return errors.New("the body is no JSON: {login} and {password} stand for whole strings, without quotes around them")
		}
	}
	return nil
}

// fillBody fills both places in one pass: what is filled in is filled in nowhere
// else.
func fillBody(template, login string, password identity.Password) []byte {
	return []byte(strings.NewReplacer("{login}", quote(login), "{password}", quote(string(password))).Replace(template))
}

func quote(s string) string {
	b, _ := json.Marshal(s) // of a string: never fails
	return string(b)
}

// Check implements Checker.
func (h *HTTP) Check(ctx context.Context, login string, password identity.Password) (person.Profile, error) {
	if !utf8.ValidString(string(password)) { // JSON has no way to say it
		return person.Profile{}, &Error{identity.ErrWrongPassword, "wait", "no_text"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.o.URL, bytes.NewReader(fillBody(h.o.Body, login, password)))
	if err != nil {
		return person.Profile{}, &Error{identity.ErrFault, "http", "request"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if h.o.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+string(h.o.Secret))
	}
	answer, err := h.http.Do(req)
	if err != nil {
		return person.Profile{}, &Error{identity.ErrUnreachable, "http", why(err)}
	}
	defer func() { _ = answer.Body.Close() }() // read as far as it counts
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return person.Profile{}, &Error{identity.ErrUnreachable, "http", why(err)}
	}
	return h.judge(answer.StatusCode, body)
}

// why says in one word what went wrong; the text of err may quote the peer.
func why(err error) string {
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &cert):
		return "certificate_refused"
	case errors.Is(err, context.Canceled):
		return "given_up"
	}
	return "no_answer"
}

// judge is pure: what an answer means.
func (h *HTTP) judge(status int, body []byte) (person.Profile, error) {
	fail := func(kind error, code string) (person.Profile, error) {
		return person.Profile{}, &Error{kind, "http", fmt.Sprintf("%s, HTTP %d", code, status)}
	}
	if len(body) > maxAnswer {
		return fail(identity.ErrFault, "answer_too_long")
	}
	a := readAnswer(body)
	for _, r := range h.o.Rules {
		if !r.fits(status, a) {
			continue
		}
		if kind := outcomes[r.Outcome]; kind != nil {
			return fail(kind, r.Outcome)
		}
		if status < 200 || status > 299 {
			return fail(identity.ErrFault, "right_without_success")
		}
		p, err := h.o.Fields.profile(a.text)
		if err != nil {
			return fail(identity.ErrFault, "fields_unreadable")
		}
		return p, nil
	}
	switch {
	case status >= 500:
		return fail(identity.ErrUnreachable, "server_error")
	case status == http.StatusTooManyRequests:
		return fail(identity.ErrThrottled, "too_many_requests")
	case status >= 300 && status < 400:
		return fail(identity.ErrFault, "redirect_refused")
	}
	return fail(identity.ErrFault, "no_rule_fits")
}
