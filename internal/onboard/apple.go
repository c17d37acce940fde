package onboard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The numbers of the outer methods (IANA, EAP method types).
const (
	typeTTLS = 21
	typePEAP = 25
)

// outerType is the number of the outer method.
func (w *writer) outerType() int {
	if w.peap() {
		return typePEAP
	}
	return typeTTLS
}

// apple writes a configuration profile (Apple, "Configuration Profile
// Reference"): one payload for each authority and one for each network. An
// installed profile is replaced by one of the same PayloadIdentifier, so that
// it is the school's, not the person's.
func (w *writer) apple() []File {
	labels := strings.Split(w.ServerNames[0], ".")
	slices.Reverse(labels)
	name := strings.Join(labels, ".") + ".schoolbridge.wifi"
	var payloads, anchors []node
	for i, c := range w.Authorities {
		digest := sha256.Sum256(c.Raw)
		id := w.uuid("apple", "authority", hex.EncodeToString(digest[:]))
		anchors = append(anchors, leaf("string", id))
		kind := "com.apple.security.pkcs1"
		if Root(c) {
			kind = "com.apple.security.root"
		}
		payloads = append(payloads, dict(append(payload(kind, fmt.Sprintf("%s.authority%d", name, i+1), id, w.Organization+" CA"),
			"PayloadCertificateFileName", leaf("string", fmt.Sprintf("school-ca-%d.cer", i+1)),
			"PayloadContent", leaf("data", base64.StdEncoding.EncodeToString(c.Raw)))...))
	}
	for i, ssid := range w.SSIDs {
		payloads = append(payloads, dict(append(payload("com.apple.wifi.managed", fmt.Sprintf("%s.network%d", name, i+1), w.uuid("apple", "network", ssid), "Wi-Fi "+ssid),
			"SSID_STR", leaf("string", ssid),
			"HIDDEN_NETWORK", truth(w.Hidden),
			"AutoJoin", truth(true),
			"EncryptionType", leaf("string", "WPA2"),
			"EAPClientConfiguration", w.appleEAP(anchors))...))
	}
	profile := dict(append(payload("Configuration", name, w.uuid("apple"), "Wi-Fi: "+w.Organization),
		"PayloadOrganization", leaf("string", w.Organization),
		"PayloadDescription", leaf("string", w.say("Подключает к Wi-Fi школы. Пароль в профиле не хранится: при установке введите пароль mos.ru.",
			"Joins the school's Wi-Fi. The profile holds no password: type your mos.ru password when asked.")),
		"PayloadContent", element("array", payloads...))...)
	doctype := `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n"
	return []File{{Name: "school-wifi.mobileconfig", Type: "application/x-apple-aspen-config",
		About: w.say("профиль для iPhone, iPad и Mac", "profile for iPhone, iPad and Mac"),
		Body:  element("plist", profile).with("version", "1.0").document(doctype)}}
}

// appleEAP is EAPClientConfiguration. One method only: a device that could
// choose would choose the one that needs a hash. Trusted names switch the
// question whether to trust off.
func (w *writer) appleEAP(anchors []node) node {
	names := make([]node, len(w.ServerNames))
	for i, s := range w.ServerNames {
		names[i] = leaf("string", s)
	}
	entries := []any{
		"AcceptEAPTypes", element("array", leaf("integer", strconv.Itoa(w.outerType()))),
		"UserName", leaf("string", w.login),
		"OuterIdentity", leaf("string", w.Outer),
		"PayloadCertificateAnchorUUID", element("array", anchors...),
		"TLSTrustedServerNames", element("array", names...),
		"TLSMinimumVersion", leaf("string", "1.2"),
	}
	if !w.peap() {
		entries = append(entries, "TTLSInnerAuthentication", leaf("string", "PAP"))
	}
	return dict(entries...)
}

// payload is what every payload begins with.
func payload(kind, identifier, uuid, title string) []any {
	return []any{
		"PayloadType", leaf("string", kind),
		"PayloadVersion", leaf("integer", "1"),
		"PayloadIdentifier", leaf("string", identifier),
		"PayloadUUID", leaf("string", uuid),
		"PayloadDisplayName", leaf("string", title),
	}
}

// dict makes a dictionary of a property list from keys and nodes in turn.
func dict(entries ...any) node {
	d := node{name: "dict"}
	for i := 0; i+1 < len(entries); i += 2 {
		d.children = append(d.children, leaf("key", entries[i].(string)), entries[i+1].(node))
	}
	return d
}

func truth(yes bool) node {
	if yes {
		return element("true")
	}
	return element("false")
}
