package person

import (
	"encoding/json"
	"testing"
)

func TestRecordRefJSON(t *testing.T) {
	for text, want := range map[string]RecordRef{
		`"kadry:17"`:             {RecordEmployment, "17"},
		`"kontingent:a:b"`:       {RecordEnrolment, "a:b"},
		`"zapis:\u003cc1"`:       {RecordCard, "<c1"},
		`"ezhd_logins:x"`:        {RecordSignIns, "x"},
		`""`:                     {},
		`{"Kind":1,"ID":"17"}`:   {RecordEmployment, "17"}, // as it was once
		`{"Kind":2,"ID":"a:b"}`:  {RecordEnrolment, "a:b"},
		`{"Kind":3,"ID":"<c1"}`:  {RecordCard, "<c1"},
		`{"Kind":0,"ID":""}`:     {},
		` "kadry:kadry:1"`:       {RecordEmployment, "kadry:1"},
		`"kadry:\u0418\u0432 1"`: {RecordEmployment, "Ив 1"},
	} {
		var got RecordRef
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
		again, err := json.Marshal(want)
		if err == nil {
			err = json.Unmarshal(again, &got)
		}
		if err != nil || got != want || again[0] != '"' {
			t.Errorf("%v is written %s and read %v, %v", want, again, got, err)
		}
	}
	for _, text := range []string{`"k1"`, `"kadry:"`, `":1"`, `"Kadry:1"`, `1`, `[]`, `{"Kind":"kadry"}`, `"unknown:1"`} {
		var got RecordRef
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s was taken for %v", text, got)
		}
	}
	if text, err := json.Marshal(map[string]any{"records": []RecordRef{{RecordEmployment, "17"}}}); err != nil || string(text) != `{"records":["kadry:17"]}` {
		t.Errorf("%s, %v", text, err)
	}
}
