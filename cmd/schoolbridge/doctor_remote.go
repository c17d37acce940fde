package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/doctor"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/mosru"
	"schoolbridge/provision/ad"
)

// mosru tells whether mos.ru can be reached, its certificate and clock, and whether
// it knows us: it is shown a code that nobody was given, and says so only to a
// client that it knows (RFC 6749 section 5.2).
func (x *examination) mosru(ctx context.Context) (list []doctor.Finding) {
	host := mosruHost(x.config)
	add := func(check string, state doctor.State, code doctor.Code, where, more string) {
		list = append(list, finding(check, state, code, where, more))
	}
	seen, err := lookAtMosru(ctx, x.config)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		add(doctor.CheckMosru, doctor.Bad, doctor.MosruCertificate, host, reasonOf(err))
		return list
	case err != nil:
		add(doctor.CheckMosru, doctor.Bad, doctor.MosruUnreachable, host, reasonOf(err))
		return list
	}
	if !seen.ends.IsZero() && seen.ends.Sub(x.now) < foreignSoon {
		add(doctor.CheckMosru, doctor.Warn, doctor.ForeignCertSoon, host, x.until(seen.ends))
	}
	if seen.clock {
		list = append(list, ticking(doctor.Code(explain.FaultClock), "mos.ru", seen.off))
	}
	return append(list, x.knownAtMosru(ctx, host))
}

// foreignSoon is when others renew their certificates at the latest.
const foreignSoon = 7 * 24 * time.Hour

// ticking judges by how much our clock is ahead of another's.
func ticking(code doctor.Code, whose string, off time.Duration) doctor.Finding {
	if off.Abs() > clockOff {
		return finding(doctor.CheckClock, doctor.Bad, code, whose, off.Round(time.Second).String())
	}
	return finding(doctor.CheckClock, doctor.OK, doctor.ClockFine, whose, "")
}

// knownAtMosru says whether mos.ru takes our name and secret.
func (x *examination) knownAtMosru(ctx context.Context, host string) doctor.Finding {
	c := x.config.Mosru
	secret := identity.Password("")
	if c.ClientSecretFile != "" {
		b, err := config.ReadSecret(c.ClientSecretFile)
		if err != nil {
			return finding(doctor.CheckMosru, doctor.Bad, doctor.Code(explain.FaultUnreadable), string(c.ClientSecretFile), "")
		}
		secret = identity.Password(b)
	}
	roots, err := certPool(string(c.CAFile))
	if err != nil {
		return finding(doctor.CheckMosru, doctor.Bad, doctor.Code(explain.FaultUnreadable), string(c.CAFile), "")
	}
	client, err := mosru.New(mosru.Options{BaseURL: string(c.URL), Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret, RootCAs: roots, Timeout: c.Timeout})
	if err != nil {
		return finding(doctor.CheckMosru, doctor.Bad, doctor.MosruUnclear, host, err.Error())
	}
	defer client.Close()
	public := strings.TrimSuffix(string(x.config.Web.Public), "/")
	_, err = client.Redeem(ctx, mosru.Attempt{Redirect: public + "/sign-in/mosru", Verifier: rand.Text() + rand.Text(), Begun: x.now}, "doctor-"+rand.Text())
	var said *mosru.Error
	switch {
	case errors.Is(err, identity.ErrStale):
		return finding(doctor.CheckMosru, doctor.OK, doctor.MosruFine, host, "")
	case !errors.As(err, &said):
		return finding(doctor.CheckMosru, doctor.Bad, doctor.MosruUnclear, host, fmt.Sprint(err))
	case said.Code == "unauthorized_client", said.Code == "unsupported_grant_type": // of a client that it knows, registered for passwords only
		return finding(doctor.CheckMosru, doctor.OK, doctor.MosruFine, host, "")
	case said.Code == "invalid_client":
		return finding(doctor.CheckMosru, doctor.Bad, doctor.MosruClient, "mosru.client_id "+c.ClientID, "")
	case errors.Is(err, identity.ErrUnreachable):
		return finding(doctor.CheckMosru, doctor.Bad, doctor.MosruUnreachable, host, said.Code)
	}
	return finding(doctor.CheckMosru, doctor.Bad, doctor.MosruUnclear, host, said.Code)
}

