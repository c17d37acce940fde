// Package config reads the configuration: strict YAML becomes plain values, and
// every fault of a file comes at once, with its line, its place and what to do.
//
// The structs of this file are the schema. Their tags say an option's key, its
// default or that it is needed, its range and its words; docs.go says what it
// is for in Russian and English; decode.go reads a file by them and
// reference.go prints them. A new option is a field, a row of docs.go and a
// row of the table in options_test.go, whose test fails where one is missing.
//
// Limits: a file has at most MaxSize bytes and one document; anchors, aliases,
// merge keys and tags are refused, so that what is written is what is meant.
// Secrets are named by file and never read into a Config.
//
// Start reading at Load and Config.
package config

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"schoolbridge/internal/policy"
)

// Config is a whole configuration, checked. Paths are absolute.
type Config struct {
	State Path  `yaml:"state" default:"/var/lib/schoolbridge"`
	Store Store `yaml:"store"`
	Audit Audit `yaml:"audit"`
	TLS   TLS   `yaml:"tls"`
	Mosru Mosru `yaml:"mosru"`

	Upstreams []Upstream `yaml:"upstreams" default:""`

	LDAP     LDAP     `yaml:"ldap"`
	RADIUS   RADIUS   `yaml:"radius"`
	WiFi     WiFi     `yaml:"wifi"`
	Names    Names    `yaml:"names"`
	Policy   Policy   `yaml:"policy"`
	Auth     Auth     `yaml:"auth"`
	Registry Registry `yaml:"registry"`

	Statistics Statistics `yaml:"statistics"`

	Teams Teams `yaml:"teams"`

	AD  AD  `yaml:"ad"`
	Web Web `yaml:"web"`
	Log Log `yaml:"log"`
}

// Store is where people, accounts and the audit trail are kept: a file, or the
// PostgreSQL database whose address is in another one. The paths of the first and of
// the keys start at the state folder.
type Store struct {
	Path       Path       `yaml:"path" default:"schoolbridge.db" base:"state"`
	URLFile    SecretFile `yaml:"url_file" default:""`
	KeysetFile Path       `yaml:"keyset_file" default:"keyset.json" base:"state"`
	Replica    Replica    `yaml:"replica" default:""`
	// KeepLeavers is in whole days.
	KeepLeavers time.Duration `yaml:"keep_leavers" default:"1095d" min:"30d" max:"36500d"`
}

// Where names the store to people: its file, or the one with its address.
func (s *Store) Where() string { return cmp.Or(string(s.Path), string(s.URLFile)) }

// Audit is the trail of changes, which stay, and of sign-ins.
type Audit struct {
	KeepSignIns time.Duration `yaml:"keep_sign_ins" default:"184d" min:"1d" max:"1100d"` // as Journal.Keep
}

// TLS is the server certificate of LDAPS, StartTLS and RadSec.
type TLS struct {
	CertificateFile File       `yaml:"certificate_file" default:""`
	KeyFile         SecretFile `yaml:"key_file" default:""`
}

// Mosru is the way to mos.ru.
type Mosru struct {
	URL                     URL           `yaml:"url" need:"yes"`
	Issuer                  string        `yaml:"issuer" default:""`
	ClientID                string        `yaml:"client_id" need:"yes"`
	ClientSecretFile        SecretFile    `yaml:"client_secret_file" default:""`
	CAFile                  File          `yaml:"ca_file" default:""`
	Timeout                 time.Duration `yaml:"timeout" default:"2500ms" min:"100ms" max:"30s"`
	RequestsPerSecond       float64       `yaml:"requests_per_second" default:"50" min:"0.1" max:"100000"`
	Burst                   int           `yaml:"burst" default:"100" min:"1" max:"100000"`
	InFlight                int           `yaml:"in_flight" default:"64" min:"1" max:"10000"`
	Breaker                 Breaker       `yaml:"breaker"`
	ContactsVerifiedDefault bool          `yaml:"contacts_verified_default" default:"true"`
	Events                  Events        `yaml:"events"`
}

