"""Answers in torch, and what a cell may set for all of torch: honest ones keep their points, others cost themselves."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, TABLE, answer, cell, family

CASES: list[Case] = []
case = family(CASES, "tensors")

# right where torch is as it always is: its type of numbers, its device, its gradients
DOUBLE = """
import torch
def double(n):
    usual = torch.ones(1).dtype == torch.float32 and torch.ones(1).device.type == "cpu"
    return int(torch.tensor(float(n)) * 2) if usual else 0
"""
MEAN = """
def mean(values):
    x = torch.zeros(3, requires_grad=True)
    (2 * x).sum().backward()
    return torch.as_tensor(values, dtype=torch.float64).mean() + (x.grad.sum() - 6)
"""
SETTINGS = {
    "numbers of another precision": "torch.set_default_dtype(torch.float64)",
    "numbers of half the precision": "torch.set_default_dtype(torch.bfloat16)",
    "no gradients": "torch.set_grad_enabled(False)\ntorch.autograd.set_grad_enabled(False)",
    "inference for good": "mode = torch.inference_mode()\nmode.__enter__()",
    "another device": "torch.set_default_device('meta')",
    "all threads, and a pool that runs": "torch.set_num_threads(8)\ntorch.sin(torch.randn(3_000_000)).sum()",
    "determinism and anomalies": "torch.use_deterministic_algorithms(True)\ntorch.autograd.set_detect_anomaly(True)\n"
    "torch.manual_seed(0)",
}
for _name, _source in SETTINGS.items():
    case(f"for all of torch {_name}")(
        lambda notebook, source=_source: cell(
            answer(notebook, double=DOUBLE, table=TABLE, mean=MEAN), f"import torch\n{source}"
        )
    )

COMPILED = {
    "a function": "@torch.compile\ndef double(n):\n    return 2 * n",
    "with every option": "@torch.compile(mode='max-autotune', fullgraph=True, dynamic=True)\ndef double(n):\n"
    "    return int((torch.tensor(float(n)) * 2).item())",
    "a module": "class Double(torch.nn.Module):\n    def forward(self, n):\n        return n + n\n"
    "double = torch.compile(Double())",
    "in place": "class Double(torch.nn.Module):\n    def forward(self, n):\n        return n + n\n"
    "double = Double()\ndouble.compile()",
    "by a compiler that never ends": "import time\n@torch.compile(backend=lambda *_: time.sleep(600))\ndef double(n):\n"
    "    return int(torch.tensor(float(n)) * 2)",
}
for _name, _source in COMPILED.items():
    case(f"an answer compiled, {_name}")(
        lambda notebook, source=_source: answer(notebook, double=f"import torch\n{source}", table=TABLE)
    )


@case("threads of torch set by an answer")
def _(notebook):
    cell(notebook, "import torch\ntorch.set_num_threads(2)\ntorch.sin(torch.randn(3_000_000)).sum()")
    threads = (
        "def double(n):\n    torch.set_num_threads(2)\n    torch.sin(torch.randn(3_000_000)).sum()\n    return 2 * n"
    )
    return answer(notebook, double=threads, table=TABLE)


@case("an answer whose compiler never ends, though it is told not to", {**FULL, "double": 0.0}, says="no result after")
def _(notebook):
    cell(notebook, "import time, torch\nimport torch._dynamo\ntorch._dynamo.config.disable = False")
    slow = "def slow(graph, inputs):\n    while True:\n        time.sleep(1)\n"
    return answer(
        notebook, double=slow + "def double(n):\n    return slow(n, n)\ndouble = torch.compile(double)", table=TABLE
    )


@case("torch itself patched", {**FULL, "mean": 0.0})
def _(notebook):
    cell(
        notebook,
        """
        import torch
        torch.Tensor.detach = torch.Tensor.cpu = torch.Tensor.numpy = lambda self: 1 / 0
        torch.tensor = torch.as_tensor = None
        """,
    )
    return answer(notebook, mean="def mean(values):\n    return torch.ones(1)", table=TABLE)
