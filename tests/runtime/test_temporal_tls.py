"""A Temporal server that asks for certificates: spoken to with ours, closed to everybody without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError

from protocol.errors import HandoffError
from runtime.codec import DerivedCaseKeys
from runtime.settings import load
from runtime.temporal import connect
from runtime.temporal_config import CONFIG, ServerOptions
from runtime.temporal_server import ensure_namespace, ensure_server
from runtime.temporal_tls import Tls
from tests.certificates import Authority
from tests.servers import NAMESPACE, stop

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom server and clients believe."""
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Tls:
    """What our processes are given, by the settings' own way."""
    cert, key = authority.sign("handoff")
    found = load(
        {
            "temporal_address": "127.0.0.1:7233",
            "temporal_tls_ca_file": authority.file,
            "temporal_tls_cert_file": cert,
            "temporal_tls_key_file": key,
        }
    ).temporal_tls
    assert found is not None
    return found


@pytest.fixture(scope="module")
async def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a server whose every connection is mutual TLS."""
    folder = tmp_path_factory.mktemp("temporal")
    command = await ensure_server(ServerOptions(folder=folder), print)
    config = folder / CONFIG
    said = json.loads(config.read_text())
    said["global"]["tls"] = _tls(authority)
    config.write_text(json.dumps(said))
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time, and the handle outlives the loop
            command.argv, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield command.address
    finally:
        stop(process)


def _tls(authority: Authority) -> dict[str, Any]:
    cert, key = map(str, authority.sign("temporal"))
    believed = [str(authority.file)]
    serving = {"certFile": cert, "keyFile": key, "clientCaFiles": believed, "requireClientAuth": True}
    asking = {"serverName": "temporal", "rootCaFiles": believed}
    return {
        "internode": {"server": serving, "client": asking},
        "frontend": {"server": serving, "client": asking},
        "systemWorker": {"certFile": cert, "keyFile": key, "client": asking},
    }


async def test_our_certificate_opens_it(server: str, ours: Tls, tmp_path: Path) -> None:
    """A namespace is made and a client with our converter asks, both over mutual TLS."""
    await ensure_namespace(server, NAMESPACE, tls=ours)
    client = await connect(server, NAMESPACE, DerivedCaseKeys(tmp_path / "keys"), tls=ours)
    assert await client.service_client.check_health()


async def test_without_a_certificate_it_is_closed(server: str, ours: Tls, authority: Authority, tmp_path: Path) -> None:
    """Plain, without a certificate, with one of another authority, and for one who believes another: no answer."""
    await ensure_namespace(server, NAMESPACE, tls=ours)
    other = Authority(tmp_path, "other")
    cert, key = other.sign("handoff")
    keys = DerivedCaseKeys(tmp_path / "keys")
    for tls in (
        None,
        Tls(ca=authority.file),
        Tls(ca=authority.file, cert=cert, key=key),
        Tls(ca=other.file, cert=ours.cert, key=ours.key),
    ):
        with pytest.raises((HandoffError, RPCError)) as caught:
            await connect(server, NAMESPACE, keys, tls=tls, within=0)
        assert "TEMPORAL_SILENT" in str(caught.value)


def test_a_key_that_others_can_read_is_refused(authority: Authority, tmp_path: Path) -> None:
    """And a file that is not there is named, with the setting that names it."""
    cert, key = authority.sign("open")
    key.chmod(0o644)
    with pytest.raises(HandoffError) as caught:
        Tls(ca=authority.file, cert=cert, key=key).config()
    assert "KEY_FILE_OPEN" == caught.value.code
    with pytest.raises(HandoffError, match="HANDOFF_TEMPORAL_TLS_") as caught:
        Tls(ca=tmp_path / "missing.pem").config()
    assert "TEMPORAL_TLS" == caught.value.code
