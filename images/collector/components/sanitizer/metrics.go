package sanitizer

import (
	"context"
	"hash/maphash"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"atlas/images/collector/components/masking"
)

const (
	maxResourceAttributes = 64
	maxPointAttributes    = 32
	maxScopeAttributes    = 8
	maxExemplars          = 32
	maxExemplarAttributes = 8
	maxLabelValue         = 1024
	maxDescription        = 1024

	// agentMark is what k8s_attributes says of a node agent, workloadMark of a pod of the platform: by the connection alone.
	agentMark    = "atlas.agent"
	workloadMark = "atlas.workload"

	gatewayAttribute = "collector.instance.id"
)

// metrics lets through what Prometheus takes. It refuses a whole request for one bad point, and the requests of all senders are sent
// together.
type metrics struct {
	config  MetricsConfig
	masker  *masking.Masker
	labels  *labelNames
	names   *metricNames
	senders *senders
	// always are the resource attributes that are kept when there are too many.
	always map[string]bool
	now    func() time.Time
}

func newMetricsPass(config MetricsConfig, masker *masking.Masker, telemetry component.TelemetrySettings) (*metrics, error) {
	senders, err := newSenders(telemetry, config.DeltaBytes)
	if err != nil {
		return nil, err
	}
	names, err := newMetricNames(config)
	if err != nil {
		return nil, err
	}
	pass := &metrics{
		config:  config,
		masker:  masker,
		labels:  newLabelNames(append([]string{gatewayAttribute}, config.ResourceLabels...)),
		names:   names,
		senders: senders,
		always:  map[string]bool{"service.instance.id": true},
		now:     time.Now,
	}
	for _, attribute := range config.ResourceLabels {
		pass.always[attribute] = true
	}
	return pass, nil
}

func (pass *metrics) process(ctx context.Context, data pmetric.Metrics) (pmetric.Metrics, error) {
	now := pass.now()
	data.ResourceMetrics().RemoveIf(func(group pmetric.ResourceMetrics) bool {
		attributes := group.Resource().Attributes()
		_, ofAgent := attributes.Get(agentMark)
		pass.resource(attributes)
		batch := batch{
			metrics:  pass,
			ofAgent:  ofAgent,
			ctx:      ctx,
			resource: attributes,
			sender:   Sender(attributes),
			now:      pcommon.NewTimestampFromTime(now),
			oldest:   pcommon.NewTimestampFromTime(now.Add(-pass.config.MaxAge)),
			newest:   pcommon.NewTimestampFromTime(now.Add(pass.config.MaxAhead)),
		}
		group.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			pass.scope(scope.Scope())
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool { return !batch.metric(metric) })
			return scope.Metrics().Len() == 0
		})
		return group.ScopeMetrics().Len() == 0
	})
	if data.ResourceMetrics().Len() == 0 {
		return data, processorhelper.ErrSkipProcessingData
	}
	return data, nil
}

func (pass *metrics) resource(attributes pcommon.Map) {
	attributes.Remove(agentMark)
	attributes.Remove(workloadMark)
	if attributes.Len() > maxResourceAttributes {
		left := maxResourceAttributes - len(pass.always)
		attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
			if pass.always[key] {
				return false
			}
			left--
			return left < 0
		})
	}
	pass.attributes(attributes, readableLabel)
}

func (pass *metrics) scope(scope pcommon.InstrumentationScope) {
	attributes := scope.Attributes()
	if attributes.Len() > maxScopeAttributes {
		left := maxScopeAttributes
		attributes.RemoveIf(func(string, pcommon.Value) bool { left--; return left < 0 })
	}
	if attributes.Len() > 0 {
		pass.attributes(attributes, readableLabel)
	}
	if name := scope.Name(); len(name) > maxLabelValue || !utf8.ValidString(name) {
		scope.SetName(shortText(name, maxLabelValue))
	}
	if version := scope.Version(); len(version) > maxLabelValue || !utf8.ValidString(version) {
		scope.SetVersion(shortText(version, maxLabelValue))
	}
}

