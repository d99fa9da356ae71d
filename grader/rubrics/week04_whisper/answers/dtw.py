# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `dtw`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("dtw")

DTW = """
def dtw(cost):
    cost = np.asarray(cost, dtype=float)
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for i in range(n):
        for j in range(m):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j = n, m
    rows, columns = [], []
    while i and j:
        rows.append(i - 1)
        columns.append(j - 1)
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda place: total[place])
    return rows[::-1], columns[::-1]


def token_times(weights, width=7):
    scaled = (weights - weights.mean(dim=1, keepdim=True)) / weights.std(dim=1, keepdim=True, unbiased=False)
    matrix = whisper_lab.median_filter(scaled, width).mean(dim=0)
    rows, columns = dtw(-matrix)
    first = [columns[rows.index(i)] for i in range(len(matrix))]
    return torch.tensor(first) * 0.02


with needs("dtw"):
    times = token_times(weights, model.config.median_filter_width)
    my_word_times = whisper_lab.words_at(whisper, said, times)
"""
ANSWERS.right(
    "with a memory of the way",
    swap(
        DTW,
        (
            DTW[DTW.index("    total = np.full") : DTW.index("def token_times")],
            "    total, come = np.full((n, m), np.inf), {}\n"
            "    for i in range(n):\n"
            "        for j in range(m):\n"
            "            before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]\n"
            "            before = [(total[p], p) for p in before if p[0] >= 0 and p[1] >= 0]\n"
            "            least, come[i, j] = min(before) if before else (0.0, None)\n"
            "            total[i, j] = least + cost[i, j]\n"
            "    path, place = [], (n - 1, m - 1)\n"
            "    while place is not None:\n"
            "        path.append(place)\n"
            "        place = come[place]\n"
            "    rows, columns = zip(*path[::-1])\n"
            "    return list(rows), list(columns)\n\n\n",
        ),
    ),
)
ANSWERS.right(
    "arrays, and jumps",
    swap(
        DTW,
        ("return rows[::-1], columns[::-1]", "return np.array(rows[::-1]), np.array(columns[::-1])"),
        (
            "    first = [columns[rows.index(i)] for i in range(len(matrix))]\n    return torch.tensor(first) * 0.02",
            "    new = np.concatenate([[True], np.diff(rows) > 0])\n    return torch.from_numpy(columns[new] / 50)",
        ),
    ),
)
ANSWERS.wrong(
    "backwards",
    swap(DTW, ("return rows[::-1], columns[::-1]", "return rows, columns")),
    "not turned round",
    slip="the path runs backwards",
)
ANSWERS.wrong(
    "step by step",
    swap(
        DTW,
        (
            DTW[DTW.index("    total = np.full") : DTW.index("def token_times")],
            "    i = j = 0\n    rows, columns = [0], [0]\n"
            "    while (i, j) != (n - 1, m - 1):\n"
            "        ways = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]\n"
            "        i, j = min((p for p in ways if p[0] < n and p[1] < m), key=lambda p: cost[p])\n"
            "        rows.append(i)\n        columns.append(j)\n"
            "    return rows, columns\n\n\n",
        ),
    ),
    "the cheapest next step is not the cheapest path",
    slip="the cheapest next step, again and again",
)
ANSWERS.wrong(
    "no standing still",
    swap(
        DTW,
        ("min(total[i, j], total[i, j + 1], total[i + 1, j])", "min(total[i, j], total[i + 1, j])"),
        ("(i - 1, j - 1), (i - 1, j), (i, j - 1)", "(i - 1, j - 1), (i, j - 1)"),
    ),
    "two tokens cannot share a position",
    slip="a step straight down is missing",
)
ANSWERS.wrong(
    "in positions",
    swap(DTW, ("torch.tensor(first) * 0.02", "torch.tensor(first)")),
    "not in seconds",
    slip="those are positions: one is 0.02",
)
ANSWERS.wrong(
    "ends for beginnings",
    swap(DTW, ("columns[rows.index(i)]", "columns[len(rows) - 1 - rows[::-1].index(i)]")),
    "the last position of every token",
    slip="those are ends",
)
ANSWERS.wrong(
    "attention for a cost",
    swap(DTW, ("dtw(-matrix)", "dtw(matrix)")),
    "looks where nobody listened",
    slip="nobody listened",
)
ANSWERS.wrong(
    "not scaled",
    swap(DTW, ("median_filter(scaled, width)", "median_filter(weights, width)")),
    "positions that draw all attention outweigh the rest",
    slip="to be scaled over the tokens first",
)
ANSWERS.wrong(
    "no median",
    swap(DTW, ("whisper_lab.median_filter(scaled, width).mean(dim=0)", "scaled.mean(dim=0)")),
    "single positions lead it astray",
    slip="the median filter is missing",
)
ANSWERS.wrong(
    "over the positions",
    swap(
        DTW,
        (
            "weights.mean(dim=1, keepdim=True)) / weights.std(dim=1",
            "weights.mean(dim=2, keepdim=True)) / weights.std(dim=2",
        ),
    ),
    "scaled along the wrong dimension",
    slip="scaled over the positions",
)
ANSWERS.wrong(
    "columns first",
    swap(
        DTW,
        ("    return rows[::-1], columns[::-1]", "    return columns[::-1], rows[::-1]"),
        ("rows, columns = dtw(-matrix)", "columns, rows = dtw(-matrix)"),
    ),
    "exchanged",
    slip="columns and rows are exchanged",
)
ANSWERS.wrong(
    "no diagonal",
    swap(
        DTW,
        (
            "min(total[i, j], total[i, j + 1], total[i + 1, j])",
            "min(total[i, j + 1], total[i + 1, j], 0 if i == j == 0 else np.inf)",
        ),
        ("(i - 1, j - 1), (i - 1, j), (i, j - 1)]", "(i - 1, j), (i, j - 1)]"),
    ),
    "never both at once",
    slip="down and to the right at once is missing",
)
ANSWERS.wrong(
    "seven written in",
    swap(DTW, ("median_filter(scaled, width)", "median_filter(scaled, 7)")),
    "ignores the width",
    visible_passes=True,
    slip="",
)
