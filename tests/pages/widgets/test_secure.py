import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest


def switch() -> None:
    from pages.widgets.secure import secure_toggle

    secure_toggle("Use the camera", "on", "Upload a picture.")


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("https://lab.example.org/room", True),
        ("http://localhost:8501", True),
        ("http://a.localhost", True),
        ("http://127.0.0.1:8501/lab/", True),
        ("http://[::1]:8501", True),
        (None, True),  # not known: nothing is taken away
        ("http://192.168.1.20:8501/room", False),
        ("http://lab.example.org", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_over_plain_http_a_sentence_takes_the_place_of_the_camera(
    monkeypatch: pytest.MonkeyPatch, address: str | None, secure: bool
) -> None:
    monkeypatch.setattr(ContextProxy, "url", property(lambda _: address))
    at = AppTest.from_function(switch).run()
    assert not at.exception and len(at.toggle) == secure and len(at.caption) == (not secure)
    assert secure or at.caption[0].value.endswith("allow this over https only. Upload a picture.")
