package doctor

import "schoolbridge/internal/explain"

// Code is what doctor finds beside what explain has words for.
type Code string

// The codes. Those of what is well end a check's line without a remedy.
const (
	ConfigFine        Code = "CONFIG_FINE"
	ConfigFault       Code = "CONFIG_FAULT"
	CertificateFine   Code = "CERTIFICATE_FINE"
	CertificateSoon   Code = "CERTIFICATE_ENDS_SOON"
	ForeignCertSoon   Code = "FOREIGN_CERTIFICATE_ENDS_SOON"
	StoreFine         Code = "STORE_FINE"
	StoreMissing      Code = "STORE_MISSING"
	StoreUnreadable   Code = "STORE_UNREADABLE"
	StoreReadOnly     Code = "STORE_READ_ONLY"
	StoreMoving       Code = "STORE_BEING_MOVED"
	StoreMoved        Code = "STORE_MOVED_AWAY"
	DatabaseEmpty     Code = "STORE_DATABASE_EMPTY"
	DatabaseClosed    Code = "STORE_DATABASE_UNREACHABLE"
	StoreOpen         Code = "STORE_READABLE_BY_OTHERS"
	StoreSpace        Code = "STORE_DISK_NEARLY_FULL"
	StoreNewer        Code = "STORE_MADE_BY_NEWER"
	KeysetMissing     Code = "KEYSET_MISSING"
	KeysetOpen        Code = "KEYSET_READABLE_BY_OTHERS"
	KeysetDamaged     Code = "KEYSET_DAMAGED"
	KeysetForeign     Code = "KEYSET_OF_ANOTHER_STORE"
	DaemonFine        Code = "DAEMON_READY"
	DaemonDown        Code = "DAEMON_DOWN"
	DaemonHangs       Code = "DAEMON_HANGS"
	DaemonNotReady    Code = "DAEMON_NOT_READY"
	DaemonComplains   Code = "DAEMON_COMPLAINS"
	EventsSilent      Code = "EVENTS_SILENT"
	PortFine          Code = "PORT_ANSWERS"
	PortHeld          Code = "PORT_HELD_NOT_ASKED"
	PortSilent        Code = "PORT_SILENT"
	PortFree          Code = "PORT_FREE"
	PortTaken         Code = "PORT_TAKEN"
	PortElsewhere     Code = "PORT_ADDRESS_NOT_HERE"
	ClockFine         Code = "CLOCK_FINE"
	ClockOffAD        Code = "CLOCK_OFF_AD"
	MosruFine         Code = "MOSRU_FINE"
	MosruUnreachable  Code = "MOSRU_UNREACHABLE"
	MosruCertificate  Code = "MOSRU_CERTIFICATE_REFUSED"
	MosruClient       Code = "MOSRU_CLIENT_REFUSED"
	MosruUnclear      Code = "MOSRU_ANSWER_UNCLEAR"
	ADFine            Code = "AD_FINE"
	ADRight           Code = "AD_RIGHT_MISSING"
	ADCertificate     Code = "AD_CERTIFICATE_REFUSED"
	ADNobody          Code = "AD_RIGHTS_UNKNOWN"
	SecretsFine       Code = "NAS_SECRETS_FINE"
	SecretShared      Code = "NAS_SECRET_SHARED"
	RegistriesFine    Code = "REGISTRIES_FRESH"
	RegistriesMissing Code = "REGISTRIES_MISSING"
	RegistriesOld     Code = "REGISTRIES_OLD"
	BackupFine        Code = "BACKUP_FRESH"
	BackupMissing     Code = "BACKUP_MISSING"
	BackupOld         Code = "BACKUP_OLD"
	CheckTimeout      Code = "CHECK_TIMEOUT"
)

type word struct {
	who  [2]string
	text [2]explain.Advice
}

var (
	operator  = [2]string{"оператор службы", "the operator"}
	directory = [2]string{"администратор AD", "the AD administrator"}
	mosru     = [2]string{"оператор вместе с mos.ru", "the operator, with mos.ru"}
	nobody    = [2]string{}
)

func fine(ru, en string) word { return word{nobody, [2]explain.Advice{{Meaning: ru}, {Meaning: en}}} }

func broken(who [2]string, ru, mend, en, remedy string) word {
	return word{who, [2]explain.Advice{{Meaning: ru, Remedy: mend}, {Meaning: en, Remedy: remedy}}}
}