// attributes masks, cuts and renames.
func (pass *metrics) attributes(attributes pcommon.Map, name func(string) string) {
	pass.masker.Attributes(attributes)
	renamed := 0
	for key, value := range attributes.All() {
		bounded(value)
		if name(key) != key {
			renamed++
		}
	}
	if renamed == 0 {
		return
	}
	// A map has no way to rename: what is left is written again, and what was renamed after it, under the first name that is free.
	all := pcommon.NewMap()
	attributes.MoveTo(all)
	attributes.EnsureCapacity(all.Len())
	for key, value := range all.All() {
		if name(key) == key {
			value.MoveTo(attributes.PutEmpty(key))
		}
	}
	for key, value := range all.All() {
		to := name(key)
		if to == key {
			continue
		}
		for _, taken := attributes.Get(to); taken; _, taken = attributes.Get(to) {
			to += "_2"
		}
		value.MoveTo(attributes.PutEmpty(to))
	}
}

func readableLabel(name string) string {
	// Nearly all names begin with a letter.
	if len(name) > 0 && len(name) <= maxLabelName && latin(rune(name[0])) && utf8.ValidString(name) {
		return name
	}
	return readable(name, maxLabelName)
}

// bounded makes of a value a text that a label holds.
func bounded(value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if text := value.Str(); len(text) > maxLabelValue || !utf8.ValidString(text) {
			value.SetStr(shortText(text, maxLabelValue))
		}
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		value.SetStr(shortText(value.AsString(), maxLabelValue))
	}
}

func shortText(text string, size int) string {
	return cutText(validText(cutText(text, size)), size)
}

// batch is what came of one resource in one request.
type batch struct {
	*metrics
	ctx                 context.Context
	resource            pcommon.Map
	sender              string
	ofAgent             bool
	now, oldest, newest pcommon.Timestamp
}

// metric tells whether anything of it goes on.
func (batch *batch) metric(metric pmetric.Metric) bool {
	name := batch.names.of(metric)
	if name.reserved || name.ofAgents && !batch.ofAgent {
		batch.drop(reserved, max(1, points(metric)))
		return false
	}
	if name.name != metric.Name() {
		metric.SetName(name.name)
	}
	if name.unit != metric.Unit() {
		metric.SetUnit(name.unit)
	}
	if description := metric.Description(); description != "" {
		if masked, changed := batch.masker.Text(shortText(description, maxDescription)); changed || len(masked) != len(description) {
			metric.SetDescription(masked)
		}
	}
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return numbers.filter(batch, metric, metric.Gauge().DataPoints(), pmetric.AggregationTemporalityCumulative)
	case pmetric.MetricTypeSum:
		return numbers.filter(batch, metric, metric.Sum().DataPoints(), metric.Sum().AggregationTemporality())
	case pmetric.MetricTypeHistogram:
		return histograms.filter(batch, metric, metric.Histogram().DataPoints(), metric.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		histogram := metric.ExponentialHistogram()
		return exponentials.filter(batch, metric, histogram.DataPoints(), histogram.AggregationTemporality())
	case pmetric.MetricTypeSummary:
		return summaries.filter(batch, metric, metric.Summary().DataPoints(), pmetric.AggregationTemporalityCumulative)
	}
	batch.drop(invalid, 1)
	return false
}

func (batch *batch) drop(why reason, points int) {
	batch.senders.drop(batch.ctx, batch.sender, why, points)
}

