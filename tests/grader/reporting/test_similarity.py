"""Copies are found whatever was done to hide them; honest answers, common ones and released code are no copies."""

import random
import re

import pytest

from grader.reporting import similarity
from grader.reporting.similarity import Answer, compare, fingerprints, grams, tokens

ORIGINAL = '''\
def recall_at_k(scores, targets, k=5):
    """Share of queries whose target is among the k best."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = 0
    for row, target in zip(order, targets, strict=True):
        best = row[:k]
        if target in best:
            hits += 1
        elif scores.shape[1] < k and target > 0:
            hits = hits + 0.5 * len(best)
    return hits / max(len(targets), 1)
'''
# with other names, comments, literals, annotations, order of keywords and operands, and without +=
DISGUISED = """\
import numpy as np  # needed

def recall_at_k(similarities: np.ndarray, truth, top: int = 7) -> float:
    # my own idea
    ranking = np.argsort(-similarities, kind='quick', axis=0)

    found: int = 1
    for (line, wanted) in zip(ranking, truth, strict=False):
        winners = line[:top]
        if wanted in winners:
            found = 1 + found
        elif top > similarities.shape[0] and 2 < wanted:
            found = found + len(winners) * 0.25
    return (found / max(len(truth), 2))
"""
HONEST = [
    """\
def recall_at_k(scores, targets, k=5):
    ranks = (scores > scores[np.arange(len(scores)), targets][:, None]).sum(axis=1)
    return float((ranks < k).mean())
""",
    """\
def recall_at_k(scores, targets, k=5):
    best = torch.topk(torch.as_tensor(scores), min(k, scores.shape[1]), dim=1).indices
    return (best == torch.as_tensor(targets)[:, None]).any(dim=1).double().mean().item()
""",
    """\
def recall_at_k(scores, targets, k=5):
    total = []
    for i in range(scores.shape[0]):
        ranked = sorted(range(scores.shape[1]), key=lambda j: scores[i, j], reverse=True)
        total.append(targets[i] in ranked[:k])
    return sum(total) / len(total)
""",
    """\
def recall_at_k(scores, targets, k=5):
    hit = lambda row, target: int(np.where(np.argsort(row)[::-1] == target)[0][0]) < k
    return np.mean([hit(*pair) for pair in zip(scores, targets)])
""",
    """\
def recall_at_k(scores, targets, k=5):
    chosen = np.argpartition(scores, -k, axis=1)[:, -k:]
    inside = np.isin(targets, chosen) if chosen.ndim == 1 else [t in c for t, c in zip(targets, chosen)]
    return np.asarray(inside, dtype=float).mean()
""",
    """\
def recall_at_k(scores, targets, k=5):
    own = np.take_along_axis(scores, np.asarray(targets)[:, None], axis=1)
    better = np.count_nonzero(scores > own, axis=1)
    ties = np.count_nonzero(scores == own, axis=1) - 1
    return np.clip((k - better) / (1 + ties), 0, 1).mean()
""",
]
COMMON = """\
def recall_at_k(scores, targets, k=5):
    return np.mean([t in s.argsort()[-k:] for s, t in zip(scores, targets)])
"""


def answer(source, released=""):
    known = set(grams(tokens(released)))
    return Answer(source, {v: lines for v, lines in fingerprints(tokens(source)).items() if v not in known})


def compared(sources, released=""):
    names = [f"s{n:02}" for n in range(len(sources))]
    given = {name: answer(source, released) for name, source in zip(names, sources, strict=True)}
    return compare(names, {"recall": given}, {"recall": "Recall"})


def text(source):
    return [token.text for token in tokens(source)]


# --- what makes no difference -----------------------------------------------------------------------------------------


def test_a_disguise_makes_no_difference():
    assert text(ORIGINAL) == text(DISGUISED)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "y = -2.5"),
        ("x = 'a'", "y = f'b'"),
        ("f(q, c=1, b=2)", "f(q, b=3, c=4)"),
        ("f(x) + g(x)", "g(x) + f(x)"),
        ("x > f(y)", "f(y) < x"),
        ("f(x) == y", "y == f(x)"),
        ("g = lambda q: q + h(q)", "def g(w):\n    '''Add.'''\n    return h(w) + w"),
        ("x: int = f()", "y = f()"),
    ],
)
def test_what_makes_no_difference(one, other):
    assert text(one) == text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "y = 'text'"),
        ("a and f(b)", "a or f(b)"),
        ("x.mean(0)", "x.sum(0)"),
        ("f(b=1)", "f(c=1)"),
        ("x - y.z", "y.z - x"),
        ("range(n)", "len(n)"),
        ("if x:\n    f()", "while x:\n    f()"),
        ("x = None", "x = True"),
        ("x < f(y)", "x <= f(y)"),
    ],
)
def test_what_makes_a_difference(one, other):
    assert text(one) != text(other)


def test_passages_of_window_and_k_are_always_seen():
    """The guarantee of winnowing (section 3.1): a shared run of WINDOW + K - 1 tokens leaves a shared fingerprint."""
    rng = random.Random(0)
    for _ in range(200):
        run = [similarity.Token(str(rng.random()), 1) for _ in range(similarity.WINDOW + similarity.K - 1)]
        sides = [
            [*(similarity.Token(str(rng.random()), 1) for _ in range(rng.randint(0, 30))), *run]
            + [similarity.Token(str(rng.random()), 1) for _ in range(rng.randint(0, 30))]
            for _ in range(2)
        ]
        assert set(fingerprints(sides[0])) & set(fingerprints(sides[1]))
    assert not fingerprints(run[: similarity.K - 1]), "what is shorter than a fingerprint has none"


