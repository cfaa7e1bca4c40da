"""The page on which a person reviews answers: one HTML file with its data, style and script; no network."""

import base64
import hashlib
import json
from functools import cache

import jinja2

from datakit.datasets import Dataset
from datakit.review_rows import Item


def render(dataset: Dataset, items: list[Item]) -> str:
    """The page as HTML.

    Prompts and answers are data: they are JSON in an element that runs nothing, and the script puts them into the page
    as text. The policy of the page allows this script and this style, by their hashes, and no connection.
    """
    data = {
        "dataset": str(dataset),
        "items": [{"prompt": item.prompt_id, "turns": item.turns, "answers": item.answers} for item in items],
    }
    style, script = _file("review.css.jinja"), _file("review.js.jinja")
    page: str = (
        _templates()
        .get_template("review.html.jinja")
        .render(
            dataset=str(dataset),
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
            # `<` may begin a tag, and `</script>` would end the element
            data=json.dumps(data, ensure_ascii=True).replace("<", "\\u003c"),
        )
    )
    return page


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("datakit", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )


def _file(name: str) -> str:
    """A file that is put in as it is."""
    return "\n" + _templates().get_template(name).render()


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
