package auth

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// guard keeps wrong passwords away from mos.ru and guessers away from us. All
// of its tables are bounded; the least recently used go first.
//
//	who signs in         device unknown to this person         known device
//	may try at all       guesses of the login, device, source   its own guesses, many
//	                     and access point
//	may ask mos.ru       all but the last failure of the        all of them
//	                     login's window; half on the page
//
// A device is known once the person signed in on it; after a restart the session
// journal remembers (Authenticator.Remember). So strangers can use up
// what they share, but not what is left to her own devices, and never more
// than mos.ru takes before it locks. Refusals that are remembered (tags) cost
// nothing; answers that are none (unavailable) cost a guess and nothing else.
//
// Anybody may say that his device has the address of hers. So a device is one
// only together with the place where it is, and even there its guesses end;
// until then her right password passes among the wrong ones.
//
// Whoever shows another address with each guess spends what all unknown devices
// behind a controller (the source) share. Where he is he cannot choose: the
// access point says that of itself (identity.Source.AP). So on the Wi-Fi
//
//   - of a source's failures the first half is for whoever comes, the second for
//     access points that had fewer than a twentieth lately: one that is being
//     guessed at shuts out the unknown devices that are there, and no others;
//   - a failure counts against both wherever it comes from, and who has spent the
//     source's is refused at every access point: in all there are no more guesses
//     than without the halves, whatever is said of the access point, or if it is not;
//   - right passwords cost neither anything.
type guard struct {
	o    Options
	seed maphash.Seed

	mu       sync.Mutex
	people   *table[key, *login]
	phantoms *table[key, *login] // names that nobody has or may use: they must not push out people
	devices  *table[uint64, bucket]
	sources  *table[uint64, bucket]
	places   *table[uint64, bucket] // access points, each within its source
	known    *table[seen, bucket]
	wrongs   *table[seen, wrongs]
}

// seen is a person on a device.
type seen struct {
	key    key
	device uint64
}

// login is what we know of one login's failures.
type login struct {
	epoch    uint64
	failures []time.Time // refusals by mos.ru within the window, in order; also those that other daemons told of
	asking   int         // calls under way
	guesses  bucket
	answers  bucket    // wrong MSCHAPv2 answers, see answers.go
	held     time.Time // mos.ru is not asked before this, because of why
	why      identity.Reason
	tags     []Tag
	lastDay  uint32 // day and mark of the last confirmed proof
	lastMark uint64
}

// bucket allows burst failures at once and one more every while. It is the
// moment at which all would be given back, in ns by the monotonic clock: where the
// machine's clock ran ahead and is put right, nobody waits for it to get there again.
type bucket int64

// began is what buckets count from. A bucket that is zero is full.
var began = time.Now()

func (b bucket) open(now time.Time, burst int, every time.Duration) bool {
	return b == 0 || int64(b)-int64(now.Sub(began)) <= int64(burst-1)*int64(every)
}

func (b bucket) spend(now time.Time, every time.Duration) bucket {
	at := bucket(now.Sub(began))
	if b != 0 {
		at = max(at, b)
	}
	return at + bucket(every)
}

// lately says that a moment, in Unix ns, was less than d ago. One that is ahead was noted
// by a clock that has been set back since, but for the moments that a sign-in takes.
func lately(at int64, now time.Time, d time.Duration) bool {
	age := time.Duration(now.UnixNano() - at)
	return -time.Minute < age && age < d
}

func (b bucket) giveBack(every time.Duration) bucket { return b - bucket(every) }

// Guesses are proofs that no recent confirmation and no tag knew: enough for a
// person who tries her passwords, too slow to search for one. They bound what a
// confirmation or the kept verifier would answer while mos.ru is not asked. One
// comes back every guessEvery. Unknown devices share guessBurst; a known one has
// ownBurst for itself, so many that who takes on its address is long busy before
// its owner has to wait, and few beside what comes back in a day.
const (
	guessBurst = 10
	ownBurst   = 1000
	guessEvery = 10 * time.Second
)

