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
	senders bySender[metric.MeasurementOption]
}

// bySender holds something for each sender, up to a bound: further ones have theirs in common.
type bySender[V any] map[string]V

// of is called with the lock held. It tells also under which name the sender is counted.
func (senders bySender[V]) of(name string, begin func(name string) V) (V, string) {
	found, known := senders[name]
	if !known && len(senders) >= maxCounted {
		name = otherSenders
		found, known = senders[name]
	}
	if !known {
		found = begin(name)
		senders[name] = found
	}
	return found, name
}

func newCounts(set component.TelemetrySettings, signal string) (*counts, error) {
	made := &counts{signal: signal, senders: bySender[metric.MeasurementOption]{}}
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
	found, _ := counts.senders.of(sender, func(label string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", counts.signal), attribute.String("sender", label)))
	})
	return found
}

// Sender is whose a resource's telemetry is.
func Sender(resource pcommon.Map) string {
	for _, key := range []string{"service.name", "k8s.pod.name", "k8s.node.name"} {
		if value, ok := resource.Get(key); ok && value.AsString() != "" {
			return cutText(validText(value.AsString()), maxLabelName)
		}
	}
	return "unknown"
}
