package sanitizer

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"atlas/images/collector/components/masking"
)

// Marks that the processor sets, and nobody else: those of a sender get another name.
const (
	markCut     = "atlas.cut"
	markTime    = "atlas.original_time"
	markRenamed = "atlas.renamed"
	markNewIDs  = "atlas.new_ids"
	marks       = 4
	// more holds, as JSON, the attributes that have no place of their own.
	more         = "atlas.more"
	maxRenamed   = 1024
	maxRemembers = 128
)

func isMark(name string) bool {
	switch name {
	case markCut, markTime, markRenamed, markNewIDs, more:
		return true
	}
	return false
}

// bounds are what a map of attributes may have: how many, how long a name and a value, and how long all of them together.
type bounds struct {
	count, name, value, total int
	// first are names that are kept before others.
	first map[string]bool
	// prefix stands before names that are not for a sender to give, which own tells.
	prefix string
	own    func(name string) bool
	// place tells equal names apart that stand in different places, and are fields of their own.
	place uint64
}

// changes are what was done to a map of attributes.
type changes struct {
	cut, renamed bool
	// dropped is how many attributes are missing.
	dropped uint32
	// names says which name became which.
	names string
}

type entry struct {
	name  string
	value pcommon.Value
	size  int
	first bool
}

// pass is what one walk through a batch works with.
type pass struct {
	masker *masking.Masker
	clean  cleanValues
	seen   nameSet
	// known are the names that the records of a stream may have, nil where all may; bytes is how long they are, at least.
	known   *knownNames
	bytes   int
	above   nameSet
	entries []entry
	renamed strings.Builder
	// lastName and lastState are the last span's name and trace state that stayed as they were.
	lastName, lastState string
}

// attributes bounds and masks a map. Names in above are taken: what stands there comes from elsewhere.
//
// Most maps have nothing to change but what is masked, which the first loop finds out. All others are built anew.
func (pass *pass) attributes(attributes pcommon.Map, bounds *bounds, above *nameSet) (done changes) {
	if fits, unclean := pass.fits(attributes, bounds, above); fits {
		pass.mask(attributes, unclean)
		return done
	}
	return pass.rebuild(attributes, bounds, above)
}

// mask searches those attributes that are not known to be clean. What is next to another may say what that is: few are searched together.
func (pass *pass) mask(attributes pcommon.Map, positions unclean) {
	if positions == (unclean{}) {
		return
	}
	if attributes.Len() <= 4 {
		pass.masker.Attributes(attributes)
		return
	}
	at := 0
	for name, value := range attributes.All() {
		if positions.has(at) && !pass.masker.Value(name, value) {
			pass.clean.add(name, value)
		}
		at++
	}
}

// fits tells whether a map may stay as it is, and which of its attributes are yet to be searched for credentials.
func (pass *pass) fits(attributes pcommon.Map, bounds *bounds, above *nameSet) (fits bool, unclean unclean) {
	if attributes.Len() > bounds.count {
		return false, unclean
	}
	seen := &pass.seen
	seen.reset()
	total, at := 0, 0
	for name, value := range attributes.All() {
		hash, exact, good := spelling(name)
		if !good || len(name) > bounds.name || !seen.add(hash) || bounds.own(name) || above != nil && above.has(hash) {
			return false, unclean
		}
		size := numberSize
		switch value.Type() {
		case pcommon.ValueTypeStr:
			text := value.Str()
			if size = len(text); size > bounds.value || validText(text) != text {
				return false, unclean
			}
		case pcommon.ValueTypeMap:
			return false, unclean
		case pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
			if size = plainSize(value); size < 0 || size > bounds.value {
				return false, unclean
			}
		}
		if !pass.clean.has(exact, name, value) {
			unclean.add(at)
		}
		at++
		total += len(name) + size
		if pass.known != nil && !pass.known.admit(exact^bounds.place) && !bounds.first[name] {
			return false, unclean
		}
	}
	pass.bytes += total
	return total <= bounds.total, unclean
}

// rebuild puts into the map what it may hold.
func (pass *pass) rebuild(attributes pcommon.Map, bounds *bounds, above *nameSet) (done changes) {
	for _, value := range attributes.All() {
		// Masked before it is cut to its length, so that no credential is cut in two; but not more than twice as much.
		_, cut := tame(value, maxDepth, 2*bounds.value)
		done.cut = done.cut || cut
	}
	pass.masker.Attributes(attributes)
	pass.entries = pass.entries[:0]
	pass.renamed.Reset()
	pass.flatten("", attributes, bounds)
	entries := pass.entries
	slices.SortStableFunc(entries, func(a, b entry) int { return rank(a) - rank(b) })
	entries, rest := pass.places(entries, bounds)
	pass.name(entries, bounds, above)
	if len(rest) > 0 {
		gathered := pcommon.NewValueStr("")
		done.dropped = gather(rest, gathered, bounds.value)
		done.cut = done.cut || done.dropped > 0
		entries = append(entries, entry{name: bounds.more(), value: gathered})
	}
	done.cut = pass.cut(entries, bounds) || done.cut
	kept := pcommon.NewMap()
	kept.EnsureCapacity(len(entries) + marks)
	for _, each := range entries {
		each.value.MoveTo(kept.PutEmpty(each.name))
	}
	kept.MoveTo(attributes)
	if cap(pass.entries) > maxRemembers {
		pass.entries = nil
	} else {
		clear(pass.entries)
	}
	done.renamed = len(rest) > 0
	if pass.renamed.Len() > 0 {
		done.renamed = true
		done.names, _ = pass.text(pass.renamed.String(), maxRenamed)
	}
	return done
}

