"""The supervisor: one process a cluster, which starts the components, restarts the dead with back-off, and answers `berth`.

It is a single loop over child deaths, the control socket and timers.  A component is forked from the supervisor, so that
what both have imported is in memory once; one that must start clean (the API server) executes a program instead.  A
component asks the kernel to end it when its supervisor dies, so that no process is ever left without one.
"""

from __future__ import annotations

import fcntl
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import orjson
from msgspec import Struct, field

from cluster.assembly.config import Config, Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.orphans import die_with_parent

FIRST_BACKOFF: Final = 0.2
LONGEST_BACKOFF: Final = 30.0
STEADY: Final = 10.0
"""Seconds of life after which a component's back-off starts over."""
STOP_GRACE: Final = 10.0
MAX_REQUEST: Final = 64 * 1024
MAX_LOG: Final = 16 * 1024 * 1024

Main = Callable[[Callable[[], None]], None]
"""A component's body, run in the child: given a function to call once it is ready; returns when it is told to stop."""


class Component(Struct):
    """One supervised process.  `pid` 0: not running; `due`: when (monotonic) it is to be started, None never."""

    name: str
    main: Main
    pid: int = 0
    started: float = 0.0
    due: float | None = 0.0
    backoff: float = FIRST_BACKOFF
    restarts: int = 0
    ready: bool = False
    pipe: int = -1
    stopping: bool = False

    def report(self) -> dict[str, Any]:
        state = "Running" if self.pid else ("Stopped" if self.due is None else "Restarting")
        return {"state": state, "pid": self.pid, "restarts": self.restarts, "ready": self.ready and bool(self.pid)}


class AlreadyRunning(Exception):
    """Another supervisor holds this home."""


