package podlogs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEveryRuntimesLineIsTakenApart(t *testing.T) {
	for text, expected := range map[string][3]string{
		"2026-11-30T12:00:00.000000001Z stdout F containerd":                           {"containerd", "stdout", "2026-11-30T12:00:00.000000001Z"},
		"2026-11-30T13:00:00.000000002+01:00 stderr F cri-o":                           {"cri-o", "stderr", "2026-11-30T12:00:00.000000002Z"},
		"2026-11-30T12:00:00Z stdout F:more tags":                                      {"tags", "stdout", "2026-11-30T12:00:00Z"},
		"2026-11-30T12:00:00.5Z stdout F  blanks  ":                                    {" blanks  ", "stdout", "2026-11-30T12:00:00.5Z"},
		`{"log":"docker\n","stream":"stderr","time":"2026-11-30T12:00:00.000000003Z"}`: {"docker", "stderr", "2026-11-30T12:00:00.000000003Z"},
		`{"log":"with\tattrs \u003c\ud83d\ude00\n","stream":"stdout","attrs":{"a":"b"},"time":"2026-11-30T12:00:00Z"}`: {
			"with\tattrs <😀", "stdout", "2026-11-30T12:00:00Z"},
		`{"log":"\",\"stream\":\"stderr\",\"time\":\"\n","stream":"stdout","time":"2026-11-30T12:00:00Z"}`: {
			`","stream":"stderr","time":"`, "stdout", "2026-11-30T12:00:00Z"},
	} {
		records := read(text + "\n")
		if len(records) != 1 {
			t.Fatalf("%s: %q", text, bodies(records))
		}
		stream, _ := records[0].Attributes().Get(streamName)
		expect(t, [3]string{records[0].Body().Str(), stream.Str(), at(records[0]).Format(time.RFC3339Nano)}, expected)
	}
}

func TestWhatNoRuntimeWroteIsKeptAsItIs(t *testing.T) {
	lines := []string{"no header", "2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z stdin F x", "2026-11-30T12:00:00Z stdout X x",
		`{"log":"no end","stream":"stdout"}`, `{"log":"x\n","stream":"stdnot","time":""}`, "2026-11-30T99 stdout F x", "0"}
	records := read(strings.Join(lines, "\n"))
	found := bodies(records)
	// A line of JSON that no runtime wrote is one of an application's without the runtime's header.
	lines[4], lines[5] = "no end", "x\n"
	expect(t, found, lines)
	if age := time.Since(at(records[0])); age > time.Minute {
		t.Errorf("a line without any time is of the time of reading, not %s ago", age)
	}
}

func TestALineWithoutATimeHasThatOfTheLineBefore(t *testing.T) {
	records := read(cri("stdout", "first") + "no header\n")
	expect(t, at(records[1]), testMoment)
}

func TestPartsOfTwoStreamsAreNotMixed(t *testing.T) {
	found := bodies(read(`2026-11-30T12:00:00Z stdout P A1
2026-11-30T12:00:00Z stderr F E
2026-11-30T12:00:00Z stdout F A2
`))
	expect(t, found, []string{"E", "A1A2"})
}

func TestALineOfJSONInPartsBetweenAnotherStreamsKeepsItsTrace(t *testing.T) {
	line := fmt.Sprintf(`{"level":"error","trace_id":"%s","msg":"long","data":"%s"}`, strings.Repeat("ab", 16), strings.Repeat("x", 40_000))
	var text strings.Builder
	for begin := 0; begin < len(line); begin += 16_384 {
		tag := map[bool]string{true: "P", false: "F"}[begin+16_384 < len(line)]
		fmt.Fprintf(&text, "%sZ stdout %s %s\n%sZ stderr F of the other stream\n", testDay, tag, line[begin:min(begin+16_384, len(line))], testDay)
	}
	for _, record := range read(text.String()) {
		if record.Body().Str() == "long" {
			expect(t, severity(record), "17 ERROR")
			expect(t, record.TraceID().String(), strings.Repeat("ab", 16))
			return
		}
	}
	t.Error("the line in parts is not there")
}

func TestDockersLongLinesAreJoined(t *testing.T) {
	var text strings.Builder
	for _, part := range []string{"first ", " second ", "third\n"} {
		written, _ := json.Marshal(part)
		fmt.Fprintf(&text, `{"log":%s,"stream":"stdout","time":"%sZ"}`+"\n", written, testDay)
		fmt.Fprintf(&text, `{"log":"other\n","stream":"stderr","time":"%sZ"}`+"\n", testDay)
	}
	expect(t, bodies(read(text.String())), []string{"other", "other", "first  second third", "other"})
}

