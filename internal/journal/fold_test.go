package journal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

var (
	morning = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	orlova  = identity.PersonID{1}
	belova  = identity.PersonID{2}
	rules   = Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}
)

// at is so many minutes after the morning.
func at(minutes float64) time.Time {
	return morning.Add(time.Duration(minutes * float64(time.Minute)))
}

// told makes a record of session key at a minute; a duration in minutes, and an
// address, may follow.
func told(status Status, key string, minute float64, more ...any) *Record {
	r := &Record{Status: status, At: at(minute), NAS: "school-49", Unit: "ap-1", Key: key, Person: orlova,
		Detail: Detail{Device: "02:00:00:00:00:01", SSID: "School"}}
	for _, m := range more {
		switch v := m.(type) {
		case int:
			r.Duration = time.Duration(v) * time.Minute
			r.Traffic = Traffic{InOctets: uint64(v) * 1000}
		case string:
			r.Addresses = append(r.Addresses, netip.MustParsePrefix(v))
		case identity.PersonID:
			r.Person = v
		case func(*Record):
			m.(func(*Record))(r)
		}
	}
	return r
}

// book folds records as the store does, without its rows.
type book []*Session

func (b *book) take(r *Record) (changed bool) {
	s, changed := Fold(*b, r)
	if s == nil {
		*b = append(*b, Begin(ID{byte(len(*b))}, r))
		return true
	}
	return changed
}

func (b book) String() string {
	var lines []string
	for _, s := range b {
		s.Settle(rules, at(10000))
		slices.SortFunc(s.Addresses, func(x, y Address) int { return x.Prefix.Compare(y.Prefix) })
		line := fmt.Sprintf("%v–%v %v %v %v heard %v %v %d", s.Began.Sub(morning), s.Ended.Sub(morning), s.Ending, s.BeganTold, s.Person[0], s.Heard().Sub(morning), s.Duration, s.Traffic.InOctets)
		for _, a := range s.Addresses {
			line += fmt.Sprintf(" %v %v–%v", a.Prefix, a.First.Sub(morning), a.Last.Sub(morning))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestAnyOrder: records in every order, repeated or not, make the same sessions.
func TestAnyOrder(t *testing.T) {
	const v4, v6 = "10.0.0.7/32", "2001:db8::7/128"
	for name, c := range map[string]struct {
		records  []*Record
		sessions int
	}{
		"a whole session":           {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, 10, v4), told(Interim, "1", 20, 20, v4, v6), told(Stop, "1", 25, 25, v4)}, 1},
		"without durations":         {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, v4), told(Interim, "1", 20, v4), told(Stop, "1", 25)}, 1},
		"without a Start":           {[]*Record{told(Interim, "1", 10, 10, v4), told(Interim, "1", 20, 20), told(Stop, "1", 25, 25)}, 1},
		"without a Stop":            {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, 10), told(Interim, "1", 20, 20)}, 1},
		"a clock that is not exact": {[]*Record{told(Start, "1", 0.1), told(Interim, "1", 10, 10), told(Stop, "1", 25.2, 25)}, 1},
		"an id that comes again": {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, 10), told(Stop, "1", 25, 25),
			told(Start, "1", 60), told(Interim, "1", 70, 10), told(Stop, "1", 75, 15)}, 2},
		"an id that comes again without Stop": {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, 10), told(Start, "1", 60), told(Interim, "1", 70, 10)}, 2},
		"one id, two people":                  {[]*Record{told(Start, "1", 0), told(Interim, "1", 10, 10), told(Start, "1", 30, belova), told(Stop, "1", 60, 30, belova)}, 2},
		"one id, two devices":                 {[]*Record{told(Start, "1", 0), told(Start, "1", 0, func(r *Record) { r.Detail.Device = "02:00:00:00:00:02" })}, 2},
	} {
		var whole book
		for _, r := range c.records {
			whole.take(r)
		}
		want := whole.String()
		if len(whole) != c.sessions {
			t.Errorf("%s: %d sessions\n%s", name, len(whole), want)
			continue
		}
		for range 300 {
			order := append(slices.Clone(c.records), c.records[rand.IntN(len(c.records))])
			rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			var b book
			var how []string
			for _, r := range order {
				b.take(r)
				how = append(how, fmt.Sprintf("%d@%v", r.Status, r.At.Sub(morning)))
			}
			if got := b.String(); got != want {
				t.Errorf("%s: in the order %v\n%s\nwant\n%s", name, how, got, want)
				break
			}
		}
	}
}

