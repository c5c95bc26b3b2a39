"""Groups of like ImageNet classes: to turn one sheepdog into another is less than to turn it into an airliner."""

# ILSVRC sorts animals, food and plants by kind, so that a group is one range of indices, or a few. Its things are
# sorted by the alphabet and have no groups here.
GROUPS: dict[str, tuple[tuple[int, int], ...]] = {
    "fish": ((0, 6), (389, 397)),
    "birds": ((7, 24), (80, 100), (127, 146)),
    "amphibians": ((25, 32),),
    "turtles": ((33, 37),),
    "lizards": ((38, 48),),
    "crocodiles": ((49, 50),),
    "snakes": ((52, 68),),
    "spiders, scorpions and ticks": ((70, 78),),
    "snails and shells": ((112, 117),),
    "crabs and their kin": ((118, 126),),
    "sea mammals": ((147, 150),),
    "dogs": ((151, 268),),
    "wolves, foxes and wild dogs": ((269, 280),),
    "cats": ((281, 293),),
    "bears": ((294, 297),),
    "insects": ((300, 326),),
    "rabbits": ((330, 332),),
    "rodents": ((333, 338),),
    "hoofed animals": ((339, 355),),
    "weasels and their kin": ((356, 362),),
    "apes and monkeys": ((365, 384),),
    "elephants": ((101, 101), (385, 386)),
    "pandas": ((387, 388),),
    "fruit and vegetables": ((936, 957),),
    "landscapes": ((970, 980),),
    "mushrooms": ((991, 997),),
}


def group_of(label: int) -> str | None:
    """Return the group of an ImageNet class, 0 ... 999, or None where it has none."""
    return next((name for name, spans in GROUPS.items() if any(low <= label <= high for low, high in spans)), None)


def common_group(one: int, other: int) -> str | None:
    """Return the group that two ImageNet classes share, or None."""
    group = group_of(one)
    return group if group == group_of(other) else None
