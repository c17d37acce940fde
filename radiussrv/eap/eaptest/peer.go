package eaptest

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"time"

	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/eap/packet"
)

// Flags of the TLS-based methods.
const (
	flagLength = 0x80
	flagMore   = 0x40
	flagStart  = 0x20
)

// Send hands one EAP packet to the server and gives its answer.
type Send func(message []byte) (reply []byte)

// Peer signs in as devices do. The zero value of what is optional does the
// usual thing.
type Peer struct {
	Outer, Name, Password string
	Method                packet.Type
	// Inside is "pap", "mschapv2", "eap-mschapv2", "eap-gtc", or "" for EAP-TLS.
	Inside   string
	TLS      *tls.Config
	Fragment int // bytes of TLS in a message; 0: all
	// Wrong changes what is sent: called with the name of the step and the
	// message inside the tunnel, or the type data of the EAP response.
	Wrong func(step string, b []byte) []byte
	// Leave ends the conversation before this step, as one who walks away.
	Leave string

	send  Send
	id    byte
	trips int
	conn  *tls.Conn
	in    []byte
	out   []byte
	clear []byte
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	state tls.ConnectionState
}

// Outcome is what a peer sees.
type Outcome struct {
	Success bool
	MSK     [64]byte
	Resumed bool
	Trips   int
	Proven  bool   // the server showed that it knows the password
	Error   string // of a failure inside: its text
}

// ErrLeft is what Run fails with where the peer leaves.
var ErrLeft = errors.New("the peer has left")

// client is the peer's end of TLS: crypto/tls in a coroutine, as on the server.
type client Peer

func (c *client) Read(p []byte) (int, error) {
	for len(c.in) == 0 {
		if !c.yield(struct{}{}) {
			return 0, os.ErrClosed
		}
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}
func (c *client) Write(p []byte) (int, error)      { c.out = append(c.out, p...); return len(p), nil }
func (*client) Close() error                       { return nil }
func (*client) LocalAddr() net.Addr                { return &net.UDPAddr{} }
func (*client) RemoteAddr() net.Addr               { return &net.UDPAddr{} }
func (*client) SetDeadline(t time.Time) error      { return nil }
func (*client) SetReadDeadline(t time.Time) error  { return nil }
func (*client) SetWriteDeadline(t time.Time) error { return nil }

// Run signs in.
func (p *Peer) Run(send Send) (Outcome, error) {
	p.send, p.trips, p.in, p.out, p.clear = send, 0, nil, nil, nil
	defer func() {
		if p.stop != nil {
			p.stop()
		}
	}()
	var o Outcome
	outer := p.Outer
	if outer == "" {
		outer = "anonymous@school.example"
	}
	err := p.talk(outer, &o)
	o.Trips = p.trips
	return o, err
}

// step lets a test change what is sent.
func (p *Peer) step(name string, b []byte) ([]byte, error) {
	if p.Leave == name {
		return nil, ErrLeft
	}
	if p.Wrong != nil {
		b = p.Wrong(name, b)
	}
	return b, nil
}

// respond sends one response; at the end there is a Success or Failure.
func (p *Peer) respond(t packet.Type, data []byte) (packet.Packet, error) {
	p.trips++
	if p.trips > 400 {
		return packet.Packet{}, errors.New("too many round trips")
	}
	reply := p.send(packet.Packet{Code: packet.Response, ID: p.id, Type: t, Data: data}.Bytes())
	r, err := packet.Parse(reply)
	if err == nil {
		p.id = r.ID
	}
	return r, err
}

// over is what a conversation that has ended says.
type over struct{ packet.Packet }

func (over) Error() string { return "the conversation is over" }

func (p *Peer) talk(outer string, o *Outcome) error {
	err := p.method(outer, o)
	var end over
	if errors.As(err, &end) {
		o.Success = end.Code == packet.Success
		if o.Success {
			return p.keys(o)
		}
		return nil
	}
	return err
}

func (p *Peer) keys(o *Outcome) error {
	label, context := map[packet.Type]string{packet.TTLS: "ttls keying material"}[p.Method], []byte(nil)
	if label == "" {
		label = "client EAP encryption"
	}
	p.state = p.conn.ConnectionState()
	if p.state.Version == tls.VersionTLS13 {
		label, context = "EXPORTER_EAP_TLS_Key_Material", []byte{byte(p.Method)}
	}
	b, err := p.state.ExportKeyingMaterial(label, context, 128)
	if err != nil {
		return err
	}
	o.MSK, o.Resumed = [64]byte(b[:64]), p.state.DidResume
	return nil
}

func (p *Peer) method(outer string, o *Outcome) error {
	b, err := p.step("identity", []byte(outer))
	if err != nil {
		return err
	}
	r, err := p.respond(packet.Identity, b)
	if err == nil && r.Code == packet.Request && r.Type != p.Method {
		r, err = p.respond(packet.Nak, []byte{byte(p.Method)})
	}
	if err != nil {
		return err
	}
	if r.Code != packet.Request {
		return over{r}
	}
	if r.Type != p.Method || len(r.Data) != 1 || r.Data[0] != flagStart {
		return fmt.Errorf("no Start but %v %x", r.Type, r.Data)
	}
	if err := p.handshake(); err != nil {
		return err
	}
	switch p.Method {
	case packet.TLS:
		return p.bare()
	case packet.PEAP:
		return p.peap(o)
	}
	return p.ttls(o)
}

// handshake runs TLS until its end, and sends our last flight.
func (p *Peer) handshake() error {
	p.conn = tls.Client((*client)(p), p.TLS)
	var failed error
	done := false
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		failed = p.conn.Handshake()
		done = true
		if failed != nil {
			return
		}
		buf := make([]byte, 4096)
		for {
			n, err := p.conn.Read(buf)
			p.clear = append(p.clear, buf[:n]...)
			if err != nil {
				return
			}
		}
	})
	for at := 1; ; at++ {
		p.next()
		if done {
			break
		}
		if err := p.exchange(fmt.Sprintf("hello %d", at)); err != nil {
			return err
		}
	}
	if failed != nil {
		if err := p.exchange("alert"); err != nil {
			return err
		}
		return failed
	}
	p.state = p.conn.ConnectionState()
	return nil
}

