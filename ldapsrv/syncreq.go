package ldapsrv

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"schoolbridge/ldapsrv/wire"
)

// Elements of content synchronization on the wire (RFC 4533 section 2).
const (
	oidSyncState = "1.3.6.1.4.1.4203.1.9.1.2"
	oidSyncDone  = "1.3.6.1.4.1.4203.1.9.1.3"
	oidSyncInfo  = "1.3.6.1.4.1.4203.1.9.1.4"

	refreshOnly       = 1
	refreshAndPersist = 3

	stateAdd = 1
)

// syncRequest is what a Sync Request Control asks.
type syncRequest struct {
	on      bool
	persist bool
	cookie  []byte
	reload  bool // all again rather than e-syncRefreshRequired
}

// read reads a syncRequestValue (RFC 4533 section 2.2).
func (q *syncRequest) read(value []byte) bool {
	body, rest, err := wire.Expect(value, wire.TagSequence)
	if err != nil || len(rest) > 0 {
		return false
	}
	number, body, err := wire.Expect(body, wire.TagEnumerated)
	if err != nil {
		return false
	}
	mode, err := wire.Int(number)
	if err != nil || mode != refreshOnly && mode != refreshAndPersist {
		return false
	}
	*q = syncRequest{on: true, persist: mode == refreshAndPersist}
	if len(body) > 0 && body[0] == wire.TagOctets {
		if q.cookie, body, err = wire.Expect(body, wire.TagOctets); err != nil {
			return false
		}
	}
	if len(body) > 0 {
		var hint []byte
		if hint, body, err = wire.Expect(body, wire.TagBoolean); err != nil {
			return false
		}
		if q.reload, err = wire.Bool(hint); err != nil {
			return false
		}
	}
	return len(body) == 0
}

// syncState is the control of an entry that is sent whole. In a refresh whatever
// changed is added, whether the client has had it or not (RFC 4533 section 3.3.2).
func syncState(uuid [16]byte) []byte {
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagEnumerated, stateAdd)
	b = wire.End(wire.AppendTLV(b, wire.TagOctets, uuid[:]), value)
	return wire.AppendControl(nil, oidSyncState, b)
}

// syncDone is the control of the end.
func syncDone(cookie string, deletes bool) []byte {
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendTLV(b, wire.TagOctets, cookie)
	if deletes {
		b = wire.AppendTLV(b, wire.TagBoolean, "\xff")
	}
	return wire.AppendControl(nil, oidSyncDone, wire.End(b, value))
}

// appendSyncSet appends a message with the UUIDs of entries that are as they were,
// or that are gone; uuids are elements.
func appendSyncSet(b []byte, id int32, uuids []byte, gone bool) []byte {
	v, set := wire.Begin(nil, 0xa3)
	if gone {
		v = wire.AppendTLV(v, wire.TagBoolean, "\xff")
	}
	v = wire.End(wire.AppendTLV(v, wire.TagSet, uuids), set)
	return wire.AppendIntermediate(b, id, oidSyncInfo, v)
}

// A change sequence number (draft-chu-ldap-csn) orders changes; its time is not
// one of the clock but counts changes, as microseconds from the year 2000, so that
// all replicas give the same and none runs ahead.
//
//	20000101000000.001234Z#000000#000#000000
const (
	csnTime   = "20060102150405.000000Z"
	csnLength = len(csnTime) + len("#000000#000#000000")
	csnMost   = 1 << 52 // changes that a number counts
)

var csnEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// appendCSN appends the number of a change, with 48 bits in its other places.
func appendCSN(b []byte, seq, more uint64) []byte {
	b = time.UnixMicro(csnEpoch+int64(min(seq, csnMost))).UTC().AppendFormat(b, csnTime)
	return fmt.Appendf(b, "#%06x#000#%06x", more>>24&0xffffff, more&0xffffff)
}

