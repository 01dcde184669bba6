"""The frame that every page stands in: finds templates, lets each section render, and puts style, scripts and data around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gatebench.analysis.report import embedding, words

DATA_SCHEMA = "gatebench.report/1"
_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.min.js", "mechanisms.js", "charts.js", "page.js")


@dataclass(frozen=True)
class Section:
    """A part of the page; `id` is its file's name without number and ending.

    A `bare` one brings its own heading; `trouble` says why one could not render.
    """

    id: str
    title: str
    body: Markup
    bare: bool = False
    trouble: str = ""


class Frame:
    """The `reports` folders (the user's first), with what their templates may use: `context` by name."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(_FILTERS)

    def know(self, context: Mapping[str, Any]) -> None:
        """Put names at the hand of every template."""
        self._environment.globals.update(context)

    def render(self, template: str, parts: str, data: Callable[[], Any]) -> str:
        """Return the whole page: `template` around the sections of the folder `parts`. `data` is asked for when they stand.

        Raises FileNotFoundError when the frame itself is missing.
        """
        sections = [self._section(parts, name) for name in section_names(self.folders, parts)]
        scripts = [self.text(name) for name in _SCRIPTS]
        return self._environment.get_template(template).render(
            sections=[section for section in sections if section.trouble or section.body.strip()],
            style=embedding.as_style(self.text("style.css")),
            scripts=[embedding.as_script(script) for script in scripts],
            policy=embedding.policy(scripts),
            data=embedding.as_json(data()),
        )

    def _section(self, parts: str, name: str) -> Section:
        """Render one section; one that fails is named in its place, and the others stand."""
        section_id = name.removesuffix(".html.j2").partition("-")[2] or name.removesuffix(".html.j2")
        try:
            module: Any = self._environment.get_template(f"{parts}/{name}").make_module()
            title, bare = str(getattr(module, "title", section_id)), bool(getattr(module, "bare", False))
            return Section(section_id, title, Markup(str(module)), bare)  # noqa: S704 - autoescaped
        except Exception as error:  # a user's template may raise anything; the report of the run matters more
            trouble = f"{parts}/{name} cannot be shown: {type(error).__name__}: {error}"
            return Section(section_id, section_id, Markup(), trouble=trouble)

    def text(self, name: str) -> str:
        """Return a file of the `reports` folders, the user's first."""
        for folder in self.folders:
            if (folder / name).is_file():
                return (folder / name).read_text()
        raise FileNotFoundError(
            f"reports/{name} is in none of the reports folders; install gatebench again or put it back."
        )


def section_names(folders: Sequence[Path], parts: str = "sections") -> list[str]:
    """Return the file names of all sections in order of their numbers; a name in two folders counts once."""
    return sorted({path.name for folder in folders for path in (folder / parts).glob("*.html.j2")})


_FILTERS: dict[str, Callable[..., str]] = {
    "bound": words.bound,
    "count": words.count,
    "duration": words.duration,
    "exact": words.exact,
    "interval": words.interval,
    "milliseconds": words.milliseconds,
    "moment": words.moment,
    "percent": words.percent,
    "quantity": words.quantity,
    "significant": words.significant,
    "tied": words.tied,
}
