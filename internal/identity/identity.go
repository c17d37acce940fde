// Package identity holds the nouns that every part of schoolbridge shares: who
// asks to sign in, with what, over which channel, from where, and what the
// answer can be. It depends on the standard library only, decides nothing and
// does no I/O, so that front-ends, the authenticator and the store can speak to
// each other without importing each other.
//
// Start reading at Credential and Verdict.
package identity

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
)

// PersonID is the random 16-byte identifier of one human in the store. It is
// what logs carry instead of a name.
type PersonID [16]byte

// NewPersonID reads a fresh identifier from random, usually crypto/rand.Reader.
func NewPersonID(random io.Reader) (PersonID, error) {
	var id PersonID
	_, err := io.ReadFull(random, id[:])
	return id, err
}

// ParsePersonID reads the 32 hexadecimal digits that String writes.
func ParsePersonID(s string) (PersonID, error) {
	var id PersonID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, errors.New("a person id is 32 hexadecimal digits")
	}
	copy(id[:], b)
	return id, nil
}

// String gives 32 lower-case hexadecimal digits.
func (id PersonID) String() string { return hex.EncodeToString(id[:]) }

// IsZero says that nobody is meant.
func (id PersonID) IsZero() bool { return id == PersonID{} }

// Login is a person's login in canonical form: as the directory shows it,
// without domain or realm.
type Login string

// Subject is the stable identifier of the account that proves somebody, where
// it is at home: at mos.ru the OpenID Connect "sub" claim as it is, at another
// upstream what SubjectAt makes. So two upstreams never share one, and whoever
// is bound to a Subject has exactly one home.
type Subject string

// upstreamPrefix begins every Subject that is not mos.ru's.
const upstreamPrefix = "upstream:"

// SubjectAt is the Subject of the account with the identifier id at an upstream
// beside mos.ru, whose name holds no colon.
func SubjectAt(upstream, id string) Subject {
	return Subject(upstreamPrefix + upstream + ":" + id)
}

// Upstream names the upstream at which the account is at home; "": mos.ru. A
// client of mos.ru refuses a subject for which this is not "".
func (s Subject) Upstream() string {
	rest, ok := strings.CutPrefix(string(s), upstreamPrefix)
	if !ok {
		return ""
	}
	if name, _, ok := strings.Cut(rest, ":"); ok && name != "" {
		return name
	}
	return "?" // nobody's: SubjectAt makes none like it
}

// Password is a clear-text password. It prints as a placeholder under every
// verb, in JSON and in structured logs; string(p) is the one way to the text.
type Password string

const placeholder = "[password]"

// String hides the password.
func (Password) String() string { return placeholder }

// Format hides the password from every formatting verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, placeholder) }

// MarshalText hides the password from JSON, YAML and slog.
func (Password) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// Proof is what shows that a person or a device is who they say: a Password,
// an MSCHAPv2 answer, a Certificate, a HardwareAddress or a Referral.
type Proof interface{ proof() }

func (Password) proof()        {}
func (MSCHAPv2) proof()        {}
func (Certificate) proof()     {}
func (HardwareAddress) proof() {}
func (Referral) proof()        {}

// MSCHAPv2 is a peer's answer to our challenge (RFC 2759 section 4). Only
// whoever keeps the password's NT hash can check it. What checks it fills
// Verdict.MSCHAPv2.
type MSCHAPv2 struct {
	// Name is the user name as the peer hashed it, without the domain
	// (RFC 2759 section 4).
	Name          string
	Challenge     [16]byte // the authenticator's
	PeerChallenge [16]byte
	Response      [24]byte
}

// MSCHAPv2Success proves to the peer that we know the password too, and holds
// the keys that both now have.
type MSCHAPv2Success struct {
	Authenticator [20]byte // sent as "S=" and 40 hexadecimal digits (RFC 2759 section 5)
	// The 128-bit session keys of RFC 3079 section 3.3, named from our side.
	SendKey, RecvKey [16]byte
}

// Certificate is a client's certificate whose chain, dates, usage and
// revocation the front-end has checked.
type Certificate struct {
	Authority  string   // which configured authority issued it, by its name there
	CommonName string   // of the subject, or ""
	DNSNames   []string // subjectAltName dNSName
	UPNs       []string // subjectAltName otherName with Microsoft's user principal name
	Serial     string   // lower-case hexadecimal
	Chain      []Issued // what can be taken back of it
}

