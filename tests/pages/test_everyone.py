"""What everybody has: ways to go, the rota, how they are reached, signing in, and an agency's people, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from api.pages.entrance import picture
from store.accounts.tables import signed_in
from store.session import Database
from tests.installation import Installation
from tests.pages.conftest import DESKTOP, Tab
from tests.pages.looking import LIGHT_PHONE, Walk

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Tabs = Callable[..., Tab]


def shown(tab: Tab) -> list[str]:
    """The ways that can be seen, without what More holds."""
    return tab.page.locator(".bar nav > a:visible").all_inner_texts()


def test_a_narrow_bar_has_three_ways_and_more(here: Installation, new_tab: Tabs) -> None:
    """Whatever does not fit is behind More, which needs no script; nobody is shown a way that their role has not."""
    tab, wide = new_tab(script=False), new_tab(size=DESKTOP)
    tab.be("Coordinator One")
    assert len(shown(tab)) == 3
    tab.page.locator("nav summary").click()
    tab.press("link", "Text")
    assert tab.heading() == "What we agreed"
    wide.be("Coordinator One")
    assert {"Inbox", "Board", "Figures", "Text"} <= set(shown(wide))
    wide.be("Advocate One")
    assert not {"Board", "Figures"} & set(shown(wide))


def test_a_gap_is_filled_and_cover_is_asked_and_given(here: Installation, new_tab: Tabs) -> None:
    """Without a script: enter a shift, ask for cover and stay on, until somebody else says yes."""
    lead, one = new_tab(script=False), new_tab(script=False)
    one.be("Advocate One")
    one.open("/r")
    one.page.locator("summary", has_text="Fill gap").first.click()
    one.press("button", "Put on duty")
    expect(one.page.get_by_role("cell", name="Advocate One")).to_be_visible()
    one.page.locator("summary", has_text="Ask for cover").first.click()
    one.press("button", "Ask for cover")
    expect(one.page.get_by_text("You stay on until someone says yes.").first).to_be_visible()
    expect(one.page.get_by_text("Nobody else has this role and is free then. Call your lead.")).to_be_visible()
    lead.be("Supervisor One")
    lead.open("/r")
    assert "Cover wanted" in lead.page.locator("main").inner_text()
    one.follow(one.page.get_by_role("button", name="Keep it"))
    assert "Cover wanted" not in one.page.locator("main").inner_text()
    lead.open("/r")
    lead.page.locator("summary", has_text="Take it out").first.click()
    lead.follow(lead.page.get_by_role("button", name="Yes, take it out").first)
    assert "Cover wanted" not in lead.page.locator("main").inner_text()


def test_others_gaps_are_shown_by_role_and_never_by_name(here: Installation, new_tab: Tabs) -> None:
    """The coordinator sees which role of another agency nobody answers for, and when; nobody's name."""
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    tab.open("/r")
    shown_ = tab.page.locator("section[aria-labelledby=others]").inner_text()
    assert "advocate" in shown_
    assert "One" not in shown_
    tab.open("/b")
    gaps = tab.page.locator("main .told.late").inner_text()
    assert re.search(r"Nobody on duty: Rota\s+Advocacy, advocate: \w{3} \d+ \w{3}, \d+:\d\d [AP]M to ", gaps)
    assert "One" not in gaps
    tab.follow(tab.page.locator("main .told.late a"))
    assert "Rota" == tab.heading()
    assert 422 == here.ask("coordinator", "GET", "/rotas/unfilled?days=0").status_code
    assert 422 == here.ask("coordinator", "GET", "/rotas/unfilled?days=15").status_code
    tab.be("Advocate One")
    tab.open("/r")
    assert 0 == tab.page.locator("section[aria-labelledby=others]").count()
    tab.press("button", "Make a new address")
    assert "/calendar/" in tab.page.locator("main .code").inner_text()


PASSWORD = "heron lantern gravel ninety"


def invited(here: Installation, name: str) -> str:
    """Somebody new with the steward's role; their link."""
    person = here.ask("steward", "POST", "/people", {"name": name, "roles": ["steward"]}).json()["person"]
    url: str = here.ask("steward", "POST", f"/people/{person}/link").json()["url"]
    return url


def enrolled(tab: Tab, login: str, secret_link: str) -> list[str]:
    """Go through a link; the ten codes."""
    tab.open("/enrol")
    tab.page.get_by_label("The link you were given, whole").first.fill(secret_link)
    tab.page.get_by_label("The name you want to sign in with").fill(login)
    tab.press("button", "Go on")
    secret = tab.page.locator("li .code").inner_text()
    drawn = tab.page.get_by_role("img", name="The same, for the camera of another device").locator("path").last
    link = tab.page.get_by_role("link", name="Open the app on this device").get_attribute("href")
    assert str(drawn.get_attribute("d")) in picture(str(link))
    for number in ("000000", pyotp.TOTP(secret).now()):
        tab.page.get_by_label("Password").fill(PASSWORD)
        tab.page.get_by_label("The number that the app shows").fill(number)
        tab.press("button", "Finish")
    return tab.page.locator("li.code").all_inner_texts()


def grown_old(here: Installation) -> None:
    """Both factors were shown long ago, in every session."""
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.write() as connection:
        connection.execute(update(signed_in).values(stepped_up_at=0))
    database.close()


