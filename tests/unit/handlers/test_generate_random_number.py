import pytest

from tasks.registry import RejectTask
from tests.unit.handlers.running import run


async def test_number_is_between_one_and_a_hundred_unless_told_otherwise() -> None:
    result = await run("generate_random_number")

    assert 1 <= result["number"] <= 100


@pytest.mark.parametrize("bound", [0, -(2**31), 2**31 - 1])
async def test_both_bounds_are_included(bound: int) -> None:
    assert await run("generate_random_number", minimum=bound, maximum=bound) == {"number": bound}


async def test_widest_range_is_still_an_int() -> None:
    result = await run("generate_random_number", minimum=-(2**31), maximum=2**31 - 1)

    assert -(2**31) <= result["number"] < 2**31


async def test_bounds_in_the_wrong_order_are_rejected_for_good() -> None:
    with pytest.raises(RejectTask, match="got 5 and 1: exchange them"):
        await run("generate_random_number", minimum=5, maximum=1)
