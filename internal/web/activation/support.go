package activation

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/provision/queue"
)

// Support takes what people write to us. It asks nothing of registries or people:
// the answer to a stranger is the same whoever is named, and takes as long.
type Support interface {
	// Schools are those that can be named, in the order in which they are shown.
	Schools() []person.School
	// Write keeps a letter, and gives its number; of a form that was sent before,
	// that one's. ErrOften where more comes than is taken.
	Write(ctx context.Context, l Letter) (queue.Number, error)
}

// Letter is what somebody wrote to us.
type Letter struct {
	queue.Case          // without a number
	Form       [16]byte // of the form that was filled in
	Source     string   // what is counted: an address, or whoever is signed in
	// Line is what the audit trail says besides: from where it came.
	Line map[string]any
}

// ErrOften says that more is written than is taken.
var ErrOften = errors.New("more is written to support than is taken")

// supportPage is the form, as it was filled in.
type supportPage struct {
	Token               string
	Last, First, Middle string
	NoMiddle            bool
	School, SNILS       string
	Schools             []string        // that can be chosen
	Choices             []person.School // those that were meant, perhaps
	Wrong               []wrongField    // in the order of the fields
	Often               bool
	Mosru               bool // filled in by what mos.ru said
}

// wrongField is one of the form's fields that is not right, see the texts
// support.wrong.
type wrongField struct{ Field, Text string }

// Is says that a field is not right.
func (p supportPage) Is(field string) bool {
	for _, w := range p.Wrong {
		if w.Field == field {
			return true
		}
	}
	return false
}

// Fault is the key of what is wrong with a field; "": nothing.
func (p supportPage) Fault(field string) string {
	for _, w := range p.Wrong {
		if w.Field == field {
			return w.Text
		}
	}
	return ""
}

// nameField is one part of the name in the form.
type nameField struct {
	ID, Value, Complete string
	Required            bool
	Fault               string
}

// Name gives the field of a part of the name.
func (p supportPage) Name(id string) nameField {
	f := nameField{ID: id, Fault: p.Fault(id), Required: id != "middle"}
	switch id {
	case "last":
		f.Value, f.Complete = p.Last, "family-name"
	case "first":
		f.Value, f.Complete = p.First, "given-name"
	default:
		f.Value, f.Complete = p.Middle, "additional-name"
	}
	return f
}

// support shows the form, filled in for somebody who is signed in.
func (v *visit) support() {
	s, err := v.found()
	if err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	p := supportPage{}
	if p.Token, err = v.Token(); err != nil {
		v.Broken("a form cannot be made", err)
		return
	}
	if s != nil {
		who := s.Profile
		p.Last, p.First, p.Middle, p.Mosru = who.Last, who.First, who.Middle, true
		p.NoMiddle = who.Middle == "" && who.Last != ""
		if number, ok := person.ParseSNILS(who.SNILS); ok {
			p.SNILS = writtenSNILS(number)
		}
		for _, r := range s.Roles {
			if r.School != "" {
				p.School = string(r.School)
				break
			}
		}
	}
	v.showSupport(http.StatusOK, p)
}

// writtenSNILS gives 112-233-445 95.
func writtenSNILS(n person.SNILS) string {
	d := string(n)
	return d[:3] + "-" + d[3:6] + "-" + d[6:9] + " " + d[9:]
}

func (v *visit) showSupport(status int, p supportPage) {
	for _, s := range v.o.Support.Schools() {
		if len(p.Schools) == schoolsOffered {
			break
		}
		p.Schools = append(p.Schools, s.Name)
	}
	title := "support.title"
	if len(p.Wrong) > 0 || p.Often {
		title = "support.failed"
	}
	v.Show(status, "support.html", title, p)
}

const (
	// schoolsOffered bounds the list beside the field; any that is known can be typed.
	schoolsOffered = 1000
	// nameLength bounds a part of somebody's name, in characters.
	nameLength = 80
	// tokenLength is that of Visit.Token.
	tokenLength = 43
)

// sendSupport takes the form.
func (v *visit) sendSupport() {
	form, ok := v.Form()
	if !ok {
		return
	}
	s, err := v.found()
	if err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	p := filled(form)
	if len(p.Token) != tokenLength {
		v.Fail(http.StatusBadRequest)
		return
	}
	letter := p.letter(form.Get("choice"), v.o.Support.Schools(), v.Text("support.unlisted"))
	if len(p.Wrong) > 0 {
		v.showSupport(http.StatusUnprocessableEntity, p)
		return
	}
	sum := sha256.Sum256([]byte(p.Token))
	source := v.Source()
	letter.At, letter.Form, letter.Source = v.Now, [16]byte(sum[:16]), web.Network(source.Addr, web.SiteBits).String()
	letter.Line = map[string]any{"addr": source.Addr.String(), "request": source.Request}
	if s != nil {
		profile := s.Profile
		letter.Profile, letter.Person, letter.Problem, letter.Source = &profile, s.Person, s.Problem, "person "+string(profile.Subject)
	}
	number, err := v.o.Support.Write(v.Request.Context(), letter)
	switch {
	case errors.Is(err, ErrOften):
		p.Often = true
		v.showSupport(http.StatusTooManyRequests, p)
		return
	case err != nil:
		v.Broken("what was written to support cannot be kept", err)
		return
	}
	c := web.Cookie(numberCookie, strings.ReplaceAll(number.String(), " ", ""))
	c.MaxAge = int(numberLife.Seconds())
	http.SetCookie(v.Writer, c)
	v.To("/support/sent")
}

