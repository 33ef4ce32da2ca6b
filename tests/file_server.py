"""A host of files that behaves as told: one answer for each path, over real HTTP."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: `drip` bytes at a time with a pause of `pause` seconds, without end where `endless`."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: int = 0
    pause: float = 0.0
    endless: bool = False


@dataclass(slots=True)
class FileServer:
    """A running one. `asked` counts the requests of each path, `hosts` are the names it was asked for by."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hosts: list[str] = field(default_factory=list)

    def serve(self, path: str, answer: Answer) -> str:
        """Answer so at this path from now on; its address."""
        self.answers[path] = answer
        return self.url + path


@contextmanager
def a_file_server(tls: SSLContext | None = None) -> Iterator[FileServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    running = FileServer(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            running.asked[path] += 1
            running.hosts.append(self.headers["Host"])
            answer = running.answers.get(path, Answer(status=404))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not answer.endless and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            try:
                self._send(answer)
            except OSError:
                # The other side has had enough, as it should.
                self.close_connection = True

        def _send(self, answer: Answer) -> None:
            step = answer.drip or max(len(answer.body), 1)
            while True:
                for place in range(0, len(answer.body), step):
                    self.wfile.write(answer.body[place : place + step])
                    self.wfile.flush()
                    time.sleep(answer.pause)
                if not answer.endless:
                    return

        def log_message(self, *_what: object) -> None:
            """Tests print nothing."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
