package onboard

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// authorityPath is where the keyfile and wpa_supplicant look for the
// authorities; every distribution has the folder, readable by all.
const authorityPath = "/etc/schoolbridge-wifi-ca.pem"

// linux writes a script of nmcli lines for one person's computer, and for
// whoever manages many: a keyfile for each network, and blocks for
// wpa_supplicant.
func (w *writer) linux() []File {
	files := []File{{Name: "school-wifi.sh", Type: "text/x-shellscript", About: w.say("для своего ноутбука: sh school-wifi.sh (NetworkManager)", "for one's own laptop: sh school-wifi.sh (NetworkManager)"), Body: []byte(w.nmcli())}}
	for i, ssid := range w.SSIDs {
		files = append(files, File{Name: fmt.Sprintf("school-wifi-%d.nmconnection", i+1), Type: "text/plain; charset=utf-8",
			About: w.say("для /etc/NetworkManager/system-connections (права 0600), сеть «%s»; school-ca.crt — в %s", "for /etc/NetworkManager/system-connections (mode 0600), network %q; school-ca.crt goes to %s", ssid, authorityPath),
			Body:  []byte(w.keyfile(ssid))})
	}
	return append(files, File{Name: "school-wifi.wpa_supplicant.conf", Type: "text/plain; charset=utf-8",
		About: w.say("блоки для wpa_supplicant.conf; school-ca.crt — в %s", "blocks for wpa_supplicant.conf; school-ca.crt goes to %s", authorityPath), Body: []byte(w.supplicant())}, w.authorityFile())
}

// eap and inner are the methods as NetworkManager writes them.
func (w *writer) eap() (outer, inner string) {
	if w.peap() {
		return "peap", "mschapv2"
	}
	return "ttls", "pap"
}

// subjects are the server's names as its certificate has them, of which one
// must be there. The newer domain-match says the same and is unknown to
// NetworkManager before 1.24, which schools still run.
func (w *writer) subjects(between string) string {
	return "DNS:" + strings.Join(w.ServerNames, between+"DNS:")
}

// settings are the properties of one network in the order of nmcli. The
// password is the business of the desktop's key ring (flag 1): it is asked for
// and kept there.
func (w *writer) settings(ssid, authority string) [][2]string {
	outer, inner := w.eap()
	hidden := "no"
	if w.Hidden {
		hidden = "yes"
	}
	return [][2]string{
		{"type", "wifi"}, {"con-name", ssid}, {"connection.uuid", strings.ToLower(w.uuid("linux", ssid))}, {"wifi.ssid", ssid}, {"wifi.hidden", hidden},
		{"wifi-sec.key-mgmt", "wpa-eap"}, {"802-1x.eap", outer}, {"802-1x.phase2-auth", inner},
		{"802-1x.identity", w.login}, {"802-1x.anonymous-identity", w.Outer}, {"802-1x.ca-cert", authority},
		{"802-1x.altsubject-matches", w.subjects(",")}, {"802-1x.password-flags", "1"},
	}
}

// nmcli is a script for a POSIX shell. A connection of the same UUID is
// replaced.
func (w *writer) nmcli() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# %s\nset -eu\n", w.say("Подключает этот компьютер к Wi-Fi школы. Пароля здесь нет: его спросит рабочий стол.",
		"Joins this computer to the school's Wi-Fi. There is no password in here: the desktop asks for it."))
	fmt.Fprintf(&b, "folder=\"${XDG_CONFIG_HOME:-$HOME/.config}/schoolbridge\"\nmkdir -p \"$folder\"\ncat >\"$folder/wifi-ca.pem\" <<'END'\n%sEND\n", w.bundle())
	for _, ssid := range w.SSIDs {
		fmt.Fprintf(&b, "nmcli connection delete uuid %s >/dev/null 2>&1 || true\nnmcli connection add", strings.ToLower(w.uuid("linux", ssid)))
		for _, s := range w.settings(ssid, "") {
			value := quoteShell(s[1])
			if s[0] == "802-1x.ca-cert" {
				value = `"$folder/wifi-ca.pem"`
			}
			fmt.Fprintf(&b, " \\\n  %s %s", s[0], value)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "printf '%%s\\n' %s\n", quoteShell(w.say("Готово. Без рабочего стола: nmcli --ask connection up ", "Done. Without a desktop: nmcli --ask connection up ")+quoteShell(w.SSIDs[0])))
	return b.String()
}

// keyfile is a network as NetworkManager keeps it (nm-settings-keyfile(5)).
func (w *writer) keyfile(ssid string) string {
	outer, inner := w.eap()
	var b strings.Builder
	fmt.Fprintf(&b, "[connection]\nid=%s\nuuid=%s\ntype=wifi\n\n", quoteKey(ssid), strings.ToLower(w.uuid("linux", ssid)))
	fmt.Fprintf(&b, "[wifi]\nmode=infrastructure\nssid=%s\n", ssidKey(ssid))
	if w.Hidden {
		b.WriteString("hidden=true\n")
	}
	fmt.Fprintf(&b, "\n[wifi-security]\nkey-mgmt=wpa-eap\n\n[802-1x]\neap=%s;\nphase2-auth=%s\nidentity=%s\nanonymous-identity=%s\nca-cert=%s\naltsubject-matches=%s;\npassword-flags=1\n",
		outer, inner, quoteKey(w.login), quoteKey(w.Outer), authorityPath, w.subjects(";"))
	b.WriteString("\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n")
	return b.String()
}

// supplicant is the networks as wpa_supplicant.conf(5) has them.
func (w *writer) supplicant() string {
	outer, inner := w.eap()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", w.say("Пароля здесь нет: его передаёт wpa_cli (password) или строка password=, которую вы допишете сами; тогда права файла — 0600.",
		"There is no password in here: wpa_cli (password) brings it, or a line password= of your own; the file's mode is 0600 then."))
	for _, ssid := range w.SSIDs {
		fmt.Fprintf(&b, "# %s\nnetwork={\n\tssid=%s\n", ssid, hex.EncodeToString([]byte(ssid)))
		if w.Hidden {
			b.WriteString("\tscan_ssid=1\n")
		}
		fmt.Fprintf(&b, "\tkey_mgmt=WPA-EAP\n\teap=%s\n\tphase2=\"auth=%s\"\n\tidentity=\"%s\"\n\tanonymous_identity=\"%s\"\n\tca_cert=\"%s\"\n\taltsubject_match=\"%s\"\n}\n",
			strings.ToUpper(outer), strings.ToUpper(inner), w.login, w.Outer, authorityPath, w.subjects(";"))
	}
	return b.String()
}

// quoteShell makes one word of a POSIX shell.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteKey writes a value of a keyfile: a backslash begins an escape, and a
// blank at the start would be lost.
func quoteKey(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	if strings.HasPrefix(s, " ") {
		s = `\s` + s[1:]
	}
	return s
}

var simpleSSID = regexp.MustCompile(`^[A-Za-z0-9._-]([A-Za-z0-9 ._-]*[A-Za-z0-9._-])?$`)

// ssidKey writes a network's name for a keyfile: as text where nothing can be
// taken for something else, else as bytes.
func ssidKey(ssid string) string {
	if simpleSSID.MatchString(ssid) {
		return ssid
	}
	var b strings.Builder
	for _, c := range []byte(ssid) {
		fmt.Fprintf(&b, "%d;", c)
	}
	return b.String()
}
