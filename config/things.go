package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/sheet"
)

// The kinds of text that name things.
type (
	HardwareAddress string // an EUI-48 in any of the usual writings
	MachineName     string // a DNS name, or *. and a domain
	VLAN            string // a number or a name; see policy.ParseVLAN
)

func (a HardwareAddress) check() *problem {
	address, ok := identity.ParseHardwareAddress(string(a))
	switch {
	case !ok:
		return wrong(say("%s — не аппаратный адрес (MAC)", "%s is no hardware address (MAC)", show(string(a))),
			say("напишите 12 шестнадцатеричных цифр, например 02:00:5e:10:00:01", "write 12 hexadecimal digits, for example 02:00:5e:10:00:01"))
	case address == "00:00:00:00:00:00" || strings.IndexByte("13579bdf", address[1]) >= 0:
		return wrong(say("%s — не адрес одного устройства", "%s is not the address of one device", show(string(a))),
			say("перепишите адрес с наклейки или из настроек устройства", "copy the address from the device's label or settings"))
	}
	return nil
}

// Canonical is the address as requests carry it; "" where it is none.
func (a HardwareAddress) Canonical() identity.HardwareAddress {
	address, _ := identity.ParseHardwareAddress(string(a))
	return address
}

func (n MachineName) check() *problem {
	if !identity.MachinePattern(identity.FoldMachineName(string(n))) {
		return wrong(say("%s — не имя компьютера в DNS", "%s is no computer's DNS name", show(string(n))),
			say("напишите pc1.school49.obr.example или \"*.school49.obr.example\" для всех под этим именем", `write pc1.school49.obr.example, or "*.school49.obr.example" for all below that name`))
	}
	return nil
}

func (v VLAN) check() *problem {
	if _, err := policy.ParseVLAN(string(v)); err != nil {
		return wrong(say("%s — не VLAN", "%s is no VLAN", show(string(v))),
			say("напишите номер от 1 до 4094 или имя латиницей (буквы, цифры и . - _, до 32)", "write a number from 1 to 4094, or a name of at most 32 Latin letters, digits and . - _"))
	}
	return nil
}

// Parsed is the VLAN of a checked configuration.
func (v VLAN) Parsed() policy.VLAN {
	parsed, _ := policy.ParseVLAN(string(v))
	return parsed
}

// things checks devices and machines, and reads the file of devices.
func (d *decoder) things(c *Config) {
	seen := map[identity.HardwareAddress]Text{}
	for i, device := range c.RADIUS.Devices {
		path := fmt.Sprintf("radius.devices[%d].address", i)
		place := say("в настройках", "in the configuration")
		if n := d.near(path); n != nil {
			place = say("в строке %d", "in line %d", n.Line)
		}
		if first, again := taken(seen, device, place); again {
			d.faultAt(path, wrong(say("адрес %s уже есть %s", "the address %s is there already, %s", show(string(device.Address)), first), say("уберите повтор", "remove the repetition")))
		}
	}
	d.devicesFile(c, seen)
	machines := map[string]int{}
	for i, m := range c.RADIUS.Machines {
		if m.Authority != "" && m.Name != "" {
			d.once(machines, m.Authority+" "+identity.FoldMachineName(string(m.Name)), fmt.Sprintf("radius.machines[%d].name", i))
		}
	}
	d.unused(c)
}

func taken(seen map[identity.HardwareAddress]Text, device Device, place Text) (first Text, again bool) {
	address := device.Address.Canonical()
	if address == "" { // told already
		return Text{}, false
	}
	first, again = seen[address]
	if !again {
		seen[address] = place
	}
	return first, again
}

// deviceColumns are the names that a list's columns may have.
var deviceColumns = map[string]string{
	"address": "address", "mac": "address", "адрес": "address",
	"name": "name", "название": "name", "имя": "name",
	"school": "school", "школа": "school", "vlan": "vlan",
}

// devicesFile reads radius.devices_file. Its faults carry the line of the list
// beside that of the option.
func (d *decoder) devicesFile(c *Config, seen map[identity.HardwareAddress]Text) {
	const path = "radius.devices_file"
	file := c.RADIUS.DevicesFile
	if file == "" || d.faulty(path) {
		return
	}
	fault := func(line int, p *problem) {
		d.faultAt(path, wrong(say("%s:%d: %s", "%s:%d: %s", string(file), line, p.message), p.remedy))
	}
	text, err := os.ReadFile(string(file)) // look has seen that it is a small regular file
	if err != nil {
		d.faultAt(path, unreadable(string(file), err))
		return
	}
	rows, err := sheet.Parse(text, deviceColumns)
	var bad *sheet.Error
	if errors.As(err, &bad) {
		fault(bad.Line, wrong(Text{bad.RU, bad.EN}, say("столбцы: address;name;school;vlan", "columns: address;name;school;vlan")))
		return
	}
	for _, row := range rows {
		device := Device{HardwareAddress(row.Cells["address"]), row.Cells["name"], row.Cells["school"], VLAN(row.Cells["vlan"])}
		for _, p := range []*problem{device.Address.check(), device.VLAN.check(), filled("name", device.Name), filled("school", device.School)} {
			if p != nil {
				fault(row.Line, p)
			}
		}
		if first, again := taken(seen, device, say("в %s:%d", "in %s:%d", string(file), row.Line)); again {
			fault(row.Line, wrong(say("адрес %s уже есть %s", "the address %s is there already, %s", show(string(device.Address)), first), say("уберите повтор", "remove the repetition")))
		}
		c.RADIUS.Devices = append(c.RADIUS.Devices, device)
	}
}

func filled(column, cell string) *problem {
	const most = 64
	if cell == "" || len(cell) > most {
		return wrong(say("в столбце %s нужно от 1 до %d байт", "the column %s needs 1 to %d bytes", column, most), say("заполните или сократите", "fill it in or shorten it"))
	}
	if !legible(cell) {
		return wrong(say("в столбце %s управляющие символы", "the column %s holds control characters", column), say("наберите значение заново", "type the value again"))
	}
	return nil
}

// unused warns of things that no rule admits: they are listed, and refused.
func (d *decoder) unused(c *Config) {
	if len(c.Policy.Rules) == 0 { // the default table has a rule for each
		return
	}
	for _, kind := range []struct {
		path, role string
		listed     bool
	}{
		{"radius.devices", "device", len(c.RADIUS.Devices) > 0},
		{"radius.machines", "machine", len(c.RADIUS.Machines) > 0},
	} {
		admits := slices.ContainsFunc(c.Policy.Rules, func(r Rule) bool { return r.Allow && slices.Contains(r.Roles, kind.role) })
		if kind.listed && !admits {
			d.warn(kind.path, wrong(say("ни одно правило не впускает роль %s: всем из списка будет отказано", "no rule admits the role %s: all in the list are refused", kind.role),
				say("добавьте в policy.rules правило с roles: [%s], channels: [wifi]", "add a rule with roles: [%s], channels: [wifi] to policy.rules", kind.role)))
		}
	}
}
