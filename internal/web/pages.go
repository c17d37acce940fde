package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// pages are the templates of each language.
type pages map[Lang]*template.Template

func newPages() (pages, error) {
	all := pages{}
	for _, lang := range languages {
		t, err := template.New("").Funcs(template.FuncMap{
			"t":     func(key string, args ...any) (string, error) { return lang.text(key, args...) },
			"asset": assetAddress,
			"icon":  icon,
		}).ParseFS(pageFiles, "pages/*.html")
		if err != nil {
			return nil, err
		}
		all[lang] = t
	}
	return all, nil
}

// assets are the files by the name under which they are served, which changes
// with their content: browsers may keep them for ever.
var assets, assetNames = readAssets()

func readAssets() (map[string][]byte, map[string]string) {
	files, names := map[string][]byte{}, map[string]string{}
	entries, _ := fs.ReadDir(assetFiles, "assets") // embedded: it is there
	for _, e := range entries {
		content, _ := fs.ReadFile(assetFiles, "assets/"+e.Name())
		sum := sha256.Sum256(content)
		kind := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), kind) + "-" + hex.EncodeToString(sum[:6]) + kind
		files[name], names[e.Name()] = content, name
	}
	return files, names
}

func assetAddress(name string) (string, error) {
	if assetNames[name] == "" {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + assetNames[name], nil
}

func (h *Handler) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, ok := assets[name]
	if !ok {
		h.visit(w, r).fail(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(content) // whoever has gone misses nothing
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
