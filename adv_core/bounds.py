"""Refuse values outside their bounds, with a sentence that names them."""


def check_bounds(value: object, **bounds: tuple[float, float]) -> None:
    """Refuse a value if one of its attributes lies outside its bounds.

    Raises:
        ValueError: the sentence names the attribute, the allowed values, and the given value.
    """
    for name, (low, high) in bounds.items():
        given = getattr(value, name)
        if not low <= given <= high:
            raise ValueError(f"{name} has to lie in {low} ... {high}, not {given}")
