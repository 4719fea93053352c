"""Made-up credentials in the places where services write them, and what looks like one and is none.

``python tests/support/credentials.py`` prints one JSON object a line: ``{"kind", "line", "secrets"}``, then ``{"kind":
"harmless", "line"}`` and ``{"kind": "harmless", "attributes"}``. ``line`` is what a container writes; none of ``secrets`` may
reach a store. The test of the masking library (images/collector/components/masking) reads it: hence the standard library alone.
Kinds that begin with "personal" are personal data. The environment variable ``CREDENTIALS_SEED`` makes others.
"""

import base64
import json
import os
import random
import string
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

CHANCE = random.Random(int(os.environ.get("CREDENTIALS_SEED", "1")))  # noqa: S311  (nothing made of it is a secret)
LETTERS = string.ascii_letters + string.digits
CAPITALS = string.ascii_uppercase + "234567"
DASHES = "-" * 5
BACKSLASH = "\\"


class Sample(NamedTuple):
    """A line that holds a credential, and the parts of it that must not be found again."""

    kind: str
    line: str
    secrets: list[str]


def _word(length: int, alphabet: str = LETTERS) -> str:
    """Random letters, with a digit and both cases among them where the alphabet has them, lest chance makes a word."""
    while True:
        word = "".join(CHANCE.choice(alphabet) for _ in range(length))
        if alphabet != LETTERS or (
            any(each.isdigit() for each in word[1:-1])
            and any(each.islower() for each in word)
            and any(each.isupper() for each in word)
        ):
            return word


def _base64(size: int) -> str:
    return base64.b64encode(CHANCE.randbytes(size)).decode()


def _block(title: str, separator: str) -> tuple[str, list[str]]:
    """A PEM or PGP block, and its lines."""
    text = _base64(121)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    block = separator.join([f"{DASHES}BEGIN {title}{DASHES}", *lines, f"{DASHES}END {title}{DASHES}"])
    return block, lines[:2]


def _jwt() -> tuple[str, list[str]]:
    payload, signature = _word(80), _word(43)
    return f"eyJ{_word(30)}.eyJ{payload}.{signature}", [payload, signature]


def _luhn(number: str) -> str:
    """``number`` with its check digit."""
    digits = [int(each) for each in reversed(number)]
    total = sum(sum(divmod(2 * each, 10)) if at % 2 == 0 else each for at, each in enumerate(digits))
    return number + str(-total % 10)


def _iban(country: str, account: str) -> str:
    as_number = "".join(str(int(each, 36)) for each in f"{account}{country}00")
    return f"{country}{98 - int(as_number) % 97:02}{account}"


NAMES = [
    "password",
    "db.password",
    "passwd",
    "pwd",
    "PGPASSWORD",
    "POSTGRES_PASSWORD",
    "passphrase",
    "sslPassPhrase",
    "keystore-passphrase",
    "userPassword",
    "new_password",
    "secret",
    "client_secret",
    "clientSecret",
    "CLIENT-SECRET",
    "api_secret",
    "apiSecret",
    "COINBASE_API_SECRET",
    "aws_secret_access_key",
    "SecretAccessKey",
    "jwt_secret",
    "signing_secret",
    "api_key",
    "apiKey",
    "apikey",
    "X-Api-Key",
    "x-api-secret",
    "private_key",
    "privateKey",
    "TLS_PRIVATE_KEY",
    "encryption_key",
    "encryptionKey",
    "master_key",
    "AccountKey",
    "SharedAccessKey",
    "license_key",
    "access_key",
    "access_token",
    "accessToken",
    "refresh_token",
    "refreshToken",
    "session_token",
    "auth_token",
    "authToken",
    "bot_token",
    "app_token",
    "id_token",
    "csrf_token",
    "xsrfToken",
    "api_token",
    "GITHUB_TOKEN",
    "NPM_TOKEN",
    "SLACK_BOT_TOKEN",
    "VAULT_TOKEN",
    "bearerToken",
    "device_token",
    "password_hash",
    "credentials",
    "aws_credential",
    "CB-ACCESS-KEY",
    "CB-ACCESS-SIGN",
    "CB-ACCESS-PASSPHRASE",
    "OK-ACCESS-KEY",
    "OK-ACCESS-SIGN",
    "X-MBX-APIKEY",
    "API-Key",
    "API-Sign",
    "KC-API-SIGN",
    "KC-API-PASSPHRASE",
    "X-BAPI-API-KEY",
    "X-BAPI-SIGN",
    "bfx-apikey",
    "bfx-signature",
    "X-Hub-Signature-256",
    "__Secure-next-auth.session-token",
    "__Host-next-auth.csrf-token",
]
"""Names under which a value is a credential, as services spell them."""


