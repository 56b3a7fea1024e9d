"""From a fact to a message at a real receiver, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

from runtime.posting.config import Mail, Posting
from tests.notices.conftest import World
from tests.notices.receivers import Mailbox
from tests.store.streams import HOUR, START

Make = Callable[[Posting], World]


async def test_a_late_handoff_is_one_mail_to_whoever_answers_for_it(make_world: Make, mail: Mail, box: Mailbox) -> None:
    """The sergeant gets one mail over TLS when the patrol's window has run out, with a fixed text and nothing else."""
    world = make_world(Posting(email=mail))
    world.person("sergeant")
    notifier = world.notifier()
    await world.at(START + 2 * HOUR, notifier)
    await world.at(START + 2 * HOUR + 1, notifier)
    mails = [each for each in box.taken if each["To"] == "sergeant-1@example.org"]
    assert ["Rota: 1 item in your team is past its time. Please look."] == [
        bytes(each.get_payload(decode=True)).decode().strip() for each in mails if "team" in str(each.get_payload())
    ]
    assert {True} == set(box.over_tls)
    assert {("Rota <rota@example.org>", "Rota")} == {(each["From"], each["Subject"]) for each in mails}
