"""The data-only codec between a student's kernel and whoever checks it.

A value becomes a JSON string and comes back as a value of the same kind. What cannot be written as data (models,
functions, open files) never crosses: it stays where it is, behind a handle. Nothing is ever unpickled or evaluated,
and sizes are checked before anything is allocated, so a hostile string can at worst raise `CodecError`.

JSON null, booleans, integers, finite floats, strings and lists stand for themselves. Everything else is an object with
one tag, `"t"`:

    {"t": "float", "v": "nan"}                                     nan, inf, -inf
    {"t": "bytes", "b": base64}
    {"t": "tuple", "v": [...]}            {"t": "dict", "v": [[key, value], ...]}
    {"t": "array", "d": "float32", "s": [2, 3], "b": base64}       numpy, C order, little-endian
    {"t": "tensor", "d": "bfloat16", "s": [2, 3], "b": base64}     torch, on the CPU when it arrives
    {"t": "image", "m": "RGB", "s": [width, height], "b": base64}  PIL, raw pixels
    {"t": "handle", "id": 7, "kind": "CLIPModel", "callable": true}
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from PIL import Image

MEGABYTE = 2**20
ARRAY_DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
)
TENSOR_DTYPES = frozenset(
    ["bool", "int8", "int16", "int32", "int64", "uint8", "float16", "bfloat16", "float32", "float64", "complex64"]
)
IMAGE_CHANNELS = {"1": 1, "L": 1, "RGB": 3, "RGBA": 4}


class CodecError(ValueError):
    """A value that cannot cross, or a message that is not one of ours. The text says which and why."""


@dataclass(frozen=True)
class Limits:
    """Caps on one message, checked while encoding and again while decoding."""

    message_bytes: int = 64 * MEGABYTE  # of the JSON text
    items: int = 200_000  # values in one message, counting every level
    depth: int = 12  # nesting of lists, tuples and dicts
    image_pixels: int = 16_000_000
    same_hash: int = 100  # keys of one dict with the same hash: they cost its reader the square of their number


DEFAULT = Limits()
MARKS_PER_ITEM = 8  # of `,`, `[` and `{` that one value takes in the text, commonly at most
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


@dataclass(frozen=True)
class Handle:
    """Stands for an object that stays in the student's kernel."""

    id: int
    kind: str
    callable: bool = False


def encode(value: Any, keep: Callable[[Any], Handle] | None = None, limits: Limits = DEFAULT) -> str:
    """Write `value` as JSON. `keep` is asked for a handle of whatever is not data; without it that is a CodecError."""
    budget = _Budget(limits)
    text = json.dumps(_pack(value, keep, budget, depth=0), allow_nan=False, separators=(",", ":"))
    if len(text) > limits.message_bytes:
        raise CodecError(f"the value takes {_rounded(len(text))} MB; at most {_megabytes(limits)} MB can cross")
    return text


def decode(text: str, resolve: Callable[[Handle], Any] | None = None, limits: Limits = DEFAULT) -> Any:
    """Read a value written by `encode`. `resolve` turns a Handle into what it stands for; without it it stays one."""
    if not isinstance(text, str):
        raise CodecError(f"a message is text, not {type(text).__name__}")
    if len(text) > limits.message_bytes:
        raise CodecError(f"the message has {_rounded(len(text))} MB; at most {_megabytes(limits)} MB can cross")
    packed = parse(text, MARKS_PER_ITEM * limits.items)
    return _unpack(packed, resolve, _Budget(limits), depth=0)


def parse(text: str, marks: int) -> Any:
    """JSON from a stranger. marks: how many `,`, `[` and `{` it may have outside strings, and how many strings.

    They are counted first, because a megabyte of "[]," becomes seventy of lists. Raises CodecError.
    """
    rest, strings = _STRING.subn("", text, count=marks + 1) if _marks(text) > marks else ("", 0)
    if strings > marks or _marks(rest) > marks:
        raise CodecError(f"more than {marks // MARKS_PER_ITEM:,} values in one message; use an array")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except CodecError:
        raise
    except (ValueError, RecursionError) as error:
        raise CodecError(f"the message is not JSON: {error}") from None


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


