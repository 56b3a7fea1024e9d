"""Signing in at an agency's own keyholder: what this service passes on, and keeps nothing of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, SecretStr

from api.deps import Here, Who
from api.views import Closed

router = APIRouter()


class Proof(Closed):
    """What proves a person to their keyholder."""

    name: Annotated[str, Field(max_length=100)]
    password: Annotated[SecretStr, Field(max_length=1000)]
    code: Annotated[SecretStr, Field(max_length=20)]


class Granted(Closed):
    """A grant: sent back in the header ``Handoff-Grant`` it opens values, for half an hour after its last use."""

    grant: str


@router.post("/keyholder")
async def sign_in(proof: Proof, here: Here, who: Who) -> Granted:
    """Sign in at the keyholder of my agency, so that protected values open."""
    password, code = proof.password.get_secret_value(), proof.code.get_secret_value()
    return Granted(grant=await run_in_threadpool(here.custodian.sign_in, who.agency, proof.name, password, code))
