// Package archtest keeps the house's import rules: its test reads every Go file
// of the module, whatever its build tags, and fails with a sentence that says
// which rule is broken and why it is there. docs/architecture.md draws the
// house; this package is the same thing in a form that cannot be forgotten.
//
// The package does nothing at run time and nobody imports it. Files are parsed,
// not built, so that a rule holds for code that does not compile here.
//
// Start reading at the table of rules.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// file is one Go file, as far as the rules care.
type file struct {
	name    string // as "ldapsrv/bind.go"
	pkg     string // its folder: "ldapsrv"; "." for the module's root
	test    bool
	imports map[string]token.Position
	uses    map[string]token.Position // qualified names of imported packages: "time.Now"
	dots    map[string]token.Position // dot imports
}

// Check reads the module that lies in fsys and gives every broken rule as a
// sentence, in the order of files.
func Check(fsys fs.FS) ([]string, error) {
	module, err := moduleName(fsys)
	if err != nil {
		return nil, err
	}
	files, err := read(fsys, module)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, f := range files {
		broken = append(broken, f.dotted()...)
		for _, r := range rules {
			if r.applies(f) {
				broken = append(broken, r.check(f)...)
			}
		}
	}
	mentions, err := texts(fsys)
	return append(broken, mentions...), err
}

func moduleName(fsys fs.FS) (string, error) {
	b, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("go.mod names no module")
}

// outside says that a folder holds nothing of ours.
func outside(d fs.DirEntry) bool {
	name := d.Name()
	return d.IsDir() && (name == "bin" || name == "demo-state" || name == "vendor" || len(name) > 1 && name[0] == '.' && name != ".ci")
}

func read(fsys fs.FS, module string) ([]file, error) {
	var files []file
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case outside(d) || d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		f, err := parse(name, source, module)
		files = append(files, f)
		return err
	})
	return files, err
}

func parse(name string, source []byte, module string) (file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("parse: %w", err)
	}
	// What lies below bench serves measurements alone, also where they share it.
	f := file{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "bench/"),
		imports: map[string]token.Position{}, uses: map[string]token.Position{}, dots: map[string]token.Position{}}
	local := map[string]string{} // what a file calls a package
	for _, spec := range tree.Imports {
		imported := strings.Trim(spec.Path.Value, "`\"")
		imported = strings.TrimPrefix(imported, module+"/") // ours are named by folder
		f.imports[imported] = set.Position(spec.Pos())
		called := path.Base(imported)
		if spec.Name != nil {
			called = spec.Name.Name
		}
		if called == "." {
			f.dots[imported] = set.Position(spec.Pos())
		}
		local[called] = imported
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && local[x.Name] != "" {
			used := local[x.Name] + "." + selector.Sel.Name
			if _, known := f.uses[used]; !known {
				f.uses[used] = set.Position(selector.Pos())
			}
		}
		return true
	})
	return f, nil
}

// dotted finds imports into the file's own name space: after one, nobody sees
// where a name comes from, the rules below neither.
func (f file) dotted() []string {
	var broken []string
	for _, imported := range slices.Sorted(maps.Keys(f.dots)) {
		broken = append(broken, fmt.Sprintf("%s imports %s as \".\", but nothing must: neither a reader nor the rules on uses could tell where a name comes from",
			at(f.dots[imported]), imported))
	}
	return broken
}

// rule forbids imports or uses to some files.
type rule struct {
	who     string // for the sentence: "a front-end"
	in      func(pkg string) bool
	tests   bool                       // whether tests are bound too
	imports func(imported string) bool // what is forbidden; nil: nothing
	uses    []string                   // forbidden names, as "time.Now"
	reason  string
}

func (r rule) applies(f file) bool { return r.in(f.pkg) && (r.tests || !f.test) }

func (r rule) check(f file) []string {
	var broken []string
	for _, imported := range slices.Sorted(maps.Keys(f.imports)) {
		if r.imports != nil && r.imports(imported) {
			broken = append(broken, fmt.Sprintf("%s imports %s, but %s must not: %s", at(f.imports[imported]), imported, r.who, r.reason))
		}
	}
	for _, used := range slices.Sorted(maps.Keys(f.uses)) {
		if slices.Contains(r.uses, used) {
			broken = append(broken, fmt.Sprintf("%s uses %s, but %s must not: %s", at(f.uses[used]), used, r.who, r.reason))
		}
	}
	return broken
}

func at(p token.Position) string { return fmt.Sprintf("%s:%d", p.Filename, p.Line) }

// texts finds words that tie the repository to somebody's machine.
func texts(fsys fs.FS) ([]string, error) {
	const most = 1 << 20
	words := []string{".." + "/shared", "/work" + "/main", "/work" + "/shared"} // cut, so as not to find ourselves
	var found []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if outside(d) {
			return fs.SkipDir
		}
		if d.Name() == ".git" { // a file in a second working tree: it points to the first
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > most || name == ".git" { // a worktree's pointer
			return err
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		for _, w := range words {
			if before, _, ok := strings.Cut(string(b), w); ok {
				found = append(found, fmt.Sprintf("%s:%d mentions %s, but the repository must stand alone: whoever clones it has no such folder",
					name, 1+strings.Count(before, "\n"), w))
			}
		}
		return nil
	})
	return found, err
}
