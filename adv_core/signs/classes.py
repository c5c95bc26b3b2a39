"""The classes of the sign network: European signs, American speed limits, and *no sign*."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignClass:
    """One class of the network.

    Attributes:
        key: as it stands in links and files; title: as a page shows it.
        kind: the drawing, a name in `adv_core.signs.drawing`.
        text: the number or the word on the sign, empty where it has a symbol.
    """

    key: str
    title: str
    kind: str
    text: str = ""


def _kilometres(speed: int) -> SignClass:
    return SignClass(f"speed_limit_{speed}_kmh", f"Speed limit {speed} km/h", "ring", str(speed))


def _miles(speed: int) -> SignClass:
    return SignClass(f"speed_limit_{speed}_mph", f"Speed limit {speed} mph", "plate", str(speed))


CLASSES: tuple[SignClass, ...] = (
    SignClass("stop", "Stop", "octagon", "STOP"),
    SignClass("yield", "Yield", "yield"),
    SignClass("no_entry", "No entry", "no_entry"),
    *map(_kilometres, (20, 30, 40, 50, 60, 70, 80, 90, 100, 120)),
    *map(_miles, (15, 20, 25, 30, 35, 40, 45, 50, 55, 65)),
    SignClass("priority_road", "Priority road", "priority_road"),
    SignClass("pedestrian_crossing", "Pedestrian crossing", "pedestrian_crossing"),
    SignClass("children", "Children", "children"),
    SignClass("road_works", "Road works", "road_works"),
    SignClass("traffic_signals", "Traffic signals", "traffic_signals"),
    SignClass("bend_left", "Bend to the left", "bend_left"),
    SignClass("bend_right", "Bend to the right", "bend_right"),
    SignClass("turn_left", "Turn left", "turn_left"),
    SignClass("turn_right", "Turn right", "turn_right"),
    SignClass("straight_ahead", "Straight ahead", "straight_ahead"),
    SignClass("roundabout", "Roundabout", "roundabout"),
    SignClass("no_sign", "No sign", "nothing"),
)
INDEX: dict[str, int] = {each.key: place for place, each in enumerate(CLASSES)}
