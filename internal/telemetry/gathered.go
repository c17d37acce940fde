package telemetry

import "schoolbridge/internal/identity"

// gathered is entries in order, with their payloads in pages of its own. It grows
// as far as it must and is used again and again, so that those who sign in make no
// garbage here.
type gathered struct {
	entries []identity.AuditEntry
	pages   [][]byte
	used    int // pages that have payloads; the last of them takes the next one
}

const (
	pageSize  = 2 * MaxAuditPayload // room for many payloads, and for any
	keptPages = 8                   // for some 4000 sign-ins
)

// add takes an entry and a copy of its payload, of at most MaxAuditPayload.
func (g *gathered) add(e identity.AuditEntry) {
	if g.used == 0 || pageSize-len(g.pages[g.used-1]) < len(e.Payload) {
		if g.used == len(g.pages) {
			g.pages = append(g.pages, make([]byte, 0, pageSize))
		}
		g.used++
	}
	page := &g.pages[g.used-1]
	at := len(*page)
	*page = append(*page, e.Payload...)
	e.Payload = (*page)[at:len(*page):len(*page)]
	g.entries = append(g.entries, e)
}

// emptied gives its memory for the next entries, or none where there is room for
// more than most: that is from when the store was down.
func (g gathered) emptied(most int) gathered {
	if cap(g.entries) > most {
		return gathered{}
	}
	clear(g.entries)
	pages := g.pages[:min(len(g.pages), keptPages)]
	clear(g.pages[len(pages):])
	for i := range pages {
		pages[i] = pages[i][:0]
	}
	return gathered{entries: g.entries[:0], pages: pages}
}