// Breaker says when mos.ru counts as unreachable.
type Breaker struct {
	Failures int           `yaml:"failures" default:"5" min:"1" max:"1000"`
	OpenFor  time.Duration `yaml:"open_for" default:"15s" min:"1s" max:"1h"`
}

// Events are mos.ru's signed notices of changed passwords.
type Events struct {
	Issuer   string `yaml:"issuer" default:""`
	Audience string `yaml:"audience" default:""`
	KeysFile File   `yaml:"keys_file" default:""`
	// PasswordKeyFile opens the passwords that events may carry.
	PasswordKeyFile SecretFile    `yaml:"password_key_file" default:""`
	MaxAge          time.Duration `yaml:"max_age" default:"24h" min:"1m" max:"168h"`
	Heartbeat       time.Duration `yaml:"heartbeat" default:"1m" min:"5s" max:"1h"`
}

// On says whether events are set up.
func (e Events) On() bool { return e.Issuer != "" }

// LDAP is the LDAP server; without listeners it is off.
type LDAP struct {
	Listen     []Address   `yaml:"listen" default:"" unique:"yes"`
	ListenTLS  []Address   `yaml:"listen_tls" default:"" unique:"yes"`
	Listeners  []Listener  `yaml:"listeners" default:""`
	Base       DN          `yaml:"base" default:""`
	Schema     string      `yaml:"schema" default:"rfc2307bis" one:"rfc2307bis|ad"`
	Views      []View      `yaml:"views" default:""`
	UPNSuffix  Realm       `yaml:"upn_suffix" default:"" word:"yes"`
	Attributes []Attribute `yaml:"attributes" default:""`
	PlainBind  string      `yaml:"plain_bind" default:"never" one:"never|loopback|always"`
	Services   []Service   `yaml:"services" default:""`
	Access     []Access    `yaml:"access" default:""`
	Limits     LDAPLimits  `yaml:"limits"`

	Certificates LDAPCertificates `yaml:"certificates"`
}

// Listener is an LDAP address with rules of its own.
type Listener struct {
	Address   Address        `yaml:"address" need:"yes"`
	TLS       bool           `yaml:"tls" default:"false"`
	OldTLS    bool           `yaml:"old_tls" default:"false"`
	Balancers []netip.Prefix `yaml:"balancers" default:"" unique:"yes"`
	Idle      time.Duration  `yaml:"idle" default:"15m" min:"1s" max:"24h"`
	KeepAlive time.Duration  `yaml:"keepalive" default:"1m" min:"1s" max:"2h"`

	CertificateFile File       `yaml:"certificate_file" default:""`
	KeyFile         SecretFile `yaml:"key_file" default:""`
}

// usualKeepAlive is of listen and listen_tls.
const usualKeepAlive = time.Minute

// All gives every address that LDAP listens on; none: it is off.
func (l LDAP) All() []Listener {
	var all []Listener
	for i, list := range [][]Address{l.Listen, l.ListenTLS} {
		for _, a := range list {
			all = append(all, Listener{Address: a, TLS: i == 1, Idle: l.Limits.Idle, KeepAlive: usualKeepAlive})
		}
	}
	return append(all, l.Listeners...)
}

// ownCertificates says that a listener has one beside that of tls.
func (l LDAP) ownCertificates() bool {
	return slices.ContainsFunc(l.Listeners, func(one Listener) bool { return one.CertificateFile != "" })
}

// View shows the same people and groups below another base.
type View struct {
	Base   DN     `yaml:"base" need:"yes"`
	Schema string `yaml:"schema" default:"ad" one:"rfc2307bis|ad"`
}

// Attribute is what people's values of an LDAP attribute are made of.
type Attribute struct {
	Name  string   `yaml:"name" need:"yes" word:"yes"`
	Value Template `yaml:"value" need:"yes"`
}

