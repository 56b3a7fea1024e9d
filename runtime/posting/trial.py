"""One text to one address, said to be a test: whether what the notices file says works."""

from __future__ import annotations

import hashlib
import re

from protocol.errors import HandoffError
from protocol.languages import Tongue
from protocol.languages.notices import Notice, Times, text
from protocol.state import Instant
from runtime.posting import gateway, mail
from runtime.posting.config import Posting
from runtime.posting.outcome import Outcome

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


async def send(posting: Posting, address: str, now: Instant, *, tongue: Tongue = "en", call: bool = False) -> Outcome:
    """Send a test to an e-mail address or a number (E.164); ``call``: by a call, not by a text.

    Raises:
        HandoffError: ``NOTICES_ADDRESS`` when it is neither; ``NOTICES_UNSET`` when there is no such way out.
    """
    times = Times(now=now, zone="UTC")
    said = text(Notice.TEST, tongue, times, sender=posting.sender)
    id_ = f"test-{hashlib.sha256(f'{address}|{now}'.encode()).hexdigest()[:20]}"
    if "@" in address and not call:
        if posting.email is None:
            raise _unset("email")
        return await mail.send(posting.email, address, said, sender=posting.sender, id_=id_)
    if not NUMBER.fullmatch(address):
        raise HandoffError("NOTICES_ADDRESS", "give an e-mail address, or a number with its country: +15550100123")
    how = posting.call if call else posting.text
    if how is None:
        raise _unset("call" if call else "text")
    return await gateway.send(how, address, said, id_=id_, voicemail=said)


def _unset(part: str) -> HandoffError:
    return HandoffError("NOTICES_UNSET", f"the file of HANDOFF_NOTICES_FILE has no part {part}; see docs/notices.md")
