#!/usr/bin/env bash
# Joins a bot with nothing but bash, curl, openssl and jq, straight from the description of the HTTP API.
#
#   curl-join.sh <broker URL> <join token> <output directory>
#
# Writes key, tlscert, tlscacerts and (where the bot's roles have a login) sshcert and key-cert.pub.
# Settings from the environment, all optional:
#   CLIENT_ID          client id of the user-assigned identity to join with
#   AUDIENCE           audience of the access token (default: https://management.azure.com/)
#   JOINBOT_IMDS_URL   metadata service of a simulated VM (default: Azure's)
#   JOINBOT_PKI_URL    where to download issuing certificates by file name (default: where the certificates say)
set -euo pipefail
umask 077

if [ $# -ne 3 ]; then
  echo "usage: curl-join.sh <broker URL> <join token> <output directory>" >&2
  exit 2
fi
broker=${1%/}
token=$2
output=$3
imds=${JOINBOT_IMDS_URL:-http://169.254.169.254}
pki=${JOINBOT_PKI_URL:-}
audience=${AUDIENCE:-https://management.azure.com/}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One question to the metadata service: metadata <path> <name=value>...
metadata() {
  local path=$1
  shift
  local query=()
  for parameter in "$@"; do query+=(--data-urlencode "$parameter"); done
  curl --fail --silent --show-error --noproxy '*' --max-time 30 --retry 5 --retry-connrefused \
    --get -H 'Metadata: true' "${query[@]}" "$imds/metadata/$path"
}

# One question to the broker; its answer goes to the file: ask <path> <body file> <answer file>
ask() {
  local status
  status=$(curl --silent --show-error --max-time 60 --output "$3" --write-out '%{http_code}' \
    -H 'Content-Type: application/json' --data-binary "@$2" "$broker$1")
  [ "$status" = 200 ] && return
  echo "the broker answered $status to $1:" >&2
  jq -r '"\(.title // .). \(.detail // "") Request id: \(.request_id // "none")"' "$3" >&2 || true
  exit 1
}

echo '1. Which VM this is, and an access token of its managed identity'
metadata instance/compute api-version=2021-02-01 format=json >"$work/compute.json"
identity=(api-version=2018-02-01 "resource=$audience")
if [ -n "${CLIENT_ID:-}" ]; then identity+=("client_id=$CLIENT_ID"); fi
metadata identity/oauth2/token "${identity[@]}" >"$work/token.json"

echo '2. The broker: the request is for its cluster, and for no other broker'
curl --fail --silent --show-error --max-time 60 "$broker/v1/trust" >"$work/trust.json"

echo '3. A key, a certification request, and the request over which all proof is made'
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key" 2>/dev/null
openssl req -new -key "$work/key" -subj / -out "$work/key.csr"
request=$(jq -cn --arg token "$token" --arg id "$(openssl rand -hex 16)" --rawfile csr "$work/key.csr" \
  --slurpfile trust "$work/trust.json" '{
  broker: $trust[0].cluster, id: $id, token: $token, join_method: "azure", role: "Bot",
  certificates: [{name: "identity", csr: $csr}]
}')

echo '4. The attested document, with the hash of the request as its nonce'
nonce=$(printf 'join-broker-v1\n%s' "$request" | openssl dgst -sha256 -r | cut -c1-32)
for wait in 1 2 4 0; do
  metadata attested/document api-version=2021-02-01 "nonce=$nonce" >"$work/document.json"
  jq -r .signature "$work/document.json" | openssl base64 -d -A >"$work/document.der"
  # The service may answer with an older document from its cache.
  if grep -a -q "$nonce" "$work/document.der"; then break; fi
  if [ "$wait" = 0 ]; then echo 'the metadata service keeps answering with an older document' >&2; exit 1; fi
  sleep "$wait"
done

echo '5. The certificates between its signer and the root'
openssl pkcs7 -inform DER -in "$work/document.der" -print_certs | openssl x509 -out "$work/child.pem"
echo '[]' >"$work/intermediates.json"
for _ in 1 2 3 4 5 6; do
  urls=$(openssl x509 -in "$work/child.pem" -noout -ext authorityInfoAccess 2>/dev/null |
    sed -n 's/^ *CA Issuers - URI://p')
  if [ -z "$urls" ]; then break; fi
  found=no
  for url in $urls; do
    case $url in
      http://www.microsoft.com/pkiops/certs/* | http://caissuers.microsoft.com/pkiops/certs/*) ;;
      http://cacerts.digicert.com/*) ;;
      *) [ -n "$pki" ] || continue ;;
    esac
    if [ -n "$pki" ]; then url=${pki%/}/${url##*/}; fi
    if curl --fail --silent --max-time 10 --max-filesize 16384 --output "$work/issuer" "$url"; then
      found=yes
      break
    fi
    echo "   $url could not be downloaded" >&2
  done
  if [ "$found" = no ]; then break; fi
  # Most servers send DER, some PEM.
  openssl x509 -inform DER -in "$work/issuer" -out "$work/child.pem" 2>/dev/null ||
    openssl x509 -inform PEM -in "$work/issuer" -out "$work/child.pem"
  subject=$(openssl x509 -in "$work/child.pem" -noout -subject_hash)
  issuer=$(openssl x509 -in "$work/child.pem" -noout -issuer_hash)
  if [ "$subject" = "$issuer" ]; then break; fi
  openssl x509 -in "$work/child.pem" -outform DER | openssl base64 -A >"$work/child.b64"
  jq --rawfile der "$work/child.b64" '. + [$der]' "$work/intermediates.json" >"$work/more.json"
  mv "$work/more.json" "$work/intermediates.json"
done

echo '6. The join'
jq -n --arg request "$request" --slurpfile document "$work/document.json" --slurpfile token "$work/token.json" \
  --slurpfile compute "$work/compute.json" --slurpfile intermediates "$work/intermediates.json" '{
  request: $request,
  azure: ({
    attested_data: ($document[0] | {encoding, signature}),
    intermediates: $intermediates[0],
    access_token: $token[0].access_token
  } + if $compute[0].resourceId then {resource_id: $compute[0].resourceId} else {} end)
}' >"$work/join.json"
ask /v1/join "$work/join.json" "$work/answer.json"

mkdir -p "$output"
cp "$work/key" "$output/key"
jq -r '.certificates[0].tls' "$work/answer.json" >"$output/tlscert"
jq -r '.trust.tls.roots' "$work/answer.json" >"$output/tlscacerts"
if jq -e '.certificates[0].ssh' "$work/answer.json" >/dev/null; then
  jq -r '.certificates[0].ssh' "$work/answer.json" | tee "$output/sshcert" >"$output/key-cert.pub"
else
  jq -r '"   no SSH certificate: \(.certificates[0].ssh_absent)"' "$work/answer.json"
fi
jq -r '"joined as bot \(.bot), instance \(.instance_id), certificates until \(.certificates[0].expires)"' "$work/answer.json"
