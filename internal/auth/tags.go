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

// Tag is a refused password in 8 bytes, under the key of a day. Too short to
// check guesses against after the day's key is gone, long enough that a right
// password is never taken for a refused one.
type Tag struct {
	Day    uint32 // days since 1970 in UTC
	Mark   uint64
	Step   uint8     // of backoff
	Webbed bool      // the web form used its one pass
	Next   time.Time // it is not asked again before
}

// Dies is when the key of the tag's day goes.
func (t Tag) Dies() time.Time { return time.Unix(int64(t.Day+2)*86400, 0) }

// tagger makes the marks; it keeps the keys of two days.
type tagger struct {
	keyOf func(day uint32) [32]byte
	mu    sync.Mutex
	macs  map[uint32]*mac
}

func newTagger(keyOf func(day uint32) [32]byte) *tagger {
	if keyOf == nil {
		own := randomKey()
		keyOf = func(day uint32) (k [32]byte) {
			h := hmac.New(sha256.New, own[:])
			h.Write(binary.BigEndian.AppendUint32(nil, day))
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
		m = newMAC(t.keyOf(day))
		t.macs[day] = m
	}
	return m
}

// Marks are a proof's marks under the keys of today and yesterday.
type Marks struct {
	Day              uint32 // today
	Today, Yesterday uint64
}

func (t *tagger) marks(k key, proof identity.Password, now time.Time) Marks {
	m := Marks{Day: uint32(now.Unix() / 86400)}
	m.Today, m.Yesterday = t.mark(m.Day, k, proof), t.mark(m.Day-1, k, proof)
	return m
}

func (t *tagger) mark(day uint32, k key, proof identity.Password) uint64 {
	sum := t.mac(day).over(k, 0, proof)
	return binary.BigEndian.Uint64(sum[:8])
}

func (m Marks) fits(day uint32, mark uint64) bool {
	return day == m.Day && mark == m.Today || day == m.Day-1 && mark == m.Yesterday
}

// findTag gives the place of a proof's tag, or -1, moves a tag of yesterday
// under today's key and forgets those whose keys are gone.
func (l *login) findTag(m Marks) int {
	kept := l.tags[:0]
	at := -1
	for _, t := range l.tags {
		if t.Day+1 < m.Day {
			continue
		}
		if m.fits(t.Day, t.Mark) {
			at = len(kept)
			t.Day, t.Mark = m.Day, m.Today
		}
		kept = append(kept, t)
	}
	l.tags = kept
	return at
}

// knownBad says whether a proof was refused lately and is not yet to be asked
// again. The web may ask once out of turn, unless that took the last try: there
// a person sits who may just have changed the password on mos.ru.
func (l *login) knownBad(m Marks, web bool, now time.Time) bool {
	at := l.findTag(m)
	if at < 0 || !now.Before(l.tags[at].Next) {
		return false
	}
	if web && !l.tags[at].Webbed {
		l.tags[at].Webbed = true
		return false
	}
	return true
}

// refused remembers a refusal and says whether it is a fresh one.
func (l *login) refused(m Marks, now time.Time) (fresh bool) {
	if at := l.findTag(m); at >= 0 {
		t := &l.tags[at]
		t.Step = min(t.Step+1, uint8(len(backoff)-1))
		t.Next = now.Add(backoff[t.Step])
		return false
	}
	l.remember(Tag{Day: m.Day, Mark: m.Today, Next: now.Add(backoff[0])})
	return true
}

// confirmed forgets what a success disproves. Another password than the one
// confirmed last is a change of password: then nothing that was refused before
// is known any more. The same one again says nothing new of the refused ones,
// so a phone with an old password is not asked about after each sign-in of
// the laptop. It says which tags that were.
func (l *login) confirmed(m Marks) (clears Clears) {
	if l.lastDay != 0 && l.lastDay+1 >= m.Day && !m.fits(l.lastDay, l.lastMark) {
		l.tags, clears = nil, ClearsAll
	} else if at := l.findTag(m); at >= 0 {
		l.tags, clears = append(l.tags[:at], l.tags[at+1:]...), ClearsTag
	}
	l.lastDay, l.lastMark = m.Day, m.Today
	return clears
}

// told remembers a refusal that another daemon met with.
func (l *login) told(m Marks, t Tag) {
	if at := l.findTag(m); at >= 0 {
		mine := &l.tags[at]
		mine.Step, mine.Webbed = max(mine.Step, t.Step), mine.Webbed || t.Webbed
		if t.Next.After(mine.Next) {
			mine.Next = t.Next
		}
		return
	}
	t.Day, t.Mark = m.Day, m.Today
	l.remember(t)
}

func (l *login) remember(t Tag) {
	if len(l.tags) >= maxTags {
		l.tags = append(l.tags[:0], l.tags[1:]...)
	}
	l.tags = append(l.tags, t)
}
