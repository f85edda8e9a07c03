"""A shop imports plans on its pages: rows with their faults first, then Send, then how far it is."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import func, select

from portal.extensions import now
from portal.models import Import, Member, Plan
from portal.queries.accounts import find_member
from portal.services import imports
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import Forms, sign_in, text

HEAD = "email;description;total;installments;first_due;paid_before\n"


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def rows():
    due = f"{now():%d.%m.%Y}"
    good = f"ada@example.com;Oak table;1.200,00;12;{due};400,00\n"
    return good + good + f"=1+1;Chair;12,345;0;{due};\n"


def upload(client, content, name="plans.csv"):
    token = Forms(text(client.get("/merchant/import"))).all
    fields = next(form.fields for form in token if form.action == "/merchant/import")
    data = {"csrf_token": fields["csrf_token"], "file": (io.BytesIO(content), name)}
    return client.post("/merchant/import", data=data, content_type="multipart/form-data")


def offers(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(Plan))


def test_each_row_is_shown_with_its_faults_and_only_send_sends(session, ada, app, merchant, rows):
    assert 'href="/merchant/import"' in text(merchant.get("/merchant/plans/"))
    answer = upload(merchant, b"\xef\xbb\xbf" + (HEAD + rows).encode())
    assert answer.status_code == 303 and offers(session) == 0
    page = text(merchant.get(answer.location))
    for words in (
        "1.200,00",
        "Ready to send",
        "With a fault",
        "Sent before",
        "begins like a formula",
        "<code>total</code>",
    ):
        assert words in page, words
    sending = next(form for form in Forms(page).all if form.action.endswith("/send"))
    for _ in range(2):
        assert merchant.post(sending.action, data=sending.fields).location == answer.location
    assert offers(session) == 0
    page = text(merchant.get(answer.location))
    assert 'hx-trigger="every 5s"' in page and "Show how far it is now" in page and "within 1 day" in page
    fragment = text(merchant.get(answer.location, headers={"HX-Request": "true"}))
    assert fragment.lstrip().startswith("<section") and "Waiting" in fragment
    imports.send_waiting(session, find_member, now)
    page = text(merchant.get(answer.location))
    assert "hx-trigger" not in page.partition("<main")[2].partition("</main>")[0]
    assert offers(session) == 1
    plan_id = session.scalars(select(Plan.id)).one()
    assert f'href="/merchant/plans/{plan_id}"' in page
    plan = text(merchant.get(f"/merchant/plans/{plan_id}"))
    assert "Plan brought over from elsewhere: $400.00 paid before" in plan
    assert answer.location in text(merchant.get("/merchant/import"))


def test_the_customer_reads_in_the_terms_what_was_paid_before(session, app, merchant, rows, ada):
    answer = upload(merchant, (HEAD + rows.replace("ada@example.com", ada.email)).encode())
    sending = next(f for f in Forms(text(merchant.get(answer.location))).all if f.action.endswith("/send"))
    merchant.post(sending.action, data=sending.fields)
    imports.send_waiting(session, find_member, now)
    session.rollback()
    customer = app.test_client()
    sign_in(customer, ada)
    page = text(customer.get(f"/customer/plans/{session.scalars(select(Plan.id)).one()}"))
    assert "Paid before:" in page and "$400.00" in page


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a;b\n1;2\n", HEAD.encode(), b'email,"x\n'])
def test_a_file_that_cannot_be_read_is_refused_at_its_field(session, merchant, content):
    answer = upload(merchant, content)
    assert answer.status_code == 422 and 'id="file-error"' in text(answer)
    assert session.scalar(select(func.count()).select_from(Import)) == 0


def test_no_file_at_all_is_refused(merchant):
    answer = merchant.submit("/merchant/import", {})
    assert answer.status_code == 422 and "Choose a file." in text(answer)


def test_the_sample_can_be_imported(merchant):
    answer = upload(merchant, merchant.get("/merchant/import/sample.csv").data)
    page = text(merchant.get(answer.location))
    assert "Ready to send" in page and "With a fault" not in page


def test_a_file_above_a_megabyte_is_refused_at_its_field(app, session, merchant):
    # As bytes, since Werkzeug's client puts a larger form into a file that it does not close.
    about = b'--x\r\nContent-Disposition: form-data; name="file"; filename="plans.csv"\r\n\r\n'
    sent = {"data": about + b"x" * 1_100_000 + b"\r\n--x--\r\n"}
    sent["content_type"] = "multipart/form-data; boundary=x"
    answer = merchant.post("/merchant/import", **sent)
    assert answer.status_code == 413 and 'id="file-error"' in text(answer)
    assert "This file is larger than 1 MB." in text(answer) and "Read the file" in text(answer)
    assert session.scalar(select(func.count()).select_from(Import)) == 0
    # Who is not signed in, or may not offer, is told no more than elsewhere.
    stranger = app.test_client().post("/merchant/import", **sent)
    assert stranger.status_code == 413 and "Read the file" not in text(stranger)


def test_lines_of_its_own_are_shown_as_they_were_typed(merchant):
    lines = f"{now():%Y-%m-%d} 1.150,50 | 31.12.2030 250"
    answer = upload(merchant, f"email;description;lines\nada@example.com;Oak;{lines}\n".encode())
    page = text(merchant.get(answer.location))
    assert lines in page and "Ready to send" in page


def test_many_rows_have_pages(merchant, rows):
    due = f"{now():%Y-%m-%d}"
    many = "".join(f"b{n}@example.com;Oak;100;2;{due};\n" for n in range(150))
    answer = upload(merchant, (HEAD + many).encode())
    first = text(merchant.get(answer.location))
    assert "b99@example.com" in first and "b100@example.com" not in first
    second = text(merchant.get(f"{answer.location}?after=100"))
    assert "b100@example.com" in second and "b149@example.com" in second


def test_it_is_another_shops_404_and_a_bookkeepers_403(app, session, shop, merchant, rows):
    location = upload(merchant, (HEAD + rows).encode()).location
    other = app.test_client()
    sign_in(other, factories.make_merchant(session, "Other Shop"))
    assert other.get(location).status_code == 404
    with unit_of_work(session):
        session.get_one(Member, (shop.id, shop.id)).role = "bookkeeper"
    assert merchant.get(location).status_code == 403
