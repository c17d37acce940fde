package ad

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"schoolbridge/internal/ldapclient"
)

// values are what stands for a template's placeholders.
type values struct {
	role, school string
	district     string // "": the school's is not known
}

// placeholder is {word}.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// fill puts the values in place of the placeholders; false where one has none.
func (v values) fill(text string) (string, bool) {
	ok := true
	filled := placeholder.ReplaceAllStringFunc(text, func(word string) string {
		value := map[string]string{"{role}": v.role, "{school}": v.school, "{district}": v.district}[word]
		ok = ok && value != ""
		return value
	})
	return filled, ok
}

// template makes the relative names of an OU or group below the base.
type template struct {
	rdns []rdnTemplate // the lowest first, as in a DN
}

type rdnTemplate struct {
	kind       string // "OU", "CN"
	value      string // unescaped, with placeholders
	full, long *regexp.Regexp
}

// newTemplate reads "CN={role}-{school},OU=groups". The first name has the
// given type, all others are OUs.
func newTemplate(text, first string) (template, error) {
	var t template
	for i, part := range splitDN(text) {
		kind, value, ok := splitRDN(part)
		want := "OU"
		if i == 0 {
			want = first
		}
		if !ok || !strings.EqualFold(kind, want) || clean(value) == "" {
			return t, fmt.Errorf("%q: %q should be %s=…, relative to the base", text, part, want)
		}
		if err := knownWords(value, "{role}", "{school}", "{district}"); err != nil {
			return t, fmt.Errorf("%q: %w", text, err)
		}
		full, long := patterns(value)
		t.rdns = append(t.rdns, rdnTemplate{want, value, full, long})
	}
	return t, nil
}

// knownWords says what is wrong with a text's placeholders.
func knownWords(text string, known ...string) error {
	for _, word := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(known, word) {
			return fmt.Errorf("%s is no placeholder here: there are %s", word, strings.Join(known, ", "))
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}") {
		return errors.New("a brace has no other half")
	}
	return nil
}

// patterns match what a value can become: in full, or with its end cut off and
// a digest in place of it (see rdnValue).
func patterns(value string) (full, long *regexp.Regexp) {
	var b strings.Builder
	head, last := "", 0 // head: as far as nothing is ever cut off
	for _, at := range placeholder.FindAllStringIndex(value, -1) {
		b.WriteString(regexp.QuoteMeta(value[last:at[0]]))
		if value[at[0]:at[1]] == "{role}" {
			b.WriteString("(?:staff|pupil)")
		} else {
			if head == "" {
				head = "(?is)^" + b.String()
			}
			b.WriteString(".+")
		}
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(value[last:]))
	if head != "" {
		long = regexp.MustCompile(head + ".*-[0-9a-f]{8}$")
	}
	return regexp.MustCompile("(?is)^" + b.String() + "$"), long
}

// matches says that a value could have been made of the template.
func (r rdnTemplate) matches(value string) bool {
	const leastCut = rdnMost - 8 // a cut may fall before spaces or half a character
	return r.full.MatchString(value) || r.long != nil && units(value) >= leastCut && r.long.MatchString(value)
}

// expand gives the DN below base; false where a placeholder has no value.
func (t template) expand(v values, base string) (string, bool) {
	parts := make([]string, 0, len(t.rdns)+1)
	for _, r := range t.rdns {
		value, ok := v.fill(r.value)
		if value = rdnValue(value); !ok || value == "" {
			return "", false
		}
		parts = append(parts, r.kind+"="+ldapclient.EscapeDN(value))
	}
	return strings.Join(append(parts, base), ","), true
}

// fits says that the relative names could have been made by expand.
func (t template) fits(rdns []string) bool {
	if len(rdns) != len(t.rdns) {
		return false
	}
	for i, r := range t.rdns {
		kind, value, ok := splitRDN(rdns[i])
		if !ok || !strings.EqualFold(kind, r.kind) || !r.matches(value) {
			return false
		}
	}
	return true
}
