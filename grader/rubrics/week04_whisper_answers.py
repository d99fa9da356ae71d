# CROSSMODAL-RUBRIC: must never reach students
"""Answers of week 4 whose verdict is known: right in other ways than ours, and wrong in ways that real students are."""

from __future__ import annotations

from textwrap import indent

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers()
_right, _wrong = ANSWERS.right, ANSWERS.wrong


def _cell(head: str, body: str, *more: str) -> str:
    """The source of an answer cell: a function's first line, its body, and what follows it."""
    first = f"{head}\n{indent(body.strip(chr(10)), '    ')}\n"
    return "\n\n".join([first, *(part.strip(chr(10)) + "\n" for part in more if part)])


# --- 1 spectrogram --------------------------------------------------------------------------------------------------

SPECTROGRAM = """
def heard_frequency(frequency, rate):
    return abs(frequency - rate * round(frequency / rate))


def power_spectrogram(wave, size=400, hop=160):
    padded = F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]
    frames = padded.unfold(0, size, hop) * torch.hann_window(size)
    return torch.fft.rfft(frames).abs().T ** 2


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
"""

_right(
    "spectrogram",
    "sines and cosines by hand, frame by frame",
    """
def heard_frequency(frequency, rate):
    rest = frequency % rate
    return min(rest, rate - rest)


def power_spectrogram(wave, size=400, hop=160):
    half = size // 2
    samples = wave.double()
    padded = torch.cat([samples[1 : half + 1].flip(0), samples, samples[-half - 1 : -1].flip(0)])
    n = torch.arange(size).double()
    window = torch.sin(torch.pi * n / size) ** 2
    angles = 2 * torch.pi * torch.outer(torch.arange(half + 1).double(), n) / size
    columns = []
    for start in range(0, len(padded) - size + 1, hop):
        frame = padded[start : start + size] * window
        columns.append((torch.cos(angles) @ frame) ** 2 + (torch.sin(angles) @ frame) ** 2)
    return torch.stack(columns, dim=1).float()


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
""",
)
_right(
    "spectrogram",
    "NumPy",
    """
def heard_frequency(frequency, rate):
    return float(np.arccos(np.cos(2 * np.pi * frequency / rate)) * rate / (2 * np.pi))


def power_spectrogram(wave, size=400, hop=160):
    padded = np.pad(np.asarray(wave, dtype=np.float64), size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    spectrum = np.fft.rfft(frames * window, axis=1).T
    return torch.from_numpy(spectrum.real**2 + spectrum.imag**2).float()


with needs("spectrogram"):
    chirp_power = power_spectrogram(torch.from_numpy(chirp))
""",
)
_right(
    "spectrogram",
    "the library's own",
    swap(
        SPECTROGRAM,
        ('    padded = F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]\n', ""),
        ("    frames = padded.unfold(0, size, hop) * torch.hann_window(size)\n", ""),
        (
            "torch.fft.rfft(frames).abs().T ** 2",
            "torch.stft(wave, size, hop, window=torch.hann_window(size), return_complex=True).abs() ** 2",
        ),
    ),
)
_wrong("spectrogram", "magnitudes", swap(SPECTROGRAM, (".T ** 2", ".T")), "no square")
_wrong("spectrogram", "no window", swap(SPECTROGRAM, (" * torch.hann_window(size)", "")), "frames end abruptly")
_wrong(
    "spectrogram",
    "no padding",
    swap(SPECTROGRAM, ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "wave")),
    "the ends are lost",
)
_wrong(
    "spectrogram",
    "padded with zeros",
    swap(
        SPECTROGRAM,
        ('F.pad(wave[None], (size // 2, size // 2), mode="reflect")[0]', "F.pad(wave, (size // 2, size // 2))"),
    ),
    "the ends are silent instead of mirrored",
)
_wrong(
    "spectrogram",
    "a symmetric window",
    swap(SPECTROGRAM, ("hann_window(size)", "hann_window(size, periodic=False)")),
    "the window for filters, not for frames",
)
_wrong(
    "spectrogram",
    "cut off at half the rate",
    swap(SPECTROGRAM, ("abs(frequency - rate * round(frequency / rate))", "min(frequency, rate / 2)")),
    "takes aliasing for a filter",
)
_wrong(
    "spectrogram",
    "folded once",
    swap(
        SPECTROGRAM,
        ("abs(frequency - rate * round(frequency / rate))", "frequency if frequency <= rate / 2 else rate - frequency"),
    ),
    "negative above the rate",
    visible_passes=True,
)
_wrong(
    "spectrogram",
    "always 400 and 160",
    swap(SPECTROGRAM, ("    padded", "    size, hop = 400, 160\n    padded")),
    "ignores its arguments",
    visible_passes=True,
)

# --- 2 log_mel ------------------------------------------------------------------------------------------------------