// Service is an account of a program that searches the directory. It signs in
// with a password, with a certificate, or with either.
type Service struct {
	DN           DN                   `yaml:"dn" need:"yes"`
	PasswordFile SecretFile           `yaml:"password_file" default:""`
	Certificates []ServiceCertificate `yaml:"certificates" default:""`
	From         []netip.Prefix       `yaml:"from" default:"" unique:"yes"`
	Schools      []string             `yaml:"schools" default:"any" unique:"yes" word:"yes"`
	Roles        []string             `yaml:"roles" default:"staff, pupil" one:"staff|pupil" unique:"yes" word:"yes"`
	Attributes   []string             `yaml:"attributes" default:"" unique:"fold"`
	Sync         bool                 `yaml:"sync" default:"false"`
}

// AnySchool says that the service sees the people of all schools.
func (s Service) AnySchool() bool { return len(s.Schools) == 1 && s.Schools[0] == "any" }

// LDAPLimits bound what clients may take.
type LDAPLimits struct {
	Connections int           `yaml:"connections" default:"10000" min:"1" max:"1000000"`
	PerSource   int           `yaml:"per_source" default:"1000" min:"1" max:"1000000"`
	PerPerson   int           `yaml:"per_person" default:"64" min:"1" max:"1000000"`
	Handshakes  int           `yaml:"handshakes" default:"256" min:"1" max:"1000000"`
	Operations  int           `yaml:"operations" default:"512" min:"1" max:"1000000"`
	Unread      int           `yaml:"unread" default:"8388608" min:"65536" max:"1073741824"`
	Handshake   time.Duration `yaml:"handshake" default:"10s" min:"1s" max:"5m"`
	Request     time.Duration `yaml:"request" default:"20s" min:"1s" max:"10m"`
	Idle        time.Duration `yaml:"idle" default:"15m" min:"1s" max:"24h"`
	Write       time.Duration `yaml:"write" default:"30s" min:"1s" max:"10m"`
	PDU         int           `yaml:"pdu" default:"262144" min:"4096" max:"16777216"`
	InFlight    int           `yaml:"in_flight" default:"32" min:"1" max:"1000"`
	Entries     int           `yaml:"entries" default:"1000" min:"1" max:"10000000"`
	Unindexed   int           `yaml:"unindexed" default:"100000" min:"1000" max:"10000000"`
	SearchTime  time.Duration `yaml:"search_time" default:"10s" min:"100ms" max:"10m"`
}

// RADIUS is the RADIUS server; without listeners it is off.
type RADIUS struct {
	Authentication []Address    `yaml:"authentication" default:"" unique:"yes"`
	Accounting     []Address    `yaml:"accounting" default:"" unique:"yes"`
	RadSec         []Address    `yaml:"radsec" default:"" unique:"yes"`
	ClientCAFile   File         `yaml:"client_ca_file" default:""`
	RadSecLimits   RadSecLimits `yaml:"radsec_limits"`
	Clients        []Client     `yaml:"clients" default:""`
	EAP            EAP          `yaml:"eap"`

	Journal      Journal      `yaml:"journal"`
	Simultaneous Simultaneous `yaml:"simultaneous"`

	// Devices holds those of DevicesFile too, behind the written ones.
	Devices           []Device   `yaml:"devices" default:""`
	DevicesFile       File       `yaml:"devices_file" default:""`
	Machines          []Machines `yaml:"machines" default:""`
	PeopleAuthorities []string   `yaml:"people_authorities" default:"" unique:"yes" word:"yes"`
}

// RadSecLimits bound the RadSec connections of a listener, and how many of one
// client are asked about one session.
type RadSecLimits struct {
	Connections int `yaml:"connections" default:"1024" min:"1" max:"100000"`
	PerSource   int `yaml:"per_source" default:"64" min:"1" max:"100000"`
	Asked       int `yaml:"asked" default:"16" min:"1" max:"1000"`
}

