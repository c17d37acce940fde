package eappeer

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"
)

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func sameKey(t *testing.T, s *server, p *Peer) {
	t.Helper()
	want, err := s.tunnel.key(s.method.outer())
	if err != nil || len(p.MSK()) != 64 || !bytes.Equal(want, p.MSK()) {
		t.Errorf("keys: %x and %x, %v", p.MSK(), want, err)
	}
}

func TestEveryMethod(t *testing.T) {
	h := newHouse(t)
	for _, m := range Methods() {
		for _, version := range versions {
			for _, size := range []int{64, 200, 1398} {
				s, o := h.serve(t, m, version), h.device(m)
				s.fragment, o.Fragment, s.offer = size, size, []byte{4, 6}
				p, err := talk(t, s, o)
				if err != nil {
					t.Fatalf("%v %x %d: %v", m, version, size, err)
				}
				sameKey(t, s, p)
				if i := p.Info(); i.Version != version || i.Resumed || !slices.Equal(i.Offered, []byte{4, 6}) || len(i.Chain) != 1 {
					t.Errorf("%v: %+v", m, i)
				}
			}
		}
	}
}

func TestResumption(t *testing.T) {
	h := newHouse(t)
	for _, m := range Methods() {
		for _, version := range versions {
			o := h.device(m)
			o.Sessions = tls.NewLRUClientSessionCache(1)
			for i := range 3 {
				s := h.serve(t, m, version)
				p, err := talk(t, s, o)
				if err != nil {
					t.Fatalf("%v %x, time %d: %v", m, version, i, err)
				}
				sameKey(t, s, p)
				if p.Info().Resumed != (i > 0) {
					t.Errorf("%v %x, time %d: resumed %v", m, version, i, p.Info().Resumed)
				}
			}
			o.ServerName = "evil.example"
			var name x509.HostnameError
			if _, err := talk(t, h.serve(t, m, version), o); !errors.As(err, &name) {
				t.Errorf("%v %x: a ticket helps past the name: %v", m, version, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h := newHouse(t)
	other := newHouse(t)
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	certificate := func(change func(*x509.Certificate)) func(*server, *Options) {
		return func(s *server, o *Options) {
			s.tunnel.stop()
			mine := *h
			mine.server = h.server.Clone()
			mine.server.Certificates = []tls.Certificate{h.issue(change)}
			*s = *mine.serve(s.t, s.method, tls.VersionTLS13)
		}
	}
	for name, c := range map[string]struct {
		change func(*server, *Options)
		want   func(error) bool
		not    func(Method) bool
	}{
		"password":                      {func(_ *server, o *Options) { o.Password = "nope" }, is(ErrRejected), func(m Method) bool { return m == TLS }},
		"user":                          {func(_ *server, o *Options) { o.Identity = "nobody" }, is(ErrRejected), func(m Method) bool { return m == TLS }},
		"authority":                     {func(_ *server, o *Options) { o.Roots = other.roots }, as[x509.UnknownAuthorityError], nil},
		"name":                          {func(_ *server, o *Options) { o.ServerName = "evil.example" }, as[x509.HostnameError], nil},
		"name only":                     {func(_ *server, o *Options) { o.ServerName, o.Roots = "evil.example", nil }, as[x509.HostnameError], nil},
		"later":                         {func(_ *server, o *Options) { o.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } }, as[x509.CertificateInvalidError], nil},
		"no server":                     {certificate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), as[x509.CertificateInvalidError], nil},
		"common name":                   {certificate(func(c *x509.Certificate) { c.DNSNames = nil }), as[x509.HostnameError], nil},
		"old TLS":                       {func(_ *server, o *Options) { o.MaxVersion = tls.VersionTLS12 }, as[*AlertError], nil},
		"a device of another authority": {func(_ *server, o *Options) { o.Certificate = &other.client }, as[*AlertError], func(m Method) bool { return m != TLS }},
		"only other methods":            {func(s *server, _ *Options) { s.offer = slices.Repeat([]byte{4}, 20) }, is(ErrOrder), nil},
	} {
		for _, m := range Methods() {
			if c.not != nil && c.not(m) {
				continue
			}
			s, o := h.serve(t, m, tls.VersionTLS13), h.device(m)
			c.change(s, &o)
			if p, err := talk(t, s, o); err == nil || !c.want(err) || p.MSK() != nil {
				t.Errorf("%s, %v: %v", name, m, err)
			}
		}
	}
	for _, m := range []Method{TTLSMSCHAPv2, TTLSEAPMSCHAPv2, PEAPMSCHAPv2} {
		o := h.device(m)
		o.Password = "nope"
		var refused *PasswordError
		if _, err := talk(t, h.serve(t, m, tls.VersionTLS12), o); !errors.As(err, &refused) || refused.Code != 691 || refused.Message != "no" {
			t.Errorf("%v: %v", m, err)
		}
		// A server that knows no password and lets everybody in.
		s := h.serve(t, m, tls.VersionTLS12)
		s.password = "whatever"
		if p, err := talk(t, s, h.device(m)); !errors.Is(err, ErrUnproven) || p.MSK() != nil {
			t.Errorf("%v, a server without the password: %v", m, err)
		}
	}
}

func as[E error](err error) bool {
	var want E
	return errors.As(err, &want)
}

// TestOutOfOrder ends every conversation after every round: by a Success, which
// is believed in the last place only, and by a Failure.
func TestOutOfOrder(t *testing.T) {
	h := newHouse(t)
	for _, m := range Methods() {
		for _, version := range versions {
			for rounds := 0; ; rounds++ {
				if over := cut(t, h, m, version, rounds, codeSuccess); over {
					break
				}
				cut(t, h, m, version, rounds, codeFailure)
			}
		}
	}
}

// cut says Success or Failure after so many rounds; true if the conversation
// is over by then.
func cut(t *testing.T, h *house, m Method, version uint16, rounds int, code byte) bool {
	t.Helper()
	s := h.serve(t, m, version)
	p, err := New(h.device(m))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	request := s.packet(codeRequest, typeIdentity)
	for range rounds {
		response, done, err := p.Handle(request)
		if done {
			if err != nil {
				t.Errorf("%v: %v", m, err)
			}
			return true
		}
		if again, _, _ := p.Handle(request); !bytes.Equal(again, response) {
			t.Errorf("%v: a request that came twice is answered otherwise", m)
		}
		request = s.answer(response)
	}
	ready := request[0] == codeSuccess || m == TTLSPAP && s.stood || (m == TTLSEAPGTC || m == PEAPGTC) && p.inner.complete() ||
		(m == TTLSMSCHAPv2 || m == TTLSEAPMSCHAPv2 || m == PEAPMSCHAPv2) && p.inner.complete() ||
		m == TLS && p.tunnel != nil && p.tunnel.stands && (version == tls.VersionTLS12 || p.proven)
	_, done, err := p.Handle(s.packet(code))
	switch {
	case !done:
		t.Errorf("%v after %d rounds: not over", m, rounds)
	case code == codeFailure && !errors.Is(err, ErrRejected), code == codeSuccess && !ready && !errors.Is(err, ErrOrder):
		t.Errorf("%v after %d rounds: code %d gives %v", m, rounds, code, err)
	case code == codeSuccess && (err == nil) != (p.MSK() != nil):
		t.Errorf("%v after %d rounds: key %x, %v", m, rounds, p.MSK(), err)
	}
	return false
}

// TestLies: what a server says in the tunnel that it should not.
func TestLies(t *testing.T) {
	h := newHouse(t)
	result := []byte{codeRequest, 9, 0, 11, typeTLV, 0x80, tlvResult, 0, 2, 0, tlvSuccess}
	for name, c := range map[string]struct {
		method Method
		say    []byte
		want   error
	}{
		"success before the inner sign-in":  {PEAPMSCHAPv2, result, ErrOrder},
		"the same without a password":       {PEAPGTC, result, ErrOrder},
		"a result that is none":             {PEAPGTC, append(result[:10:10], 7), ErrMalformed},
		"half a TLV":                        {PEAPGTC, []byte{codeRequest, 9, 0, 7, typeTLV, 0x80, tlvResult}, ErrMalformed},
		"a challenge of the wrong size":     {PEAPMSCHAPv2, []byte{typeMSCHAPv2, opChallenge, 1, 0, 6, 8, 1}, ErrMalformed},
		"a length that is wrong":            {PEAPMSCHAPv2, []byte{typeMSCHAPv2, opChallenge, 1, 0, 99, 16, 1}, ErrMalformed},
		"MSCHAPv2 success first":            {PEAPMSCHAPv2, []byte{typeMSCHAPv2, opSuccess, 1, 0, 4}, ErrOrder},
		"another proof":                     {TTLSMSCHAPv2, appendAVP(nil, avp{avpCHAP2Success, microsoft, []byte("xS=0000000000000000000000000000000000000000")}), ErrUnproven},
		"half an AVP":                       {TTLSMSCHAPv2, []byte{0, 0, 0, 1, 0x40, 0, 0, 99}, ErrMalformed},
		"inner failure":                     {TTLSEAPGTC, appendAVP(nil, avp{code: avpEAPMessage, value: []byte{codeFailure, 1, 0, 4}}), ErrRejected},
		"another byte than RFC 9190's zero": {TLS, []byte{1}, ErrOrder},
	} {
		s := h.serve(t, c.method, tls.VersionTLS13)
		s.change = func([]byte) []byte { return c.say }
		p, err := New(h.device(c.method))
		if err != nil {
			t.Fatal(err)
		}
		request := s.packet(codeRequest, typeIdentity)
		for range 20 {
			response, done, _ := p.Handle(request)
			if done || p.Err() != nil {
				break
			}
			request = s.answer(response)
		}
		if _, _, err := p.Handle(s.packet(codeSuccess)); !errors.Is(p.Err(), c.want) || err == nil || p.MSK() != nil {
			t.Errorf("%s: %v", name, p.Err())
		}
		p.Close()
	}
}

func TestFrames(t *testing.T) {
	start := []byte{typePEAP, flagStart}
	long := func(n uint32, data ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{typePEAP, flagLength | flagMore}, n), data...)
	}
	for name, c := range map[string]struct {
		requests [][]byte
		want     error
	}{
		"no flags":               {[][]byte{{typePEAP}}, ErrMalformed},
		"half a length":          {[][]byte{start, {typePEAP, flagLength, 0, 0}}, ErrMalformed},
		"beyond 64 KiB":          {[][]byte{start, long(64<<10 + 1)}, ErrMalformed},
		"more than promised":     {[][]byte{start, long(2, 1, 2, 3)}, ErrMalformed},
		"less than promised":     {[][]byte{start, {typePEAP, flagLength, 0, 0, 0, 9, 1}}, ErrMalformed},
		"a fragment of nothing":  {[][]byte{start, long(9)}, ErrMalformed},
		"no start":               {[][]byte{{typePEAP, 0}}, ErrOrder},
		"two starts":             {[][]byte{start, start}, ErrOrder},
		"another method in it":   {[][]byte{start, {typeTTLS, 0}}, ErrOrder},
		"identity in it":         {[][]byte{start, {typeIdentity}}, ErrOrder},
		"no TLS":                 {[][]byte{start, {typePEAP, 0, 'H', 'T', 'T', 'P', '/', '1'}}, nil},
		"NAK from a server":      {[][]byte{{typeNAK, 1}}, ErrOrder},
		"fragments without end":  {append([][]byte{start}, slices.Repeat([][]byte{append([]byte{typePEAP, flagMore}, make([]byte, 4000)...)}, 17)...), ErrMalformed},
		"data, not the next one": {[][]byte{start, {typePEAP, 0, 1, 2, 3}}, ErrOrder},
	} {
		o := Options{Method: PEAPGTC, Identity: login, Password: password}
		if name == "data, not the next one" {
			o.Fragment = 64
		}
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var id byte
		for _, data := range c.requests {
			id++
			b := append([]byte{codeRequest, id, 0, 0}, data...)
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			_, _, _ = p.Handle(b)
		}
		if err := p.Err(); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
	}
	for _, b := range [][]byte{nil, {1, 1, 0}, {1, 1, 0, 9, 1}, {1, 1, 0, 4}, {1, 1, 0, 3, 1}, {2, 1, 0, 5, 1}, {9, 1, 0, 5, 1}} {
		p, _ := New(Options{Method: PEAPGTC, Identity: login})
		if _, done, err := p.Handle(b); !done || !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no method":      {Identity: login},
		"no name":        {Method: TTLSPAP},
		"no certificate": {Method: TLS, Identity: login},
		"long name":      {Method: TTLSPAP, Identity: string(make([]byte, 254))},
		"tiny fragments": {Method: TTLSPAP, Identity: login, Fragment: 63},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, m := range Methods() {
		if got, ok := ParseMethod(m.String()); !ok || got != m {
			t.Errorf("%v", m)
		}
	}
	if _, ok := ParseMethod(""); ok {
		t.Error("no name is a method")
	}
}

// FuzzHandle feeds whole conversations of a hostile server: packets, each after
// its length.
func FuzzHandle(f *testing.F) {
	f.Add(byte(5), []byte{5, 1, 1, 0, 5, 1, 6, 1, 2, 0, 6, 25, 0x20, 13, 1, 3, 0, 13, 25, 0, 21, 3, 3, 0, 2, 2, 40})
	f.Add(byte(1), []byte{6, 1, 1, 0, 6, 21, 0x20, 6, 1, 2, 0, 6, 21, 0x40, 4, 3, 3, 0, 4})
	f.Fuzz(func(t *testing.T, method byte, b []byte) {
		m := Methods()[int(method)%len(Methods())]
		o := Options{Method: m, Identity: login, Password: password, Fragment: 200}
		if m == TLS {
			o.Certificate = &tls.Certificate{}
		}
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			response, done, err := p.Handle(b[1 : 1+n])
			if p.MSK() != nil {
				t.Fatal("a key without a server")
			}
			if done {
				if err == nil {
					t.Fatal("success without a server")
				}
				return
			}
			if len(response) < 5 || len(response) > 200 || int(binary.BigEndian.Uint16(response[2:])) != len(response) {
				t.Fatalf("response %x", response)
			}
			b = b[1+n:]
		}
	})
}

