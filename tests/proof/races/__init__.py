"""Approvals raced against everything that may end them: edits, expiry, revocation, pause, kill switch, dispatch."""
