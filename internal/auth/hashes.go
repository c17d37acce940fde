package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// hashes holds the NT hashes of those who sign in, so that the store is not
// asked each time. It is bounded; the least recently used go first. Nothing in
// it is ever written anywhere.
//
//	nothing, or another epoch ─read─► usable ──ConfirmShort──► read again; while the
//	     ▲                      └───► none ────recheck───────► store fails it goes on
//	     └── the person's epoch moves: events, suspension
//
// That there was none goes on while the store fails for nobody: another replica may
// have saved one, and who shows the right password must not be told it is wrong.
//
// It is read again because another replica may have saved or emptied it without
// a new epoch. What this one saves or empties is put here at once.
type hashes struct {
	table   *table[identity.PersonID, kept]
	putting sync.Mutex
	refresh time.Duration
	maxAge  time.Duration
	// failed is when the store last gave no answer, in Unix ns.
	failed atomic.Int64
	// alive is when somebody last found that events arrive, in Unix ns: where they
	// are to come at all, until just before the start. seen knows of the time in
	// which nobody asked.
	alive   atomic.Int64
	grace   time.Duration
	healthy func() bool
	seen    func() time.Time
	phantom *mschap.Secret // what answers to nobody's name are compared with
}

// kept is what is known of one person's hash. Times are in Unix ns.
type kept struct {
	reason identity.Reason // why there is no hash; "": there is
	hash   mschap.Hash
	secret *mschap.Secret // the same, prepared; nil: there is none, or nobody has answered to it yet
	mark   uint64         // Voucher.Hash of what rests on it; 0: there is none
	epoch  uint64
	learnt int64 // when mos.ru last confirmed it
	read   int64 // when the store said so
	// old is the hash before: it is refused, but whoever has it is no guesser.
	old *mschap.Hash // nil: there is none
}

const (
	// recheck is after how long the store is asked again for a hash that it did
	// not have, or that was too old.
	recheck = time.Second
	// storeAgain is how long a store that failed is left alone by those who can
	// go on without it.
	storeAgain = 5 * time.Second
)

func newHashes(o Options) *hashes {
	phantom := randomKey()
	h := &hashes{table: newTable[identity.PersonID, kept](o.Hashes), refresh: o.ConfirmShort, maxAge: o.NTMaxAge, grace: o.OfflineGrace, healthy: o.EventsHealthy, seen: o.EventsSeen,
		phantom: mschap.Prepare(mschap.Hash(phantom[:16]))}
	if o.events {
		h.alive.Store(o.Now().UnixNano())
	}
	return h
}

// HashReason says why a person's verifier serves no MSCHAPv2, whatever its age;
// "": it does. The zero Verifier stands for none.
func HashReason(v Verifier, epoch uint64) identity.Reason {
	there := len(v.NTHash) == len(mschap.Hash{})
	switch {
	case there && v.Epoch == epoch:
		return ""
	case there, v.Epoch != 0 && v.Argon2 == "":
		return identity.ReasonHashRevoked
	}
	return identity.ReasonHashMissing
}

// tooOld says that the hash's age counts and is too great. While events arrive
// the epoch alone decides. They may stop for the grace: a quarter of an hour
// without mos.ru must not put every phone of a school off the network. tells: the
// person's home is one that sends events.
func (h *hashes) tooOld(learnt int64, now time.Time, tells bool) bool {
	if !tells {
		return now.UnixNano()-learnt > int64(h.maxAge)
	}
	if h.healthy() {
		h.alive.Store(now.UnixNano())
		return false
	}
	return now.UnixNano()-learnt > int64(h.maxAge) && now.UnixNano()-h.alive.Load() > int64(h.grace) && now.Sub(h.seen()) > h.grace
}

// good says whether what was read may be used without asking again.
func (h *hashes) good(k *kept, now time.Time, tells bool) bool {
	life := h.refresh
	if k.reason != "" || h.tooOld(k.learnt, now, tells) {
		life = recheck
	}
	age := now.UnixNano() - k.read
	return age >= 0 && age < int64(life)
}

