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

    open: Phrase | None = Field(None, description="mon-fri 08:30-17:00, or always; else the protocol's")
    timezone: str | None = Field(None, description="when it differs from the protocol's")
    holidays: str | None = Field(None, description="when they differ from the protocol's, for example US-MN")
    closed: Phrases | None = Field(
        None, description="further dates it is closed, YYYY-MM-DD; instead of the protocol's"
    )
    lead: Phrases = Field(description="the role, or chain of roles, that answers for the agency; the first is its lead")
    roles: Annotated[dict[str, Phrase | None], BeforeValidator(_pair)] = Field(
        default_factory=dict,
        description="its other roles, each as it is covered: "
        "always or in open hours, by rota, faces the suspect, deputy R",
    )
    confidential: Phrase | None = Field(None, description="yes: what happens inside stays inside; else no")


class AgreementSpec(Surface):
    """A signed working agreement. Work passes between two agencies only under one that is in date."""

    between: Phrases = Field(description="the agencies that signed it, or all")
    signed: str = Field(description="the date, YYYY-MM-DD")
    review_by: str = Field(alias="review by", description="the date by which it is to be renewed, YYYY-MM-DD")


class FieldSpec(Surface):
    """A record field in its long form; the short form is what stands after is."""

    type: Phrase = Field(alias="is", description="its type: a fieldtype below, never free text")
    question: str | None = Field(None, description="what a form asks; else the name")
    help: str | None = Field(None, description="a sentence below the question")
    labels: dict[str, str] | None = Field(None, description="what people read for each choice")
    asked_if: Phrase | None = Field(None, alias="asked if", description="a form asks it only while this is so")
    seen_by: Phrases | None = Field(None, alias="seen by", description="the only roles that see it; else who has steps")
    show: Phrase | None = Field(None, description="always: at the top of each page")
    was: str | None = Field(None, description="the name it had before")


class NoticeSpec(Surface):
    """How people are told, paged or reminded."""

    says: str | None = Field(None, description="the words; <link> and <agency> are filled in, nothing of the case")
    by: Phrases | None = Field(None, description="desk, email, text")


class KeepSpec(Surface):
    """A class of keeping in its long form; the short form is what stands after for."""

    length: Phrase = Field(
        alias="for", description="how long after the case has ended: days, weeks, months or years. Needed"
    )
    once: Phrase | None = Field(
        None, description="the cause that puts a case into it; the first class has none, every other needs one"
    )


class EventSpec(Surface):
    """Something that happens outside and is reported."""

    sources: Phrases = Field(alias="from", description="the agencies that report it, all, or linked cases")
    brings: Phrases | None = Field(None, description="fields that it must bring")
    may_bring: Phrases | None = Field(None, alias="may bring", description="fields that it may bring")
    then: Phrases | None = Field(
        None, description="acts: start a case, start a linked case as E, cancel, close, reopen, pause, end the case"
    )
    was: str | None = Field(None, description="the name it had before")


class RungSpec(Surface):
    """A rung of a ladder in its long form; the short form is what stands after then."""

    then: Phrases = Field(
        description="acts: tell, page, remind, add, move to, cancel, end as, stop repeating; several as a list"
    )
    only_if: Phrase | None = Field(None, alias="only if", description="it is left out when this is not so at its time")
    name: str | None = Field(None, description="a name that stays when its act changes")
    was: str | None = Field(None, description="the name it had before")


class OutcomeSpec(Surface):
    """An outcome in its long form; the short form is what stands after then."""

    then: Phrases | None = Field(
        None,
        description="acts: ask, may ask, tell, page, remind, cancel, close, reopen, start a linked case as E, stop "
        "repeating, end the case; several as a list",
    )
    only_if: Phrase | None = Field(None, alias="only if", description="it can be chosen only while this is so")
    was: str | None = Field(None, description="the name it had before")


Ladder = str | dict[str, str | list[str] | RungSpec]
Outcomes = Annotated[dict[str, str | list[str] | OutcomeSpec | None], BeforeValidator(_pair)]


