"""A server on localhost that can fail in every way a network can."""

import socketserver
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class FaultyServer(socketserver.ThreadingTCPServer, ABC):
    """Answers by `answer`, unless `fate` has something else in store for a request.

    A fate is a status, or `reset`, `half`, `silent` or `drip`; with `taken-` before it the request is answered
    inside, and the answer does not come out. `fate` takes them from `fates`, one a request; a subclass may choose.
    """

    allow_reuse_address = True
    daemon_threads = True
    silent_seconds = 3.0

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket, self.scheme = context.wrap_socket(self.socket, server_side=True), "https"
        self.fates: list[str | int] = []
        self.lock, self.delay = threading.Lock(), 0.0

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def fate(self, path: str, body: bytes) -> str | int:
        return self.fates.pop(0) if self.fates else 200

    @abstractmethod
    def answer(self, path: str, body: bytes) -> bytes:
        """Return the body of a good answer."""


class _Handler(socketserver.StreamRequestHandler):
    server: FaultyServer

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        length = 0
        while (header := self.rfile.readline().decode().strip()) != "":
            if header.lower().startswith("content-length:"):
                length = int(header.split(":")[1])
        body = self.rfile.read(length)
        path = line.split(" ")[1].split("?")[0]
        server = self.server
        with server.lock:
            fate = str(server.fate(path, body))
        text = server.answer(path, body) if fate == "200" or fate.startswith("taken-") else b"{}"
        time.sleep(server.delay)
        with suppress(OSError):  # whoever asked may have gone by now
            self._send(fate.removeprefix("taken-"), text)

    def _send(self, fate: str, text: bytes) -> None:
        if fate == "reset":
            return
        if fate == "silent":
            time.sleep(self.server.silent_seconds)
            return
        if fate == "drip":
            for _ in range(int(10 * self.server.silent_seconds)):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.1)
            return
        status = int(fate) if fate.isdigit() else 200
        extra = b"Retry-After: 0\r\n" if status == 429 else b""
        stated = len(text) + (50 if fate == "half" else 0)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {stated}\r\n"
        self.wfile.write(head.encode() + extra + b"Connection: close\r\n\r\n" + text)


@contextmanager
def serving(server: FaultyServer) -> Iterator[None]:
    """Serve until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    with server:
        thread.start()
        yield
        server.shutdown()
