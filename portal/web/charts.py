"""Charts for templates: bars laid out in percent of their plot, beside the same values as words."""

from __future__ import annotations

from dataclasses import dataclass, replace

# A bar for any amount above zero stays visible.
LEAST = 1.0  # percent
# Of a point's width the bars take this much.
FILLED = 72.0  # percent


@dataclass(frozen=True, slots=True)
class Value:
    """One bar: its length in any whole unit, None where there is nothing to show, and its words."""

    length: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Point:
    """A group of bars: its name in addresses, a short label and a full one; ``url`` links to its rows."""

    name: str
    short: str
    label: str
    values: tuple[Value, ...]
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a bar is drawn, in percent of the point's plot from its upper start corner."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Points beside one another, each with a value for every series (its name, and where that leads).

    ``marked`` is the index of the point whose values are shown until another is pointed at; ``most`` is at the
    top of the plot, else the longest bar. ``point_name`` heads the points in the table.
    """

    title: str
    description: str
    point_name: str
    series: tuple[tuple[str, str | None], ...]
    points: tuple[Point, ...]
    marked: int = -1
    most: Value | None = None

    def marking(self, place: int) -> Chart:
        """The same chart with another point marked."""
        return replace(self, marked=place)

    @property
    def marked_point(self) -> Point:
        return self.points[self.marked]

    @property
    def top(self) -> int:
        return self.most.length or 0 if self.most else max(0, *self._lengths)

    @property
    def empty(self) -> bool:
        """Whether no point has anything to draw; a rate of zero is something."""
        if self.most:
            return all(value.length is None for point in self.points for value in point.values)
        return not any(self._lengths)

    @property
    def bottom(self) -> int:
        return min(0, *self._lengths)

    @property
    def zero(self) -> float:
        """Where bars begin, in percent from the top; at the bottom of the plot if all is zero."""
        return round(100 * self.top / (self.top - self.bottom), 2) if self.top or self.bottom else 100.0

    @property
    def top_words(self) -> str | None:
        """The top of the scale, as the words of the longest bar that points up; empty without one."""
        if self.most:
            return self.most.words
        upwards = [
            value for point in self.points for value in point.values if value.length and value.length > 0
        ]
        return max(upwards, key=lambda value: value.length or 0).words if upwards else None

    def bars(self, point: Point) -> list[Bar]:
        """The point's bars, without empty ones."""
        room = FILLED / len(self.series)
        start = (100 - FILLED) / 2
        bars = []
        for place, value in enumerate(point.values):
            if value.length:
                share = 100 * abs(value.length) / (self.top - self.bottom)
                height = round(max(share, LEAST), 2)
                y = self.zero - height if value.length > 0 else self.zero
                bars.append(
                    Bar(place + 1, round(start + place * room, 2), round(y, 2), round(room * 0.94, 2), height)
                )
        return bars

    @property
    def _lengths(self) -> list[int]:
        return [value.length or 0 for point in self.points for value in point.values]
