package sanitizer

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	maxMetricName = 255
	maxUnit       = 63
	maxLabelName  = 128
	// exported is what Prometheus itself puts before a label of a target that it gives a value of its own.
	exported = "exported_"
	// maxKnownLabels bounds what is remembered of names; senders make them up.
	maxKnownLabels = 8192
)

// readable is a name with which Prometheus can do something: it makes "_" of all but Latin letters and digits, and refuses a name in
// which nothing else is left. Such a name is written with the numbers of its characters: "цена" is "u0446_u0435_u043d_u0430".
func readable(name string, size int) string {
	name = validText(name)
	if at := strings.IndexFunc(name, latin); at >= 0 && at < size {
		return cutText(name, size)
	}
	if name == "" {
		return "unnamed"
	}
	var text strings.Builder
	for i, r := range name {
		if i > 0 {
			text.WriteByte('_')
		}
		code := strconv.FormatInt(int64(r), 16)
		text.WriteByte('u')
		text.WriteString(strings.Repeat("0", max(0, 4-len(code))))
		text.WriteString(code)
		if text.Len() >= size {
			break
		}
	}
	return cutText(text.String(), size)
}

func latin(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// known remembers what was found out about names, up to a bound. What has been there for a while is read without a lock.
type known[K comparable, V any] struct {
	settled atomic.Pointer[map[K]V]

	mutex sync.Mutex
	fresh map[K]V
	// asked is how often the lock was taken since the fresh ones were settled.
	asked int
}

func (known *known[K, V]) get(key K, find func(K) V) V {
	var settled map[K]V
	if found := known.settled.Load(); found != nil {
		settled = *found
		if value, ok := settled[key]; ok {
			return value
		}
	}
	if len(settled) >= maxKnownLabels {
		return find(key)
	}
	known.mutex.Lock()
	defer known.mutex.Unlock()
	value, ok := known.fresh[key]
	if !ok {
		value = find(key)
		if known.fresh == nil {
			known.fresh = map[K]V{}
		}
		known.fresh[key] = value
	}
	// As often as there are names, so that copying them costs no more than asking did.
	if known.asked++; known.asked > len(settled)+len(known.fresh) || len(settled)+len(known.fresh) >= maxKnownLabels {
		all := make(map[K]V, len(settled)+len(known.fresh))
		if found := known.settled.Load(); found != nil {
			maps.Copy(all, *found)
		}
		maps.Copy(all, known.fresh)
		known.settled.Store(&all)
		known.fresh, known.asked = nil, 0
	}
	return value
}

// labelNames says under which name an attribute of a data point goes on.
type labelNames struct {
	namer otlptranslator.LabelNamer
	// taken are the labels that say whose a series is. Prometheus takes a point's own before the resource's.
	taken map[string]bool
	known known[string, string]
}

func newLabelNames(resourceLabels []string) *labelNames {
	// As Prometheus sets it up by default.
	//nolint:staticcheck // The field is deprecated, and still what Prometheus uses.
	namer := otlptranslator.LabelNamer{UnderscoreLabelSanitization: true, PreserveMultipleUnderscores: true}
	names := &labelNames{namer: namer, taken: map[string]bool{}}
	for _, label := range []string{"job", "instance", "namespace", "pod", "node", "environment", "cluster", "replica"} {
		names.taken[label] = true
	}
	for _, attribute := range resourceLabels {
		if label, err := namer.Build(attribute); err == nil {
			names.taken[label] = true
		}
	}
	return names
}

func (names *labelNames) of(attribute string) string { return names.known.get(attribute, names.find) }

func (names *labelNames) find(attribute string) string {
	name := readable(attribute, maxLabelName)
	label, err := names.namer.Build(name)
	if err != nil {
		// Not to be expected of a readable name; then the name is spelled out.
		return "unnamed_" + strconv.Itoa(len(name))
	}
	if strings.HasPrefix(label, "__") {
		// Prometheus' own, such as the name of the series.
		return exported + strings.Trim(label, "_")
	}
	kind, _, _ := strings.Cut(label, "_")
	if names.taken[label] || kind == "service" || kind == "k8s" || kind == "deployment" || kind == "collector" {
		return exported + label
	}
	return strings.Clone(name)
}

// metricKey is all that decides what Prometheus calls the series of a metric.
type metricKey struct {
	name, unit string
	kind       pmetric.MetricType
	monotonic  bool
}

// metricName is what becomes of a metric's name and unit.
type metricName struct {
	name, unit string
	// reserved is nobody's to push, ofAgents a node agent's alone.
	reserved, ofAgents bool
}

type metricNames struct {
	namer    otlptranslator.MetricNamer
	reserved *regexp.Regexp
	agents   *regexp.Regexp
	known    known[metricKey, metricName]
}

func newMetricNames(config MetricsConfig) (*metricNames, error) {
	reserved, err := wholeNames(config.Reserved)
	if err != nil {
		return nil, err
	}
	agents, err := wholeNames(config.Agents)
	if err != nil {
		return nil, err
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	return &metricNames{namer: namer, reserved: reserved, agents: agents}, nil
}

func (names *metricNames) of(metric pmetric.Metric) metricName {
	key := metricKey{name: metric.Name(), unit: metric.Unit(), kind: metric.Type()}
	key.monotonic = key.kind == pmetric.MetricTypeSum && metric.Sum().IsMonotonic()
	return names.known.get(key, names.find)
}

func (names *metricNames) find(key metricKey) metricName {
	name := metricName{name: key.name, unit: cutText(strings.ReplaceAll(strings.ToValidUTF8(key.unit, ""), ":", "_"), maxUnit)}
	// What rules record has a colon: such a name is judged as it is.
	if !strings.Contains(name.name, ":") {
		name.name = readable(name.name, maxMetricName)
	}
	series, err := names.namer.Build(otlptranslator.Metric{Name: name.name, Unit: name.unit, Type: translated(key)})
	if err != nil {
		// Not to be expected of a readable name.
		name.name, name.unit = "unnamed", ""
		return name
	}
	endings := []string{""}
	if key.kind == pmetric.MetricTypeHistogram || key.kind == pmetric.MetricTypeSummary {
		endings = []string{"", "_bucket", "_sum", "_count"}
	}
	for _, ending := range endings {
		name.reserved = name.reserved || names.isReserved(series+ending)
		name.ofAgents = name.ofAgents || names.agents.MatchString(series+ending)
	}
	return name
}

// isReserved tells whether a series is one that is recorded, that Prometheus or the gateway makes itself, or that is scraped and that
// rules read.
func (names *metricNames) isReserved(series string) bool {
	switch series {
	case "up", "target_info", "ALERTS", "ALERTS_FOR_STATE":
		return true
	}
	return strings.Contains(series, ":") ||
		strings.HasPrefix(series, "scrape_") || strings.HasPrefix(series, "prometheus_") ||
		strings.HasPrefix(series, "traces_span_metrics_") ||
		names.reserved.MatchString(series)
}

func translated(key metricKey) otlptranslator.MetricType {
	switch key.kind {
	case pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		if key.monotonic {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case pmetric.MetricTypeHistogram:
		return otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeExponentialHistogram:
		return otlptranslator.MetricTypeExponentialHistogram
	case pmetric.MetricTypeSummary:
		return otlptranslator.MetricTypeSummary
	}
	return otlptranslator.MetricTypeUnknown
}
