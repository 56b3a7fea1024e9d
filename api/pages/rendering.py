"""Templates, languages and headers of the pages. No browser keeps one, and none brings anything from elsewhere."""

from __future__ import annotations

import gettext
import hashlib
import io
from collections.abc import Callable
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.pages.translating import Translating
from api.views import spoken
from protocol.languages import TONGUES
from protocol.telling.wording import words

FOLDER = Path(__file__).parent
TONGUE = "handoff-language"
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": CSP, "Referrer-Policy": "same-origin"}
"""A page's forms are sent here, and the browser says from where they come."""
NAMES = {"en": "English", "es": "Español"}


@cache
def _translations(tongue: str) -> gettext.NullTranslations:
    """A language's words; English ones stand in the templates."""
    path = FOLDER / "locale" / f"{tongue}.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=tongue))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def say(tongue: str) -> Callable[[str], str]:
    """What translates a sentence into a language."""
    return _translations(tongue).gettext


@cache
def style() -> tuple[str, bytes]:
    """The style sheet's name, which changes with it, and its content."""
    return _named("css")


@cache
def script() -> tuple[str, bytes]:
    """The same of the one script, which no page needs."""
    return _named("js")


def _named(ending: str) -> tuple[str, bytes]:
    data = (FOLDER / "static" / f"app.{ending}").read_bytes()
    return f"app-{hashlib.sha256(data).hexdigest()[:12]}.{ending}", data


@cache
def _templates(tongue: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        # What a release brings belongs to its own program: nothing is looked for again while this one runs.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Translating],
    )
    made.extend(said=_translations(tongue).gettext)
    made.install_gettext_translations(_translations(tongue), newstyle=True)  # type: ignore[attr-defined]
    made.filters["words"] = words
    made.filters["at"] = lambda found, zone="UTC": moment(found, zone, tongue)
    made.filters["local"] = local
    made.filters["day"] = lambda found: format_date(date.fromisoformat(found), "d MMM y", locale=tongue)
    return made


def local(found: str | None, zone: str) -> str:
    """A time of the API as a form's field takes it: the minute, in a zone."""
    return "" if found is None else f"{datetime.fromisoformat(found).astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


@lru_cache(maxsize=4096)
def moment(found: str | None, zone: str, tongue: str) -> str:
    """A time of the API as people read it: with its weekday, in a zone. Kept: who looks again sees mostly the same."""
    if found is None:
        return ""
    return str(
        format_datetime(datetime.fromisoformat(found).astimezone(ZoneInfo(zone)), "EEE d MMM, h:mm a", locale=tongue)
    )


def tongue_of(request: Request) -> str:
    """The language a page is to be in: the one chosen here, else the browser's."""
    chosen = request.cookies.get(TONGUE, "")
    if chosen in TONGUES:
        return chosen
    return spoken(request.headers.get("accept-language", ""))


def _back(request: Request) -> str:
    """Where a page can be seen again: what a form was sent to shows nothing by itself."""
    path = request.url.path
    if request.method == "GET":
        return path
    if path == "/draft":
        return "/i"
    return "/".join(path.split("/")[: 4 if path.startswith("/s/") else 3])


def page(request: Request, template: str, title: str, *, status: int = 200, **told: Any) -> HTMLResponse:  # noqa: ANN401 - whatever it shows
    """A page. ``title`` is a neutral word: it stands in tabs and histories."""
    tongue = tongue_of(request)
    html = (
        _templates(tongue)
        .get_template(template)
        .render(
            title=say(tongue)(title),
            tongue=tongue,
            tongues=[(each, NAMES.get(each, each)) for each in TONGUES],
            style=f"/static/{style()[0]}",
            script=f"/static/{script()[0]}",
            here=_back(request),
            **{"practice": False, "who": None, "nav": (), **told},
        )
    )
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def again_after(made: Response, seconds: int | None) -> Response:
    """An answer that says, where something was asked too often, in how many seconds it may be asked again."""
    if seconds is not None:
        made.headers["Retry-After"] = str(seconds)
    return made


def kept(name: str) -> Response:
    """The style sheet or the script, kept by browsers: their names change with them. 404 for any other name."""
    for (known, data), kind in ((style(), "text/css"), (script(), "text/javascript")):
        if name == known:
            headers = {"Cache-Control": "public, max-age=31536000, immutable"}
            return Response(data, media_type=kind, headers=headers)
    return Response(status_code=404)
