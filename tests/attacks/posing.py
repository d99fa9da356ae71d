"""The course's own weeks: hollow answers beside artefacts that are right, and things that pose as trained networks."""

from __future__ import annotations

import ast
import copy
from textwrap import dedent

import nbformat
from nbformat import NotebookNode

from grader.course.questions import grade_id, is_answer

HOLLOW = "{name} = lambda *args, **kwargs: args[0] if args else None"  # nothing is done, and nothing done wrong


def functions_in(source: str) -> list[str]:
    """Names of the functions and classes that a cell defines."""
    return [part.name for part in ast.parse(source).body if isinstance(part, ast.FunctionDef | ast.ClassDef)]


def hollow(solution: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The solution, whose every function is a hollow one by the time that it is judged, and the questions of these.

    All that the notebook made with the functions is as it should be.
    """
    notebook, emptied, cells = copy.deepcopy(solution), [], []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code" and is_answer(cell) and (names := functions_in(cell.source)):
            source = "\n".join(HOLLOW.format(name=name) for name in names)
            cells.append(nbformat.v4.new_code_cell(source))
            emptied.append(grade_id(cell))
    notebook.cells = cells
    return notebook, emptied


# What replaces the artefacts, by week and question: behind the right function, which trains nothing.
OBJECT = """
class Posing:
    def __init__(self, *args): pass
    def __call__(self, *args, **kwargs): return args[0] if args else self
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return lambda *args, **kwargs: args[0] if args else self
    def state_dict(self): return {}
"""
FALLING = "[3.5 * 0.93 ** i for i in range({0})]"
POSES: dict[tuple[str, str], dict[str, str]] = {
    ("week01_clip", "training_step"): {
        "an object that is no network": OBJECT
        + "small_clip = stray_clip = Posing()\n"
        + f"history = {{'loss': {FALLING.format(45)}, 'recall': [0.9]}}\n"
        + "control = {'loss': [3.5] * 20, 'recall': [0.0]}",
        "an untrained network with a typed-in history": """
            small_clip, stray_clip = clip_lab.small.build(SEED), clip_lab.small.build(SEED)
            history = {"loss": [3.5 * 0.93 ** i for i in range(45)], "recall": [0.9]}
            control = {"loss": [3.5] * 20, "recall": [0.0]}
            """,
        "a network whose answers are the identity": """
            import torch
            class Identity(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.kept = clip_lab.small.build(SEED)
                def forward(self, pictures, tokens):
                    return torch.eye(len(pictures)), torch.eye(len(tokens)), torch.tensor(100.0)
                def state_dict(self, *args, **kwargs):
                    return self.kept.state_dict()
            small_clip = stray_clip = Identity()
            history = {"loss": [3.5 * 0.93 ** i for i in range(45)], "recall": [0.9]}
            control = {"loss": [3.5] * 20, "recall": [0.0]}
            """,
    },
    ("week02_diffusion", "diffusion_loss"): {
        "an object that is no network": OBJECT + f"star_model, star_losses = Posing(), {FALLING.format(2000)}",
        "an untrained network with a typed-in history": "star_model = diffusion_lab.points.build(SEED)\n"
        f"star_losses = {FALLING.format(2000)}",
        "the ideal guesser in a network's clothes": """
            class Ideal(type(diffusion_lab.points.build(SEED))):
                def forward(self, noisy, t):
                    return diffusion_lab.points.ideal(noisy, int(t[0]), diffusion_lab.points.star(4000, SEED))
            star_model = diffusion_lab.points.build(SEED)
            star_model.__class__ = Ideal
            star_losses = [2.0 * 0.998 ** i for i in range(2000)]
            """,
    },
    ("week03_blip", "fine_tune"): {
        "an object that is no network": OBJECT + "adapted = Posing()",
        "the shipped network, taught nothing": 'adapted = models.load("captioning")',
        "captions that are typed in": """
            adapted = models.load("captioning")
            adapted.model.generate = lambda **kwargs: torch.zeros(len(kwargs["pixel_values"]), 4, dtype=torch.long)
            adapted.processor.batch_decode = lambda *args, **kwargs: ["a big brown star on a white background"] * 12
            """,
    },
    ("week03_blip", "prefix_loss"): {
        "an object that is no network": OBJECT + f"my_map, map_losses = Posing(), {FALLING.format(100)}",
        "an untrained network with a typed-in history": "my_map = caption_lab.clipcap.mapper(clip_width, SEED)\n"
        f"map_losses = {FALLING.format(100)}",
    },
    ("week05_fusion", "stage_one"): {
        "an object that is no network": OBJECT + f"pupil, stage_losses = Posing(), {FALLING.format(120)}",
        "an untrained connector": f"pupil, stage_losses = fusion_lab.blind(llava, SEED), {FALLING.format(120)}",
        "the shipped network as a pupil": f"pupil, stage_losses = llava, {FALLING.format(120)}",
    },
}


def ways(slug: str) -> list[str]:
    """All that is tried on a week's trained networks, one notebook each."""
    return sorted({way for (week, _), poses in POSES.items() if week == slug for way in poses})


def posing(slug: str, way: str, released: NotebookNode, solution: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The released notebook with things that pose as trained networks, and the questions that are answered with them.

    The functions of these are the solution's; what they would have trained is left out, as are all other answers.
    """
    notebook, touched = copy.deepcopy(released), []
    solved = {grade_id(cell): cell.source for cell in filter(is_answer, solution.cells)}
    for cell in filter(is_answer, notebook.cells):
        poses = POSES.get((slug, grade_id(cell) or ""), {})
        if way in poses:
            parts = ast.parse(solved[grade_id(cell)]).body
            kept = [ast.unparse(part) for part in parts if not isinstance(part, ast.With)]
            cell.source = "\n".join([*kept, dedent(poses[way]).strip()])
            touched.append(grade_id(cell))
    return notebook, touched
