"""People with accounts at a running installation, each at a browser of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx2
import pyotp

from tests.installation import ROOT, Installation

PASSWORD = "heron lantern gravel ninety"
BROWSERS: list[httpx2.Client] = []
"""Closed when the installation they speak to ends."""


def handoff(here: Installation, *words: str) -> str:
    """What a command on this machine prints."""
    environment = {"HANDOFF_DATA": str(here.data), "HANDOFF_PORT": here.url.rpartition(":")[2], "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@dataclass
class Someone:
    """A person with an account, at a browser of their own."""

    here: Installation
    person: str
    login: str
    secret: str
    codes: list[str]
    browser: httpx2.Client
    last: int = 0

    def number(self) -> str:
        """The next number of the authenticator that was not used: of now, or of the next half minute."""
        step = max(int(time.time()) // 30, self.last + 1)
        self.last = step
        return pyotp.TOTP(self.secret).at(step * 30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """A request as this browser's page makes it."""
        sent = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.browser.request(method, f"{self.here.url}{path}", json=body, headers=sent)

    def sign_in(self, **changed: str) -> httpx2.Response:
        """One try, right unless something is changed."""
        body = {"login": self.login, "password": PASSWORD, **changed}
        return self.ask("POST", "/api/v1/sign-in", {"code": self.codes.pop(), **body})


def enrolled(here: Installation, login: str, agency: str, *roles: str) -> Someone:
    """Somebody added and enrolled on the command line and by the API, as people are."""
    chosen = [word for role in roles for word in ("--role", role)]
    made = json.loads(handoff(here, "people", "add", login, "--agency", agency, *chosen, "--json"))
    link = json.loads(handoff(here, "people", "enrol", made["person"], "--json"))
    assert link["url"].endswith(f"/enrol#{link['link']}")
    browser = httpx2.Client(timeout=60)
    BROWSERS.append(browser)
    found = Someone(here, made["person"], login, "", [], browser)
    begun = found.ask("POST", "/api/v1/enrolment", {"link": link["link"], "login": login})
    assert httpx2.codes.OK == begun.status_code, begun.text
    found.secret = begun.json()["secret"]
    body = {"link": link["link"], "login": login, "password": PASSWORD, "code": found.number()}
    done = found.ask("POST", "/api/v1/enrolment/finish", body)
    assert httpx2.codes.OK == done.status_code, done.text
    found.codes = done.json()["codes"]
    return found
