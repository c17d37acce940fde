package wire

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the engine's figures.
type metrics struct {
	connections prometheus.Gauge
	halfOpen    prometheus.Gauge
	refused     *prometheus.CounterVec
	ended       *prometheus.CounterVec
	requests    prometheus.Counter
	busy        prometheus.Counter
	malformed   prometheus.Counter
	handshakes  prometheus.Counter
	versions    *prometheus.CounterVec
	panics      prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_" + name, Help: help})
	}
	vector := func(name, label, help string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_" + name, Help: help}, []string{label})
	}
	return metrics{
		connections: f.NewGauge(prometheus.GaugeOpts{Name: "schoolbridge_ldapsrv_connections", Help: "Open LDAP connections."}),
		halfOpen:    f.NewGauge(prometheus.GaugeOpts{Name: "schoolbridge_ldapsrv_handshakes", Help: "TLS handshakes of LDAP connections that are under way."}),
		refused:     vector("refused_connections_total", "limit", "LDAP connections refused, by limit."),
		ended:       vector("ended_connections_total", "why", "LDAP connections that were ended because of what the client did or left undone."),
		requests:    counter("requests_total", "LDAP requests read."),
		busy:        counter("busy_total", "LDAP requests answered busy, because too many of one source were under way."),
		malformed:   counter("malformed_total", "LDAP connections ended because of malformed or too large requests."),
		handshakes:  counter("failed_handshakes_total", "TLS handshakes that failed."),
		versions:    vector("tls_connections_total", "version", "LDAP connections with TLS, by its version; 1.2_rsa is 1.2 with RSA key exchange."),
		panics:      counter("panics_total", "LDAP connections ended by a fault of ours."),
	}
}

// What connections are refused or ended for, as metrics and log say it.
const (
	troubleClosing     = "closing"
	troubleConnections = "connections" // Limits.Connections
	troublePerSource   = "per_source"  // Limits.PerSource
	troubleHandshakes  = "handshakes"  // Limits.Handshakes
	troubleProxy       = "proxy"       // no PROXY header, or not from a balancer

	troubleIdle      = "idle"
	troubleCrowded   = "crowded"      // made room where a limit was reached: of all, of its source, of its handshakes, or of those without a PROXY header
	troublePerPerson = "per_person"   // Limits.PerPerson
	troubleSlow      = "slow_request" // began and was not finished in time
	troubleUnread    = "unread"       // Limits.Unread
	troubleDeaf      = "slow_reader"  // Limits.Write
	troubleTooLarge  = "too_large"
	troubleMalformed = "malformed"
	troubleBusy      = "memory" // Limits.LargePDUs

	troubleOperations = "operations" // Limits.Operations
	troubleHandshake  = "handshake"  // failed otherwise than as follows
	troubleNotTLS     = "not_tls"    // what came is no TLS
	troubleDistrust   = "distrust"   // the client does not take our certificate
	troubleLeft       = "left"       // or said nothing for too long
)

// versionName gives the key exchange too where it, as much as an old version, takes
// a listener for old boards.
func versionName(s tls.ConnectionState) string {
	switch s.Version {
	case tls.VersionTLS10:
		return "1.0"
	case tls.VersionTLS11:
		return "1.1"
	case tls.VersionTLS12:
		if strings.HasPrefix(tls.CipherSuiteName(s.CipherSuite), "TLS_RSA_") {
			return "1.2_rsa"
		}
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	}
	return "other"
}

// noticePause is how long a kind of trouble is silent after a line about it.
const noticePause = time.Minute

// notices write a line of log for each kind of trouble, once in a while: what
// anybody on the network can cause must not fill a disk.
type notices struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	kinds map[string]*notice
}

type notice struct {
	silent time.Time // until then
	unsaid int       // how often meanwhile
}

func newNotices(log *slog.Logger) *notices {
	return &notices{log: log, now: time.Now, kinds: map[string]*notice{}}
}

// say writes it, or counts it for the next line; more are further attributes.
func (n *notices) say(what, kind string, from netip.Addr, more ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, of := n.now(), n.kinds[kind]
	if of == nil {
		of = &notice{}
		n.kinds[kind] = of
	}
	if now.Before(of.silent) {
		of.unsaid++
		return
	}
	n.log.Warn(what, append([]any{"why", kind, "source", from, "unsaid", of.unsaid}, more...)...)
	of.silent, of.unsaid = now.Add(noticePause), 0
}
