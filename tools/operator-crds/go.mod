module atlas/tools/operator-crds

go 1.26.0

// The Prometheus Operator's custom resource definitions, as its release carries them. Nothing is compiled, so `go mod tidy` would
// drop the line: update it by hand, remove go.sum and run `go mod download`.
require github.com/prometheus-operator/prometheus-operator v0.93.0
