package eappeer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

const (
	login      = "orlovami"
	password   = "Snegir-2021"
	serverName = "radius.school.example"
)

// server is an EAP server for one conversation, just good enough for an honest
// device, and able to lie.
type server struct {
	t        testing.TB
	method   Method
	password string // what it believes
	fragment int
	tunnel   *tunnel
	offer    []byte // types to ask for before its own

	id        byte
	in, out   []byte
	whole     int
	stood     bool
	over      byte // the code to end with
	challenge [16]byte
	asked     bool // PEAP: for the identity
	result    bool // PEAP: the Result TLV was sent
	// change may replace what is said in the tunnel.
	change func([]byte) []byte
}

func (s *server) packet(code byte, data ...byte) []byte {
	s.id++
	b := append([]byte{code, s.id, 0, 0}, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// first is the request after the identity.
func (s *server) first() []byte {
	if len(s.offer) > 0 {
		kind := s.offer[0]
		s.offer = s.offer[1:]
		return s.packet(codeRequest, kind, 1, 2, 3)
	}
	return s.packet(codeRequest, s.method.outer(), flagStart)
}

// answer takes a response and gives the next request.
func (s *server) answer(b []byte) []byte {
	if int(binary.BigEndian.Uint16(b[2:])) != len(b) || b[0] != codeResponse || b[1] != s.id {
		s.t.Fatalf("response %x to request %d", b, s.id)
	}
	if b[4] != s.method.outer() {
		return s.first()
	}
	flags, data := b[5], b[6:]
	if flags&flagLength != 0 {
		s.whole, data = int(binary.BigEndian.Uint32(data)), data[4:]
	}
	if len(s.out) > 0 {
		if len(data) > 0 {
			s.t.Fatal("no acknowledgement")
		}
		return s.send()
	}
	s.in = append(s.in, data...)
	if flags&flagMore != 0 {
		return s.packet(codeRequest, s.method.outer(), 0)
	}
	if s.whole != 0 && s.whole != len(s.in) {
		s.t.Fatalf("the message has %d bytes, %d were promised", len(s.in), s.whole)
	}
	message := s.in
	s.in, s.whole = nil, 0
	return s.step(message)
}

func (s *server) send() []byte {
	b := []byte{s.method.outer(), 0}
	n := min(len(s.out), s.fragment)
	if n < len(s.out) {
		b[1] = flagMore | flagLength
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.out)))
	}
	b = append(b, s.out[:n]...)
	s.out = s.out[n:]
	return s.packet(codeRequest, b...)
}