# --- a class ----------------------------------------------------------------------------------------------------------


def test_a_disguised_copy_is_found_and_nobody_else():
    found = compared([ORIGINAL, *HONEST, DISGUISED])
    ((pair),) = found.pairs
    assert pair.students == ("s00", "s07") and pair.overlap > 0.99 and pair.bits > similarity.enough(8)
    assert max(found.overlaps[:-1]) < 0.3, "honest answers have little in common"


def test_a_copy_with_lines_added_is_found():
    begin = "    found: int = 1\n"
    padded = DISGUISED.replace(begin, f"{begin}    print(ranking.shape)\n    checked = []\n")
    ((pair),) = compared([ORIGINAL, *HONEST, padded]).pairs
    (match,) = pair.matches
    assert pair.students == ("s00", "s07") and 0.65 < match.overlap < 0.9
    marked = [line.text.strip() for line in match.sides[1] if line.marked]
    assert "winners = line[:top]" in marked and "# my own idea" not in marked


def test_what_everyone_writes_is_no_copy():
    sources = [COMMON.replace("scores", f"s{n}").replace("t in", "t in ") for n in range(20)]
    assert compared(sources).pairs == [] and compared([*sources, *HONEST]).pairs == []
    ((pair),) = compared([*sources, ORIGINAL, DISGUISED]).pairs
    assert pair.students == ("s20", "s21")


def test_short_answers_are_no_evidence():
    short = ["def f(x):\n    return x.softmax(-1)\n", "def f(y):\n    return y.softmax(1)\n"]
    assert compared([*short, *HONEST]).pairs == []


def test_released_code_does_not_count():
    assert len(compared([ORIGINAL, DISGUISED, *HONEST]).pairs) == 1
    assert compared([ORIGINAL, DISGUISED, *HONEST], released=ORIGINAL).pairs == []
    around = [f"before = {word}.begin(\n    1)\n{ORIGINAL}\nafter = {word}.end()\n" for word in ("me", "you")]
    assert compared([*around, *HONEST], released=ORIGINAL).pairs == [], "whatever stands around it"


def test_a_copy_is_found_in_a_class_of_hundreds():
    rng = random.Random(1)

    def own(source):
        line = " - ".join(rng.choices(["a", "k.b", "f(k)", "k[1]"], k=12))
        return source.replace("return ", f"extra = {line}\n    return ")

    sources = [*HONEST, ORIGINAL, DISGUISED, *(own(HONEST[n % 6]) for n in range(400))]
    found = compared(sources)
    assert ("s06", "s07") in [pair.students for pair in found.pairs] and len(found.overlaps) == 408 * 407 / 2


@pytest.mark.parametrize("source", ["def f(:", "(" * 5000 + ")" * 5000, "\x00", "1\n" * 30_000, "+".join("x" * 9000)])
def test_what_cannot_be_read_is_a_syntax_error(source):
    with pytest.raises(SyntaxError):
        tokens(source)


def test_magics_are_passed_over():
    assert text("%timeit f()\n!ls\nx = f()\n") == text("x = f()")


# --- the command and its page -----------------------------------------------------------------------------------------


@pytest.fixture
def a_class(fill, hand_in):
    for n, source in enumerate(HONEST):
        hand_in(f"honest{n}", fill(mean=source))
    hand_in("ada", fill(mean=ORIGINAL))
    hand_in("bob <b>", fill(mean=DISGUISED, double="def double(n"))
    hand_in("eve", "not a notebook")


def test_the_command_shows_the_pair_and_changes_nothing(call, toy, week, a_class):
    result = call("similar", "1")
    assert result.exit_code == 0, result.output
    out = re.sub(r"\s+", " ", result.stdout)
    assert "ada and bob <b>: 100 % shared; Mean" in out and "1 pair to look at, of 9 students" in out
    assert "no verdict" in out
    assert "not compared: eve:" in result.stderr and "bob <b>, double: not valid Python" in result.stderr
    assert sorted(p.name for p in toy.work.iterdir()) == ["reports", "submitted"], "no grade, no record"
    page = (toy.report(week).parent / "similar.html").read_text(encoding="utf-8")
    assert "bob &lt;b&gt;" in page and "<b>" not in page and "no verdict" in page
    marked = re.findall("<mark>(.*?)</mark>", page)
    assert "        winners = line[:top]" in marked and "        best = row[:k]" in marked
    assert "<script" not in page and not re.search(r'(src|href)="http', page), "it stands alone"


def test_two_are_needed(call, fill, hand_in):
    hand_in("ada", fill(mean=ORIGINAL))
    result = call("similar", "1")
    assert result.exit_code == 2 and "it takes two to compare" in result.stderr


def test_the_released_notebook_counts_as_given(toy, week, fill, hand_in, monkeypatch):
    for student in ("ada", "bob"):
        hand_in(student, fill(mean=ORIGINAL))
    for n, source in enumerate(HONEST):
        hand_in(f"honest{n}", fill(mean=source))
    assert [pair.students for pair in similarity.find(toy, week).pairs] == [("ada", "bob")]
    monkeypatch.setattr(similarity, "_given", lambda notebook: set(grams(tokens(ORIGINAL))))
    assert similarity.find(toy, week).pairs == []
