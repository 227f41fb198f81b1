"""What authors write about their functions reaches whoever reads the schema."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from tasks.registry import TaskType, build_task_type


@dataclass(frozen=True)
class Parent:
    """The parent."""

    inherited: int
    """From the parent."""


@dataclass(frozen=True)
class Receipt(Parent):
    """What was paid.

    Attributes:
        tip: On top.
    """

    paid: Annotated[int, Field(ge=0)]
    """In cents."""
    tip: int
    silent: int


@dataclass(frozen=True)
class Undocumented:  # noqa: D101 - that is what it is
    a: int


class Model(BaseModel):
    """A model."""

    described: int = Field(description="By Field.")
    commented: int
    """By the string below."""


def google(amount: int, to: Annotated[str, Field(min_length=1)]) -> Receipt:
    """Pay an amount.

    Nobody gets it back.

    Args:
        amount: How much,
            in cents.
        to: Whom.

    Returns:
        Not used: the class says it.
    """
    raise NotImplementedError


def rest(amount: int, to: Annotated[str, Field(min_length=1)]) -> Receipt:
    """Pay an amount.

    Nobody gets it back.

    :param amount: How much,
        in cents.
    :param to: Whom.
    """
    raise NotImplementedError


def numpy(amount: int, to: Annotated[str, Field(min_length=1)]) -> Receipt:
    """Pay an amount.

    Nobody gets it back.

    Parameters
    ----------
    amount : int
        How much, in cents.
    to : str
        Whom.
    """
    raise NotImplementedError


@pytest.mark.parametrize("function", [google, rest, numpy])
def test_docstring_is_read_in_its_usual_styles(function: Callable[..., Any]) -> None:
    task_type = build_task_type(function)

    assert task_type.description == "Pay an amount.\n\nNobody gets it back."
    assert descriptions(task_type) == ["How much, in cents.", "Whom. At least 1 character."]
    assert task_type.arguments_schema["properties"]["amount"]["description"] == "How much, in cents."


def test_class_and_its_attributes_describe_the_result() -> None:
    result = build_task_type(google).result

    assert result is not None
    assert result.description == "What was paid."
    assert [field.description for field in result.fields] == [
        "From the parent.",
        "In cents. At least 0.",
        "On top.",
        None,
    ]


def test_result_class_without_docs_is_described_by_the_function() -> None:
    def count() -> Undocumented:
        """Count.

        Returns:
            What was counted.
        """
        raise NotImplementedError

    result = build_task_type(count).result

    assert result is not None
    assert result.description == "What was counted."


def test_model_is_described_by_its_fields() -> None:
    def make() -> Model:
        raise NotImplementedError

    result = build_task_type(make).result

    assert result is not None
    assert [field.description for field in result.fields] == ["By Field.", "By the string below."]


def test_description_in_the_annotation_wins_over_the_docstring() -> None:
    def pay(amount: Annotated[int, Field(description="From the annotation.")]) -> None:
        """Pay.

        Args:
            amount: From the docstring.
        """

    assert descriptions(build_task_type(pay)) == ["From the annotation."]


def test_function_without_docstring_has_an_empty_description() -> None:
    def pay(amount: int) -> None:
        raise NotImplementedError

    task_type = build_task_type(pay)

    assert (task_type.description, descriptions(task_type)) == ("", [None])


CONSTRAINTS: dict[str, tuple[Any, str]] = {
    "range": (Annotated[int, Field(ge=0, le=10)], "At least 0, at most 10."),
    "open range": (Annotated[float, Field(gt=0, lt=1)], "More than 0, less than 1."),
    "multiple": (Annotated[int, Field(multiple_of=5)], "A multiple of 5."),
    "text": (Annotated[str, Field(max_length=5, pattern="^a")], "At most 5 characters, matching ^a."),
    "list": (
        Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=3)],
        "At most 3 items, each at least 1.",
    ),
    "optional": (Annotated[int, Field(ge=0)] | None, "At least 0."),
}


@pytest.mark.parametrize(("annotation", "words"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_constraints_are_put_in_words(annotation: Any, words: str) -> None:
    def do_it(a: Any) -> None:
        raise NotImplementedError

    do_it.__annotations__["a"] = annotation

    assert descriptions(build_task_type(do_it)) == [words]


def descriptions(task_type: TaskType) -> list[str | None]:
    """Return what is said of each argument."""
    return [field.description for field in task_type.arguments.fields]
