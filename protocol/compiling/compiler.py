"""Text -> Spec -> Protocol: where the surface gets its meaning.

``compile_text`` reads a text, gathers every finding it can (names, phrases, checks, labels), and either gives a
compiled protocol with its canonical bytes and hash, or raises ``SpecError`` with all of them, each with a code, a
line, a column and what to write instead. Pure: the day it is published is an argument, for holidays and agreements
are judged on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from protocol.checks.explorer import UNEXPLORED, Proof, prove
from protocol.checks.labels import check_labels, mark_outside
from protocol.checks.linking import check_linked_by, check_links
from protocol.checks.publishable import check_protocol
from protocol.checks.reach import check_chains
from protocol.checks.unused import check_unused
from protocol.compiling.calendars import HORIZON_YEARS, calendar_of, closed_days
from protocol.compiling.fields import columns_of, compile_field, field_type
from protocol.compiling.keeping import check_keeping, compile_keeping
from protocol.compiling.ladders import with_late_causes
from protocol.compiling.links import compile_link
from protocol.compiling.steps import compile_step
from protocol.errors import MOST_FINDINGS, Finding, Place, SpecError, in_text_order, shortened
from protocol.expressions import OWNER
from protocol.kernel import (
    ActKind,
    Agency,
    Agreement,
    Channel,
    Event,
    Field,
    FieldType,
    Lane,
    Notice,
    Protocol,
    Role,
    Slot,
    VaultType,
    Words,
)
from protocol.names import Slug
from protocol.serial import dump_protocol, protocol_hash
from protocol.text import phrases
from protocol.text.names import LONGEST_NAME, NAME, Names, PhraseError, did_you_mean, listed, names_in, names_written
from protocol.text.phrases import Said
from protocol.text.reading import Path, Table, place_of, read
from protocol.text.shape import shaped
from protocol.text.spec import STEPS_IN, Spec

RESERVED = {OWNER, "lead", "leads", "deputy", "working", "all", "survivor", "victim", "linked-cases"}
ENDINGS = {"ends", "opens", "late", "cancelled"}
"""What a cause says of a step: no outcome may bear these names."""
T = TypeVar("T")
NAMED = re.compile(NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A protocol ready to publish: its kernel, canonical bytes, hash, source text, warnings, and what proves it."""

    protocol: Protocol
    data: bytes
    hash: str
    source: str
    findings: tuple[Finding, ...]
    proof: Proof


def compile_text(
    text: str | bytes, *, today: date, others: Mapping[Slug, Protocol] | None = None, explored: bool = True
) -> Compiled:
    """Compile a protocol text as of a day.

    Args:
        text: the text, as the council wrote it.
        today: the day on which holidays and agreements are judged.
        others: the protocols in force beside it, by id, that its links and theirs to it are held against; None: not.
        explored: whether what can happen is explored; else only the tables are checked.

    Raises:
        SpecError: the text cannot be published; carries every finding.
    """
    root = read(text)
    spec = shaped(root)
    compiler = Compiler(spec, root, today)
    protocol = compiler.run()
    if not compiler.findings:
        compiler.findings.extend(check_chains(protocol, compiler.place))
    proof = UNEXPLORED
    if not any(each.level == "error" for each in compiler.findings):
        protocol = mark_outside(protocol)
        tables = [
            *check_protocol(protocol, compiler.place, today),
            *check_labels(protocol, compiler.place),
            *check_keeping(protocol, compiler.place),
        ]
        if explored:
            proof = prove(protocol, compiler.place, tables)
        compiler.findings.extend(proof.findings if explored else tables)
        compiler.findings.extend(check_unused(spec, protocol, compiler.place))
        if others is not None:
            compiler.findings.extend(check_links(protocol, others, compiler.place))
            compiler.findings.extend(check_linked_by(protocol, others, compiler.place))
    errors = [each for each in compiler.findings if each.level == "error"]
    if errors:
        raise SpecError(in_text_order(errors))
    data = dump_protocol(protocol)
    source = text if isinstance(text, str) else text.decode()
    return Compiled(
        protocol=protocol,
        data=data,
        hash=protocol_hash(data),
        source=source,
        findings=tuple(compiler.findings),
        proof=proof,
    )


