package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	transport "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	version "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// The address of a secret discovery service, and how many renewals to wait for.
type secretsQuestion struct {
	Address string `json:"address"`
	Updates int    `json:"updates"`
}

type secretsAnswer struct {
	// Of the streamed certificates, each verified with the authorities that came with it.
	Serials []string `json:"serials"`
	// The names of the first response's secrets.
	Names []string `json:"names"`
	// Those of a response to a client that says that it is Envoy 1.40, without names; and its trust domain.
	Everything  []string `json:"everything"`
	TrustDomain string   `json:"trust_domain"`
	// What FetchSecrets said, and the gRPC codes of an unknown name and of DeltaSecrets.
	Fetched []string `json:"fetched"`
	Unknown string   `json:"unknown"`
	Delta   string   `json:"delta"`
}

// Asks as go-control-plane's own types have it: takes, refuses, and waits for what comes next.
func secrets(in *json.Decoder) (any, error) {
	var question secretsQuestion
	if err := in.Decode(&question); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection, err := grpc.NewClient(question.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	client := secret.NewSecretDiscoveryServiceClient(connection)
	answer := secretsAnswer{}

	stream, err := client.StreamSecrets(ctx)
	if err != nil {
		return nil, err
	}
	request := &discovery.DiscoveryRequest{
		TypeUrl: secretType, ResourceNames: []string{"default", "ROOTCA"},
	}
	for len(answer.Serials) < question.Updates {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		response, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		serial, names, err := verified(response)
		if err != nil {
			return nil, err
		}
		if answer.Names == nil {
			answer.Names = names
		}
		answer.Serials = append(answer.Serials, serial)
		request.ResponseNonce = response.Nonce
		// Every second one is refused: what comes next has to come all the same.
		if len(answer.Serials)%2 == 1 {
			request.ErrorDetail = &rpc.Status{Code: int32(codes.Internal), Message: "a test"}
		} else {
			request.ErrorDetail = nil
			request.VersionInfo = response.VersionInfo
		}
	}
	if answer.Everything, answer.TrustDomain, err = everything(ctx, client); err != nil {
		return nil, err
	}
	fetched, err := client.FetchSecrets(ctx, &discovery.DiscoveryRequest{ResourceNames: []string{"ROOTCA"}})
	if err != nil {
		return nil, err
	}
	if answer.Fetched, err = namesOf(fetched); err != nil {
		return nil, err
	}
	_, err = client.FetchSecrets(ctx, &discovery.DiscoveryRequest{ResourceNames: []string{"other"}})
	answer.Unknown = status.Code(err).String()
	delta, err := client.DeltaSecrets(ctx)
	if err == nil {
		_, err = delta.Recv()
	}
	answer.Delta = status.Code(err).String()
	return answer, nil
}

// As Envoy asks that says which version it is, for all that there is.
func everything(ctx context.Context, client secret.SecretDiscoveryServiceClient) ([]string, string, error) {
	stream, err := client.StreamSecrets(ctx)
	if err != nil {
		return nil, "", err
	}
	envoy := &core.Node_UserAgentBuildVersion{UserAgentBuildVersion: &core.BuildVersion{
		Version: &version.SemanticVersion{MajorNumber: 1, MinorNumber: 40},
	}}
	request := &discovery.DiscoveryRequest{TypeUrl: secretType, Node: &core.Node{UserAgentVersionType: envoy}}
	if err := stream.Send(request); err != nil {
		return nil, "", err
	}
	response, err := stream.Recv()
	if err != nil {
		return nil, "", err
	}
	names, err := namesOf(response)
	if err != nil {
		return nil, "", err
	}
	trusted, err := secretOf(response, 1)
	if err != nil {
		return nil, "", err
	}
	validator := &transport.SPIFFECertValidatorConfig{}
	custom := trusted.GetValidationContext().GetCustomValidatorConfig()
	if err := custom.GetTypedConfig().UnmarshalTo(validator); err != nil {
		return nil, "", err
	}
	if err := validator.ValidateAll(); err != nil {
		return nil, "", err
	}
	return names, custom.GetName() + " " + validator.TrustDomains[0].Name, stream.CloseSend()
}

// The certificate is good for its key, and leads to the authorities.
func verified(response *discovery.DiscoveryResponse) (string, []string, error) {
	names, err := namesOf(response)
	if err != nil {
		return "", nil, err
	}
	own, err := secretOf(response, 0)
	if err != nil {
		return "", nil, err
	}
	trusted, err := secretOf(response, 1)
	if err != nil {
		return "", nil, err
	}
	pair, err := tls.X509KeyPair(own.GetTlsCertificate().GetCertificateChain().GetInlineBytes(),
		own.GetTlsCertificate().GetPrivateKey().GetInlineBytes())
	if err != nil {
		return "", nil, err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(trusted.GetValidationContext().GetTrustedCa().GetInlineBytes()) {
		return "", nil, fmt.Errorf("there are no authorities")
	}
	for _, der := range pair.Certificate[1:] {
		issuing, err := x509.ParseCertificate(der)
		if err != nil {
			return "", nil, err
		}
		intermediates.AddCert(issuing)
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return pair.Leaf.SerialNumber.Text(16), names, err
}

func namesOf(response *discovery.DiscoveryResponse) ([]string, error) {
	var names []string
	for position := range response.Resources {
		secret, err := secretOf(response, position)
		if err != nil {
			return nil, err
		}
		names = append(names, secret.Name)
	}
	return names, nil
}

func secretOf(response *discovery.DiscoveryResponse, position int) (*transport.Secret, error) {
	if position >= len(response.Resources) {
		return nil, fmt.Errorf("expected %d secrets, got %d", position+1, len(response.Resources))
	}
	secret := &transport.Secret{}
	if err := response.Resources[position].UnmarshalTo(secret); err != nil {
		return nil, err
	}
	return secret, secret.ValidateAll()
}
