package podlogs

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkLinesOfJSON is what a line of JSON costs from the file's bytes to a record.
func BenchmarkLinesOfJSON(b *testing.B) {
	var text strings.Builder
	for number := range 40 {
		fmt.Fprintf(&text, `2026-11-30T12:00:00.%06d000Z stdout F {"level": 30, "reqId": "4e1f0c3a", "route": "/api/orders", `+
			`"userId": "u-20817", "durationMs": 12, "msg": "%d order of BTC-USD accepted"}`+"\n", number, number)
	}
	piece := []byte(text.String())
	w := newWriter(TimeWindow{Before: 10 * time.Minute, After: time.Minute})
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	for b.Loop() {
		if cutPiece(piece) != len(piece) {
			b.Fatal("the piece is not whole")
		}
		w.begin("/var/log/pods/trading_api-7d9c_4e1f0c3a-1/api/0.log")
		w.piece(piece)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40, "ns/line")
}
