# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to week 10's exercises. The right ones are written in different ways, as students'
are; the wrong ones make the mistakes that students make."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


# --- 1 read_sound -----------------------------------------------------------------------------------------------------

SOUND = """
def read_sound(data, most_seconds=30.0):
    if len(data) > 10 * 2**20:
        raise ValueError("More than 10 MB, please send less.")
    try:
        file = soundfile.SoundFile(io.BytesIO(data))
        rate = file.samplerate
        if rate < 4000 or rate > 192_000 or file.channels > 8:
            raise ValueError("Its header states what no recording has.")
        samples = file.read(int(most_seconds * rate) + 1, dtype="float32", always_2d=True)
    except Exception as error:
        raise ValueError("This is no sound file.") from error
    if len(samples) == 0:
        raise ValueError("This sound is empty.")
    if len(samples) > most_seconds * rate:
        raise ValueError("This sound is too long.")
    if not np.isfinite(samples).all():
        raise ValueError("This sound is broken.")
    wave = samples.mean(axis=1)
    wave = resample_poly(wave, 16_000, rate)
    return np.clip(wave, -1, 1).astype(np.float32)
"""

_right("read_sound", "straight on", SOUND)
_right(
    "read_sound",
    "interpolated, header first",
    """
def read_sound(data, most_seconds=30.0):
    if not 0 < len(data) <= 10 * 1024 * 1024:
        raise ValueError("Please send a sound of at most 10 MB.")
    try:
        info = soundfile.info(io.BytesIO(data))
        if info.channels not in range(1, 9) or info.samplerate not in range(4000, 192_001):
            raise ValueError("Please send a sound with an ordinary rate and at most eight channels.")
        if info.frames > most_seconds * info.samplerate:
            raise ValueError(f"Please send at most {most_seconds} seconds.")
        wave, rate = soundfile.read(io.BytesIO(data), dtype="float64")
    except soundfile.LibsndfileError:
        raise ValueError("Please send a WAV, FLAC, Ogg or MP3 file.")
    if wave.ndim == 2:
        wave = wave.sum(axis=1) / wave.shape[1]
    if wave.size == 0 or not np.isfinite(wave.sum()):
        raise ValueError("There is nothing in it that could be played.")
    t = np.arange(int(round(len(wave) / rate * 16_000))) / 16_000
    return np.interp(t, np.arange(len(wave)) / rate, wave).clip(-1, 1).astype("float32")
""",
)
_wrong("read_sound", "the first channel", swap(SOUND, ("samples.mean(axis=1)", "samples[:, 0]")), "one ear only")
_wrong(
    "read_sound",
    "not resampled",
    swap(SOUND, ("    wave = resample_poly(wave, 16_000, rate)\n", "")),
    "every rate is taken for 16 kHz",
)
_wrong(
    "read_sound",
    "the decoder's own error",
    swap(SOUND, ('        raise ValueError("This is no sound file.") from error', "        raise")),
    "whoever calls it must know soundfile",
)
_wrong(
    "read_sound",
    "silence for what is no sound",
    swap(SOUND, ('        raise ValueError("This is no sound file.") from error', "        return np.zeros(1, 'f4')")),
    "nobody is told",
)
_wrong(
    "read_sound",
    "of any length",
    swap(
        SOUND,
        ("int(most_seconds * rate) + 1, ", ""),
        ("    if len(samples) > most_seconds * rate:\n", "    if False:\n"),
    ),
    "hours are decoded and kept",
    visible_passes=True,
)
_wrong(
    "read_sound",
    "cut off silently",
    swap(SOUND, ('        raise ValueError("This sound is too long.")', "        samples = samples[:-1]")),
    "the rest of what was said is dropped, and nobody is told",
    visible_passes=True,
)
_wrong(
    "read_sound",
    "nan let through",
    swap(SOUND, ("not np.isfinite(samples).all()", "False")),
    "one nan becomes many",
    visible_passes=True,
)
_wrong(
    "read_sound",
    "as loud as it is",
    swap(SOUND, ("np.clip(wave, -1, 1)", "wave")),
    "floats may lie outside of [-1, 1]",
    visible_passes=True,
)

_wrong(
    "read_sound",
    "any rate believed",
    swap(SOUND, ("rate < 4000 or rate > 192_000 or ", "")),
    "a header of 44 bytes makes the resampler ask for 15 GB",
    visible_passes=True,
)
_wrong(
    "read_sound",
    "any number of channels believed",
    swap(SOUND, (" or file.channels > 8", "")),
    "the memory is multiplied by what a header says",
    visible_passes=True,
)
_wrong(
    "read_sound",
    "telephones turned away",
    swap(SOUND, ("rate < 4000", "rate < 8000")),
    "4,000 Hz is within the bounds",
    visible_passes=True,
)

# --- 2 transcribe -----------------------------------------------------------------------------------------------------

