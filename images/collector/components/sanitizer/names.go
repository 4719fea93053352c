package sanitizer

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// maxName is below VictoriaLogs' 128 bytes by what may be put before and after a name.
	maxName = 116
	// maxHex is the longest name of which a new one tells every byte.
	maxHex = 24
)

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// keyOffset is where the names begin that Loki puts "key" before: those with an underscore or a digit in front.
var keyOffset = func() uint64 {
	hash := uint64(fnvOffset)
	for _, letter := range []byte("key") {
		hash = (hash ^ uint64(letter)) * fnvPrime
	}
	return hash
}()

// spelled is what Loki and Prometheus make of each byte of a name: Latin letters and digits stay, all others are an underscore.
var spelled = func() (table [256]byte) {
	for at := range table {
		letter := byte(at)
		if letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' {
			table[at] = letter
		} else {
			table[at] = '_'
		}
	}
	return table
}()

// spelling is a hash that is the same for names which Loki would make one of, such as a.b and a_b. It tells whether a store takes the
// name: without a Latin letter or digit Loki refuses the whole request, and with nothing between two dots Elasticsearch.
//
// The other hash is of the name as it is.
func spelling(name string) (hash, exact uint64, good bool) {
	hash, exact = fnvOffset, fnvOffset
	if name == "" {
		return hash, exact, false
	}
	if first := spelled[name[0]]; first == '_' {
		hash = keyOffset
	} else if first <= '9' {
		hash = (keyOffset ^ '_') * fnvPrime
	}
	named, part := false, false
	underscore, foreign := false, false
	for at := 0; at < len(name); at++ {
		exact = (exact ^ uint64(name[at])) * fnvPrime
		letter := spelled[name[at]]
		if letter != '_' {
			named, part, underscore = true, true, false
		} else {
			given := name[at]
			foreign = foreign || given >= utf8.RuneSelf
			switch {
			case given == '.' && !part:
				return hash, exact, false
			case given == '.':
				part = false
			case given > ' ':
				part = true
			}
			if underscore {
				continue
			}
			underscore = true
		}
		hash = (hash ^ uint64(letter)) * fnvPrime
	}
	return hash, exact, named && part && (!foreign || utf8.ValidString(name))
}

// goodName is a name that every store takes, and the same for what is one already.
func goodName(given string) string {
	name := validText(given)
	if _, _, good := spelling(name); good {
		return name
	}
	parts := strings.Split(name, ".")
	name = strings.Join(slices.DeleteFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "" }), ".")
	if _, _, good := spelling(name); good {
		return name
	}
	return newName(given)
}

// newName is what a name without Latin letters and digits is kept under: name_ and its bytes in hexadecimal digits.
func newName(name string) string {
	switch {
	case name == "":
		return "name_empty"
	case len(name) <= maxHex:
		return "name_" + hex.EncodeToString([]byte(name))
	default:
		return "name_" + digest(name)
	}
}

// shortName is the beginning of a name with a digest of the whole, so that two long names stay two.
func shortName(name string, longest int) string {
	if len(name) <= longest {
		return name
	}
	mark := "_" + digest(name)
	return cutText(name, longest-len(mark)) + mark
}

func digest(text string) string {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(text))
	return strconv.FormatUint(hash.Sum64()|1<<63, 16)
}

// cutText is at most so many bytes of a text, and ends with a whole letter.
func cutText(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}

// validText is a text without bytes that are no UTF-8: a store may refuse a whole request for one.
func validText(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

const slots = 512

// nameSet holds the spellings of the names of one map, a few hundred at most.
type nameSet struct {
	hashes [slots]uint64
	round  [slots]uint32
	now    uint32
	number int
}

func (set *nameSet) reset() {
	set.number = 0
	set.now++
	if set.now == 0 {
		set.round, set.now = [slots]uint32{}, 1
	}
}

func (set *nameSet) has(hash uint64) bool {
	for at := (hash ^ hash>>32) % slots; set.round[at] == set.now; at = (at + 1) % slots {
		if set.hashes[at] == hash {
			return true
		}
	}
	return false
}

// add tells whether the spelling is new. A set that is nearly full says no.
func (set *nameSet) add(hash uint64) bool {
	at := (hash ^ hash>>32) % slots
	for ; set.round[at] == set.now; at = (at + 1) % slots {
		if set.hashes[at] == hash {
			return false
		}
	}
	if set.number >= slots*3/4 {
		return false
	}
	set.hashes[at], set.round[at] = hash, set.now
	set.number++
	return true
}

func (set *nameSet) addAll(attributes pcommon.Map) {
	for name := range attributes.All() {
		hash, _, _ := spelling(name)
		set.add(hash)
	}
}
