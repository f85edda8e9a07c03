"""Requests that could be understood in two ways are refused: malformed, repeated, nested, guessed, too large."""

from __future__ import annotations

import io
import json

import pytest

from tests.api.conftest import new_plan, today

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

MALFORMED = {
    "no JSON": b"total_amount=1",
    "cut off": b'{"total_amount": "1',
    "a name twice": b'{"total_amount": "1.00", "total_amount": "2.00"}',
    "a name twice, deeper": b'{"description": {"a": 1, "a": 1}}',
    "NaN": b'{"total_amount": NaN}',
    "infinity": b'{"total_amount": -Infinity}',
    "10,000 deep": b"[" * 10_000,
    "10,000 deep and closed": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "Latin-1": '{"description": "é"}'.encode("latin-1"),
    "UTF-16": '{"description": "é"}'.encode("utf-16"),
    "two values": b"{} {}",
    "null": b"null",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_json_is_400(shop, name):
    answer = shop.post("/plans/", data=MALFORMED[name], content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


GUESSES = {
    "num_installments": [
        True,
        1.5,
        4.0,
        "4.0",
        " 4",
        "+4",
        "04",
        "4e0",
        "٤",
        "",
        None,
        [4],
        "0x4",
        0,
        -4,
        "-4",
        61,
        "61",
        "9" * 400,
        "1_0",
    ],
    "total_amount": [
        True,
        25.5,
        "25,00",
        "1e3",
        " 25",
        "25.",
        ".5",
        "-1",
        -1,
        0,
        "0",
        "25.001",
        None,
        [],
        "٣",
        "9" * 400,
        "1" * 14,
        10**12,
        "NaN",
        "١٢",
    ],
    "start_date": [
        "2026-01-01T00:00:00",
        "2026-02-30",
        "01/02/2026",
        "2026-1-1",
        20260101,
        None,
        "",
        "2026-01-01 ",
        "0001-01-01",
        "9999-12-31",
        "٢٠٢٦-٠١-٠١",
    ],
    "frequency": ["daily", "Monthly", "", None, 1, ["monthly"]],
    "customer_email": [
        "",
        "nobody",
        "a\0b@example.com",
        "\ud800@example.com",
        5,
        None,
        "x" * 300,
        "shop@example.com",
    ],
    "description": ["a\0b", "\ud800", "a\nb", "x" * 201, 5, None, "4111 1111 1111 1111"],
    "currency": ["USD", None],
}
CASES = [(field, value) for field in GUESSES for value in GUESSES[field]]


@pytest.mark.parametrize(("field", "value"), CASES, ids=[f"{f} {ascii(v)[:20]}" for f, v in CASES])
def test_what_is_not_exactly_right_is_422_at_its_field(shop, field, value):
    answer = shop.post("/plans/", json=new_plan(**{field: value}))
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {field}
    assert all(isinstance(message, str) and message for message in answer.json["errors"][field])
    assert shop.get("/plans/").json == []


@pytest.mark.parametrize("digits", ["9" * 5000, "1" + "0" * 400])
def test_endless_numbers_are_refused_by_name(shop, digits):
    body = '{"num_installments": %s, "total_amount": %s, "frequency": %s}' % (digits, digits, digits)  # noqa: UP031
    answer = shop.post("/plans/", data=body)
    assert answer.status_code == 422
    assert {"num_installments", "total_amount", "frequency"} <= set(answer.json["errors"])


@pytest.mark.parametrize(
    ("more", "count", "total"),
    [
        ({"num_installments": "4"}, 4, "100.00"),
        ({"num_installments": 4, "total_amount": 25}, 4, "25.00"),
        ({"total_amount": "0.05", "num_installments": "5"}, 5, "0.05"),
        ({"total_amount": "33.3"}, 4, "33.30"),
    ],
)
def test_an_exact_integer_in_a_string_and_an_amount_as_an_integer_are_taken(shop, more, count, total):
    made = shop.post("/plans/", json=new_plan(**more))
    assert made.status_code == 201
    assert (made.json["num_installments"], made.json["total_amount"]) == (count, total)


def test_shape_and_rules_are_named_together(shop):
    sent = {
        "customer_email": "shop@example.com",
        "total_amount": "1.234",
        "num_installments": True,
        "start_date": "1999-01-01",
        "frequncy": "weekly",
        "\ud800": 1,
    }
    answer = shop.post("/plans/", json=sent)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"frequncy", "?", *list(sent)[:4]}


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "true"])
def test_a_body_that_is_no_object_is_422(shop, body):
    answer = shop.post("/plans/", data=body, content_type="application/json")
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"body"})


def test_no_body_names_every_field_that_is_needed(shop):
    answer = shop.post("/plans/")
    assert set(answer.json["errors"]) == {"customer_email", "total_amount", "num_installments", "start_date"}


def test_what_needs_no_body_takes_none_or_an_empty_object_and_nothing_else(shop, ada, plan):
    path = f"/plans/installments/{plan['installments'][0]['id']}/pay/"
    assert set(ada.post(path, json={"amount": "5.00"}).json["errors"]) == {"amount"}
    assert ada.post(path, data="{").status_code == 400
    assert ada.post(path, json={}).status_code == 200
    assert (
        ada.post(path.replace(plan["installments"][0]["id"], plan["installments"][1]["id"])).status_code
        == 200
    )


@pytest.mark.parametrize("path", ["/plans/", "/auth/register/", "/token/"])
def test_a_body_over_a_megabyte_is_413(shop, path):
    answer = shop.post(path, data=b'{"description": "' + b"x" * 1_000_000 + b'"}')
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_body_that_comes_in_chunks_is_read_whole_or_refused(shop):
    """Gunicorn tells nothing of the length of such a body, only that it comes to an end."""

    def send(size: int):
        body = json.dumps(new_plan(), separators=(",", ":")).encode().ljust(size)
        environ = {
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        }
        return shop.post("/plans/", environ_overrides=environ, content_type="application/json")

    assert [send(size).status_code for size in (500, 1_000_000, 1_000_001, 2_000_000)] == [201, 201, 413, 413]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=9" + "9" * 99, "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("status=late", "status"),
        ("stauts=paid", "stauts"),
        ("limit=1&limit=2", "limit"),
        ("status=%00", "status"),
        ("cursor=%ff", "cursor"),
    ],
)
def test_a_query_that_is_not_understood_is_422(shop, query, field):
    answer = shop.get(f"/plans/?{query}")
    assert (answer.status_code, set(answer.json["errors"])) == (422, {field})


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
def test_a_key_that_could_be_read_differently_is_422(shop, key):
    answer = shop.post("/plans/", json=new_plan(), headers={"Idempotency-Key": key})
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"Idempotency-Key"})


def test_errors_are_problems_under_the_api_and_pages_elsewhere(app, shop):
    client = app.test_client()
    for path in ("/api", "/api/", "/api/nothing", "/api/plans/not-an-id/", "/api/docs/nothing"):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), path
        assert answer.json["title"] == "Not Found" and answer.json["detail"]
    answer = shop.call("PUT", "/plans/")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    for path in ("/nothing", "/apinothing"):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_days_are_those_of_the_plan(shop):
    assert shop.post("/plans/", json=new_plan()).json["installments"][0]["due_date"] == today().isoformat()
