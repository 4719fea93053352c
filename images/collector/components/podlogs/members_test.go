package podlogs

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestObjectsOnOneLineAreRecordsEach(t *testing.T) {
	records := read(cri("stdout", `{"msg":"one"}{"level":"error","msg":"two"} {"msg":"three"}`))
	expect(t, bodies(records), []string{"one", "two", "three"})
	expect(t, severity(records[1]), "17 ERROR")
	expect(t, bodies(read(cri("stdout", `{"a":1}{"b":2}`))), []string{`{"a":1}`, `{"b":2}`})
}

func TestALineThatIsNotJSONToItsEndStaysAsItIs(t *testing.T) {
	for _, line := range []string{
		`{"msg":"x"} tail`, `{"msg":"x"}}`, `{"msg":"x"}{"level":"er`, `{"msg":"x"}[1]`, `{"msg":"x"},`, `{"half": `, `{not json`, `{"a":1 "b":2}`, `{`,
		strings.Repeat("{}", 100_000), `{"msg":"x"} {`, strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400), `{"msg":"x"}` + "\x00",
	} {
		record := one(t, line)
		expect(t, record.Body().Str(), line)
		expect(t, members(record), map[string]any{})
	}
}

func TestALevelIsASeverity(t *testing.T) {
	for expected, levels := range map[string][]string{
		"1 TRACE":  {`10`, `15`, `"trace"`, `"TRACE"`, `"silly"`, `"Trace"`},
		"5 DEBUG":  {`20`, `"debug"`, `"verbose"`, `"DEBUG"`, `"DBG"`},
		"9 INFO":   {`30`, `35`, `39.5`, `"info"`, `"http"`, `"notice"`, `"Information"`, `"INFO+2"`, `"30"`, `"\u001b[32minfo\u001b[39m"`, `"[INFO]"`, `" info "`},
		"13 WARN":  {`40`, `45`, `"warn"`, `"WARNING"`, `"WRN"`, `"Warning"`},
		"17 ERROR": {`50`, `"error"`, `"ERR"`, `"\u001b[1m\u001b[31merror\u001b[0m"`, `"SEVERE"`, `"ERROR-1"`},
		"21 FATAL": {`60`, `70`, `100`, `"fatal"`, `"crit"`, `"emerg"`, `"CRITICAL"`, `"alert"`, `"emergency"`, `"panic"`, `"dpanic"`, `"Emerg"`},
	} {
		for _, level := range levels {
			for _, name := range []string{"level", "severity", "lvl", "levelname", "log.level", "loglevel", "Level", "LEVEL", "@l", "severity_text", "log_level"} {
				record := one(t, fmt.Sprintf(`{"%s":%s,"msg":"x"}`, name, level))
				expect(t, severity(record), expected)
				expect(t, members(record), map[string]any{})
			}
			record := one(t, fmt.Sprintf(`{"log":{"level":%s,"logger":"a"},"message":"x"}`, level))
			expect(t, severity(record), expected)
		}
	}
}

func TestALevelThatIsNoneIsKept(t *testing.T) {
	for _, level := range []string{`"odd"`, `7`, `-1`, `1e9`, `null`, `true`, `{"a":1}`, `[30]`, `""`, `"` + strings.Repeat("x", 100) + `"`} {
		record := one(t, fmt.Sprintf(`{"level":%s,"msg":"x"}`, level))
		var value any
		_ = json.Unmarshal([]byte(level), &value)
		expect(t, fmt.Sprint(members(record)["level"]), fmt.Sprint(value))
		expect(t, record.SeverityNumber(), 0)
	}
	record := one(t, `{"level":3,"severity":"ERROR","msg":"of a game"}`)
	expect(t, severity(record), "17 ERROR")
	expect(t, members(record), map[string]any{"level": int64(3)})
}

