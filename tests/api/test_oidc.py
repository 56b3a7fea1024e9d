"""Signing in at an agency's own service: a real provider, its bad twins, and what its word never gives."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx2
import pytest
import yaml

from runtime.temporal_config import free_ports
from tests.installation import ROOT, Installation, installed
from tests.provider import CLIENT, SECRET
from tests.servers import until
from tests.someone import handoff

BACK = "/api/v1/sign-in/service"
MAIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True, slots=True)
class Place:
    """An installation whose advocacy agency has a sign-in service, and the service's folder."""

    here: Installation
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Both run; the provider is a process of its own."""
    folder = tmp_path_factory.mktemp("provider")
    (port,) = free_ports(1)
    (folder / "secret").write_text(f"{SECRET}\n")
    service = {
        "id": "advocacy-sso",
        "agency": "advocacy",
        "issuer": f"http://127.0.0.1:{port}",
        "client_id": CLIENT,
        "client_secret_file": str(folder / "secret"),
    }
    (folder / "services.yaml").write_text(yaml.safe_dump([service]))
    provider = subprocess.Popen([sys.executable, "-m", "tests.provider", str(port), str(folder)], cwd=ROOT)
    try:
        until(lambda: _answers(port), "the provider")
        more = {"HANDOFF_OIDC_FILE": str(folder / "services.yaml")}
        with installed(tmp_path_factory.mktemp("installation") / "data", more=more) as here:
            yield Place(here, folder)
    finally:
        provider.terminate()
        provider.wait(10)


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/jwks").is_success
    except httpx2.HTTPError:
        return False


@dataclass
class Journey:
    """One browser on its way to the service and back."""

    place: Place
    browser: httpx2.Client
    code: str = ""
    state: str = ""

    def away(self, link: str | None = None) -> None:
        """To the service, which sends back to a page with one button."""
        url = f"{self.place.here.url}{BACK}/advocacy-sso"
        begun = self.browser.post(url, json={"link": link}, headers=MAIN)
        assert begun.is_success, begun.text
        sent = self.browser.get(begun.json()["url"], follow_redirects=False)
        # The page is of this installation, which people know as localhost.
        page = self.browser.get(re.sub("//localhost:", "//127.0.0.1:", sent.headers["Location"]))
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        found = dict(re.findall(r'name="(code|state)" value="([^"]*)"', page.text))
        self.code, self.state = unescape(found["code"]), unescape(found["state"])

    def press(self, **changed: str) -> httpx2.Response:
        """The button."""
        form = {"code": self.code, "state": self.state, **changed}
        return self.browser.post(f"{self.place.here.url}{BACK}/finish", data=form, headers=MAIN, follow_redirects=False)


@pytest.fixture
def journey(place: Place) -> Iterator[Journey]:
    with httpx2.Client(timeout=60) as browser:
        (place.folder / "twin").write_text("")
        yield Journey(place, browser)


def linked(place: Place, agency: str = "advocacy", role: str = "advocate") -> tuple[str, str]:
    """Somebody added, and the secret of their link."""
    made = json.loads(handoff(place.here, "people", "add", "Placeholder", "--agency", agency, "--role", role, "--json"))
    return made["person"], json.loads(handoff(place.here, "people", "enrol", made["person"], "--json"))["link"]


def test_who_comes_from_the_service_is_who_the_steward_linked(place: Place, journey: Journey) -> None:
    """First with the link, then without; with the roles that Handoff gave and none that the service claims."""
    person, link = linked(place)
    journey.away(link)
    done = journey.press()
    assert (303, "/") == (done.status_code, done.headers["Location"]), done.text
    for _ in range(2):
        me = journey.browser.get(f"{place.here.url}/api/v1/me").json()
        assert (person, "advocacy", ["advocate"]) == (me["person"], me["agency"], me["roles"])
        session = journey.browser.get(f"{place.here.url}/api/v1/session").json()
        assert "advocacy-sso" == session["how"]
        journey.browser.post(f"{place.here.url}/api/v1/sign-out", headers=MAIN)
        journey.away()
        assert 303 == journey.press().status_code


@pytest.mark.parametrize(
    ("twin", "code"),
    [
        *((each, "SERVICE_TOKEN") for each in (
            "wrong-nonce", "wrong-issuer", "wrong-audience", "wrong-party", "alg-none", "shared-secret", "expired",
            "key-swapped", "altered", "long-ago", "no-auth-time", "nobody",
        )),
        ("no-mfa", "SERVICE_FACTOR"),
        ("amr-missing", "SERVICE_FACTOR"),
        ("stranger", "SERVICE_STRANGER"),
        ("another-discovery", "SERVICE_DOWN"),
    ],
)  # fmt: skip
def test_a_bad_twin_signs_nobody_in(place: Place, journey: Journey, twin: str, code: str) -> None:
    """One thing is not as it should be: no session, and its own code."""
    journey.away()
    (place.folder / "twin").write_text(twin)
    said = journey.press()
    assert code == said.json()["code"], said.text
    assert "handoff" not in journey.browser.cookies
    assert 401 == journey.browser.get(f"{place.here.url}/api/v1/me").status_code


def test_what_did_not_begin_in_this_browser_ends_nowhere(place: Place, journey: Journey) -> None:
    """Another's state, another's browser, a second press: nobody is signed in."""
    journey.away()
    assert "CHALLENGE_OVER" == journey.press(state="another").json()["code"]
    journey.away()
    with httpx2.Client(timeout=60) as other:
        theirs = Journey(place, other, journey.code, journey.state)
        assert "CHALLENGE_OVER" == theirs.press().json()["code"]
        theirs.away()
        mixed = Journey(place, other, journey.code, journey.state)
        assert "CHALLENGE_OVER" == mixed.press().json()["code"]
    journey.press()
    assert "CHALLENGE_OVER" == journey.press().json()["code"]


def test_a_code_of_another_journey_does_not_fit(place: Place, journey: Journey) -> None:
    """PKCE: a stolen code is of no use without the verifier, which never leaves the installation."""
    with httpx2.Client(timeout=60) as other:
        theirs = Journey(place, other)
        theirs.away()
        journey.away()
        assert "SERVICE_DOWN" == journey.press(code=theirs.code).json()["code"]


def test_a_service_vouches_for_its_own_agency_alone(place: Place, journey: Journey) -> None:
    """The link of somebody at another agency is not taken, whoever signs in there."""
    _, link = linked(place, "police", "patrol")
    journey.away(link)
    assert "SERVICE_STRANGER" == journey.press().json()["code"]


def test_a_service_nobody_registered_is_not_there(place: Place) -> None:
    """Whatever it is called."""
    said = httpx2.post(f"{place.here.url}{BACK}/elsewhere", json={}, headers=MAIN)
    assert (404, "NOT_FOUND") == (said.status_code, said.json()["code"])
