"""Runs in the pod ``webhook-receiver``: keeps what is posted, and answers a GET with all of it."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MESSAGES: list[dict[str, object]] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        MESSAGES.append({"at": time.time(), "way": self.path, "told": told})
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(json.dumps(MESSAGES).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