func TestTheIdsOfATrace(t *testing.T) {
	trace, span := strings.Repeat("0af7651916cd43dd", 2), "00f067aa0ba902b7"
	for _, line := range []string{
		`{"trace_id":"%s","span_id":"%s","trace_flags":"01"}`,
		`{"traceId":"%s","spanId":"%s","traceFlags":"01"}`,
		`{"traceID":"%s","spanID":"%s","traceFlags":1}`,
		`{"otelTraceID":"%s","otelSpanID":"%s","trace_flags":"01"}`,
		`{"trace.id":"%s","span.id":"%s","trace_flags":"01"}`,
		`{"dd.trace_id":"%s","dd.span_id":"%s","trace_flags":"01"}`,
		`{"TraceId":"%s","SpanId":"%s","TraceFlags":"01"}`,
		`{"traceparent":"00-%s-%s-01"}`,
		`{"logging.googleapis.com/trace":"projects/p/traces/%s","logging.googleapis.com/spanId":"%s","trace_flags":"01"}`,
	} {
		for _, shown := range []func(string) string{strings.ToLower, strings.ToUpper} {
			record := one(t, fmt.Sprintf(line, shown(trace), shown(span)))
			expect(t, record.TraceID().String(), trace)
			expect(t, record.SpanID().String(), span)
			expect(t, record.Flags(), 1)
			expect(t, members(record), map[string]any{})
		}
	}
	for _, line := range []string{
		`{"trace":{"id":"%s"},"span":{"id":"%s"}}`, `{"dd":{"trace_id":"%s","span_id":"%s"}}`,
	} {
		record := one(t, fmt.Sprintf(line, trace, span))
		expect(t, record.TraceID().String(), trace)
		expect(t, record.SpanID().String(), span)
	}
	record := one(t, fmt.Sprintf(`{"traceId":"%s","span_id":"short"}`, span))
	expect(t, record.TraceID().String(), strings.Repeat("0", 16)+span)
	expect(t, members(record), map[string]any{"span_id": "short"})
}

func TestAnIDThatIsNoneIsKept(t *testing.T) {
	for _, id := range []string{`""`, `"xyz"`, `"` + strings.Repeat("0", 32) + `"`, `"` + strings.Repeat("gh", 16) + `"`, `5`, `null`, `["a"]`, `{"a":1}`, `"0"`} {
		record := one(t, fmt.Sprintf(`{"msg":"x","trace_id":%s,"span_id":%s}`, id, id))
		expect(t, record.TraceID().IsEmpty() && record.SpanID().IsEmpty(), true)
		expect(t, len(members(record)), 2)
	}
}

func TestAnApplicationsOwnTime(t *testing.T) {
	own := testMoment.Add(-90 * time.Second)
	nano := own.Add(123_456_789)
	for _, line := range []string{
		fmt.Sprintf(`{"time":%d}`, nano.UnixNano()), fmt.Sprintf(`{"time":%d.123456789}`, own.Unix()), fmt.Sprintf(`{"ts":%d.123456789}`, own.Unix()),
		fmt.Sprintf(`{"ts":%d.456789}`, nano.UnixMilli()), fmt.Sprintf(`{"time":"%d"}`, nano.UnixNano()),
		`{"time":"2026-11-30T11:58:30.123456789Z"}`, `{"timestamp":"2026-11-30T12:58:30.123456789+01:00"}`, `{"@timestamp":"2026-11-30T11:58:30.123456789Z"}`,
		`{"asctime":"2026-11-30 11:58:30,123456789"}`, `{"time":"2026-11-30 11:58:30.123456789"}`, `{"datetime":"2026-11-30T12:58:30.123456789+0100"}`,
		`{"@t":"2026-11-30T11:58:30.1234567890001Z"}`, `{"time":"2026-11-30 11:58:30.123456789 UTC"}`, `{"Timestamp":"2026-11-30T11:58:30.123456789z"}`,
		`{"time":0.153,"timestamp":"2026-11-30T11:58:30.123456789Z"}`,
	} {
		record := one(t, line)
		expect(t, at(record).Format(time.RFC3339Nano), nano.Format(time.RFC3339Nano))
	}
	record := one(t, fmt.Sprintf(`{"time":%d}`, own.UnixMilli()))
	expect(t, at(record), own)
	record = one(t, fmt.Sprintf(`{"time":%d}`, own.UnixMicro()))
	expect(t, at(record), own)
}