// HardwareAddress is all that a device without a sign-in of its own has to show
// (MAC authentication bypass): lower-case hex with colons. Anybody can copy it.
type HardwareAddress string

// Referral is the word of mos.ru's own page, where the person signed in and
// which we do not see. The front-end has checked it.
type Referral struct{}

// Channel is the way on which a sign-in came.
type Channel uint8

// The channels.
const (
	ChannelLDAP Channel = iota + 1 // classroom PCs, interactive whiteboards, Linux
	ChannelWiFi                    // RADIUS
	ChannelWeb                     // activation, self-service, administration
)

// String gives "ldap", "wifi" or "web", the words of configuration and metrics.
func (c Channel) String() string {
	switch c {
	case ChannelLDAP:
		return "ldap"
	case ChannelWiFi:
		return "wifi"
	case ChannelWeb:
		return "web"
	}
	return "unknown"
}

// Source is where a sign-in came from. Only Addr is always known.
type Source struct {
	Addr    netip.Addr // the peer of the connection or datagram
	Device  string     // the user's device: Calling-Station-Id as lower-case hex with colons, or ""
	AP      string     // the access point or switch as it writes itself: the address in Called-Station-Id, else NAS-Identifier, or ""
	Unit    string     // which device of the NAS client, as accounting and pages name it: NAS-Identifier, else an address; "" over LDAP
	NAS     string     // name of the NAS client (RADIUS) or the service account (LDAP) in the configuration
	SSID    string     // Wi-Fi network, or ""
	School  string     // ekis_id of the school where the device stands, or "" if it belongs to no school
	Request string     // short random id that ties log lines of one request together
}

// Credential asks for one sign-in.
type Credential struct {
	Name    string // as typed: a login, perhaps with DOMAIN\ or @realm
	Proof   Proof
	Channel Channel
	Source  Source
}

// Outcome is one of four; they are never folded into fewer (see Verdict).
type Outcome uint8

// The outcomes. The zero value is none of them, so that a forgotten
// assignment is never taken for a permission.
const (
	Accepted    Outcome = iota + 1 // the person may sign in
	Rejected                       // wrong password, unknown, or not allowed: alike on the wire
	Unavailable                    // we cannot tell now; never counts against anybody
	Malformed                      // the request itself cannot be understood
)

// String gives "accepted", "rejected", "unavailable" or "malformed".
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Unavailable:
		return "unavailable"
	case Malformed:
		return "malformed"
	}
	return "none"
}

// Reason says why, as data: one fixed code each, for audit, metrics and
// explain. It never reaches an unauthenticated client.
type Reason string

