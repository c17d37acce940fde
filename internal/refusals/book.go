// Package refusals remembers for a day what the Wi-Fi did not accept: how often,
// by school, NAS client and reason, and the last ones of each school. It is what
// administrators look at while something is wrong; the audit trail keeps the rest.
//
//	auth ─► Book.Refused ─┬─► a minute's and an hour's counts, dropped with their time
//	                      └─► the school's last attempts, those alike as one
//
// It holds memory only, begins anew with the process, and tells since when. What
// strangers can cause changes numbers and the last attempts, and takes no more
// memory: schools, clients and reasons are the configuration's and the code's.
//
// Start reading at Book.
package refusals

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

const (
	minutes = 60 // that are counted each for itself
	hours   = 25 // a day, and the hour that has begun
	last    = 60 // attempts of a school that are kept
)

// Cause is why something was refused, and where.
type Cause struct {
	NAS    string
	Reason identity.Reason
}

// Count is how often that was.
type Count struct {
	Cause
	Times int
}

// Attempt is a sign-in that was refused, or several alike in a row.
type Attempt struct {
	At     time.Time         // of the last of them
	Person identity.PersonID // whose name was given, zero where it is nobody's; a name proves nothing
	Device string
	NAS    string
	Unit   string // which device of the client
	SSID   string
	Reason identity.Reason
	Times  int
}

// counts are those of one school.
type counts struct {
	all    int
	causes map[Cause]int
}

// slot are the counts of one minute or hour since 1970.
type slot struct {
	number  int64
	schools map[string]*counts
}

// Book remembers refusals. It is safe to call from anywhere, at any time.
type Book struct {
	now   func() time.Time
	since time.Time

	mu     sync.Mutex
	minute [minutes]slot
	hour   [hours]slot
	recent map[string][]Attempt // by school, the newest last
	sums   [Day + 1]sum
}

// sum is what Schools gave last.
type sum struct {
	at     time.Time
	counts map[string]int
}

// fresh is how long a sum of the whole city serves: whoever looks at it again and
// again costs no more than that.
const fresh = 3 * time.Second

// New begins a book; nil: by the clock.
func New(now func() time.Time) *Book {
	if now == nil {
		now = time.Now
	}
	return &Book{now: now, since: now(), recent: map[string][]Attempt{}}
}

// Since is when the book began.
func (b *Book) Since() time.Time { return b.since }

// Refused implements auth.Observer: it enters what the Wi-Fi did not accept.
func (b *Book) Refused(channel identity.Channel, src identity.Source, v identity.Verdict) {
	if channel != identity.ChannelWiFi {
		return
	}
	now := b.now()
	cause := Cause{src.NAS, v.Reason}
	b.mu.Lock()
	defer b.mu.Unlock()
	enter(b.minute[:], now.Unix()/60, src.School, cause)
	enter(b.hour[:], now.Unix()/3600, src.School, cause)
	a := Attempt{At: now, Person: v.Person, Device: src.Device, NAS: src.NAS, Unit: src.Unit, SSID: src.SSID, Reason: v.Reason, Times: 1}
	list := b.recent[src.School]
	if i := slices.IndexFunc(list, a.alike); i >= 0 {
		a.Times += list[i].Times
		list = slices.Delete(list, i, i+1)
	} else if len(list) == last {
		list = slices.Delete(list, 0, 1)
	}
	b.recent[src.School] = append(list, a)
}

// alike says that two attempts differ in time only.
func (a Attempt) alike(o Attempt) bool {
	o.At, o.Times = a.At, a.Times
	return a == o
}

func enter(ring []slot, number int64, school string, c Cause) {
	s := &ring[number%int64(len(ring))]
	if s.number != number || s.schools == nil {
		*s = slot{number, map[string]*counts{}}
	}
	of := s.schools[school]
	if of == nil {
		of = &counts{causes: map[Cause]int{}}
		s.schools[school] = of
	}
	of.all++
	of.causes[c]++
}

// Span is how far back something is counted.
type Span int

// The spans.
const (
	Quarter Span = iota // the last 15 minutes
	Hour                // the last hour
	Day                 // the last 24 hours, to the hour
)

// each calls f for the counts of a span; b.mu is held.
func (b *Book) each(span Span, f func(map[string]*counts)) {
	ring, number, wide := b.minute[:], b.now().Unix()/60, int64(minutes)
	switch span {
	case Quarter:
		wide = 15
	case Day:
		ring, number, wide = b.hour[:], b.now().Unix()/3600, hours
	}
	for n := number; n > number-wide; n-- {
		if s := &ring[n%int64(len(ring))]; s.number == n {
			f(s.schools)
		}
	}
}

// Schools counts the refusals of every school that had some, as of a moment ago.
// The map is shared: do not change it.
func (b *Book) Schools(span Span) map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if s := &b.sums[span]; s.counts != nil && now.Sub(s.at).Abs() < fresh {
		return s.counts
	}
	list := map[string]int{}
	b.each(span, func(all map[string]*counts) {
		for school, c := range all {
			list[school] += c.all
		}
	})
	b.sums[span] = sum{now, list}
	return list
}

// Times counts a school's by cause.
func (b *Book) Times(school string, span Span) map[Cause]int {
	times := map[Cause]int{}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.each(span, func(all map[string]*counts) {
		if c := all[school]; c != nil {
			for cause, n := range c.causes {
				times[cause] += n
			}
		}
	})
	return times
}

// Causes is Times as a list, the most frequent first.
func (b *Book) Causes(school string, span Span) []Count {
	times := b.Times(school, span)
	list := make([]Count, 0, len(times))
	for cause, n := range times {
		list = append(list, Count{cause, n})
	}
	slices.SortFunc(list, func(a, o Count) int {
		return cmp.Or(cmp.Compare(o.Times, a.Times), cmp.Compare(a.Reason, o.Reason), cmp.Compare(a.NAS, o.NAS))
	})
	return list
}

// Last gives a school's last attempts of a day, the newest first.
func (b *Book) Last(school string) []Attempt {
	b.mu.Lock()
	list := slices.Clone(b.recent[school])
	b.mu.Unlock()
	oldest := b.now().Add(-24 * time.Hour)
	list = slices.DeleteFunc(list, func(a Attempt) bool { return a.At.Before(oldest) })
	slices.Reverse(list)
	return list
}
