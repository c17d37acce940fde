package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/census"
)

// BenchmarkRoll reads the roll of one school, whose rows lie apart among those of a
// city, every other of them with an account. cpu-ms is what an op takes of a
// processor, whoever computes beside it.
func BenchmarkRoll(b *testing.B) {
	const pupils = 1700
	db := benchStore(b)
	schools := max(1, *findPupils/pupils)
	fill(b, db, schools)
	rows, err := db.Rolls().Rows(b.Context(), "0")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0)
	for i := 0; i < len(rows); i += 2 {
		login := fmt.Sprintf("user%d", i)
		a := person.Activation{Profile: person.Profile{Subject: identity.Subject(login), Login: login, Last: "Иванов", First: "Иван", Trusted: true}, Login: identity.Login(login),
			Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: person.RecordID(rows[i].Key)}}, Names: []person.Name{{Kind: person.NameMosru, Text: login}}}
		if _, ok := rows[i].Value.(person.Employment); ok {
			a.Records[0].Kind = person.RecordEmployment
		}
		if _, err := db.Accounts().Activate(b.Context(), a, at); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	before := cpu(b)
	for b.Loop() {
		rows, err := db.Rolls().Rows(b.Context(), "0")
		if err != nil {
			b.Fatal(err)
		}
		if got := len(census.Roll(person.DateOf(at), rows)); got == 0 {
			b.Fatal("nobody is listed")
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(len(rows)), "rows")
}