// directory asks Active Directory as the daemon does: over LDAPS, in the service
// account's name. Nothing is written.
func (x *examination) directory(ctx context.Context) []doctor.Finding {
	if !x.config.AD.On() {
		return nil
	}
	server := string(x.config.AD.Server)
	one := func(code doctor.Code, where, more string) []doctor.Finding {
		return []doctor.Finding{finding(doctor.CheckAD, doctor.Bad, code, where, more)}
	}
	ends, err := x.directoryCertificate(ctx)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return one(doctor.ADCertificate, server, reasonOf(err))
	case err != nil:
		return one(doctor.Code(explain.FaultADUnreachable), server, reasonOf(err))
	}
	target, release, err := openAD(x.config, discardLog())
	if err != nil {
		return one(doctor.Code(explain.FaultUnreadable), "ad", "")
	}
	defer release()
	list := []doctor.Finding{}
	if ends.Sub(x.now) < config.ExpirySoon {
		list = append(list, finding(doctor.CheckAD, doctor.Warn, doctor.ForeignCertSoon, server, x.until(ends)))
	}
	if err := target.Check(ctx); err != nil {
		code, where := faultOfAD(x.config, err)
		more := ""
		if errors.Is(err, ad.ErrUnfit) { // names attributes and units of the configuration, no people
			more = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		return append(list, one(doctor.Code(code), where, more)...)
	}
	start := time.Now()
	if now, err := target.Clock(ctx); err == nil {
		list = append(list, ticking(doctor.ClockOffAD, "Active Directory", start.Sub(now)))
	}
	return append(list, x.rights(ctx, target)...)
}

// rights are those of the service account.
func (x *examination) rights(ctx context.Context, target *ad.Target) (list []doctor.Finding) {
	lacking, known, err := target.Rights(ctx)
	switch {
	case err != nil:
		code, where := faultOfAD(x.config, err)
		return []doctor.Finding{finding(doctor.CheckAD, doctor.Bad, doctor.Code(code), where, "")}
	case len(lacking) == 0 && known:
		return []doctor.Finding{finding(doctor.CheckAD, doctor.OK, doctor.ADFine, string(x.config.AD.Server), "")}
	case len(lacking) == 0:
		return []doctor.Finding{finding(doctor.CheckAD, doctor.OK, doctor.ADNobody, string(x.config.AD.Base), "")}
	}
	for _, l := range lacking {
		list = append(list, finding(doctor.CheckAD, doctor.Bad, doctor.ADRight, string(x.config.AD.Base), doctor.RightWords(string(l.Right), x.lang)+more(l)))
	}
	return list
}

func more(l ad.Lacking) string {
	if l.Right == ad.RightWrite {
		return " (" + l.Where + ")"
	}
	return ""
}

// directoryCertificate tells until when the controller's certificate is valid.
func (x *examination) directoryCertificate(ctx context.Context) (ends time.Time, err error) {
	roots, err := certPool(string(x.config.AD.CAFile))
	if err != nil {
		return ends, err
	}
	name := x.config.AD.Server.ServerName()
	address := strings.TrimPrefix(string(x.config.AD.Server), "ldaps://")
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "636")
	}
	ctx, cancel := context.WithTimeout(ctx, x.config.AD.Timeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return ends, err
	}
	ends = conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter
	return ends, conn.Close()
}

// faultOfAD says what the failure of a look into Active Directory means.
func faultOfAD(c *config.Config, err error) (explain.Fault, string) {
	var refused *ldapclient.Error
	switch {
	case errors.As(err, &refused) && refused.Code == invalidCredentials:
		return explain.FaultADBind, string(c.AD.Server) + " " + c.AD.Bind
	case errors.Is(err, ad.ErrNoUnit):
		return explain.FaultADUnit, string(c.AD.Base)
	case errors.Is(err, ad.ErrUnfit):
		return explain.FaultADAttribute, string(c.AD.Server)
	}
	return explain.FaultADUnreachable, string(c.AD.Server)
}
