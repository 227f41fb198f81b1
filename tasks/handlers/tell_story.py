"""Shows an `async def` handler that streams what it makes: subscribers read the story while it is being told."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Annotated

from tasks.registry import Field, TaskContext, task_type

PAUSE_SECONDS = 0.04
"""Between two words, about as fast as one reads."""

_SENTENCES = (
    "Once upon a time there was {topic}.",
    "Nobody had ever asked what {topic} might want.",
    "One morning a letter came, addressed to {topic}, and it was empty.",
    "So {topic} took the road that leads out of the town.",
    "The hills had seen much, but never {topic}.",
    "At night the stars stood where they always stand, and {topic} counted them.",
    "Somebody far away was counting too.",
    "And in the end it was {topic} who wrote the next letter.",
)


@dataclass(frozen=True)
class Story:
    """A story that was told."""

    text: str
    """All of it: the emitted chunks, put together."""
    words: int
    """How many chunks there were."""


@task_type
async def tell_story(
    context: TaskContext,
    topic: Annotated[str, Field(min_length=1, max_length=100)],
    sentences: Annotated[int, Field(ge=1, le=100)] = 5,
) -> Story:
    """Tell a story word by word. The same arguments make the same story.

    Args:
        topic: Who or what it is about.
        sentences: How long it is.
    """
    chunks: list[str] = []
    for chunk in _words(topic, sentences):
        context.emit(chunk)
        chunks.append(chunk)
        await asyncio.sleep(PAUSE_SECONDS)
    return Story("".join(chunks).rstrip(), len(chunks))


def _words(topic: str, sentences: int) -> Iterator[str]:
    for sentence in islice(cycle(_SENTENCES), sentences):
        for word in sentence.format(topic=topic).split():
            yield f"{word} "