def _forms(name: str, value: str) -> dict[str, str]:
    """How a name and its value are written."""
    pair = json.dumps({name: value})
    return {
        "name=value": f"host=db user=atlas {name}={value} dbname=orders",
        "name: value": f"retrying with {name}: {value} after 3 s",
        "name = 'value'": f"{name} = '{value}'",
        'name="value"': f'level=info {name}="{value}" took=3ms',
        "JSON": json.dumps({"level": "info", "msg": "x", name: value}),
        "JSON in a text": f"loaded {pair} from disk",
        "JSON in JSON": json.dumps({"msg": "x", "body": pair}),
        "JSON in JSON in JSON": json.dumps({"msg": json.dumps({"body": pair})}),
        "JSON, nested": json.dumps({"msg": "x", "req": {"options": [{"deep": {name: value}}]}}),
        "JSON, in a list": json.dumps({"msg": "x", name: [value, value]}),
        "a Python dict": f"settings {{'user': 'atlas', '{name}': '{value}'}}",
        "a Go struct": f"config {{User:atlas {name.replace('-', '_')}:{value} Port:5432}}",
        "YAML": f"user: atlas\n{name}: {value}\nport: 5432",
        "an option": f"exec client --{name} {value} --verbose",
        "an option with =": f"exec client --{name}={value} --verbose",
        "an environment": f"{name.replace('-', '_').replace('.', '_').upper()}={value} ./server --port 8080",
        "a query": f"GET /login?user=atlas&{name}={urllib.parse.quote(value, safe='')}&x=1 200",
        "encoded JSON": f"body={urllib.parse.quote(pair)}",
        "an encoded form": f"form user%3Datlas%26{name}%3D{value}",
        "XML": f"<user>atlas</user><{name}>{value}</{name}>",
        "a pair of members": json.dumps({"env": [{"name": name, "value": value}]}),
        "a pair of attributes": f'<add key="{name}" value="{value}"/>',
        "raw headers": json.dumps({"msg": "x", "rawHeaders": ["Host", "api", name, value]}),
        "Ruby": f':{name}=>"{value}", :port=>5432',
        "CSV": f'1,"{{""{name}"":""{value}""}}",x',
        "a form's field": f"user[{name}]={value}&user[name]=x",
    }


HEADERS_ALONE = {"raw headers"}
"""Forms in which a name says less: a list of names is no list of headers."""


def _named() -> Iterator[Sample]:
    for name in NAMES:
        value = _word(32)
        for form, line in _forms(name, value).items():
            yield Sample(f"{name} as {form}", line, [value])


def _odd_passwords() -> Iterator[Sample]:
    """Values that end nothing by what they hold."""
    for sign in ",;&|/@:#?!$%^*()[]{}<>~`'=+-_":
        front, back = _word(8), _word(12)
        value = f"{front}{sign}{back}"
        for form in ("JSON", "JSON in a text", "JSON in JSON", "JSON, nested"):
            yield Sample(f"a password with {sign} as {form}", _forms("password", value)[form], [front, back])
        if sign not in "'`<>":
            yield Sample(f"a password with {sign} in a DSN", f"host=db password={value} user=x", [front, back])
        if sign not in "'`<>":
            url = f"connect postgres://atlas:{value}@db:5432/atlas"
            yield Sample(f"a password with {sign} in an URL", url, [front, back])
    for quote in "\"'":
        words = " ".join(_word(7) for _ in range(4))
        yield Sample(
            f"a password with blanks in {quote}", f"login password={quote}{words}{quote} user=x", words.split()
        )
    value = f'{_word(6)}"{_word(9)}{BACKSLASH}{_word(8)}'
    yield Sample("a password with a quote, in JSON", json.dumps({"password": value}), [value[7:16], value[-8:]])
    yield Sample("a short password", f"password={(short := _word(5))}", [short])
    yield Sample(
        "a number as a password",
        json.dumps({"msg": "x", "password": (number := 10**9 + CHANCE.randrange(10**9))}),
        [str(number)],
    )


def _said() -> Iterator[Sample]:
    value = _word(16)
    for text in (
        "the password is {}",
        "The password was {}.",
        "login pass={}",
        "exec psql --password {}",
        "CREATE USER atlas WITH PASSWORD '{}'",
        "ALTER USER atlas IDENTIFIED BY '{}'",
        "requirepass {}",
        "password {}",
        'Password("{}")',
        '{{password,<<"{}">>}}',
        'password = """{}"""',
        "<ns:password>{}</ns:password>",
        "<password><![CDATA[{}]]></password>",
        "- name: DB_PASSWORD\n  value: {}",
        'form-data; name="password"\r\n\r\n{}\r\n--x',
        "-Djavax.net.ssl.keyStorePassword={}",
        "[(b'x-api-key', b'{}')]",
        "client -u atlas:{} https://api",
        "ldap bindpw={}",
        "MYSQL_PWD={}",
        "SMTP_PASS: {}",
        "пароль: {}",
        "密码\uff1a{}",
        "contraseña={}",
        "Server=x;User Id=atlas;Password={};Encrypt=true",
        'recovery_codes=["{}"]',
        "X-Amz-Security-Token={}",
        "ASP.NET_SessionId={}",
        "XSRF-TOKEN={}",
        "Password: {}",
        "API key: {}",
        "secret key = {}",
        "access token: {}",
        "Client Secret: {}",
        "\x1b[31mpassword\x1b[0m={}",
        "first line\npassword={}",
        "first line\\npassword={}\\nuser=x",
    ):
        yield Sample(f"said: {text}", text.format(value), [value])