HEAR = """
def transcribe(whisper, wave):
    model, processor = whisper
    config = model.generation_config
    size = processor.feature_extractor.n_samples
    texts, found = [], None
    for start in range(0, len(wave), size):
        features = processor(wave[start : start + size], sampling_rate=16_000, return_tensors="pt").input_features
        ids = torch.full((1, 1), config.decoder_start_token_id)
        with torch.no_grad():
            logits = model(input_features=features, decoder_input_ids=ids).logits[0, 0]
        if logits.softmax(-1)[config.no_timestamps_token_id - 1] > 0.5:
            continue
        tokens = list(config.lang_to_id.values())
        language = list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]
        task = "transcribe" if language == "en" else "translate"
        said = model.generate(features, language=language, task=task)
        texts.append(processor.batch_decode(said, skip_special_tokens=True)[0].strip())
        found = found or language
    return " ".join(texts), found
"""
_right("transcribe", "by logits", HEAR)
_right(
    "transcribe",
    "the library detects the language",
    swap(
        HEAR,
        (
            "        tokens = list(config.lang_to_id.values())\n"
            "        language = list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]\n",
            "        token = model.detect_language(features)[0]\n"
            '        language = processor.tokenizer.decode(token).strip("<|>")\n',
        ),
    ),
)
_wrong(
    "transcribe",
    "no question about silence",
    swap(HEAR, ("> 0.5:", "> 2:")),
    "sentences are invented out of silence",
)
_wrong(
    "transcribe",
    "always written down",
    swap(HEAR, ('"transcribe" if language == "en" else "translate"', '"transcribe"')),
    "German stays German",
)
_wrong(
    "transcribe",
    "always English",
    swap(HEAR, ("list(config.lang_to_id)[int(logits[tokens].argmax())][2:-2]", '"en"')),
    "German is heard as English",
)
_wrong("transcribe", "the marks left on", swap(HEAR, ("[2:-2]", ""), ('== "en"', '== "<|en|>"')), "<|en|>")
_wrong(
    "transcribe",
    "the wrong neighbour",
    swap(HEAR, ("no_timestamps_token_id - 1", "no_timestamps_token_id")),
    "the token without times is taken for the one without speech",
)
_wrong(
    "transcribe",
    "one window only",
    swap(HEAR, ("range(0, len(wave), size)", "[0]")),
    "the rest of what was said is dropped",
    visible_passes=True,
)
_wrong(
    "transcribe",
    "ends at the first pause",
    swap(HEAR, ("            continue", "            break")),
    "whoever pauses is cut off",
    visible_passes=True,
)
_wrong(
    "transcribe",
    "the last window's language",
    swap(HEAR, ("found = found or language", "found = language")),
    "not the first one's",
    visible_passes=True,
)

# --- 3 read_prompt ----------------------------------------------------------------------------------------------------

PROMPT = """
def read_prompt(text, known=None, most=300):
    text = unicodedata.normalize("NFKC", text)
    for letter in set(text):
        if unicodedata.category(letter)[0] == "C":
            text = text.replace(letter, " ")
    text = re.sub(r"\\s+", " ", text).strip()
    if text == "":
        raise ValueError("The prompt is empty.")
    if len(text) > most:
        raise ValueError(f"The prompt is longer than {most} characters.")
    unknown = []
    if known is not None:
        for word in re.findall(r"[^\\W\\d_]+", text.lower()):
            if word not in known and word not in unknown:
                unknown.append(word)
    return text, unknown
"""
_right("read_prompt", "with regular expressions", PROMPT)
_right(
    "read_prompt",
    "letter by letter",
    """
def read_prompt(text, known=None, most=300):
    plain = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFKC", text))
    prompt = " ".join(plain.split())
    if not 1 <= len(prompt) <= most:
        raise ValueError(f"A prompt has 1 to {most} characters, and this one {len(prompt)}.")
    words = "".join(c if c.isalpha() else " " for c in prompt.lower()).split()
    return prompt, [] if known is None else list(dict.fromkeys(word for word in words if word not in known))
""",
)
_wrong("read_prompt", "ends only", swap(PROMPT, ('re.sub(r"\\s+", " ", text).strip()', "text.strip()")), "inside not")
_wrong(
    "read_prompt",
    "split at spaces",
    swap(PROMPT, ('re.findall(r"[^\\W\\d_]+", text.lower())', "text.lower().split()")),
    "a comma makes a word unknown",
)
_wrong("read_prompt", "told twice", swap(PROMPT, (" and word not in unknown", "")), "every time that the word comes")
_wrong("read_prompt", "with capitals", swap(PROMPT, ("text.lower()", "text")), "Large is not large")
_wrong(
    "read_prompt",
    "cut off at the limit",
    swap(
        PROMPT,
        ('        raise ValueError(f"The prompt is longer than {most} characters.")', "        text = text[:most]"),
    ),
    "nobody is told",
)
_wrong(
    "read_prompt",
    "no normal form",
    swap(PROMPT, ('    text = unicodedata.normalize("NFKC", text)\n', "")),
    "wide letters are other words",
    visible_passes=True,
)
_wrong(
    "read_prompt",
    "300 written into it",
    swap(PROMPT, ("len(text) > most", "len(text) > 300"), ("{most}", "300")),
    "ignores its argument",
    visible_passes=True,
)
_wrong(
    "read_prompt",
    "letters from a to z",
    swap(PROMPT, ('r"[^\\W\\d_]+"', 'r"[a-z]+"')),
    "other alphabets have letters too",
    visible_passes=True,
)
_wrong(
    "read_prompt",
    "counted before tidying",
    swap(
        PROMPT,
        (
            '    text = unicodedata.normalize("NFKC", text)\n',
            '    text = unicodedata.normalize("NFKC", text)\n    before = len(text)\n',
        ),
        ("len(text) > most", "before > most"),
    ),
    "spaces are counted that are not left",
    visible_passes=True,
)

# --- 4 paint ----------------------------------------------------------------------------------------------------------

