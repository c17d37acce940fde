package console

import (
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
)

// deniedLines are what the trail was told of denials since the last call.
func (s *site) deniedLines() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.denials {
		all = append(all, e.Kind+" "+e.Person.String()[:4]+" "+string(e.Payload))
	}
	s.denials = nil
	return all
}

// Whoever asks for what is not theirs is named in the trail with what was asked, and sees
// the same as of what is not there.
func TestDenied(t *testing.T) {
	s, d := newQueueSite(t)
	g, asker := s.role(rights.School), `"by":"`+admin49.ID.String()+`"`
	s.deniedLines()
	webtest.Holds(t, g.Get("/console/queue"), 200)
	webtest.Holds(t, g.Get("/console/nowhere"), 404)
	if got := s.deniedLines(); len(got) != 0 {
		t.Errorf("nothing was denied: %q", got)
	}
	for _, c := range []struct {
		who  *webtest.Guest
		path string
		says []string
	}{
		{g, "/console/queue/" + d.cases[3].Stem, []string{"console_denied 0000", asker, `"addr":"`, `"request":"`, `"item":"` + d.cases[3].Stem + `"`, `"page":"GET /console/queue/*"`, `"action":"see people"`}},
		{g, "/console/queue/typed-by-somebody", []string{asker, "!typed-by"}},
		{g, "/console/rights", []string{asker, `"page":"GET /console/rights"`}},
		{s.person(teacher), "/console/queue", []string{`"by":"` + teacher.ID.String() + `"`}},
	} {
		webtest.Holds(t, c.who.Get(c.path), 404, "на эту страницу нет прав", `href="/console">На первую`)
		got := s.deniedLines()
		if len(got) != 1 {
			t.Errorf("%s: %q", c.path, got)
			continue
		}
		tells(t, got[0], c.says...)
	}
	a := s.role(rights.Auditor)
	s.deniedLines()
	webtest.Holds(t, a.Post("/console/queue/"+d.cases[0].Stem, "case", d.cases[0].ID, "verb", "bind", "what", "kadry:k1"), 404)
	tells(t, strings.Join(s.deniedLines(), "\n"), `"by":"`+auditor.ID.String()+`"`, `"page":"POST /console/queue/*"`, `"item":"`+d.cases[0].Stem)
}

// Of whom a story is denied stands in the line, by the id that was asked for.
func TestDeniedStory(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Stories = &teller{} })
	g := s.role(rights.School)
	s.deniedLines()
	somebody := identity.PersonID{0xab, 0xcd}
	webtest.Holds(t, g.Get("/console/people/"+somebody.String()), 404)
	webtest.Holds(t, g.Get("/console/people/forged-handle"), 404)
	got := s.deniedLines()
	if len(got) != 2 || !strings.HasPrefix(got[0], "console_denied abcd ") || !strings.HasPrefix(got[1], "console_denied 0000 ") || strings.Contains(got[1], "forged") {
		t.Errorf("%q", got)
	}
}
