"""What authors wrote about their functions, parameters, classes and fields."""

import inspect
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from docstring_parser import ParseError, parse
from docstring_parser.attrdoc import AttributeDocstrings


@dataclass(frozen=True, slots=True)
class Docs:
    """A docstring taken apart."""

    description: str = ""
    """All prose before the sections."""
    of_names: Mapping[str, str] = field(default_factory=dict)
    """What is said of each parameter, attribute or member."""
    returns: str | None = None
    """What is said of the result."""


def docs_of_function(function: object) -> Docs:
    """Read a function's docstring, in reST, Google, NumPy or Epydoc style."""
    return _parsed(inspect.getdoc(function))


@cache
def docs_of_class(python_class: type) -> Docs:
    """Read a class's docstring and the strings below its attributes, those of its bases included."""
    attributes: dict[str, str] = {}
    for base in reversed(python_class.__mro__):
        if base.__module__ not in {"builtins", "enum", "pydantic.main"}:
            attributes |= _parsed(_own_docstring(base)).of_names
            attributes |= _attribute_docs(base)
    return Docs(_parsed(_own_docstring(python_class)).description, attributes)


def _parsed(docstring: str | None) -> Docs:
    if not docstring:
        return Docs()
    try:
        parsed = parse(docstring)
    except ParseError:
        # It is prose that only looks like a section: better shown whole than not at all.
        return Docs(docstring.strip())
    names = {param.arg_name: _one_paragraph(param.description) for param in parsed.params if param.description}
    returns = parsed.returns.description if parsed.returns else None
    return Docs((parsed.description or "").strip(), names, _one_paragraph(returns) if returns else None)


def _own_docstring(python_class: type) -> str | None:
    docstring: str | None = vars(python_class).get("__doc__")
    if docstring is None or (not issubclass(python_class, Enum) and docstring.startswith(f"{python_class.__name__}(")):
        # A dataclass without a docstring gets its signature in place of one.
        return None
    return inspect.cleandoc(docstring)


def _attribute_docs(python_class: type) -> dict[str, str]:
    # A class made at run time has no source, and so no strings below its attributes.
    with suppress(OSError, TypeError, SyntaxError):
        found = AttributeDocstrings().get_attr_docs(python_class)
        return {name: inspect.cleandoc(text) for name, (text, _type, _default) in found.items()}
    return {}


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())