LOG_MEL = """
def mel_filters(count=80, size=400, rate=16_000):
    def mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    mels = np.linspace(0, mel(rate / 2), count + 2)
    corners = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    hertz = np.linspace(0, rate / 2, size // 2 + 1)[:, None]
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    triangles = np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)).clip(min=0)
    return torch.from_numpy(triangles * 2 / (right - left)).float()


def log_mel(power, filters):
    mel = filters.T @ power[:, :-1]
    log = mel.clamp(min=1e-10).log10()
    return (log.clamp(min=log.max() - 8) + 4) / 4


with needs("log_mel"):
    padded = F.pad(torch.from_numpy(spoken.audio), (0, seconds * 16_000 - len(spoken.audio)))
    power = torch.stft(padded, 400, 160, window=torch.hann_window(400), return_complex=True).abs() ** 2
    my_features = log_mel(power, mel_filters(heard.shape[1]))
"""
_right(
    "log_mel",
    "filter by filter",
    swap(
        LOG_MEL,
        (
            "    left, middle, right = corners[:-2], corners[1:-1], corners[2:]\n"
            "    triangles = np.minimum("
            "(hertz - left) / (middle - left), (right - hertz) / (right - middle)).clip(min=0)\n"
            "    return torch.from_numpy(triangles * 2 / (right - left)).float()",
            "    columns = []\n"
            "    for a, b, c in zip(corners, corners[1:], corners[2:]):\n"
            "        columns.append(np.interp(hertz[:, 0], [a, b, c], [0, 2 / (c - a), 0], left=0, right=0))\n"
            "    return torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)",
        ),
        (
            "    log = mel.clamp(min=1e-10).log10()\n    return (log.clamp(min=log.max() - 8) + 4) / 4",
            "    log = torch.log(torch.clamp(mel, 1e-10)) / np.log(10)\n"
            "    return torch.maximum(log, log.max() - 8) / 4 + 1",
        ),
    ),
)
_right(
    "log_mel",
    "the library's filters",
    swap(
        LOG_MEL,
        (
            LOG_MEL[LOG_MEL.index("    def mel(hertz)") : LOG_MEL.index("def log_mel")],
            "    from transformers.audio_utils import mel_filter_bank\n\n"
            "    made = mel_filter_bank(1 + size // 2, count, 0.0, rate / 2, rate, norm='slaney', mel_scale='slaney')\n"
            "    return torch.from_numpy(made).float()\n\n\n",
        ),
    ),
)
_wrong(
    "log_mel",
    "HTK's scale",
    swap(
        LOG_MEL,
        (
            "return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)",
            "return 2595 * np.log10(1 + hertz / 700)",
        ),
        (
            "np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))",
            "700 * (10 ** (mels / 2595) - 1)",
        ),
    ),
    "the mel scale of another toolkit",
)
_wrong("log_mel", "triangles of height 1", swap(LOG_MEL, ("triangles * 2 / (right - left)", "triangles")), "no norm")
_wrong("log_mel", "the natural logarithm", swap(LOG_MEL, (".log10()", ".log()")), "another base")
_wrong("log_mel", "one frame too many", swap(LOG_MEL, ("power[:, :-1]", "power")), "Whisper drops the last frame")
_wrong(
    "log_mel",
    "a floor for each frame",
    swap(LOG_MEL, ("log.max() - 8", "log.max(dim=0).values - 8")),
    "each frame's own loudest, which lifts silence",
)
_wrong(
    "log_mel",
    "not scaled",
    swap(LOG_MEL, ("(log.clamp(min=log.max() - 8) + 4) / 4", "log.clamp(min=log.max() - 8)")),
    "left as it is",
)
_wrong(
    "log_mel",
    "for 16 kHz only",
    swap(LOG_MEL, ("    def mel(hertz)", "    rate = 16_000\n\n    def mel(hertz)")),
    "ignores the rate",
    visible_passes=True,
)
_wrong(
    "log_mel",
    "a floor of its own for silence",
    swap(LOG_MEL, ("clamp(min=1e-10)", "clamp(min=1e-7)")),
    "silence is not as dark as Whisper's",
    visible_passes=True,
)

# --- 3 encoder_front ------------------------------------------------------------------------------------------------

FRONT = """
def convolve(x, weight, bias, stride=1):
    reach = weight.shape[-1] // 2
    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)
    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]


def positions(length, width):
    speeds = 10_000 ** (-torch.arange(width // 2) / (width // 2 - 1))
    angles = torch.arange(length)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=1)


with needs("encoder_front"):
    first, second = model.model.encoder.conv1, model.model.encoder.conv2
    with torch.no_grad():
        x = F.gelu(convolve(heard, first.weight, first.bias))
        x = F.gelu(convolve(x, second.weight, second.bias, stride=2))
    my_states = x.transpose(1, 2) + positions(x.shape[2], x.shape[1])
"""
_right(
    "encoder_front",
    "a loop over the kernel",
    swap(
        FRONT,
        (
            "    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)\n"
            '    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]',
            "    padded = F.pad(x, (reach, reach))\n"
            "    length = (padded.shape[2] - weight.shape[2]) // stride + 1\n"
            "    total = bias[None, :, None].expand(len(x), -1, length).clone()\n"
            "    for k in range(weight.shape[2]):\n"
            "        part = padded[:, :, k : k + stride * (length - 1) + 1 : stride]\n"
            "        total = total + weight[:, :, k] @ part\n"
            "    return total",
        ),
        (
            "    speeds = 10_000 ** (-torch.arange(width // 2) / (width // 2 - 1))\n",
            "    speeds = torch.exp(torch.linspace(0, -float(np.log(10_000)), width // 2))\n",
        ),
    ),
)
_right(
    "encoder_front",
    "torch's own",
    swap(
        FRONT,
        (
            "    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)\n"
            '    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]',
            "    return F.conv1d(x, weight, bias, stride=stride, padding=reach)",
        ),
    ),
)
_wrong(
    "encoder_front",
    "a flipped kernel",
    swap(FRONT, ("patches, weight)", "patches, weight.flip(-1))")),
    "true convolution",
)
_wrong("encoder_front", "no padding", swap(FRONT, ("F.pad(x, (reach, reach))", "x")), "the ends are lost")
_wrong("encoder_front", "no bias", swap(FRONT, (" + bias[:, None]", "")), "no bias")
_wrong(
    "encoder_front",
    "sines and cosines in turns",
    swap(
        FRONT,
        ("torch.cat([angles.sin(), angles.cos()], dim=1)", "torch.stack([angles.sin(), angles.cos()], -1).flatten(1)"),
    ),
    "the order of Vaswani et al.",
)
_wrong(
    "encoder_front",
    "a speed off by one",
    swap(FRONT, ("(width // 2 - 1))", "(width // 2))")),
    "the slowest wave is too quick",
)
_wrong(
    "encoder_front",
    "kernels of three only",
    swap(FRONT, ("reach = weight.shape[-1] // 2", "reach = 1")),
    "the padding does not follow the kernel",
    visible_passes=True,
)

