"""What the words of two subgroups say of one another: the same group in other words, or the two halves of a whole."""

from __future__ import annotations

import re

_SMALL = frozenset(
    re.findall(r"\w+", "a an and any at by for from group had have in of on or patients the their them to was with")
)
_NOT = frozenset({"no", "not", "without"})
_ALTERED = frozenset({"mutation", "mutations", "mutated", "mutant", "detected", "altered", "alteration", "alterations"})
_SHORTER = frozenset({"less", "than", "under", "shorter", "below", "fewer"})
_LONGER = frozenset({"more", "longer", "least", "over", "above"})


def words(subgroup: str | None) -> frozenset[str]:
    """The words that tell one subgroup from another, whatever their order, case and punctuation."""
    return frozenset(re.findall(r"[a-z0-9]+(?:\.[0-9]+)?", (subgroup or "").lower())) - _SMALL


def same_group(one: str | None, other: str | None) -> bool:
    """Whether two texts differ in case, punctuation or order of words only."""
    return words(one) == words(other)


def complementary(one: str | None, other: str | None) -> bool:
    """Whether two subgroups are each other's rest: with and without, mutated and wild-type, shorter and longer."""
    if one is None or other is None or one == other:
        return False
    a, b = words(one), words(other)
    for first, second in ((a, b), (b, a)):
        if second - first <= _NOT and first <= second and second != first:
            return True
        if {"wild", "type"} <= second and first & _ALTERED:
            return first - _ALTERED == second - {"wild", "type"} - _ALTERED
        if first & _LONGER and second & _SHORTER:
            return first - _LONGER == second - _SHORTER
    return False
