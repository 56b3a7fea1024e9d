"""The surface: a protocol text as a closed model, phrase for phrase, before anything is looked up.

Phrases stay texts here ("within 2 hours"); ``phrases`` reads them and ``compiling`` gives them meaning. The JSON
Schema that editors use is generated from these models, so a key exists here, in the schema and in the reference.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _pair(value: object) -> object:
    """A list of names is the same as a mapping whose values are empty."""
    return {str(each): None for each in value} if isinstance(value, list) else value


class Surface(BaseModel):
    """Base of every surface model: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Phrase = str
Phrases = str | list[str]


class AgencySpec(Surface):
    """An agency: its hours, who leads it, its roles, and whether it is confidential."""

    open: Phrase | None = Field(None, description="mon-fri 08:30-17:00, or always")
    timezone: str | None = Field(None, description="when it differs from the protocol's")
    holidays: str | None = Field(None, description="when they differ from the protocol's, for example US-MN")
    closed: Phrases | None = Field(None, description="further dates it is closed, YYYY-MM-DD")
    lead: Phrases = Field(description="the role, or chain of roles, that answers for the agency")
    roles: Annotated[dict[str, Phrase | None], BeforeValidator(_pair)] = Field(
        default_factory=dict, description="role: always, by rota, deputy R"
    )
    confidential: Phrase | None = Field(None, description="yes: what happens inside stays inside")


class AgreementSpec(Surface):
    """A signed working agreement."""

    between: Phrases
    signed: str
    review_by: str = Field(alias="review by")


class FieldSpec(Surface):
    """A record field in its long form."""

    type: Phrase = Field(alias="is")
    question: str | None = None
    help: str | None = None
    labels: dict[str, str] | None = Field(None, description="what people read for each choice")
    asked_if: Phrase | None = Field(None, alias="asked if", description="a form asks it only while this is so")
    seen_by: Phrases | None = Field(None, alias="seen by", description="the only roles that see it")
    show: Phrase | None = Field(None, description="always: at the top of each page")
    was: str | None = None


class NoticeSpec(Surface):
    """How people are told, paged or reminded."""

    says: str | None = Field(None, description="the words; <link> and <agency> are filled in, nothing of the case")
    by: Phrases | None = Field(None, description="desk, email, text")


class EventSpec(Surface):
    """Something that happens outside."""

    sources: Phrases = Field(alias="from")
    brings: Phrases | None = None
    may_bring: Phrases | None = Field(None, alias="may bring")
    then: Phrases | None = None
    was: str | None = None


class RungSpec(Surface):
    """A rung in its long form."""

    then: Phrases
    only_if: Phrase | None = Field(None, alias="only if")
    name: str | None = None
    was: str | None = None


class OutcomeSpec(Surface):
    """An outcome in its long form."""

    then: Phrases | None = None
    only_if: Phrase | None = Field(None, alias="only if")
    was: str | None = None


Ladder = str | dict[str, str | list[str] | RungSpec]
Outcomes = Annotated[dict[str, str | list[str] | OutcomeSpec | None], BeforeValidator(_pair)]


class StepSpec(Surface):
    """One duty of one role."""

    when: Phrase | None = None
    when_any: list[str] | None = Field(None, alias="when any of")
    when_all: list[str] | None = Field(None, alias="when all of")
    or_at_latest: Phrase | None = Field(None, alias="or at latest")
    again: Phrase | None = None
    not_before: Phrase | None = Field(None, alias="not before")
    only_if: Phrase | None = Field(None, alias="only if")
    unless: Phrase | None = None
    who: Phrase | None = None
    must: str | None = None
    because: str | None = None
    due: Phrase | None = None
    no_deadline: str | None = Field(None, alias="no deadline")
    tries: Phrase | None = None
    clock_stops: Phrase | None = Field(None, alias="clock stops")
    repeats: Phrase | None = None
    for_each: Phrase | None = Field(None, alias="for each", description="a list: one instance for each item")
    decided_by: Phrase | None = Field(None, alias="decided by")
    runs: Phrase | None = Field(None, description="a linked case of this protocol, instead of who, must and due")
    as_event: Phrase | None = Field(None, alias="as", description="the event that begins the linked case")
    gives: Phrases | None = Field(None, description="fields the linked case begins with")
    passes_on: dict[str, Phrase] | None = Field(
        None, alias="passes on", description="the linked case's event: the cause here that it is told of"
    )
    shares: Phrase | None = None
    ladder: Ladder | None = None
    outcomes: Outcomes | None = None
    was: str | None = None


class Spec(Surface):
    """A whole protocol text. Lanes stand as ``steps in LANE`` keys and are gathered under ``lanes``."""

    protocol: str
    title: str | None = None
    timezone: str
    language: str = "1"
    open: Phrase | None = None
    holidays: str | None = None
    closed: Phrases | None = None
    agencies: dict[str, AgencySpec]
    agreements: dict[str, AgreementSpec] = Field(default_factory=dict)
    record: dict[str, str | FieldSpec] = Field(default_factory=dict)
    vault: dict[str, str] = Field(default_factory=dict)
    events: dict[str, EventSpec]
    ladders: dict[str, dict[str, str | list[str] | RungSpec]] = Field(default_factory=dict)
    notices: dict[str, NoticeSpec] = Field(default_factory=dict)
    lanes: dict[str, dict[str, StepSpec]] = Field(default_factory=dict)


STEPS_IN = "steps in "


def json_schema() -> dict[str, object]:
    """The JSON Schema of a protocol text, for editors. ``steps in LANE`` keys are a pattern."""
    schema: dict[str, object] = Spec.model_json_schema(by_alias=True)
    properties = schema["properties"]
    if isinstance(properties, dict):
        lanes = properties.pop("lanes")
        schema["patternProperties"] = {f"^{STEPS_IN}[a-z][a-z0-9-]*$": lanes["additionalProperties"]}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Handoff protocol"
    return schema