# --- 4 first_token --------------------------------------------------------------------------------------------------

FIRST = """
def first_logits(model, features):
    start = torch.full((len(features), 1), model.generation_config.decoder_start_token_id)
    with torch.no_grad():
        return model(input_features=features, decoder_input_ids=start).logits[:, 0]


def language_probabilities(model, features):
    ids = list(model.generation_config.lang_to_id.values())
    return first_logits(model, features)[:, ids].softmax(dim=-1)


def no_speech_probability(model, features):
    return first_logits(model, features).softmax(dim=-1)[:, model.generation_config.no_timestamps_token_id - 1]
"""
_right(
    "first_token",
    "masked, as OpenAI does it",
    swap(
        FIRST,
        (
            "    return first_logits(model, features)[:, ids].softmax(dim=-1)",
            "    logits = first_logits(model, features)\n"
            "    mask = torch.full_like(logits, -torch.inf)\n"
            "    mask[:, ids] = 0\n"
            "    return (logits + mask).softmax(dim=-1)[:, ids]",
        ),
    ),
)
_right(
    "first_token",
    "encoder and decoder apart",
    swap(
        FIRST,
        (
            "        return model(input_features=features, decoder_input_ids=start).logits[:, 0]",
            "        encoded = model.get_encoder()(features).last_hidden_state\n"
            "        states = model.model.decoder(input_ids=start, encoder_hidden_states=encoded).last_hidden_state\n"
            "        return model.proj_out(states)[:, -1]",
        ),
        (
            "    return first_logits(model, features)[:, ids].softmax(dim=-1)",
            "    every = first_logits(model, features).double().softmax(dim=-1)[:, ids]\n"
            "    return every / every.sum(dim=1, keepdim=True)",
        ),
    ),
)
_wrong(
    "first_token",
    "among all tokens",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", ".softmax(dim=-1)[:, ids]")),
    "other tokens take their share of the languages",
)
_wrong("first_token", "logits", swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids]")), "no softmax")
_wrong(
    "first_token",
    "the wrong neighbour",
    swap(FIRST, ("no_timestamps_token_id - 1", "no_timestamps_token_id")),
    "the token without times is taken for the one without speech",
)
_wrong(
    "first_token",
    "over the utterances",
    swap(FIRST, ("[:, ids].softmax(dim=-1)", "[:, ids].softmax(dim=0)")),
    "the softmax runs over the wrong dimension",
)
_wrong(
    "first_token",
    "sorted by number",
    swap(FIRST, ("ids = list(", "ids = sorted(")),
    "columns in the order of the tokens, not of the languages",
    visible_passes=True,
)
_wrong(
    "first_token",
    "its own start token",
    swap(FIRST, ("model.generation_config.decoder_start_token_id", "model.config.decoder_start_token_id")),
    "ignores what the generation config says",
    visible_passes=True,
)

# --- 5 greedy -------------------------------------------------------------------------------------------------------

