"""A name server for tests: answers for the addresses of a few names, and says that all others do not exist."""

import socket
import struct
import threading
from collections.abc import Mapping

from tests.support.addresses import loopback


class NameServer:
    """``records`` maps names to their IPv4 addresses."""

    def __init__(self, records: Mapping[str, list[str]]) -> None:
        self._records = {name.lower(): addresses for name, addresses in records.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((loopback(), 0))
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(1500)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        at, labels = 12, list[str]()
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += query[at] + 1
        question = query[12 : at + 5]
        addresses = self._records.get(".".join(labels).lower(), [])
        asks_for_ipv4 = int.from_bytes(query[at + 1 : at + 3], "big") == 1
        found = addresses if asks_for_ipv4 else []
        flags = 0x8580 if addresses else 0x8583
        header = query[:2] + struct.pack(">5H", flags, 1, len(found), 0, 0)
        record = struct.pack(">3HIH", 0xC00C, 1, 1, 1, 4)
        return header + question + b"".join(record + socket.inet_aton(address) for address in found)
