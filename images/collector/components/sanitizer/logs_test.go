package sanitizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric/noop"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/processor"
)

const week = 7 * 24 * time.Hour

func made(t testing.TB, signal string) *sanitizer {
	t.Helper()
	set := processor.Settings{TelemetrySettings: component.TelemetrySettings{MeterProvider: noop.NewMeterProvider()}}
	sanitizer, err := newSanitizer(set, &Config{MaxAge: week, Keep: KeepConfig{SlowerThan: 200 * time.Millisecond, UnlessRoute: "/api/streams/"}}, signal)
	if err != nil {
		t.Fatal(err)
	}
	return sanitizer
}

// sent is a record with these attributes after the processor. Further names and values are its resource's.
func sent(t *testing.T, attributes map[string]any, resource map[string]any, change func(plog.LogRecord)) plog.LogRecord {
	t.Helper()
	data := plog.NewLogs()
	group := data.ResourceLogs().AppendEmpty()
	put(t, group.Resource().Attributes(), resource)
	record := group.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.Body().SetStr("order accepted")
	record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	put(t, record.Attributes(), attributes)
	if change != nil {
		change(record)
	}
	logs := &logs{made(t, "logs")}
	if _, err := logs.process(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	return record
}

func put(t *testing.T, to pcommon.Map, plain map[string]any) {
	t.Helper()
	if err := to.FromRaw(plain); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, found pcommon.Map, expected map[string]any) {
	t.Helper()
	plain := found.AsRaw()
	for name, value := range expected {
		if fmt.Sprint(plain[name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, not %v; there are %.1000v", name, plain[name], value, plain)
		}
	}
}

func TestNamesThatNoStoreTakesAreKeptUnderAnother(t *testing.T) {
	for given, kept := range map[string]string{
		"":            "name_empty",
		" ":           "name_20",
		"_":           "name_5f",
		"$":           "name_24",
		"@":           "name_40",
		".":           "name_2e",
		"中文":          "name_e4b8ade69687",
		"ключ":        "name_d0bad0bbd18ed187",
		"🙂":           "name_f09f9982",
		"___":         "name_5f5f5f",
		".dotted":     "dotted",
		"dotted.":     "dotted",
		"a..b":        "a.b",
		"a. .b":       "a.b",
		"bad\xffname": "bad\uFFFDname",
	} {
		record := sent(t, map[string]any{given: "x"}, nil, nil)
		expect(t, record.Attributes(), map[string]any{kept: "x"})
		told, there := record.Attributes().Get(markRenamed)
		if !there || !strings.Contains(told.Str(), kept+"=") {
			t.Errorf("%q: %v", given, record.Attributes().AsRaw())
		}
		nested := sent(t, map[string]any{"a": map[string]any{given: map[string]any{"b": "x"}}}, nil, nil)
		expect(t, nested.Attributes(), map[string]any{"a." + kept + ".b": "x"})
		if _, _, good := spelling("a." + kept); !good {
			t.Error(kept)
		}
	}
}

func TestNamesThatBecomeTheSameStayTwo(t *testing.T) {
	record := sent(t, map[string]any{
		"a.b": "1", "a_b": "2", "a": map[string]any{"b": "3"}, "$": "4", "name_24": "5", "é_x": "6", "ü_x": "7", "1": "8", "key_1": "9",
		"_id": "10", "key_id": "11",
	}, nil, nil)
	values := map[string]bool{}
	spellings := map[uint64]string{}
	for name, value := range record.Attributes().All() {
		values[value.AsString()] = true
		hash, _, _ := spelling(name)
		if other, there := spellings[hash]; there {
			t.Errorf("%s and %s are one name", name, other)
		}
		spellings[hash] = name
	}
	for number := 1; number <= 11; number++ {
		if !values[fmt.Sprint(number)] {
			t.Errorf("%d is lost: %v", number, record.Attributes().AsRaw())
		}
	}
}

func TestANameThatStandsTwiceIsKeptTwice(t *testing.T) {
	record := sent(t, nil, nil, func(record plog.LogRecord) {
		record.Attributes().PutStr("word", "one")
		again := pcommon.NewMap()
		again.PutStr("other", "two")
		record.Attributes().PutStr("other", "two")
	})
	expect(t, record.Attributes(), map[string]any{"word": "one", "other": "two"})
}

func TestLongNamesAreCutAndStayTwo(t *testing.T) {
	long := strings.Repeat("é", 400)
	record := sent(t, map[string]any{long + "1": "a", long + "2": "b", "deep": map[string]any{long: map[string]any{long: "c"}}}, nil, nil)
	number := 0
	for name := range record.Attributes().All() {
		number++
		if len(name) > 128 {
			t.Errorf("%d bytes", len(name))
		}
	}
	if number != 4 {
		t.Error(record.Attributes().AsRaw())
	}
}

// entries are what Loki counts of a record: fields and their bytes.
func entries(record plog.LogRecord, resource, scope pcommon.Map) (number, bytes int) {
	for _, each := range []pcommon.Map{record.Attributes(), resource, scope} {
		for name, value := range each.All() {
			number++
			bytes += len(name) + len(value.AsString())
		}
	}
	return number + 11, bytes + 300 + len(record.SeverityText()) + len(record.EventName())
}

func TestARecordOfEveryExcessFitsLoki(t *testing.T) {
	wide := func(number, bytes int) map[string]any {
		made := map[string]any{}
		for at := range number {
			made[fmt.Sprintf("key%d%s", at, strings.Repeat("k", 150))] = strings.Repeat("\u0001é\"", bytes/4)
		}
		return made
	}
	deep := map[string]any{"leaf": strings.Repeat("x", 1_100_000)}
	for range 500 {
		deep = map[string]any{"d": deep}
	}
	list := []any{}
	for range 2000 {
		list = append(list, map[string]any{"": strings.Repeat("y", 100), "sum": 1})
	}
	attributes := wide(300, 20_000)
	attributes["below"] = wide(200, 10)
	attributes["deep"], attributes["list"] = deep, list
	attributes["exception.stacktrace"], attributes["request_id"] = strings.Repeat("at x\n", 3000), "r-1"
	data := plog.NewLogs()
	group := data.ResourceLogs().AppendEmpty()
	put(t, group.Resource().Attributes(), wide(100, 5000))
	group.Resource().Attributes().PutStr("service.name", "api")
	scoped := group.ScopeLogs().AppendEmpty()
	scoped.Scope().SetName(strings.Repeat("s", 10_000))
	put(t, scoped.Scope().Attributes(), wide(50, 5000))
	record := scoped.LogRecords().AppendEmpty()
	put(t, record.Attributes(), attributes)
	record.SetSeverityText(strings.Repeat("S", 1000))
	record.SetEventName(strings.Repeat("E", 1000))
	put(t, record.Body().SetEmptyMap(), map[string]any{"blob": strings.Repeat("<", 300_000)})
	if _, err := (&logs{made(t, "logs")}).process(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	number, bytes := entries(record, group.Resource().Attributes(), scoped.Scope().Attributes())
	bytes += len(scoped.Scope().Name())
	if number > 128 || bytes > 64<<10 {
		t.Errorf("%d fields of %d bytes", number, bytes)
	}
	if len(record.Body().Str()) > 256<<10 {
		t.Errorf("a line of %d bytes", len(record.Body().Str()))
	}
	expect(t, record.Attributes(), map[string]any{"request_id": "r-1", markCut: true})
	expect(t, group.Resource().Attributes(), map[string]any{"service.name": "api"})
	if trace, _ := record.Attributes().Get("exception.stacktrace"); len(trace.Str()) < 8000 {
		t.Errorf("%d bytes of the stack trace", len(trace.Str()))
	}
	if record.DroppedAttributesCount() == 0 {
		t.Error("nothing says how many are missing")
	}
}

func TestWhatHasNoPlaceOfItsOwnIsKeptAsText(t *testing.T) {
	below := map[string]any{}
	for number := range 200 {
		below[fmt.Sprint("key", number)] = number
	}
	record := sent(t, map[string]any{"below": below}, nil, nil)
	if found := record.Attributes().Len(); found != 64 {
		t.Errorf("%d attributes", found)
	}
	kept, _ := record.Attributes().Get(more)
	var rest map[string]int
	if err := json.Unmarshal([]byte(kept.Str()), &rest); err != nil || len(rest) != 137 {
		t.Errorf("%d attributes in %s", len(rest), kept.Str())
	}
	if _, cut := record.Attributes().Get(markCut); cut || record.DroppedAttributesCount() != 0 {
		t.Error("nothing is missing")
	}
}

func TestNamesWithoutEndBecomeFieldsUpToABound(t *testing.T) {
	logs := &logs{made(t, "logs")}
	fields, texts := map[string]bool{}, 0
	for number := range 1000 {
		data := plog.NewLogs()
		group := data.ResourceLogs().AppendEmpty()
		group.Resource().Attributes().PutStr("service.name", "api")
		record := group.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		put(t, record.Attributes(), map[string]any{"always": 1, fmt.Sprint("order-", number): number, "request_id": "r"})
		if _, err := logs.process(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		for name := range record.Attributes().All() {
			fields[name] = true
		}
		if kept, there := record.Attributes().Get(more); there && kept.Str() == fmt.Sprintf(`{"order-%d":%d}`, number, number) {
			texts++
		}
		expect(t, record.Attributes(), map[string]any{"always": 1, "request_id": "r"})
	}
	if len(fields) > maxKnown+1 || texts < 1000-maxKnown {
		t.Errorf("%d fields, %d texts", len(fields), texts)
	}
}

func TestWhatFitsStaysAsItIs(t *testing.T) {
	given := map[string]any{"request_id": "r-1", "prix_é": 1.5, "list": []any{"a", int64(2)}, "日本語a": "はい", "yes": true}
	record := sent(t, given, map[string]any{"service.name": "api", "host.name": "h"}, nil)
	expect(t, record.Attributes(), given)
	if record.Attributes().Len() != len(given) {
		t.Error(record.Attributes().AsRaw())
	}
}

func TestNobodySpeaksForAnother(t *testing.T) {
	claims := map[string]any{
		"service.version": "x", "k8s.pod.name": "x", "_msg": "x", "_time": "x", "trace_id": "x", "atlas.cut": false, "atlas.renamed": "x",
		"service_name": "x", "host.name": "x", "__error__": "x", "service": map[string]any{"peer": "x"},
	}
	ofSpan := func(record plog.LogRecord) { record.SetTraceID(pcommon.TraceID{1}) }
	record := sent(t, claims, map[string]any{"service.name": "api", "host.name": "h"}, ofSpan)
	for name := range record.Attributes().All() {
		if !strings.HasPrefix(name, "log.") {
			t.Error(name)
		}
	}
	if record.Attributes().Len() != len(claims) {
		t.Error(record.Attributes().AsRaw())
	}
}

func TestATraceIDInARecordWithoutOneIsTheSendersToGive(t *testing.T) {
	record := sent(t, map[string]any{"trace_id": "x"}, nil, nil)
	expect(t, record.Attributes(), map[string]any{"trace_id": "x"})
}

func TestTimes(t *testing.T) {
	now := time.Now()
	for name, each := range map[string]struct {
		time, observed uint64
		moved          bool
		at             time.Time
	}{
		"now":                         {uint64(now.UnixNano()), 0, false, now},
		"four minutes ahead":          {uint64(now.Add(4 * time.Minute).UnixNano()), 0, false, now.Add(4 * time.Minute)},
		"six minutes ahead":           {uint64(now.Add(6 * time.Minute).UnixNano()), 0, true, now},
		"six days old":                {uint64(now.Add(-6 * 24 * time.Hour).UnixNano()), 0, false, now.Add(-6 * 24 * time.Hour)},
		"eight days old":              {uint64(now.Add(-8 * 24 * time.Hour).UnixNano()), 0, true, now},
		"none":                        {0, 0, false, now},
		"none, but observed":          {0, uint64(now.Add(-2 * time.Hour).UnixNano()), false, now.Add(-2 * time.Hour)},
		"none, and observed long ago": {0, 5, true, now},
		"the first of all":            {1, 0, true, now},
		"the last of all":             {1<<64 - 1, 0, true, now},
	} {
		record := sent(t, nil, nil, func(record plog.LogRecord) {
			record.SetTimestamp(pcommon.Timestamp(each.time))
			record.SetObservedTimestamp(pcommon.Timestamp(each.observed))
		})
		if _, moved := record.Attributes().Get(markTime); moved != each.moved {
			t.Errorf("%s: %v", name, record.Attributes().AsRaw())
		}
		if off := record.Timestamp().AsTime().Sub(each.at).Abs(); off > time.Minute {
			t.Errorf("%s: off by %s", name, off)
		}
	}
}

func TestABodyIsOneText(t *testing.T) {
	record := sent(t, nil, nil, func(record plog.LogRecord) {
		put(t, record.Body().SetEmptyMap(), map[string]any{"event": "filled", "order": map[string]any{"id": "7"}})
	})
	if found := record.Body().Str(); found != `{"event":"filled","order":{"id":"7"}}` {
		t.Error(found)
	}
	record = sent(t, nil, nil, func(record plog.LogRecord) { record.Body().SetStr(strings.Repeat("é", 1_000_000)) })
	if found := len(record.Body().Str()); found != maxBody {
		t.Error(found)
	}
	record = sent(t, nil, nil, func(record plog.LogRecord) { record.Body().SetStr("bad \xff byte") })
	if found := record.Body().Str(); found != "bad \uFFFD byte" {
		t.Error(found)
	}
}

func TestACredentialIsMaskedThoughItsNameWasCleanBefore(t *testing.T) {
	logs, word := &logs{made(t, "logs")}, strings.Repeat("x7Q", 10)
	for _, value := range []string{"ordinary", "ordinary", "password=" + word, "ordinary", "password=" + word} {
		data := plog.NewLogs()
		record := data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		put(t, record.Attributes(), map[string]any{"note": value, "api_key": word, "one": 1, "two": 2.5, "three": true, "four": "4"})
		if _, err := logs.process(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		for name, kept := range record.Attributes().All() {
			if strings.Contains(kept.AsString(), word) {
				t.Errorf("%s: %s", name, kept.AsString())
			}
		}
		if value == "ordinary" {
			expect(t, record.Attributes(), map[string]any{"note": "ordinary", "one": 1, "two": 2.5, "three": true, "four": "4"})
		}
	}
}

func BenchmarkLogs(b *testing.B) {
	logs := &logs{made(b, "logs")}
	data := plog.NewLogs()
	group := data.ResourceLogs().AppendEmpty()
	for _, name := range []string{"service.name", "service.version", "k8s.pod.name", "k8s.node.name", "telemetry.sdk.name"} {
		group.Resource().Attributes().PutStr(name, "some text of it")
	}
	records := group.ScopeLogs().AppendEmpty().LogRecords()
	for range 100 {
		record := records.AppendEmpty()
		record.Body().SetStr("order of BTC-USD accepted at 64123.50, size 0.25, in 12 ms")
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		record.SetSeverityText("INFO")
		for _, name := range []string{"http.request.method", "http.route", "url.scheme", "server.address", "user_agent.original", "network.protocol.version", "order_id", "user_id"} {
			record.Attributes().PutStr(name, "POST /api/orders of it")
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = logs.process(b.Context(), data)
	}
}

func TestAnAgentsMarksAreTrueAndNobodyElses(t *testing.T) {
	marks := map[string]any{"atlas.cut": true, "atlas.renamed": "name_24 is $", "atlas.more": `{"a":1}`}
	for _, change := range []func(plog.LogRecord){nil, func(record plog.LogRecord) { record.SetTraceID([16]byte{1}) }} {
		found := sent(t, marks, map[string]any{"atlas.agent": "node-agent", "atlas.workload": "x"}, change).Attributes()
		expect(t, found, marks)
		forged := sent(t, marks, nil, change).Attributes().AsRaw()
		for name := range marks {
			if forged["log."+name] == nil {
				t.Errorf("%s of a pod is in %v", name, forged)
			}
		}
	}
}

func TestTheGatewaysOwnMarksOfASenderEndHere(t *testing.T) {
	resource := map[string]any{"atlas.agent": "node-agent", "atlas.workload": "api", "service.name": "api"}
	data := plog.NewLogs()
	group := data.ResourceLogs().AppendEmpty()
	put(t, group.Resource().Attributes(), resource)
	group.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	if _, err := (&logs{made(t, "logs")}).process(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	spans := ptrace.NewTraces()
	of := spans.ResourceSpans().AppendEmpty()
	put(t, of.Resource().Attributes(), resource)
	of.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	if _, err := (&traces{made(t, "traces")}).process(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	for _, left := range []map[string]any{group.Resource().Attributes().AsRaw(), of.Resource().Attributes().AsRaw()} {
		if left["atlas.agent"] != nil || left["atlas.workload"] != nil || left["service.name"] != "api" {
			t.Errorf("left is %v", left)
		}
	}
}

func TestAnErrorsCodeAndDetailAreFieldsWhateverElseThereIs(t *testing.T) {
	attributes := map[string]any{"err": map[string]any{"code": "23505", "detail": "Key (id)=(7) already exists.", "table": "orders"}}
	expect(t, sent(t, attributes, nil, nil).Attributes(), map[string]any{
		"err.code": "23505", "err.detail": "Key (id)=(7) already exists.", "err.table": "orders",
	})
	for number := range 300 {
		attributes[fmt.Sprint("key", number)] = number
	}
	attributes["err"] = map[string]any{"code": "23505", "detail": "Key (id)=(7) already exists."}
	expect(t, sent(t, attributes, nil, nil).Attributes(), map[string]any{"err.code": "23505", "err.detail": "Key (id)=(7) already exists."})
}
