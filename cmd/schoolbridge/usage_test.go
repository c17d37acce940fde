package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Each way to write a command has a line of its own, which fits a screen that is
// not very wide.
func TestUsageLines(t *testing.T) {
	for args, want := range map[string][]string{
		"":                             {""},
		"--config FILE [A | B] [--x]":  {"--config FILE [A | B] [--x]"},
		"plan [A | B] | drop X|Y | go": {"plan [A | B]", "drop X|Y", "go"},
	} {
		if got := ways(args); !slices.Equal(got, want) {
			t.Errorf("%q: %q", args, got)
		}
	}
	var out, errs bytes.Buffer
	if code := dispatch(t.Context(), streams{nil, &out, &errs}, []string{"provision"}); code != exitUsage {
		t.Error(code)
	}
	if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); len(lines) < 5 || !strings.HasPrefix(lines[1], "  schoolbridge provision plan|apply ") {
		t.Errorf("%s", errs.String())
	}
}
