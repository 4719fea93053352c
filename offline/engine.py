"""Messages to the engine, which shows them beside the resource that they are about."""

from contextlib import suppress

import grpc

from offline.protocol import CHANNEL_OPTIONS, engine_pb2, engine_pb2_grpc


class Engine:
    """The engine's log. A message that cannot be shown raises no error."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=CHANNEL_OPTIONS))

    def status(self, urn: str, message: str) -> None:
        """Show the progress of a resource. The next message replaces it, an empty one clears it."""
        self._log(engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=message, ephemeral=True))

    def warning(self, urn: str, message: str) -> None:
        """Show a warning, which stays on the screen."""
        self._log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, urn=urn, message=message))

    def _log(self, request: engine_pb2.LogRequest) -> None:
        with suppress(grpc.RpcError):
            self._stub.Log(request, timeout=5)
