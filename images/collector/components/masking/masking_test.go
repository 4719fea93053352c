package masking

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// chance is the same at every run: what no run has met before is for fuzzing to find.
var chance = rand.NewChaCha8([32]byte{})

func fill(bytes []byte) { _, _ = chance.Read(bytes) }

func random(size int) string {
	bytes := make([]byte, size)
	fill(bytes)
	return hex.EncodeToString(bytes)
}

func TestWhatStandsUnderACredentialsNameIsHidden(t *testing.T) {
	names := strings.Fields(`password db.password COINBASE_API_SECRET x-api-key http.request.header.authorization set-cookie session_token token
		passWord PGPASSWD signing.passphrase sslPassPhrase KEYSTORE_PASSPHRASE clientSecret apikey apiKey X-API-Key COINBASE_API_KEY private.key
		privateKey TLS_PRIVATE_KEY Private-Key HTTP_AUTHORIZATION Cookie HTTP_COOKIE awsCredentials CREDENTIALS Token nextToken next.token
		SLACK_BOT_TOKEN_OLD accessTokenOld refresh_token_old session-token-old authTokens csrf_tokens bot.token.old appToken2 id_token_hint
		pwd pass client.secret.value PasswordHash mfaToken x-vault-token X-Auth-Token PRIVATE-TOKEN Proxy-Authorization`)
	for _, name := range names {
		word := "q" + random(6) + "z"
		for _, value := range []string{word, word + "\n" + word, "Basic " + word} {
			attributes := pcommon.NewMap()
			attributes.PutStr(name, value)
			attributes.PutEmptySlice(name + ".list").AppendEmpty().SetStr("kept")
			nested := attributes.PutEmptyMap("outer").PutEmptySlice("list").AppendEmpty().SetEmptyMap()
			nested.PutStr(name, value)
			nested.PutEmptySlice(name + "s").AppendEmpty().SetStr("kept")
			nested.PutEmptyBytes(name).FromRaw([]byte(value))
			if !New(Settings{}).Attributes(attributes) || strings.Contains(render(t, attributes), word) {
				t.Errorf("%s: %s", name, render(t, attributes))
			}
		}
	}
}

