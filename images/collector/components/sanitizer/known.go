package sanitizer

import (
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// maxKnown is how many names the records of a stream may have. VictoriaLogs leaves out records, without a word, where 4 MiB of a
	// stream have more than 2,000. These may be of two times of a set of names, and from three gateways.
	maxKnown   = 300
	knownSlots = 512
	knownBytes = 4 << 20
	knownFor   = 24 * time.Hour
	// maxStreams bounds the memory, at 8 MiB. Further streams have their names in common.
	maxStreams = 2000
)

// stream is what stores of logs keep together.
type stream struct{ service, pod, container string }

func streamOf(resource pcommon.Map) stream {
	return stream{text(resource, "service.name"), text(resource, "k8s.pod.name"), text(resource, "k8s.container.name")}
}

func text(attributes pcommon.Map, name string) string {
	if value, there := attributes.Get(name); there && value.Type() == pcommon.ValueTypeStr {
		return cutText(value.Str(), 256)
	}
	return ""
}

// knownNames are hashes of a stream's names. They are read without a lock.
type knownNames struct {
	mutex  sync.Mutex
	number int
	since  time.Time
	bytes  atomic.Int64
	slots  [knownSlots]atomic.Uint64
}

func (known *knownNames) has(hash uint64) bool {
	for at := (hash ^ hash>>32) % knownSlots; ; at = (at + 1) % knownSlots {
		switch known.slots[at].Load() {
		case hash:
			return true
		case 0:
			return false
		}
	}
}

// admit tells whether a record may have the name: as long as there is room, every name is.
func (known *knownNames) admit(hash uint64) bool {
	if known.has(hash) {
		return true
	}
	known.mutex.Lock()
	defer known.mutex.Unlock()
	if known.has(hash) {
		return true
	}
	if known.number >= maxKnown {
		return false
	}
	known.number++
	for at := (hash ^ hash>>32) % knownSlots; ; at = (at + 1) % knownSlots {
		if known.slots[at].CompareAndSwap(0, hash) {
			return true
		}
	}
}

// streamNames are the known names of each stream.
type streamNames struct {
	mutex   sync.Mutex
	streams map[stream]*knownNames
}

func (names *streamNames) of(stream stream, now time.Time) *knownNames {
	names.mutex.Lock()
	defer names.mutex.Unlock()
	found, there := names.streams[stream]
	if !there && len(names.streams) >= maxStreams {
		names.forget(now)
	}
	if !there && len(names.streams) >= maxStreams {
		stream.service, stream.pod, stream.container = otherSenders, "", ""
		found, there = names.streams[stream]
	}
	if !there || found.bytes.Load() > knownBytes || now.Sub(found.since) > knownFor {
		found = &knownNames{since: now}
		names.streams[stream] = found
	}
	return found
}

// forget drops what is out of date: the names of pods that are gone.
func (names *streamNames) forget(now time.Time) {
	for stream, known := range names.streams {
		if now.Sub(known.since) > knownFor {
			delete(names.streams, stream)
		}
	}
}
