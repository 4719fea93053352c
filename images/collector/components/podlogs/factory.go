// Package podlogs is a receiver: it reads the log files of a node's containers as their runtimes write them.
//
// A line becomes a record with what the line itself says: the runtime's parts joined, a stack trace whole, the members of a line of JSON
// as attributes, its level, time and trace. Nothing is kept between two reads of a file: what waits for its next line stays unread, and
// the file's position says so. A kill loses nothing that way.
package podlogs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
)

// Config is the receiver's section in a Collector's configuration. What is not here is set as for `file_log`.
type Config struct {
	fileconsumer.Config `mapstructure:",squash"`

	// Storage holds the position in every file.
	Storage *component.ID `mapstructure:"storage"`

	// Time is how far an application's own time of a line may be from the runtime's to be believed.
	Time TimeWindow `mapstructure:"time"`

	// Retry is how long a batch waits that the next component refused. It is never given up.
	Retry RetryConfig `mapstructure:"retry"`
}

// TimeWindow is a stretch around the time at which the runtime took a line.
type TimeWindow struct {
	Before time.Duration `mapstructure:"before"`
	After  time.Duration `mapstructure:"after"`
}

// RetryConfig bounds the pauses between attempts. Each is twice the one before.
type RetryConfig struct {
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
}

// Validate refuses what the receiver cannot work with.
func (config *Config) Validate() error {
	switch {
	case config.Time.Before <= 0 || config.Time.After <= 0:
		return errors.New("time: before and after must be positive")
	case config.Retry.InitialInterval <= 0 || config.Retry.MaxInterval < config.Retry.InitialInterval:
		return errors.New("retry: initial_interval must be positive and no longer than max_interval")
	case config.MaxLogSize < 2*maxHeld:
		return fmt.Errorf("max_log_size: less than %d, which parts and stack traces need", 2*maxHeld)
	case config.Encoding != rawBytes:
		return errors.New("encoding: container runtimes write UTF-8, which the receiver sees to itself")
	case !config.IncludeFilePath:
		return errors.New("include_file_path: the path says whose a line is")
	}
	return nil
}

// rawBytes makes the reader hand on what stands in the file.
const rawBytes = "nop"

// NewFactory makes the receiver `pod_logs`.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("pod_logs"),
		defaultConfig,
		receiver.WithLogs(newLogs, component.StabilityLevelStable),
	)
}

func defaultConfig() component.Config {
	files := fileconsumer.NewConfig()
	files.StartAt = "beginning"
	files.Encoding = rawBytes
	files.IncludeFileName = false
	files.IncludeFilePath = true
	// The buffer of a file at a time: lines are handed on in pieces of about this size.
	files.InitialBufferSize = 8 << 10
	files.FlushPeriod = time.Second
	return &Config{
		Config: *files,
		Time:   TimeWindow{Before: 10 * time.Minute, After: time.Minute},
		Retry:  RetryConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second},
	}
}

func newLogs(_ context.Context, set receiver.Settings, config component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, config.(*Config), next)
}
