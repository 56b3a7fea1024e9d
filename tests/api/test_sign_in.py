"""Signing in through the API of a whole installation: enrolled by a link, two factors, a session, and its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.installation import Installation, installed
from tests.someone import BROWSERS, PASSWORD, Someone, enrolled

OK, CREATED = httpx2.codes.OK, httpx2.codes.CREATED


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found
        for each in BROWSERS:
            each.close()


@pytest.fixture(scope="module")
def advocate(here: Installation) -> Someone:
    return enrolled(here, "advocate@example.org", "advocacy", "advocate")


@pytest.fixture(scope="module")
def steward(here: Installation) -> Someone:
    return enrolled(here, "steward@example.org", "advocacy", "steward")


def test_a_session_is_a_cookie_no_script_reads(advocate: Someone) -> None:
    """HttpOnly, SameSite=Lax, on every path of this host; on this machine alone without Secure and __Host-."""
    said = advocate.sign_in()
    assert OK == said.status_code, said.text
    session, device = said.headers.get_list("set-cookie")
    assert re.match(r"handoff=[A-Za-z0-9_-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax$", session)
    assert re.match(r"handoff-device-[0-9a-f]{12}=[A-Za-z0-9_-]{43}; HttpOnly; Max-Age=31536000; ", device)
    who = advocate.ask("GET", "/api/v1/me").json()
    assert ("advocacy", ["advocate"]) == (who["agency"], who["roles"])
    assert OK == advocate.ask("GET", "/api/v1/tasks").status_code


def test_what_is_wrong_has_one_answer(advocate: Someone) -> None:
    """Name, password, code: status, code, words and headers are the same."""
    right = {"login": advocate.login, "password": PASSWORD, "code": "000001"}
    tries = ({"login": "nobody@example.org"}, {"password": "not this one, ever"}, {"code": "000000"})
    said = [advocate.ask("POST", "/api/v1/sign-in", {**right, **each}) for each in tries]
    assert {(401, "SIGN_IN")} == {(each.status_code, each.json()["code"]) for each in said}
    assert 1 == len({each.text for each in said})
    assert 1 == len({tuple(sorted(set(each.headers) - {"date"})) for each in said})


def test_signing_out_ends_the_session_at_once(advocate: Someone) -> None:
    """The next request is a stranger's, with the cookie that was; caches and storage are cleared."""
    assert OK == advocate.sign_in().status_code
    kept = advocate.browser.cookies.get("handoff")
    out = advocate.ask("POST", "/api/v1/sign-out")
    assert (OK, '"cache", "storage"') == (out.status_code, out.headers["Clear-Site-Data"])
    assert "handoff" not in advocate.browser.cookies
    again = httpx2.get(f"{advocate.here.url}/api/v1/me", headers={"Cookie": f"handoff={kept}"})
    assert (401, "BAD_TOKEN") == (again.status_code, again.json()["code"])


def test_a_person_who_leaves_is_out_with_the_next_request(here: Installation, steward: Someone) -> None:
    """All sessions of a person are ended by the steward; ended altogether, they do not sign in again."""
    other = enrolled(here, "leaving@example.org", "advocacy", "backup")
    assert (OK, OK) == (other.sign_in().status_code, steward.sign_in().status_code)
    assert {"ended": 1} == steward.ask("POST", f"/api/v1/people/{other.person}/sign-out").json()
    assert 401 == other.ask("GET", "/api/v1/me").status_code
    assert OK == other.sign_in().status_code
    assert OK == steward.ask("POST", f"/api/v1/people/{other.person}/end").status_code
    assert (401, 401) == (other.ask("GET", "/api/v1/me").status_code, other.sign_in().status_code)


def test_nobody_looks_after_another_agencys_people(here: Installation, steward: Someone, advocate: Someone) -> None:
    """For a steward those people are not there; for an advocate her own colleagues are not hers to manage."""
    outside = enrolled(here, "patrol@example.org", "police", "patrol")
    assert (OK, OK) == (steward.sign_in().status_code, advocate.sign_in().status_code)
    for act in ("link", "unlock", "sign-out", "end"):
        assert 404 == steward.ask("POST", f"/api/v1/people/{outside.person}/{act}").status_code
        assert 403 == advocate.ask("POST", f"/api/v1/people/{steward.person}/{act}").status_code
    assert 403 == advocate.ask("GET", "/api/v1/people").status_code
    listed = {each["person"] for each in steward.ask("GET", "/api/v1/people").json()}
    assert (True, False) == (advocate.person in listed, outside.person in listed)


