"""Sums of losses: of equal and of different shape, with classes, samples left out and means of their own."""

from _parts import balanced, distance, plain, shares_overlap, squared_hinges
from elementwise import lorentz
from pairwise import pair_order
from ratio import weighted_overlap
from row import peaked

from lossgen.spec import Int, NonNegative, Positive, Unit, compose, loss

# One term: the same items, counted by the same rule.
robust = compose("robust", 0.75 * lorentz + distance / 4, family="unseen", doc="Two errors, item by item.")
halved = compose(
    "halved", 0.5 * lorentz.with_(c=0.25), family="unseen", doc="One error at one scale, halved."
)
offset = compose(
    "offset", distance - 0.125 * lorentz.with_(c=2.0), family="unseen", doc="A difference of errors."
)
nested = compose("nested", 2 * (robust + distance) - 0.5 * offset, family="unseen", doc="Sums of sums.")
ordered = compose("ordered", pair_order + 0.5 * distance, family="unseen", doc="Order and size.")


@loss(family="unseen")
def two_views(share: Unit = 0.5, ignore_index: Int = -100):
    """Likelihood and margin of the same labels; `ignore_index` is that of both."""
    return share * plain + (1 - share) * squared_hinges


# Several terms: equal shapes with other means and other samples, and other shapes.
uneven = compose(
    "uneven", balanced + 0.5 * peaked, family="unseen", doc="One part ignores labels, one does not."
)


@loss(family="unseen")
def three_rules(margin_share: NonNegative = 0.5, ignore_index: Int = -100):
    """A mean over weights, one over rows, and one over all rows."""
    return balanced + margin_share * squared_hinges + 0.25 * peaked


@loss(family="unseen")
def overlap_and_error(pixels: Positive = 0.5):
    """A ratio of sums for each region, and an error for each of its sites."""
    return 0.5 * weighted_overlap + pixels * lorentz


region = compose(
    "region",
    weighted_overlap + 0.25 * weighted_overlap.rename(misses="m", alarms="a", smooth="s"),
    family="unseen",
    doc="Two ratios of the same sums.",
)
segments = compose(
    "segments",
    shares_overlap + 0.5 * balanced.rename(y="label"),
    family="unseen",
    doc="A ratio for each class, and a likelihood of the labels of the sites.",
)
