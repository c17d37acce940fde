package onboard

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Step is one thing that a person does to set a device up by the files of Files.
type Step struct {
	Text string
	// Fields are what is filled in, each with its label.
	Fields [][2]string
}

// Steps says what a person does on a device, in order, and what to beware of. The
// text for Android among Files says the same.
func Steps(n Network, login string, p Platform, lang Lang) (steps []Step, beware string) {
	if n.Organization == "" && len(n.ServerNames) > 0 {
		n.Organization = n.ServerNames[0]
	}
	w := writer{Network: n, login: login, lang: lang}
	networks := strings.Join(n.SSIDs, ", ")
	switch p {
	case Apple:
		return []Step{
			{Text: w.say("Скачайте профиль на это устройство.", "Download the profile to this device.")},
			{Text: w.say("Откройте «Настройки» → «Профиль загружен» → «Установить» (на Mac: «Системные настройки» → «Профили»).",
				"Open Settings → Profile Downloaded → Install (on a Mac: System Settings → Profiles).")},
			{Text: w.say("На вопрос о пароле введите пароль mos.ru. Устройство само войдёт в сеть %s.", "When asked for a password, type that of mos.ru. The device joins the network %s by itself.", networks)},
		}, ""
	case Windows:
		return []Step{
			{Text: w.say("Скачайте файл school-wifi.ps1.", "Download the file school-wifi.ps1.")},
			{Text: w.say("Щёлкните по нему правой кнопкой и выберите «Выполнить с помощью PowerShell».", "Right-click it and choose “Run with PowerShell”.")},
			{Text: w.say("Выберите сеть %s, введите логин %s и пароль mos.ru.", "Choose the network %s, type the login %s and your mos.ru password.", networks, login)},
		}, w.say("Школьный ПК, на котором вы вошли с паролем mos.ru, настраивать не нужно: он подключается сам.", "A school PC on which you signed in with the mos.ru password needs no set-up: it connects by itself.")
	case Android:
		return w.androidSteps()
	case Linux:
		return []Step{
			{Text: w.say("Скачайте файл school-wifi.sh.", "Download the file school-wifi.sh.")},
			{Text: w.say("Выполните в терминале: sh school-wifi.sh", "Run in a terminal: sh school-wifi.sh")},
			{Text: w.say("Выберите сеть %s; рабочий стол спросит пароль — введите пароль mos.ru.", "Choose the network %s; the desktop asks for the password: type that of mos.ru.", networks)},
		}, w.say("Нужен NetworkManager; для wpa_supplicant и для многих ПК сразу есть отдельные файлы.", "NetworkManager is needed; for wpa_supplicant and for many PCs at once there are files of their own.")
	}
	return nil, ""
}

// androidSteps are what Android, which takes no file, has to be told by hand.
func (w *writer) androidSteps() ([]Step, string) {
	method, inner := "TTLS", "PAP"
	if w.peap() {
		method, inner = "PEAP", "MSCHAPV2"
	}
	choose := w.say("Настройки → Wi-Fi → %s.", "Settings → Wi-Fi → %s.", strings.Join(w.SSIDs, ", "))
	if w.Hidden {
		choose += w.say(" Сеть скрытая: нажмите «Добавить сеть», впишите имя, защита — WPA/WPA2/WPA3-Enterprise.",
			" The network is hidden: choose \"Add network\", type its name, security WPA/WPA2/WPA3-Enterprise.")
	}
	return []Step{
			{Text: w.say("Сохраните на телефон файл school-ca.crt.", "Save the file school-ca.crt on the phone.")},
			{Text: w.say("Настройки → Безопасность → Шифрование и учётные данные → Установка сертификата → Сертификат Wi-Fi. Выберите school-ca.crt, назовите его «%s». (Проще найти поиском по настройкам: «сертификат Wi-Fi».)",
				"Settings → Security → Encryption & credentials → Install a certificate → Wi-Fi certificate. Choose school-ca.crt and call it \"%s\". (Searching the settings for \"Wi-Fi certificate\" is quicker.)", w.Organization)},
			{Text: choose},
			{Text: w.say("Заполните:", "Fill in:"), Fields: [][2]string{
				{w.say("Метод EAP", "EAP method"), method},
				{w.say("Второй этап (Phase 2)", "Phase 2 authentication"), inner},
				{w.say("Сертификат ЦС", "CA certificate"), w.Organization},
				{w.say("Статус сертификата (OCSP)", "Online certificate status"), w.say("не проверять", "do not verify")},
				{w.say("Домен", "Domain"), strings.Join(w.ServerNames, ";")},
				{w.say("Удостоверение (логин)", "Identity"), w.login},
				{w.say("Анонимное удостоверение", "Anonymous identity"), w.Outer},
				{w.say("Пароль", "Password"), w.say("пароль mos.ru", "your mos.ru password")},
			}},
			{Text: w.say("«Подключить».", "\"Connect\".")},
		}, w.say("Android 11 и новее не подключится без сертификата и домена. «Сертификат ЦС: не проверять» (на старых версиях) не выбирайте: пароль достанется любой чужой точке доступа с таким же именем.",
			"Android 11 and later does not connect without certificate and domain. Never choose \"CA certificate: do not validate\" (older versions): any strange access point of that name would get the password.")
}

// labelWidth is where values stand in a text of fields.
const labelWidth = 27

// androidText is the steps as a text file.
func (w *writer) androidText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", w.say("Wi-Fi «%s» на Android (11 и новее; на старых пункты те же)", "Wi-Fi \"%s\" on Android (11 and later; the same items on older ones)", strings.Join(w.SSIDs, ", ")))
	steps, beware := w.androidSteps()
	for i, s := range steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s.Text)
		for _, f := range s.Fields {
			fmt.Fprintf(&b, "     %s%s%s\n", f[0], strings.Repeat(" ", max(1, labelWidth-utf8.RuneCountInString(f[0]))), f[1])
		}
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", beware, w.say("QR-кодом такую сеть передать нельзя: в нём нет места логину и сертификату.", "A QR code cannot carry such a network: it has no room for login and certificate."))
	return b.String()
}
