package teams

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"schoolbridge/internal/person"
)

// city is a Source of so many pupils at 1000 schools, made as they are asked for.
type city int

func (c city) People(_ context.Context, _ person.Date, _ func(person.School) error, each func(Person) error) error {
	for i := range int(c) {
		if err := each(pupil(i, fmt.Sprint(i%1000), fmt.Sprintf("%dБ", 1+i%11))); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkExport exports a city in an op, over a set that is there.
func BenchmarkExport(b *testing.B) {
	for _, n := range []city{100_000, 1_000_000} {
		b.Run(fmt.Sprint(int(n)), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "sds")
			o := Options{Today: day(b, "2026-09-01"), Classes: true}
			for b.Loop() {
				if r, err := Export(b.Context(), dir, n, o); err != nil || r.Records("users.csv") != int(n) {
					b.Fatal(err)
				}
			}
		})
	}
}
