// Package sample invents the people of the demo and of tests: three schools,
// some three hundred people, the registry files that such schools export, with
// the dirt of real ones, and the city accounts of most of these people.
//
// Nobody here exists. Every СНИЛС is invented, though its checksum is right:
// they are counted from 987-000-000, or from 003-000-000 where leading zeros
// have to get lost. Telephone numbers have the code 000, e-mail addresses are
// below example.org.
//
// The same seed and day give the same bytes, for ever: testdata/sample holds
// those of seed 1 on 2026-09-01. Which dirt there is, Dirt lists.
//
// Start reading at Make.
package sample

import (
	"time"

	"schoolbridge/internal/person"
)

// Sample is one invented world.
type Sample struct {
	People []Person
	Files  map[string][]byte // by name: a registry folder
}

// Person is a city account, and what the demo does with it.
type Person struct {
	Profile  person.Profile
	Password string
	// Activate says that the demo activates the person when it starts, on the
	// day ActivateOn where that is set: a day when somebody who left was there.
	Activate   bool
	ActivateOn person.Date
}

// Schools of the sample, by ЕКИС id.
const (
	School49   person.SchoolID = "000149"
	School1050 person.SchoolID = "001050"
	Lyceum7    person.SchoolID = "000707"
)

var schools = []person.School{
	{ID: School49, NSI: "00010490", Name: "ГБОУ Школа № 49", Founder: "ДОНМ", District: "ЮАО"},
	{ID: School1050, NSI: "00010500", Name: `ГБОУ "Школа № 1050"`, Founder: "ДОНМ", District: "ЮАО"},
	{ID: Lyceum7, NSI: "00070700", Name: "ГБОУ Лицей № 7", Founder: "ДОНМ", District: "САО"},
}

// schoolNames are ways in which exports write the same school.
var schoolNames = map[person.SchoolID][]string{
	School49:   {"ГБОУ Школа № 49", "ГБОУ Школа  № 49", "ГБОУ Школа №49", "гбоу школа № 49", "ГБОУ «Школа № 49»"},
	School1050: {`ГБОУ "Школа № 1050"`, "ГБОУ «Школа № 1050»", "ГБОУ Школа № 1050", "001050"},
	Lyceum7:    {"ГБОУ Лицей № 7", "ГБОУ\u00a0Лицей № 7", "ГБОУ «Лицей №7»"},
}

// Dirt names every kind of dirt that the files and accounts hold.
func Dirt() []string {
	return []string{
		"windows-1251", "byte order mark", "tabs", "titles above the header", "unknown column",
		"no-break space", "double space", "ё as е", "latin look-alike", "capitals", "placeholder patronymic",
		"lost leading zeros", "invalid snils", "empty 1C date", "school name written differently", "quotes in a field",
		"two employers", "namesakes", "twins", "siblings on one phone", "maiden name",
		"employment ended", "employment not started", "closed pupil", "merged pupil", "several contacts",
		"snils not confirmed", "snils mismatch", "two accounts", "no account", "contact differs", "simplified registration",
		"bad row",
	}
}

// Make invents the world of a seed as it stands on a day.
func Make(seed uint64, today person.Date) Sample {
	w := &world{
		numbers: numbers{seed}, today: today, year: today.Time(time.UTC).Year(),
		fios: map[string]bool{}, logins: map[string]int{},
	}
	var f files
	w.demo(&f)
	w.staff(&f)
	w.families(&f)
	return Sample{People: w.people, Files: f.render(w)}
}
