package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schoolbridge/internal/policy"
)

// set parses s by the type of v and the range of f.
func set(s string, f reflect.StructField, v reflect.Value) *problem {
	switch v.Interface().(type) {
	case time.Duration:
		return setDuration(s, f, v)
	case policy.Rate:
		value, err := policy.ParseRate(s)
		v.SetUint(uint64(value))
		if err != nil {
			return wrong(say("%s — не скорость от 64k до 4G", "%s is no rate from 64k to 4G", show(s)),
				say("напишите число с единицей (бит/с): 512k, 20M, 1G", "write a number and a unit (bit/s): 512k, 20M, 1G"))
		}
		return nil
	case netip.Prefix:
		value, p := parseRange(s)
		v.Set(reflect.ValueOf(value))
		return p
	}
	switch v.Kind() {
	case reflect.Bool:
		value, ok := parseBool(s)
		if !ok {
			return wrong(say("%s — не «да» и не «нет»", "%s is neither yes nor no", show(s)), say("напишите true или false", "write true or false"))
		}
		v.SetBool(value)
	case reflect.Int:
		value, err := strconv.Atoi(s)
		if err != nil {
			return wrong(say("%s — не целое число", "%s is no whole number", show(s)), between(f))
		}
		v.SetInt(int64(value))
		least, _ := strconv.Atoi(f.Tag.Get("min"))
		most, _ := strconv.Atoi(f.Tag.Get("max"))
		return within(value >= least && value <= most, s, f)
	case reflect.Float64:
		value, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return wrong(say("%s — не число", "%s is no number", show(s)), between(f))
		}
		v.SetFloat(value)
		least, _ := strconv.ParseFloat(f.Tag.Get("min"), 64)
		most, _ := strconv.ParseFloat(f.Tag.Get("max"), 64)
		return within(value >= least && value <= most, s, f) // false for NaN
	case reflect.String:
		v.SetString(s)
	}
	return nil
}

func setDuration(s string, f reflect.StructField, v reflect.Value) *problem {
	value, ok := parseDuration(s)
	if !ok {
		return wrong(say("%s — не длительность", "%s is no duration", show(s)),
			say("напишите число с единицей: 500ms, 30s, 5m, 12h, 30d", "write a number and a unit: 500ms, 30s, 5m, 12h, 30d"))
	}
	v.SetInt(int64(value))
	least, _ := parseDuration(f.Tag.Get("min"))
	most, _ := parseDuration(f.Tag.Get("max"))
	return within(value >= least && value <= most, s, f)
}

func within(ok bool, s string, f reflect.StructField) *problem {
	if ok {
		return nil
	}
	return wrong(say("%s вне пределов", "%s is out of range", show(s)), between(f))
}

func between(f reflect.StructField) Text {
	return say("напишите от %s до %s", "write %s to %s", f.Tag.Get("min"), f.Tag.Get("max"))
}

// checkText judges plain text: its words, length and letters.
func checkText(s string, f reflect.StructField) *problem {
	if list := f.Tag.Get("one"); list != "" {
		return checkWord(s, strings.Split(list, "|"))
	}
	most := 1024
	if n, err := strconv.Atoi(f.Tag.Get("maxlen")); err == nil {
		most = n
	}
	switch {
	case s == "" && (f.Tag.Get("need") != "" || f.Type.Kind() == reflect.Slice):
		return wrong(say("пусто", "empty"), say("напишите значение или уберите строку", "write a value or remove the line"))
	case len(s) > most:
		return wrong(say("длиннее %d байт", "longer than %d bytes", most), say("сократите", "shorten it"))
	case !legible(s):
		return wrong(say("в тексте управляющие символы", "the text holds control characters"), say("наберите значение заново в одну строку", "type the value again on one line"))
	case strings.TrimSpace(s) != s:
		return wrong(say("по краям пробелы", "there are spaces around it"), say("уберите их", "remove them"))
	}
	return nil
}

// legible says that s shows what it is: neither control characters, C1 (U+0080
// to U+009F) and line separators included, nor what turns the direction of the
// letters around it.
func legible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	})
}

func checkWord(s string, words []string) *problem {
	if slices.Contains(words, s) {
		return nil
	}
	message := say("%s здесь не бывает", "%s does not exist here", show(s))
	if near := Nearest(s, words); near != "" {
		return wrong(message, say("вы имели в виду %s?", "did you mean %s?", near))
	}
	return wrong(message, say("напишите одно из: %s", "write one of: %s", strings.Join(words, ", ")))
}
