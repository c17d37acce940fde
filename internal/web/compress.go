package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// smallest is from which size on compression is worth its while: what fits one
// packet is not.
const smallest = 1400

// takesGzip says that the browser takes gzip (RFC 9110 section 12.5.3). One that
// puts weights to it is not understood, and gets the plain answer, save for q=1.
func takesGzip(r *http.Request) bool {
	for _, coding := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight == "" || strings.TrimRight(weight, "0.") == "q=1"
		}
	}
	return false
}

// unobserved says that a page may leave compressed. The length of a compressed page
// tells whether one text on it repeats another (BREACH), and the address, which a
// foreign page may choose, is on every page, in its switch of language. So what
// somebody signed in gets is compressed only if no foreign page can have caused
// the request: the browser says that a page of ours did, or the person herself
// (Fetch Metadata). Strangers' pages hold nothing to find out.
func unobserved(r *http.Request) bool {
	if _, err := r.Cookie(sessionCookie); err != nil {
		return true
	}
	by := r.Header.Get("Sec-Fetch-Site")
	return by == "same-origin" || by == "none"
}

// squeezers are writers of gzip, whose tables are large: they are used again.
var squeezers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // fails on an unknown level only
	return z
}}

func squeeze(w io.Writer, text []byte) {
	z := squeezers.Get().(*gzip.Writer)
	z.Reset(w)
	_, _ = z.Write(text) // whoever has gone misses nothing
	_ = z.Close()
	z.Reset(io.Discard)
	squeezers.Put(z)
}
