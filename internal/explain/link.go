package explain

import (
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// Link is the first broken one of the chain from the registries to a sign-in:
// what stands in the way, who repairs it, and how.
type Link struct {
	Link    string `json:"link"`
	Code    string `json:"code"`            // an identity.Reason, a match.Code with its argument, or a Fault
	Where   string `json:"where,omitempty"` // the device, access point, file or target
	Meaning string `json:"meaning"`
	Who     string `json:"who"`
	Remedy  string `json:"remedy"`
	// Unproven says that anybody can have caused it by saying a name: no finding.
	Unproven bool `json:"unproven,omitempty"`
	// Ahead says that it keeps nobody out yet: it is in the way of the next activation.
	Ahead bool `json:"ahead,omitempty"`
}

// The links, in the order in which they are looked at.
const (
	LinkServer   = "server"    // our own certificate, clock, configuration
	LinkName     = "name"      // what was asked or typed is nobody's login
	LinkRecords  = "records"   // the registries
	LinkMosru    = "mosru"     // the city account
	LinkDecision = "decision"  // who somebody is
	LinkAccount  = "account"   // activated, open
	LinkTarget   = "target"    // Active Directory
	LinkPolicy   = "policy"    // our rules
	LinkPassword = "password"  // what is typed or kept
	LinkDevice   = "device"    // the phone, computer or board
	LinkNAS      = "nas"       // the access point
	LinkUpstream = "upstream"  // mos.ru as a service
	LinkThing    = "inventory" // lists of devices and machines
)

// Fault is what explain finds by looking at our own files, at the clock and into
// Active Directory, beside reasons of sign-ins and problems of accounts.
type Fault string

// The faults.
const (
	FaultCertificate   Fault = "SERVER_CERTIFICATE_OUT_OF_DATE"
	FaultUnreadable    Fault = "SERVER_FILE_UNREADABLE"
	FaultClock         Fault = "CLOCK_OFF"
	FaultADUnreachable Fault = "AD_UNREACHABLE"
	FaultADBind        Fault = "AD_BIND_REFUSED"
	FaultADUnit        Fault = "AD_UNIT_MISSING"
	FaultADAttribute   Fault = "AD_ATTRIBUTE_UNFIT"
	FaultADDisabled    Fault = "AD_DISABLED_BY_HAND"
	FaultADDisabledToo Fault = "AD_DISABLED_BY_HAND_TOO"
	FaultADGone        Fault = "AD_ACCOUNT_DELETED"
	FaultADLocked      Fault = "AD_LOCKED"
	FaultADHeld        Fault = "AD_CHANGE_HELD"
	FaultADWindow      Fault = "AD_CHANGE_WAITS_WINDOW"
	FaultADRate        Fault = "AD_CHANGE_WAITS_TURN"
	FaultADLook        Fault = "AD_CHANGE_WAITS_LOOK"
	FaultPasswordWaits Fault = "PASSWORD_WAITS"
	FaultTargetWaits   Fault = "ACCOUNT_WAITS"
	FaultNoTarget      Fault = "AD_NO_ACCOUNT"
	FaultActivateAgain Fault = "ACTIVATE_AGAIN"
	FaultNoUpstream    Fault = "UPSTREAM_NOT_CONFIGURED"
	FaultNameOfTwo     Fault = "LOGIN_OF_ANOTHER_HERE"
	FaultForeignMark   Fault = "LOGIN_OF_ANOTHER_SYSTEM"
	FaultMoved         Fault = "MOVED_TO_ANOTHER_ACCOUNT"
	FaultSilent        Fault = "NOTHING_FROM_ADDRESS"
	FaultAsked         Fault = "ANOTHER_ACCOUNT_ASKS"
	FaultThereWaits    Fault = "AD_ACCOUNT_IN_QUEUE"
	FaultThereRefused  Fault = "AD_ACCOUNT_REFUSED"
	FaultThereNobodys  Fault = "AD_ACCOUNT_OF_NOBODY"
	FaultThereFurther  Fault = "AD_ACCOUNT_ONE_TOO_MANY"
	FaultThereRenamed  Fault = "AD_ACCOUNT_NAMED_OTHERWISE"
)

// Finding is a Fault and where it is.
type Finding struct {
	Code  Fault  `json:"code"`
	Where string `json:"where,omitempty"`
	More  string `json:"more,omitempty"` // a date, a difference
}

// stale is how long a refused sign-in says that something is broken.
const stale = 7 * 24 * time.Hour

// Diagnose finds the first broken link and says it in a language; now is the
// time of the report.
func (r *Report) Diagnose(lang Lang, now time.Time) {
	r.Broken, r.Refused, r.Note = nil, nil, r.look(lang)
	for _, look := range []func(time.Time) *broken{r.server, r.unheard, r.nobodysThere, r.unknown, r.moved, r.undecided, r.homeless, r.closedAccount, r.target, r.policy, r.password, r.attempt, r.further, r.otherThere, r.ahead, r.shut} {
		if b := look(now); b != nil {
			b.left = slices.Contains(r.Left, b.code)
			r.Broken = b.link(lang, r.Upstream)
			if refused := r.attempt(now); b.at == LinkTarget && refused != nil {
				r.Refused = refused.link(lang, r.Upstream)
			}
			return
		}
	}
}

// broken is a Link before it is said.
type broken struct {
	at, code, where, more string
	home                  string // of the city account that it is about; "": the person's
	unproven, ahead       bool
	who, remedy           *[2]string // nil: by the code
	// reason says that a code which is a problem too is meant as the reason of a
	// sign-in: of an account that is there, not of an activation.
	reason bool
	left   bool              // the rows that it is about have left their registry
	note   func(Lang) string // what is added to the meaning; nil: nothing
}

// homeless: whoever checks the person's password is in the configuration no more.
func (r *Report) homeless(time.Time) *broken {
	if !r.NoUpstream {
		return nil
	}
	return &broken{at: LinkUpstream, code: string(FaultNoUpstream), where: r.Upstream}
}

func (r *Report) server(time.Time) *broken {
	for _, f := range r.Server {
		return &broken{at: LinkServer, code: string(f.Code), where: f.Where, more: f.More}
	}
	return nil
}

// unheard: an access point of which no request may be looked at.
func (r *Report) unheard(now time.Time) *broken {
	if r.Thing != ThingNAS {
		return nil
	}
	if r.Silent {
		return &broken{at: LinkNAS, code: string(FaultSilent), where: r.Asked}
	}
	if r.Account != "" {
		return &broken{at: LinkNAS, code: string(r.Account), where: r.Asked}
	}
	if len(r.SignIns) > 0 && now.Sub(r.SignIns[0].At) < stale && r.SignIns[0].At.After(r.Heard) && r.SignIns[0].Outcome != identity.Accepted.String() {
		return &broken{at: LinkNAS, code: string(r.SignIns[0].Reason), where: r.SignIns[0].where()}
	}
	return nil
}

// unknown: a name that is nobody's here, and a device or computer in no list.
func (r *Report) unknown(time.Time) *broken {
	if r.Marked != "" {
		return &broken{at: LinkName, code: string(FaultForeignMark), where: r.Marked}
	}
	switch r.Account {
	case identity.ReasonUnknown, identity.ReasonLoginOnly:
		switch {
		case len(r.Tries) > 0:
		case len(r.SignIns) > 0 && r.Query == "email": // typed in place of a login
			return &broken{at: LinkName, code: string(r.SignIns[0].Reason), where: r.SignIns[0].where()}
		case r.lastTry() != nil:
			return r.lastTry()
		case r.Query == "" || r.Query == "login":
			return &broken{at: LinkName, code: string(r.Account)}
		default: // nobody with such data
			return &broken{at: LinkDecision, code: string(r.Account)}
		}
	case identity.ReasonUnknownDevice: // a person's device has its attempts
		if len(r.SignIns) == 0 {
			return &broken{at: LinkThing, code: string(r.Account)}
		}
	case identity.ReasonUnknownMachine:
		return &broken{at: LinkThing, code: string(r.Account)}
	}
	return nil
}

// undecided: somebody without an account, by what decides today: the last try,
// judged again, or else what the registries alone would let him have.
func (r *Report) undecided(time.Time) *broken {
	if r.Account != identity.ReasonNotActivated && r.Account != identity.ReasonUnknown && r.Account != identity.ReasonLoginOnly {
		return nil
	}
	for i := range r.Tries {
		if p := decisive(r.Tries[i].Now); p != "" {
			return r.problemOf(&r.Tries[i], p)
		}
	}
	if len(r.Tries) > 0 { // whatever it was is repaired
		return &broken{at: LinkAccount, code: string(FaultActivateAgain)}
	}
	if p := decisive(r.Would); p != "" {
		return &broken{at: linkOf(codeOf(p)), code: p}
	}
	if last := r.lastTry(); last != nil {
		return last
	}
	return &broken{at: LinkAccount, code: string(r.Account)}
}

// lastTry is why nobody confirmed somebody at the last attempt to activate, and
// who was asked; nil: there was none.
func (r *Report) lastTry() *broken {
	for _, s := range r.SignIns {
		if s.Channel == identity.ChannelWeb.String() && s.Outcome != identity.Accepted.String() && s.Reason != identity.ReasonUnknown && s.Reason != identity.ReasonNotActivated {
			return &broken{at: linkOfReason(s.Reason), code: string(s.Reason), where: s.Upstream, home: s.Upstream}
		}
	}
	return nil
}

// decisive is of the problems that decided the one to be repaired first; "": none
// did.
func decisive(problems []string) (first string) {
	for _, p := range problems {
		code := codeOf(p)
		if !code.Beside() && (first == "" || match.ByTurn(code, codeOf(first)) < 0) {
			first = p
		}
	}
	return first
}

func bare(problem string) string { code, _, _ := strings.Cut(problem, "("); return code }

func codeOf(problem string) match.Code { return match.Code(bare(problem)) }

func linkOf(code match.Code) string {
	switch code {
	case match.SNILSNotConfirmed, match.MultiSNILSNotConfirmed, match.ContactNotVerified, match.NoMosruAccount, match.MultiOrgNoMosru, match.MultipleMosruAccounts, match.LoginNotUsable, match.OutOfReach:
		return LinkMosru
	case match.Ambiguous, match.FIOMismatch, match.DOBMismatch, match.SNILSMismatch, match.ContactMismatch, match.NoSuchAccount:
		return LinkDecision
	case match.ADNameTaken, match.ADUnowned:
		return LinkTarget
	}
	return LinkRecords
}

// closedAccount: suspended, left, not started, a parent.
func (r *Report) closedAccount(time.Time) *broken {
	if r.Suspension != nil {
		b := &broken{at: LinkAccount, code: string(identity.ReasonSuspended), who: &theAdministrator, remedy: &resume}
		if !r.Suspension.Here {
			b.at, b.who, b.remedy = LinkMosru, &thePerson, &recovery
		}
		return b
	}
	if r.Account == identity.ReasonRoleNotAllowed {
		return &broken{at: LinkPolicy, code: string(r.Account), who: &nobodyAtAll}
	}
	for _, c := range r.Channels {
		if c.Reason == identity.ReasonEnded || c.Reason == identity.ReasonNotStarted {
			return &broken{at: LinkRecords, code: string(c.Reason), reason: true}
		}
	}
	return nil
}

// target: the first problem of an account, what is seen there just now, and what
// still waits.
func (r *Report) target(time.Time) *broken {
	if r.Person == "" {
		return nil
	}
	for _, t := range r.Targets {
		for _, f := range t.Live {
			return &broken{at: LinkTarget, code: string(f.Code), where: f.Where, more: f.More}
		}
		for _, p := range t.Problems {
			if !codeOf(p.Code).Beside() {
				return &broken{at: LinkTarget, code: p.Code, where: t.Name}
			}
		}
		switch {
		case t.Waits != nil && t.Waits.For == WaitsConsent:
			return &broken{at: LinkTarget, code: string(FaultADHeld), where: t.Name}
		case t.State == TargetNone:
			return &broken{at: LinkTarget, code: string(FaultNoTarget)}
		case t.Waits != nil: // it passes: see waiting
		case t.State == TargetPending && t.PasswordWaits:
			return &broken{at: LinkTarget, code: string(FaultPasswordWaits), where: t.Name}
		case t.State == TargetPending:
			return &broken{at: LinkTarget, code: string(FaultTargetWaits), where: t.Name}
		}
	}
	return nil
}

// policy: a channel that is open nowhere.
func (r *Report) policy(time.Time) *broken {
	for _, channel := range []identity.Channel{identity.ChannelLDAP, identity.ChannelWeb, identity.ChannelWiFi} {
		if why := r.closed(channel); why != "" {
			return &broken{at: LinkPolicy, code: string(why), where: channel.String()}
		}
	}
	return nil
}

// password: what is kept for MS-CHAPv2 does not serve, and a device tried.
func (r *Report) password(now time.Time) *broken {
	if r.MSCHAPv2 == nil || r.MSCHAPv2.Reason == "" {
		return nil
	}
	for _, s := range r.failing(now, false) {
		if s.Reason == r.MSCHAPv2.Reason {
			return &broken{at: LinkPassword, code: string(s.Reason), where: s.where()}
		}
	}
	return nil
}

// attempt: the newest failure of a device that has not got in since; where there
// is none, of one that only said the name.
func (r *Report) attempt(now time.Time) *broken {
	for _, said := range []bool{false, true} {
		for _, s := range r.failing(now, said) {
			return &broken{at: linkOfReason(s.Reason), code: string(s.Reason), where: s.where(), unproven: said}
		}
	}
	return nil
}

// further: the name that was asked for is another's here; or it is that of another
// city account, which stands in front of the door.
func (r *Report) further(time.Time) *broken {
	if r.NameOf != "" && r.NameOf == r.Asked {
		return &broken{at: LinkName, code: string(FaultNameOfTwo), where: r.NameOf}
	}
	for i := range r.Tries {
		t := &r.Tries[i]
		if p := decisive(t.Now); p != "" && !t.Own && t.askedFor(r.Asked) {
			b := r.problemOf(t, p)
			b.at, b.where = LinkMosru, t.Login
			return b
		}
	}
	return nil
}

// failing are the last attempts of each device and place, where these failed, the
// newest first.
func (r *Report) failing(now time.Time, said bool) (list []SignIn) {
	seen := map[string]bool{}
	for _, s := range r.SignIns {
		if s.Said && !said && s.Outcome != identity.Accepted.String() {
			continue
		}
		if !r.Heard.IsZero() && !s.At.After(r.Heard) { // the access point got through since
			continue
		}
		place := s.Channel + " " + s.Device
		if s.Device == "" {
			place += s.NAS + s.Addr
		}
		if seen[place] {
			continue
		}
		seen[place] = true
		if s.Outcome != identity.Accepted.String() && s.Said == said && now.Sub(s.At) < stale {
			list = append(list, s)
		}
	}
	return list
}

func (s SignIn) where() string {
	return strings.Join(slices.DeleteFunc([]string{s.Channel, s.NAS, s.Device, s.Addr}, func(x string) bool { return x == "" }), " ")
}

// linkOfReason says which link a reason of a sign-in is about.
func linkOfReason(why identity.Reason) string {
	switch why {
	case identity.ReasonUpstreamDown, identity.ReasonUpstreamBusy, identity.ReasonUpstreamFault:
		return LinkUpstream
	case identity.ReasonUpstreamLocked, identity.ReasonSecondFactor, identity.ReasonReassigned,
		identity.ReasonDisabledThere, identity.ReasonExpiredThere, identity.ReasonBarredThere:
		return LinkMosru
	case identity.ReasonOverload, identity.ReasonCutOff, identity.ReasonListOutdated:
		return LinkServer
	case identity.ReasonSchoolNotAllowed, identity.ReasonRoleNotAllowed, identity.ReasonHours, identity.ReasonTooManyDevices:
		return LinkPolicy
	case identity.ReasonWrongPassword, identity.ReasonKnownBad, identity.ReasonEmptyPassword, identity.ReasonLocalDiffers, identity.ReasonHashDiffers, identity.ReasonOldPassword,
		identity.ReasonHashMissing, identity.ReasonHashRevoked, identity.ReasonHashTooOld, identity.ReasonHashOff, identity.ReasonThrottled, identity.ReasonEpochMoved, identity.ReasonFullSignIn:
		return LinkPassword
	case identity.ReasonUnknown, identity.ReasonLoginOnly:
		return LinkName
	case identity.ReasonSuspended, identity.ReasonNotActivated:
		return LinkAccount
	case identity.ReasonEnded, identity.ReasonNotStarted:
		return LinkRecords
	case identity.ReasonUnknownDevice, identity.ReasonUnknownMachine:
		return LinkThing
	case identity.ReasonUnknownNAS, identity.ReasonNASSecret, identity.ReasonUnsigned, identity.ReasonStation, identity.ReasonConversation:
		return LinkNAS
	}
	if _, problem := repairers[match.Code(why)]; problem { // an activation ends with one
		return linkOf(match.Code(why))
	}
	return LinkDevice
}
