package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"
)

type crlsQuestion struct {
	// DER, in JSON base64: the leaf first, the root last.
	Paths [][][]byte `json:"paths"`
	Lists [][]byte   `json:"lists"`
}

type crlsAnswer struct {
	// Numbers of the lists, as they came.
	Numbers []string `json:"numbers"`
	// For each path whether a list of one of its authorities names the certificate that follows.
	Revoked []bool `json:"revoked"`
}

// Reads the lists, and checks every certificate of each path but the root with the list of its authority, which has to be there,
// signed by it and in force.
func crls(in *json.Decoder) (any, error) {
	var question crlsQuestion
	if err := in.Decode(&question); err != nil {
		return nil, err
	}
	answer := crlsAnswer{Revoked: []bool{}}
	var lists []*x509.RevocationList
	for _, der := range question.Lists {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
		answer.Numbers = append(answer.Numbers, list.Number.String())
	}
	for _, path := range question.Paths {
		var certificates []*x509.Certificate
		for _, der := range path {
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			certificates = append(certificates, certificate)
		}
		revoked := false
		for i := 0; i+1 < len(certificates); i++ {
			named, err := isNamed(certificates[i], certificates[i+1], lists)
			if err != nil {
				return nil, err
			}
			revoked = revoked || named
		}
		answer.Revoked = append(answer.Revoked, revoked)
	}
	return answer, nil
}

func isNamed(certificate, issuer *x509.Certificate, lists []*x509.RevocationList) (bool, error) {
	now := time.Now()
	for _, list := range lists {
		if list.CheckSignatureFrom(issuer) != nil || now.Before(list.ThisUpdate) || now.After(list.NextUpdate) {
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
				return true, nil
			}
		}
		return false, nil
	}
	return false, fmt.Errorf("no list of %s is in force", issuer.Subject)
}
