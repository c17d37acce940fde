package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
)

// listCall is a command line of problems or stats.
type listCall struct {
	file, lang, format, out, school string
	behind                          bool
}

func (c *listCall) flags(fs *flag.FlagSet) (lang *string) {
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	fs.StringVar(&c.school, "school", "", "только школа с этим ID ЕКИС / only the school with this `ID`")
	fs.StringVar(&c.format, "format", "table", "вид: table, csv, csv-bom (для Excel), json или xlsx / `FORMAT`: table, csv, csv-bom (for Excel), json or xlsx")
	fs.StringVar(&c.out, "out", "", "записать в этот файл, права 0600 / write to this `FILE`, mode 0600")
	fs.BoolVar(&c.behind, "behind", false, "кто не успел к сроку из statistics.deadlines / who is past the deadline of statistics.deadlines")
	return langFlag(fs)
}

func runProblems(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("problems", flag.ContinueOnError)
	var call listCall
	lang := call.flags(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if call.lang = *lang; len(words) > 0 || !listFormat(call.format) {
		return misused("problems")
	}
	if call.out == "" {
		if err := noScreen(std, call.format, call.lang); err != nil {
			return err
		}
	}
	c, db, err := openSite(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the audit line is committed by then
	p := &problemList{listCall: call, config: c, db: db, now: time.Now(), words: problemWords[call.lang]}
	return p.run(ctx, std)
}

// problemList is one run of the command.
type problemList struct {
	listCall
	config *config.Config
	db     *store.DB
	now    time.Time
	words  problemText
}

// problemText are the words of the command in one language.
type problemText struct {
	head, behind, short []string
	role                map[person.Role]string
	title, noSchool     string
	noDeadline          string
	none, informs       string
	who, remedy         string
}

var problemWords = map[string]problemText{
	"ru": {
		head: []string{"ID ЕКИС", "Название ОО", "Категория", "ФИО", "Класс, должность", "ID записи", "Логин", "Где", "Код", "Проблема",
			"Кто исправляет", "Что сделать", "Когда"},
		behind: []string{"Срок", "Дней после срока"},
		short:  []string{"ID ЕКИС", "Категория", "ФИО", "Класс, должность", "ID записи", "Логин", "Где", "Код", "Когда"},
		role:   map[person.Role]string{person.RoleStaff: "сотрудник", person.RolePupil: "ученик", person.RoleParent: "родитель"},
		title:  "Проблемы", noSchool: "школы с ID ЕКИС %q нет ни в списке школ, ни в реестрах", none: "проблем нет", informs: "исправлять нечего: это только сведения",
		who: "Кто исправляет: ", remedy: "Что сделать: ",
		noDeadline: "сроки не заданы: напишите их в statistics.deadlines файла настроек",
	},
	"en": {
		head: []string{"EKIS ID", "School", "Category", "Full name", "Class, position", "Record", "Login", "Where", "Code", "Problem",
			"Who repairs it", "What to do", "When"},
		behind: []string{"Deadline", "Days late"},
		short:  []string{"EKIS ID", "Category", "Full name", "Class, position", "Record", "Login", "Where", "Code", "When"},
		role:   map[person.Role]string{person.RoleStaff: "staff", person.RolePupil: "pupil", person.RoleParent: "parent"},
		title:  "Problems", noSchool: "no list of schools and no registry knows the EKIS ID %q", none: "no problems", informs: "nothing to repair: this is information only",
		who: "Who repairs it: ", remedy: "What to do: ",
		noDeadline: "there are no deadlines: write them into statistics.deadlines of the configuration",
	},
}

func deadlines(c *config.Config) census.Deadlines {
	d := c.Statistics.Deadlines
	return census.Deadlines{d.Staff.Date(), d.Pupils.Date(), d.Parents.Date()}
}

func (p *problemList) run(ctx context.Context, std streams) error {
	ask := census.Ask{Behind: p.behind, Deadlines: deadlines(p.config)}
	if p.behind && ask.Deadlines == (census.Deadlines{}) {
		return usageError("%s", p.words.noDeadline)
	}
	count := census.New(person.DateOf(p.now.In(p.config.Policy.TimeZone.Location())))
	if err := p.db.Census().Survey(ctx, count, true, !p.behind); err != nil {
		return err
	}
	if p.school != "" {
		id := person.SchoolID(p.school)
		if ask.School = &id; !count.Knows(id) {
			return usageError(p.words.noSchool, p.school)
		}
	}
	// Before anything is shown: who breaks it off has read it too.
	if err := p.audit(ctx); err != nil {
		return err
	}
	out, err := openOutput(std, p.out)
	if err != nil {
		return err
	}
	n, err := p.write(ctx, out, count, ask)
	if err := out.finish(err); err != nil {
		return err
	}
	switch {
	case n.repair > 0:
		return errFindings
	case n.lines > 0:
		fmt.Fprintln(std.err, p.words.informs)
	default:
		fmt.Fprintln(std.err, p.words.none)
	}
	return nil
}

func (p *problemList) audit(ctx context.Context) error {
	payload, err := json.Marshal(byCaller(map[string]any{"school": p.school, "behind": p.behind}))
	if err != nil {
		return err
	}
	return p.db.Audit().Append(ctx, []identity.AuditEntry{{At: p.now, Kind: "problems", Payload: payload}})
}

// listed counts the lines of a list.
type listed struct{ lines, repair int } // all; those about which somebody has to do something

func (l *listed) note(i census.Item) {
	l.lines++
	if !explain.Informs(i.Problem.Code) && !(i.Decided && i.Active) {
		l.repair++
	}
}

// write gives the list and says how many lines it has.
func (p *problemList) write(ctx context.Context, out io.Writer, count *census.Count, ask census.Ask) (n listed, err error) {
	if p.format == "json" {
		list := &array{to: out}
		err = count.List(ctx, p.db.Census(), ask, func(i census.Item) error { n.note(i); return list.item(p.object(i)) })
		if err == nil {
			err = list.end()
		}
		return n, err
	}
	head := p.words.head
	if p.format == "table" {
		head = p.words.short
	}
	if p.behind {
		head = slices.Concat(head, p.words.behind)
	}
	rows, err := table.New(out, p.format, p.words.title, head)
	if err != nil {
		return n, err
	}
	met := map[match.Code]census.Item{}
	err = count.List(ctx, p.db.Census(), ask, func(i census.Item) error {
		n.note(i)
		if kept, ok := met[i.Problem.Code]; !ok || kept.Active || kept.Decided {
			met[i.Problem.Code] = census.Item{Problem: match.Problem{Code: i.Problem.Code}, Active: i.Active, Decided: i.Decided}
		}
		return rows.Row(p.cells(i)...)
	})
	if err == nil {
		err = rows.Close()
	}
	if err == nil && p.format == "table" {
		err = p.legend(out, met)
	}
	return n, err
}

// cells are one line of a table; what a code means stands below one for a
// terminal.
func (p *problemList) cells(i census.Item) []any {
	i.School = census.Named(i.School)
	lang := explain.Lang(p.lang)
	var cells []any
	if p.format == "table" {
		code := i.Problem.String() + explain.Mark(lang, i)
		cells = []any{cmp.Or(string(i.School.ID), i.School.Name), p.words.role[i.Role], i.FIO, i.Place, i.Record, i.Login, i.Target, code, p.clock(i.At, time.DateOnly)}
	} else {
		said, who := explain.Listed(lang, i)
		cells = []any{string(i.School.ID), i.School.Name, p.words.role[i.Role], i.FIO, i.Place, i.Record, i.Login, i.Target, i.Problem.String(),
			said.Meaning, who, said.Remedy, p.clock(i.At, "2006-01-02 15:04")}
	}
	if p.behind {
		cells = append(cells, i.Deadline.String(), i.Late)
	}
	return cells
}

func (p *problemList) clock(t time.Time, form string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(p.config.Policy.TimeZone.Location()).Format(form)
}

// legend says what the codes mean that were met; of what only people have who are
// activated, what is to be done then.
func (p *problemList) legend(out io.Writer, met map[match.Code]census.Item) error {
	lang := explain.Lang(p.lang)
	wide := table.Width(out)
	var text strings.Builder
	for _, code := range slices.Sorted(maps.Keys(met)) {
		a, who := explain.Listed(lang, met[code])
		text.WriteByte('\n')
		for i, said := range []string{fmt.Sprintf("%s: %s", code, a.Meaning), p.words.who + who, p.words.remedy + a.Remedy} {
			indent := strings.Repeat(" ", 4*min(i, 1))
			for _, line := range table.Fold(said, max(wide-len(indent), 0)) {
				fmt.Fprintf(&text, "%s%s\n", indent, line)
			}
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// problemObject is a line for a program.
type problemObject struct {
	School     string `json:"school"`
	SchoolName string `json:"school_name"`
	Role       string `json:"role,omitempty"`
	FIO        string `json:"fio"`
	Place      string `json:"place,omitempty"`
	Record     string `json:"record,omitempty"`
	Login      string `json:"login,omitempty"`
	Target     string `json:"target,omitempty"`
	Code       string `json:"code"`
	Arg        string `json:"arg,omitempty"`
	// First is the code of the same person that is to be repaired before this one.
	First    string `json:"first,omitempty"`
	Meaning  string `json:"meaning"`
	Who      string `json:"who"`
	Remedy   string `json:"remedy,omitempty"`
	At       string `json:"at,omitempty"`
	Deadline string `json:"deadline,omitempty"`
	Late     int    `json:"days_late,omitempty"`
}

func (p *problemList) object(i census.Item) problemObject {
	i.School = census.Named(i.School)
	lang := explain.Lang(p.lang)
	said, who := explain.Listed(lang, i)
	o := problemObject{School: string(i.School.ID), SchoolName: i.School.Name, FIO: i.FIO, Place: i.Place, Record: i.Record, Login: i.Login, Target: i.Target,
		Code: string(i.Problem.Code), Arg: i.Problem.Arg, First: string(i.First.Code), Meaning: said.Meaning, Who: who, Remedy: said.Remedy,
		Deadline: i.Deadline.String(), Late: i.Late}
	if i.Role != 0 {
		o.Role = i.Role.String()
	}
	if !i.At.IsZero() {
		o.At = i.At.UTC().Format(time.RFC3339)
	}
	return o
}
