package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// demoLetter is what somebody writes to support whom the rules refuse: the СНИЛС of
// mos.ru is not that of Кадры.
type demoLetter struct {
	who    person.Profile
	record person.RecordID
	school string
}

// remember notes who has to write.
func (d *demo) remember(p sample.Person, v match.Verdict) {
	mismatch := slices.ContainsFunc(v.Problems, func(p match.Problem) bool { return p.Code == match.SNILSMismatch })
	if mismatch && d.letter == nil && len(v.Records) > 0 {
		d.letter = &demoLetter{who: p.Profile, record: v.Records[0].ID}
	}
}

// addressed finds the school to which the letter belongs.
func (d *demo) addressed(read *registry.Folder) {
	if d.letter == nil {
		return
	}
	i := slices.IndexFunc(read.Employments, func(e person.Employment) bool { return e.ID == d.letter.record })
	if i < 0 {
		d.letter = nil
		return
	}
	d.letter.school = string(read.Employments[i].School)
}

var demoFormToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

// send fills in the form of /support, as a browser does.
func (l *demoLetter) send(ctx context.Context) error {
	const page = "http://" + demoWeb + "/support"
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method string, form url.Values) (int, string, error) {
		r, err := http.NewRequestWithContext(ctx, method, page, strings.NewReader(form.Encode()))
		if err != nil {
			return 0, "", err
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := client.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return res.StatusCode, string(text), err
	}
	_, text, err := ask(http.MethodGet, nil)
	if err != nil {
		return err
	}
	token := demoFormToken.FindStringSubmatch(text)
	if token == nil {
		return errors.New("the form of /support has no token")
	}
	form := url.Values{"form": {token[1]}, "last": {l.who.Last}, "first": {l.who.First}, "middle": {l.who.Middle}, "school": {l.school}, "snils": {l.who.SNILS}}
	if l.who.Middle == "" {
		form.Set("no-middle", "1")
	}
	status, _, err := ask(http.MethodPost, form)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("/support answers %d", status)
	}
	return err
}
