"""What goes wrong meanwhile: workers killed, connections cut; each a thread that ends with the load."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Busy
from portal.services import payment_settlement, refund_settlement
from tests.databases import CUT_OTHERS

# The settling job waits a minute; here it comes sooner, to meet the requests that repeat what it settles.
SETTLE_AFTER = timedelta(seconds=2)

# How a thread of the tests' own notices that its connection was cut.
LOST = (Busy, OperationalError, InterfaceError)


class Repeated:
    """How often something was done."""

    count = 0


@contextlib.contextmanager
def every(seconds: float, act: Callable[[], int]) -> Iterator[Repeated]:
    """Do it again and again in a thread, counting what it returns; what it raises is raised at the end."""
    stop, repeated, failures = threading.Event(), Repeated(), []

    def repeat() -> None:
        try:
            while not stop.wait(seconds):
                repeated.count += act()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield repeated
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def once_alive(act: Callable[[], int], answers: Callable[[], int]) -> Callable[[], int]:
    """Only act if something was answered since the last time: a web that is still starting need not be killed."""
    seen = 0

    def act_if_alive() -> int:
        nonlocal seen
        if answers() == seen:
            return 0
        seen = answers()
        return act()

    return act_if_alive


def cut_connections(engine: Engine) -> int:
    """End all connections to this PostgreSQL database, the portal's and the tests' own; returns how many."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.closing(psycopg2.connect(url)) as own, own.cursor() as cursor:
        cursor.execute(CUT_OTHERS)
        return cursor.rowcount


def settle(engine: Engine) -> int:
    """Run the settling job once, as the worker would; returns how many payments and refunds it settled."""
    with Session(engine, expire_on_commit=False) as session:
        try:
            paid = payment_settlement.settle_pending(session, Simulator(), datetime.now(UTC), SETTLE_AFTER)
            back = refund_settlement.settle_pending(session, Simulator(), datetime.now(UTC), SETTLE_AFTER)
            return paid["settled"] + back["refunds_settled"]
        except LOST:
            return 0
