"""The tree of a text to the surface model, or every key that stands where it may not, and what it takes."""

from __future__ import annotations

from pydantic import ValidationError

from protocol.errors import MOST_FINDINGS, Finding, SpecError, in_text_order, shortened
from protocol.text.names import did_you_mean
from protocol.text.reading import Table, place_of, plain
from protocol.text.spec import STEPS_IN, FieldSpec, KeepSpec, Spec, StepSpec


def shaped(root: Table) -> Spec:
    """The surface model of a tree.

    Raises:
        SpecError: keys are missing, misplaced, or do not hold what they take.
    """
    top: dict[str, object] = {}
    lanes: dict[str, object] = {}
    for key, node in root.items:
        if key.text.startswith(STEPS_IN):
            lanes[key.text.removeprefix(STEPS_IN)] = plain(node)
        else:
            top[key.text] = plain(node)
    try:
        return Spec.model_validate({**top, "lanes": lanes}, by_alias=True)
    except ValidationError as error:
        raise SpecError(_misplaced(error, root)) from None


def _misplaced(error: ValidationError, root: Table) -> tuple[Finding, ...]:
    found: dict[tuple[int, int, str], Finding] = {}
    told = [
        (each["type"], tuple(part for part in each["loc"] if not _is_kind(part)))
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_FINDINGS]
    ]
    # A table of classes that is wrong inside is no phrase either: what is inside is what its writer meant.
    deeper = {
        loc[:end] for kind, loc in told if loc[0] == "keep" and kind != "string_type" for end in range(1, len(loc))
    }
    for kind, loc in told:
        if kind == "string_type" and loc[:-1] in deeper:
            continue
        path = (f"{STEPS_IN}{loc[1]}", *loc[2:]) if len(loc) > 1 and loc[0] == "lanes" else loc
        path = path[:-1] if loc[0] == "keep" and loc[-1] == "str" else path
        key = str(path[-1]) if path else ""
        code, says, write = _shape_words(kind, key)
        place = place_of(root, path, at_key=code == "UNKNOWN_KEY")
        finding = Finding(code=code, says=shortened(says), place=place, write=shortened(write))
        found.setdefault((place.line, place.column, code), finding)
    return in_text_order(found.values())


def _is_kind(part: str | int) -> bool:
    """Whether a part of an error's place names one of several shapes a value may have, and nothing of the text."""
    return isinstance(part, str) and (part.endswith("Spec") or part.startswith("dict["))


def _shape_words(kind: str, key: str) -> tuple[str, str, str]:
    if kind == "extra_forbidden":
        known = {
            field.alias or name
            for model in (Spec, StepSpec, FieldSpec, KeepSpec)
            for name, field in model.model_fields.items()
        }
        return "UNKNOWN_KEY", f"{key} is not a key here.", did_you_mean(key, known)
    if key == "when":
        return "WHEN_LIST", "when takes one cause.", "Write when any of, or when all of."
    if kind == "missing":
        return "MISSING_KEY", f"{key} is missing here.", f"Add {key}."
    says, write = SHAPES.get(kind, SHAPES["dict_type"])
    return "WRONG_SHAPE", f"{key} takes {says}.", write


SHAPES = {
    "string_type": ("one phrase", "Write one phrase behind the colon, without brackets or keys below it."),
    "list_type": ("a list", "Write [a, b], or lines that begin with a dash."),
    "dict_type": ("keys and values", "Write them below it, one on a line, each with its colon."),
}