// holdFor is how long a login is not asked about after mos.ru locked it or
// demanded a second factor: a device that retries would prolong the lock, or
// have a code sent to the person each time.
const holdFor = time.Minute

// placeShare is the part of a source's failures that one access point may have
// out of the second half. An access point has several addresses (of radios and
// networks), and a guesser reaches those of its neighbours: nine of them at once,
// and nineteen for good, leave something to others.
const placeShare = 20

func newGuard(o Options) *guard {
	return &guard{
		o: o, seed: maphash.MakeSeed(),
		people: newTable[key, *login](o.Logins), phantoms: newTable[key, *login](o.Logins),
		devices: newTable[uint64, bucket](o.Devices), sources: newTable[uint64, bucket](o.Devices), places: newTable[uint64, bucket](o.Devices),
		known: newTable[seen, bucket](o.Devices), wrongs: newTable[seen, wrongs](o.Devices),
	}
}

// try is one sign-in as the guard sees it.
type try struct {
	key     key
	phantom bool
	epoch   uint64
	channel identity.Channel
	device  uint64
	source  uint64
	ap      string
	page    bool     // typed on the page of activation
	known   bool     // set by admit
	spent   bool     // set by reserve: a guess was
	place   [16]byte // of the common count, set by Authenticator.count
}

func (g *guard) try(k key, phantom bool, epoch uint64, c *identity.Credential) try {
	t := try{key: k, phantom: phantom, epoch: epoch, channel: c.Channel, ap: c.Source.AP, source: maphash.Comparable(g.seed, network(c.Source.Addr))}
	t.device = t.source
	if c.Source.Device != "" {
		place := cmp.Or(c.Source.School, c.Source.NAS)
		t.device = maphash.Comparable(g.seed, [2]string{place, c.Source.Device})
	}
	return t
}

// network is what one host has of the Internet's addresses: of IPv6 a whole /64.
func network(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap(); addr.Is6() {
		wide, _ := addr.WithZone("").Prefix(64) // cannot fail: IPv6 has 128 bits
		return wide.Addr()
	}
	return addr
}

// table gives where the login of a try is kept.
func (g *guard) table(t *try) *table[key, *login] {
	if t.phantom {
		return g.phantoms
	}
	return g.people
}

// login gives the login of a try; nil if nothing is known of it and make is
// not set. An event since then makes all that was refused unknown again.
func (g *guard) login(t *try, make bool) *login {
	table := g.table(t)
	l, ok := table.Get(t.key)
	if !ok {
		if !make {
			return nil
		}
		l = &login{epoch: t.epoch}
		table.Add(t.key, l)
	}
	if l.epoch < t.epoch {
		l.epoch, l.tags, l.lastDay, l.held = t.epoch, nil, 0, time.Time{}
	}
	return l
}

// admit says whether a try may be looked at.
func (g *guard) admit(t *try, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if own, ok := g.known.Get(seen{t.key, t.device}); ok {
		t.known = true
		return own.open(now, ownBurst, guessEvery)
	}
	if l := g.login(t, false); l != nil {
		l.trim(now.Add(-g.o.LoginWindow))
		if !l.guesses.open(now, guessBurst, guessEvery) || len(l.failures) >= g.share(t) {
			return false
		}
	}
	return g.open(t, now)
}

// open says that neither the device nor the source of a try failed too often, nor
// the access point if it matters.
func (g *guard) open(t *try, now time.Time) bool {
	if b, ok := g.devices.Get(t.device); ok && t.device != t.source && !b.open(now, g.o.DeviceFailures, g.o.DeviceEvery) {
		return false
	}
	b, _ := g.sources.Get(t.source)
	switch {
	case !b.open(now, g.o.SourceFailures, g.o.SourceEvery):
		return false
	case t.channel != identity.ChannelWiFi, g.firstHalf(b, now):
		return true
	}
	at, _ := g.places.Get(g.place(t))
	return at.open(now, g.atPlace(), placeShare*g.o.SourceEvery)
}

