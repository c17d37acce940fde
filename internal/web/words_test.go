package web

import "testing"

// A text beside a figure has the form that the figure wants.
func TestBeside(t *testing.T) {
	devices := Both{"устройство|устройства|устройств", "device|devices"}
	for figure, want := range map[any]Both{
		0: {"устройств", "devices"}, 1: {"устройство", "device"}, 2: {"устройства", "devices"}, 4: {"устройства", "devices"}, 5: {"устройств", "devices"}, 11: {"устройств", "devices"},
		14: {"устройств", "devices"}, 21: {"устройство", "devices"}, 112: {"устройств", "devices"}, 122: {"устройства", "devices"}, "1\u00a0001": {"устройство", "devices"}, "": {"устройств", "devices"},
	} {
		if got := (Both{devices.Beside(Russian, figure), devices.Beside(English, figure)}); got != want {
			t.Errorf("%v: %q, want %q", figure, got, want)
		}
	}
	if same := (Both{"всего", "in all"}); same.Beside(Russian, 1) != "всего" || same.Beside(English, 2) != "in all" {
		t.Error("a text without forms")
	}
}
