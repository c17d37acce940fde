package webtest

import (
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/web"
)

var (
	cyrillic = regexp.MustCompile(`[а-яА-ЯёЁ]+`)
	verbs    = regexp.MustCompile(`%[a-z]`)
	comment  = regexp.MustCompile(`(?s)\{\{/\*.*?\*/\}\}`)
	asks     = regexp.MustCompile(`\b[tn] "([^"]+)"`)
	plain    = regexp.MustCompile(`(?:\bt |\.Text\()"([^"]+)"`) // no figure tells which form
	inline   = regexp.MustCompile(`\s(on[a-z]+|style)=|<style|<script>|javascript:`)
	literal  = regexp.MustCompile(`"([a-z-]+(?:\.[a-z0-9-]+)+)"`)
)

// Pair says that a text is in both languages, with the same arguments.
func Pair(t testing.TB, key string, text web.Both) {
	t.Helper()
	ru, en := text.In(web.Russian), text.In(web.English)
	if strings.TrimSpace(ru) != ru || strings.TrimSpace(en) != en || !cyrillic.MatchString(ru) || en == "" || cyrillic.MatchString(en) {
		t.Errorf("%s: %q, %q", key, ru, en)
	}
	if n := strings.Count(ru, "|"); n != 2*strings.Count(en, "|") || n != 0 && n != 2 {
		t.Errorf("%s: the forms beside a figure in %q and %q", key, ru, en)
	}
	if !slices.Equal(verbs.FindAllString(ru, -1), verbs.FindAllString(en, -1)) {
		t.Errorf("%s: other arguments in %q than in %q", key, ru, en)
	}
}

// Texts holds a room's pages against its words: templates hold no word and no
// inline code, what they ask for is there, every text is in both languages, and
// none is there that nobody asks for. f holds the room; its Go sources lie in the
// working directory, as they do in a test of the package. made are the keys that
// templates and code put together, same those of texts that are right in one
// language only or in both alike.
func Texts(t *testing.T, f *web.Frame, room web.Room, made, same []string) {
	t.Helper()
	for key, text := range room.Words {
		if !slices.Contains(same, key) {
			Pair(t, key, text)
		}
	}
	used := map[string]bool{}
	for _, key := range made {
		used[key] = true
	}
	inTemplates(t, room, used)
	inSources(t, room.Words, used)
	for key := range used {
		if _, err := f.Text(web.Russian, key); err != nil {
			t.Errorf("a page asks for %s, which is not there", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(room.Words)) {
		if !used[key] {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

// formless says that no text with forms is asked for without a figure.
func formless(t *testing.T, words web.Words, name, source string) {
	t.Helper()
	for _, m := range plain.FindAllStringSubmatch(source, -1) {
		if strings.Contains(words[m[1]].In(web.Russian), "|") {
			t.Errorf("%s shows all forms of %s", name, m[1])
		}
	}
}

// inTemplates finds the keys that templates name.
func inTemplates(t *testing.T, room web.Room, used map[string]bool) {
	t.Helper()
	templates := room.Templates
	files, err := fs.Glob(templates, "pages/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(templates, name)
		if err != nil {
			t.Fatal(err)
		}
		bare := comment.ReplaceAllString(string(text), "")
		if found := cyrillic.FindString(bare); found != "" {
			t.Errorf("%s holds the word %q", name, found)
		}
		if found := inline.FindString(bare); found != "" {
			t.Errorf("%s holds inline code: %q", name, found)
		}
		formless(t, room.Words, name, bare)
		for _, m := range asks.FindAllStringSubmatch(bare, -1) {
			used[m[1]] = true
		}
	}
}

// inSources finds the keys of words that Go code names.
func inSources(t *testing.T, words web.Words, used map[string]bool) {
	t.Helper()
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, name := range sources {
		if strings.HasPrefix(name, "words") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		formless(t, words, name, string(text))
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			if _, ok := words[m[1]]; ok {
				used[m[1]] = true
			}
		}
	}
}

// English says that a page holds no Russian word but names.
func English(t testing.TB, w *httptest.ResponseRecorder, names ...string) {
	t.Helper()
	text := w.Body.String()
	for _, name := range append(names, "Русский") { // the switch of language
		text = strings.ReplaceAll(text, name, "")
	}
	if found := cyrillic.FindString(text); found != "" {
		t.Errorf("the English page holds %q", found)
	}
}

// assetAddresses are where a page has its assets from.
var assetAddresses = regexp.MustCompile(`"(/assets/[^"]+)"`)

// FirstView is how many bytes a browser reads for a page and its assets, not
// compressed.
func FirstView(g *Guest, path string) int {
	page := g.Get(path).Body
	size := page.Len()
	for _, m := range assetAddresses.FindAllStringSubmatch(page.String(), -1) {
		size += g.Get(m[1]).Body.Len()
	}
	return size
}
