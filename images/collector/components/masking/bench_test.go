package masking

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// record is one of the benchmark's (bench/pipeline/records.py): its text and its attributes.
func record() (string, pcommon.Map) {
	attributes := pcommon.NewMap()
	for _, pair := range [][2]string{
		{"http.request.method", "POST"}, {"http.route", "/api/orders"}, {"url.scheme", "http"}, {"server.address", "api"},
		{"user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}, {"network.protocol.version", "1.1"},
		{"order_id", "4e1f0c3a-6f8e-4d5c-9c4b-8f0e8f5a7d21"}, {"user_id", "u-20817"},
	} {
		attributes.PutStr(pair[0], pair[1])
	}
	return "counted bench 17 order of BTC-USD accepted at 64123.50, size 0.25, in 12 ms", attributes
}

func benchmarkRecord(b *testing.B, settings Settings) {
	m := New(settings)
	text, attributes := record()
	b.ReportAllocs()
	for b.Loop() {
		if _, changed := m.Text(text); changed || m.Attributes(attributes) {
			b.Fatal("the record is harmless")
		}
	}
}

func BenchmarkRecord(b *testing.B) { benchmarkRecord(b, Settings{}) }

func BenchmarkRecordWithPersonalData(b *testing.B) { benchmarkRecord(b, Settings{PersonalData: true}) }

func BenchmarkText(b *testing.B) {
	json := `{"level":30,"time":1764500000000,"reqId":"4e1f0c3a","route":"/api/orders","userId":"u-20817","durationMs":12,"msg":"order of BTC-USD accepted"}`
	texts := map[string]string{
		"line of JSON":         json,
		"64 KiB of JSON":       strings.Repeat(json, 65536/len(json)),
		"one secret":           `{"level":30,"msg":"login","user":"atlas","` + "pass" + `word":"correct horse"}`,
		"64 KiB of secrets":    strings.Repeat(`{"`+"pass"+`word":"correct horse"}`, 65536/30),
		"64 KiB of near names": strings.Repeat("token key auth session ", 65536/23),
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			m := New(Settings{})
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				m.Text(text)
			}
		})
	}
}

func ExampleMasker_Text() {
	text, changed := New(Settings{}).Text("host=db user=atlas " + "pass" + "word=correct-horse dbname=orders")
	fmt.Println(text, changed)
	// Output: host=db user=atlas password=**** dbname=orders true
}
