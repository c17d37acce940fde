package cases

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"schoolbridge/internal/sheet"
)

// MaxSize bounds a file of cases.
const MaxSize = 4 << 20

// Fault is what cannot be understood in a file, and what to do.
type Fault struct {
	Line   int // from 1
	RU, EN string
}

// In gives the English text for "en", else the Russian one.
func (f Fault) In(lang string) string {
	if lang == "en" {
		return f.EN
	}
	return f.RU
}

// maxFaults bounds what a wrong file makes us say.
const maxFaults = 50

// row is one case as it is written. at knows the line of a cell, where that is
// not the row's.
type row struct {
	line  int
	cells map[string]string
	at    map[string]int
}

func (r row) lineOf(cell string) int {
	if line, ok := r.at[cell]; ok {
		return line
	}
	return r.line
}

// columns maps the names that a column or key may have to the canonical ones.
var columns = map[string]string{
	"name": "name", "название": "name", "имя": "name", "who": "who", "кто": "who", "channel": "channel", "канал": "channel",
	"nas": "nas", "точка": "nas", "ssid": "ssid", "сеть": "ssid", "school": "school", "школа": "school", "when": "when", "когда": "when",
	"expect": fieldExpect, "ожидается": fieldExpect, "rule": fieldRule, "правило": fieldRule, "by": fieldBy, "роль": fieldBy, "vlan": fieldVLAN,
	"session": fieldSession, "сеанс": fieldSession, "idle": fieldIdle, "простой": fieldIdle, "filter": fieldFilter, "фильтр": fieldFilter,
	"whom": "whom", "кого": "whom", "from": "from", "откуда": "from", "base": "base", "корень": "base", "attribute": "attribute", "атрибут": "attribute",
	"down": fieldDown, "к устройству": fieldDown, "up": fieldUp, "от устройства": fieldUp,
}

// Read reads a file of cases: YAML (a list) for .yaml and .yml, else CSV. There
// are no cases where there are faults, which are in the order of lines.
func Read(name string, data []byte, w World) ([]Case, []Fault) {
	var rows []row
	var faults []Fault
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		rows, faults = readYAML(data)
	case ".csv", ".tsv", ".txt":
		rows, faults = readCSV(data)
	default:
		return nil, []Fault{{1, "вид файла не узнать по имени; назовите его .yaml или .csv", "the name does not tell the kind of file; call it .yaml or .csv"}}
	}
	r := reader{world: w, faults: faults}
	var all []Case
	for _, one := range rows {
		if len(r.faults) >= maxFaults {
			break
		}
		all = append(all, r.read(one))
	}
	if len(r.faults) == 0 && len(all) == 0 {
		r.faults = []Fault{{1, "в файле нет ни одного случая; добавьте хотя бы один", "the file holds no case; add one at least"}}
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, r.faults
	}
	return all, nil
}

func readCSV(data []byte) ([]row, []Fault) {
	table, err := sheet.Parse(data, columns)
	var bad *sheet.Error
	if errors.As(err, &bad) {
		return nil, []Fault{{bad.Line, bad.RU, bad.EN}}
	}
	rows := make([]row, len(table))
	for i, r := range table {
		rows[i] = row{line: r.Line, cells: r.Cells}
	}
	return rows, nil
}

// readYAML takes a list of mappings with plain values or lists of them.
// Aliases are not followed, so a file cannot grow when it is read.
func readYAML(data []byte) ([]row, []Fault) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 1
		if _, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil {
			_, text, _ = strings.Cut(text, ": ")
		}
		return nil, []Fault{{line, "это не YAML: " + text + "; посмотрите на отступы, двоеточия и кавычки в этой строке и в соседних",
			"this is not YAML: " + text + "; look at indentation, colons and quotes in this line and those around it"}}
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	list := doc.Content[0]
	if list.Kind != yaml.SequenceNode {
		return nil, []Fault{{max(list.Line, 1), "нужен список случаев; начните каждый с «- »", `a list of cases is expected; begin each with "- "`}}
	}
	if len(list.Content) > sheet.MaxRows {
		return nil, []Fault{{list.Line, fmt.Sprintf("случаев больше %d; разделите файл", sheet.MaxRows), fmt.Sprintf("more than %d cases; split the file", sheet.MaxRows)}}
	}
	var rows []row
	var faults []Fault
	for _, item := range list.Content {
		one, more := readMapping(item)
		rows, faults = append(rows, one), append(faults, more...)
		if len(faults) >= maxFaults {
			break
		}
	}
	return rows, faults
}

func readMapping(item *yaml.Node) (row, []Fault) {
	one := row{line: item.Line, cells: map[string]string{}, at: map[string]int{}}
	if item.Kind != yaml.MappingNode {
		return one, []Fault{{item.Line, "случай — это строки «ключ: значение»", `a case is lines of "key: value"`}}
	}
	var faults []Fault
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		name, known := columns[strings.ToLower(key.Value)]
		text, plain := scalar(value)
		switch _, again := one.at[name]; {
		case key.Kind != yaml.ScalarNode || !known:
			faults = append(faults, Fault{key.Line, fmt.Sprintf("ключа %.60q нет; бывают: %s", key.Value, keys()), fmt.Sprintf("there is no key %.60q; there are: %s", key.Value, keys())})
		case again:
			faults = append(faults, Fault{key.Line, "ключ " + name + " есть дважды; оставьте один", "the key " + name + " is there twice; keep one"})
		case !plain:
			faults = append(faults, Fault{value.Line, "в " + name + " нужно значение или список значений", name + " takes a value or a list of values"})
		default:
			one.at[name] = key.Line
			if text != "" {
				one.cells[name] = text
			}
		}
	}
	return one, faults
}

// scalar gives a plain value, or those of a list with spaces between.
func scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", true
	case n.Kind == yaml.ScalarNode:
		return strings.TrimSpace(n.Value), true
	case n.Kind != yaml.SequenceNode:
		return "", false
	}
	var words []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return "", false
		}
		words = append(words, strings.TrimSpace(item.Value))
	}
	return strings.Join(words, " "), true
}

// keys lists the canonical keys.
func keys() string {
	var names []string
	for _, name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
