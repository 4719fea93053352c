"""The ``docker-build`` provider: builds images with BuildKit in a local engine, and again when their inputs change.

Unlike the official plugin, it builds nothing in a preview, whatever ``buildOnPreview`` is, pushes no image, and refuses inputs that
it does not know.
"""

import hashlib
import os
from pathlib import Path

import grpc

from offline.docker_cli import Docker, end_all
from offline.protocol import empty_pb2, provider_pb2
from offline.provider import Provider, Refused, name_of, rpc_method, run, type_of
from offline.values import UNKNOWN, Json, Secret, contains_unknown, decode, encode, reveal

IMAGE = "docker-build:index:Image"
_LISTS = ("labels", "buildArgs", "ignoreSecretsInDiffCalculation", "platforms", "secrets", "tags")
_FLAGS = ("buildOnPreview", "load", "noCache", "pull", "push")
KNOWN = frozenset((*_LISTS, *_FLAGS, "context", "dockerfile", "network", "target"))
DEFAULTS: dict[str, Json] = {"buildOnPreview": True, "network": "default"}
NOT_BUILT_FROM = ("ignoreSecretsInDiffCalculation", "secrets")
"""Inputs that are not compared like the others: secrets have rules of their own."""

Values = dict[str, Json]


def _require_image(urn: str) -> None:
    if type_of(urn) != IMAGE:
        raise Refused(f"{type_of(urn)} is not supported by the stand-in docker-build provider, which knows {IMAGE}")


def _locations(inputs: Values) -> tuple[str, str]:
    """The folder of the build context, and the Dockerfile."""
    folder = (inputs.get("context") or {}).get("location") or "."
    dockerfile = (inputs.get("dockerfile") or {}).get("location") or os.path.join(folder, "Dockerfile")
    return folder, dockerfile


def _find_failures(inputs: Values) -> dict[str, str]:
    """Why inputs are refused, by property."""
    failures = {key: "is not supported by the stand-in" for key in inputs if key not in KNOWN}
    if inputs.get("push"):
        failures["push"] = "the stand-in pushes nothing: use the official plugin, or set load instead"
    if (inputs.get("context") or {}).get("named"):
        failures["context"] = "named contexts are not supported by the stand-in"
    if (inputs.get("dockerfile") or {}).get("inline"):
        failures["dockerfile"] = "an inline Dockerfile is not supported by the stand-in"
    if len(inputs.get("platforms") or []) > 1:
        failures["platforms"] = "the stand-in builds for one platform"
    if failures or contains_unknown(inputs.get("context")) or contains_unknown(inputs.get("dockerfile")):
        return failures
    folder, dockerfile = _locations(inputs)
    if not Path(folder).is_dir():
        failures["context"] = f"{folder} is no folder"
    elif not Path(dockerfile).is_file():
        failures["dockerfile"] = f"{dockerfile} is no file"
    return failures