func TestATimeFarFromTheRuntimesIsClaimedAlone(t *testing.T) {
	for own, believed := range map[time.Duration]bool{
		-3 * time.Hour: false, -30 * time.Hour: false, -11 * time.Minute: false, -9 * time.Minute: true, 30 * time.Second: true, 2 * time.Minute: false,
		24 * time.Hour: false, -20 * 365 * 24 * time.Hour: false,
	} {
		claimed := testMoment.Add(own)
		for _, line := range []string{fmt.Sprintf(`{"time":%d}`, claimed.UnixMilli()), fmt.Sprintf(`{"time":"%s"}`, claimed.Format(time.RFC3339))} {
			record := one(t, line)
			if believed {
				expect(t, at(record), claimed)
				expect(t, members(record), map[string]any{})
			} else {
				expect(t, at(record), testMoment)
				expect(t, members(record), map[string]any{claimedName: claimed.Format(time.RFC3339Nano)})
			}
		}
	}
}

func TestWhatIsNoTimeIsKept(t *testing.T) {
	for _, value := range []string{`0.153`, `0`, `1`, `-5`, `1e300`, `null`, `{"at":1}`, `"yesterday"`, `""`, `"12:00:00"`, `"2026-13-01T00:00:00Z"`, `"2026-11-30T12:00:00+"`,
		`"2026-11-30T12:00:00.x"`, `99999999999999999999`, `12345`, `"0.5 s"`, `"000000001"`, `1.5e9`} {
		record := one(t, fmt.Sprintf(`{"msg":"x","time":%s}`, value))
		expect(t, at(record), testMoment)
		var expected any
		_ = json.Unmarshal([]byte(value), &expected)
		if _, isText := expected.(string); isText || value == "0.153" {
			expect(t, members(record), map[string]any{"time": expected})
		}
		expect(t, len(members(record)), 1)
	}
}

func TestANumberIsTheOneThatWasWritten(t *testing.T) {
	for text, expected := range map[string]any{
		"18446744073709551615": "18446744073709551615", "9223372036854775807": int64(math.MaxInt64), "-9223372036854775808": int64(math.MinInt64),
		"9223372036854775808": "9223372036854775808", "0.153": 0.153, "64123.50": 64123.5, "0.1": 0.1, "1e3": 1000.0, "-0": "-0", "0": int64(0), "-7": int64(-7),
		"0.1000000000000000055511151231257827": "0.1000000000000000055511151231257827", "123456789.123456789": "123456789.123456789",
		"0.30000000000000004": 0.30000000000000004, "1e400": "1e400", "1e-400": "1e-400", "12345678901234567890.5": "12345678901234567890.5",
		"1E5": 100000.0, "1.5e-7": 1.5e-7, "0.0": 0.0, "NaN": "NaN", "-Inf": "-Inf", "1.2.3": "1.2.3", "1-2": "1-2", "01": "01", "+5": "+5", "1.": "1.", ".5": ".5",
	} {
		record := one(t, `{"n":`+text+`}`)
		if found, ok := members(record)["n"]; ok {
			expect(t, found, expected)
		} else {
			expect(t, record.Body().Str(), `{"n":`+text+`}`) // not JSON, and not read as such
		}
	}
}

func TestNothingOfALineIsLost(t *testing.T) {
	record := one(t, `{"a":1,"msg":"first","a":"two","a":[3],"msg":"last","o":{"x":1,"x":2}}`)
	expect(t, record.Body().Str(), "last")
	found := members(record)
	expect(t, found["a"], any([]any{int64(3)}))
	expect(t, found["a.duplicate"], any([]any{int64(1), "two"}))
	expect(t, found["msg"], any("first"))
	expect(t, found["o"], any(map[string]any{"x": []any{int64(1), int64(2)}}))

	record = one(t, `{"lone":"\ud83d \uDE00\u0041 \ud83d\ude00","nul":"\u0000","":"no name"," ":1,"escaped\u0020name":true}`)
	expect(t, members(record), map[string]any{"lone": `\ud83d \uDE00A 😀`, "nul": "\x00", "": "no name", " ": int64(1), "escaped name": true})

	deep := strings.Repeat(`{"a":`, 60) + `"bottom"` + strings.Repeat("}", 60)
	record = one(t, `{"msg":"deep","in":`+deep+`}`)
	expect(t, strings.Contains(fmt.Sprint(members(record)), "bottom"), true)
	levels := 0
	for value := members(record)["in"]; levels < 60; levels++ {
		inner, isMap := value.(map[string]any)
		if !isMap {
			break
		}
		value = inner["a"]
	}
	expect(t, levels, maxDepth)

	var wide strings.Builder
	for number := range 5000 {
		fmt.Fprintf(&wide, `"k%d":%d,`, number, number)
	}
	line := `{` + wide.String() + `"level":"warn","msg":"wide"}`
	record = one(t, line)
	expect(t, severity(record), "13 WARN")
	expect(t, record.Body().Str(), line)
	record = one(t, `{"msg":"wide within","in":{`+strings.TrimSuffix(wide.String(), ",")+`}}`)
	expect(t, len(members(record)["in"].(string)) >= wide.Len(), true)
}

