package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"schoolbridge/internal/identity"
)

// Our argon2id parameters (RFC 9106): about 20 ms; and the greatest that we
// take from the store, so that no row can exhaust the machine.
const (
	argonTime, argonMemory, argonThreads, argonKey = 2, 19 * 1024, 1, 32
	argonMaxTime, argonMaxMemory, argonMaxThreads  = 8, 64 * 1024, 8
)

// HashArgon2 makes a PHC string of a password, in about 20 ms.
func HashArgon2(p identity.Password) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	sum := argon2.IDKey([]byte(p), salt[:], argonTime, argonMemory, argonThreads, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(sum))
}

var errArgon2 = errors.New("no argon2id hash that we take")

// VerifyArgon2 compares a password with a PHC string; an error for one that is none,
// or asks for more than we spend.
func VerifyArgon2(phc string, p identity.Password) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprint("v=", argon2.Version) {
		return false, errArgon2
	}
	var memory, time uint32
	var threads uint8
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); n != 3 || err != nil {
		return false, errArgon2
	}
	if time < 1 || time > argonMaxTime || memory < 8 || memory > argonMaxMemory || threads < 1 || threads > argonMaxThreads {
		return false, errArgon2
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 {
		return false, errArgon2
	}
	got := argon2.IDKey([]byte(p), salt, time, memory, threads, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}
