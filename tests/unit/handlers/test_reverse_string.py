import pytest

from tests.unit.handlers.running import run


@pytest.mark.parametrize(("text", "reversed_text"), [("", ""), ("abc", "cba"), ("añ😀", "😀ña")], ids=ascii)
async def test_last_character_comes_first(text: str, reversed_text: str) -> None:
    assert await run("reverse_string", text=text) == {"text": reversed_text}
