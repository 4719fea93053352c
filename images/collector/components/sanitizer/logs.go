package sanitizer

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	// maxBody leaves room to Loki's 256 KiB a line.
	maxBody      = 250_000
	maxSeverity  = 64
	maxEventName = 256
	maxScopeName = 1024
	maxVersion   = 256
	// maxAhead is how far a sender's clock may be ahead.
	maxAhead = 5 * time.Minute
)

// What these bounds allow together fits Loki's 128 fields and 64 KiB a record, the record's own fields and the processor's marks included.
var (
	logResource = bounds{count: 32, name: maxName, value: 1024, total: 14 << 10, first: aboutResource, prefix: "resource.", own: ownOfResource}
	// VictoriaLogs puts "scope.attributes." before their names.
	logScope  = bounds{count: 8, name: maxName - 17, value: 1024, total: 4 << 10, prefix: "scope.", own: ownOfResource, place: 1}
	logRecord = ofRecord(ownOfRecord)
	logOfSpan = ofRecord(ownOfSpan)
	// An agent has this processor too, and its marks say what is so.
	agentRecord = ofRecord(unlessMark(ownOfRecord))
	agentOfSpan = ofRecord(unlessMark(ownOfSpan))
)

// ofRecord are the bounds of a log record's own attributes.
func ofRecord(own func(string) bool) bounds {
	return bounds{count: 64, name: maxName, value: 8192, total: 36 << 10, first: aboutRecord, prefix: "log.", own: own}
}

var aboutResource = names("service.name", "service.namespace", "service.instance.id", "service.version", "service.name.claimed",
	"deployment.environment.name", "k8s.cluster.name", "k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.node.name",
	"k8s.container.name", "k8s.deployment.name", "k8s.statefulset.name")

var aboutRecord = names("log.file.path", "log.iostream", "request_id", "user_id", "trade_id", "order_id", "exception.type",
	"exception.message", "exception.stacktrace", "err.code", "err.detail")

func names(each ...string) map[string]bool {
	set := make(map[string]bool, len(each))
	for _, name := range each {
		set[name] = true
	}
	return set
}

// ownField tells whether a store of logs, or this processor, keeps something of its own under the name.
func ownField(name string) bool {
	switch name {
	case "_msg", "_time", "_stream", "_stream_id", "severity_number", "severity_text", "event_name", "flags",
		"observed_timestamp", "scope_name", "scope_version", "detected_level", "dropped_attributes_count":
		return true
	}
	return isMark(name) || strings.HasPrefix(name, "__")
}

func unlessMark(own func(string) bool) func(string) bool {
	return func(name string) bool { return !isMark(name) && own(name) }
}

func ownOfResource(name string) bool {
	return ownField(name) || strings.HasPrefix(name, "scope.") || name == "trace_id" || name == "span_id"
}

// ownOfRecord tells also the names that say whose a record is: in a record they are but its sender's words.
func ownOfRecord(name string) bool {
	return ownField(name) || strings.HasPrefix(name, "k8s.") || strings.HasPrefix(name, "service.") ||
		strings.HasPrefix(name, "deployment.") || strings.HasPrefix(name, "scope.")
}

// ownOfSpan tells also the names of a span's ids, which are the sender's to give in a record that has none.
func ownOfSpan(name string) bool {
	switch name {
	case "trace_id", "span_id", "trace.id", "span.id":
		return true
	}
	return ownOfRecord(name)
}

func (processor *logs) process(ctx context.Context, data plog.Logs) (plog.Logs, error) {
	pass := processor.begin()
	defer processor.end(pass)
	now := time.Now()
	for _, group := range data.ResourceLogs().All() {
		resource := group.Resource().Attributes()
		own, ofSpan := &logRecord, &logOfSpan
		if resource.Remove(agentMark) {
			own, ofSpan = &agentRecord, &agentOfSpan
		}
		resource.Remove(workloadMark)
		pass.known = processor.known.of(streamOf(resource), now)
		pass.bytes = 0
		ofResource := pass.attributes(resource, &logResource, nil)
		if ofResource.names != "" {
			resource.PutStr("resource."+markRenamed, ofResource.names)
		}
		var done tally
		for _, each := range group.ScopeLogs().All() {
			scope := each.Scope()
			ofScope := pass.scope(scope, &logScope)
			if ofScope.names != "" {
				scope.Attributes().PutStr("scope."+markRenamed, ofScope.names)
			}
			taken := &pass.above
			taken.reset()
			taken.addAll(resource)
			taken.addAll(scope.Attributes())
			cut, renamed := ofResource.cut || ofScope.cut, ofResource.renamed || ofScope.renamed
			for _, record := range each.LogRecords().All() {
				changed := processor.record(pass, record, own, ofSpan, cut, now)
				if changed.cut {
					done.cut++
				}
				if changed.moved {
					done.moved++
				}
				if changed.renamed || renamed {
					done.renamed++
				}
			}
		}
		pass.known.bytes.Add(int64(pass.bytes))
		processor.counts.add(ctx, resource, done)
	}
	return data, nil
}

