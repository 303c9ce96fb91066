"""Ports that are chosen for processes which do not listen yet."""

from handrail.local import ports


def test_no_port_is_chosen_twice_before_anybody_listens_on_it() -> None:
    chosen = [port for _ in range(60) for port in ports.free(10)]
    assert len(set(chosen)) == len(chosen)
