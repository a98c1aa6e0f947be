"""Header cards of a coadd's file: identity, pixels to sky, mask planes."""

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

from astropy.io.fits import Card, Header

from coaddc.model.geom import Box
from coaddc.model.mask import PLANES
from coaddc.model.product import DataId, Product
from coaddc.model.wcs import Wcs

#: Number of the layout, in every primary header; raised when a reader of the former would go wrong.
FORMAT = 1
#: AB magnitude of 1 nJy, and the flux of magnitude 0 in nJy.
MAGZERO = 31.4
FLUXMAG0 = 3.631e12
#: Planes of catalogues, not of coadds: readers that take any set bit as bad would lose every source.
LEFT_OUT = ("DETECTED",)
#: fitsverify wants to be told that text may go on in CONTINUE cards.
_LONG_TEXT = Card("LONGSTRN", "OGIP 1.0", "text may go on in CONTINUE cards")


def ascii_text(text: str) -> str:
    """Return text as headers and tables may hold it: printable ASCII that does not end in a space."""
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped[:-1] + "\\x20" if escaped.endswith(" ") else escaped


def plain_text(text: str) -> str:
    """Return what `ascii_text` was given."""
    return codecs.decode(text, "unicode_escape")


def primary_header(product: Product) -> Header:
    """Return the primary header: the data ID, what the product is, and the zero point."""
    header = Header()
    header["EXTEND"] = True
    header.append(_LONG_TEXT)
    data_id = product.data_id
    for keyword, key, comment in (
        ("FILTER", "band", "band"),
        ("SKYMAP", "skymap", "name of the sky map"),
        ("TRACT", "tract", "tract of the sky map"),
        ("PATCH", "patch", "patch of the tract, x,y"),
    ):
        if key in data_id:
            value = data_id[key]
            header[keyword] = (ascii_text(value) if isinstance(value, str) else value, comment)
    header["MAGZERO"] = (MAGZERO, "[mag] AB magnitude of 1 nJy")
    header["FLUXMAG0"] = (FLUXMAG0, "[nJy] flux of AB magnitude 0")
    header["DATAID"] = (_escaped_json(data_id), "data ID, exact")
    for name, value in _named(product).items():
        header.append(_hierarch(name, value), end=True)
    return header


def _named(product: Product) -> dict[str, str | int]:
    cards: dict[str, str | int] = {f"COADDC KEY {key}": value for key, value in product.data_id.items()}
    # Header keywords have no case: of keys that differ in case only, the last shows; DATAID has them all.
    fit = [name for name in cards if name.isascii() and name.isprintable() and len(name) < 60]
    return {
        "COADDC FORMAT": FORMAT,
        "COADDC DIGEST": product.digest,
        "COADDC RECIPE": product.recipe,
        **{name.upper(): cards[name] for name in fit},
    }


def _hierarch(name: str, value: str | int) -> Card:
    """Return a card of a free name; a value too long for it is cut, since such cards cannot go on."""
    if not isinstance(value, str):
        return Card(f"HIERARCH {name}", value)
    room = max(0, 80 - len(f"HIERARCH {name} = ''"))
    text = ascii_text(value)
    if len(text.replace("'", "''")) > room:
        while len(text.replace("'", "''")) > max(0, room - 3):
            text = text[:-1]
        text = (text.rstrip() + "...")[:room]
    return Card(f"HIERARCH {name}", text)


def _escaped_json(data_id: DataId) -> str:
    """Return the data ID as JSON without the characters that CONTINUE cards treat specially."""
    text = json.dumps(dict(data_id), separators=(",", ":"))
    for character in " '&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def data_id_of(header: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the exact data ID in a primary header."""
    data_id: dict[str, str | int] = json.loads(header["DATAID"])
    return data_id


def pixel_header(wcs: Wcs, box: Box) -> Header:
    """Return the cards that place an array of this box on the sky and in its tract.

    The celestial WCS is moved to the first pixel of the array and has CDi_j, the form that SExtractor and
    SWarp read. The tract's own pixels stand in the linear WCS A, from which LSST's afw takes the origin, and
    in LTVn.
    """
    header = wcs.header()
    _use_cd(header)
    header["CRPIX1"] -= box.x0
    header["CRPIX2"] -= box.y0
    for axis, start in ((1, box.x0), (2, box.y0)):
        header[f"CTYPE{axis}A"] = ("LINEAR", "pixels of the tract, the first is 0")
        header[f"CRPIX{axis}A"] = 1.0
        header[f"CRVAL{axis}A"] = float(start)
        header[f"CUNIT{axis}A"] = "pixel"
    header["LTV1"], header["LTV2"] = float(-box.x0), float(-box.y0)
    return header


def _use_cd(header: Header) -> None:
    steps = {axis: header.pop(f"CDELT{axis}", 1.0) for axis in (1, 2)}
    for i in (1, 2):
        for j in (1, 2):
            header[f"CD{i}_{j}"] = header.pop(f"PC{i}_{j}", 1.0 if i == j else 0.0) * steps[i]
    header.remove("MJDREF", ignore_missing=True)


def box_of(header: Mapping[str, Any]) -> Box:
    """Return the box, in pixels of the tract, of the array below this header."""
    x0, y0 = int(header["CRVAL1A"]), int(header["CRVAL2A"])
    return Box(y0=y0, y1=y0 + int(header["NAXIS2"]), x0=x0, x1=x0 + int(header["NAXIS1"]))


def wcs_of(header: Header) -> Wcs:
    """Return the WCS of the tract, from the header of an array in it."""
    box = box_of(header)
    tract = header.copy()
    tract["CRPIX1"] += box.x0
    tract["CRPIX2"] += box.y0
    return Wcs(tract)


def mask_cards() -> Iterator[Card]:
    """Yield the planes of the mask as afw names them (MP_...) and as lsst.images does (MSKx...)."""
    yield _LONG_TEXT
    planes = [(name, bit, doc) for name, (bit, doc) in PLANES.items() if name not in LEFT_OUT]
    for name, bit, _ in planes:
        keyword = f"MP_{name}"
        yield Card(keyword if len(keyword) <= 8 else f"HIERARCH {keyword}", bit)
    for index, (name, bit, doc) in enumerate(planes):
        yield Card(f"MSKN{index:04d}", name)
        yield Card(f"MSKM{index:04d}", 1 << bit)
        yield Card(f"MSKD{index:04d}", doc)
