package refusals

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.uber.org/zap"

	"atlas/images/collector/components/sanitizer"
)

const (
	// maxRequests is how often is asked for one sender which of its points are refused. What is still refused then is left out.
	maxRequests = 256
	// maxInARow is how many parts may be refused one after the other before nothing is sought in them: one bad point among a million
	// is found in 20. It begins anew with each part that is stored.
	maxInARow = 24
	// maxTime is for all senders of a request: the exporter gives up after 30 s, and would begin anew.
	maxTime = 15 * time.Second
	// maxMessage is how much of a store's answer is logged.
	maxMessage = 300

	protobuf = "application/x-protobuf"
)

// transport sends again, in parts, what was refused.
type transport struct {
	base    http.RoundTripper
	dropped *sanitizer.Dropped
	logger  *zap.Logger
}

// RoundTrip answers 200 when all is stored that the store takes. Any other answer, such as that the store is down, is the store's own, and
// the whole request may be sent again: what is stored already does no harm.
func (transport *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Header.Get("Content-Type") != protobuf || !strings.HasSuffix(request.URL.Path, "/v1/metrics") {
		return transport.base.RoundTrip(request)
	}
	body, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	if err != nil {
		return nil, err
	}
	response, err := transport.send(request, body)
	if err != nil || !isRefusal(response) {
		return response, err
	}
	data, err := decode(body, request.Header.Get("Content-Encoding"))
	if err != nil {
		transport.logger.Error("A refused request cannot be read", zap.Error(err))
		return response, nil
	}
	transport.log(response)
	attempt := &attempt{transport: transport, request: request, until: time.Now().Add(maxTime)}
	response, err = attempt.senders(bySender(data))
	if err != nil || response != nil {
		return response, err
	}
	return &http.Response{
		Status:     "200 OK",
		StatusCode: http.StatusOK,
		Proto:      request.Proto,
		ProtoMajor: request.ProtoMajor,
		ProtoMinor: request.ProtoMinor,
		Header:     http.Header{"Content-Type": []string{protobuf}},
		Body:       http.NoBody,
		Request:    request,
	}, nil
}

func (transport *transport) send(request *http.Request, body []byte) (*http.Response, error) {
	again := request.Clone(request.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.ContentLength = int64(len(body))
	again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	response, err := transport.base.RoundTrip(again)
	if err != nil || response.StatusCode != http.StatusInternalServerError {
		return response, err
	}
	// Prometheus says 500 also when its disk is full. That is no fault of the request: it waits until the disk is mended.
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxMessage))
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(answer))
	response.ContentLength = int64(len(answer))
	if bytes.Contains(answer, []byte("write to WAL")) {
		response.StatusCode, response.Status = http.StatusServiceUnavailable, "503 Service Unavailable"
	}
	return response, nil
}

// log closes the answer.
func (transport *transport) log(response *http.Response) {
	message, _ := io.ReadAll(io.LimitReader(response.Body, maxMessage))
	_ = response.Body.Close()
	transport.logger.Warn("The store refuses a request: what it refuses in it is left out",
		zap.Int("status", response.StatusCode), zap.ByteString("answer", message))
}

// isRefusal tells whether the store will never take this as it is.
func isRefusal(response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return true
	}
	return false
}

// attempt is the search in one request. Its steps return an answer where the search cannot go on.
type attempt struct {
	*transport
	request *http.Request
	until   time.Time
	// left is how often may still be asked for a sender.
	left int
	// inARow is how many parts of it were refused since one was stored.
	inARow int
}

// senders looks at what is refused together. Senders are told apart first: what is lost of one is never another's.
func (attempt *attempt) senders(refused []pmetric.Metrics) (*http.Response, error) {
	if len(refused) == 0 {
		return nil, nil
	}
	if len(refused) == 1 {
		attempt.left, attempt.inARow = maxRequests, 0
		return attempt.points(refused[0])
	}
	for _, half := range [][]pmetric.Metrics{refused[:len(refused)/2], refused[len(refused)/2:]} {
		isRefused, response, err := attempt.try(half...)
		if isRefused {
			response, err = attempt.senders(half)
		}
		if response != nil || err != nil {
			return response, err
		}
	}
	return nil, nil
}

