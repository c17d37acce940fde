package sheet

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

var columns = map[string]string{"name": "name", "имя": "name", "vlan": "vlan"}

func TestParse(t *testing.T) {
	want := []Row{{2, map[string]string{"name": "Доска", "vlan": "60"}}, {4, map[string]string{"name": "a;b, c"}}}
	for what, text := range map[string]string{
		"commas":          "name,vlan\n Доска , 60\n\n\"a;b, c\",\n",
		"semicolons":      "Имя;VLAN\r\nДоска;60\r\n;\r\n\"a;b, c\";\r\n",
		"tabs and a mark": "\ufeffname\tvlan\nДоска\t60\n# a remark\na;b, c\n",
		"a last comma":    "name,vlan,\nДоска,60,\n\n\"a;b, c\",,\n",
	} {
		rows, err := Parse([]byte(text), columns)
		if err != nil || !reflect.DeepEqual(rows, want) {
			t.Errorf("%s: %v %v", what, rows, err)
		}
		old, err := charmap.Windows1251.NewEncoder().String(strings.TrimPrefix(text, "\ufeff"))
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := Parse([]byte(old), columns); err != nil || !reflect.DeepEqual(rows, want) {
			t.Errorf("%s in Windows-1251: %v %v", what, rows, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		text string
		line int
	}{
		"nothing":        {"", 1},
		"another column": {"\n\nname,wlan\na,1\n", 3},
		"twice":          {"name,имя\na,1\n", 1},
		"too many cells": {"name,vlan\na,1\nb,2,3\n", 3},
		"an open quote":  {"name,vlan\na,1\n\"b,2\nc,3\n", 3},
		"a zero byte":    {"name\na\x00\n", 1},
		"no encoding":    {"name\n\x98\n", 1},
		"too many rows":  {"name\n" + strings.Repeat("a\n", MaxRows+1), MaxRows + 2},
	} {
		rows, err := Parse([]byte(c.text), columns)
		var fault *Error
		if rows != nil || !errors.As(err, &fault) || fault.RU == "" || fault.EN == "" {
			t.Errorf("%s: %v %v", what, rows, err)
		} else if fault.Line != c.line && what != "an open quote" { // encoding/csv names where it ends
			t.Errorf("%s: line %d, want %d", what, fault.Line, c.line)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"name,vlan\na,1\n", "Имя;VLAN\r\n\"a\"\"b\";1\r\n", "name\tvlan\n\xc4\xee\t1\n", "#\nname\n", "name,\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := Parse(data, columns)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Line < 1 || rows != nil {
				t.Errorf("%v %v", rows, err)
			}
			return
		}
		last := 1
		for _, r := range rows {
			if r.Line <= last && len(rows) > 1 && r.Line < last || len(r.Cells) == 0 {
				t.Errorf("%+v after line %d", r, last)
			}
			last = r.Line
			for name, cell := range r.Cells {
				if (name != "name" && name != "vlan") || strings.TrimSpace(cell) != cell || cell == "" {
					t.Errorf("%q: %q", name, cell)
				}
			}
		}
	})
}
