package person

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// SNILS is a valid СНИЛС: eleven digits. It prints as a placeholder under every
// verb and in JSON; string(s) is the one way to the digits.
type SNILS string

const snilsPlaceholder = "[snils]"

// Format hides the number from every formatting verb.
func (SNILS) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, snilsPlaceholder) }

// MarshalText hides the number from JSON, YAML and slog.
func (SNILS) MarshalText() ([]byte, error) { return []byte(snilsPlaceholder), nil }

const snilsDigits = 11

// ParseSNILS reads a СНИЛС in any punctuation. It gives false for an empty one
// (all zeros is empty) and for an invalid one. Nine or ten digits have lost
// their leading zeros to a spreadsheet, if the checksum says so.
func ParseSNILS(text string) (SNILS, bool) {
	digits := make([]byte, 0, snilsDigits)
	zeros := true
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			if len(digits) == snilsDigits {
				return "", false
			}
			digits = append(digits, byte(r))
			zeros = zeros && r == '0'
		case unicode.IsLetter(r) || unicode.IsNumber(r) || r == unicode.ReplacementChar:
			return "", false
		}
	}
	if zeros {
		return "", false
	}
	switch missing := snilsDigits - len(digits); missing {
	case 0:
		if !snilsUnchecked(digits) && !snilsChecksum(digits) {
			return "", false
		}
	case 1, 2:
		digits = append([]byte("00")[:missing], digits...)
		if !snilsChecksum(digits) {
			return "", false
		}
	default:
		return "", false
	}
	return SNILS(digits), true
}

// snilsUnchecked says that the number is not above 001-001-998: those were
// given out before there was a checksum.
func snilsUnchecked(digits []byte) bool {
	return strings.Compare(string(digits[:9]), "001001998") <= 0
}

// snilsChecksum holds the last two digits against the first nine: weights 9 to
// 1, the sum modulo 101, 100 written as 00.
func snilsChecksum(digits []byte) bool {
	sum := 0
	for i, d := range digits[:9] {
		sum += (9 - i) * int(d-'0')
	}
	return sum%101%100 == 10*int(digits[9]-'0')+int(digits[10]-'0')
}
