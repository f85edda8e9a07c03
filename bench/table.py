"""The requests that people and programs make most, each beside the bare program with the same SQL, on PostgreSQL."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
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

from . import clients, cpu, loading, places, recording
from .bare import Recording
from .clients import Result, request
from .places import Place

CLIENTS = 16
WARM_UP_SECONDS = 0.5
MOST_PAID = 20_000
# Reads go over so many customers and plans in turn.
SPREAD = 100
OWED = Installment.owed > 0

PAY = "/api/plans/installments/{}/pay/"

Scripts = list[Iterator[bytes]]
# The customer, the plan and the id of an installment.
Owed = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: so many turns for each program, of so many seconds.

    ``against`` is the folder of an earlier checkout, with the same tables, which takes turns too.
    """

    turns: int
    seconds: float
    against: Path | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a request may cost: of the bare program by CPU; for pages the rate, the size and the seconds of CPU."""

    of_bare: float = 0
    rate: int = 0
    size: int | None = None
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table. ``cpu`` is in seconds for one request, of the web, the database and the client together.

    Rates are in requests a second, times in seconds; each is the median of all turns.
    """

    name: str
    goal: Goal
    statements: int
    size: int
    cpu: float
    bare_cpu: float
    earlier_cpu: float | None
    rate: float
    median: float
    slowest: float

    @property
    def of_bare(self) -> float:
        return self.bare_cpu / self.cpu

    @property
    def met(self) -> bool:
        goal = self.goal
        small = goal.size is None or self.size <= goal.size
        quick = goal.cpu is None or self.cpu <= goal.cpu
        return small and quick and self.of_bare >= goal.of_bare and self.rate >= goal.rate


@dataclass(frozen=True, slots=True)
class Prepared:
    """A line before it is measured: its requests to the portal and to the bare program, one script for each client."""

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

    def sellers(self) -> list[UUID]:
        """Those who work for the shop, one for each client: the API counts the requests of each."""
        return [loading.seller_id(number) for number in range(CLIENTS)]

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
    place: Place, effort: Effort, folder: Path, name: str, goal: Goal, prepare: Callable[[Stage], Prepared]
) -> Line:
    with ExitStack() as stack:
        ours, theirs, looked_at = (stack.enter_context(places.copy(place, folder)) for _ in range(3))
        portal = stack.enter_context(web.running(ours.environ(), folder))
        stage = Stage(recording.application(looked_at), looked_at, portal.port)
        asked = prepare(stage)
        kept = folder / "recording"
        asked.recording.keep(kept)
        bare_environ = {"DATABASE_URL": theirs.url, "RECORDING": str(kept)}
        bare = stack.enter_context(web.running(bare_environ, folder, "bench.bare:app"))
        programs = [(portal, asked.portal), (bare, asked.bare)]
        if effort.against:
            before = stack.enter_context(places.copy(place, folder))
            served = web.running(before.environ(), folder, root=effort.against)
            programs.append((stack.enter_context(served), prepare(stage).portal))
        for program, scripts in programs:
            clients.run(program.port, scripts, WARM_UP_SECONDS)
        turns = [
            [_turn(place, *program, effort.seconds) for program in programs] for _ in range(effort.turns)
        ]
    return _line(name, goal, asked.recording, list(zip(*turns, strict=True)))


def _turn(place: Place, program: web.Web, scripts: Scripts, seconds: float) -> tuple[Result, float]:
    """What a turn brought, and the CPU seconds of each of its requests."""
    servers = [program.master.pid, *place.server()]
    before = cpu.seconds(servers) + time.process_time()
    result = clients.run(program.port, scripts, seconds)
    return result, (cpu.seconds(servers) + time.process_time() - before) / len(result.latencies)


def _line(name: str, goal: Goal, kept: Recording, turns: list[Sequence[tuple[Result, float]]]) -> Line:
    ours = [result for result, _cpu in turns[0]]
    costs = [statistics.median(cost for _result, cost in each) for each in turns]
    whole = Result()
    for each in ours:
        whole.add(each)
    return Line(
        name,
        goal,
        kept.statements,
        len(kept.body.encode()),
        costs[0],
        costs[1],
        costs[2] if len(costs) > 2 else None,
        statistics.median(each.rate for each in ours),
        whole.percentile(50),
        whole.percentile(99),
    )


