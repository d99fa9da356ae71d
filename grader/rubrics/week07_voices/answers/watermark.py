# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `watermark`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("watermark")

WATERMARK = """
def add_mark(wave, key, below):
    pattern = 2 * torch.randint(2, (len(wave),), generator=torch.Generator().manual_seed(key)) - 1
    return wave + wave.square().mean().sqrt() * 10 ** (-below / 20) * pattern


def find_mark(wave, key):
    pattern = 2 * torch.randint(2, (len(wave),), generator=torch.Generator().manual_seed(key)) - 1
    return float((wave * pattern).sum() / wave.norm())
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(WATERMARK, *pairs))


ANSWERS.right(
    "one pattern for both",
    cell(
        """
def signs_of(n, key):
    drawn = torch.randint(2, (n,), generator=torch.Generator().manual_seed(key))
    return torch.where(drawn == 1, 1.0, -1.0)


def add_mark(wave, key, below):
    level = torch.linalg.vector_norm(wave) / math.sqrt(len(wave))
    return wave + signs_of(len(wave), key) * level / 10 ** (below / 20)


def find_mark(wave, key):
    product = wave.double() * signs_of(len(wave), key)
    return product.sum().item() / math.sqrt(float((product**2).sum()))
"""
    ),
)
ANSWERS.right(
    "by NumPy",
    cell(
        """
def add_mark(wave, key, below):
    drawn = torch.randint(2, (wave.numel(),), generator=torch.Generator().manual_seed(key)).numpy()
    x = wave.numpy().astype(float)
    return torch.from_numpy(x + np.sqrt(np.mean(x**2)) / 10 ** (below / 20) * (2.0 * drawn - 1)).float()


def find_mark(wave, key):
    drawn = torch.randint(2, (wave.numel(),), generator=torch.Generator().manual_seed(key)).numpy()
    x = wave.numpy().astype(float)
    return float(np.dot(x, 2 * drawn - 1) / np.linalg.norm(x))
"""
    ),
)
ANSWERS.wrong(
    "decibels of power",
    answer(("-below / 20", "-below / 10")),
    "takes decibels of a power",
    slip="decibels of a *power*",
)
ANSWERS.wrong(
    "absolute",
    answer(("wave.square().mean().sqrt() * ", "")),
    "does not follow the loudness",
    slip="does not follow the wave's loudness",
)
ANSWERS.wrong(
    "peak",
    answer(("wave.square().mean().sqrt()", "wave.abs().max()")),
    "takes the peak",
    slip="the loudness was taken from the peak",
)
ANSWERS.wrong(
    "power",
    answer(("wave.square().mean().sqrt()", "wave.square().mean()")),
    "takes the mean square",
    slip="the loudness is a mean square",
)
ANSWERS.wrong(
    "louder",
    answer(("(-below / 20)", "(below / 20)")),
    "makes the mark louder than the wave",
    slip="the mark is louder than the wave",
)
ANSWERS.wrong(
    "zeros and ones",
    cell(
        """
def add_mark(wave, key, below):
    pattern = torch.randint(2, (len(wave),), generator=torch.Generator().manual_seed(key))
    return wave + wave.square().mean().sqrt() * 10 ** (-below / 20) * pattern


def find_mark(wave, key):
    pattern = torch.randint(2, (len(wave),), generator=torch.Generator().manual_seed(key))
    return float((wave * pattern).sum() / wave.norm())
"""
    ),
    "has a pattern of 0 and 1",
    slip="the pattern is of 0 and 1",
)
ANSWERS.wrong(
    "the mark alone",
    answer(("return wave + wave", "return wave")),
    "returns the mark",
    slip="that is the mark alone",
)
ANSWERS.wrong(
    "the sum",
    answer((" / wave.norm())", ")")),
    "gives the sum",
    slip="that is the sum of the products",
)
ANSWERS.wrong(
    "the mean",
    answer(("(wave * pattern).sum() / wave.norm()", "(wave * pattern).mean()")),
    "gives the mean",
    slip="that is the mean of the products",
)
ANSWERS.wrong(
    "a correlation",
    answer((" / wave.norm())", " / wave.norm() / len(wave) ** 0.5)")),
    "gives a correlation",
    slip="the length is missing",
)
ANSWERS.wrong(
    "one sample",
    answer((" / wave.norm())", " / wave.square().mean().sqrt())")),
    "divides by the deviation of one sample",
    slip="the standard deviation of one sample",
)
ANSWERS.wrong(
    "without a sign",
    answer(("float((wave * pattern).sum() / wave.norm())", "abs(float((wave * pattern).sum() / wave.norm()))")),
    "loses the sign",
    slip="the sign is lost",
)
ANSWERS.wrong(
    "another pattern each time",
    cell(
        """
def add_mark(wave, key, below):
    pattern = 2 * torch.randint(2, (len(wave),)) - 1
    return wave + wave.square().mean().sqrt() * 10 ** (-below / 20) * pattern


def find_mark(wave, key):
    pattern = 2 * torch.randint(2, (len(wave),)) - 1
    return float((wave * pattern).sum() / wave.norm())
"""
    ),
    "draws another pattern each time",
    slip="",
)
ANSWERS.wrong(
    "divides by a little more",
    answer(("/ wave.norm())", "/ (wave.norm() + 1e-3))")),
    "adds a constant to the norm, which of a soft wave is much of it",
    visible_passes=True,
)
