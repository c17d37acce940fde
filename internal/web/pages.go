package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
)

//go:embed pages/*.html
var pageFiles embed.FS

// templates reads the templates of a room in each language, beside the layout.
func (f *Frame) templates(files fs.FS) (map[Lang]*template.Template, error) {
	all := map[Lang]*template.Template{}
	for _, lang := range languages {
		t, err := template.New("").Funcs(f.functions(lang)).ParseFS(pageFiles, "pages/*.html")
		if err == nil && files != nil {
			t, err = t.ParseFS(files, "pages/*.html")
		}
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		all[lang] = t
	}
	return all, nil
}

// functions are what templates may call: {{t "key" args}} for a text, {{n "key" figure}}
// for one beside a figure, {{icon
// "name"}}, {{asset "style.css"}} for the address of one.
func (f *Frame) functions(lang Lang) template.FuncMap {
	return template.FuncMap{
		"t":     func(key string, args ...any) (string, error) { return f.Text(lang, key, args...) },
		"n":     func(key string, figure any) (string, error) { return f.Beside(lang, key, figure) },
		"asset": f.assets.address,
		"icon":  icon,
	}
}

// Pager leads through a list that is read page by page; {{template "pager" x}}
// shows it.
type Pager struct {
	First string // address of the first page; "": this is it
	Next  string // address of the next; "": there is none
}

// icons are drawn on 24 by 24, as strokes.
var icons = map[string]string{
	"bridge": `<path d="M2 17h20M4 17V9m16 8V9M4 10c3 6 13 6 16 0M8 13.4V17m4-2.4V17m4-3.6V17"/>`,
	"web":    `<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c-5 5-5 13 0 18 5-5 5-13 0-18"/>`,
	"wifi":   `<path d="M2.5 9.5a14 14 0 0 1 19 0M5.5 13a9.5 9.5 0 0 1 13 0M8.7 16.3a5 5 0 0 1 6.6 0M12 19.5h.01"/>`,
	"pc":     `<rect x="3" y="4" width="18" height="12" rx="1.5"/><path d="M8.5 20h7M12 16v4"/>`,
	"teams":  `<circle cx="9" cy="8" r="3"/><path d="M3.5 19c.3-3.6 2.3-5.5 5.5-5.5s5.2 1.9 5.5 5.5M16 5.4a3 3 0 0 1 0 5.2M17.5 13.9c1.9.7 3 2.4 3.2 5.1"/>`,
	"check":  `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"alert":  `<circle cx="12" cy="12" r="9"/><path d="M12 7.5v5.5M12 16.5h.01"/>`,
	"clock":  `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>`,
	"person": `<circle cx="12" cy="8" r="3.5"/><path d="M5 20c.5-4.5 3-6.5 7-6.5s6.5 2 7 6.5"/>`,
	"family": `<circle cx="8" cy="7.5" r="3"/><circle cx="17" cy="11" r="2.2"/><path d="M2.5 20c.4-4.6 2.3-6.8 5.5-6.8 2.4 0 4.1 1.2 5 3.7M13 20c.3-3 1.6-4.5 4-4.5s3.7 1.5 4 4.5"/>`,
	"search": `<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>`,
	"board":  `<rect x="3" y="4" width="18" height="11" rx="1"/><path d="M12 15v2.5M8 20.5l4-3 4 3M7 9l3-2 2.5 3L16 7.5"/>`,
	"chart":  `<path d="M4 4v16h16M8 16v-4m4 4V8m4 8v-6"/>`,
	"key":    `<circle cx="8" cy="15" r="4"/><path d="m11 12 8.5-8.5M16 7l3 3M13.5 9.5l2 2"/>`,
	"home":   `<path d="M3.5 11 12 4l8.5 7M6 9.5V20h12V9.5M10 20v-5h4v5"/>`,
	"twins":  `<circle cx="8" cy="8" r="3"/><circle cx="16" cy="8" r="3"/><path d="M2.5 19c.3-3.6 2.3-5.5 5.5-5.5 1.7 0 3.1.6 4 1.6.9-1 2.3-1.6 4-1.6 3.2 0 5.2 1.9 5.5 5.5"/>`,
	"inbox":  `<path d="M3.5 13 6 5h12l2.5 8v6h-17zM3.5 13H9c.3 2 1.3 3 3 3s2.7-1 3-3h5.5"/>`,
	"mail":   `<rect x="3" y="5" width="18" height="14" rx="1.5"/><path d="m3.5 7 8.5 6.5L20.5 7"/>`,
	"pulse":  `<path d="M3 12h4l2.5-6 4.5 12 2.5-6H21"/>`,
	"lock":   `<rect x="5" y="11" width="14" height="9" rx="1.5"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`,
}

// icon is a picture beside a text that says the same.
func icon(name string) (template.HTML, error) {
	drawing, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">` + drawing + `</svg>`), nil
}
