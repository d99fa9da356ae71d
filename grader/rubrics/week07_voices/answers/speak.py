# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `speak`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("speak")

SPEAK = """
def speak(step, mels, threshold=0.5, least=1, most=100):
    before, said = torch.zeros(1, mels), []
    for count in range(1, most + 1):
        new, stop = step(before)
        said.append(new)
        if count >= least and stop.sum() >= threshold:
            break
        before = torch.cat([before, new[-1:]])
    return torch.cat(said), len(said)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(SPEAK, *pairs))


ANSWERS.right(
    "while true",
    cell(
        """
def speak(step, mels, threshold=0.5, least=1, most=100):
    rows, said = [torch.zeros(mels)], []
    while len(said) < most:
        new, stop = step(torch.stack(rows))
        said += [new]
        rows += [new[-1]]
        if len(said) >= least and float(stop.sum()) >= threshold:
            break
    return torch.cat(said), len(said)
"""
    ),
)
ANSWERS.right(
    "with a flag",
    cell(
        """
def speak(step, mels, threshold=0.5, least=1, most=100):
    given, out, count, done = [torch.zeros(1, mels)], [], 0, False
    while not done:
        new, stop = step(torch.cat(given))
        count += 1
        out.extend(new)
        given.append(new[-1].unsqueeze(0))
        done = count >= most or (count >= least and sum(stop.tolist()) >= threshold - 1e-9)
    return torch.stack(out), count
"""
    ),
)
ANSWERS.wrong(
    "all go back",
    answer(("new[-1:]", "new")),
    "feeds all new frames back",
    slip="all three new frames went back",
)
ANSWERS.wrong(
    "only the last",
    answer(("torch.cat([before, new[-1:]])", "new[-1:]")),
    "gives step the last frame alone",
    slip="step was given one frame each time",
)
ANSWERS.wrong(
    "no beginning",
    cell(
        """
def speak(step, mels, threshold=0.5, least=1, most=100):
    before, said = torch.zeros(0, mels), []
    for count in range(1, most + 1):
        new, stop = step(before) if len(before) else step(torch.zeros(0, mels))
        said.append(new)
        if count >= least and stop.sum() >= threshold:
            break
        before = torch.cat([before, new[-1:]])
    return torch.cat(said), len(said)
"""
    ),
    "begins with no frame",
    slip="the first call was given no frame",
)
ANSWERS.wrong(
    "keeps the last frames",
    answer(("said.append(new)", "said.append(new[-1:])")),
    "keeps one frame of each step",
    slip="only the last frame of each step was kept",
)
ANSWERS.wrong(
    "zeros said",
    answer(("torch.cat(said), len", "torch.cat([torch.zeros(1, mels), *said]), len")),
    "keeps the frame of zeros",
    slip="the frame of zeros that it begins with",
)
ANSWERS.wrong(
    "no least",
    answer(("count >= least and ", "")),
    "stops before `least`",
    slip="heeded before `least`",
)
ANSWERS.wrong(
    "a mean",
    answer(("stop.sum()", "stop.mean()")),
    "compares the mean of the stop probabilities",
    slip="the mean of the stop probabilities",
)
ANSWERS.wrong(
    "the first alone",
    answer(("stop.sum()", "stop[0]")),
    "looks at the first stop probability",
    slip="the first stop probability alone",
)
ANSWERS.wrong(
    "never stops",
    answer(("stop.sum() >= threshold", "stop.sum() > 1e9")),
    "does not heed the stop token",
    slip="not heeded at all",
)
ANSWERS.wrong(
    "one late",
    cell(
        """
def speak(step, mels, threshold=0.5, least=1, most=100):
    before, said, over = torch.zeros(1, mels), [], False
    for count in range(1, most + 1):
        new, stop = step(before)
        said.append(new)
        if over:
            break
        over = bool(count >= least and stop.sum() >= threshold)
        before = torch.cat([before, new[-1:]])
    return torch.cat(said), len(said)
"""
    ),
    "stops one step late",
    slip="one step late",
)
ANSWERS.wrong(
    "one early",
    answer(
        (
            "        said.append(new)\n        if count >= least and stop.sum() >= threshold:\n            break\n",
            "        if count >= least and stop.sum() >= threshold:\n            break\n        said.append(new)\n",
        )
    ),
    "throws the last step away",
    slip="one step early",
)
ANSWERS.wrong(
    "frames counted",
    answer(("len(said)", "len(torch.cat(said))")),
    "counts frames",
    slip="those are frames; steps were asked for",
)
ANSWERS.wrong(
    "above",
    answer(("stop.sum() >= threshold", "stop.sum() > threshold")),
    "wants more than the threshold",
    visible_passes=True,
    slip="",
)
