"""What students never see: each week's hidden checks, and known right and wrong answers that keep the checks honest.

A week is one folder, and a question is one file in each of two folders there:

    <week>/checks/<question>.py     its hidden checks; what several questions need is in checks/shared.py
    <week>/answers/<question>.py    its known answers, as ANSWERS; what several need is in answers/shared.py
    <week>/reflection.md            what to look for in the answer that a person grades

These modules are run from their files, each `shared` first. No question's module imports another question's.
"""
