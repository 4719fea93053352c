package sanitizer

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"atlas/images/collector/components/masking"
)

var arrival = time.Date(2030, 5, 17, 12, 0, 0, 0, time.UTC)

// tried is a pass whose clock stands, with what it counts.
type tried struct {
	*metrics
	t         testing.TB
	telemetry *componenttest.Telemetry
}

func newTried(t testing.TB, change func(*MetricsConfig)) tried {
	t.Helper()
	config := defaultMetricsConfig()
	config.Reserved = "atlas_last_price|atlas_kill_switch|http_requests_total|atlas_lag_seconds_bucket|restarts(_total)?"
	config.ResourceLabels = []string{"service.name", "k8s.pod.name"}
	config.Gateway = "otel-collector-0"
	if change != nil {
		change(&config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = telemetry.Shutdown(context.Background()) })
	pass, err := newMetricsPass(config, masking.New(masking.Settings{}), telemetry.NewTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	pass.now = func() time.Time { return arrival }
	return tried{metrics: pass, t: t, telemetry: telemetry}
}

// dropped is what was counted: "api/future".
func (tried tried) dropped() map[string]int64 {
	found := map[string]int64{}
	counter, err := tried.telemetry.GetMetric("otelcol_processor_sanitize_dropped_data_points")
	if err != nil {
		return found
	}
	for _, point := range counter.Data.(metricdata.Sum[int64]).DataPoints {
		sender, _ := point.Attributes.Value("sender")
		why, _ := point.Attributes.Value("reason")
		found[sender.AsString()+"/"+why.AsString()] = point.Value
	}
	return found
}

func (tried tried) want(dropped map[string]int64) {
	tried.t.Helper()
	if found := tried.dropped(); !maps.Equal(found, dropped) {
		tried.t.Errorf("left out %v, want %v", found, dropped)
	}
}

// from is a metric of a service, and the request that holds it.
func from(service string) (pmetric.Metrics, pmetric.Metric) {
	data := pmetric.NewMetrics()
	group := data.ResourceMetrics().AppendEmpty()
	group.Resource().Attributes().PutStr("service.name", service)
	metric := group.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("orders")
	return data, metric
}

// number is an ordinary point.
func pointOf(points pmetric.NumberDataPointSlice) pmetric.NumberDataPoint {
	point := points.AppendEmpty()
	point.SetIntValue(1)
	point.SetTimestamp(pcommon.NewTimestampFromTime(arrival))
	return point
}

func TestTheTimesThatPrometheusTakesGoOn(t *testing.T) {
	for age, why := range map[time.Duration]string{
		0: "", 90 * time.Minute: "", 90*time.Minute + 1: "old", 24 * time.Hour: "old",
		-5 * time.Minute: "", -5*time.Minute - 1: "future", -100 * 365 * 24 * time.Hour: "future",
	} {
		tried := newTried(t, nil)
		data, metric := from("api")
		pointOf(metric.SetEmptyGauge().DataPoints()).SetTimestamp(pcommon.NewTimestampFromTime(arrival.Add(-age)))
		_, err := tried.process(context.Background(), data)
		if why == "" {
			tried.want(map[string]int64{})
		} else {
			tried.want(map[string]int64{"api/" + why: 1})
		}
		if (err == processorhelper.ErrSkipProcessingData) != (why != "") {
			t.Errorf("%v: %v", age, err)
		}
	}
}

func TestWhoeverIsUnnamedHasAName(t *testing.T) {
	for name, want := range map[string]string{
		"":         "unnamed",
		" ":        "u0020",
		"_":        "u005f",
		"цена":     "u0446_u0435_u043d_u0430",
		"中文":       "u4e2d_u6587",
		"🚀":        "u1f680",
		"цена.btc": "цена.btc",
		"5":        "5",
		"a\xffb":   "a\uFFFDb",
		"\xff":     "ufffd",
		"٣":        "u0663",
		"...................................................................................................................................a": strings.Repeat("u002e_", 21) + "u0",
	} {
		got := readable(name, 128)
		if name != "a"+got && len(name) < 128 && got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
		if len(got) > 128 || !utf8.ValidString(got) || strings.IndexFunc(got, latin) < 0 {
			t.Errorf("%q is %q", name, got)
		}
	}
}

func TestReservedSeriesAreKnownByWhatPrometheusCallsThem(t *testing.T) {
	for _, each := range []struct {
		name, unit string
		kind       func(pmetric.Metric)
		reserved   bool
	}{
		{"atlas.last.price", "", gauge, true},
		{"atlas..last--price", "", gauge, true},
		{" atlas_last_price ", "", gauge, true},
		{"atlas_last", "price", gauge, true},
		{"atlas_last_price", "1", gauge, false},
		{"atlas_last_prices", "", gauge, false},
		{"http.requests", "", counter, true},
		{"http_requests", "", gauge, false},
		{"http_requests_total", "", gauge, true},
		{"atlas.lag", "s", histogram, true},
		{"atlas.lag", "s", gauge, false},
		{"atlas_lag_seconds_bucket", "", gauge, true},
		{"restarts", "", counter, true},
		{"restarts", "", gauge, true},
		{"restarts_of", "", gauge, false},
		{"limit:max", "", gauge, true},
		{"a", "x:y", gauge, false},
		{"ALERTS", "", gauge, true},
		{"ALERTS.FOR.STATE", "", gauge, true},
		{"alerts", "", gauge, false},
		{"up", "", gauge, true},
		{"up", "By", gauge, false},
		{"target.info", "", gauge, true},
		{"scrape.duration", "s", gauge, true},
		{"prometheus.anything", "", counter, true},
		{"traces.span.metrics.calls", "", counter, true},
	} {
		tried := newTried(t, nil)
		data, metric := from("api")
		metric.SetName(each.name)
		metric.SetUnit(each.unit)
		each.kind(metric)
		_, err := tried.process(context.Background(), data)
		if (err != nil) != each.reserved || (tried.dropped()["api/reserved"] == 1) != each.reserved {
			t.Errorf("%q in %q: %v, left out %v", each.name, each.unit, err, tried.dropped())
		}
	}
}

func TestWhatAgentsPushIsTheirsAlone(t *testing.T) {
	for mark, want := range map[string]map[string]int64{"atlas.agent": {}, "atlas.workload": {"api/reserved": 1}, "other": {"api/reserved": 1}} {
		tried := newTried(t, func(config *MetricsConfig) { config.Agents = "system_memory_usage_bytes|k8s_node_a" })
		data, metric := from("api")
		metric.SetName("system.memory.usage")
		metric.SetUnit("By")
		gauge(metric)
		attributes := data.ResourceMetrics().At(0).Resource().Attributes()
		attributes.PutStr(mark, "x")
		// Its points name the parts of a pod.
		point := metric.Gauge().DataPoints().At(0).Attributes()
		point.PutStr("k8s.container.name", "app")
		_, _ = tried.process(context.Background(), data)
		tried.want(want)
		if mark == "atlas.agent" {
			if _, ok := point.Get("k8s.container.name"); !ok || attributes.Len() != 1 {
				t.Errorf("%v of %v", point.AsRaw(), attributes.AsRaw())
			}
		}
	}
}

func gauge(metric pmetric.Metric) { pointOf(metric.SetEmptyGauge().DataPoints()) }

func counter(metric pmetric.Metric) {
	sum := metric.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	pointOf(sum.DataPoints())
}

func delta(metric pmetric.Metric) pmetric.NumberDataPoint {
	sum := metric.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	return pointOf(sum.DataPoints())
}

func histogram(metric pmetric.Metric) {
	histogram := metric.SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	histogram.DataPoints().AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(arrival))
}

