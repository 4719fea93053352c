package sanitizer

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/processor"

	"atlas/images/collector/components/masking"
)

// sanitizer is what the processors of all signals have in common. It works on several batches at a time.
type sanitizer struct {
	masker *masking.Masker
	maxAge time.Duration
	keep   KeepConfig
	counts *counts
	known  streamNames
	passes sync.Pool
}

type (
	logs   struct{ *sanitizer }
	traces struct{ *sanitizer }
)

func newSanitizer(set processor.Settings, config *Config, signal string) (*sanitizer, error) {
	counts, err := newCounts(set.TelemetrySettings, signal)
	if err != nil {
		return nil, err
	}
	return &sanitizer{masker: masking.New(config.masking()), maxAge: config.MaxAge, keep: config.Keep, counts: counts, known: streamNames{streams: map[stream]*knownNames{}}}, nil
}

func (sanitizer *sanitizer) begin() *pass {
	if free, there := sanitizer.passes.Get().(*pass); there {
		return free
	}
	return &pass{masker: sanitizer.masker}
}

func (sanitizer *sanitizer) end(pass *pass) {
	pass.lastName, pass.lastState, pass.known = "", "", nil
	sanitizer.passes.Put(pass)
}