def _headers() -> Iterator[Sample]:
    basic = base64.b64encode(f"atlas:{_word(14)}".encode()).decode()
    token, jwt, cookie, signed = _word(40), _jwt(), _word(32), CHANCE.randbytes(32).hex()
    key = f"AKIA{_word(16, CAPITALS)}"
    lines = {
        "Basic": (f"Authorization: Basic {basic}", [basic]),
        "Basic alone": (f"sent Basic {basic} to the proxy", [basic]),
        "Proxy-Authorization": (f"Proxy-Authorization: Basic {basic}", [basic]),
        "Bearer": (f"authorization: Bearer {token}", [token]),
        "Bearer alone": (f"using bearer {token}", [token]),
        "a scheme of one's own": (f"Authorization: GenieKey {token}", [token]),
        "Token": (f"Authorization: Token {token}", [token]),
        "no scheme": (f"Authorization: {token}", [token]),
        "Digest": (
            f'Authorization: Digest username="atlas", realm="x", nonce="{token}", response="{signed}"',
            [signed],
        ),
        "AWS": (
            f"Authorization: AWS4-HMAC-SHA256 Credential={key}/20261130/s3/aws4_request, SignedHeaders=host, Signature={signed}",
            [key, signed],
        ),
        "HTTP_AUTHORIZATION": (f"HTTP_AUTHORIZATION=Bearer {token}", [token]),
        "in JSON": (json.dumps({"headers": {"authorization": f"Bearer {token}"}}), [token]),
        "in a list in JSON": (json.dumps({"headers": {"authorization": [f"Basic {basic}"]}}), [basic]),
        "in raw headers": (json.dumps({"rawHeaders": ["Host", "api", "Authorization", f"Basic {basic}"]}), [basic]),
        "in pairs": (json.dumps({"headers": [{"name": "Authorization", "value": f"Bearer {token}"}]}), [token]),
        "in curl": (f"curl -H 'Authorization: Bearer {token}' https://api", [token]),
        "in gRPC metadata": (f"map[authorization:[Bearer {token}] user-agent:[grpc-go/1.70]]", [token]),
        "Cookie": (f"Cookie: theme=dark; connect.sid=s%3A{cookie}.{token}", [cookie, token]),
        "Cookie in pino-http": (json.dumps({"req": {"headers": {"cookie": f"connect.sid=s%3A{cookie}"}}}), [cookie]),
        "Set-Cookie": (f"set-cookie: sid={cookie}; HttpOnly; Path=/", [cookie]),
        "Set-Cookie in a list": (json.dumps({"res": {"headers": {"set-cookie": [f"sid={cookie}; Path=/"]}}}), [cookie]),
        "a chunk of a cookie": (f"__Secure-next-auth.session-token.1={cookie}{token}", [cookie, token]),
        "a session's id": (f"JSESSIONID={cookie}", [cookie]),
        "sid": (f"opened sid={cookie}", [cookie]),
        "a JWT under its name": (f"id_token={jwt[0]}", jwt[1]),
    }
    for kind, (line, parts) in lines.items():
        yield Sample(f"header: {kind}", line, parts)


def _addresses() -> Iterator[Sample]:
    value, path, number = _word(20), _word(24), "".join(CHANCE.choice(string.digits) for _ in range(18))
    hexadecimal = CHANCE.randbytes(16).hex()
    lines = {
        "AMQP": (f"connect amqp://atlas:{value}@rabbitmq:5672", [value]),
        "Redis without a user": (f"connect redis://:{value}@cache:6379/0", [value]),
        "several hosts": (f"mongodb://atlas:{value}@a:27017,b:27017/x?replicaSet=rs", [value]),
        "two in a line": (f"amqp://a:{value}@h1,amqp://b:{path}@h2", [value, path]),
        "digits alone": (f"connect amqp://atlas:{number}@rabbitmq:5672", [number]),
        "JDBC": (f"jdbc:postgresql://db:5432/x?user=atlas&password={value}&ssl=true", [value]),
        "encoded": (f"url=postgres%3A%2F%2Fatlas%3A{value}%40db%3A5432", [value]),
        "escaped": (f"postgres:\\/\\/atlas:{value}@db:5432", [value]),
        "a token for a user": (f"fetch https://{hexadecimal}@sentry.example.com/42", [hexadecimal]),
        "an OAuth code": (f"GET /callback?code={path}&state=x", [path]),
        "a SAS": (
            f"https://x.blob.core.windows.net/a?sv=2022&sr=b&sig={urllib.parse.quote(_base64(32))}x{value}",
            [value],
        ),
        "a presigned URL": (
            f"https://s3/x?X-Amz-Credential=a&X-Amz-Signature={(signed := CHANCE.randbytes(32).hex())}",
            [signed],
        ),
        "a signed request of an exchange": (
            f"GET /api/v3/account?timestamp=1&signature={(mac := CHANCE.randbytes(32).hex())}",
            [mac],
        ),
        "a token and a fixed word": (f"clone https://{value}{path}:x-oauth-basic@github.com/o/r", [value]),
        "a user's stream": (f"open wss://stream.binance.com:9443/ws/{value}{path}{value}", [value]),
        "a webhook of Slack": (
            f"POST https://hooks.slack.com/services/T{_word(8, CAPITALS)}/B{_word(8, CAPITALS)}/{path}",
            [path],
        ),
        "a webhook of Discord": (f"POST https://discord.com/api/webhooks/{number}/{path}{value} 204", [path]),
        "a webhook of Teams": (
            f"POST https://example.webhook.office.com/webhookb2/{hexadecimal}@{value}",
            [hexadecimal],
        ),
        "a webhook in JSON": (json.dumps({"webhook_url": f"https://hooks.example.com/in/{path}"}), [path]),
        "a bot of Telegram": (
            f"POST https://api.telegram.org/bot{number[:9]}:AA{_word(33)}/sendMessage",
            [number[:9] + ":AA"],
        ),
    }
    for kind, (line, parts) in lines.items():
        yield Sample(f"address: {kind}", line, parts)


