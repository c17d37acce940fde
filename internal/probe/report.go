package probe

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
)

// Outcome is the short answer.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted"
	Rejected Outcome = "rejected"  // by the server, or by us where its answer is worth nothing
	NoAnswer Outcome = "no_answer" // none, or none that this server can have sent
)

// Report is what happened, for JSON and for Write. Names are fixed.
type Report struct {
	Server  string  `json:"server"`
	Method  string  `json:"method"`
	Outcome Outcome `json:"outcome"`
	// Problem is a fixed word, "" where nothing is wrong; Detail is what a
	// technician wants to see beside it.
	Problem    Problem     `json:"problem,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Warnings   []Warning   `json:"warnings,omitempty"`
	TookMS     float64     `json:"took_ms"`
	Rounds     []Round     `json:"rounds,omitzero"` // of RADIUS
	Steps      []Step      `json:"steps,omitempty"` // of LDAP
	TLS        *TLS        `json:"tls,omitempty"`
	Chain      []Link      `json:"certificates,omitempty"` // also where it was refused
	Unverified bool        `json:"unverified,omitempty"`   // nobody checked the chain: no authority was given
	Keys       bool        `json:"keys,omitempty"`         // both MS-MPPE keys came and are the device's
	VLAN       string      `json:"vlan,omitempty"`
	Attributes []Attribute `json:"attributes,omitempty"`
	Entry      string      `json:"entry,omitempty"` // DN that a search for the login found
	As         string      `json:"as,omitempty"`    // whom an LDAP server says we are (RFC 4532)
}

// Round is one request and its answer.
type Round struct {
	MS    float64 `json:"ms"`
	Tries int     `json:"tries"` // times that it was sent
	Code  string  `json:"code,omitempty"`
	Sent  int     `json:"eap_sent,omitempty"` // bytes
	Got   int     `json:"eap_received,omitempty"`
}

// TLS is what the handshake agreed on.
type TLS struct {
	Version string `json:"version"`
	Suite   string `json:"suite"`
	Curve   string `json:"curve,omitempty"`
	Resumed bool   `json:"resumed"`
}

// Link is a certificate that the server showed.
type Link struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Names   []string  `json:"names,omitempty"`
	From    time.Time `json:"not_before"`
	To      time.Time `json:"not_after"`
	Days    int       `json:"days_left"`
	Key     string    `json:"key"`
	SHA256  string    `json:"sha256"`
}

// Attribute is one of the last answer.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// add takes the course of a sign-in and judges it.
func (r *Report) add(result *nas.Result, err error) {
	r.Rounds = []Round{}
	for _, round := range result.Rounds {
		one := Round{MS: ms(round.Took), Tries: round.Tries, Sent: round.Sent, Got: round.Got}
		if round.Code != 0 {
			one.Code = round.Code.String()
		}
		if round.Tries > 1 && round.Code != 0 {
			r.warn(WarnRepeated)
		}
		r.Rounds = append(r.Rounds, one)
	}
	r.TookMS, r.Keys = ms(result.Took()), result.Keys
	if err != nil {
		r.Outcome, r.Problem = Diagnose(err)
		r.Detail = clean(strings.ReplaceAll(err.Error(), "\n", "; "))
	} else {
		r.Outcome = Accepted
	}
	if result.Reply != nil {
		r.Attributes, r.VLAN = attributes(result.Reply)
	}
}

func (r *Report) warn(w Warning) {
	for _, have := range r.Warnings {
		if have == w {
			return
		}
	}
	r.Warnings = append(r.Warnings, w)
}

// soon is how many days before the end of a certificate a warning comes.
const soon = 30

// tls takes what a device has learned.
func (r *Report) tls(info eappeer.Info, now time.Time) {
	for _, c := range info.Chain {
		sum := fingerprint(c)
		days := int(c.NotAfter.Sub(now).Hours() / 24)
		r.Chain = append(r.Chain, Link{
			Subject: clean(c.Subject.String()), Issuer: clean(c.Issuer.String()), Names: cleanAll(c.DNSNames),
			From: c.NotBefore.UTC(), To: c.NotAfter.UTC(), Days: days, Key: keyName(c), SHA256: hex.EncodeToString(sum[:]),
		})
		if days < soon {
			r.warn(WarnExpires)
		}
	}
	if info.Established {
		r.TLS = &TLS{Version: tls.VersionName(info.Version), Suite: tls.CipherSuiteName(info.Suite), Resumed: info.Resumed}
		if info.Curve != 0 {
			r.TLS.Curve = info.Curve.String()
		}
	}
}

// Write tells a person.
func (r *Report) Write(w io.Writer, lang Lang) error {
	t := texts[lang]
	b := &strings.Builder{}
	explain := Problem.In
	if r.Steps != nil {
		explain = Problem.InLDAP
		fmt.Fprintf(b, t.stepsHead, t.outcome[r.Outcome], r.Method, r.Server, len(r.Steps), r.TookMS)
	} else {
		fmt.Fprintf(b, t.head, t.outcome[r.Outcome], r.Method, r.Server, len(r.Rounds), r.TookMS)
	}
	if r.Problem != "" {
		meaning, remedy := explain(r.Problem, lang)
		fmt.Fprintf(b, "%s: %s\n", t.reason, meaning)
		fmt.Fprintf(b, "%s: %s\n", t.remedy, remedy)
		fmt.Fprintf(b, "%s: %s\n", t.detail, r.Detail)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "%s: %s\n", t.warning, t.warnings[warning])
	}
	for i, round := range r.Rounds {
		code := round.Code
		if code == "" {
			code = t.nothing
		}
		fmt.Fprintf(b, t.round, i+1, round.MS, code)
		if round.Sent > 0 {
			fmt.Fprintf(b, t.eap, round.Sent, round.Got)
		}
		if round.Tries > 1 {
			fmt.Fprintf(b, t.tries, round.Tries)
		}
		b.WriteByte('\n')
	}
	r.writeSteps(b, t)
	r.writeTLS(b, t)
	if r.Keys {
		fmt.Fprintln(b, t.keys)
	}
	if r.VLAN != "" {
		fmt.Fprintf(b, "VLAN: %s\n", r.VLAN)
	}
	if len(r.Attributes) > 0 {
		fmt.Fprintln(b, t.attributes)
	}
	for _, a := range r.Attributes {
		fmt.Fprintf(b, "  %s = %s\n", a.Name, a.Value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeSteps(b *strings.Builder, t *text) {
	for _, s := range r.Steps {
		fmt.Fprintf(b, t.step, t.steps[s.Name], s.MS)
		if s.Result != nil {
			fmt.Fprintf(b, t.result, *s.Result)
		}
		if s.Entries != nil {
			fmt.Fprintf(b, t.entries, *s.Entries)
		}
		b.WriteByte('\n')
	}
	for _, name := range []struct{ label, value string }{{t.entry, r.Entry}, {t.as, r.As}} {
		if name.value != "" {
			fmt.Fprintf(b, "%s: %s\n", name.label, name.value)
		}
	}
}

func (r *Report) writeTLS(b *strings.Builder, t *text) {
	if r.TLS != nil {
		kind := t.full
		if r.TLS.Resumed {
			kind = t.resumed
		}
		fmt.Fprintf(b, "%s, %s, %s: %s\n", r.TLS.Version, r.TLS.Suite, r.TLS.Curve, kind)
	}
	if r.Unverified && len(r.Chain) > 0 {
		fmt.Fprintln(b, t.unverified)
	}
	for _, c := range r.Chain {
		names := "–"
		if len(c.Names) > 0 {
			names = strings.Join(c.Names, ", ")
		}
		fmt.Fprintf(b, t.certificate, c.Subject, names, c.Issuer, c.Key, c.To.Format(time.DateOnly), c.Days)
	}
}

func cleanAll(all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, clean(s))
	}
	return out
}

// keyName gives the kind and size of a certificate's key.
func keyName(c *x509.Certificate) string {
	return publicKeyName(c.PublicKey, c.PublicKeyAlgorithm)
}
