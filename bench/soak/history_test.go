package soak

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// deed is what somebody does.
type deed uint8

const (
	activate deed = iota // the account
	change               // to another password
	shut                 // out: mos.ru suspends, or the registry has the person no longer
	reopen               // what mos.ru suspended
	signIn
)

func (d deed) String() string {
	return [...]string{"activation", "change", "shut", "reopened", "sign-in"}[d]
}

// event is one deed as its client saw it. It took effect at some time between begun
// and ended; where done is false nobody knows whether it did.
type event struct {
	deed         deed
	who          int
	begun, ended time.Time
	done         bool    // it was confirmed; a sign-in was accepted
	password     int     // the number of the one that is new, or was shown; -1: never one
	silent       bool    // a change of which there was no notice
	account      string  // that an activation was answered with
	at           int     // the daemon of a sign-in
	how          how     // of a sign-in
	resumed      bool    // a ticket brought the password
	device       *device // for the report
}

// fault is something that we broke.
type fault uint8

const (
	storeClosed fault = iota // neither read nor written
	storeBusy                // not written
	mosruGone
	mosruSlow
	daemonDown
	daemonAsleep
	daemonCutOff // from the store
)

func (f fault) String() string {
	return [...]string{"store closed", "store busy", "mos.ru gone", "mos.ru slow", "daemon down", "daemon asleep", "daemon cut off"}[f]
}

// everywhere is where a fault is that all daemons feel.
const everywhere = -1

// window is the time of a fault; to is zero while it lasts.
type window struct {
	fault    fault
	at       int // the daemon, or everywhere
	from, to time.Time
}

// hides says that a daemon learns nothing from the store in the window.
func (w *window) hides(at int) bool {
	return slices.Contains([]fault{storeClosed, daemonAsleep, daemonCutOff}, w.fault) && (w.at == everywhere || w.at == at)
}

// history is what all clients saw, and what was broken meanwhile.
type history struct {
	mu      sync.Mutex
	events  []event
	windows []*window
}