_ALONE: dict[str, Callable[[], tuple[str, str]]] = {
    "AWS key": lambda: ("AKIA", _word(16, CAPITALS)),
    "AWS temporary key": lambda: ("ASIA", _word(16, CAPITALS)),
    "GCP API key": lambda: ("AIza", _word(35)),
    "GCP client secret": lambda: ("GOCSPX-", _word(28)),
    "GCP access token": lambda: ("ya29.", _word(100)),
    "GitHub fine-grained": lambda: (f"github_pat_{_word(22)}_", _word(59)),
    "GitHub classic": lambda: ("ghp_", _word(36)),
    "GitHub app": lambda: ("ghs_", _word(36)),
    "GitLab": lambda: ("glpat-", _word(20)),
    "Stripe": lambda: ("sk_live_", _word(24)),
    "Stripe restricted": lambda: ("rk_live_", _word(24)),
    "Stripe webhook": lambda: ("whsec_", _word(32)),
    "Slack bot": lambda: (f"xoxb-{CHANCE.randrange(10**12):012}-", _word(24)),
    "Slack rotation": lambda: ("xoxe.xoxp-1-", _word(100)),
    "Slack app": lambda: ("xapp-1-A0-1-", CHANCE.randbytes(32).hex()),
    "Vault": lambda: ("hvs.", _word(90)),
    "Vault batch": lambda: ("hvb.", _word(90)),
    "npm": lambda: ("npm_", _word(36)),
    "PyPI": lambda: ("pypi-", _word(100)),
    "Pulumi": lambda: ("pul-", CHANCE.randbytes(20).hex()),
    "OpenAI": lambda: ("sk-proj-", _word(60)),
    "Anthropic": lambda: ("sk-ant-", f"api03-{_word(60)}"),
    "Docker": lambda: ("dckr_pat_", _word(27)),
    "SendGrid": lambda: (f"SG.{_word(22)}.", _word(43)),
    "Shopify": lambda: ("shpat_", CHANCE.randbytes(16).hex()),
    "DigitalOcean": lambda: ("dop_v1_", CHANCE.randbytes(32).hex()),
    "Grafana": lambda: ("glsa_", _word(40)),
    "age": lambda: ("AGE-SECRET-KEY-1", _word(58, CAPITALS)),
    "extended private key": lambda: ("xprv9s21ZrQH143K", _word(96)),
}
"""Tokens that are known by how they begin: that, and the rest."""


def _alone() -> Iterator[Sample]:
    for kind, make in _ALONE.items():
        begin, rest = make()
        for text in ("{}", "client with {} started", "url?x={}&y=1", "['{}']", "x%3D{}", "\\n{}\\n", "({})."):
            yield Sample(f"alone: {kind} in {text}", text.format(begin + rest), [rest])