// exchange sends what TLS has to say, in fragments, and takes the answer.
func (p *Peer) exchange(step string) error {
	b, err := p.step(step, p.out)
	if err != nil {
		return err
	}
	p.out = nil
	size := p.Fragment
	if size == 0 {
		size = max(len(b), 1)
	}
	for first := true; ; first = false {
		n := min(size, len(b))
		data := []byte{0}
		if n < len(b) {
			data[0] |= flagMore
			if first {
				data[0] |= flagLength
				data = binary.BigEndian.AppendUint32(data, uint32(len(b)))
			}
		}
		data = append(data, b[:n]...)
		b = b[n:]
		r, err := p.respond(p.Method, data)
		switch {
		case err != nil:
			return err
		case r.Code != packet.Request:
			return over{r}
		case len(b) > 0:
			if len(r.Data) != 1 || r.Data[0] != 0 {
				return errors.New("a fragment was not acknowledged")
			}
			continue
		}
		return p.collect(r)
	}
}

// collect puts the server's fragments together.
func (p *Peer) collect(r packet.Packet) error {
	for {
		if len(r.Data) == 0 {
			return errors.New("a request without flags")
		}
		flags, rest := r.Data[0], r.Data[1:]
		if flags&flagLength != 0 {
			rest = rest[4:]
		}
		p.in = append(p.in, rest...)
		if flags&flagMore == 0 {
			return nil
		}
		var err error
		if r, err = p.respond(p.Method, []byte{0}); err != nil {
			return err
		}
		if r.Code != packet.Request {
			return over{r}
		}
	}
}

// tell sends application data, and gives what comes back inside.
func (p *Peer) tell(step string, b []byte) ([]byte, error) {
	b, err := p.step(step, b)
	if err != nil {
		return nil, err
	}
	if len(b) > 0 {
		if _, err := p.conn.Write(b); err != nil {
			return nil, err
		}
	}
	p.clear = nil
	if err := p.exchange("record of " + step); err != nil {
		return nil, err
	}
	p.next() // reads all there is
	return p.clear, nil
}

// bare ends EAP-TLS: the last flight, then an empty message for the server's.
func (p *Peer) bare() error {
	said, err := p.tell("finished", nil)
	if err != nil {
		return err
	}
	if p.state.Version == tls.VersionTLS13 && len(said) > 0 && (len(said) != 1 || said[0] != 0) {
		return fmt.Errorf("no protected success but %x", said)
	}
	if p.state.Version == tls.VersionTLS13 && len(said) == 0 { // an alert
		err := p.last("alert")
		var end over
		if errors.As(err, &end) && end.Code == packet.Success {
			return errors.New("success without a protected one")
		}
		return err
	}
	return p.last("done")
}