PAINT = """
def paint(pipe, prompt, seeds, steps=20, guidance=3.0, on_step=None):
    parts = dict(pipe.components)
    parts["scheduler"] = copy.deepcopy(pipe.scheduler)
    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)

    def told(_, i, t, values):
        if on_step:
            on_step(i + 1, values["latents"])
        return values

    return mine(
        prompt=[prompt for _ in seeds],
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        callback_on_step_end=told,
    ).images
"""
_right("paint", "one pipeline of its own", PAINT)
_right(
    "paint",
    "a loop of its own",
    """
def paint(pipe, prompt, seeds, steps=20, guidance=3.0, on_step=None):
    scheduler = copy.deepcopy(pipe.scheduler)
    scheduler.set_timesteps(steps)
    size = pipe.unet.config.sample_size
    shape = (1, pipe.unet.config.in_channels, size, size)
    x = torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    x = x * scheduler.init_noise_sigma
    ids = pipe.tokenizer(
        ["", prompt], padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    ).input_ids
    with torch.no_grad():
        empty, told = pipe.text_encoder(ids)[0]
        states = torch.stack([empty] * len(seeds) + [told] * len(seeds))
        for i, t in enumerate(scheduler.timesteps):
            without, given = pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=states).sample.chunk(2)
            x = scheduler.step(without + guidance * (given - without), t, x).prev_sample
            if on_step is not None:
                on_step(i + 1, x.clone())
        pixels = pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample
    arrays = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]
""",
)
_wrong(
    "paint",
    "on the shared pipeline",
    swap(
        PAINT,
        (
            '    parts = dict(pipe.components)\n    parts["scheduler"] = copy.deepcopy(pipe.scheduler)\n'
            "    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)\n"
            "    mine.set_progress_bar_config(disable=True)\n",
            "    mine = pipe\n",
        ),
    ),
    "two visitors get each other's steps",
    visible_passes=True,
)
_wrong(
    "paint",
    "the scheduler shared",
    swap(PAINT, ('    parts["scheduler"] = copy.deepcopy(pipe.scheduler)\n', "")),
    "a pipeline of its own with everybody's scheduler",
    visible_passes=True,
)
_wrong(
    "paint",
    "one generator for all",
    swap(
        PAINT,
        ("[torch.Generator().manual_seed(seed) for seed in seeds]", "torch.Generator().manual_seed(seeds[0])"),
    ),
    "a seed's picture depends on its company",
)
_wrong(
    "paint",
    "the global generator",
    swap(
        PAINT,
        ("        generator=[torch.Generator().manual_seed(seed) for seed in seeds],\n", ""),
        ("    return mine(", "    torch.manual_seed(seeds[0])\n    return mine("),
    ),
    "moves everybody's randomness",
)
_wrong("paint", "steps from 0", swap(PAINT, ("on_step(i + 1", "on_step(i")), "the bar is never full")
_wrong("paint", "nobody is told", swap(PAINT, ("        if on_step:\n", "        if False:\n")), "no progress")
_wrong(
    "paint", "guidance ignored", swap(PAINT, ("        guidance_scale=guidance,\n", "")), "the pipeline's own default"
)
_wrong(
    "paint",
    "errors of on_step swallowed",
    swap(
        PAINT,
        (
            '            on_step(i + 1, values["latents"])\n',
            '            try:\n                on_step(i + 1, values["latents"])\n'
            "            except Exception:\n                pass\n",
        ),
    ),
    "it cannot be stopped",
    visible_passes=True,
)

# --- 5 rank -----------------------------------------------------------------------------------------------------------

RANK = """
def rank(clip, pictures, prompt):
    seen = models.embed_images(clip, pictures)
    said = models.embed_texts(clip, [prompt])
    cosines = F.cosine_similarity(seen, said, dim=1).tolist()
    order = sorted(range(len(pictures)), key=lambda i: -cosines[i])
    return [(i, cosines[i]) for i in order]
"""
_right("rank", "places sorted", RANK)
_right(
    "rank",
    "NumPy",
    """
def rank(clip, pictures, prompt):
    seen = np.asarray(models.embed_images(clip, pictures))
    said = np.asarray(models.embed_texts(clip, [prompt]))[0]
    cosines = seen @ said / np.linalg.norm(seen, axis=1) / np.linalg.norm(said)
    cosines = cosines.round(6)
    return [(int(i), float(cosines[i])) for i in np.argsort(-cosines, kind="stable")]
""",
)
_wrong("rank", "dot products", swap(RANK, ("F.cosine_similarity(seen, said, dim=1)", "(seen @ said[0])")), "no cosine")
_wrong("rank", "the worst first", swap(RANK, ("-cosines[i])", "cosines[i])")), "ascending")
_wrong("rank", "no places", swap(RANK, ("[(i, cosines[i]) for i in order]", "[cosines[i] for i in order]")), "scores")
_wrong(
    "rank",
    "not sorted",
    swap(RANK, ("sorted(range(len(pictures)), key=lambda i: -cosines[i])", "range(len(pictures))")),
    "as they came",
)
_wrong(
    "rank",
    "ranks for places",
    swap(RANK, ("[(i, cosines[i]) for i in order]", "[(n, cosines[i]) for n, i in enumerate(order)]")),
    "0, 1, 2, ... whatever the order",
)
_wrong(
    "rank",
    "squeezed",
    swap(
        RANK,
        (
            "F.cosine_similarity(seen, said, dim=1).tolist()",
            "F.cosine_similarity(seen, said, dim=1).squeeze().tolist()",
        ),
    ),
    "one picture's cosine is no list",
    visible_passes=True,
)
_wrong(
    "rank",
    "a dictionary of pictures",
    """
def rank(clip, pictures, prompt):
    said = models.embed_texts(clip, [prompt])
    scores = {}
    for picture in pictures:
        score = F.cosine_similarity(models.embed_images(clip, [picture]), said).item()
        scores[picture.tobytes()] = score
    found = sorted(scores.items(), key=lambda pair: -pair[1])
    return [([p.tobytes() for p in pictures].index(key), score) for key, score in found]
""",
    "of equal pictures only one is left",
    visible_passes=True,
)

