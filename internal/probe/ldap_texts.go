package probe

// InLDAP says what is wrong at a directory server, and what to do.
func (p Problem) InLDAP(lang Lang) (meaning, remedy string) {
	a, ok := ldapTexts[lang][p]
	if !ok {
		return p.In(lang)
	}
	return a.meaning, a.remedy
}

var ldapTexts = map[Lang]map[Problem]advice{
	Russian: {
		ProblemPassword:     {"неверные имя или пароль (49); schoolbridge отвечает так на любой отказ, чтобы чужой не узнал причины", "Проверьте логин и пароль; причину знает сервер: в schoolbridge её покажет «schoolbridge explain ЛОГИН»."},
		ProblemAccount:      {"учётная запись выключена, заблокирована или просрочена, пароль надо сменить, или вход в этот час закрыт (49)", "Число после «data» в подробностях — причина Active Directory: 530 часы, 531 компьютер, 532 и 773 смена пароля, 533 выключена, 701 срок, 775 блокировка."},
		ProblemService:      {"служебная учётная запись не вошла: неверны её DN или пароль (49)", "Проверьте --bind-dn и её пароль; в schoolbridge — ldap.services: DN, password_file и адреса from."},
		ProblemBusy:         {"сервер ответил «занято» (51): о входе он ничего не сказал", "Это его предел; у schoolbridge — ldap.limits для одного адреса."},
		ProblemUnavailable:  {"сервер сейчас не может решить (52): пароль не отвергнут", "Смотрите его журнал: для паролей ему нужен mos.ru или иной источник."},
		ProblemLimit:        {"достигнут предел поиска (4 или 11)", "Поднимите пределы сервера или сузьте поиск (--base; в load — --page)."},
		ProblemTimeLimit:    {"сервер не успел найти за отведённое им время (3)", "Проверьте, есть ли на сервере индекс по --by, и его предел времени."},
		ProblemAccess:       {"нет доступа или такой вход не разрешён (8, 48, 50, 53)", "Проверьте права --bind-dn; сервер может требовать TLS или не принимать вход без пароля."},
		ProblemConfidential: {"без TLS сервер паролей не принимает (13)", "Добавьте --starttls или --tls."},
		ProblemMechanism:    {"сервер не принимает этот способ входа (7 или 14)", "Выберите другой --method; PLAIN часто разрешён только с TLS, EXTERNAL — только с сертификатом."},
		ProblemBase:         {"на сервере нет корня поиска или записи с таким именем (32)", "Проверьте --base и --user-dn."},
		ProblemDN:           {"сервер ждёт имя записи целиком (DN), а не логин (34)", "Напишите --user-dn, например uid={login},ou=people,dc=…, или найдите запись: --base."},
		ProblemResult:       {"сервер ответил ошибкой", "Число и слова сервера — в подробностях; причину знает его журнал."},
		ProblemNobody:       {"поиск никого не нашёл", "Проверьте логин, --base и --by; служебной записи могут быть видны не все школы."},
		ProblemSeveral:      {"поиск нашёл не одного", "Проверьте --by: по этому атрибуту человек должен находиться один; сузьте --base."},
		ProblemClosed:       {"сервер закрыл соединение", "Возможно, предел соединений с одного адреса (у schoolbridge — ldap.limits.per_source) или порт ждёт TLS: попробуйте --tls."},
		ProblemStartTLS:     {"сервер не начал TLS по команде StartTLS", "Включите на сервере TLS или возьмите порт LDAPS с --tls."},
		ProblemNotTLS:       {"на этом порту сервер не говорит TLS", "Проверьте порт: LDAPS (--tls) — обычно 636; на 389 нужен --starttls."},
		ProblemIsTLS:        {"на этом порту сервер ждёт TLS с начала соединения", "Добавьте --tls или возьмите порт без TLS, обычно 389."},
		ProblemHandshake:    {"TLS не установлен", "Причина в подробностях и в журнале сервера."},
		ProblemAuthority:    {"сертификат сервера выдан другим удостоверяющим центром", "Укажите в --ca тот центр, которому верят клиенты; если он указан, замените сертификат сервера."},
		ProblemName:         {"в сертификате сервера другое имя", "Сверьте --name (обычно имя из --server) с именами в сертификате; клиенты потребуют то имя, по которому соединяются."},
		ProblemDevice:       {"сервер не принял наш сертификат", "Проверьте --cert и --key: кем выдан, не отозван ли и не истёк ли сертификат; без них сервер может требовать сертификат клиента."},
		ProblemTLSVersion:   {"с сервером не сойтись в версии TLS", "Разрешите на сервере TLS 1.2 или 1.3: старше этих нельзя."},
		ProblemRefused:      {"на этом порту никто не слушает", "Проверьте --server, порт (389, с --tls 636) и запущен ли сервер."},
		ProblemNoAnswer:     {"сервер не ответил вовремя", "Сервер перегружен, недоступен, или порт закрыт сетевым экраном; последний шаг — тот, который не дождался ответа."},
		ProblemProtocol:     {"ответ не по протоколу LDAP", "Проверьте порт: на 636 нужен --tls, на 389 — нет."},
	},
	English: {
		ProblemPassword:     {"a wrong name or password (49); schoolbridge says so for every refusal, so that a stranger does not learn the reason", "Check login and password; the server knows why: with schoolbridge, \"schoolbridge explain LOGIN\" tells."},
		ProblemAccount:      {"the account is disabled, locked or expired, its password must be changed, or it may not sign in at this hour (49)", "The number after \"data\" in the detail is Active Directory's reason: 530 hours, 531 workstation, 532 and 773 password change, 533 disabled, 701 expired, 775 locked."},
		ProblemService:      {"the service account was refused: a wrong DN or password (49)", "Check --bind-dn and its password; in schoolbridge ldap.services: DN, password_file and the addresses in from."},
		ProblemBusy:         {"the server answered busy (51): it says nothing about the sign-in", "That is its limit; schoolbridge has ldap.limits for one address."},
		ProblemUnavailable:  {"the server cannot decide now (52): the password is not refused", "See its log: for passwords it needs mos.ru or another source."},
		ProblemLimit:        {"a limit of searches is reached (4 or 11)", "Raise the server's limits, or search less (--base; with load --page)."},
		ProblemTimeLimit:    {"the search took longer than the server grants (3)", "Check whether the server has an index for --by, and its time limit."},
		ProblemAccess:       {"no access, or such a sign-in is not allowed (8, 48, 50, 53)", "Check what --bind-dn may do; the server may want TLS, or take no sign-in without a password."},
		ProblemConfidential: {"the server takes no passwords without TLS (13)", "Add --starttls or --tls."},
		ProblemMechanism:    {"the server does not take this way of signing in (7 or 14)", "Choose another --method; PLAIN is often allowed with TLS only, EXTERNAL with a certificate only."},
		ProblemBase:         {"the server has no such base or entry (32)", "Check --base and --user-dn."},
		ProblemDN:           {"the server wants a whole DN and no login (34)", "Write --user-dn, such as uid={login},ou=people,dc=…, or have the entry searched: --base."},
		ProblemResult:       {"the server answered with an error", "Its number and words are in the detail; the server's log knows why."},
		ProblemNobody:       {"the search found nobody", "Check the login, --base and --by; the service account may not see all schools."},
		ProblemSeveral:      {"the search found more than one", "Check --by: a person must be the only one found by that attribute; narrow --base."},
		ProblemClosed:       {"the server ended the connection", "Perhaps a limit of connections of one address (schoolbridge has ldap.limits.per_source), or the port wants TLS: try --tls."},
		ProblemStartTLS:     {"the server did not begin TLS at StartTLS", "Switch TLS on there, or take the LDAPS port with --tls."},
		ProblemNotTLS:       {"the server speaks no TLS on this port", "Check the port: LDAPS (--tls) is usually 636; 389 needs --starttls."},
		ProblemIsTLS:        {"the server wants TLS from the beginning of the connection on this port", "Add --tls, or take the port without TLS, usually 389."},
		ProblemHandshake:    {"TLS failed", "The reason is in the detail and in the server's log."},
		ProblemAuthority:    {"the server's certificate is of another authority", "Name in --ca the authority that clients trust; if that is the one, replace the server's certificate."},
		ProblemName:         {"the server's certificate has another name", "Compare --name (usually that of --server) with the names in the certificate; clients demand the name by which they connect."},
		ProblemDevice:       {"the server does not take our certificate", "Check --cert and --key: who issued it, whether it is revoked or has ended; without them the server may demand a client certificate."},
		ProblemTLSVersion:   {"there is no TLS version in common with the server", "Allow TLS 1.2 or 1.3 there: older ones are not used."},
		ProblemRefused:      {"nobody listens on this port", "Check --server, the port (389, with --tls 636) and whether the server runs."},
		ProblemNoAnswer:     {"the server did not answer in time", "It is overloaded or away, or a firewall closes the port; the last step is the one that waited in vain."},
		ProblemProtocol:     {"an answer that is not LDAP", "Check the port: 636 needs --tls, 389 does not."},
	},
}
