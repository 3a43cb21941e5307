"""TLS on the client port: who gets in, as whom, and that everything else is as without it."""

import socket
import ssl

import pytest

from certificates import Certificates
from harness.binary import menagerie
from harness.cluster import four_letter_word
from harness.own import Own
from harness.ports import free_port
from harness.process import Process
from harness.wait import eventually
from jute import acl, int32, string
from raw import SET_ACL, Closed, RawClient, ServerError

pytestmark = pytest.mark.menagerie

ALICE = "CN=alice,OU=Users,O=Example Org"
WHO_AM_I = 107


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates, tmp_path_factory):
    """Both ports speak TLS; the plain one speaks plain too."""
    secure_port = free_port()
    with Own(
        tmp_path_factory.mktemp("tls"),
        secureClientPort=secure_port, secureClientPortAddress="127.0.0.1", client__portUnification="true",
        ssl__keyStore__location=certificates.server, ssl__trustStore__location=certificates.authority,
        X509AuthenticationProvider__superUser="CN=root", maxClientCnxns=0,
    ) as own:
        own.secure = ("127.0.0.1", secure_port)
        yield own


def context(certificates, identity="alice", version=None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(certificates.authority)
    if identity:
        made.load_cert_chain(certificates.path(f"{identity}.pem"))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def secured(address, made: ssl.SSLContext) -> RawClient:
    """A raw client that speaks TLS."""
    client = RawClient(address)
    client.socket = made.wrap_socket(client.socket, server_hostname="127.0.0.1")
    return client


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("port", ["secure", "address"])
def test_a_session_works_as_without_tls(server, certificates, version, port):
    with secured(getattr(server, port), context(certificates, version=version)) as client:
        client.connect()
        path = client.create("/tls-", b"x" * 300_000, flags=2)
        assert client.get(path)[0] == b"x" * 300_000
        xids = [client.send(4, string(path) + b"\x00") for _ in range(50)]
        assert [client.receive().xid for _ in xids] == xids
        client.close_session()
        assert client.read_to_end() == b""


def test_a_plain_client_is_served_on_the_unified_port_only(server):
    with RawClient(server.address) as client:
        client.connect()
        assert client.exists("/").version == 0
    with RawClient(server.secure) as client, pytest.raises((Closed, AssertionError)):
        client.connect()


@pytest.mark.parametrize("identity", [None, "stranger", "mallory"])
def test_whoever_cannot_show_a_trusted_certificate_is_kept_out(server, certificates, identity):
    with pytest.raises((ssl.SSLError, Closed, ConnectionError, AssertionError)):
        with secured(server.secure, context(certificates, identity)) as client:
            client.connect()


def test_the_certificates_subject_is_an_identity_that_acls_know(server, certificates):
    with secured(server.secure, context(certificates)) as alice, RawClient(server.address) as other:
        alice.connect()
        other.connect()
        infos = alice.call(WHO_AM_I)
        assert infos.int32() == 2
        assert {(infos.string(), infos.string()) for _ in range(2)} == {("ip", "127.0.0.1"), ("x509", ALICE)}
        path = alice.create("/own-", b"secret", flags=2, acls=[(31, "x509", ALICE)])
        assert alice.get(path)[0] == b"secret"
        with pytest.raises(ServerError) as refused:
            other.get(path)
        assert refused.value.code == -102
        alice.call(SET_ACL, string(path) + acl([(1, "world", "anyone")]) + int32(-1))
        assert other.get(path)[0] == b"secret"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_certificates_of_version_1_will_do(certificates, tmp_path, version):
    secure_port = free_port()
    with Own(
        tmp_path, secureClientPort=secure_port, secureClientPortAddress="127.0.0.1",
        ssl__keyStore__location=certificates.old_server, ssl__trustStore__location=certificates.authority,
    ):
        made = context(certificates, "bob", version)
        # Such a certificate cannot name the address.
        made.check_hostname = False
        with secured(("127.0.0.1", secure_port), made) as bob:
            bob.connect()
            infos = bob.call(WHO_AM_I)
            assert infos.int32() == 2
            assert ("x509", "CN=bob") in [(infos.string(), infos.string()) for _ in range(2)]


@pytest.mark.parametrize("port", ["secure", "address"])
def test_words_are_answered_after_the_handshake(server, certificates, port):
    with secured(getattr(server, port), context(certificates)) as client:
        client.send_bytes(b"srvr")
        assert b"Mode: standalone" in client.read_to_end()


def test_a_handshake_that_never_comes_does_not_hold_up_others(server, certificates):
    idle = [socket.create_connection(server.secure) for _ in range(20)]
    try:
        with secured(server.secure, context(certificates)) as client:
            client.connect()
            assert client.ping().err == 0
    finally:
        for one in idle:
            one.close()


def test_a_handshake_that_never_comes_ends(certificates, tmp_path):
    secure_port = free_port()
    with Own(
        tmp_path, secureClientPort=secure_port, secureClientPortAddress="127.0.0.1", ssl__clientAuth="none",
        ssl__keyStore__location=certificates.server, nio__sessionlessCnxnTimeout=300,
    ):
        with socket.create_connection(("127.0.0.1", secure_port), timeout=10) as idle:
            assert idle.recv(1) == b""


@pytest.mark.parametrize("identity", [None, "alice"])
def test_a_certificate_may_be_wanted_only(certificates, tmp_path, identity):
    secure_port = free_port()
    with Own(
        tmp_path, secureClientPort=secure_port, secureClientPortAddress="127.0.0.1", ssl__clientAuth="want",
        ssl__keyStore__location=certificates.server, ssl__trustStore__location=certificates.authority,
    ):
        with secured(("127.0.0.1", secure_port), context(certificates, identity)) as client:
            client.connect()
            assert client.call(WHO_AM_I).int32() == (2 if identity else 1)


def test_there_need_not_be_a_plain_port(certificates, tmp_path):
    secure_port = free_port()
    config = tmp_path / "zoo.cfg"
    config.write_text(
        f"dataDir={tmp_path}/data\nsecureClientPort={secure_port}\nsecureClientPortAddress=127.0.0.1\n"
        f"ssl.keyStore.location={certificates.server}\nssl.clientAuth=none\nadmin.enableServer=false\n"
    )
    process = Process([menagerie(), "server", config], tmp_path / "server.log")
    process.start()
    try:
        def served() -> bool:
            with secured(("127.0.0.1", secure_port), context(certificates, None)) as client:
                client.connect()
                return client.exists("/").version == 0

        assert eventually(served, what="a client is served")
    finally:
        process.stop()


def test_a_stop_says_so_to_tls(certificates, tmp_path):
    secure_port = free_port()
    with Own(
        tmp_path, secureClientPort=secure_port, secureClientPortAddress="127.0.0.1", ssl__clientAuth="none",
        ssl__keyStore__location=certificates.server,
    ) as own:
        with secured(("127.0.0.1", secure_port), context(certificates, None)) as client:
            client.connect()
            own.process.child.terminate()
            # Without the closing alert Python raises instead.
            assert client.read_to_end() == b""


def test_words_on_the_plain_port_are_not_mistaken_for_tls(server):
    assert four_letter_word(server.address, b"ruok") == b"imok"