// more is the name of what has no place of its own.
func (bounds *bounds) more() string {
	if bounds.prefix == "resource." || bounds.prefix == "scope." {
		return bounds.prefix + more
	}
	return more
}

// places are the attributes that stay attributes: as many as there may be, of names that are known. The rest comes after them.
func (pass *pass) places(entries []entry, bounds *bounds) (kept, rest []entry) {
	most := bounds.count
	if len(entries) > most {
		most-- // one is for the rest
	}
	kept = entries[:0]
	for _, each := range entries {
		if len(kept) < most && (pass.admits(each.name, bounds) || each.first) {
			kept = append(kept, each)
		} else {
			rest = append(rest, each)
		}
	}
	if len(rest) > 0 && len(kept) == bounds.count {
		rest = append(rest, kept[most-1])
		kept = kept[:most-1]
	}
	return kept, rest
}

func (pass *pass) admits(name string, bounds *bounds) bool {
	if pass.known == nil {
		return true
	}
	_, exact, _ := spelling(name)
	return pass.known.admit(exact ^ bounds.place)
}

// gather writes attributes as one text. It tells how many had no room.
func gather(entries []entry, into pcommon.Value, longest int) (missing uint32) {
	text := []byte("{")
	for at, each := range entries {
		name, _ := json.Marshal(each.name)
		value, err := json.Marshal(each.value.AsRaw())
		if err != nil { // NaN
			value, _ = json.Marshal(each.value.AsString())
		}
		if len(text)+len(name)+len(value)+3 > longest {
			missing = uint32(len(entries) - at)
			break
		}
		if at > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	into.SetStr(string(append(text, '}')))
	return missing
}

func rank(each entry) int {
	if each.first {
		return 0
	}
	return 1
}

// flatten lists the attributes, those of maps under joined names, as most stores would: the bounds are for what they make of it.
func (pass *pass) flatten(above string, attributes pcommon.Map, bounds *bounds) {
	for given, value := range attributes.All() {
		name := goodName(given)
		if name != given {
			pass.tell(name, given)
		}
		if above != "" {
			name = above + "." + shortName(name, bounds.name)
		}
		if short := shortName(name, bounds.name); short != name {
			pass.tell(short, name)
			name = short
		}
		switch value.Type() {
		case pcommon.ValueTypeMap:
			if members := value.Map(); members.Len() > 0 {
				pass.flatten(name, members, bounds)
				continue
			}
			value.SetStr("{}")
		case pcommon.ValueTypeSlice:
			if plainSize(value) < 0 {
				// Its names are out of reach: as a text they are nobody's fields.
				value.SetStr(value.AsString())
			}
		}
		pass.entries = append(pass.entries, entry{name: name, value: value, first: bounds.first[name]})
	}
}

// name gives each attribute a name that no other has, in any store's spelling.
func (pass *pass) name(entries []entry, bounds *bounds, above *nameSet) {
	seen := &pass.seen
	seen.reset()
	for at := range entries {
		each := &entries[at]
		name := each.name
		hash, _, _ := spelling(name)
		if bounds.own(name) || above != nil && above.has(hash) {
			name = bounds.prefix + name
			hash, _, _ = spelling(name)
		}
		unique := name
		for number := 2; above != nil && above.has(hash) || !seen.add(hash); number++ {
			unique = name + "_" + strconv.Itoa(number)
			hash, _, _ = spelling(unique)
		}
		if unique != name {
			pass.tell(unique, each.name)
		}
		each.name = unique
	}
}

// cut shortens values until all of them together fit. Those that are kept first may take half of the room, and the others share what is
// left: the longest give way.
func (pass *pass) cut(entries []entry, bounds *bounds) (cut bool) {
	firsts := 0
	for at := range entries {
		each := &entries[at]
		if each.value.Type() == pcommon.ValueTypeStr {
			each.size = len(each.value.Str())
		} else {
			each.size, _ = tame(each.value, maxDepth, 2*bounds.value)
		}
		if each.first {
			firsts++
		}
	}
	longest := fitting(entries[:firsts], bounds.value, bounds.total/2)
	room := bounds.total
	for at := range entries {
		if at == firsts {
			longest = fitting(entries[firsts:], bounds.value, room)
		}
		each := &entries[at]
		if each.size > longest {
			text := each.value.AsString()
			if fits := cutText(text, longest); fits != text {
				each.value.SetStr(fits)
				each.size, cut = len(fits), true
			}
		}
		room -= len(each.name) + each.size
	}
	return cut
}

// fitting is how long each value may be so that all of them fit into the room.
func fitting(entries []entry, longest, room int) int {
	for {
		total := 0
		for _, each := range entries {
			total += len(each.name) + min(each.size, longest)
		}
		if total <= room || longest == 0 {
			return longest
		}
		longest -= longest/8 + 1
		longest = max(longest, 0)
	}
}

func (pass *pass) tell(name, given string) {
	if pass.renamed.Len() > maxRenamed {
		return
	}
	if pass.renamed.Len() > 0 {
		pass.renamed.WriteString(", ")
	}
	pass.renamed.WriteString(name)
	pass.renamed.WriteByte('=')
	pass.renamed.WriteString(strconv.Quote(cutText(validText(given), 200)))
}

// text bounds and masks a text that stands beside the attributes.
func (pass *pass) text(text string, longest int) (kept string, cut bool) {
	if text == "" {
		return text, false
	}
	kept = cutText(validText(text), 2*longest)
	kept, _ = pass.masker.Text(kept)
	if len(kept) > longest {
		kept = cutText(kept, longest)
		return kept, true
	}
	return kept, len(text) > 2*longest
}
