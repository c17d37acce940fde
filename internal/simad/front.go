package simad

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Bounds of the front.
const (
	mostRequest = 1 << 20  // bytes of a message from outside
	mostReply   = 64 << 20 // bytes of a message from gldap: a group with all its members
	greeting    = 30 * time.Second
	idle        = 15 * time.Minute
	busy        = time.Minute // for one request
)

// Operations of RFC 4511, by their application tags.
const (
	opBind     ber.Tag = 0
	opUnbind   ber.Tag = 2
	opSearch   ber.Tag = 3
	opEntry    ber.Tag = 4
	opModify   ber.Tag = 6
	opModified ber.Tag = 7
	opRename   ber.Tag = 12
	opRenamed  ber.Tag = 13
	opCompare  ber.Tag = 14
	opAbandon  ber.Tag = 16
	opRefer    ber.Tag = 19
	opExtended ber.Tag = 23
)

// renameMark is the attribute that a rename travels under through gldap, which
// knows no renames; random, so that nobody else writes it.
var renameMark = "rename-" + rand.Text()

// whoMark is the base of the search as which "Who am I?" travels: gldap's
// extended responses carry no value. The answer comes as the diagnostic text.
var whoMark = "CN=who-" + rand.Text()

// front is one client's connection.
type front struct {
	server    *Server
	raw       net.Conn
	client    net.Conn // raw, or TLS over it
	in        *bufio.Reader
	protected bool
	behind    net.Conn // to gldap; nil: none yet
	replies   *bufio.Reader
}

func (f *front) close() {
	if f.behind != nil {
		_ = f.behind.Close()
	}
}

// buffered reads what was peeked at before what comes after it.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// serve reads requests until the client goes or breaks the rules.
func (f *front) serve() {
	f.in = bufio.NewReader(f.raw)
	_ = f.raw.SetDeadline(time.Now().Add(greeting))
	first, err := f.in.Peek(1)
	if err != nil || first[0] == 0x16 && f.secure() != nil { // 0x16: a TLS handshake
		return
	}
	for {
		_ = f.raw.SetDeadline(time.Now().Add(idle))
		message, err := readMessage(f.in, mostRequest)
		if err != nil {
			return
		}
		_ = f.raw.SetDeadline(time.Now().Add(busy))
		if err := f.request(message); err != nil {
			return
		}
	}
}

// secure makes the connection TLS from here on.
func (f *front) secure() error {
	if f.server.tls == nil {
		return errors.New("no TLS")
	}
	conn := tls.Server(buffered{f.raw, f.in}, f.server.tls)
	if err := conn.Handshake(); err != nil {
		return err
	}
	f.client, f.in, f.protected = conn, bufio.NewReader(conn), true
	f.close() // who was signed in is not any more
	f.behind = nil
	return nil
}

// request handles one message; an error ends the connection.
func (f *front) request(message []byte) error {
	if !nested(message, mostLevels) {
		return errFrame
	}
	p, err := ber.DecodePacketErr(message)
	if err != nil || len(p.Children) < 2 || p.Children[1].ClassType != ber.ClassApplication {
		return errors.New("no LDAP message")
	}
	id, ok := p.Children[0].Value.(int64)
	op := p.Children[1]
	switch {
	case !ok || id <= 0:
		return errors.New("no message id")
	case op.Tag == opUnbind:
		return io.EOF
	case op.Tag == opAbandon:
		return nil // nothing is under way: requests go one after another
	case op.Tag == opCompare:
		return f.reply(id, opCompare+1, errUnwilling)
	case op.Tag == opBind && !simple(op):
		return f.reply(id, opBind+1, fail(7, 0x2028, "LdapErr: only simple binds here"))
	case op.Tag == opExtended:
		return f.extended(id, op)
	case op.Tag == opRename:
		modify, err := renameAsModify(p)
		if err != nil {
			return err
		}
		return f.pass(modify.Bytes(), true)
	}
	return f.pass(message, false)
}

// simple says that a bind names its password itself (RFC 4511 section 4.2).
func simple(op *ber.Packet) bool {
	return len(op.Children) == 3 && op.Children[2].ClassType == ber.ClassContext && op.Children[2].Tag == 0
}

