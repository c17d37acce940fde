package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// commandSaid is a command of ours in a sentence.
var commandSaid = regexp.MustCompile(`schoolbridge [a-z]|queue decide|duplicates apply|-u schoolbridge`)

// TestPagesNameNoCommand: whoever reads a remedy on a page has no shell on the server, so
// a command stands there only beside the operator who runs it. What is looked at are the
// package's own texts, so that a new one is looked at too.
func TestPagesNameNoCommand(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || f.Name() == "pages.go" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil || !commandSaid.MatchString(text) || strings.Contains(text, "Все сеансы с ним") || strings.Contains(text, "All sessions with it") {
				return true // the two are printed by the command alone
			}
			seen++
			lang := English
			if strings.ContainsAny(text, "абвгдеиоуыя") {
				lang = Russian
			}
			for _, sentence := range strings.Split(OnPage(lang, text), ". ") {
				if commandSaid.MatchString(sentence) && !strings.Contains(strings.ToLower(sentence), map[Lang]string{Russian: "оператор", English: "operator"}[lang]) {
					t.Errorf("%s: %q", f.Name(), sentence)
				}
			}
			return true
		})
	}
	if seen < 40 {
		t.Errorf("only %d texts name a command", seen)
	}
}
