package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference prints every option as YAML with comments in Russian, or English
// for "en". Options with a default stand with it, needed ones with an example;
// the rest, and what a school fills in, are commented out, so that the text
// itself is a configuration that passes Check.
func Reference(lang string) string {
	r := reference{lang: lang}
	r.comment("", say(
		"Настройки schoolbridge: все параметры, их значения по умолчанию и примеры. Неизвестные ключи — ошибка; секреты — только в отдельных файлах (*_file), относительные пути считаются от папки этого файла. Проверка: schoolbridge config check --config ФАЙЛ.",
		"Configuration of schoolbridge: every option, its default and examples. Unknown keys are errors; secrets are in files of their own (*_file); relative paths start at this file's folder. Check: schoolbridge config check --config FILE.").In(lang))
	r.section(reflect.TypeFor[Config](), "", "", "")
	return r.out.String()
}

type reference struct {
	lang string
	out  strings.Builder
}

// section prints the options of t. margin starts every line; indent follows it,
// inside of the comment mark where the section is commented out.
func (r *reference) section(t reflect.Type, path, margin, indent string) {
	for i := range t.NumField() {
		f := t.Field(i)
		here := join(path, f.Tag.Get("yaml"))
		if path == "" && margin == "" {
			r.out.WriteByte('\n')
		}
		prefix := margin + indent
		r.comment(prefix, r.text(here, f))
		key := f.Tag.Get("yaml")
		switch {
		case section(f.Type):
			fmt.Fprintf(&r.out, "%s%s:\n", prefix, key)
			r.section(f.Type, here, margin, indent+"  ")
		case f.Type.Kind() == reflect.Slice && section(f.Type.Elem()):
			fmt.Fprintf(&r.out, "%s# %s:\n%s#   -\n", prefix, key, prefix)
			r.section(f.Type.Elem(), here+"[]", prefix+"#", "     ")
		default:
			r.option(prefix, key, here, f)
		}
	}
}

func (r *reference) option(prefix, key, path string, f reflect.StructField) {
	value, hidden := f.Tag.Get("default"), ""
	switch {
	case f.Tag.Get("need") != "":
		value = docs[path].example
	case value == "":
		value = docs[path].example
		if !strings.Contains(prefix, "#") {
			hidden = "# "
		}
	case f.Type.Kind() == reflect.Slice && f.Tag.Get("word") != "" && !strings.Contains(value, ","):
	case f.Type.Kind() == reflect.Slice:
		value = "[" + value + "]"
	case strings.HasPrefix(value, "{"): // else YAML reads a mapping
		value = `"` + value + `"`
	}
	fmt.Fprintf(&r.out, "%s%s%s: %s\n", prefix, hidden, key, value)
}

// text is the comment of an option: what for, and what may be written.
func (r *reference) text(path string, f reflect.StructField) string {
	d := docs[path]
	parts := []string{say("%s", "%s", Text{d.ru, d.en}).In(r.lang)}
	if f.Tag.Get("need") != "" {
		parts = append(parts, say("Обязателен.", "Needed.").In(r.lang))
	}
	if f.Tag.Get("min") != "" {
		parts = append(parts, say("От %s до %s.", "From %s to %s.", f.Tag.Get("min"), f.Tag.Get("max")).In(r.lang))
	}
	if words := f.Tag.Get("one"); words != "" {
		parts = append(parts, say("Одно из: %s.", "One of: %s.", strings.ReplaceAll(words, "|", ", ")).In(r.lang))
	}
	if f.Tag.Get("need") == "" && f.Tag.Get("default") == "" && !section(f.Type) && (f.Type.Kind() != reflect.Slice || !section(f.Type.Elem())) {
		parts = append(parts, say("По умолчанию не задан.", "Not set by default.").In(r.lang))
	}
	return strings.Join(parts, " ")
}

// comment wraps text into comment lines.
func (r *reference) comment(prefix, text string) {
	const width = 100
	line := prefix + "#"
	for word := range strings.FieldsSeq(text) {
		if len([]rune(line))+1+len([]rune(word)) > width {
			r.out.WriteString(line + "\n")
			line = prefix + "#"
		}
		line += " " + word
	}
	r.out.WriteString(line + "\n")
}