def test_a_steward_adds_somebody_who_then_enrols(here: Installation, steward: Someone) -> None:
    """The link is for one use and carries its secret where no server sees it."""
    assert OK == steward.sign_in().status_code
    added = steward.ask("POST", "/api/v1/people", {"name": "Counsel Placeholder", "roles": ["legal-advocate"]})
    assert CREATED == added.status_code, added.text
    url = steward.ask("POST", f"/api/v1/people/{added.json()['person']}/link").json()["url"]
    page, _, link = url.partition("#")
    assert page.endswith("/enrol")
    begun = httpx2.post(f"{here.url}/api/v1/enrolment", json={"link": link, "login": "counsel"})
    assert begun.json()["uri"].startswith("otpauth://totp/Handoff:counsel?secret=")


def test_an_unsafe_request_from_another_site_does_nothing(advocate: Someone) -> None:
    """Cross-site, same-site, a wrong or null origin are refused; neither header needs the session's token."""
    token = advocate.sign_in().json()["token"]
    url = f"{advocate.here.url}/api/v1/sign-out"
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "X-Handoff-Token": token},
        {"Origin": "https://elsewhere.example.org"},
        {"Origin": "null"},
        {},
        {"X-Handoff-Token": "0" * 64},
    ):
        said = advocate.browser.post(url, headers=headers)
        assert (403, "CSRF") == (said.status_code, said.json()["code"]), headers
    assert OK == advocate.ask("GET", "/api/v1/me").status_code
    assert OK == advocate.browser.post(url, headers={"X-Handoff-Token": token}).status_code
    assert OK == advocate.sign_in().status_code
    assert OK == advocate.browser.post(url, headers={"Origin": advocate.here.url}).status_code


def test_what_weighs_more_needs_both_factors_shown_just_now(here: Installation, steward: Someone) -> None:
    """Six minutes after signing in a steward's act is refused until password and code are shown again."""
    assert OK == steward.sign_in().status_code
    _age(here, steward.person, 6 * 60)
    path = "/api/v1/people"
    body = {"name": "Somebody Placeholder"}
    said = steward.ask("POST", path, body)
    assert (403, "STEP_UP") == (said.status_code, said.json()["code"])
    wrong = steward.ask("POST", "/api/v1/session/step-up", {"password": PASSWORD, "code": "000000"})
    assert 401 == wrong.status_code
    right = steward.ask("POST", "/api/v1/session/step-up", {"password": PASSWORD, "code": steward.codes.pop()})
    assert OK == right.status_code, right.text
    assert CREATED == steward.ask("POST", path, body).status_code


def _age(here: Installation, person: str, seconds: int) -> None:
    """Move a person's sessions back in time."""
    from sqlalchemy import update  # noqa: PLC0415 - for this alone

    from store.accounts.tables import signed_in  # noqa: PLC0415 - as above
    from store.session import Database  # noqa: PLC0415 - as above

    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    back = seconds * 1_000_000
    with database.write() as connection:
        connection.execute(
            update(signed_in)
            .where(signed_in.c.person_id == person)
            .values(stepped_up_at=signed_in.c.stepped_up_at - back, began_at=signed_in.c.began_at - back)
        )
    database.close()


def test_a_form_with_an_empty_field_costs_no_try(here: Installation) -> None:
    """Twelve of them at the door, of one agency's name; whoever signs in after them from there is let in."""
    other = enrolled(here, "blank@example.org", "court", "clerk")
    full = {"login": other.login, "password": PASSWORD, "code": "000000"}
    for empty in [name for name in full for _ in range(4)]:
        said = other.browser.post(f"{here.url}/in", data={**full, empty: ""}, headers={"Sec-Fetch-Site": "same-origin"})
        assert (401, True) == (said.status_code, "Give your name, your password and a code." in said.text)
    assert OK == other.sign_in().status_code