// step moves the tunnel and what is in it.
func (s *server) step(message []byte) []byte {
	if s.over != 0 {
		return s.packet(s.over)
	}
	if err := s.tunnel.receive(message); err != nil {
		return s.flush(codeFailure)
	}
	if !s.tunnel.stands {
		return s.flush(0)
	}
	text, err := s.tunnel.read()
	if err != nil {
		return s.flush(codeFailure)
	}
	fresh := !s.stood
	s.stood = true
	say, code := s.inside(text, fresh)
	if s.change != nil && say != nil {
		say = s.change(say)
	}
	if say != nil {
		if err := s.tunnel.write(say); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.flush(code)
}

// flush sends what TLS wrote, and how it ends after that.
func (s *server) flush(code byte) []byte {
	s.out = append(s.out, s.tunnel.sent()...)
	s.over = code
	if code != 0 && len(s.out) == 0 {
		return s.packet(code)
	}
	return s.send()
}

// inside gives what to say in the tunnel, or how it ends.
func (s *server) inside(text []byte, fresh bool) ([]byte, byte) {
	resumed := s.tunnel.conn.ConnectionState().DidResume
	switch {
	case s.method == TLS && fresh && s.tunnel.modern():
		return []byte{0}, 0
	case s.method == TLS && fresh && !resumed:
		return nil, 0 // its Finished is on the way
	case s.method == TLS, resumed && fresh && s.method.outer() == typeTTLS:
		return nil, codeSuccess
	case s.method.outer() == typeTTLS && fresh && len(text) == 0:
		return nil, 0
	case s.method.outer() == typeTTLS:
		return s.ttls(text)
	case len(text) == 0 && resumed:
		s.result = true
		return s.tlv(tlvSuccess), 0
	case len(text) == 0 && fresh && !s.tunnel.modern():
		return nil, 0
	case len(text) == 0 && s.asked:
		return nil, codeFailure
	case len(text) == 0:
		s.asked = true
		return []byte{typeIdentity}, 0
	case s.result:
		if !bytes.HasSuffix(text, []byte{0, tlvSuccess}) {
			return nil, codeFailure
		}
		return nil, codeSuccess
	}
	say, done := s.eap(text[0], text[1:])
	if done != 0 {
		s.result = true
		return s.tlv(map[byte]byte{codeSuccess: tlvSuccess, codeFailure: tlvFailure}[done]), 0
	}
	return say, 0
}

func (s *server) tlv(status byte) []byte {
	return []byte{codeRequest, s.id + 1, 0, 11, typeTLV, 0x80, tlvResult, 0, 2, 0, status}
}

// eap is the inner EAP server.
func (s *server) eap(kind byte, data []byte) ([]byte, byte) {
	verdict := map[bool]byte{true: codeSuccess, false: codeFailure}
	gtc := s.method == TTLSEAPGTC || s.method == PEAPGTC
	switch {
	case kind == typeIdentity && string(data) != login:
		return nil, codeFailure
	case kind == typeIdentity && gtc:
		return append([]byte{typeGTC}, "Password: "...), 0
	case kind == typeIdentity:
		_, _ = rand.Read(s.challenge[:])
		return append(append([]byte{typeMSCHAPv2, opChallenge, 7, 0, 21 + 2, 16}, s.challenge[:]...), "me"...), 0
	case kind == typeGTC:
		return nil, verdict[string(data) == s.password]
	case kind == typeMSCHAPv2 && data[0] == opResponse:
		text, ok := s.check([16]byte(data[5:21]), [24]byte(data[29:53]), string(data[54:]))
		op := byte(opFailure)
		if ok {
			op = opSuccess
		}
		return append([]byte{typeMSCHAPv2, op, 7, 0, byte(4 + len(text))}, text...), 0
	case kind == typeMSCHAPv2:
		return nil, verdict[data[0] == opSuccess]
	}
	return nil, codeFailure
}

func (s *server) check(peer [16]byte, response [24]byte, name string) (string, bool) {
	hash, challenge := mschap.NTHash(s.password), mschap.Challenge(peer, s.challenge, name)
	if s.password == "whatever" { // a server that lets everybody in
		return mschap.Success(mschap.AuthenticatorResponse(hash, challenge, response), ""), true
	}
	if name != login || !mschap.Check(hash, challenge, response) {
		return mschap.Failure{Code: mschap.CodeWrong, Message: "no"}.String(), false
	}
	return mschap.Success(mschap.AuthenticatorResponse(hash, challenge, response), "welcome"), true
}

func (s *server) ttls(text []byte) ([]byte, byte) {
	got := map[[2]uint32][]byte{}
	for a, err := range avps(text) {
		if err != nil {
			s.t.Fatal(err)
		}
		got[[2]uint32{a.vendor, a.code}] = a.value
	}
	if eap := got[[2]uint32{0, avpEAPMessage}]; eap != nil {
		say, code := s.eap(eap[4], eap[5:])
		if code != 0 {
			return nil, code
		}
		return appendAVP(nil, avp{code: avpEAPMessage, value: s.packet(codeRequest, say...)}), 0
	}
	if response := got[[2]uint32{microsoft, avpCHAP2Response}]; response != nil {
		seed, _ := s.tunnel.export("ttls challenge", nil, 17)
		s.challenge = [16]byte(seed)
		if !bytes.Equal(got[[2]uint32{microsoft, avpChallenge}], seed[:16]) || response[0] != seed[16] {
			s.t.Error("another challenge than the derived one")
		}
		text, ok := s.check([16]byte(response[2:18]), [24]byte(response[26:50]), string(got[[2]uint32{0, avpUserName}]))
		code := uint32(avpMSCHAPError)
		if ok {
			code = avpCHAP2Success
		}
		return appendAVP(nil, avp{code, microsoft, append([]byte{seed[16]}, text...)}), 0
	}
	if s.method == TTLSMSCHAPv2 { // the acknowledgement
		return nil, codeSuccess
	}
	if string(bytes.TrimRight(got[[2]uint32{0, avpUserPassword}], "\x00")) != s.password || string(got[[2]uint32{0, avpUserName}]) != login {
		return nil, codeFailure
	}
	return nil, codeSuccess
}

// house is an authority with a server's and a client's certificate.
type house struct {
	roots  *x509.CertPool
	server *tls.Config
	client tls.Certificate
	issue  func(change func(*x509.Certificate)) tls.Certificate
}

func newHouse(t testing.TB) *house {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, key := make(root, root, nil)
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{roots: x509.NewCertPool()}
	h.roots.AddCert(authority)
	h.issue = func(change func(*x509.Certificate)) tls.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		if change != nil {
			change(c)
		}
		der, key := make(c, authority, key)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	h.client = h.issue(nil)
	h.server = &tls.Config{Certificates: []tls.Certificate{h.issue(nil)}, ClientCAs: h.roots}
	return h
}

func (h *house) serve(t testing.TB, m Method, version uint16) *server {
	config := h.server.Clone()
	config.MinVersion, config.MaxVersion = version, version
	config.SetSessionTicketKeys([][32]byte{{1}})
	if m == TLS {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	s := &server{t: t, method: m, password: password, fragment: 1000, tunnel: newTunnel(func(c net.Conn) *tls.Conn { return tls.Server(c, config) })}
	t.Cleanup(s.tunnel.stop)
	return s
}

func (h *house) device(m Method) Options {
	o := Options{Method: m, Identity: login, Anonymous: "anonymous", Password: identity.Password(password), Roots: h.roots, ServerName: serverName}
	if m == TLS {
		o.Certificate = &h.client
	}
	return o
}

// talk lets both speak to the end.
func talk(t testing.TB, s *server, o Options) (*Peer, error) {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	request := s.packet(codeRequest, typeIdentity)
	for range 2000 {
		response, done, err := p.Handle(request)
		if done {
			return p, err
		}
		if len(response) > p.opts.Fragment {
			t.Fatalf("a response of %d bytes, %d are allowed", len(response), p.opts.Fragment)
		}
		request = s.answer(response)
	}
	t.Fatalf("no end: %v, %x, %v", o.Method, request, p.Err())
	return nil, nil
}