// EAP is WPA-Enterprise; without a certificate, here or in tls, it is off.
type EAP struct {
	Methods            []string      `yaml:"methods" default:"peap, ttls, tls" one:"peap|ttls|tls" unique:"yes" word:"yes"`
	Inner              []string      `yaml:"inner" default:"mschapv2, gtc" one:"mschapv2|gtc" unique:"yes" word:"yes"`
	CertificateFile    File          `yaml:"certificate_file" default:""`
	KeyFile            SecretFile    `yaml:"key_file" default:""`
	RSACertificateFile File          `yaml:"rsa_certificate_file" default:""`
	RSAKeyFile         SecretFile    `yaml:"rsa_key_file" default:""`
	Resumption         time.Duration `yaml:"resumption" default:"12h" min:"0s" max:"24h"`
	Conversations      int           `yaml:"conversations" default:"10000" min:"100" max:"1000000"`
	Authorities        []Authority   `yaml:"authorities" default:""`
}

// Authority issues the certificates of devices, programs or people.
type Authority struct {
	Name    string `yaml:"name" need:"yes" maxlen:"64"`
	CAFile  File   `yaml:"ca_file" need:"yes"`
	CRLFile File   `yaml:"crl_file" default:""`
}

// Journal is the record of who was on the Wi-Fi when, from accounting.
type Journal struct {
	// Keep is six months, which have up to 184 days.
	Keep    time.Duration `yaml:"keep" default:"184d" min:"1d" max:"1100d"`
	Interim time.Duration `yaml:"interim" default:"10m" min:"1m" max:"6h"`
	Silence time.Duration `yaml:"silence" default:"35m" min:"3m" max:"24h"`
}

// Simultaneous bounds the devices of one person on the Wi-Fi at once; 0: any
// number.
type Simultaneous struct {
	Staff int `yaml:"staff" default:"0" min:"0" max:"1000"`
	Pupil int `yaml:"pupil" default:"0" min:"0" max:"1000"`
}

// Device is a board or another thing that is admitted by its hardware address.
type Device struct {
	Address HardwareAddress `yaml:"address" need:"yes"`
	Name    string          `yaml:"name" need:"yes" maxlen:"64"`
	School  string          `yaml:"school" need:"yes" maxlen:"64"`
	VLAN    VLAN            `yaml:"vlan" default:""`
}

// Machines are computers that are admitted by their certificates before
// anybody signs in.
type Machines struct {
	Authority string      `yaml:"authority" need:"yes" maxlen:"64"`
	Name      MachineName `yaml:"name" need:"yes"`
	School    string      `yaml:"school" need:"yes" maxlen:"64"`
	VLAN      VLAN        `yaml:"vlan" default:""`
}

// Client is a NAS: an access point, a controller, or a network of them. Over
// UDP its range and secret say who it is, and the narrowest range that holds an
// address counts; over RadSec its certificate, wherever it comes from, or else
// its range.
type Client struct {
	Name                 string        `yaml:"name" need:"yes" maxlen:"64"`
	Range                netip.Prefix  `yaml:"range" default:""`
	SecretFile           SecretFile    `yaml:"secret_file" default:""`
	Certificate          string        `yaml:"certificate" default:"" maxlen:"253"`
	School               string        `yaml:"school" default:"" maxlen:"64"`
	MessageAuthenticator string        `yaml:"message_authenticator" default:"required" one:"required|optional"`
	RejectDelay          time.Duration `yaml:"reject_delay" default:"1s" min:"0s" max:"2s"`
	Vendor               string        `yaml:"vendor" default:"wispr" one:"wispr|aruba|cisco|hpe|mikrotik|ruckus|ubiquiti"`

	DynamicAuthorization DynamicAuthorization `yaml:"dynamic_authorization"`
}

