"""What all resource providers here share: serving, and how an operation is refused."""

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any, TypeVar

import grpc

from offline.protocol import empty_pb2, plugin_pb2, provider_pb2, provider_pb2_grpc
from offline.serving import serve

Method = TypeVar("Method", bound=Callable[..., Any])


class Refused(Exception):
    """The operation was refused and changed nothing. The message is one sentence for the user."""


def rpc_method(method: Method) -> Method:
    """Decorates a method of the protocol: its exceptions become the protocol's errors."""

    @wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except Refused as refusal:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refusal))
        except Exception as bug:
            traceback.print_exc(file=sys.stderr)
            context.abort(grpc.StatusCode.UNKNOWN, f"the stand-in failed: {type(bug).__name__}: {bug}")

    return answer  # pyright: ignore[reportReturnType]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the calls whose answer is the same for all providers, or for all that have no configuration to check.

    gRPC itself refuses calls that a provider does not implement.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def cancel(self) -> None:
        """End running operations. A provider that never waits has nothing to do."""

    def close(self) -> None:
        """Called at the end of the process: end running operations, and remove temporary files."""
        self.cancel()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the SDK package that this provider serves."""
        return plugin_pb2.PluginInfo(version=version(self._package))

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Accept every configuration."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """A change of the configuration changes no resource."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Say which features of the protocol the provider supports."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """The user has interrupted the engine."""
        self.cancel()
        return empty_pb2.Empty()


def run(provider: Provider) -> None:
    """Serve until the engine ends this process."""
    serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server), provider.close)


def type_of(urn: str) -> str:
    """The resource's type token, without the types of its parents."""
    return urn.split("::")[2].split("$")[-1]


def name_of(urn: str) -> str:
    """The resource's name in the program."""
    return urn.split("::", 3)[3]
