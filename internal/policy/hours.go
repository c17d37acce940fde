package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// hours is one span of the day on some days of the week, in minutes after
// midnight. A span that ends before it starts goes into the next day and
// belongs to the day on which it starts.
type hours struct {
	days     uint8 // bits of time.Weekday
	from, to int
}

// In minutes.
const (
	day  = 24 * 60
	week = 7 * day
)

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
	"вс": time.Sunday, "пн": time.Monday, "вт": time.Tuesday, "ср": time.Wednesday,
	"чт": time.Thursday, "пт": time.Friday, "сб": time.Saturday,
}

var errHours = errors.New(`write like "mon-fri 08:00-20:00", "sat,sun 10:00-14:00" or "08:00-20:00"`)

// open says whether one of the spans is on.
func open(spans []hours, now time.Time) bool {
	minute := minuteOf(now)
	return slices.ContainsFunc(spans, func(h hours) bool { return h.left(minute) > 0 })
}

// left is how long spans go on after now, with those that overlap or follow at
// once; 0 where none is on, and where they leave no minute of the week out. It
// counts on the wall clock, so a change to summer time moves it by an hour.
func left(spans []hours, now time.Time) time.Duration {
	start := minuteOf(now)
	for end := start; end < start+week; {
		longest := 0
		for _, h := range spans {
			longest = max(longest, h.left(end%week))
		}
		if longest == 0 {
			into := time.Duration(now.Second())*time.Second + time.Duration(now.Nanosecond())
			return max(time.Duration(end-start)*time.Minute-into, 0)
		}
		end += longest
	}
	return 0
}

// minuteOf counts from midnight on Sunday.
func minuteOf(now time.Time) int {
	return int(now.Weekday())*day + now.Hour()*60 + now.Minute()
}

// left is how many minutes this span goes on after a minute of the week; 0 where
// it is not on.
func (h hours) left(now int) int {
	weekday, minute := now/day, now%day
	today := h.days&(1<<weekday) != 0
	yesterday := h.days&(1<<((weekday+6)%7)) != 0
	switch {
	case h.from < h.to && today && minute >= h.from && minute < h.to:
		return h.to - minute
	case h.from >= h.to && today && minute >= h.from:
		return h.to + day - minute
	case h.from >= h.to && yesterday && minute < h.to:
		return h.to - minute
	}
	return 0
}

func parseHours(s string) (hours, error) {
	fields := strings.Fields(strings.ToLower(s))
	if len(fields) == 0 || len(fields) > 2 {
		return hours{}, errHours
	}
	h := hours{days: 1<<7 - 1}
	if len(fields) == 2 {
		var err error
		if h.days, err = parseDays(fields[0]); err != nil {
			return hours{}, err
		}
	}
	from, to, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return hours{}, errHours
	}
	var err error
	if h.from, err = parseClock(from); err != nil {
		return hours{}, err
	}
	if h.to, err = parseClock(to); err != nil {
		return hours{}, err
	}
	if h.from == h.to || h.from == day {
		return hours{}, fmt.Errorf("%q is an empty span: %w", s, errHours)
	}
	return h, nil
}

func parseDays(s string) (uint8, error) {
	var days uint8
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(part, "-")
		if !span {
			last = first
		}
		from, ok1 := weekdays[first]
		to, ok2 := weekdays[last]
		if !ok1 || !ok2 {
			return 0, fmt.Errorf("%q names no day of the week: %w", part, errHours)
		}
		for d := from; ; d = (d + 1) % 7 {
			days |= 1 << d
			if d == to {
				break
			}
		}
	}
	return days, nil
}

// parseClock reads HH:MM, 00:00 to 24:00, as minutes.
func parseClock(s string) (int, error) {
	if len(s) == 5 && s[2] == ':' {
		digit := func(i int) int { return int(s[i]) - '0' }
		ok := true
		for _, i := range []int{0, 1, 3, 4} {
			ok = ok && digit(i) >= 0 && digit(i) <= 9
		}
		hour, minute := digit(0)*10+digit(1), digit(3)*10+digit(4)
		if ok && minute < 60 && hour*60+minute <= day {
			return hour*60 + minute, nil
		}
	}
	return 0, fmt.Errorf("%q is no time of day: %w", s, errHours)
}

// Hours are spans of the week.
type Hours struct{ spans []hours }

// ParseHours reads spans like those of Rule.Hours.
func ParseHours(list []string) (Hours, error) {
	var h Hours
	for _, s := range list {
		span, err := parseHours(s)
		if err != nil {
			return Hours{}, err
		}
		h.spans = append(h.spans, span)
	}
	return h, nil
}

// Open says whether a span is on at a time of the wall clock.
func (h Hours) Open(now time.Time) bool { return open(h.spans, now) }

// Next is when the next span begins, to the minute: now where one is on, and in a
// week at the latest.
func (h Hours) Next(now time.Time) time.Time {
	if h.Open(now) {
		return now
	}
	next := now.Truncate(time.Minute)
	for range week {
		if next = next.Add(time.Minute); h.Open(next) {
			break
		}
	}
	return next
}