def _keys() -> Iterator[Sample]:
    for title in (
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "RSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ):
        block, lines = _block(title, "\n")
        yield Sample(f"key: {title}", f"read {block} from disk", lines)
        yield Sample(f"key: {title} in JSON", json.dumps({"msg": "x", "pem": block}), lines)
        yield Sample(f"key: {title} in JSON in JSON", json.dumps({"msg": json.dumps({"pem": block})}), lines)
        yield Sample(f"key: {title} without its end", block[: block.index(DASHES + "END")], lines)
        encoded = base64.b64encode(block.encode()).decode()
        yield Sample(f"key: {title} in base64", f"tls.key: {encoded}", [encoded, encoded[40:]])
        yield Sample(f"key: {title} in base64 without a name", f"data {encoded}", [encoded, encoded[40:]])
    line = _base64(48)
    yield Sample("line: one of a block", line, [line])
    for name in ("private_key", "privateKey", "signing_key", "ETH_PRIVATE_KEY", "wallet.privateKey"):
        yield Sample(f"key: Ethereum as {name}", f"signer {name}=0x{(key := CHANCE.randbytes(32).hex())}", [key])
    jwt, parts = _jwt()
    for text in ("{}", "tok {}", "?jwt={}", '{{"t":"{}"}}', "x%3D{}"):
        yield Sample(f"key: JWT in {text}", text.format(jwt), parts)
    head = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A256GCM"}').decode().rstrip("=")
    jwe = f"{head}..{_word(16)}.{(sealed := _word(200))}.{_word(22)}"
    yield Sample("key: JWE", f"session {jwe}", [sealed])


def _seeds() -> Iterator[Sample]:
    # Words that are none, and that no other text has by chance: what counts is that they are twelve.
    for count in (12, 15, 18, 21, 24):
        words = ["".join(CHANCE.choice("bcdfghjklmnpqrstvwxz") for _ in range(5)) for _ in range(count)]
        for name in ("mnemonic", "seed_phrase", "seedPhrase", "recovery phrase", "WALLET_MNEMONIC"):
            yield Sample(
                f"seed: {count} words as {name}",
                f"{name}: {' '.join(words)}",
                [" ".join(words[:3]), " ".join(words[-2:])],
            )
        yield Sample(
            f"seed: {count} words in JSON", json.dumps({"msg": "x", "mnemonic": " ".join(words)}), [" ".join(words[:3])]
        )
        yield Sample(f"seed: {count} words in a list", json.dumps({"msg": "x", "mnemonic": words}), words[:3])


def _codes() -> Iterator[Sample]:
    for name in (
        "otp",
        "totp",
        "pin",
        "mfa",
        "mfa_code",
        "mfaCode",
        "totp_code",
        "2fa_code",
        "verification_code",
        "cvv",
    ):
        code = "".join(CHANCE.choice("123456789") for _ in range(3 if name == "cvv" else 6))
        yield Sample(f"code: {name}", f"login {name}={code} verified", [code])
        yield Sample(f"code: {name} in JSON", json.dumps({"msg": "x", name: code}), [code])
        yield Sample(f"code: {name} as a number", json.dumps({"msg": "x", name: int(code)}), [code])


def _personal() -> Iterator[Sample]:
    def digits(count: int) -> str:
        return "".join(CHANCE.choice(string.digits) for _ in range(count))

    for issuer, begin, length in (
        ("Visa", "4", 16),
        ("Mastercard", "53", 16),
        ("Amex", "37", 15),
        ("Discover", "6011", 16),
        ("JCB", "3530", 16),
    ):
        number = _luhn(begin + digits(length - 1 - len(begin)))
        groups = [number[at : at + 4] for at in range(0, length, 4)]
        if issuer == "Amex":
            groups = [number[:4], number[4:10], number[10:]]
        for text in (number, " ".join(groups), "-".join(groups)):
            yield Sample(f"personal: {issuer} {len(text)}", f"card {text} charged", [text])
        yield Sample(f"personal: {issuer} as a number", json.dumps({"msg": "x", "card": int(number)}), [number])
    for country, length in (("DE", 18), ("FR", 23), ("CH", 17), ("PL", 24)):
        iban = _iban(country, digits(length))
        grouped = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
        yield Sample(f"personal: IBAN of {country}", f"withdraw to {iban}", [iban])
        yield Sample(f"personal: IBAN of {country} in groups", f"withdraw to {grouped}.", [grouped])
    name = _word(9).lower()
    for text in ("login of {}", "<{}>", "mailto:{}", '{{"email":"{}"}}', "user={}&x=1"):
        yield Sample(f"personal: e-mail in {text}", text.format(f"{name}.doe@example.com"), [name])


def samples() -> list[Sample]:
    """Every kind in every place."""
    groups = (_named, _odd_passwords, _said, _headers, _addresses, _alone, _keys, _seeds, _codes, _personal)
    return [each for group in groups for each in group()]


def kinds() -> list[Sample]:
    """One of each kind, without the many places of each: for what costs more than a call."""
    seen: dict[str, Sample] = {}
    for each in samples():
        seen.setdefault(
            each.kind.split(" as ")[0].split(" in {")[0] if "personal" not in each.kind else each.kind, each
        )
    return list(seen.values())


def _hex(size: int) -> str:
    return CHANCE.randbytes(size).hex()


def _uuid() -> str:
    text = _hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def harmless() -> list[str]:
    """What services, servers and exchanges write, and is no credential."""
    return [
        *_harmless_of_services(),
        *_harmless_of_servers(),
        *_harmless_of_the_market(),
        *_harmless_about_credentials(),
    ]


def _harmless_of_services() -> list[str]:
    uuid, trace = _uuid(), _hex(16)
    return [
        f"order {uuid} filled",
        f"trace {trace} span {trace[:16]}",
        f"traceparent: 00-{trace}-{trace[:16]}-01",
        f"request_id={uuid} status=200 duration=12.5ms",
        f'etag: W/"{_hex(10)}" max-age=60',
        f"sha256:{_hex(32)}",
        f"commit {_hex(20)} on main",
        f"digest={_base64(32)}",
        f"integrity sha512-{_base64(64)}",
        f'{{"level":30,"time":1764500000000,"pid":1,"hostname":"api-7d9c5b8f4-x2k9p","reqId":"{uuid}","msg":"request completed"}}',
        '{"level":"info","ts":1764500000.123,"caller":"zap/options.go:212","msg":"starting","version":"v1.4.2"}',
        f'{{"event":"order_placed","order_id":"{uuid}","timestamp":"2026-11-30T21:00:00.123456Z","logger":"workers.orders"}}',
        '{"req":{"id":1,"method":"GET","url":"/api/orders?page=2","headers":{"host":"api:8000","user-agent":"curl/8.5.0","accept":"*/*"}}}',
        '{"statusCode":200,"headers":{"content-type":"application/json; charset=utf-8","content-length":"4711"}}',
        "Error: connect ECONNREFUSED 10.96.0.12:5432",
        "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
        "    at async Server.<anonymous> (/app/node_modules/next/dist/server/base-server.js:1234:17)",
        'File "/usr/local/lib/python3.13/site-packages/workers/main.py", line 42, in run_forever',
        "java.lang.IllegalStateException: Could not open connection",
        "\tat org.springframework.security.authentication.AuthenticationManager.authenticate(AuthenticationManager.java:147)",
        "Caused by: javax.crypto.BadPaddingException: Given final block not properly padded",
        "goroutine 17 [running]:",
        "main.(*server).handle(0xc0001a2000, {0x7f3c5c0, 0xc0000b4010}, 0x12)",
        "\t/go/src/app/server.go:128 +0x1d4",
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6a1b2c]",
        "ready - started server on 0.0.0.0:3000, url: http://localhost:3000",
        "compiled client and server successfully in 1234 ms (512 modules)",
        "GET /_next/static/chunks/main-7f3e2b1a9c8d6e5f.js 200 in 3ms",
        "GET /_next/image?url=%2Flogo.png&w=64&q=75 200",
        "GET /api/orders?cursor=eyJpZCI6MTIzNDU2Nzg5MH0&limit=50 200",
        "POST /api/orders 201 12.345 ms - 512",
        "worker.heartbeat seq=123456789 lag=0.002",
        "cache key: orders:BTC-USD:2026-11-30 miss",
        "primary key: orders_pkey, foreign key: trades_order_id_fkey",
        "partition key=BTC-USD sort_key=2026-11-30T21:00:00Z",
        f"idempotency_key={uuid}",
        "routing_key=orders.created exchange=trading",
        "signing in user u-20817",
        "session opened for u-20817",
        "session.id=u-20817-3",
        "author=jane authority=api:8000 authored=3",
        "compass=north bypass=true passenger=2 passport_control=off passes=3",
        "monkey=1 keyboard=us keyframe=12 hotkey=f5 keys=17 keyspace=0",
        "pinned=4 pinging=true spin=2 opinion: fine",
        "design: new, assigned=3 signal=9 signed=true",
        "seeds=3 random_seed=42 hash_seed: 22",
        "side=buy insider=false consider=all resid=0.5",
        "backup: completed in 12s, recovery: point in time",
        "hook: pre-commit passed, webhook_id=17 webhook delivered in 12 ms",
        "2026-11-30 21:00:00.123 INFO  [main] c.e.Application : Started Application in 3.14 seconds",
        "services/api/src/routes/ordersHistory12345678",
        "A" * 36,
        "/usr/local/lib/python3/site-packages/workers/main",
        "node_modules/@nestjs/core/router/router-execution-context.js:38:29",
        "a mail to nobody@localhost is not sent",
        "npm WARN using --force, react@latest and @types/node@next",
        "npm_config_registry_something_long_for_a_build=https://registry.example.com",
        "task_id=4711-2026-1130-0001 epoch=1764500000 at=1764500000123 ns=1764500000123456789",
        "phone 0049 30 1234567, build 20261130123456",
    ]


