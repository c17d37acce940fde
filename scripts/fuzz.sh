#!/usr/bin/env bash
# Runs every fuzz target for the given time (default 20 s), two at a time.
# A crash fails the run and leaves its input under testdata/fuzz of the package.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-20s}

targets=$(git ls-files '*_test.go' | xargs grep -HoE '^func (Fuzz[A-Za-z0-9_]+)\(f \*testing\.F\)' |
	sed -E 's|^(.*)/[^/]+:func (Fuzz[A-Za-z0-9_]+)\(.*|./\1 \2|' | sort -u)
[ -n "$targets" ] || { echo "no fuzz target found" >&2; exit 1; }

fuzz() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -parallel 1 "$1"; }

# The fuzzing engine now and then takes its own deadline, met in the middle of
# an input, for a failure. It writes no input then, and the target runs again.
late() { grep -q 'context deadline exceeded' "$1" && ! grep -q 'Failing input' "$1"; }

one() {
	log=$(mktemp)
	if fuzz "$@" >"$log" 2>&1 || { late "$log" && fuzz "$@" >"$log" 2>&1; }; then
		echo "fuzz ok    $1 $2: $(grep -oE 'execs: [0-9]+' "$log" | tail -1)"
	else
		echo "fuzz FAIL  $1 $2"
		cat "$log"
		rm -f "$log"
		return 255
	fi
	rm -f "$log"
}
export -f one fuzz late
echo "$targets" | xargs -P 2 -L 1 bash -c 'one "$0" "$1" '"$time"
