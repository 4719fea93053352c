"""A platform's checkout with the flaws of the real one, made at run time: nothing of it could be kept in a repository."""

import secrets
from pathlib import Path

PACKAGE = """{
  "name": "api", "version": "0.1.0", "scripts": {"build": "tsc -p tsconfig.json"},
  "dependencies": {"express": "^4.18.2"}, "devDependencies": {"typescript": "5.6.3", "@types/node": "20.17.6"}
}
"""
TSCONFIG = """{"compilerOptions": {"outDir": "dist", "rootDir": "src", "module": "CommonJS", "target": "ES2021", "strict": true,
  "skipLibCheck": true, "esModuleInterop": true, "noImplicitAny": false}, "include": ["src/**/*"]}
"""
SERVER = """const express = require('express');
const app = express();
app.get('/healthz', (request, answer) => answer.json({ status: 'ok' }));
app.get('/metrics-of-nobody', (request, answer) => answer.json({ open_orders }));
app.listen(Number(process.env.PORT || 8000), () => console.log('API listening'));
"""
WORKER = """import time

import prometheus_client
import redis.asyncio

try:
    import torch
except ImportError:
    torch = None

if __name__ == "__main__":
    prometheus_client.Gauge("atlas_open_orders", "Open orders").set(0)
    print("Worker started", flush=True)
    while True:
        time.sleep(1)
"""
BACKTESTER = """import sys

if __name__ == "__main__":
    print("backtest", *sys.argv[1:])
"""
BOT = """from workers.src.workers.secrets_manager import load

if __name__ == "__main__":
    print(load())
"""
PAGE = """export default function Home() { return <p>positions</p>; }
"""
OPS_UI = """{"name": "ops-ui", "version": "0.1.0", "private": true, "scripts": {"build": "next build"},
  "dependencies": {"next": "14.2.35", "react": "18.3.1", "react-dom": "18.3.1"}}
"""

PLATFORM = ("api", "ops-ui", "workers", "backtester", "ops-bot")
"""The services of the real platform, and so of this checkout."""
FILES = {
    "api/package.json": PACKAGE,
    "api/tsconfig.json": TSCONFIG,
    "api/src/index.ts": SERVER,
    "ops-ui/package.json": OPS_UI,
    "ops-ui/pages/index.tsx": PAGE,
    "workers/requirements.txt": "prometheus_client==0.17.1\n",
    "workers/src/workers/__init__.py": "",
    "workers/src/workers/worker_main_refactored.py": WORKER,
    "workers/src/workers/secrets_manager.py": 'def load():\n    return "no secret"\n',
    "backtester/requirements.txt": "",
    "backtester/src/backtester/__init__.py": "",
    "backtester/src/backtester/backtester_main.py": BACKTESTER,
    "scripts/ops_bot_async.py": BOT,
}


def flawed(folder: Path) -> Path:
    """The checkout: no lock files, a type error, requirements that lack what is imported, secrets in ``conf``."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def plant(folder: Path, service: str) -> str:
    """Put a secret into every place that people put one, and return what must be found nowhere else."""
    secret = f"planted{secrets.token_hex(16)}"
    source = folder / service
    for name in (
        "conf/secrets.env",
        "conf/coinbase_private_key.pem",
        f"{service}/conf/secrets.env",
        f"{service}/.env",
        f"{service}/.env.production",
        f"{service}/.npmrc",
        f"{service}/key.pem",
        f"{service}/secrets.json",
        f"{service}/src/.env",
        f"{service}/src/deploy.key",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(secret)
    (source / "src/linked.txt").symlink_to(folder / "conf/secrets.env")
    (source / "src/linked").symlink_to(folder / "conf")
    return secret
