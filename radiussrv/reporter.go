package radiussrv

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// reporter counts what the engine drops and writes about it, seldom: anybody
// who reaches the port can cause a line, so each cause gets one line a minute
// an address, and all together get at most lineBurst a minute, half of which no
// stranger can use up.
type reporter struct {
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics

	mu        sync.Mutex
	minute    time.Time // begin of the current minute
	written   map[cause]struct{}
	strangers int // of those written, about addresses that are no client
	withheld  int
	refused   map[netip.Addr]int  // sign-ins in the current minute
	announced map[string]struct{} // clients whose unsigned requests were reported
}

// cause is what one line a minute is written about.
type cause struct {
	what string
	addr netip.Addr
}

// Bounds of what is written, and of the table of clients already reported.
const (
	lineBurst    = 20
	maxAnnounced = 10000
	// manyRefused in a minute behind one address are a line: a whole school that
	// comes in the morning with old passwords is fewer.
	manyRefused    = 1000
	maxRefusedFrom = 10000 // addresses that are counted
)

// unknownClient is the one line that whoever invents addresses can cause.
const unknownClient = "RADIUS packet from an address that is no client"

func newReporter(log *slog.Logger, now func() time.Time, m *metrics) *reporter {
	return &reporter{
		log: log, now: now, metrics: m,
		written:   make(map[cause]struct{}),
		refused:   make(map[netip.Addr]int),
		announced: make(map[string]struct{}),
	}
}

// may says whether a line about this may be written now, and how many were
// withheld before.
func (l *reporter) may(what string, addr netip.Addr) (withheld int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	c := cause{what, addr}
	_, done := l.written[c]
	if done || len(l.written) >= lineBurst || what == unknownClient && l.strangers >= lineBurst/2 {
		l.withheld++
		return 0, false
	}
	l.written[c] = struct{}{}
	if what == unknownClient {
		l.strangers++
	}
	withheld, l.withheld = l.withheld, 0
	return withheld, true
}

// turn begins another minute when it is time.
func (l *reporter) turn() {
	if now := l.now(); now.Sub(l.minute) >= time.Minute || now.Before(l.minute) {
		l.minute, l.strangers = now, 0
		clear(l.written)
		clear(l.refused)
	}
}

// refusal counts a sign-in that was refused, and tells of very many.
func (l *reporter) refusal(client *Client, addr netip.Addr) {
	l.mu.Lock()
	l.turn()
	n := l.refused[addr] + 1
	if n > 1 || len(l.refused) < maxRefusedFrom {
		l.refused[addr] = n
	}
	l.mu.Unlock()
	if n == manyRefused {
		l.warn("very many RADIUS sign-ins are refused", addr, client,
			"see why (schoolbridge_auth_verdicts_total by reason), and whether a device behind the client goes wild or somebody guesses")
	}
}

func (l *reporter) warn(what string, addr netip.Addr, client *Client, remedy string) {
	withheld, ok := l.may(what, addr)
	if !ok {
		return
	}
	attrs := []any{"addr", addr.String()}
	if client != nil {
		attrs = append(attrs, "client", client.Name)
	}
	if remedy != "" {
		attrs = append(attrs, "remedy", remedy)
	}
	if withheld > 0 {
		attrs = append(attrs, "lines_withheld", withheld)
	}
	l.log.Warn(what, attrs...)
}

// Dropped is told by the engine.
func (l *reporter) Dropped(why wire.Drop, from netip.AddrPort, peer *wire.Peer) {
	l.metrics.drops[why].Inc()
	addr := from.Addr().Unmap()
	var client *Client
	if peer != nil {
		client = peer.Owner().(*Client)
	}
	switch why {
	case wire.DropUnknownPeer:
		l.warn(unknownClient, addr, nil,
			fmt.Sprintf("if it is yours, add to radius.clients: {name: NAME, range: %s, secret_file: FILE}", netip.PrefixFrom(addr.WithZone(""), addr.BitLen())))
	case wire.DropMalformed:
		l.warn("malformed RADIUS packet", addr, client, "")
	case wire.DropCode:
		l.warn("RADIUS packet of a kind that this port does not take", addr, client, "authentication and accounting have a port each: check the client's settings")
	case wire.DropUnsigned:
		l.warn("RADIUS request without Message-Authenticator", addr, client,
			"switch Message-Authenticator on in the client, or, for an old device that cannot, set message_authenticator: optional (never enough for EAP, Proxy-State and Status-Server)")
	case wire.DropForged:
		l.warn("RADIUS request with a wrong authenticator", addr, client, "most likely the client has another secret than secret_file")
	case wire.DropOverload, wire.DropLate:
		l.warn("RADIUS requests dropped: overload", addr, client, "")
	case wire.DropReply:
		l.warn("a RADIUS reply could not be sent", addr, client, "")
	case wire.DropLimit:
		l.warn("RadSec connection refused: too many in all", addr, client, "if all of them are yours, raise radius.radsec_limits.connections")
	case wire.DropLimitAt:
		l.warn("RadSec connection refused: too many from this address", addr, client, "if all of them are yours, raise radius.radsec_limits.per_source")
	case wire.DropHandshake:
		l.warn("RadSec connection refused: TLS or certificate", addr, client, "the client's certificate has to come from the configured authority and name a client")
	}
}

