"""A shop's templates of plans: read, renamed and deleted. The builder saves and uses them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.plan_templates import TEMPLATE_NAME_LONGEST
from portal.core.roles import Permission
from portal.extensions import db
from portal.queries.plan_templates import list_templates
from portal.services import plan_templates
from portal.services.transaction import unit_of_work
from portal.web.fields import TextField
from portal.web.forms import PageForm
from portal.web.guards import actor, requires
from portal.web.merchant.offer_forms import FIRST_DUE, MONTH_DAY_CHOICES
from portal.web.rendering import done

bp = Blueprint("plan_templates", __name__, url_prefix="/merchant/templates")


class NameForm(PageForm):
    template_name = TextField(_l("Name of the template"), longest=TEMPLATE_NAME_LONGEST)


@bp.get("")
@requires(Permission.OFFER)
def show() -> Response:
    return _page()


@bp.post("/<uuid:template_id>/rename")
@requires(Permission.OFFER)
def rename(template_id: UUID) -> Response:
    form = NameForm()
    if form.validate():
        with form.collecting():
            with unit_of_work(db.session):
                plan_templates.rename(db.session, actor(), template_id, form.template_name.data)
            return done(url_for(".show"), _("The template is renamed."))
    return _page(form, template_id, 422)


@bp.post("/<uuid:template_id>/delete")
@requires(Permission.OFFER)
def delete(template_id: UUID) -> Response:
    with unit_of_work(db.session):
        plan_templates.remove(db.session, actor(), template_id)
    return done(url_for(".show"), _("The template is deleted. Plans made from it stay as they are."))


def _page(form: NameForm | None = None, renaming: UUID | None = None, status: int = 200) -> Response:
    page = render_template(
        "merchant/templates.html",
        saved=list_templates(db.session, actor()),
        form=form or NameForm(formdata={}),
        renaming=renaming,
        first_dues=FIRST_DUE,
        month_days=MONTH_DAY_CHOICES,
    )
    return make_response(page, status)
