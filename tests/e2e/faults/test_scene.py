"""The check that all faults rely on: it must notice what it looks for."""

import pytest

from tests.e2e.faults.conftest import MakeScene
from tests.e2e.faults.scene import Scene


@pytest.fixture
def finished(make_scene: MakeScene) -> tuple[Scene, list[str]]:
    """Return a scene in which three tasks came to their end."""
    scene = make_scene()
    scene.start()
    ids = scene.submit_many(scene.api.register(), 3, {"observe": {"seconds": 0.01}})
    scene.await_ends(ids, 30)
    return scene, ids


def test_the_audit_sees_whole_tasks_and_each_kind_of_damage(finished: tuple[Scene, list[str]]):
    scene, ids = finished

    scene.audit(ids).assert_whole()

    assert "is not there" in scene.audit([*ids, "01a200e3-824f-702c-be6d-cbe70b92f197"]).lost[0]
    scene.database.rows(f"UPDATE testimony SET attempt = 2 WHERE task_id = '{ids[0]}' AND what = 'start'")
    scene.database.rows(f"DELETE FROM tasks_event WHERE task_id = '{ids[1]}' AND version = 2")
    scene.database.rows(f"UPDATE tasks_task SET status = 'RUNNING' WHERE id = '{ids[2]}'")
    scene.database.rows(f"UPDATE tasks_event SET status = 'RUNNING' WHERE task_id = '{ids[2]}'")
    audit = scene.audit(ids)
    assert [ids[0] in audit.overlaps[0], ids[1] in audit.holes[0], ids[2] in audit.lost[0]] == [True, True, True]
