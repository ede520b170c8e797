"""Turns the bytes of an image file into upright 8-bit sRGB.

`images.Photograph.pixels` calls `rgb`. Pixels must mean what their file says: a profile or a bit depth is never
guessed. If a file leaves its range or its colours open, `rgb` raises a ValueError that says so and gives the remedy,
and the photograph is counted among the skipped ones.
"""

from __future__ import annotations

import io
import re
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from fechner.statistics.feature import Pixels

# Formats that Pillow opens and that hold no photographs: documents, drawings, icons, videos and scientific data.
_OTHERS = frozenset({
    "PDF", "EPS", "WMF", "XBM", "XPM", "PALM", "CUR", "ICNS", "ICO", "FLI", "MPEG", "BUFR", "FITS", "GRIB", "HDF5", "IPTC",
})  # fmt: skip
_BEHIND_TRANSPARENCY = (128, 128, 128, 255)
# Codes of primaries and transfer functions (ITU-T H.273) that viewers display as sRGB, or that mean "unspecified".
_PRIMARIES, _TRANSFERS = (1, 2, 5, 6), (1, 2, 4, 6, 13, 14, 15)
_SRGB_GAMMA = 1 / 2.2


def endings() -> frozenset[str]:
    """The endings, in lower case, of the files that hold photographs and that Pillow opens.

    >>> ".jpg" in endings(), ".pdf" in endings()
    (True, False)
    """
    formats = _formats()
    return frozenset(e for e, name in Image.registered_extensions().items() if name in formats or name == "MPO")


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in _OTHERS]


def rgb(encoded: bytes) -> Pixels:
    """The sRGB pixels (height, width, 3) of an encoded image.

    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 3), 128).save(file, "PNG")
    >>> rgb(file.getvalue()).shape
    (3, 4, 3)

    Raises what Pillow raises for damaged files, and ValueError for an image whose pixels would be misread.
    """
    try:
        opened = Image.open(io.BytesIO(encoded), formats=_formats())
    except UnidentifiedImageError:
        raise ValueError("these bytes are no image that Pillow can read") from None
    with opened:
        profile = opened.info.get("icc_profile")
        if not profile:
            _check_coding(encoded, opened)
        layout = _layout(opened)
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        image = _of_16_bits(image, layout, opened)
    elif image.mode == "F":
        raise ValueError("floating-point pixels have no known range: save the image with 8 or 16 bits")
    elif _padded(opened.format, layout) and image.mode in ("L", "LA", "RGB", "RGBA"):
        # Pillow keeps the upper byte of each channel, so the lower one may have been 255.
        _check_range(256 * int(np.asarray(image.convert("RGB")).max()) + 255)
    transparent = image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
    alpha = None
    if transparent:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    image = _to_srgb(image, profile, opened.mode) if profile else image.convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
        image = Image.alpha_composite(Image.new("RGBA", image.size, _BEHIND_TRANSPARENCY), image).convert("RGB")
    return np.asarray(image)


def _layout(image: Image.Image) -> str:
    """How pixels are stored, by Pillow's names such as "RGB;16B"; for PPM the greatest value is part of the name."""
    return " ".join(f"{tile[0]} {tile[3]}" for tile in getattr(image, "tile", []))


def _padded(kind: str | None, layout: str) -> bool:
    """Whether pixels are stored in 16 bits, of which the camera may have used fewer."""
    return ";16" in layout or "SGI16" in layout or (kind == "PPM" and "65535" in layout)


def _of_16_bits(image: Image.Image, layout: str, opened: Image.Image) -> Image.Image:
    """Grey of 8 bits from grey of 12 or 16; raises ValueError if it is not known which."""
    deep = np.asarray(image).astype(np.int64)
    most = 4095 if "I;12" in layout else 65535
    if _padded(opened.format, layout) and not re.search(r";16B?S", layout):
        _check_range(int(deep.max()))
    elif most == 65535 and opened.format not in ("PPM", "JPEG2000"):  # Pillow scales these two to 16 bits
        raise ValueError("pixels of 32 bits, or with a sign, have no known range: save the image with 8 or 16 bits")
    if (
        getattr(opened, "tag_v2", {}).get(262) == 0
    ):  # in TIFF, 262 is the photometric interpretation, and 0 means that white is zero
        deep = most - deep
    return Image.fromarray(np.rint(deep * (255 / most)).astype(np.uint8))


def _check_range(most: int) -> None:
    """Raise ValueError if 16 bits hold the 10, 12 or 14 bits of a camera, which would be read as almost black."""
    if most < 2**14:
        raise ValueError(
            f"pixels of 16 bits are at most {most}, so that their range is unknown (10, 12 or 14 bits?): "
            "scale them to 16 bits, or save the image with 8"
        )


def _check_coding(encoded: bytes, image: Image.Image) -> None:
    """Raise ValueError if an image without a profile says in another way that its colours are not sRGB."""
    kind, head = image.format, encoded[:65536]
    codes = None
    if kind == "AVIF" and (at := head.find(b"colrnclx")) >= 0:
        codes = struct.unpack(">HH", head[at + 8 : at + 12])
    elif kind == "PNG" and (at := head.find(b"cICP")) >= 0:
        codes = struct.unpack("BB", head[at + 4 : at + 6])
    elif kind == "PNG" and "srgb" not in image.info:
        gamma = image.info.get("gamma", _SRGB_GAMMA)
        if abs(gamma - _SRGB_GAMMA) > 0.1 * _SRGB_GAMMA:
            raise ValueError(f"its gamma is {gamma:g}, not that of sRGB (0.45), without a profile: convert it to sRGB")
    if codes and (codes[0] not in _PRIMARIES or codes[1] not in _TRANSFERS):
        raise ValueError(
            f"its colours (primaries {codes[0]} and transfer {codes[1]} of H.273) are not sRGB, without a profile: "
            "convert it to sRGB"
        )


def _to_srgb(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    """The image converted to sRGB from its profile; `mode` is the one in which the file stored it.

    The conversion is relative colorimetric with black-point compensation; colours outside sRGB are clipped.
    """
    try:
        space = _space(profile)
        grey = mode in ("1", "L", "LA", "La") or mode.startswith("I")
        source_mode = {"RGB": "RGB", "GRAY": "L" if grey else None, "CMYK": "CMYK" if mode == "CMYK" else None}.get(
            space
        )
        if source_mode is None:
            raise ValueError(f"it is one of {space} in an image of {mode}")
        if source_mode == "RGB" and mode == "CMYK":
            raise ValueError("it is one of RGB in an image of CMYK")
        transform = _transform(profile, source_mode)
        image = image.convert(source_mode)
        return image if transform is None else transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError) as e:
        raise ValueError(f"its colour profile cannot be used, {e}: remove it or convert the image to sRGB") from None


@lru_cache(maxsize=64)
def _space(profile: bytes) -> str:
    """The colour space of a profile, such as "RGB" or "GRAY"."""
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB; None for sRGB itself, which some profiles would round by a level."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
    if mode != "RGB":
        return transform
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    changes = np.asarray(transform.apply(Image.fromarray(colours))).astype(int) - colours
    return None if np.abs(changes).max() <= 1 else transform
