package table

import (
	"strings"
	"testing"
)

// A list for people begins with a byte order mark, one for programs with its header.
func TestByteOrderMark(t *testing.T) {
	plain := written(t, "csv", []any{"Еванова", 1})
	if strings.Contains(plain, "\ufeff") {
		t.Errorf("%q", plain)
	}
	if marked := written(t, WithBOM, []any{"Еванова", 1}); marked != "\ufeff"+plain {
		t.Errorf("%q", marked)
	}
}