// last sends an empty message; the conversation has to end.
func (p *Peer) last(step string) error {
	if _, err := p.tell(step, nil); err != nil {
		return err
	}
	return errors.New("the server goes on and on")
}

func (p *Peer) peap(o *Outcome) error {
	said, err := p.tell("finished", nil)
	if err == nil && len(said) == 0 { // TLS 1.2: our empty message starts the inside
		said, err = p.tell("empty", nil)
	}
	for err == nil {
		if len(said) < 1 {
			return errors.New("nothing is asked inside")
		}
		if len(said) == 11 && said[0] == byte(packet.Request) && said[4] == byte(packet.Extensions) {
			said[0] = byte(packet.Response)
			said, err = p.tell("result", said)
			continue
		}
		t, data, step := p.answer(packet.Type(said[0]), said[1:], o)
		said, err = p.tell(step, append([]byte{byte(t)}, data...))
	}
	return err
}

// answer is what is said inside EAP.
func (p *Peer) answer(t packet.Type, data []byte, o *Outcome) (packet.Type, []byte, string) {
	want := packet.MSCHAPv2
	if p.Inside == "eap-gtc" {
		want = packet.GTC
	}
	switch {
	case t == packet.Identity:
		return t, []byte(p.Name), "inner identity"
	case t != want:
		return packet.Nak, []byte{byte(want)}, "inner nak"
	case t == packet.GTC:
		return t, []byte(p.Password), "password"
	case data[0] == 1:
		return t, p.response(data), "response"
	case data[0] == 3:
		o.Proven = true
		return t, []byte{3}, "proven"
	}
	o.Error = string(data[4:])
	return t, []byte{4}, "refused"
}

// response answers a challenge of EAP-MSCHAPv2.
func (p *Peer) response(data []byte) []byte {
	value := p.chap([16]byte(data[5:21]))
	b := append([]byte{2, data[1], 0, 0, 49}, value...)
	b = append(append(b, 0), p.Name...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// chap is peer challenge, reserved and NT response.
func (p *Peer) chap(challenge [16]byte) []byte {
	var mine [16]byte
	_, _ = io.ReadFull(rand.Reader, mine[:])
	nt := mschap.Response(mschap.NTHash(p.Password), mschap.Challenge(mine, challenge, mschap.Name(p.Name)))
	return append(append(mine[:], make([]byte, 8)...), nt[:]...)
}

// AVP encodes one AVP; vendor 0 for none.
func AVP(vendor, code uint32, data []byte) []byte {
	size, flags := 8+len(data), uint32(0x40)
	if vendor != 0 {
		size, flags = size+4, 0xc0
	}
	b := binary.BigEndian.AppendUint32(nil, code)
	b = binary.BigEndian.AppendUint32(b, flags<<24|uint32(size))
	if vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, vendor)
	}
	b = append(b, data...)
	return append(b, make([]byte, -size&3)...)
}

func (p *Peer) ttls(o *Outcome) error {
	if p.state.DidResume {
		return p.last("finished")
	}
	switch p.Inside {
	case "pap":
		padded := append([]byte(p.Password), make([]byte, -len(p.Password)&15)...)
		_, err := p.tell("password", append(AVP(0, 1, []byte(p.Name)), AVP(0, 2, padded)...))
		return err
	case "mschapv2":
		exported, err := p.state.ExportKeyingMaterial("ttls challenge", nil, 17)
		if err != nil {
			return err
		}
		b := append(AVP(0, 1, []byte(p.Name)), AVP(311, 11, exported[:16])...)
		value := p.chap([16]byte(exported[:16]))
		b = append(b, AVP(311, 25, append([]byte{exported[16], 0}, value...))...)
		said, err := p.tell("response", b)
		if err != nil {
			return err
		}
		o.Proven = len(said) > 12+3 && string(said[13:15]) == "S="
		return p.last("proven")
	}
	identity := packet.Packet{Code: packet.Response, Type: packet.Identity, Data: []byte(p.Name)}
	said, err := p.tell("inner identity", AVP(0, 79, identity.Bytes()))
	for err == nil {
		if len(said) < 8+5 {
			return errors.New("nothing is asked inside")
		}
		var r packet.Packet
		if r, err = packet.Parse(said[8 : 8+binary.BigEndian.Uint16(said[10:12])]); err != nil {
			return err
		}
		t, data, step := p.answer(r.Type, r.Data, o)
		answer := packet.Packet{Code: packet.Response, ID: r.ID, Type: t, Data: data}
		said, err = p.tell(step, AVP(0, 79, answer.Bytes()))
	}
	return err
}
