package refusals

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"atlas/images/collector/components/sanitizer"
)

// store refuses a request that has a point with a bad label, as a whole, as Prometheus does.
type store struct {
	t        *testing.T
	stored   []string
	requests int
	// downAt is the request that finds it down.
	downAt int
	answer string
}

func (store *store) RoundTrip(request *http.Request) (*http.Response, error) {
	store.requests++
	body, err := io.ReadAll(request.Body)
	if err != nil {
		store.t.Fatal(err)
	}
	data, err := decode(body, request.Header.Get("Content-Encoding"))
	if err != nil {
		store.t.Fatal(err)
	}
	if store.requests == store.downAt {
		return respond(http.StatusServiceUnavailable, "down"), nil
	}
	var names []string
	for _, group := range data.ResourceMetrics().All() {
		for _, scope := range group.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				if strings.HasPrefix(metric.Name(), "bad") {
					return respond(http.StatusInternalServerError, store.answer), nil
				}
				names = append(names, metric.Name())
			}
		}
	}
	store.stored = append(store.stored, names...)
	return respond(http.StatusOK, ""), nil
}

func respond(status int, text string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}
}

// push sends metrics of these names, each after its sender: "api/good". It returns the status, and what was left out by sender.
func push(t *testing.T, store *store, encoding string, metrics ...string) (int, map[string]int64) {
	t.Helper()
	store.t = t
	telemetry := componenttest.NewTelemetry()
	defer func() { _ = telemetry.Shutdown(context.Background()) }()
	dropped, err := sanitizer.NewDropped(telemetry.NewTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	data := pmetric.NewMetrics()
	for _, each := range metrics {
		sender, name, _ := strings.Cut(each, "/")
		group := data.ResourceMetrics().AppendEmpty()
		group.Resource().Attributes().PutStr("service.name", sender)
		metric := group.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName(name)
		metric.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	}
	body, err := encode([]pmetric.Metrics{data}, encoding)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://prometheus/api/v1/otlp/v1/metrics", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", protobuf)
	request.Header.Set("Content-Encoding", encoding)
	response, err := (&transport{base: store, dropped: dropped, logger: zap.NewNop()}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	left := map[string]int64{}
	if counter, err := telemetry.GetMetric("otelcol_processor_sanitize_dropped_data_points"); err == nil {
		for _, point := range counter.Data.(metricdata.Sum[int64]).DataPoints {
			sender, _ := point.Attributes.Value("sender")
			left[sender.AsString()] += point.Value
		}
	}
	return response.StatusCode, left
}

func names(sender, name string, count int) []string {
	found := make([]string, count)
	for i := range found {
		found[i] = fmt.Sprintf("%s/%s%03d", sender, name, i)
	}
	return found
}

func TestWhatIsRefusedIsLeftOutAlone(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		for where := range 9 {
			store := &store{}
			metrics := append(names("api", "good", 4), names("workers", "good", 4)...)
			status, left := push(t, store, encoding, slices.Insert(metrics, where, "workers/bad")...)
			if status != http.StatusOK || len(store.stored) != 8 || len(left) != 1 || left["workers"] != 1 {
				t.Errorf("at %d: status %d, stored %v, left out %v", where, status, store.stored, left)
			}
		}
	}
}

func TestTheOrderOfASendersPointsStays(t *testing.T) {
	store := &store{}
	push(t, store, "gzip", slices.Insert(names("api", "good", 40), 17, "api/bad")...)
	if len(store.stored) != 40 || !slices.IsSorted(store.stored) {
		t.Errorf("stored %v", store.stored)
	}
}

func TestOneWithMoreBadThanCanBeFoundLosesNothingOfAnother(t *testing.T) {
	store := &store{}
	var mixed []string
	for i := range 2000 {
		mixed = append(mixed, fmt.Sprintf("forger/bad%d", i), fmt.Sprintf("forger/good%d", i))
	}
	mixed = append(names("api", "good", 78), append(mixed, names("workers", "good", 78)...)...)
	status, left := push(t, store, "gzip", mixed...)
	stored := 0
	for _, name := range store.stored {
		if len(name) == len("good000") {
			stored++
		}
	}
	if status != http.StatusOK || left["api"] != 0 || left["workers"] != 0 || left["forger"] < 2000 || stored < 2*78 {
		t.Errorf("status %d, left out %v, stored of the others %d", status, left, stored)
	}
	if store.requests > 2*maxRequests {
		t.Errorf("%d requests", store.requests)
	}
}

func TestWhatIsRefusedAltogetherIsNotSoughtForLong(t *testing.T) {
	// As after a long outage: all of one sender is too old, of another the first half.
	store := &store{}
	metrics := append(names("api", "bad", 5000), append(names("workers", "bad", 2500), names("workers", "good", 2500)...)...)
	status, left := push(t, store, "gzip", metrics...)
	if status != http.StatusOK || len(store.stored) != 2500 || left["api"] != 5000 || left["workers"] != 2500 {
		t.Errorf("status %d, stored %d, left out %v", status, len(store.stored), left)
	}
	if store.requests > 100 {
		t.Errorf("%d requests", store.requests)
	}
}

func TestAStoreThatIsDownMeanwhileIsAskedAgain(t *testing.T) {
	for downAt := 1; downAt <= 4; downAt++ {
		store := &store{downAt: downAt}
		status, left := push(t, store, "gzip", slices.Insert(names("api", "good", 8), 3, "api/bad")...)
		if status != http.StatusServiceUnavailable || len(left) != 0 && downAt < 4 {
			t.Errorf("down at request %d: status %d, left out %v", downAt, status, left)
		}
	}
}

func TestAStoreThatCannotWriteIsAskedAgain(t *testing.T) {
	store := &store{answer: "write to WAL: no space left on device"}
	status, left := push(t, store, "gzip", "api/bad")
	if status != http.StatusServiceUnavailable || len(left) != 0 || store.requests != 1 {
		t.Errorf("status %d, left out %v, %d requests", status, left, store.requests)
	}
}

func TestARequestWithNothingInItEnds(t *testing.T) {
	store := &store{}
	if status, _ := push(t, store, "gzip"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}