def _harmless_of_servers() -> list[str]:
    uuid = _uuid()
    return [
        '10.1.2.3 - - [30/Nov/2026:21:00:00 +0000] "GET /api/orders?page=2&size=50 HTTP/1.1" 200 1234 "-" "Mozilla/5.0"',
        '10.1.2.3 - - [30/Nov/2026:21:00:00 +0000] "GET https://example.com/a?b=c@d HTTP/1.1" 301 0 "https://example.com/"',
        "2026/11/30 21:00:00 [error] 31#31: *17 upstream timed out (110: Connection timed out) while reading from upstream",
        "LOG:  checkpoint complete: wrote 42 buffers (0.3%); 0 WAL file(s) added; write=4.1 s, sync=0.002 s, total=4.2 s",
        'ERROR:  duplicate key value violates unique constraint "orders_pkey"',
        "DETAIL:  Key (id)=(4711) already exists.",
        "STATEMENT:  SELECT id, price, size FROM orders WHERE user_id = $1 AND created_at > $2 ORDER BY id LIMIT 50",
        'FATAL:  password authentication failed for user "atlas"',
        'FATAL:  role "postgres" does not exist',
        "connection authorized: user=atlas database=atlas SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384)",
        "UPDATE users SET last_login = now() WHERE id = 17",
        "INSERT INTO orders (id, side, price) VALUES ($1, $2, $3)",
        "1:M 30 Nov 2026 21:00:00.000 * DB saved on disk",
        "1:C 30 Nov 2026 21:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
        "NOAUTH Authentication required.",
        "WRONGPASS invalid username-password pair or user is disabled.",
        "2026-11-30 21:00:00.123456+00:00 [info] <0.812.0> accepting AMQP connection <0.812.0> (10.1.2.3:45678 -> 10.1.2.4:5672)",
        "2026-11-30 21:00:00.123456+00:00 [info] <0.812.0> user 'atlas' authenticated and granted access to vhost '/'",
        "PLAIN login refused: user 'guest' can only connect via localhost",
        'I1130 21:00:00.123456       1 controller.go:624] "Successfully synced" resourceName="trading/api" logger="deployments"',
        'E1130 21:00:00.123456  1 reflector.go:150] Failed to watch *v1.Secret: User "x" cannot list resource "secrets"',
        'secret "grafana-admin" not found',
        'MountVolume.SetUp failed for volume "tls" : secret "api-tls" not found',
        f"Pulled image registry.example.com/api@sha256:{_hex(32)}",
        "Created container api in pod trading/api-7d9c5b8f4-x2k9p",
        'kubelet: "Killing container with a grace period" pod="trading/api-7d9c5b8f4-x2k9p" gracePeriod=30',
        "serviceaccount/token: projected volume kube-api-access-x7k2p mounted",
        'certificate: subject CN=api, issuer CN=atlas-ca, serial 4d:5e:6f, notAfter="2027-11-30"',
        f"{DASHES}BEGIN CERTIFICATE{DASHES}",
        f"{DASHES}BEGIN PUBLIC KEY{DASHES}",
        "ssl_certificate_key /etc/nginx/tls/tls.key;",
        "tls_key_file=/etc/tls/tls.key tls.key: /etc/tls/tls.key",
        "ssh: host key fingerprint verified",
        'ts=2026-11-30T21:00:00.000Z caller=main.go:1234 level=info msg="Server is ready to receive web requests."',
        'level=info ts=2026-11-30T21:00:00Z component=tsdb msg="WAL segment loaded" segment=17 maxSegment=18',
        "Listening on http://[::1]:8080/metrics and unix:///var/run/x.sock",
        "wss://fstream.example.com:443?streams=btcusdt@trade",
        "wss://stream.example.com:9443/ws/btcusdt@depth20@100ms",
        "https://api:8000?mail=a@b.c",
        "https://medium.com/@jane/a-post-about-nothing?source=rss",
        "GET http://api:8000/api/orders/42?at=10:30 200",
        f"jaeger: span {uuid} reported to http://jaeger:4318/v1/traces",
        "scheme://host/path?x=1#fragment@here",
        "proxying http://grafana:3000/d/abc123/orders?orgId=1&from=now-1h&to=now",
    ]


