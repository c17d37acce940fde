package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/dua"
	"schoolbridge/ldapsrv/wire"
	"schoolbridge/radiussrv/eap/eaptest"
)

// shelf is a directory server that knows a reader and two people, one of them
// twice, and answers with what is asked of it by name.
type shelf struct{}

func (shelf) Serve(ctx context.Context, c *wire.Conn, m *wire.Message) {
	sent := string(m.Body)
	result := wire.Result{}
	switch m.Op {
	case wire.OpUnbindRequest:
		c.End()
	case wire.OpExtendedRequest:
		if strings.Contains(sent, dua.WhoAmI) {
			c.ReplyExtra(m.ID, wire.OpExtendedResponse, result, wire.AppendTLV(nil, 0x8b, "dn:uid=\x1b[2Ja"), nil)
			return
		}
		c.StartTLS()
		c.Reply(m.ID, wire.OpExtendedResponse, result)
	case wire.OpBindRequest:
		result.Code = wire.InvalidCredentials
		for _, right := range []string{string(dua.Bind(nil, "cn=reader", "reader-secret")), string(dua.Bind(nil, "uid=a,o=x", "Snegir")), string(dua.Bind(nil, "a@x", "Snegir")),
			string(dua.SASL(nil, "PLAIN", dua.Plain("a", "Snegir")))} {
			if strings.Contains(right, sent) {
				result.Code = wire.Success
			}
		}
		for name, r := range map[string]wire.Result{"busy": {Code: wire.Busy}, "away": {Code: wire.Unavailable}, "clear": {Code: wire.ConfidentialityRequired}, "odd": {Code: wire.Other},
			"disabled": {Code: wire.InvalidCredentials, Text: "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 533, v2580"}, "EXTERNAL": {Code: wire.AuthMethodNotSupported}, "weak": {Code: wire.UnwillingToPerform}, "bare": {Code: wire.InvalidDNSyntax}} {
			if strings.Contains(sent, name) {
				result = r
			}
		}
		if strings.Contains(sent, "silent") {
			<-ctx.Done()
			return
		}
		if strings.Contains(sent, "gone") {
			c.End()
			return
		}
		c.SetBound(result.Code == wire.Success)
		c.Reply(m.ID, wire.OpBindResponse, result)
	case wire.OpSearchRequest:
		found := 0
		for login, n := range map[string]int{"a": 1, "twins": 2, "crowd": 2} {
			if strings.Contains(sent, string(dua.Equals("uid", login))) {
				found = n
			}
		}
		for range found {
			b, whole := wire.Begin(c.Buffer(), wire.TagSequence)
			b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, m.ID), wire.OpSearchResultEntry, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, "uid=a,o=x"), wire.TagSequence, ""))
			_ = c.Wrote(wire.End(b, whole))
		}
		for name, code := range map[string]wire.Code{"crowd": wire.SizeLimitExceeded, "limit": wire.SizeLimitExceeded, "slow": wire.TimeLimitExceeded, "o=none": wire.NoSuchObject} {
			if strings.Contains(sent, name) {
				result.Code = code
			}
		}
		c.Reply(m.ID, wire.OpSearchResultDone, result)
	}
}

// shelves runs one, in the clear with StartTLS and as LDAPS.
func shelves(t *testing.T, config *tls.Config) (plain, secure string) {
	t.Helper()
	s := wire.New(wire.Options{Open: func(*wire.Conn) wire.Session { return shelf{} }, TLS: func() *tls.Config { return config }, Metrics: prometheus.NewRegistry()})
	var addresses []string
	for _, implicit := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = s.Serve(l, wire.Listener{Implicit: implicit}) }()
		addresses = append(addresses, l.Addr().String())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // at once: one of them never answers
		_ = s.Shutdown(ctx)
	})
	return addresses[0], addresses[1]
}