var words = map[Code]word{
	ConfigFine: fine("файл настроек без замечаний", "nothing is wrong with the configuration"),
	ConfigFault: broken(operator, "файл настроек с ошибкой", "Исправьте её: все ошибки показывает schoolbridge config check.",
		"the configuration has a fault", "Correct it: schoolbridge config check shows all of them."),

	CertificateFine: fine("сертификат действует", "the certificate is valid"),
	CertificateSoon: broken(operator, "сертификат скоро истечёт", "Выпустите новый, положите на место прежнего и перечитайте настройки (systemctl reload schoolbridge).",
		"the certificate ends soon", "Issue a new one, put it in the old one's place and reload (systemctl reload schoolbridge)."),
	ForeignCertSoon: broken(operator, "сертификат другой системы скоро истечёт", "Предупредите того, кто её ведёт: без нового сертификата связь с ней прервётся. Если сменится и центр, добавьте его сертификат в ca_file заранее.",
		"another system's certificate ends soon", "Warn whoever runs it: without a new one the connection ends. If its authority changes too, add that one's certificate to ca_file beforehand."),

	StoreFine: fine("хранилище открывается, ключи подходят", "the store opens, and its keys fit"),
	StoreMissing: broken(operator, "хранилища ещё нет", "Запустите службу или загрузите реестры: его создаёт первое из этого. Если оно было, проверьте state и store.path и восстановите из копии: schoolbridge restore.",
		"the store is not made yet", "Start the daemon or import the registries: the first of them makes it. If there was one, look at state and store.path and put it back from the backup: schoolbridge restore."),
	StoreUnreadable: broken(operator, "хранилище не открывается", "Выполните команду от пользователя службы (sudo -u schoolbridge …). Если файл испорчен, остановите службу и восстановите копию: schoolbridge restore.",
		"the store does not open", "Run the command as the daemon's user (sudo -u schoolbridge …). If the file is damaged, stop the daemon and put the backup back: schoolbridge restore."),
	StoreReadOnly: broken(operator, "файловая система хранилища доступна только для чтения", "Чаще всего это неисправный диск: причину назовёт dmesg. Скопируйте файлы хранилища и ключей, проверьте или замените диск (fsck), подключите его на запись и запустите службу снова.",
		"the store's file system may only be read", "Most often the disk is broken: dmesg tells. Copy the files of the store and of its keys, check or replace the disk (fsck), mount it for writing and start the daemon again."),
	StoreMoving: broken(operator, "хранилище переносят в другую базу, и перенос не закончен", "Продолжите той же командой schoolbridge store move; отказаться от переноса — она же с --cancel. Из копии ничего восстанавливать не нужно.",
		"the store is being moved into another database, and the move has not ended", "Go on with the same command, schoolbridge store move; with --cancel it gives the move up. Nothing is to be restored."),
	StoreMoved: broken(operator, "хранилище перенесено в другую базу, этот файл больше не открывается", "Укажите в настройках store.url_file вместо store.path. Передумали, а в новую базу ещё ничего не записано — schoolbridge store move с --cancel.",
		"the store was moved into another database, and this file is not opened any more", "Name store.url_file in place of store.path in the configuration. To go back while nothing is written to the new database: schoolbridge store move with --cancel."),
	DatabaseEmpty: broken(operator, "в базе хранилища ещё нет", "Прежнее хранилище из SQLite перенесите до первого запуска: schoolbridge store move. Если его не было, запустите службу: она создаст новое.",
		"the database has no store yet", "Bring the store that is in SQLite before the first start: schoolbridge store move. Where there was none, start the daemon: it makes one."),
	DatabaseClosed: broken(operator, "база PostgreSQL не открывается", "Проверьте отсюда: psql с адресом из store.url_file. Работает ли сервер (pg_isready), пускает ли он эту машину и пользователя (pg_hba.conf), действует ли его сертификат; read only connection — это резервный узел или запрет записи. Кто входил недавно, пока входит.",
		"the PostgreSQL database does not open", "Try from here: psql with the address of store.url_file. Does the server run (pg_isready), does it let this machine and user in (pg_hba.conf), is its certificate valid? \"read only connection\": it is a standby, or takes no writes. Whoever signed in lately still gets in."),
	StoreOpen: broken(operator, "файл хранилища или ключей доступен другим пользователям", "chown schoolbridge: ФАЙЛ && chmod 0600 ФАЙЛ, папке — chmod 0700.",
		"a file of the store or of its keys is open to other users", "chown schoolbridge: FILE && chmod 0600 FILE, and chmod 0700 for its folder."),
	StoreSpace: broken(operator, "на диске хранилища кончается место", "Освободите место или увеличьте диск: когда места нет, активации и журнал Wi-Fi останавливаются. Срок хранения входов задаёт audit.keep_sign_ins, журнала — radius.journal.keep.",
		"the store's disk is nearly full", "Free some space or enlarge the disk: without room activations and the Wi-Fi journal stop. audit.keep_sign_ins and radius.journal.keep say how long sign-ins and sessions are kept."),
	StoreNewer: broken(operator, "хранилище создано более новой версией", "Поставьте ту версию schoolbridge, которая с ним работала, или новее.",
		"the store was made by a newer version", "Install the version of schoolbridge that used it, or a later one."),
	KeysetMissing: broken(operator, "файла ключей нет, а хранилище есть: без него данные не прочитать", "Верните keyset из отдельной копии, на второй службе — скопируйте с первой (владелец schoolbridge, права 0600). Новые ключи к этому хранилищу не подойдут.",
		"the keyset file is missing while the store is there: its data cannot be read", "Put the keyset back from its own backup; for a second daemon copy that of the first (owner schoolbridge, mode 0600). New keys do not open this store."),
	KeysetOpen: broken(operator, "файл ключей могут читать другие, и служба с ним не работает", "chmod 0600 и владелец schoolbridge; ключи считайте известными тем, кто мог его прочесть.",
		"others may read the keyset file, and the daemon refuses it", "chmod 0600, owner schoolbridge; consider its keys known to whoever could read it."),
	KeysetDamaged: broken(operator, "файл ключей не читается или испорчен", "Проверьте владельца (schoolbridge); испорченный замените отдельной копией.",
		"the keyset file cannot be read or is damaged", "Look at its owner (schoolbridge); replace a damaged one by its own backup."),
	KeysetForeign: broken(operator, "ключи не от этого хранилища или старее его", "Верните тот файл ключей, с которым хранилище работало последним.",
		"the keys are of another store, or older than this one", "Put back the keyset file that was used with this store last."),

	DaemonFine: fine("служба работает и готова", "the daemon runs and is ready"),
	DaemonDown: broken(operator, "служба не отвечает", "systemctl start schoolbridge; почему она остановилась, скажет journalctl -u schoolbridge -n 50.",
		"the daemon does not answer", "systemctl start schoolbridge; journalctl -u schoolbridge -n 50 says why it stopped."),
	DaemonHangs: broken(operator, "порт службы открыт, но она не отвечает: зависла, остановлена или перегружена", "systemctl restart schoolbridge (через 30 секунд systemd перезапускает зависшую сам); что было перед этим, скажет journalctl -u schoolbridge -n 50.",
		"the daemon's port is open, but there is no answer: it hangs, is stopped or overloaded", "systemctl restart schoolbridge (after 30 seconds systemd restarts one that hangs); journalctl -u schoolbridge -n 50 says what was before."),
	DaemonNotReady: broken(operator, "служба работает, но не готова", "Причина названа здесь и в /readyz; смотрите строки этого отчёта о хранилище и journalctl -u schoolbridge. Кого служба помнит, тот может ещё входить.",
		"the daemon runs, but is not ready", "The reason stands here and in /readyz; see this report's lines about the store, and journalctl -u schoolbridge. Whom the daemon remembers may still sign in."),
	DaemonComplains: broken(operator, "служба работает, но сообщает о неполадке", "Люди пока входят. Устраните причину, названную здесь; когда её не станет, /readyz перестанет её показывать.",
		"the daemon runs and tells of trouble", "People sign in for now. Mend the cause that stands here; /readyz stops showing it then."),
	EventsSilent: broken(mosru, "mos.ru не присылает событий о смене паролей", "Сменённый пароль начнёт действовать не сразу (auth.confirmation_without_events). Проверьте, что адрес web.events открыт для mos.ru через прокси, и попросите mos.ru проверить отправку.",
		"mos.ru sends no events about changed passwords", "A changed password does not take effect at once (auth.confirmation_without_events). See that the proxy lets mos.ru reach the address of web.events, and ask mos.ru whether it sends."),

	PortFine: fine("порт отвечает", "the port answers"),
	PortHeld: fine("порт занят службой; спросить его отсюда нельзя: ни одна строка radius.clients с секретом не покрывает этот адрес", "the daemon holds the port; it cannot be asked from here: no line of radius.clients with a secret covers this address"),
	PortFree: fine("порт свободен и ждёт службу", "the port is free for the daemon"),
	PortSilent: broken(operator, "служба работает, а порт не отвечает", "Если адрес добавлен в настройки недавно, перезапустите службу; иначе смотрите journalctl -u schoolbridge и правила сетевого экрана этой машины (nft list ruleset).",
		"the daemon runs, and the port does not answer", "If the address is new in the configuration, restart the daemon; else look at journalctl -u schoolbridge and at this machine's firewall (nft list ruleset)."),
	PortTaken: broken(operator, "служба не работает, а порт занят другой программой", "Её назовёт ss -lntup 'sport = :ПОРТ'; остановите её, иначе служба не запустится.",
		"the daemon does not run, and another program holds the port", "ss -lntup 'sport = :PORT' names it; stop it, or the daemon cannot start."),

	PortElsewhere: broken(operator, "служба не работает, а этого адреса у машины нет: открыть порт на нём она не сможет", "Исправьте адрес в настройках (ip address показывает, какие есть); 0.0.0.0 — все. Плавающий адрес появляется вместе с балансировщиком: запустите сначала его.",
		"the daemon does not run, and this machine has no such address: it cannot open a port on it", "Correct the address in the configuration (ip address shows those that there are); 0.0.0.0 means all. A floating address comes with its balancer: start that first."),

	ClockFine: fine("часы идут вместе", "the clocks agree"),
	ClockOffAD: broken(operator, "часы этого сервера и контроллера домена расходятся", "Включите синхронизацию времени здесь (chrony или systemd-timesyncd; проверка: timedatectl) и на контроллере (w32tm /query /status). При разнице больше 5 минут вход в домен по Kerberos не работает.",
		"the clocks of this server and of the domain controller differ", "Switch time synchronization on here (chrony or systemd-timesyncd; timedatectl shows it) and on the controller (w32tm /query /status). Beyond 5 minutes Kerberos lets nobody in."),

	MosruFine: fine("mos.ru отвечает и знает нас", "mos.ru answers and knows us"),
	MosruUnreachable: broken(operator, "mos.ru не отвечает", "Проверьте отсюда: curl -sSI АДРЕС из mosru.url; DNS, сетевой экран, прокси. Те, кто входил недавно, пока входят.",
		"mos.ru does not answer", "Try from here: curl -sSI the address of mosru.url; DNS, firewall, proxy. Whoever signed in lately still gets in."),
	MosruCertificate: broken(operator, "сертификату mos.ru нельзя верить", "Проверьте часы, имя в mosru.url и mosru.ca_file: центр сертификатов мог смениться. Если сертификат подменяет прокси, исключите mos.ru из проверки.",
		"the certificate of mos.ru cannot be trusted", "Look at the clock, the name in mosru.url and mosru.ca_file: the authority may be another now. If a proxy puts its own certificate there, exempt mos.ru."),
	MosruClient: broken(mosru, "mos.ru не принимает нас как клиента", "Сверьте mosru.client_id и файл mosru.client_secret_file с договором; если секрет сменили, положите новый и перезапустите службу.",
		"mos.ru refuses us as a client", "Compare mosru.client_id and the file mosru.client_secret_file with the agreement; where the secret was changed, put the new one there and restart the daemon."),
	MosruUnclear: broken(mosru, "mos.ru отвечает не так, как ожидалось", "Сверьте mosru.url с договором; код ответа назван здесь.",
		"mos.ru answers otherwise than expected", "Compare mosru.url with the agreement; the answer's code stands here."),

	ADFine: fine("контроллер отвечает, учётная запись службы принята, права есть", "the controller answers, takes the service account and gives it its rights"),
	ADRight: broken(directory, "у учётной записи службы нет права в Active Directory", "Дайте право на подразделение из ad.base командами dsacls из руководства (раздел Active Directory).",
		"the service account lacks a right in Active Directory", "Grant it on the unit of ad.base with the dsacls commands of the administrator's page (section Active Directory)."),
	ADCertificate: broken(directory, "сертификату контроллера домена нельзя верить", "Имя в нём должно совпадать с ad.server, а центр — быть в ad.ca_file; срок не истёк. Новый файл ad.ca_file берётся после перезапуска службы.",
		"the domain controller's certificate cannot be trusted", "It must bear the name in ad.server, its authority must be in ad.ca_file, and it must not have ended. A new ad.ca_file is taken at a restart of the daemon."),
	ADNobody: fine("в подразделении ещё нет учётных записей: права на них проверить не на чем", "the unit has no accounts yet: there is nothing to try the rights to them on"),

	SecretsFine: fine("секреты читаются и достаточно длинные, чужих одинаковых нет", "secrets can be read, are long enough, and no two owners have the same"),
	SecretShared: broken(operator, "один секрет RADIUS у разных школ: кто знает его в одной, выдаст себя за точку доступа другой", "Сделайте каждой свой: openssl rand -hex 16; впишите его на точке доступа и перечитайте настройки.",
		"different schools have one RADIUS secret: who knows it at one can pass for the other's access point", "Make one for each: openssl rand -hex 16; write it into the access point and reload."),

	RegistriesFine: fine("реестры загружены недавно", "the registries were imported lately"),
	RegistriesMissing: broken(operator, "реестры ещё не загружали", "schoolbridge registry import --config ФАЙЛ ПАПКА: без реестров никто не активируется.",
		"the registries were never imported", "schoolbridge registry import --config FILE FOLDER: without registries nobody can activate."),
	RegistriesOld: broken(operator, "реестры давно не загружали: принятые и уволенные с тех пор не учтены", "Выгрузите Кадры и Контингент и загрузите: schoolbridge registry import. Лучше — каждый день по расписанию.",
		"the registries were not imported for long: who came or left since is not known", "Export Kadry and Kontingent and import them: schoolbridge registry import. Best every day by a timer."),

	BackupFine: fine("копия хранилища сделана недавно и проверена", "a copy of the store was made lately and found good"),
	BackupMissing: broken(operator, "копии хранилища не делали ни разу: если откажет диск, пропадут учётные записи и решения", "systemctl enable --now schoolbridge-backup.timer: копия каждую ночь; первую сделает systemctl start schoolbridge-backup. Файл ключей храните отдельно.",
		"the store was never backed up: if the disk fails, accounts and decisions are lost", "systemctl enable --now schoolbridge-backup.timer makes a copy every night; systemctl start schoolbridge-backup makes the first. Keep the keyset apart."),
	BackupOld: broken(operator, "последняя проверенная копия хранилища старше двух суток", "journalctl -u schoolbridge-backup -n 20 скажет, почему копии нет; когда исправите: systemctl start schoolbridge-backup. Если копируете другими средствами, проверьте возврат.",
		"the last good copy of the store is older than two days", "journalctl -u schoolbridge-backup -n 20 tells why there is none; once mended: systemctl start schoolbridge-backup. If it is copied by other means, try the way back."),

	CheckTimeout: broken(operator, "проверка не уложилась в отведённое время", "Повторите. Если снова — зависает то, что здесь названо: сеть, диск или система.",
		"the check did not end in its time", "Try again. If it happens again, what is named here hangs: network, disk or system."),
}

// rightWords are the rights that a service account may lack, as dsacls grants them.
var rightWords = map[string][2]string{
	"create users":                {"создавать пользователей (CCDC;user)", "create users (CCDC;user)"},
	"create organizational units": {"создавать подразделения (CC;organizationalUnit)", "create organizational units (CC;organizationalUnit)"},
	"write":                       {"писать свойства пользователей (RPWP;;user)", "write users' properties (RPWP;;user)"},
	"reset passwords":             {"задавать пароли (CA;Reset Password;user)", "reset passwords (CA;Reset Password;user)"},
}

// RightWords says a right in words.
func RightWords(right string, lang explain.Lang) string {
	all, ok := rightWords[right]
	switch {
	case !ok:
		return right
	case lang == explain.English:
		return all[1]
	}
	return all[0]
}
