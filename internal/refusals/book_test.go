package refusals

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

var begin = time.Date(2026, 11, 29, 12, 0, 30, 0, time.UTC)

// clocked is a book whose time the test tells.
func clocked() (*Book, *time.Time) {
	now := begin
	return New(func() time.Time { return now }), &now
}

func (b *Book) wifi(school, nas, device string, why identity.Reason) {
	b.Refused(identity.ChannelWiFi, identity.Source{School: school, NAS: nas, Device: device}, identity.Verdict{Outcome: identity.Rejected, Reason: why})
}

func TestCountsFallOutOfTheirSpan(t *testing.T) {
	b, now := clocked()
	for _, step := range []struct {
		after              time.Duration // since the one before
		quarter, hour, day int
	}{
		{0, 1, 1, 1}, {10 * time.Minute, 2, 2, 2}, {10 * time.Minute, 2, 3, 3}, {30 * time.Minute, 1, 4, 4}, {25 * time.Minute, 1, 3, 5},
		{5 * time.Hour, 1, 1, 6}, {19 * time.Hour, 1, 1, 3}, {72 * time.Hour, 1, 1, 1},
	} {
		*now = now.Add(step.after)
		b.wifi("49", "ap", "d", identity.ReasonWrongPassword)
		b.Refused(identity.ChannelLDAP, identity.Source{School: "49"}, identity.Verdict{Reason: identity.ReasonWrongPassword}) // no Wi-Fi
		for span, want := range map[Span]int{Quarter: step.quarter, Hour: step.hour, Day: step.day} {
			if got := b.Schools(span)["49"]; got != want {
				t.Errorf("at %s, span %d: %d, want %d", now.Format(time.DateTime), span, got, want)
			}
		}
	}
	if !b.Since().Equal(begin) {
		t.Error(b.Since())
	}
}

func TestSchoolsAreApart(t *testing.T) {
	b, _ := clocked()
	for range 3 {
		b.wifi("49", "a", "1", identity.ReasonWrongPassword)
	}
	b.wifi("49", "b", "1", identity.ReasonDistrust)
	b.wifi("50", "a", "2", identity.ReasonHours)
	if got := b.Schools(Hour); !maps.Equal(got, map[string]int{"49": 4, "50": 1}) {
		t.Error(got)
	}
	if got := fmt.Sprint(b.Causes("49", Day)); got != "[{{a WRONG_PASSWORD} 3} {{b SERVER_NOT_TRUSTED} 1}]" {
		t.Error(got)
	}
	if len(b.Causes("51", Day)) != 0 || len(b.Last("51")) != 0 {
		t.Error("a school without refusals has some")
	}
}

// A device that tries again and again takes one line, others are not pushed out by
// it, and no more are kept than are shown.
func TestLastAttempts(t *testing.T) {
	b, now := clocked()
	b.wifi("49", "a", "quiet", identity.ReasonHours)
	for range 1000 {
		*now = now.Add(time.Second)
		b.wifi("49", "a", "loud", identity.ReasonWrongPassword)
	}
	list := b.Last("49")
	if len(list) != 2 || list[0].Device != "loud" || list[0].Times != 1000 || !list[0].At.Equal(*now) || list[1].Device != "quiet" || list[1].Times != 1 {
		t.Fatalf("%+v", list)
	}
	for i := range 10 * last {
		b.wifi("49", "a", fmt.Sprint(i), identity.ReasonHours)
	}
	if list = b.Last("49"); len(list) != last || list[0].Device != fmt.Sprint(10*last-1) {
		t.Fatalf("%d, the newest %+v", len(list), list[0])
	}
	if *now = now.Add(25 * time.Hour); len(b.Last("49")) != 0 {
		t.Error("yesterday's are shown")
	}
}

// A city's schools for a whole day are counted in memory.
func BenchmarkSchools(b *testing.B) {
	book, now := clocked()
	for range 24 {
		*now = now.Add(time.Hour)
		for school := range 1840 {
			for _, why := range []identity.Reason{identity.ReasonWrongPassword, identity.ReasonDistrust, identity.ReasonHours, identity.ReasonThrottled} {
				book.wifi(fmt.Sprint(school), "nas", "d", why)
			}
		}
	}
	for b.Loop() {
		*now = now.Add(fresh)
		book.Schools(Day)
	}
}
