package radiussrv

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// DefaultRejectDelay is what the configuration gives a client that does not say.
const DefaultRejectDelay = time.Second

// maxRejectDelay keeps a delayed reject inside the time that access points wait.
const maxRejectDelay = 2 * time.Second

// Client is a NAS or a network of them: who may send us requests.
type Client struct {
	Name   string            // as policy, logs and metrics know it
	Prefix netip.Prefix      // the longest that holds the address counts
	Secret identity.Password // "": none; the client comes over RadSec only
	School string            // ekis_id of the school where it stands, or ""
	// Unsigned takes requests without Message-Authenticator, for old devices
	// (message_authenticator: optional).
	Unsigned bool
	// RejectDelay is the least time from a request to its reject, taken as it
	// is: 0 is none. At most 2 s.
	RejectDelay time.Duration
	// Certificate is the DNS name in the certificate with which the client
	// comes over RadSec, from any address; Prefix may be left out then. "": any
	// certificate of the configured authority, from Prefix.
	Certificate string
	// Vendor chooses the attributes of a grant that only some clients know.
	Vendor Vendor
	// DynamicPort is the UDP port at which the client takes Disconnect-Requests
	// and CoA-Requests (RFC 5176 section 2.3: 3799); 0: it takes none.
	DynamicPort uint16
	// DynamicSecret is the secret there; "": Secret.
	DynamicSecret identity.Password
	// DynamicTunnel sends them over the RadSec connection that the client has
	// opened, and to DynamicPort only where there is none.
	DynamicTunnel bool
	// NoCoA keeps CoA-Requests from a client that does not know them.
	NoCoA bool

	busy *wire.Share // sign-ins in work
}

// Clients is a table of NAS clients, made once and never changed: a reload makes
// another one.
type Clients struct {
	bits     []int // prefix lengths in use, longest first, IPv6 counted above IPv4
	byPrefix map[netip.Prefix]*wire.Peer
	byName   map[string]*wire.Peer
	tunnels  map[*Client]*wire.Peer // the same clients over RadSec
	byCert   map[string]*Client
}

// NewClients checks the table and names every fault at once.
func NewClients(list []Client) (*Clients, error) {
	c := &Clients{
		byPrefix: make(map[netip.Prefix]*wire.Peer), byName: make(map[string]*wire.Peer),
		tunnels: make(map[*Client]*wire.Peer), byCert: make(map[string]*Client),
	}
	lengths := make(map[int]bool)
	var faults []error
	for i := range list {
		client := list[i]
		client.busy = new(wire.Share)
		client.Prefix = canonical(client.Prefix)
		client.Certificate = strings.ToLower(client.Certificate)
		if err := c.fault(client); err != nil {
			faults = append(faults, fmt.Errorf("RADIUS client %d (%q): %w", i+1, client.Name, err))
			continue
		}
		peer := wire.NewPeer([]byte(string(client.Secret)), client.Unsigned, &client)
		c.byName[client.Name] = peer
		if client.Secret != "" { // without one nothing that comes over UDP is believed
			c.byPrefix[client.Prefix] = peer
			lengths[client.Prefix.Bits()] = true
		}
		c.tunnels[&client] = wire.NewTunnelPeer(&client)
		if client.Certificate != "" {
			c.byCert[client.Certificate] = &client
		}
	}
	for n := range lengths {
		c.bits = append(c.bits, n)
	}
	sort.Sort(sort.Reverse(sort.IntSlice(c.bits)))
	return c, errors.Join(faults...)
}

// canonical drops host bits and writes mapped IPv4 as IPv4, as addresses are
// looked up.
func canonical(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

func (c *Clients) fault(client Client) error {
	switch {
	case client.Name == "":
		return errors.New("it has no name")
	case c.byName[client.Name] != nil:
		return errors.New("another client has the same name")
	case !client.Prefix.IsValid() && (client.Certificate == "" || client.Secret != ""):
		return errors.New("its address range is not valid")
	case c.byPrefix[client.Prefix] != nil:
		return errors.New("another client has the same address range")
	case client.Certificate != "" && c.byCert[client.Certificate] != nil:
		return errors.New("another client has the same certificate name")
	case client.Secret == "" && client.Certificate == "":
		return errors.New("it has no secret")
	case !client.Vendor.known():
		return fmt.Errorf("the vendor %q is not known", client.Vendor)
	case client.RejectDelay < 0 || client.RejectDelay > maxRejectDelay:
		return errors.New("its reject delay is not between 0 and 2 s: access points give up waiting")
	}
	return nil
}

// Find gives the client whose range holds the address most narrowly, or nil.
func (c *Clients) Find(addr netip.Addr) *Client {
	if peer := c.peer(addr); peer != nil {
		return peer.Owner().(*Client)
	}
	return nil
}

// Named gives the client of that name, or nil.
func (c *Clients) Named(name string) *Client {
	if c == nil || c.byName[name] == nil {
		return nil
	}
	return c.byName[name].Owner().(*Client)
}

// tunnel gives the client that a verified certificate stands for: the one whose
// name it bears, else the one at the address that asks for no name.
func (c *Clients) tunnel(addr netip.Addr, state *tls.ConnectionState) *wire.Peer {
	if c == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	for _, name := range state.PeerCertificates[0].DNSNames {
		if client := c.byCert[strings.ToLower(name)]; client != nil {
			return c.tunnels[client]
		}
	}
	if client := c.Find(addr); client != nil && client.Certificate == "" {
		return c.tunnels[client]
	}
	return nil
}

func (c *Clients) peer(addr netip.Addr) *wire.Peer {
	if c == nil {
		return nil
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range c.bits {
		prefix, err := addr.Prefix(n)
		if err != nil { // an IPv6 length, an IPv4 address
			continue
		}
		if peer := c.byPrefix[prefix]; peer != nil {
			return peer
		}
	}
	return nil
}
