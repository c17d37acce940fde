package probe

// Lang is the language of a report.
type Lang string

// The languages.
const (
	Russian Lang = "ru"
	English Lang = "en"
)

type advice struct{ meaning, remedy string }

// In gives the outcome's words.
func (o Outcome) In(lang Lang) string { return texts[lang].outcome[o] }

// In says in words what is wrong, and what to do.
func (p Problem) In(lang Lang) (meaning, remedy string) {
	a := texts[lang].problem[p]
	return a.meaning, a.remedy
}

// text is all that a report says in one language.
type text struct {
	head, reason, remedy, detail, warning  string
	round, eap, tries, nothing             string
	full, resumed, certificate, unverified string
	keys, attributes                       string
	stepsHead, step, result, entries       string
	entry, as                              string
	steps                                  map[string]string
	outcome                                map[Outcome]string
	problem                                map[Problem]advice
	warnings                               map[Warning]string
}

var texts = map[Lang]*text{
	Russian: {
		head:   "%s: %s, сервер %s, раундов %d, %.1f мс\n",
		reason: "причина", remedy: "что делать", detail: "подробно", warning: "внимание",
		round: "  раунд %d: %.1f мс, %s", eap: ", EAP отправлено %d, получено %d байт", tries: ", запрос отправлен %d раза", nothing: "ответа нет",
		full: "полное рукопожатие", resumed: "сеанс возобновлён",
		certificate: "сертификат %s (имена: %s), выдан %s, %s, действует до %s, осталось дней: %d\n",
		unverified:  "цепочка сертификатов не проверялась: не указан --ca",
		keys:        "ключи MS-MPPE: оба верны", attributes: "в ответе:",
		stepsHead: "%s: %s, сервер %s, шагов %d, %.1f мс\n", step: "  %s: %.1f мс", result: ", результат %d", entries: ", найдено записей: %d",
		entry: "найдена запись", as: "сервер считает вошедшим",
		steps:   map[string]string{"connect": "соединение", "starttls": "StartTLS", "tls": "TLS", "service_bind": "вход служебной записи", "search": "поиск", "bind": "вход", "whoami": "кто вошёл"},
		outcome: map[Outcome]string{Accepted: "принят", Rejected: "отклонён", NoAnswer: "нет ответа"},
		problem: map[Problem]advice{
			ProblemRejected:     {"сервер отклонил вход и причины не назвал", "Проверьте логин и пароль; причину знает сервер: в schoolbridge её покажет «schoolbridge explain ЛОГИН»."},
			ProblemPassword:     {"сервер ответил ошибкой 691: неверны пароль или логин; schoolbridge отвечает так на любой отказ, чтобы чужой не узнал причины", "Проверьте логин и пароль; в schoolbridge причину покажет «schoolbridge explain ЛОГИН». MSCHAPv2 не проходит и с верным паролем, пока человек не вошёл однажды иначе: попробуйте --method ttls-pap (без EAP — pap)."},
			ProblemAccount:      {"учётная запись выключена, просрочена или вход в этот час закрыт", "Причину знает сервер: в schoolbridge её покажет «schoolbridge explain ЛОГИН»."},
			ProblemMethod:       {"сервер не принимает этот метод EAP", "Выберите другой --method или включите метод на сервере."},
			ProblemNoAnswer:     {"ответа нет", "Проверьте адрес, порт и сетевой экран; внесён ли адрес этой машины в список точек доступа сервера (radius.clients); верен ли секрет: на запрос с чужим секретом сервер молчит."},
			ProblemRefused:      {"на этом порту никто не слушает", "Проверьте порт и запущен ли сервер RADIUS."},
			ProblemAddress:      {"имя сервера не найдено в DNS", "Проверьте написание имени и DNS."},
			ProblemNetwork:      {"сеть до сервера недоступна", "Проверьте сеть этой машины, маршрут и адрес сервера."},
			ProblemSecret:       {"ответ подписан другим секретом", "Сверьте общий секрет (secret) на сервере и в --secret-file; лишний пробел или перевод строки тоже считается."},
			ProblemUnsigned:     {"сервер ответил без Message-Authenticator, такой ответ можно подделать (CVE-2024-3596)", "Обновите сервер RADIUS или включите в нём Message-Authenticator. Чтобы всё же увидеть ответ: --allow-unsigned."},
			ProblemRadSec:       {"соединение RadSec не установлено или оборвалось", "Проверьте порт (обычно 2083), сертификат и ключ (--radsec-cert, --radsec-key), удостоверяющий центр (--radsec-ca) и имя сервера (--radsec-name)."},
			ProblemAuthority:    {"сертификат сервера выдан другим удостоверяющим центром", "Укажите в --ca тот центр, которому верят устройства; если он указан, устройства этому серверу не доверятся: замените сертификат сервера."},
			ProblemName:         {"в сертификате сервера другое имя", "Сверьте --name с именами в сертификате (ниже); устройства требуют то имя, которое записано в профиле Wi-Fi."},
			ProblemExpired:      {"срок сертификата сервера истёк или ещё не начался", "Выпустите новый сертификат; проверьте часы."},
			ProblemCertificate:  {"сертификат сервера не годится", "Нужен сертификат сервера (TLS Web Server Authentication), выданный этим центром."},
			ProblemTLSVersion:   {"сервер и устройство не сошлись в версии TLS", "Разрешите на сервере TLS 1.2 или уберите --tls."},
			ProblemDevice:       {"сервер не принял сертификат устройства", "Проверьте --cert и --key: кем выдан, не отозван ли и не истёк ли сертификат."},
			ProblemAlert:        {"сервер прервал установление TLS", "Причину знает журнал сервера."},
			ProblemKeys:         {"сервер принял вход, но прислал не те ключи: устройство соединится и тут же потеряет сеть", "Ошибка сервера RADIUS: обновите его. Если между ним и точкой доступа есть посредник, проверьте его секрет."},
			ProblemUnproven:     {"сервер не доказал, что знает пароль: устройство ему не поверит", "Проверьте, тот ли это сервер; пароль на сервере мог измениться."},
			ProblemProtocol:     {"сервер нарушает протокол", "Ошибка сервера RADIUS: обновите его; подробности пригодятся разработчику."},
			ProblemEndless:      {"разговор не кончается", "Ошибка сервера RADIUS: обновите его."},
			ProblemInterrupted:  {"прервано, или ответа не дождались за время --within", "Повторите; если сервер медлит, причину знает его журнал."},
			ProblemNotExplained: {"сбой", "Смотрите подробности."},
		},
		warnings: map[Warning]string{
			WarnRepeated:   "запрос пришлось повторять: пакеты теряются или сервер медлит",
			WarnExpires:    "срок сертификата кончается меньше чем через 30 дней",
			WarnVLAN:       "при возобновлении сеанса сервер прислал не тот VLAN, что при полном входе",
			WarnNotResumed: "сервер не возобновил сеанс: каждый вход будет полным",
		},
	},
	English: {
		head:   "%s: %s, server %s, %d rounds, %.1f ms\n",
		reason: "reason", remedy: "remedy", detail: "detail", warning: "note",
		round: "  round %d: %.1f ms, %s", eap: ", EAP %d bytes sent, %d received", tries: ", sent %d times", nothing: "no answer",
		full: "full handshake", resumed: "resumed",
		certificate: "certificate %s (names: %s), issued by %s, %s, until %s, %d days left\n",
		unverified:  "the certificates were not verified: no --ca",
		keys:        "MS-MPPE keys: both right", attributes: "in the answer:",
		stepsHead: "%s: %s, server %s, %d steps, %.1f ms\n", step: "  %s: %.1f ms", result: ", result %d", entries: ", entries found: %d",
		entry: "entry found", as: "the server takes us for",
		steps:   map[string]string{"connect": "connection", "starttls": "StartTLS", "tls": "TLS", "service_bind": "service account's sign-in", "search": "search", "bind": "sign-in", "whoami": "who am I"},
		outcome: map[Outcome]string{Accepted: "accepted", Rejected: "rejected", NoAnswer: "no answer"},
		problem: map[Problem]advice{
			ProblemRejected:     {"the server rejects the sign-in and gives no reason", "Check login and password; the server knows why: with schoolbridge, \"schoolbridge explain LOGIN\" tells."},
			ProblemPassword:     {"the server answers with error 691: a wrong password or login; schoolbridge says so for every refusal, so that a stranger does not learn the reason", "Check login and password; with schoolbridge, \"schoolbridge explain LOGIN\" tells why. MSCHAPv2 fails with the right password too until the person has signed in another way once: try --method ttls-pap (without EAP: pap)."},
			ProblemAccount:      {"the account is disabled or expired, or may not sign in at this hour", "The server knows why: with schoolbridge, \"schoolbridge explain LOGIN\" tells."},
			ProblemMethod:       {"the server does not take this EAP method", "Choose another --method, or enable it on the server."},
			ProblemNoAnswer:     {"no answer", "Check address, port and firewall; whether this machine's address is among the server's access points (radius.clients); and the secret: a server is silent to a request with another one."},
			ProblemRefused:      {"nobody listens on that port", "Check the port, and whether the RADIUS server runs."},
			ProblemAddress:      {"DNS does not know the server's name", "Check the name and DNS."},
			ProblemNetwork:      {"the server's network cannot be reached", "Check this machine's network, the route and the server's address."},
			ProblemSecret:       {"the answer is signed with another secret", "Compare the server's shared secret with --secret-file; a blank or a line break counts too."},
			ProblemUnsigned:     {"the server answers without Message-Authenticator; such an answer can be forged (CVE-2024-3596)", "Update the RADIUS server, or switch Message-Authenticator on there. To see the answer all the same: --allow-unsigned."},
			ProblemRadSec:       {"there is no RadSec connection, or it broke", "Check the port (usually 2083), certificate and key (--radsec-cert, --radsec-key), the authority (--radsec-ca) and the server's name (--radsec-name)."},
			ProblemAuthority:    {"the server's certificate is of another authority", "Name in --ca the authority that devices trust; if that is the one, devices will not trust this server: replace its certificate."},
			ProblemName:         {"the server's certificate has another name", "Compare --name with the names in the certificate (below); devices demand the name in their Wi-Fi profile."},
			ProblemExpired:      {"the server's certificate has ended, or has not begun", "Issue a new one; check the clock."},
			ProblemCertificate:  {"the server's certificate does not serve", "It must be a server's (TLS Web Server Authentication), issued by that authority."},
			ProblemTLSVersion:   {"server and device have no TLS version in common", "Allow TLS 1.2 on the server, or leave out --tls."},
			ProblemDevice:       {"the server does not take the device's certificate", "Check --cert and --key: who issued it, whether it is revoked or has ended."},
			ProblemAlert:        {"the server broke off the TLS handshake", "Its log knows why."},
			ProblemKeys:         {"the server accepts, but sends the wrong keys: a device will connect and lose the network at once", "A fault of the RADIUS server: update it. If there is a proxy in between, check its secret."},
			ProblemUnproven:     {"the server did not show that it knows the password: devices will not believe it", "Check whether it is the right server; the password there may have changed."},
			ProblemProtocol:     {"the server breaks the protocol", "A fault of the RADIUS server: update it; the detail is for its developers."},
			ProblemEndless:      {"the conversation does not end", "A fault of the RADIUS server: update it."},
			ProblemInterrupted:  {"interrupted, or it took longer than --within", "Try again; if the server is slow, its log knows why."},
			ProblemNotExplained: {"failure", "See the detail."},
		},
		warnings: map[Warning]string{
			WarnRepeated:   "a request had to be sent again: packets are lost, or the server is slow",
			WarnExpires:    "a certificate ends in less than 30 days",
			WarnVLAN:       "on resumption the server sent another VLAN than at the full sign-in",
			WarnNotResumed: "the server did not resume the session: every sign-in will be a full one",
		},
	},
}
