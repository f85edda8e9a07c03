"""Commands for the operator: make an admin, load demo data, run a day, check the books, spread the tables."""

from __future__ import annotations

import sys
from datetime import datetime

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from .adapters import reset_tokens
from .core import accounts as rules
from .core.calendar import business_date
from .core.errors import Conflict, InvalidInput
from .core.jobs import SELF_CHECK
from .core.passwords import check_password
from .database import without_statement_timeout
from .demo import load, sign_ins
from .extensions import adapters, db, now, owner_engine
from .models import distribution
from .queries import self_check as checks
from .services import (
    accounts,
    addresses,
    daily_run,
    job_runs,
    outbox,
    rollups,
    search_words,
    second_factor,
    sessions,
)
from .services.transaction import unit_of_work


@click.command("create-admin")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@with_appcontext
def create_admin(email: str, password_stdin: bool) -> None:
    """Make an admin, who signs in with EMAIL; no form can do this."""
    password = sys.stdin.readline().rstrip("\n")
    try:
        email = rules.clean_email(email)
        check_password(password, password, name="", email=email)
        hashed = adapters().passwords.hash(password)
        with unit_of_work(db.session):
            accounts.create_admin(db.session, email, hashed, now())
    except InvalidInput as invalid:
        field, fault = next(iter(invalid.errors.items()))
        raise click.ClickException(f"{field}: {fault}") from None
    click.echo(f"{email} is an admin now.")


@click.command("reset-link")
@click.argument("email")
@with_appcontext
def reset_link(email: str) -> None:
    """Print a link that sets a new password for the account of EMAIL; the request is recorded."""
    try:
        with unit_of_work(db.session):
            user = accounts.make_reset_link(db.session, email, now())
    except InvalidInput as invalid:
        raise click.ClickException(str(invalid.errors["email"])) from None
    settings = current_app.config
    click.echo(f"{settings['PORTAL_URL']}/reset/{reset_tokens.make(settings['SECRET_KEY'], *user)}")


@click.command("change-email")
@click.argument("old")
@click.argument("new")
@with_appcontext
def change_email(old: str, new: str) -> None:
    """Change an account's address from OLD to NEW, for a lost mailbox. OLD gets an email, NEW has to be verified."""
    verify = current_app.config["VERIFY_EMAIL"]
    try:
        with unit_of_work(db.session):
            addresses.change_by_operator(db.session, old, new, now(), verify=verify)
    except InvalidInput as invalid:
        raise click.ClickException(str(invalid.errors["email"])) from None
    click.echo(f"{old} is {new} now, and signed out everywhere.")


@click.command("remove-second-factor")
@click.argument("email")
@with_appcontext
def remove_second_factor(email: str) -> None:
    """Turn off two-factor sign-in of EMAIL, who lost app and codes. It is recorded, and the person gets an email."""
    try:
        with unit_of_work(db.session):
            second_factor.remove_by_operator(db.session, email, now())
    except InvalidInput as invalid:
        raise click.ClickException(str(invalid.errors["email"])) from None
    click.echo(f"Two-factor sign-in of {email} is off.")


@click.command("demo")
@with_appcontext
def demo() -> None:
    """Load a year of demo data, once, and print its sign-ins."""
    try:
        loaded = load(db.session, adapters().passwords, now())
    except Conflict as conflict:
        raise click.ClickException(str(conflict)) from None
    click.echo("Demo data loaded." if loaded else "Demo data is there already.")
    for role, email, password in sign_ins():
        click.echo(f"  {role:<10}{email:<28}{password}")


@click.command("run-day")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day to work for; today by default.")
@with_appcontext
def run_day(on: datetime | None) -> None:
    """Mark what is overdue, queue reminders, end old offers for every shop, then deliver messages."""
    began = now()
    counts = daily_run.run(db.session, began, on.date() if on else None, at_any_hour=True)
    counts |= outbox.deliver(db.session, adapters().mailer, adapters().emails.write, now)
    today = on.date() if on else business_date(began, current_app.config["PORTAL_TIMEZONE"])
    with unit_of_work(db.session):
        job_runs.record(db.session, "run_day", today, began, now(), counts)
    click.echo(", ".join(f"{name}: {count}" for name, count in counts.items()))


@click.command("self-check")
@with_appcontext
def self_check() -> None:
    """Check every invariant of the books and record the result; exit with 1 if one is broken."""
    began = now()
    findings = checks.run(db.session)
    broken = sum(bool(finding.broken) for finding in findings)
    with unit_of_work(db.session):
        today = business_date(began, current_app.config["PORTAL_TIMEZONE"])
        job_runs.record(db.session, SELF_CHECK, today, began, now(), {"broken": broken})
    for finding in findings:
        click.echo(
            f"{'ok ' if not finding.broken else 'BROKEN'} {finding.name}: {finding.sentence}"
            + (f" ({finding.broken} rows)" if finding.broken else "")
        )
    if broken:
        sys.exit(1)


@click.command("recount")
@with_appcontext
def recount() -> None:
    """Count the sums and write the words of the search afresh; people can read meanwhile, but not write."""
    with Session(owner_engine()) as session, unit_of_work(session):
        rollups.rebuild_rollups(session)
        search_words.rewrite(session)
    click.echo("The sums are counted afresh, and the words that plans are searched by are written anew.")


@click.command("distribute")
@click.option(
    "--shards", type=click.IntRange(1, 128), default=16, show_default=True, help="Of the first time."
)
@with_appcontext
def distribute(shards: int) -> None:
    """Spread the tables of shops over the machines of a Citus cluster; to be run again after each upgrade."""
    try:
        with owner_engine().connect().execution_options(write=True) as connection, connection.begin():
            done = distribution.distribute(connection, shards)
    except distribution.CannotDistribute as reason:
        raise click.ClickException(f"{reason} Nothing was changed.") from None
    click.echo("\n".join(done or ["Every table is where it belongs. Nothing was changed."]))


@click.command("end-sessions")
@with_appcontext
def end_sessions() -> None:
    """Sign everybody out, and end each link and calendar address: run it after a backup was restored."""
    with unit_of_work(db.session), without_statement_timeout(db.session):
        count = sessions.end_all_access(db.session)
    click.echo(f"{count} sessions ended, and all links and calendar addresses.")


COMMANDS = (
    create_admin,
    reset_link,
    change_email,
    remove_second_factor,
    demo,
    run_day,
    self_check,
    recount,
    distribute,
    end_sessions,
)
