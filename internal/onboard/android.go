package onboard

import (
	"encoding/base64"
	"strconv"
)

// android writes steps, for Android takes no file for such a network by itself;
// the authority to install; and a file that apps of the eduroam family take.
func (w *writer) android() []File {
	steps := File{Name: "android.txt", Type: "text/plain; charset=utf-8", About: w.say("шаги для Android", "steps for Android"), Body: []byte(w.androidText())}
	return []File{steps, w.authorityFile(), w.eapConfig()}
}

// eapConfig is the metadata of draft-winter-opsawg-eap-metadata, which apps of
// the eduroam family take on several systems. The order of its elements is
// that of the draft's schema.
func (w *writer) eapConfig() File {
	var server, places []node
	for _, c := range w.Authorities {
		server = append(server, leaf("CA", base64.StdEncoding.EncodeToString(c.Raw)).with("format", "X.509").with("encoding", "base64"))
	}
	for _, s := range w.ServerNames {
		server = append(server, leaf("ServerID", s))
	}
	for _, ssid := range w.SSIDs {
		places = append(places, element("IEEE80211", leaf("SSID", ssid), leaf("MinRSNProto", "CCMP")))
	}
	inner := element("NonEAPAuthMethod", leaf("Type", "1")) // PAP
	if w.peap() {
		inner = element("EAPMethod", leaf("Type", "26"))
	}
	provider := element("EAPIdentityProvider",
		element("AuthenticationMethods", element("AuthenticationMethod",
			element("EAPMethod", leaf("Type", strconv.Itoa(w.outerType()))),
			element("ServerSideCredential", server...),
			element("ClientSideCredential", leaf("OuterIdentity", w.Outer), leaf("UserName", w.login)),
			element("InnerAuthenticationMethod", inner))),
		element("CredentialApplicability", places...),
		element("ProviderInfo", leaf("DisplayName", w.Organization)),
	).with("ID", w.ServerNames[0]).with("namespace", "urn:RFC4282:realm").with("lang", string(w.lang)).with("version", "1")
	return File{Name: "school-wifi.eap-config", Type: "application/eap-config",
		About: w.say("для приложений, которые принимают eap-config (geteduroam)", "for apps that take eap-config (geteduroam)"),
		Body:  element("EAPIdentityProviderList", provider).document("")}
}