func (h *history) add(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// bounds are what a history is held to.
type bounds struct {
	promise      time.Duration // from when something is known for sure to its effect
	grace        time.Duration // for which a daemon that learns nothing goes on
	confirmation time.Duration // for which a password opens that was changed without a notice; 0: not held to
}

// violation is what must not be.
type violation struct {
	event
	why string
}

// mosruRefuses is what a check says of a password whose change the daemon cannot know
// but from mos.ru.
const mosruRefuses = "with a password that mos.ru would refuse"

// check finds what no order of the deeds explains in which each took effect between
// its beginning and its end, and was felt by every daemon within the bounds. accounts
// are those that the store has in the end, of each person; nil: it was not looked.
func (h *history) check(b bounds, accounts map[int][]string) (found []violation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := map[int][]event{}
	for _, e := range h.events {
		of[e.who] = append(of[e.who], e)
	}
	owners := map[string]int{}
	for who, deeds := range of {
		slices.SortStableFunc(deeds, func(x, y event) int { return x.begun.Compare(y.begun) })
		for _, e := range deeds {
			why := ""
			switch {
			case e.deed == signIn && e.done:
				why = h.forbids(b, deeds, e)
			case e.deed == activate && e.done && accounts != nil:
				why = unkept(e, accounts[who], owners)
			}
			if why != "" {
				found = append(found, violation{e, why})
			}
		}
	}
	for who, list := range accounts {
		if len(list) > 1 {
			found = append(found, violation{event{who: who, deed: activate}, "one person has several accounts"})
		}
	}
	return found
}

// unkept says what is wrong with an account that somebody was told of.
func unkept(e event, has []string, owners map[string]int) string {
	if owner, taken := owners[e.account]; taken && owner != e.who {
		return "two people were told of one account"
	}
	owners[e.account] = e.who
	if !slices.Contains(has, e.account) {
		return "a confirmed account is lost"
	}
	return ""
}

// forbids says why a sign-in should not have been accepted, "" if it may have been.
// Deeds are the person's, by their beginning.
func (h *history) forbids(b bounds, deeds []event, s event) string {
	if s.password < 0 {
		return "with what was never a password"
	}
	activated := false
	for i, e := range deeds {
		if e.begun.After(s.ended) {
			break
		}
		switch e.deed {
		case activate:
			activated = true
		case shut:
			if e.done && h.felt(b, e.ended, s) && !reopened(deeds[i+1:], s.ended) {
				return "after the end of access"
			}
		case change:
			if why := h.outdated(b, e, s); why != "" {
				return why
			}
		case signIn:
			// One hash is kept, and it goes forward only.
			if s.how.hash() && e.done && e.how.hash() && e.password > s.password && e.ended.Before(s.begun) {
				return "by an old hash after a new one"
			}
		}
	}
	if !activated {
		return "without an activation"
	}
	return ""
}

// outdated says why a change forbids a sign-in with a password before it.
func (h *history) outdated(b bounds, e, s event) string {
	switch {
	case s.password >= e.password || !e.done:
		return ""
	case !e.silent:
		if h.felt(b, e.ended, s) {
			return "with a password that mos.ru has said is changed"
		}
	case b.confirmation > 0 && !s.how.hash() && s.begun.After(e.ended.Add(b.confirmation)) && !h.disturbed(s.begun.Add(-calm), s.ended, mosruGone, mosruSlow):
		// The confirmation is over. While mos.ru is gone the kept hash answers, for days.
		return mosruRefuses
	}
	return ""
}

func reopened(deeds []event, until time.Time) bool {
	return slices.ContainsFunc(deeds, func(e event) bool { return e.deed == reopen && e.begun.Before(until) })
}

// felt says that a sign-in began after a daemon must have felt what was sure at a time.
// Who could not learn of it has the promise anew once it can, and answers nobody after
// the grace.
func (h *history) felt(b bounds, sure time.Time, s event) bool {
	deadline := sure.Add(b.promise)
	for _, w := range h.windows { // as they began
		if !w.hides(s.at) || !w.from.Before(deadline) || !w.to.IsZero() && !w.to.After(sure) {
			continue
		}
		again := w.from.Add(b.grace)
		if !w.to.IsZero() && w.to.Before(again) {
			again = w.to
		}
		if again = again.Add(b.promise); again.After(deadline) {
			deadline = again
		}
	}
	return s.begun.After(deadline)
}

// broken notes a fault until the function is called.
func (h *history) broken(f fault, at int) (mended func()) {
	w := &window{fault: f, at: at, from: time.Now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.windows = append(h.windows, w)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		w.to = time.Now()
	}
}

// disturbed says whether any of the faults was there in a time. The caller holds mu.
func (h *history) disturbed(from, to time.Time, faults ...fault) bool {
	for _, w := range h.windows {
		if slices.Contains(faults, w.fault) && w.from.Before(to) && (w.to.IsZero() || w.to.After(from)) {
			return true
		}
	}
	return false
}

// retold is how far back a report tells what somebody did.
const retold = 2 * time.Minute

// tell gives somebody's deeds, and what was broken, in the time before a moment: what
// led to an answer. Of sign-ins the history has those that were accepted.
func (h *history) tell(who int, until time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, e := range h.events {
		if e.who != who || e.begun.After(until) || e.begun.Before(until.Add(-retold)) {
			continue
		}
		text := fmt.Sprintf("%v, password %d, silent %v", e.deed, e.password, e.silent)
		if e.deed == signIn {
			text = fmt.Sprintf("%v by %v at daemon %d, password %d, resumed %v", e.deed, e.how, e.at, e.password, e.resumed)
		}
		lines = append(lines, line{e.begun, fmt.Sprintf("%s, over after %v", text, e.ended.Sub(e.begun).Round(time.Millisecond))})
	}
	for _, w := range h.windows {
		if w.from.Before(until) && w.from.After(until.Add(-retold)) {
			lines = append(lines, line{w.from, fmt.Sprintf("%v at %d, until %s", w.fault, w.at, w.to.Format("15:04:05.000"))})
		}
	}
	slices.SortStableFunc(lines, func(x, y line) int { return x.at.Compare(y.at) })
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "\t%s %s\n", l.at.Format("15:04:05.000"), l.text)
	}
	return b.String()
}
