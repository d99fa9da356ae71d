"""The docstring of an exercise is its contract: what its checks try at the edges, it says.

An honest answer must not lose for what no text says. Each row of `EDGES` ties what a check tries, as it stands in the
check's code, to words of the docstring, so that neither goes without the other.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import lru_cache

import nbformat
import pytest
from support.known import checks_of

from grader.course.discovery import find_course

COURSE = find_course()
EDGES = {  # week, question: what a check tries, and how the docstring says so
    ("week01_clip", "embed"): [("here.pictures[:1]", "both may be 1")],
    ("week01_clip", "cosine_similarity"): [
        ("images[1] = 0", "its cosines are 0, not NaN"),
        ("1e-4 *", "of any length"),
    ],
    ("week01_clip", "zero_shot"): [
        ("prompts, 1e4)", "at 10,000 nothing overflows"),
        ("prompts, 0.0)", "any from 0 up"),
    ],
    ("week01_clip", "recall_at_k"): [
        ("answers, 9)", "perhaps more than m"),
        ("rng.integers(0, 12, size=30)", "several may share one"),
        ("torch.full((20, 20), 0.5)", "A candidate that ties with the right one is ahead of it"),
    ],
    ("week01_clip", "info_nce"): [
        ("2 * unit(rng, 5, 8)", "rows of any length count by their dot products"),
        ("unit(rng, 1, 8)", "n may be 1"),
        ("torch.tensor(0.0)", "from 0 to 100"),
    ],
    ("week01_clip", "temperature"): [
        ("start=2.0", "any number above 0.01"),
        ("(-2.0, math.exp(-2))", "may be below 0"),
    ],
    ("week01_clip", "modality_gap"): [("two_cones(rng, 11, 6)", "m may differ from n"), ("-0.5", "any number")],
    ("week01_clip", "fusion"): [
        ("for side, what in", "may depend on the image, on the text, or on whether they agree")
    ],
    ("week02_diffusion", "forward"): [("(1, 3, 8, 8)", "n may be 1"), ("(4, 1, 50)", "sounds (n, 1, samples)")],
    ("week02_diffusion", "conversions"): [("gaussian(rng, 4, 2)", "points (n, 2)")],
    ("week02_diffusion", "ddpm_step"): [("t - 1, kept", "any previous < t"), ("t, -1, kept", "-1 means the end")],
    ("week02_diffusion", "ddim_step"): [
        ("t, -1, kept, eta", "whatever eta is"),
        ("0.0, None)", "may be None when eta is 0"),
    ],
    ("week02_diffusion", "timesteps"): [
        ("(50, 50)", "from 1 to `total`"),
        ("(1, 1000)", 'a single "linspace" step is 0'),
    ],
    ("week02_diffusion", "guidance"): [
        ("(0.0, empty)", "0 that to `empty`"),
        ("torch.tensor(int(", "an int or a tensor"),
    ],
    ("week02_diffusion", "text_to_image"): [("some_wishes(rng, 9)", "what is too long for the tokenizer is cut off")],
    ("week02_diffusion", "attention"): [("60 * gaussian", "do not overflow"), ("(1, 8)", "1 or more")],
    ("week02_diffusion", "sdedit"): [("(0.0, 0.2, 1.0)", "both ends included. ")],
    ("week02_diffusion", "inpaint"): [("times[:1]", "one or more")],
    ("week03_blip", "patch_embed"): [("gaussian(rng, 1, 3, 9, 9)", "n may be 1")],
    ("week03_blip", "attend"): [
        ("40 * gaussian", "do not overflow"),
        ("(1, 7, 1)", "1 or more"),
        ("[~allowed] == 0", "its weight is 0 exactly"),
    ],
    ("week03_blip", "caption_loss"): [
        ("300 * gaussian", "in the hundreds, and the loss stays finite"),
        ("(5, 2)", "length 2 or more"),
        ("(11, 9)", "any id that no real token has"),
    ],
    ("week03_blip", "greedy"): [
        ("(2, 2, 0, 9)", "Start and end may be one id"),
        ("(0, 5, 1, 1)", "`longest` new tokens"),
        ("counting_step(table, 2)", "all n captions in their order, ended ones too"),
        ("step, 1, 1, 2, 5, 0", "1 or more"),
    ],
    ("week03_blip", "beam_search"): [
        ("(3, 1, 1.0)", "the most new tokens, 1 or more"),
        ("(1, 8, 1.0)", "B, 1 or more"),
        ("(1, 12, 0.0)", "at least 0"),
    ],
    ("week03_blip", "sampling"): [
        ('{"top_k": 50}', "above the vocabulary it keeps all"),
        ('{"temperature": 400.0}', "be it 0.02 or 400"),
        ('{"top_p": 1e-4}', "at least one token"),
    ],
    ("week03_blip", "matching"): [
        ("400 * gaussian", "nothing overflows"),
        ("same[1, 2] = same[2, 1] = True", "there may be more than the diagonal"),
        ("said[:1])", "n may be 1"),
    ],
    ("week03_blip", "prefix_loss"): [
        ("(1, clipcap.PAD)", "k is 1 or more"),
        ("(6, 9)", "any id that no real token has"),
    ],
    ("week03_blip", "bleu"): [
        ("def ties_of_length", "of two as close the shorter"),
        ("nothing in common", "It is 0 where"),
    ],
    ("week03_blip", "consensus"): [('cider(["a red star"]', "is the CIDEr of one picture alone")],
    ("week03_blip", "word_maps"): [("(1, 5, 3, 1)", "g may be 1")],
    ("week03_blip", "fine_tune"): [
        ('seen["other"] != batches', "another seed others"),
        ("numbers(rng, 10, 6)", "each longer than a batch"),
    ],
}


@lru_cache
def contracts(slug: str) -> dict[str, dict[str, str]]:
    """{question: {name: docstring}} of a week's exercises, white space made one."""
    notebook = nbformat.read(COURSE.solution(COURSE.week(slug)), as_version=4)
    found = {}
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and about.get("solution") and not about["grade"]:
            plain = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            nodes = [one for one in ast.parse(plain).body if isinstance(one, ast.FunctionDef | ast.ClassDef)]
            found[about["grade_id"]] = {one.name: " ".join((ast.get_docstring(one) or "").split()) for one in nodes}
    return found


def tried(slug: str, question: str) -> str:
    """The code of a question's checks, visible and hidden."""
    return "\n".join(inspect.getsource(one.run) for some in checks_of(slug, question) for one in some)


@pytest.mark.parametrize(("slug", "question"), EDGES)
def test_what_is_tried_is_said(slug, question):
    code, said = tried(slug, question), " ".join(contracts(slug)[question].values())
    for edge, words in EDGES[slug, question]:
        assert edge in code, f"no check tries {edge!r} any more: does the docstring still need {words!r}?"
        assert words in said, f"a check tries {edge!r}, and the docstring does not say {words!r}"


def watched(slug: str) -> Iterator[tuple[str, str]]:
    """Question and name of each function whose arguments a check looks at after the call."""
    for question in contracts(slug):
        for name in re.findall(r"arguments_after\(student\.(\w+)", tried(slug, question)):
            yield question, name


@pytest.mark.parametrize("slug", ["week01_clip", "week02_diffusion", "week03_blip"])
def test_what_must_not_be_changed_is_named(slug):
    found = set(watched(slug))
    assert len(found) >= 2
    silent = {name for question, name in found if not re.search(r"stays? as", contracts(slug)[question][name])}
    assert not silent, "their docstrings do not say that the inputs stay as they are"
