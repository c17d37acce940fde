package filter

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Rule says how values of an attribute compare (RFC 4517 section 4.2).
type Rule byte

// The rules. Those from DN to Boolean compare like CaseIgnore what
// Attribute.Prepare has brought into one form.
const (
	CaseIgnore Rule = iota + 1 // caseIgnoreMatch
	CaseExact                  // caseExactMatch and caseExactIA5Match
	Name                       // caseIgnoreMatch in which ё is е, as people write it
	Octets                     // octetStringMatch
	Integer                    // integerMatch, integerOrderingMatch
	Time                       // generalizedTimeMatch, generalizedTimeOrderingMatch
	DN                         // distinguishedNameMatch
	OID                        // objectIdentifierMatch
	UUID                       // UUIDMatch
	Boolean                    // booleanMatch
)

// numeric says that values are numbers.
func (r Rule) numeric() bool { return r == Integer || r == Time }

// text says that values are texts that people write.
func (r Rule) text() bool { return r == CaseIgnore || r == CaseExact || r == Name }

// appendTo appends the form in which a text compares under the rule.
func (r Rule) appendTo(b, value []byte) []byte {
	if r == Octets {
		return append(b, value...)
	}
	return appendNormal(b, value, r)
}

// number reads an assertion of a rule that compares numbers.
func (r Rule) number(value string) (int64, bool) {
	if r == Integer {
		return parseInteger(value)
	}
	t, ok := parseTime(value)
	return t.Unix(), ok
}

// parseInteger reads RFC 4517 section 3.3.16, which knows no leading zeros. What
// is too large for any value here compares as the largest there is.
func parseInteger(value string) (int64, bool) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || strings.TrimLeft(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && len(digits) < len(value) {
		return math.MinInt64, true
	}
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

// parseTime reads a generalized time in UTC or with an offset; fractions are
// passed over (RFC 4517 section 3.3.13).
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

// quickEqual compares without case, not making the value's normal form; sure is
// false where that is needed.
func quickEqual(value []byte, folded string) (equal, sure bool) {
	if len(value) != len(folded) {
		return false, simple(value)
	}
	for i, c := range value {
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
func simple(value []byte) bool {
	for _, c := range value {
		if c >= utf8.RuneSelf-1 || c <= ' ' {
			return false
		}
	}
	return true
}

// matchText holds one value against a text assertion. scratch lends memory.
func (n *node) matchText(value []byte, scratch *Values) bool {
	if n.test == equal && n.rule != CaseExact && n.rule != Octets {
		if equal, sure := quickEqual(value, n.folded); sure {
			return equal
		}
	}
	if n.rule != Octets {
		scratch.normal = n.rule.appendTo(scratch.normal[:0], value)
		value = scratch.normal
	}
	switch n.test {
	case equal:
		return string(value) == n.folded
	case pieces:
		return n.matchPieces(value)
	case less:
		return string(value) < n.folded
	case atLeast:
		return string(value) >= n.folded
	case atMost:
		return string(value) <= n.folded
	}
	return false
}

func (n *node) matchPieces(value []byte) bool {
	for i := range n.subs {
		p := &n.subs[i]
		switch p.place {
		case 0:
			if len(value) < len(p.norm) || string(value[:len(p.norm)]) != p.norm {
				return false
			}
			value = value[len(p.norm):]
		case 1:
			at := bytes.Index(value, []byte(p.norm))
			if at < 0 {
				return false
			}
			value = value[at+len(p.norm):]
		case 2:
			if len(value) < len(p.norm) || string(value[len(value)-len(p.norm):]) != p.norm {
				return false
			}
		}
	}
	return true
}

// matchNumber holds one value against a number or time.
func (n *node) matchNumber(value int64) bool {
	switch n.test {
	case equal:
		return value == n.number
	case less:
		return value < n.number
	case atLeast:
		return value >= n.number
	case atMost:
		return value <= n.number
	case allBits:
		return value&n.number == n.number
	case anyBit:
		return value&n.number != 0
	}
	return false
}
