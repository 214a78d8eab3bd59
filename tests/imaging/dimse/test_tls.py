"""DIMSE over TLS: the client's certificate is of a known authority, and the node's own."""

import hashlib
import ssl

import pytest
import trustme

from imaging.dimse.server import Server, bound, tls_context
from telehealth.core.settings import Dimse
from tests.imaging.dimse.conftest import dcmtk

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def written(folder, name: str, certificate: trustme.LeafCert):
    """(certificate file, key file)."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.cert_chain_pems[0].write_to_path(paths[0])
    certificate.private_key_pem.write_to_path(paths[1])
    return paths


def fingerprint(certificate: trustme.LeafCert) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())).hexdigest()


@pytest.fixture
async def authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return authority


@pytest.fixture
async def port(engine, authority, tmp_path):
    certificate, key = written(tmp_path, "ours", authority.issue_cert("127.0.0.1"))
    config = Dimse(tls_certificate=certificate, tls_key=key, tls_authority=tmp_path / "authority.pem")
    server, listening = Server(engine, config), bound("127.0.0.1", 0)
    running = await server.listen(listening, tls_context(config))
    yield listening.getsockname()[1]
    running.close()
    await server.close()


async def echo(port, folder, certificate=None) -> bool:
    """Whether an echo under CT1's title is answered."""
    if certificate:
        path, key = written(folder, "theirs", certificate)
        shown = ("+tls", key, path)
    else:
        shown = ("+tla",)
    titles = ("-aet", "CT1", "-aec", "TELEHEALTH")
    code, _ = await dcmtk("echoscu", *shown, "+cf", folder / "authority.pem", *titles, "127.0.0.1", str(port))
    return code == 0


async def test_only_the_nodes_own_certificate_opens(port, authority, add_node, tmp_path):
    own, other = authority.issue_cert("ct1.local"), authority.issue_cert("ct2.local")
    stranger = trustme.CA().issue_cert("ct1.local")
    await add_node("CT1", certificate_sha256=fingerprint(own).upper())

    assert await echo(port, tmp_path, own)
    assert not await echo(port, tmp_path, other)
    assert not await echo(port, tmp_path, stranger)
    assert not await echo(port, tmp_path)