GREEDY = """
def greedy(model, features, prompt, suppress, begin_suppress, most):
    end = model.generation_config.eos_token_id
    said, feed, cache = [], list(prompt), None
    with torch.no_grad():
        encoded = model.get_encoder()(features)
        while len(said) < most:
            ids = torch.tensor([feed])
            answer = model(encoder_outputs=encoded, decoder_input_ids=ids, past_key_values=cache, use_cache=True)
            scores, cache = answer.logits[0, -1], answer.past_key_values
            scores[suppress] = -torch.inf
            if not said:
                scores[begin_suppress] = -torch.inf
            token = int(scores.argmax())
            if token == end:
                break
            said.append(token)
            feed = [token]
    return said


with needs("greedy"):
    never, not_first = whisper_lab.suppressed(model)
    my_transcripts = []
    for one in whisper_lab.features(whisper, [one.audio for one in sentences]):
        tokens = greedy(model, one[None], whisper_lab.prompt(model), never, not_first, 40)
        my_transcripts.append(whisper_lab.text_of(whisper, tokens))
"""
_right(
    "greedy",
    "the decoder itself",
    swap(
        GREEDY,
        ("encoded = model.get_encoder()(features)", "encoded = model.model.encoder(features).last_hidden_state"),
        (
            "answer = model(encoder_outputs=encoded, decoder_input_ids=ids, past_key_values=cache, use_cache=True)",
            "answer = model.model.decoder(\n"
            "                input_ids=ids, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True\n"
            "            )",
        ),
        ("answer.logits[0, -1]", "model.proj_out(answer.last_hidden_state)[0, -1]"),
    ),
)
_right(
    "greedy",
    "a mask and a flag",
    swap(
        GREEDY,
        ("        while len(said) < most:\n", "        for i in range(most):\n"),
        (
            "            scores[suppress] = -torch.inf\n"
            "            if not said:\n"
            "                scores[begin_suppress] = -torch.inf\n"
            "            token = int(scores.argmax())",
            "            allowed = torch.ones(len(scores), dtype=torch.bool)\n"
            "            for t in [*suppress, *(begin_suppress if i == 0 else [])]:\n"
            "                allowed[t] = False\n"
            "            token = scores.log_softmax(-1).where(allowed, torch.tensor(-1e9)).argmax().item()",
        ),
    ),
)
_wrong(
    "greedy",
    "nothing suppressed",
    swap(GREEDY, ("            scores[suppress] = -torch.inf\n", "")),
    "says tokens it must never say",
)
_wrong(
    "greedy",
    "never the end",
    swap(GREEDY, ("            if not said:\n    ", "            if True:\n    ")),
    "forbids at every step what is forbidden only at the first",
)
_wrong(
    "greedy",
    "no cache",
    swap(
        GREEDY,
        ("past_key_values=cache, use_cache=True", "use_cache=False"),
        (", cache = answer.logits[0, -1], answer.past_key_values", " = answer.logits[0, -1]"),
        ("feed = [token]", "feed.append(token)"),
    ),
    "reads everything again at every step",
)
_wrong(
    "greedy",
    "the encoder every time",
    swap(
        GREEDY,
        ("        encoded = model.get_encoder()(features)\n", ""),
        ("encoder_outputs=encoded", "input_features=features"),
    ),
    "hears the sound again at every step",
)
_wrong(
    "greedy",
    "with the prompt",
    swap(GREEDY, ("    return said", "    return [*prompt, *said]")),
    "the prompt is no answer",
)
_wrong(
    "greedy",
    "with the end",
    swap(
        GREEDY,
        (
            "            if token == end:\n                break\n            said.append(token)",
            "            said.append(token)\n            if token == end:\n                break",
        ),
    ),
    "the end token is part of the answer",
)
_wrong(
    "greedy",
    "sixteen at most",
    swap(GREEDY, ("len(said) < most", "len(said) < 16")),
    "ignores `most`",
    visible_passes=True,
)
_wrong(
    "greedy",
    "always one token",
    swap(
        GREEDY,
        (
            "        while len(said) < most:\n",
            "        begin_suppress = [*begin_suppress, end]\n        while len(said) < most:\n",
        ),
    ),
    "never lets it say nothing",
    visible_passes=True,
)

# --- 6 beam ---------------------------------------------------------------------------------------------------------

BEAM = """
def beam_search(step, width, end, most, penalty=1.0):
    running, finished = [([], 0.0)], []
    for length in range(1, most + 1):
        scores = step([tokens for tokens, _ in running])
        sums = scores + torch.tensor([total for _, total in running])[:, None]
        best = sums.flatten().topk(min(2 * width, sums.numel()))
        grown = []
        for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist())):
            row, token = divmod(place, sums.shape[1])
            tokens = [*running[row][0], token]
            if token == end:
                if rank < width:
                    finished.append((tokens[:-1], total / length**penalty))
            else:
                grown.append((tokens, total))
        running = grown[:width]
        if length == most:
            finished += [(tokens, total / length**penalty) for tokens, total in running]
        if len(finished) >= width:
            break
    return max(finished, key=lambda pair: pair[1])[0]
"""
_right(
    "beam",
    "candidates in a list",
    """
def beam_search(step, width, end, most, penalty=1.0):
    beams, done = [(0.0, ())], []
    for n in range(1, most + 1):
        rows = step([list(tokens) for _, tokens in beams]).tolist()
        options = [(total + s, (*tokens, t)) for (total, tokens), row in zip(beams, rows) for t, s in enumerate(row)]
        options = sorted((o for o in options if o[0] > -1e30), key=lambda o: -o[0])[: 2 * width]
        done += [(total / n**penalty, tokens[:-1]) for total, tokens in options[:width] if tokens[-1] == end]
        beams = [o for o in options if o[1][-1] != end][:width]
        done = sorted(done, reverse=True)[:width]
        if len(done) >= width or not beams:
            break
        if n == most:
            done += [(total / n**penalty, tokens) for total, tokens in beams]
    return list(max(done)[1])
""",
)
_right(
    "beam",
    "a numpy array",
    swap(
        BEAM,
        (
            "best = sums.flatten().topk(min(2 * width, sums.numel()))",
            "flat = sums.numpy().ravel()\n        order = np.argsort(-flat, kind='stable')[: 2 * width]",
        ),
        (
            "enumerate(zip(best.values.tolist(), best.indices.tolist()))",
            "enumerate(zip(flat[order].tolist(), order.tolist()))",
        ),
    ),
)
_wrong(
    "beam",
    "greedy after all",
    swap(BEAM, ("    running, finished", "    width = 1\n    running, finished")),
    "keeps one sequence",
)
_wrong("beam", "sums as they are", swap(BEAM, (" / length**penalty", "")), "no length penalty")
_wrong(
    "beam",
    "with the end",
    swap(BEAM, ("(tokens[:-1], total", "(tokens, total")),
    "the end token is part of the answer",
)
_wrong(
    "beam",
    "the first to finish",
    swap(BEAM, ("        if len(finished) >= width:", "        if finished:")),
    "stops at the first sequence that ends",
)
_wrong(
    "beam",
    "the least likely",
    swap(BEAM, ("return max(finished", "return min(finished")),
    "takes the worst of the finished ones",
)
_wrong(
    "beam",
    "the mean only",
    swap(BEAM, ("length**penalty", "length")),
    "ignores the penalty",
    visible_passes=True,
)