def context_hash(folder: str, dockerfile: str) -> str:
    """A hash that changes with the name, mode or content of any file in the build context."""
    digest = hashlib.sha256(Path(dockerfile).read_bytes())
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file() or p.is_symlink()):
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        mode = "link" if path.is_symlink() else oct(path.stat().st_mode)
        digest.update(f"{path.relative_to(folder).as_posix()}\0{mode}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _changed(old: Values, new: Values) -> list[str]:
    """The inputs whose difference makes a new build necessary."""
    compared = (old.keys() | new.keys()) - set(NOT_BUILT_FROM) - {"dockerfile"}
    changed = [key for key in sorted(compared) if (old.get(key) or None) != (new.get(key) or None)]
    if _locations(old) != _locations(new) and "context" not in changed:
        changed.append("dockerfile")
    ignored = set(new.get("ignoreSecretsInDiffCalculation") or [])
    secrets = [dict(values.get("secrets") or {}) for values in (old, new)]
    both = ignored & secrets[0].keys() & secrets[1].keys()
    if any(secrets[0].get(key) != secrets[1].get(key) for key in (secrets[0].keys() | secrets[1].keys()) - both):
        changed.append("secrets")
    return changed


class DockerBuild(Provider):
    """The provider of the one resource type ``Image``."""

    def __init__(self) -> None:
        super().__init__("pulumi-docker-build")
        self._host: str | None = None

    def cancel(self) -> None:
        """End running builds."""
        end_all()

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the engine's address, if one is configured.

        Another address replaces no image: a refresh and an update build there what is missing.
        """
        host = reveal(decode(request.args)).get("host")
        self._host = host if isinstance(host, str) else None
        return super().Configure(request, context)

    @rpc_method
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse inputs from which nothing can be built, and fill in defaults."""
        _require_image(request.urn)
        news = decode(request.news)
        failures = _find_failures(reveal(news))
        inputs = {**DEFAULTS, **{key: value for key, value in news.items() if value is not None}}
        if "secrets" in inputs and not isinstance(inputs["secrets"], Secret):
            inputs["secrets"] = Secret(reveal(inputs["secrets"]))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures.items()],
        )

    @rpc_method
    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """A change of anything that the image is made of updates it: it is built again under the same name."""
        old, new = reveal(decode(request.old_inputs)), reveal(decode(request.news))
        changed = [key for key in _changed(old, new) if key not in request.ignoreChanges]
        state = reveal(decode(request.olds))
        if not contains_unknown(new.get("context")) and state.get("contextHash") != context_hash(*_locations(new)):
            changed.append("contextHash")
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    @rpc_method
    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Build the image. In a preview, its digest and reference stay unknown."""
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(_unbuilt(inputs)))
        state = self._build(inputs)
        return provider_pb2.CreateResponse(id=name_of(request.urn), properties=encode(state))

    @rpc_method
    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Build the image again, and remove the tags that it no longer has."""
        inputs = decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(_unbuilt(inputs)))
        state = self._build(inputs)
        gone = set(reveal(decode(request.olds)).get("tags") or []) - set(reveal(state).get("tags") or [])
        for tag in sorted(gone):
            Docker(self._host).remove(tag)
        return provider_pb2.UpdateResponse(properties=encode(state))

    @rpc_method
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """The image is gone when the engine does not have it, or has another one with its name."""
        state = reveal(decode(request.properties))
        if not state.get("digest"):
            raise Refused("importing an image is not supported by the stand-in docker-build provider")
        present = Docker(self._host).identity(state["ref"] or state["digest"])
        if present != state["digest"]:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @rpc_method
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Remove the image's tags from the engine. The engine removes the image with the last one."""
        state = reveal(decode(request.properties))
        for reference in state.get("tags") or [state.get("digest")]:
            Docker(self._host).remove(reference)
        return empty_pb2.Empty()

    def _build(self, inputs: Values) -> Values:
        values = reveal(inputs)
        folder, dockerfile = _locations(values)
        options = [
            *(f"--build-arg={key}={value}" for key, value in sorted((values.get("buildArgs") or {}).items())),
            *(f"--label={key}={value}" for key, value in sorted((values.get("labels") or {}).items())),
            *(f"--tag={tag}" for tag in values.get("tags") or []),
            *([f"--target={values['target']}"] if values.get("target") else []),
            *([f"--network={values['network']}"] if values.get("network", "default") != "default" else []),
            *(["--no-cache"] if values.get("noCache") else []),
            *(["--pull"] if values.get("pull") else []),
        ]
        platform = next(iter(values.get("platforms") or []), None)
        identity = Docker(self._host).build(folder, dockerfile, options, values.get("secrets") or {}, platform)
        return {
            **inputs,
            "contextHash": context_hash(folder, dockerfile),
            "digest": identity,
            "ref": next(iter(values.get("tags") or []), identity),
        }


def _unbuilt(inputs: Values) -> Values:
    return {**inputs, "contextHash": UNKNOWN, "digest": UNKNOWN, "ref": UNKNOWN}


def main(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    run(DockerBuild())
