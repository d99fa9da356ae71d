# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `timesteps`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("timesteps")

TIMES = "def timesteps(n, spacing, total=1000):"
ANSWERS.right(
    "comprehensions",
    cell(
        function(
            TIMES,
            """
if spacing == "leading":
    return [i * (total // n) for i in reversed(range(n))]
if spacing == "linspace":
    return [round(i * (total - 1) / (n - 1)) if n > 1 else 0 for i in reversed(range(n))]
return [round(total - i * total / n) - 1 for i in range(n)]
""",
        )
    ),
)
ANSWERS.right(
    "tensors and a dictionary",
    cell(
        function(
            TIMES,
            """
ways = {
    "leading": torch.arange(n, dtype=torch.float64).flip(0) * (total // n),
    "linspace": torch.linspace(0, total - 1, n, dtype=torch.float64).round().flip(0),
    "trailing": (total - torch.arange(n, dtype=torch.float64) * total / n).round() - 1,
}
return ways[spacing].long().tolist()
""",
        )
    ),
)
LIBRARY_TIMES = """
scheduler = DDIMScheduler(num_train_timesteps=total, timestep_spacing=spacing, steps_offset=0)
scheduler.set_timesteps(n)
times = scheduler.timesteps.tolist()
"""
ANSWERS.wrong(
    "ascending",
    cell(function(TIMES, LIBRARY_TIMES + "return times[::-1]")),
    "from the clean end",
    slip="ascending",
)
ANSWERS.wrong(
    "one for all",
    cell(function(TIMES, LIBRARY_TIMES.replace("=spacing", '="leading"') + "return times")),
    "ignores the spacing",
    slip="those are the times of",
)
ANSWERS.wrong(
    "counted from one",
    cell(function(TIMES, LIBRARY_TIMES + "return [t + 1 for t in times]")),
    "shifted by one",
    slip="shifted by one",
)
ANSWERS.wrong(
    "a thousand for ever",
    cell(function(TIMES, LIBRARY_TIMES.replace("=total", "=1000") + "return times")),
    "ignores total",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "cut off instead of rounded",
    cell(
        function(
            TIMES,
            """
if spacing == "leading":
    return [i * (total // n) for i in reversed(range(n))]
if spacing == "linspace":
    return [int(i * (total - 1) / max(n - 1, 1)) for i in reversed(range(n))]
return [int(total - i * total / n) - 1 for i in range(n)]
""",
        )
    ),
    "int() cuts off where rounding was asked for",
    slip="cut off by int()",
)
ANSWERS.wrong(
    "an even stride",
    cell(
        function(
            TIMES,
            """
stride = total // n
if spacing == "leading":
    return list(range(0, n * stride, stride))[::-1]
if spacing == "linspace":
    return np.linspace(0, total - 1, n).round().astype(int)[::-1].tolist()
return list(range(total - 1, -1, -stride))[:n]
""",
        )
    ),
    "trailing with a whole stride: right only where n divides T",
    slip="need not be whole",
)