class _Budget:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.items = limits.items
        self.bytes = limits.message_bytes

    def spend(self, depth: int) -> None:
        self.items -= 1
        if self.items < 0:
            raise CodecError(f"more than {self.limits.items:,} values in one message; use an array")
        if depth > self.limits.depth:
            raise CodecError(f"lists nested deeper than {self.limits.depth}, or a list that contains itself")

    def spend_bytes(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise CodecError(f"more than {_megabytes(self.limits)} MB in one message")


def _megabytes(limits: Limits) -> str:
    return f"{limits.message_bytes / MEGABYTE:g}"


def _rounded(count: int) -> int:
    """Megabytes, up: what is over a limit is never said to be just that."""
    return math.ceil(count / MEGABYTE)


def _no_constant(name: str) -> float:
    raise CodecError(f"bare {name} in a message")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# --- writing -------------------------------------------------------------------------------------------------------


def _pack(value: Any, keep: Callable[[Any], Handle] | None, budget: _Budget, depth: int) -> Any:
    budget.spend(depth)
    torch = sys.modules.get("torch")  # a value can only be a tensor where torch is loaded
    match value:
        case None | bool():
            return value
        case np.bool_():
            return bool(value)
        case int() | np.integer():
            return int(value)
        case float() | np.floating():
            number = float(value)
            return number if math.isfinite(number) else {"t": "float", "v": str(number)}
        case str():
            budget.spend_bytes(len(value))
            return str(value)
        case bytes() | bytearray():
            budget.spend_bytes(len(value))
            return {"t": "bytes", "b": _base64(bytes(value))}
        case Handle():
            return {"t": "handle", "id": value.id, "kind": value.kind, "callable": value.callable}
        case list():
            return [_pack(item, keep, budget, depth + 1) for item in value]
        case tuple():
            return {"t": "tuple", "v": [_pack(item, keep, budget, depth + 1) for item in value]}
        case Mapping():
            return {
                "t": "dict",
                "v": [
                    [_pack(key, None, budget, depth + 1), _pack(item, keep, budget, depth + 1)]
                    for key, item in value.items()
                ],
            }
        case np.ndarray():
            return _pack_array(value, budget)
        case Image.Image():
            return _pack_image(value, budget)
    if torch is not None and isinstance(value, torch.Tensor):
        return _pack_tensor(value, budget)
    if keep is None:
        raise CodecError(f"a {type(value).__name__} is not data: send arrays, tensors, images, numbers, text or lists")
    handle = keep(value)
    return {"t": "handle", "id": handle.id, "kind": handle.kind, "callable": handle.callable}


def _pack_array(array: np.ndarray, budget: _Budget) -> dict[str, Any]:
    if array.dtype.name not in ARRAY_DTYPES:
        raise CodecError(f"an array of dtype {array.dtype} cannot cross; convert it to numbers")
    budget.spend_bytes(array.nbytes)
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {"t": "array", "d": array.dtype.name, "s": list(array.shape), "b": _base64(little.tobytes())}


def _pack_tensor(tensor: Any, budget: _Budget) -> dict[str, Any]:
    import torch

    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in TENSOR_DTYPES or tensor.layout != torch.strided or tensor.is_meta:
        raise CodecError(f"a tensor of dtype {dtype} and layout {tensor.layout} cannot cross")
    budget.spend_bytes(tensor.numel() * tensor.element_size())
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if dtype == "bfloat16":  # numpy has no bfloat16; its bits fit an int16
        plain = plain.view(torch.int16)
    return {"t": "tensor", "d": dtype, "s": list(tensor.shape), "b": _base64(plain.numpy().tobytes())}


def _pack_image(image: Image.Image, budget: _Budget) -> dict[str, Any]:
    if image.mode not in IMAGE_CHANNELS:
        image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    _check_pixels(image.size, budget.limits)
    budget.spend_bytes(image.width * image.height * IMAGE_CHANNELS[image.mode])
    return {"t": "image", "m": image.mode, "s": list(image.size), "b": _base64(image.tobytes())}


# --- reading -------------------------------------------------------------------------------------------------------


def _unpack(packed: Any, resolve: Callable[[Handle], Any] | None, budget: _Budget, depth: int) -> Any:
    budget.spend(depth)
    if packed is None or isinstance(packed, bool | int | float | str):
        return packed
    if isinstance(packed, list):
        return [_unpack(item, resolve, budget, depth + 1) for item in packed]
    match packed:
        case {"t": "float", "v": "nan" | "inf" | "-inf" as name}:
            return float(name)
        case {"t": "bytes", "b": str(data)}:
            return _raw(data, None, "bytes")
        case {"t": "tuple", "v": list(items)}:
            return tuple(_unpack(item, resolve, budget, depth + 1) for item in items)
        case {"t": "dict", "v": list(pairs)}:
            entries = [_unpack_pair(pair, resolve, budget, depth + 1) for pair in pairs]
            if len(entries) > (most := budget.limits.same_hash):
                ((_, alike),) = Counter(hash(key) for key, _ in entries).most_common(1)
                if alike > most:
                    raise CodecError(f"a dict in the message has {alike:,} keys with the same hash")
            return dict(entries)
        case {"t": "array", "d": str(dtype), "s": list(shape), "b": str(data)} if dtype in ARRAY_DTYPES:
            return _unpack_array(dtype, _shape(shape), data)
        case {"t": "tensor", "d": str(dtype), "s": list(shape), "b": str(data)} if dtype in TENSOR_DTYPES:
            return _unpack_tensor(dtype, _shape(shape), data)
        case {"t": "image", "m": str(mode), "s": [int(width), int(height)], "b": str(data)} if mode in IMAGE_CHANNELS:
            return _unpack_image(mode, (width, height), data, budget.limits)
        case {"t": "handle", "id": int(number), "kind": str(kind), "callable": bool(is_callable)}:
            handle = Handle(number, kind[:80], is_callable)
            return handle if resolve is None else resolve(handle)
    tag = packed.get("t") if isinstance(packed, dict) else type(packed).__name__
    raise CodecError(f"the message holds a malformed or unknown value (tag {str(tag)[:40]!r})")


def _unpack_pair(pair: Any, resolve: Any, budget: _Budget, depth: int) -> tuple[Any, Any]:
    if not (isinstance(pair, list) and len(pair) == 2):
        raise CodecError("a dict in the message has an entry that is not a key and a value")
    key = _unpack(pair[0], None, budget, depth)
    if not isinstance(key, str | int | float | bool | bytes | tuple | None):
        raise CodecError(f"a dict in the message has a {type(key).__name__} as a key")
    try:
        hash(key)
    except TypeError:
        raise CodecError("a dict in the message has a key that cannot be hashed") from None
    return key, _unpack(pair[1], resolve, budget, depth)


def _shape(shape: list[Any]) -> tuple[int, ...]:
    if len(shape) > 16 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise CodecError(f"impossible array shape {str(shape)[:80]}")
    return tuple(shape)


def _raw(data: str, count: int | None, what: str) -> bytes:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise CodecError(f"the bytes of the {what} are not base64") from None
    if count is not None and len(raw) != count:
        raise CodecError(f"the {what} should have {count} bytes and has {len(raw)}")
    return raw


def _unpack_array(dtype: str, shape: tuple[int, ...], data: str) -> np.ndarray:
    kind = np.dtype(dtype).newbyteorder("<")
    raw = _raw(data, math.prod(shape) * kind.itemsize, "array")
    try:
        return np.frombuffer(raw, dtype=kind).reshape(shape).astype(np.dtype(dtype), copy=True)
    except ValueError:  # no entries, and yet dimensions too large for an array
        raise CodecError(f"impossible array shape {str(shape)[:80]}") from None


def _unpack_tensor(dtype: str, shape: tuple[int, ...], data: str) -> Any:
    import torch

    stored = "int16" if dtype == "bfloat16" else dtype
    tensor = torch.from_numpy(_unpack_array(stored, shape, data))
    return tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor


def _unpack_image(mode: str, size: tuple[int, int], data: str, limits: Limits) -> Image.Image:
    _check_pixels(size, limits)
    width, height = size
    count = (width + 7) // 8 * height if mode == "1" else width * height * IMAGE_CHANNELS[mode]
    return Image.frombytes(mode, size, _raw(data, count, "image"))


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1 or width * height > limits.image_pixels:
        raise CodecError(f"an image of {width} x {height} pixels; at most {limits.image_pixels:,} pixels can cross")


def proof(key: bytes, *parts: str) -> str:
    """What only somebody with the key can say of these texts: a keyed hash of theirs, in hexadecimal."""
    whole = blake2b(key=key)
    for part in parts:
        whole.update(blake2b(part.encode("utf-8", "surrogatepass")).digest())
    return whole.hexdigest()