// once answers the first connection with bytes and ends it.
func once(t *testing.T, b string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1))
		_, _ = c.Write([]byte(b))
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = c.Read(make([]byte, 1<<16))
		_ = c.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestLDAP(t *testing.T) {
	pki := eaptest.NewPKI(t)
	server := pki.Server(t, false)
	leaf, err := x509.ParseCertificate(server.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	name, device := leaf.DNSNames[0], pki.Computer(t, "board-12.example")
	plain, secure := shelves(t, &tls.Config{Certificates: []tls.Certificate{server}})
	_, strict := shelves(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: eaptest.NewPKI(t).Pool()})
	for what, c := range map[string]struct {
		change  func(*LDAP)
		outcome Outcome
		problem Problem
		says    string // in the English report
	}{
		"a login":          {func(p *LDAP) {}, Accepted, "", "accepted: simple"},
		"in the clear":     {func(p *LDAP) { p.StartTLS = false }, Accepted, "", "  sign-in: "},
		"LDAPS":            {func(p *LDAP) { p.Server, p.StartTLS, p.Implicit = secure, false, true }, Accepted, "", "TLS 1.3"},
		"a name by rule":   {func(p *LDAP) { p.Login, p.UserDN = "a", "uid={login},o=x" }, Accepted, "", "result 0"},
		"searched":         {func(p *LDAP) { p.Login, p.Base, p.Service = "a", "o=x", "cn=reader" }, Accepted, "", "entries found: 1\n"},
		"found":            {func(p *LDAP) { p.Login, p.Base = "a", "o=x" }, Accepted, "", "entry found: uid=a,o=x\n"},
		"who":              {func(p *LDAP) {}, Accepted, "", `the server takes us for: dn:uid=\x1b[2Ja` + "\n"},
		"PLAIN":            {func(p *LDAP) { p.Method, p.Login = LDAPPlain, "a" }, Accepted, "", "accepted: plain"},
		"not verified":     {func(p *LDAP) { p.Roots, p.ServerName = nil, "" }, Accepted, "", "not verified"},
		"days":             {func(p *LDAP) {}, Accepted, "", " days left\n"},
		"soon":             {func(p *LDAP) {}, Accepted, "", "note: a certificate ends"},
		"password":         {func(p *LDAP) { p.Password = "nope" }, Rejected, ProblemPassword, "(49)"},
		"disabled":         {func(p *LDAP) { p.Login = "disabled" }, Rejected, ProblemAccount, "data 533"},
		"busy":             {func(p *LDAP) { p.Login = "busy" }, NoAnswer, ProblemBusy, "result 51"},
		"away":             {func(p *LDAP) { p.Login = "away" }, NoAnswer, ProblemUnavailable, "result 52"},
		"TLS wanted":       {func(p *LDAP) { p.Login, p.StartTLS = "clear", false }, Rejected, ProblemConfidential, "--starttls"},
		"unwilling":        {func(p *LDAP) { p.Login = "weak" }, Rejected, ProblemAccess, "result 53"},
		"no DN":            {func(p *LDAP) { p.Login = "bare" }, Rejected, ProblemDN, "--user-dn"},
		"odd":              {func(p *LDAP) { p.Login = "odd" }, Rejected, ProblemResult, "result 80"},
		"gone":             {func(p *LDAP) { p.Login = "gone" }, NoAnswer, ProblemClosed, "ended the connection"},
		"service":          {func(p *LDAP) { p.Base, p.Service, p.ServicePassword = "o=x", "cn=reader", "nope" }, Rejected, ProblemService, "service account's sign-in: "},
		"service, busy":    {func(p *LDAP) { p.Base, p.Service = "o=x", "cn=busy" }, NoAnswer, ProblemBusy, "result 51"},
		"nobody":           {func(p *LDAP) { p.Base = "o=x" }, Rejected, ProblemNobody, "entries found: 0"},
		"several":          {func(p *LDAP) { p.Login, p.Base = "twins", "o=x" }, Rejected, ProblemSeveral, "entries found: 2"},
		"more than two":    {func(p *LDAP) { p.Login, p.Base = "crowd", "o=x" }, Rejected, ProblemSeveral, "result 4, entries found: 2"},
		"its size limit":   {func(p *LDAP) { p.Login, p.Base = "limit", "o=x" }, Rejected, ProblemLimit, "result 4"},
		"its time limit":   {func(p *LDAP) { p.Login, p.Base = "slow", "o=x" }, Rejected, ProblemTimeLimit, "result 3"},
		"no base":          {func(p *LDAP) { p.Base = "o=none" }, Rejected, ProblemBase, "result 32"},
		"name":             {func(p *LDAP) { p.ServerName = "other.example" }, Rejected, ProblemName, "(names: " + name + ")"},
		"name, unverified": {func(p *LDAP) { p.Roots, p.ServerName = nil, "other.example" }, Rejected, ProblemName, "another name"},
		"authority":        {func(p *LDAP) { p.Roots = eaptest.NewPKI(t).Pool() }, Rejected, ProblemAuthority, "of another authority"},
		"later":            {func(p *LDAP) { p.Now = func() time.Time { return leaf.NotAfter.Add(time.Hour) } }, Rejected, ProblemExpired, "0 days left"},
		"no EXTERNAL":      {func(p *LDAP) { p.Method, p.Certificate = LDAPExternal, &device }, Rejected, ProblemMechanism, "result 7"},
		"strange device":   {func(p *LDAP) { p.Server, p.StartTLS, p.Implicit, p.Certificate = strict, false, true, &device }, Rejected, ProblemDevice, "our certificate"},
		"not TLS":          {func(p *LDAP) { p.StartTLS, p.Implicit = false, true }, NoAnswer, ProblemNotTLS, "speaks no TLS"},
		"nothing but TLS":  {func(p *LDAP) { p.Server, p.StartTLS = once(t, "\x15\x03\x03\x00\x02\x02\x0a"), false }, NoAnswer, ProblemIsTLS, "Add --tls"},
		"no LDAP":          {func(p *LDAP) { p.Server = once(t, "220 mail.example ready\r\n") }, NoAnswer, ProblemProtocol, "not LDAP"},
		"StartTLS refused": {func(p *LDAP) {
			p.Server = once(t, string(wire.AppendResult(nil, 1, wire.OpExtendedResponse, wire.Result{Code: wire.ProtocolError}, nil, nil)))
		}, NoAnswer, ProblemStartTLS, "starttls: result 2"},
		"nobody listens": {func(p *LDAP) { p.Server = "127.0.0.1:9" }, NoAnswer, ProblemRefused, "nobody listens"},
	} {
		p := &LDAP{Server: plain, StartTLS: true, Roots: pki.Pool(), ServerName: name, Method: LDAPSimple, Login: "a@x", Password: "Snegir", By: "uid", ServicePassword: "reader-secret"}
		c.change(p)
		r := p.Run(t.Context())
		var english, russian strings.Builder
		if err := r.Write(&english, English); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(&russian, Russian); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(r)
		if err != nil || r.Outcome != c.outcome || r.Problem != c.problem || !strings.Contains(english.String(), c.says) {
			t.Errorf("%s: %s, %s, %v\n%s", what, r.Outcome, r.Problem, err, english.String())
		}
		if all := english.String() + russian.String() + string(raw); strings.Contains(all, "%!") || strings.Contains(all, "Snegir") || strings.Contains(all, "reader-secret") || strings.Contains(all, "\x1b") {
			t.Errorf("%s: %s", what, all)
		}
		if strings.Contains(string(raw), `"rounds"`) || !strings.Contains(string(raw), `"steps":[{"step":"connect","ms":`) {
			t.Errorf("%s: %s", what, raw)
		}
	}
}

