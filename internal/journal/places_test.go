package journal

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// somewhere is a session at one of a few places.
func somewhere(n uint32, chance *rand.Rand) *Session {
	s := &Session{NAS: fmt.Sprint("nas", chance.IntN(3)), Unit: fmt.Sprint("ap", chance.IntN(3)), Person: identity.PersonID{byte(chance.IntN(5))},
		Detail: Detail{School: fmt.Sprint(chance.IntN(3))}, Began: time.Unix(int64(1000+chance.IntN(50)), 0)}
	binary.BigEndian.PutUint32(s.ID[:], n)
	return s
}

// What is counted by place is who lives, whatever came, moved, was asked or ended.
func TestPlacesHoldWhoLives(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	j := New(&fakeLedger{}, Options{})
	for range 5000 {
		s := somewhere(uint32(chance.IntN(60)), chance)
		switch chance.IntN(4) {
		case 0:
			s.Ended = s.Began.Add(time.Second)
		case 1:
			j.live.asked([]ID{s.ID}, demand{why: WhyHours})
			continue
		case 2:
			if chance.IntN(40) == 0 {
				fresh := newLive()
				for n := range uint32(30) {
					fresh.put(somewhere(n, chance))
				}
				j.live.become(fresh)
			}
		}
		j.live.put(s)
	}
	wanted := map[Place]int{}
	for _, s := range j.live.all() {
		wanted[Place{s.School, s.NAS, s.Unit}]++
	}
	if len(wanted) < 5 {
		t.Fatalf("%d places", len(wanted))
	}
	counts, places := j.Live(), 0
	for school, n := range counts {
		crowds := j.Crowds(school)
		if !slices.IsSortedFunc(crowds, func(a, b Crowd) int { return a.compare(b.Place) }) {
			t.Error("out of order")
		}
		places += len(crowds)
		for _, c := range crowds {
			if n -= c.Sessions; c.School != school || c.Sessions != wanted[c.Place] {
				t.Errorf("%v: %d, want %d", c.Place, c.Sessions, wanted[c.Place])
			}
			if list, more := j.Present(c.School, &c.Place, After{}, 1000); len(list) != c.Sessions || more {
				t.Errorf("%v: %d are there, %d were counted", c.Place, len(list), c.Sessions)
			}
		}
		if n != 0 {
			t.Errorf("%s: %d more in all than by place", school, n)
		}
	}
	if places != len(wanted) || len(j.Crowds("none")) != 0 {
		t.Errorf("%d places, want %d", places, len(wanted))
	}
}

// Page by page everybody is shown once, the newest first.
func TestPresentPageByPage(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	j := New(&fakeLedger{}, Options{})
	for n := range uint32(500) {
		j.live.put(somewhere(n, chance))
	}
	whole, _ := j.Present("1", nil, After{}, 1000)
	var list []*Stay
	for after, more := (After{}), true; more; {
		var page []*Stay
		if page, more = j.Present("1", nil, after, 7); len(page) == 0 {
			break
		}
		list, after = append(list, page...), page[len(page)-1].Position()
	}
	if !slices.Equal(list, whole) || len(whole) < 100 {
		t.Errorf("%d in pages, %d in all", len(list), len(whole))
	}
	for i := 1; i < len(list); i++ {
		if list[i-1].Start().Before(list[i].Start()) {
			t.Fatal("an older one is before a newer one")
		}
	}
}

func BenchmarkCrowdsOfACity(b *testing.B) {
	j := New(&fakeLedger{}, Options{})
	for n := range uint32(maxLive) {
		s := &Session{NAS: "controller", Unit: fmt.Sprint("ap", n%20000), Person: identity.PersonID{1}, Detail: Detail{School: fmt.Sprint(n % 1000)}, Began: time.Unix(int64(n), 0)}
		s.ID = ID{byte(n), byte(n >> 8), byte(n >> 16)}
		j.live.put(s)
	}
	b.Run("city", func(b *testing.B) {
		for b.Loop() {
			j.Live()
		}
	})
	b.Run("school", func(b *testing.B) {
		for b.Loop() {
			j.Crowds("7")
			j.Present("7", nil, After{}, 50)
		}
	})
}
