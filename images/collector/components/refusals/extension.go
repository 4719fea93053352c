// Package refusals is an extension for exporters of metrics: when a store refuses a request for something in it, what it refuses is found
// and left out, and the rest is stored.
//
// Before a request is sent nobody can know all that Prometheus refuses: another value of a series at a time that it has, from another
// gateway, or what has become too old in the queue.
package refusals

import (
	"context"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"atlas/images/collector/components/sanitizer"
)

// Config is the extension's section in a Collector's configuration. There is nothing to set.
type Config struct{}

// NewFactory makes the extension `split_refused`.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("split_refused"),
		func() component.Config { return &Config{} },
		newExtension,
		component.StabilityLevelStable,
	)
}

type middleware struct {
	component.StartFunc
	component.ShutdownFunc
	extensionmiddleware.GetHTTPRoundTripperFunc
}

func newExtension(_ context.Context, set extension.Settings, _ component.Config) (extension.Extension, error) {
	dropped, err := sanitizer.NewDropped(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return middleware{
		GetHTTPRoundTripperFunc: func(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
			return func(_ context.Context, base http.RoundTripper) (http.RoundTripper, error) {
				return &transport{base: base, dropped: dropped, logger: set.Logger}, nil
			}, nil
		},
	}, nil
}