def _reading(
    stage: Stage, path: str, people: Sequence[UUID], things: Sequence[UUID] = (), cookies: bool = False
) -> Prepared:
    """The people, and with ``{}`` in the path the things, are gone through in turn, each client from another on."""
    signed = stage.cookie if cookies else stage.bearer
    headers = [signed(person) for person in people]
    whose = (
        list(zip(itertools.cycle(headers), things, strict=False)) if things else [(h, None) for h in headers]
    )
    given = [str(thing) for thing in (things or people)]
    kept = recording.record(
        stage.app,
        lambda client: client.get(path.format(whose[0][1]), headers=whose[0][0]),
        tuple(given[:1]) if things or len(people) > CLIENTS else (),
    )
    ours = [request("GET", path.format(thing), header) for header, thing in whose]
    theirs = [request("GET", f"/replay/{each}" if kept.given else "/replay/") for each in given]

    def scripts(requests: Sequence[bytes]) -> Scripts:
        return [
            itertools.islice(itertools.cycle(requests), k * len(requests) // CLIENTS, None)
            for k in range(CLIENTS)
        ]

    return Prepared(kept, scripts(ours), scripts(theirs))


def _dashboard(stage: Stage) -> Prepared:
    return _reading(stage, "/api/analytics/dashboard/", stage.sellers())


def _plans(stage: Stage) -> Prepared:
    return _reading(stage, "/api/plans/?limit=50", stage.sellers())


def _customers(stage: Stage) -> list[UUID]:
    """Those in the middle, whose plans are partly paid."""
    middle = stage.place.plans // loading.PLANS_OF_A_CUSTOMER // 2
    return [
        loading.customer_id(max(middle - SPREAD // 2, 0) + number) for number in range(min(SPREAD, middle))
    ]


def _customers_plans(stage: Stage) -> Prepared:
    return _reading(stage, "/api/plans/?limit=50", _customers(stage))


def _one_plan(stage: Stage) -> Prepared:
    first = stage.place.plans // 2
    plans = [loading.plan_id(first + number) for number in range(min(SPREAD, first))]
    return _reading(stage, "/api/plans/{}/", stage.sellers(), plans)


def _page(stage: Stage) -> Prepared:
    return _reading(stage, "/customer/", _customers(stage), cookies=True)


def _plans_page(stage: Stage) -> Prepared:
    first = stage.place.plans // 2
    plans = [loading.plan_id(first + number) for number in range(min(SPREAD, first))]
    return _reading(stage, "/merchant/plans/{}", stage.sellers(), plans, cookies=True)


def _search(stage: Stage) -> Prepared:
    """The address of a customer, whose plans all are found."""
    return _reading(stage, "/merchant/plans/?search=customer-7%40example", stage.sellers(), cookies=True)


def _page_of_many(stage: Stage) -> Prepared:
    return _reading(stage, "/customer/", [loading.customer_id(0)], cookies=True)


def _create(stage: Stage) -> Prepared:
    headers = [stage.bearer(seller) for seller in stage.sellers()]

    def body(number: int) -> dict[str, object]:
        email = f"customer-{number % (stage.place.plans // loading.PLANS_OF_A_CUSTOMER)}@example.com"
        return {
            "customer_email": email,
            "total_amount": "120.00",
            "num_installments": 6,
            "start_date": "2030-01-31",
        }

    kept = recording.record(
        stage.app, lambda client: client.post("/api/plans/", json=body(0), headers=headers[0])
    )
    return Prepared(
        kept,
        [
            (request("POST", "/api/plans/", headers[k], body(n)) for n in itertools.count(k, CLIENTS))
            for k in range(CLIENTS)
        ],
        [itertools.repeat(request("POST", "/replay/", body={})) for _ in range(CLIENTS)],
    )


def _pay(stage: Stage) -> Prepared:
    """Every client pays for customers of its own, each installment once and under a key."""
    own = _shares(stage, [stage.shop] * CLIENTS)
    customer, _plan, installment = given = next(mine for mine in own if mine).pop()
    headers = stage.bearer(UUID(customer)) | {"Idempotency-Key": installment}
    url = PAY.format(installment)
    kept = recording.record(stage.app, lambda client: client.post(url, json={}, headers=headers), given)
    bare = [(request("POST", f"/replay/{'/'.join(each)}", body={}) for each in mine) for mine in own]
    return Prepared(kept, _payments(stage, own), bare)


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


LINES: dict[str, tuple[Goal, Callable[[Stage], Prepared]]] = {
    "a page of 50 plans over the API": (Goal(0.85), _plans),
    "a customer's plans, 15 with 90 installments, over the API": (Goal(0.85), _customers_plans),
    "one plan over the API": (Goal(0.8), _one_plan),
    "dashboard over the API": (Goal(0.75), _dashboard),
    "pay an installment over the API": (Goal(0.65), _pay),
    "create a plan of 6 over the API": (Goal(0.65), _create),
    "home page of a customer, HTML, 15 plans": (Goal(0.35, rate=250, size=40_000), _page),
    "home page of a customer, HTML, 200 plans": (Goal(size=60_000, cpu=0.015), _page_of_many),
    "page of a plan for its shop, HTML": (Goal(), _plans_page),
    "search of the shop's plans, HTML": (Goal(), _search),
}
