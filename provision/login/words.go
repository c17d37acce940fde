package login

import (
	"errors"
	"strings"

	"schoolbridge/internal/person"
)

// Why a name is none that may be made.
var (
	ErrShape     = errors.New("a name that is made has up to 20 of a-z, dot and hyphen, begins and ends with a letter")
	ErrReserved  = errors.New("the name is reserved by Windows, Active Directory or custom")
	ErrOffensive = errors.New("the name has an offensive word in it")
)

// Check says whether a name may be given to somebody who did not choose it: by
// its letters, and by what can be read in it, also across its parts. It is for
// names that are made here, and asks more than person.UsableADName.
func Check(name string) error {
	if name == "" || len(name) > person.SAMLimit || !letter(name[0]) || !letter(name[len(name)-1]) {
		return ErrShape
	}
	for i := range len(name) {
		if !letter(name[i]) && name[i] != '.' && name[i] != '-' {
			return ErrShape
		}
	}
	device, _, _ := strings.Cut(name, ".") // Windows takes con.txt for con
	whole := Look(name)
	if reserved[whole] || reserved[device] || ofSystem[whole] || OfSystem(name) {
		return ErrReserved
	}
	tokens := append(strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' }), whole)
	for word := range offensive.anywhere {
		if strings.Contains(whole, word) {
			return ErrOffensive
		}
	}
	for _, token := range tokens {
		if offensive.whole[token] {
			return ErrOffensive
		}
		for i := range token {
			if offensive.beginning[token[:i+1]] {
				return ErrOffensive
			}
		}
	}
	return nil
}

// OfSystem says that Windows, Active Directory or a Linux PC has an account of that
// name by itself. Nobody gets it, whoever chose it: a PC that asks LDAP for the
// password of root, or of another account of its own, lets him in as that one.
func OfSystem(name string) bool { return ofSystem[person.FoldName(name)] }

func letter(c byte) bool { return c >= 'a' && c <= 'z' }

// ofSystem are accounts that systems have by themselves, as they are written.
var ofSystem = set(
	// Windows and Active Directory (Microsoft, "Default local accounts" and "Default
	// accounts in Active Directory").
	`admin administrator guest krbtgt defaultaccount wdagutilityaccount helpassistant system localservice networkservice`,
	// Linux (the passwd that Debian, Red Hat and ALT begin with), and its services.
	`root toor daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody operator adm ftp
	shutdown halt _apt messagebus dbus polkitd sshd ntp chrony avahi cups colord rtkit saned pulse usbmux tss uuidd tcpdump
	dnsmasq named bind unbound rpc rpcuser nfsnobody sssd gdm lightdm sddm systemd-network systemd-resolve systemd-timesync
	systemd-coredump systemd-oom ldap openldap freerad radiusd radius apache nginx postfix postgres mysql schoolbridge`,
)

// reserved are further whole names that nobody gets who did not choose them, as they
// look.
var reserved = set(
	// Devices (Microsoft, "Naming Files, Paths, and Namespaces"), with or without
	// their digits.
	`con prn aux nul com lpt clock conin conout`,
	// Accounts and groups of Windows and Active Directory (Microsoft, "Naming
	// conventions in Active Directory").
	`admins administrators guests anonymous anonymouslogon authenticateduser authenticatedusers batch builtin creatorgroup
	creatorowner dialup digestauth everyone interactive internet local localsystem network ntauthority ntdomain ntlmauth null
	remoteinteractive restricted schannelauth self server service terminalserver thisorganization user users world
	domainadmins domainusers domainguests domaincomputers domaincontrollers enterpriseadmins schemaadmins dnsadmins
	certpublishers keyadmins protectedusers grouppolicycreatorowners backupoperators accountoperators serveroperators
	printoperators replicator raservers iisusr iusr support tsinternetuser`,
	// Groups of other systems, and addresses that mail has for itself (RFC 2142).
	`nogroup sudo wheel test tester demo postmaster hostmaster webmaster abuse noc security info marketing sales usenet www
	mailerdaemon noreply localhost localdomain domain default unknown undefined none helpdesk sysadmin superuser superadmin`,
	// Whom nobody should be taken for.
	`administratsiia adminschool admindomain direktor director uchitel teacher uchenik pupil student sekretar zavuch
	shkola school podderzhka moderator rukovodstvo bukhgalteriia kadry`,
)

func set(lists ...string) map[string]bool {
	words := map[string]bool{}
	for _, list := range lists {
		for _, w := range strings.Fields(list) {
			words[w] = true
		}
	}
	return words
}

// offensive are words that nobody should get as a name, in the spellings that
// they have in Latin letters. A short one that surnames have inside of them
// (Шитов, Назиров, Лебанидзе) counts only where it begins a name or one of its
// parts, or is the whole of it.
var offensive = struct{ anywhere, beginning, whole map[string]bool }{
	anywhere: set(
		`khui khuy xuilo pizd zaeb vyeb bliad blyad bliat blyat mudak mudil
		gandon zalup dolboeb dolboyob pidoras pidaras pederast drochi shliukh shlyukh shlukh prostitut
		fuck cunt whore nigger nigga faggot motherf asshole arsehole bastard pussy hitler gitler`),
	beginning: set(
		`ebat ebal eban ebla ebuch yebat yeban iebat khue khuia khuya govn pidor mudo drist perdu perdet sran
		ublud uebok shalav masturb porno nazist fashist huilo huylo hueso wank zhopa zhopo jopa kakash`),
	whole: set(
		`eb ebu ebi eblan hui huy xui xuy huj xyu khu pis pisa pisia pipiska popa popka siska sisi siski sos sosi sosu sosal suka suki
		suchka such tvar gad gnida debil debilka durak dura idiot idiotka kretin imbetsil daun urod urodka lokh loh lox lol
		chmo chmosh chmoshnik svoloch padla padlo skot kozel koziol kozlina petukh petuh gei gey gay gays homo lesbi trans
		zhid zhidy zhidovka khach hach khachik churka hohol khokhol moskal churban nazi natsist fascist ss sd kkk isis igil
		sex seks anal anus oral penis vagina dick cock dildo porn rape raper shit minet crap piss poo pee ass arse tits boob
		boobs bitch slut hoe fag dyke kike spic chink retard moron idiots dumb loser satan shaitan trup zek zeka vor vory
		mraz gnil blia blya manda gavno kal kaka kakashka sral ssal srat ssat pukat puk perdun onanist trakh trakhal bdsm`),
}
