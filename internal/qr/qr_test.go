package qr

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	for _, text := range []string{"https://id.school.example/", "WIFI:T:WPA2-EAP;S:Школа;;", strings.Repeat("x", Limit)} {
		got, err := SVG(text, `<a & "b">`)
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal([]byte(got), new(struct{})); err != nil {
			t.Errorf("no XML: %v", err)
		}
		if s := string(got); strings.Contains(s, "<a") || !strings.Contains(s, `aria-label="&lt;a &amp; &#34;b&#34;&gt;"`) || strings.Contains(s, "style") {
			t.Error(s[:200])
		}
	}
	if _, err := SVG(strings.Repeat("x", Limit+1), ""); err == nil {
		t.Error("as long as one likes")
	}
}
