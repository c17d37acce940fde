package ldapsrv

import (
	"os"
	"strings"
	"testing"
)

// What docs/computers tells the administrator to write is what the tests drive
// programs with.

// recipe gives a framed text of the page by its first line, with the test's names
// in the place of the school's: those that every recipe has, and more, in pairs.
// It has to be the same in both languages.
func (w *world) recipe(first string, more ...string) string {
	w.t.Helper()
	var blocks [2]string
	for i, page := range computerPages(w.t) {
		_, after, there := strings.Cut(page, "\n"+first+"\n")
		block, _, ended := strings.Cut(after, "```\n")
		if !there || !ended || strings.Contains(after, "\n"+first+"\n") {
			w.t.Fatalf("page %d has not one %q", i, first)
		}
		blocks[i] = block
	}
	if blocks[0] != blocks[1] {
		w.t.Fatalf("%q differs between the languages", first)
	}
	return w.named(blocks[0], more...)
}

// named puts the test's names in the place of the school's; each has to be there.
func (w *world) named(text string, more ...string) string {
	w.t.Helper()
	for i := 0; i < len(more); i += 2 {
		if !strings.Contains(text, more[i]) {
			w.t.Fatalf("no %q in: %s", more[i], text)
		}
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	return strings.NewReplacer("ldaps://bridge.school49.example", "ldaps://"+w.tls, "ldap://bridge.school49.example", "ldap://"+w.plain,
		"dc=school49,dc=example", testBase, "READER-PASSWORD", secret, "school-000149", "school-49").Replace(text)
}

func computerPages(t testing.TB) (pages [2]string) {
	t.Helper()
	for i, name := range []string{"computers.ru.md", "computers.en.md"} {
		b, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = string(b)
	}
	return pages
}
