package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/table"
)

// writeSessions prints sessions in one of the formats. Times of the table and
// of CSV are the school's.
func writeSessions(std streams, list []explain.Session, format string, lang explain.Lang, zone *time.Location) error {
	if len(list) == journal.MaxFound { // perhaps there are more
		fmt.Fprintf(std.err, map[explain.Lang]string{explain.Russian: "показаны не все сеансы, а %d; уточните: --address, --device, --login, --at\n",
			explain.English: "only %d sessions are shown, there may be more; narrow it down: --address, --device, --login, --at\n"}[lang], len(list))
	}
	switch format {
	case "json":
		return std.json(list)
	case "csv":
		return sessionsCSV(std.out, list, lang, zone)
	}
	if len(list) == 0 {
		fmt.Fprintln(std.err, map[explain.Lang]string{explain.Russian: "сеансов не найдено", explain.English: "no sessions found"}[lang])
		return nil
	}
	return sessionsTable(std.out, list, lang, zone)
}

var sessionHeads = map[explain.Lang]string{
	explain.Russian: "СЕАНС\tНАЧАЛО\tКОНЕЦ\tКТО\tУСТРОЙСТВО\tАДРЕСА\tГДЕ\tИТОГ",
	explain.English: "SESSION\tBEGAN\tENDED\tWHO\tDEVICE\tADDRESSES\tWHERE\tEND",
}

const sessionClock = "2006-01-02 15:04:05"

func sessionsTable(w io.Writer, list []explain.Session, lang explain.Lang, zone *time.Location) error {
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(lines, sessionHeads[lang])
	for _, s := range list {
		end := s.End(lang)
		if s.Disconnect != nil {
			end += "; " + s.Disconnect.Line(lang)
		}
		where := strings.Join(strings.Fields(strings.Join([]string{s.NAS, s.Unit, s.SSID}, " ")), " ")
		row := []string{s.ID, s.Began.In(zone).Format(sessionClock), endClock(&s, zone), s.Who(lang), s.Device, strings.Join(s.Addresses, " "), where, end}
		for i := range row {
			row[i] = printable(row[i])
		}
		fmt.Fprintln(lines, strings.Join(row, "\t"))
	}
	return lines.Flush()
}

func endClock(s *explain.Session, zone *time.Location) string {
	if s.Ended == nil {
		return ""
	}
	return s.Ended.In(zone).Format(sessionClock)
}

// printable keeps what NAS clients and devices told from moving the reader's
// cursor, and the columns from shifting.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func sessionsCSV(w io.Writer, list []explain.Session, lang explain.Lang, zone *time.Location) error {
	out, err := table.New(w, "csv", "", []string{"session", "began", "ended", "ending", "inferred", "person", "login", "name", "device", "addresses", "nas", "unit", "ssid",
		"school", "port", "in_octets", "out_octets", "disconnect_why", "disconnect_state", "disconnect_answer"})
	if err != nil {
		return err
	}
	for i := range list {
		s := &list[i]
		why, state, answer := "", "", ""
		if d := s.Disconnect; d != nil {
			why, state, answer = d.Why, d.State, d.AnswerIn(lang)
		}
		err := out.Row(s.ID, s.Began.In(zone).Format(sessionClock), endClock(s, zone), s.Ending, strconv.FormatBool(s.Inferred), s.Person, s.Login, s.Name, s.Device,
			strings.Join(s.Addresses, " "), s.NAS, s.Unit, s.SSID, s.School, s.Port,
			strconv.FormatUint(s.InOctets, 10), strconv.FormatUint(s.OutOctets, 10), why, state, answer)
		if err != nil {
			return err
		}
	}
	return out.Close()
}