def _harmless_of_the_market() -> list[str]:
    contract, hash_ = f"0x{_hex(20)}", f"0x{_hex(32)}"
    return [
        "BTC-USD 64123.50 x 0.001",
        f"tx {hash_} mined in block 19000000",
        f"tx_hash={hash_} status=1",
        f"token={contract} approved",
        f"token: {contract}, spender: {contract}",
        "token=WBTC amount=1.5",
        "token: ETH-USD-20261231",
        "base_token=WBTC quote_token=USDC",
        '{"base_token":"WBTC","quote_token":"USDC","price":64000.5}',
        f'{{"token":"{contract}","symbol":"USDC","decimals":6}}',
        "position_token: BTC-PERP-20261231",
        f"cancel_token: {_uuid()}",
        "nextPageToken=abcdefghijklmnop",
        "GET /api/orders?pageToken=1234567890123456",
        "next page token: abcdefghijklmnop",
        "passed=12345 failed=0",
        "secretary: Jane Doe-Smith",
        "api_key_id=kid_20261130",
        "private_key_id=kid_20261130 key_id=17",
        "max_tokens=4096 prompt_tokens=120 completion_tokens: 33",
        "token_count=17 tokens_used: 31 token_bucket=5",
        "input_token_count=100 settlement_token_amount=3.5",
        '{"type":"ticker","sequence":123456789,"product_id":"BTC-USD","price":"64123.50","best_bid":"64123.49","time":"2026-11-30T21:00:00Z"}',
        '{"e":"depthUpdate","E":1764500000123,"s":"BTCUSDT","U":157,"u":160,"b":[["64123.49","0.25"]],"a":[["64123.50","1.5"]]}',
        '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":64123.4,"qty":0.1}],"checksum":974947235}]}',
        '{"arg":{"channel":"books5","instId":"BTC-USDT"},"data":[{"asks":[["64123.5","0.6","0","2"]],"ts":"1764500000123"}]}',
        '{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1764500000123,"cts":1764500000120}',
        f'{{"client_order_id":"{_uuid()}","side":"BUY","order_configuration":{{"limit_limit_gtc":{{"base_size":"0.001"}}}}}}',
        '{"type":"subscriptions","channels":[{"name":"level2","product_ids":["BTC-USD","ETH-USD"]}]}',
        "8=FIX.4.4|9=148|35=D|34=1080|49=TESTBUY1|52=20261130-21:00:00.123|56=TESTSELL1|11=636730640278898634|38=7000|40=1|54=1|55=MSFT|",
        "bookie=x rookie_mode=true assword=1",
        "kill switch: armed, daily loss 12.5 of 1000",
        "order 4111-2026-1130-0001 of account 1234567890123456",
        "trade ids 1234567890123 1234567890124 1234567890125",
        "nonce=1764500000123 recvWindow=5000",
    ]


