package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Setting is one option as it is in force.
type Setting struct {
	Path    string // as in a Fault: "radius.clients[2].range"
	Value   string // as it is written in a file; "" where nothing is set
	About   Text   // what it is for
	Default bool   // it has the value that it would have if nobody had written it
	// Secret says that it names a file with a secret: Value tells only whether there
	// is one.
	Secret bool
	// Waits says that the file says something else now, which a restart will take.
	Waits bool
}

// Hidden stands for a secret that is there.
const Hidden = "•••"

// InForce gives every option as a daemon works by it that was started with one
// configuration and has taken another since; the same twice where it has not.
func InForce(started, taken *Config) []Setting {
	waits := Reloadable(started, taken)
	concerns := func(s Setting) bool {
		return slices.ContainsFunc(waits, func(path string) bool {
			rest, ok := strings.CutPrefix(s.Path, path)
			return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	}
	list := slices.DeleteFunc(settings(taken), concerns)
	for _, s := range settings(started) {
		if concerns(s) {
			s.Waits = true
			list = append(list, s)
		}
	}
	order := map[string]int{}
	for i := range reflect.TypeFor[Config]().NumField() {
		order[reflect.TypeFor[Config]().Field(i).Tag.Get("yaml")] = i
	}
	slices.SortStableFunc(list, func(a, b Setting) int { return order[a.Section()] - order[b.Section()] })
	return list
}

// Section is the first part of the path.
func (s Setting) Section() string {
	section, _, _ := strings.Cut(s.Path, ".")
	section, _, _ = strings.Cut(section, "[")
	return section
}

func settings(c *Config) []Setting {
	var list []Setting
	collect(reflect.ValueOf(c).Elem(), "", &list)
	return list
}

func collect(v reflect.Value, path string, list *[]Setting) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		here := join(path, f.Tag.Get("yaml"))
		switch {
		case section(f.Type):
			collect(value, here, list)
		case f.Type.Kind() == reflect.Slice && section(f.Type.Elem()):
			for n := range value.Len() {
				collect(value.Index(n), fmt.Sprintf("%s[%d]", here, n), list)
			}
		default:
			doc := docs[listIndex.ReplaceAllString(here, "[]")]
			s := Setting{Path: here, Value: written(value), About: Text{doc.ru, doc.en}}
			s.Default = unwritten(f, value, s.Value)
			if _, secret := value.Interface().(SecretFile); secret {
				if s.Secret = true; s.Value != "" {
					s.Value = Hidden
				}
			}
			*list = append(*list, s)
		}
	}
}

// unwritten says that an option has the value that it has where nobody wrote it.
func unwritten(f reflect.StructField, v reflect.Value, value string) bool {
	text := f.Tag.Get("default")
	if text == "" || f.Type.Kind() == reflect.Slice {
		return value == text
	}
	if f.Type == reflect.TypeFor[Path]() { // it was made absolute
		return value == text || strings.HasSuffix(value, "/"+text)
	}
	of := reflect.New(f.Type).Elem()
	return set(text, f, of) == nil && of.Equal(v)
}

// written is a value as a file would have it.
func written(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return shortDuration(x)
	case fmt.Stringer:
		if v.IsZero() {
			return ""
		}
		return x.String()
	}
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = written(v.Index(i))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v.Interface())
}

// shortDuration writes whole days as days, and leaves zeros out.
func shortDuration(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
