package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/status"
)

// The address of a Workload API, and how many different SVIDs to wait for.
type workloadQuestion struct {
	Address string `json:"address"`
	Updates int    `json:"updates"`
}

type workloadAnswer struct {
	ID string `json:"id"`
	// Serial numbers, in the order in which they came.
	Serials     []string `json:"serials"`
	TrustDomain string   `json:"trust_domain"`
	// What the other end of a connection was, with this SVID at both.
	Peer string `json:"peer"`
	// The gRPC code of a question for a JWT-SVID.
	JWT string `json:"jwt"`
}

func workload(in *json.Decoder) (any, error) {
	var question workloadQuestion
	if err := in.Decode(&question); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	address := workloadapi.WithAddr(question.Address)
	client, err := workloadapi.New(ctx, address)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(client))
	if err != nil {
		return nil, err
	}
	defer source.Close()

	answer := workloadAnswer{}
	for {
		svid, err := source.GetX509SVID()
		if err != nil {
			return nil, err
		}
		serial := svid.Certificates[0].SerialNumber.Text(16)
		if len(answer.Serials) == 0 || answer.Serials[len(answer.Serials)-1] != serial {
			answer.ID = svid.ID.String()
			answer.Serials = append(answer.Serials, serial)
		}
		if len(answer.Serials) >= question.Updates {
			break
		}
		if err := source.WaitUntilUpdated(ctx); err != nil {
			return nil, err
		}
	}
	bundles, err := client.FetchX509Bundles(ctx)
	if err != nil {
		return nil, err
	}
	for _, bundle := range bundles.Bundles() {
		answer.TrustDomain = bundle.TrustDomain().String()
	}
	if answer.Peer, err = meetItself(source); err != nil {
		return nil, err
	}
	_, err = client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "somebody"})
	answer.JWT = status.Code(err).String()
	return answer, nil
}

// Mutual TLS with the SVID at both ends.
func meetItself(source *workloadapi.X509Source) (string, error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0",
		tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeAny()))
	if err != nil {
		return "", err
	}
	defer listener.Close()
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			fmt.Fprint(connection, "hello")
			connection.Close()
		}
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return "", err
	}
	connection := tls.Client(raw, tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeAny()))
	defer connection.Close()
	if _, err := io.ReadAll(connection); err != nil {
		return "", err
	}
	return connection.ConnectionState().PeerCertificates[0].URIs[0].String(), nil
}
