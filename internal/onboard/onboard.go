// Package onboard writes what a person's device needs to join the school's
// Wi-Fi: files and steps for Apple, Windows, Android and Linux.
//
// Every one of them pins who signs the server's certificate and what name it
// bears, so that a device gives the password to nobody else; shows a name of
// nobody outside the tunnel; fills in the login; and leaves the password out.
// What is installed a second time replaces the first: identifiers follow from
// the network, not from chance.
//
// It is pure: no files, no clock, no network. Randomness for a signature is an
// argument. Limits: WPA-Enterprise with TTLS/PAP or PEAP-MSCHAPv2; devices that
// have certificates of their own (EAP-TLS) are set up by who issued those.
//
// Start reading at Network and Files.
package onboard

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"schoolbridge/internal/identity"
)

// Method is how the password travels inside the tunnel.
type Method string

// The methods. TTLSPAP brings the password as it is typed, so that mos.ru can
// check it each time; PEAPMSCHAPv2 needs a kept NT hash.
const (
	TTLSPAP      Method = "ttls-pap"
	PEAPMSCHAPv2 Method = "peap-mschapv2"
)

// Platform is a kind of device.
type Platform string

// The platforms, in the order in which they are listed.
const (
	Apple   Platform = "apple"
	Windows Platform = "windows"
	Android Platform = "android"
	Linux   Platform = "linux"
)

// Platforms lists all of them.
func Platforms() []Platform { return []Platform{Apple, Windows, Android, Linux} }

// Lang is the language of texts: Russian or English.
type Lang string

// The languages.
const (
	Russian Lang = "ru"
	English Lang = "en"
)

// Network is what a device must know of the school's Wi-Fi.
type Network struct {
	SSIDs        []string            // names of networks, 1 to 32 bytes of UTF-8 each
	Hidden       bool                // they are not broadcast
	ServerNames  []string            // DNS names of which the server's certificate bears one
	Authorities  []*x509.Certificate // who signs it; a root is among them
	Outer        string              // the name shown outside the tunnel
	Method       Method
	Organization string // for people; "" is the first server name
}

// File is one thing to hand out.
type File struct {
	Name  string // without a folder; the same for everybody
	Type  string // media type
	About string // one line for people
	Body  []byte
}

// Files makes what one platform needs. The first file does it all by itself, but
// for Android, where the authority goes with the steps; the others are for
// whoever manages many devices. A network that lacks something, or a login with
// characters that no login has, is an error.
func Files(n Network, login identity.Login, p Platform, lang Lang) ([]File, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	if login == "" || !plain(string(login)) {
		return nil, errors.New("onboard: the login is empty or holds control characters")
	}
	if n.Organization == "" {
		n.Organization = n.ServerNames[0]
	}
	w := writer{Network: n, login: string(login), lang: lang}
	switch p {
	case Apple:
		return w.apple(), nil
	case Windows:
		return w.windows(), nil
	case Android:
		return w.android(), nil
	case Linux:
		return w.linux(), nil
	}
	return nil, fmt.Errorf("onboard: there is no platform %q", p)
}

// writer holds what all files of one person have in common.
type writer struct {
	Network
	login string
	lang  Lang
}

func (w *writer) say(ru, en string, args ...any) string {
	if w.lang == English {
		ru = en
	}
	if len(args) == 0 {
		return ru
	}
	return fmt.Sprintf(ru, args...)
}

func (w *writer) peap() bool { return w.Method == PEAPMSCHAPv2 }

func (n Network) check() error {
	switch {
	case len(n.SSIDs) == 0:
		return errors.New("onboard: no network is named")
	case len(n.ServerNames) == 0:
		return errors.New("onboard: the server has no name to be known by")
	case len(n.roots()) == 0:
		return errors.New("onboard: none of the authorities is a root")
	case n.Method != TTLSPAP && n.Method != PEAPMSCHAPv2:
		return fmt.Errorf("onboard: there is no method %q", n.Method)
	case n.Outer == "":
		return errors.New("onboard: no name is given to show outside the tunnel")
	}
	for _, s := range n.SSIDs {
		if s == "" || len(s) > 32 {
			return fmt.Errorf("onboard: the network's name %q has no 1 to 32 bytes", s)
		}
	}
	for _, s := range n.ServerNames { // lists of names are joined with semicolons, and * is a pattern
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || strings.ContainsRune(" ;*\"'\\", r) }) {
			return fmt.Errorf("onboard: %q is no name of a server", s)
		}
	}
	for _, s := range append([]string{n.Outer, n.Organization}, append(n.SSIDs, n.ServerNames...)...) {
		if !plain(s) {
			return fmt.Errorf("onboard: %q holds control characters", s)
		}
	}
	return nil
}

// plain says that a text is of one line, whatever it is written into.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// roots are the authorities that vouch for themselves: Windows knows no other
// anchors.
func (n Network) roots() []*x509.Certificate {
	var list []*x509.Certificate
	for _, c := range n.Authorities {
		if Root(c) {
			list = append(list, c)
		}
	}
	return list
}

// Root says that a certificate is an authority's own, signed by itself.
func Root(c *x509.Certificate) bool {
	return c.IsCA && bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil
}

// bundle is the authorities as PEM.
func (n Network) bundle() []byte {
	var out []byte
	for _, c := range n.Authorities {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// authorityFile is the bundle for whoever fills a form by hand.
func (w *writer) authorityFile() File {
	return File{Name: "school-ca.crt", Type: "application/x-x509-ca-cert",
		About: w.say("сертификат, по которому устройство узнаёт сеть школы", "the certificate by which a device knows the school's network"), Body: w.bundle()}
}

// space is this package's name space of UUIDs (RFC 9562 section 5.5), chosen
// once.
var space = [16]byte{0x5f, 0x0e, 0x3c, 0x6b, 0x3a, 0x1c, 0x4b, 0x52, 0x9d, 0x0a, 0x71, 0x48, 0x2e, 0xd5, 0x66, 0x0b}

// uuid is the same for the same network and part, whoever asks and whenever
// (RFC 9562 section 5.5, version 5). The first server name tells schools apart.
func (n Network) uuid(part ...string) string {
	h := sha1.New()
	h.Write(space[:])
	h.Write([]byte(strings.Join(append([]string{n.ServerNames[0]}, part...), "\x00")))
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
