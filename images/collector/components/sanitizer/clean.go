package sanitizer

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	cleanSlots = 256
	// maxClean is the longest value that is remembered.
	maxClean = 256
)

// cleanValues are attributes that hold no credential: the newest of each name. Those of a service repeat themselves from record to
// record, and to compare one costs a tenth of searching it.
type cleanValues [cleanSlots]struct {
	name, text string
	number     uint64
	kind       pcommon.ValueType
}

func (clean *cleanValues) has(hash uint64, name string, value pcommon.Value) bool {
	if kind := value.Type(); kind == pcommon.ValueTypeBool || kind == pcommon.ValueTypeEmpty {
		return true
	}
	slot := &clean[hash%cleanSlots]
	if slot.kind != value.Type() || slot.name != name {
		return false
	}
	switch slot.kind {
	case pcommon.ValueTypeStr:
		return slot.text == value.Str()
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return slot.number == bitsOf(value)
	}
	return false
}

func (clean *cleanValues) add(name string, value pcommon.Value) {
	_, hash, _ := spelling(name)
	slot := &clean[hash%cleanSlots]
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if len(value.Str()) > maxClean {
			return
		}
		slot.text = value.Str()
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		slot.number = bitsOf(value)
	default:
		return
	}
	slot.name, slot.kind = name, value.Type()
}

func bitsOf(value pcommon.Value) uint64 {
	if value.Type() == pcommon.ValueTypeInt {
		return uint64(value.Int())
	}
	return math.Float64bits(value.Double())
}

// unclean are the positions of attributes that are yet to be searched.
type unclean [2]uint64

func (positions *unclean) add(at int)      { positions[at/64] |= 1 << (at % 64) }
func (positions *unclean) has(at int) bool { return positions[at/64]&(1<<(at%64)) != 0 }
