package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

type identity struct {
	// PEM: the leaf, then what it was issued by.
	Certificates string `json:"certificates"`
	// PEM, PKCS#8.
	Key string `json:"key"`
}

type spiffeQuestion struct {
	TrustDomain string `json:"trust_domain"`
	// The text of the SPIFFE bundle.
	Bundle string `json:"bundle"`
	// The first is a server, the second a client.
	Identities []identity `json:"identities"`
}

type spiffeAnswer struct {
	X509Authorities int      `json:"x509_authorities"`
	JWTAuthorities  int      `json:"jwt_authorities"`
	Sequence        uint64   `json:"sequence"`
	RefreshHint     float64  `json:"refresh_hint"`
	IDs             []string `json:"ids"`
	// Whom the server saw, and whom the client saw.
	ServerSaw string `json:"server_saw"`
	ClientSaw string `json:"client_saw"`
}

// Reads the bundle, verifies the SVIDs with it, and lets two of them meet over mutual TLS.
func spiffe(in *json.Decoder) (any, error) {
	var question spiffeQuestion
	if err := in.Decode(&question); err != nil {
		return nil, err
	}
	trustDomain, err := spiffeid.TrustDomainFromString(question.TrustDomain)
	if err != nil {
		return nil, err
	}
	bundle, err := spiffebundle.Parse(trustDomain, []byte(question.Bundle))
	if err != nil {
		return nil, err
	}
	sequence, hasSequence := bundle.SequenceNumber()
	hint, hasHint := bundle.RefreshHint()
	if !hasSequence || !hasHint {
		return nil, fmt.Errorf("the bundle has no sequence number or no refresh hint")
	}
	answer := spiffeAnswer{
		X509Authorities: len(bundle.X509Authorities()),
		JWTAuthorities:  len(bundle.JWTAuthorities()),
		Sequence:        sequence,
		RefreshHint:     hint.Seconds(),
	}
	var svids []*x509svid.SVID
	for _, given := range question.Identities {
		svid, err := x509svid.Parse([]byte(given.Certificates), []byte(given.Key))
		if err != nil {
			return nil, err
		}
		id, _, err := x509svid.Verify(svid.Certificates, bundle)
		if err != nil {
			return nil, err
		}
		svids = append(svids, svid)
		answer.IDs = append(answer.IDs, id.String())
	}
	if len(svids) == 2 {
		answer.ServerSaw, answer.ClientSaw, err = meet(svids[0], svids[1], bundle)
	}
	return answer, err
}

// A handshake of mutual TLS in which each end admits exactly the other's SPIFFE ID.
func meet(server, client *x509svid.SVID, bundle *spiffebundle.Bundle) (string, string, error) {
	serverEnd, clientEnd := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	serverEnd.SetDeadline(deadline)
	clientEnd.SetDeadline(deadline)
	serverConfig := tlsconfig.MTLSServerConfig(server, bundle, tlsconfig.AuthorizeID(client.ID))
	clientConfig := tlsconfig.MTLSClientConfig(client, bundle, tlsconfig.AuthorizeID(server.ID))
	serverTLS, clientTLS := tls.Server(serverEnd, serverConfig), tls.Client(clientEnd, clientConfig)
	served := make(chan error, 1)
	go func() { served <- serverTLS.Handshake() }()
	if err := clientTLS.Handshake(); err != nil {
		return "", "", err
	}
	if err := <-served; err != nil {
		return "", "", err
	}
	serverSaw, err := peerID(serverTLS)
	if err != nil {
		return "", "", err
	}
	clientSaw, err := peerID(clientTLS)
	return serverSaw, clientSaw, err
}

func peerID(connection *tls.Conn) (string, error) {
	id, err := x509svid.IDFromCert(connection.ConnectionState().PeerCertificates[0])
	return id.String(), err
}
