// The official Kubernetes provider. Its module has everything but the generated files that its own command embeds, so this command embeds
// the module's schema and mapping instead; set-up copies them beside this file.
package main

import (
	_ "embed"
	"os"
	"time"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() {
	go endWith(os.Getppid())
	provider.Serve("kubernetes", version.Version, schema, mapping)
}

// A killed engine ends none of its plugins, and this one would wait for ever.
func endWith(parent int) {
	for os.Getppid() == parent {
		time.Sleep(time.Second)
	}
	os.Exit(1)
}
