package sanitizer

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	telemetryScope = "atlas/images/collector/components/sanitizer"
	// maxCounted bounds the series: what further senders do is counted under otherSenders together.
	maxCounted   = 500
	otherSenders = "_other"
)

// tally is what was changed in the records of one resource.
type tally struct{ cut, moved, renamed int64 }

// counts are the processor's own metrics: how many records were changed, by signal and sender.
type counts struct {
	cut, moved, renamed metric.Int64Counter
	signal              string

	mutex   sync.Mutex
	senders map[string]metric.MeasurementOption
}

func newCounts(set component.TelemetrySettings, signal string) (*counts, error) {
	made := &counts{signal: signal, senders: map[string]metric.MeasurementOption{}}
	meter := set.MeterProvider.Meter(telemetryScope)
	for name, counter := range map[string]struct {
		to   *metric.Int64Counter
		says string
	}{
		"otelcol_processor_sanitize_cut":     {&made.cut, "Records of which something was cut, so that every store takes them."},
		"otelcol_processor_sanitize_moved":   {&made.moved, "Records that got the time of their arrival, so that every store takes them."},
		"otelcol_processor_sanitize_renamed": {&made.renamed, "Records of which an attribute got another name, so that every store takes them."},
	} {
		var err error
		if *counter.to, err = meter.Int64Counter(name, metric.WithDescription(counter.says), metric.WithUnit("{record}")); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// add counts what was done to the records of a resource. Most of the time that is nothing.
func (counts *counts) add(ctx context.Context, resource pcommon.Map, done tally) {
	if done == (tally{}) {
		return
	}
	of := counts.of(resource)
	for _, each := range []struct {
		counter metric.Int64Counter
		number  int64
	}{{counts.cut, done.cut}, {counts.moved, done.moved}, {counts.renamed, done.renamed}} {
		if each.number > 0 {
			each.counter.Add(ctx, each.number, of)
		}
	}
}

// of are the labels of a resource's sender.
func (counts *counts) of(resource pcommon.Map) metric.MeasurementOption {
	sender := Sender(resource)
	counts.mutex.Lock()
	defer counts.mutex.Unlock()
	found, known := counts.senders[sender]
	if known {
		return found
	}
	label := sender
	if len(counts.senders) >= maxCounted {
		if found, known = counts.senders[otherSenders]; known {
			return found
		}
		label = otherSenders
	}
	found = metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", counts.signal), attribute.String("sender", label)))
	counts.senders[label] = found
	return found
}
