package person

import (
	"fmt"
	"time"
)

// Date is a civil date without time or zone. The zero value is "not given" and
// is before every real date. Dates compare with Compare and ==.
type Date struct {
	year  int16
	month uint8
	day   uint8
}

// NewDate gives the date, or false if there is no such day in the calendar or
// the year is not in 1800..2200.
func NewDate(year, month, day int) (Date, bool) {
	if year < 1800 || year > 2200 || month < 1 || month > 12 || day < 1 {
		return Date{}, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return Date{}, false
	}
	return Date{int16(year), uint8(month), uint8(day)}, true
}

// DateOf is the civil date of a moment in its own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{int16(y), uint8(m), uint8(d)}
}

// IsZero says that no date was given.
func (d Date) IsZero() bool { return d == Date{} }

// Compare gives -1, 0 or 1 as d is before, on or after e.
func (d Date) Compare(e Date) int {
	a, b := d.ordinal(), e.ordinal()
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Before says whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.ordinal() < e.ordinal() }

// After says whether d is a later day than e.
func (d Date) After(e Date) bool { return d.ordinal() > e.ordinal() }

func (d Date) ordinal() int { return int(d.year)<<9 | int(d.month)<<5 | int(d.day) }

// Number is a short form of the date, of which DateNumbered makes it again; 0 is "not given".
func (d Date) Number() uint32 { return uint32(d.ordinal()) }

// DateNumbered is the date with a Number.
func DateNumbered(n uint32) Date { return Date{int16(n >> 9), uint8(n >> 5 & 15), uint8(n & 31)} }

// AddDays moves by days, forwards or backwards.
func (d Date) AddDays(days int) Date { return DateOf(d.Time(time.UTC).AddDate(0, 0, days)) }

// Time is the first moment of the day in loc.
func (d Date) Time(loc *time.Location) time.Time {
	return time.Date(int(d.year), time.Month(d.month), int(d.day), 0, 0, 0, 0, loc)
}

// String gives YYYY-MM-DD, or "" for the zero date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// ParseDate reads YYYY-MM-DD or DD.MM.YYYY. Empty text is the zero date.
func ParseDate(s string) (Date, error) {
	if s == "" {
		return Date{}, nil
	}
	var y, m, d int
	ok := false
	if len(s) == 10 && s[4] == '-' && s[7] == '-' {
		y, m, d, ok = digits(s[0:4]), digits(s[5:7]), digits(s[8:10]), true
	} else if len(s) == 10 && s[2] == '.' && s[5] == '.' {
		d, m, y, ok = digits(s[0:2]), digits(s[3:5]), digits(s[6:10]), true
	}
	if ok {
		if date, valid := NewDate(y, m, d); valid {
			return date, nil
		}
	}
	return Date{}, fmt.Errorf("%q is no date: write YYYY-MM-DD or DD.MM.YYYY", s)
}

// digits reads a decimal number without sign; -1 if anything else is in it.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// MarshalText writes what String gives.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDate takes.
func (d *Date) UnmarshalText(b []byte) error {
	parsed, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
