package podlogs

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	// maxMembers is how many members of an object become attributes; what has more is kept as text. A map of OTLP is searched from its
	// begin for each of them.
	maxMembers = 256
	// maxObjects is how many objects on one line are records of their own.
	maxObjects = 64
	// maxDepth is how deep maps and lists are nested; what is deeper is kept as text.
	maxDepth = 24
	// maxNames and longestName bound what is remembered of members' names.
	maxNames    = 2048
	longestName = 64
)

// role is what a member of a line of JSON stands for, whatever its logger calls it.
type role uint8

const (
	plain role = iota
	roleMessage
	roleLevel
	roleTime
	roleTrace
	roleSpan
	roleFlags
	roleParent
	roleError
	roleStack
	// The following hold one of the above below another name, if they are objects.
	roleLog
	roleTraceObject
	roleSpanObject
	roleFieldsObject
)

// member is what is known of a name. Of several with the same role the one of lower rank counts.
type member struct {
	// name is what the attribute is called, and written what its logger calls it.
	name, written string
	role          role
	rank          uint8
}

// item is a member with its value.
type item struct {
	member
	value *fastjson.Value
	used  bool
}

// member looks a name up.
func (w *writer) member(name []byte) member {
	if known, ok := w.names[string(name)]; ok {
		return known
	}
	written := string(name)
	found := describeMember(written)
	if len(written) <= longestName && len(w.names) < maxNames {
		w.names[written] = found
	}
	return found
}

// describeMember says what a name stands for.
func describeMember(written string) member {
	found := member{name: written, written: written}
	set := func(role role, rank uint8) member {
		found.role, found.rank = role, rank
		return found
	}
	switch written {
	// One name for each, whatever the logger's habit is.
	case "reqId", "requestId":
		found.name = "request_id"
	case "userId":
		found.name = "user_id"
	case "tradeId":
		found.name = "trade_id"
	// What the receiver says of a record nobody else says.
	case filePathName, streamName, claimedName:
		found.name = "app." + written
	// Serilog's.
	case "@m":
		return set(roleMessage, 5)
	case "@l":
		return set(roleLevel, 7)
	case "@t":
		return set(roleTime, 6)
	case "@x":
		return set(roleStack, 5)
	}
	switch bareName(written) {
	case "message":
		return set(roleMessage, 0)
	case "msg":
		return set(roleMessage, 1)
	case "event":
		return set(roleMessage, 2)
	case "log":
		return set(roleLog, 3)
	case "shortmessage":
		return set(roleMessage, 4)
	case "fields":
		return set(roleFieldsObject, 6)

	case "level":
		return set(roleLevel, 0)
	case "severity":
		return set(roleLevel, 1)
	case "loglevel":
		return set(roleLevel, 2)
	case "lvl":
		return set(roleLevel, 3)
	case "levelname":
		return set(roleLevel, 4)
	case "severitytext":
		return set(roleLevel, 5)

	case "time":
		return set(roleTime, 0)
	case "timestamp":
		return set(roleTime, 1)
	case "ts":
		return set(roleTime, 2)
	case "asctime":
		return set(roleTime, 3)
	case "datetime":
		return set(roleTime, 4)

	case "traceid", "oteltraceid", "ddtraceid", "xb3traceid", "logginggoogleapiscomtrace":
		return set(roleTrace, 0)
	case "spanid", "otelspanid", "ddspanid", "xb3spanid", "logginggoogleapiscomspanid":
		return set(roleSpan, 0)
	case "traceflags", "oteltraceflags":
		return set(roleFlags, 0)
	case "traceparent":
		return set(roleParent, 0)
	case "trace", "dd":
		return set(roleTraceObject, 0)
	case "span":
		return set(roleSpanObject, 0)

	case "err", "error":
		return set(roleError, 0)
	case "stack", "stacktrace", "exception", "excinfo", "errorstack", "errorstacktrace":
		return set(roleStack, 0)
	}
	return found
}

// bareName is a name in lower case, with letters and digits alone.
func bareName(name string) string {
	if len(name) > longestName {
		return ""
	}
	bare := make([]byte, 0, longestName)
	for at := range len(name) {
		char := name[at]
		if char >= 'A' && char <= 'Z' {
			char |= 0x20
		}
		if char >= 'a' && char <= 'z' || char >= '0' && char <= '9' || char >= 0x80 {
			bare = append(bare, char)
		}
	}
	return string(bare)
}

