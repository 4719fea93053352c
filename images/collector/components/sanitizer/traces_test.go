package sanitizer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// passed is a span after the processor.
func passed(t *testing.T, change func(ptrace.Span)) ptrace.Span {
	t.Helper()
	data := ptrace.NewTraces()
	span := data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	change(span)
	if _, err := (&traces{made(t, "traces")}).process(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	return span
}

func TestATraceStateKeepsItsGoodMembers(t *testing.T) {
	for given, kept := range map[string]string{
		"":                                       "",
		"vendor=1,atlas=important":               "vendor=1,atlas=important",
		"no state":                               "",
		"=":                                      "",
		",":                                      "",
		"a=1, b=2 ,c":                            "a=1,b=2",
		"ключ=1,b=2":                             "b=2",
		"A=1,b=2":                                "b=2",
		"t1@sys=x,@sys=x,t@=x":                   "t1@sys=x",
		"ot=th:8,b=1":                            "ot=th:8,b=1",
		"ot=th:zz,b=1":                           "b=1",
		"ot=th:8,ot=zz,b=1":                      "b=1",
		"ключ=1,ot=th:8":                         "",
		"b=1, ot=th:8":                           "b=1,ot=th:8",
		"ot=rv:12,b=1":                           "b=1",
		"ot=rv:0123456789abcd;th:0":              "ot=rv:0123456789abcd;th:0",
		strings.Repeat("x", 2000):                "",
		"a=" + strings.Repeat("v", 300) + ",b=1": "b=1",
	} {
		span := passed(t, func(span ptrace.Span) {
			span.TraceState().FromRaw(given)
			span.Links().AppendEmpty().TraceState().FromRaw(given)
		})
		if span.TraceState().AsRaw() != kept || span.Links().At(0).TraceState().AsRaw() != kept {
			t.Errorf("%q becomes %q", given, span.TraceState().AsRaw())
		}
		if _, cut := span.Attributes().Get(markCut); cut != (given != kept) {
			t.Errorf("%q: %v", given, span.Attributes().AsRaw())
		}
	}
	if kept := goodState(strings.Repeat("a=1,", 40)); kept != "a=1" {
		t.Error(kept)
	}
	many := ""
	for number := range 60 {
		many += fmt.Sprintf(",k%d=1", number)
	}
	if kept := goodState(many[1:]); strings.Count(kept, "=1") != maxMembers {
		t.Error(kept)
	}
}

func TestImportantSpansAreMarked(t *testing.T) {
	for name, each := range map[string]struct {
		attributes map[string]any
		state      string
		failed     bool
		lasts      time.Duration
		kept       bool
	}{
		"ordinary":                        {nil, "", false, time.Millisecond, false},
		"asking to be kept":               {map[string]any{priority: 1}, "", false, time.Millisecond, false},
		"failed":                          {nil, "", true, time.Millisecond, true},
		"answered with 500":               {map[string]any{"http.response.status_code": 500}, "", false, time.Millisecond, true},
		"answered with 404, the old name": {map[string]any{"http.status_code": 404}, "", false, time.Millisecond, true},
		"answered with 302":               {map[string]any{"http.response.status_code": 302}, "", false, time.Millisecond, false},
		"slow":                            {map[string]any{"http.route": "/api/orders"}, "", false, 201 * time.Millisecond, true},
		"slow without a route":            {nil, "", false, 201 * time.Millisecond, true},
		"an event stream":                 {map[string]any{"http.route": "/api/streams/sse"}, "", false, time.Minute, false},
		"marked by its root":              {nil, "vendor=1, atlas=important", false, time.Millisecond, true},
		"marked otherwise":                {nil, "vendor=1,atlas=unimportant", false, time.Millisecond, false},
		"marked by itself":                {map[string]any{"sampling.important": true}, "", false, time.Millisecond, true},
		"marked by itself in words":       {map[string]any{"sampling.important": "true"}, "", false, time.Millisecond, false},
	} {
		span := passed(t, func(span ptrace.Span) {
			put(t, span.Attributes(), each.attributes)
			span.TraceState().FromRaw(each.state)
			span.SetStartTimestamp(span.EndTimestamp() - pcommon.Timestamp(each.lasts))
			if each.failed {
				span.Status().SetCode(ptrace.StatusCodeError)
			}
		})
		if _, kept := span.Attributes().Get(priority); kept != each.kept {
			t.Errorf("%s: %v", name, span.Attributes().AsRaw())
		}
	}
}

func TestASpanHasTimesAndIDs(t *testing.T) {
	now := uint64(time.Now().UnixNano())
	for name, each := range map[string][2]uint64{
		"no time":                {0, 0},
		"no start":               {0, now},
		"no end":                 {now, 0},
		"ended before it began":  {now, now - 5e9},
		"the end of time":        {1<<64 - 1, 1<<64 - 1},
		"beyond what has a sign": {1<<63 + 5, 1<<63 + 9},
	} {
		span := passed(t, func(span ptrace.Span) {
			span.SetStartTimestamp(pcommon.Timestamp(each[0]))
			span.SetEndTimestamp(pcommon.Timestamp(each[1]))
			span.SetTraceID(pcommon.TraceID{})
			span.SetSpanID(pcommon.SpanID{})
		})
		if span.StartTimestamp() > span.EndTimestamp() || time.Since(span.StartTimestamp().AsTime()).Abs() > time.Minute {
			t.Errorf("%s: %s to %s", name, span.StartTimestamp(), span.EndTimestamp())
		}
		if _, told := span.Attributes().Get(markTime); !told {
			t.Errorf("%s: nothing says so", name)
		}
		if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
			t.Errorf("%s: no ids", name)
		}
	}
}

