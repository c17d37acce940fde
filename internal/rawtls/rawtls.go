// Package rawtls is a TLS client for tests that sends what records it likes: crypto/tls
// shakes hands for it, and then it goes on by itself, with the keys that the handshake
// has left. It verifies nobody and speaks TLS 1.3 with AES-128-GCM only.
//
// Start reading at Dial.
package rawtls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
)

// Kinds of records (RFC 8446 section 5.1).
const (
	Handshake = 22
	Data      = 23
)

// KeyUpdate is the first byte of such a message (RFC 8446 section 4.6.3).
const KeyUpdate = 24

// half is one direction.
type half struct {
	secret []byte
	seal   cipher.AEAD
	iv     []byte
	number uint64
}

func expand(secret []byte, label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(6+len(label))), "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), size) // RFC 8446 section 7.1
	if err != nil {
		panic(err)
	}
	return out
}

func newHalf(secret []byte) half {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return half{secret: secret, seal: seal, iv: expand(secret, "iv", 12)}
}

func (h *half) next() { *h = newHalf(expand(h.secret, "traffic upd", 32)) }

func (h *half) nonce() []byte {
	nonce := bytes.Clone(h.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(h.number >> (56 - 8*i))
	}
	h.number++
	return nonce
}

// Conn is a connection after its handshake. Its own Read and Write are the socket's.
type Conn struct {
	net.Conn
	out, in half
}

// Dial shakes hands over a socket, with the client certificates given, and asks for no
// session ticket.
func Dial(raw net.Conn, own ...tls.Certificate) (*Conn, error) {
	var log bytes.Buffer
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log, Certificates: own})
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	if suite := client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		return nil, fmt.Errorf("the cipher suite is %s", tls.CipherSuiteName(suite))
	}
	c := &Conn{Conn: raw}
	for line := range strings.Lines(log.String()) {
		var name, random, secret string
		if _, err := fmt.Sscan(line, &name, &random, &secret); err != nil {
			return nil, err
		}
		key, err := hex.DecodeString(secret)
		if err != nil {
			return nil, err
		}
		switch name {
		case "CLIENT_TRAFFIC_SECRET_0":
			c.out = newHalf(key)
		case "SERVER_TRAFFIC_SECRET_0":
			c.in = newHalf(key)
		}
	}
	return c, nil
}

// WriteRecord sends one record.
func (c *Conn) WriteRecord(kind byte, b []byte) error {
	inner := append(bytes.Clone(b), kind)
	head := binary.BigEndian.AppendUint16([]byte{Data, 3, 3}, uint16(len(inner)+16))
	_, err := c.Conn.Write(c.out.seal.Seal(head, c.out.nonce(), inner, head))
	return err
}

// UpdateKeys takes new keys for what it sends, and demands that the server does
// likewise (RFC 8446 section 4.6.3).
func (c *Conn) UpdateKeys() error {
	err := c.WriteRecord(Handshake, []byte{KeyUpdate, 0, 0, 1, 1})
	c.out.next()
	return err
}

// ReadRecord reads one record, and follows new keys.
func (c *Conn) ReadRecord() (kind byte, b []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return 0, nil, err
	}
	if body, err = c.in.seal.Open(nil, c.in.nonce(), body, head); err != nil {
		return 0, nil, err
	}
	kind, b = body[len(body)-1], body[:len(body)-1]
	if kind == Handshake && b[0] == KeyUpdate {
		c.in.next()
	}
	return kind, b, nil
}