func TestRepeatedRecordsChangeNothing(t *testing.T) {
	for name, records := range map[string][2]*Record{
		"Start":                      {told(Start, "1", 0), told(Start, "1", 0.5)},
		"Interim":                    {told(Interim, "1", 10, 10), told(Interim, "1", 10.5, 10)},
		"Stop":                       {told(Stop, "1", 25, 25), told(Stop, "1", 25.5, 25)},
		"Interim without a duration": {told(Interim, "1", 10), told(Interim, "1", 10)},
	} {
		var b book
		b.take(told(Start, "1", 0))
		b.take(records[0])
		before := b.String()
		if changed := b.take(records[1]); changed && name != "Interim without a duration" || len(b) != 1 || b.String() != before {
			t.Errorf("%s: changed %v\n%s\nwas\n%s", name, changed, b, before)
		}
	}
}

func TestAForeignNameIsKeptOnlyUntilThePersonIsProven(t *testing.T) {
	named := func(r *Record) { r.Detail.Name = "orlovami" }
	var b book
	b.take(told(Start, "1", 0, identity.PersonID{}, named))
	if b[0].Detail.Name != "orlovami" || !b[0].Person.IsZero() {
		t.Errorf("%+v", b[0])
	}
	b.take(told(Interim, "1", 10, 10, named))
	if b[0].Detail.Name != "" || b[0].Person != orlova || len(b) != 1 {
		t.Errorf("%+v", b[0])
	}
}

func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		s      Session
		now    float64
		ended  float64 // -1: it lives
		ending Ending
	}{
		"just begun":               {Session{Began: at(0)}, 600, -1, EndNone},
		"quiet for a day":          {Session{Began: at(0)}, 1441, 0, EndSilent},
		"interims came":            {Session{Began: at(0), Told: at(20), Interim: true}, 54, -1, EndNone},
		"interims are missing":     {Session{Began: at(0), Told: at(20), Interim: true}, 56, 20, EndSilent},
		"stopped":                  {Session{Began: at(0), Stopped: at(20)}, 21, 20, EndTold},
		"stopped and begun anew":   {Session{Began: at(0), Stopped: at(20), Bound: at(30), BoundBy: EndMoved}, 31, 20, EndTold},
		"moved":                    {Session{Began: at(0), Told: at(20), Interim: true, Bound: at(30), BoundBy: EndMoved}, 31, 30, EndMoved},
		"the NAS began anew":       {Session{Began: at(0), Bound: at(30), BoundBy: EndRestarted}, 31, 30, EndRestarted},
		"elsewhere only next day":  {Session{Began: at(0), Told: at(20), Interim: true, Bound: at(1440), BoundBy: EndMoved}, 1441, 20, EndSilent},
		"elsewhere long after all": {Session{Began: at(0), Bound: at(2000), BoundBy: EndMoved}, 2001, 0, EndSilent},
	} {
		c.s.Settle(rules, at(c.now))
		want := at(c.ended)
		if c.ended < 0 {
			want = time.Time{}
		}
		if c.s.Ended != want || c.s.Ending != c.ending || c.s.Live() != (c.ended < 0) {
			t.Errorf("%s: %v %v", name, c.s.Ended, c.s.Ending)
		}
	}
}

func TestHolds(t *testing.T) {
	address := func(p string, first, last float64) Address {
		return Address{netip.MustParsePrefix(p), at(first), at(last)}
	}
	s := Session{Began: at(0), Ended: at(60), Addresses: []Address{
		address("10.0.0.7/32", 1, 20), address("10.0.0.8/32", 30, 50), address("2001:db8::1/128", 1, 50), address("2001:db8:1::/64", 30, 50),
	}}
	for _, c := range []struct {
		addr   string
		minute float64
		want   bool
	}{
		{"10.0.0.7", -1, false}, {"10.0.0.7", 0, true}, {"10.0.0.7", 29, true}, {"10.0.0.7", 30, false},
		{"10.0.0.8", 29, false}, {"10.0.0.8", 30, true}, {"10.0.0.8", 60, true}, {"10.0.0.8", 61, false},
		{"2001:db8::1", 40, true}, {"2001:db8:1::abcd", 40, true}, {"2001:db8:2::1", 40, false}, {"10.0.0.9", 40, false},
	} {
		if got := s.Holds(netip.MustParseAddr(c.addr), at(c.minute)); got != c.want {
			t.Errorf("%s at minute %v: %v", c.addr, c.minute, got)
		}
	}
}

func TestAddressesAreBounded(t *testing.T) {
	var b book
	for i := range 3 * maxAddresses {
		b.take(told(Interim, "1", float64(i), fmt.Sprintf("10.0.0.%d/32", i)))
	}
	if n := len(b[0].Addresses); n != maxAddresses {
		t.Errorf("%d addresses", n)
	}
}

func TestID(t *testing.T) {
	id := ID{1, 0xab}
	if back, err := ParseID(id.String()); err != nil || back != id || id.String() != "01ab000000000000" {
		t.Error(id, back, err)
	}
	for _, bad := range []string{"", "01", "01ab00000000000g", "01ab0000000000000000"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q is an id", bad)
		}
	}
}