// object makes a record of an object. Its text is the body where it has no message.
func (w *writer) object(from stream, value *fastjson.Value, text []byte, stamp int64) {
	record := w.record(from, stamp)
	object := value.GetObject()
	w.items = w.items[:0]
	object.Visit(func(name []byte, value *fastjson.Value) {
		w.items = append(w.items, item{member: w.member(name), value: value})
	})
	w.setBody(record, text)
	w.setSeverity(record)
	w.setTime(record)
	w.setTrace(record)
	attributes := record.Attributes()
	if len(w.items) > maxMembers {
		record.Body().SetStr(w.texts.copy(text))
		return
	}
	attributes.EnsureCapacity(len(w.items) + 2)
	for at := range w.items {
		item := &w.items[at]
		switch {
		case item.used:
		case item.role == roleError && item.value.Type() == fastjson.TypeObject:
			w.setError(attributes, item)
		case item.role == roleStack && isStack(item):
			w.put(attributes, "exception.stacktrace", item.value)
		case item.name != item.written && has(attributes, item.name):
			w.put(attributes, item.written, item.value)
		default:
			w.put(attributes, item.name, item.value)
		}
	}
}

func has(attributes pcommon.Map, name string) bool {
	_, found := attributes.Get(name)
	return found
}

// put adds a member. A second one of the same name takes it, as JSON's readers have it, and the first is kept beside.
func (w *writer) put(attributes pcommon.Map, name string, value *fastjson.Value) {
	target, existed := attributes.GetOrPutEmpty(name)
	if existed {
		first := pcommon.NewValueEmpty()
		target.MoveTo(first)
		w.keepFirst(attributes, name, first)
		target, _ = attributes.GetOrPutEmpty(name)
	}
	w.set(target, value, 0)
}

func (w *writer) keepFirst(attributes pcommon.Map, name string, first pcommon.Value) {
	firsts, existed := attributes.GetOrPutEmpty(name + ".duplicate")
	if !existed {
		firsts.SetEmptySlice()
	}
	if firsts.Type() == pcommon.ValueTypeSlice {
		first.MoveTo(firsts.Slice().AppendEmpty())
	}
}

// set gives a value of OTLP what one of JSON holds.
func (w *writer) set(target pcommon.Value, value *fastjson.Value, depth int) {
	switch value.Type() {
	case fastjson.TypeString:
		target.SetStr(w.texts.copy(value.GetStringBytes()))
	case fastjson.TypeNumber:
		w.number = value.MarshalTo(w.number[:0])
		setNumber(target, w.number)
	case fastjson.TypeTrue:
		target.SetBool(true)
	case fastjson.TypeFalse:
		target.SetBool(false)
	case fastjson.TypeObject:
		object := value.GetObject()
		if depth == maxDepth || object.Len() > maxMembers {
			w.setText(target, value)
			return
		}
		inner := target.SetEmptyMap()
		inner.EnsureCapacity(object.Len())
		object.Visit(func(name []byte, value *fastjson.Value) {
			inner, existed := inner.GetOrPutEmpty(w.member(name).written)
			if existed {
				// Of two with the same name within an object both are kept as a list.
				first := pcommon.NewValueEmpty()
				inner.MoveTo(first)
				list := inner.SetEmptySlice()
				first.MoveTo(list.AppendEmpty())
				inner = list.AppendEmpty()
			}
			w.set(inner, value, depth+1)
		})
	case fastjson.TypeArray:
		if depth == maxDepth {
			w.setText(target, value)
			return
		}
		values := value.GetArray()
		inner := target.SetEmptySlice()
		inner.EnsureCapacity(len(values))
		for _, value := range values {
			w.set(inner.AppendEmpty(), value, depth+1)
		}
	}
}

func (w *writer) setText(target pcommon.Value, value *fastjson.Value) {
	w.plain = value.MarshalTo(w.plain[:0])
	target.SetStr(w.texts.copy(w.plain))
}

// setNumber keeps a number's value, or its text where neither 64 bits nor a double can hold it.
func setNumber(target pcommon.Value, text []byte) {
	digits := text
	if digits[0] == '-' {
		digits = digits[1:]
	}
	simple := len(digits) > 0 && (digits[0] != '0' || len(digits) == 1)
	for _, char := range digits {
		simple = simple && char >= '0' && char <= '9'
	}
	if simple {
		if number, err := strconv.ParseInt(string(text), 10, 64); err == nil && (number != 0 || len(text) == 1) {
			target.SetInt(number)
			return
		}
	} else if number, ok := exactDouble(string(text)); ok {
		target.SetDouble(number)
		return
	}
	target.SetStr(string(text))
}