// filter keeps the points that are good, and tells whether there are any.
func (kind kind[P, S]) filter(batch *batch, metric pmetric.Metric, points S, told pmetric.AggregationTemporality) bool {
	if told != pmetric.AggregationTemporalityCumulative && told != pmetric.AggregationTemporalityDelta {
		// Nobody knows what the numbers mean.
		batch.drop(temporality, max(1, points.Len()))
		return false
	}
	delta := told == pmetric.AggregationTemporalityDelta
	var begun S
	anyBegun := false
	points.RemoveIf(func(point P) bool {
		why := batch.point(point)
		if why == kept {
			why = kind.valid(point, delta)
		}
		if exemplars, ok := any(point).(interface{ Exemplars() pmetric.ExemplarSlice }); ok && why == kept {
			batch.exemplars(exemplars.Exemplars(), point.Timestamp(), delta)
		}
		if why == kept && delta {
			var begins bool
			if begins, why = batch.delta(metric, point); begins {
				if !anyBegun {
					begun, anyBegun = kind.slice(), true
				}
				kind.begin(point, begun.AppendEmpty(), batch.oldest)
			}
		}
		if why != kept {
			batch.drop(why, 1)
		}
		return why != kept
	})
	if anyBegun {
		points.MoveAndAppendTo(begun)
		begun.MoveAndAppendTo(points)
	}
	return points.Len() > 0
}

func (batch *batch) point(point point) reason {
	if point.Attributes().Len() > maxPointAttributes {
		return labels
	}
	switch when := point.Timestamp(); {
	case when == 0:
		point.SetTimestamp(batch.now)
	case when > batch.newest:
		return future
	case when < batch.oldest:
		return old
	}
	if point.StartTimestamp() > point.Timestamp() {
		point.SetStartTimestamp(0)
	}
	name := batch.labels.of
	if batch.ofAgent {
		// It names the parts of a pod in its points.
		name = readableLabel
	}
	batch.attributes(point.Attributes(), name)
	return kept
}

// exemplars are an addition: what is wrong with them is left out without a word.
func (batch *batch) exemplars(exemplars pmetric.ExemplarSlice, when pcommon.Timestamp, delta bool) {
	if exemplars.Len() == 0 {
		return
	}
	left := maxExemplars
	exemplars.RemoveIf(func(exemplar pmetric.Exemplar) bool {
		if exemplar.Timestamp() == 0 {
			exemplar.SetTimestamp(when)
		}
		left--
		// What adds deltas up repeats the first exemplars for ever.
		if delta || left < 0 || exemplar.ValueType() == pmetric.ExemplarValueTypeEmpty ||
			exemplar.Timestamp() < batch.oldest || exemplar.Timestamp() > batch.newest {
			return true
		}
		if attributes := exemplar.FilteredAttributes(); attributes.Len() > maxExemplarAttributes {
			attributes.Clear()
		} else if attributes.Len() > 0 {
			batch.attributes(attributes, readableLabel)
		}
		return false
	})
}

// delta marks a point with the gateway that adds it up. Each gets but a part of a sender's points, so each has a series of its own. It
// tells whether the series begins with this point.
func (batch *batch) delta(metric pmetric.Metric, point point) (bool, reason) {
	var hash maphash.Hash
	hash.SetSeed(batch.senders.seed)
	size := 16 * parts(point)
	for _, attributes := range []pcommon.Map{batch.resource, point.Attributes()} {
		for key, value := range attributes.All() {
			text := value.AsString()
			hash.WriteString(key)
			hash.WriteByte(0)
			hash.WriteString(text)
			hash.WriteByte(0)
			size += len(key) + len(text)
		}
	}
	hash.WriteString(metric.Name())
	begins, why := batch.senders.stream(batch.sender, hash.Sum64(), size, batch.now.AsTime(), point.StartTimestamp(), point.Timestamp())
	if why == kept && batch.config.Gateway != "" {
		point.Attributes().PutStr(gatewayAttribute, batch.config.Gateway)
	}
	return begins, why
}

// parts is how many buckets a point has.
func parts(point point) int {
	switch point := point.(type) {
	case pmetric.HistogramDataPoint:
		return point.BucketCounts().Len()
	case pmetric.ExponentialHistogramDataPoint:
		// What is added to it may have any others.
		return 2 * maxDeltaParts
	}
	return 0
}

// points is how many a metric has.
func points(metric pmetric.Metric) int {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return metric.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return metric.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return metric.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return metric.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return metric.Summary().DataPoints().Len()
	}
	return 0
}
