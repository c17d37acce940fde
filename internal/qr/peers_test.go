//go:build peers

package qr

import (
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`)

// picture is what a browser makes of the SVG, each module so many pixels wide.
func picture(t *testing.T, svg string, scale int) image.Image {
	t.Helper()
	var drawn struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &drawn); err != nil || len(drawn.Path) != 2 {
		t.Fatal(err, len(drawn.Path))
	}
	size, _ := strconv.Atoi(strings.Fields(drawn.ViewBox)[2])
	picture := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	for _, m := range run.FindAllStringSubmatch(drawn.Path[1].D, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		wide, _ := strconv.Atoi(m[3])
		for py := y * scale; py < (y+1)*scale; py++ {
			for px := x * scale; px < (x+wide)*scale; px++ {
				picture.SetGray(px, py, color.Gray{})
			}
		}
	}
	return picture
}

// zbar, which others have written, reads back what is drawn.
func TestZBarReadsThem(t *testing.T) {
	for _, text := range []string{"https://id.school.example/me/wifi", "otpauth://totp/id.school.example:orlovami?secret=JBSWY3DPEHPK3PXP&issuer=id.school.example",
		strings.Repeat("https://", 40)} {
		svg, err := SVG(text, "a label")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "qr.png")
		to, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(to, picture(t, string(svg), 4)); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
		if err != nil {
			t.Fatalf("zbarimg: %v (make test installs it)", err)
		}
		if got := strings.TrimSuffix(string(out), "\n"); got != text {
			t.Errorf("read %q, drawn %q", got, text)
		}
	}
}
