"""The words that prompts are made of: as many as a byte has values, each word under two of them."""

from __future__ import annotations

_VOCABULARY = """
amber anchor apple arrow autumn basin beacon birch border bridge bronze canyon carbon cedar circle cliff cloud cobalt
copper coral cotton crane crater delta desert dune eagle earth ember engine fabric falcon feather field flame forest
fossil frost garden glacier granite gravel grove harbor hazel heron hollow horizon indigo iron island ivory jade
juniper kettle lagoon lantern laurel lemon linen lotus magnet maple marble meadow mesa mirror monsoon moss mountain
nectar nickel north oak oasis ocean olive onyx opal orbit orchid otter paper pebble pepper pine planet plaza pollen
prairie quartz quiver rain raven reef ridge river robin rocket rose saffron sand satin shadow signal silver sky slate
solar spark spruce stone storm summit sunset teal temple thunder timber topaz torch tundra valley velvet violet walnut
water wave
"""
_WORDS = tuple(_VOCABULARY.split())

WORD_OF_BYTE = _WORDS * (256 // len(_WORDS))
"""The word that a random byte stands for."""


def prompt(drawn: bytes, mark: int) -> str:
    """Return one word for each byte of `drawn`, and `mark`, so that no two prompts are equal."""
    return f"{' '.join([WORD_OF_BYTE[byte] for byte in drawn])} #{mark}"
