package podlogs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/adapter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer/attrs"
)

// batchSize is how much text is handed on at a time.
const batchSize = 256 << 10

type podLogs struct {
	id      component.ID
	logger  *zap.Logger
	config  *Config
	next    consumer.Logs
	report  *receiverhelper.ObsReport
	files   *fileconsumer.Manager
	pieces  pieces
	writers chan *writer
	storage storage.Client
}

func newReceiver(set receiver.Settings, config *Config, next consumer.Logs) (receiver.Logs, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "file", ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	writers := min(runtime.GOMAXPROCS(0), 4)
	r := &podLogs{id: set.ID, logger: set.Logger, config: config, next: next, report: report, writers: make(chan *writer, writers)}
	for range writers {
		r.writers <- newWriter(config.Time)
	}
	r.files, err = config.Build(set.TelemetrySettings, r.emit, fileconsumer.WithSplitFunc(r.pieces.split))
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *podLogs) Start(ctx context.Context, host component.Host) error {
	client, err := adapter.GetStorageClient(ctx, host, r.config.Storage, r.id)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	r.storage = client
	if err := r.takeOver(ctx, host); err != nil {
		r.logger.Warn("Positions of the receiver before cannot be read: files are read from their begin", zap.Error(err))
	}
	return r.files.Start(client)
}

// positions is where the reader of files has its positions, by itself and as an operator of `file_log`.
const (
	positions         = "knownFiles"
	operatorPositions = "file_input.knownFiles"
)

// takeOver goes on where `file_log` was, if that read the node's files before, so that an upgrade does not read all of them again.
func (r *podLogs) takeOver(ctx context.Context, host component.Host) error {
	if own, err := r.storage.Get(ctx, positions); err != nil || own != nil || r.config.Storage == nil {
		return err
	}
	before, err := adapter.GetStorageClient(ctx, host, r.config.Storage, component.MustNewID("file_log"))
	if err != nil {
		return err
	}
	found, err := before.Get(ctx, operatorPositions)
	if err == nil && found != nil {
		err = r.storage.Set(ctx, positions, found)
	}
	return errors.Join(err, before.Close(ctx))
}

func (r *podLogs) Shutdown(ctx context.Context) error {
	if r.storage == nil {
		return nil
	}
	if err := r.files.Stop(); err != nil {
		return err
	}
	return r.storage.Close(ctx)
}

// emit hands pieces of one file on. Where it returns, the reader's position moves behind them.
func (r *podLogs) emit(ctx context.Context, pieces [][]byte, attributes map[string]any, _ int64, _ []int64) error {
	path, _ := attributes[attrs.LogFilePath].(string)
	total := 0
	for _, piece := range pieces {
		total += len(piece)
	}
	defer r.pieces.release(total)
	for len(pieces) > 0 {
		count, size := 0, 0
		for count < len(pieces) && size < batchSize {
			size += len(pieces[count])
			count++
		}
		r.pass(ctx, path, pieces[:count])
		pieces = pieces[count:]
	}
	return nil
}

// pass makes records of pieces and hands them on. Its writer is free when they are taken: however many files wait for a full queue, no
// more batches are in memory than there are writers.
func (r *podLogs) pass(ctx context.Context, path string, pieces [][]byte) {
	writer := <-r.writers
	defer func() { r.writers <- writer }()
	logs := writer.begin(path)
	for _, piece := range pieces {
		writer.piece(piece)
	}
	r.handOn(ctx, logs)
}

// handOn returns when the next component has taken the records, however long that takes.
func (r *podLogs) handOn(ctx context.Context, logs plog.Logs) {
	count := logs.LogRecordCount()
	if count == 0 {
		return
	}
	begun := r.report.StartLogsOp(ctx)
	pause := r.config.Retry.InitialInterval
	for {
		err := r.next.ConsumeLogs(context.WithoutCancel(ctx), logs)
		if err == nil || consumererror.IsPermanent(err) {
			r.report.EndLogsOp(begun, "pod_logs", count, err)
			return
		}
		r.logger.Warn("Records are not taken, trying again", zap.Error(err), zap.Duration("in", pause))
		select {
		case <-ctx.Done():
			r.report.EndLogsOp(begun, "pod_logs", count, err)
			// The reader would move on behind what was not taken: it moves when this returns. Its goroutine ends here instead, as the
			// reader's goroutines may at any time, and the file's position stays where the batch begins.
			runtime.Goexit()
		case <-time.After(pause):
		}
		pause = min(2*pause, r.config.Retry.MaxInterval)
	}
}
