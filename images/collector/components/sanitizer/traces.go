package sanitizer

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	priority    = "sampling.priority"
	maxSpanName = 256
	maxStatus   = 8192
	maxEvents   = 128
	maxLinks    = 128
	// maxSpanAhead is how far a span may be ahead. Stores take every time; but a part of a trace is no use elsewhere than its other
	// parts, so only what is no time at all is moved.
	maxSpanAhead = 24 * time.Hour
	maxSpanAge   = 30 * 24 * time.Hour
)

// A span of these is 3 MiB at most: a request of one fits what stores take at once.
var (
	spanResource = bounds{count: 64, name: maxName, value: 1024, total: 32 << 10, first: aboutResource, prefix: "resource.", own: isMark}
	spanScope    = bounds{count: 8, name: maxName, value: 1024, total: 8 << 10, prefix: "scope.", own: isMark}
	spanSelf     = bounds{count: 128, name: maxName, value: 8192, total: 1 << 20, first: aboutSpan, prefix: "span.", own: isMark}
	spanEvent    = bounds{count: 32, name: maxName, value: 8192, total: 32 << 10, first: aboutRecord, prefix: "event.", own: isMark}
	spanLink     = bounds{count: 32, name: maxName, value: 1024, total: 4 << 10, prefix: "link.", own: isMark}
)

var aboutSpan = names("http.route", "http.request.method", "http.response.status_code", "http.method", "http.status_code", "sampling.important")

func (processor *traces) process(ctx context.Context, data ptrace.Traces) (ptrace.Traces, error) {
	pass := processor.begin()
	defer processor.end(pass)
	now := time.Now()
	for _, group := range data.ResourceSpans().All() {
		resource := group.Resource().Attributes()
		resource.Remove(agentMark)
		resource.Remove(workloadMark)
		ofResource := pass.attributes(resource, &spanResource, nil)
		mark(resource, ofResource)
		var done tally
		for _, each := range group.ScopeSpans().All() {
			ofScope := pass.scope(each.Scope(), &spanScope)
			mark(each.Scope().Attributes(), ofScope)
			for _, span := range each.Spans().All() {
				changed := processor.span(pass, span, now)
				if changed.cut || ofResource.cut || ofScope.cut {
					done.cut++
				}
				if changed.moved {
					done.moved++
				}
				if changed.renamed || ofResource.renamed || ofScope.renamed {
					done.renamed++
				}
			}
		}
		processor.counts.add(ctx, resource, done)
	}
	return data, nil
}

func mark(attributes pcommon.Map, done changes) {
	if done.cut {
		attributes.PutBool(markCut, true)
	}
	if done.names != "" {
		attributes.PutStr(markRenamed, done.names)
	}
}

func (processor *traces) span(pass *pass, span ptrace.Span, now time.Time) (done recordChanges) {
	attributes := span.Attributes()
	changed := pass.attributes(attributes, &spanSelf, nil)
	if changed.dropped > 0 {
		span.SetDroppedAttributesCount(span.DroppedAttributesCount() + changed.dropped)
	}
	rename(attributes, "http.method", "http.request.method")
	rename(attributes, "http.status_code", "http.response.status_code")
	if name, shorter := pass.spanName(span.Name()); name != span.Name() {
		span.SetName(name)
		changed.cut = changed.cut || shorter
	}
	if text, shorter := pass.text(span.Status().Message(), maxStatus); text != span.Status().Message() {
		span.Status().SetMessage(text)
		changed.cut = changed.cut || shorter
	}
	changed.cut = pass.traceState(span.TraceState()) || changed.cut
	if span.Events().Len() > 0 {
		changed.cut = processor.events(pass, span) || changed.cut
	}
	if span.Links().Len() > 0 {
		changed.cut = processor.links(pass, span) || changed.cut
	}
	done.moved = processor.times(span, now)
	done.renamed = identify(span) || changed.renamed
	done.cut = changed.cut
	mark(attributes, changed)
	if processor.keep.SlowerThan > 0 {
		processor.prioritize(span)
	}
	return done
}

// prioritize marks a span that the sampler is to keep. A mark that came with it does not count.
func (processor *traces) prioritize(span ptrace.Span) {
	attributes := span.Attributes()
	attributes.Remove(priority)
	if processor.important(span) {
		attributes.PutInt(priority, 1)
	}
}

func (processor *traces) important(span ptrace.Span) bool {
	if span.Status().Code() == ptrace.StatusCodeError || marked(span.TraceState().AsRaw()) {
		return true
	}
	attributes := span.Attributes()
	if chosen, there := attributes.Get("sampling.important"); there && chosen.Type() == pcommon.ValueTypeBool && chosen.Bool() {
		return true
	}
	if code, there := attributes.Get("http.response.status_code"); there && code.Type() == pcommon.ValueTypeInt && code.Int() >= 400 {
		return true
	}
	if span.EndTimestamp()-span.StartTimestamp() <= pcommon.Timestamp(processor.keep.SlowerThan) {
		return false
	}
	route, there := attributes.Get("http.route")
	return !there || processor.keep.UnlessRoute == "" || !strings.HasPrefix(route.AsString(), processor.keep.UnlessRoute)
}

