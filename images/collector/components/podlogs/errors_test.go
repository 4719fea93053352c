package podlogs

import "testing"

// errorLines are records of errors as loggers in use write them, with what has to arrive of each.
var errorLines = map[string]struct {
	line     string
	expected map[string]any
}{
	"pino's own serializer": {
		`{"level":50,"err":{"type":"DatabaseError","message":"duplicate key","stack":"error: duplicate key\n    at a (/app/a.js:1:2)",` +
			`"code":"23505","detail":"Key (id)=(7) already exists.","table":"orders"},"msg":"not stored"}`,
		map[string]any{
			"exception.type": "DatabaseError", "exception.message": "duplicate key", "exception.stacktrace": "error: duplicate key\n    at a (/app/a.js:1:2)",
			"err": map[string]any{"code": "23505", "detail": "Key (id)=(7) already exists.", "table": "orders"},
		},
	},
	"pino with a key of its own for errors": {
		`{"level":50,"error":{"type":"Error","message":"refused","stack":"Error: refused\n    at a (/app/a.js:1:2)","code":"ECONNREFUSED","port":5432},"msg":"x"}`,
		map[string]any{
			"exception.type": "Error", "exception.message": "refused", "exception.stacktrace": "Error: refused\n    at a (/app/a.js:1:2)",
			"error": map[string]any{"code": "ECONNREFUSED", "port": int64(5432)},
		},
	},
	"the instrumentation of Node": {
		`{"level":"error","exception":"AggregateError: \n    at a (/app/a.js:1:2)","err":{"type":"AggregateError","message":"refused; refused",` +
			`"code":"ECONNREFUSED","errors":[{"type":"Error","address":"::1","port":1}]},"message":"x"}`,
		map[string]any{
			"exception.type": "AggregateError", "exception.message": "refused; refused", "exception.stacktrace": "AggregateError: \n    at a (/app/a.js:1:2)",
			"err": map[string]any{"code": "ECONNREFUSED", "errors": []any{map[string]any{"type": "Error", "address": "::1", "port": int64(1)}}},
		},
	},
	"an error without a stack": {
		`{"level":"error","err":{"message":"refused","code":"ECONNREFUSED"},"message":"x"}`,
		map[string]any{"exception.message": "refused", "err": map[string]any{"code": "ECONNREFUSED"}},
	},
	"winston's errors with a stack beside a code": {
		`{"level":"error","message":"x refused","code":"ECONNREFUSED","stack":"Error: refused\n    at a (/app/a.js:1:2)"}`,
		map[string]any{"code": "ECONNREFUSED", "exception.stacktrace": "Error: refused\n    at a (/app/a.js:1:2)"},
	},
	"OpenTelemetry's names": {
		`{"level":"error","exception":{"type":"E","message":"m","stacktrace":"s"},"err":{"code":"E7","type":7,"stack":["a"]},"message":"x"}`,
		map[string]any{
			"exception": map[string]any{"type": "E", "message": "m", "stacktrace": "s"},
			"err":       map[string]any{"code": "E7", "type": int64(7), "stack": []any{"a"}},
		},
	},
}

func TestAnErrorKeepsItsCodeAndDetail(t *testing.T) {
	for name, each := range errorLines {
		t.Run(name, func(t *testing.T) { expect(t, members(one(t, each.line)), each.expected) })
	}
}
