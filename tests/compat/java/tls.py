"""Keys and certificates, by openssl: server.pem and client.pem of one authority, stranger.pem of another."""

import subprocess
from pathlib import Path

SUBJECTS = {"server": "/C=DE/O=Menagerie Compat/CN=localhost", "client": "/C=DE/O=Menagerie Compat/CN=client"}
DAYS = "30"


def create(directory: Path) -> Path:
    """Key and certificate in one file each, as ZooKeeper's PEM stores want it; ca.pem to trust both."""
    directory.mkdir(parents=True)
    _authority(directory, "ca")
    _authority(directory, "other-ca")
    for name, subject in SUBJECTS.items():
        _leaf(directory, name, subject, "ca")
    _leaf(directory, "stranger", SUBJECTS["client"], "other-ca")
    return directory


def _authority(directory: Path, name: str) -> None:
    _openssl(
        directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", f"/O=Menagerie Compat/CN={name}",
        "-keyout", f"{name}.key", "-out", f"{name}.pem",
    )


def _leaf(directory: Path, name: str, subject: str, authority: str) -> None:
    key, request, certificate, extensions = (f"{name}.{end}" for end in ("key", "csr", "crt", "ext"))
    (directory / extensions).write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    _openssl(directory, "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", request)
    _openssl(
        directory, "x509", "-req", "-in", request, "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
        "-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", certificate,
    )
    both = (directory / key).read_text() + (directory / certificate).read_text()
    (directory / f"{name}.pem").write_text(both)


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
