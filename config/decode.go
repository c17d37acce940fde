package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"schoolbridge/internal/policy"
)

// decoder fills a Config from a tree of YAML nodes by the tags of config.go
// and collects faults on its way. It never stops at the first.
type decoder struct {
	dir    string    // the folder of the file: relative paths start here
	now    time.Time // by which certificates are judged
	faults []Fault
	nodes  map[string]*yaml.Node // where each path that is written stands

	mistakes, warnings int // how many there were, also those that are not in faults
}

// fault notes a mistake at a node; nil means the whole file.
func (d *decoder) fault(at *yaml.Node, path string, p *problem) { d.note(at, path, p, false) }

// faultAt notes a mistake of a path, for checks that look at several options.
func (d *decoder) faultAt(path string, p *problem) { d.fault(d.near(path), path, p) }

func (d *decoder) warn(path string, p *problem) { d.note(d.near(path), path, p, true) }

func (d *decoder) note(at *yaml.Node, path string, p *problem, warning bool) {
	// Counted apart: many warnings do not make a file unusable, nor hide a fault.
	count := &d.mistakes
	if warning {
		count = &d.warnings
	}
	switch *count++; {
	case *count > maxFaults+1:
		return
	case *count > maxFaults && warning:
		p, path = wrong(say("дальше предупреждения не перечислены", "further warnings are not listed"), say("разберитесь с этими", "look at these first")), ""
	case *count > maxFaults:
		p, path = wrong(say("дальше ошибки не перечислены", "further faults are not listed"), say("исправьте эти", "mend these first")), ""
	}
	f := Fault{Path: path, Message: p.message, Remedy: p.remedy, Warning: warning}
	if at != nil {
		f.Line, f.Column = at.Line, at.Column
	}
	d.faults = append(d.faults, f)
}

