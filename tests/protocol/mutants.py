"""Mutants of the bundled protocols: each is broken in one way, and must be found with an example that replays.

``python -m tests.protocol.mutants`` prints, for each kind of mutation: how many were made, how many are really broken,
how many of these were found, how many findings came with an example run (each of which was replayed), and false alarms.
Whether a mutant is really broken is known by construction of its kind, or decided by an oracle that knows nothing of
the checks: cases driven on the engine itself, people answering by chance and nothing coming from outside.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import yaml

from protocol.checks.cover import Week, uncovered
from protocol.compiling.compiler import compile_text
from protocol.engine.machine import earliest
from protocol.errors import Finding, SpecError
from protocol.facts import CaseEnded
from protocol.kernel import Protocol
from protocol.scenarios.runs import scenario_of
from protocol.scenarios.scenario import play
from protocol.state import Phase, Status
from tests.protocol.random_runs import Run, actor, happen, opened, some_act
from tests.protocol.texts import SPECS, TODAY

SLUGS = ("post-arrest-advocacy", "full-case-flow", "marac", "self-referral")
PER_KIND = 18
WALKS = 6
LONGEST = 70
Spec = dict[str, Any]
Oracle = Callable[[Spec, str, list[Finding]], bool]


@dataclass(frozen=True)
class Mutant:
    """One changed text: its kind, what was changed, and how to know whether it is broken."""

    kind: str
    slug: str
    where: str
    text: str
    codes: tuple[str, ...]
    broken: bool | Oracle
    nobody: str = ""


@dataclass
class Row:
    """The results of one kind."""

    made: int = 0
    broken: int = 0
    found: int = 0
    runs: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)


def load(slug: str) -> Spec:
    """A bundled text as plain mappings of text."""
    found: Spec = yaml.load((SPECS / slug / "1.yaml").read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - text only
    return found


def steps(spec: Spec) -> Iterator[tuple[str, str, Spec]]:
    """Every step of a text that somebody owns: its lane, its name and its keys."""
    for key, lane in spec.items():
        if key.startswith("steps in "):
            yield from ((key, name, step) for name, step in lane.items() if "runs" not in step)


def outcomes(step: Spec) -> dict[str, Any]:
    """The outcomes of a step, long or short."""
    found = step.get("outcomes", ["shared", "not-shared"] if "shares" in step else ["done"])
    return dict.fromkeys(found, "") if isinstance(found, list) else dict(found)


def causes(step: Spec) -> list[str]:
    """The causes that each open a step."""
    if "when" in step:
        return [step["when"]]
    return list(step.get("when any of", []))


def add_cause(step: Spec, cause: str) -> None:
    """Let one more cause open a step."""
    known = causes(step)
    step.pop("when", None)
    step["when any of"] = [*known, cause]


def acts(value: object) -> list[str]:
    """The acts of an outcome."""
    return (
        [] if value is None else [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []
    )


def new_step(spec: Spec, step: Spec, **keys: object) -> Spec:
    """A further step of the owner of another."""
    return {"who": step["who"], "must": "do what is to be done", "due": "within 1 day", **keys}


def plain(step: Spec) -> bool:
    """Whether a step belongs to one fixed role."""
    return not step["who"].startswith(("each of", "its"))


# Kinds: each yields (where, changed text, really broken)

Made = Iterator[tuple[str, Spec, bool | Oracle]]


def each_step(slug: str) -> Iterator[tuple[str, Spec, str, Spec]]:
    """Every step with a copy of the text to change."""
    for lane, name, _ in list(steps(load(slug))):
        spec = load(slug)
        yield name, spec, lane, spec[lane][name]


def no_due(slug: str) -> Made:
    """A step without a clock."""
    for name, spec, _, step in each_step(slug):
        if step.pop("due", None) is not None:
            yield name, spec, True


def due_unknown(slug: str) -> Made:
    """A due time measured from what nobody may know by then."""
    for name, spec, _, step in each_step(slug):
        if "due" in step:
            spec.setdefault("record", {})["mutant-time"] = "date and time"
            sources = next(iter(spec["agencies"]))
            spec["events"]["mutant-told"] = {"from": sources, "brings": "mutant-time"}
            step["due"] = "2 hours before mutant-time"
            yield name, spec, True


def only_owner_hears(slug: str) -> Made:
    """A ladder that ends with nobody but the owner."""
    for name, spec, _, step in each_step(slug):
        if "due" in step and plain(step):
            step["ladder"] = {"when due": "remind owner", "every 1 day after that": "remind owner"}
            yield name, spec, True


def unset_field(slug: str) -> Made:
    """A condition on a field that nobody can set."""
    for name, spec, _, step in each_step(slug):
        spec.setdefault("record", {})["mutant-flag"] = "yes or no"
        step["only if"] = "mutant-flag"
        yield name, spec, True


def set_too_late(slug: str) -> Made:
    """A condition on a field that only the step itself asks."""
    for name, spec, _, step in each_step(slug):
        if plain(step):
            spec.setdefault("record", {})["mutant-flag"] = "yes or no"
            step["only if"] = "mutant-flag"
            first, *others = outcomes(step).items()
            step["outcomes"] = {first[0]: [*acts(first[1]), "ask mutant-flag"], **dict(others)}
            if "shares" not in step:
                yield name, spec, True


def closed_as_it_opens(slug: str) -> Made:
    """An outcome that closes the lane of the step it opens."""
    for name, spec, lane, step in each_step(slug):
        known = causes(step)
        words = known[0].split(" ") if len(known) == 1 else []
        for key, other, source in list(steps(spec)):
            if len(words) == 2 and words[0] == other and words[1] in outcomes(source) and "shares" not in source:
                found = outcomes(source)
                found[words[1]] = [*acts(found[words[1]]), f"close {lane.removeprefix('steps in ')}"]
                spec[key][other]["outcomes"] = found
                yield name, spec, True


def endless(slug: str) -> Made:
    """A series that nothing stops."""
    for name, spec, _, step in each_step(slug):
        if plain(step) and "for each" not in step:
            step["repeats"] = "weekly"
            yield name, spec, never_ends


def without_until(slug: str) -> Made:
    """A series that has lost its end."""
    for name, spec, _, step in each_step(slug):
        if " until " in step.get("repeats", ""):
            step["repeats"] = step["repeats"].partition(" until ")[0]
            yield name, spec, never_ends


def ping_pong(slug: str) -> Made:
    """Two steps that open each other, whatever is answered."""
    for name, spec, lane, step in each_step(slug):
        if plain(step) and "tries" not in step and "shares" not in step:
            step["outcomes"] = ["done"]
            spec[lane]["mutant-step"] = new_step(spec, step, when=f"{name} done")
            add_cause(step, "mutant-step done")
            yield name, spec, never_ends


def loop(slug: str) -> Made:
    """Two steps that open each other without anybody doing anything."""
    for name, spec, lane, step in each_step(slug):
        if plain(step) and causes(step):
            spec[lane]["mutant-step"] = new_step(spec, step, when=f"{name} opens")
            add_cause(step, "mutant-step opens")
            yield name, spec, True


def wait_for_each_other(slug: str) -> Made:
    """Two steps of which each waits for the other."""
    for name, spec, lane, step in each_step(slug):
        if plain(step):
            spec[lane]["mutant-one"] = new_step(spec, step, when="mutant-two done")
            spec[lane]["mutant-two"] = new_step(spec, step, when="mutant-one done")
            yield name, spec, True


def starved_join(slug: str) -> Made:
    """A join of two outcomes of one step."""
    for name, spec, lane, step in each_step(slug):
        found = list(outcomes(step))
        if plain(step) and len(found) > 1 and "shares" not in step:
            keys = {"when all of": [f"{name} {found[0]}", f"{name} {found[1]}"]}
            spec[lane]["mutant-join"] = new_step(spec, step, **keys)
            yield name, spec, join_waits("mutant-join")


def join_of_two(slug: str) -> Made:
    """A join of an outcome of each of two steps, as chance pairs them."""
    chance = Random(slug)
    known = [(lane, name, step) for lane, name, step in steps(load(slug)) if plain(step) and "shares" not in step]
    for _ in range(14):
        (lane, one, first), (other, two, second) = chance.sample(known, 2)
        spec = load(slug)
        if lane == other:
            pair = [f"{one} {chance.choice(list(outcomes(first)))}", f"{two} {chance.choice(list(outcomes(second)))}"]
            spec[lane]["mutant-join"] = new_step(spec, first, **{"when all of": pair})
            yield f"{pair[0]} + {pair[1]}", spec, join_waits("mutant-join")


def without_latest(slug: str) -> Made:
    """A join that has lost its time-out."""
    for name, spec, _, step in each_step(slug):
        if step.pop("or at latest", None) is not None:
            yield name, spec, join_waits(name)


def shut_outcome(slug: str) -> Made:
    """An outcome under a condition that never holds."""
    for name, spec, _, step in each_step(slug):
        if "shares" in step or "tries" in step or "end as" in str(step.get("ladder")) or not plain(step):
            continue
        spec.setdefault("record", {})["mutant-mark"] = "yes or no"
        starts = next(each for each in spec["events"].values() if "start a case" in str(each.get("then")))
        starts["may bring"] = ", ".join(
            filter(None, [starts.get("may bring", "").replace(" and ", ", "), "mutant-mark"])
        )
        found = outcomes(step)
        last = list(found)[-1]
        found[last] = {"then": acts(found[last]) or ["tell lead"], "only if": "mutant-mark and mutant-mark is no"}
        step["outcomes"] = found
        yield name, spec, True


def once_counted_twice(slug: str) -> Made:
    """A count of two of what happens once."""
    for name, spec, lane, step in each_step(slug):
        if plain(step) and "repeats" not in step and "again" not in step and "shares" not in step:
            step["again"] = "once"
            spec.setdefault("record", {})["mutant-count"] = f"count of {name} {next(iter(outcomes(step)))}"
            spec[lane]["mutant-step"] = new_step(spec, step, when="mutant-count reaches 2")
            yield name, spec, True


def votes_never_agree(slug: str) -> Made:
    """More votes are needed than there are voters."""
    for name, spec, _, step in each_step(slug):
        if plain(step) and "tries" not in step and "shares" not in step:
            step["decided by"] = f"3 of {step['who']}"
            yield name, spec, True


def told_outside(slug: str) -> Made:
    """An outcome inside a confidential agency that tells somebody outside."""
    spec = load(slug)
    inside = [name for name, each in spec["agencies"].items() if each.get("confidential") == "yes"]
    others = [each["lead"].split(",")[0] for name, each in spec["agencies"].items() if name not in inside]
    roles = {
        role
        for name in inside
        for role in (*spec["agencies"][name].get("roles", {}), *spec["agencies"][name]["lead"].split(", "))
    }
    for name, changed, _, step in each_step(slug):
        if step["who"] in roles and others and "shares" not in step:
            first, *rest = outcomes(step).items()
            step["outcomes"] = {first[0]: [*acts(first[1]), f"tell {others[-1]}"], **dict(rest)}
            yield name, changed, True


def vault_read(slug: str) -> Made:
    """A condition on protected data."""
    for name, spec, _, step in each_step(slug):
        if spec.get("vault"):
            step["only if"] = next(iter(spec["vault"]))
            yield name, spec, True


def rests_on_release(slug: str) -> Made:
    """A service that waits for a release."""
    for name, spec, lane, step in each_step(slug):
        if "shares" in step:
            for outcome in ("shared", "not-shared"):
                changed = deepcopy(spec)
                changed[lane]["mutant-step"] = new_step(spec, step, when=f"{name} {outcome}")
                yield f"{name} {outcome}", changed, True


def expired(slug: str) -> Made:
    """An agreement past its review."""
    for name in load(slug)["agreements"]:
        spec = load(slug)
        spec["agreements"][name]["review by"] = "2026-02-01"
        yield name, spec, len([*steps(spec)]) > 0


def pause_without_end(slug: str) -> Made:
    """A lane paused for no stated time."""
    for name in load(slug)["events"]:
        spec = load(slug)
        lane = next(key for key in spec if key.startswith("steps in ")).removeprefix("steps in ")
        event = spec["events"][name]
        event["then"] = [*acts(event.get("then")), f"pause {lane}"]
        yield name, spec, True


def nobody_in_role(slug: str) -> Made:
    """A role that nobody holds."""
    for role in sorted({step["who"] for _, _, step in steps(load(slug)) if plain(step)}):
        yield role, load(slug), True


def longer(slug: str) -> Made:
    """Nothing broken: one more unit of time, and a sentence why."""
    for name, spec, _, step in each_step(slug):
        words = step.get("due", "").split(" ")
        if words[0] == "within" and words[1].isdigit() and words[1] != "1":
            step["due"] = " ".join(["within", str(int(words[1]) + 1), *words[2:]])
            step["because"] = "it takes that long"
            yield name, spec, False


def one_more_outcome(slug: str) -> Made:
    """Nothing broken: a further outcome, and a step for it."""
    for name, spec, lane, step in each_step(slug):
        if plain(step) and "shares" not in step and "decided by" not in step:
            step["outcomes"] = {**outcomes(step), "mutant-outcome": ""}
            spec[lane]["mutant-step"] = new_step(spec, step, when=f"{name} mutant-outcome")
            yield name, spec, False


KINDS: dict[str, tuple[Callable[[str], Made], tuple[str, ...]]] = {
    "no due": (no_due, ("NO_CLOCK",)),
    "due time unknown": (due_unknown, ("NO_CLOCK_YET", "LABEL_TIME", "LADDER_STOPS")),
    "only the owner hears": (only_owner_hears, ("MISS_REACHES_NOBODY",)),
    "field nobody sets": (unset_field, ("FIELD_NEVER_SET",)),
    "field set too late": (set_too_late, ("FIELD_BEFORE_SET", "NEVER_OPENS")),
    "closed as it opens": (closed_as_it_opens, ("NEVER_OPENS", "LABEL_ACT")),
    "endless series": (endless, ("CANNOT_END", "ENDS_ONLY_FROM_OUTSIDE")),
    "series without until": (without_until, ("CANNOT_END", "ENDS_ONLY_FROM_OUTSIDE")),
    "steps in a ring": (ping_pong, ("CANNOT_END", "ENDS_ONLY_FROM_OUTSIDE")),
    "loop without waiting": (loop, ("LOOP_WITHOUT_WAITING",)),
    "wait for each other": (wait_for_each_other, ("WAIT_FOR_EACH_OTHER",)),
    "join of two outcomes": (starved_join, ("JOIN_FOR_EVER", "JOIN_STARVED", "NEVER_OPENS")),
    "join of two steps": (join_of_two, ("JOIN_FOR_EVER", "JOIN_STARVED", "NEVER_OPENS")),
    "join without a limit": (without_latest, ("JOIN_FOR_EVER", "JOIN_STARVED")),
    "outcome never open": (shut_outcome, ("NEVER_CHOSEN", "CANNOT_END", "NEVER_OPENS", "ENDS_ONLY_FROM_OUTSIDE")),
    "count never reached": (once_counted_twice, ("NEVER_OPENS",)),
    "votes never agree": (votes_never_agree, ("VOTES", "CANNOT_END", "NEVER_CHOSEN")),
    "tells outside": (told_outside, ("LABEL_ACT", "LABEL_RUNG")),
    "reads the vault": (vault_read, ("VAULT_CONDITION",)),
    "rests on a release": (rests_on_release, ("RESTS_ON_RELEASE",)),
    "agreement expired": (expired, ("AGREEMENT_EXPIRED",)),
    "pause without end": (pause_without_end, ("PAUSE",)),
    "role nobody holds": (nobody_in_role, ("NOBODY_HOLDS",)),
    "time changed": (longer, ()),
    "outcome added": (one_more_outcome, ()),
}


def mutants(most: int = PER_KIND, only: str = "") -> Iterator[Mutant]:
    """Up to so many of each kind (or of one), spread over the bundled protocols."""
    for kind, (make, codes) in KINDS.items():
        if only not in ("", kind):
            continue
        made = [(slug, *each) for slug in SLUGS for each in make(slug)]
        stride = max(1, -(-len(made) // most))
        for slug, where, spec, broken in made[::stride]:
            text = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, width=10_000)
            yield Mutant(kind, slug, where, text, codes, broken, where if kind == "role nobody holds" else "")


def findings(mutant: Mutant) -> tuple[Protocol | None, tuple[Finding, ...]]:
    """What the check says of a mutant; of one without people for a role, what it says of the people."""
    try:
        compiled = compile_text(mutant.text, today=TODAY)
    except SpecError as error:
        return None, error.findings
    if mutant.nobody:
        people = {each.id: Week.always() for each in compiled.protocol.roles if each.id != mutant.nobody}
        return compiled.protocol, tuple(uncovered(compiled.protocol, people))
    return compiled.protocol, compiled.findings


# The oracle: cases on the engine itself


def walks(protocol: Protocol, seed: str) -> Iterator[Run]:
    """Cases that people lead by chance from a start event on, now and then after another event."""
    for number in range(WALKS):
        chance = Random(f"{seed} {number}")
        run = Run(protocol)
        starts = [each.id for each in protocol.events if each.starts]
        happen(run, starts[chance.randrange(len(starts))], chance)
        others = [each.id for each in protocol.events if not each.starts]
        for _ in range(chance.randrange(3)):
            if others and run.state.status is Status.OPEN:
                happen(run, chance.choice(others), chance)
        yield run


def go_on(run: Run, chance: Random, done: Callable[[Run], bool]) -> bool:
    """People answer by chance and time passes; nothing comes from outside. Whether it came to what is looked for."""
    for _ in range(LONGEST):
        if done(run) or run.state.status is Status.ENDED:
            return done(run)
        live = [each for each in opened(run.state) if each.phase is Phase.OPEN]
        if live and chance.random() < 0.9:
            each = live[chance.randrange(len(live))]
            body, who = some_act(run, each, chance)
            run.send(body, actor(run.protocol, who or each.owners[0]))
            run.now += 60_000_000
        else:
            due = earliest(run.protocol, run.state)
            if due is None:
                return done(run)
            run.until(max(due, run.now))
    return done(run)


def compiled_anyway(text: str) -> Protocol | None:
    """The protocol of a text, whatever exploration says of it."""
    try:
        return compile_text(text, today=TODAY, explored=False).protocol
    except SpecError:
        return None


def examples(protocol: Protocol, told: list[Finding]) -> Iterator[Run]:
    """The cases to which the examples of findings lead, played on the engine."""
    for each in told:
        if each.run:
            played = scenario_of(protocol, each.run)
            yield Run(protocol, played.state, played.state.now)


def never_ends(spec: Spec, where: str, told: list[Finding]) -> bool:
    """Whether cases in which the step opens never end by themselves, or those of an example never do."""
    protocol = compiled_anyway(yaml.safe_dump(spec, sort_keys=False, width=10_000))
    if protocol is None:
        return True
    if any(not _may_end(protocol, run, where) for run in examples(protocol, told)):
        return True
    reached = 0
    for number, run in enumerate(walks(protocol, where)):
        chance = Random(f"{where} on {number}")
        if go_on(run, chance, lambda run: any(each.step == where for each in run.state.instances)):
            reached += 1
            if _may_end(protocol, run, where):
                return False
    return reached > 0


def _may_end(protocol: Protocol, run: Run, where: str) -> bool:
    """Whether people may bring a case to its end, as chance has it."""
    return any(
        go_on(Run(protocol, run.state, run.now), Random(f"{where} {way}"), lambda run: run.state.status is Status.ENDED)
        for way in range(6)
    )


def join_waits(name: str) -> Oracle:
    """Whether some case that runs out by itself leaves a join half filled that was not closed, or never opens it."""

    def judged(spec: Spec, where: str, told: list[Finding]) -> bool:
        protocol = compiled_anyway(yaml.safe_dump(spec, sort_keys=False, width=10_000))
        if protocol is None:
            return True
        lane, seen = protocol.step[name].lane, False
        begun = [Run(protocol, each.state, each.now) for each in examples(protocol, told) for _ in range(6)]
        for number, run in enumerate([*begun, *walks(protocol, where)]):
            go_on(run, Random(f"{where} join {number}"), lambda run: run.state.status is Status.ENDED)
            ended = run.state.status is Status.ENDED or not run.state.instances
            if ended and run.state.arms.get(name) and lane not in run.state.closed and _ran_out(run):
                return True
            seen = seen or f"opened:{name}" in run.state.last
        return not seen and any(each.code == "NEVER_OPENS" for each in told)

    return judged


def _ran_out(run: Run) -> bool:
    """Whether a case ended because nothing was left, as it also has where an example's last answer ended it."""
    return not run.facts or any(isinstance(each.body, CaseEnded) and each.body.unfinished for each in run.facts)