// FuzzInner feeds what comes out of the tunnel, in two parts.
func FuzzInner(f *testing.F) {
	f.Add(byte(0), []byte{typeIdentity}, []byte{typeGTC, 'p'})
	f.Add(byte(4), []byte{typeMSCHAPv2, opChallenge, 1, 0, 21, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		append([]byte{typeMSCHAPv2, opFailure, 1, 0, 15}, "E=691 R=1 C"...))
	f.Add(byte(2), appendAVP(nil, avp{avpCHAP2Success, microsoft, []byte("xS=00")}), appendAVP(nil, avp{code: avpEAPMessage, value: []byte{1, 1, 0, 5, 1}}))
	f.Add(byte(5), []byte{codeRequest, 9, 0, 11, typeTLV, 0x80, tlvResult, 0, 2, 0, tlvSuccess}, []byte{})
	f.Fuzz(func(t *testing.T, method byte, first, second []byte) {
		m := Methods()[int(method)%(len(Methods())-1)]
		p, err := New(Options{Method: m, Identity: login, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.tunnel = &tunnel{stands: true, stop: func() {}}
		for _, b := range [][]byte{first, second} {
			if reply, err := p.inner.take(b); err == nil && len(reply) > 4096 {
				t.Fatal("an answer without bound")
			}
		}
		if m != TTLSEAPGTC && m != PEAPGTC && m != TTLSPAP && p.inner.complete() {
			t.Fatal("a proof was guessed")
		}
	})
}

// TestAbandoned: what is left in the middle of a handshake leaves nothing behind.
func TestAbandoned(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 1000 {
		p, err := New(Options{Method: PEAPGTC, Identity: login, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if hello, done, err := p.Handle([]byte{codeRequest, 1, 0, 6, typePEAP, flagStart}); done || err != nil || len(hello) < 100 {
			t.Fatalf("%x, %v", hello, err)
		}
		p.Close()
	}
	if after := runtime.NumGoroutine(); after > before+100 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