func (f *front) extended(id int64, op *ber.Packet) error {
	name := ""
	if len(op.Children) > 0 {
		name = op.Children[0].Data.String()
	}
	if name == whoAmI && !f.server.directory.o.Samba { // Samba does not know it
		return f.whoAmI(id)
	}
	if name != startTLS {
		return f.reply(id, opExtended+1, fail(2, 0x57, "LdapErr: unknown extended operation"))
	}
	if f.protected || f.server.tls == nil {
		return f.reply(id, opExtended+1, fail(1, 0x57, "LdapErr: TLS cannot be started"))
	}
	if f.in.Buffered() > 0 {
		return errors.New("bytes behind StartTLS: they would be taken for protected")
	}
	if err := f.reply(id, opExtended+1, &refusal{}); err != nil {
		return err
	}
	return f.secure()
}

// whoAmI answers with the authorization identity (RFC 4532 section 2.2).
func (f *front) whoAmI(id int64) error {
	if err := f.connect(); err != nil {
		return err
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opSearch, nil, "")
	op.AppendChild(octets(whoMark))
	for range 2 { // base object, never dereferencing
		op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
	}
	for range 2 { // no limits
		op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 0, ""))
	}
	op.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, "objectClass", ""))
	op.AppendChild(ber.NewSequence(""))
	if _, err := f.behind.Write(envelope(id, op).Bytes()); err != nil {
		return err
	}
	answer, err := readMessage(f.replies, mostReply)
	if err != nil {
		return err
	}
	p, err := ber.DecodePacketErr(answer)
	if err != nil || len(p.Children) < 2 || len(p.Children[1].Children) < 3 {
		return errors.New("malformed answer")
	}
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opExtended+1, nil, "")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
	result.AppendChild(octets(""))
	result.AppendChild(octets(""))
	result.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, p.Children[1].Children[2].Data.String(), ""))
	_, err = f.client.Write(envelope(id, result).Bytes())
	return err
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

// envelope is a message of one operation.
func envelope(id int64, op *ber.Packet) *ber.Packet {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(op)
	return message
}

// reply answers a request from here.
func (f *front) reply(id int64, tag ber.Tag, r *refusal) error {
	text := ""
	if r.code != 0 {
		text = r.diagnostic()
	}
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, r.code, ""))
	result.AppendChild(octets(""))
	result.AppendChild(octets(text))
	_, err := f.client.Write(envelope(id, result).Bytes())
	return err
}

// connect reaches gldap, and gives it a time for one request.
func (f *front) connect() error {
	if f.behind == nil {
		conn, err := net.Dial("tcp", f.server.backends[f.protected].address)
		if err != nil {
			return err
		}
		f.behind, f.replies = conn, bufio.NewReader(conn)
	}
	return f.behind.SetDeadline(time.Now().Add(busy))
}

// pass gives a message to gldap and its answer to the client.
func (f *front) pass(message []byte, renames bool) error {
	if err := f.connect(); err != nil {
		return err
	}
	if _, err := f.behind.Write(message); err != nil {
		return err
	}
	out := bufio.NewWriter(f.client)
	for {
		answer, err := readMessage(f.replies, mostReply)
		if err != nil {
			return err
		}
		op, at := operation(answer)
		if renames && op == opModified {
			answer[at] += byte(opRenamed - opModified)
		}
		if _, err := out.Write(answer); err != nil {
			return err
		}
		if op != opEntry && op != opRefer {
			return out.Flush()
		}
	}
}

// renameAsModify makes a modify of a rename (RFC 4511 section 4.9): new name,
// whether the old one goes, and new parent are the values of renameMark.
func renameAsModify(p *ber.Packet) (*ber.Packet, error) {
	op := p.Children[1]
	if len(op.Children) < 3 {
		return nil, errors.New("malformed rename")
	}
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	values.AppendChild(octets(op.Children[1].Data.String()))
	if len(op.Children) > 3 {
		values.AppendChild(octets(op.Children[3].Data.String()))
	}
	attribute := ber.NewSequence("")
	attribute.AppendChild(octets(renameMark))
	attribute.AppendChild(values)
	step := ber.NewSequence("")
	step.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 2, ""))
	step.AppendChild(attribute)
	steps := ber.NewSequence("")
	steps.AppendChild(step)
	modify := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opModify, nil, "")
	modify.AppendChild(octets(op.Children[0].Data.String()))
	modify.AppendChild(steps)
	message := ber.NewSequence("")
	message.AppendChild(p.Children[0])
	message.AppendChild(modify)
	return message, nil
}
