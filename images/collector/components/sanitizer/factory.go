// Package sanitizer is a processor: what it lets through, every store takes, and it holds no credential.
package sanitizer

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"atlas/images/collector/components/masking"
)

// NewFactory makes the processor `sanitize`.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("sanitize"),
		func() component.Config { return &Config{} },
		processor.WithLogs(newLogs, component.StabilityLevelStable),
		processor.WithTraces(newTraces, component.StabilityLevelStable),
		processor.WithMetrics(newMetrics, component.StabilityLevelStable),
	)
}

var mutates = processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})

func newLogs(ctx context.Context, set processor.Settings, config component.Config, next consumer.Logs) (processor.Logs, error) {
	logs := &logs{masker: masking.New(config.(*Config).masking())}
	return processorhelper.NewLogs(ctx, set, config, next, logs.process, mutates)
}

func newTraces(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	traces := &traces{masker: masking.New(config.(*Config).masking())}
	return processorhelper.NewTraces(ctx, set, config, next, traces.process, mutates)
}

func newMetrics(ctx context.Context, set processor.Settings, config component.Config, next consumer.Metrics) (processor.Metrics, error) {
	metrics := &metrics{masker: masking.New(config.(*Config).masking())}
	return processorhelper.NewMetrics(ctx, set, config, next, metrics.process, mutates)
}
