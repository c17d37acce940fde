package events

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"unicode/utf8"

	jose "github.com/go-jose/go-jose/v4"

	"schoolbridge/internal/identity"
)

// An event of a changed password may carry the new one, encrypted to us: member
// "password_jwe" of the event's payload, a JWE (RFC 7516) in compact form under
// RSA-OAEP-256 or ECDH-ES (RFC 7518 sections 4.3, 4.6) and A256GCM, whose
// plaintext is the password. The token's signature binds it to its subject.

var (
	keyEncryption     = []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES}
	contentEncryption = []jose.ContentEncryption{jose.A256GCM}
)

const (
	maxJWE      = 4 << 10
	maxPassword = 512 // bytes; what no sign-in takes is of no use
)

// Opener decrypts the passwords in events. A nil one opens none.
type Opener struct{ key crypto.PrivateKey }

// ParseOpener reads the private key to which mos.ru encrypts: PEM with a PKCS
// #8 block that holds RSA of at least 2048 bits or ECDSA on P-256 or P-384.
func ParseOpener(text []byte) (*Opener, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("not a PEM file with a PRIVATE KEY block (PKCS #8)")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the PRIVATE KEY block cannot be read")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192 {
			return &Opener{k}, nil
		}
	case *ecdsa.PrivateKey:
		if size := k.Params().BitSize; size == 256 || size == 384 {
			return &Opener{k}, nil
		}
	}
	return nil, errors.New("the key must be RSA of 2048 to 8192 bits, or ECDSA on P-256 or P-384")
}

var errSealedPassword = errors.New("the password in the event cannot be opened with our key")

// open decrypts one password.
func (o *Opener) open(jwe string) (identity.Password, error) {
	if len(jwe) > maxJWE {
		return "", errSealedPassword
	}
	message, err := jose.ParseEncryptedCompact(jwe, keyEncryption, contentEncryption)
	if err != nil || message.Header.ExtraHeaders[jose.HeaderKey("zip")] != nil {
		return "", errSealedPassword
	}
	plain, err := message.Decrypt(o.key)
	if err != nil || len(plain) == 0 || len(plain) > maxPassword || !utf8.Valid(plain) {
		return "", errSealedPassword
	}
	return identity.Password(plain), nil
}

// sealPassword encrypts a password to a receiver; it serves the Sender.
func sealPassword(to crypto.PublicKey, password identity.Password) (string, error) {
	algorithm := jose.RSA_OAEP_256
	if _, ec := to.(*ecdsa.PublicKey); ec {
		algorithm = jose.ECDH_ES
	}
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: algorithm, Key: to}, nil)
	if err != nil {
		return "", err
	}
	message, err := e.Encrypt([]byte(password))
	if err != nil {
		return "", err
	}
	return message.CompactSerialize()
}