def judge(mutant: Mutant, row: Row, *, replay: bool = True) -> None:
    """Count one mutant in."""
    protocol, found = findings(mutant)
    spec = yaml.load(mutant.text, Loader=yaml.BaseLoader)  # noqa: S506 - text only
    told = [each for each in found if each.level != "note" or each.code in mutant.codes]
    broken = mutant.broken if isinstance(mutant.broken, bool) else mutant.broken(spec, mutant.where, told)
    named = f"{mutant.slug}: {mutant.where}"
    row.made += 1
    row.broken += broken
    if broken and told:
        row.found += 1
    elif broken:
        row.missed.append(named)
    elif told:
        row.false.append(f"{named}: {', '.join(sorted({each.code for each in told}))}")
    protocol = protocol or compiled_anyway(mutant.text)
    for each in told:
        if each.run and replay and protocol is not None:
            problems, _ = play(protocol, scenario_of(protocol, each.run).scenario)
            assert problems == [], (named, each)
            row.runs += 1


def main() -> None:
    """Print the table."""
    rows: dict[str, Row] = {}
    for mutant in mutants():
        rows.setdefault(mutant.kind, Row())
        judge(mutant, rows[mutant.kind])
    print(f"{'kind':24} {'made':>5} {'broken':>6} {'found':>5} {'runs':>5} {'false':>5}")
    total = Row()
    for kind, row in rows.items():
        print(f"{kind:24} {row.made:5} {row.broken:6} {row.found:5} {row.runs:5} {len(row.false):5}")
        for each in row.missed:
            print(f"    missed: {each}")
        for each in row.false:
            print(f"    false alarm: {each}")
        total = Row(total.made + row.made, total.broken + row.broken, total.found + row.found, total.runs + row.runs)
    false = sum(len(row.false) for row in rows.values())
    print(f"{'all':24} {total.made:5} {total.broken:6} {total.found:5} {total.runs:5} {false:5}")
    sys.exit(total.found < total.broken)


if __name__ == "__main__":
    main()