# --- 6 describe -------------------------------------------------------------------------------------------------------

DESCRIBE = """
def describe(captioner, picture):
    model, processor = captioner
    inputs = processor(images=picture.convert("RGB"), return_tensors="pt")
    ids = model.generate(pixel_values=inputs["pixel_values"], max_new_tokens=40, num_beams=1, do_sample=False)
    return processor.batch_decode(ids, skip_special_tokens=True)[0].strip()


def matches(retriever, picture, prompt):
    model, processor = retriever
    inputs = processor(images=picture.convert("RGB"), text=prompt, truncation=True, return_tensors="pt")
    with torch.no_grad():
        scores = model(
            pixel_values=inputs["pixel_values"],
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
        ).itm_score
    return float(scores.softmax(dim=1)[0, 1])
"""
_right("describe", "straight on", DESCRIBE)
_right(
    "describe",
    "a sigmoid of the difference",
    swap(
        DESCRIBE,
        ("float(scores.softmax(dim=1)[0, 1])", "torch.sigmoid(scores[0, 1] - scores[0, 0]).item()"),
        (
            'picture.convert("RGB"), text=prompt, truncation=True, return_tensors="pt")',
            'picture.convert("RGB"), text=prompt, return_tensors="pt", truncation=True, max_length=None)',
        ),
    ),
)
_wrong("describe", "the false one's", swap(DESCRIBE, ("[0, 1])", "[0, 0])")), "the probability that it is false")
_wrong("describe", "logits", swap(DESCRIBE, ("scores.softmax(dim=1)[0, 1]", "scores[0, 1]")), "no softmax")
_wrong(
    "describe",
    "a tensor",
    swap(DESCRIBE, ("float(scores.softmax(dim=1)[0, 1])", "scores.softmax(dim=1)[0, 1]")),
    "no float",
)
_wrong("describe", "special tokens", swap(DESCRIBE, ("skip_special_tokens=True", "skip_special_tokens=False")), "[SEP]")
_wrong(
    "describe",
    "the similarity of the towers",
    swap(
        DESCRIBE,
        (
            '            attention_mask=inputs["attention_mask"],\n',
            '            attention_mask=inputs["attention_mask"],\n            use_itm_head=False,\n',
        ),
        ("scores.softmax(dim=1)[0, 1]", "scores[0, 0]"),
    ),
    "a cosine is no probability",
)
_wrong(
    "describe",
    "only RGB",
    swap(DESCRIBE, ('picture.convert("RGB")', "np.asarray(picture)[..., :3]")),
    "a grey picture has no third dimension",
    visible_passes=True,
)
# --- 7 edit -----------------------------------------------------------------------------------------------------------

