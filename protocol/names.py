"""How things are named: in a text, in a case, and outside of both."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import StringConstraints

Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
"""A name a council chose: lower-case words joined by hyphens. The only strings a case may hold."""

Ref: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(event|ended|outcome|opened|late|cancelled|settled|wait|counter):[a-z][a-z0-9-]*(/[a-z0-9-]+)?$",
        max_length=160,
    ),
]
"""The name of an occurrence: ``event:released``, ``outcome:first-call/talked``, ``counter:absences/4``."""

RungId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=80)]

OpaqueId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A random or keyed identifier (command, person, case, vault reference, hash): says nothing by itself."""
