package masking

import "strings"

// class tells what a name says about the value under it.
type class uint8

const (
	// none: the name says nothing.
	none class = iota
	// strong: whatever stands under it is a credential.
	strong
	// header is a strong name whose value begins with the name of a scheme, which stays.
	header
	// cookie is a strong name whose value is a list of pairs.
	cookie
	// token is the credential's name and the market's: the value decides.
	token
	// opaque: a credential if the value looks like a long random one.
	opaque
	// signature: a credential if the value has the shape of a checksum with a key.
	signature
	// digits: a short code of digits.
	digits
	// seed: words, or a long random value.
	seed
	// sessionID: opaque, and no UUID, as which sessions are counted.
	sessionID
	// address: an URL with a secret in its path or user.
	address
)

const longestName = 96

// wordsOf is a name in its words: "X-Api-Key", "xApiKey" and "x.api_key" are the same three.
type wordsOf struct {
	text  [longestName]byte
	ends  [longestName / 2]uint8
	count int
}

// split cuts a name. Of a longer one it takes the end.
func (words *wordsOf) split(name string) {
	if len(name) > longestName {
		name = name[len(name)-longestName:]
	}
	words.count = 0
	length, begin := 0, 0
	for at := 0; at < len(name); at++ {
		here := kinds[name[at]]
		if here&(letter|digit) == 0 {
			if length > begin {
				begin = words.end(length)
			}
			continue
		}
		if length > begin {
			before := kinds[name[at-1]]
			switch {
			case (before^here)&digit != 0,
				before&lower != 0 && here&upper != 0,
				before&upper != 0 && here&upper != 0 && at+1 < len(name) && kinds[name[at+1]]&lower != 0:
				begin = words.end(length)
			}
		}
		words.text[length] = fold(name[at])
		length++
	}
	if length > begin {
		words.end(length)
	}
}

func (words *wordsOf) end(at int) int {
	// Of a name of more words the last are dropped: none that says anything has as many.
	if words.count < len(words.ends) {
		words.ends[words.count] = uint8(at)
		words.count++
	}
	return at
}

// word is the word at a place, or empty.
func (words *wordsOf) word(at int) []byte {
	if at < 0 || at >= words.count {
		return nil
	}
	begin := uint8(0)
	if at > 0 {
		begin = words.ends[at-1]
	}
	return words.text[begin:words.ends[at]]
}

func set(lists ...string) map[string]struct{} {
	all := map[string]struct{}{}
	for _, list := range lists {
		for _, word := range strings.Fields(list) {
			all[word] = struct{}{}
		}
	}
	return all
}

func in(word []byte, words map[string]struct{}) bool {
	_, found := words[string(word)]
	return found
}

