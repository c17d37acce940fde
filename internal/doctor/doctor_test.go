package doctor

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"schoolbridge/internal/explain"
)

// Every code is said in both languages; what is no good says who mends it and how.
func TestEveryCodeIsSaid(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "words.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		w, ok := words[Code(text)]
		ru, en := w.text[0], w.text[1]
		if !ok || ru.Meaning == "" || en.Meaning == "" || ru.Meaning == en.Meaning && text != "" {
			t.Errorf("%s: %+v", text, w)
		}
		if (ru.Remedy == "") != (en.Remedy == "") || (ru.Remedy == "") != (w.who == nobody) {
			t.Errorf("%s has half a remedy: %+v", text, w)
		}
		return true
	})
	if n < 40 || n != len(words) {
		t.Errorf("%d codes, words for %d", n, len(words))
	}
}

// A report is as bad as its worst line, which stands first.
func TestReport(t *testing.T) {
	for lang, want := range map[explain.Lang]string{explain.Russian: "ПЛОХО", explain.English: "BAD"} {
		r := &Report{Lang: lang}
		r.Add()
		if r.State != OK || r.Findings == nil {
			t.Errorf("%+v", r)
		}
		r.Add(Finding{Check: CheckPorts, State: OK, Code: string(PortFine), Where: "127.0.0.1:389"},
			Finding{Check: CheckNAS, State: Warn, Code: "NAS_SECRET_WRONG", Where: "school-49"},
			Finding{Check: CheckClock, State: Bad, Code: string(explain.FaultClock), More: "5m0s"})
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if r.State != Bad || !strings.HasPrefix(lines[0], want) || !strings.Contains(lines[0], "5m0s [CLOCK_OFF]") || !strings.Contains(lines[1], "→ ") {
			t.Errorf("%s", b.String())
		}
		for _, f := range r.Findings {
			if f.Meaning == "" || f.State != OK && (f.Remedy == "" || f.Who == "") {
				t.Errorf("%+v", f)
			}
		}
	}
}
