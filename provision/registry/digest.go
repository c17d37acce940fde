package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"schoolbridge/internal/person"
)

// mark is the digest of a row: 16 bytes of the SHA-256 over all its fields, each
// with its length before it, and 3 of the last day on which the row is active.
// The day is there so that an import knows which stored rows are live today
// without reading them back.
type mark [19]byte

const (
	hashBytes = 16
	openEnded = 1<<24 - 1 // no end in sight
	neverDay  = 0         // closed, or no school or start to be active with
)

// digestVersion changes when the fields or their order do; every row is then
// written anew.
const digestVersion = 1

// liveOn says whether the row is active on a day (of dayNumber), as far as its
// end goes.
func (m mark) liveOn(day int) bool {
	return int(m[16])<<16|int(m[17])<<8|int(m[18]) >= day
}

// dayNumber orders days; it fits 3 bytes.
func dayNumber(d person.Date) int {
	n := 0
	for _, c := range d.String() {
		if c != '-' {
			n = n*10 + int(c-'0')
		}
	}
	return n - 1_800_0000 // YYYYMMDD since 1800
}

// digester makes marks; it keeps its buffer.
type digester struct{ buf []byte }

func (d *digester) sum(last int, fields ...string) mark {
	d.buf = append(d.buf[:0], digestVersion)
	for _, f := range fields {
		d.buf = binary.AppendUvarint(d.buf, uint64(len(f)))
		d.buf = append(d.buf, f...)
	}
	var m mark
	hash := sha256.Sum256(d.buf)
	copy(m[:hashBytes], hash[:])
	m[16], m[17], m[18] = byte(last>>16), byte(last>>8), byte(last)
	return m
}

func (d *digester) of(record any) mark {
	switch r := record.(type) {
	case person.School:
		return d.sum(openEnded, string(r.ID), r.NSI, r.Name, r.Founder, r.District)
	case person.Employment:
		last := openEnded
		if r.School == "" || r.Start.IsZero() {
			last = neverDay
		} else if !r.End.IsZero() {
			last = dayNumber(r.End)
		}
		return d.sum(last, string(r.ID), r.FIO, r.SNILS, string(r.School), r.Start.String(), r.End.String(), r.Position,
			r.BirthDate.String(), r.Phone, r.Email, r.EZHDLogin, r.District)
	case person.Enrolment:
		last := openEnded
		if r.Status == statusClosed {
			last = neverDay
		}
		return d.sum(last, string(r.ID), r.Last, r.First, r.Middle, r.BirthDate.String(), string(r.School), r.Class,
			r.Phone, r.Email, r.SNILS, r.Status, string(r.MergedTo), r.EZHDLogin)
	case person.Card:
		return d.sum(openEnded, string(r.Child), r.ParentFIO, r.ParentSNILS, r.Phone, r.Email, string(r.School))
	case LoginRow:
		return d.sum(openEnded, r.Login, string(r.School), strconv.Itoa(r.Logins), r.Last.String())
	}
	return mark{}
}

// keyHash is what a key is remembered by during an import.
type keyHash [16]byte

func hashKey(key string) keyHash {
	sum := sha256.Sum256([]byte(key))
	return keyHash(sum[:16])
}
