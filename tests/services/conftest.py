"""The data services, started once for all tests of the services and stopped after them."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.services.data_servers import Postgres, RabbitMQ, Redis
from tests.services.platform_under_test import Data


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with contextlib.ExitStack() as stack:
        servers = []
        for kind in (Postgres, Redis, RabbitMQ):
            server = kind(tmp_path_factory.mktemp(kind.__name__.lower()))
            stack.callback(server.remove)
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        yield Data(*servers)
