"""The map the simulated parcels travel on: real cities, postal codes and time zones, and how long a way takes.

Coordinates are of the city, good to a few kilometres: they only decide how long a truck or a plane needs.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import cache


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where parcels are scanned. A carrier that names a facility instead of a town leaves the rest `""`."""

    city: str
    region: str
    postal_code: str
    country: str
    zone: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Metro:
    """A metropolitan area: its sorting centre and the towns around it where merchants and buyers live."""

    name: str
    region: str
    hub_postal_code: str
    zone: str
    latitude: float
    longitude: float
    # (city, state, ZIP Code): a metropolitan area may lie in two states.
    towns: tuple[tuple[str, str, str], ...]
    country: str = "US"

    def town(self, pick: int) -> Stop:
        city, region, postal_code = self.towns[pick % len(self.towns)]
        return Stop(city, region, postal_code, self.country, self.zone, self.latitude, self.longitude)

    def hub(self) -> Stop:
        """The carrier's own facility, with its address."""
        return Stop(
            self.name,
            self.region,
            self.hub_postal_code,
            self.country,
            self.zone,
            self.latitude + 0.1,
            self.longitude,
        )

    def distribution_center(self) -> Stop:
        """The same as USPS names it: the name stands in the city, and state and ZIP Code are missing (USPS Tracking v3)."""
        name = f"{self.name} {self.region} DISTRIBUTION CENTER"
        return Stop(name, "", "", "", self.zone, self.latitude + 0.1, self.longitude)


_NY, _CHI, _DEN, _LA = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

