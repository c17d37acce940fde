package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// BenchAuditOfOne reads the last lines of some kinds about somebody whom people looked
// at thousands of times: an op is a reading.
func BenchAuditOfOne(b *testing.B, db *store.DB) {
	const lines, batch = 20_000, 2000
	at, one := time.Unix(1_800_000_000, 0), identity.PersonID{1}
	for n := 0; n < lines; n += batch {
		entries := make([]identity.AuditEntry, batch)
		for i := range entries {
			e := &entries[i]
			e.At, e.Kind, e.Person = at.Add(time.Duration(n+i)*time.Second), "console_read", one
			if i%4 > 0 { // somebody else's lines lie between
				e.Person = identity.PersonID{2, byte(rand.IntN(256)), byte(rand.IntN(4))}
			}
			if i%1000 == 0 {
				e.Kind = "decision"
			}
			e.Payload = fmt.Appendf(nil, `{"by":%q,"addr":"10.0.0.1","request":"%08x","page":"person","action":"see story"}`, one.String(), rand.Uint32())
		}
		if err := db.Audit().Append(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	for _, ask := range []struct {
		name  string
		kinds []string
	}{
		{"few", []string{"decision", "decision_undone"}}, {"many", []string{"decision", "provision", "activation", "state"}},
		{"readings", []string{"console_read", "cabinet", "explain", "sessions"}}, {"none", []string{"state"}}, {"all", nil},
	} {
		b.Run(ask.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Audit().Recent(b.Context(), one, 50, ask.kinds...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
