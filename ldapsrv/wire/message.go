package wire

// Tags of the protocol operations (RFC 4511 section 4).
const (
	OpBindRequest       = 0x60
	OpBindResponse      = 0x61
	OpUnbindRequest     = 0x42
	OpSearchRequest     = 0x63
	OpSearchResultEntry = 0x64
	OpSearchResultDone  = 0x65
	OpModifyRequest     = 0x66
	OpModifyResponse    = 0x67
	OpAddRequest        = 0x68
	OpAddResponse       = 0x69
	OpDelRequest        = 0x4a
	OpDelResponse       = 0x6b
	OpModifyDNRequest   = 0x6c
	OpModifyDNResponse  = 0x6d
	OpCompareRequest    = 0x6e
	OpCompareResponse   = 0x6f
	OpAbandonRequest    = 0x50
	OpExtendedRequest   = 0x77
	OpExtendedResponse  = 0x78
	OpIntermediate      = 0x79
)

// maxControls bounds the controls of one message.
const maxControls = 32

const tagControls = 0xa0

// Message is one request (RFC 4511 section 4.1.1). Its memory is valid until
// the handler returns.
type Message struct {
	ID       int32
	Op       byte   // tag of the operation: one of the requests above
	Body     []byte // content of the operation
	Controls []Control
}

// Control is a control of a request (RFC 4511 section 4.1.11).
type Control struct {
	OID      []byte
	Critical bool
	Value    []byte
}

var (
	errMessageID = malformed("a message id that is not positive")
	errOp        = malformed("an operation that is no request")
	errControls  = malformed("too many controls")
)

// ParseMessage reads the content of a message's sequence. Trailing components
// with tags that nobody defined yet are ignored (RFC 4511 section 4).
func ParseMessage(b []byte) (Message, error) {
	var m Message
	value, rest, err := Expect(b, TagInteger)
	if err != nil {
		return m, err
	}
	if m.ID, err = Int(value); err != nil {
		return m, err
	}
	if m.ID <= 0 {
		return m, errMessageID
	}
	op, rest, err := Next(rest)
	if err != nil {
		return m, err
	}
	if !request(op.Tag) {
		return m, errOp
	}
	m.Op, m.Body = op.Tag, op.Value
	for len(rest) > 0 {
		var e Element
		if e, rest, err = Next(rest); err != nil {
			return m, err
		}
		if e.Tag != tagControls || m.Controls != nil {
			continue
		}
		if m.Controls, err = parseControls(e.Value); err != nil {
			return m, err
		}
	}
	return m, nil
}

func request(tag byte) bool {
	switch tag {
	case OpBindRequest, OpUnbindRequest, OpSearchRequest, OpModifyRequest, OpAddRequest, OpDelRequest,
		OpModifyDNRequest, OpCompareRequest, OpAbandonRequest, OpExtendedRequest:
		return true
	}
	return false
}

// ResponseOf gives the tag of a request's answer; 0 where it has none.
func ResponseOf(op byte) byte {
	switch op {
	case OpBindRequest:
		return OpBindResponse
	case OpSearchRequest:
		return OpSearchResultDone
	case OpModifyRequest:
		return OpModifyResponse
	case OpAddRequest:
		return OpAddResponse
	case OpDelRequest:
		return OpDelResponse
	case OpModifyDNRequest:
		return OpModifyDNResponse
	case OpCompareRequest:
		return OpCompareResponse
	case OpExtendedRequest:
		return OpExtendedResponse
	}
	return 0 // unbind and abandon
}

func parseControls(list []byte) ([]Control, error) {
	var controls []Control
	for len(list) > 0 {
		if len(controls) == maxControls {
			return nil, errControls
		}
		var item []byte
		var err error
		if item, list, err = Expect(list, TagSequence); err != nil {
			return nil, err
		}
		c, err := parseControl(item)
		if err != nil {
			return nil, err
		}
		controls = append(controls, c)
	}
	return controls, nil
}

