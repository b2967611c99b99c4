// Programs of other people that read what the broker issues, for the tests: go-spiffe, go-control-plane, zlint and Go's own
// crypto/x509. Usage: join-broker-peers crls|secrets|spiffe|workload|zlint, JSON in, JSON out.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	commands := map[string]func(*json.Decoder) (any, error){
		"crls": crls, "secrets": secrets, "spiffe": spiffe, "workload": workload, "zlint": zlintAll,
	}
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("expected one command: crls, secrets, spiffe, workload or zlint"))
	}
	answer, err := commands[os.Args[1]](json.NewDecoder(os.Stdin))
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
