"""A valid call for each public name of models.generators, and for what it uses of models.transformer."""

import numpy as np
import torch

from scaling_lib.models import generators, transformer
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization

MODEL = transformer.Transformer(Architecture(7, 16, context=6), Parametrization(), generators=[torch.Generator()])
LONG = transformer.Transformer(Architecture(7, 16, context=500), Parametrization(), generators=[torch.Generator()])
LAW = np.full(7, 1 / 7)
TEACHER = generators.Teacher(MODEL, 6, first=LAW, sequences=10)
STREAM = TEACHER.stream(6, 2, [0, 1])
CACHE = MODEL.key_values(3)

EXAMPLES = [
    (transformer.KeyValues, {"parts": CACHE.parts, "filled": 0}),
    (MODEL.copied, {"device": "cpu"}),
    (MODEL.key_values, {"sequences": 3}),
    (LONG.next_logits, {"tokens": torch.zeros(1, 3).long(), "cache": LONG.key_values(3)}),  # read on by every call
    (generators.chosen_tokens, {"logits": torch.zeros(2, 7), "uniforms": torch.rand(2)}),
    (
        generators.sample_sequences,
        {"model": MODEL, "first": torch.zeros(1, 3).long(), "uniforms": torch.rand(1, 3, 5)},
    ),
    (generators.Teacher, {"model": MODEL, "context": 6, "first": LAW, "sequences": 10}),
    (TEACHER.stream, {"context": 6, "batch": 2, "seeds": [0, 1], "device": None}),
    (TEACHER.test, {"count": 2, "context": 6, "seed": 0}),
    (TEACHER.next_laws, {"sequences": np.array([[0, 1, 2]])}),
    (
        generators.TeacherStream,
        {"teacher": TEACHER, "context": 6, "batch": 2, "seeds": [0, 1], "device": "cpu"},
    ),
    (STREAM.batch, {"step": 3}),
]
