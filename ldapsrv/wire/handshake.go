package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// heard is a connection during a handshake. It keeps the last bytes read: of a
// client that refuses the certificate in TLS 1.3, crypto/tls expects an alert
// under a key that the client does not use yet, and takes it for garbage.
type heard struct {
	net.Conn
	tail [alertSize]byte
}

// alertSize is the size of an alert's record in clear (RFC 8446 section 5.1).
const alertSize = 7

// Read implements net.Conn.
func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n >= len(h.tail) {
		copy(h.tail[:], p[n-len(h.tail):n])
	} else {
		copy(h.tail[:], h.tail[n:])
		copy(h.tail[len(h.tail)-n:], p[:n])
	}
	return n, err
}

// distrust are the alerts by which a client refuses a certificate (RFC 8446
// section 6.2).
var distrust = []tls.AlertError{42, 43, 44, 45, 46, 48}

// maxCause is how much of an error the log takes, in bytes.
const maxCause = 200

// cause says why a handshake failed, as one of the kinds of trouble and in words
// of crypto/tls.
func (h *heard) cause(err error) (kind, text string) {
	var plain tls.RecordHeaderError
	var remote *net.OpError
	if t := h.tail; t[0] == 21 && t[1] == 3 && t[3] == 0 && t[4] == 2 {
		err = &net.OpError{Op: "remote error", Err: tls.AlertError(t[6])}
	}
	if text = err.Error(); len(text) > maxCause { // it may list all that the client offered
		text = text[:maxCause]
	}
	switch {
	case errors.As(err, &plain):
		return troubleNotTLS, text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return troubleLeft, text
	case errors.As(err, &remote) && remote.Op == "remote error":
		if errors.Is(err, tls.AlertError(0)) || errors.Is(err, tls.AlertError(90)) { // close_notify and user_canceled: RFC 8446 section 6.1
			return troubleLeft, text
		}
		// crypto/tls keeps the type of its own alerts to itself; the words are those
		// of AlertError.
		if slices.ContainsFunc(distrust, func(a tls.AlertError) bool { return strings.HasSuffix(text, a.Error()) }) {
			return troubleDistrust, text
		}
	}
	return troubleHandshake, text
}
