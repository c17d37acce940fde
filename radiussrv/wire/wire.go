// Package wire speaks RADIUS: it turns datagrams into checked packets, hands
// them to a Handler, and signs and sends what the handler answers. It knows who
// may talk to us only through Options.Peer and holds no policy.
//
// A reader takes as many datagrams as are there in one call, sees each as far as
// memory serves, and sends the replies in one call too:
//
//	datagram ─► peer known? ─► lengths ─► code fits the port? ─► authentic? ─► seen before? ─► the same reply again
//	                                                                               │
//	 reply ◄─ signed ◄─ perhaps later ◄─┬─ Prompt: known without waiting ◄─────────┤
//	                                    └─ Handler, by a worker, may wait ◄─ queue ◄┘
//
// So what is answered from memory changes no goroutine, and what waits for
// somebody holds no reader up.
//
// Limits: a packet has at most 4096 bytes and 200 attributes; work is done by a
// bounded number of workers behind a bounded queue, and what does not fit is
// dropped and reported, never buffered without end; the table of duplicates and
// the set of delayed replies are bounded too. A panic costs one packet.
//
// Packets are read where they were received, and replies made in memory that is
// used again: see Received. Of layeh.com/radius come the dictionaries, and in the
// tests a witness; this package is its only importer.
//
// Start reading at Server, Server.take and batch.
package wire

import (
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc3576"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc6911"
)

// Code is the first byte of a packet (RFC 2865 section 3).
type Code byte

// The codes that a server of sign-ins and accounting meets, and those with
// which it asks a NAS to end a session (RFC 5176 section 2.1).
const (
	AccessRequest      = Code(radius.CodeAccessRequest)
	AccessAccept       = Code(radius.CodeAccessAccept)
	AccessReject       = Code(radius.CodeAccessReject)
	AccountingRequest  = Code(radius.CodeAccountingRequest)
	AccountingResponse = Code(radius.CodeAccountingResponse)
	AccessChallenge    = Code(radius.CodeAccessChallenge)
	StatusServer       = Code(radius.CodeStatusServer)
	DisconnectRequest  = Code(radius.CodeDisconnectRequest)
	DisconnectACK      = Code(radius.CodeDisconnectACK)
	DisconnectNAK      = Code(radius.CodeDisconnectNAK)
)

// String gives the name in the RFCs.
func (c Code) String() string { return radius.Code(c).String() }

// Type is an attribute's type (RFC 2865 section 5).
type Type byte

