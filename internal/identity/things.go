package identity

import "strings"

// CutHardwareAddress reads a hardware address (EUI-48) from the beginning of s
// in any of the usual writings (02-00-5E-10-00-01, 0200.5e10.0001,
// 02005e100001, …): twelve hexadecimal digits with single separators between
// some of the pairs. It comes back in the writing of HardwareAddress, with what
// stands behind it.
func CutHardwareAddress(s string) (address HardwareAddress, rest string, ok bool) {
	out, rest, ok := cutHardwareAddress(s)
	if !ok {
		return "", s, false
	}
	return HardwareAddress(out[:]), rest, true
}

// cutHardwareAddress gives the address as bytes: not everybody keeps it.
func cutHardwareAddress(s string) (out [17]byte, rest string, ok bool) {
	digits, at, separated := 0, 0, true
	for ; at < len(s) && digits < 12; at++ {
		c := s[at]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			c += 'a' - 'A'
		case (c == '-' || c == ':' || c == '.') && !separated && digits%2 == 0:
			separated = true
			continue
		default:
			return out, s, false
		}
		place := digits + digits/2
		out[place], separated = c, false
		if digits++; digits%2 == 0 && digits < 12 {
			out[place+1] = ':'
		}
	}
	return out, s[at:], digits == 12
}

// ParseHardwareAddress is CutHardwareAddress for a whole text.
func ParseHardwareAddress(s string) (HardwareAddress, bool) {
	address, rest, ok := CutHardwareAddress(s)
	if !ok || rest != "" {
		return "", false
	}
	return address, true
}

// maxDNSName is RFC 1035 section 2.3.4's, as text.
const maxDNSName = 253

// FoldMachineName is the form in which DNS names of machines are compared:
// lower case, without the root's dot.
func FoldMachineName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// MachinePattern says that s names machines: a folded DNS name of two labels or
// more, or "*." and such a name for those one label below it.
func MachinePattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if len(s) > maxDNSName || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		odd := strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
		})
		if label == "" || len(label) > 63 || odd {
			return false
		}
	}
	return true
}
