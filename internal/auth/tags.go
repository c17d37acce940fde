package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// key is whom a sign-in is for: a person id, or a MAC of a name that nobody
// has or may use here (see phantom).
type key [16]byte

// backoff is after how long a refused password is asked again: first after
// the first step, and so on; the last one stays.
var backoff = [...]time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 24 * time.Hour}

// maxTags is how many refused passwords of one login are remembered.
const maxTags = 16

// tag is a refused password in 8 bytes, under the key of a day. Too short to
// check guesses against after the day's key is gone, long enough that a right
// password is never taken for a refused one.
type tag struct {
	day    uint32 // days since 1970 in UTC
	mark   uint64
	step   uint8
	webbed bool // the web form used its one pass
	next   time.Time
}

// tagger makes the marks; it keeps the keys of two days.
type tagger struct {
	keyOf func(day string) [32]byte
	mu    sync.Mutex
	macs  map[uint32]*mac
}

func newTagger(keyOf func(day string) [32]byte) *tagger {
	if keyOf == nil {
		own := randomKey()
		keyOf = func(day string) (k [32]byte) {
			h := hmac.New(sha256.New, own[:])
			h.Write([]byte(day))
			h.Sum(k[:0])
			return k
		}
	}
	return &tagger{keyOf: keyOf, macs: map[uint32]*mac{}}
}

func (t *tagger) mac(day uint32) *mac {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.macs[day]
	if m == nil {
		if len(t.macs) > 2 {
			clear(t.macs)
		}
		m = newMAC(t.keyOf(time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)))
		t.macs[day] = m
	}
	return m
}

// marks are a proof's marks under the keys of today and yesterday.
type marks struct {
	day              uint32
	today, yesterday uint64
}

func (t *tagger) marks(k key, proof identity.Password, now time.Time) marks {
	m := marks{day: uint32(now.Unix() / 86400)}
	m.today, m.yesterday = t.mark(m.day, k, proof), t.mark(m.day-1, k, proof)
	return m
}

func (t *tagger) mark(day uint32, k key, proof identity.Password) uint64 {
	sum := t.mac(day).over(k, 0, proof)
	return binary.BigEndian.Uint64(sum[:8])
}

func (m marks) fits(day uint32, mark uint64) bool {
	return day == m.day && mark == m.today || day == m.day-1 && mark == m.yesterday
}

// findTag gives the place of a proof's tag, or -1, moves a tag of yesterday
// under today's key and forgets those whose keys are gone.
func (l *login) findTag(m marks) int {
	kept := l.tags[:0]
	at := -1
	for _, t := range l.tags {
		if t.day+1 < m.day {
			continue
		}
		if m.fits(t.day, t.mark) {
			at = len(kept)
			t.day, t.mark = m.day, m.today
		}
		kept = append(kept, t)
	}
	l.tags = kept
	return at
}

// knownBad says whether a proof was refused lately and is not yet to be asked
// again. The web may ask once out of turn, unless that took the last try: there
// a person sits who may just have changed the password on mos.ru.
func (l *login) knownBad(m marks, web bool, now time.Time) bool {
	at := l.findTag(m)
	if at < 0 || !now.Before(l.tags[at].next) {
		return false
	}
	if web && !l.tags[at].webbed {
		l.tags[at].webbed = true
		return false
	}
	return true
}

// refused remembers a refusal and says whether it is a fresh one.
func (l *login) refused(m marks, now time.Time) (fresh bool) {
	if at := l.findTag(m); at >= 0 {
		t := &l.tags[at]
		t.step = min(t.step+1, uint8(len(backoff)-1))
		t.next = now.Add(backoff[t.step])
		return false
	}
	if len(l.tags) >= maxTags {
		l.tags = append(l.tags[:0], l.tags[1:]...)
	}
	l.tags = append(l.tags, tag{day: m.day, mark: m.today, next: now.Add(backoff[0])})
	return true
}

// confirmed forgets what a success disproves. Another password than the one
// confirmed last is a change of password: then nothing that was refused before
// is known any more. The same one again says nothing new of the refused ones,
// so a phone with an old password is not asked about after each sign-in of
// the laptop.
func (l *login) confirmed(m marks) {
	if l.lastDay != 0 && l.lastDay+1 >= m.day && !m.fits(l.lastDay, l.lastMark) {
		l.tags = nil
	} else if at := l.findTag(m); at >= 0 {
		l.tags = append(l.tags[:at], l.tags[at+1:]...)
	}
	l.lastDay, l.lastMark = m.day, m.today
}
