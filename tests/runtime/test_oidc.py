"""Which sign-in services are taken from a file, and what counts as a second factor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from protocol.errors import HandoffError
from runtime import oidc
from runtime.oidc import SignInService

GOOD = {"id": "sso", "agency": "advocacy", "issuer": "https://login.example.org/", "client_id": "handoff"}


def written(tmp_path: Path, said: object) -> Path:
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def test_a_file_names_services(tmp_path: Path) -> None:
    """None without a file; an issuer is the same with and without its last stroke."""
    assert () == oidc.read(None)
    (found,) = oidc.read(written(tmp_path, [GOOD]))
    assert ("https://login.example.org", ("mfa",), ()) == (found.issuer, found.amr, found.acr)


@pytest.mark.parametrize(
    "said",
    [
        "canary",
        [{**GOOD, "issuer": "http://canary.example.org"}],
        [{**GOOD, "issuer": "canary"}],
        [{**GOOD, "id": "Canary"}],
        [{**GOOD, "canary": 1}],
        [{"id": "canary"}],
        [GOOD, GOOD],
    ],
)
def test_a_file_that_is_not_right_is_refused_and_not_repeated(tmp_path: Path, said: Any) -> None:
    """Plain HTTP to somewhere else, unknown keys, two services of one name."""
    with pytest.raises(HandoffError) as caught:
        oidc.read(written(tmp_path, said))
    assert ("SETTING_WRONG", False) == (caught.value.code, "canary" in caught.value.message)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """In the same words."""
    with pytest.raises(HandoffError, match="HANDOFF_OIDC_FILE"):
        oidc.read(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"amr": ["pwd", "mfa"]}, True),
        ({"amr": ["pwd", "otp"]}, False),
        ({"amr": "mfa"}, False),
        ({"acr": "phrh"}, True),
        ({"acr": "1"}, False),
        ({"acr": None, "amr": None}, False),
        ({}, False),
    ],
)
def test_a_second_factor_is_what_the_service_is_registered_to_say(claims: dict[str, Any], shown: bool) -> None:  # noqa: FBT001 - what is so
    """One of its values in amr, or one in acr; silence is no second factor."""
    service = SignInService.model_validate({**GOOD, "acr": ["phrh"]})
    assert shown == oidc._second_factor(service, claims)
