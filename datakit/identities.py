"""Ids of what a data set holds, from JSON that is canonical already: nothing is written out twice."""

from schemas.identity import canonical_json, text_id


def prompt_id_of(messages: str, tools: str | None) -> str:
    """The id of a prompt: content_id([messages, tools])."""
    return text_id(f"[{messages},{tools or 'null'}]")


def imported_id(prompt_id: str, recipe_id: str, text: str, messages: str | None) -> str:
    """The id of an answer that was not generated here: content_id([prompt_id, recipe_id, "import", text or messages]).

    Args:
        prompt_id: its prompt.
        recipe_id: who wrote it.
        text: its text.
        messages: its turns, where it is more than one turn of that text.
    """
    return text_id(f'["{prompt_id}","{recipe_id}","import",{messages or canonical_json(text)}]')
