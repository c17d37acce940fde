package person

import (
	"encoding/json"
	"errors"
	"strings"
)

// RecordRef names one record of any registry. In JSON it is its Word.
type RecordRef struct {
	Kind RecordKind
	ID   RecordID
}

// Word gives the registry and the id, as commands take them: "kadry:17".
func (r RecordRef) Word() string { return r.Kind.String() + ":" + string(r.ID) }

var errRecordRef = errors.New("this is no record of a registry: kadry:17, for example")

// ParseRecordRef reads a Word; false where it is none.
func ParseRecordRef(word string) (RecordRef, bool) {
	kind, id, ok := strings.Cut(word, ":")
	for k := RecordEmployment; ok && id != "" && k <= RecordSignIns; k++ {
		if kind == k.String() {
			return RecordRef{k, RecordID(id)}, true
		}
	}
	return RecordRef{}, false
}

// MarshalJSON implements json.Marshaler. The zero value is "".
func (r RecordRef) MarshalJSON() ([]byte, error) {
	if r == (RecordRef{}) {
		return []byte(`""`), nil
	}
	return json.Marshal(r.Word())
}

// UnmarshalJSON implements json.Unmarshaler. It takes {"Kind":1,"ID":"17"} too,
// which stores and plans hold that were written before there was a Word.
func (r *RecordRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var old struct {
			Kind RecordKind
			ID   RecordID
		}
		err := json.Unmarshal(text, &old)
		*r = old
		return err
	}
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return err
	}
	ref, ok := ParseRecordRef(word)
	if !ok && word != "" {
		return errRecordRef
	}
	*r = ref
	return nil
}
