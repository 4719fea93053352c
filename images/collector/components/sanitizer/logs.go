package sanitizer

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"

	"atlas/images/collector/components/masking"
)

type logs struct{ masker *masking.Masker }

func (processor *logs) process(_ context.Context, data plog.Logs) (plog.Logs, error) {
	return data, nil
}