EDIT = """
def vary(pipe, picture, prompt, seed, strength=0.6, steps=20, guidance=3.0):
    picture = picture.convert("RGB")
    if int(steps * strength) < 1:
        return picture
    parts = {**pipe.components, "scheduler": copy.deepcopy(pipe.scheduler)}
    mine = diffusers.StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)
    return mine(
        prompt,
        picture,
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]


def repaint(pipe, picture, region, prompt, seed, steps=20, guidance=3.0):
    picture = picture.convert("RGB")
    w, h = picture.size
    left, top, right, bottom = region
    columns = [left <= (i + 0.5) / w < right for i in range(w)]
    rows = [top <= (i + 0.5) / h < bottom for i in range(h)]
    inside = torch.tensor(rows)[:, None] & torch.tensor(columns)[None]
    if inside.sum() == 0:
        raise ValueError("There is no pixel in this region.")
    parts = {**pipe.components, "scheduler": copy.deepcopy(pipe.scheduler)}
    mine = diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False)
    mine.set_progress_bar_config(disable=True)
    pixels = torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        z = pipe.vae.encode(pixels).latent_dist.mean * pipe.vae.config.scaling_factor
    m = F.adaptive_max_pool2d(inside.float()[None, None], z.shape[-2:])
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))

    def keep(_, i, t, values):
        times = mine.scheduler.timesteps
        level = mine.scheduler.alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)
        known = level.sqrt() * z + (1 - level).sqrt() * noise
        return {"latents": m * values["latents"] + (1 - m) * known}

    new = mine(
        prompt, num_inference_steps=steps, guidance_scale=guidance, latents=noise.clone(), callback_on_step_end=keep
    ).images[0]
    result = np.where(inside.numpy()[..., None], np.asarray(new), np.asarray(picture))
    return Image.fromarray(result)
"""
_right("edit", "the formula written out", EDIT)
_right(
    "edit",
    "a mask by hand",
    swap(
        EDIT,
        (
            "    m = F.adaptive_max_pool2d(inside.float()[None, None], z.shape[-2:])\n",
            "    m = torch.zeros(z.shape[-2:])\n"
            "    for y, x in torch.nonzero(inside).tolist():\n"
            "        m[y * m.shape[0] // h, x * m.shape[1] // w] = 1\n",
        ),
        (
            "        level = mine.scheduler.alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)\n"
            "        known = level.sqrt() * z + (1 - level).sqrt() * noise\n",
            "        last = i + 1 == len(times)\n"
            "        known = z if last else mine.scheduler.add_noise(z, noise, times[i + 1].reshape(1))\n",
        ),
    ),
)
_wrong(
    "edit",
    "not laid over the original",
    swap(EDIT, ("np.where(inside.numpy()[..., None], np.asarray(new), np.asarray(picture))", "np.asarray(new)")),
    "the decoder changes everything a little",
)
_wrong(
    "edit",
    "inside out",
    swap(EDIT, ("np.asarray(new), np.asarray(picture))", "np.asarray(picture), np.asarray(new))")),
    "the mask turned round",
)
_wrong(
    "edit",
    "nothing is painted",
    swap(EDIT, ("np.asarray(new), np.asarray(picture))", "np.asarray(picture), np.asarray(picture))")),
    "returns the original",
)
_wrong("edit", "another strength", swap(EDIT, ("        strength=strength,\n", "")), "the pipeline's own 0.8")
_wrong(
    "edit",
    "no seed",
    swap(EDIT, ("        generator=torch.Generator().manual_seed(seed),\n", "")),
    "another picture each time",
)
_wrong(
    "edit",
    "painted apart",
    swap(EDIT, (", callback_on_step_end=keep\n", "\n")),
    "what is new knows nothing of what is there",
    visible_passes=True,
)
_wrong(
    "edit",
    "noised to the time before",
    swap(EDIT, ("alphas_cumprod[times[i + 1]] if i + 1 < len(times) else torch.tensor(1.0)", "alphas_cumprod[t]")),
    "the known part is a step behind, and never clean",
    visible_passes=True,
)
_wrong(
    "edit",
    "without noise",
    swap(EDIT, ("level.sqrt() * z + (1 - level).sqrt() * noise", "z")),
    "clean latents beside noisy ones",
    visible_passes=True,
)
_wrong(
    "edit",
    "an empty region let through",
    swap(EDIT, ("if inside.sum() == 0:", "if left == right:")),
    "turned round, or between two pixels",
    visible_passes=True,
)
_wrong(
    "edit",
    "no strength, no picture",
    swap(EDIT, ("    if int(steps * strength) < 1:\n        return picture\n", "")),
    "the pipeline fails where there is no step to make",
    visible_passes=True,
)

# --- 8 remember -------------------------------------------------------------------------------------------------------

REMEMBER = """
def remember(path, session, record, picture):
    png = io.BytesIO()
    picture.save(png, "PNG")
    made = datetime.now(UTC).isoformat()
    history = sqlite3.connect(path, timeout=30)
    try:
        history.execute(SCHEMA)
        cursor = history.execute(
            "INSERT INTO works (session, made, record, picture) VALUES (?, ?, ?, ?)",
            (session, made, json.dumps(record), png.getvalue()),
        )
        history.commit()
        return cursor.lastrowid
    finally:
        history.close()


def recall(path, session):
    history = sqlite3.connect(path, timeout=30)
    try:
        rows = history.execute("SELECT * FROM works WHERE session = ? ORDER BY id DESC", (session,)).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        history.close()
    return [
        {
            "id": row[0],
            "made": row[2],
            "record": json.loads(row[3]),
            "picture": Image.open(io.BytesIO(row[4])).convert("RGB"),
        }
        for row in rows
    ]
"""
_right("remember", "try and finally", REMEMBER)
_right(
    "remember",
    "rows by name",
    """
def remember(path, session, record, picture):
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="PNG")
    values = {"s": session, "m": str(datetime.now(UTC)), "r": json.dumps(record), "p": buffer.getvalue()}
    with closing(sqlite3.connect(path, timeout=20)) as db:
        with db:
            db.executescript("PRAGMA busy_timeout = 20000;" + SCHEMA)
            row = db.execute("INSERT INTO works (session, made, record, picture) VALUES (:s, :m, :r, :p)", values)
        return int(row.lastrowid)


def recall(path, session):
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        db.execute(SCHEMA)
        works = []
        for row in db.execute("SELECT * FROM works WHERE session = :s ORDER BY id", {"s": session}):
            picture = Image.open(io.BytesIO(row["picture"]))
            picture.load()
            told = {"id": row["id"], "made": row["made"], "record": json.loads(row["record"])}
            works.insert(0, {**told, "picture": picture})
    return works
""",
)
_wrong("remember", "the oldest first", swap(REMEMBER, ("ORDER BY id DESC", "ORDER BY id")), "ascending")
_wrong(
    "remember",
    "everybody's works",
    swap(REMEMBER, ('WHERE session = ? ORDER BY id DESC", (session,)', 'ORDER BY id DESC"')),
    "sessions mix",
)
_wrong(
    "remember", "as JPEG", swap(REMEMBER, ('picture.save(png, "PNG")', 'picture.save(png, "JPEG")')), "pixels are lost"
)
_wrong("remember", "the record as text", swap(REMEMBER, ("json.loads(row[3])", "row[3]")), "not read again")
_wrong("remember", "no number", swap(REMEMBER, ("        return cursor.lastrowid\n", "")), "returns None")
_wrong(
    "remember",
    "no table, no list",
    swap(REMEMBER, ("    except sqlite3.OperationalError:\n        return []\n", "")),
    "a new history cannot be read",
)
_wrong(
    "remember",
    "never committed",
    """
_open = {}


def remember(path, session, record, picture):
    png = io.BytesIO()
    picture.save(png, "PNG")
    if path not in _open:
        _open[path] = sqlite3.connect(path, check_same_thread=False)
    _open[path].execute(SCHEMA)
    row = (session, str(datetime.now(UTC)), json.dumps(record), png.getvalue())
    return _open[path].execute("INSERT INTO works (session, made, record, picture) VALUES (?, ?, ?, ?)", row).lastrowid


def recall(path, session):
    history = _open[path] if path in _open else sqlite3.connect(path)
    history.execute(SCHEMA)
    rows = history.execute("SELECT id, made, record, picture FROM works WHERE session = ? ORDER BY id DESC", (session,))
    return [
        {"id": i, "made": made, "record": json.loads(record), "picture": Image.open(io.BytesIO(png)).convert("RGB")}
        for i, made, record, png in rows.fetchall()
    ]
""",
    "it is gone when the app ends",
    visible_passes=True,
)
_wrong(
    "remember",
    "in memory",
    """
_works = {}


def remember(path, session, record, picture):
    number = sum(len(works) for works in _works.values()) + 1
    work = {"id": number, "made": str(datetime.now(UTC)), "record": dict(record), "picture": picture.copy()}
    _works.setdefault((path, session), []).insert(0, work)
    return number


def recall(path, session):
    return list(_works.get((path, session), []))
""",
    "it is gone when the app ends",
    visible_passes=True,
)
_wrong(
    "remember",
    "text into SQL",
    swap(
        REMEMBER,
        (
            '"SELECT * FROM works WHERE session = ? ORDER BY id DESC", (session,)',
            "f\"SELECT * FROM works WHERE session = '{session}' ORDER BY id DESC\"",
        ),
    ),
    "a name with a quote in it is a command",
    visible_passes=True,
)
_wrong(
    "remember",
    "a full disk swallowed",
    swap(
        REMEMBER,
        (
            "        return cursor.lastrowid\n",
            "        return cursor.lastrowid\n    except sqlite3.Error:\n        return -1\n",
        ),
    ),
    "nobody is told that it was not saved",
    visible_passes=True,
)
_wrong(
    "remember",
    "sessions that look alike",
    swap(REMEMBER, ("WHERE session = ? ORDER", "WHERE session LIKE ? ORDER")),
    "a per cent sign stands for anything",
    visible_passes=True,
)