func TestALineAboveTheBoundComesInPieces(t *testing.T) {
	part := strings.Repeat("x", 16_384)
	text := strings.Repeat(testDay+"Z stdout P "+part+"\n", 100) + testDay + "Z stdout F end\n"
	found := bodies(read(text))
	expect(t, strings.Join(found, "") == strings.Repeat(part, 100)+"end", true)
	for _, body := range found {
		if len(body) > maxRecord+16_384 {
			t.Errorf("a piece of %d", len(body))
		}
	}
	if end := cutPiece([]byte(text)); end > maxRecord+2*16_500 {
		t.Errorf("it waits for %d bytes", end)
	}
	whole := strings.Repeat("é", 400_000)
	found = bodies(read(whole + "\n"))
	expect(t, strings.Join(found, "") == whole && len(found) > 1, true)
}

func TestAPartWhoseRestComesTooLateIsALineOfItsOwn(t *testing.T) {
	text := testDay + "Z stdout P part\n" + "2026-11-30T12:00:10Z stderr F other\n" + "2026-11-30T12:00:11Z stdout F rest\n"
	expect(t, bodies(read(text)), []string{"part", "other", "rest"})
}

func TestBytesThatAreNoTextCostNoOther(t *testing.T) {
	records := read(testDay + "Z stdout F binary \x00\xff\xfe\x80 end\n" + cri("stdout", `{"msg":"bytes \u0000 and `+"\xff"+`"}`, "after"))
	expect(t, bodies(records), []string{"binary \x00\ufffd\ufffd\ufffd end", "bytes \x00 and \ufffd", "after"})
}

func TestBlankLinesAreNoRecords(t *testing.T) {
	expect(t, bodies(read(cri("stdout", "a", "", "   ", "\t", "b"))), []string{"a", "b"})
}

// Whatever of a file is there at a time, its records are those of the whole file.
func TestAFileThatGrowsGivesTheRecordsOfTheWholeOne(t *testing.T) {
	text := mixedFile()
	whole := bodies(read(text))
	for step := 1; step < 700; step += 7 {
		w := newWriter(TimeWindow{Before: time.Minute, After: time.Minute})
		logs := w.begin(testPath)
		offset := 0
		for end := 0; end < len(text); {
			end = min(end+step, len(text))
			if piece := cutPiece([]byte(text[offset:end])); piece > 0 {
				w.piece([]byte(text[offset : offset+piece]))
				offset += piece
			}
		}
		w.piece([]byte(text[offset:]))
		sameSet(t, bodies(recordsOf(logs)), whole)
	}
}

func sameSet(t *testing.T, found, expected []string) {
	t.Helper()
	count := map[string]int{}
	for _, body := range expected {
		count[body]++
	}
	for _, body := range found {
		count[body]--
	}
	for body, number := range count {
		if number != 0 {
			t.Fatalf("%d times missing (negative: too many): %q", number, body)
		}
	}
}

func TestWhoseALineIsStandsInThePath(t *testing.T) {
	w := newWriter(TimeWindow{})
	for path, expected := range map[string]map[string]any{
		testPath: {
			"k8s.namespace.name": "trading", "k8s.pod.name": "api-7d9c-x2x7q", "k8s.pod.uid": "4e1f0c3a-1",
			"k8s.container.name": "api", "k8s.container.restart_count": "0", "service.name": "api",
		},
		"/var/log/pods/a_b_c/d/12.log.20260102-030405": {
			"k8s.namespace.name": "a", "k8s.pod.name": "b", "k8s.pod.uid": "c",
			"k8s.container.name": "d", "k8s.container.restart_count": "12", "service.name": "d",
		},
		"/var/log/other.log": {}, "0.log": {}, "": {}, "/a_b/c/0.log": {}, "/a__c/d/0.log": {}, "/a_b_c/d/x.log": {},
	} {
		resource := w.begin(path).ResourceLogs().At(0).Resource()
		expect(t, raw(resource.Attributes()), expected)
	}
}

// FuzzLines looks for a container's lines that are lost, doubled or not in their order, and for a file that crashes the reader.
func FuzzLines(f *testing.F) {
	for _, stack := range stacks {
		f.Add(stack)
	}
	f.Add(mixedFile())
	f.Add("\x1b[")
	f.Fuzz(func(t *testing.T, text string) {
		read(text)
		var lines []string
		for line := range strings.SplitSeq(strings.ToValidUTF8(text, "?"), "\n") {
			// Of JSON not the line but its members arrive.
			if line = strings.ReplaceAll(line, "{", "("); strings.Trim(line, " \t\r\v\f") != "" {
				lines = append(lines, line)
			}
		}
		var found []string
		for _, body := range bodies(read(cri("stderr", lines...))) {
			found = append(found, strings.Split(body, "\n")...)
		}
		if strings.Join(found, "\n") != strings.Join(lines, "\n") {
			t.Fatalf("found %q of %q", found, lines)
		}
	})
}
