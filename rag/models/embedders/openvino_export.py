"""Convert a model to OpenVINO, then compare its vectors with the original's.

Run as `python -m rag.models.embedders.openvino_export MODEL TARGET REVISION`. It has its own process, so that the memory of
torch is freed at its end.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.models.embedders.batches import unit
from rag.models.embedders.openvino import OpenVINOEmbedder
from rag.models.embedders.openvino_graph import FORMAT, LEAST_COSINE, Graph, fastest_precision, graph_digest, load_openvino
from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder
from rag.system.files import write_json

if TYPE_CHECKING:
    from rag.protocols import Vectors

_LONG = "The keeper of the lighthouse wrote down the wind, the tide and the name of every ship that passed before dark. "

PROBES = (
    "",
    " ",
    "?",
    "a",
    "42",
    "Where is the nearest harbour?",
    "The bridge was opened to traffic in the spring of 1931.",
    "THE CONTRACT ENDS ON 31 DECEMBER UNLESS EITHER PARTY GIVES NOTICE.",
    "Revenue rose 12.5 % to $4,310 million; costs fell to €2.9 bn (2019: €3.1 bn).",
    "for row in table: total += row['amount'] * rate  # in cents",
    "Straßenbahnfahrer müssen künftig größere Abstände einhalten.",
    "Les élèves ont déjà mangé près de l'église où naquit le poète.",
    "Пароход пришёл в порт на рассвете, и туман ещё не рассеялся.",
    "図書館は午前九時に開きます。",
    "وصلت السفينة إلى الميناء عند الفجر.",
    "यह पुस्तक बहुत पुरानी है।",
    "🚢⚓ 🌊 ok 👍🏽",
    "no-spaces-" * 20,
    _LONG * 2,
    _LONG * 5,
    _LONG * 9,
)


def main(arguments: list[str]) -> None:
    """Write the graph and its manifest into the target folder. The manifest's precision is the one that passed, or null."""
    source, target, revision = Path(arguments[0]), Path(arguments[1]), arguments[2]
    original = SentenceTransformersEmbedder(str(source), device="cpu", name=source.name, attention="eager")
    probes = [probe for probe in PROBES if original.count_tokens([probe])[0] <= original.identity.max_tokens]
    expected = original.embed_passages(probes)
    _convert(original.model, target)
    cosines: dict[str, float] = {}
    chosen: str | None = None
    for precision in dict.fromkeys((fastest_precision(), "f32")):
        identity = original.identity
        graph = Graph(target, source, revision, identity.dimension, identity.max_tokens, identity.pooling, precision)
        cosines[precision] = least_cosine(graph, probes, expected)
        if cosines[precision] >= LEAST_COSINE:
            chosen = precision
            break
    manifest = {
        "format": FORMAT,
        "openvino": load_openvino().__version__,
        "source": str(source),
        "revision": revision,
        "dimension": original.identity.dimension,
        "max_tokens": original.identity.max_tokens,
        "pooling": original.identity.pooling,
        "precision": chosen,
        "least_cosines": cosines,
        "digest": graph_digest(target),
    }
    write_json(target / "manifest.json", manifest)


def least_cosine(graph: Graph, probes: list[str], expected: Vectors) -> float:
    """The lowest cosine to `expected`, with all probes in one padded batch, in normal batches, and as single questions."""
    cosines = []
    for budget in (1_000_000, 2048):
        embedder = OpenVINOEmbedder(graph, batch_tokens=budget, keep_compiled=False)
        cosines.append((embedder.embed_passages(probes) * expected).sum(axis=1).min())
    alone = unit(np.stack([embedder.embed_question(probe) for probe in probes]))
    return float(min(*cosines, (alone * expected).sum(axis=1).min()))


def _convert(model: Any, target: Path) -> None:
    """Save the graph from token ids and mask to the sentence vector, without the output of token vectors."""
    import torch

    openvino = load_openvino()
    example = {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.tensor([[1, 1, 1]])}
    whole = openvino.convert_model(model, example_input=[example])
    wanted = [output for output in whole.outputs if "sentence_embedding" in output.names]
    pruned = openvino.Model(wanted, whole.get_parameters())
    openvino.save_model(pruned, str(target / "openvino.xml"), compress_to_fp16=False)


if __name__ == "__main__":
    main(sys.argv[1:])
