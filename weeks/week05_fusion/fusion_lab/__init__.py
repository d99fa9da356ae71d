"""The helper package of week 5: what the notebook looks at, asks, measures and draws, and the checks it runs.

fusion_lab.answers(llava, pictures, questions)   # what LLaVA says, by the library's generate()
fusion_lab.inputs(llava, scene, question)        # what it reads, piece by piece
fusion_lab.flamingo()                            # the course's Flamingo
"""

from pathlib import Path

from coursekit.notebook import use_checks, yours_or
from fusion_lab.chatting import accuracy, answers, batches, blind, connector, flamingo, inputs, read, taught
from fusion_lab.data import albums, asked_if_there, opening_scenes, pictures, questions, tasks
from fusion_lab.measuring import measure_connectors, measure_fusions
from fusion_lab.plots import (
    show_albums,
    show_boxes,
    show_chat,
    show_cost,
    show_dropped,
    show_gates,
    show_labels,
    show_layout,
    show_looks,
    show_missing,
    show_photographs,
    show_presence,
    show_prior,
    show_shots,
    show_stage_one,
    show_table,
)

use_checks("fusion_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("fusion_lab.checks.library")  # for figures


__all__ = [
    "accuracy",
    "albums",
    "answers",
    "asked_if_there",
    "batches",
    "blind",
    "connector",
    "flamingo",
    "inputs",
    "measure_connectors",
    "measure_fusions",
    "opening_scenes",
    "pictures",
    "questions",
    "read",
    "show_albums",
    "show_boxes",
    "show_chat",
    "show_cost",
    "show_dropped",
    "show_gates",
    "show_labels",
    "show_layout",
    "show_looks",
    "show_missing",
    "show_photographs",
    "show_presence",
    "show_prior",
    "show_shots",
    "show_stage_one",
    "show_table",
    "taught",
    "tasks",
    "yours",
]