// exactDouble says whether a double's shortest decimal is this one.
func exactDouble(text string) (float64, bool) {
	mantissa, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	significant, points := 0, 0
	for at := range len(mantissa) {
		switch char := mantissa[at]; {
		case char >= '0' && char <= '9':
			if significant > 0 || char != '0' {
				significant++
			}
		case char == '.':
			points++
		default:
			return 0, false
		}
	}
	if points > 1 || mantissa == "" || mantissa[0] == '.' || mantissa[len(mantissa)-1] == '.' || len(mantissa) > 1 && mantissa[0] == '0' && mantissa[1] != '.' {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || number == 0 && significant > 0 || math.Abs(number) < 1e-300 && number != 0 {
		return 0, false
	}
	if significant <= 15 {
		return number, true
	}
	return number, sameDigits(mantissa, strconv.FormatFloat(math.Abs(number), 'e', -1, 64))
}

// sameDigits compares the digits of two numbers of the same size.
func sameDigits(one, other string) bool {
	other, _, _ = strings.Cut(other, "e")
	bare := func(text string) string { return strings.Trim(strings.Replace(text, ".", "", 1), "0") }
	return bare(one) == bare(other)
}

// setBody takes the message as the record's body.
func (w *writer) setBody(record plog.LogRecord, text []byte) {
	var chosen *item
	for at := range w.items {
		item := &w.items[at]
		isMessage := (item.role == roleMessage || item.role == roleLog) && item.value.Type() == fastjson.TypeString
		isMessage = isMessage || item.role == roleFieldsObject && item.value.Get("message").Type() == fastjson.TypeString
		if isMessage && (chosen == nil || item.rank <= chosen.rank) {
			chosen = item
		}
	}
	switch {
	case chosen == nil:
		record.Body().SetStr(w.texts.copy(text))
	case chosen.role == roleFieldsObject:
		record.Body().SetStr(w.texts.copy(chosen.value.GetStringBytes("message")))
	default:
		chosen.used = chosen.name == chosen.written
		record.Body().SetStr(w.texts.copy(chosen.value.GetStringBytes()))
	}
}

// setSeverity takes the first level that is one. A word that is none is kept as the severity's text and as the attribute that it was.
func (w *writer) setSeverity(record plog.LogRecord) {
	var chosen *item
	var severity level
	for at := range w.items {
		item := &w.items[at]
		value := item.value
		rank := item.rank
		switch {
		case item.role == roleLog && value.Type() == fastjson.TypeObject:
			if value = value.Get("level"); value == nil {
				continue
			}
			rank = 2
		case item.role != roleLevel:
			continue
		}
		found := none
		switch value.Type() {
		case fastjson.TypeString:
			found = levelOfWord(value.GetStringBytes())
			if found == none && item.role == roleLevel && record.SeverityText() == "" {
				record.SetSeverityText(w.texts.copy(value.GetStringBytes()))
			}
		case fastjson.TypeNumber:
			found = levelOfNumber(value.GetFloat64())
		}
		if found != none && (chosen == nil || rank < chosen.rank) {
			chosen, severity = item, found
		}
	}
	if chosen != nil {
		severity.set(record)
		chosen.used = chosen.role == roleLevel
	}
}

// setTime takes an application's own time of its line where it is near the runtime's. Otherwise the runtime's stays, and the record says
// what the application claimed.
func (w *writer) setTime(record plog.LogRecord) {
	var chosen *item
	var claimed int64
	for at := range w.items {
		item := &w.items[at]
		if item.role != roleTime || chosen != nil && item.rank >= chosen.rank {
			continue
		}
		found, ok := int64(0), false
		switch item.value.Type() {
		case fastjson.TypeString:
			text := string(item.value.GetStringBytes())
			if found, ok = parseTime(text); !ok {
				found, ok = epochTime(text)
			}
		case fastjson.TypeNumber:
			w.number = item.value.MarshalTo(w.number[:0])
			found, ok = epochTime(string(w.number))
		}
		if ok {
			chosen, claimed = item, found
		}
	}
	if chosen == nil {
		return
	}
	chosen.used = true
	if ahead := claimed - int64(record.Timestamp()); ahead <= int64(w.window.After) && ahead >= -int64(w.window.Before) {
		record.SetTimestamp(pcommon.Timestamp(claimed))
		return
	}
	record.Attributes().PutStr(claimedName, time.Unix(0, claimed).UTC().Format(time.RFC3339Nano))
}

// setTrace takes the ids of the trace and the span that a line was written in.
func (w *writer) setTrace(record plog.LogRecord) {
	var span, flags, parent *item
	for at := range w.items {
		item := &w.items[at]
		switch item.role {
		case roleTrace:
			item.used = item.used || setTraceID(record, textOf(item.value))
		case roleTraceObject:
			if item.value.Type() == fastjson.TypeObject {
				for _, name := range [...]string{"id", "trace_id", "traceId"} {
					if setTraceID(record, item.value.GetStringBytes(name)) {
						setSpanID(record, item.value.GetStringBytes("span_id"))
						break
					}
				}
			}
		case roleSpan, roleSpanObject:
			span = item
		case roleFlags:
			flags = item
		case roleParent:
			parent = item
		}
	}
	if parts := bytes.Split(textOf(valueOf(parent)), []byte("-")); len(parts) >= 4 && record.TraceID().IsEmpty() && setTraceID(record, parts[1]) {
		setSpanID(record, parts[2])
		setFlags(record, parts[3])
		parent.used = true
	}
	if record.TraceID().IsEmpty() {
		return
	}
	if span != nil {
		if span.role == roleSpan {
			span.used = setSpanID(record, textOf(span.value))
		} else {
			setSpanID(record, span.value.GetStringBytes("id"))
		}
	}
	if flags != nil {
		text := textOf(flags.value)
		if flags.value.Type() == fastjson.TypeNumber {
			text = flags.value.MarshalTo([]byte("0"))
		}
		flags.used = setFlags(record, text)
	}
}

func valueOf(item *item) *fastjson.Value {
	if item == nil {
		return nil
	}
	return item.value
}

// textOf is a string's text, and empty for all else.
func textOf(value *fastjson.Value) []byte {
	if value == nil || value.Type() != fastjson.TypeString {
		return nil
	}
	return value.GetStringBytes()
}

// setTraceID takes an id of 128 bits in hexadecimal digits, or of 64 as older tracers have them, with what may stand before it.
func setTraceID(record plog.LogRecord, text []byte) bool {
	if at := bytes.LastIndexByte(text, '/'); at >= 0 {
		text = text[at+1:]
	}
	var id [16]byte
	if len(text) != 32 && len(text) != 16 || !record.TraceID().IsEmpty() {
		return false
	}
	if _, err := hex.Decode(id[16-len(text)/2:], text); err != nil || id == [16]byte{} {
		return false
	}
	record.SetTraceID(id)
	return true
}

func setSpanID(record plog.LogRecord, text []byte) bool {
	var id [8]byte
	if len(text) != 16 {
		return false
	}
	if _, err := hex.Decode(id[:], text); err != nil || id == [8]byte{} {
		return false
	}
	record.SetSpanID(id)
	return true
}

func setFlags(record plog.LogRecord, text []byte) bool {
	var flags [1]byte
	if len(text) != 2 {
		return false
	}
	if _, err := hex.Decode(flags[:], text); err != nil {
		return false
	}
	record.SetFlags(plog.LogRecordFlags(flags[0]))
	return true
}

// isStack knows what a logger says of an exception: several lines, or what structlog calls so.
func isStack(item *item) bool {
	text := textOf(item.value)
	return text != nil && (item.written == "exception" || bytes.IndexByte(text, '\n') > 0)
}

// setError takes an error's type, message and stack out of an object, and leaves the rest of it.
func (w *writer) setError(attributes pcommon.Map, item *item) {
	stack := textOf(item.value.Get("stack"))
	if stack == nil {
		stack = textOf(item.value.Get("stack_trace"))
	}
	if stack == nil && item.written == "error" {
		w.put(attributes, item.name, item.value)
		return
	}
	rest, left := pcommon.NewMap(), 0
	named := false
	item.value.GetObject().Visit(func(name []byte, value *fastjson.Value) {
		text := textOf(value)
		switch string(name) {
		case "type", "name":
			if text != nil && !named {
				named = true
				w.put(attributes, "exception.type", value)
				return
			}
			if text != nil && has(attributes, "exception.type") && sameText(attributes, "exception.type", text) {
				return
			}
		case "message":
			if text != nil {
				w.put(attributes, "exception.message", value)
				return
			}
		case "stack", "stack_trace":
			if text != nil {
				w.put(attributes, "exception.stacktrace", value)
				return
			}
		}
		if left++; left <= maxMembers {
			w.put(rest, string(name), value)
		}
	})
	switch {
	case left > maxMembers:
		target, _ := attributes.GetOrPutEmpty(item.name)
		w.setText(target, item.value)
	case left > 0:
		target, _ := attributes.GetOrPutEmpty(item.name)
		rest.MoveTo(target.SetEmptyMap())
	}
}

func sameText(attributes pcommon.Map, name string, text []byte) bool {
	value, _ := attributes.Get(name)
	return value.Str() == string(text)
}