// near finds the node of a path, or of the closest part around it.
func (d *decoder) near(path string) *yaml.Node {
	for path != "" {
		if n := d.nodes[path]; n != nil {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// absent says that nothing is written, or only the key.
func absent(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// structure decodes a section into v. n may be absent: defaults then apply.
func (d *decoder) structure(n *yaml.Node, path string, v reflect.Value) {
	given := map[string]*yaml.Node{}
	switch {
	case absent(n):
	case n.Kind == yaml.AliasNode:
		return // plain has said it
	case n.Kind != yaml.MappingNode:
		d.fault(n, path, wrong(say("здесь нужны вложенные параметры, а написано %s", "options are expected here, found %s", describe(n)),
			say("напишите «ключ: значение» на строках ниже, с отступом", "write \"key: value\" on the lines below, indented")))
		return
	default:
		given = d.keys(n, path, v.Type())
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("yaml")
		d.option(n, given[key], join(path, key), f, v.Field(i))
	}
}

// keys indexes a mapping's values and refuses what does not belong there.
func (d *decoder) keys(n *yaml.Node, path string, t reflect.Type) map[string]*yaml.Node {
	known := keysOf(t)
	given := map[string]*yaml.Node{}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			continue // plain has said it
		}
		if k.Kind != yaml.ScalarNode {
			d.fault(k, path, wrong(say("ключ должен быть словом", "a key is a word"), say("уберите скобки", "take the brackets away")))
			continue
		}
		switch line, again := first[k.Value]; {
		case k.Tag == "!!merge":
			// plain has said it
		case !slices.Contains(known, k.Value):
			d.fault(k, join(path, clip(k.Value)), unknownKey(k.Value, known))
		case again:
			d.fault(k, join(path, k.Value), wrong(say("ключ %s уже есть в строке %d", "the key %s is already in line %d", show(k.Value), line),
				say("оставьте одну из строк", "keep one of the lines")))
		default:
			given[k.Value], first[k.Value] = value, k.Line
			if !absent(value) {
				d.nodes[join(path, k.Value)] = k
			}
		}
	}
	return given
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

// unknownKey finds the most helpful answer: a secret written in clear, a slip
// of the finger, a key of another section.
func unknownKey(key string, known []string) *problem {
	message := say("ключа %s здесь нет", "there is no key %s here", show(key))
	switch near := Nearest(key, known); {
	case slices.Contains(known, key+"_file"):
		return wrong(say("секрет в самом файле настроек не пишут", "a secret is not written into the configuration"),
			say("положите его в отдельный файл с правами 0600 и напишите %s_file: путь", "put it into a file of its own with mode 0600 and write %s_file: path", key))
	case near != "":
		return wrong(message, say("вы имели в виду %s?", "did you mean %s?", near))
	}
	var elsewhere []string
	walk(reflect.TypeFor[Config](), "", func(path string, _ reflect.StructField) {
		if path == key || strings.HasSuffix(path, "."+key) {
			elsewhere = append(elsewhere, path)
		}
	})
	if len(elsewhere) > 0 {
		return wrong(message, say("есть %s: проверьте отступ и раздел", "there is %s: look at indentation and section", strings.Join(elsewhere, ", ")))
	}
	return wrong(message, say("здесь бывают: %s", "keys here are: %s", strings.Join(known, ", ")))
}

// walk visits every option and section under t in order, sections first. The
// path of what stands in a list carries "[]".
func walk(t reflect.Type, path string, visit func(path string, f reflect.StructField)) {
	for i := range t.NumField() {
		f := t.Field(i)
		here := join(path, f.Tag.Get("yaml"))
		visit(here, f)
		switch {
		case section(f.Type):
			walk(f.Type, here, visit)
		case f.Type.Kind() == reflect.Slice && section(f.Type.Elem()):
			walk(f.Type.Elem(), here+"[]", visit)
		}
	}
}

// section says that t is a struct of options.
func section(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[netip.Prefix]()
}

// option decodes one field from n, or gives it its default. parent is where a
// missing one is missed.
func (d *decoder) option(parent, n *yaml.Node, path string, f reflect.StructField, v reflect.Value) {
	switch {
	case section(f.Type):
		d.structure(n, path, v)
	case absent(n):
		d.absent(parent, path, f, v)
	case f.Type.Kind() == reflect.Slice:
		d.list(n, path, f, v)
	default:
		d.scalar(n, path, f, v)
	}
}

func (d *decoder) absent(parent *yaml.Node, path string, f reflect.StructField, v reflect.Value) {
	if f.Tag.Get("need") != "" {
		at := d.near(path)
		if at == nil {
			at = parent
		}
		d.fault(at, path, wrong(say("параметр обязателен, а его нет", "the option is needed and missing"), d.example(path)))
		return
	}
	text := f.Tag.Get("default")
	if text == "" {
		return
	}
	if v.Kind() != reflect.Slice {
		d.text(nil, text, path, f, v)
		return
	}
	parts := strings.Split(text, ", ")
	v.Set(reflect.MakeSlice(v.Type(), len(parts), len(parts)))
	for i, part := range parts {
		d.text(nil, part, path, f, v.Index(i))
	}
}

// example tells how to write an option.
func (d *decoder) example(path string) Text {
	doc := docs[listIndex.ReplaceAllString(path, "[]")]
	key := path[strings.LastIndexByte(path, '.')+1:]
	return say("напишите, например, %s: %s", "write, for example, %s: %s", key, doc.example)
}

func (d *decoder) list(n *yaml.Node, path string, f reflect.StructField, v reflect.Value) {
	const most = 10000
	items := n.Content
	switch {
	case n.Kind == yaml.AliasNode:
		return // plain has said it
	case n.Kind == yaml.ScalarNode && f.Tag.Get("word") != "":
		items = []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		d.fault(n, path, wrong(say("нужен список, а написано %s", "a list is expected, found %s", describe(n)),
			say("напишите [a, b] или строки, начинающиеся с «- »", "write [a, b] or lines that begin with \"- \"")))
		return
	case len(items) > most:
		d.fault(n, path, wrong(say("в списке больше %d строк", "the list has more than %d items", most), say("сократите его", "shorten it")))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	seen := map[string]int{}
	for i, item := range items {
		here := fmt.Sprintf("%s[%d]", path, i)
		d.nodes[here] = item
		if section(f.Type.Elem()) {
			d.structure(orEmpty(item), here, v.Index(i))
		} else if d.scalar(item, here, f, v.Index(i)) {
			d.repeated(item, here, f, seen)
		}
	}
}

// repeated faults an item of a list that stands there already.
func (d *decoder) repeated(item *yaml.Node, path string, f reflect.StructField, seen map[string]int) {
	word := item.Value
	switch f.Tag.Get("unique") {
	case "":
		return
	case "fold":
		word = strings.ToLower(word)
	}
	if line, again := seen[word]; again {
		d.fault(item, path, wrong(say("%s уже есть в этом списке (строка %d)", "%s is already in this list (line %d)", show(item.Value), line),
			say("уберите повтор", "remove the repetition")))
	}
	seen[word] = item.Line
}

// orEmpty makes "- " without anything an empty section, so that what it lacks
// is told at its line.
func orEmpty(n *yaml.Node) *yaml.Node {
	if absent(n) {
		return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	return n
}

// scalar decodes one value; false after a fault.
func (d *decoder) scalar(n *yaml.Node, path string, f reflect.StructField, v reflect.Value) bool {
	if n.Kind == yaml.AliasNode {
		return false // plain has said it
	}
	if n.Kind != yaml.ScalarNode || absent(n) {
		d.fault(n, path, wrong(say("нужно одно значение, а написано %s", "one value is expected, found %s", describe(n)), d.example(path)))
		return false
	}
	const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	text := v.Kind() == reflect.String
	if text && n.Tag == "!!bool" {
		d.fault(n, path, wrong(say("%s без кавычек — это «да/нет», а не текст", "%s without quotes is a yes or no, not text", show(n.Value)),
			say("возьмите в кавычки", "put it into quotes")))
		return false
	}
	_, prefix := v.Interface().(netip.Prefix)
	_, duration := v.Interface().(time.Duration)
	_, rate := v.Interface().(policy.Rate)
	if !text && !prefix && !duration && !rate && n.Style&quotes != 0 {
		d.fault(n, path, wrong(say("в кавычках это текст", "in quotes this is text"), say("уберите кавычки", "take the quotes away")))
		return false
	}
	return d.text(n, n.Value, path, f, v)
}

// text parses and checks one value and stores it; n is nil for defaults.
func (d *decoder) text(n *yaml.Node, s, path string, f reflect.StructField, v reflect.Value) bool {
	p := set(s, f, v)
	if p == nil && v.Kind() == reflect.String {
		p = checkText(s, f)
	}
	if c, ok := v.Interface().(checker); ok && p == nil {
		p = c.check()
	}
	if p == nil {
		p = d.place(path, f, v)
	}
	if p != nil {
		d.fault(n, path, p)
	}
	return p == nil
}

// describe says what a node is, in a few words.
func describe(n *yaml.Node) Text {
	switch {
	case absent(n):
		return say("ничего", "nothing")
	case n.Kind == yaml.MappingNode:
		return say("раздел с параметрами", "a section")
	case n.Kind == yaml.SequenceNode:
		return say("список", "a list")
	}
	return say("%s", "%s", show(n.Value))
}
