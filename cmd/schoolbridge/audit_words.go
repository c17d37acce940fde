package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/trail"
)

// auditFields are the Russian names of what lines of sign-ins and commands say;
// others keep those of JSON.
var auditFields = map[string]string{
	"addr": "адрес", "who": "кто", "page": "страница", "asked": "спросили", "by": "искали по", "record": "запись", "channel": "где", "device": "устройство", "for": "для", "found": "найдено", "from": "от", "to": "до", "kinds": "виды",
	"nas": "точка", "outcome": "итог", "reason": "причина", "role": "роль", "rule": "правило", "request": "запрос", "took_ms": "мс", "state": "состояние", "accounts": "записей",
}

// auditKinds reads a list of kinds; unknown is the first that there is not.
func auditKinds(list string) (kinds []string, unknown string) {
	for kind := range strings.SplitSeq(list, ",") {
		if kind = strings.TrimSpace(kind); kind == "" {
			continue
		}
		if !trail.Known(kind) {
			return nil, kind
		}
		kinds = append(kinds, kind)
	}
	return kinds, ""
}

// everyKind lists the kinds that may be asked for.
func everyKind() string { return strings.Join(trail.Kinds(""), ", ") }

// auditDetails writes fields in one line, in the order of their names; empty ones
// are left out.
func auditDetails(data map[string]any, lang explain.Lang) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		said := name
		if word, ok := auditFields[name]; ok && lang == explain.Russian {
			said = word
		}
		switch value := data[name].(type) {
		case nil:
		case string:
			if value != "" {
				words = append(words, said+"="+value)
			}
		default:
			text, _ := json.Marshal(value) // came from JSON: never fails
			words = append(words, said+"="+string(text))
		}
	}
	return strings.Join(words, " ")
}
