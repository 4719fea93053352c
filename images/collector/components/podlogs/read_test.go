package podlogs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	testPath = "/var/log/pods/trading_api-7d9c-x2x7q_4e1f0c3a-1/api/0.log"
	testDay  = "2026-11-30T12:00:00"
)

var testMoment = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// read has a file's whole text read as the receiver does it, in pieces.
func read(text string) []plog.LogRecord {
	w := newWriter(TimeWindow{Before: 10 * time.Minute, After: time.Minute})
	logs := w.begin(testPath)
	for data := []byte(text); len(data) > 0; {
		end := cutPiece(data)
		if end == 0 {
			end = len(data)
		}
		w.piece(data[:end])
		data = data[end:]
	}
	return recordsOf(logs)
}

func recordsOf(logs plog.Logs) []plog.LogRecord {
	var found []plog.LogRecord
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				found = append(found, record)
			}
		}
	}
	return found
}

func bodies(records []plog.LogRecord) []string {
	var found []string
	for _, record := range records {
		found = append(found, record.Body().AsString())
	}
	return found
}

// cri writes lines as containerd does, each a millisecond after the one before.
func cri(stream string, lines ...string) string {
	var text strings.Builder
	for number, line := range lines {
		fmt.Fprintf(&text, "%s.%03d000000Z %s F %s\n", testDay, number, stream, line)
	}
	return text.String()
}

// one reads a container's line that is one record.
func one(t *testing.T, line string) plog.LogRecord {
	t.Helper()
	records := read(cri("stdout", line))
	if len(records) != 1 {
		t.Fatalf("%s: %q", line, bodies(records))
	}
	return records[0]
}

// members are a record's attributes besides the receiver's own.
func members(record plog.LogRecord) map[string]any {
	found := record.Attributes().AsRaw()
	delete(found, filePathName)
	delete(found, streamName)
	return found
}

func expect[T any](t *testing.T, found, expected T) {
	t.Helper()
	if fmt.Sprintf("%#v", found) != fmt.Sprintf("%#v", expected) {
		t.Errorf("found %#v, expected %#v", found, expected)
	}
}

func severity(record plog.LogRecord) string {
	return fmt.Sprintf("%d %s", record.SeverityNumber(), record.SeverityText())
}

func at(record plog.LogRecord) time.Time { return record.Timestamp().AsTime() }

func raw(attributes pcommon.Map) map[string]any { return attributes.AsRaw() }
