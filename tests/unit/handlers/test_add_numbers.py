import pytest

from tasks.registry import ResultInvalid
from tests.unit.handlers.running import run


@pytest.mark.parametrize(("a", "b", "total"), [(2, 3, 5.0), (-0.5, 0.25, -0.25)])
async def test_numbers_are_added(a: float, b: float, total: float) -> None:
    assert await run("add_numbers", a=a, b=b) == total


async def test_sum_beyond_all_floats_is_no_result() -> None:
    with pytest.raises(ResultInvalid, match="finite"):
        await run("add_numbers", a=1e308, b=1e308)
