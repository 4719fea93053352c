"""The ``random`` provider: passwords, strings, ids and UUIDs that are made once and kept in the state.

As with the official plugin, a change of an input that shapes a value replaces the value. ``bcryptHash`` and a password's
``result`` are secrets.
"""

import base64
import secrets
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import bcrypt
import grpc

from offline.protocol import empty_pb2, provider_pb2
from offline.provider import Provider, Refused, rpc_method, run, type_of
from offline.values import UNKNOWN, Json, Secret, contains_unknown, decode, encode, reveal

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
BCRYPT_BYTES = 72
"""bcrypt ignores the bytes of a password after these."""

Values = dict[str, Json]


@dataclass(frozen=True)
class Kind:
    """One kind of random resource: inputs with their defaults (``...`` marks a required one), and the function that makes it."""

    defaults: Values
    computed: frozenset[str]
    secret: frozenset[str]
    make: Callable[[Values], tuple[str, Values]]


def _text(inputs: Values) -> str:
    """Characters of the wanted classes, at least the wanted number of each, in random order."""
    special = inputs["overrideSpecial"] or SPECIAL
    classes = [
        ("upper", "minUpper", string.ascii_uppercase),
        ("lower", "minLower", string.ascii_lowercase),
        ("numeric", "minNumeric", string.digits),
        ("special", "minSpecial", special),
    ]
    chosen: list[str] = []
    for _, minimum, characters in classes:
        chosen += [secrets.choice(characters) for _ in range(inputs[minimum])]
    everything = "".join(characters for flag, _, characters in classes if inputs[flag])
    chosen += [secrets.choice(everything) for _ in range(inputs["length"] - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def _password(inputs: Values) -> tuple[str, Values]:
    result = _text(inputs)
    hashed = bcrypt.hashpw(result.encode()[:BCRYPT_BYTES], bcrypt.gensalt(rounds=10, prefix=b"2a"))
    return "none", {"result": result, "bcryptHash": hashed.decode()}


def _string(inputs: Values) -> tuple[str, Values]:
    result = _text(inputs)
    return result, {"result": result}


def _id(inputs: Values) -> tuple[str, Values]:
    made = secrets.token_bytes(inputs["byteLength"])
    url_safe = base64.urlsafe_b64encode(made).decode().rstrip("=")
    prefix = inputs["prefix"] or ""
    return url_safe, {
        "b64Std": prefix + base64.b64encode(made).decode(),
        "b64Url": prefix + url_safe,
        "dec": prefix + str(int.from_bytes(made)),
        "hex": prefix + made.hex(),
    }


def _uuid(inputs: Values) -> tuple[str, Values]:
    result = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return result, {"result": result}


_TEXT: Values = {
    "keepers": None,
    "length": ...,
    "lower": True,
    "minLower": 0,
    "minNumeric": 0,
    "minSpecial": 0,
    "minUpper": 0,
    "number": True,
    "numeric": True,
    "overrideSpecial": None,
    "special": True,
    "upper": True,
}

KINDS = {
    "random:index/randomPassword:RandomPassword": Kind(
        _TEXT, frozenset({"result", "bcryptHash"}), frozenset({"result", "bcryptHash"}), _password
    ),
    "random:index/randomString:RandomString": Kind(_TEXT, frozenset({"result"}), frozenset(), _string),
    "random:index/randomId:RandomId": Kind(
        {"keepers": None, "byteLength": ..., "prefix": None},
        frozenset({"b64Std", "b64Url", "dec", "hex"}),
        frozenset(),
        _id,
    ),
    "random:index/randomUuid:RandomUuid": Kind({"keepers": None}, frozenset({"result"}), frozenset(), _uuid),
}


def _kind(urn: str) -> Kind:
    kind = KINDS.get(type_of(urn))
    if kind is None:
        known = ", ".join(sorted(token.split(":")[-1] for token in KINDS))
        raise Refused(f"{type_of(urn)} is not supported by the stand-in random provider, which knows {known}")
    return kind


def _complete(kind: Kind, inputs: Values) -> Values:
    """The inputs with the defaults filled in; ``number`` is the old name of ``numeric``."""
    present = {key: value for key, value in inputs.items() if value is not None}
    values = {key: present.get(key, default) for key, default in kind.defaults.items()}
    if "numeric" in kind.defaults:
        values["numeric"] = values["number"] = present.get("numeric", present.get("number", True))
    return values


def _find_failures(kind: Kind, inputs: Values) -> dict[str, str]:
    """Why inputs are refused, by property."""
    failures = {key: "there is no such input" for key in inputs if key not in kind.defaults}
    values = _complete(kind, inputs)
    for key, default in kind.defaults.items():
        value = values[key]
        if value is ...:
            failures[key] = "is required"
        elif contains_unknown(value) or value is None:
            continue
        elif isinstance(default, bool) and not isinstance(value, bool):
            failures[key] = f"must be true or false, got {value!r}"
        elif default is ... or (isinstance(default, int) and not isinstance(default, bool)):
            minimum = 1 if default is ... else 0
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
                failures[key] = f"must be a whole number of at least {minimum}, got {value!r}"
    if "length" in values and not failures and not contains_unknown(values):
        if sum(values[key] for key in values if key.startswith("min")) > values["length"]:
            failures["length"] = "must be at least the sum of minLower, minUpper, minNumeric and minSpecial"
        if not any(values[key] for key in ("lower", "upper", "numeric", "special")):
            failures["special"] = "at least one of lower, upper, numeric and special must be true"
    return failures


class Random(Provider):
    """Serves the four kinds in ``KINDS``."""

    @rpc_method
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse inputs from which no value can be made."""
        failures = _find_failures(_kind(request.urn), reveal(decode(request.news)))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures.items()],
        )

    @rpc_method
    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """A change of any input replaces the value."""
        kind = _kind(request.urn)
        old = _complete(kind, reveal(decode(request.old_inputs)))
        new = _complete(kind, reveal(decode(request.news)))
        keys = decode(request.news).keys() | decode(request.old_inputs).keys()
        changed = sorted(key for key in keys if old.get(key) != new.get(key) and key not in request.ignoreChanges)
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=changed)

    @rpc_method
    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make the value. In a preview it stays unknown."""
        kind = _kind(request.urn)
        inputs = decode(request.properties)
        state = {key: value for key, value in {**_complete(kind, inputs), **inputs}.items() if value is not None}
        if request.preview:
            identity, made = "", dict.fromkeys(kind.computed, UNKNOWN)
        else:
            identity, made = kind.make(_complete(kind, reveal(inputs)))
            state["id"] = identity
        state |= {key: Secret(value) if key in kind.secret else value for key, value in made.items()}
        return provider_pb2.CreateResponse(id=identity, properties=encode(state))

    @rpc_method
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """The value exists in the state alone, so a refresh changes nothing."""
        if not request.properties.fields:
            raise Refused("importing a random value is not supported by the stand-in random provider")
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Nothing to do: the engine removes the value from the state."""
        return empty_pb2.Empty()


def main(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    run(Random("pulumi-random"))
