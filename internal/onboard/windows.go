package onboard

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Name spaces of Microsoft's schemas ("WLAN_profile Schema", "EapHostConfig",
// "EAP-TTLS" and "PEAP connection properties").
const (
	nsWLAN     = "http://www.microsoft.com/networking/WLAN/profile/v1"
	nsOneX     = "http://www.microsoft.com/networking/OneX/v1"
	nsHost     = "http://www.microsoft.com/provisioning/EapHostConfig"
	nsCommon   = "http://www.microsoft.com/provisioning/EapCommon"
	nsTTLS     = "http://www.microsoft.com/provisioning/EapTtlsConnectionPropertiesV1"
	nsBase     = "http://www.microsoft.com/provisioning/BaseEapConnectionPropertiesV1"
	nsPEAP     = "http://www.microsoft.com/provisioning/MsPeapConnectionPropertiesV1"
	nsPEAP2    = "http://www.microsoft.com/provisioning/MsPeapConnectionPropertiesV2"
	nsPEAP3    = "http://www.microsoft.com/provisioning/MsPeapConnectionPropertiesV3"
	nsMSCHAPv2 = "http://www.microsoft.com/provisioning/MsChapV2ConnectionPropertiesV1"
)

// windows writes a script that does it all on one PC, and for Group Policy the
// profiles and authorities that it carries.
func (w *writer) windows() []File {
	var profiles []File
	for i, ssid := range w.SSIDs {
		profiles = append(profiles, File{Name: fmt.Sprintf("school-wifi-%d.xml", i+1), Type: "application/xml",
			About: w.say("профиль сети «%s» для групповой политики или netsh", "profile of the network %q for Group Policy or netsh", ssid), Body: w.wlan(ssid)})
	}
	files := append([]File{w.windowsScript(profiles)}, profiles...)
	for i, c := range w.Authorities {
		where := w.say("промежуточные центры сертификации", "Intermediate Certification Authorities")
		if Root(c) {
			where = w.say("доверенные корневые центры сертификации", "Trusted Root Certification Authorities")
		}
		files = append(files, File{Name: fmt.Sprintf("school-ca-%d.cer", i+1), Type: "application/pkix-cert",
			About: w.say("сертификат для групповой политики: %s", "certificate for Group Policy: %s", where), Body: c.Raw})
	}
	return files
}

// wlan is the profile of one network. Windows asks nobody whether to trust:
// another authority or name ends the attempt.
func (w *writer) wlan(ssid string) []byte {
	flag := func(name string, yes bool) node { return leaf(name, strconv.FormatBool(yes)) }
	method := func(name, number string) node { return leaf(name, number).with("xmlns", nsCommon) }
	config, author := w.windowsTTLS(), "311" // Microsoft's own TTLS
	if w.peap() {
		config, author = w.windowsPEAP(), "0"
	}
	profile := element("WLANProfile",
		leaf("name", ssid),
		element("SSIDConfig",
			element("SSID", leaf("hex", strings.ToUpper(hex.EncodeToString([]byte(ssid)))), leaf("name", ssid)),
			flag("nonBroadcast", w.Hidden)),
		leaf("connectionType", "ESS"),
		leaf("connectionMode", "auto"),
		element("MSM", element("security",
			element("authEncryption", leaf("authentication", "WPA2"), leaf("encryption", "AES"), flag("useOneX", true)),
			element("OneX",
				flag("cacheUserData", true),
				leaf("authMode", "user"),
				element("EAPConfig", element("EapHostConfig",
					element("EapMethod", method("Type", strconv.Itoa(w.outerType())), method("VendorId", "0"), method("VendorType", "0"), method("AuthorId", author)),
					element("Config", config).with("xmlns", nsHost)).with("xmlns", nsHost)),
			).with("xmlns", nsOneX))),
	).with("xmlns", nsWLAN)
	return profile.document("")
}

func (w *writer) windowsTTLS() node {
	check := []node{leaf("ServerNames", strings.Join(w.ServerNames, ";"))}
	for _, c := range w.roots() {
		check = append(check, leaf("TrustedRootCAHash", thumbprint(c)))
	}
	check = append(check, leaf("DisablePrompt", "true"))
	return element("EapTtls",
		element("ServerValidation", check...),
		element("Phase2Authentication", element("PAPAuthentication")),
		element("Phase1Identity", leaf("IdentityPrivacy", "true"), leaf("AnonymousIdentity", w.Outer)),
	).with("xmlns", nsTTLS)
}

