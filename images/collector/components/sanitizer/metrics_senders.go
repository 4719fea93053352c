package sanitizer

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	// staleStream is when a stream of deltas counts as gone: deltatocumulative's own default.
	staleStream = 5 * time.Minute
	// streamSize is what is kept of a stream besides its attributes and buckets.
	streamSize = 1024
	allSenders = 16
)

// Dropped counts by sender what is left out on its way to Prometheus.
type Dropped struct{ senders *senders }

// NewDropped makes the counter that the processor uses too.
func NewDropped(telemetry component.TelemetrySettings) (*Dropped, error) {
	senders, err := newSenders(telemetry, 0)
	return &Dropped{senders}, err
}

// Refused counts points of a resource's sender that Prometheus has refused.
func (dropped *Dropped) Refused(ctx context.Context, resource pcommon.Map, points int) {
	dropped.senders.drop(ctx, Sender(resource), refused, points)
}

// reason says why a data point is left out.
type reason string

const (
	kept        reason = ""
	reserved    reason = "reserved"
	temporality reason = "temporality"
	future      reason = "future"
	old         reason = "old"
	invalid     reason = "invalid"
	scale       reason = "scale"
	tooLarge    reason = "size"
	labels      reason = "labels"
	streams     reason = "streams"
	order       reason = "order"
	refused     reason = "refused"
)

// senders counts what was left out, and of whom, and holds each sender to its streams of deltas.
type senders struct {
	dropped metric.Int64Counter
	// limit is of one sender, in bytes; all together may have allSenders times as much.
	limit int
	used  int
	seed  maphash.Seed

	mutex sync.Mutex
	known bySender[*sender]
	swept time.Time
}

type sender struct {
	options map[reason]metric.MeasurementOption
	streams map[uint64]deltaStream
	used    int
}

// deltaStream is a series of deltas: when it was last seen, and the times of its points.
type deltaStream struct {
	seen        time.Time
	start, last pcommon.Timestamp
	size        int
}

func newSenders(telemetry component.TelemetrySettings, limit int) (*senders, error) {
	dropped, err := telemetry.MeterProvider.Meter(telemetryScope).Int64Counter(
		"otelcol_processor_sanitize_dropped_data_points",
		metric.WithDescription("Data points that Prometheus would refuse or that are not their sender's to push, by sender and reason."),
		metric.WithUnit("{datapoints}"),
	)
	if err != nil {
		return nil, err
	}
	return &senders{dropped: dropped, limit: limit, seed: maphash.MakeSeed(), known: bySender[*sender]{}}, nil
}

func (senders *senders) drop(ctx context.Context, name string, why reason, points int) {
	senders.mutex.Lock()
	known, name := senders.of(name)
	option, ok := known.options[why]
	if !ok {
		option = metric.WithAttributeSet(attribute.NewSet(attribute.String("sender", name), attribute.String("reason", string(why))))
		known.options[why] = option
	}
	senders.mutex.Unlock()
	senders.dropped.Add(ctx, int64(points), option)
}

// stream tells whether a point of this stream of deltas can be added up: in its order, and within the sender's bound. The size is that of
// the point, in bytes. It also tells whether the stream begins with it.
func (senders *senders) stream(name string, id uint64, size int, now time.Time, start, when pcommon.Timestamp) (bool, reason) {
	senders.mutex.Lock()
	defer senders.mutex.Unlock()
	known, _ := senders.of(name)
	found, ok := known.streams[id]
	if !ok {
		size += streamSize
		if !senders.room(known, size) {
			senders.sweep(now)
			if !senders.room(known, size) {
				return false, streams
			}
		}
		known.streams[id] = deltaStream{seen: now, start: start, last: when, size: size}
		known.used += size
		senders.used += size
		return true, kept
	}
	if start < found.start || when <= found.last {
		return false, order
	}
	found.seen, found.last = now, when
	known.streams[id] = found
	return false, kept
}

func (senders *senders) room(known *sender, size int) bool {
	return known.used+size <= senders.limit && senders.used+size <= allSenders*senders.limit
}

// sweep forgets the streams that are gone, at most once a minute.
func (senders *senders) sweep(now time.Time) {
	if now.Sub(senders.swept) < time.Minute {
		return
	}
	senders.swept = now
	for _, sender := range senders.known {
		for id, stream := range sender.streams {
			if now.Sub(stream.seen) > staleStream {
				delete(sender.streams, id)
				sender.used -= stream.size
				senders.used -= stream.size
			}
		}
	}
}

// of is called with the lock held.
func (senders *senders) of(name string) (*sender, string) {
	return senders.known.of(name, func(string) *sender {
		return &sender{options: map[reason]metric.MeasurementOption{}, streams: map[uint64]deltaStream{}}
	})
}
