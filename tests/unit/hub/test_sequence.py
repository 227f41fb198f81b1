from uuid import UUID

from tasks.hub.sequence import MAX_PARKED, Track, Tracks
from tests.unit.hub.events import event, facts

TASK = UUID(int=7)


def test_gap_is_what_is_missing_before_the_first_that_waits():
    track = Track(2, facts(TASK))
    track.park(event(9, 7, 8))
    track.park(event(6, 7, 5))

    assert track.gap() == (3, 4)


def test_no_more_than_a_bounded_number_of_versions_waits():
    track = Track(0, facts(TASK))

    answers = [track.park(event(version, 7, version)) for version in range(2, MAX_PARKED + 4)]

    assert answers.count(False) == 2
    assert track.park(event(2, 7, 2))


def test_tasks_told_of_longest_ago_are_forgotten():
    tracks = Tracks(max_tracks=2)
    for task in (1, 2):
        tracks.begin(UUID(int=task), 1, facts(UUID(int=task)))
    tracks.get(UUID(int=1))

    tracks.begin(UUID(int=3), 1, facts(UUID(int=3)))

    assert [tracks.get(UUID(int=task)) is not None for task in (1, 2, 3)] == [True, False, True]


def test_large_arguments_are_remembered_within_a_bound_of_bytes():
    tracks = Tracks(max_bytes=100_000)
    for task in range(1, 50):
        large = facts(UUID(int=task))
        large.arguments = {"text": "x" * 20_000}
        tracks.begin(large.id, 1, large)

    assert len(tracks) == 4
