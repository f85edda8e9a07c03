"""Plans live through anything, in any order, on a real database; after each step it holds what a model predicts.

Read the files in this order:

1. ``machine`` is a Hypothesis state machine. Each rule is something that can happen: somebody signs up, offers, pays,
   refunds, sends the same again; a job runs, the provider is slow or the process dies, days pass.
2. ``both_portals`` does it twice, in the model and through the portal's services. The answers have to be the same, or
   both refuse for the same reason.
3. ``model`` and ``model_rows`` are the portal's rules once more, in plain Python and in memory; they share no code.
4. ``outside`` plays the provider, which keeps its own books, and the mail server.
5. ``comparison`` then compares plans, payments, postings, events, messages and numbers with the model.

To add something that can happen: a method of the model, its twin in ``both_portals``, a rule of the machine. Where it
fails, Hypothesis prints the steps that led there as Python; the first assertion says what differed.
``test_numbers_add_up``, with ``stories_of_shops``, is a test of its own.

The ordinary run is small and the same each time. ``TORTURE_EXAMPLES=500 TORTURE_STEPS=50`` looks further: what it
finds is kept in ``.hypothesis`` and tried first the next time.
"""

from __future__ import annotations

import itertools
import os
import shutil

import pytest
from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import create_engine

from config import load_settings
from portal.database import engine_options
from tests.databases import environment
from tests.properties_db.machine import LifeOfPlans

ORDINARY = {"sqlite": 10, "postgres": 5}
STEPS = int(os.environ.get("TORTURE_STEPS", "30"))


def size(engine_name: str) -> settings:
    if examples := os.environ.get("TORTURE_EXAMPLES"):
        kept = DirectoryBasedExampleDatabase(".hypothesis/examples")
        further = {"max_examples": int(examples), "derandomize": False, "database": kept, "print_blob": True}
    else:
        # The steps are shown as they were, since looking for fewer that fail too takes minutes.
        further = {
            "max_examples": ORDINARY[engine_name],
            "derandomize": True,
            "database": None,
            "phases": [Phase.generate],
        }
    return settings(stateful_step_count=STEPS, deadline=None, **further)


@pytest.fixture
def new_life(engine_name, request, tmp_path):
    """Makes a machine on an emptied database; one that is not the first ends the one before."""
    databases = request.getfixturevalue(
        {"sqlite": "sqlite_databases", "postgres": "postgres_database"}[engine_name]
    )
    engine, numbers = None, itertools.count()

    def begin() -> LifeOfPlans:
        nonlocal engine
        end()
        folder = tmp_path / f"life-{next(numbers)}"
        folder.mkdir()
        environ = environment(folder, DATABASE_URL=databases.fresh(folder))
        url = load_settings(environ)["SQLALCHEMY_DATABASE_URI"]
        engine = create_engine(url, **engine_options(url))
        return LifeOfPlans(engine)

    def end() -> None:
        if engine is not None:
            engine.dispose()
        for folder in tmp_path.glob("life-*"):
            shutil.rmtree(folder)

    yield begin
    end()


def test_the_portal_does_what_the_model_predicts(new_life, engine_name):
    run_state_machine_as_test(new_life, settings=size(engine_name))
