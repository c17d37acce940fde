package console

import (
	"net/http"

	"schoolbridge/internal/table"
)

// fileTypes are the kinds of files that lists are handed out as.
var fileTypes = map[string]string{
	"csv":  "text/csv; charset=utf-8",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// handOut writes a table as a file; name is ours. One that cannot be written whole
// breaks the connection off, so that nobody takes a part for all of it.
func (v *visit) handOut(name, format, sheet string, head []string, fill func(table.Writer) error) {
	h := v.Writer.Header()
	h.Set("Content-Type", fileTypes[format])
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	if format == "csv" { // it is opened in Excel
		format = table.WithBOM
	}
	rows, err := table.New(v.Writer, format, sheet, head)
	if err == nil {
		if err = fill(rows); err == nil {
			err = rows.Close()
		} else {
			table.Abandon(rows)
		}
	}
	if err == nil {
		return
	}
	if v.Request.Context().Err() == nil { // else nobody waits for it any more
		v.Log().Error("web: a list cannot be handed out whole", "list", name, "error", err)
	}
	panic(http.ErrAbortHandler)
}