func filled(form url.Values) supportPage {
	text := func(field string) string { return strings.Join(strings.Fields(form.Get(field)), " ") }
	return supportPage{Token: form.Get("form"), Last: text("last"), First: text("first"), Middle: text("middle"), NoMiddle: form.Get("no-middle") != "",
		School: text("school"), SNILS: text("snils")}
}

// letter reads the fields, and notes what is wrong with them. choice is the school
// that was chosen of Choices, unlisted what stands for none.
func (p *supportPage) letter(choice string, schools []person.School, unlisted string) Letter {
	if p.NoMiddle {
		p.Middle = ""
	}
	names := []struct {
		field string
		value string
		none  bool
	}{{"last", p.Last, false}, {"first", p.First, false}, {"middle", p.Middle, p.NoMiddle}}
	for _, n := range names {
		switch {
		case n.none:
		case n.value == "" && n.field == "middle":
			p.wrong(n.field, "support.wrong.middle")
		case n.value == "":
			p.wrong(n.field, "support.wrong.empty")
		case !nameLike(n.value):
			p.wrong(n.field, "support.wrong.name")
		}
	}
	school := p.meant(choice, schools, unlisted)
	number, ok := person.ParseSNILS(p.SNILS)
	switch {
	case p.SNILS == "":
		p.wrong("snils", "support.wrong.empty")
	case !ok:
		p.wrong("snils", "support.wrong.snils")
	}
	return Letter{Case: queue.Case{Last: p.Last, First: p.First, Middle: p.Middle, SNILS: string(number), School: school}}
}

func (p *supportPage) wrong(field, text string) { p.Wrong = append(p.Wrong, wrongField{field, text}) }

// nameLike says that a text may be a part of a name.
func nameLike(s string) bool {
	letters := 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
		case !unicode.Is(unicode.M, r) && !strings.ContainsRune(" -–'’.()`", r):
			return false
		}
	}
	return letters > 0 && utf8.RuneCountInString(s) <= nameLength
}

// choicesMost bounds the schools of which one is asked for.
const choicesMost = 12

// meant finds the school that was chosen or typed.
func (p *supportPage) meant(choice string, schools []person.School, unlisted string) person.SchoolID {
	for _, s := range schools {
		if choice != "" && string(s.ID) == choice {
			p.School = s.Name
			return s.ID
		}
	}
	switch {
	case p.School == "":
		p.wrong("school", "support.wrong.empty")
		return ""
	case p.School == unlisted:
		return ""
	case len(schools) == 0 && utf8.RuneCountInString(p.School) <= 4*nameLength:
		return "" // nothing to choose from yet
	}
	found := likeSchools(schools, p.School)
	switch {
	case len(found) == 1:
		return found[0].ID
	case len(found) == 0, len(found) > choicesMost:
		p.wrong("school", "support.wrong.school")
	default:
		p.Choices = found
		p.wrong("school", "support.wrong.which")
	}
	return ""
}

// likeSchools gives the schools that are called so, else those whose names have all
// of the words that were typed.
func likeSchools(schools []person.School, text string) (found []person.School) {
	want := schoolWords(text)
	if len(want) == 0 {
		return nil
	}
	same := strings.Join(want, " ")
	var like []person.School
	for _, s := range schools {
		words := schoolWords(s.Name)
		if strings.Join(words, " ") == same || strings.TrimSpace(text) == string(s.ID) {
			found = append(found, s)
			continue
		}
		has := map[string]bool{}
		for _, w := range words {
			has[w] = true
		}
		all := true
		for _, w := range want {
			all = all && has[w]
		}
		if all {
			like = append(like, s)
		}
	}
	if len(found) > 0 {
		return found
	}
	return like
}

// schoolWords are the words and numbers of a school's name, without case.
func schoolWords(name string) []string {
	name = strings.ReplaceAll(strings.ToLower(name), "ё", "е")
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

const (
	// numberCookie tells the browser that sent a letter its number, so that no
	// address shows it.
	numberCookie = "__Host-letter"
	numberLife   = 15 * time.Minute
)

// sentPage is what somebody sees who has written to us.
type sentPage struct{ Number string }

// supportSent tells the number, and what happens next.
func (v *visit) supportSent() {
	if _, err := v.found(); err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	c, err := v.Request.Cookie(numberCookie)
	if err == nil {
		if number, ok := queue.ParseNumber(c.Value); ok {
			v.Show(http.StatusOK, "sent.html", "support.sent", sentPage{number.String()})
			return
		}
	}
	v.To("/support")
}
