"""Somebody at a browser who counts."""

from __future__ import annotations

from playwright.sync_api import Page


class Person:
    """Somebody at a browser, whose clicks and typed fields are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.typed = page, 0, 0

    def click(self, role: str, name: str) -> None:
        self.clicks += 1
        self.page.get_by_role(role, name=name).first.click()

    def fill(self, label: str, text: str) -> None:
        self.typed += 1
        self.page.get_by_label(label, exact=True).fill(text)
