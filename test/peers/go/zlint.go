package main

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

type zlintQuestion struct {
	// DER by name; in JSON, base64.
	Certificates map[string][]byte `json:"certificates"`
	Lists        map[string][]byte `json:"lists"`
}

type finding struct {
	Of     string `json:"of"`
	Lint   string `json:"lint"`
	Source string `json:"source"`
	Status string `json:"status"`
}

type zlintAnswer struct {
	// How many lints applied, over everything: a linter that looked at nothing finds nothing.
	Applied  int       `json:"applied"`
	Findings []finding `json:"findings"`
}

// Every lint of zlint, whatever its source, on each certificate and certificate revocation list.
func zlintAll(in *json.Decoder) (any, error) {
	var question zlintQuestion
	if err := in.Decode(&question); err != nil {
		return nil, err
	}
	answer := zlintAnswer{Findings: []finding{}}
	for name, der := range question.Certificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		answer.add(name, zlint.LintCertificate(certificate))
	}
	for name, der := range question.Lists {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		answer.add(name, zlint.LintRevocationList(list))
	}
	sort.Slice(answer.Findings, func(i, j int) bool {
		a, b := answer.Findings[i], answer.Findings[j]
		return a.Of < b.Of || a.Of == b.Of && a.Lint < b.Lint
	})
	return answer, nil
}

func (answer *zlintAnswer) add(name string, results *zlint.ResultSet) {
	for id, result := range results.Results {
		if result.Status == lint.NA || result.Status == lint.NE {
			continue
		}
		answer.Applied++
		if result.Status != lint.Pass {
			answer.Findings = append(answer.Findings, finding{name, id, sourceOf(id), result.Status.String()})
		}
	}
}

func sourceOf(id string) string {
	if found := lint.GlobalRegistry().CertificateLints().ByName(id); found != nil {
		return string(found.Source)
	}
	if found := lint.GlobalRegistry().RevocationListLints().ByName(id); found != nil {
		return string(found.Source)
	}
	return ""
}
