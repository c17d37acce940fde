package registry

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"schoolbridge/internal/said"
)

// broken is a store that takes nothing.
type broken struct{ *memory }

func (broken) Apply(context.Context, Chunk) error { return errors.New("ERROR") }

// What stops an import, and what is wrong with a row, is told in one language from the
// first word on, and a column bears the name that the file gives it.
func TestFaultsAreWholeInBothLanguages(t *testing.T) {
	russian := folder(t, map[string]string{"kadry.csv": "id;ФИО;Организация;Дата\tрождения;Дата приема\nk1;Орлова Мария;1;1980-13-01;\nk2;;1;;\nk3;Орлова Анна;1;;2020\n"})
	english := folder(t, map[string]string{"kadry.csv": "id,fio,school,birth_date\nk1,Орлова Мария,1,1980-13-01\n"})
	one := folder(t, map[string]string{"kadry.csv": "id,fio,school\nk1,Орлова Мария,1\n"})
	fault := func(dir string, n int) error {
		return &importDir(t, newMemory(), dir, Options{}).Files[0].Faults[n]
	}
	imported := func(into Records, path string) error {
		_, err := Import(t.Context(), into, []string{path}, Options{Today: today})
		return err
	}
	_, gone := Open(filepath.Join("gone", "kadry.csv"))
	for _, c := range []struct {
		err    error
		ru, en string
	}{
		{fault(russian, 0), "kadry.csv:2: Дата рождения: не дата: нужно ГГГГ-ММ-ДД или ДД.ММ.ГГГГ", "kadry.csv:2: Дата рождения: no date: write YYYY-MM-DD or DD.MM.YYYY"},
		{fault(russian, 1), "kadry.csv:3: ФИО: не заполнено", "kadry.csv:3: ФИО: empty"},
		{fault(russian, 2), "kadry.csv:4: Дата приема: не дата: нужно ГГГГ-ММ-ДД или ДД.ММ.ГГГГ", "kadry.csv:4: Дата приема: no date: write YYYY-MM-DD or DD.MM.YYYY"},
		{fault(english, 0), "kadry.csv:2: birth_date: не дата: нужно ГГГГ-ММ-ДД или ДД.ММ.ГГГГ", "kadry.csv:2: birth_date: no date: write YYYY-MM-DD or DD.MM.YYYY"},
		{imported(newMemory(), "none"), "none: такого файла или папки нет, проверьте имя", "none: there is no such file or folder, look at the name"},
		{imported(broken{newMemory()}, one), "загрузка реестров: ERROR", "import registries: ERROR"},
		{gone, "файл реестра не открывается: stat gone/kadry.csv: no such file or directory", "open registry file: stat gone/kadry.csv: no such file or directory"},
	} {
		if c.err == nil {
			t.Errorf("nothing is wrong, want %q", c.ru)
			continue
		}
		if ru, en := said.In(c.err, "ru"), said.In(c.err, "en"); ru != c.ru || en != c.en {
			t.Errorf("got  %q, %q\nwant %q, %q", ru, en, c.ru, c.en)
		}
	}
}