func parseCSN(text string) (seq, more uint64, ok bool) {
	if len(text) != csnLength {
		return 0, 0, false
	}
	at, err := time.Parse(csnTime, text[:len(csnTime)])
	if err != nil || at.UnixMicro() < csnEpoch {
		return 0, 0, false
	}
	high, err := strconv.ParseUint(text[len(csnTime)+1:len(csnTime)+7], 16, 24)
	if err != nil {
		return 0, 0, false
	}
	low, err := strconv.ParseUint(text[csnLength-6:], 16, 24)
	seq, more = uint64(at.UnixMicro()-csnEpoch), high<<24|low
	return seq, more, err == nil && seq <= csnMost && string(appendCSN(nil, seq, more)) == text
}

// syncs makes the cookies of content synchronization and reads them. A cookie is
// what OpenLDAP's consumer keeps of one, a change sequence number,
//
//	rid=000,csn=TIME#XXXXXX#000#XXXXXX
//
// whose time is the position in the change feed and whose 48 other bits are a
// keyed digest over that position, the random id of the feed's row there, who
// asks, what, and under which rules: so it counts for nothing else, and neither
// for another history. The server keeps nothing.
type syncs struct{ key []byte }

// maxSyncCookie bounds what a consumer may send.
const maxSyncCookie = 256

func newSyncs(o *Options, p *pages) *syncs {
	key := o.SyncKey
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key)
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "schoolbridge sync 2 %x %q %q", p.rules, o.UPNSuffix, o.Zone) // a hash takes everything
	return &syncs{h.Sum(nil)}
}

// binding is what the cookies of a request count for: its content-controlling
// parameters, which are all but the limits (RFC 4533 section 3.5), and who asks
// under which rules.
func (s *syncs) binding(rules []byte, who string, request []byte) []byte {
	h := sha256.New()
	h.Write(rules)
	rest := request
	for i := 0; i < 5 && len(rest) > 0; i++ { // base, scope, derefAliases, sizeLimit, timeLimit
		_, behind, err := wire.Next(rest)
		if err != nil {
			break
		}
		if i < 3 {
			h.Write(rest[:len(rest)-len(behind)])
		}
		rest = behind
	}
	h.Write(rest)
	query := h.Sum(nil)
	return append(query, who...)
}

// tag is the digest in a cookie.
func (s *syncs) tag(seq, mark uint64, binding []byte) uint64 {
	h := hmac.New(sha256.New, s.key)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], seq)
	binary.BigEndian.PutUint64(b[8:], mark)
	h.Write(b[:])
	h.Write(binding)
	return binary.BigEndian.Uint64(h.Sum(nil)) >> 16
}

func syncCookie(seq, tag uint64) string { return string(appendCSN([]byte("rid=000,csn="), seq, tag)) }

// parseSyncCookie finds the number in a cookie, as we made it or as OpenLDAP's
// consumer writes it anew, with a rid and a sid of its own.
func parseSyncCookie(cookie []byte) (seq, tag uint64, ok bool) {
	if len(cookie) > maxSyncCookie {
		return 0, 0, false
	}
	for field := range strings.SplitSeq(string(cookie), ",") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "csn":
			if ok {
				return 0, 0, false
			}
			if seq, tag, ok = parseCSN(value); !ok {
				return 0, 0, false
			}
		case "rid", "sid":
		default:
			return 0, 0, false
		}
	}
	return seq, tag, ok
}

// derefs says whether a search request asks for aliases to be looked through
// while it searches, which a synchronization must not (RFC 4533 section 3.5.2).
func derefs(request []byte) bool {
	for range 2 { // base, scope
		_, behind, err := wire.Next(request)
		if err != nil {
			return false
		}
		request = behind
	}
	return bytes.HasPrefix(request, []byte{wire.TagEnumerated, 1, 1}) || bytes.HasPrefix(request, []byte{wire.TagEnumerated, 1, 3})
}
