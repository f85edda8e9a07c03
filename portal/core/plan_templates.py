"""Templates of plans: the schedule that a shop offers often, without amounts and dates."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .calendar import MOST_OFFER_DAYS
from .errors import N_, collecting
from .schedule import MAX_INSTALLMENTS, MONTH_DAYS, PERIODS, FirstDue, Frequency
from .text import clean_line

MOST_TEMPLATES = 50
TEMPLATE_NAME_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Template:
    """``deposit`` is in hundredths of a percent of the total: 2000 is 20%. ``day_of_month`` is of ``MONTH_DAYS``."""

    name: str
    num_installments: int
    frequency: Frequency
    first_due: FirstDue
    day_of_month: str | None
    deposit: int | None
    valid_days: int


def check_template(template: Template) -> Template:
    """The template with its name cleaned. Raises one ``InvalidInput`` that names every field at fault."""
    name = template.name
    with collecting() as faults:
        with faults.caught():
            name = clean_template_name(name)
        most = MAX_INSTALLMENTS - (template.deposit is not None)
        if not 1 <= template.num_installments <= most:
            faults.add("num_installments", N_("Choose 1 to %(most)s installments."), most=most)
        if template.frequency not in PERIODS:
            faults.add("frequency", N_("Choose how often from the list."))
        if template.deposit is not None and not 0 < template.deposit < 100 * 100:
            faults.add("deposit", N_("Enter a percentage between 0 and 100."))
        if not 1 <= template.valid_days <= MOST_OFFER_DAYS:
            faults.add("valid_days", N_("Choose 1 to %(most)s days."), most=MOST_OFFER_DAYS)
        by_day = template.first_due is FirstDue.DATE and template.frequency is Frequency.MONTHLY
        if template.day_of_month is not None and not (by_day and template.day_of_month in MONTH_DAYS):
            faults.add("day_of_month", N_("Choose a day from 1 to 28, or the last."))
    return replace(template, name=name)


def clean_template_name(name: str) -> str:
    """Raises ``InvalidInput`` at ``template_name``."""
    return clean_line(name, "template_name", longest=TEMPLATE_NAME_LONGEST)
