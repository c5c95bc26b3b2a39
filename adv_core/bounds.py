"""Refuse values that lie outside of their bounds, with a sentence that names them."""


def check_bounds(value: object, **bounds: tuple[float, float]) -> None:
    """Refuse a value of which an attribute lies outside of its bounds.

    Raises:
        ValueError: the sentence names the attribute, what is allowed, and what was given.
    """
    for name, (low, high) in bounds.items():
        given = getattr(value, name)
        if not low <= given <= high:
            raise ValueError(f"{name} has to lie in {low} ... {high}, not {given}")
