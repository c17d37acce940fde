package telemetry

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestLogTellsTimeSpansWithUnits(t *testing.T) {
	for format, want := range map[string]string{"json": `"again_in":"1m17s"`, "text": "again_in=1m17s"} {
		var out bytes.Buffer
		log, err := NewLogger(&out, format, "info")
		if err != nil {
			t.Fatal(err)
		}
		log.With("took", 2*time.Millisecond).Info("later", "again_in", 77*time.Second)
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "2ms") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
