package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Room is what a package of pages brings into the frame.
type Room struct {
	// Name is what Record.Only calls it; "" where no session is for it alone.
	Name string
	// Table has the pages by address, as http.ServeMux writes patterns: "GET /help".
	Table map[string]Page
	// Templates are files below pages/, as "pages/help.html", each shown by its name
	// there ("help.html"). They begin with {{template "head" .}}, end with
	// {{template "foot" .}} and find the room's own data at .Page. What they may call
	// is functions.
	Templates fs.FS
	// Words are the room's texts; the frame's are there beside them, under frame.*.
	Words Words
	// Assets are files below assets/, as "assets/live.js", served to everybody; nil:
	// the frame's suffice.
	Assets fs.FS
	// FormsTo are the foreign origins at which a form of the room may end.
	FormsTo []string
	// Nav gives the room's own navigation to somebody whose session the page has
	// looked up; nil: it has none.
	Nav func(*Visit) []Entry
	// Way is the entry that leads to this room from every page of somebody signed
	// in, if there is one for her; nil: for nobody.
	Way func(*Visit) (Entry, bool)
}

// Page answers at one address.
type Page struct {
	Do func(*Visit)
	// Costly says that reading the page makes others work: mos.ru, a long query, an
	// export. It counts against the pace of its source, as every POST does.
	Costly bool
	// Passive says that browsers ask for the page by themselves again and again. A
	// session does not live on by that, but by the page as it stands (Visit.Show).
	Passive bool
	// Program says that programs come here, not browsers: what is wrong with a
	// request is told in plain text, and who counts them is whoever checks passwords.
	Program bool
	// Back is where the switch of language leads from the answer, if its own address
	// shows something else or serves once; "": to the address, after a POST to "/".
	Back string
}

// Entry is one line of a navigation.
type Entry struct {
	Address string // of ours: "/console/people"
	Title   string // key of the text
	Icon    string // "": none
	Current bool   // leads to where the visitor is; the frame finds out
}

// page is a Page with the room to which it belongs.
type page struct {
	Page
	room *room
}

// paced says that a request makes others work.
func (p *page) paced(r *http.Request) bool {
	return !p.Program && (p.Costly || r.Method == http.MethodPost)
}

// room is a Room with its templates in each language.
type room struct {
	Room
	pages map[Lang]*template.Template
}

// own is what the frame itself brings.
var own = Room{
	Table:     map[string]Page{"/": {Do: func(v *Visit) { v.Fail(http.StatusNotFound) }}, "GET /assets/{name}": {Do: (*Visit).asset}},
	Templates: pageFiles, Words: JoinWords(wordsFrame, wordsErrors), Assets: assetFiles,
}

// furnish puts the rooms into a frame, its own first.
func (f *Frame) furnish(rooms []Room) error {
	f.words, f.assets = Words{}, assets{files: map[string]asset{}, names: map[string]string{}}
	for _, r := range rooms {
		for key, text := range r.Words {
			if _, twice := f.words[key]; twice {
				return fmt.Errorf("web: two texts %q", key)
			}
			f.words[key] = text
		}
		if r.Assets == nil {
			continue
		}
		if err := f.assets.read(r.Assets); err != nil {
			return err
		}
	}
	for _, r := range rooms {
		here := &room{Room: r}
		var err error
		if here.pages, err = f.templates(r.Templates); err != nil {
			return err
		}
		f.rooms = append(f.rooms, here)
		for _, pattern := range slices.Sorted(maps.Keys(r.Table)) {
			if f.table[pattern] != nil {
				return fmt.Errorf("web: two pages %q", pattern)
			}
			p := &page{Page: r.Table[pattern], room: here}
			f.table[pattern] = p
			f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { p.Do(f.visit(w, r, p)) })
		}
	}
	return nil
}

// nav is the navigation of the visitor's room, with where he is marked.
func (v *Visit) nav() []Entry {
	if v.session == nil || v.page.room.Nav == nil {
		return nil
	}
	all, here := slices.Clone(v.page.room.Nav(v)), -1
	for i, e := range all {
		below := v.Request.URL.Path == e.Address || strings.HasPrefix(v.Request.URL.Path, strings.TrimSuffix(e.Address, "/")+"/")
		if below && (here < 0 || len(e.Address) > len(all[here].Address)) {
			here = i
		}
	}
	if here >= 0 {
		all[here].Current = true
	}
	return all
}

// ways are the entries to the rooms that are there for the visitor.
func (v *Visit) ways() []Entry {
	if v.session == nil {
		return nil
	}
	var all []Entry
	for _, r := range v.frame.rooms {
		if r.Way == nil {
			continue
		}
		if e, ok := r.Way(v); ok {
			e.Current = r == v.page.room
			all = append(all, e)
		}
	}
	return all
}