// points looks at what is refused of one sender.
func (attempt *attempt) points(refused pmetric.Metrics) (*http.Response, error) {
	count := refused.DataPointCount()
	if count <= 1 || attempt.left <= 0 || attempt.inARow >= maxInARow || time.Now().After(attempt.until) {
		attempt.dropped.Refused(attempt.request.Context(), refused.ResourceMetrics().At(0).Resource().Attributes(), count)
		return nil, nil
	}
	for _, half := range halves(refused, count) {
		attempt.left--
		isRefused, response, err := attempt.try(half)
		attempt.inARow++
		if !isRefused {
			attempt.inARow = 0
		} else {
			response, err = attempt.points(half)
		}
		if response != nil || err != nil {
			return response, err
		}
	}
	return nil, nil
}

// try sends these together. It returns an answer only when that is neither that they are stored nor that they are refused.
func (attempt *attempt) try(parts ...pmetric.Metrics) (bool, *http.Response, error) {
	body, err := encode(parts, attempt.request.Header.Get("Content-Encoding"))
	if err != nil {
		return false, nil, err
	}
	response, err := attempt.send(attempt.request, body)
	if err != nil {
		return false, nil, err
	}
	refused := isRefusal(response)
	if refused || response.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
		_ = response.Body.Close()
		return refused, nil, nil
	}
	return false, response, nil
}

// bySender keeps the order of each sender's points.
func bySender(data pmetric.Metrics) []pmetric.Metrics {
	var found []pmetric.Metrics
	at := map[string]int{}
	groups := data.ResourceMetrics()
	for i := range groups.Len() {
		group := groups.At(i)
		attributes := group.Resource().Attributes()
		key := sanitizer.Sender(attributes)
		if pod, ok := attributes.Get("k8s.pod.name"); ok {
			key += "\x00" + pod.AsString()
		}
		index, ok := at[key]
		if !ok {
			index = len(found)
			at[key] = index
			found = append(found, pmetric.NewMetrics())
		}
		group.MoveTo(found[index].ResourceMetrics().AppendEmpty())
	}
	return found
}

// halves splits by points.
func halves(data pmetric.Metrics, count int) []pmetric.Metrics {
	first, second := pmetric.NewMetrics(), pmetric.NewMetrics()
	data.CopyTo(first)
	data.MoveTo(second)
	keep(first, func(i int) bool { return i < count/2 })
	keep(second, func(i int) bool { return i >= count/2 })
	return []pmetric.Metrics{first, second}
}

// keep leaves those points whose number is wanted.
func keep(data pmetric.Metrics, wanted func(int) bool) {
	number := -1
	unwanted := func() bool { number++; return !wanted(number) }
	data.ResourceMetrics().RemoveIf(func(group pmetric.ResourceMetrics) bool {
		group.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
				switch metric.Type() {
				case pmetric.MetricTypeGauge:
					metric.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return unwanted() })
					return metric.Gauge().DataPoints().Len() == 0
				case pmetric.MetricTypeSum:
					metric.Sum().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return unwanted() })
					return metric.Sum().DataPoints().Len() == 0
				case pmetric.MetricTypeHistogram:
					metric.Histogram().DataPoints().RemoveIf(func(pmetric.HistogramDataPoint) bool { return unwanted() })
					return metric.Histogram().DataPoints().Len() == 0
				case pmetric.MetricTypeExponentialHistogram:
					metric.ExponentialHistogram().DataPoints().RemoveIf(func(pmetric.ExponentialHistogramDataPoint) bool { return unwanted() })
					return metric.ExponentialHistogram().DataPoints().Len() == 0
				case pmetric.MetricTypeSummary:
					metric.Summary().DataPoints().RemoveIf(func(pmetric.SummaryDataPoint) bool { return unwanted() })
					return metric.Summary().DataPoints().Len() == 0
				}
				return true
			})
			return scope.Metrics().Len() == 0
		})
		return group.ScopeMetrics().Len() == 0
	})
}

func decode(body []byte, encoding string) (pmetric.Metrics, error) {
	if encoding == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return pmetric.Metrics{}, err
		}
		if body, err = io.ReadAll(reader); err != nil {
			return pmetric.Metrics{}, err
		}
	}
	request := pmetricotlp.NewExportRequest()
	err := request.UnmarshalProto(body)
	return request.Metrics(), err
}

func encode(parts []pmetric.Metrics, encoding string) ([]byte, error) {
	together := pmetric.NewMetrics()
	for _, part := range parts {
		for i := range part.ResourceMetrics().Len() {
			part.ResourceMetrics().At(i).CopyTo(together.ResourceMetrics().AppendEmpty())
		}
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(together).MarshalProto()
	if err != nil || encoding != "gzip" {
		return body, err
	}
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(body); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
