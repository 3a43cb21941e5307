"""Lets a client program stop and start the servers it talks to.

One command a line on a loopback socket, one line back, `ok ...` or `error ...`. N counts the addresses of the connect
string from 1: in the split shape those are gateways.

    stop N | kill N | start N | restart N | restart-all
"""

import socketserver
import threading

from shapes import Cluster


class Control:
    """Serves until closed."""

    def __init__(self, cluster: Cluster):
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler_for(cluster))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return "{}:{}".format(*self.server.server_address)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler_for(cluster: Cluster):
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                try:
                    with lock:
                        _obey(cluster, line.decode().split())
                    self.wfile.write(b"ok\n")
                except Exception as error:  # told to the program, which fails its case
                    self.wfile.write(f"error {error!r}\n".replace("\\n", " ").encode())

    return Handler


def _obey(cluster: Cluster, words: list[str]) -> None:
    verb, names = words[0], list(cluster.addresses())
    if verb == "restart-all":
        for name in names:
            cluster.stop(name)
        cluster.restore()
        return
    name = names[(int(words[1]) - 1) % len(names)]
    if verb in ("stop", "restart"):
        cluster.stop(name)
    elif verb == "kill":
        cluster.kill9(name)
    elif verb != "start":
        raise ValueError(f"no command {verb}")
    if verb in ("start", "restart"):
        cluster.start(name)
        cluster.wait_serving([name])
