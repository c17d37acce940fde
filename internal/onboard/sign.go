package onboard

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Object identifiers of RFC 5652 (content types, attributes) and RFC 5754
// (SHA-256, ECDSA); RSA is named as RFC 3370 section 3.2 says.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidECDSA         = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// The structures of RFC 5652, as far as one signer needs them.
type (
	contentInfo struct {
		ContentType asn1.ObjectIdentifier
		Content     asn1.RawValue
	}
	signedData struct {
		Version          int
		DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
		EncapContentInfo encapsulated
		Certificates     asn1.RawValue
		SignerInfos      []signerInfo `asn1:"set"`
	}
	encapsulated struct {
		ContentType asn1.ObjectIdentifier
		Content     []byte `asn1:"explicit,tag:0"`
	}
	signerInfo struct {
		Version            int
		SID                issuerAndSerial
		DigestAlgorithm    pkix.AlgorithmIdentifier
		SignedAttrs        asn1.RawValue
		SignatureAlgorithm pkix.AlgorithmIdentifier
		Signature          []byte
	}
	issuerAndSerial struct {
		Issuer asn1.RawValue
		Serial asn1.RawValue
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values []any `asn1:"set"`
	}
)

// Sign wraps a file for Apple's devices into signed data (RFC 5652), by which
// they show who made it. chain begins with the certificate of key, an RSA or
// ECDSA key. An unsigned file works as well.
func Sign(f File, chain []*x509.Certificate, key crypto.Signer, random io.Reader) (File, error) {
	if len(chain) == 0 {
		return f, errors.New("onboard: nothing to sign with")
	}
	if own, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(key.Public()) {
		return f, errors.New("onboard: the key is not the certificate's")
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidECDSA}
	switch key.Public().(type) {
	case *ecdsa.PublicKey:
	case *rsa.PublicKey:
		algorithm = pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue}
	default:
		return f, fmt.Errorf("onboard: a key of kind %T signs no profile", key.Public())
	}
	attributes, err := signedAttributes(f.Body)
	if err != nil {
		return f, err
	}
	// The signature covers the attributes as a SET, wherever they then stand
	// under another tag (RFC 5652 section 5.4).
	set, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: attributes})
	if err != nil {
		return f, err
	}
	digest := sha256.Sum256(set)
	signature, err := key.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return f, fmt.Errorf("onboard: sign the profile: %w", err)
	}
	f.Body, err = wrap(f.Body, chain, attributes, algorithm, signature)
	return f, err
}

// signedAttributes are the content's type and digest, in the order of DER.
func signedAttributes(content []byte) ([]byte, error) {
	digest := sha256.Sum256(content)
	var parts [][]byte
	for _, a := range []attribute{{oidContentType, []any{oidData}}, {oidMessageDigest, []any{digest[:]}}} {
		der, err := asn1.Marshal(a)
		if err != nil {
			return nil, err
		}
		parts = append(parts, der)
	}
	slices.SortFunc(parts, bytes.Compare)
	return slices.Concat(parts...), nil
}

func wrap(content []byte, chain []*x509.Certificate, attributes []byte, algorithm pkix.AlgorithmIdentifier, signature []byte) ([]byte, error) {
	sha := pkix.AlgorithmIdentifier{Algorithm: oidSHA256}
	serial, err := asn1.Marshal(chain[0].SerialNumber)
	if err != nil {
		return nil, err
	}
	var certificates []byte
	for _, c := range chain {
		certificates = append(certificates, c.Raw...)
	}
	tagged := func(tag int, b []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: b}
	}
	data, err := asn1.Marshal(signedData{
		Version:          1,
		DigestAlgorithms: []pkix.AlgorithmIdentifier{sha},
		EncapContentInfo: encapsulated{oidData, content},
		Certificates:     tagged(0, certificates),
		SignerInfos: []signerInfo{{
			Version:            1,
			SID:                issuerAndSerial{asn1.RawValue{FullBytes: chain[0].RawIssuer}, asn1.RawValue{FullBytes: serial}},
			DigestAlgorithm:    sha,
			SignedAttrs:        tagged(0, attributes),
			SignatureAlgorithm: algorithm,
			Signature:          signature,
		}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: data}})
}
