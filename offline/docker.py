"""The ``docker`` provider: which digest a tag has in its registry (``getRegistryImage``), and nothing else of the official plugin.

It needs no Docker engine.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from offline.docker_config import read_accounts
from offline.protocol import provider_pb2
from offline.provider import Provider, Refused, rpc_method, run, type_of
from offline.registry import Account, Name, NoAnswer, find_digest
from offline.values import Json, decode, encode, reveal

REGISTRY_IMAGE = "docker:index/getRegistryImage:getRegistryImage"
KNOWN = frozenset({"name", "insecureSkipVerify"})
LOOKUP_SECONDS = 30
"""For all requests of one look-up together, however slowly a registry answers."""
MAX_LOOKUPS = 64
"""Look-ups at the same time."""


def _find_failures(arguments: dict[str, Json]) -> dict[str, str]:
    """Why arguments are refused, by name."""
    failures = dict.fromkeys(arguments.keys() - KNOWN, "there is no such argument")
    if not isinstance(arguments.get("name"), str) or not arguments["name"]:
        failures["name"] = "is required"
    if arguments.get("insecureSkipVerify"):
        failures["insecureSkipVerify"] = "the stand-in trusts no registry whose certificate it cannot verify"
    return failures


class Docker(Provider):
    """The provider of the one function ``getRegistryImage``."""

    def __init__(self) -> None:
        super().__init__("pulumi-docker")
        self._accounts: dict[str, Account] = {}
        self._lookups = ThreadPoolExecutor(MAX_LOOKUPS)
        self._silent: dict[str, NoAnswer] = {}

    @rpc_method
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Other credentials are an update of the provider, so that the state has those of today."""
        old: dict[str, Json] = reveal(decode(request.old_inputs))
        new: dict[str, Json] = reveal(decode(request.news))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    @rpc_method
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the credentials of registries."""
        entries = reveal(decode(request.args)).get("registryAuth") or "[]"
        self._accounts = read_accounts(json.loads(entries), os.environ, Path.home())
        return super().Configure(request, context)

    @rpc_method
    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """The digest of the image that has this name in its registry now."""
        if request.tok != REGISTRY_IMAGE:
            raise _unsupported(request.tok)
        arguments = reveal(decode(request.args))
        failures = _find_failures(arguments)
        if failures:
            return provider_pb2.InvokeResponse(
                failures=[provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures.items()]
            )
        digest = self._digest(Name.of(arguments["name"]))
        found = {"id": digest, "insecureSkipVerify": False, "name": arguments["name"], "sha256Digest": digest}
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(found))  # a word of Python's own
        return answer

    def _digest(self, name: Name) -> str:
        """What the registry says. One that did not answer is not waited for again in this run."""
        if name.registry in self._silent:
            raise self._silent[name.registry]
        lookup = self._lookups.submit(find_digest, name, self._accounts.get(name.registry, Account()))
        try:
            return lookup.result(LOOKUP_SECONDS)
        except TimeoutError:
            silent = NoAnswer(f"the registry {name.registry} does not answer within {LOOKUP_SECONDS} s")
        except NoAnswer as failure:
            silent = failure
        self._silent[name.registry] = silent
        raise silent

    @rpc_method
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse every resource."""
        raise _unsupported(type_of(request.urn))

    @rpc_method
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Refuse every resource."""
        raise _unsupported(type_of(request.urn))

    @rpc_method
    def Call(self, request: provider_pb2.CallRequest, context: grpc.ServicerContext) -> provider_pb2.CallResponse:
        """Refuse every method of the provider."""
        raise _unsupported(request.tok)


def _unsupported(token: str) -> Refused:
    return Refused(f"{token} is not supported by the stand-in docker provider, which knows {REGISTRY_IMAGE}")


def main(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    run(Docker())