// windowsPEAP asks for the login and password of mos.ru: those that somebody
// signed in to Windows with are not taken, and Credential Guard would not let
// them be.
func (w *writer) windowsPEAP() node {
	check := []node{leaf("DisableUserPromptForServerValidation", "true"), leaf("ServerNames", strings.Join(w.ServerNames, ";"))}
	for _, c := range w.roots() {
		check = append(check, leaf("TrustedRootCA", thumbprint(c)))
	}
	inner := element("Eap",
		leaf("Type", "26"),
		element("EapType", leaf("UseWinLogonCredentials", "false")).with("xmlns", nsMSCHAPv2),
	).with("xmlns", nsBase)
	second := func(n node) node { return n.with("xmlns", nsPEAP2) }
	return element("Eap",
		leaf("Type", strconv.Itoa(typePEAP)),
		element("EapType",
			element("ServerValidation", check...),
			leaf("FastReconnect", "true"),
			leaf("InnerEapOptional", "false"),
			inner,
			leaf("EnableQuarantineChecks", "false"),
			leaf("RequireCryptoBinding", "false"),
			element("PeapExtensions",
				second(leaf("PerformServerValidation", "true")),
				second(leaf("AcceptServerName", "true")),
				second(element("IdentityPrivacy", leaf("EnableIdentityPrivacy", "true"), leaf("AnonymousUserName", w.Outer))),
				second(element("PeapExtensionsV2", leaf("AllowPromptingWhenServerCANotFound", "false").with("xmlns", nsPEAP3)))),
		).with("xmlns", nsPEAP),
	).with("xmlns", nsBase)
}

// thumbprint is how Windows names a certificate: SHA-1, byte by byte.
func thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return fmt.Sprintf("% x", sum[:])
}

// windowsScript is a script for Windows PowerShell 5.1, which every Windows 10
// and 11 has. What it carries is in base64, so that no name of a network can
// become a command. Its mark of UTF-8 is what makes 5.1 read Russian.
func (w *writer) windowsScript(profiles []File) File {
	list := func(items [][]byte) string {
		quoted := make([]string, len(items))
		for i, b := range items {
			quoted[i] = "'" + base64.StdEncoding.EncodeToString(b) + "'"
		}
		return "@(" + strings.Join(quoted, ",\n  ") + ")"
	}
	var roots, others, networks [][]byte
	for _, c := range w.Authorities {
		if Root(c) {
			roots = append(roots, c.Raw)
		} else {
			others = append(others, c.Raw)
		}
	}
	for _, p := range profiles {
		networks = append(networks, p.Body)
	}
	text := strings.NewReplacer(
		"{about}", w.say("Подключает этот ПК к Wi-Fi школы. Пароля здесь нет: Windows спросит его сама.", "Joins this PC to the school's Wi-Fi. There is no password in here: Windows asks for it."),
		"{quiet}", w.say("Для сценария запуска: school-wifi.ps1 -Quiet", "For a start-up script: school-wifi.ps1 -Quiet"),
		"{roots}", list(roots), "{others}", list(others), "{networks}", list(networks),
		"{done}", quotePS(w.say("Готово. Выберите сеть %s, введите логин %s и пароль mos.ru.", "Done. Choose the network %s, type the login %s and your mos.ru password.", strings.Join(w.SSIDs, ", "), w.login)),
		"{failed}", quotePS(w.say("netsh не принял профиль", "netsh refused the profile")),
	).Replace(windowsText)
	return File{Name: "school-wifi.ps1", Type: "text/plain; charset=utf-8",
		About: w.say("для одного ПК: правой кнопкой, «Выполнить с помощью PowerShell»; от администратора — для всех его пользователей",
			"for one PC: right click, \"Run with PowerShell\"; as administrator for all of its users"),
		Body: []byte("\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n"))}
}

// quotePS makes a text of PowerShell, which takes typographic quotes for plain
// ones.
func quotePS(s string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(s) + "'"
}

const windowsText = `# {about}
# {quiet}
param([switch]$Quiet)
$ErrorActionPreference = 'Stop'
$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if ($me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { $place = 'LocalMachine'; $who = 'all' }
else { $place = 'CurrentUser'; $who = 'current' }

function Add-Authority($store, $items) {
  $open = New-Object Security.Cryptography.X509Certificates.X509Store($store, $place)
  $open.Open('ReadWrite')
  foreach ($item in $items) {
    $open.Add((New-Object Security.Cryptography.X509Certificates.X509Certificate2(,[Convert]::FromBase64String($item))))
  }
  $open.Close()
}

try {
  Add-Authority 'Root' {roots}
  Add-Authority 'CA' {others}
  foreach ($item in {networks}) {
    $file = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid().ToString() + '.xml')
    [IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($item))
    try {
      & netsh wlan add profile filename="$file" user=$who
      if ($LASTEXITCODE -ne 0) { throw {failed} }
    } finally { Remove-Item $file }
  }
  $code = 0
  Write-Host {done}
} catch {
  $code = 1
  Write-Host $_ -ForegroundColor Red
}
if (-not $Quiet) { [void](Read-Host 'Enter') }
exit $code
`
