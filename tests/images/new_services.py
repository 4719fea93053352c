"""Two services that the platform does not have, each as one would be added: its folder, and its entry."""

from collections.abc import Mapping
from pathlib import Path

from components.platform_services import ServiceSpec
from image_build.recipes import Recipe

SERVICES: Mapping[str, ServiceSpec] = {
    "quotes": ServiceSpec(
        recipe=Recipe(framework="express", sources={".": ("quotes",)}), port=7000, health_path="/healthz"
    ),
    "feed": ServiceSpec(
        recipe=Recipe(
            framework="python",
            sources={"feed": ("feed/feed",), "requirements.txt": ("feed/requirements.txt",)},
            entry="feed/main.py",
        ),
        port=7001,
        port_variable="FEED_PORT",
        metrics_port=9200,
        health_path="/healthz",
    ),
}

QUOTES = """const http = require('http');
const server = http.createServer((request, answer) => {
  answer.statusCode = request.url === '/healthz' ? 200 : 500;
  answer.end();
});
server.listen(Number(process.env.PORT));
"""
FEED = """import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 500)
        self.end_headers()


HTTPServer(("", int(os.environ["FEED_PORT"])), Handler).serve_forever()
"""
FILES = {
    "quotes/package.json": '{"name": "quotes", "version": "1.0.0", "scripts": {"build": "mkdir -p dist && cp index.js dist/"}}\n',
    "quotes/index.js": QUOTES,
    "feed/requirements.txt": "",
    "feed/feed/__init__.py": "",
    "feed/feed/main.py": FEED,
}


def write(services: Path) -> None:
    """Their folders below ``services``."""
    for name, content in FILES.items():
        file = services / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
