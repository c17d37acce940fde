package explain

import (
	"fmt"
	"strings"
	"time"
)

// Waiting is a change of an account that was found and is not made yet.
type Waiting struct {
	For  WaitsFor `json:"for"`
	What []string `json:"what"` // "disable", "move", "rename", "groups", else the attributes, "group"
	// Until is when it goes on by itself; for consent when it is looked at again.
	Until time.Time `json:"until,omitzero"`
	// Left is how many such changes may still be made today without consent.
	Left int `json:"left,omitempty"`
	// Ahead is how many accounts may have their turn before.
	Ahead int `json:"ahead,omitempty"`
	// Shut says that the account is not there, or not open, before it is made.
	Shut bool `json:"keeps_out,omitempty"`
}

// WaitsFor says for what a change waits.
type WaitsFor string

// What changes wait for.
const (
	WaitsConsent WaitsFor = "consent" // there are more of its kind than the brake allows
	WaitsWindow  WaitsFor = "window"  // the hours of ad.window
	WaitsRate    WaitsFor = "rate"    // those before it, at ad.rate
	WaitsLook    WaitsFor = "look"    // the next look: nobody told the daemon of it
)

var waitsFaults = map[WaitsFor]Fault{WaitsConsent: FaultADHeld, WaitsWindow: FaultADWindow, WaitsRate: FaultADRate, WaitsLook: FaultADLook}

// passes says that nobody has to do anything.
func (w *Waiting) passes() bool { return w != nil && w.For != WaitsConsent }

// waitsText are the words of Waiting in one language.
type waitsText struct {
	what                                        map[string]string
	consent, nobody, window, rate, look, change string
}

var waitsTexts = map[Lang]waitsText{
	Russian: {map[string]string{"disable": "отключение", "move": "перенос в другое подразделение", "rename": "смена имени", "groups": "выход из групп", "group": "группы", "password": "пароль", "place": "подразделение"},
		"ждёт согласия: без него сегодня можно ещё %d; служба смотрит снова %s", "ждёт согласия",
		"ждёт времени службы (ad.window): с %s", "ждёт очереди: впереди не больше %d, при ad.rate дойдёт примерно к %s", "ждёт следующей проверки: %s", "изменение"},
	English: {map[string]string{"disable": "disabling", "move": "the move to another unit", "rename": "the other displayed name", "groups": "leaving groups", "group": "groups", "password": "password", "place": "unit"},
		"waits for consent: %d more may be made today without it; the daemon looks again at %s", "waits for consent",
		"waits for the daemon's hours (ad.window): from %s on", "waits for its turn: no more than %d are before it, at ad.rate until about %s", "waits for the next look: %s", "a change"},
}

// line says it in one line.
func (w *Waiting) line(lang Lang, loc *time.Location) string {
	t := waitsTexts[lang]
	var what []string
	for _, word := range w.What {
		if text := t.what[word]; text != "" {
			word = text
		}
		what = append(what, word)
	}
	if len(what) == 0 {
		what = []string{t.change}
	}
	at := w.Until.In(loc).Format(clock)
	said := t.nobody
	switch {
	case w.For == WaitsWindow:
		said = fmt.Sprintf(t.window, at)
	case w.For == WaitsRate:
		said = fmt.Sprintf(t.rate, w.Ahead, at)
	case w.For == WaitsLook:
		said = fmt.Sprintf(t.look, at)
	case !w.Until.IsZero():
		said = fmt.Sprintf(t.consent, w.Left, at)
	}
	return strings.Join(what, ", ") + ": " + said
}

// waiting: a change that goes on by itself; shut says whether it keeps the person out
// meanwhile. One that does not is a note.
func (r *Report) waiting(shut bool) *broken {
	for _, t := range r.Targets {
		if r.Person != "" && t.Waits.passes() && t.Waits.Shut == shut {
			return &broken{at: LinkTarget, code: string(waitsFaults[t.Waits.For]), where: t.Name}
		}
	}
	return nil
}

// shut: the account waits to be made or opened.
func (r *Report) shut(time.Time) *broken { return r.waiting(true) }

// look is what deserves a look and stands in nobody's way.
func (r *Report) look(lang Lang) *Link {
	if note := r.asks(lang); note != nil {
		return note
	}
	if b := r.waiting(false); b != nil {
		return b.link(lang, r.Upstream)
	}
	return nil
}