func TestAnApplicationCannotSayWhatTheAgentSays(t *testing.T) {
	record := one(t, `{"msg":"claim","log.file.path":"/other","log.iostream":"none","log.time.claimed":"never","service.name":"other"}`)
	expect(t, record.Attributes().AsRaw(), map[string]any{
		filePathName: testPath, streamName: "stdout", "app." + filePathName: "/other", "app." + streamName: "none", "app." + claimedName: "never",
		"service.name": "other",
	})
}

func TestTheMessageIsTheBody(t *testing.T) {
	for line, expected := range map[string]string{
		`{"message":"x","msg":"y"}`: "x", `{"msg":"x","event":"y"}`: "x", `{"event":"x"}`: "x", `{"log":"x"}`: "x", `{"short_message":"x"}`: "x", `{"@m":"x"}`: "x",
		`{"Message":"x"}`: "x", `{"message":{"a":1},"msg":"x"}`: "x", `{"fields":{"message":"x"},"level":"INFO"}`: "x", `{"msg":""}`: "",
		`{"msg":{"not":"text"}}`: `{"msg":{"not":"text"}}`, `{}`: `{}`,
	} {
		expect(t, one(t, line).Body().Str(), expected)
	}
	for _, line := range []string{"[1, 2]", "null", `"text"`} {
		expect(t, one(t, line).Body().Str(), line)
	}
}

func TestOneNameForEachWhateverTheLoggersHabit(t *testing.T) {
	expect(t, members(one(t, `{"msg":"x","reqId":"r","userId":"u","tradeId":7}`)), map[string]any{"request_id": "r", "user_id": "u", "trade_id": int64(7)})
	expect(t, members(one(t, `{"msg":"x","request_id":"one","reqId":"two"}`)), map[string]any{"request_id": "one", "reqId": "two"})

	stack := `Error: too much\n    at place (/app/a.js:1:2)`
	written := strings.ReplaceAll(stack, `\n`, "\n")
	expect(t, members(one(t, `{"msg":"x","err":{"type":"LimitError","message":"too much","stack":"`+stack+`","code":"E7"}}`)), map[string]any{
		"exception.type": "LimitError", "exception.message": "too much", "exception.stacktrace": written, "err": map[string]any{"code": "E7"},
	})
	for _, name := range []string{"exception", "exc_info", "stack", "stack_trace", "error.stack_trace", "stacktrace", "@x"} {
		expect(t, members(one(t, `{"msg":"x","`+name+`":"`+stack+`"}`)), map[string]any{"exception.stacktrace": written})
	}
	expect(t, members(one(t, `{"msg":"x","exception":"short","stack":"none","error":"text","err":5}`)), map[string]any{
		"exception.stacktrace": "short", "stack": "none", "error": "text", "err": int64(5),
	})
}

// FuzzObjects looks for a line of JSON that is refused, misread or crashes the reader, by the standard library's judgement.
func FuzzObjects(f *testing.F) {
	for _, line := range []string{`{"a":1,"b":[true,null,{"c":"\ud83d\ude00"}]}`, `{"a":1}{"b":2}`, `{"level":"x","time":"y","trace_id":"z","err":{"stack":"a\nb"}}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") || len(line) == 0 || line[0] != '{' || strings.ToValidUTF8(line, "") != line {
			return
		}
		records := read(cri("stdout", line))
		if len(records) == 0 {
			t.Fatalf("%q is lost", line)
		}
		var members map[string]any
		if json.Unmarshal([]byte(line), &members) == nil && len(records) != 1 {
			t.Fatalf("%q are %d records", line, len(records))
		}
	})
}
