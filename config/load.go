package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxSize bounds a configuration file.
const MaxSize = 4 << 20

// maxDepth bounds how deep a file may nest; the schema needs six.
const maxDepth = 20

// Load reads and checks a file. The error is about reaching the file; what is
// wrong in it are faults, in the order of its lines. The Config is nil unless
// it is Usable.
func Load(path string) (*Config, []Fault, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find the configuration: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing is lost
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	c, faults := Check(data, filepath.Dir(path))
	return c, faults, nil
}

// Check judges a file's bytes. Relative paths in it start at dir. It looks at
// the files that the configuration names.
func Check(data []byte, dir string) (*Config, []Fault) { return checkAt(data, dir, time.Now()) }

// checkAt is Check at a given time, by which certificates are judged.
func checkAt(data []byte, dir string, now time.Time) (*Config, []Fault) {
	d := &decoder{dir: dir, now: now, nodes: map[string]*yaml.Node{}}
	root, ok := d.parse(data)
	if !ok {
		return nil, d.faults
	}
	c := &Config{}
	d.structure(root, "", reflect.ValueOf(c).Elem())
	d.resolve(c)
	d.whole(c)
	slices.SortStableFunc(d.faults, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if !Usable(d.faults) {
		return nil, d.faults
	}
	return c, d.faults
}

// parse gives the root of the first document, nil for an empty one; false where
// nothing can be told about what is in it.
func (d *decoder) parse(data []byte) (root *yaml.Node, ok bool) {
	switch {
	case len(data) > MaxSize:
		d.fault(nil, "", wrong(say("файл больше %d МиБ", "the file is larger than %d MiB", MaxSize>>20), say("это точно файл настроек?", "is this a configuration?")))
		return nil, false
	case !utf8.Valid(data):
		d.fault(nil, "", wrong(say("файл не в кодировке UTF-8", "the file is not UTF-8"), say("сохраните его в UTF-8", "save it as UTF-8")))
		return nil, false
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	if err := in.Decode(&doc); err != nil && err != io.EOF {
		d.syntax(err)
		return nil, false
	} else if err == nil {
		if err := in.Decode(&next); err == nil {
			d.fault(&next, "", wrong(say("в файле второй документ (---)", "the file holds a second document (---)"), say("оставьте один", "keep one")))
		} else if err != io.EOF {
			d.syntax(err)
		}
	}
	if len(doc.Content) == 0 || absent(doc.Content[0]) {
		return nil, true
	}
	return doc.Content[0], d.plain(doc.Content[0], 0)
}

var (
	yamlLine  = regexp.MustCompile(`^yaml: line ([0-9]+): `)
	listIndex = regexp.MustCompile(`\[[0-9]+\]`)
)

// syntax notes an error of the YAML parser. Its text is English in both
// languages.
func (d *decoder) syntax(err error) {
	text, at := strings.TrimPrefix(err.Error(), "yaml: "), (*yaml.Node)(nil)
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		at, text = &yaml.Node{Line: line, Column: 1}, strings.TrimPrefix(err.Error(), m[0])
	}
	d.fault(at, "", wrong(say("это не YAML: %s", "this is not YAML: %s", text),
		say("посмотрите на отступы (пробелы, не табуляция), двоеточия и кавычки в этой строке и в соседних", "look at indentation (spaces, no tabs), colons and quotes in this line and those around it")))
}

// plain refuses anchors, aliases, merge keys, tags and deep nesting: a file
// says what it means where it stands, and cannot grow when it is read. False
// where it is too deep to go on; the rest is read all the same, for its other
// faults.
func (d *decoder) plain(n *yaml.Node, depth int) bool {
	remedy := say("напишите значение целиком", "write the value out")
	switch {
	case depth > maxDepth:
		d.fault(n, "", wrong(say("вложенность больше %d", "nested deeper than %d", maxDepth), say("проверьте скобки и отступы", "look at brackets and indentation")))
		return false
	case n.Kind == yaml.AliasNode:
		d.fault(n, "", wrong(say("ссылки (*%s) не поддерживаются", "aliases (*%s) are not supported", clip(n.Value)), remedy))
		return true
	case n.Anchor != "":
		d.fault(n, "", wrong(say("метки (&%s) не поддерживаются", "anchors (&%s) are not supported", clip(n.Anchor)), remedy))
	case n.Style&yaml.TaggedStyle != 0:
		d.fault(n, "", wrong(say("указания типа (%s) не поддерживаются", "tags (%s) are not supported", clip(n.Tag)), remedy))
	case n.Kind == yaml.ScalarNode && n.Tag == "!!merge":
		d.fault(n, "", wrong(say("слияние (<<) не поддерживается", "merge keys (<<) are not supported"), remedy))
	}
	for _, child := range n.Content {
		if !d.plain(child, depth+1) {
			return false
		}
	}
	return true
}
