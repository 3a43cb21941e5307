"""What kazoo.testing tells a JVM, as Menagerie is told."""

import re
from pathlib import Path

import jks
from OpenSSL import crypto

PASSWORD = "apassword"


def jvm_flags(args: list[str]) -> str:
    """The -D arguments of a java command line."""
    return " ".join(word for word in args if word.startswith("-D"))


def settings(config: Path) -> dict[str, str]:
    """The keys of a zoo.cfg, but for the members of the ensemble."""
    lines = (line.partition("=") for line in config.read_text().splitlines() if "=" in line)
    return {key: value for key, _, value in lines if not key.startswith("server.")}


def with_pem(config: Path) -> None:
    """Names PEM files where a zoo.cfg names Java key stores, as whoever leaves the JVM behind must."""
    text = re.sub(r"(?m)^ssl\.(key|trust)Store\.password=.*\n", "", config.read_text())
    for store in re.findall(r"(?m)^ssl\.(?:key|trust)Store\.location=(.*\.jks)$", text):
        text = text.replace(store, str(to_pem(Path(store))))
    config.write_text(text)


def to_pem(store: Path) -> Path:
    """Writes all that is in a key store to a file beside it: keys, then certificates."""
    opened = jks.KeyStore.load(str(store), PASSWORD)
    pem, certificates = b"", [entry.cert for entry in opened.certs.values()]
    for entry in opened.private_keys.values():
        key = crypto.load_privatekey(crypto.FILETYPE_ASN1, entry.pkey)
        pem += crypto.dump_privatekey(crypto.FILETYPE_PEM, key)
        certificates += [der for _, der in entry.cert_chain]
    for der in certificates:
        pem += crypto.dump_certificate(crypto.FILETYPE_PEM, crypto.load_certificate(crypto.FILETYPE_ASN1, der))
    path = store.with_suffix(".pem")
    path.write_bytes(pem)
    return path
