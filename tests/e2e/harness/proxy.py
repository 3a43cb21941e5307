"""A link that can be cut: what it takes in then stays where it is, and nobody is told."""

import socket
import threading

POLL_SECONDS = 0.05


class Proxy:
    """Passes connections on to `target` while it is not cut."""

    def __init__(self, target: str):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.whole = threading.Event()
        self.whole.set()
        self.closed = threading.Event()
        self._in_background(self._accept)

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_) -> None:
        self.closed.set()
        self.listener.close()

    def cut(self) -> None:
        self.whole.clear()

    def heal(self) -> None:
        self.whole.set()

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                incoming, _ = self.listener.accept()
            except OSError:
                return
            self._in_background(self._connect, incoming)

    def _connect(self, incoming: socket.socket) -> None:
        host, _, port = self.target.rpartition(":")
        try:
            outgoing = socket.create_connection((host, int(port)))
        except OSError:
            incoming.close()
            return
        self._in_background(self._pass_on, incoming, outgoing)
        self._in_background(self._pass_on, outgoing, incoming)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(POLL_SECONDS)
        try:
            while not self.closed.is_set():
                if not self.whole.wait(POLL_SECONDS):
                    continue
                try:
                    data = source.recv(1 << 16)
                except TimeoutError:
                    continue
                if not data:
                    break
                # What was on its way when the link was cut does not arrive either, until it is whole again.
                while not self.whole.wait(POLL_SECONDS):
                    if self.closed.is_set():
                        return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            sink.close()

    @staticmethod
    def _in_background(run, *arguments) -> None:
        threading.Thread(target=run, args=arguments, daemon=True).start()
