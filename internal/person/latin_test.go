package person

import "testing"

func TestLatin(t *testing.T) {
	for text, want := range map[string]string{
		"Щукина Юлия Йосифовна": "Shchukina Iuliia Iosifovna", "Ёлкин Пётр": "Elkin Petr", "Подъячев Хасан": "Podieiachev Khasan", "Цой-Чжан Smith 5": "Tsoi-Chzhan Smith 5",
		"Гоголь": "Gogol", "ЖУК": "ZhUK", "Ь": "", "": "", "Вера Эрнст": "Vera Ernst", "Съезд": "Sieezd", "Быков": "Bykov", "Ґ": "Ґ",
	} {
		if got := string(AppendLatin([]byte("x"), text)); got != "x"+want {
			t.Errorf("%s is %q, want %q", text, got[1:], want)
		}
	}
}
