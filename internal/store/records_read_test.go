package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"schoolbridge/internal/person"
)

// readings are the rows of the registries, each read here and by json.
var readings = map[string]struct {
	row   any
	here  func(text []byte) (row any, plain bool)
	first func(text []byte) (any, error)
	json  func(text []byte) (any, error)
}{
	"employment": {person.Employment{}, hereOf(employmentField), firstOf(employmentField), jsonOf[person.Employment]},
	"enrolment":  {person.Enrolment{}, hereOf(enrolmentField), firstOf(enrolmentField), jsonOf[person.Enrolment]},
	"card":       {person.Card{}, hereOf(cardField), firstOf(cardField), jsonOf[person.Card]},
}

func hereOf[T any](field func(*T, []byte, []byte) bool) func([]byte) (any, bool) {
	return func(text []byte) (any, bool) {
		var r T
		plain := members(text, func(name, value []byte) bool { return field(&r, name, value) })
		return r, plain
	}
}

func firstOf[T any](field func(*T, []byte, []byte) bool) func([]byte) (any, error) {
	return func(text []byte) (any, error) { return readRow(text, field) }
}

func jsonOf[T any](text []byte) (any, error) {
	var r T
	err := json.Unmarshal(text, &r)
	return r, err
}

// fullRow is a row with something else in every field, of which none may be missed.
func fullRow(t *testing.T, row any, text string) any {
	t.Helper()
	r := reflect.New(reflect.TypeOf(row)).Elem()
	for i := range r.NumField() {
		switch f := r.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(r.Type().Field(i).Name + text)
		default:
			d, ok := person.NewDate(2001+i, 2, 3)
			if !ok || f.Type() != reflect.TypeOf(d) {
				t.Fatalf("%s.%s is no text and no date", r.Type(), r.Type().Field(i).Name)
			}
			f.Set(reflect.ValueOf(d))
		}
	}
	return r.Interface()
}

// TestReadRow: rows as they are stored are read as json reads them, and without it
// where nothing in them is escaped.
func TestReadRow(t *testing.T) {
	for name, r := range readings {
		for text, plain := range map[string]bool{" Ёлкин-Петровский": true, "": true, " O'Коннор": true, ` «А» "Б"`: false, "\n": false, " <b>&": false, "\u2028": false} {
			row := fullRow(t, r.row, text)
			stored, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			if got, here := r.here(stored); here != plain || plain && got != row {
				t.Errorf("%s %q: read here %v: %+v", name, text, here, got)
			}
			if got, err := r.first(stored); err != nil || got != row {
				t.Errorf("%s %q: %+v, %v, want %+v", name, text, got, err, row)
			}
		}
		empty, err := json.Marshal(r.row)
		if err != nil {
			t.Fatal(err)
		}
		if got, here := r.here(empty); !here || got != r.row {
			t.Errorf("%s: an empty row: %v, %+v", name, here, got)
		}
	}
}

// FuzzReadRow: what is read here, json reads alike.
func FuzzReadRow(f *testing.F) {
	for _, text := range []string{
		`{"ID":"k1","FIO":"Орлова Мария Игоревна","Start":"2019-09-01","End":""}`, `{"ID":"p1","Last":"Белова","BirthDate":"2015-02-03","MergedTo":""}`,
		`{"Child":"p1","ParentFIO":"Орлова Мария"}`, `{"id":"k1"}`, `{"ID":"k1","ID":"k2"}`, `{"ID":null}`, `{"ID":"k1",}`, `{"ID":"k1"} `, `{"ID" :"k1"}`, `{,"ID":"k1"}`, `{"ID":"k1"}}`,
		`{}`, `{`, ``, `null`, `[]`, `{"ID":"\u0041"}`, "{\"ID\":\"\xff\"}", "{\"ID\":\"\n\"}", `{"Start":"2019-13-01"}`, `{"Start":"01.09.2019"}`, `{"More":"x"}`, `{"ID":{"ID":"k1"}}`, strings.Repeat(`{"ID":`, 9),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, r := range readings {
			got, here := r.here(text)
			want, err := r.json(text)
			if here && (err != nil || got != want) {
				t.Errorf("%s %q: %+v, json says %+v, %v", name, text, got, want, err)
			}
		}
	})
}