# --- 7 fallback -----------------------------------------------------------------------------------------------------

FALLBACK = """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    for temperature in temperatures:
        text, mean = attempt(temperature)
        data = text.encode()
        if len(data) / len(zlib.compress(data)) <= most_compressed and mean >= least_likely:
            break
    return text, temperature
"""
_right(
    "fallback",
    "an early return",
    swap(
        FALLBACK,
        (
            "        data = text.encode()\n"
            "        if len(data) / len(zlib.compress(data)) <= most_compressed and mean >= least_likely:\n"
            "            break\n",
            "        ratio = len(text.encode('utf-8')) / len(zlib.compress(text.encode('utf-8')))\n"
            "        if not (ratio > most_compressed or mean < least_likely):\n"
            "            return text, temperature\n",
        ),
    ),
)
_right(
    "fallback",
    "a generator",
    """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    def fine(text, mean):
        return whisper_lab.compression_ratio(text) <= most_compressed and mean >= least_likely

    tried = []
    for t in temperatures:
        tried.append((*attempt(t), t))
        if fine(*tried[-1][:2]):
            break
    text, _, t = tried[-1]
    return text, t
""",
)
_wrong(
    "fallback",
    "likelihood alone",
    swap(FALLBACK, ("len(data) / len(zlib.compress(data)) <= most_compressed and ", "")),
    "a model can be very sure of a loop",
)
_wrong("fallback", "repetition alone", swap(FALLBACK, (" and mean >= least_likely", "")), "takes improbable texts")
_wrong(
    "fallback",
    "the likeliest of all",
    """
def with_fallback(attempt, temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), most_compressed=2.4, least_likely=-1.0):
    tried = [(*attempt(t), t) for t in temperatures]
    fine = [x for x in tried if whisper_lab.compression_ratio(x[0]) <= most_compressed and x[1] >= least_likely]
    text, _, t = max(fine or tried[-1:], key=lambda x: x[1])
    return text, t
""",
    "tries all, and not the first that will do",
)
_wrong(
    "fallback",
    "the ratio upside down",
    swap(FALLBACK, ("len(data) / len(zlib.compress(data))", "len(zlib.compress(data)) / len(data)")),
    "compressed by raw: never above the limit",
)
_wrong(
    "fallback",
    "the limits written in",
    swap(FALLBACK, ("<= most_compressed", "<= 2.4"), (">= least_likely", ">= -1")),
    "ignores the limits",
    visible_passes=True,
)
_wrong(
    "fallback",
    "nothing at all",
    swap(
        FALLBACK,
        ("            break\n    return text, temperature", "            return text, temperature\n    return '', 0.0"),
    ),
    "gives up where nothing will do",
    visible_passes=True,
)
_wrong(
    "fallback",
    "letters for bytes",
    swap(FALLBACK, ("len(data) / len", "len(text) / len")),
    "counts letters and compresses bytes",
    visible_passes=True,
)

# --- 8 word_errors --------------------------------------------------------------------------------------------------