# --- 9 recipe ---------------------------------------------------------------------------------------------------------

RECIPE = """
def stamp(picture, recipe):
    info = PngInfo()
    info.add_itxt("recipe", json.dumps(recipe, ensure_ascii=False))
    info.add_itxt("Disclaimer", "This picture was made by a model.")
    out = io.BytesIO()
    picture.save(out, format="PNG", pnginfo=info)
    return out.getvalue()


def read_recipe(data):
    if data[:4] == b"\\x89PNG":
        if len(data) > 10 * 2**20:
            raise ValueError("This file is too large.")
        try:
            info = Image.open(io.BytesIO(data)).info
        except Exception:
            raise ValueError("This picture cannot be read.")
        if "recipe" not in info:
            raise ValueError("This picture has no recipe.")
        data = info["recipe"].encode()
    if len(data) > 100_000:
        raise ValueError("This recipe is too large.")
    try:
        found = json.loads(data)
    except Exception:
        raise ValueError("This recipe is no JSON.")
    recipe, inner, depth, steps = None, None, 0, 0
    while True:
        if type(found) is not dict:
            raise ValueError("from: this recipe is no object.")
        names = ["format", "kind", "prompt", "seed", "steps", "guidance", "profile", "pixels"]
        names += {"vary": ["strength", "from"], "repaint": ["region", "from"]}.get(str(found.get("kind")), [])
        for name in names:
            if name not in found:
                raise ValueError(f"The field {name} is missing.")
        part = {name: found[name] for name in names}
        for name, value in part.items():
            number = type(value) in (int, float)
            right = True
            if name == "format":
                right = value == FORMAT
            elif name == "kind":
                right = value in ["paint", "vary", "repaint"]
            elif name == "prompt":
                right = type(value) is str and 0 < len(value) < 301
            elif name == "seed":
                right = type(value) is int and 0 <= value < 2**53
            elif name == "steps":
                right = type(value) is int and 0 < value < 101
            elif name == "guidance":
                right = number and 0 <= value <= 20
            elif name == "profile":
                right = value in ["tiny", "full"]
            elif name == "pixels":
                right = type(value) is str and len(value) == 64 and set(value) <= set("0123456789abcdef")
            elif name == "strength":
                right = number and 0 <= value <= 1
            elif name == "region":
                right = type(value) is list and len(value) == 4
                right = right and all(type(x) in (int, float) and 0 <= x <= 1 for x in value)
            if not right:
                raise ValueError(f"The field {name} is wrong.")
        steps += part["steps"]
        if steps > 600:
            raise ValueError("steps: more than 600 in all.")
        if recipe is None:
            recipe = part
        else:
            inner["from"] = part
        inner = part
        if "from" not in part:
            return recipe
        depth += 1
        if depth > 20:
            raise ValueError("from: too many edits.")
        found = part["from"]
"""
_right("recipe", "one loop", RECIPE)
_right(
    "recipe",
    "compressed chunks",
    swap(
        RECIPE,
        ("json.dumps(recipe, ensure_ascii=False)", "json.dumps(recipe), zip=True"),
        ('"This picture was made by a model."', '"This picture was made by a model.", "en", "Disclaimer"'),
    ),
)
_wrong(
    "recipe",
    "nothing in the picture",
    swap(RECIPE, (", pnginfo=info", "")),
    "the chunks are made and not written",
)
_wrong(
    "recipe",
    "whatever JSON says",
    swap(RECIPE, ("            if not right:\n", "            if False:\n")),
    "values are not looked at",
)
_wrong(
    "recipe",
    "KeyError",
    swap(
        RECIPE,
        ('                raise ValueError(f"The field {name} is missing.")', "                raise KeyError(name)"),
    ),
    "not the error that was asked for",
)
_wrong(
    "recipe",
    "no field named",
    swap(RECIPE, ('f"The field {name} is wrong."', '"Something is wrong with it."')),
    "nobody knows what to mend",
)
_wrong("recipe", "only pictures", swap(RECIPE, ('    if data[:4] == b"\\x89PNG":\n', "    if True:\n")), "no JSON")
_wrong(
    "recipe",
    "True is a number",
    swap(RECIPE, ("type(value) is int", "isinstance(value, int)")),
    "a bool is an int in Python",
    visible_passes=True,
)
_wrong(
    "recipe",
    "nan let through",
    swap(RECIPE, ("number and 0 <= value <= 20", "number and not (value < 0 or value > 20)")),
    "nan is neither smaller nor larger",
    visible_passes=True,
)
_wrong(
    "recipe",
    "everything kept",
    swap(RECIPE, ("part = {name: found[name] for name in names}", "part = dict(found)")),
    "fields that nobody asked for come along",
    visible_passes=True,
)
_wrong(
    "recipe",
    "the first one is not looked at",
    swap(RECIPE, ('        found = part["from"]\n', "        return recipe\n")),
    "what it goes back to is believed",
    visible_passes=True,
)
_wrong(
    "recipe",
    "steps not added up",
    swap(RECIPE, ("steps > 600", "steps > 10**9")),
    "five kilobytes order minutes of work",
    visible_passes=True,
)
_wrong(
    "recipe",
    "no disclaimer",
    swap(RECIPE, ('    info.add_itxt("Disclaimer", "This picture was made by a model.")\n', "")),
    "nobody is told what made it",
    visible_passes=True,
)

