// Package podlogs is a receiver: it reads the log files of a node's containers.
package podlogs

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
)

// Config is the receiver's section in a Collector's configuration.
type Config struct {
	fileconsumer.Config `mapstructure:",squash"`
}

// NewFactory makes the receiver `pod_logs`.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("pod_logs"),
		func() component.Config { return &Config{Config: *fileconsumer.NewConfig()} },
		receiver.WithLogs(newLogs, component.StabilityLevelStable),
	)
}

func newLogs(context.Context, receiver.Settings, component.Config, consumer.Logs) (receiver.Logs, error) {
	return nil, errors.New("not yet")
}
