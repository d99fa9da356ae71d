"""How the shipped models are made: `python -m tinyworld.train NAME`.

A folder for each model, named like its checkpoint: `recipe` trains it, `measure` says how good it is, and `card` writes
the README.md beside its weights. What several models share stands here: batches of scenes (`batches`), throw-away heads
and labels (`dense`, `roles`), CLIP's towers and tokenizer (`towers`, `tokenizer`), the words of the language models
(`language`), the training loop (`loop`), and what cards have in common (`cards`).
A notebook that is graded cannot import any of this: it would give answers away.
"""
