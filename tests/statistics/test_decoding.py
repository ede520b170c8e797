"""Pixels mean what their file says: colours by its profile, range by its bits; what says nothing is refused by name."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from fechner import FechnerError, image_statistics
from fechner.statistics import decoding, photographs

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)  # 12 bits

# Colorants of sRGB and of Display P3, adapted to the white D50 of profiles.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
WHITE = (0.9642, 1.0, 0.8249)


def profile(colorants: np.ndarray) -> bytes:
    """A profile with these colorants and the transfer function of sRGB."""

    def fixed(values: object) -> bytes:
        return b"".join(struct.pack(">i", round(65536 * v)) for v in values)  # type: ignore[attr-defined]

    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + fixed((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(WHITE)}
    for i, channel in enumerate(b"rgb"):
        tags[bytes([channel]) + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(colorants[:, i])
        tags[bytes([channel]) + b"TRC"] = curve
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    size = struct.pack(">I", start + len(body))
    header = size + b"\0\0\0\0" + b"\x04\x30\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + fixed(WHITE)
    return header.ljust(128, b"\0") + table + body


def in_p3(pixels: np.ndarray) -> np.ndarray:
    """The same colours in Display P3."""
    v = pixels / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    wide = np.clip(linear @ (np.linalg.inv(P3) @ SRGB).T, 0, 1)
    return np.rint(255 * np.where(wide <= 0.0031308, 12.92 * wide, 1.055 * wide ** (1 / 2.4) - 0.055)).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(pixels: np.ndarray, more: bytes = b"", colour: int = 0, bits: int = 16) -> bytes:
    """As Pillow cannot write it: with 16 bits in several channels, and with other chunks."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    extra = chunk(more[:4], more[4:]) if more else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixels: np.ndarray, bits: int, white_is_zero: bool = False) -> bytes:
    """Grey of 12 or 16 bits, as microscopes and scanners write it."""
    if bits == 12:
        a, b = pixels.reshape(-1, 2).astype(int).T
        data = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], 1).astype(np.uint8).tobytes()
    else:
        data = pixels.astype("<u2").tobytes()
    height, width = pixels.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: int(not white_is_zero), 273: 0, 277: 1, 278: height}
    tags[279] = len(data)
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4) + data


def test_one_picture_as_srgb_and_as_display_p3_is_one_picture(tmp_path: Path) -> None:
    # Most colours of sRGB, so that none is clipped by rounding.
    pixels = RNG.integers(30, 226, (128, 128, 3), dtype=np.uint8)
    found = {}
    for name, shown, icc in (
        ("srgb", pixels, b""),
        ("p3", in_p3(pixels), profile(P3)),
        ("named", pixels, profile(SRGB)),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(encoded(Image.fromarray(shown), icc_profile=icc or None))
        (photograph,) = photographs(tmp_path / name)
        assert np.abs(photograph.pixels().astype(int) - pixels).max() <= (3 if name == "p3" else 0)
        found[name] = image_statistics(tmp_path / name, "hue", values=36).density.values
    ignored = tmp_path / "p3" / "x.png"
    ignored.write_bytes(encoded(Image.fromarray(in_p3(pixels))))
    found["ignored"] = image_statistics(tmp_path / "p3", "hue", values=36).density.values

    def apart(name: str) -> float:
        return float(np.abs(found[name] - found["srgb"]).sum() / 2 * 10)

    assert apart("named") == 0
    assert apart("p3") < 0.02
    assert apart("ignored") > 0.04


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_a_profile_of_srgb_changes_nothing_in_any_mode(mode: str) -> None:
    image = Image.fromarray(COLOURS)
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    if "A" in mode:
        image.putalpha(Image.fromarray(COLOURS[..., 0]))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decoding.rgb(encoded(image, icc_profile=icc)), decoding.rgb(encoded(image)))


def test_colours_behind_transparency_are_converted_too() -> None:
    image = Image.fromarray(np.dstack([in_p3(COLOURS), np.full(COLOURS.shape[:2], 255, np.uint8)]))
    image.putpixel((0, 0), (9, 9, 9, 0))
    found = decoding.rgb(encoded(image, icc_profile=profile(P3)))
    opaque = decoding.rgb(encoded(Image.fromarray(in_p3(COLOURS)), icc_profile=profile(P3)))
    assert (found[0, 0] == 128).all()
    assert np.array_equal(found[8:], opaque[8:])


