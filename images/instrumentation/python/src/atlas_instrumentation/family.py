"""The processes of one service have one page of metrics.

The first of them has the port. All others, forked or started anew, connect to it by a Unix socket without a file, whose name comes
of a secret in their environment, and tell what they counted when they are asked and when they end. If it ends before them, one of
them takes its place.
"""

import _thread
import contextlib
import errno
import hashlib
import os
import secrets
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from atlas_instrumentation.added import Ended, added
from atlas_instrumentation.channel import Channel, Kept
from atlas_instrumentation.lines import Lines
from atlas_instrumentation.server import Server
from atlas_instrumentation.signals import for_others
from atlas_instrumentation.told import Metrics, Own

NAME = "ATLAS_METRICS_FAMILY"
ANSWER_SECONDS = 1.0
"""How long a page waits for those that do not answer; it has what they told last."""
YIELD_SECONDS = 2.0
RETRY_SECONDS = 1.0
SETTLE_SECONDS = 0.2
"""A forked process opens nothing of ours at first: one that becomes a daemon closes all that is open."""
POLL_MILLISECONDS = 1000
MAX_LEFT = 16
"""Of those whose connection has ended: one that is back, since its host had only closed its files, is not counted twice."""
ASK, GIVE_UP, GIVEN = "ask", "give up", "given"
LOGGER = "atlas_instrumentation.metrics"


class Member:
    """What the first process knows of another one."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.pid, self.name, self.told, self.answered = channel, 0, "", list[Any](), 0
        self.known = False
        """Whether it has said the family's secret."""


