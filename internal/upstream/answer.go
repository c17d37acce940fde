package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"schoolbridge/internal/identity"
)

// Rule says what an answer means.
type Rule struct {
	Status  int    // HTTP status; 0: any
	Field   string // of the JSON answer, as in Fields; "": whatever it holds
	Value   string // the field's text: a string, a number as written, true or false
	Outcome string // of Outcomes
}

// Right is the outcome of the right password.
const Right = "right"

// outcomes are the words of rules and what they mean to auth.
var outcomes = map[string]error{
	Right:           nil,
	"wrong":         identity.ErrWrongPassword,
	"locked":        identity.ErrLocked,
	"second_factor": identity.ErrSecondFactor,
	"disabled":      identity.ErrDisabled,
	"expired":       identity.ErrPasswordExpired,
	"barred":        identity.ErrBarred,
	"busy":          identity.ErrThrottled,
	"unreachable":   identity.ErrUnreachable,
	"fault":         identity.ErrFault,
}

// checkRules wants a rule for the right password and one for a wrong one, or
// nobody could be told from anybody.
func checkRules(rules []Rule) error {
	said := map[string]bool{}
	for _, r := range rules {
		if _, ok := outcomes[r.Outcome]; !ok {
			return fmt.Errorf("%q is no outcome", r.Outcome)
		}
		if r.Status == 0 && r.Field == "" {
			return errors.New("a rule needs a status or a field")
		}
		said[r.Outcome] = true
	}
	if !said[Right] || !said["wrong"] {
		return errors.New(`there is no rule for "right", or none for "wrong"`)
	}
	return nil
}

func (r Rule) fits(status int, a answer) bool {
	if r.Status != 0 && r.Status != status {
		return false
	}
	return r.Field == "" || a.has(r.Field) && a.text(r.Field) == r.Value
}

// answer is a JSON object by the exact names of its fields; nil where it is none.
type answer map[string]json.RawMessage

func readAnswer(body []byte) answer {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return nil
	}
	return a
}

// find gives a field's value; a dot goes inside of an object.
func (a answer) find(path string) json.RawMessage {
	for {
		name, rest, more := strings.Cut(path, ".")
		value := a[name]
		if !more {
			return value
		}
		a, path = readAnswer(value), rest
	}
}

// text gives the text of a string, a number or a boolean; "": it is none.
func (a answer) text(path string) string {
	value := a.find(path)
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(value)
}

func (a answer) has(path string) bool {
	value := a.find(path)
	return len(value) > 0 && value[0] != '{' && value[0] != '[' && value[0] != 'n'
}
