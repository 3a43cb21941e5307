"""Certificates made for one run of the suite: an authority, a server, clients, and somebody nobody trusts."""

import subprocess
from pathlib import Path

EXTENSIONS = "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n"


class Certificates:
    """PEM files in a directory: `NAME.pem` holds key and certificate."""

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.authority = self._self_signed("authority", "/CN=Test Authority")
        self.server = self._signed("server", "/CN=localhost")
        self.alice = self._signed("alice", "/O=Example Org/OU=Users/CN=alice")
        # Of X.509 version 1, as openssl makes them unless told otherwise.
        self.old_server = self._signed("old-server", "/CN=localhost", extensions=False)
        self.bob = self._signed("bob", "/CN=bob", extensions=False)
        self.stranger = self._self_signed("stranger", "/CN=stranger")
        # An authority that only calls itself the same, and whom it has vouched for.
        self._self_signed("impostor", "/CN=Test Authority")
        self.mallory = self._signed("mallory", "/CN=bob", extensions=False, authority="impostor")

    def path(self, name: str) -> Path:
        return self.directory / name

    def _self_signed(self, name: str, subject: str) -> Path:
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )
        return self._bundle(name)

    def _signed(self, name: str, subject: str, extensions: bool = True, authority: str = "authority") -> Path:
        self.path("extensions").write_text(EXTENSIONS)
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", "2", "-out", f"{name}.crt", *(("-extfile", "extensions") if extensions else ()),
        )
        return self._bundle(name)

    def _bundle(self, name: str) -> Path:
        bundle = self.path(f"{name}.pem")
        bundle.write_text(self.path(f"{name}.key").read_text() + self.path(f"{name}.crt").read_text())
        return bundle

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)
