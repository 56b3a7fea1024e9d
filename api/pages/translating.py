"""Sentences put into the templates of a language when they are read, and not again for each page that shows them.

``{{ _("...") }}`` is the sentence itself, and ``{% trans %}`` its parts with the values between: what the extension of
jinja2 that this stands on says at each rendering.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from jinja2 import nodes
from jinja2.ext import InternationalizationExtension
from jinja2.lexer import Token, TokenStream

SAID = ("variable_begin", "name", "lparen", "string", "rparen", "variable_end")
VALUE = re.compile(r"%\((\w+)\)s")


class Translating(InternationalizationExtension):
    """Of an environment of one language, whose ``said`` translates."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """A template's tokens, with sentences in the place of what asks for them."""
        ahead: list[Token] = []
        tokens = iter(stream)
        while True:
            ahead += islice(tokens, len(SAID) - len(ahead))
            if not ahead:
                return
            if tuple(each.type for each in ahead) == SAID and ahead[1].value == "_":
                yield Token(ahead[0].lineno, "data", self._said(ahead[3].value) % {})
                ahead = []
            else:
                yield ahead.pop(0)

    def _make_node(  # noqa: PLR0913, PLR0917 - as it is there
        self,
        singular: str,
        plural: str | None,
        context: str | None,
        variables: dict[str, nodes.Expr],
        plural_expr: nodes.Expr | None,
        vars_referenced: bool,  # noqa: FBT001
        num_called_num: bool,  # noqa: FBT001
    ) -> nodes.Output:
        if plural is None and context is None:
            return nodes.Output(list(_parts(self._said(singular), variables)))
        return super()._make_node(singular, plural, context, variables, plural_expr, vars_referenced, num_called_num)

    def _said(self, sentence: str) -> str:
        said: Callable[[str], str] = self.environment.said  # type: ignore[attr-defined]
        return said(sentence)


def _parts(sentence: str, values: dict[str, nodes.Expr]) -> Iterable[nodes.Expr]:
    for number, part in enumerate(VALUE.split(sentence)):
        if number % 2:
            yield values[part]
        elif part:
            yield nodes.TemplateData(part % {})
