"""A program that calls the API; every answer has to be described, and what a test leaves has to pass the self-check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.core.roles import Actor
from portal.models import Customer
from tests import factories
from tests.api.described import check_described
from tests.factories import PASSWORD, email_of


def today() -> date:
    """By the real clock, which the API goes by."""
    return datetime.now(UTC).date()


class Program:
    """Calls the API with the token of whoever it signed in last, or of nobody."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client(use_cookies=False)
        self.tokens: dict[str, str] = {}

    def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> TestResponse:
        headers = dict(more.pop("headers", {}))
        if "access" in self.tokens:
            headers.setdefault("Authorization", f"Bearer {self.tokens['access']}")
        if key:
            headers["Idempotency-Key"] = key
        if "data" in more:
            more.setdefault("content_type", "application/json")
        answer = self.client.open(f"/api{path}", method=method, headers=headers, **more)
        check_described(self.app, answer)
        return answer

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        return self.call("POST", path, **more)

    def register(self, username: str, role: str, **more: Any) -> TestResponse:
        account = {
            "username": username,
            "email": email_of(username),
            "password": PASSWORD,
            "password2": PASSWORD,
        }
        return self.post("/auth/register/", json=account | {"role": role} | more)

    def sign_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        answer = self.post("/token/", json={"username": name, "password": password})
        if answer.status_code == 200:
            self.tokens = answer.json
        return answer


def new_plan(**more: Any) -> dict[str, Any]:
    """100.00 in four parts for Ada, the first one due today."""
    plan = {
        "customer_email": "ada@example.com",
        "total_amount": "100.00",
        "num_installments": 4,
        "start_date": today().isoformat(),
        "description": "Oak table",
    }
    return plan | more


def in_days(days: int) -> str:
    return (today() + timedelta(days=days)).isoformat()


@pytest.fixture
def program(app: Flask) -> Program:
    """A program that nobody has signed in yet."""
    return Program(app)


@pytest.fixture
def shop(app: Flask, session: Session) -> Iterator[Program]:
    """A merchant's program; after the test every invariant of the self-check must hold."""
    program = Program(app)
    assert program.register("shop", "merchant").status_code == 201
    program.sign_in("shop")
    yield program
    assert factories.broken_invariants(session) == []


@pytest.fixture
def ada(app: Flask) -> Program:
    """A customer's program."""
    program = Program(app)
    assert program.register("ada", "customer").status_code == 201
    program.sign_in("ada")
    return program


@pytest.fixture
def expired(shop: Program, ada: Program, session: Session) -> dict[str, Any]:
    """An offer that was sent forty days ago, and which no job has looked at since."""
    merchant = factories.actor(session, UUID(shop.get("/auth/me/").json["id"]))
    sent = datetime.now(UTC) - timedelta(days=40)
    plan_id = factories.offered_plan(session, merchant, "ada@example.com", now=sent, parts=2, first=today())
    return shop.get(f"/plans/{plan_id}/").json


@pytest.fixture
def plan(shop: Program, ada: Program) -> dict[str, Any]:
    """An offer of 100.00 in four parts from the shop to Ada."""
    return shop.post("/plans/", json=new_plan()).json


def customer_of(session: Session, plan: dict[str, Any]) -> Actor:
    """The customer of a plan as its shop was answered, which knows the customer by an id of its own."""
    found = session.scalars(select(Customer.user_id).where(Customer.id == UUID(plan["customer"]))).one()
    return factories.actor(session, found)
