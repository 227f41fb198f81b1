"""The lifecycle under random interleavings, on several connections.

LIFECYCLE_EXAMPLES=1000 looks longer: each example is up to `STEPS` steps from an empty store.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.lifecycle_machine import LifecycleMachine, hands

EXAMPLES: Final = int(os.environ.get("LIFECYCLE_EXAMPLES", "15"))
STEPS: Final = 30


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_in_whatever_order_the_lifecycle_keeps_its_promises():
    with hands() as own_hands:

        class Machine(LifecycleMachine):
            hands = own_hands

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