var (
	// about are words behind a credential's name that make it a name of something else: password_policy, token_type, api_key_id.
	about = set(
		"id ids uid name names type types kind count counter counts size len length lengths min max minimum maximum policy policies",
		"symbol symbols address addresses amount amounts decimals price prices rank ranking bucket buckets limit limits limiter used usage",
		"left remaining rate rates ratio supply balance balances volume pair pairs market standard ticker index total",
		"ttl expiry expires expired expire expiration exp lifetime age date time timeout at in seconds ms created updated changed rotated",
		"issued enabled disabled required optional valid invalid exists present missing verified verification reset resets change changes",
		"status state error errors failed failures failure attempts attempt retries strength rule rules rotation",
		"field fields header headers path paths file files filename dir directory folder url uri endpoint endpoints host issuer audience",
		"alg algorithm method methods format encoding provider providers manager store storage resolver service handler factory class",
		"filter middleware interceptor validator generator parser reader writer loader ref refs reference arn version versions mode",
		"scope scopes domain domains consent banner samesite secure prefix suffix options option config settings prompt label title",
		"description message placeholder input output env variable var mount bundle fingerprint thumbprint digest checksum",
		"sha1 sha256 md5 namespace region zone role schema table column",
	)
	// still are words behind the bare "token" that do not change what it is.
	still = set("old new value raw current previous next backup primary secondary prod production staging dev test hint str string plain")
	// tokens are the words before "token" of credentials.
	tokens = set(
		"access refresh session auth csrf xsrf bot app id bearer api security user oauth jwt personal github gitlab hub lab slack",
		"vault npm pypi deploy deployment service account registration reset login signin sso device push fcm apns client admin root",
		"webhook secret private remember invite upload ws websocket consul nomad discord telegram twilio stripe grafana datadog sentry",
		"cloudflare digitalocean heroku azure aws gcp google firebase pulumi docker registry ci runner job build pat master machine",
		"authentication authorization identity impersonation delegation magic otp mfa activation confirmation unsubscribe write read",
		"listener stream feed ingest ingestion hec collector license sas shared guest temporary temp sts web request verification",
	)
	// goods are the words before "token" of the market, of language models and of lists that come in pages.
	goods = set(
		"base quote bid ask spot position settlement paid input output hot cancel page continuation cursor fee reward gas native",
		"wrapped in out from to sell buy pay erc pool lp stable collateral margin invalid valid max min total num bucket prompt",
		"completion cached reasoning sync pagination resume change concurrency stop pad eos bos unk special end start first last",
		"governance utility bridge staked staking liquid borrow lend lending debt deposit trading traded traded perp option strike",
		"underlying listed delisted new top trending meme asset coin chain",
	)
	// keys are the words before "key" of credentials.
	keys = set(
		"api private priv secret access signing sign encryption encrypt decryption decrypt master account shared license licence hmac",
		"wallet aes vapid root subscription consumer storage deploy jwt cipher fernet kms stripe admin trading exchange binance",
		"kraken coinbase okx bybit bitfinex kucoin openai anthropic datadog webhook mnemonic product activation",
	)
	// files are the words before "key" whose value may be a path: only a long random one is a credential.
	files = set("tls ssl server client host ssh rsa ec ecdsa ed dsa pgp gpg pem app application session listen auth user security service integration routing cert certificate identity function functions crypto data")
	// signed are the words before "sign" and "signature" of headers.
	signed = set("access api bapi x request hmac bfx hub slack stripe webhook mac query kc gate mexc wp")
	// codes are the words before "code" and "pin" of what somebody types in.
	codes = set("mfa fa tfa verification verify security sms backup recovery otp totp auth authentication time login confirmation")
	// accounts are the words before "sid" that is no session.
	accounts = set("account message call service conversation verify trunk workspace queue oracle")
	// things are words before a plural that is no list of credentials.
	things = set("pull sealed external")
)

// glued are the ends of words that were written as one.
var glued = []struct {
	end  string
	kind class
}{
	{"password", strong}, {"passwords", strong}, {"passwd", strong}, {"passphrase", strong}, {"passcode", strong}, {"passwort", strong},
	{"pwd", strong}, {"secret", strong}, {"secrets", strong}, {"apikey", strong}, {"apikeys", strong}, {"privatekey", strong},
	{"privkey", strong}, {"secretkey", strong}, {"accesskey", strong}, {"signingkey", strong}, {"accountkey", strong},
	{"encryptionkey", strong}, {"masterkey", strong}, {"licensekey", strong}, {"apisecret", strong}, {"clientsecret", strong},
	{"srftoken", strong}, {"middlewaretoken", strong},
	{"credential", strong}, {"credentials", strong}, {"creds", strong}, {"cookie", cookie}, {"cookies", cookie},
	{"authorization", header}, {"requirepass", strong}, {"masterauth", strong}, {"sessid", opaque}, {"sessionid", opaque},
	{"mnemonic", seed}, {"mnemonics", seed}, {"seedphrase", seed}, {"signature", signature},
}

// classify tells what the words of a name say. More than one value may stand under a plural.
func (words *wordsOf) classify() (kind class, plural bool) {
	for at := 0; at < words.count; at++ {
		kind, after := words.classifyAt(at)
		if kind == none || words.isAbout(after) {
			continue
		}
		last := words.word(after - 1)
		return kind, last[len(last)-1] == 's' && string(last) != "pass"
	}
	return none, false
}

func (words *wordsOf) isAbout(from int) bool {
	for at := from; at < words.count; at++ {
		if in(words.word(at), about) {
			return true
		}
	}
	return false
}