# --- 10 deck ----------------------------------------------------------------------------------------------------------

DECK = '''
def deck(title, slides):
    page = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
    page += f"<title>{html.escape(title)}</title></head><body><section><h1>{html.escape(title)}</h1></section>"
    for slide in slides:
        out = io.BytesIO()
        slide["picture"].save(out, "PNG")
        code = base64.b64encode(out.getvalue()).decode("ascii")
        alt = html.escape(slide["caption"], quote=True)
        page += f"""<section><h2>{html.escape(slide["prompt"])}</h2><img alt="{alt}" src="data:image/png;base64,{code}">
<p>{alt}</p><p>seed {slide["seed"]}</p></section>"""
    return page + "</body></html>"
'''
_right("deck", "one string", DECK)
_right(
    "deck",
    "a template and a table of marks",
    """
def deck(title, slides):
    marks = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
    made = []
    for slide in slides:
        with io.BytesIO() as file:
            slide["picture"].convert("RGB").save(file, format="PNG", optimize=True)
            url = "data:image/png;base64," + base64.standard_b64encode(file.getvalue()).decode()
        said = {name: str(slide[name]).translate(marks) for name in ("prompt", "caption", "seed")}
        made.append(
            "<section><figure><img src='%s' alt='%s'><figcaption>%s</figcaption></figure><p>%s</p><p>%s</p></section>"
            % (url, said["caption"], said["caption"], said["prompt"], said["seed"])
        )
    head = "<head><meta charset=utf-8><style>body { font-family: sans-serif }</style></head>"
    first = "<section><h1>%s</h1></section>" % title.translate(marks)
    return "<!doctype html>" + "<html>" + head + "<body>" + first + "".join(made) + "</body></html>"
""",
)
_wrong("deck", "no title", swap(DECK, ("<section><h1>{html.escape(title)}</h1></section>", "")), "a section too few")
_wrong("deck", "the last ones only", swap(DECK, ("in slides:", "in slides[1:]:")), "a slide is missing")
_wrong("deck", "files beside it", swap(DECK, ("data:image/png;base64,{code}", '{slide["seed"]}.png')), "not one file")
_wrong("deck", "no alternative text", swap(DECK, ('alt="{alt}" ', "")), "a blind reader gets nothing")
_wrong("deck", "as JPEG", swap(DECK, ('save(out, "PNG")', 'save(out, "JPEG")')), "another format, and other pixels")
_wrong(
    "deck",
    "text as it came",
    swap(DECK, ('html.escape(slide["prompt"])', 'slide["prompt"]')),
    "a prompt may be a script",
    visible_passes=True,
)
_wrong(
    "deck",
    "quotes left",
    swap(DECK, ("quote=True", "quote=False")),
    "a caption may leave its attribute",
    visible_passes=True,
)
_wrong(
    "deck",
    "escaped twice",
    swap(DECK, ('html.escape(slide["caption"], quote=True)', 'html.escape(html.escape(slide["caption"]))')),
    "&amp;lt; is shown",
    visible_passes=True,
)
_wrong(
    "deck",
    "no seed",
    swap(DECK, ('<p>seed {slide["seed"]}</p>', "")),
    "it cannot be made again",
    visible_passes=True,
)
_wrong(
    "deck",
    "a font from elsewhere",
    swap(
        DECK,
        ("<meta charset='utf-8'>", "<meta charset='utf-8'><link rel='stylesheet' href='https://example.org/a.css'>"),
    ),
    "it tells another server who reads it",
    visible_passes=True,
)

