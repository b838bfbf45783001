"""Verdicts and tiers at a glance."""

from __future__ import annotations

from typing import NamedTuple

from secondline.site.words import VERDICTS


class Badge(NamedTuple):
    """A conclusion: `tone` is the verdict, tier or kind that decides how it looks, `words` say it, `detail` goes on."""

    tone: str
    words: str
    detail: str = ""


def of_verdict(verdict: str, detail: str = "") -> Badge:
    return Badge(verdict, VERDICTS[verdict], detail)


def of_tier(tier: str, detail: str = "") -> Badge:
    return Badge(tier, tier, detail)
