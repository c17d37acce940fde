package registry

import (
	"strings"
	"testing"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct {
		in     string
		system dateSystem
		want   string // "-": refused
	}{
		{"2026-09-01", dateText, "2026-09-01"},
		{"01.09.2026", dateText, "2026-09-01"},
		{"01.09.2026 0:00:00", dateText, "2026-09-01"},
		{"2026-09-01T00:00:00", dateText, "2026-09-01"},
		{"2026-09-01 12:30", dateText, "2026-09-01"},
		{"01.01.0001", dateText, ""},
		{"01.01.0001 0:00:00", dateText, ""},
		{"  .  .    ", dateText, ""},
		{"", dateText, ""},
		{"-", dateText, ""},
		{"1.9.2026", dateText, "-"},
		{"01.09.26", dateText, "-"},
		{"2026-09-01 ab:cd", dateText, "-"},
		{"2026-09-01 12", dateText, "-"},
		{"2026-02-29", dateText, "-"},
		{"46266", dateText, "-"},
		{"46266", date1900, "2026-09-01"},
		{"46266.75", date1900, "2026-09-01"},
		{"44804", date1904, "2026-09-01"},
		{"60", date1900, "-"},
		{"1e9", date1900, "-"},
		{"NaN", date1900, "-"},
	} {
		d, err := parseDate(c.in, c.system)
		if (err != nil) != (c.want == "-") || (err == nil && d.String() != c.want) {
			t.Errorf("%q: %q, %v; want %q", c.in, d, err, c.want)
		}
	}
	if d, err := parseEnd("31.12.9999 0:00:00", dateText); err != nil || !d.IsZero() {
		t.Errorf("an end that never comes: %v, %v", d, err)
	}
}

func TestParseWords(t *testing.T) {
	for in, want := range map[string]bool{"": true, "TRUE": true, "1": true, "да": true, "ИСТИНА": true, "0": false, "Нет": false, "false": false} {
		if got, err := parseBool(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	if _, err := parseBool("2"); err == nil {
		t.Error("2 is taken for yes or no")
	}
	for in, want := range map[string]string{"": "", "Active": statusActive, "Обучается": statusActive, "ВЫБЫЛ": statusClosed, "closed": statusClosed} {
		if got, err := parseStatus(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := parseStatus("?"); err == nil {
		t.Error("an unknown status is taken")
	}
	for in, want := range map[string]string{"7.9991234567E10": "79991234567", "1E5": "1E5", "1.5E-3": "1.5E-3", "k1": "k1", "9E99": "9E99"} {
		if got := plainNumber(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzParseValues(f *testing.F) {
	for _, s := range []string{"2026-09-01", "01.09.2026 0:00:00", "46266.5", "да", "NaN", "7.9E10", "  .  . "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, system := range []dateSystem{dateText, date1900, date1904} {
			d, err := parseDate(s, system)
			if err != nil && s != "" && strings.Contains(err.Error(), s) && len(s) > 8 {
				t.Fatalf("the value %q is in the reason", s)
			}
			if err == nil && !d.IsZero() {
				if again, err := parseDate(d.String(), system); err != nil || again != d {
					t.Fatalf("%q gives %v, which reads as %v, %v", s, d, again, err)
				}
			}
			_, _ = parseEnd(s, system)
		}
		_, _ = parseBool(s)
		if p := plainNumber(s); plainNumber(p) != p {
			t.Fatalf("%q: %q", s, p)
		}
	})
}
