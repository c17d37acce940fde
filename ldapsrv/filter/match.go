package filter

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Rule says how values of an attribute compare (RFC 4517 section 4.2).
type Rule byte

// The rules.
const (
	CaseIgnore Rule = iota + 1 // caseIgnoreMatch, also for DNs and object identifiers after Attribute.Prepare
	CaseExact                  // caseExactMatch and caseExactIA5Match
	Integer                    // integerMatch, integerOrderingMatch
	Time                       // generalizedTimeMatch, generalizedTimeOrderingMatch
)

// Fold gives the form in which values compare under CaseIgnore: without case,
// with single spaces inside and none outside (RFC 4518, simplified: NFKC in
// place of its tables). It returns value itself where nothing changes.
func Fold(value string) string {
	if plain(value) {
		return value
	}
	if !ascii(value) {
		value = cases.Fold().String(norm.NFKC.String(strings.ToValidUTF8(value, "\uFFFD")))
	}
	return spaces(strings.ToLower(value))
}

// spaces does for CaseExact what Fold does, but for the case.
func spaces(value string) string {
	value = strings.TrimSpace(value)
	if !strings.Contains(value, "  ") {
		return value
	}
	return strings.Join(strings.Fields(value), " ")
}

// plain says that value is its own folded form.
func plain(value string) bool {
	for i := range len(value) {
		c := value[i]
		if c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c < ' ' || c == ' ' && (i == 0 || i == len(value)-1 || value[i-1] == ' ') {
			return false
		}
	}
	return true
}

func ascii(value string) bool {
	for i := range len(value) {
		if value[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// normal is the form of a text value under a rule.
func (r Rule) normal(value string) string {
	if r == CaseIgnore {
		return Fold(value)
	}
	return spaces(value)
}

// number reads an assertion of a rule that compares numbers.
func (r Rule) number(value string) (int64, bool) {
	if r == Integer {
		if len(value) > 1 && (value[0] == '0' || value[0] == '+') {
			return 0, false // RFC 4517 section 3.3.16 knows no leading zeros
		}
		n, err := strconv.ParseInt(value, 10, 64)
		return n, err == nil
	}
	t, ok := parseTime(value)
	return t.Unix(), ok
}

// parseTime reads a generalized time in UTC or with an offset, without
// fractions (RFC 4517 section 3.3.13).
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{"20060102150405Z0700", "200601021504Z0700", "2006010215Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok {
		digits := strings.TrimLeft(fraction, "0123456789")
		if len(digits) < len(fraction) {
			return parseTime(whole + digits)
		}
	}
	return time.Time{}, false
}

// quickEqual compares under CaseIgnore without making the value's normal form;
// sure is false where that is needed.
func quickEqual(value, folded string) (equal, sure bool) {
	if len(value) != len(folded) {
		return false, simple(value)
	}
	for i := range len(value) {
		c := value[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != folded[i] {
			return false, simple(value)
		}
	}
	return true, true
}

// simple says that only the case can stand between value and its normal form.
func simple(value string) bool {
	for i := range len(value) {
		if c := value[i]; c >= utf8.RuneSelf || c <= ' ' {
			return false
		}
	}
	return true
}

// matchText holds one value against a text assertion.
func (n *node) matchText(value string) bool {
	if n.rule == CaseIgnore && n.kind == Equality {
		if equal, sure := quickEqual(value, n.folded); sure {
			return equal
		}
	}
	value = n.rule.normal(value)
	switch n.kind {
	case Equality, Approx:
		return value == n.folded
	case Substrings:
		return n.matchPieces(value)
	}
	return false
}

func (n *node) matchPieces(value string) bool {
	for i := range n.subs {
		p := &n.subs[i]
		switch p.place {
		case 0:
			if !strings.HasPrefix(value, p.norm) {
				return false
			}
			value = value[len(p.norm):]
		case 1:
			at := strings.Index(value, p.norm)
			if at < 0 {
				return false
			}
			value = value[at+len(p.norm):]
		case 2:
			if !strings.HasSuffix(value, p.norm) {
				return false
			}
		}
	}
	return true
}

// matchNumber holds one value against a number or time.
func (n *node) matchNumber(value int64) bool {
	switch n.kind {
	case Equality, Approx:
		return value == n.number
	case GreaterOrEqual:
		return value >= n.number
	case LessOrEqual:
		return value <= n.number
	}
	return false
}