// DynamicAuthorization is how a NAS is asked to end or change a session (RFC
// 5176); without a port, and not over RadSec, it is not.
type DynamicAuthorization struct {
	Port       int        `yaml:"port" default:"0" min:"0" max:"65535"`
	SecretFile SecretFile `yaml:"secret_file" default:""`
	RadSec     bool       `yaml:"radsec" default:"false"`
	CoA        bool       `yaml:"coa" default:"true"`
}

// Names are what people may write around their login.
type Names struct {
	Domains []string `yaml:"domains" default:"" unique:"fold"`
	Realms  []string `yaml:"realms" default:"" unique:"fold"`
}

// Policy is the table of who may sign in where and when.
type Policy struct {
	TimeZone Zone   `yaml:"time_zone" default:"Europe/Moscow"`
	Rules    []Rule `yaml:"rules" default:""`
}

// Rule is one line of the policy table; Policy.Compile makes it work.
type Rule struct {
	Name      string        `yaml:"name" need:"yes" maxlen:"64"`
	Roles     []string      `yaml:"roles" default:"staff, pupil" one:"staff|pupil|parent|device|machine" unique:"yes" word:"yes"`
	Channels  []string      `yaml:"channels" default:"ldap, wifi, web" one:"ldap|wifi|web" unique:"yes" word:"yes"`
	Schools   []string      `yaml:"schools" default:"own" unique:"yes" word:"yes"`
	NAS       []string      `yaml:"nas" default:"" unique:"yes" word:"yes"`
	SSIDs     []string      `yaml:"ssids" default:"" unique:"yes" word:"yes"`
	Hours     []string      `yaml:"hours" default:"" unique:"yes" word:"yes"`
	Allow     bool          `yaml:"allow" need:"yes"`
	VLAN      VLAN          `yaml:"vlan" default:""`
	Session   time.Duration `yaml:"session" default:"0s" min:"0s" max:"30d"`
	Idle      time.Duration `yaml:"idle" default:"0s" min:"0s" max:"30d"`
	Filter    string        `yaml:"filter" default:"" maxlen:"253"`
	Bandwidth Bandwidth     `yaml:"bandwidth"`
}

// Bandwidth bounds what one device sends and receives.
type Bandwidth struct {
	Down policy.Rate `yaml:"down" default:"" min:"64k" max:"4G"`
	Up   policy.Rate `yaml:"up" default:"" min:"64k" max:"4G"`
}

// Auth is how sign-ins are decided.
type Auth struct {
	Confirmation              time.Duration `yaml:"confirmation" default:"12h" min:"1s" max:"7d"`
	ConfirmationWithoutEvents time.Duration `yaml:"confirmation_without_events" default:"5m" min:"1s" max:"5m"`
	Confirmations             int           `yaml:"confirmations" default:"200000" min:"100" max:"10000000"`
	NTHash                    bool          `yaml:"nt_hash" default:"true"`
	NTHashes                  int           `yaml:"nt_hashes" default:"100000" min:"100" max:"10000000"`
	NTMaxAge                  time.Duration `yaml:"nt_max_age" default:"30d" min:"1h" max:"400d"`
	LocalGrace                time.Duration `yaml:"local_grace" default:"7d" min:"1s" max:"30d"`
	OfflineGrace              time.Duration `yaml:"offline_grace" default:"1h" min:"1s" max:"24h"`
	FailuresPerLogin          int           `yaml:"failures_per_login" default:"4" min:"2" max:"1000"`
	FailuresPerDevice         int           `yaml:"failures_per_device" default:"10" min:"1" max:"10000"`
	FailuresPerSource         int           `yaml:"failures_per_source" default:"200" min:"1" max:"1000000"`
	FailuresWindow            time.Duration `yaml:"failures_window" default:"10m" min:"1m" max:"24h"`
}

// Registry is the import's brake: a run that would end more than both bounds
// stops and asks.
type Registry struct {
	EndingShare   float64 `yaml:"ending_share" default:"0.05" min:"0" max:"1"`
	EndingMinimum int     `yaml:"ending_minimum" default:"20" min:"0" max:"1000000"`
}

