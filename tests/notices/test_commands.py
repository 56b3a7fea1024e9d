"""``handoff notices test``, and the file that says how notices leave."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from protocol.errors import HandoffError
from runtime.posting import config
from tests.cli.running import Ran, run
from tests.notices.receivers import Receiver


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver) -> Path:
    (tmp_path / "secret").write_text("gateway-key\n")
    body = {"to": "{to}", "text": "{text}", "key": "{secret}"}
    text = {"url": receiver.url, "body": body, "secret_file": str(tmp_path / "secret")}
    made = tmp_path / "notices.yaml"
    made.write_text(yaml.safe_dump({"sender": "Turno", "text": text}))
    return made


async def test_a_test_says_only_that_it_is_one(
    file: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sent to a real gateway it leaves, or says why not; an address that is none, and a way that is not set, say so."""
    monkeypatch.setenv("HANDOFF_NOTICES_FILE", str(file))
    monkeypatch.setenv("HANDOFF_DATA", str(file.parent))

    async def tried(*words: str) -> Ran:
        return await asyncio.to_thread(run, monkeypatch, capsys, "notices", "test", *words)

    assert 0 == (await tried("+15550100123")).code
    assert [{"to": "+15550100123", "text": "Turno: this is a test. Nothing to do.", "key": "gateway-key"}] == (
        receiver.json()
    )
    receiver.status = 503
    refused = await tried("+15550100123")
    assert (1, True) == (refused.code, "the gateway said 503" in refused.out)
    for words, code in ((("a@example.org",), "NOTICES_UNSET"), (("555-0100",), "NOTICES_ADDRESS")):
        said = await tried(*words)
        assert (1, True) == (said.code, code in said.err)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("email: {host: mail.example.org, sender: a@example.org, security: none}", "email"),
        ("email: {host: mail.example.org, sender: a@example.org, user: rota}", "email"),
        ("text: {url: 'http://gateway.example.org/', body: {}}", "text.url"),
        ("sender: Police", "sender"),
        ("sender: R", "sender"),
        ("webhooks: [{id: cad, agency: police, url: 'http://cad.example.org/', secret_file: x}]", "webhooks.0"),
        ("webhooks: [{id: cad, agency: police, url: 'https://a:b@cad.example.org/', secret_file: x}]", "webhooks.0"),
        ("answers: {secret_file: missing-secret}", "missing-secret"),
        ("texts: {}", "texts"),
        ("[", "cannot be read"),
    ],
)
def test_a_file_that_would_not_do_is_refused_at_the_start(tmp_path: Path, said: str, place: str) -> None:
    """Plain mail to another machine, a secret in an address, a telling sender: SETTING_WRONG, with the place."""
    made = tmp_path / "notices.yaml"
    made.write_text(said)
    with pytest.raises(HandoffError, match=place) as caught:
        config.read(made)
    assert "SETTING_WRONG" == caught.value.code
