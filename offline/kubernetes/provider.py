"""The ``kubernetes`` provider: the engine's calls, answered with the other modules of this package."""

import threading
from collections.abc import Callable
from typing import Any

import grpc

from offline.engine import Engine
from offline.kubernetes import apply, metadata
from offline.kubernetes.checkpoint import Checkpoint, imported_inputs, live_inputs, mark_secrets, prune, state
from offline.kubernetes.cluster import ApiError, Cluster, NoSuchKind, Object
from offline.kubernetes.diff import Change, changes
from offline.kubernetes.kubeconfig import cluster_of
from offline.kubernetes.normalization import normalize, to_kubernetes, to_pulumi
from offline.kubernetes.ready import check_for
from offline.kubernetes.replacement import replacing_fields
from offline.kubernetes.settings import Settings, find_failures
from offline.kubernetes.unsupported import explain_errors, refuse_unsupported
from offline.kubernetes.waiting import NotReady, seconds_for, until_gone, until_ready
from offline.protocol import empty_pb2, provider_pb2
from offline.provider import Provider, Refused, Unfinished, rpc_method, run
from offline.values import UNKNOWN, Json, contains_unknown, decode, encode, reveal

_KINDS_OF_CHANGE = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
}


class Kubernetes(Provider):
    """The provider of every kind that the cluster serves."""

    def __init__(self, engine_address: str) -> None:
        super().__init__("pulumi-kubernetes")
        self._engine = Engine(engine_address)
        self._cancelled = threading.Event()
        self._settings = Settings()
        self._connected: Cluster | None = None

    @property
    def _cluster(self) -> Cluster:
        if self._connected is None:
            raise Refused("the Kubernetes provider is not configured yet")
        return self._connected

    def cancel(self) -> None:
        """End all running waits."""
        self._cancelled.set()

    def close(self) -> None:
        """End all running waits, and remove temporary files."""
        self.cancel()
        if self._connected is not None:
            self._connected.close()

    def _show_progress(self, urn: str) -> Callable[[str], None]:
        return lambda message: self._engine.status(urn, message)

    def _sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Refused("the operation was cancelled")

    @rpc_method
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse settings that do not exist or that the stand-in does not support."""
        found = find_failures(reveal(decode(request.news)))
        failures = [provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in found.items()]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @rpc_method
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Another cluster replaces all resources. No other change of the settings replaces anything."""
        old: dict[str, Json] = reveal(decode(request.old_inputs))
        new: dict[str, Json] = reveal(decode(request.news))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        pointing = [key for key in changed if key in {"kubeconfig", "context", "cluster"}]
        unknown = [key for key in pointing if new.get(key) is UNKNOWN]
        replaces = unknown
        if "clusterIdentifier" in old and "clusterIdentifier" in new:
            replaces = ["clusterIdentifier"] if "clusterIdentifier" in changed else []
        elif not unknown and pointing:
            before, after = cluster_of(old), cluster_of(new)
            replaces = pointing if before and after and before != after else []
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    @rpc_method
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Connect to the cluster. Refused with one sentence when it does not answer."""
        self._settings = Settings.read(request.variables)
        cluster = Cluster(self._settings)
        try:
            cluster.check()
        except Refused:
            if not self._settings.delete_unreachable:
                cluster.close()
                raise
        self._connected = cluster
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def _is_namespaced(self, obj: Object) -> bool:
        """Whether objects of this kind are in a namespace. True for a kind that is not defined yet."""
        try:
            return self._cluster.kind(obj["apiVersion"], obj["kind"]).namespaced
        except NoSuchKind:
            return True

    @rpc_method
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Complete the inputs: in the API server's form, with a name and a namespace."""
        with_secrets = decode(request.news)
        obj = normalize(to_kubernetes(reveal(with_secrets)))
        refuse_unsupported(request.urn, obj)
        if not metadata.is_named(obj):
            self._name(request, obj)
        if not metadata.of(obj).get("namespace") and self._is_namespaced(obj):
            metadata.of(obj)["namespace"] = self._cluster.default_namespace
        return provider_pb2.CheckResponse(inputs=encode(mark_secrets(to_pulumi(obj), with_secrets)))

    def _name(self, request: provider_pb2.CheckRequest, obj: Object) -> None:
        """Keep the generated name that the object has, or generate one."""
        old = to_kubernetes(reveal(decode(request.olds)))
        if old:
            if metadata.is_autonamed(old):
                metadata.set_name(obj, old["metadata"]["name"])
            return
        name = metadata.generate_name(request.name or request.urn.rsplit("::", 1)[1], request.randomSeed)
        if request.HasField("autonaming"):
            mode = request.autonaming.mode
            if mode == provider_pb2.CheckRequest.AutonamingOptions.Mode.DISABLE:
                raise Refused("autonaming is disabled, so this resource needs metadata.name")
            name = request.autonaming.proposed_name
        metadata.set_name(obj, name)

    @rpc_method
    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """The changes from the last known live object to the inputs."""
        known = Checkpoint.parse(decode(request.olds))
        old_inputs, new = normalize(known.inputs), normalize(to_kubernetes(reveal(decode(request.news))))
        old = prune(known.live, old_inputs)
        old["metadata"] = dict(metadata.of(old))
        new["metadata"] = dict(metadata.of(new))
        namespaced = self._is_namespaced(new)
        for obj in (old, new):
            if namespaced:
                obj["metadata"]["namespace"] = obj["metadata"].get("namespace") or "default"
            else:
                obj["metadata"].pop("namespace", None)
        if new["metadata"].get("name"):
            old["metadata"]["name"] = known.live["metadata"]["name"]
        replacing = replacing_fields(new, self._settings)
        found = changes(old, new, old_inputs, replacing, list(request.ignoreChanges))
        replaces = [change.shown for change in found if change.replaces]
        same_place = all(
            metadata.of(known.live).get(key, default) == new["metadata"].get(key, default)
            for key, default in (("name", ""), ("namespace", "default" if namespaced else ""))
        )
        some = provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and same_place and not metadata.is_autonamed(new),
            detailedDiff={change.shown: _detail(change) for change in found},
            hasDetailedDiff=True,
        )

    @rpc_method
    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Apply a new object and wait until it is ready. A preview shows the result of a dry run."""
        with_secrets = decode(request.properties)
        inputs = to_kubernetes(reveal(with_secrets))
        if request.preview and contains_unknown(inputs):
            return provider_pb2.CreateResponse(properties=request.properties)
        manager = Checkpoint.parse({}).manager_for(inputs, request.urn)
        try:
            with explain_errors("created", inputs):
                if request.preview:
                    live = apply.preview_creation(self._cluster, inputs, manager)
                else:
                    live = self._create(request, inputs, manager)
        except apply.NotPreviewable:
            return provider_pb2.CreateResponse(properties=request.properties)
        if request.preview:
            live.pop("status", None)
        else:
            live = self._wait(request, inputs, live, with_secrets, manager, created=True)
        properties = state(inputs, live, with_secrets, inputs["apiVersion"], manager)
        identity = "" if request.preview else metadata.identity(live)
        return provider_pb2.CreateResponse(id=identity, properties=encode(properties))

    def _create(self, request: provider_pb2.CreateRequest, inputs: Object, manager: str) -> Object:
        seconds, show = seconds_for(request.timeout, inputs), self._show_progress(request.urn)

        def wait_until_gone(live: Object) -> None:
            until_gone(self._cluster, live, {}, seconds, self._cancelled, show)

        try:
            return apply.create(
                self._cluster,
                inputs,
                manager,
                force=self._forces(inputs),
                sleep=self._sleep,
                wait_until_gone=wait_until_gone,
            )
        except NotReady as waited:
            name = metadata.identity(inputs)
            raise Refused(f"{inputs['kind']} {name} was not created, the one it replaces stays: {waited}") from waited

    def _forces(self, inputs: Object) -> bool:
        """Whether to take over fields that another manager owns."""
        return self._settings.force or metadata.annotation(inputs, metadata.FORCE) == "true"

    def _wait(
        self,
        request: provider_pb2.CreateRequest | provider_pb2.UpdateRequest,
        inputs: Object,
        live: Object,
        with_secrets: dict[str, Json],
        manager: str,
        *,
        created: bool,
    ) -> Object:
        check = check_for(self._cluster, live, created=created)
        if check is None:
            return live
        seconds = seconds_for(request.timeout, inputs)
        try:
            return until_ready(self._cluster, live, check, seconds, self._cancelled, self._show_progress(request.urn))
        except NotReady as waited:
            properties = state(inputs, waited.live, with_secrets, inputs["apiVersion"], manager)
            done = "created" if created else "updated"
            reason = f"{inputs['kind']} {metadata.identity(live)} was {done}, but is not ready"
            raise Unfinished(metadata.identity(live), properties, [reason, *waited.reasons]) from waited

    @rpc_method
    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Apply the changed object and wait until it is ready. A preview shows the result of a dry run."""
        with_secrets = decode(request.news)
        inputs = normalize(to_kubernetes(reveal(with_secrets)))
        if request.preview and (contains_unknown(inputs) or not self._is_served(inputs)):
            return provider_pb2.UpdateResponse(properties=request.news)
        known = Checkpoint.parse(decode(request.olds))
        manager = known.manager_for(inputs, request.urn)
        with explain_errors("updated", inputs):
            live = self._cluster.read(known.live)
            if live is None:
                raise Refused(
                    f"{inputs['kind']} {metadata.identity(known.live)} is gone from the cluster; run 'pulumi refresh'"
                )
            ignored, force = list(request.ignoreChanges), self._forces(inputs)
            try:
                live = apply.update(
                    self._cluster, live, inputs, manager, preview=request.preview, force=force, ignored=ignored
                )
            except ApiError as error:
                if request.preview and error.code == 403:
                    return provider_pb2.UpdateResponse(properties=request.news)
                raise
            if not request.preview and known.manager and known.manager != manager:
                apply.relinquish(self._cluster, live, known.manager)
        if not request.preview:
            live = self._wait(request, inputs, live, with_secrets, manager, created=False)
        return provider_pb2.UpdateResponse(
            properties=encode(state(inputs, live, with_secrets, known.api_version or inputs["apiVersion"], manager))
        )

    def _is_served(self, obj: Object) -> bool:
        try:
            self._cluster.kind(obj["apiVersion"], obj["kind"])
        except NoSuchKind:
            return False
        return True

    @rpc_method
    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """The object as the cluster has it now, for a refresh, an import or a look-up."""
        with_secrets = decode(request.inputs)
        known = Checkpoint.parse(decode(request.properties))
        inputs = normalize(to_kubernetes(reveal(with_secrets)))
        api_version, kind = metadata.group_version_kind(request.urn)
        new = not inputs.get("kind")
        namespace, name = metadata.parse_identity(request.id)
        wanted: Object = {
            "apiVersion": inputs.get("apiVersion") or known.live.get("apiVersion") or api_version,
            "kind": inputs.get("kind") or known.live.get("kind") or kind,
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        }
        try:
            with explain_errors("read", wanted):
                live = self._live(wanted)
        except Refused as refusal:
            if not self._settings.delete_unreachable:
                raise
            self._engine.warning(request.urn, f"{refusal}; deleteUnreachable is set, so it counts as deleted")
            live = None
        if live is None:
            return provider_pb2.ReadResponse()
        manager = known.manager_for(inputs, request.urn)
        found = imported_inputs(live) if new else live_inputs(live, inputs, manager)
        properties = state(found, live, with_secrets, known.api_version or wanted["apiVersion"], manager)
        declared = mark_secrets(to_pulumi(found), with_secrets)
        check = None if new else check_for(self._cluster, live, created=False)
        if check is not None:
            progress = check(live)
            if not progress.ready:
                reasons = [progress.message, *progress.problems]
                raise Unfinished(request.id, properties, reasons, declared)
        return provider_pb2.ReadResponse(id=request.id, properties=encode(properties), inputs=encode(declared))

    def _live(self, wanted: Object) -> Object | None:
        try:
            return self._cluster.read(wanted)
        except NoSuchKind:
            return None

    @rpc_method
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete the object and wait until it is gone."""
        with_secrets = decode(request.properties)
        known = Checkpoint.parse(with_secrets)
        seconds = seconds_for(request.timeout, known.inputs)
        try:
            with explain_errors("deleted", known.live):
                apply.delete(self._cluster, known.live, known.inputs)
                until_gone(
                    self._cluster, known.live, known.inputs, seconds, self._cancelled, self._show_progress(request.urn)
                )
        except NotReady as waited:
            properties = state(known.inputs, waited.live, with_secrets, known.api_version, known.manager)
            raise Unfinished(request.id, properties, waited.reasons) from waited
        except Refused as refusal:
            if not self._settings.delete_unreachable:
                raise
            self._engine.warning(request.urn, f"{refusal}; deleteUnreachable is set, so it counts as deleted")
        return empty_pb2.Empty()

    @rpc_method
    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> Any:
        """Refuse all functions. Those that render Helm charts, Kustomize and YAML files are not part of the stand-in."""
        raise Refused(f"the function {request.tok} is not supported by the stand-in Kubernetes provider")


def _detail(change: Change) -> provider_pb2.PropertyDiff:
    kind = _KINDS_OF_CHANGE[change.kind, change.replaces]
    return provider_pb2.PropertyDiff(kind=kind, inputDiff=change.kind == "delete")


def main(engine_address: str) -> None:
    """Serve until the engine ends this process."""
    run(Kubernetes(engine_address))
