# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `beam`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("beam")

BEAM = """
def beam_search(step, width, end, most, penalty=1.0):
    running, finished = [([], 0.0)], []
    for length in range(1, most + 1):
        scores = step([tokens for tokens, _ in running])
        sums = scores + torch.tensor([total for _, total in running])[:, None]
        best = sums.flatten().topk(min(2 * width, sums.numel()))
        grown = []
        for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist())):
            row, token = divmod(place, sums.shape[1])
            tokens = [*running[row][0], token]
            if token == end:
                if rank < width:
                    finished.append((tokens[:-1], total / length**penalty))
            else:
                grown.append((tokens, total))
        running = grown[:width]
        if length == most:
            finished += [(tokens, total / length**penalty) for tokens, total in running]
        if len(finished) >= width:
            break
    return max(finished, key=lambda pair: pair[1])[0]
"""
ANSWERS.right(
    "candidates in a list",
    """
def beam_search(step, width, end, most, penalty=1.0):
    beams, done = [(0.0, ())], []
    for n in range(1, most + 1):
        rows = step([list(tokens) for _, tokens in beams]).tolist()
        options = [(total + s, (*tokens, t)) for (total, tokens), row in zip(beams, rows) for t, s in enumerate(row)]
        options = sorted((o for o in options if o[0] > -1e30), key=lambda o: -o[0])[: 2 * width]
        done += [(total / n**penalty, tokens[:-1]) for total, tokens in options[:width] if tokens[-1] == end]
        beams = [o for o in options if o[1][-1] != end][:width]
        done = sorted(done, reverse=True)[:width]
        if len(done) >= width or not beams:
            break
        if n == most:
            done += [(total / n**penalty, tokens) for total, tokens in beams]
    return list(max(done)[1])
""",
)
ANSWERS.right(
    "a numpy array",
    swap(
        BEAM,
        (
            "best = sums.flatten().topk(min(2 * width, sums.numel()))",
            "flat = sums.numpy().ravel()\n        order = np.argsort(-flat, kind='stable')[: 2 * width]",
        ),
        (
            "enumerate(zip(best.values.tolist(), best.indices.tolist()))",
            "enumerate(zip(flat[order].tolist(), order.tolist()))",
        ),
    ),
)
ANSWERS.wrong(
    "greedy after all",
    swap(BEAM, ("    running, finished", "    width = 1\n    running, finished")),
    "keeps one sequence",
    slip="one sequence was kept",
)
ANSWERS.wrong(
    "sums as they are",
    swap(BEAM, (" / length**penalty", "")),
    "no length penalty",
    slip="the sums were compared as they are",
)
ANSWERS.wrong(
    "with the end",
    swap(BEAM, ("(tokens[:-1], total", "(tokens, total")),
    "the end token is part of the answer",
    slip="the end token is part of the result",
)
ANSWERS.wrong(
    "the first to finish",
    swap(BEAM, ("        if len(finished) >= width:", "        if finished:")),
    "stops at the first sequence that ends",
    slip="it stopped when the first sequence ended",
)
ANSWERS.wrong(
    "the least likely",
    swap(BEAM, ("return max(finished", "return min(finished")),
    "takes the worst of the finished ones",
    slip="the worst of the finished",
)
ANSWERS.wrong(
    "the mean only", swap(BEAM, ("length**penalty", "length")), "ignores the penalty", slip="the penalty was ignored"
)
ANSWERS.wrong(
    "as many as there are beams",
    swap(BEAM, ("topk(min(2 * width, sums.numel()))", "topk(min(width, sums.numel()))")),
    "where one ends, too few go on",
    slip="only the first `width` continuations were looked at",
)
ANSWERS.wrong(
    "every end counts",
    swap(
        BEAM,
        (
            "                if rank < width:\n                    finished",
            "                if True:\n                    finished",
        ),
    ),
    "those of the second half finish too",
    slip="is finished only if it is among the first",
)
ANSWERS.wrong(
    "the end has no length",
    swap(
        BEAM,
        (
            "finished.append((tokens[:-1], total / length**penalty))",
            "finished.append((tokens[:-1], total / max(length - 1, 1) ** penalty))",
        ),
    ),
    "divides by the tokens without the end",
    slip="the number of tokens leaves the end out",
)
ANSWERS.wrong(
    "to the last step",
    swap(BEAM, ("        if len(finished) >= width:\n            break\n", "")),
    "goes on after enough are finished",
    slip="it went on to the last step",
)
ANSWERS.wrong(
    "what runs is lost",
    swap(BEAM, ("        if length == most:", "        if length == most and not finished:")),
    "what still runs at the end is dropped where others ended",
    slip="in the last step what still runs",
)
ANSWERS.wrong(
    "the last token alone",
    swap(BEAM, ("sums = scores + torch.tensor([total for _, total in running])[:, None]", "sums = scores")),
    "nothing is summed",
    slip="only the last token's log-probability",
)
ANSWERS.wrong(
    "wider than there are tokens",
    swap(BEAM, ("topk(min(2 * width, sums.numel()))", "topk(2 * width)")),
    "breaks where there are fewer continuations",
    visible_passes=True,
    slip="",
)