def test_a_steward_gets_in_by_a_link_and_looks_after_people(here: Installation, new_tab: Tabs) -> None:
    """Without a script: enrol, sign in by a paper code, add somebody, show both factors again, end their access."""
    tab = new_tab(script=False)
    codes = enrolled(tab, "steward.two@example.org", invited(here, "Steward Two"))
    assert 10 == len(codes)
    tab.open("/in")
    tab.page.get_by_label("Name", exact=True).fill("steward.two@example.org")
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_label(re.compile("Number from")).fill(codes[0])
    tab.press("button", "Sign in")
    tab.open("/p")
    tab.page.get_by_label("Name", exact=True).fill("Colleague Nine")
    tab.press("button", "Add, and make a link")
    assert "/enrol#" in tab.page.locator("main .code").inner_text()
    tab.open("/p")
    assert "/enrol#" not in tab.page.content()
    grown_old(here)
    tab.page.locator("summary", has_text="Colleague Nine").click()
    tab.press("button", "Remove access now Colleague Nine")
    assert "Once more, please" == tab.heading()
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_label(re.compile("Number from")).fill(codes[1])
    tab.press("button", "Go on")
    assert "People" == tab.heading()
    assert 0 == tab.page.get_by_text("Colleague Nine").count()


def test_a_passkey_is_added_and_opens_the_door(here: Installation, new_tab: Tabs) -> None:
    """With a script: the link's secret leaves the address, a passkey is added, and signs in with one press."""
    tab = new_tab()
    # Passkeys belong to a name, and this machine's is localhost.
    tab.url = tab.url.replace("127.0.0.1", "localhost")
    device = tab.page.context.new_cdp_session(tab.page)
    device.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    shown_ = {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **shown_}})
    url = invited(here, "Steward Three")
    tab.open(f"/enrol#{url.rpartition('#')[2]}")
    assert tab.page.get_by_label("The link you were given, whole").first.input_value() == url.rpartition("#")[2]
    assert "#" not in tab.page.url
    codes = enrolled(tab, "steward.three@example.org", url)
    tab.open("/in")
    tab.page.get_by_label("Name", exact=True).fill("steward.three@example.org")
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_label(re.compile("Number from")).fill(codes[0])
    tab.press("button", "Sign in")
    tab.open("/me")
    tab.press("button", "Add a passkey")
    tab.press("button", "Add the passkey")
    expect(tab.page.get_by_text("Saved.")).to_be_visible()
    tab.press("button", "Sign out")
    tab.press("button", "Use passkey")
    tab.page.wait_for_url("**/i")


def test_how_one_is_reached_is_chosen_and_where_hide_leads(here: Installation, new_tab: Tabs) -> None:
    """A number is kept as telephones take it, a wrong one is shown again; Hide leads where one chose."""
    tab = new_tab(script=False)
    tab.be("Patrol One")
    tab.open("/me")
    tab.page.get_by_label("Phone, with its country").fill("call me")
    tab.press("button", "Save")
    assert "Not saved." in tab.page.locator(".problem").inner_text()
    tab.page.get_by_label("Phone, with its country").fill("+1 (555) 010-0123")
    tab.page.get_by_label("From").fill("22:00")
    tab.page.get_by_label("Until").fill("07:00")
    tab.press("button", "Save")
    assert "+15550100123" == tab.page.get_by_label("Phone, with its country").input_value()
    assert {"start": 1320, "end": 420} == here.get("patrol", "/notifications/mine")["quiet"]
    tab.page.get_by_label("An encyclopedia").check()
    tab.press("button", "Save the place")
    tab.page.route("https://www.wikipedia.org/**", lambda route: route.fulfill(body="W"))
    tab.press("button", "Hide")
    tab.page.wait_for_url("https://www.wikipedia.org/")
    tab.wrong = [each for each in tab.wrong if "wikipedia" not in each]


WALKED = {
    "/r",
    "/me",
    "/p",
    "/in",
    "/enrol",
    "POST /enrol",
    "POST /r/feed",
    "POST /p",
    "POST /p/{person}/{act}",
    "POST /in",
}


def test_these_pages_keep_nobody_out(here: Installation, new_tab: Tabs) -> None:
    """Axe finds nothing on these pages with everything opened, and nothing scrolls sideways."""
    walk = Walk(new_tab(), LIGHT_PHONE)
    page = walk.tab.page
    pages = [("Supervisor One", "/r"), ("Supervisor One", "/me"), ("Coordinator One", "/r"), ("Coordinator One", "/p")]
    for name, path in [*pages, ("Steward One", "/p")]:
        walk.go(name, path)
    page.get_by_label("Name", exact=True).fill("Colleague Ten")
    walk.send("Add, and make a link")
    grown_old(here)
    walk.go("", "/p")
    walk.send("Remove access now Colleague Ten")
    walk.go("Supervisor One", "/r")
    walk.send("Make a new address")
    for path in ("/in", "/enrol"):
        walk.go("", path)
    page.get_by_label("The link you were given, whole").first.fill(invited(here, "Steward Four"))
    page.get_by_label("The name you want to sign in with").fill("steward.four@example.org")
    walk.send("Go on")
    walk.tab.open("/in")
    page.get_by_label("Name", exact=True).fill("nobody@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label(re.compile("Number from")).fill("000000")
    walk.send("Sign in")
    assert walk.seen == WALKED