def lock_home(home: Home) -> int:
    """The descriptor of the home's lock, held until the process ends; AlreadyRunning where another one holds it."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(str(home.root)) from None
    return descriptor


class Supervisor(Struct):
    """Runs `components` (in order of start; they stop in reverse) and those of the nodes until told to stop."""

    config: Config
    nodes: NodeSet
    node_main: Callable[[str], Main]
    components: dict[str, Component] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    stopping: bool = False
    waiters: list[socket.socket] = field(default_factory=list)

    def add(self, name: str, main: Main) -> None:
        self.components[name] = Component(name, main)

    def run(self) -> None:
        """Serves until `stop` is asked for or SIGTERM arrives, then stops everything in reverse order."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(wake_read, selectors.EVENT_READ, self._drain)
        listener = self._listen()
        for name in self.nodes.running():
            self.add(f"kubelet-{name}", self.node_main(name))
        while not (self.stopping and not any(each.pid for each in self.components.values())):
            self.start_due()
            for key, _ in self.selector.select(self._pause()):
                key.data(key.fileobj)
            self._reap()
        listener.close()
        self.config.home.run.joinpath("supervisor.sock").unlink(missing_ok=True)
        for waiter in self.waiters:
            _answer(waiter, {"stopped": True})

    def _on_stop_signal(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.stopping = True
        for component in self.components.values():
            component.due = None
        self._stop_next()

    def _stop_next(self) -> None:
        """Stops the last of those that run; the next one follows when it is gone, so that each can say good-bye."""
        running = [each for each in self.components.values() if each.pid]
        kubelets = [each for each in running if each.name.startswith("kubelet-")]
        for component in kubelets or running[-1:]:
            self._end(component)

    def _end(self, component: Component) -> None:
        component.due = None
        if component.pid and not component.stopping:
            component.stopping = True
            component.started = time.monotonic()
            os.kill(component.pid, signal.SIGTERM)

    def _pause(self) -> float | None:
        """Seconds until something is due."""
        now = time.monotonic()
        times = [each.due - now for each in self.components.values() if each.due is not None and not each.pid]
        times += [each.started + STOP_GRACE - now for each in self.components.values() if each.stopping and each.pid]
        return max(0.0, min(times)) if times else None

    def start_due(self) -> None:
        now = time.monotonic()
        for component in self.components.values():
            if component.stopping and component.pid and now > component.started + STOP_GRACE:
                os.kill(component.pid, signal.SIGKILL)
                component.started = now
            if component.pid == 0 and component.due is not None and component.due <= now and not self.stopping:
                self._start(component)

    def _start(self, component: Component) -> None:
        read, write = os.pipe2(os.O_CLOEXEC)
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            self._child(component, write)
        os.close(write)
        component.pid, component.pipe, component.ready, component.stopping = pid, read, False, False
        component.started = time.monotonic()
        self.selector.register(read, selectors.EVENT_READ, lambda _, component=component: self._on_pipe(component))

    def _child(self, component: Component, ready: int) -> None:
        """Never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            supervisor = os.getppid()
            die_with_parent(signal.SIGTERM)
            if os.getppid() != supervisor:
                os._exit(1)
            self._redirect(component.name)
            self.selector.close()
            component.main(lambda: _signal_ready(ready))
            code = 0
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _redirect(self, name: str) -> None:
        """The child's output goes to its log, begun anew when it has grown too long (one older is kept)."""
        path = self.config.home.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > MAX_LOG:
            os.replace(path, path.with_suffix(".log.1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)

    def _on_pipe(self, component: Component) -> None:
        data = os.read(component.pipe, 16)
        component.ready = component.ready or data == b"r"
        if not data:
            self._close_pipe(component)

    def _close_pipe(self, component: Component) -> None:
        if component.pipe >= 0:
            self.selector.unregister(component.pipe)
            os.close(component.pipe)
            component.pipe = -1

    def _reap(self) -> None:
        for component in list(self.components.values()):
            if component.pid and os.waitpid(component.pid, os.WNOHANG) != (0, 0):
                self._on_death(component)

    def _on_death(self, component: Component) -> None:
        self._close_pipe(component)
        component.pid, component.ready = 0, False
        now = time.monotonic()
        if component.stopping or self.stopping:
            component.stopping = False
            if self.stopping:
                self._stop_next()
            return
        if now - component.started > STEADY:
            component.backoff = FIRST_BACKOFF
        component.due = now + component.backoff
        component.backoff = min(LONGEST_BACKOFF, component.backoff * 2)
        component.restarts += 1

    # the control socket: one JSON request a connection, one JSON answer

    def _listen(self) -> socket.socket:
        path = self.config.home.run / "supervisor.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(previous)
        listener.listen(8)
        self.selector.register(listener, selectors.EVENT_READ, self._on_connect)
        return listener

    def _drain(self, wake: Any) -> None:
        os.read(wake, 512)

    def _on_connect(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(2)
        try:
            request = orjson.loads(connection.makefile("rb").readline(MAX_REQUEST))
            if request.get("do") == "stop":
                self.waiters.append(connection)
                self.stop()
                return
            _answer(connection, self._handle(request))
        except (OSError, ValueError, AttributeError) as error:
            _answer(connection, {"error": str(error)})

    def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        do, node = request.get("do"), str(request.get("node", ""))
        name = f"kubelet-{node}"
        if do == "node-start":
            if not self.nodes.has(node):
                self.nodes.add(node)
            self.nodes.set_running(node, True)
            if name not in self.components:
                self.add(name, self.node_main(node))
            self.components[name].due = self.components[name].due or 0.0
        elif do in ("node-stop", "node-remove"):
            self.nodes.set_running(node, False)
            if name in self.components:
                self._end(self.components[name])
            if do == "node-remove":
                self.nodes.remove(node)
                if name in self.components and not self.components[name].pid:
                    del self.components[name]
        elif do != "status":
            return {"error": f'unknown request "{do}"'}
        return {"pid": os.getpid(), "components": {each.name: each.report() for each in self.components.values()}}


def _signal_ready(pipe: int) -> None:
    os.write(pipe, b"r")


def _answer(connection: socket.socket, body: dict[str, Any]) -> None:
    with connection:
        try:
            connection.sendall(orjson.dumps(body) + b"\n")
        except OSError as error:  # the asker has gone; there is nobody to tell
            print(f"supervisor: an answer was not taken: {error}", file=sys.stderr)  # noqa: T201 - its log


def ask(home: Home, request: dict[str, Any], timeout: float = 30.0) -> dict[str, Any]:
    """Puts one request to the home's supervisor; ConnectionError where none runs."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    with connection:
        try:
            connection.connect(str(home.run / "supervisor.sock"))
        except OSError as error:
            raise ConnectionError(f'no cluster runs in "{home.root}"') from error
        connection.sendall(orjson.dumps(request) + b"\n")
        answer = connection.makefile("rb").readline(1024 * 1024)
    if not answer:
        raise ConnectionError(f'the supervisor of "{home.root}" went away')
    body: dict[str, Any] = orjson.loads(answer)
    if "error" in body:
        raise ValueError(body["error"])
    return body