// Reasons of sign-in verdicts.
const (
	ReasonConfirmed        Reason = "CONFIRMED"          // mos.ru confirmed now
	ReasonRecent           Reason = "RECENTLY_CONFIRMED" // a recent confirmation stands
	ReasonLocal            Reason = "LOCAL_VERIFIER"     // mos.ru is unreachable; the kept verifier fits
	ReasonLocalDiffers     Reason = "LOCAL_DIFFERS"      // mos.ru is unreachable; the kept verifier does not fit
	ReasonKeptHash         Reason = "KEPT_HASH"          // MSCHAPv2: the answer fits the kept NT hash
	ReasonResumed          Reason = "RESUMED"            // a success was repeated, see Voucher
	ReasonUnknown          Reason = "NO_SUCH_ACCOUNT"    // nobody has this name
	ReasonLoginOnly        Reason = "LOGIN_ONLY"         // e-mail, phone or СНИЛС where only a login serves
	ReasonNotActivated     Reason = "NOT_ACTIVATED"      // known, but without an account
	ReasonWrongPassword    Reason = "WRONG_PASSWORD"     // mos.ru refused it
	ReasonKnownBad         Reason = "KNOWN_BAD_PASSWORD" // refused lately, not asked again yet
	ReasonEmptyPassword    Reason = "EMPTY_PASSWORD"
	ReasonHashDiffers      Reason = "NT_HASH_DIFFERS"     // MSCHAPv2: the answer does not fit the kept hash
	ReasonOldPassword      Reason = "OLD_PASSWORD"        // MSCHAPv2: it fits the hash before the last change
	ReasonHashMissing      Reason = "NT_HASH_MISSING"     // MSCHAPv2: no hash is kept
	ReasonHashRevoked      Reason = "NT_HASH_REVOKED"     // MSCHAPv2: the password of the kept hash is no longer right
	ReasonHashTooOld       Reason = "NT_HASH_TOO_OLD"     // MSCHAPv2: mos.ru confirmed it too long ago
	ReasonHashOff          Reason = "NT_HASH_OFF"         // MSCHAPv2: switched off here
	ReasonFullSignIn       Reason = "FULL_SIGN_IN_NEEDED" // a success is too old to be repeated
	ReasonSuspended        Reason = "SUSPENDED"
	ReasonEnded            Reason = "EMPLOYMENT_ENDED"       // no employment or enrolment is active any more
	ReasonNotStarted       Reason = "EMPLOYMENT_NOT_STARTED" // the first one lies in the future
	ReasonRoleNotAllowed   Reason = "ROLE_NOT_ALLOWED"       // no rule admits the role on this channel
	ReasonSchoolNotAllowed Reason = "SCHOOL_NOT_ALLOWED"     // the device stands in another school
	ReasonHours            Reason = "OUTSIDE_HOURS"
	ReasonTooManyDevices   Reason = "TOO_MANY_DEVICES" // on the Wi-Fi at once
	ReasonReassigned       Reason = "LOGIN_REASSIGNED" // mos.ru answers with another subject than the bound one
	ReasonThrottled        Reason = "THROTTLED"        // too many failures from this login, device or source
	ReasonUpstreamDown     Reason = "MOSRU_UNREACHABLE"
	ReasonUpstreamBusy     Reason = "MOSRU_THROTTLED"     // mos.ru or our request budget says later
	ReasonUpstreamLocked   Reason = "MOSRU_LOCKED"        // mos.ru locked the account for a time
	ReasonSecondFactor     Reason = "MOSRU_SECOND_FACTOR" // mos.ru demands a second factor
	ReasonUpstreamFault    Reason = "MOSRU_FAULT"         // mos.ru refused us or answered nonsense: configuration
	ReasonDisabledThere    Reason = "UPSTREAM_DISABLED"   // the upstream says: right password, but the account is disabled or expired
	ReasonExpiredThere     Reason = "UPSTREAM_EXPIRED"    // right password, but it has to be changed there first
	ReasonBarredThere      Reason = "UPSTREAM_BARRED"     // right password, but not at this hour or from here by the upstream's own rules
	ReasonOverload         Reason = "OVERLOAD"            // a bounded pool is full
	ReasonEpochMoved       Reason = "CREDENTIAL_CHANGED"  // the credential changed while we asked
	ReasonCutOff           Reason = "STORE_UNREACHABLE"   // this replica is behind longer than offline_grace
	ReasonBadRequest       Reason = "BAD_REQUEST"

	ReasonUnknownNAS Reason = "NAS_UNKNOWN"      // RADIUS from an address that is no client
	ReasonNASSecret  Reason = "NAS_SECRET_WRONG" // the access point has another secret
	ReasonUnsigned   Reason = "NAS_UNSIGNED"     // it sends no Message-Authenticator

	ReasonListed         Reason = "DEVICE_LISTED"           // the hardware address is in the list of devices
	ReasonCertificate    Reason = "CERTIFICATE_FITS"        // the certificate names a machine or person that we know
	ReasonUnknownDevice  Reason = "NO_SUCH_DEVICE"          // the hardware address is in no list
	ReasonStation        Reason = "CALLING_STATION_DIFFERS" // another device asks than the one that is named
	ReasonUnknownMachine Reason = "NO_SUCH_MACHINE"         // no mapping of radius.machines fits the certificate
	ReasonWrongAuthority Reason = "AUTHORITY_NO_PEOPLE"     // this authority's certificates do not name people
	ReasonNotValid       Reason = "CERTIFICATE_NOT_VALID"   // no configured authority's, or out of date
	ReasonRevoked        Reason = "CERTIFICATE_REVOKED"
	ReasonListOutdated   Reason = "REVOCATION_LIST_OUT_OF_DATE"

	// What ends a conversation before anybody could be judged, or after a yes.
	ReasonMethod         Reason = "METHOD_NOT_OFFERED"        // the peer knows none of ours, or asks for a change of password
	ReasonMachineAccount Reason = "MACHINE_ACCOUNT"           // host/…: a computer signs in with a password
	ReasonNamesDisagree  Reason = "NAMES_DISAGREE"            // outer or inner identity is not that of who was accepted
	ReasonDistrust       Reason = "SERVER_NOT_TRUSTED"        // the peer refused our certificate
	ReasonHandshake      Reason = "TLS_FAILED"                // no common cipher, or bytes that are no TLS
	ReasonOldTLS         Reason = "TLS_TOO_OLD"               // the peer offers TLS 1.1 at most
	ReasonNoMasterSecret Reason = "NO_EXTENDED_MASTER_SECRET" // RFC 7627: without it no keys may be exported
	ReasonGaveUp         Reason = "PEER_GAVE_UP"              // the peer said no after we had said yes, or nothing more
	ReasonSilent         Reason = "PEER_SILENT"               // the peer stopped answering
	ReasonRoundTrips     Reason = "TOO_MANY_ROUND_TRIPS"
	ReasonConversation   Reason = "EAP_CONVERSATION_UNKNOWN" // too old, pushed out, or begun elsewhere
)

