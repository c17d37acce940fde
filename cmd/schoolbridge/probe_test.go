package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"schoolbridge/internal/load"
	"schoolbridge/internal/probe"
	radiuswire "schoolbridge/radiussrv/wire"
)

// frontDesk is a RADIUS server that knows one person.
type frontDesk struct{}

func (frontDesk) Handle(_ context.Context, r *radiuswire.Received) *radiuswire.Reply {
	if r.Packet.Code == radiuswire.AccountingRequest {
		return &radiuswire.Reply{Code: radiuswire.AccountingResponse}
	}
	if password, _ := r.Packet.Password(r.Peer.Secret()); string(password) != "Snegir-2021" {
		return &radiuswire.Reply{Code: radiuswire.AccessReject}
	}
	return &radiuswire.Reply{Code: radiuswire.AccessAccept}
}

// desk runs one and gives its address.
func desk(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	peer := radiuswire.NewPeer([]byte("a secret"), false, nil)
	s := radiuswire.NewServer(frontDesk{}, radiuswire.Options{Peer: func(netip.Addr) *radiuswire.Peer { return peer }})
	go func() { _ = s.ServeUDP(conn, radiuswire.Authentication|radiuswire.Accounting) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return conn.LocalAddr().String()
}

// files writes small files and gives their paths.
func files(t *testing.T, contents map[string]string) map[string]string {
	t.Helper()
	dir, paths := folder(t, contents), map[string]string{}
	for name := range contents {
		paths[name] = filepath.Join(dir, name)
	}
	return paths
}

// runLine runs a command line with standard input and gives exit code and both
// outputs.
func runLine(in string, args ...string) (int, string, string) {
	var out, messages bytes.Buffer
	code := dispatch(context.Background(), streams{strings.NewReader(in), &out, &messages}, args)
	return code, out.String(), messages.String()
}

func TestProbe(t *testing.T) {
	server := desk(t)
	f := files(t, map[string]string{"secret": "a secret\n", "password": "Snegir-2021\r\n", "wrong": "nope", "empty": "\n"})
	for name, c := range map[string]struct {
		in   string
		args string
		code int
		says string
	}{
		"accepted":            {"", "radius --server SERVER --secret-file SECRET --login orlovami --password-file PASSWORD", 0, "принят: pap"},
		"English":             {"", "radius --lang en --server SERVER --secret-file SECRET --login orlovami --password-file PASSWORD", 0, "accepted: pap"},
		"from standard input": {"Snegir-2021\n", "radius --server SERVER --secret-file SECRET --login orlovami --password-file -", 0, "принят"},
		"secret, the same":    {"a secret\n", "radius --server SERVER --secret-file - --login orlovami --password-file PASSWORD", 0, "принят"},
		"rejected":            {"", "radius --server SERVER --secret-file SECRET --login orlovami --password-file WRONG", 1, "explain ЛОГИН"},
		"another secret":      {"", "radius --server SERVER --secret-file WRONG --login orlovami --password-file PASSWORD --timeout 50ms --tries 2", 2, "нет ответа"},
		"accounting":          {"", "radius --method accounting --server SERVER --secret-file SECRET --login orlovami", 0, "Accounting-Response"},
		"both standard input": {"x", "radius --server SERVER --secret-file - --login a --password-file - --lang en", 2, "cannot both read"},
		"no secret":           {"", "radius --server SERVER --login a --password-file PASSWORD --lang en", 2, "--secret-file is missing"},
		"an empty file":       {"", "radius --server SERVER --secret-file EMPTY --login a --password-file PASSWORD --lang en", 2, "is empty"},
		"no server":           {"", "radius --secret-file SECRET --login a --password-file PASSWORD --lang en", 2, "--server is missing"},
		"no login":            {"", "radius --server SERVER --secret-file SECRET --password-file PASSWORD", 2, "--login"},
		"method":              {"", "radius --method chap --server SERVER --secret-file SECRET --login a --lang en", 2, "none of"},
		"language":            {"", "radius --lang de --server SERVER --secret-file SECRET --login a", 2, "язык"},
		"nothing":             {"", "", 2, "probe radius"},
		"eap without CA":      {"", "eap --server SERVER --secret-file SECRET --login a --password-file PASSWORD --lang en", 2, "--ca is missing"},
		"eap, a CA of none":   {"", "eap --ca WRONG --server SERVER --secret-file SECRET --login a --password-file PASSWORD --lang en", 2, "no certificate"},
		"eap, method":         {"", "eap --ca none --method leap --server SERVER --secret-file SECRET --login a --password-file PASSWORD --lang en", 2, "no EAP method"},
		"eap-tls, no key":     {"", "eap --ca none --method tls --server SERVER --secret-file SECRET --login a", 2, "--cert"},
		"eap, TLS":            {"", "eap --ca none --tls 1.1 --server SERVER --secret-file SECRET --login a --password-file PASSWORD", 2, "--tls: 1.2"},
		"eap, not offered":    {"", "eap --ca none --server SERVER --secret-file SECRET --login a --password-file PASSWORD", 1, "отклонён"},
		"RadSec without CA":   {"", "radius --radsec --server SERVER --login a --password-file PASSWORD", 2, "--radsec-ca"},
	} {
		args := strings.NewReplacer("SERVER", server, "SECRET", f["secret"], "PASSWORD", f["password"], "WRONG", f["wrong"], "EMPTY", f["empty"]).Replace(c.args)
		code, out, messages := runLine(c.in, append([]string{"probe"}, strings.Fields(args)...)...)
		if code != c.code || !strings.Contains(out+messages, c.says) || strings.Contains(out+messages, "Snegir") || strings.Contains(out+messages, "a secret") {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, messages)
		}
	}
	code, out, _ := runLine("", "probe", "radius", "--json", "--server", server, "--secret-file", f["secret"], "--login", "orlovami", "--password-file", f["wrong"])
	var report probe.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || report.Outcome != probe.Rejected || report.Problem != probe.ProblemRejected {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

func TestLoad(t *testing.T) {
	server := desk(t)
	f := files(t, map[string]string{"secret": "a secret\n", "users": "login,password\norlovami,Snegir-2021\nbelovas,Snegir-2021\n", "mixed": "orlovami,Snegir-2021\nbelovas,nope\n", "bad": "orlovami\n"})
	for name, c := range map[string]struct {
		args string
		code int
		says string
	}{
		"all accepted": {"--users USERS --concurrency 4 --count 100 --duration 10m", 0, "принят: 100"},
		"at a rate":    {"--users USERS --rate 1000 --count 50 --duration 10m", 0, "принят: 50"},
		"half":         {"--users MIXED --concurrency 4 --count 100 --duration 10m --lang en", 1, "rejected: 50"},
		"no users":     {"--users BAD --concurrency 4 --lang en", 2, "line 1"},
		"no load":      {"--users USERS --lang en", 2, "--rate or --concurrency"},
		"thinking":     {"--users USERS --rate 1 --think 1s --lang en", 2, "time to think"},
		"sockets":      {"--users USERS --rate 1 --sockets 5000", 2, "--sockets"},
		"method":       {"--users USERS --rate 1 --method chap --lang en", 2, "none of"},
	} {
		args := strings.NewReplacer("USERS", f["users"], "MIXED", f["mixed"], "BAD", f["bad"]).Replace(c.args)
		code, out, messages := runLine("", append([]string{"load", "radius", "--server", server, "--secret-file", f["secret"]}, strings.Fields(args)...)...)
		if code != c.code || !strings.Contains(out+messages, c.says) || strings.Contains(out+messages, "Snegir") {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, messages)
		}
	}
	code, out, _ := runLine("", "load", "radius", "--method", "accounting", "--json", "--server", server, "--secret-file", f["secret"], "--users", f["users"], "--concurrency", "2", "--count", "10", "--duration", "10m")
	var report load.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Ended != 10 || report.Rounds != 3 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if code, _, messages := runLine("", "load"); code != 2 || !strings.Contains(messages, "load radius или load eap или load ldap") {
		t.Errorf("exit %d: %s", code, messages)
	}
}

// What a flag is for is said in one language.
func TestProbeFlags(t *testing.T) {
	for _, command := range [][]string{{"probe", "radius"}, {"probe", "eap"}, {"probe", "ldap"}, {"load", "radius"}, {"load", "eap"}, {"load", "ldap"}} {
		code, out, messages := runLine("", append(command, "-h")...)
		if code != exitDone || out != "" || !strings.Contains(messages, "-server HOST[:PORT]") {
			t.Errorf("%v -h: exit %d\n%s%s", command, code, out, messages)
		}
		for line := range strings.Lines(messages) {
			if strings.HasPrefix(line, "    \t") && (!regexp.MustCompile(`[а-яё]`).MatchString(line) || strings.Contains(line, " / ")) {
				t.Errorf("%v -h, not in Russian alone: %s", command, line)
			}
		}
	}
	for _, command := range []string{"probe", "load"} {
		if code, _, _ := runLine("", command, "-h"); code != exitDone {
			t.Errorf("%s -h: exit %d", command, code)
		}
		if code, _, messages := runLine("", command, "dns"); code != exitUsage || !strings.Contains(messages, command+" radius") {
			t.Errorf("%s dns: exit %d\n%s", command, code, messages)
		}
	}
}
