"""The drawing of a plan's tally stick (``core.stick``) as SVG: paid parts are cut and hazel, the rest is pale."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup

from portal.core.stick import HALF, LENGTH, Part, parts

# Between the halves, and around the whole, in units of the drawing.
SPLIT = 8
EDGE = 2
HEIGHT = 2 * (HALF + EDGE) + SPLIT
# For places without the pages' style sheets.
COLOURS = {"rest": "#e8dcc6", "near": "#c49a60", "far": "#a57b42"}


def drawing(terms_hash: str, cut: Sequence[bool], label: str, fresh: Collection[int] = ()) -> Markup:
    """The stick of a plan for a page: one truth value for each installment, whether it is paid.

    Its colours are in the style sheets, by the classes of its paths; ``label`` is its text for who cannot see it.
    ``fresh`` are the places of what was paid just now, whose notches are seen being cut.
    """
    states = tuple("fresh" if place in fresh else "cut" if paid else "rest" for place, paid in enumerate(cut))
    return Markup(
        '<svg class="stick" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(LENGTH, HEIGHT, label, _paths(terms_hash, states, styled=True))


def outline(label: str) -> Markup:
    """A stick before its terms are accepted: its outline, with nothing cut."""
    lower = HEIGHT - EDGE - HALF
    path = "".join(f"M{EDGE} {y}H{LENGTH - EDGE}v{HALF}H{EDGE}z" for y in (EDGE, lower))
    return Markup(
        '<svg class="stick" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="stick-outline" d="{}"/></svg>'
    ).format(LENGTH, HEIGHT, label, path)


def picture(terms_hash: str, cut: Sequence[bool]) -> str:
    """The stick as an SVG document that needs no style sheet, for documents."""
    paths = _paths(terms_hash, tuple("cut" if paid else "rest" for paid in cut), styled=False)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LENGTH} {HEIGHT}">{paths}</svg>'


@lru_cache(maxsize=4096)
def _paths(terms_hash: str, states: tuple[str, ...], *, styled: bool) -> Markup:
    """Both halves: what is not paid as plain wood, what is paid with its notches, the same ones above and below.

    ``styled`` names the colours by classes; otherwise they are written out.
    """
    shapes = dict.fromkeys((*COLOURS, "near stick-fresh", "far stick-fresh"), "")
    found = zip(states, parts(terms_hash, len(states)), strict=True)
    for state, group in groupby(found, key=lambda pair: pair[0]):
        run = [part for _state, part in group]
        fresh, paid = " stick-fresh" if state == "fresh" else "", state != "rest"
        shapes[f"near{fresh}" if paid else "rest"] += _half(run, EDGE, EDGE + HALF, paid)
        shapes[f"far{fresh}" if paid else "rest"] += _half(run, HEIGHT - EDGE, HEIGHT - EDGE - HALF, paid)
    drawn = (
        f'<path class="stick-{name}" d="{path}"/>' if styled else f'<path fill="{COLOURS[name]}" d="{path}"/>'
        for name, path in shapes.items()
        if path
    )
    return Markup("".join(drawn))  # noqa: S704 - nothing in it comes from outside


def _half(run: Sequence[Part], outer: int, split: int, paid: bool) -> str:
    """A stretch of one half: along its outer edge, and back along the split, into each notch and out of it."""
    start, end = run[0].start, run[-1].end
    if not paid:
        return f"M{start} {outer}H{end}V{split}H{start}z"
    inward = 1 if outer > split else -1
    notches = "".join(
        f"H{part.middle + part.width // 2}l{-part.width // 2} {inward * part.depth}"
        f"l{-part.width // 2} {-inward * part.depth}"
        for part in reversed(run)
    )
    return f"M{start} {outer}H{end}V{split}{notches}H{start}z"
