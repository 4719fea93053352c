package masking

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// generator prints one JSON object a line, made of the seed CREDENTIALS_SEED.
const generator = "../../../../tests/support/credentials.py"

type sample struct {
	Kind       string         `json:"kind"`
	Line       string         `json:"line"`
	Secrets    []string       `json:"secrets"`
	Attributes map[string]any `json:"attributes"`
}

// samples are those of a seed, or of another generator, MASKING_CORPUS.
func samples(t testing.TB, seed int) (all []sample) {
	command := exec.Command("python3", generator)
	if other := os.Getenv("MASKING_CORPUS"); other != "" {
		command = exec.Command("python3", other)
	}
	if os.Getenv("CREDENTIALS_SEED") == "" {
		command.Env = append(os.Environ(), fmt.Sprint("CREDENTIALS_SEED=", seed))
	}
	printed, err := command.Output()
	if err != nil {
		t.Fatal("the generator of credentials does not run: ", err)
	}
	for line := range bytes.Lines(printed) {
		var each sample
		if err := json.Unmarshal(line, &each); err != nil {
			t.Fatal(err)
		}
		all = append(all, each)
	}
	return all
}

// stored is what is left of a line that a container writes: JSON is taken apart, as the agent does. Then of the line in JSON, and in JSON in it.
func stored(t testing.TB, m *Masker, line string, alone bool) []string {
	text, _ := m.Text(line)
	left := []string{text}
	if alone {
		return left
	}
	var object map[string]any
	if json.Unmarshal([]byte(line), &object) == nil {
		if !json.Valid([]byte(text)) {
			t.Errorf("%q is no JSON any more: %q", line, text)
		}
		attributes := pcommon.NewMap()
		if err := attributes.FromRaw(object); err != nil {
			t.Fatal(err)
		}
		m.Attributes(attributes)
		left = append(left, render(t, attributes))
	}
	escaped, _ := json.Marshal(map[string]string{"msg": line})
	text, _ = m.Text(string(escaped))
	if !json.Valid([]byte(text)) {
		t.Errorf("%q is no JSON any more: %q", escaped, text)
	}
	twice, _ := json.Marshal(map[string]string{"outer": string(escaped)})
	again, _ := m.Text(string(twice))
	if !json.Valid([]byte(again)) {
		t.Errorf("%q is no JSON any more: %q", twice, again)
	}
	return append(left, text, again)
}

func render(t testing.TB, attributes pcommon.Map) string {
	logs := plog.NewLogs()
	attributes.CopyTo(logs.ResourceLogs().AppendEmpty().Resource().Attributes())
	text, err := json.Marshal(logs.ResourceLogs().At(0).Resource().Attributes().AsRaw())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestALineOfAKeyIsHiddenWhereItStandsAlone(t *testing.T) {
	missed, m := 0, New(Settings{})
	for range 2000 {
		for _, size := range []int{26, 27, 36, 48, 57} {
			bytes := make([]byte, size)
			fill(bytes)
			if text, _ := m.Text(base64.StdEncoding.EncodeToString(bytes)); text != Mask {
				missed++
			}
		}
	}
	// Chance makes words of some.
	if missed > 20 {
		t.Errorf("%d of 10000 lines were not hidden", missed)
	}
	for _, text := range []string{
		random(32), strings.Repeat("A", 64), "com/example/trading/services/OrdersHandler12", "services/api/src/routes/ordersHistory1234567",
	} {
		if _, changed := m.Text(text); changed {
			t.Errorf("%q was hidden", text)
		}
	}
}

func TestEveryKindOfCredentialIsHiddenAndWhatIsHarmlessStays(t *testing.T) {
	m, rounds := New(Settings{PersonalData: true}), 5
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		for _, each := range samples(t, round) {
			switch {
			case each.Attributes != nil:
				attributes := pcommon.NewMap()
				if err := attributes.FromRaw(each.Attributes); err != nil {
					t.Fatal(err)
				}
				before := render(t, attributes)
				if m.Attributes(attributes) || render(t, attributes) != before {
					t.Errorf("harmless: %s became %s", before, render(t, attributes))
				}
			case each.Kind == "harmless":
				if text, changed := m.Text(each.Line); changed || text != each.Line {
					t.Errorf("harmless: %q became %q", each.Line, text)
				}
			default:
				for place, left := range stored(t, m, each.Line, strings.HasPrefix(each.Kind, "line:")) {
					for _, secret := range each.Secrets {
						if strings.Contains(left, secret) {
							t.Errorf("%s (%d): %q has %q of %q", each.Kind, place, left, secret, each.Line)
						}
					}
					again, changed := m.Text(left)
					if changed {
						t.Errorf("%s: not the same twice: %q, %q", each.Kind, left, again)
					}
					if !utf8.ValidString(left) {
						t.Errorf("%s: no UTF-8: %q", each.Kind, left)
					}
				}
			}
		}
	}
}
