"""Shows a nested result: a list of objects inside the object that is returned."""

import re
from collections import Counter
from dataclasses import dataclass

from tasks.registry import task_type

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_MOST = 10


@dataclass(frozen=True)
class WordCount:
    """One word, and how often it occurs."""

    word: str
    """In small letters."""
    count: int
    """At least 1."""


@dataclass(frozen=True)
class TextStatistics:
    """What was counted in a text."""

    words: int
    """All words, repeated ones as well."""
    lines: int
    """All lines, empty ones as well."""
    most_frequent: list[WordCount]
    """At most ten, the most frequent first, then by their place in the text."""


@task_type
def count_words(text: str) -> TextStatistics:
    """Count the words and lines of a text, and find its most frequent words.

    Args:
        text: Any text.
    """
    words = Counter(word.lower() for word in _WORD.findall(text))
    most_frequent = [WordCount(word, count) for word, count in words.most_common(_MOST)]
    return TextStatistics(words.total(), len(text.splitlines()), most_frequent)