// Duplicate is told by the engine.
func (l *reporter) Duplicate(answered bool) {
	if answered {
		l.metrics.answered.Inc()
	} else {
		l.metrics.inFlight.Inc()
	}
}

// Panicked is told by the engine. The value may hold anything, so only its type
// is written; the stack says where.
func (l *reporter) Panicked(value any, stack []byte) {
	if _, ok := l.may("panic", netip.Addr{}); ok {
		l.log.Error("a RADIUS request caused a panic; it was dropped", "type", fmt.Sprintf("%T", value), "stack", string(stack))
	}
}

// unsigned warns once per client that it does not sign.
func (l *reporter) unsigned(client *Client, addr netip.Addr) {
	l.mu.Lock()
	_, done := l.announced[client.Name]
	done = done || len(l.announced) >= maxAnnounced
	if !done {
		l.announced[client.Name] = struct{}{}
	}
	l.mu.Unlock()
	if !done {
		l.log.Warn("this RADIUS client does not send Message-Authenticator: its requests and their replies can be forged (CVE-2024-3596)",
			"client", client.Name, "addr", addr.String(), "remedy", "update the device, switch Message-Authenticator on there, then remove message_authenticator: optional")
	}
}

func (l *reporter) garbled(client *Client, addr netip.Addr) {
	l.warn("a RADIUS password cannot be decrypted", addr, client, "most likely the client has another secret than secret_file")
}

// forged tells of an answer to a Disconnect-Request or CoA-Request.
func (l *reporter) forged(client *Client, addr netip.Addr) {
	l.warn("a RADIUS client's answer to a Disconnect or CoA request has a wrong authenticator", addr, client,
		"most likely it has another secret for these requests than dynamic_authorization.secret_file, or where there is none secret_file")
}

// eapFaults are what an administrator can mend when devices fail before anybody
// has shown a password.
var eapFaults = map[identity.Reason]struct{ what, remedy string }{
	identity.ReasonDistrust: {"a device does not trust the certificate of EAP", "give devices the authority and the server name of the certificate, as the administrator's page says"},
	identity.ReasonHandshake: {"a device and EAP find no common TLS",
		"look at the device's cipher suites, and at whether it has a certificate where EAP-TLS wants one"},
	identity.ReasonOldTLS: {"a device speaks TLS 1.1 at most",
		"TLS 1.2 or 1.3 is needed: update the device, or give it a network of its own"},
	identity.ReasonNoMasterSecret: {"a device speaks TLS 1.2 without Extended Master Secret",
		"update the device, switch TLS 1.3 on there, or give it a network of its own"},
	identity.ReasonListOutdated: {"a revocation list is out of date: certificates of its authority are not let in", "renew radius.eap.authorities[].crl_file and reload"},
}

func (l *reporter) eap(why identity.Reason, client *Client, addr netip.Addr) {
	if f, ok := eapFaults[why]; ok {
		l.warn(f.what, addr, client, f.remedy)
	}
}

func (l *reporter) busy(client *Client, addr netip.Addr) {
	l.warn("RADIUS requests dropped: too many of this client, or of accounting, are under way", addr, client,
		"look what they wait for (/readyz: mos.ru, the store), and whether a device behind the client goes wild")
}

func (l *reporter) lost(client *Client, err error) {
	if _, ok := l.may("accounting", netip.Addr{}); ok {
		l.log.Error("RADIUS accounting could not be kept; the client will send it again", "client", client.Name, "err", err)
	}
}

// crowded tells that a session is looked for over some of a client's connections
// only.
func (l *reporter) crowded(client *Client, open, asked int) {
	if _, ok := l.may("crowded "+client.Name, netip.Addr{}); ok {
		l.log.Warn("a RADIUS client has more RadSec connections open than are asked about a session: somebody may not be disconnected", "client", client.Name,
			"open", open, "asked", asked, "remedy", "raise radius.radsec_limits.asked, or give each device a certificate and a client of its own")
	}
}