func parseControl(item []byte) (Control, error) {
	var c Control
	var err error
	if c.OID, item, err = Expect(item, TagOctets); err != nil {
		return c, err
	}
	for len(item) > 0 {
		var e Element
		if e, item, err = Next(item); err != nil {
			return c, err
		}
		switch e.Tag {
		case TagBoolean:
			if c.Critical, err = Bool(e.Value); err != nil {
				return c, err
			}
		case TagOctets:
			c.Value = e.Value
		}
	}
	return c, nil
}

// Code is a result code (RFC 4511 appendix A).
type Code int32

// The result codes that are used here.
const (
	Success                      Code = 0
	OperationsError              Code = 1
	ProtocolError                Code = 2
	TimeLimitExceeded            Code = 3
	SizeLimitExceeded            Code = 4
	CompareFalse                 Code = 5
	CompareTrue                  Code = 6
	AuthMethodNotSupported       Code = 7
	AdminLimitExceeded           Code = 11
	UnavailableCriticalExtension Code = 12
	ConfidentialityRequired      Code = 13
	SASLBindInProgress           Code = 14
	NoSuchAttribute              Code = 16
	UndefinedAttributeType       Code = 17
	NoSuchObject                 Code = 32
	InvalidDNSyntax              Code = 34
	InappropriateAuthentication  Code = 48
	InvalidCredentials           Code = 49
	InsufficientAccessRights     Code = 50
	Busy                         Code = 51
	Unavailable                  Code = 52
	UnwillingToPerform           Code = 53
	Other                        Code = 80
	Canceled                     Code = 118 // RFC 3909 section 2.3, and the three below
	NoSuchOperation              Code = 119
	TooLate                      Code = 120
	CannotCancel                 Code = 121
	SyncRefreshRequired          Code = 4096 // RFC 4533 section 2.6
)

// Result is what most responses carry (RFC 4511 section 4.1.9).
type Result struct {
	Code    Code
	Matched string // matchedDN
	Text    string // diagnosticMessage
}

// AppendResult appends a whole response message with a result. extra is
// appended inside the operation, behind the result; controls, made by
// AppendControl, behind it.
func AppendResult(b []byte, id int32, op byte, r Result, extra, controls []byte) []byte {
	b, message := Begin(b, TagSequence)
	b = AppendInt(b, TagInteger, id)
	b, body := Begin(b, op)
	b = AppendInt(b, TagEnumerated, int32(r.Code))
	b = AppendTLV(b, TagOctets, r.Matched)
	b = AppendTLV(b, TagOctets, r.Text)
	b = End(append(b, extra...), body)
	return End(AppendControls(b, controls), message)
}

// AppendControls appends the controls of a message, made by AppendControl, behind
// its operation; none: nothing.
func AppendControls(b, controls []byte) []byte {
	if len(controls) == 0 {
		return b
	}
	return AppendTLV(b, tagControls, controls)
}

// AppendIntermediate appends a whole intermediate response (RFC 4511 section
// 4.13).
func AppendIntermediate(b []byte, id int32, oid string, value []byte) []byte {
	b, message := Begin(b, TagSequence)
	b = AppendInt(b, TagInteger, id)
	b, body := Begin(b, OpIntermediate)
	b = AppendTLV(AppendTLV(b, 0x80, oid), 0x81, value)
	return End(End(b, body), message)
}

// AppendControl appends a control of a response to a list of them.
func AppendControl(b []byte, oid string, value []byte) []byte {
	b, item := Begin(b, TagSequence)
	return End(AppendTLV(AppendTLV(b, TagOctets, oid), TagOctets, value), item)
}

// noticeOID names the Notice of Disconnection (RFC 4511 section 4.4.1).
const noticeOID = "1.3.6.1.4.1.1466.20036"

func appendNotice(b []byte, code Code, text string) []byte {
	return AppendResult(b, 0, OpExtendedResponse, Result{Code: code, Text: text}, AppendTLV(nil, 0x8a, noticeOID), nil)
}
