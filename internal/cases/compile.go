package cases

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// reader turns rows into cases and collects faults on its way.
type reader struct {
	world  World
	faults []Fault
}

func (r *reader) fault(line int, ru, en string, args ...any) {
	r.faults = append(r.faults, Fault{line, fmt.Sprintf(ru, args...), fmt.Sprintf(en, args...)})
}

// maxPairs bounds who one case asks about.
const maxPairs = 100

func (r *reader) read(in row) Case {
	c := Case{Line: in.line, Name: in.cells["name"], who: in.cells["who"], want: map[string]string{}}
	if strings.ContainsFunc(strings.Join(slices.Collect(maps.Values(in.cells)), ""), unicode.IsControl) {
		r.fault(in.line, "в тексте управляющие символы; наберите его заново", "the text holds control characters; type it again")
	}
	if in.looks() {
		return r.readLook(in)
	}
	if in.cells["from"] != "" {
		r.fault(in.lineOf("from"), "from: спрашивают там, где есть whom, base или attribute; уберите", "from: it goes with whom, base or attribute; leave it out")
	}
	r.who(in, &c)
	r.where(in, &c)
	when, err := moment(in.cells["when"], r.world.Table.Zone())
	if err != nil {
		r.fault(in.lineOf("when"), "when: %s — не день и время; напишите, например, 2026-11-24 10:00", "when: %s is no day and time; write, for example, 2026-11-24 10:00", show(in.cells["when"]))
	}
	c.When = when
	r.expected(in, &c)
	return c
}

// moment reads a day and a time in the table's zone.
func moment(s string, zone *time.Location) (when time.Time, err error) {
	for _, layout := range []string{"2006-01-02 15:04", "02.01.2006 15:04", "2006-01-02T15:04", time.RFC3339} {
		if when, err = time.ParseInLocation(layout, s, zone); err == nil {
			return when, nil
		}
	}
	return when, err
}

// show quotes a piece of the file, cut to a bearable length.
func show(s string) string { return fmt.Sprintf("%.60q", s) }

// who reads "staff@49 pupil@50", a hardware address, "host/NAME" or "nobody".
func (r *reader) who(in row, c *Case) {
	words := words(c.who)
	line := in.lineOf("who")
	switch {
	case len(words) == 0:
		r.fault(line, "who: не сказано, кто; напишите роль@школа, адрес устройства, host/имя или nobody", "who: nobody is named; write role@school, a device's address, host/name or nobody")
		return
	case len(words) > maxPairs:
		r.fault(line, "who: больше %d ролей; сократите", "who: more than %d roles; shorten it", maxPairs)
		return
	case len(words) == 1 && words[0] == "nobody":
		return
	case len(words) == 1:
		if address, ok := identity.ParseHardwareAddress(words[0]); ok {
			c.Device = address
			return
		}
		if name, ok := strings.CutPrefix(strings.ToLower(words[0]), "host/"); ok {
			c.Machine = identity.FoldMachineName(name)
			if !identity.MachinePattern(c.Machine) || strings.HasPrefix(c.Machine, "*") {
				r.fault(line, "who: %s — не имя компьютера; напишите, например, host/pc1.school49.obr.example", "who: %s is no computer's name; write, for example, host/pc1.school49.obr.example", show(words[0]))
			}
			return
		}
	}
	for _, word := range words {
		pair, ok := parsePair(word)
		if !ok {
			r.fault(line, "who: %s не понять; напишите роль@школа (staff, pupil, parent, device, machine), адрес устройства, host/имя или nobody",
				"who: %s is not understood; write role@school (staff, pupil, parent, device, machine), a device's address, host/name or nobody", show(word))
			continue
		}
		c.Pairs = append(c.Pairs, pair)
	}
}

// words takes a cell with several of them apart.
func words(cell string) []string {
	return strings.FieldsFunc(cell, func(c rune) bool { return unicode.IsSpace(c) || c == ',' || c == ';' })
}

func parsePair(s string) (policy.Pair, bool) {
	word, school, ok := strings.Cut(s, "@")
	role, known := policy.ParseRole(word)
	return policy.Pair{Role: role, School: person.SchoolID(school)}, ok && known && school != ""
}