// marked tells whether the root of the trace was important.
func marked(state string) bool {
	for state != "" {
		member, rest, _ := strings.Cut(state, ",")
		if strings.Trim(member, " \t") == "atlas=important" {
			return true
		}
		state = rest
	}
	return false
}

// rename puts a value under the newer name that instrumentation has for it, beside the older one.
func rename(attributes pcommon.Map, older, newer string) {
	value, there := attributes.Get(older)
	if !there {
		return
	}
	if _, there := attributes.Get(newer); there {
		return
	}
	// The new attribute may move the others.
	copied := pcommon.NewValueEmpty()
	value.CopyTo(copied)
	copied.MoveTo(attributes.PutEmpty(newer))
}

// spanName remembers the last one: spans of a batch are often alike.
func (pass *pass) spanName(name string) (string, bool) {
	if name == pass.lastName {
		return name, false
	}
	kept, cut := pass.text(name, maxSpanName)
	if kept == name {
		pass.lastName = name
	}
	return kept, cut
}

// traceState leaves its good members.
func (pass *pass) traceState(state pcommon.TraceState) (cut bool) {
	given := state.AsRaw()
	if given == "" || given == pass.lastState {
		return false
	}
	masked, _ := pass.masker.Text(cutText(given, 8*maxTraceState))
	kept := goodState(masked)
	if kept == given {
		pass.lastState = given
		return false
	}
	state.FromRaw(kept)
	return kept != masked || len(given) > 8*maxTraceState
}

func (processor *traces) events(pass *pass, span ptrace.Span) (cut bool) {
	events, number := span.Events(), uint32(0)
	events.RemoveIf(func(ptrace.SpanEvent) bool { number++; return number > maxEvents })
	if number > maxEvents {
		cut = true
		span.SetDroppedEventsCount(span.DroppedEventsCount() + number - maxEvents)
	}
	for _, event := range events.All() {
		done := pass.attributes(event.Attributes(), &spanEvent, nil)
		mark(event.Attributes(), done)
		if name, shorter := pass.text(event.Name(), maxEventName); name != event.Name() {
			event.SetName(name)
			cut = cut || shorter
		}
		if done.dropped > 0 {
			event.SetDroppedAttributesCount(event.DroppedAttributesCount() + done.dropped)
		}
		cut = cut || done.cut
	}
	return cut
}

func (processor *traces) links(pass *pass, span ptrace.Span) (cut bool) {
	links, number := span.Links(), uint32(0)
	links.RemoveIf(func(ptrace.SpanLink) bool { number++; return number > maxLinks })
	if number > maxLinks {
		cut = true
		span.SetDroppedLinksCount(span.DroppedLinksCount() + number - maxLinks)
	}
	for _, link := range links.All() {
		done := pass.attributes(link.Attributes(), &spanLink, nil)
		mark(link.Attributes(), done)
		if done.dropped > 0 {
			link.SetDroppedAttributesCount(link.DroppedAttributesCount() + done.dropped)
		}
		cut = pass.traceState(link.TraceState()) || done.cut || cut
	}
	return cut
}

// times sees to it that a span has a time and does not end before it begins.
func (processor *traces) times(span ptrace.Span, now time.Time) (moved bool) {
	start, end := span.StartTimestamp(), span.EndTimestamp()
	earliest, latest := pcommon.NewTimestampFromTime(now.Add(-maxSpanAge)), pcommon.NewTimestampFromTime(now.Add(maxSpanAhead))
	fits := func(moment pcommon.Timestamp) bool { return earliest <= moment && moment <= latest }
	if fits(start) && fits(end) && start <= end {
		return false
	}
	switch {
	case fits(start) && fits(end), fits(start):
		// A duration below zero is none.
		span.SetEndTimestamp(start)
	case fits(end):
		span.SetStartTimestamp(end)
	default:
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	}
	span.Attributes().PutStr(markTime, written(start)+"/"+written(end))
	return true
}

// identify gives a span ids of its own where it has none: a store may refuse the whole request for one.
func identify(span ptrace.Span) (changed bool) {
	if span.TraceID().IsEmpty() {
		var id pcommon.TraceID
		_, _ = rand.Read(id[:])
		span.SetTraceID(id)
		changed = true
	}
	if span.SpanID().IsEmpty() {
		var id pcommon.SpanID
		_, _ = rand.Read(id[:])
		span.SetSpanID(id)
		changed = true
	}
	if changed {
		span.Attributes().PutBool(markNewIDs, true)
	}
	return changed
}