func TestValuesOfEveryTypeAreHiddenUnderACredentialsName(t *testing.T) {
	raw := map[string]any{
		"password": int64(493021),
		"secret":   3.5,
		"pin":      int64(493021),
		"api_key":  []any{"a", int64(1), true, map[string]any{"b": "c", "n": nil}},
		"cookie":   map[string]any{"sid": "s", "deep": []any{"y"}},
		"secure":   true,
		"token":    nil,
		"headers":  []any{map[string]any{"name": "Authorization", "value": "Basic abc"}, map[string]any{"name": "Host", "value": "api"}},
		"raw":      []any{"Host", "api", "Authorization", "Basic abc", "Cookie", "a=b"},
		"private":  true,
	}
	want := map[string]any{
		"password": Mask,
		"secret":   Mask,
		"pin":      Mask,
		"api_key":  []any{Mask, Mask, true, map[string]any{"b": Mask, "n": nil}},
		"cookie":   map[string]any{"sid": Mask, "deep": []any{Mask}},
		"secure":   true,
		"token":    nil,
		"headers":  []any{map[string]any{"name": "Authorization", "value": "Basic " + Mask}, map[string]any{"name": "Host", "value": "api"}},
		"raw":      []any{"Host", "api", "Authorization", "Basic " + Mask, "Cookie", Mask},
		"private":  true,
	}
	attributes := pcommon.NewMap()
	if err := attributes.FromRaw(raw); err != nil {
		t.Fatal(err)
	}
	m := New(Settings{})
	if !m.Attributes(attributes) {
		t.Error("nothing was changed")
	}
	if got := attributes.AsRaw(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if m.Attributes(attributes) {
		t.Errorf("not the same twice: %v", attributes.AsRaw())
	}
}

func TestWhatAReaderNeedsStays(t *testing.T) {
	secret := random(16)
	for before, after := range map[string]string{
		"host=db password=" + secret + " user=atlas":                          "host=db password=**** user=atlas",
		"Authorization: Bearer " + secret:                                     "Authorization: Bearer ****",
		"connect postgres://atlas:" + secret + "@db:5432/x":                   "connect postgres://atlas:****@db:5432/x",
		"POST https://hooks.slack.com/services/T/B/" + secret + " 200":        "POST https://hooks.slack.com/**** 200",
		"GET /login?user=a&password=" + secret + "&x=1 200":                   "GET /login?user=a&password=****&x=1 200",
		"Cookie: sid=" + secret + "; theme=dark 200":                          "Cookie: **** 200",
		"(password=" + secret + "), next":                                     "(password=****), next",
		"{password=" + secret + ", user=atlas}":                               "{password=****, user=atlas}",
		`{"pin":493021,"user":"a"}`:                                           `{"pin":"****","user":"a"}`,
		`{"password":123,"secret":[1,"a",{"b":2}],"x":3}`:                     `{"password":"****","secret":["****","****",{"b":"****"}],"x":3}`,
		"<a><password>" + secret + "</password></a>":                          "<a><password>****</password></a>",
		"exec psql --password " + secret + " --host db":                       "exec psql --password **** --host db",
		"PGPASSWORD=" + secret + " psql -h db":                                "PGPASSWORD=**** psql -h db",
		"the password is " + secret + " for now":                              "the password is **** for now",
		"recovery phrase: " + strings.Repeat("able acid also ", 4) + "- kept": "recovery phrase: **** - kept",
		`{"msg":"enter password: ","password":"` + secret + `"}`:              `{"msg":"enter password: ","password":"****"}`,
	} {
		if text, changed := New(Settings{}).Text(before); text != after || !changed {
			t.Errorf("%q became %q, not %q", before, text, after)
		}
	}
}

func TestPersonalDataStaysUnlessItIsAskedFor(t *testing.T) {
	for _, text := range []string{"login of jane@example.com", "card 4111 1111 1111 1111", "to DE89370400440532013000"} {
		if _, changed := New(Settings{}).Text(text); changed {
			t.Errorf("%q was changed", text)
		}
		if masked, changed := New(Settings{PersonalData: true}).Text(text); !changed || !strings.HasSuffix(masked, Mask) {
			t.Errorf("%q was not hidden: %q", text, masked)
		}
	}
	for _, text := range []string{
		"card 4111 1111 1111 1112", "order 4111111111111112", "at 1764500000123", "DE00370400440532013000", "react@" + "18.2.0", "a@b",
		"4111111111111111111111", "https://jane@example.com/x", "amqp://atlas:pw@rabbitmq.example.com:5672",
	} {
		masked, _ := New(Settings{PersonalData: true}).Text(text)
		if plain, _ := New(Settings{}).Text(text); masked != plain {
			t.Errorf("%q became %q", text, masked)
		}
	}
}

func TestNestingHasNoBottom(t *testing.T) {
	value := pcommon.NewValueEmpty()
	at, secret := value, random(16)
	for n := range 100_000 {
		if n%2 == 0 {
			at = at.SetEmptyMap().PutEmpty("x")
		} else {
			at = at.SetEmptySlice().AppendEmpty()
		}
	}
	at.SetStr("password=" + secret)
	m := New(Settings{})
	if !m.Value("", value) {
		t.Error("nothing was changed")
	}
	for depth := 0; ; depth++ {
		switch value.Type() {
		case pcommon.ValueTypeMap:
			next, found := value.Map().Get("x")
			if !found {
				return
			}
			value = next
		case pcommon.ValueTypeSlice:
			if value.Slice().Len() == 0 {
				return
			}
			value = value.Slice().At(0)
		default:
			t.Fatalf("%d deep: %s", depth, value.Str())
		}
	}
}

// hostile are pieces of which a text may be made that costs more than its length.
var hostile = []string{
	"password", "password=", `"password":"`, `"password":[`, `{"secret":{`, "token='", `token="`, "pass", "eyJ", "eyJ.", "a.eyJ", "://", "://a:", "@",
	"://a:b@", "%3A%2F%2F", ":\\/\\/", "-----BEGIN PRIVATE KEY-----", "-----BEGIN", "LS0tLS1CRUdJTi", "bearer ", "basic YWJj", "Authorization: ",
	"Authorization: Digest a=\"", "Cookie: a=b; ", "mnemonic: able able ", "AKIA", "ghp_", "xoxb-", ":AA", "1", "1 ", "1-", "DE89 ", "a@b.co ",
	"\\", `\"`, "\"", "'", "key", "-", ".", "secret ", "a", " ", "%22", "%", "&quot;", "session=", "sid:", "hook", "?code=", "token\\\\\\\"", "\x1b[31m",
	"password is ", "--password ", "\"password: \",", "\"value: \"", "\"name\":\"secret\",", "密码：", " -u a:", "signature=", `codes=["a",`, `{password,<<"`, "password\n  value: ", "\"password\"\r\n\r\n", "<a:pin>", "password(\"", "pw=", "password a1b2c3d4 ", "<password>", "password,", "password&a", "{{", "otp=1", "\\u0022", "\\u003c", "x,", "\"a\",\"value\":\"",
}

func check(t *testing.T, text string) {
	failed = func(fault any) { t.Errorf("%q: %v", text, fault) }
	for _, settings := range []Settings{{}, {PersonalData: true}} {
		m := New(settings)
		masked, changed := m.Text(text)
		if changed != (masked != text) {
			t.Fatalf("%q: changed is %v, %q", text, changed, masked)
		}
		if len(masked) > 3*len(text)+8 {
			t.Fatalf("%q grew to %q", text, masked)
		}
		if utf8.ValidString(text) && !utf8.ValidString(masked) {
			t.Fatalf("%q is no UTF-8 any more: %q", text, masked)
		}
		if json.Valid([]byte(text)) && !json.Valid([]byte(masked)) && masked != Mask {
			t.Fatalf("%q is no JSON any more: %q", text, masked)
		}
		if again, changed := m.Text(masked); changed {
			t.Fatalf("not the same twice: %q, %q, %q", text, masked, again)
		}
	}
}

func TestAnyMixtureOfPiecesHoldsTheRules(t *testing.T) {
	rounds := 30_000
	if testing.Short() {
		rounds = 3_000
	}
	choice := make([]byte, 8)
	for range rounds {
		fill(choice)
		text := ""
		for n := range int(choice[0] % 8) {
			text += hostile[int(choice[n])%len(hostile)]
			if choice[n]%3 == 0 {
				text += base64.RawURLEncoding.EncodeToString(choice)
			}
		}
		check(t, text)
	}
}

func FuzzText(f *testing.F) {
	for _, each := range samples(f, 0) {
		if len(each.Line) < 300 {
			f.Add(each.Line)
		}
	}
	for at := range hostile {
		f.Add(hostile[at] + hostile[(at+7)%len(hostile)])
	}
	f.Fuzz(check)
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"", "password", "-", "ÄÖ", "a.b.c", "aB1", strings.Repeat("aB", 100)} {
		f.Add(name, "value")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		attributes := pcommon.NewMap()
		attributes.PutStr(name, value)
		attributes.PutEmptySlice("list").AppendEmpty().SetStr(name)
		m := New(Settings{PersonalData: true})
		m.Attributes(attributes)
		if m.Attributes(attributes) {
			t.Fatalf("not the same twice: %v", attributes.AsRaw())
		}
	})
}