# --- 11 create --------------------------------------------------------------------------------------------------------

CREATE = """
def create(studio, text, settings, on_step=None):
    prompt, unknown = studio.read_prompt(text)
    notes = []
    if unknown:
        notes.append("These words are unknown to the painter: " + ", ".join(unknown))
    n, steps, guidance = settings["candidates"], settings["steps"], settings["guidance"]
    seeds = list(range(settings["seed"], settings["seed"] + n))
    short = (MemoryError, torch.OutOfMemoryError)
    try:
        pictures = studio.paint(prompt, seeds, steps, guidance, on_step)
    except short:
        pictures = []
        for seed in seeds:
            try:
                pictures += studio.paint(prompt, [seed], steps, guidance, on_step)
            except short:
                raise MemoryError("One picture is too much for this machine; choose the tiny profile.")
        notes.append("Memory was short, so it took longer.")
    works = [
        {
            "prompt": prompt,
            "seed": seeds[place],
            "steps": steps,
            "guidance": guidance,
            "score": score,
            "picture": pictures[place],
        }
        for place, score in studio.rank(pictures, prompt)
    ]
    works[0]["caption"] = studio.describe(works[0]["picture"])
    works[0]["match"] = studio.matches(works[0]["picture"], prompt)
    record = dict(works[0])
    picture = record.pop("picture")
    try:
        studio.remember(record, picture)
    except (OSError, sqlite3.Error) as problem:
        notes.append(f"Not saved: {problem}")
    return {"works": works, "notes": notes}
"""
_right("create", "in order", CREATE)
_right(
    "create",
    "smaller and smaller batches",
    swap(
        CREATE,
        (
            CREATE[CREATE.index("    try:\n        pictures") : CREATE.index("    works = [")],
            "    for size in dict.fromkeys((max(n, 1), 1)):\n"
            "        try:\n"
            "            parts = [seeds[i : i + size] for i in range(0, n, size)]\n"
            "            pictures = [p for s in parts for p in studio.paint(prompt, s, steps, guidance, on_step)]\n"
            "            break\n"
            "        except short:\n"
            "            if size == 1:\n"
            '                raise MemoryError("Even one picture needs more memory than there is here.") from None\n'
            '            notes.append("Painted one after the other, for want of memory.")\n',
        ),
    ),
)
_wrong(
    "create",
    "seeds by rank",
    swap(
        CREATE,
        ("seeds[place]", "seeds[i]"),
        (
            "for place, score in studio.rank(pictures, prompt)",
            "for i, (place, score) in enumerate(studio.rank(pictures, prompt))",
        ),
    ),
    "each work has another's seed",
)
_wrong(
    "create",
    "not ranked",
    swap(CREATE, ("in studio.rank(pictures, prompt)", "in sorted(studio.rank(pictures, prompt))")),
    "in the order of painting",
)
_wrong(
    "create",
    "the raw prompt",
    swap(CREATE, ("studio.paint(prompt, seeds", "studio.paint(text, seeds"), ('"prompt": prompt', '"prompt": text')),
    "not as it was read",
)
_wrong(
    "create",
    "nothing remembered",
    swap(CREATE, ("        studio.remember(record, picture)\n", "        pass\n")),
    "no history",
)
_wrong(
    "create",
    "the picture in the record",
    swap(CREATE, ('    picture = record.pop("picture")\n', '    picture = record["picture"]\n')),
    "JSON cannot hold it",
)
_wrong(
    "create",
    "no progress",
    swap(CREATE, ("seeds, steps, guidance, on_step)", "seeds, steps, guidance)")),
    "on_step is not passed on",
)
_wrong(
    "create",
    "a full disk loses the pictures",
    swap(CREATE, ("    except (OSError, sqlite3.Error) as problem:", "    except OSError as problem:")),
    "sqlite3.Error is no OSError",
)
_wrong(
    "create",
    "only MemoryError",
    swap(CREATE, ("(MemoryError, torch.OutOfMemoryError)", "(MemoryError,)")),
    "a GPU's lack of memory is another error",
    visible_passes=True,
)
_wrong(
    "create",
    "only the database's errors",
    swap(CREATE, ("except (OSError, sqlite3.Error)", "except sqlite3.Error")),
    "a folder may be missing or read-only",
    visible_passes=True,
)
_wrong(
    "create",
    "unknown words kept quiet",
    swap(CREATE, ("    if unknown:\n", "    if False:\n")),
    "nobody is told",
    visible_passes=True,
)
_wrong(
    "create",
    "an empty prompt becomes a note",
    swap(
        CREATE,
        (
            "    prompt, unknown = studio.read_prompt(text)\n",
            "    try:\n        prompt, unknown = studio.read_prompt(text)\n    except ValueError:\n"
            '        prompt, unknown = "something", []\n',
        ),
    ),
    "it paints what nobody asked for",
    visible_passes=True,
)
