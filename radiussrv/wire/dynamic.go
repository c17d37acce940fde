package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"layeh.com/radius"
)

// The codes of a change of authorization (RFC 5176 section 2.2).
const (
	CoARequest = Code(radius.CodeCoARequest)
	CoAACK     = Code(radius.CodeCoAACK)
	CoANAK     = Code(radius.CodeCoANAK)
)

// dynamic says that a server sends it to a NAS (RFC 5176), sealed whole.
func (c Code) dynamic() bool { return c == DisconnectRequest || c == CoARequest }

// answersDynamic says that a NAS answers such a request with it.
func (c Code) answersDynamic() bool {
	return c == DisconnectACK || c == DisconnectNAK || c == CoAACK || c == CoANAK
}

// ErrNoTunnel says that the NAS has no RadSec connection open at the moment.
var ErrNoTunnel = errors.New("the NAS has no RadSec connection open")

// asking are the requests that wait for an answer on one connection, which has
// its own identifiers in each direction.
//
//	Ask ─► identifier, request ─► connection ─► NAS
//	                                             │ ACK, NAK
//	        answer ◄── proven ◄── waiting[id] ◄──┘    else it is passed over
type asking struct {
	mu      sync.Mutex
	next    byte
	waiting map[byte]*pending // at most maxAsking
	gone    bool
}

// maxAsking bounds what waits on one connection; identifiers are not soon used
// anew then.
const maxAsking = 128

// begin gives a request its identifier.
func (a *asking) begin(r *Request, peer *Peer) (*pending, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.gone:
		return nil, ErrNoTunnel
	case len(a.waiting) >= maxAsking:
		return nil, fmt.Errorf("%w: %d requests wait on the RadSec connection", ErrNoAnswer, maxAsking)
	case a.waiting == nil:
		a.waiting = map[byte]*pending{}
	}
	for a.waiting[a.next] != nil {
		a.next++
	}
	r.ID = a.next
	a.next++
	b, err := r.encode(peer)
	if err != nil {
		return nil, err
	}
	p := &pending{request: b, answer: make(chan outcome, 1)}
	a.waiting[r.ID] = p
	return p, nil
}

func (a *asking) forget(id byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
}

// end tells all who wait that the connection is gone.
func (a *asking) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	for _, p := range a.waiting {
		p.tell(outcome{nil, ErrNoTunnel})
	}
}

// take finds out which request a packet answers. False is a forgery, or an
// answer so late that another request has its identifier; what answers nothing
// that waits came late too, and is no harm.
func (a *asking) take(b []byte, peer *Peer) bool {
	a.mu.Lock()
	p := a.waiting[b[1]]
	a.mu.Unlock()
	if p == nil {
		return true
	}
	packet, err := parseReply(b, p.request, peer)
	if err != nil {
		return false
	}
	p.tell(outcome{packet, nil})
	return true
}

// tell hands over the first outcome; those that come after it count for nothing.
func (p *pending) tell(o outcome) {
	select {
	case p.answer <- o:
	default:
	}
}

// Tunnel is a RadSec connection that a NAS has opened.
type Tunnel struct{ link *tlsLink }

// Ask sends a request the other way ("reverse CoA"; RFC 6614 section 2.5 lets a
// server send it on a connection that it accepted), and waits for the answer
// until ctx ends. The error is ErrNoTunnel where the connection breaks,
// ErrNoAnswer, or ctx's.
func (t Tunnel) Ask(ctx context.Context, r *Request) (*Packet, error) {
	c := t.link
	p, err := c.asking.begin(r, radsecPeer)
	if err != nil {
		return nil, err
	}
	defer c.asking.forget(r.ID)
	if err := c.send(p.request, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTunnel, err)
	}
	select {
	case o := <-p.answer:
		return o.packet, o.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ErrNoAnswer
		}
		return nil, ctx.Err()
	}
}

// radsecPeer signs what is asked over RadSec; who is asked, the connection says.
var radsecPeer = NewTunnelPeer(nil)

// Tunnels gives the RadSec connections that fit, the best ones first and of
// those that fit alike the one that was heard last. Fit says how well, by whom a
// connection's certificate stands for now and where it comes from; 0 is not at
// all.
func (s *Server) Tunnels(fit func(peer *Peer, from netip.AddrPort) int) []Tunnel {
	type candidate struct {
		link  *tlsLink
		fit   int
		heard int64
	}
	var all []candidate
	for l, c := range s.tunnels.all() {
		if peer := l.identify(c.from.Addr(), c.proven.Load()); peer != nil {
			if n := fit(peer, c.from); n > 0 {
				all = append(all, candidate{c, n, c.heard.Load()})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(b.fit-a.fit, cmp.Compare(b.heard, a.heard)) })
	list := make([]Tunnel, len(all))
	for i := range all {
		list[i] = Tunnel{all[i].link}
	}
	return list
}

// tunnels are a server's RadSec listeners.
type tunnels struct {
	mu        sync.Mutex
	listeners []*tlsListener
}

func (t *tunnels) add(l *tlsListener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners = append(t.listeners, l)
}

func (t *tunnels) remove(l *tlsListener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners = slices.DeleteFunc(t.listeners, func(o *tlsListener) bool { return o == l })
}

// all gives the connections whose certificate is verified.
func (t *tunnels) all() iter.Seq2[*tlsListener, *tlsLink] {
	return func(yield func(*tlsListener, *tlsLink) bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, l := range t.listeners {
			for _, c := range l.links() {
				if c.proven.Load() != nil && !yield(l, c) {
					return
				}
			}
		}
	}
}

// links gives the connections there are.
func (l *tlsListener) links() []*tlsLink {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.conns))
}