// firstHalf says that a source has not spent the half that is for whoever comes.
func (g *guard) firstHalf(source bucket, now time.Time) bool {
	return source.open(now, max(g.o.SourceFailures/2, 1), g.o.SourceEvery)
}

// place is the access point of a try. One that says nothing of itself is one, too.
func (g *guard) place(t *try) uint64 {
	return maphash.Comparable(g.seed, struct {
		source uint64
		ap     string
	}{t.source, t.ap})
}

// atPlace is how many failures an access point may have out of the second half.
func (g *guard) atPlace() int { return max(g.o.SourceFailures/placeShare, 1) }

// share is how many of a login's failures a try may bring about. The last one is
// not for strangers; nor is the half of them on the page, where an account opens
// by its e-mail address too, by its phone and by its СНИЛС, and we do not always
// know that they belong together.
func (g *guard) share(t *try) int {
	switch {
	case t.known:
		return g.o.LoginFailures
	case t.page:
		return max(g.o.LoginFailures/2, 1)
	}
	return g.o.LoginFailures - 1
}

// pageCost is how many failures of a source one on the page counts for: mos.ru
// knows millions of people, and the page must not serve to search among them.
// With the default limits 50 at once and one every 2 s, which a school on the
// day of its activation does not reach.
const pageCost = 4

func (l *login) trim(before time.Time) {
	n := 0
	for n < len(l.failures) && l.failures[n].Before(before) {
		n++
	}
	l.failures = append(l.failures[:0], l.failures[n:]...)
}

// counted adds the refusals that are counted for all daemons, some of which were
// ours: to the microsecond, as the store keeps times.
func (l *login) counted(failures []time.Time) {
	for _, at := range failures {
		same := func(mine time.Time) bool { return mine.UnixMicro() == at.UnixMicro() }
		if !slices.ContainsFunc(l.failures, same) {
			l.failures = append(l.failures, at)
		}
	}
	slices.SortFunc(l.failures, time.Time.Compare)
}

// knownBad says whether the proof was refused lately.
func (g *guard) knownBad(t *try, m Marks, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.login(t, false)
	if l == nil {
		return false
	}
	l.trim(now.Add(-g.o.LoginWindow))
	return l.knownBad(m, t.channel == identity.ChannelWeb && len(l.failures)+1 < g.share(t), now)
}

// reserve charges a guess, also where it then refuses: a proof that is no right
// one was told so. It takes one of the login's tries at mos.ru, so that many at
// once cannot exceed them; the reason says why it does not. Who gets "" calls
// settle.
func (g *guard) reserve(t *try, now time.Time) identity.Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.login(t, true)
	g.guess(t, l, now)
	if now.Before(l.held) {
		return l.why
	}
	l.trim(now.Add(-g.o.LoginWindow))
	if len(l.failures)+l.asking >= g.share(t) {
		return identity.ReasonThrottled
	}
	l.asking++
	return ""
}

// guess charges one: to the login, or to the known device alone.
func (g *guard) guess(t *try, l *login, now time.Time) {
	t.spent = true
	if !t.known {
		l.guesses = l.guesses.spend(now, guessEvery)
		return
	}
	at := seen{t.key, t.device}
	own, _ := g.known.Get(at)
	g.known.Add(at, own.spend(now, guessEvery))
}

// answer is what mos.ru's answer means to the guard.
type answer uint8

const (
	answerNone     answer = iota // unavailable: costs nothing
	answerWrong                  // refused
	answerStale                  // refused, but the credential changed meanwhile: it counts, and is not remembered
	answerRight                  // confirmed, and still believed
	answerLocked                 // mos.ru locked the account
	answerFactor                 // mos.ru demands a second factor
	answerDisabled               // right, and the account is closed at its home
	answerExpired                // right, and to be changed at its home first
	answerBarred                 // right, and its home bars it at this hour or from here
)

