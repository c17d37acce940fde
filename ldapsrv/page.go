package ldapsrv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"schoolbridge/ldapsrv/wire"
)

// Simple paged results (RFC 2696). The server keeps nothing between two pages:
// the cookie holds the position, sealed (AES-GCM) so that it can neither be read
// nor made, and bound to who asks, to the request's every byte, and to the trees
// and accounts. A cookie of another asker, request or configuration is refused
// (53). The rules of what people see may change between two pages (Server.Apply):
// a position gives no right, and each page is answered by the rules of then.
// Replicas with the same keys go on with each other's searches.
// What changes between two pages is shown as it is when its turn comes: nobody
// comes twice, and who was there all the time is not left out.

// extras are what a search's controls ask.
type extras struct {
	page page
	sync syncRequest
}

// page is what a request's control asks.
type page struct {
	on     bool
	size   int
	cookie []byte
}

// position is behind an entry, in the order of search results.
type position struct {
	stage  stage
	number uint32 // container, or uidNumber
	name   string // of a group
	total  uint32 // entries sent up to here, in all pages
}

// stage is a part of the results.
type stage uint8

const (
	stageContainers stage = iota
	stagePeople
	stageGroups
	stagePersonal
	stageService
)

// readControls looks through a request's controls (RFC 4511 section 4.1.11).
func readControls(m *wire.Message) (p extras, refused wire.Result) {
	if wire.ResponseOf(m.Op) == 0 {
		return p, refused // whatever is asked of what has no answer
	}
	for i := range m.Controls {
		c := &m.Controls[i]
		switch {
		case m.Op == wire.OpSearchRequest && string(c.OID) == oidPaged:
			if p.page.on || !p.page.read(c.Value) {
				return p, wire.Result{Code: wire.ProtocolError, Text: textPage}
			}
		case m.Op == wire.OpBindRequest && string(c.OID) == oidPasswordPolicy:
			if len(c.Value) > 0 { // section 6.1
				return p, wire.Result{Code: wire.ProtocolError, Text: textPolicy}
			}
		case m.Op == wire.OpSearchRequest && string(c.OID) == oidSyncRequest:
			if p.sync.on || !p.sync.read(c.Value) {
				return p, wire.Result{Code: wire.ProtocolError, Text: textSync}
			}
		case string(c.OID) == oidManageDSAIT && m.Op != wire.OpBindRequest && m.Op != wire.OpExtendedRequest:
		case string(c.OID) == oidDomainScope && m.Op == wire.OpSearchRequest:
		case c.Critical:
			return p, wire.Result{Code: wire.UnavailableCriticalExtension, Text: textCritical}
		case string(c.OID) == oidProxiedAuthorization, string(c.OID) == oidProxiedDraft: // it must be critical (RFC 4370 section 3), or whoever passes it over answers the wrong one
			return p, wire.Result{Code: wire.ProtocolError, Text: textProxied}
		}
	}
	return p, refused
}

// read reads a realSearchControlValue (RFC 2696 section 2).
func (p *page) read(value []byte) bool {
	body, rest, err := wire.Expect(value, wire.TagSequence)
	if err != nil || len(rest) > 0 {
		return false
	}
	number, body, err := wire.Expect(body, wire.TagInteger)
	if err != nil {
		return false
	}
	size, err := wire.Int(number)
	if err != nil || size < 0 {
		return false
	}
	cookie, rest, err := wire.Expect(body, wire.TagOctets)
	if err != nil || len(rest) > 0 {
		return false
	}
	*p = page{on: true, size: int(size), cookie: cookie}
	return true
}

// response is the control of an answer. How many entries there are in all is not
// told: counting them would cost as much as sending them.
func (p *page) response(cookie []byte) []byte {
	if !p.on {
		return nil
	}
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, 0)
	b = wire.End(wire.AppendTLV(b, wire.TagOctets, cookie), value)
	return wire.AppendControl(nil, oidPaged, b)
}

// pages seals and opens cookies. The keys are those of a day: a search by pages
// may go on until the end of the next one.
type pages struct {
	key   func(day string) [32]byte
	now   func() time.Time
	seals atomic.Pointer[seals]
	rules [sha256.Size]byte // of everybody; see rulesOf
}

type seals struct {
	day           int64 // since 1970, UTC
	today, before cipher.AEAD
}

var errCookie = errors.New("no cookie of ours")

func newPages(o *Options) *pages {
	p := &pages{key: o.PageKey, now: o.Now}
	if p.key == nil {
		var one [32]byte
		rand.Read(one[:])
		p.key = func(string) [32]byte { return one }
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", o.Base, o.Schema, o.Views, o.Attributes) // a hash takes everything
	h.Sum(p.rules[:0])
	return p
}

// rulesOf are the rules under which an account's cookies count. They are its own:
// a change of others leaves what it has begun alone.
func (p *pages) rulesOf(one Service) (rules [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%x %q %q %d %q %t", p.rules, one.DN, one.Schools, one.Roles, one.Attributes, one.Sync) // a hash takes everything
	h.Sum(rules[:0])
	return rules
}

// current gives the seals of today.
func (p *pages) current() *seals {
	const seconds = 24 * 60 * 60
	day := p.now().Unix() / seconds
	if s := p.seals.Load(); s != nil && s.day == day {
		return s
	}
	of := func(day int64) cipher.AEAD {
		key := p.key(time.Unix(day*seconds, 0).UTC().Format(time.DateOnly))
		block, _ := aes.NewCipher(key[:])              // 32 bytes are a key
		seal, _ := cipher.NewGCMWithRandomNonce(block) // AES fits
		return seal
	}
	s := &seals{day, of(day), of(day - 1)}
	p.seals.Store(s)
	return s
}

// binding is what a cookie counts for.
func binding(rules [sha256.Size]byte, who string, request []byte) []byte {
	query, asker := sha256.Sum256(request), sha256.Sum256([]byte(who))
	return append(append(rules[:], query[:]...), asker[:]...)
}

// maxCookie bounds a cookie: the name of a group is the longest in it.
const maxCookie = maxDN + 1<<10

func (p *pages) cookie(at position, binding []byte) []byte {
	b := append(make([]byte, 0, 16+len(at.name)), 1, byte(at.stage)) // 1 is the version of this form
	b = binary.BigEndian.AppendUint32(b, at.number)
	b = binary.BigEndian.AppendUint32(b, at.total)
	return p.current().today.Seal(nil, nil, append(b, at.name...), binding)
}

func (p *pages) open(cookie, binding []byte) (at position, err error) {
	if len(cookie) > maxCookie {
		return at, errCookie
	}
	s := p.current()
	b, err := s.today.Open(nil, nil, cookie, binding)
	if err != nil {
		b, err = s.before.Open(nil, nil, cookie, binding)
	}
	if err != nil || len(b) < 10 || b[0] != 1 || stage(b[1]) > stageService {
		return at, errCookie
	}
	return position{stage(b[1]), binary.BigEndian.Uint32(b[2:]), string(b[10:]), binary.BigEndian.Uint32(b[6:])}, nil
}