ALIGN = """
def align(said, heard):
    n, m = len(said), len(heard)
    cost = np.zeros((n + 1, m + 1), dtype=int)
    cost[:, 0], cost[0] = np.arange(n + 1), np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            same = cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1])
            cost[i, j] = min(same, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    steps, i, j = [], n, m
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            steps.append(("ok" if said[i] == heard[j] else "sub", said[i], heard[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            steps.append(("del", said[i], None))
        else:
            j -= 1
            steps.append(("ins", None, heard[j]))
    return steps[::-1]


def error_rate(said, heard, unit="word"):
    split = str.split if unit == "word" else list
    pairs = [(split(a), split(b)) for a, b in zip(said, heard)]
    errors = sum(what != "ok" for a, b in pairs for what, _, _ in align(a, b))
    return errors / sum(len(a) for a, _ in pairs)
"""
_right(
    "word_errors",
    "recursion with a memory",
    """
def align(said, heard):
    from functools import lru_cache

    @lru_cache(maxsize=None)
    def errors(i, j):
        if i == len(said) or j == len(heard):
            return len(said) - i + len(heard) - j
        return min(errors(i + 1, j + 1) + (said[i] != heard[j]), errors(i + 1, j) + 1, errors(i, j + 1) + 1)

    steps, i, j = [], 0, 0
    while i < len(said) or j < len(heard):
        if i < len(said) and errors(i, j) == errors(i + 1, j) + 1:
            steps.append(("del", said[i], None))
            i += 1
        elif j < len(heard) and errors(i, j) == errors(i, j + 1) + 1:
            steps.append(("ins", None, heard[j]))
            j += 1
        else:
            steps.append(("ok" if said[i] == heard[j] else "sub", said[i], heard[j]))
            i, j = i + 1, j + 1
    return steps


def error_rate(said, heard, unit="word"):
    errors = words = 0
    for a, b in zip(said, heard):
        a, b = (a.split(), b.split()) if unit == "word" else (list(a), list(b))
        errors += sum(step[0] != "ok" for step in align(a, b))
        words += len(a)
    return errors / words
""",
)
_right(
    "word_errors",
    "rows of paths",
    """
def align(said, heard):
    row = [[("ins", None, h) for h in heard[:j]] for j in range(len(heard) + 1)]
    count = lambda path: sum(what != "ok" for what, _, _ in path)
    for s in said:
        new = [row[0] + [("del", s, None)]]
        for j, h in enumerate(heard, 1):
            options = [
                row[j - 1] + [("ok" if s == h else "sub", s, h)],
                row[j] + [("del", s, None)],
                new[j - 1] + [("ins", None, h)],
            ]
            new.append(min(options, key=count))
        row = new
    return row[-1]


def error_rate(said, heard, unit="word"):
    cut = (lambda text: text.split()) if unit == "word" else list
    total = sum(len(cut(a)) for a in said)
    return sum(sum(what != "ok" for what, _, _ in align(cut(a), cut(b))) for a, b in zip(said, heard)) / total
""",
)
_wrong(
    "word_errors",
    "place by place",
    swap(
        ALIGN,
        (
            ALIGN[ALIGN.index("    n, m = len(said)") : ALIGN.index("def error_rate")],
            "    steps = [('ok' if a == b else 'sub', a, b) for a, b in zip(said, heard)]\n"
            "    steps += [('del', a, None) for a in said[len(heard) :]]\n"
            "    return steps + [('ins', None, b) for b in heard[len(said) :]]\n\n\n",
        ),
    ),
    "one word left out makes everything after it wrong",
)
_wrong("word_errors", "backwards", swap(ALIGN, ("return steps[::-1]", "return steps")), "not turned round")
_wrong(
    "word_errors",
    "the mean of rates",
    swap(
        ALIGN,
        (
            '    errors = sum(what != "ok" for a, b in pairs for what, _, _ in align(a, b))\n'
            "    return errors / sum(len(a) for a, _ in pairs)",
            '    return np.mean([sum(w != "ok" for w, _, _ in align(a, b)) / max(len(a), 1) for a, b in pairs])',
        ),
    ),
    "short sentences count too much",
)
_wrong(
    "word_errors",
    "by the words heard",
    swap(ALIGN, ("sum(len(a) for a, _ in pairs)", "sum(len(b) for _, b in pairs)")),
    "the other length",
)
_wrong(
    "word_errors",
    "del and ins exchanged",
    swap(
        ALIGN,
        ('("del", said[i], None)', '("ins", said[i], None)'),
        ('("ins", None, heard[j])', '("del", None, heard[j])'),
    ),
    "what was left out is called put in",
)
_wrong(
    "word_errors",
    "substitutions cost two",
    swap(ALIGN, ("(said[i - 1] != heard[j - 1])", "2 * (said[i - 1] != heard[j - 1])")),
    "every exchange is told as a loss and a gain",
)
_wrong(
    "word_errors",
    "characters without spaces",
    swap(
        ALIGN,
        (
            'split = str.split if unit == "word" else list',
            'split = str.split if unit == "word" else lambda text: list(text.replace(" ", ""))',
        ),
    ),
    "the spaces are characters too",
    visible_passes=True,
)
_wrong(
    "word_errors",
    "words only",
    swap(ALIGN, ("    while i or j:", "    while i and j:")),
    "stops at the first end: what is left over is lost",
)
_wrong(
    "word_errors",
    "at most all wrong",
    swap(
        ALIGN,
        (
            "    return errors / sum(len(a) for a, _ in pairs)",
            "    return min(1.0, errors / sum(len(a) for a, _ in pairs))",
        ),
    ),
    "a rate can be above 1",
    visible_passes=True,
)

# --- 9 add_noise ----------------------------------------------------------------------------------------------------

NOISE = """
def add_noise(speech, noise, snr):
    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]
    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)
    return speech + noise * (ratio * 10 ** (-snr / 10)).sqrt()


with needs("add_noise"):
    hiss = torch.from_numpy(whisper_lab.noise("white", spoken.seconds, SEED))
    noisy = add_noise(torch.from_numpy(spoken.audio), hiss, 5.0)
"""
_right(
    "add_noise",
    "amplitudes and 20 logarithms",
    swap(
        NOISE,
        (
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)\n"
            "    return speech + noise * (ratio * 10 ** (-snr / 10)).sqrt()",
            "    loud, soft = speech.norm(), noise.norm()\n"
            "    if soft == 0:\n        return speech.clone()\n"
            "    return speech + noise / soft * loud / 10 ** (snr / 20)",
        ),
    ),
)
_right(
    "add_noise",
    "NumPy",
    """
def add_noise(speech, noise, snr):
    s = np.asarray(speech, dtype=np.float64)
    n = np.resize(np.asarray(noise, dtype=np.float64), len(s))
    power = np.mean(n**2)
    gain = np.sqrt(np.mean(s**2) / power / 10 ** (snr / 10)) if power else 0.0
    return torch.from_numpy(s + gain * n).float()


with needs("add_noise"):
    hiss = torch.from_numpy(whisper_lab.noise("white", spoken.seconds, SEED))
    noisy = add_noise(torch.from_numpy(spoken.audio), hiss, 5.0)
""",
)
_wrong("add_noise", "no root", swap(NOISE, (".sqrt()", "")), "scales the wave by a ratio of powers")
_wrong("add_noise", "a sign of the decibels", swap(NOISE, ("(-snr / 10)", "(snr / 10)")), "the noise is the louder one")
_wrong(
    "add_noise",
    "as loud as it came",
    swap(NOISE, ("(ratio * 10 ** (-snr / 10)).sqrt()", "10 ** (-snr / 20)")),
    "the noise's own loudness is ignored",
)
_wrong(
    "add_noise",
    "ten for twenty",
    swap(NOISE, ("(ratio * 10 ** (-snr / 10)).sqrt()", "ratio.sqrt() * 10 ** (-snr / 10)")),
    "half the decibels",
)
_wrong(
    "add_noise",
    "loudness before cutting",
    swap(
        NOISE,
        (
            "    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]\n"
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)",
            "    ratio = speech.square().mean() / noise.square().mean().clamp(min=1e-20)\n"
            "    noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]",
        ),
    ),
    "measures noise that is not heard",
    visible_passes=True,
)
_wrong(
    "add_noise",
    "nan in silence",
    swap(NOISE, (".clamp(min=1e-20)", "")),
    "divides by the power of silence",
    visible_passes=True,
)