IN_EVENTS = {
    ActKind.CANCEL,
    ActKind.CLOSE,
    ActKind.REOPEN,
    ActKind.PAUSE,
    ActKind.START_LINKED,
    ActKind.END_CASE,
}


class Compiler:
    """One compilation: the spec, where everything stands, and what was found on the way."""

    def __init__(self, spec: Spec, root: Table, today: date) -> None:
        self.spec = spec
        self.root = root
        self.today = today
        self.names = Names()
        self.findings: list[Finding] = []
        self.words: dict[str, Words] = {}
        self.lead_of: dict[Slug, tuple[Slug, ...]] = {}
        self.confidential: set[Slug] = set()
        self.renamed: dict[str, Slug] = {}
        self._agency_of: dict[str, Slug] = {}
        for name, agency in spec.agencies.items():
            for role in (*listed(agency.lead), *agency.roles):
                self._agency_of.setdefault(role, name)

    def place(self, path: Path) -> Place:
        """Where an entry stands (see ``reading.place_of``); a cause may stand under any of three keys."""
        for key in ("when", "when any of", "when all of") if path[-1:] == ("when",) else ():
            found = place_of(self.root, (*path[:-1], key))
            if found.key.endswith(f"/{key}"):
                return found
        return place_of(self.root, path)

    def fail(self, code: str, says: str, path: Path, write: str = "", level: str = "error") -> None:
        """Note a finding; raises SpecError with all of them when there are enough to begin with."""
        place = self.place(path)
        finding = Finding(code=code, says=shortened(says), place=place, write=shortened(write), level=level)
        if finding not in self.findings:
            self.findings.append(finding)
        if len(self.findings) >= MOST_FINDINGS:
            raise SpecError(in_text_order(self.findings))

    def read(self, path: Path, reader: Callable[[], T], default: T) -> T:
        """What a phrase reader gives, or the default with its error noted."""
        try:
            return reader()
        except PhraseError as error:
            self.fail(error.code, error.says, path, error.write)
            return default

    def run(self) -> Protocol:
        """Compile everything; findings tell whether the result may be used."""
        spec = self.spec
        self._check_names()
        agencies, roles = self._agencies()
        self._declare()
        closed = closed_days(self, agencies)
        calendars = tuple(calendar_of(self, name, closed[name]) for name in spec.agencies)
        fields = tuple(compile_field(self, name, value) for name, value in spec.record.items())
        slots = tuple(self._slot(name, value) for name, value in spec.vault.items())
        events = tuple(self._event(name) for name in spec.events)
        written = enumerate((lane, name, step) for lane, steps in spec.lanes.items() for name, step in steps.items())
        steps, links = [], []
        for position, (lane, name, step) in written:
            if step.was:
                self.renamed[f"step:{name}"] = step.was
            if step.runs is None:
                steps.append(compile_step(self, lane, name, step, position))
            else:
                links.append(compile_link(self, lane, name, step, position))
        self.words[f"protocol:{spec.protocol}"] = Words(title=spec.title or spec.protocol)
        return Protocol(
            id=spec.protocol,
            title=spec.title or spec.protocol,
            zone=spec.timezone,
            horizon=date(self.today.year + HORIZON_YEARS, 12, 31).toordinal(),
            agencies=agencies,
            roles=roles,
            calendars=calendars,
            agreements=tuple(self._agreement(name) for name in spec.agreements),
            fields=tuple(self._with_thresholds(each) for each in fields),
            vault=slots,
            events=events,
            lanes=tuple(self._lane(name) for name in spec.lanes),
            steps=with_late_causes(tuple(steps), self.names),
            waits=tuple(self.names.waits.values()),
            links=tuple(links),
            notices=tuple(self._notice(name) for name in spec.notices),
            keeping=compile_keeping(self),
            renamed=self.renamed,
            words=self.words,
        )

    # Names

    def _check_names(self) -> None:
        spec = self.spec
        if spec.language != "1":
            self.fail("LANGUAGE", f"Language {spec.language} is not known.", ("language",), "Write language: 1")
        for name, path in names_written(spec):
            if name in RESERVED or (name in ENDINGS and "outcomes" in path):
                self.fail("NAME_RESERVED", f"{name} has a meaning of its own.", path, "Choose another name.")
            if NAMED.fullmatch(name) is None or len(name) > LONGEST_NAME:
                joined = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
                self.fail("NAME", f"{name} is not a name.", path, f"Use lower case and hyphens: {joined}")

    def _declare(self) -> None:
        spec, names = self.spec, self.names
        names.agencies = set(spec.agencies)
        names.vault = set(spec.vault)
        names.events = set(spec.events)
        names.lanes = set(spec.lanes)
        for name, value in spec.record.items():
            said = value if isinstance(value, str) else value.type
            names.fields[name], names.choices[name], *_ = field_type(said)
            if names.fields[name] is FieldType.LIST:
                names.columns[name] = {column: field_type(kind).type for column, kind in columns_of(said)}
        for lane, steps in spec.lanes.items():
            for name, step in steps.items():
                if name in names.steps or name in names.links:
                    self.fail("DUPLICATE_STEP", f"{name} stands in two lanes.", (STEPS_IN + lane, name), "Rename one.")
                if step.runs is not None:
                    names.links.add(name)
                    continue
                shared = ("shared", "not-shared") if step.shares else ("done",)
                names.steps[name] = tuple(step.outcomes or dict.fromkeys(shared))
        for name in set(spec.record) & set(spec.vault):
            self.fail("DUPLICATE_FIELD", f"{name} is in record and in vault.", ("vault", name), "Rename one.")
        for name in set(spec.events) & {*spec.record, *names.steps, *names.links}:
            self.fail("DUPLICATE_NAME", f"{name} is an event and something else too.", ("events", name), "Rename one.")

    # Agencies

    def _agencies(self) -> tuple[tuple[Agency, ...], tuple[Role, ...]]:
        agencies, roles = [], []
        for name, spec in self.spec.agencies.items():
            leads = listed(spec.lead)
            if spec.confidential not in (None, "yes", "no"):
                says = f"confidential is yes or no, not {spec.confidential}."
                self.fail("YES_OR_NO", says, ("agencies", name, "confidential"), "Write confidential: yes")
            confidential = spec.confidential == "yes"
            declared = {**dict.fromkeys(leads), **spec.roles}
            for role, phrase in declared.items():
                if role in self.names.roles:
                    self.fail(
                        "DUPLICATE_ROLE",
                        f"{role} is in two agencies.",
                        ("agencies", name, "roles", role),
                        "Rename one.",
                    )
                self.names.roles.add(role)
                roles.append(self._role(name, role, phrase))
            for lead in sorted({each for each in leads if leads.count(each) > 1}):
                path = ("agencies", name, "lead")
                self.fail("DUPLICATE_ROLE", f"{lead} stands twice in the chain of leads.", path, "Name each once.")
            self.lead_of[name] = leads
            if confidential:
                self.confidential.add(name)
            agencies.append(Agency(id=name, confidential=confidential, leads=leads, roles=tuple(declared)))
            self.words[f"agency:{name}"] = Words(title=name.replace("-", " "))
        for each in roles:
            if each.deputy is not None:
                self._deputy(each, each.deputy)
        return tuple(agencies), tuple(roles)

    def _deputy(self, role: Role, deputy: Slug) -> None:
        """Who stands in for somebody is somebody else of the same agency: duties never leave it so."""
        path, own = ("agencies", role.agency, "roles", role.id), self.agency_of(deputy)
        if own is None:
            hint = did_you_mean(deputy, self.names.roles)
            self.fail("UNKNOWN_ROLE", f"No such role: {deputy}.", path, hint)
        elif own != role.agency or deputy == role.id:
            why = "itself" if deputy == role.id else f"of another agency, {own}"
            self.fail("DEPUTY", f"The deputy of {role.id} is {why}.", path, f"Name another role of {role.agency}.")

    def _role(self, agency: Slug, name: Slug, phrase: str | None) -> Role:
        always, by_rota, faces_suspect, deputy = False, False, False, None
        for part in [each.strip() for each in (phrase or "").split(",") if each.strip()]:
            if part in ("always", "in open hours"):
                always = part == "always"
            elif part == "by rota":
                by_rota = True
            elif part == "faces the suspect":
                faces_suspect = True
            elif part.startswith("deputy "):
                deputy = part.removeprefix("deputy ")
            else:
                path = ("agencies", agency, "roles", name)
                self.fail(
                    "ROLE",
                    f"{part} does not say how a role is covered.",
                    path,
                    "Write always, in open hours, by rota, faces the suspect, or deputy R.",
                )
        return Role(id=name, agency=agency, always=always, by_rota=by_rota, faces_suspect=faces_suspect, deputy=deputy)

    def _agreement(self, name: Slug) -> Agreement:
        spec = self.spec.agreements[name]
        between = tuple(self.spec.agencies) if spec.between == "all" else listed(spec.between)
        for each in between:
            if each not in self.spec.agencies:
                hint = did_you_mean(each, self.spec.agencies)
                self.fail("UNKNOWN_AGENCY", f"{each} is no agency.", ("agreements", name, "between"), hint)
        signed = self.day(spec.signed, ("agreements", name, "signed"))
        return Agreement(
            id=name,
            between=between,
            signed=signed,
            review_by=self.day(spec.review_by, ("agreements", name, "review by")),
        )

    def day(self, text: str, path: Path) -> int:
        """A date as an ordinal."""
        try:
            return date.fromisoformat(text).toordinal()
        except ValueError:
            self.fail("DATE", f"{text} is not a date.", path, "Write year-month-day: 2026-01-15")
            return self.today.toordinal()

    # Fields, vault, events, lanes

    def _slot(self, name: Slug, phrase: str) -> Slot:
        kind, _, keeper = phrase.partition(", kept by ")
        types = {each.value.replace("-", " "): each for each in VaultType}
        if kind not in types:
            self.fail(
                "VAULT_TYPE", f"{kind} is no kind of protected value.", ("vault", name), f"Write {', '.join(types)}."
            )
        if not keeper:
            keepers = self.confidential if len(self.confidential) == 1 else self._askers(name)
            keeper = next(iter(sorted(keepers)), next(iter(self.spec.agencies)))
            if len(keepers) != 1:
                self.fail("VAULT_KEEPER", f"Who keeps {name}?", ("vault", name), f"Write {kind}, kept by AGENCY.")
        elif keeper not in self.spec.agencies:
            self.fail(
                "UNKNOWN_AGENCY",
                f"{keeper} is no agency.",
                ("vault", name),
                did_you_mean(keeper, self.spec.agencies),
            )
        return Slot(id=name, type=types.get(kind, VaultType.TEXT), keeper=keeper)

    def _askers(self, slot: Slug) -> set[Slug]:
        """The agencies whose forms or events fill a vault slot."""
        found = {
            self.agency_of(step.who or "")
            for steps in self.spec.lanes.values()
            for step in steps.values()
            if slot in str(step.outcomes)
        }
        found |= {
            source
            for event in self.spec.events.values()
            if slot in (*listed(event.brings), *listed(event.may_bring))
            for source in listed(event.sources)
        }
        return {each for each in found if each is not None and each in self.spec.agencies}

    def _event(self, name: Slug) -> Event:
        spec, path = self.spec.events[name], ("events", name)
        sources = listed(spec.sources)
        linked = "linked cases" in sources
        sources = tuple(each for each in sources if each != "linked cases")
        if sources == ("all",):
            sources = tuple(self.spec.agencies)
        for each in sources:
            if each not in self.spec.agencies:
                hint = did_you_mean(each, self.spec.agencies)
                self.fail("UNKNOWN_AGENCY", f"{each} is no agency.", (*path, "from"), hint)
        for key, brought in (("brings", spec.brings), ("may bring", spec.may_bring)):
            for each in listed(brought):
                if each not in self.names.fields and each not in self.names.vault:
                    known = (*self.names.fields, *self.names.vault)
                    self.fail("UNKNOWN_FIELD", f"{each} is no field.", (*path, key), did_you_mean(each, known))
        # A text is one act (its names may hold commas and "and"); several acts are a list.
        said = spec.then if isinstance(spec.then, list) else [spec.then] if spec.then else []
        acts, asks, starts = self.read((*path, "then"), lambda: phrases.acts(said, self.names, None), Said())
        if asks or any(each.act not in IN_EVENTS for each in acts):
            says = f"{phrases.misplaced(said, acts, IN_EVENTS)} cannot follow an event by itself."
            self.fail("ACT_PLACE", says, (*path, "then"), "Write a step: who does it, by when.")
        if spec.was:
            self.renamed[f"event:{name}"] = spec.was
        return Event(
            id=name,
            sources=sources,
            from_linked=linked,
            brings=listed(spec.brings),
            may_bring=listed(spec.may_bring),
            acts=acts,
            starts=starts,
        )

    def _notice(self, name: str) -> Notice:
        spec, path = self.spec.notices[name], ("notices", name)
        if name not in ("tell", "page", "remind"):
            self.fail("NOTICE", f"{name} is no way to tell people.", path, "Write tell, page or remind.")
            return Notice(act=ActKind.TELL)
        for word in re.findall(r"<[^>]*>", spec.says or ""):
            if word not in ("<link>", "<agency>"):
                self.fail("NOTICE_WORD", f"{word} cannot be filled in.", (*path, "says"), "Use <link> and <agency>.")
        ways = {each.value for each in Channel}
        by = listed(spec.by)
        for each in by:
            if each not in ways:
                self.fail("NOTICE_BY", f"{each} is no way to send.", (*path, "by"), f"Write {', '.join(sorted(ways))}.")
        channels = tuple(Channel(each) for each in by if each in ways)
        return Notice(act=ActKind(name), says=spec.says or "", by=channels)

    def roles_in_lane(self, lane: Slug) -> tuple[Slug, ...]:
        """The roles that may be chosen to own a duty of a lane: a confidential agency's own, or nobody's of such."""
        fixed = {self.agency_of(step.who or "") for step in self.spec.lanes.get(lane, {}).values()}
        inside = fixed & self.confidential
        return tuple(
            sorted(
                role
                for role in self.names.roles
                if (self.agency_of(role) in inside if inside else self.agency_of(role) not in self.confidential)
            )
        )

    def _with_thresholds(self, field: Field) -> Field:
        if field.counting is None:
            return field
        thresholds = tuple(sorted(self.names.thresholds.get(field.id, ())))
        return replace(field, counting=replace(field.counting, thresholds=thresholds))

    def _lane(self, name: Slug) -> Lane:
        owners = {
            self.agency_of(role)
            for step in self.spec.lanes[name].values()
            for role in names_in((step.who or "").removeprefix("each of "))
        } - {None}
        inside = owners & self.confidential
        if inside and len(owners) > 1:
            says = f"{name} mixes {next(iter(inside))}'s steps with others'."
            self.fail("LANE_MIXED", says, (STEPS_IN + name,), "Give a confidential agency a lane of its own.")
        return Lane(id=name, agency=next(iter(inside)) if len(owners) == 1 and inside else None)

    def agency_of(self, role: str) -> Slug | None:
        """The agency of a role, if there is such a role."""
        return self._agency_of.get(role)


__all__ = ["Compiled", "Compiler", "compile_text"]
