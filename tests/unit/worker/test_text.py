import pytest

from tasks.worker.text import cut, storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("plain", "plain", id="plain text stays"),
        pytest.param("na\u00efve \U0001f600", "na\u00efve \U0001f600", id="any Unicode text stays"),
        pytest.param("a\x00b", "a\ufffdb", id="NUL is replaced"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone surrogate is replaced"),
        pytest.param("\ud83d\ude00", "\U0001f600", id="a pair of surrogates becomes its character"),
    ],
)
def test_text_is_made_fit_to_be_stored(text: str, stored: str):
    assert storable(text) == stored


def test_a_text_within_the_limit_stays_whole():
    assert cut("ä" * 50, 100) == "ä" * 50


def test_a_text_over_the_limit_ends_with_a_mark_and_within_the_limit():
    short = cut("ä" * 60, 100)

    assert len(short.encode()) <= 100
    assert short.endswith("… [cut]")
    assert short.startswith("äää")