// where reads channel, NAS, network and school. The school of a NAS client is
// in the configuration, and a case that says another tests another network
// than the one that there is.
func (r *reader) where(in row, c *Case) {
	channels := map[string]identity.Channel{}
	for _, ch := range []identity.Channel{identity.ChannelLDAP, identity.ChannelWiFi, identity.ChannelWeb} {
		channels[ch.String()] = ch
	}
	var ok bool
	if c.Channel, ok = channels[in.cells["channel"]]; !ok {
		r.fault(in.lineOf("channel"), "channel: %s — не канал; напишите ldap, wifi или web", "channel: %s is no channel; write ldap, wifi or web", show(in.cells["channel"]))
	}
	if (c.Device != "" || c.Machine != "") && ok && c.Channel != identity.ChannelWiFi {
		r.fault(in.lineOf("channel"), "channel: устройства и компьютеры приходят по wifi; напишите wifi", "channel: devices and machines come over wifi; write wifi")
	}
	c.Source = identity.Source{NAS: in.cells["nas"], SSID: in.cells["ssid"], School: in.cells["school"], Device: string(c.Device)}
	if c.Source.NAS == "" {
		return
	}
	school, client := r.world.Clients[c.Source.NAS]
	known := slices.Sorted(maps.Keys(r.world.Clients))
	if c.Channel == identity.ChannelLDAP {
		known = r.world.Services
		if dn, ok := r.world.service(c.Source.NAS); ok {
			c.Source.NAS = dn
		}
	}
	switch {
	case !slices.Contains(known, c.Source.NAS):
		r.fault(in.lineOf("nas"), "nas: %s нет в настройках; есть: %.300s", "nas: %s is not in the configuration; there are: %.300s", show(c.Source.NAS), strings.Join(known, ", "))
	case !client:
	case c.Source.School == "":
		c.Source.School = school
	case c.Source.School != school:
		r.fault(in.lineOf("school"), "school: %s стоит в школе %s, а не %s; уберите school или исправьте radius.clients", "school: %s stands in the school %s and not in %s; leave school out or mend radius.clients",
			c.Source.NAS, show(school), show(c.Source.School))
	}
}

// expected reads what is expected, in the writing of what comes out.
func (r *reader) expected(in row, c *Case) {
	expect := in.cells[fieldExpect]
	if expect != wordAllow && expect != wordRefuse && !slices.Contains(refusals, identity.Reason(expect)) {
		r.fault(in.lineOf(fieldExpect), "expect: %s не бывает; напишите allow, refuse или причину: %s", "expect: %s does not exist; write allow, refuse or a reason: %s", show(expect), fmt.Sprint(refusals))
		return
	}
	for _, field := range fields {
		text := in.cells[field]
		if text == "" {
			continue
		}
		if expect != wordAllow && gives(field) {
			r.fault(in.lineOf(field), "%s: отказ ничего не даёт; уберите %[1]s или ожидайте allow", "%s: a refusal gives nothing; leave %[1]s out or expect allow", field)
			continue
		}
		want, ok := canonical(field, text)
		if !ok {
			r.fault(in.lineOf(field), "%s: %s не понять; напишите, например, %s", "%s: %s is not understood; write, for example, %s", field, show(text), examples[field])
		}
		c.want[field] = want
	}
}

// refusals are the reasons that a policy can give.
var refusals = []identity.Reason{identity.ReasonRoleNotAllowed, identity.ReasonSchoolNotAllowed, identity.ReasonHours, identity.ReasonEnded,
	identity.ReasonUnknownDevice, identity.ReasonUnknownMachine}

var examples = map[string]string{fieldBy: "staff@49", fieldVLAN: "20", fieldSession: "2h", fieldIdle: "10m", fieldDown: "20M", fieldUp: "512k"}

// canonical writes an expectation as Answer.got does.
func canonical(field, text string) (string, bool) {
	switch {
	case text == wordNone || text == "-":
		return wordNone, true
	case field == fieldVLAN:
		v, err := policy.ParseVLAN(text)
		return orNone(v.String()), err == nil
	case field == fieldSession || field == fieldIdle:
		d, ok := duration(text)
		return span(d), ok
	case field == fieldDown || field == fieldUp:
		rate, err := policy.ParseRate(text)
		return rate.String(), err == nil
	case field == fieldBy:
		pair, ok := parsePair(text)
		return pair.String(), ok
	}
	return text, true
}

// duration reads what the configuration takes: 90m, 12h, 30d.
func duration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