// Grant is what policy gives to an admitted person or device.
type Grant struct {
	Rule           string        // name of the policy rule that decided
	Role           string        // "staff", "pupil", "device", "machine"
	School         string        // ekis_id of the role that decided
	VLAN           uint16        // 1..4094, or 0 for the network's own or a named one
	VLANName       string        // where the network calls its VLANs by name; VLAN is 0 then
	SessionTimeout time.Duration // what the device is told: the less of the next two, or 0 for none
	Longest        time.Duration // a session's length by the rule, or 0 for none
	Left           time.Duration // of the rule's hours, or 0 where it has none
	IdleTimeout    time.Duration // or 0 for none
	Filter         string        // Filter-Id, or ""
	Down, Up       uint32        // greatest rates to and from the device, bit/s; 0 for none
}

// Verdict answers a Credential.
type Verdict struct {
	Outcome Outcome
	Reason  Reason
	Person  PersonID // zero where nobody was recognised
	Login   Login    // canonical, of a machine its DNS name; "" where nobody was recognised
	Grant   Grant    // zero unless accepted
	// Proven says of a rejection that the password was right all the same, and
	// that only a gate is closed: whoever reads it has learned nothing that the
	// password does not give him elsewhere. False wherever that is not known.
	Proven bool
	// NotBefore is the moment before which a rejection must not leave, so that
	// unknown names and wrong passwords take alike long. Zero: at once.
	// Front-ends wait without holding a worker.
	NotBefore time.Time
	// MSCHAPv2 is there where such a proof was accepted.
	MSCHAPv2 *MSCHAPv2Success
	// Voucher is there where a person was accepted: what the front-end may keep
	// to admit the same person again without asking for the password (TLS
	// session resumption).
	Voucher Voucher
	// Basis is there where something else than a password was accepted.
	Basis *Basis
	// Upstream is the system beside mos.ru that was asked about somebody who is not
	// known here; "" for mos.ru, and where the person tells.
	Upstream string
}

// Voucher says on what a success rests. It is no secret and proves nothing by
// itself: whoever keeps it must have tied it to something that only the peer
// has. The authenticator checks it and every gate again each time.
type Voucher struct {
	Person PersonID
	Epoch  uint64    // the credential epoch; a changed password ends it
	At     time.Time // when mos.ru last confirmed what the success rests on
	// Hash tells the kept NT hash that it rests on, whose greatest age counts,
	// from others of the person; 0: it rests on a password.
	Hash uint64
}

// What an upstream can answer other than "yes". Callers branch with errors.Is.
var (
	ErrWrongPassword = errors.New("the upstream refused the login or password")
	ErrLocked        = errors.New("the upstream locked the account for a time")
	ErrSecondFactor  = errors.New("the upstream demands a second factor")
	ErrThrottled     = errors.New("the upstream asks us to slow down")
	ErrUnreachable   = errors.New("the upstream cannot be reached") // transport errors and 5xx: opens the breaker
	ErrStale         = errors.New("the sign-in took too long or was repeated: it has to begin anew")
	ErrFault         = errors.New("the upstream refused us as its client or answered what cannot be understood")

	// The password is right, and opens nothing all the same.
	ErrDisabled        = errors.New("the upstream's account is disabled or has expired")
	ErrPasswordExpired = errors.New("the upstream wants the password changed first")
	ErrBarred          = errors.New("the upstream's rules bar the account at this hour or from here")
)

// Errors shared by the stores' consumers.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflicts with what is stored")
)
