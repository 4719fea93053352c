package sanitizer

import (
	"slices"
	"strings"
)

const (
	// The standard has 32 members. The sampler reads 31, and adds one.
	maxMembers    = 30
	maxTraceState = 512
	maxMember     = 256
	maxTenant     = 241
	maxSystem     = 14
)

// goodState are the members of a W3C trace state that keep to the standard. A sampler drops a span whose trace state it cannot read.
func goodState(given string) string {
	kept, all := goodMembers(given)
	if all {
		return given
	}
	return strings.Join(kept, ",")
}

// goodMembers tells also whether that is all of them, as they are written.
func goodMembers(given string) (kept []string, all bool) {
	var keys [maxMembers]string
	number, size := 0, 0
	all = true
	bad := false
	for member := range strings.SplitSeq(given, ",") {
		written := member
		member = strings.Trim(member, " \t")
		key, _, _ := strings.Cut(member, "=")
		good := number < maxMembers && size+len(member) <= maxTraceState && goodMember(member) && !slices.Contains(keys[:number], key)
		if all && (!good || member != written) {
			// Few come here: what was good until now is listed.
			all = false
			kept = strings.Split(given, ",")[:number]
		}
		if !good {
			bad = true
			continue
		}
		if !all {
			kept = append(kept, member)
		}
		keys[number] = key
		number++
		size += len(member) + 1
	}
	if bad {
		// Nobody who keeps to the standard wrote this, so it is no word of a sampler.
		kept = slices.DeleteFunc(kept, func(member string) bool { return strings.HasPrefix(member, "ot=") })
	}
	return kept, all
}

func goodMember(member string) bool {
	key, value, found := strings.Cut(member, "=")
	if !found || !goodKey(key) || value == "" || len(value) > maxMember || value[len(value)-1] == ' ' {
		return false
	}
	for at := 0; at < len(value); at++ {
		if letter := value[at]; letter < ' ' || letter > '~' || letter == '=' {
			return false
		}
	}
	return key != "ot" || goodOpenTelemetry(value)
}

func goodKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if multi {
		return len(tenant) <= maxTenant && len(system) <= maxSystem && goodKeyPart(tenant, true) && goodKeyPart(system, false)
	}
	return len(key) <= maxMember && goodKeyPart(key, false)
}

// goodKeyPart tells whether it is of the standard's letters; not all of them may stand first.
func goodKeyPart(part string, digitFirst bool) bool {
	for at := 0; at < len(part); at++ {
		letter := part[at]
		switch {
		case letter >= 'a' && letter <= 'z':
		case letter >= '0' && letter <= '9':
			if at == 0 && !digitFirst {
				return false
			}
		case letter == '_' || letter == '-' || letter == '*' || letter == '/':
			if at == 0 {
				return false
			}
		default:
			return false
		}
	}
	return part != ""
}

// goodOpenTelemetry judges OpenTelemetry's own member, by which samplers agree: th is a threshold, rv a random value.
func goodOpenTelemetry(value string) bool {
	for field := range strings.SplitSeq(value, ";") {
		key, value, found := strings.Cut(field, ":")
		if !found || key == "" || key[0] < 'a' || key[0] > 'z' || !consistsOf(key, isLowerOrDigit) || !consistsOf(value, isOfField) {
			return false
		}
		switch key {
		case "th":
			if value == "" || len(value) > 14 || !consistsOf(value, isHex) {
				return false
			}
		case "rv":
			if len(value) != 14 || !consistsOf(value, isHex) {
				return false
			}
		}
	}
	return true
}

func consistsOf(text string, letters func(byte) bool) bool {
	for at := 0; at < len(text); at++ {
		if !letters(text[at]) {
			return false
		}
	}
	return true
}

func isHex(letter byte) bool { return letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'f' }

func isLowerOrDigit(letter byte) bool {
	return letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'z'
}

func isOfField(letter byte) bool {
	return isLowerOrDigit(letter) || letter >= 'A' && letter <= 'Z' || letter == '.' || letter == '_' || letter == '-'
}
