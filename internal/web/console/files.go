package console

import (
	"net/http"
	"sync"
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

// How many files are made at a time: of one visitor, of all. One may take much memory
// and the store's time, and a browser that takes it slowly makes it last.
const (
	filesEach = 3
	filesAll  = 20
)

// filing counts the files that are being made.
type filing struct {
	mu  sync.Mutex
	of  map[string]int // by visitor
	all int
}

// enter says that one more may be made, which leave ends.
func (f *filing) enter(by string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[by] >= filesEach || f.all >= filesAll {
		return false
	}
	f.of[by]++
	f.all++
	return true
}

func (f *filing) leave(by string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.of[by]--; f.of[by] == 0 {
		delete(f.of, by)
	}
}

// file says that the visitor may have one more made, which done ends; or it has said
// that he has to wait.
func (v *visit) file() (done func(), ok bool) {
	files, by := &v.room.files, v.by()
	if files.enter(by) {
		return func() { files.leave(by) }, true
	}
	v.Writer.Header().Set("Retry-After", "60")
	v.Fail(http.StatusTooManyRequests)
	return nil, false
}

// handOut writes a table as a file; name is ours. One that cannot be written whole
// breaks the connection off, so that nobody takes a part for all of it.
func (v *visit) handOut(name, format, sheet string, head []string, fill func(table.Writer) error) {
	done, ok := v.file()
	if !ok {
		return
	}
	defer done()
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