US_METROS: tuple[Metro, ...] = (
    Metro(
        "BOSTON", "MA", "02210", _NY, 42.36, -71.06, (("CAMBRIDGE", "MA", "02139"), ("QUINCY", "MA", "02169"))
    ),
    Metro(
        "NEW YORK",
        "NY",
        "10001",
        _NY,
        40.71,
        -74.01,
        (("BROOKLYN", "NY", "11215"), ("NEW YORK", "NY", "10025")),
    ),
    Metro(
        "PHILADELPHIA",
        "PA",
        "19153",
        _NY,
        39.95,
        -75.17,
        (("ARDMORE", "PA", "19003"), ("CHERRY HILL", "NJ", "08002")),
    ),
    Metro(
        "ATLANTA",
        "GA",
        "30354",
        _NY,
        33.75,
        -84.39,
        (("DECATUR", "GA", "30030"), ("MARIETTA", "GA", "30060")),
    ),
    Metro(
        "JACKSONVILLE",
        "FL",
        "32218",
        _NY,
        30.33,
        -81.66,
        (("JACKSONVILLE", "FL", "32205"), ("ORANGE PARK", "FL", "32073")),
    ),
    Metro(
        "MIAMI",
        "FL",
        "33126",
        _NY,
        25.76,
        -80.19,
        (("CORAL GABLES", "FL", "33134"), ("HIALEAH", "FL", "33012")),
    ),
    Metro(
        "CHARLOTTE",
        "NC",
        "28208",
        _NY,
        35.23,
        -80.84,
        (("CONCORD", "NC", "28025"), ("MATTHEWS", "NC", "28105")),
    ),
    Metro(
        "COLUMBUS", "OH", "43217", _NY, 39.96, -83.0, (("DUBLIN", "OH", "43017"), ("COLUMBUS", "OH", "43215"))
    ),
    Metro(
        "DETROIT",
        "MI",
        "48242",
        "America/Detroit",
        42.33,
        -83.05,
        (("ANN ARBOR", "MI", "48104"), ("ROYAL OAK", "MI", "48067")),
    ),
    Metro(
        "INDIANAPOLIS",
        "IN",
        "46241",
        "America/Indiana/Indianapolis",
        39.77,
        -86.16,
        (("CARMEL", "IN", "46032"), ("FISHERS", "IN", "46038")),
    ),
    Metro(
        "CHICAGO",
        "IL",
        "60666",
        _CHI,
        41.88,
        -87.63,
        (("EVANSTON", "IL", "60201"), ("OAK PARK", "IL", "60302")),
    ),
    Metro(
        "MINNEAPOLIS",
        "MN",
        "55450",
        _CHI,
        44.98,
        -93.27,
        (("SAINT PAUL", "MN", "55104"), ("MINNEAPOLIS", "MN", "55424")),
    ),
    Metro(
        "KANSAS CITY",
        "MO",
        "64153",
        _CHI,
        39.1,
        -94.58,
        (("KANSAS CITY", "MO", "64111"), ("OVERLAND PARK", "KS", "66204")),
    ),
    Metro(
        "NEW ORLEANS",
        "LA",
        "70123",
        _CHI,
        29.95,
        -90.07,
        (("NEW ORLEANS", "LA", "70115"), ("METAIRIE", "LA", "70001")),
    ),
    Metro("DALLAS", "TX", "75261", _CHI, 32.78, -96.8, (("PLANO", "TX", "75024"), ("IRVING", "TX", "75062"))),
    Metro(
        "HOUSTON",
        "TX",
        "77032",
        _CHI,
        29.76,
        -95.37,
        (("HOUSTON", "TX", "77006"), ("SUGAR LAND", "TX", "77478")),
    ),
    Metro(
        "EL PASO",
        "TX",
        "79925",
        _DEN,
        31.76,
        -106.49,
        (("EL PASO", "TX", "79902"), ("EL PASO", "TX", "79912")),
    ),
    Metro(
        "DENVER", "CO", "80249", _DEN, 39.74, -104.99, (("BOULDER", "CO", "80302"), ("AURORA", "CO", "80012"))
    ),
    Metro(
        "ALBUQUERQUE",
        "NM",
        "87106",
        _DEN,
        35.08,
        -106.65,
        (("ALBUQUERQUE", "NM", "87110"), ("RIO RANCHO", "NM", "87124")),
    ),
    Metro(
        "SALT LAKE CITY",
        "UT",
        "84116",
        _DEN,
        40.76,
        -111.89,
        (("MURRAY", "UT", "84107"), ("PROVO", "UT", "84601")),
    ),
    Metro(
        "PHOENIX",
        "AZ",
        "85034",
        "America/Phoenix",
        33.45,
        -112.07,
        (("TEMPE", "AZ", "85281"), ("MESA", "AZ", "85201"), ("SCOTTSDALE", "AZ", "85251")),
    ),
    Metro(
        "LAS VEGAS",
        "NV",
        "89119",
        _LA,
        36.17,
        -115.14,
        (("HENDERSON", "NV", "89012"), ("LAS VEGAS", "NV", "89117")),
    ),
    Metro(
        "LOS ANGELES",
        "CA",
        "90045",
        _LA,
        34.05,
        -118.24,
        (("PASADENA", "CA", "91101"), ("SANTA MONICA", "CA", "90401")),
    ),
    Metro(
        "SAN FRANCISCO",
        "CA",
        "94128",
        _LA,
        37.77,
        -122.42,
        (("OAKLAND", "CA", "94607"), ("BERKELEY", "CA", "94704")),
    ),
    Metro(
        "PORTLAND",
        "OR",
        "97218",
        _LA,
        45.52,
        -122.68,
        (("PORTLAND", "OR", "97214"), ("BEAVERTON", "OR", "97005")),
    ),
    Metro(
        "SEATTLE",
        "WA",
        "98158",
        _LA,
        47.61,
        -122.33,
        (("BELLEVUE", "WA", "98004"), ("OLYMPIA", "WA", "98501")),
    ),
    Metro(
        "BOISE",
        "ID",
        "83705",
        "America/Boise",
        43.62,
        -116.2,
        (("BOISE", "ID", "83702"), ("MERIDIAN", "ID", "83642")),
    ),
    Metro(
        "ANCHORAGE",
        "AK",
        "99502",
        "America/Anchorage",
        61.22,
        -149.9,
        (("ANCHORAGE", "AK", "99501"), ("EAGLE RIVER", "AK", "99577")),
    ),
    Metro(
        "HONOLULU",
        "HI",
        "96819",
        "Pacific/Honolulu",
        21.31,
        -157.86,
        (("HONOLULU", "HI", "96815"), ("KAILUA", "HI", "96734")),
    ),
    Metro(
        "SAN JUAN",
        "PR",
        "00918",
        "America/Puerto_Rico",
        18.41,
        -66.06,
        (("SAN JUAN", "PR", "00907"), ("BAYAMON", "PR", "00961")),
    ),
)

