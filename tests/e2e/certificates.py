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
        self.stranger = self._self_signed("stranger", "/CN=stranger")

    def path(self, name: str) -> Path:
        return self.directory / name

    def _self_signed(self, name: str, subject: str) -> Path:
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )
        return self._bundle(name)

    def _signed(self, name: str, subject: str) -> Path:
        self.path("extensions").write_text(EXTENSIONS)
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "authority.crt", "-CAkey", "authority.key",
            "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt",
        )
        return self._bundle(name)

    def _bundle(self, name: str) -> Path:
        bundle = self.path(f"{name}.pem")
        bundle.write_text(self.path(f"{name}.key").read_text() + self.path(f"{name}.crt").read_text())
        return bundle

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)