def _harmless_about_credentials() -> list[str]:
    return [
        "csrf token: expected 32 chars",
        "bearer certificate-authority-bundle loaded",
        "password: must have 12 characters",
        "keyring password policy: minimum",
        "Basic authentication is off",
        "Bearer authentication is required",
        "Bearer token is missing",
        "token refreshed, 3 tokens left",
        "the secret ingredient is time: 30 s",
        "kubernetes key: value",
        "the password is incorrect",
        '{"msg":"enter password: ","tty":true}',
        "password update failed for user 17",
        "docker run -u 1000:1000 api",
        "session_id=5c1f0a2e-7b1d-4f53-9a3e-2b1d4f539a3e",
        "2FA code sent, recovery codes: 8 left",
        "httpwatch: 3 pw: off",
        "password is required",
        "password: required",
        "Password: is too short",
        "token: invalid or expired",
        "token is expired",
        "access token: expired 3 s ago",
        "Authorization: required",
        "authorization: denied for user jane",
        "cookie: missing",
        "secret: not found",
        "api key: missing",
        "password=${DB_PASSWORD} user=atlas",
        "password=$DB_PASSWORD",
        "password={{ .Values.password }}",
        "password=<redacted> token=[REDACTED] secret=***",
        '{"password":null,"token":null,"secret":true,"has_password":true}',
        '{"password":"","token":""}',
        "password_policy: minimum=12 password_min_length=12 passwordChangedAt=2026-11-30",
        "token_type=bearer token_ttl=3600 expires_in=3600 token_url=https://id.example.com/oauth/token",
        "access_token_expires_in=3600 refresh_token_ttl: 86400",
        "secret_name=grafana-admin secretName: api-tls secretKeyRef: db",
        "cookie_consent=true cookie_domain=example.com cookies=3",
        "authorization_endpoint=https://id.example.com/authorize grant_type=authorization_code",
        "session expired, sign in again",
        "secrets rotated: 3",
        "private key loaded from /etc/tls/tls.key",
        "signature verification failed for request 17",
        "public_key=ssh-ed25519 fingerprint checked",
        "the seed phrase is never logged",
        "mnemonic: not set",
        "otp: sent by mail",
        "pin: blocked after 3 attempts",
        "credentials: not provided",
        "usage: client [--password FILE] [--user NAME]",
    ]


def harmless_attributes() -> list[dict[str, Any]]:
    """Attributes whose names have such words in them."""
    return [
        {"base_token": "WBTC", "quote_token": "USDC", "price": 64000.5},
        {"token": "ETH", "amount": 1.5},
        {"token": f"0x{_hex(20)}"},
        {"spot_token": "SOL", "bid_token": "x", "hot_token_rank": 1, "paid_token_value": 7},
        {"invalid_tokens": 3, "max_tokens": 5, "tokens_used": 31, "input_token_count": 100, "token_bucket_token": 5},
        {"token_symbol": "ETH", "base.token.decimals": "18", "sold_token_amount": "3"},
        {"bookie": "x", "rookie_mode": True, "secretary": "x", "assword": 1, "keystone": "kept", "assigned": "kept"},
        {"order": {"id": "1", "client_order_id": "abc", "size": 0.001, "price": 64000}},
        {"api_key_id": "kid1", "key": "orders:BTC-USD", "cache_key": "a:b", "keys": 3},
        {"has_password": True, "password_policy": "strict", "passwordChangedAt": "2026-11-30", "password": None},
        {"session": {"id": "17", "user": "jane"}, "session.id": "17", "auth": {"type": "basic"}, "authenticated": True},
        {"sign": -1, "design": "x", "signal": 9, "sid": "17", "pinned": 1, "code": "ECONNREFUSED", "status_code": 200},
        {"routing_key": "orders.created", "partition_key": "BTC-USD", "idempotency_key": _uuid()},
        {
            "trace_id": _hex(16),
            "container.image.id": f"sha256:{_hex(32)}",
            "tx_hash": f"0x{_hex(32)}",
            "digest": _base64(32),
        },
        {
            "rawHeaders": ["Host", "api:8000", "Accept", "*/*"],
            "fields": ["password", "name"],
            "columns": ["token", "amount"],
        },
        {
            "secret_name": "grafana-admin",
            "kubernetes.secret.name": "api-tls",
            "cookie_consent": True,
            "token_type": "bearer",
        },
        {"card": 4711, "order": 1234567890123456, "at": 1764500000123456789},
    ]


def main() -> None:
    for each in samples():
        print(json.dumps(each._asdict()))
    for line in harmless():
        print(json.dumps({"kind": "harmless", "line": line}))
    for attributes in harmless_attributes():
        print(json.dumps({"kind": "harmless", "attributes": attributes}))


if __name__ == "__main__":
    main()
