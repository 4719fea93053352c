"""Configurations with something wrong at random: what people mistype, paste, and what no tool was meant to see."""

import json
import random
from collections.abc import Iterator
from typing import Any

from settings.introspection import ANY, every_path, example, field_at, is_structure
from settings.loader import Configuration
from settings.secret_table import SECRETS
from tests.support.synthesis import STACKS
from tests.unit.configurations import configuration

TOKEN = "<token>"  # noqa: S105 - stands for a secret made anew in each round
JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, 1e308, -0.0, 10**400, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\t",
        "\n",
        "\0",
        "yes",
        "null",
        "1",
        "-1",
        "1e3",
        "0x10",
        "1Gi",
        "15d",
        "10G",
        "*",
        "../..",
        "$(id)",
        "`id`",
    ),
    *(
        "{",
        "[",
        "{}",
        "[]",
        '{"a": 1}',
        "\ud800",
        "\u202e",
        "\u0661d",
        "gr\u0430fana",
        "é" * 300,
        "a" * 5000,
        "%s%n",
        "{0}",
    ),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": {"b": {"c": []}}}, {"[key]": 1}),
    *(
        "https://",
        "https://[",
        "https://[::1",
        "http://a:b:c",
        "https://x:99999",
        "https://a..b",
        "//x",
        "https://\u2024/",
    ),
    *(f"https://me:{TOKEN}@h.example.com", f"https://h.example.com/{TOKEN}", f"https://h.example.com?k={TOKEN}"),
    *(TOKEN, f"me:{TOKEN}@h", f"-----BEGIN {TOKEN}", f"http://me:p/{TOKEN}@h", f"ftp://{TOKEN}@", f"https://h#{TOKEN}"),
    *("0.0.0.0/0", "10.0.0.1/33", "::/129", "1.2.3.4.5", "fe80::1%eth0/64", "10.0.0.0/8", "a/b:1@sha256:" + "0" * 64),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def mutate(chance: random.Random, values: dict[str, Any], secret: dict[str, str]) -> None:
    """Change one thing somewhere."""
    keys = [str(step) for path in every_path() for step in path] + list(SECRETS)
    path = chance.choice([path for path in paths(values) if path])
    above: Any = values
    for step in path[:-1]:
        above = above[step]
    match chance.randrange(10):
        case 0 | 1 | 2:
            above[path[-1]] = chance.choice(JUNK)
        case 3:
            del above[path[-1]]
        case 4 if isinstance(above, dict):
            above[
                chance.choice([chance.choice(keys), chance.choice(keys).upper(), "a b", "a.b", "\n", "", "é", "[0]"])
            ] = chance.choice(JUNK)
        case 5 if isinstance(above, dict):
            above[chance.choice(keys)] = above.pop(path[-1])
        case 6:
            secret[chance.choice([*SECRETS, *values, "grafanaAdminPasword"])] = chance.choice(
                [*(each for each in JUNK if isinstance(each, str)), TOKEN, f"{TOKEN}\r\n", f"x {TOKEN}"]
            )
        case 7 | 8:
            set_example(chance, values)
        case _:
            values[chance.choice([*SECRETS, "slackWebhookURL"])] = TOKEN


def set_example(chance: random.Random, values: dict[str, Any]) -> None:
    """Give a setting the value that its message would show as an example."""
    path = chance.choice([path for path in every_path() if ANY not in path])
    field = field_at(path)
    assert field is not None
    above = values
    for step in path[:-1]:
        inner = above.setdefault(str(step), {})
        if not isinstance(inner, dict):
            return
        above = inner
    above[str(path[-1])] = {} if is_structure(field) else example(field)


def engine_text(chance: random.Random, value: Any) -> str:
    """A value as the engine would hand it over, and now and then a broken one."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text[: chance.randrange(len(text) + 1)] if chance.random() < 0.02 else text


def random_configuration(chance: random.Random, token: str) -> Configuration:
    base = configuration(chance.choice(STACKS))
    values = {key: decoded(value) for key, value in base.values.items() if key not in base.secret}
    secret = {key: base.values[key] for key in base.secret}
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        mutate(chance, values, secret)
        if not values:
            break
    texts = {str(key): engine_text(chance, value) for key, value in values.items()} | secret
    stack = chance.choice([*[base.stack] * 9, f"{base.stack}-eu", "acme", "prod.eu"])
    # json.dumps writes the token as it is, so that it can be put into any depth by its placeholder.
    filled = {key: value.replace(TOKEN, token) for key, value in texts.items()}
    return Configuration(stack=stack, values=filled, secret=frozenset(secret))


def decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
