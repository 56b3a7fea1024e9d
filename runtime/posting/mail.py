"""Mail, over TLS (RFC 5321, 3207): one message to one address."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import aiosmtplib

from protocol.errors import HandoffError
from runtime.posting.config import Mail, secret
from runtime.posting.outcome import Outcome, State
from runtime.posting.trust import trusted

PATIENCE = 10.0
"""Seconds that the server may take for a whole message."""

NOBODY = frozenset((550, 551, 553))
"""Replies to RCPT that say that there is no such mailbox (RFC 5321 §4.2.3)."""


async def send(mail: Mail, to: str, said: str, *, sender: str, id_: str) -> Outcome:
    """Send one text as mail; its subject is the sender's word.

    Args:
        mail: the server.
        to: the address.
        said: the whole text.
        sender: the word before the address.
        id_: what the message's id is made of; the same when it is sent again.
    """
    message = EmailMessage()
    message["From"] = f"{sender} <{mail.sender}>"
    message["To"] = to
    message["Subject"] = sender
    message["Message-ID"] = f"<{id_}@{mail.sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(said, cte="quoted-printable" if not said.isascii() else "7bit")
    try:
        # The library's patience is for each step of the conversation.
        async with asyncio.timeout(PATIENCE):
            await aiosmtplib.send(
                message,
                hostname=mail.host,
                port=mail.port,
                use_tls=mail.security == "tls",
                start_tls=mail.security == "starttls",
                tls_context=None if mail.security == "none" else trusted(mail.ca_file),
                username=mail.user,
                password=None if mail.password_file is None else secret(mail.password_file),
                timeout=PATIENCE,
                # The machine's own name is nobody's business.
                local_hostname="localhost",
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        code = error.recipients[0].code
        return Outcome(
            state=State.DEAD if code in NOBODY else State.LATER, why=f"the server said {code} to the address"
        )
    except aiosmtplib.SMTPResponseException as error:
        return Outcome(state=State.LATER, why=f"the server said {error.code}")
    except (aiosmtplib.SMTPException, OSError, HandoffError) as error:
        return Outcome(state=State.LATER, why=type(error).__name__)
    return Outcome(state=State.SENT)