class Family:
    """This process's part in it: first or one of the others."""

    def __init__(self, port: int, lines: Lines) -> None:
        self._port, self._lines = port, lines
        self._own = Own()
        self._given = self._belongs = self._finished = False
        self._name = secrets.token_hex(8)
        self._opening, self._opening_stopped = threading.RLock(), threading.local()
        self._reset()
        os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._forked)

    def begin(self) -> bool:
        """Whether there is a page with this process's metrics; if not, a line has said why."""
        try:
            if not self._has_joined():
                self._take()
        except OSError as error:
            self._lines.write("warning", LOGGER, f"no metrics are served at port {self._port}: {error.strerror}")
            return False
        self._belongs = True
        self._start()
        return True

    def finish(self) -> None:
        """At the end of this process: tell the first one what it will not be able to ask any more.

        In a thread, for a bounded time: a signal may have come while the host holds the lock of one of its metrics.
        """
        if not self._belongs or self._meeting is not None:
            return
        telling = threading.Thread(target=self._tell, daemon=True)
        try:
            telling.start()
        except RuntimeError:  # from Python 3.12 on no thread begins while the interpreter ends
            self._tell()
        else:
            telling.join(YIELD_SECONDS)

    def _tell(self) -> None:
        if not self._opening.acquire(timeout=2 * ANSWER_SECONDS):
            return
        self._finished = True
        self._opening.release()
        told = self._own.told()
        if not told or (self._link is None and not self._has_joined()):
            return
        link = self._link
        if link is not None and self._sending.acquire(timeout=ANSWER_SECONDS):
            try:
                link.sock.settimeout(ANSWER_SECONDS)
                link.send([os.getpid(), self._name, 0, told])
            except OSError:
                return
            finally:
                self._sending.release()

    def give_up(self) -> bool:
        """Leave the port to the host, whichever process of the family has it. False where none has."""
        self._given = True
        with contextlib.suppress(OSError), contextlib.closing(self._connected(YIELD_SECONDS)) as asking:
            asking.send(GIVE_UP)
            return GIVEN in (asking.received() or [])
        return False

    def _reset(self) -> None:
        self._link: Channel | None = None
        self._http: Server | None = None
        self._meeting: Kept | None = None
        self._members: dict[int, Member] = {}
        self._ended, self._left = Ended(), dict[str, Metrics]()
        self._round = 0
        self._news = threading.Condition()
        self._sending = threading.Lock()

    def _before(self) -> None:
        """A child has to know each socket that it inherits: none is opened meanwhile."""
        self._opening_stopped.here = self._opening.acquire(timeout=ANSWER_SECONDS)

    def _after(self) -> None:
        if self._opening_stopped.here:
            self._opening.release()

    def _forked(self) -> None:
        """A child serves nothing of its parent's, and has a connection of its own."""
        self._opening, self._opening_stopped = threading.RLock(), threading.local()
        self._forget()
        self._finished, self._name = False, secrets.token_hex(8)
        if self._belongs:
            self._own.forked()
            self._start()

    def _forget(self) -> None:
        http, link, meeting, members = self._http, self._link, self._meeting, self._members
        self._reset()
        if http is not None:
            http.forget()
        for kept in (link, meeting, *(member.channel for member in members.values())):
            if kept is not None:
                kept.close()

    def _start(self) -> None:
        # Not threading's: its start waits for the thread, and in a forked child that was seen to last for ever.
        with contextlib.suppress(RuntimeError), for_others():  # no thread begins while the interpreter ends
            _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        while True:
            try:
                if self._meeting is not None:
                    self._serve()
                elif self._link is not None:
                    self._answer(self._link)
                    time.sleep(RETRY_SECONDS)  # mostly, this process is about to end as well
                with self._opening:
                    if self._finished:
                        return
                    self._forget()
                time.sleep(SETTLE_SECONDS)
                if self._has_joined():
                    continue
                if not self._given:
                    with self._opening:
                        self._take()
                    self._lines.write("info", LOGGER, f"metrics are served by process {os.getpid()} from now on")
            except Exception:  # the port is another's, or its last owner is not gone yet: nobody else is to hear of it
                time.sleep(RETRY_SECONDS)
            if self._given and self._link is None and self._meeting is None:
                return

    # One of the others.

    def _has_joined(self) -> bool:
        with self._opening:
            if self._link is not None:
                return True
            try:
                link = self._connected(ANSWER_SECONDS)
            except OSError:
                return False
            try:
                link.send([os.getpid(), self._name, 0, []])
                link.sock.settimeout(None)
            except OSError:
                link.close()
                return False
            self._link = link
        return True

    def _connected(self, seconds: float) -> Channel:
        if NAME not in os.environ:
            raise OSError(errno.ENOENT, "no family")
        channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            channel.sock.settimeout(seconds)
            channel.sock.connect(_address())
            channel.send(os.environ[NAME])
        except OSError:
            channel.close()
            raise
        return channel

    def _answer(self, link: Channel) -> None:
        while (messages := link.received()) is not None:
            for message in messages:
                if message == GIVEN:
                    self._given = True
                elif isinstance(message, list):
                    told = [os.getpid(), self._name, message[1], self._own.told()]
                    with self._sending:
                        link.send(told)

    # The first one.

    def _take(self) -> None:
        os.environ.setdefault(NAME, secrets.token_hex(16))
        meeting = Kept(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            meeting.sock.bind(_address())
            meeting.sock.listen(128)
            meeting.sock.setblocking(False)
            self._http = Server(self._port, self._page)
        except OSError:
            meeting.close()
            raise
        self._meeting = meeting

    def _serve(self) -> None:
        """Until the host has closed our sockets."""
        meeting = self._meeting
        while meeting is not None and meeting is self._meeting and meeting.is_ours():
            http = self._http
            ready = select.poll()
            ready.register(meeting.sock, select.POLLIN)
            if http is not None:
                ready.register(http.listening.sock, select.POLLIN)
            for fd, member in list(self._members.items()):
                if member.channel.is_ours():
                    ready.register(fd, select.POLLIN)
                else:
                    self._leave(fd)
            found = [fd for fd, _ in ready.poll(POLL_MILLISECONDS)]
            if http is not None and not http.listening.is_ours():
                return
            for fd in found:
                if http is not None and fd == http.listening.sock.fileno():
                    with self._opening:
                        http.handle_request()
                elif fd in self._members:
                    self._hear(fd)
                elif meeting.is_ours() and fd == meeting.sock.fileno():
                    with self._opening, contextlib.suppress(OSError):
                        sock, _ = meeting.sock.accept()
                        sock.setblocking(False)
                        self._members[sock.fileno()] = Member(Channel(sock))

    def _hear(self, fd: int) -> None:
        member = self._members[fd]
        messages = member.channel.received()
        if messages is None:
            self._leave(fd)
            return
        for message in messages:
            if not member.known:
                if message != os.environ[NAME]:
                    self._leave(fd)
                    return
                member.known = True
                continue
            if message == GIVE_UP:
                self._yield()
                with contextlib.suppress(OSError):
                    member.channel.send(GIVEN)
                continue
            with self._news:
                member.pid, member.name, member.answered, told = message
                member.told = told or member.told or self._left.get(member.name, [])
                self._left.pop(member.name, None)
                self._news.notify_all()

    def _leave(self, fd: int) -> None:
        with self._news:
            member = self._members.pop(fd)
            if member.told:
                self._left[member.name] = member.told
            if len(self._left) > MAX_LEFT:
                self._ended.add(self._left.pop(next(iter(self._left))))
            self._news.notify_all()
        member.channel.close()

    def _yield(self) -> None:
        if self._http is None:
            return
        self._http.listening.close()
        self._http, self._given = None, True
        for member in list(self._members.values()):
            with contextlib.suppress(OSError):
                member.channel.send(GIVEN)
        self._lines.write(
            "info", LOGGER, f"the service serves port {self._port} itself, so metrics are its own to serve"
        )

    def _page(self, environ: dict[str, Any], start_response: Any) -> Any:
        from prometheus_client import REGISTRY, make_wsgi_app

        others = self._asked()
        return make_wsgi_app(_Whole(REGISTRY, others) if others else REGISTRY)(environ, start_response)

    def _asked(self) -> list[tuple[int, Metrics]]:
        """What each of the others has told, and those that are gone."""
        with self._news:
            self._round += 1
            asked = self._round
            members = [member for member in self._members.values() if member.pid]
        for member in members:
            with contextlib.suppress(OSError):
                member.channel.send([ASK, asked])
        with self._news:
            self._news.wait_for(
                lambda: all(member.answered >= asked for member in members if member in self._members.values()),
                ANSWER_SECONDS,
            )
            gone = Ended()
            for each in (self._ended.told(), *self._left.values()):
                gone.add(each)
            ended = gone.told()
            told = [(member.pid, member.told) for member in self._members.values() if member.told]
        return [*([(0, ended)] if ended else []), *told]


class _Whole:
    """A registry of prometheus_client's, as its page asks for one, with what others told."""

    def __init__(self, registry: Any, others: list[tuple[int, Metrics]], names: frozenset[str] | None = None) -> None:
        self._registry, self._others, self._names = registry, others, names

    def collect(self) -> Iterator[Any]:
        for metric in added(self._registry.collect(), self._others):
            if self._names is not None:
                metric.samples = [sample for sample in metric.samples if sample.name in self._names]
            if metric.samples or self._names is None:
                yield metric

    def restricted_registry(self, names: list[str]) -> "_Whole":
        return _Whole(self._registry, self._others, frozenset(names))


def _address() -> str:
    """Linux has names of sockets that are no files. Everybody may read these, so that the secret is not in it."""
    name = f"atlas-metrics-{hashlib.sha256(os.environ[NAME].encode()).hexdigest()[:32]}"
    return f"\0{name}" if sys.platform == "linux" else f"{tempfile.gettempdir()}/{name}"


def give_way(family: Family, port: int) -> None:
    """Whoever in this process finds the port taken by the family gets it."""
    bind = socket.socket.bind

    def giving_way(sock: socket.socket, address: Any) -> None:
        try:
            bind(sock, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_port(address, port) or sock.type != socket.SOCK_STREAM:
                raise
            if not family.give_up():
                raise
            bind(sock, address)

    socket.socket.bind = giving_way  # type: ignore[method-assign]


def _is_port(address: Any, port: int) -> bool:
    return isinstance(address, tuple) and len(address) > 1 and address[1] == port
