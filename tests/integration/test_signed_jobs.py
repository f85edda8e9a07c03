"""Jobs are unpickled, which can run any code: only those that the portal signed are, on SQLite and on Redis."""

import pickle
from pathlib import Path

import pytest
from huey.serializer import Serializer, SignedSerializer

from portal.adapters.signing import PURPOSES, derived_key
from portal.tasks.queue import make_huey

SECRET = "a secret of at least thirty-two characters"
KEY = derived_key(SECRET, "jobs")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(params=["in a file", "on Redis"])
def queue(request, tmp_path):
    redis_url = request.getfixturevalue("redis_url") if request.param == "on Redis" else None
    return make_huey(redis_url, tmp_path, KEY)


@pytest.fixture
def trap(tmp_path):
    return Trap(tmp_path / "sprung")


def forgeries(trap: Trap) -> dict[str, bytes]:
    unsigned = pickle.dumps(trap)
    other_key = SignedSerializer(secret=derived_key(SECRET, "tokens of the API"))
    return {
        "unsigned": unsigned,
        "signed with another key": other_key.serialize(trap),
        "with an empty signature": unsigned + b":",
        "with a signature of its own": unsigned + b":" + b"0" * 40,
        "empty": b"",
    }


@pytest.mark.parametrize("forgery", forgeries(Trap(Path())))
def test_a_forged_job_is_refused_before_it_is_unpickled(queue, trap, forgery):
    queue.storage.enqueue(forgeries(trap)[forgery])
    with pytest.raises(ValueError, match=r"Signature|Separator"):
        queue.dequeue()
    assert not trap.path.exists()


def test_without_the_signature_the_trap_would_have_been_sprung(trap):
    Serializer().deserialize(forgeries(trap)["unsigned"])
    assert trap.path.exists()


def test_a_job_of_the_portal_comes_out_as_it_went_in(queue):
    @queue.task()
    def wake():
        return "woken"

    wake()
    assert queue.execute(queue.dequeue()) == "woken"


def test_every_purpose_has_a_key_of_its_own():
    keys = {derived_key(SECRET, purpose) for purpose in PURPOSES}
    assert len(keys) == len(PURPOSES)
    assert all(len(key) == 32 for key in keys)
    with pytest.raises(ValueError, match="not in PURPOSES"):
        derived_key(SECRET, "job")
