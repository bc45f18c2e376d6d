"""Weighted sums of losses, each evaluated as one."""

from binary import bce_with_logits
from segmentation import soft_dice

from lossgen.spec import compose

dice_bce = compose(
    "dice_bce",
    0.5 * soft_dice.with_(from_logits=True) + 0.5 * bce_with_logits,
    family="segmentation",
    source="Isensee et al. 2021, doi:10.1038/s41592-020-01008-z",
    doc="""Half the soft Dice loss and half the binary cross-entropy, from logits.

    Dice is a mean over samples and classes, cross-entropy a mean over all sites.
    """,
)
