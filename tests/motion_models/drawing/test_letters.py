"""Texts of any writing are drawn, or escaped where no font has their letters."""

import pytest
from animatediff_xl.motion_models.drawing import letters
from animatediff_xl.motion_models.drawing.canvas import font
from animatediff_xl.motion_models.drawing.letters import drawable, has

TEXTS = [
    "K\u00e4lte",
    "\u041c\u0438\u0440",
    "\u4f60\u597d",
    "\u3042 \u30a2",
    "\ud55c",
    "\U0001f600",
    "\ue000",
    "e\u0301",
]


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_is_drawn_as_boxes(text: str) -> None:
    drawn, chosen = drawable(text)
    assert all(has(chosen, letter) for letter in drawn)


@pytest.mark.parametrize("text", TEXTS)
def test_letters_that_no_font_has_are_escaped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(letters, "system_fonts", list)
    drawn, chosen = drawable(text)
    assert drawn.isascii() and drawn.encode().decode("unicode_escape") == text
    assert chosen.getname() == font().getname()


def test_a_system_font_draws_what_the_own_one_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    other = font()
    monkeypatch.setattr(letters, "system_fonts", lambda: [font(), other])
    monkeypatch.setattr(letters, "has", lambda chosen, letter: chosen is other or letter.isascii())
    assert drawable("\u4f60 a") == ("\u4f60 a", other)
    assert drawable("plain")[1] is not other


def test_missing_system_fonts_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "SYSTEM_FONTS", ("no such font.ttf",))
    assert letters.system_fonts.__wrapped__() == []
