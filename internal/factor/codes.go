package factor

import (
	"io"
	"strings"
)

// letters are the 32 of codes that people copy by hand: none that looks like a
// digit.
const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// RecoveryCodes is how many somebody is given.
const RecoveryCodes = 10

// NewInvitation makes a code that allows to connect an app: 60 bits.
func NewInvitation(random io.Reader) (string, error) { return newCode(random, 4, 3) }

// NewRecovery makes the recovery codes: 50 bits each.
func NewRecovery(random io.Reader) ([]string, error) {
	codes := make([]string, RecoveryCodes)
	for i := range codes {
		var err error
		if codes[i], err = newCode(random, 5, 2); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// NewPassword makes a password of 150 bits for the account that opens the console
// while mos.ru is away.
func NewPassword(random io.Reader) (string, error) { return newCode(random, 5, 6) }

// newCode makes groups of so many letters, with a hyphen between them.
func newCode(random io.Reader, group, groups int) (string, error) {
	b := make([]byte, group*groups)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	var code strings.Builder
	for i, c := range b {
		if i > 0 && i%group == 0 {
			code.WriteByte('-')
		}
		code.WriteByte(letters[c%32]) // 256 is a multiple of 32: no letter is likelier
	}
	return code.String(), nil
}

// alike brings what people type in place of a letter to that letter: digits that
// look like it, and the keys of a Russian keyboard that bear its shape.
var alike = strings.NewReplacer("-", "", " ", "", "\t", "", "O", "0", "I", "1", "L", "1",
	"А", "A", "В", "B", "Е", "E", "К", "K", "М", "M", "Н", "H", "О", "0", "Р", "P", "С", "C", "Т", "T", "Х", "X", "У", "Y", "З", "3")

// fold brings a typed code into the form that is compared.
func fold(code string) string { return alike.Replace(strings.ToUpper(strings.TrimSpace(code))) }

// FoldPassword is fold for what NewPassword made.
func FoldPassword(p string) string { return fold(p) }