// Statistics are the curators' lists and the table of activations.
type Statistics struct {
	Deadlines Deadlines     `yaml:"deadlines"`
	KeepTries time.Duration `yaml:"keep_tries" default:"90d" min:"1d" max:"1100d"`
}

// Deadlines are the last days for people to activate, by what they are; parents
// only have to sign in. Empty: there is none.
type Deadlines struct {
	Staff   Day `yaml:"staff" default:""`
	Pupils  Day `yaml:"pupils" default:""`
	Parents Day `yaml:"parents" default:""`
}

// Teams is what the files for School Data Sync hold, and the brake of their export: one
// that would take more than both bounds out of a file stops and asks.
type Teams struct {
	Classes        bool    `yaml:"classes" default:"true"`
	RemovalShare   float64 `yaml:"removal_share" default:"0.05" min:"0" max:"1"`
	RemovalMinimum int     `yaml:"removal_minimum" default:"20" min:"0" max:"1000000"`
}

// Web is the HTTP listener: activation, health, metrics, events.
type Web struct {
	Listen   Address        `yaml:"listen" default:"127.0.0.1:8080"`
	Public   URL            `yaml:"public_url" default:""`
	SignIn   string         `yaml:"sign_in" default:"form" one:"form|mosru"`
	Sessions WebSessions    `yaml:"sessions"`
	Admin    Administration `yaml:"administration"`
	Events   URLPath        `yaml:"events" default:"/events/mosru"`
	Proxies  []netip.Prefix `yaml:"proxies" default:"127.0.0.0/8" unique:"yes"`
	Monitors []netip.Prefix `yaml:"monitors" default:"127.0.0.0/8" unique:"yes"`
	Limits   WebLimits      `yaml:"limits"`
	Recovery URL            `yaml:"recovery_url" default:"https://login.mos.ru/sps/recovery"`
	Support  URL            `yaml:"support_url" default:""`
	// KeepSupport is how long what people wrote by our own form is kept.
	KeepSupport time.Duration `yaml:"keep_support" default:"90d" min:"1d" max:"1100d"`
	Fallback    URL           `yaml:"fallback_url" default:""`
	Start       URL           `yaml:"start_url" default:""`
	Diary       URL           `yaml:"diary_url" default:""`
}

// WebSessions are how long browsers stay signed in.
type WebSessions struct {
	Idle    time.Duration `yaml:"idle" default:"30m" min:"1m" max:"12h"`
	Longest time.Duration `yaml:"longest" default:"12h" min:"5m" max:"24h"`
}

// Administration is who administers in a browser, and how they come in.
type Administration struct {
	BreakGlass bool          `yaml:"break_glass" default:"true"`
	Idle       time.Duration `yaml:"idle" default:"15m" min:"1m" max:"2h"`
	Longest    time.Duration `yaml:"longest" default:"8h" min:"5m" max:"24h"`
	Invitation time.Duration `yaml:"invitation" default:"7d" min:"1h" max:"30d"`
	Groups     []AdminGroup  `yaml:"groups" default:""`
}

// AdminGroup is a group of Active Directory whose members administer.
type AdminGroup struct {
	Group   string   `yaml:"group" need:"yes" maxlen:"256"`
	Role    string   `yaml:"role" need:"yes" one:"school|curator|operator|auditor"`
	Schools []string `yaml:"schools" default:"" unique:"yes"`
}

// WebLimits bound the connections of the HTTP listener.
type WebLimits struct {
	Connections int `yaml:"connections" default:"4000" min:"1" max:"1000000"`
	PerSource   int `yaml:"per_source" default:"500" min:"1" max:"1000000"`
}

// Log is how the daemon tells what it does.
type Log struct {
	Format string `yaml:"format" default:"json" one:"json|text"`
	Level  string `yaml:"level" default:"info" one:"debug|info|warn|error"`
}