// recall gives what is kept under a person's epoch, and says whether it may be
// used without asking again.
func (h *hashes) recall(e *directory.Entry, now time.Time) (k kept, same, good bool) {
	k, ok := h.table.Get(e.Person)
	same = ok && k.epoch == e.Epoch
	return k, same, same && h.good(&k, now, tells(e))
}

// put takes over what the store has under a person's epoch.
func (h *hashes) put(id identity.PersonID, v Verifier, epoch uint64, now time.Time) {
	h.putting.Lock()
	defer h.putting.Unlock()
	before, ok := h.table.Peek(id)
	next := kept{reason: HashReason(v, epoch), epoch: epoch, read: now.UnixNano()}
	if next.reason == "" {
		next.hash = mschap.Hash(v.NTHash)
		next.mark = markOf(id, next.hash)
		if before.hash == next.hash {
			next.secret = before.secret
		}
	}
	if !v.LearnAt.IsZero() {
		next.learnt = v.LearnAt.UnixMicro() * 1000 // the store keeps microseconds
	}
	if len(v.Before) == len(mschap.Hash{}) {
		next.old = (*mschap.Hash)(v.Before)
	}
	switch {
	case !ok:
	case before.epoch > epoch:
		return
	case before.epoch == epoch && before.learnt > next.learnt && v.Epoch != 0:
		before.read = next.read // read before a younger one was saved
		next = before
	}
	h.table.Add(id, next)
}

// prepare makes a hash ready for answers, the first time that one comes: most
// people show their passwords and never give any.
func (h *hashes) prepare(id identity.PersonID, k *kept) {
	if k.secret != nil || k.reason != "" {
		return
	}
	k.secret = mschap.Prepare(k.hash)
	h.putting.Lock()
	defer h.putting.Unlock()
	if now, ok := h.table.Peek(id); ok && now.reason == "" && now.hash == k.hash {
		now.secret = k.secret
		h.table.Add(id, now)
	}
}

// markOf is never 0. It is the same on every replica and after a restart, and
// kept as well guarded as the hash: passwords can be tried on it.
func markOf(id identity.PersonID, h mschap.Hash) uint64 {
	sum := sha256.Sum256(slices.Concat(id[:], h[:]))
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// keptHash gives what is kept of a person. It may wait for the store. The reason
// says why we cannot tell now.
func (a *Authenticator) keptHash(ctx context.Context, e *directory.Entry, now time.Time) (k kept, waited bool, reason identity.Reason) {
	h := a.hashes
	k, same, good := h.recall(e, now)
	if good {
		return k, false, ""
	}
	if h.failing(now) {
		if same && k.reason == "" {
			return k, false, ""
		}
		return k, false, identity.ReasonCutOff
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	v, err := a.opt.Verifiers.Verifier(bounded, e.Person)
	switch now = a.opt.Now(); {
	case errors.Is(err, identity.ErrNotFound):
		v = Verifier{}
	case err != nil:
		if ctx.Err() == nil {
			h.failed.Store(now.UnixNano())
			a.opt.Logger.Error("auth: the kept verifier cannot be read", "person", e.Person.String(), "error", err)
		}
		if same && k.reason == "" {
			return k, true, ""
		}
		return k, true, identity.ReasonCutOff
	case v.Epoch > e.Epoch: // the directory hears of it in a moment
		return k, true, identity.ReasonEpochMoved
	}
	h.put(e.Person, v, e.Epoch, now)
	k, _ = h.table.Peek(e.Person)
	if k.epoch != e.Epoch { // moved on, or pushed out, meanwhile
		return k, true, identity.ReasonEpochMoved
	}
	return k, true, ""
}

// failing says that the store failed lately.
func (h *hashes) failing(now time.Time) bool {
	return lately(h.failed.Load(), now, storeAgain)
}
