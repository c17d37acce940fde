package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// buildOf tells builds of the program apart, for the directory's snapshot. Their version
// does not: it is one and the same for all containers that nobody gave another, and for
// all builds of a change that is under way. Where the file cannot be read there is the
// version alone.
func buildOf(version, executable string) string {
	f, err := os.Open(executable)
	if err != nil {
		return version
	}
	defer func() { _ = f.Close() }() // read only
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return version
	}
	return fmt.Sprintf("%s %x", version, sum.Sum(nil))
}
