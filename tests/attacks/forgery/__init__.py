"""Points for what is not solved: values that lie, a patched kernel, forged messages, answers made for the judge."""

from attacks.forgery import answers, borrowed, handlers, messages, replaced, values

CASES = [one for module in (values, replaced, borrowed, handlers, messages, answers) for one in module.CASES]
