"""The requests that people and programs make most, each beside the bare program with the same SQL, on PostgreSQL."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select

from portal.api import tokens
from portal.models import Installment, Plan
from tests.concurrency import web

from . import clients, loading, places, recording
from .bare import Recording
from .clients import Result, request
from .places import Place

CLIENTS = 16
WARM_UP_SECONDS = 0.5
MOST_PAID = 20_000
OWED = Installment.owed > 0
OF_BARE = 0.6

PAY = "/api/plans/installments/{}/pay/"

Scripts = list[Iterator[bytes]]
# The customer, the plan and the id of an installment.
Owed = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: so many turns for the portal and the bare program each, of so many seconds."""

    turns: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: rates in requests a second, times in seconds; ``of_bare`` is the median of all turns."""

    name: str
    goal: int
    rate: float
    median: float
    slowest: float
    statements: int
    bare: float
    of_bare: float

    @property
    def met(self) -> bool:
        return self.rate >= self.goal and self.of_bare >= OF_BARE


@dataclass(frozen=True, slots=True)
class RequestT:
    """A prepared line: its requests to the portal and to the bare program, one script for each client."""

    recording: Recording
    portal: Scripts
    bare: Scripts


@dataclass(frozen=True, slots=True)
class Stage:
    """What a line is prepared from: the portal in this process, the database, and where the web listens."""

    app: Flask
    place: Place
    port: int

    @property
    def shop(self) -> UUID:
        return self.place.shops[0].id

    def bearer(self, user_id: UUID) -> dict[str, str]:
        """The header of a user, whose session was loaded; tokens last fifteen minutes."""
        with self.app.app_context():
            return {"Authorization": f"Bearer {tokens.issue(user_id, user_id, tokens.Kind.ACCESS)}"}

    def cookie(self, user_id: UUID) -> dict[str, str]:
        """The header of a browser in which the user is signed in, by the session that was loaded."""
        signer = SecureCookieSessionInterface().get_signing_serializer(self.app)
        assert signer
        kept = signer.dumps({"_user_id": f"{user_id}.{user_id}", "_fresh": True, "_permanent": True})
        return {"Cookie": f"{self.app.config['SESSION_COOKIE_NAME']}={kept}"}


def measure(place: Place, effort: Effort, folder: Path, only: tuple[str, ...] = ("",)) -> Iterator[Line]:
    """Line by line, each on copies of the loaded database of its own; those whose names begin like one of ``only``."""
    chosen = [(name, line) for name, line in LINES.items() if name.startswith(only)]
    for number, (name, (goal, prepare)) in enumerate(chosen):
        here = folder / f"line-{number}"
        here.mkdir()
        yield _measure(place, effort, here, name, goal, prepare)


def _measure(
    place: Place, effort: Effort, folder: Path, name: str, goal: int, prepare: Callable[[Stage], RequestT]
) -> Line:
    with ExitStack() as stack:
        ours, theirs, looked_at = (stack.enter_context(places.copy(place, folder)) for _ in range(3))
        portal = stack.enter_context(web.running(ours.environ(), folder))
        asked = prepare(Stage(recording.application(looked_at), looked_at, portal.port))
        kept = folder / "recording"
        asked.recording.keep(kept)
        bare_environ = {"DATABASE_URL": theirs.url, "RECORDING": str(kept)}
        bare = stack.enter_context(web.running(bare_environ, folder, "bench.bare:app"))
        pairs = ((portal.port, asked.portal), (bare.port, asked.bare))
        for port, scripts in pairs:
            clients.run(port, scripts, WARM_UP_SECONDS)
        turns = [
            [clients.run(port, scripts, effort.seconds) for port, scripts in pairs]
            for _ in range(effort.turns)
        ]
    portals, bares = zip(*turns, strict=True)
    whole = Result()
    for each in portals:
        whole.add(each)
    return Line(
        name,
        goal,
        statistics.median(each.rate for each in portals),
        whole.percentile(50),
        whole.percentile(99),
        asked.recording.statements,
        statistics.median(each.rate for each in bares),
        statistics.median(ours.rate / theirs.rate for ours, theirs in turns),
    )


def _reading(path: str, headers: dict[str, str], stage: Stage) -> RequestT:
    """All clients ask for the same; a page is drawn anew each time all the same."""
    kept = recording.record(stage.app, lambda client: client.get(path, headers=headers))
    sent = {"portal": request("GET", path, headers), "bare": request("GET", "/replay/")}
    return RequestT(kept, *([itertools.repeat(each) for _ in range(CLIENTS)] for each in sent.values()))


def _dashboard(stage: Stage) -> RequestT:
    return _reading("/api/analytics/dashboard/", stage.bearer(stage.shop), stage)


def _plans(stage: Stage) -> RequestT:
    return _reading("/api/plans/?limit=50", stage.bearer(stage.shop), stage)


def _customer(stage: Stage) -> int:
    """One in the middle, whose plans are partly paid."""
    return stage.place.plans // loading.PLANS_OF_A_CUSTOMER // 2


def _customers_plans(stage: Stage) -> RequestT:
    return _reading("/api/plans/?limit=50", stage.bearer(loading.customer_id(_customer(stage))), stage)


def _one_plan(stage: Stage) -> RequestT:
    plan_id = loading.plan_id(stage.place.plans // 2)
    return _reading(f"/api/plans/{plan_id}/", stage.bearer(stage.shop), stage)


def _page(stage: Stage) -> RequestT:
    return _reading("/customer/", stage.cookie(loading.customer_id(_customer(stage))), stage)


def _create(stage: Stage) -> RequestT:
    headers = stage.bearer(stage.shop)

    def body(number: int) -> dict[str, object]:
        email = f"customer-{number % (stage.place.plans // loading.PLANS_OF_A_CUSTOMER)}@example.com"
        return {
            "customer_email": email,
            "total_amount": "120.00",
            "num_installments": 6,
            "start_date": "2030-01-31",
        }

    kept = recording.record(
        stage.app, lambda client: client.post("/api/plans/", json=body(0), headers=headers)
    )
    return RequestT(
        kept,
        [
            (request("POST", "/api/plans/", headers, body(n)) for n in itertools.count(k, CLIENTS))
            for k in range(CLIENTS)
        ],
        [itertools.repeat(request("POST", "/replay/", body={})) for _ in range(CLIENTS)],
    )


def _pay(stage: Stage) -> RequestT:
    """Every client pays for customers of its own, each installment once and under a key."""
    own = _shares(stage, [stage.shop] * CLIENTS)
    customer, _plan, installment = given = next(mine for mine in own if mine).pop()
    headers = stage.bearer(UUID(customer)) | {"Idempotency-Key": installment}
    url = PAY.format(installment)
    kept = recording.record(stage.app, lambda client: client.post(url, json={}, headers=headers), given)
    bare = [(request("POST", f"/replay/{'/'.join(each)}", body={}) for each in mine) for mine in own]
    return RequestT(kept, _payments(stage, own), bare)


def paying(stage: Stage, shops: list[UUID]) -> Scripts:
    """A script for each client, who pays at the shop in its place."""
    return _payments(stage, _shares(stage, shops))


def _payments(stage: Stage, own: list[list[Owed]]) -> Scripts:
    headers = {
        customer: stage.bearer(UUID(customer)) for mine in own for customer, _plan, _installment in mine
    }

    def pay(customer: str, installment: str) -> bytes:
        return request(
            "POST", PAY.format(installment), headers[customer] | {"Idempotency-Key": installment}, {}
        )

    return [(pay(customer, installment) for customer, _plan, installment in mine) for mine in own]


def _shares(stage: Stage, shops: list[UUID]) -> list[list[Owed]]:
    """What each client pays: those that pay at the same shop have its customers divided among them."""
    shares: list[list[Owed]] = [[] for _ in shops]
    for shop in set(shops):
        mine = [share for share, theirs in zip(shares, shops, strict=True) if theirs == shop]
        for owed in payable(stage.place, shop):
            mine[UUID(owed[0]).int % len(mine)].append(owed)
    return shares


def payable(place: Place, shop: UUID) -> list[Owed]:
    """The customer, the plan and the id of every installment that is owed and will not be late before long."""
    query = (
        select(Plan.customer_id, Plan.id, Installment.id)
        .join(Installment, (Installment.merchant_id == Plan.merchant_id) & (Installment.plan_id == Plan.id))
        .where(Plan.merchant_id == shop, OWED, Installment.late_on.is_(None))
        .order_by(Installment.due_on.desc(), Installment.id.desc())
        .limit(MOST_PAID)
    )
    with places.session(place) as session:
        return [(str(customer), str(plan), str(id_)) for customer, plan, id_ in session.execute(query)]


LINES: dict[str, tuple[int, Callable[[Stage], RequestT]]] = {
    "dashboard over the API": (500, _dashboard),
    "a page of 50 plans over the API": (300, _plans),
    "a customer's plans, 15 with 90 installments, over the API": (300, _customers_plans),
    "one plan over the API": (600, _one_plan),
    "create a plan of 6 over the API": (200, _create),
    "pay an installment over the API": (250, _pay),
    "schedule page of the customer, HTML, 15 plans": (250, _page),
}
