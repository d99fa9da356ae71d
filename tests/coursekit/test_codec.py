"""The data-only codec: what goes in comes out, and nothing else gets in."""

import contextlib
import json
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from coursekit.codec import CodecError, Handle, Limits, decode, encode, parse

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_data_comes_back_as_it_was(value):
    back = decode(encode(value))
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_keep_shape_dtype_and_bits(dtype, shape):
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    back = decode(encode(array))
    assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes()


def test_arrays_of_any_layout_cross():
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (array.T, array[:, ::-1], array[::2], array.astype(">f8"), np.broadcast_to(array[0], (5, 3, 4))):
        assert np.array_equal(decode(encode(view)), view)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32])
def test_tensors_keep_shape_dtype_and_bits(dtype):
    tensor = (torch.randn(3, 4) * 5).to(dtype)
    back = decode(encode(tensor.t()))
    assert back.dtype == dtype and torch.equal(back, tensor.t())


def test_a_tensor_that_requires_grad_crosses_as_its_value():
    tensor = torch.ones(2, requires_grad=True) * 3
    assert torch.equal(decode(encode(tensor)), torch.tensor([3.0, 3.0]))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_images_keep_their_pixels(mode):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (7, 5, 4), dtype=np.uint8), "RGBA").convert(mode)
    back = decode(encode(noise))
    assert back.mode == mode and back.size == noise.size and back.tobytes() == noise.tobytes()


def test_a_palette_image_crosses_as_colours():
    assert decode(encode(Image.new("P", (2, 2)))).mode == "RGB"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_floats_that_json_lacks_cross(number):
    text = encode([number])
    json.loads(text, parse_constant=lambda name: pytest.fail(f"bare {name} in JSON"))
    assert str(decode(text)[0]) == str(number)


def test_an_object_stays_behind_a_handle():
    kept = []

    def keep(value):
        kept.append(value)
        return Handle(len(kept) - 1, type(value).__name__, callable(value))

    text = encode({"f": len}, keep)
    assert kept == [len]
    assert decode(text) == {"f": Handle(0, "builtin_function_or_method", True)}
    assert decode(text, lambda handle: kept[handle.id])["f"] is len


@pytest.mark.parametrize(
    "value", [object(), len, {1, 2}, np.array([object()]), np.array(["a"]), torch.ones(2).to_sparse()]
)
def test_what_is_not_data_does_not_cross(value):
    with pytest.raises(CodecError):
        encode(value)


def test_a_list_inside_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(CodecError, match="contains itself"):
        encode(loop)


HOSTILE = [
    "",
    "not json",
    "NaN",
    "[" * 100_000,
    "9" * 10_000,
    '{"t": "pickle", "b": "gASVAAAA"}',
    '{"no": "tag"}',
    '{"t": "array", "d": "object", "s": [1], "b": ""}',
    '{"t": "array", "d": "float32", "s": [1000000000000], "b": ""}',
    '{"t": "array", "d": "float32", "s": [-1], "b": ""}',
    '{"t": "array", "d": "float32", "s": [true], "b": "AAAA"}',
    '{"t": "array", "d": "float32", "s": [2], "b": "AAAA"}',
    '{"t": "array", "d": "float32", "s": [1000000000000, 1000000000000, 0], "b": ""}',
    '{"t": "array", "d": "float32", "s": [1], "b": "*not base64*"}',
    '{"t": "tensor", "d": "bfloat16", "s": [3], "b": "AAAA"}',
    '{"t": "image", "m": "RGB", "s": [100000, 100000], "b": ""}',
    '{"t": "image", "m": "RGB", "s": [-1, 5], "b": ""}',
    '{"t": "image", "m": "CMYK", "s": [1, 1], "b": "AAAA"}',
    '{"t": "dict", "v": [[[1], 2]]}',
    '{"t": "dict", "v": [[1]]}',
    '{"t": "dict", "v": [[{"t": "tuple", "v": [[1]]}, 2]]}',
    '{"t": "float", "v": "1e5"}',
    '{"t": "handle", "id": "7", "kind": "x", "callable": true}',
    '{"t": "tuple", "v": "abc"}',
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_message_raises_only_codec_errors(text):
    with pytest.raises(CodecError):
        decode(text)


@given(st.text() | plain.map(lambda value: json.dumps(value, default=str)))
def test_no_text_raises_anything_else(text):
    with contextlib.suppress(CodecError):
        decode(text)


def test_the_caps_hold_both_ways():
    small = Limits(message_bytes=2000, items=50, depth=3, image_pixels=100)
    for value in (np.zeros(10_000), "x" * 3000, [0] * 60, [[[[[0]]]]], Image.new("L", (11, 11))):
        with pytest.raises(CodecError):
            encode(value, limits=small)
        with pytest.raises(CodecError):
            decode(encode(value), limits=small)


@pytest.mark.parametrize("bomb", ["[" + "[]," * 4_000_000 + "[]]", '["' + '","' * 4_000_000 + '"]', '{"":' * 4_000_000])
def test_what_would_take_much_memory_is_refused_before_it_is_read(bomb):
    began = time.process_time()
    with pytest.raises(CodecError, match="values in one message"):
        decode(bomb)
    assert time.process_time() - began < 3


def test_text_may_hold_as_many_commas_and_brackets_as_it_likes():
    text = 'a,[{"\\' * 1_000_000
    assert decode(encode(text)) == text
    assert parse(json.dumps({"data": text, "x": [1, 2]}), marks=10)["x"] == [1, 2]
    for broken in ('"' + '\\"' * 1_000_000, '"' + ",\\" * 1_000_000, '"\\', ',"'):
        with pytest.raises(CodecError):
            parse(broken, marks=1)


def test_keys_that_collide_are_refused():
    prime = 2**61 - 1  # the modulus of a whole number's hash
    packed = {"t": "dict", "v": [[n * prime, 0] for n in range(50_000)]}
    with pytest.raises(CodecError, match="same hash"):
        decode(json.dumps(packed))
    ordinary = {n: str(n) for n in range(50_000)} | {-1.0: 0, -2: 0}
    assert decode(encode(ordinary)) == ordinary
