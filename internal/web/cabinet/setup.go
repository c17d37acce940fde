package cabinet

import (
	"html/template"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/onboard"
	"schoolbridge/internal/qr"
)

// board is what is shown to whoever stands before an interactive board. It is no
// platform of onboard: nobody's login is set up on one.
const board = "board"

// setupPage is how one kind of device is set up.
type setupPage struct {
	Kinds  []kind
	Kind   string
	Guess  bool // the kind is what the browser says of itself
	Steps  []onboard.Step
	Beware string
	Main   []onboard.File // what the steps speak of
	Others []onboard.File // for whoever manages many devices
	QR     template.HTML  // our address, for a phone beside
	URL    string
}

type kind struct {
	ID, Address string
	Current     bool
}

// kindOf guesses the device by what its browser says of itself, as far as that
// goes: iPads call themselves Macs, which are set up alike. "": unknown.
func kindOf(agent string) string {
	for _, sign := range []struct {
		in   string
		kind onboard.Platform
	}{
		{"iPhone", onboard.Apple}, {"iPad", onboard.Apple}, {"Android", onboard.Android}, {"Macintosh", onboard.Apple},
		{"Windows", onboard.Windows}, {"Linux", onboard.Linux},
	} {
		if strings.Contains(agent, sign.in) {
			return string(sign.kind)
		}
	}
	return ""
}

// handheld says that the browser is on something that has a camera of its own and
// needs no code to point it at.
func handheld(agent string) bool {
	return strings.Contains(agent, "Mobile") || strings.Contains(agent, "Android") || strings.Contains(agent, "iPad")
}

func kinds() []string {
	var all []string
	for _, p := range onboard.Platforms() {
		all = append(all, string(p))
	}
	return append(all, board)
}

func (v *visit) setup() {
	s, ok := v.owner()
	if !ok {
		return
	}
	agent := v.Request.UserAgent()
	p := setupPage{Kind: v.Request.PathValue("platform")}
	if p.Kind == "" {
		p.Kind, p.Guess = kindOf(agent), true
		if p.Kind == "" {
			p.Kind, p.Guess = string(onboard.Windows), false
		}
	}
	if !slices.Contains(kinds(), p.Kind) {
		v.Fail(http.StatusNotFound)
		return
	}
	for _, k := range kinds() {
		p.Kinds = append(p.Kinds, kind{ID: k, Address: "/me/wifi/" + k, Current: k == p.Kind})
	}
	if p.Kind != board {
		files, err := v.o.Setup.Files(s.Login, onboard.Platform(p.Kind), v.Lang)
		if err != nil {
			v.Broken("the set-up for a device cannot be made", err)
			return
		}
		p.Main, p.Others = parted(onboard.Platform(p.Kind), files)
		p.Steps, p.Beware = v.o.Setup.Steps(s.Login, onboard.Platform(p.Kind), v.Lang)
	}
	if v.o.PublicURL != "" && !handheld(agent) {
		p.URL = v.o.PublicURL + "/me/wifi"
		var err error
		if p.QR, err = qr.SVG(p.URL, v.Text("setup.qr.label")); err != nil {
			v.Broken("a QR code cannot be drawn", err)
			return
		}
	}
	v.Show(http.StatusOK, "setup.html", "setup.title", p)
}

// parted tells what somebody needs for the own device from what serves those who
// manage many. On Android the steps are on the page, and the authority is needed.
func parted(p onboard.Platform, files []onboard.File) (own, others []onboard.File) {
	at := 1
	if p == onboard.Android {
		at = slices.IndexFunc(files, func(f onboard.File) bool { return f.Name == "school-ca.crt" }) + 1
		return files[at-1 : at], files[at:]
	}
	return files[:at], files[at:]
}

// file hands out one of the files, which hold no password.
func (v *visit) file() {
	s, ok := v.owner()
	if !ok {
		return
	}
	p := onboard.Platform(v.Request.PathValue("platform"))
	if !slices.Contains(onboard.Platforms(), p) {
		v.Fail(http.StatusNotFound)
		return
	}
	files, err := v.o.Setup.Files(s.Login, p, v.Lang)
	if err != nil {
		v.Broken("the set-up for a device cannot be made", err)
		return
	}
	i := slices.IndexFunc(files, func(f onboard.File) bool { return f.Name == v.Request.PathValue("file") })
	if i < 0 {
		v.Fail(http.StatusNotFound)
		return
	}
	if err := v.o.Setup.Handed(v.Request.Context(), s.Person, p, v.Source()); err != nil {
		v.Broken("a file that was handed out cannot be audited", err)
		return
	}
	head := v.Writer.Header()
	head.Set("Content-Type", files[i].Type)
	head.Set("Content-Length", strconv.Itoa(len(files[i].Body)))
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": files[i].Name}))
	_, _ = v.Writer.Write(files[i].Body) // whoever has gone misses nothing
}
