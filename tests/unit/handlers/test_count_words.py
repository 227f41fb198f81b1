from typing import Any

import pytest

from tests.unit.handlers.running import run

TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "empty": ("", {"words": 0, "lines": 0, "most_frequent": []}),
    "case and punctuation": (
        "The end. THE END!\n",
        {"words": 4, "lines": 1, "most_frequent": [{"word": "the", "count": 2}, {"word": "end", "count": 2}]},
    ),
    "apostrophes and umlauts": (
        "don't\n\nüben",
        {"words": 2, "lines": 3, "most_frequent": [{"word": "don't", "count": 1}, {"word": "üben", "count": 1}]},
    ),
}


@pytest.mark.parametrize(("text", "statistics"), TEXTS.values(), ids=TEXTS)
async def test_words_and_lines_are_counted(text: str, statistics: dict[str, Any]) -> None:
    assert await run("count_words", text=text) == statistics


async def test_only_the_ten_most_frequent_words_are_told() -> None:
    result = await run("count_words", text=" ".join(f"w{number} " * number for number in range(1, 21)))

    assert [entry["count"] for entry in result["most_frequent"]] == list(range(20, 10, -1))
