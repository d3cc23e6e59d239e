"""What an index holds, in short."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.index.catalog.catalog import Catalog

DOCUMENTS = """
SELECT source, title, media_type, content_hash, sidecar, pages, characters, chunk_count, metadata FROM documents ORDER BY source
"""


def content_key(catalog: Catalog) -> str:
    """A hash of what an index holds: the same for another one of the same documents, made in the same way, in any order."""
    digest = blake2b(repr((catalog.embedder_identity, catalog.setting("chunks"))).encode(), digest_size=12)
    for row in catalog.rows(DOCUMENTS):
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()
