"""The settings of a page, kept equal in the session, the widgets and the address.

page = Controls("threat-models", Settings)
page.start()
page.control("eps", st.slider, "ε in 1/255", 0, 32)
page.into_address()
... page.value.eps ...
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.widgets.glossary import forget
from pages.widgets.query import from_query, to_query

S = TypeVar("S")
state = st.session_state


def is_history_step() -> bool:
    """Tell whether the browser's Back or Forward has caused this run."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


class Controls(Generic[S]):
    """The settings of the page with that name: a value of a frozen dataclass, described as in `pages.widgets.query`.

    A link sets them when it is opened, and so does the browser's Back. Otherwise the visitor's controls set them, also
    after a visit to another page.
    """

    def __init__(self, name: str, kind: type[S]) -> None:
        self.name, self.kind = name, kind

    @property
    def value(self) -> S:
        """The present settings."""
        settings: S = state[self.name]
        return settings

    @property
    def notes(self) -> list[str]:
        """Sentences about the invalid parts of the link; empty as soon as the visitor changes a control."""
        notes: list[str] = state[f"{self.name} notes"]
        return notes if to_query(self.value) == state[f"{self.name} arrived"] else []

    def tell(self, note: str) -> None:
        """Add a note about the link."""
        state[f"{self.name} notes"].append(note)
        state[f"{self.name} arrived"] = to_query(self.value)

    def start(self) -> bool:
        """Start a run of the page; call it first. Return True where the visitor has just come to the page."""
        came, state.page = state.get("page") != self.name, self.name
        forget()
        link = st.query_params.to_dict()
        if self.name not in state or (came and link) or is_history_step():
            settings, notes = from_query(self.kind, link)
            state[self.name], state[f"{self.name} notes"] = settings, notes
            state[f"{self.name} arrived"] = to_query(settings)
            for f in fields(self.kind):  # type: ignore[arg-type]
                state.pop(self.key(f.name), None)
        # A widget's new value counts from the beginning of the run, also above the place where the widget is drawn.
        moved = {f.name: state.get(self.key(f.name)) for f in fields(self.kind)}  # type: ignore[arg-type]
        state[self.name] = replace(self.value, **{name: value for name, value in moved.items() if value is not None})  # type: ignore[type-var]
        if came:  # settings of an earlier visit: in the same entry of the browser's history as the visit
            self.into_address()
        return came

    def key(self, setting: str) -> str:
        """The key of the widget of that setting."""
        return f"{self.name.replace('-', '_')}_{setting}"

    def set(self, **changes: object) -> None:
        """Change settings from code (a callback), and the widgets that show them."""
        state[self.name] = replace(self.value, **changes)  # type: ignore[type-var]
        for name in changes:
            state[self.key(name)] = getattr(self.value, name)

    def reset(self, *but: str) -> None:
        """Reset all controls to their defaults, except for ``but``."""
        self.set(**{f.name: f.default for f in fields(self.kind) if f.name not in but})  # type: ignore[arg-type]

    def control(self, name: str, widget: Callable[..., Any], *args: object, **options: object) -> Any:
        """Draw a widget that is bound to the setting of that name. Return the setting."""
        key = self.key(name)
        if key not in state:
            state[key] = getattr(self.value, name)
        value = widget(*args, key=key, **options)
        if value is not None:
            state[self.name] = replace(self.value, **{name: value})  # type: ignore[type-var]
        return getattr(self.value, name)

    def choice(self, name: str, label: str, options: Mapping[Any, str], **more: object) -> Any:
        """Draw buttons, one for each option under its title; one is always chosen. Return the setting."""
        titles = {"format_func": options.__getitem__, "required": True}
        return self.control(name, st.segmented_control, label, list(options), **titles, **more)

    def tabs(self, name: str, titles: Mapping[str, str]) -> tuple[str, DeltaGenerator]:
        """Draw tabs, one for each option under its title. Return the open one, and its place.

        Only the open one needs to be drawn. An option that is not among the titles opens the first one.
        """
        key, names = f"{self.key(name)}_tabs", {title: option for option, title in titles.items()}
        shown = getattr(self.value, name) if getattr(self.value, name) in titles else next(iter(titles))
        if state.get(key) != titles[shown]:
            state[key] = titles[shown]
        places = st.tabs(list(names), key=key, on_change=lambda: self.set(**{name: names[state[key]]}))
        return shown, places[list(titles).index(shown)]

    def into_address(self) -> None:
        """Write this state into the browser's address. Call it after the controls and before long computations.

        After Back, the address stays as it is: a new entry of the history would lead the visitor forward again.
        """
        query = to_query(self.value)
        if st.query_params.to_dict() != query and not is_history_step():
            st.query_params.from_dict(query)

    def link(self, **changes: object) -> str:
        """The address of this state, or of this state with changes."""
        address = (st.context.url or "").split("?")[0]
        query = urlencode(to_query(replace(self.value, **changes)))  # type: ignore[type-var]
        return f"{address}?{query}" if query else address or "/"
