package onboard

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// android writes steps, for Android takes no file for such a network by itself;
// the authority to install; and a file that apps of the eduroam family take.
func (w *writer) android() []File {
	steps := File{Name: "android.txt", Type: "text/plain; charset=utf-8", About: w.say("шаги для Android", "steps for Android"), Body: []byte(w.androidSteps())}
	return []File{steps, w.authorityFile(), w.eapConfig()}
}

func (w *writer) androidSteps() string {
	method, inner := "TTLS", "PAP"
	if w.peap() {
		method, inner = "PEAP", "MSCHAPV2"
	}
	hidden := ""
	if w.Hidden {
		hidden = w.say(" Сеть скрытая: нажмите «Добавить сеть», впишите имя, защита — WPA/WPA2/WPA3-Enterprise.",
			" The network is hidden: choose \"Add network\", type its name, security WPA/WPA2/WPA3-Enterprise.")
	}
	return strings.NewReplacer("{ssid}", strings.Join(w.SSIDs, ", "), "{hidden}", hidden, "{method}", method, "{inner}", inner,
		"{domain}", strings.Join(w.ServerNames, ";"), "{login}", w.login, "{outer}", w.Outer, "{name}", w.Organization,
	).Replace(w.say(androidRU, androidEN))
}

const androidRU = `Wi-Fi «{ssid}» на Android (11 и новее; на старых пункты те же)

1. Сохраните на телефон файл school-ca.crt.
2. Настройки → Безопасность → Шифрование и учётные данные → Установка сертификата → Сертификат Wi-Fi.
   Выберите school-ca.crt, назовите его «{name}». (Проще найти поиском по настройкам: «сертификат Wi-Fi».)
3. Настройки → Wi-Fi → {ssid}.{hidden}
4. Заполните:
     Метод EAP                  {method}
     Второй этап (Phase 2)      {inner}
     Сертификат ЦС              {name}
     Статус сертификата (OCSP)  не проверять
     Домен                      {domain}
     Удостоверение (логин)      {login}
     Анонимное удостоверение    {outer}
     Пароль                     пароль mos.ru
5. «Подключить».

Android 11 и новее не подключится без сертификата и домена. «Сертификат ЦС: не проверять» (на старых версиях) не выбирайте: пароль
достанется любой чужой точке доступа с таким же именем. QR-кодом такую сеть передать нельзя: в нём нет места логину и сертификату.
`

const androidEN = `Wi-Fi "{ssid}" on Android (11 and later; the same items on older ones)

1. Save the file school-ca.crt on the phone.
2. Settings → Security → Encryption & credentials → Install a certificate → Wi-Fi certificate.
   Choose school-ca.crt and call it "{name}". (Searching the settings for "Wi-Fi certificate" is quicker.)
3. Settings → Wi-Fi → {ssid}.{hidden}
4. Fill in:
     EAP method                 {method}
     Phase 2 authentication     {inner}
     CA certificate             {name}
     Online certificate status  do not verify
     Domain                     {domain}
     Identity                   {login}
     Anonymous identity         {outer}
     Password                   your mos.ru password
5. "Connect".

Android 11 and later does not connect without certificate and domain. Never choose "CA certificate: do not validate" (older versions): any
strange access point of that name would get the password. A QR code cannot carry such a network: it has no room for login and certificate.
`

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
