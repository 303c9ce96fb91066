"""The local launcher: the whole system as processes on one machine, for people trying it and for the tests."""