@pytest.mark.parametrize("icc", [b"nonsense", profile(P3)[:200], profile(P3)[:16] + b"CMYK" + profile(P3)[20:]])
def test_profiles_that_cannot_be_used_are_refused(icc: bytes) -> None:
    with pytest.raises(
        ValueError, match="its colour profile cannot be used, .*: remove it or convert the image to sRGB"
    ):
        decoding.rgb(encoded(Image.fromarray(COLOURS), icc_profile=icc))


def test_colours_that_are_declared_without_a_profile() -> None:
    plain = png(COLOURS, colour=2, bits=8)
    gamma = b"gAMA" + struct.pack(">I", 45455)
    for more in (gamma, b"sRGB\0", b"cICP" + bytes([1, 13, 0, 1])):
        assert np.array_equal(decoding.rgb(png(COLOURS, more, 2, 8)), decoding.rgb(plain))
    with pytest.raises(ValueError, match="its gamma is 1"):
        decoding.rgb(png(COLOURS, b"gAMA" + struct.pack(">I", 100000), 2, 8))
    with pytest.raises(ValueError, match="primaries 9 and transfer 16"):
        decoding.rgb(png(COLOURS, b"cICP" + bytes([9, 16, 0, 1]), 2, 8))


@pytest.mark.skipif(".avif" not in decoding.endings(), reason="this Pillow cannot read AVIF")
def test_avif_of_display_p3_without_a_profile_is_refused() -> None:
    plain = encoded(Image.fromarray(COLOURS), "AVIF", quality=95)
    assert np.abs(decoding.rgb(plain).astype(int) - COLOURS).mean() < 25
    at = plain.index(b"colrnclx") + 8
    with pytest.raises(ValueError, match="primaries 12 and transfer 13"):
        decoding.rgb(plain[:at] + struct.pack(">HH", 12, 13) + plain[at + 4 :])


def test_12_and_16_bits_keep_their_range() -> None:
    for data, most in (
        (tiff(RAMP, 12), 4095),
        (tiff(RAMP * 16, 16), 65535),
        (png(RAMP * 16), 65535),
        (png(np.repeat((RAMP * 16)[..., None], 3, 2), colour=2), 65535),
        (b"P5 64 64 4095\n" + RAMP.astype(">u2").tobytes(), 4095),
        (encoded(Image.fromarray(RAMP * 16), "JPEG2000"), 65535),
        (encoded(Image.fromarray(RAMP * 16), "TIFF", compression="tiff_lzw"), 65535),
    ):
        expected = (RAMP if most == 4095 else RAMP * 16) * (255 / most)
        assert np.abs(decoding.rgb(data)[..., 1] - expected).max() <= 1
    assert np.array_equal(
        decoding.rgb(tiff(RAMP * 16, 16, white_is_zero=True)), 255 - decoding.rgb(tiff(RAMP * 16, 16))
    )


@pytest.mark.parametrize("most", [255, 1023, 4095, 16383])
def test_fewer_bits_in_16_are_refused_rather_than_dark(most: int) -> None:
    low = (RAMP.astype(int) * most // 4095).astype(np.uint16)
    coloured = np.repeat(low[..., None], 3, 2)
    files = [png(low), png(coloured, colour=2), tiff(low, 16), b"P5 64 64 65535\n" + low.astype(">u2").tobytes()]
    files += [png(np.dstack([coloured, np.full_like(low, 65535)]), colour=6)]
    for data in files:
        with pytest.raises(ValueError, match=rf"pixels of 16 bits are at most {most}, so that their range is unknown"):
            decoding.rgb(data)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bits_have_no_known_range(dtype: type, tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(dtype)).save(tmp_path / "deep.tif")
    with pytest.raises(
        FechnerError, match="cannot decode 'deep.tif' .*no known range: save the image with 8 or 16 bits"
    ):
        photographs(tmp_path)[0].pixels()


def test_dark_photographs_of_8_bits_are_dark() -> None:
    dark = COLOURS // 8
    for kind, options in (("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {})):
        assert np.array_equal(decoding.rgb(encoded(Image.fromarray(dark), kind, **options)), dark)


def test_what_pillow_opens_is_a_photograph_but_for_documents_videos_and_data() -> None:
    found = decoding.endings()
    assert {".jpg", ".jfif", ".jpe", ".jp2", ".webp", ".tiff", ".png", ".mpo", ".ppm"} <= found
    assert not {".pdf", ".eps", ".ps", ".mpg", ".ico", ".wmf", ".h5", ".fits", ".svg", ".txt"} & found
    # Nor is a document that has the name of a photograph.
    with pytest.raises(ValueError, match="no image that Pillow can read"):
        decoding.rgb(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