func TestASpanOfEveryExcessIsCut(t *testing.T) {
	span := passed(t, func(span ptrace.Span) {
		span.SetName(strings.Repeat("é", 1000))
		span.Status().SetMessage(strings.Repeat("é", 10_000))
		for number := range 500 {
			span.Attributes().PutStr(fmt.Sprint("key", number), strings.Repeat("x", 20_000))
			event := span.Events().AppendEmpty()
			event.SetName(strings.Repeat("n", 1000))
			event.Attributes().PutStr("", strings.Repeat("x", 20_000))
			span.Links().AppendEmpty().Attributes().PutStr("中文", strings.Repeat("x", 20_000))
		}
		span.Attributes().PutStr("http.route", "/api/orders")
		span.Attributes().PutInt("http.status_code", 503)
	})
	marshaler := ptrace.ProtoMarshaler{}
	data := ptrace.NewTraces()
	span.CopyTo(data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	if size := marshaler.TracesSize(data); size > 4<<20 {
		t.Errorf("%d bytes", size)
	}
	expect(t, span.Attributes(), map[string]any{"http.route": "/api/orders", "http.response.status_code": 503, markCut: true})
	if span.Events().Len() != maxEvents || span.DroppedEventsCount() != 500-maxEvents {
		t.Errorf("%d events", span.Events().Len())
	}
	if span.Links().Len() != maxLinks || span.DroppedLinksCount() != 500-maxLinks {
		t.Errorf("%d links", span.Links().Len())
	}
	if len(span.Name()) > maxSpanName || len(span.Status().Message()) > maxStatus || len(span.Events().At(0).Name()) > maxEventName {
		t.Error("a text is too long")
	}
	if _, kept := span.Events().At(0).Attributes().Get("name_empty"); !kept {
		t.Error(span.Events().At(0).Attributes().AsRaw())
	}
}

func BenchmarkTraces(b *testing.B) {
	data := ptrace.NewTraces()
	spans := data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 100 {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{1})
		span.SetName("POST /api/orders")
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		for _, name := range []string{"http.request.method", "http.route", "url.scheme", "server.address", "user_agent.original", "network.protocol.version", "order_id", "user_id"} {
			span.Attributes().PutStr(name, "POST /api/orders of it")
		}
	}
	traces := &traces{made(b, "traces")}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = traces.process(b.Context(), data)
	}
}
