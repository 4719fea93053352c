"""The engine's protocol: the generated messages and stubs that ship inside the ``pulumi`` package."""

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

__all__ = [
    "empty_pb2",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "struct_pb2",
]

_MESSAGE_BYTES = 400 * 1024 * 1024
"""The largest message that the engine sends or takes."""

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
]
