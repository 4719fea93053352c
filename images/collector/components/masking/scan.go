package masking

import "sort"

// trigger is what to do where an anchor is found.
type trigger uint8

const (
	// inAName: the anchor is part of a name; a value may follow.
	inAName trigger = iota
	// afterScheme: what follows may hold a user and a password.
	afterScheme
	// afterBearer and afterBasic: a scheme of the Authorization header.
	afterBearer
	afterBasic
	// prefix: what follows is random, and the anchor with it a credential.
	prefix
	// inPath: what follows in the path is a credential.
	inPath
	// jsonToken: a JSON Web Token.
	jsonToken
	// keyBlock: a PEM or PGP block.
	keyBlock
	// encodedBlock: the same in base64.
	encodedBlock
	// telegram: the second half of a bot's token.
	telegram
	// queryParameter: a value of a query that is one by its place.
	queryParameter
	// shortName: a name that ends before the anchor's last sign.
	shortName
	// foreign: a password's name in another language.
	foreign
	// userOption: -u user:password.
	userOption
)

// anchor is a piece of text that a credential has in it or near it.
type anchor struct {
	text string
	does trigger
	// exact: capitals count.
	exact bool
	// least is how much must follow.
	least int
}

func anchors() (all []anchor) {
	add := func(does trigger, exact bool, least int, texts ...string) {
		for _, text := range texts {
			all = append(all, anchor{text: text, does: does, exact: exact, least: least})
		}
	}
	add(inAName, false, 0, "pass", "pwd", "secret", "token", "key", "auth", "cookie", "session", "sid", "sessid", "sign", "sig", "csrf",
		"xsrf", "webhook", "mnemonic", "seed", "cred", "dsn", "otp", "pin", "mfa", "2fa", "cvv", "cvc", "verif", "recovery", "backup",
		"hook", "jwt", "identified by", "phrase", "saml", "wif")
	add(shortName, false, 0, "pw=", "pw:", "pw\"", "pw'", "pw ")
	add(foreign, false, 0, "contrase", "mot de passe", "senha", "wachtwoord")
	add(foreign, true, 0, "ароль", "АРОЛЬ", "密码", "密碼", "パスワード", "비밀번호", "hasło")
	add(userOption, true, 0, " -u ")
	add(afterScheme, false, 0, "://", ":\\/", ":\\\\", "%3a%2f%2f")
	add(afterBearer, false, 15, "bearer")
	add(afterBasic, false, 8, "basic ")
	add(jsonToken, true, 12, "eyJ")
	add(keyBlock, false, 0, "-----begin", "---- begin")
	add(encodedBlock, true, 24, "LS0tLS1CRUdJTi", "0tLS1CRUdJTi", "LS0tQkVHSU4g", "tLS0tQkVHSU4")
	add(telegram, true, 30, ":AA")
	add(queryParameter, false, 12, "?code=", "&code=", "?state=", "&state=", "?sig=", "&sig=", "?signature=", "&signature=", "?key=", "&key=", "?ticket=",
		"&ticket=", "?auth=", "&auth=", "%26code%3d", "%3fcode%3d", "u0026code=", "u0026state=", "u0026sig=")
	add(inPath, false, 8, "hooks.slack.com/", "office.com/webhook", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/",
		"api.telegram.org/bot", "hooks.zapier.com/", "maker.ifttt.com/trigger/", "chat.googleapis.com/v1/spaces/", "binance.com:9443/ws/", "binance.com/ws/", "binance.com:443/ws/")
	add(prefix, true, 16, "AKIA", "ASIA", "AGPA", "AROA", "ANPA")
	add(prefix, true, 20, "AIza", "GOCSPX-", "ya29.", "github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_", "dckr_pat_",
		"dckr_oat_", "shpat_", "shpss_", "shpca_", "shppa_", "pypi-", "dop_v1_", "doo_v1_", "dor_v1_", "hf_", "glsa_", "glc_", "sbp_", "PMAK-",
		"rubygems_", "tskey-", "lin_api_", "figd_", "nfp_", "xkeysib-", "atlasv1.", "AGE-SECRET-KEY-", "EAACEdEose0cBA",
		"sq0csp-", "sq0atp-", "NRAK-", "sntrys_", "sntryu_", "pat-na1-", "ATATT3", "dp.st.", "dp.pt.", "v2.local.")
	add(prefix, true, 16, "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-", "glft-", "sk_live_", "sk_test_", "rk_live_", "rk_test_",
		"whsec_", "hvs.", "hvb.", "hvr.", "pul-", "sk-proj-", "sk-ant-", "sk-or-", "sk-svcacct-", "sk-admin-", "sk-", "SG.", "xoxe.")
	add(prefix, true, 8, "xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-")
	add(prefix, true, 60, "xprv", "yprv", "zprv", "tprv", "uprv", "vprv")
	return all
}

// matcher finds anchors. It looks at two bytes at a time and skips where no anchor can have them: two bytes are in none
// (go on by two), are the first two of one (by one), or are its second and third (look closer).
type matcher struct {
	// jump is by two bytes of seven bits each. 0 and 1 are distances less one; what is above is the number of a bucket, plus two.
	jump    [1 << 14]uint8
	buckets []bucket
}

// bucket are the anchors with the same second and third byte. Most texts that have these two have another before them.
type bucket struct {
	first   [256]bool
	anchors []anchor
}

func pair(first, second byte) int { return int(first&0x7f)<<7 | int(second&0x7f) }

func spellings(c byte, exact bool) []byte {
	if !exact && kinds[c]&lower != 0 {
		return []byte{c, c &^ 0x20}
	}
	return []byte{c}
}

func newMatcher(all []anchor) *matcher {
	found := &matcher{}
	for at := range found.jump {
		found.jump[at] = 1
	}
	each := func(a anchor, at int, do func(where int)) {
		for _, first := range spellings(a.text[at], a.exact) {
			for _, second := range spellings(a.text[at+1], a.exact) {
				do(pair(first, second))
			}
		}
	}
	// The longest is tried first.
	sort.SliceStable(all, func(one, other int) bool { return len(all[one].text) > len(all[other].text) })
	for _, a := range all {
		each(a, 0, func(where int) { found.jump[where] = 0 })
	}
	numbers := map[int]uint8{}
	for _, a := range all {
		folded := pair(fold(a.text[1]), fold(a.text[2]))
		if numbers[folded] == 0 {
			found.buckets = append(found.buckets, bucket{})
			numbers[folded] = uint8(len(found.buckets) + 1)
		}
		number := numbers[folded]
		into := &found.buckets[number-2]
		into.anchors = append(into.anchors, a)
		for _, first := range spellings(a.text[0], a.exact) {
			into.first[first] = true
		}
		each(a, 1, func(where int) { found.jump[where] = number })
	}
	return found
}

// next finds the first anchor that begins at a place or after it.
func (m *matcher) next(text string, from int) (*anchor, int) {
	jumps := &m.jump
	for at, last := from+1, len(text)-1; at < last; {
		jump := jumps[pair(text[at], text[at+1])]
		if jump < 2 {
			at += int(jump) + 1
			continue
		}
		if found := &m.buckets[jump-2]; found.first[text[at-1]] {
			for n := range found.anchors {
				if a := &found.anchors[n]; a.begins(text, at-1) {
					return a, at - 1
				}
			}
		}
		at++
	}
	return nil, len(text)
}

func (a *anchor) begins(text string, at int) bool {
	if a.exact {
		return len(text)-at >= len(a.text) && text[at:at+len(a.text)] == a.text
	}
	return hasFold(text, at, a.text)
}
