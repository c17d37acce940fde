package said

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestIn(t *testing.T) {
	inner := Errorf("файла %[1]s нет: %[2]w / there is no file %[1]s: %[2]w", "a / b", fs.ErrNotExist)
	for _, c := range []struct {
		err              error
		russian, english string
	}{
		{inner, "файла a / b нет: file does not exist", "there is no file a / b: file does not exist"},
		{fmt.Errorf("open: %w", inner), "open: файла a / b нет: file does not exist", "open: there is no file a / b: file does not exist"},
		{Errorf("строка %[1]d: %[2]w / line %[1]d: %[2]w", 3, New("логин пуст / the login is empty")), "строка 3: логин пуст", "line 3: the login is empty"},
		{errors.Join(New("раз / one"), New("два / two")), "раз\nдва", "one\ntwo"},
		{Errorf("only %s / English", "in"), "only in / English", "only in / English"},
		{New("usage"), "usage", "usage"},
	} {
		if got := In(c.err, "ru"); got != c.russian {
			t.Errorf("%q, want %q", got, c.russian)
		}
		if got := In(c.err, "en"); got != c.english {
			t.Errorf("%q, want %q", got, c.english)
		}
	}
	if !errors.Is(inner, fs.ErrNotExist) {
		t.Error("the cause is gone")
	}
	if Text("служба / the daemon", "en") != "the daemon" || Text("служба / the daemon", "ru") != "служба" || Text("школа с этим ID ЕКИС / the school with this ID ЕКИС", "en") != "the school with this ID ЕКИС" || Text("TCP / IP", "ru") != "TCP / IP" {
		t.Error("a text is in another language")
	}
}