func TestAttributesOfAPointDoNotStandForItsResource(t *testing.T) {
	tried := newTried(t, nil)
	data, metric := from("api")
	attributes := pointOf(metric.SetEmptyGauge().DataPoints()).Attributes()
	for _, name := range []string{"job", "instance", "service.name", "service_name", "k8s.pod.name", "__name__", "collector.instance.id", "product"} {
		attributes.PutStr(name, "x")
	}
	if _, err := tried.process(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"product", "exported_job", "exported_instance", "exported_service_name", "exported_service_name_2", "exported_k8s_pod_name",
		"exported_name", "exported_collector_instance_id",
	}
	for _, name := range want {
		if _, ok := attributes.Get(name); !ok {
			t.Errorf("no %s in %v", name, attributes.AsRaw())
		}
	}
	if attributes.Len() != len(want) {
		t.Errorf("%v", attributes.AsRaw())
	}
}

func TestTextsAreCutAndValid(t *testing.T) {
	tried := newTried(t, nil)
	data, metric := from("api")
	group := data.ResourceMetrics().At(0)
	for i := range 500 {
		group.Resource().Attributes().PutStr(fmt.Sprintf("a%d", i), "x")
	}
	group.Resource().Attributes().PutStr("k8s.pod.name", "api-0")
	scope := group.ScopeMetrics().At(0).Scope()
	scope.SetName(strings.Repeat("ж", 5000))
	scope.SetVersion("\xff")
	for i := range 50 {
		scope.Attributes().PutStr(fmt.Sprintf("a%d", i), "x")
	}
	metric.SetName(strings.Repeat("ж", 300) + "a")
	metric.SetUnit(strings.Repeat("x", 500) + "\xff")
	metric.SetDescription(strings.Repeat("\xff", 5000))
	attributes := pointOf(metric.SetEmptyGauge().DataPoints()).Attributes()
	attributes.PutStr("long", strings.Repeat("ж", 5000))
	attributes.PutStr("broken", "a\xffb")
	attributes.PutStr(strings.Repeat("x", 500), "x")
	nested := attributes.PutEmptyMap("nested")
	for i := range 1000 {
		nested.PutStr(fmt.Sprintf("key%d", i), "x")
	}
	attributes.PutEmptyBytes("bytes").FromRaw(make([]byte, 5000))
	if _, err := tried.process(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	if _, ok := group.Resource().Attributes().Get("k8s.pod.name"); !ok || group.Resource().Attributes().Len() > maxResourceAttributes {
		t.Errorf("%d resource attributes, or no pod", group.Resource().Attributes().Len())
	}
	if scope.Attributes().Len() > maxScopeAttributes {
		t.Errorf("%d scope attributes", scope.Attributes().Len())
	}
	texts := []string{scope.Name(), scope.Version(), metric.Name(), metric.Unit(), metric.Description()}
	for key, value := range attributes.All() {
		if value.Type() != pcommon.ValueTypeStr || len(key) > maxLabelName {
			t.Errorf("%s is %s", key, value.Type())
		}
		texts = append(texts, key, value.Str())
	}
	for _, text := range texts {
		if len(text) > maxLabelValue || !utf8.ValidString(text) {
			t.Errorf("%d bytes: %.40q", len(text), text)
		}
	}
	if attributes.Len() != 5 {
		t.Errorf("%d attributes", attributes.Len())
	}
}

func TestExemplarsThatPrometheusRefusesAreLeftOut(t *testing.T) {
	tried := newTried(t, nil)
	data, metric := from("api")
	counter(metric)
	exemplars := metric.Sum().DataPoints().At(0).Exemplars()
	exemplars.AppendEmpty()
	exemplars.AppendEmpty().SetTimestamp(1)
	for range 100 {
		exemplars.AppendEmpty().SetIntValue(1)
	}
	if _, err := tried.process(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	if exemplars.Len() != maxExemplars-2 {
		t.Errorf("%d exemplars", exemplars.Len())
	}
	for _, exemplar := range exemplars.All() {
		if exemplar.Timestamp() != pcommon.NewTimestampFromTime(arrival) {
			t.Errorf("an exemplar of %s", exemplar.Timestamp())
		}
	}
	tried.want(map[string]int64{})
}

func TestDeltasCarryTheGatewayThatAddsThemUp(t *testing.T) {
	tried := newTried(t, nil)
	for step, want := range []string{"", "api/order", "api/order", ""} {
		data, metric := from("api")
		point := delta(metric)
		switch step {
		case 0:
			point.SetStartTimestamp(point.Timestamp() - 100)
		case 1:
			// The same time again.
			point.SetStartTimestamp(point.Timestamp() - 100)
		case 2:
			point.SetStartTimestamp(point.Timestamp() - 200)
			point.SetTimestamp(point.Timestamp() + 5)
		case 3:
			point.SetStartTimestamp(point.Timestamp())
			point.SetTimestamp(point.Timestamp() + 10)
		}
		before := tried.dropped()[want]
		_, err := tried.process(context.Background(), data)
		if (err != nil) != (want != "") || want != "" && tried.dropped()[want] != before+1 {
			t.Errorf("point %d: %v, left out %v", step, err, tried.dropped())
		}
		if want != "" {
			continue
		}
		if name, ok := point.Attributes().Get("collector.instance.id"); !ok || name.Str() != "otel-collector-0" {
			t.Errorf("point %d: %v", step, point.Attributes().AsRaw())
		}
	}
}

func TestASeriesOfDeltasBeginsWithNothing(t *testing.T) {
	second := pcommon.Timestamp(time.Second)
	at := pcommon.NewTimestampFromTime(arrival)
	for name, each := range map[string]struct{ start, want pcommon.Timestamp }{
		"with a start":           {at - 60*second, at - 60*second + 1e6},
		"without one":            {0, at - 1e6},
		"with one long ago":      {at - 86400*second, at - 1e6},
		"at its start":           {at, at - 1e6},
		"just after its start":   {at - 1, at - 1e6},
		"with one in the future": {at + second, at - 1e6},
	} {
		tried := newTried(t, nil)
		data, metric := from("api")
		point := delta(metric)
		point.SetStartTimestamp(each.start)
		point.Attributes().PutStr("side", "buy")
		other := pointOf(metric.Sum().DataPoints())
		other.SetDoubleValue(2)
		if _, err := tried.process(context.Background(), data); err != nil {
			t.Fatal(err)
		}
		points := metric.Sum().DataPoints()
		if points.Len() != 4 || points.At(0).IntValue() != 0 || points.At(2).IntValue() != 1 || points.At(3).DoubleValue() != 2 {
			t.Fatalf("%s: %d points", name, points.Len())
		}
		if points.At(0).Timestamp() != each.want || !maps.Equal(points.At(0).Attributes().AsRaw(), points.At(2).Attributes().AsRaw()) {
			t.Errorf("%s: at %s, %v", name, points.At(0).Timestamp(), points.At(0).Attributes().AsRaw())
		}
		again, metric := from("api")
		point = delta(metric)
		point.SetTimestamp(at + 60*second)
		point.SetStartTimestamp(at)
		point.Attributes().PutStr("side", "buy")
		if _, err := tried.process(context.Background(), again); err != nil || metric.Sum().DataPoints().Len() != 1 {
			t.Errorf("%s: %v, %d points", name, err, metric.Sum().DataPoints().Len())
		}
	}
}

func TestOneSendersStreamsOfDeltasAreBounded(t *testing.T) {
	tried := newTried(t, func(config *MetricsConfig) { config.DeltaBytes = 10 * (streamSize + 50) })
	now := arrival
	tried.now = func() time.Time { return now }
	send := func(service string, first int) {
		for i := range 15 {
			data, metric := from(service)
			point := delta(metric)
			point.SetTimestamp(pcommon.NewTimestampFromTime(now))
			point.Attributes().PutInt("n", int64(first+i))
			_, _ = tried.process(context.Background(), data)
		}
	}
	send("greedy", 0)
	send("api", 0)
	tried.want(map[string]int64{"greedy/streams": 5, "api/streams": 5})
	// What is gone makes room.
	now = now.Add(10 * time.Minute)
	send("greedy", 100)
	tried.want(map[string]int64{"greedy/streams": 10, "api/streams": 5})
}

func TestSendersThatAreTooManyAreCountedTogether(t *testing.T) {
	tried := newTried(t, nil)
	for i := range maxCounted + 50 {
		data, metric := from(fmt.Sprintf("service-%d", i))
		metric.SetName("up")
		gauge(metric)
		_, _ = tried.process(context.Background(), data)
	}
	found := tried.dropped()
	if len(found) != maxCounted+1 || found[otherSenders+"/reserved"] != 50 {
		t.Errorf("%d senders, %d others", len(found), found[otherSenders+"/reserved"])
	}
}

func TestNamesThatAreMadeUpAreNotRememberedForEver(t *testing.T) {
	tried := newTried(t, nil)
	for i := range maxKnownLabels + 100 {
		tried.labels.of(fmt.Sprintf("name-%d", i))
	}
	if found := len(*tried.labels.known.settled.Load()) + len(tried.labels.known.fresh); found > maxKnownLabels {
		t.Errorf("%d names", found)
	}
	if name := tried.labels.of("job"); name != "exported_job" {
		t.Errorf("job is %s", name)
	}
}

func TestExponentialHistogramsThatPrometheusTakesGoOn(t *testing.T) {
	for name, each := range map[string]struct {
		change func(pmetric.ExponentialHistogramDataPoint)
		why    reason
	}{
		"one that is far from fine": {
			func(point pmetric.ExponentialHistogramDataPoint) { point.SetScale(9); point.Positive().SetOffset(-3) }, kept,
		},
		"an ordinary one":  {func(pmetric.ExponentialHistogramDataPoint) {}, kept},
		"the finest scale": {func(point pmetric.ExponentialHistogramDataPoint) { point.SetScale(20) }, kept},
		"the coarsest":     {func(point pmetric.ExponentialHistogramDataPoint) { point.SetScale(-4) }, kept},
		"coarser":          {func(point pmetric.ExponentialHistogramDataPoint) { point.SetScale(-5) }, scale},
		"the smallest number": {
			func(point pmetric.ExponentialHistogramDataPoint) { point.Positive().SetOffset(-1074 * 8) }, kept,
		},
		"below it": {func(point pmetric.ExponentialHistogramDataPoint) { point.Positive().SetOffset(-1101 * 8) }, invalid},
		"above the largest": {
			func(point pmetric.ExponentialHistogramDataPoint) { point.Negative().SetOffset(1100 * 8) }, invalid,
		},
		"a count too many": {func(point pmetric.ExponentialHistogramDataPoint) { point.SetCount(7) }, invalid},
		"what is not a number is in no bucket": {
			func(point pmetric.ExponentialHistogramDataPoint) { point.SetCount(7); point.SetSum(math.NaN()) }, kept,
		},
		"nothing recorded": {
			func(point pmetric.ExponentialHistogramDataPoint) {
				point.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
			}, kept,
		},
	} {
		point := pmetric.NewExponentialHistogramDataPoint()
		point.SetScale(3)
		point.SetZeroCount(1)
		point.Positive().BucketCounts().FromRaw([]uint64{2, 0, 2})
		point.Negative().BucketCounts().FromRaw([]uint64{1})
		point.SetCount(6)
		each.change(point)
		if why := validExponential(point, false); why != each.why {
			t.Errorf("%s: %q, want %q", name, why, each.why)
		}
	}
}

func TestBucketsAreJoinedAsPrometheusDoes(t *testing.T) {
	for name, each := range map[string]struct {
		scale, offset int32
		counts        []uint64
		wantScale     int32
		wantOffset    int32
		want          []uint64
	}{
		"coarse enough": {5, -3, []uint64{1, 2, 3}, 5, -3, []uint64{1, 2, 3}},
		"one finer":     {6, -3, []uint64{1, 2, 3, 4}, 5, -2, []uint64{1, 5, 4}},
		"two finer":     {7, 5, []uint64{1, 2, 3, 4}, 5, 1, []uint64{6, 4}},
		"much finer":    {20, -7, []uint64{1, 2}, 5, -1, []uint64{3}},
		"empty ends":    {5, 10, []uint64{0, 0, 7, 0}, 5, 12, []uint64{7}},
		"all empty":     {20, 1 << 29, []uint64{0, 0}, 5, 0, nil},
		"far and empty": {20, 1 << 29, nil, 5, 0, nil},
		"too many":      {5, 0, slices.Repeat([]uint64{1}, 400), 3, 0, slices.Repeat([]uint64{4}, 100)},
	} {
		point := pmetric.NewExponentialHistogramDataPoint()
		point.SetScale(each.scale)
		point.Positive().SetOffset(each.offset)
		point.Positive().BucketCounts().FromRaw(each.counts)
		coarser(point, maxDeltaScale, maxDeltaParts)
		side := point.Positive()
		if point.Scale() != each.wantScale || side.Offset() != each.wantOffset || !slices.Equal(side.BucketCounts().AsRaw(), each.want) {
			t.Errorf("%s: scale %d, offset %d, %v", name, point.Scale(), side.Offset(), side.BucketCounts().AsRaw())
		}
	}
}

func BenchmarkMetrics(b *testing.B) {
	tried := newTried(b, nil)
	data, metric := from("api")
	points := metric.SetEmptyGauge().DataPoints()
	for i := range 100 {
		attributes := pointOf(points).Attributes()
		attributes.PutStr("order", fmt.Sprintf("order %d of api", i))
		attributes.PutStr("product", "BTC-USD")
		attributes.PutStr("side", "buy")
	}
	for b.Loop() {
		again := pmetric.NewMetrics()
		data.CopyTo(again)
		if _, err := tried.process(context.Background(), again); err != nil {
			b.Fatal(err)
		}
	}
}
