"""Your own voice, in Colab: the browser asks whether it may listen, and hands over samples, no file."""

from __future__ import annotations

import base64
import sys

import numpy as np

from tinyworld.sound import RATE

SCRIPT = """
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  const context = new AudioContext({sampleRate: RATE});
  const source = context.createMediaStreamSource(stream), tap = context.createScriptProcessor(4096, 1, 1);
  const parts = [];
  tap.onaudioprocess = event => parts.push(new Float32Array(event.inputBuffer.getChannelData(0)));
  source.connect(tap); tap.connect(context.destination);
  await new Promise(done => setTimeout(done, 1000 * SECONDS));
  stream.getTracks().forEach(track => track.stop());
  await context.close();
  const blob = new Blob(parts), reader = new FileReader();
  return await new Promise(done => { reader.onload = () => done(reader.result); reader.readAsDataURL(blob); });
})()
"""


def record(seconds: float = 4.0) -> np.ndarray:
    """What the microphone hears for so many seconds, float32 (samples,) at 16 kHz.

    Raises RuntimeError outside Colab: record a file there and use `read`.
    """
    if "google.colab" not in sys.modules:
        raise RuntimeError('there is no microphone here: record a file and say whisper_lab.read("your.wav")')
    from google.colab import output

    answer = output.eval_js(SCRIPT.replace("RATE", str(RATE)).replace("SECONDS", str(float(seconds))))
    return np.frombuffer(base64.b64decode(answer.partition(",")[2]), dtype="<f4").astype(np.float32)
