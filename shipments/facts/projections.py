"""From latitude and longitude to the flat of a map.

Two projections, as the outlines in `data/` are drawn in them: Albers for the United States with Alaska and Hawaii set
in below (the composite of d3-geo, `geoAlbersUsa().scale(1300).translate([487.5, 305])`, which the states of us-atlas
come in), and Equal Earth for the world (Šavrič, Patterson and Jenny, 2018), turned so that an ocean lies at its edge.
x grows to the right and y downwards, as on a screen.
"""

import math
from collections.abc import Callable

Point = tuple[float, float]

# The size of both maps in their own units. The Equal Earth map is 1,000 wide and this high.
USA_WIDTH, USA_HEIGHT = 975.0, 610.0
WORLD_WIDTH = 1000.0
WORLD_HEIGHT = 486.6


def _conic_equal_area(south: float, north: float, meridian: float) -> Callable[[float, float], Point]:
    """Albers' projection with two standard parallels, for a sphere of radius 1, y upwards."""
    n = (math.sin(math.radians(south)) + math.sin(math.radians(north))) / 2
    c = 1 + math.sin(math.radians(south)) * (2 * n - math.sin(math.radians(south)))
    rho0 = math.sqrt(c) / n

    def project(latitude: float, longitude: float) -> Point:
        # Around the meridian, so that the Aleutians beyond 180° stay with Alaska.
        turn = (longitude - meridian + 540) % 360 - 180
        rho = math.sqrt(max(c - 2 * n * math.sin(math.radians(latitude)), 0.0)) / n
        theta = n * math.radians(turn)
        return rho * math.sin(theta), rho0 - rho * math.cos(theta)

    return project


def _placed(
    project: Callable[[float, float], Point], centre: Point, scale: float, at: Point
) -> Callable[[float, float], Point]:
    """The projection in map units, with `centre` (latitude, longitude) drawn `at` a point of the map."""
    x0, y0 = project(*centre)

    def place(latitude: float, longitude: float) -> Point:
        x, y = project(latitude, longitude)
        return at[0] + scale * (x - x0), at[1] - scale * (y - y0)

    return place


# d3 writes a centre relative to the turned globe: [-0.6, 38.7] behind a rotation by 96° is 96.6° West.
_SCALE = 1300.0
_MAINLAND = _placed(_conic_equal_area(29.5, 45.5, -96), (38.7, -96.6), _SCALE, (487.5, 305))
_ALASKA = _placed(
    _conic_equal_area(55, 65, -154),
    (58.5, -156),
    _SCALE * 0.35,
    (487.5 - 0.307 * _SCALE, 305 + 0.201 * _SCALE),
)
_HAWAII = _placed(
    _conic_equal_area(8, 18, -157), (19.9, -160), _SCALE, (487.5 - 0.205 * _SCALE, 305 + 0.212 * _SCALE)
)


def albers_usa(latitude: float, longitude: float) -> Point:
    """Where a place in one of the fifty states or the District of Columbia is drawn."""
    if latitude > 50:
        return _ALASKA(latitude, longitude)
    if longitude < -140 and latitude < 30:
        return _HAWAII(latitude, longitude)
    return _MAINLAND(latitude, longitude)


_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = math.sqrt(3) / 2
_WORLD_SCALE = WORLD_WIDTH / (2 * math.pi / (_M * _A1))


def equal_earth(latitude: float, longitude: float, meridian: float) -> Point:
    """Where a place is drawn on the map of the world that has `meridian` in its middle."""
    turn = math.radians((longitude - meridian + 540) % 360 - 180)
    theta = math.asin(_M * math.sin(math.radians(latitude)))
    squared = theta * theta
    sixth = squared * squared * squared
    stretch = _M * (_A1 + 3 * _A2 * squared + sixth * (7 * _A3 + 9 * _A4 * squared))
    x = turn * math.cos(theta) / stretch
    y = theta * (_A1 + _A2 * squared + sixth * (_A3 + _A4 * squared))
    return WORLD_WIDTH / 2 + _WORLD_SCALE * x, WORLD_HEIGHT / 2 - _WORLD_SCALE * y


def way(start: Point, end: Point, steps: int) -> list[Point]:
    """Latitudes and longitudes along the shortest way over the globe, both ends included."""
    a, b = _vector(start), _vector(end)
    angle = math.acos(max(-1.0, min(1.0, sum(p * q for p, q in zip(a, b, strict=True)))))
    # Of the same place there is no way, of opposite ends of the globe there are too many.
    if not 1e-6 < angle < math.pi - 1e-6:
        return [start, end]
    points = [start]
    for step in range(1, steps):
        t = step / steps
        p, q = math.sin((1 - t) * angle), math.sin(t * angle)
        x, y, z = (p * u + q * v for u, v in zip(a, b, strict=True))
        points.append((math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))))
    return [*points, end]


def _vector(point: Point) -> tuple[float, float, float]:
    latitude, longitude = math.radians(point[0]), math.radians(point[1])
    return (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )
