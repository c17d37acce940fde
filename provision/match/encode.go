package match

import (
	"bytes"
	"encoding/json"
	"io"

	"schoolbridge/internal/identity"
)

// line is a verdict as it is written: the order of its fields is fixed.
type line struct {
	Sub       *identity.Subject `json:"sub"`
	Login     string            `json:"login"`
	Decision  Decision          `json:"decision"`
	Roles     []string          `json:"roles"`
	Problems  []string          `json:"problems"`
	Provision string            `json:"provision"`
	Records   []string          `json:"records"`
	Reasons   []string          `json:"reasons"`
}

func (v Verdict) line() line {
	l := line{Login: v.Login, Decision: v.Decision, Provision: v.Provision.String(),
		Roles: []string{}, Problems: []string{}, Records: []string{}, Reasons: []string{}}
	if !v.Nobody {
		l.Sub = &v.Subject
	}
	for _, r := range v.Roles {
		l.Roles = append(l.Roles, r.String())
	}
	for _, p := range v.Problems {
		l.Problems = append(l.Problems, p.String())
	}
	for _, r := range v.Records {
		l.Records = append(l.Records, string(r.ID))
	}
	l.Records = unique(l.Records)
	for _, r := range v.Reasons {
		l.Reasons = append(l.Reasons, r.String())
	}
	return l
}

// MarshalJSON gives the verdict line. Use Encoder to write lines: json.Marshal
// escapes <, > and & once more.
func (v Verdict) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := NewEncoder(&b).Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Encoder writes verdicts as JSON lines.
type Encoder struct{ json *json.Encoder }

// NewEncoder writes to w; buffer it.
func NewEncoder(w io.Writer) *Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &Encoder{e}
}

// Encode writes one line.
func (e *Encoder) Encode(v Verdict) error { return e.json.Encode(v.line()) }
