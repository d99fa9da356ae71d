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
    ("week04_whisper", "spectrogram"): [
        ("(512, 200, 5001)", "Neither is always 400 and 160"),
        ("rng.uniform(rate, 4 * rate", "perhaps far above the rate"),
    ],
    ("week04_whisper", "log_mel"): [
        ("torch.zeros(RATE)", "perhaps of silence"),
        ("ends[:, -1] = 1e4", "drops the last frame first, then looks for the loudest"),
        ("(40, 256, 8000)", "so that there are size // 2 + 1 frequencies up to rate / 2"),
    ],
    ("week04_whisper", "encoder_front"): [
        ("(3, 6, 2, 16, 5)", "whatever the width"),
        ("(1, 2, 3)", "What does not fill a last step is left over"),
        ("(1500, 384)", "length, width: any"),
    ],
    ("week04_whisper", "first_token"): [
        ("gaussian(rng, 1, probes.MELS", "One utterance is a row too"),
        ('languages": order', "in its order"),
        ('start": int(', "The start token is model.generation_config.decoder_start_token_id"),
    ],
    ("week04_whisper", "greedy"): [
        ("PROMPT, only, [], 6)", "where the end is not among them the answer may be empty"),
        ('counted["encoder"] > 1', "The encoder runs once and every token is fed once"),
        ("(3, 9)", "new tokens at most"),
    ],
    ("week04_whisper", "beam"): [
        ("vocabulary**most", "perhaps more than there are continuations"),
        ("[*tokens, vocabulary - 1][:most]", "the end included"),
        ("(1.0, 0.0, 2.0)", "the exponent of the length T, which counts the end where there is one"),
    ],
    ("week04_whisper", "fallback"): [
        ('("", -0.1)', "an empty text has none, and a ratio of 0"),
        ("umlauts", "is of bytes in UTF-8"),
        ("len(tried) > 1", "It costs a whole decoding"),
    ],
    ("week04_whisper", "word_errors"): [
        ("student.align([], [])", "either may be empty, and both"),
        ("list(said), list(heard)", "or of anything that can be compared"),
        ('("A big Star", "a big star")', "case and punctuation count"),
        ('["", "one two three', "A text that was heard may be empty"),
    ],
    ("week04_whisper", "add_noise"): [
        ("(1000, 2500, 9000)", "it is repeated, or cut, to the length of the speech, and measured then"),
        ("torch.zeros(3000)", "Silent noise changes nothing"),
        ("gaussian(rng, length) + 0.7", "by the mean of its squares"),
    ],
    ("week04_whisper", "segments"): [
        ("student.segments([], 50_364)", "What is not empty begins with a time"),
        ("[50_364, 50_464]", "a time at the end that no words follow opens none"),
        ("None, [7, 9, 11]", "the end of a segment that was never closed is None"),
        ("1050, 1060", "A pause between segments belongs to none"),
    ],
    ("week04_whisper", "dtw"): [
        ("(1, 1)", "n and m at least 1"),
        ("- 3 * float(rng.random())", "positive or negative"),
        ("token_times(weights, 1)", "width: of the median filter, odd"),
    ],
    ("week04_whisper", "merge"): [
        ("student.merge([])", "of no pieces []"),
        ("# said twice", "What was said twice stays twice"),
        ("left[-1], right[0]", "the last of the one and the first of the other may be wrong"),
    ],
    ("week05_fusion", "sequence"): [
        ("((3,), (1, 6)", "list of one or more"),
        ("student.join(parts[:2], modality[:2], positions)", "m at least the longest length"),
    ],
    ("week05_fusion", "fusion"): [
        ("torch.nan)", "stands anything, perhaps nan"),
        ("there[0], there[1] = False, True", "zeros where no modality is there"),
        ("wanted = asking.clone()", "Where nothing that could be asked is there, `asking` comes back as it was"),
    ],
    ("week05_fusion", "modality_dropout"): [
        ("torch.ones(3), seed", "A row that would lose all that it had keeps all that it had"),
        ("torch.equal(found, other)", "another seed another"),
        ('(["a"], ["a"], ["a"])', "(0.0, 0.0) where they differ nowhere"),
    ],
    ("week05_fusion", "splice"): [
        ("swapped", "Raises ValueError where a row has more or fewer than p placeholders"),
        ("projector_of(rng, 9, 4)", "as `torch.nn.Linear` keeps them"),
    ],
    ("week05_fusion", "answer_labels"): [
        ("turns_of(rng, 1, closed=False)", "A row's last answer may never be closed"),
        ("[ASSISTANT, END]", "up to and with the next `end`"),
        ("+ [0] *", "whatever a row is filled up with"),
    ],
    ("week05_fusion", "stage_one"): [
        ('watched["others moved"]', "No parameter outside the connector changes"),
        ('watched["plain"]', "Returns a list of floats"),
        ('watched["asked"]', "one a step"),
    ],
    ("week05_fusion", "resample"): [("(8, 1, 1, 9)", "head h has the features from h * d / heads on")],
    ("week05_fusion", "gated"): [
        ("[5, 5, 5, 5, 5, 5, 5]", "A word that may ask no picture comes back as it was"),
        ("[9, 9, 9, 9, 5, 5, 5]", "the last one at or before it"),
        ("ids[0] = 5", "True at most once for each word"),
    ],
    ("week05_fusion", "boxes"): [
        ("[-0.4, -0.01, 1.3, 1.01]", "what lies outside [0, 1] counts as its edge"),
        ("[0.8, 0.8, 0.2, 0.2]", "A box whose right or bottom does not exceed its left or top has no area"),
    ],
    ("week05_fusion", "looks"): [("(0, 1, 5, 8)", "0 to p"), ("gaussian(rng, 3, 3).softmax(-1)", "of any shape")],
    ("week05_fusion", "quantise"): [
        ("weight[1], weight[3, 4] = 0, -30", "A row of zeros has scale 1"),
        ("(1, 4)", "bytes of one number"),
    ],
    ("week05_fusion", "presence"): [
        ('" yes, there is"', "without spaces around it and in lower case"),
        ('["no"] * 4', "What would be divided by zero is 0.0"),
    ],
    ("week06_tokens", "quantise"): [
        ("(1, 6, 2, 30, 4)", "(n, d, h, w)"),
        ('found["codebook"]', "the codebook gets none"),
    ],
    ("week06_tokens", "vq_loss"): [
        ("(2, 3, 2, 2, 2)", "of any shape"),
        ("quantised, 0.0)", "the weight of the commitment"),
    ],
    ("week06_tokens", "ema"): [
        ("(1.0, 1e-5)", "decay: from 0 to 1"),
        ("z[:2], 100.0", "no row twice while there are enough"),
        ("edge[2] = 1.0", "a code is dead when its count is below it"),
        ("seed_from(rng))[0] for _ in range(4)", "another another"),
    ],
    ("week06_tokens", "usage"): [("(1, 1), (4, 7)", "each of any shape"), ("(300, 40)", "the codebook's size")],
    ("week06_tokens", "adversary"): [
        ("1e-5, 0.0)", "at most 10,000"),
        ("(start - 1, start)", "before step `start` the weight is 0"),
        ('found["clean"]', "no .grad has changed"),
        ('found["graph"]', "a scalar tensor without a graph"),
    ],
    ("week06_tokens", "words_and_codes"): [
        ("(4, 0, 9), 9", "from none to `places` of them each"),
        ("silent[:, :-m] = -100", "0 for a part in which nothing is charged"),
    ],
    ("week06_tokens", "write"): [
        ("(scattered, 1.0, 12)", "there may be fewer"),
        ("(one, 0, None)", "at 0 the most likely allowed token is taken"),
        ("(1, 6, 1, 0)", "1 or more"),
    ],
    ("week06_tokens", "guide"): [
        ("(3, 1.0)", "1 changes nothing"),
        ("len(calls) == 16", "Both halves are read in one call"),
    ],
    ("week06_tokens", "unmask"): [
        ("(15, 2, 8, 1.0)", "at most one less than were masked before, but never fewer than one"),
        ("(8, 0, 1, 1.0)", "After the last step that is all"),
    ],
    ("week06_tokens", "bits"): [("(1, 1, 2)", "codes: int64 tensor (n, m)"), ('"ratio": 24', "three bytes each")],
    ("week06_tokens", "prompt_to_paint"): [
        ("(4, 14, 33)", "scaled bilinearly, with align_corners=False and no antialias"),
        ('found["start"]', "where it begins; it stays as it is"),
    ],
    ("week06_tokens", "redraw"): [
        ('"<!-- a star', "lines that are a comment, from <!-- to -->"),
        ('"0" y="128"', "whole numbers from 0 to 128"),
        ('(["no", "<use/>"], [])', "None and 1.0 where no text was a program"),
        ("off + 1e-6", "`close` or less"),
    ],
    ("week10_studio", "read_sound"): [
        ("rng.integers(1, 4000)", "a rate outside 4,000 to 192,000 Hz or more than 8 channels"),
        ("bytes(10 * bounds.MEGABYTE)", "at most 10 MB"),
        ("np.zeros(0)", "without samples"),
        ("np.clip(5 * at(t), -1, 1)", "what is louder then is cut off"),
        ("(np.nan, np.inf)", "holds nan or infinity"),
    ],
    ("week10_studio", "transcribe"): [
        ("rng.uniform(0.7, 0.95)", "the last may be of any length"),
        ("told[0][1]", "the language of the first that adds one"),
        ("languages_told", "each window has a language of its own"),
        ("language is None", '("", None)'),
    ],
    ("week10_studio", "read_prompt"): [
        ("x2y!", "A word is a run of letters"),
        ("\\u200bstar", 'every category that begins with "C"'),
        ("None, most)", "or None, where any word will do"),
        ("a word that comes twice is told once", "each once"),
        ("str(most) in said", "naming the limit"),
    ],
    ("week10_studio", "paint"): [
        ("[two, one, two]", "whatever the other seeds are"),
        ("student.paint, (", "What it raises ends the painting and comes out"),
        ('found["left alone"]', "leave it as it is, its scheduler too"),
    ],
    ("week10_studio", "rank"): [("[b]", "a list of n PIL images"), ("squeeze()", "Returns a list of n pairs")],
    ("week10_studio", "describe"): [
        ('one.convert("L")', "a PIL image of any mode"),
        ("student.matches, see_through", "picture: a PIL image of any mode. Returns a float"),
        ("* 9)[:300]", "A prompt longer than the model reads is truncated"),
        ("long_winded", "max_new_tokens=40"),
    ],
    ("week10_studio", "edit"): [
        ("(0.501, 0.0, 0.505, 1.0)", "Raises ValueError for a region without a pixel"),
        ("(0.0, 0.1)", "where int(steps * strength) is 0 there is nothing to do"),
        ('picture.convert("RGBA")', "a PIL image of any mode"),
    ],
    ("week10_studio", "remember"): [
        ("on_a_full_disk", "When it raises (sqlite3.Error or OSError), the history is as it was"),
        ("from_threads", "Several threads may call it at once"),
        ("probes.file_bytes(path)", "When this returns, the work is on the disk"),
    ],
    ("week10_studio", "recipe"): [
        ("range(21)", "at most 20 recipes lie behind one"),
        ('"601 steps in all"', "add up to at most 600"),
        ('float("nan"), float("inf")', "a finite number in [0, 20]"),
        ("recipes.RECIPE_BYTES", "at most 100,000 of them"),
        ('"run": "rm -rf /"', "others that the file has are left out"),
        ("name in said", "the message names the field"),
    ],
    ("week10_studio", "deck"): [
        ('student.deck("Empty", [])', "perhaps empty"),
        ("<script>alert(1)</script>", "Text is shown as it is, whatever it holds"),
        ("fetches", "nothing is fetched from anywhere"),
    ],
    ("week10_studio", "create"): [
        ("OutOfMemoryError", "MemoryError or torch.OutOfMemoryError while painting"),
        ("batch=0", "where any one of them alone is too much, a MemoryError comes out that says what to do"),
        ('saving="OSError"', "OSError or sqlite3.Error while remembering: a note says so"),
        ('["read_prompt"]', "nothing is painted"),
        ('["zebra", "quark"]', "Unknown words: a note names them"),
        ('found["steps"] == [7]', "The painter is given on_step as it is"),
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
        for name in re.findall(r"arguments_after\(\s*student\.(\w+)", tried(slug, question)):
            yield question, name


@pytest.mark.parametrize("slug", ["week01_clip", "week02_diffusion", "week03_blip", "week05_fusion", "week06_tokens"])
def test_what_must_not_be_changed_is_named(slug):
    found = set(watched(slug))
    assert len(found) >= 2
    silent = {name for question, name in found if not re.search(r"stays? as", contracts(slug)[question][name])}
    assert not silent, "their docstrings do not say that the inputs stay as they are"
