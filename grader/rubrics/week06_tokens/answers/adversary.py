# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `adversary`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("adversary")

WEIGHT = """
def adaptive_weight(reconstruction, adversarial, last, step, start, delta=1e-6):
    if step < start:
        return torch.tensor(0.0)
    (one,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
    (other,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    return (one.norm() / (other.norm() + delta)).clamp(max=1e4).detach()
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(WEIGHT, *pairs))


ANSWERS.right(
    "squares by hand",
    cell(
        """
def adaptive_weight(reconstruction, adversarial, last, step, start, delta=1e-6):
    weight = torch.zeros(())
    if step >= start:
        sizes = []
        for loss in (reconstruction, adversarial):
            slope = torch.autograd.grad(loss, [last], retain_graph=True)[0]
            sizes.append(slope.square().sum().sqrt())
        weight = torch.minimum(sizes[0] / (sizes[1] + delta), torch.tensor(1e4))
    return weight
"""
    ),
)
ANSWERS.right(
    "with the graph cut",
    cell(
        """
def adaptive_weight(reconstruction, adversarial, last, step, start, delta=1e-6):
    slopes = [torch.autograd.grad(x, last, create_graph=True)[0] for x in (reconstruction, adversarial)]
    with torch.no_grad():
        ratio = torch.linalg.vector_norm(slopes[0]) / (torch.linalg.vector_norm(slopes[1]) + delta)
        return ratio.clamp(0, 1e4) * float(step >= start)
"""
    ),
)
ANSWERS.wrong(
    "upside down",
    answer(("one.norm() / (other.norm() + delta)", "other.norm() / (one.norm() + delta)")),
    "has the ratio upside down",
    slip="upside down",
)
ANSWERS.wrong(
    "all weights",
    cell(
        """
def leaves(loss):
    found, todo = [], [loss.grad_fn]
    while todo:
        node = todo.pop()
        if hasattr(node, "variable") and node.variable not in [None] and all(node.variable is not x for x in found):
            found.append(node.variable)
        todo += [after for after, _ in getattr(node, "next_functions", ()) if after is not None]
    return found


def adaptive_weight(reconstruction, adversarial, last, step, start, delta=1e-6):
    if step < start:
        return torch.tensor(0.0)
    weights = leaves(reconstruction)
    sizes = []
    for loss in (reconstruction, adversarial):
        slopes = torch.autograd.grad(loss, weights, retain_graph=True)
        sizes.append(torch.cat([slope.flatten() for slope in slopes]).norm())
    return (sizes[0] / (sizes[1] + delta)).clamp(max=1e4)
"""
    ),
    "takes the gradients of all weights",
    slip="gradients of all weights",
)
ANSWERS.wrong(
    "squared norms",
    answer(("one.norm() / (other.norm() + delta)", "one.square().sum() / (other.square().sum() + delta)")),
    "forgets the root",
    slip="the norms are not squared",
)
ANSWERS.wrong(
    "sums of absolute values",
    answer(("one.norm() / (other.norm() + delta)", "one.abs().sum() / (other.abs().sum() + delta)")),
    "takes another norm",
    slip="sums of absolute values",
)
ANSWERS.wrong(
    "with its graph",
    answer(
        ("(reconstruction, last, retain_graph=True)", "(reconstruction, last, create_graph=True)"),
        ("(adversarial, last, retain_graph=True)", "(adversarial, last, create_graph=True)"),
        (".detach()", ""),
    ),
    "leaves the weight in the graph",
    slip="carries a graph",
)
ANSWERS.wrong(
    "from step 0",
    answer(("    if step < start:\n        return torch.tensor(0.0)\n", "")),
    "lets the discriminator speak from the start",
    slip="at step 0 of a start at 5",
)
ANSWERS.wrong(
    "a step late",
    answer(("step < start", "step <= start")),
    "begins a step late",
    slip="at step `start` itself",
)
ANSWERS.wrong(
    "backward",
    cell(
        """
def adaptive_weight(reconstruction, adversarial, last, step, start, delta=1e-6):
    if step < start:
        return torch.tensor(0.0)
    reconstruction.backward(retain_graph=True)
    one = last.grad.clone()
    last.grad.zero_()
    adversarial.backward(retain_graph=True)
    other = last.grad.clone()
    return (one.norm() / (other.norm() + delta)).clamp(max=1e4)
"""
    ),
    "leaves gradients in the weights",
    slip="gradients were left in the weights",
)
ANSWERS.wrong(
    "the graph is gone",
    answer(("torch.autograd.grad(adversarial, last, retain_graph=True)", "torch.autograd.grad(adversarial, last)")),
    "frees the graph that backward() needs",
    slip="backward through the graph a second time",
)
ANSWERS.wrong(
    "without a bound",
    answer((".clamp(max=1e4)", "")),
    "has no bound",
    visible_passes=True,
    slip="",
)