// classifyAt tells whether a credential's name ends with the word at a place, or with the next, and what comes after.
func (words *wordsOf) classifyAt(at int) (class, int) {
	word, before, next := words.word(at), words.word(at-1), words.word(at+1)
	last := at+1 == words.count
	switch string(word) {
	case "pass":
		switch string(next) {
		case "word", "words", "phrase", "code", "wd":
			return strong, at + 2
		}
		if last {
			return strong, at + 1
		}
		return none, 0
	case "pwd", "pw", "cred", "xprv":
		return strong, at + 1
	case "secret", "secrets":
		if in(before, things) {
			return none, 0
		}
		if string(next) == "phrase" {
			return seed, at + 2
		}
		return strong, at + 1
	case "key", "keys":
		if in(before, keys) {
			return strong, at + 1
		}
		if in(before, files) || digitsOnly(before) && in(words.word(at-2), files) {
			return opaque, at + 1
		}
		return none, 0
	case "token", "tokens":
		return words.classifyToken(at)
	case "auth":
		if last {
			return opaque, at + 1
		}
		return none, 0
	case "session":
		if last {
			return opaque, at + 1
		}
		if string(next) == "id" && at+2 == words.count {
			return sessionID, at + 2
		}
		return none, 0
	case "response", "request", "assertion":
		if string(before) == "saml" {
			return opaque, at + 1
		}
		return none, 0
	case "codes":
		switch string(before) {
		case "recovery", "backup", "scratch", "mfa", "otp":
			return strong, at + 1
		}
		return none, 0
	case "userpass", "dbpass", "smtppass", "rootpass", "adminpass", "mypass", "redispass", "bindpw", "rootpw", "userpw", "dbpw", "adminpw":
		return strong, at + 1
	case "wif":
		return opaque, at + 1
	case "sid":
		if last && !in(before, accounts) {
			return opaque, at + 1
		}
		return none, 0
	case "csrf", "xsrf", "jwt":
		if last {
			return opaque, at + 1
		}
		return none, 0
	case "sign", "signature", "sig":
		if !last && !digitsOnly(next) {
			return none, 0
		}
		if in(before, signed) || string(word) == "sig" {
			return opaque, at + 1
		}
		return signature, at + 1
	case "verifier":
		if string(before) == "code" {
			return opaque, at + 1
		}
		return none, 0
	case "code":
		if string(before) == "authorization" {
			return opaque, at + 1
		}
		if in(before, codes) {
			return digits, at + 1
		}
		return none, 0
	case "pin", "otp", "totp", "hotp", "mfa", "cvv", "cvc", "tan":
		if last {
			return digits, at + 1
		}
		return none, 0
	case "mnemonic", "mnemonics":
		return seed, at + 1
	case "phrase":
		switch string(before) {
		case "seed", "recovery", "backup", "secret", "wallet", "mnemonic":
			return seed, at + 1
		}
		return none, 0
	case "seed":
		if last && string(before) != "hash" && string(before) != "random" {
			return seed, at + 1
		}
		return none, 0
	case "webhook", "dsn", "hook":
		if last || at+2 == words.count && (string(next) == "url" || string(next) == "uri") {
			return address, words.count
		}
		return none, 0
	case "by":
		if string(before) == "identified" {
			return strong, at + 1
		}
		return none, 0
	case "authorization":
		return header, at + 1
	}
	for _, each := range glued {
		if len(word) >= len(each.end) && string(word[len(word)-len(each.end):]) == each.end {
			return each.kind, at + 1
		}
	}
	if length := len(word) - len("token"); length > 0 && string(word[length:]) == "token" && !in(word[:length], goods) {
		if in(word[:length], tokens) {
			return strong, at + 1
		}
		return token, at + 1
	}
	return none, 0
}

func (words *wordsOf) classifyToken(at int) (class, int) {
	before, next := words.word(at-1), words.word(at+1)
	plural := len(words.word(at)) > len("token")
	switch {
	case in(before, tokens):
		return strong, at + 1
	case in(before, goods):
		return none, 0
	case plural:
		return none, 0
	case next == nil || digitsOnly(next) || in(next, still):
		return token, at + 1
	}
	return none, 0
}

func digitsOnly(word []byte) bool {
	for _, each := range word {
		if kinds[each]&digit == 0 {
			return false
		}
	}
	return len(word) > 0
}