// holding are the answers after which a login is not asked about for a while.
var holding = map[answer]identity.Reason{
	answerLocked: identity.ReasonUpstreamLocked, answerFactor: identity.ReasonSecondFactor,
	answerDisabled: identity.ReasonDisabledThere, answerExpired: identity.ReasonExpiredThere, answerBarred: identity.ReasonBarredThere,
}

// answerClosed is that of a right password that opens nothing at its home, or
// answerNone.
func answerClosed(err error) answer {
	for what, reason := range holding {
		if reason == closedThere(err) {
			return what
		}
	}
	return answerNone
}

// settle gives back what reserve took and books the answer. It gives the tag of what
// was refused, or which tags a right password disproved.
func (g *guard) settle(t *try, m Marks, what answer, now time.Time) (refused Tag, clears Clears) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.login(t, true)
	l.asking = max(l.asking-1, 0)
	switch what {
	case answerLocked, answerFactor, answerDisabled, answerExpired, answerBarred:
		l.held, l.why = now.Add(holdFor), holding[what]
	case answerWrong, answerStale:
		l.failures = append(l.failures, now)
		if what == answerWrong && l.epoch == t.epoch {
			if l.refused(m, now) {
				g.charge(t, now)
			}
			refused = l.tags[l.findTag(m)]
		}
	case answerRight:
		l.guesses = 0
		if l.epoch == t.epoch {
			clears = l.confirmed(m)
		}
	}
	return refused, clears
}

// failed books a refusal that did not come from mos.ru: of the kept verifier,
// or of a name that is not asked about.
func (g *guard) failed(t *try, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.charge(t, now)
}

// charge makes a fresh failure count against device and source. A known device
// has paid with its guess.
func (g *guard) charge(t *try, now time.Time) {
	if t.known {
		return
	}
	if t.device != t.source {
		b, _ := g.devices.Get(t.device)
		g.devices.Add(t.device, b.spend(now, g.o.DeviceEvery))
	}
	b, _ := g.sources.Get(t.source)
	every := g.o.SourceEvery
	if t.page {
		every *= pageCost
	}
	g.sources.Add(t.source, b.spend(now, every))
	if t.channel == identity.ChannelWiFi {
		g.chargePlace(t, g.firstHalf(b, now), now)
	}
}

// chargePlace stops where nothing is left, as long as the source is in its first
// half: what was guessed at an access point then does not keep it shut afterwards.
// Of the second half all counts, also what was under way at once and had been
// admitted on one and the same place.
func (g *guard) chargePlace(t *try, firstHalf bool, now time.Time) {
	at, every := g.place(t), placeShare*g.o.SourceEvery
	if b, _ := g.places.Get(at); !firstHalf || b.open(now, g.atPlace(), every) {
		g.places.Add(at, b.spend(now, every))
	}
}

// recognise makes the device of a sign-in known that cost no guess.
func (g *guard) recognise(k key, c *identity.Credential) {
	t := g.try(k, false, 0, c)
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := (seen{t.key, t.device}); !g.knows(at) {
		g.known.Add(at, 0)
	}
}

// remember makes the device known, unless there is no room.
func (g *guard) remember(k key, c *identity.Credential) (room bool) {
	if c.Source.Device != "" && g.known.Len() < g.o.Devices/2 {
		g.recognise(k, c)
	}
	return g.known.Len() < g.o.Devices/2
}

func (g *guard) knows(at seen) bool {
	_, ok := g.known.Peek(at)
	return ok
}

// meet makes the device known to the person; where it was, it gets back the
// guess that the right proof cost, and no more: its owner may not be alone.
func (g *guard) meet(t *try) {
	if t.known && !t.spent {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := seen{t.key, t.device}
	own := bucket(0)
	if t.known {
		own, _ = g.known.Get(at)
		own = own.giveBack(guessEvery)
	}
	g.known.Add(at, own)
	t.spent = false
}
