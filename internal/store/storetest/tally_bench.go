package storetest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/store"
)

// BenchTally measures what a sign-in adds for the count of all daemons: waited for is
// what stands between the password and mos.ru, written later what follows the answer.
// An op is one sign-in, or one of 64 at once.
func BenchTally(b *testing.B, tally *store.Tally) {
	now := time.Unix(1_800_000_000, 0)
	var next atomic.Uint64
	ask := func() auth.Ask {
		q := auth.Ask{Epoch: 1, Share: tallyForeign, Window: tallyWindow, At: now, Marks: auth.Marks{Day: uint32(now.Unix() / 86400), Today: 1}}
		binary.BigEndian.PutUint64(q.Login[:], next.Add(1))
		return q
	}
	look := func(b *testing.B, q auth.Ask) auth.Counted {
		s, err := tally.Look(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	book := func(b *testing.B, asks []auth.Ask, ends []auth.Ended) []auth.Counted {
		s, err := tally.Book(b.Context(), asks, ends)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("first sign-in, waited for", func(b *testing.B) {
		for b.Loop() {
			q := ask()
			look(b, q)
			book(b, []auth.Ask{q}, nil)
		}
	})
	b.Run("first sign-in, whole", func(b *testing.B) {
		for b.Loop() {
			q := ask()
			look(b, q)
			book(b, nil, []auth.Ended{{Ask: q, Place: book(b, []auth.Ask{q}, nil)[0].Place}})
		}
	})
	b.Run("wrong password, whole", func(b *testing.B) {
		for b.Loop() {
			q := ask()
			look(b, q)
			book(b, nil, []auth.Ended{{Ask: q, Place: book(b, []auth.Ask{q}, nil)[0].Place, Refused: true,
				Tag: auth.Tag{Day: q.Marks.Day, Mark: 1, Next: now.Add(time.Minute)}}})
		}
	})
	b.Run("known to another daemon", func(b *testing.B) {
		q := ask()
		book(b, nil, []auth.Ended{{Ask: q, Refused: true, Tag: auth.Tag{Day: q.Marks.Day, Mark: 1, Next: now.Add(time.Minute)}}})
		for b.Loop() {
			if look(b, q).Reason == "" {
				b.Fatal("not known")
			}
		}
	})
	b.Run("64 at once, whole", func(b *testing.B) {
		for n := 0; n < b.N; n += 64 {
			asks, ends := make([]auth.Ask, 64), make([]auth.Ended, 64)
			for i := range asks {
				asks[i] = ask()
				look(b, asks[i])
			}
			for i, s := range book(b, asks, nil) {
				ends[i] = auth.Ended{Ask: asks[i], Place: s.Place}
			}
			book(b, nil, ends)
		}
	})
}
