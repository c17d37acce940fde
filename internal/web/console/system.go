package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

// health is the part that says how the installation is.
var health = part{
	pages:  map[string]page{"GET /console/system": {do: (*visit).system, may: rights.SeeHealth, alone: true}},
	nav:    entry{"/console/system", "system.title", "pulse", rights.SeeHealth},
	glance: (*visit).healthGlance,
	words:  wordsSystem,
	there:  func(o *Options) bool { return o.System != nil },
}

// healthGlance says whether everything works.
func (v *visit) healthGlance() (glance, error) {
	s, err := v.o.System.State(v.Request.Context())
	if err != nil {
		return glance{}, err
	}
	g := glance{Title: "system.title", State: "good", Text: "system.good"}
	for _, c := range s.Checks {
		switch {
		case c.OK:
		case c.Needed:
			return glance{Title: g.Title, State: "bad", Text: "system.bad"}, nil
		default:
			g.State, g.Text = "wait", "system.bad"
		}
	}
	return g, nil
}

// settings is the part that shows the configuration.
var settings = part{
	pages: map[string]page{"GET /console/configuration": {do: (*visit).configuration, may: rights.SeeConfiguration}},
	nav:   entry{"/console/configuration", "settings.title", "lock", rights.SeeConfiguration},
	words: wordsSettings,
	there: func(o *Options) bool { return o.System != nil },
}

// System tells how the installation is. It names nobody.
type System interface {
	State(ctx context.Context) (State, error)
	// Settings are all options as they are in force, in the order of the reference.
	Settings() []Setting
}

// State is how the installation is at one moment.
type State struct {
	Checks       []Check
	Queue        *Queue // nil: there is no Active Directory
	Certificates []Certificate
}

// Check is one part that works, or does not.
type Check struct {
	Name   string // a word of a small fixed set: "store", "directory", "mosru", …
	OK     bool
	Needed bool   // nobody can sign in without it
	Reason string // in words of the log, English
}

// Queue is the way to Active Directory.
type Queue struct {
	Accounts, Due, Waiting, Passwords int
	Oldest                            time.Time // since when the one waits that waits longest
	End                               time.Time // when it will be empty; zero: not known
	Held                              int       // changes that wait for somebody's consent
}

// Certificate is one that devices see, or authorities that we trust.
type Certificate struct {
	Use  string // a word of a small fixed set
	Ends time.Time
}

// Setting is one option.
type Setting struct {
	Path, Value string
	About       [2]string // Russian, English
	Default     bool
	Secret      bool
	Waits       bool // the file says something else, which a restart will take
}

// checkNames are the parts that have a name in words, and what is said of them
// where they do not work; others are shown by theirs.
var checkNames = map[string][2]string{
	"store": {"system.store", "trouble.store"}, "trail": {"system.trail", "trouble.trail"}, "directory": {"system.directory", "trouble.directory"}, "mosru": {"system.mosru", "trouble.mosru"},
	"certificates": {"system.certificates", "trouble.certificates"}, "ad": {"system.ad", "trouble.ad"}, "events": {"system.events", "trouble.events"},
}

type systemPage struct {
	State
	Checks       []checkLine
	Certificates []certificateLine
	Good         bool
	Oldest, End  string
}

type checkLine struct {
	Check
	Title   string // key of the text; "": the name serves
	Trouble string // the same of what is said where it does not work
}

type certificateLine struct {
	Certificate
	Title string
	Day   string
	Left  int    // days
	Look  string // "good", "wait", "bad"
}

// renewal is from when on somebody should order a new certificate, in days.
const renewal = 30

func (v *visit) system() {
	s, err := v.o.System.State(v.Request.Context())
	if err != nil {
		v.Broken("the state of the installation cannot be told", err)
		return
	}
	p := systemPage{State: s, Good: true}
	for _, c := range s.Checks {
		p.Good = p.Good && c.OK
		p.Checks = append(p.Checks, checkLine{c, checkNames[c.Name][0], checkNames[c.Name][1]})
	}
	for _, c := range s.Certificates {
		line := certificateLine{Certificate: c, Title: certificateNames[c.Use], Day: c.Ends.In(v.o.Zone).Format("02.01.2006"), Left: int(c.Ends.Sub(v.Now).Hours() / 24), Look: "good"}
		switch {
		case !v.Now.Before(c.Ends):
			line.Look = "bad"
		case line.Left < renewal:
			line.Look = "wait"
		}
		p.Certificates = append(p.Certificates, line)
	}
	slices.SortStableFunc(p.Certificates, func(a, b certificateLine) int { return a.Ends.Compare(b.Ends) })
	if s.Queue != nil {
		p.Oldest = v.clock(s.Queue.Oldest)
		if s.Queue.Due > 0 { // else there is nothing to end
			p.End = v.soon(s.Queue.End)
		}
	}
	v.showAgain("system.html", "system.title", p, 60)
}

// soon is a moment that may be today.
func (v *visit) soon(t time.Time) string {
	const day = "02.01.2006"
	if t.IsZero() {
		return ""
	}
	if t = t.In(v.o.Zone); t.Format(day) == v.Now.In(v.o.Zone).Format(day) {
		return t.Format("15:04")
	}
	return v.clock(t)
}

// certificateNames are the uses that have a name in words.
var certificateNames = map[string]string{
	"tls": "certificate.tls", "eap": "certificate.eap", "ldap_listener": "certificate.ldap", "eap_clients_ca": "certificate.eap-clients", "ldap_clients_ca": "certificate.ldap-clients",
	"radsec_clients_ca": "certificate.radsec", "wifi_ca": "certificate.wifi", "mosru_ca": "certificate.mosru", "ad_ca": "certificate.ad", "upstream_ca": "certificate.upstream",
}

type settingsPage struct {
	Section  string // the only one that is shown, whole; "": what was set in all
	Sections []settingsSection
	Waits    int
}

type settingsSection struct {
	Name     string
	Settings []settingLine // those shown
	Set      int           // that somebody wrote
}

type settingLine struct {
	Setting
	Text string
}

// configuration shows what was set as it is in force, or all options of a section.
func (v *visit) configuration() {
	p := settingsPage{Section: v.Request.URL.Query().Get("section")}
	for _, s := range v.o.System.Settings() {
		name := section(s.Path)
		if n := len(p.Sections); n == 0 || p.Sections[n-1].Name != name {
			p.Sections = append(p.Sections, settingsSection{Name: name})
		}
		at := &p.Sections[len(p.Sections)-1]
		if !s.Default {
			at.Set++
		}
		if s.Waits {
			p.Waits++
		}
		if p.Section == "" && (!s.Default || s.Waits) || p.Section == name {
			line := settingLine{s, s.About[0]}
			if v.Lang == web.English {
				line.Text = s.About[1]
			}
			at.Settings = append(at.Settings, line)
		}
	}
	if p.Section != "" && !slices.ContainsFunc(p.Sections, func(s settingsSection) bool { return s.Name == p.Section }) {
		v.missing()
		return
	}
	v.Show(http.StatusOK, "settings.html", "settings.title", p)
}

func section(path string) string {
	for i, r := range path {
		if r == '.' || r == '[' {
			return path[:i]
		}
	}
	return path
}
