"""The formula of the run on the page, with its numbers."""

import streamlit as st

from adv_core.attacks.ascent import default_step_size
from adv_core.classifiers import categories
from adv_core.perturbation_sets import L0
from adv_core.serving.engine.attack import Attack
from pages.lab.settings import Settings, uses_pgd
from pages.widgets.glossary import prose


def show_formula(settings: Settings, request: Attack, label: int) -> None:
    st.subheader("Formula: this is what ran", anchor="formula")
    info = request.info
    y, t = rf"\text{{{categories()[label]}}}", rf"\text{{{categories()[settings.target]}}}"
    ball = settings.ball
    norm, eps = ball.latex, ball.formula(settings.shown_eps)
    z = r"f(t(x+\delta))" if request.views else r"f(x+\delta)"
    loss, short = {
        ("ce", False): (rf"L({z},\ {y})", "L_y"),
        ("ce", True): (rf"-L({z},\ {t})", "(-L_t)"),
        ("difference", True): (rf"L({z},\ {y}) - L({z},\ {t})", "(L_y - L_t)"),
        ("margin", False): (rf"\max_{{i \neq y}} {z}_i - {z}_{{{y}}}", "L"),
        ("margin", True): (rf"{z}_{{{t}}} - \max_{{i \neq t}} {z}_i", "L"),
        ("dlr", False): (rf"\frac{{\max_{{i \neq y}} z_i - z_{{{y}}}}}{{z_{{(1)}} - z_{{(3)}}}}", "L"),
        ("dlr", True): (rf"\frac{{z_{{{t}}} - z_{{{y}}}}}{{z_{{(1)}} - (z_{{(3)}} + z_{{(4)}})/2}}", "L"),
    }[request.objective, request.target is not None]
    if info.minimal:
        wish = rf"f(x+\delta)\ \text{{is {categories()[settings.target]}}}"
        if request.target is None:
            wish = rf"f(x+\delta)\ \text{{is not {categories()[label]}}}"
        st.latex(rf"\delta^* = \operatorname*{{argmin}}\ \|\delta\|_{{{norm}}}\quad \text{{such that}}\quad {wish}")
    else:
        mean = r"\mathbb{E}_t\," if request.views else ""
        st.latex(rf"\delta^* = \operatorname*{{argmax}}_{{\|\delta\|_{{{norm}}}\,\le\,{eps}}}\ {mean}{loss}")
    if not uses_pgd() and info.name != "fgsm":
        st.latex(info.formula)
        prose(f"{info.idea} {info.paper}.")
        return
    direction = ball.steepest if request.step == "steepest" else "g"
    counted = ball.ball is L0  # ε is a number of pixels, and a step may move each of them over the whole range
    if request.attack == "fgsm":
        length = "1" if counted else eps
        st.latex(rf"\delta = {length}\cdot {direction},\qquad g = \nabla_x\, {short}")
        prose(
            f"FGSM is a single step of length ε in the steepest direction. The gradient g is that at δ = 0, so it does "
            f"not depend on ε. {info.paper}."
        )
        return
    alpha = request.step_size
    reach = 1.0 if counted else settings.radius
    shown = float(default_step_size(reach, request.steps)) if alpha is None else alpha
    in_levels = ball.scale == 255 and request.step == "steepest"
    number = rf"\tfrac{{{shown * 255:.3g}}}{{255}}" if in_levels else f"{shown:.4g}"
    st.latex(
        rf"\delta \leftarrow \mathcal{{P}}\big(\delta + {number}\cdot {direction}\big),"
        rf"\quad g = \nabla_\delta\, {short}"
    )
    prose(
        f"The attack repeats this step {request.steps} times. The projection P returns the point of the ball that is "
        f"nearest to δ, with all values of x + δ in [0, 1]. {info.paper}."
    )
