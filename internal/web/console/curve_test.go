package console

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestCurve(t *testing.T) {
	a, b, c := date("2026-08-01"), date("2026-08-11"), date("2026-08-21")
	for what, k := range map[string]struct {
		days    []Point
		ceiling int
		want    []string
	}{
		"three days":   {[]Point{{a, 0}, {b, 50}, {c, 90}}, 100, []string{`d="M64.0 212.0L384.0 112.0L704.0 32.0"`, `class="ceiling" d="M64 12.0H704"`, "01.08.2026", "21.08.2026"}},
		"one day":      {[]Point{{a, 7}}, 0, []string{`d="M704.0 `, "01.08.2026"}},
		"nobody":       {[]Point{{a, 0}, {b, 0}}, 0, []string{`d="M64.0 212.0L704.0 212.0"`}},
		"over the top": {[]Point{{a, 300}, {b, 1_250_000}}, 1000, []string{"1\u202f000\u202f000", `class="ceiling"`}},
	} {
		drawn := string(curve(k.days, k.ceiling, `who <has> "it"`))
		for _, want := range append(k.want, "who &lt;has&gt; &#34;it&#34;") {
			if !strings.Contains(drawn, want) {
				t.Errorf("%s: no %q in %s", what, want, drawn)
			}
		}
		if strings.Contains(drawn, "style=") || strings.Contains(drawn, "NaN") || strings.Contains(drawn, "Inf") {
			t.Errorf("%s: %s", what, drawn)
		}
		for d := xml.NewDecoder(strings.NewReader(drawn)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	if curve(nil, 5, "x") != "" {
		t.Error("a curve of no days")
	}
}

func TestRound(t *testing.T) {
	for top, want := range map[int]int{0: 1, 1: 1, 4: 1, 5: 2, 20: 5, 21: 10, 99: 50, 1_000_000: 500_000} {
		if got := round(top); got != want {
			t.Errorf("up to %d in steps of %d, want %d", top, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1000: "-1\u202f000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}