# --- 10 segments ----------------------------------------------------------------------------------------------------

SEGMENTS = """
def segments(tokens, begin):
    found, start, words = [], None, []
    for token in tokens:
        if token < begin:
            words.append(token)
        else:
            time = (token - begin) * 0.02
            if start is not None and words:
                found.append((start, time, words))
                start, words = None, []
            else:
                start = time
    if words:
        found.append((start, None, words))
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
"""
_right(
    "segments",
    "split at the times",
    """
def segments(tokens, begin):
    found, i = [], 0
    while i < len(tokens):
        j = i + 1
        while j < len(tokens) and tokens[j] < begin:
            j += 1
        if j > i + 1:
            end = 0.02 * (tokens[j] - begin) if j < len(tokens) else None
            found.append((0.02 * (tokens[i] - begin), end, list(tokens[i + 1 : j])))
            i = j + 1
        else:
            i = j
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
)
_right(
    "segments",
    "groups",
    """
def segments(tokens, begin):
    from itertools import groupby

    found, last = [], None
    for spoken, group in groupby(tokens, key=lambda token: token < begin):
        group = list(group)
        if spoken:
            found.append([last, None, group])
        else:
            if found and found[-1][1] is None:
                found[-1][1] = (group[0] - begin) / 50
            last = (group[-1] - begin) / 50
    return [tuple(one) for one in found]


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
)
_wrong("segments", "in tokens", swap(SEGMENTS, ("(token - begin) * 0.02", "token - begin")), "not in seconds")
_wrong(
    "segments", "the token's number", swap(SEGMENTS, ("(token - begin) * 0.02", "token * 0.02")), "not from `begin` on"
)
_wrong("segments", "frames of 10 ms", swap(SEGMENTS, ("* 0.02", "* 0.01")), "frames for positions")
_wrong(
    "segments",
    "the pause as well",
    """
def segments(tokens, begin):
    marks = [i for i, token in enumerate(tokens) if token >= begin]
    found = []
    for i, j in zip(marks, marks[1:]):
        found.append(((tokens[i] - begin) * 0.02, (tokens[j] - begin) * 0.02, list(tokens[i + 1 : j])))
    return found


with needs("segments"):
    my_segments = segments(timed, first_time)
""",
    "empty segments between the others",
)
_wrong(
    "segments",
    "only what was closed",
    swap(SEGMENTS, ("    if words:\n        found.append((start, None, words))\n", "")),
    "the unfinished segment is lost",
    visible_passes=True,
)
_wrong(
    "segments",
    "closed at the beginning",
    swap(SEGMENTS, ("(start, None, words)", "(start, start, words)")),
    "the unfinished segment is given an end",
    visible_passes=True,
)

# --- 11 dtw ---------------------------------------------------------------------------------------------------------

