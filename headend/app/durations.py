"""Spans of time as the configuration writes them: the one parser, which the prepaid rules use too."""

from headend.prepaid.durations import duration

__all__ = ["duration"]