// A server that says nothing is waited for until the context ends, wherever it
// stops.
func TestLDAPSilence(t *testing.T) {
	plain, _ := shelves(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for what, p := range map[string]*LDAP{
		"bind":      {Server: plain, Login: "silent"},
		"handshake": {Server: l.Addr().String(), Implicit: true},
		"StartTLS":  {Server: l.Addr().String(), StartTLS: true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if r := p.Run(ctx); r.Outcome != NoAnswer || r.Problem != ProblemNoAnswer {
			t.Errorf("%s: %+v", what, r)
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if r := p.Run(ctx); r.Outcome != NoAnswer || r.Problem != ProblemInterrupted {
			t.Errorf("%s, interrupted: %+v", what, r)
		}
	}
}

func TestDiagnoseLDAP(t *testing.T) {
	for want, err := range map[Problem]error{
		ProblemAddress: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}, ProblemNetwork: &net.OpError{Op: "dial", Err: syscall.ENETUNREACH},
		ProblemTLSVersion: &HandshakeError{Err: &net.OpError{Op: "remote error", Err: errors.New("tls: protocol version not supported")}}, ProblemHandshake: &HandshakeError{Err: errors.New("tls: odd")},
		ProblemClosed: fmt.Errorf("bind: %w", dua.ErrNotice), ProblemNotTLS: &HandshakeError{Err: io.EOF, Implicit: true},
	} {
		if _, got := DiagnoseLDAP(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// TestLDAPTexts: each problem of LDAP has its words in both languages.
func TestLDAPTexts(t *testing.T) {
	source, err := os.ReadFile("ldap_diagnose.go")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`\bProblem\w* +Problem = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(words) < 15 {
		t.Fatalf("%d problems", len(words))
	}
	for _, lang := range []Lang{Russian, English} {
		for _, p := range words {
			if a := ldapTexts[lang][Problem(p[1])]; a.meaning == "" || a.remedy == "" {
				t.Errorf("%s: no words for %s", lang, p[1])
			}
		}
	}
	if len(ldapTexts[Russian]) != len(ldapTexts[English]) {
		t.Error("one language has more words than the other")
	}
}