CANADIAN_METROS: tuple[Metro, ...] = (
    Metro("TORONTO", "ON", "M5V2T6", "America/Toronto", 43.65, -79.38, (("TORONTO", "ON", "M5V2T6"),), "CA"),
    Metro("MONTREAL", "QC", "H2X1Y4", "America/Toronto", 45.5, -73.57, (("MONTREAL", "QC", "H2X1Y4"),), "CA"),
    Metro(
        "EDMONTON", "AB", "T6R3H7", "America/Edmonton", 53.55, -113.49, (("EDMONTON", "AB", "T6R3H7"),), "CA"
    ),
    Metro(
        "VANCOUVER",
        "BC",
        "V6B1A1",
        "America/Vancouver",
        49.28,
        -123.12,
        (("VANCOUVER", "BC", "V6B1A1"),),
        "CA",
    ),
    Metro("HALIFAX", "NS", "B3J1S9", "America/Halifax", 44.65, -63.58, (("HALIFAX", "NS", "B3J1S9"),), "CA"),
)

BRITISH_METROS: tuple[Metro, ...] = (
    Metro("LONDON", "", "N1 9GU", "Europe/London", 51.53, -0.12, (("LONDON", "", "N1 9GU"),), "GB"),
    Metro("MANCHESTER", "", "M1 1AE", "Europe/London", 53.48, -2.24, (("MANCHESTER", "", "M1 1AE"),), "GB"),
    Metro("EDINBURGH", "", "EH1 1YZ", "Europe/London", 55.95, -3.19, (("EDINBURGH", "", "EH1 1YZ"),), "GB"),
)

FEDEX_HUB = Stop("MEMPHIS", "TN", "38118", "US", _CHI, 35.04, -89.98)
UPS_HUB = Stop("LOUISVILLE", "KY", "40213", "US", "America/Kentucky/Louisville", 38.17, -85.73)
PITNEY_BOWES_HUB = Stop("GREENWOOD", "IN", "46143", "US", "America/Indiana/Indianapolis", 39.61, -86.11)
EXPORT_HUB = Stop("ERLANGER", "KY", "41018", "US", _NY, 39.02, -84.6)
EXPORT_AIRPORT = Stop("CHICAGO", "IL", "60666", "US", _CHI, 41.98, -87.9)
CANADIAN_CUSTOMS = Stop("MISSISSAUGA", "ON", "L5P1A2", "CA", "America/Toronto", 43.68, -79.63)
BRITISH_CUSTOMS = Stop("HOUNSLOW", "", "TW6 2GW", "GB", "Europe/London", 51.47, -0.45)

# A truck with its stops, and a plane with its airports on either side.
_TRUCK_KMH = 70.0
_PLANE_KMH = 700.0
_AIRPORT_HOURS = 2.5
_LOADING_HOURS = 0.5


@cache
def travel_time(start: Stop, end: Stop) -> timedelta:
    """The shortest time between a scan here and a scan there, by truck or by plane, whichever is sooner."""
    km = distance_km(start, end)
    if km < 1:
        return timedelta(0)
    return timedelta(hours=_LOADING_HOURS + min(km / _TRUCK_KMH, _AIRPORT_HOURS + km / _PLANE_KMH))


@cache
def distance_km(start: Stop, end: Stop) -> float:
    """The great-circle distance."""
    a, b = math.radians(start.latitude), math.radians(end.latitude)
    d = math.radians(end.longitude - start.longitude)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(d)
    return 6371.0 * math.acos(max(-1.0, min(1.0, cosine)))
