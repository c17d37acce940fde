package wire

import (
	"crypto/md5"
	"crypto/subtle"

	"layeh.com/radius/rfc2865"
)

const chapChallenge = Type(rfc2865.CHAPChallenge_Type)

// CHAP says that the packet's one CHAP-Password answers its challenge with this
// password: an identifier, and the MD5 of identifier, password and challenge
// (RFC 2865 sections 2.2 and 5.3, RFC 1994 section 4.1). Without CHAP-Challenge
// the Request Authenticator is the challenge.
func (p *Packet) CHAP(password []byte) bool {
	answer, _ := p.First(CHAPPassword)
	if len(answer) != 1+md5.Size || p.Count(CHAPPassword) != 1 || p.Count(chapChallenge) > 1 {
		return false
	}
	challenge, ok := p.First(chapChallenge)
	if !ok {
		challenge = p.Authenticator[:]
	}
	h := md5.New()
	h.Write(answer[:1])
	h.Write(password)
	h.Write(challenge)
	return subtle.ConstantTimeCompare(h.Sum(nil), answer[1:]) == 1
}
