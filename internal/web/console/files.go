package console

import (
	"net/http"
	"time"

	"schoolbridge/internal/table"
)

// fileTypes are the kinds of files that lists are handed out as.
var fileTypes = map[string]string{
	"csv":  "text/csv; charset=utf-8",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// How long a file may take: a browser that takes nothing for so long is gone, and no
// connection is held for longer than the whole.
const (
	fileStall = 30 * time.Second
	fileWhole = 15 * time.Minute
)

// handOut writes a table as a file; name is ours. One that cannot be written whole
// breaks the connection off, so that nobody takes a part for all of it.
func (v *visit) handOut(name, format, sheet string, head []string, fill func(table.Writer) error) {
	h := v.Writer.Header()
	h.Set("Content-Type", fileTypes[format])
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	if format == "csv" { // it is opened in Excel
		format = table.WithBOM
	}
	to := newHandout(v.Writer, fileStall, fileWhole)
	rows, err := table.New(to, format, sheet, head)
	if err == nil {
		to.begin()
		if err = fill(rows); err == nil {
			err = rows.Close()
		} else {
			table.Abandon(rows)
		}
	}
	if err == nil {
		to.hurry() // the server sends the end by itself
		return
	}
	if v.Request.Context().Err() == nil { // else nobody waits for it any more
		v.Log().Error("web: a list cannot be handed out whole", "list", name, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// handout is the way of a file to a browser. The server's deadlines are those of
// pages, which are made and gone at once. A file has time while it is made, and what
// leaves has to be taken.
type handout struct {
	to    http.ResponseWriter
	http  *http.ResponseController
	stall time.Duration
	ends  time.Time
}

func newHandout(w http.ResponseWriter, stall, whole time.Duration) *handout {
	h := &handout{w, http.NewResponseController(w), stall, time.Now().Add(whole)}
	// Nothing more is read, but the server takes a reading that lasts too long for a
	// browser that has gone. A test's recorder knows no deadlines, and needs none.
	_ = h.http.SetReadDeadline(h.ends)
	_ = h.http.SetWriteDeadline(h.ends)
	return h
}

// hurry gives the browser little time to take what is sent next.
func (h *handout) hurry() {
	if until := time.Now().Add(h.stall); until.Before(h.ends) {
		_ = h.http.SetWriteDeadline(until)
	}
}

// begin sends what there is, so that the browser shows at once that a file comes.
func (h *handout) begin() {
	h.hurry()
	_ = h.http.Flush() // the next Write fails if this does
	_ = h.http.SetWriteDeadline(h.ends)
}

// Write implements io.Writer.
func (h *handout) Write(part []byte) (int, error) {
	h.hurry()
	defer func() { _ = h.http.SetWriteDeadline(h.ends) }()
	return h.to.Write(part)
}
