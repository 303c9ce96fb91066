"""The leaf and the chain, computed here once more from their description alone."""

from hashlib import sha256

from contracts.audit import chain_hash, leaf_hash


def test_each_link_holds_all_before_it() -> None:
    previous, body = bytes(range(32)), b"a record"
    said = b"\x00" + (7).to_bytes(8, "big") + previous + body
    assert chain_hash(7, previous, body) == sha256(said).digest()


def test_a_leaf_is_that_of_rfc_6962() -> None:
    assert leaf_hash(b"a record") == sha256(b"\x00a record").digest()