DTW = """
def dtw(cost):
    cost = np.asarray(cost, dtype=float)
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for i in range(n):
        for j in range(m):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j = n, m
    rows, columns = [], []
    while i and j:
        rows.append(i - 1)
        columns.append(j - 1)
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda place: total[place])
    return rows[::-1], columns[::-1]


def token_times(weights, width=7):
    scaled = (weights - weights.mean(dim=1, keepdim=True)) / weights.std(dim=1, keepdim=True, unbiased=False)
    matrix = whisper_lab.median_filter(scaled, width).mean(dim=0)
    rows, columns = dtw(-matrix)
    first = [columns[rows.index(i)] for i in range(len(matrix))]
    return torch.tensor(first) * 0.02


with needs("dtw"):
    times = token_times(weights, model.config.median_filter_width)
    my_word_times = whisper_lab.words_at(whisper, said, times)
"""
_right(
    "dtw",
    "with a memory of the way",
    swap(
        DTW,
        (
            DTW[DTW.index("    total = np.full") : DTW.index("def token_times")],
            "    total, come = np.full((n, m), np.inf), {}\n"
            "    for i in range(n):\n"
            "        for j in range(m):\n"
            "            before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]\n"
            "            before = [(total[p], p) for p in before if p[0] >= 0 and p[1] >= 0]\n"
            "            least, come[i, j] = min(before) if before else (0.0, None)\n"
            "            total[i, j] = least + cost[i, j]\n"
            "    path, place = [], (n - 1, m - 1)\n"
            "    while place is not None:\n"
            "        path.append(place)\n"
            "        place = come[place]\n"
            "    rows, columns = zip(*path[::-1])\n"
            "    return list(rows), list(columns)\n\n\n",
        ),
    ),
)
_right(
    "dtw",
    "arrays, and jumps",
    swap(
        DTW,
        ("return rows[::-1], columns[::-1]", "return np.array(rows[::-1]), np.array(columns[::-1])"),
        (
            "    first = [columns[rows.index(i)] for i in range(len(matrix))]\n    return torch.tensor(first) * 0.02",
            "    new = np.concatenate([[True], np.diff(rows) > 0])\n    return torch.from_numpy(columns[new] / 50)",
        ),
    ),
)
_wrong("dtw", "backwards", swap(DTW, ("return rows[::-1], columns[::-1]", "return rows, columns")), "not turned round")
_wrong(
    "dtw",
    "step by step",
    swap(
        DTW,
        (
            DTW[DTW.index("    total = np.full") : DTW.index("def token_times")],
            "    i = j = 0\n    rows, columns = [0], [0]\n"
            "    while (i, j) != (n - 1, m - 1):\n"
            "        ways = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]\n"
            "        i, j = min((p for p in ways if p[0] < n and p[1] < m), key=lambda p: cost[p])\n"
            "        rows.append(i)\n        columns.append(j)\n"
            "    return rows, columns\n\n\n",
        ),
    ),
    "the cheapest next step is not the cheapest path",
)
_wrong(
    "dtw",
    "no standing still",
    swap(
        DTW,
        ("min(total[i, j], total[i, j + 1], total[i + 1, j])", "min(total[i, j], total[i + 1, j])"),
        ("(i - 1, j - 1), (i - 1, j), (i, j - 1)", "(i - 1, j - 1), (i, j - 1)"),
    ),
    "two tokens cannot share a position",
)
_wrong("dtw", "in positions", swap(DTW, ("torch.tensor(first) * 0.02", "torch.tensor(first)")), "not in seconds")
_wrong(
    "dtw",
    "ends for beginnings",
    swap(DTW, ("columns[rows.index(i)]", "columns[len(rows) - 1 - rows[::-1].index(i)]")),
    "the last position of every token",
)
_wrong("dtw", "attention for a cost", swap(DTW, ("dtw(-matrix)", "dtw(matrix)")), "looks where nobody listened")
_wrong(
    "dtw",
    "not scaled",
    swap(DTW, ("median_filter(scaled, width)", "median_filter(weights, width)")),
    "positions that draw all attention outweigh the rest",
    visible_passes=True,
)

# --- 12 merge -------------------------------------------------------------------------------------------------------

MERGE = """
def merge(parts):
    if not parts:
        return []
    result = list(parts[0])
    for part in parts[1:]:
        best, shift, length = 1, None, 0
        for k in range(1, min(len(result), len(part)) + 1):
            same = sum(a == b for a, b in zip(result[-k:], part[:k]))
            if same > best or same == best and same > 1 and k < length:
                best, shift, length = same, k, k
        if shift is None:
            result += part
        else:
            half = shift // 2
            result = result[: len(result) - shift + half] + list(part[half:])
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
"""
_right(
    "merge",
    "the longest common run",
    """
def merge(parts):
    from difflib import SequenceMatcher

    result = []
    for part in parts:
        part = list(part)
        reach = result[-len(part) :] if part else []
        found = SequenceMatcher(None, reach, part, autojunk=False).find_longest_match()
        if found.size < 2:
            result += part
        else:
            result = result[: len(result) - len(reach) + found.a] + part[found.b :]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
)
_right(
    "merge",
    "the share of matches",
    """
def merge(parts):
    result = [list(part) for part in parts[:1]]
    result = result[0] if result else []
    for part in parts[1:]:
        part = list(part)
        shares = {0: 0.0}
        for k in range(2, min(len(result), len(part)) + 1):
            same = sum(a == b for a, b in zip(result[-k:], part[:k]))
            shares[k] = same / k + k / 10_000 if same > 1 else 0.0
        k = max(shares, key=shares.get) if max(shares.values()) > 0 else 0
        result = result[: len(result) - k + k // 2] + part[k // 2 :]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
)
_wrong(
    "merge",
    "one after the other",
    """
def merge(parts):
    return [token for part in parts for token in part]


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "everything in the overlaps twice",
)
_wrong(
    "merge",
    "each word once",
    """
def merge(parts):
    return list(dict.fromkeys(token for part in parts for token in part))


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "what is said twice is lost",
    visible_passes=True,
)
_wrong(
    "merge",
    "exact overlaps only",
    """
def merge(parts):
    result = []
    for part in parts:
        k = next((k for k in range(min(len(result), len(part)), 0, -1) if result[-k:] == list(part[:k])), 0)
        result += part[k:]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "a word cut in two hides the overlap",
    visible_passes=True,
)
_wrong(
    "merge",
    "the left one is always right",
    swap(MERGE, ("half = shift // 2", "half = shift")),
    "keeps the word that the left piece's end cut in two",
    visible_passes=True,
)
_wrong(
    "merge",
    "a fixed overlap",
    """
def merge(parts):
    result = list(parts[0]) if parts else []
    for part in parts[1:]:
        result += part[4:]
    return result


with needs("merge"):
    my_long_transcript = whisper_lab.text_of(whisper, merge(parts))
""",
    "the number of shared tokens differs from window to window",
)
