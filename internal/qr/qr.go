// Package qr draws QR codes (ISO/IEC 18004) as pictures that stand in a page
// itself: no address that could be fetched, kept or shared, and nothing that a
// strict Content-Security-Policy has to allow. Pure.
package qr

import (
	"fmt"
	"html/template"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Limit is how long a text may be, in bytes.
const Limit = 1000

// quiet is the margin that a reader needs, in modules (section 9.1).
const quiet = 4

// SVG draws a text, with a label for those who see no picture. The picture has no
// size of its own: the style sheet gives it one (class qr).
func SVG(text, label string) (template.HTML, error) {
	if len(text) > Limit {
		return "", fmt.Errorf("draw a QR code: more than %d bytes", Limit)
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil { // Auto takes letters of ASCII alone
		code, err = qr.Encode(text, qr.M, qr.Unicode)
	}
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="0 0 %[1]d %[1]d" role="img" aria-label="%[2]s" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path d="`,
		size+2*quiet, template.HTMLEscapeString(label))
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && code.At(x+run, y) == color.Black {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}
