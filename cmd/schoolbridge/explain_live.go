package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// liveWait bounds the look into Active Directory, clockWait that at mos.ru's clock.
const (
	liveWait  = 5 * time.Second
	clockWait = 2 * time.Second
)

// lookAD asks Active Directory itself about an account, and writes nothing: what
// a pass saw an hour ago may not be so any more, and where the directory does not
// answer no pass can say so.
func (e *explainer) lookAD(ctx context.Context, id identity.PersonID, home string, t *explain.Target) {
	if !e.config.AD.On() || e.openAD == nil {
		return
	}
	found := func(code explain.Fault, where string) {
		t.Live = append(t.Live, explain.Finding{Code: code, Where: where})
	}
	server := string(e.config.AD.Server)
	target, release, err := e.openAD()
	if err != nil {
		found(explain.FaultUnreadable, "ad")
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, liveWait)
	defer cancel()
	if err := target.Check(ctx); err != nil {
		found(faultOfAD(e.config, err))
		return
	}
	job, err := e.db.Targets().Job(ctx, targetAD, id, e.now)
	if err != nil {
		return // just gone
	}
	job.Grace = e.config.AD.GraceDays
	plan, err := target.Plan(ctx, job)
	if err != nil {
		found(explain.FaultADUnreachable, server)
		return
	}
	e.planned(job, plan, home, t, found)
	if t.Waits = e.waits(ctx, job, plan, target.Foresee(job), t); t.Waits != nil && t.State == explain.TargetReady {
		t.State = explain.TargetPending
	}
	if locked, err := target.Locked(ctx, job.Row.Object); err == nil && locked && job.Row.Object != nil {
		found(explain.FaultADLocked, t.Name)
	}
}

// planned says what a pass would have to repair that nobody here has caused.
func (e *explainer) planned(job provision.Job, plan provision.Plan, home string, t *explain.Target, found func(explain.Fault, string)) {
	switch {
	case plan.Action == provision.ActionEnable && job.Row.Observed.Enabled:
		found(explain.FaultADDisabled, t.Name)
	case plan.Action == provision.ActionNone && job.Row.Object != nil && job.Row.Observed.Enabled && !job.Active(e.config.Policy.TimeZone.Location()):
		found(explain.FaultADDisabledToo, t.Name)
	case plan.Action == provision.ActionCreate && job.Row.Object != nil:
		found(explain.FaultADGone, t.Name)
	}
	t.Until = e.graceEnds(job)
	for _, p := range plan.Problems {
		told := explain.ProblemAt(e.lang, home, p)
		if !slices.Contains(t.Problems, told) && p.Code != match.PasswordNeeded {
			t.Problems = append(t.Problems, told)
			if t.State == explain.TargetReady && !p.Code.Beside() {
				t.State = explain.TargetProblem // found out just now
			}
		}
	}
}

// graceEnds gives the last day on which the account of somebody who left stays
// enabled; "" where nobody left, or no longer.
func (e *explainer) graceEnds(job provision.Job) string {
	zone := e.config.Policy.TimeZone.Location()
	today, last := person.DateOf(e.now.In(zone)), person.Date{}
	if !job.Active(zone) {
		return ""
	}
	for _, a := range job.Affiliations(zone) {
		if a.ActiveOn(today) {
			return ""
		}
		if last.Before(a.To) {
			last = a.To
		}
	}
	return last.AddDays(job.Grace).String()
}

// server looks at this installation: the certificates that devices see, and the
// clock, where mos.ru did not do what it should.
func (e *explainer) server(ctx context.Context, r *explain.Report) {
	if len(r.Hits) > 0 {
		return
	}
	for _, pair := range certificatePairs(e.config) {
		cert, err := tls.LoadX509KeyPair(pair[0], pair[1])
		if err != nil {
			continue // gone since the configuration was checked
		}
		where := filepath.Base(pair[0])
		switch {
		case e.now.After(config.ChainEnd(cert)):
			r.Server = append(r.Server, explain.Finding{Code: explain.FaultCertificate, Where: where, More: e.day(config.ChainEnd(cert))})
		case cert.Leaf != nil && e.now.Before(cert.Leaf.NotBefore):
			r.Server = append(r.Server, explain.Finding{Code: explain.FaultCertificate, Where: where, More: e.day(cert.Leaf.NotBefore)})
		}
	}
	e.clock(ctx, r)
}

func (e *explainer) day(t time.Time) string { return t.In(e.table.Zone()).Format("2006-01-02 15:04") }

// certificatePairs are the files of the certificates that people's devices see.
func certificatePairs(c *config.Config) [][2]string {
	all := [][2]string{{string(c.TLS.CertificateFile), string(c.TLS.KeyFile)}, {string(c.RADIUS.EAP.CertificateFile), string(c.RADIUS.EAP.KeyFile)},
		{string(c.RADIUS.EAP.RSACertificateFile), string(c.RADIUS.EAP.RSAKeyFile)}}
	return slices.DeleteFunc(all, func(p [2]string) bool { return p[0] == "" })
}

// clockOff is how far clocks may differ: certificates and events fit no more
// beyond.
const clockOff = 2 * time.Minute

// clock holds ours against the Date (RFC 9110 section 6.6.1) of mos.ru, which is
// believed only over verified TLS, where mos.ru has it. No answer says nothing.
func (e *explainer) clock(ctx context.Context, r *explain.Report) {
	if r.Person == "" && len(r.Tries) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clockWait)
	defer cancel()
	switch seen, err := lookAtMosru(ctx, e.config); {
	case expired(err): // a clock that is off makes a good certificate look so
		r.Server = append(r.Server, explain.Finding{Code: explain.FaultClock, Where: mosruHost(e.config), More: e.day(time.Now())})
	case err == nil && seen.clock && seen.off.Abs() > clockOff:
		r.Server = append(r.Server, explain.Finding{Code: explain.FaultClock, More: clockWords(e.lang, seen.off)})
	}
}

// clockWords say by how much our clock is off, and which way.
func clockWords(lang explain.Lang, off time.Duration) string {
	words := map[explain.Lang][2]string{explain.Russian: {"часы этого сервера спешат на ", "часы этого сервера отстают на "},
		explain.English: {"this server's clock is ahead by ", "this server's clock is behind by "}}[lang]
	n := 0
	if off < 0 {
		n = 1
	}
	return words[n] + off.Abs().Round(time.Second).String()
}

// mosruSeen is what a look at mos.ru shows without signing in.
type mosruSeen struct {
	clock bool          // it told the time
	off   time.Duration // by how much ours is ahead
	ends  time.Time     // of its certificate; zero: there is none
}

// lookAtMosru asks mos.ru for nothing.
func lookAtMosru(ctx context.Context, c *config.Config) (seen mosruSeen, err error) {
	roots, err := certPool(string(c.Mosru.CAFile))
	if err != nil {
		return seen, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, string(c.Mosru.URL), nil)
	if err != nil {
		return seen, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	start := time.Now()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return seen, err
	}
	_ = answer.Body.Close()
	if answer.TLS != nil {
		seen.ends = answer.TLS.PeerCertificates[0].NotAfter
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	seen.clock, seen.off = err == nil, start.Sub(date)
	return seen, nil
}

// expired says that a certificate was refused for its time.
func expired(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

func mosruHost(c *config.Config) string {
	u, err := url.Parse(string(c.Mosru.URL))
	if err != nil {
		return string(c.Mosru.URL)
	}
	return u.Host
}
