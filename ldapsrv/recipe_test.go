package ldapsrv

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
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
		"dc=school49,dc=example", testBase, "PASSWORD", secret, "000149", "49").Replace(text)
}

// startRecipes is start with the service accounts of the page.
func startRecipes(t testing.TB, change func(*Options), more ...*directory.Entry) *world {
	t.Helper()
	return start(t, func(o *Options) {
		if change != nil {
			change(o)
		}
		text := (&world{t: t}).recipe("# /etc/schoolbridge/config.yaml")
		all := regexp.MustCompile(`dn: (\S+) .*\n.*\n +schools: \["(\w+)"\]\n +attributes: \[(.*)\]`).FindAllStringSubmatch(text, -1)
		if len(all) != 3 {
			t.Fatalf("%d accounts in: %s", len(all), text)
		}
		for _, one := range all {
			o.Services = append(o.Services, Service{DN: one[1], Password: secret, Schools: []person.SchoolID{person.SchoolID(one[2])}, Attributes: strings.Split(one[3], ", ")})
		}
	}, more...)
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
