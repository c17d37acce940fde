package main

import (
	"strings"

	"schoolbridge/internal/trail"
)

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
