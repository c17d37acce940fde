package trail

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is the code of the module, but for its tests.
type source struct {
	fset   *token.FileSet
	files  []*ast.File
	consts map[string]string // of all packages, by name
}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{fset: token.NewFileSet(), consts: map[string]string{}}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "storetest" || path == "internal/trail"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution)
		s.files = append(s.files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
				for i, name := range spec.Names {
					if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
						s.consts[name.Name], _ = strconv.Unquote(lit.Value)
					}
				}
			}
			return true
		})
	}
	return s
}

// text is what an expression is, "" where it is only known at run time.
func (s source) text(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(x.Value)
		return text
	case *ast.Ident:
		return s.consts[x.Name]
	case *ast.SelectorExpr:
		return s.consts[x.Sel.Name]
	}
	return ""
}

func (s source) code(e ast.Expr) string {
	var b strings.Builder
	_ = printer.Fprint(&b, s.fset, e)
	return b.String()
}

// written are all kinds that something in the code writes, and the expressions of
// those that are only known at run time.
func (s source) written() (kinds, dynamic map[string]bool) {
	kinds, dynamic = map[string]bool{}, map[string]bool{}
	add := func(e ast.Expr) {
		if text := s.text(e); text != "" {
			kinds[text] = true
		} else {
			dynamic[s.code(e)] = true
		}
	}
	at := map[string]int{"auditJSON": 1, "tellOrder": 1, "audit": 1} // the place of the kind
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				sel, ok := x.Fun.(*ast.SelectorExpr)
				if !ok || at[sel.Sel.Name] == 0 || len(x.Args) < 3 {
					return true
				}
				e := x.Args[1]
				if _, lit := e.(*ast.BasicLit); sel.Sel.Name != "audit" || lit || strings.HasPrefix(s.code(e), `"`) || strings.HasPrefix(s.code(e), "audit") {
					add(e)
				}
			case *ast.CompositeLit:
				var kind ast.Expr
				keys := map[string]bool{}
				for _, e := range x.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						keys[s.code(kv.Key)] = true
						if s.code(kv.Key) == "Kind" {
							kind = kv.Value
						}
					}
				}
				if typed := x.Type != nil && strings.HasSuffix(s.code(x.Type), "AuditEntry"); kind != nil && (typed || x.Type == nil && keys["At"] && keys["Payload"]) {
					add(kind)
				}
			}
			return true
		})
	}
	for name, text := range s.consts {
		if regexp.MustCompile(`^[aA]udit[A-Z]`).MatchString(name) && name != "auditBlock" { // whose entries are unpacked
			kinds[text] = true
		}
	}
	return kinds, dynamic
}

// atRunTime are the expressions whose kind is known at run time only, each with all
// that it can be; none where the kind was given by one of the others.
var atRunTime = map[string][]string{
	`kind`: nil, `k`: nil, `b.Kinds[0]`: nil, `e.Kind`: nil, `r.kind`: nil, `string(e.kind)`: nil,
	`"duplicates_" + d.verb`:     {"duplicates_find", "duplicates_plan"},
	`"duplicates_" + p.String()`: {"duplicates_applying", "duplicates_applied", "duplicates_stopped", "duplicates_undoing", "duplicates_undone"},
}

// Every kind of line that the code writes has words, and there are words for no
// other.
func TestEveryKindHasWords(t *testing.T) {
	found, dynamic := readSource(t).written()
	for expr := range dynamic {
		may, known := atRunTime[expr]
		if !known {
			t.Errorf("%s: a kind of line that nobody can tell: say it in atRunTime", expr)
		}
		for _, kind := range may {
			found[kind] = true
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d kinds were found", len(found))
	}
	for kind := range found {
		if !Known(kind) {
			t.Errorf("%s: no words", kind)
		}
	}
	for kind := range kinds {
		if !found[kind] {
			t.Errorf("%s: nobody writes such a line", kind)
		}
	}
	if all := Kinds(""); len(all) != len(kinds) || !slices.IsSorted(all) {
		t.Errorf("%v", all)
	}
	n := 0
	for _, g := range Groups() {
		n += len(Kinds(g))
	}
	if n != len(kinds) {
		t.Errorf("%d kinds are in groups, of %d", n, len(kinds))
	}
}

// Every page of the console that is read has its name in words.
func TestEveryPageHasItsName(t *testing.T) {
	s := readSource(t)
	found := map[string]bool{"devices": true} // of the cabinet
	for _, f := range s.files {
		if f.Name.Name != "console" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "read" || sel.Sel.Name == "readRecords" || sel.Sel.Name == "readTrail") && s.code(sel.X) == "v" {
				page := s.text(call.Args[0])
				if s.code(call.Args[0]) == "what" { // of readTrail, which is told
					return true
				}
				if found[page] = true; pages[page].ru == "" || pages[page].en == "" {
					t.Errorf("%s: no name", s.code(call.Args[0]))
				}
			}
			return true
		})
	}
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		if !found[page] {
			t.Errorf("%s: there is no such page", page)
		}
	}
}