// scope bounds and masks what says which library a record is from.
func (pass *pass) scope(scope pcommon.InstrumentationScope, bounds *bounds) changes {
	done := pass.attributes(scope.Attributes(), bounds, nil)
	name, cutName := pass.text(scope.Name(), maxScopeName)
	version, cutVersion := pass.text(scope.Version(), maxVersion)
	scope.SetName(name)
	scope.SetVersion(version)
	done.cut = done.cut || cutName || cutVersion
	return done
}

// recordChanges are what was done to a record. Marks in it say the same.
type recordChanges struct{ cut, moved, renamed bool }

func (processor *logs) record(pass *pass, record plog.LogRecord, bounds, ofSpan *bounds, cut bool, now time.Time) (done recordChanges) {
	attributes := record.Attributes()
	if !record.TraceID().IsEmpty() || !record.SpanID().IsEmpty() {
		bounds = ofSpan
	}
	changed := pass.attributes(attributes, bounds, &pass.above)
	done.cut = pass.body(record.Body()) || changed.cut || cut
	done.renamed = changed.renamed
	if changed.dropped > 0 {
		record.SetDroppedAttributesCount(record.DroppedAttributesCount() + changed.dropped)
	}
	if severity, shorter := pass.text(record.SeverityText(), maxSeverity); severity != record.SeverityText() {
		record.SetSeverityText(severity)
		done.cut = done.cut || shorter
	}
	if event, shorter := pass.text(record.EventName(), maxEventName); event != record.EventName() {
		record.SetEventName(event)
		done.cut = done.cut || shorter
	}
	if number := record.SeverityNumber(); number < plog.SeverityNumberUnspecified || number > plog.SeverityNumberFatal4 {
		// VictoriaLogs refuses the request for a number below zero.
		record.SetSeverityNumber(plog.SeverityNumberUnspecified)
	}
	original := record.Timestamp()
	if original == 0 {
		original = record.ObservedTimestamp()
	}
	switch {
	case original == 0:
		record.SetTimestamp(pcommon.NewTimestampFromTime(now))
	case processor.untimely(original, now):
		done.moved = true
		record.SetTimestamp(pcommon.NewTimestampFromTime(now))
		attributes.PutStr(markTime, written(original))
	case original != record.Timestamp():
		record.SetTimestamp(original)
	}
	if done.cut {
		attributes.PutBool(markCut, true)
	}
	if changed.names != "" {
		attributes.PutStr(markRenamed, changed.names)
	}
	return done
}

// body makes a body a text of bounded length: a store would take a map apart, or count its bytes as those of a text.
func (pass *pass) body(body pcommon.Value) (cut bool) {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
		return false
	case pcommon.ValueTypeStr:
	default:
		_, cut = tame(body, maxDepth, 2*maxBody)
		pass.masker.Value("", body)
		text := body.AsString()
		if len(text) > maxBody {
			text, cut = cutText(text, maxBody), true
		}
		body.SetStr(text)
		return cut
	}
	text, cut := pass.text(body.Str(), maxBody)
	pass.bytes += len(text)
	if text != body.Str() {
		body.SetStr(text)
	}
	return cut
}

func (bounded *sanitizer) untimely(moment pcommon.Timestamp, now time.Time) bool {
	return moment > pcommon.NewTimestampFromTime(now.Add(maxAhead)) || moment < pcommon.NewTimestampFromTime(now.Add(-bounded.maxAge))
}

// written is a moment as text, of the whole range that OTLP has.
func written(moment pcommon.Timestamp) string {
	return time.Unix(int64(moment/1e9), int64(moment%1e9)).UTC().Format(time.RFC3339Nano)
}
