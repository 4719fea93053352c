// Package sanitizer is a processor: what it lets through, every store takes, and it holds no credential.
package sanitizer

import (
	"context"
	"time"

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
		func() component.Config { return &Config{MaxAge: 24 * time.Hour, Metrics: defaultMetricsConfig()} },
		processor.WithLogs(newLogs, component.StabilityLevelStable),
		processor.WithTraces(newTraces, component.StabilityLevelStable),
		processor.WithMetrics(newMetrics, component.StabilityLevelStable),
	)
}

var mutates = processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})

func newLogs(ctx context.Context, set processor.Settings, config component.Config, next consumer.Logs) (processor.Logs, error) {
	sanitizer, err := newSanitizer(set, config.(*Config), "logs")
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, config, next, (&logs{sanitizer}).process, mutates)
}

func newTraces(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	sanitizer, err := newSanitizer(set, config.(*Config), "traces")
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, config, next, (&traces{sanitizer}).process, mutates)
}

func newMetrics(ctx context.Context, set processor.Settings, config component.Config, next consumer.Metrics) (processor.Metrics, error) {
	metrics, err := newMetricsPass(config.(*Config).Metrics, masking.New(config.(*Config).masking()), set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, config, next, metrics.process, mutates)
}
