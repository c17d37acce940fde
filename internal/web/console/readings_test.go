package console

import (
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// payloads is what the trail says of the last readings.
func (s *site) payloads() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.trail {
		all = append(all, e.Person.String()[:4]+" "+string(e.Payload))
	}
	s.trail = nil
	return strings.Join(all, "\n")
}

func tells(t *testing.T, trail string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		text, not := strings.CutPrefix(want, "!")
		if strings.Contains(trail, text) == not {
			t.Errorf("%q in the trail:\n%s", want, trail)
		}
	}
}

// The trail says whose records a list of problems has shown, in a file of each part,
// and not what somebody wrote into an address.
func TestReadingsOfProblems(t *testing.T) {
	s, _ := newProblemSite(t, filedRows+20)
	g := s.role(rights.Curator)
	s.payloads()
	g.Get("/console/problems?school=1050")
	tells(t, s.payloads(), `"records":["staff:k1"`, `"school":"1050"`, "!Кураева", "!pupil:")
	g.Get("/console/problems?school=typed-school&code=TYPED")
	tells(t, s.payloads(), `"page":"problems"`, "!typed-school", "!TYPED")
	webtest.Holds(t, g.Get("/console/problems.csv?code=NO_MOSRU_ACCOUNT&role=pupil"), 200, "Белова")
	trail := s.payloads()
	tells(t, trail, `"lines":520`, `"lines":500`, `"lines":20`, "pupil:p0000", "pupil:p0519", `"code":"NO_MOSRU_ACCOUNT"`, "!Белова")
	if n := strings.Count(trail, "\n"); n != 2 {
		t.Errorf("%d lines", n+1)
	}
}

// A question tells whose records it shows, a list of the queue no typed school, and
// the list of those missing everybody on it.
func TestReadingsOfOthers(t *testing.T) {
	s, d := newQueueSite(t)
	g := s.role(rights.Operator)
	d.cases[0].Whom, d.cases[0].Records = []identity.PersonID{{0xab, 0xcd}}, []string{"kadry:k17"}
	s.payloads()
	g.Get("/console/queue/" + d.cases[0].Stem)
	tells(t, s.payloads(), "abcd {", `"records":["kadry:k17"]`, `"page":"case"`)
	g.Get("/console/queue")
	tells(t, s.payloads(), `"questions":`, `"records":["question:`, "question:"+d.cases[1].Stem, "!Еванова")
	g.Get("/console/queue?school=typed-school&kind=" + string(queue.Target))
	tells(t, s.payloads(), `"page":"queue"`, "!typed-school")

	f := newFound(t, pair(1, duplicates.Certain, "49", ""), pair(2, duplicates.Probable, "49", "1777"))
	g = f.role(rights.Curator)
	f.payloads()
	webtest.Holds(t, g.Get("/console/duplicates/report.html"), 200)
	tells(t, f.payloads(), `"page":"duplicates report"`, `"records":["ad:evann1","ad:evann1-1"`, "!evann2", "!Еванова")

	s, _ = withRolls(t)
	g = s.role(rights.School)
	s.payloads()
	webtest.Holds(t, g.Get("/console/launch/49/missing"), 200)
	tells(t, s.payloads(), `"page":"launch missing"`, `"records":["`)
}