class StepSpec(Surface):
    """One duty of one role, or (with runs) a linked case."""

    when: Phrase | None = Field(None, description="the cause that opens it; one of the three is needed")
    when_any: list[str] | None = Field(None, alias="when any of", description="causes of which each opens it")
    when_all: list[str] | None = Field(None, alias="when all of", description="causes that open it when all have come")
    or_at_latest: Phrase | None = Field(
        None, alias="or at latest", description="with when all of: opens it then with those that have come"
    )
    again: Phrase | None = Field(
        None,
        description="a cause comes again: only when ended (nothing while it is open), start over, one more, once; "
        "else only when ended",
    )
    not_before: Phrase | None = Field(None, alias="not before", description="a limit: it is handed over then, not now")
    only_if: Phrase | None = Field(None, alias="only if", description="a cond: opens only if it is so and known")
    unless: Phrase | None = Field(None, description="a cond: opens unless it is so; what is not known does not stop it")
    who: Phrase | None = Field(
        None, description="the role that owes it; a role field; each of R and R; its F, of an item. Needed"
    )
    must: str | None = Field(None, description="what is to be done, in the words people read. Needed")
    because: str | None = Field(None, description="why, in the words people read")
    due: Phrase | None = Field(None, description="a due: how long the owner has. It or no deadline is needed")
    no_deadline: str | None = Field(
        None, alias="no deadline", description="why there is none; its lead hears every 20 working days"
    )
    tries: Phrase | None = Field(None, description="how often to try, how far apart, and how it ends then")
    clock_stops: Phrase | None = Field(
        None, alias="clock stops", description="while COND, at most D; or never; else a lead may stop it for 3 days"
    )
    repeats: Phrase | None = Field(
        None, description="rounds: weekly, monthly, every D, until a cause; or after D and D"
    )
    for_each: Phrase | None = Field(None, alias="for each", description="a list: one instance for each item")
    decided_by: Phrase | None = Field(
        None, alias="decided by", description="whose votes it takes; else its owner's word"
    )
    runs: Phrase | None = Field(
        None, description="a linked case of this protocol, instead of who, must, due and what goes with them"
    )
    as_event: Phrase | None = Field(
        None, alias="as", description="with runs: the event there that begins its case. Needed"
    )
    gives: Phrases | None = Field(None, description="with runs: fields the linked case begins with")
    passes_on: dict[str, Phrase] | None = Field(
        None, alias="passes on", description="with runs: the linked case's event: the cause here that it is told of"
    )
    shares: Phrase | None = Field(
        None,
        description="F with R: protected values given out under a release, or for imminent threat without one; it ends "
        "shared or not-shared",
    )
    ladder: Ladder | None = Field(
        None, description="the name of a ladder, or one written out; else usual, inside a confidential agency inside"
    )
    outcomes: Outcomes | None = Field(None, description="a list, or each with what follows from it; else done")
    was: str | None = Field(None, description="the name it had before")


class Spec(Surface):
    """A whole protocol text. Lanes stand as ``steps in LANE`` keys and are gathered under ``lanes``."""

    protocol: str = Field(description="its name, which stays")
    title: str | None = Field(None, description="what people read; else its name")
    timezone: str = Field(description="where its clocks are, for example America/Chicago")
    language: str = Field("1", description="the version of this language")
    open: Phrase | None = Field(None, description="hours of agencies that give none of their own; else always")
    holidays: str | None = Field(None, description="a country, or country-state: US-MN, GB-ENG; else none")
    closed: Phrases | None = Field(None, description="further dates that are no open days, YYYY-MM-DD")
    agencies: dict[str, AgencySpec] = Field(description="who takes part")
    agreements: dict[str, AgreementSpec] = Field(
        default_factory=dict, description="the working agreements between them"
    )
    record: dict[str, str | FieldSpec] = Field(
        default_factory=dict, description="what a case knows, of closed types: conditions and times may read it"
    )
    vault: dict[str, str] = Field(
        default_factory=dict,
        description="protected values: text, name, phone numbers, address or file, kept by AGENCY; nothing reads them",
    )
    keep: dict[str, str | dict[str, str | KeepSpec]] = Field(
        default_factory=dict,
        description="how long an agency's part of a case is kept, or one protected value: a time, or classes; else 6 "
        "years",
    )
    events: dict[str, EventSpec] = Field(description="what happens outside; one at least starts a case")
    ladders: dict[str, dict[str, str | list[str] | RungSpec]] = Field(
        default_factory=dict, description="ladders that several steps use by name"
    )
    notices: dict[str, NoticeSpec] = Field(
        default_factory=dict, description="how people are told, paged or reminded: keys tell, page, remind"
    )
    lanes: dict[str, dict[str, StepSpec]] = Field(
        default_factory=dict, description="the steps of a lane, which may close together; as many lanes as you like"
    )


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
