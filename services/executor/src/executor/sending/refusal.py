"""The guard's no."""


class Refused(Exception):
    """The guard says no: nothing was dispatched, nothing counted."""

    def __init__(self, because: str, retry: bool = False) -> None:
        super().__init__(because)
        self.because, self.retry = because, retry