// The attributes that radiussrv reads or writes.
const (
	UserName             = Type(rfc2865.UserName_Type)
	UserPassword         = Type(rfc2865.UserPassword_Type)
	CHAPPassword         = Type(rfc2865.CHAPPassword_Type)
	NASIPAddress         = Type(rfc2865.NASIPAddress_Type)
	ServiceType          = Type(rfc2865.ServiceType_Type)
	FramedIPAddress      = Type(rfc2865.FramedIPAddress_Type)
	FilterID             = Type(rfc2865.FilterID_Type)
	FramedMTU            = Type(rfc2865.FramedMTU_Type)
	ReplyMessage         = Type(rfc2865.ReplyMessage_Type)
	State                = Type(rfc2865.State_Type)
	Class                = Type(rfc2865.Class_Type)
	VendorSpecific       = Type(rfc2865.VendorSpecific_Type)
	SessionTimeout       = Type(rfc2865.SessionTimeout_Type)
	CalledStationID      = Type(rfc2865.CalledStationID_Type)
	CallingStationID     = Type(rfc2865.CallingStationID_Type)
	NASIdentifier        = Type(rfc2865.NASIdentifier_Type)
	ProxyState           = Type(rfc2865.ProxyState_Type)
	NASPortType          = Type(rfc2865.NASPortType_Type)
	AcctStatusType       = Type(rfc2866.AcctStatusType_Type)
	AcctDelayTime        = Type(rfc2866.AcctDelayTime_Type)
	AcctInputOctets      = Type(rfc2866.AcctInputOctets_Type)
	AcctOutputOctets     = Type(rfc2866.AcctOutputOctets_Type)
	AcctSessionID        = Type(rfc2866.AcctSessionID_Type)
	AcctSessionTime      = Type(rfc2866.AcctSessionTime_Type)
	AcctTerminateCause   = Type(rfc2866.AcctTerminateCause_Type)
	AcctInputGigawords   = Type(rfc2869.AcctInputGigawords_Type)
	AcctOutputGigawords  = Type(rfc2869.AcctOutputGigawords_Type)
	EventTimestamp       = Type(rfc2869.EventTimestamp_Type)
	TunnelType           = Type(rfc2868.TunnelType_Type)
	TunnelMediumType     = Type(rfc2868.TunnelMediumType_Type)
	EAPMessage           = Type(rfc2869.EAPMessage_Type)
	MessageAuthenticator = Type(rfc2869.MessageAuthenticator_Type)
	TunnelPrivateGroupID = Type(rfc2868.TunnelPrivateGroupID_Type)

	AcctInputPackets       = Type(rfc2866.AcctInputPackets_Type)
	AcctOutputPackets      = Type(rfc2866.AcctOutputPackets_Type)
	AcctMultiSessionID     = Type(rfc2866.AcctMultiSessionID_Type)
	AcctInterimInterval    = Type(rfc2869.AcctInterimInterval_Type)
	NASPortID              = Type(rfc2869.NASPortID_Type)
	NASIPv6Address         = Type(rfc3162.NASIPv6Address_Type)
	FramedIPv6Prefix       = Type(rfc3162.FramedIPv6Prefix_Type)
	FramedIPv6Address      = Type(rfc6911.FramedIPv6Address_Type)
	ChargeableUserIdentity = Type(rfc4372.ChargeableUserIdentity_Type)
	ErrorCause             = Type(rfc3576.ErrorCause_Type)
)

// Sizes of the protocol, and the bounds that we set.
const (
	headerLen     = 20
	maxPacket     = radius.MaxPacketLength
	maxValue      = 253
	maxAttributes = 200
	// A reply has to carry every Proxy-State of its request (RFC 2865 section
	// 5.33) and something besides, so they may fill half a packet.
	maxProxyStates     = 16
	maxProxyStateBytes = 2048
	macLen             = 16
)

// Role says what a listener is for.
type Role uint8

// The roles. A RadSec connection carries everything (RFC 6614 section 2.1).
const (
	Authentication Role = 1 << iota
	Accounting
)

// takes says whether a packet of this code belongs on a listener of this role.
func (r Role) takes(c Code) bool {
	switch c {
	case AccessRequest:
		return r&Authentication != 0
	case AccountingRequest:
		return r&Accounting != 0
	}
	return c == StatusServer
}

// Drop is why a packet got no answer, or not that of the handler.
type Drop uint8

// The reasons.
const (
	DropUnknownPeer Drop = iota // from nobody we share a secret with
	DropMalformed               // lengths, counts or repeated attributes
	DropCode                    // a code that this listener does not take
	DropUnsigned                // no Message-Authenticator where one must be
	DropForged                  // Message-Authenticator or Request Authenticator wrong: usually another secret
	DropOverload                // queue, workers or delayed replies at their limit
	DropLate                    // waited too long: the peer has repeated it by now
	DropPanic                   // the handler panicked
	DropReply                   // the reply could not be built or sent
	DropLimit                   // connections at their limit, in all (RadSec)
	DropLimitAt                 // connections of the source at theirs (RadSec)
	DropHandshake               // TLS handshake failed or the certificate fits no client (RadSec)
	dropEnd
)

// Drops lists all reasons, for metrics.
func Drops() []Drop {
	all := make([]Drop, dropEnd)
	for i := range all {
		all[i] = Drop(i)
	}
	return all
}

// String gives a short word for metrics.
func (d Drop) String() string {
	return [...]string{
		"unknown_client", "malformed", "wrong_code", "unsigned", "forged", "overload",
		"late", "panic", "unsent", "connection_limit", "source_limit", "handshake",
	}[d]
}
