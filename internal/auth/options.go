package auth

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

// People is who has an account; *directory.Directory implements it.
type People interface {
	// Lookup finds by any name, in any case.
	Lookup(name string) (*directory.Entry, bool)
	Get(id identity.PersonID) (*directory.Entry, bool)
	// LastContact is when the store last answered; zero for never.
	LastContact() time.Time
}

// Options of an Authenticator. The first five are required; every zero value
// behind them stands for the default named there.
type Options struct {
	Directory People
	Policy    func() *policy.Table // the table in force now
	Upstream  Upstream
	Verifiers Verifiers
	Auditor   Auditor

	Observer  Observer  // nil: nobody looks on
	Homes     []Home    // systems beside mos.ru that own people
	Passwords Passwords // nil: no system keeps its own
	Owners    Owners    // nil: nobody knows whose a name is but the directory
	Tally     Tally     // nil: refusals are counted by this process alone
	// TallyAlone says that no other daemon uses Tally: what is under way is known here,
	// and only what was refused is written, for whoever comes after a restart.
	TallyAlone bool
	// Admit says whether a person whom a role admits to the Wi-Fi may bring one
	// device more. It asks memory only; nil: any number.
	Admit func(person identity.PersonID, role, device string) bool
	// Inventory gives the devices and machines in force now; nil: none.
	Inventory func() *Inventory

	Domains []string // taken off as DOMAIN\, in any case
	Realms  []string // taken off as @realm, in any case

	// EventsHealthy says whether events of changed passwords arrive; nil: never.
	EventsHealthy func() bool
	// EventsSeen is when they last did, zero for never; nil: as far as
	// EventsHealthy was asked meanwhile.
	EventsSeen func() time.Time
	// Unbroken is since when every change of an account has been heard of; nil: always.
	// Where the store took changes back, an epoch that was confirmed may be given again.
	Unbroken func() time.Time
	// TagKey gives the key of the known-bad tags for a day (since 1970, in UTC), the
	// same on every replica; nil: keys of this process. It must not wait.
	TagKey func(day uint32) [32]byte
	// NobodyKey makes the keys by which names are counted that nobody has; it has to be
	// the same on every replica that shares Tally. Zero: one of this process.
	NobodyKey [32]byte

	ConfirmLong  time.Duration // life of a confirmation while events arrive; 12 h
	ConfirmShort time.Duration // and while they do not; 5 min
	OfflineGrace time.Duration // how long to go on without the store; 1 h
	LocalGrace   time.Duration // how long after mos.ru's last yes the kept verifier counts; 7 days
	NTMaxAge     time.Duration // greatest age of an NT hash while no events arrive; 30 days
	NTOff        bool          // keep argon2id in place of NT hashes
	TallyTimeout time.Duration // how long a sign-in waits for Tally; 1 s
	AskTimeout   time.Duration // bound of one upstream call, beyond the upstream's own; 10 s

	// LoginFailures is how many wrong passwords of one login reach mos.ru in
	// LoginWindow, from everywhere: 4 in 10 minutes, because five is the
	// smallest number of tries after which account systems usually lock. The
	// last of them is kept for devices on which the person signed in before.
	LoginFailures int
	LoginWindow   time.Duration
	// DeviceFailures and SourceFailures are how many fresh failures in a row a
	// device (10) and a source address (200: it may be a whole school's Wi-Fi
	// controller, of which an access point has a share, see guard) may cause; one
	// comes back every DeviceEvery (30 s) and SourceEvery (500 ms).
	DeviceFailures, SourceFailures int
	DeviceEvery, SourceEvery       time.Duration

	// Sizes of the bounded tables, in entries: confirmations 200k, logins with
	// failures 100k, devices and sources 200k, NT hashes (0.7 KB each) 100k.
	Confirmations, Logins, Devices, Hashes int
	Flights                                int // upstream calls at once; 1024

	events bool // set by withDefaults: EventsHealthy was there

	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o Options) check() error {
	switch {
	case o.Directory == nil:
		return errors.New("auth: no directory")
	case o.Policy == nil:
		return errors.New("auth: no policy")
	case o.Upstream == nil:
		return errors.New("auth: no upstream")
	case o.Verifiers == nil:
		return errors.New("auth: no verifiers")
	case o.Auditor == nil:
		return errors.New("auth: no auditor")
	case o.LoginFailures < 0 || o.LoginFailures == 1:
		return errors.New("auth: login failures: at least 2, one of which is kept for known devices")
	}
	return nil
}

func set[T int | time.Duration](p *T, to T) {
	if *p <= 0 {
		*p = to
	}
}

func (o Options) withDefaults() Options {
	set(&o.ConfirmLong, 12*time.Hour)
	set(&o.ConfirmShort, 5*time.Minute)
	set(&o.OfflineGrace, time.Hour)
	set(&o.LocalGrace, 7*24*time.Hour)
	set(&o.NTMaxAge, 30*24*time.Hour)
	set(&o.TallyTimeout, storeTimeout)
	set(&o.AskTimeout, 10*time.Second)
	set(&o.LoginFailures, 4)
	set(&o.LoginWindow, 10*time.Minute)
	set(&o.DeviceFailures, 10)
	set(&o.DeviceEvery, 30*time.Second)
	set(&o.SourceFailures, 200)
	set(&o.SourceEvery, 500*time.Millisecond)
	set(&o.Confirmations, 200_000)
	set(&o.Logins, 100_000)
	set(&o.Devices, 200_000)
	set(&o.Hashes, 100_000)
	set(&o.Flights, 1024)
	if o.events = o.EventsHealthy != nil; !o.events {
		o.EventsHealthy = func() bool { return false }
	}
	if o.EventsSeen == nil {
		o.EventsSeen = func() time.Time { return time.Time{} }
	}
	if o.NobodyKey == ([32]byte{}) {
		o.NobodyKey = randomKey()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
