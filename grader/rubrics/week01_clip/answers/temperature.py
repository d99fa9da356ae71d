# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `temperature`."""

from __future__ import annotations

from textwrap import indent

from grader.authoring.known_answers import Answers

ANSWERS = Answers("temperature")


def _temperature(init: str, forward: str) -> str:
    head = "class Temperature(torch.nn.Module):\n    def __init__(self, start=0.07):\n        super().__init__()\n"
    return head + indent(init, " " * 8) + "\n\n    def forward(self):\n" + indent(forward, " " * 8) + "\n"


ANSWERS.right(
    "math and minimum",
    _temperature(
        "import math\n\nself.log_scale = torch.nn.Parameter(torch.tensor(-math.log(start)))",
        "return torch.minimum(self.log_scale.exp(), torch.tensor(100.0, device=self.log_scale.device))",
    ),
)
ANSWERS.right(
    "capped in the exponent",
    _temperature(
        "self.register_parameter('log_scale', torch.nn.Parameter(torch.ones([]) * np.log(1 / start)))",
        "return torch.exp(torch.clamp(self.log_scale, max=float(np.log(100.0))))",
    ),
)
ANSWERS.wrong(
    "the scale itself",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start))", "return self.log_scale.clamp(max=100.0)"
    ),
    "learns the scale, not its logarithm",
    slip="learn its logarithm",
)
ANSWERS.wrong(
    "not a parameter",
    _temperature("self.log_scale = torch.tensor(1 / start).log()", "return self.log_scale.exp().clamp(max=100.0)"),
    "no optimiser sees it",
    slip="no optimiser would find it",
)
ANSWERS.wrong(
    "the temperature, not the scale",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(start).log())", "return self.log_scale.exp().clamp(max=100.0)"
    ),
    "upside down",
    slip="that is the temperature",
)
ANSWERS.wrong(
    "item()",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())",
        "return torch.tensor(min(self.log_scale.exp().item(), 100.0))",
    ),
    "cuts the gradient",
    slip="the gradient does not arrive",
)
ANSWERS.wrong(
    "no cap",
    _temperature("self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())", "return self.log_scale.exp()"),
    "may run away",
    slip="the cap belongs on the scale",
)
ANSWERS.wrong(
    "cap on the logarithm",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())",
        "return self.log_scale.clamp(max=100.0).exp()",
    ),
    "a cap of e^100",
    slip="the cap belongs on the scale",
)
ANSWERS.wrong(
    "0.07 whatever start is",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / 0.07).log())",
        "return self.log_scale.exp().clamp(max=100.0)",
    ),
    "ignores its argument",
    slip="`start` is not used",
)

ANSWERS.wrong(
    "never below one",
    _temperature(
        "self.log_scale = torch.nn.Parameter(torch.tensor(1 / start).log())",
        "return self.log_scale.exp().clamp(1, 100)",
    ),
    "a second cap that nobody asked for",
    visible_passes=True,
    slip="",
)
