"""Tokenizer and chat template without torch or transformers: what a trainer will make of a pair.

Renders as `transformers` does (utils/chat_template_utils.py) and tokenizes as TRL's DPOTrainer does
(trainer/dpo_trainer.py, `_prepare_dataset` and the collator); tests compare both with the originals.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from schemas.errors import ConfigError
from schemas.identity import content_id, text_id

Message = dict[str, Any]

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""What a template may use by name (transformers' special_tokens_map)."""

REFUSALS = (jinja2.TemplateError, TypeError)
"""What a template raises for a conversation that it does not support; TypeError for adding None to a text."""


class Fate(StrEnum):
    """What the trainer's max_length leaves of a pair."""

    DIFFER = "differ"
    PROMPT_TOO_LONG = "prompt_too_long"
    SAME_AFTER_TRUNCATION = "same_after_truncation"
    TEMPLATE_REFUSES = "template_refuses"
    """The trainer would stop at it."""


@dataclass(frozen=True, slots=True)
class PairText:
    """A pair as the trainer reads it: all three are message lists, or all three are strings."""

    prompt: list[Message] | str
    chosen: list[Message] | str
    rejected: list[Message] | str
    tools: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class ChatTokenizer:
    """A tokenizer.json with its chat template."""

    path: Path
    tokenizer: Tokenizer
    templates: Mapping[str, str]
    """By name; a single one is `default`."""
    special_tokens: Mapping[str, str]
    fingerprint: str
    """The same for the same vocabulary, template and special tokens."""

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
    ) -> str:
        """The text that the model reads.

        Raises:
            ConfigError: there is no chat template, or it refuses the conversation.
        """
        try:
            return self._render(messages, tools, add_generation_prompt)
        except REFUSALS as error:
            raise ConfigError(f"{self.path}: the chat template refuses a conversation: {error}") from error

    def _render(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None, add_generation_prompt: bool
    ) -> str:
        return self._compiled(tools).render(
            messages=list(messages),
            tools=None if tools is None else list(tools),
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **self.special_tokens,
        )

    def turns(self, pair: "PairText") -> list[str] | None:
        """Prompt, prompt with chosen and prompt with rejected as the trainer renders them; None where it could not."""
        prompt, chosen, rejected = (_messages(side) for side in (pair.prompt, pair.chosen, pair.rejected))
        try:
            return [
                self._render(prompt, pair.tools, True),
                self._render(prompt + chosen, pair.tools, False),
                self._render(prompt + rejected, pair.tools, False),
            ]
        except REFUSALS:
            return None

    def encode(self, texts: Sequence[str], *, add_special_tokens: bool) -> list[list[int]]:
        """Token ids, in parallel on all cores."""
        found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=add_special_tokens)
        return [encoding.ids for encoding in found]

    def _compiled(self, tools: Sequence[dict[str, Any]] | None) -> jinja2.Template:
        name = "tool_use" if tools is not None and "tool_use" in self.templates else "default"
        if name not in self.templates:
            raise ConfigError(
                f"{self.path}: no chat template (chat_template.jinja, or chat_template in tokenizer_config.json)"
            )
        try:
            return _compiled(self.templates[name])
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(f"{self.path}: the chat template is broken: {error}") from error


def load_tokenizer(path: str | Path) -> ChatTokenizer:
    """Read a model's or a tokenizer's directory.

    Raises:
        ConfigError: it has no tokenizer.json, or a file of it cannot be read.
    """
    folder = Path(path)
    file = folder / "tokenizer.json"
    if not file.is_file():
        old = [name for name in ("tokenizer.model", "vocab.json", "vocab.txt") if (folder / name).is_file()]
        found = f"has only {old[0]}" if old else "has none" if folder.is_dir() else "is not a directory"
        raise ConfigError(
            f"tokenizer {folder}: needs a tokenizer.json, this {found}; save one with "
            "transformers.AutoTokenizer.from_pretrained(...).save_pretrained(DIRECTORY)"
        )
    content = _read(file)
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the Rust library raises nothing narrower
        raise ConfigError(f"{file}: not a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    config = _config(folder / "tokenizer_config.json")
    special = {**_config(folder / "special_tokens_map.json"), **config}
    tokens = {name: token for name in SPECIAL_TOKENS if (token := _token(special.get(name))) is not None}
    templates = _templates(folder, config)
    fingerprint = content_id([text_id(content), templates, tokens])
    return ChatTokenizer(folder, tokenizer, templates, tokens, fingerprint)


def differ_after_truncation(tokenizer: ChatTokenizer, pairs: Sequence[PairText], max_length: int) -> list[Fate]:
    """What TRL's DPOTrainer would train on, pair by pair, with truncation_mode keep_start.

    The trainer cuts prompt + completion to `max_length` tokens, and drops a pair whose prompt alone fills them.

    Raises:
        ConfigError: there is no chat template, or it is broken.
    """
    chat = bool(pairs) and not isinstance(pairs[0].prompt, str)
    texts = [tokenizer.turns(pair) if chat else _strings(tokenizer, pair) for pair in pairs]
    good = [text for three in texts if three is not None for text in three]
    ids = iter(tokenizer.encode(good, add_special_tokens=not chat))
    return [
        Fate.TEMPLATE_REFUSES if three is None else _fate(next(ids), next(ids), next(ids), max_length)
        for three in texts
    ]


def _messages(side: list[Message] | str) -> list[Message]:
    if isinstance(side, str):
        raise TypeError("a pair mixes message lists and strings")
    return side


def _strings(tokenizer: ChatTokenizer, pair: PairText) -> list[str]:
    end = tokenizer.special_tokens.get("eos_token", "")
    prompt, chosen, rejected = str(pair.prompt), str(pair.chosen), str(pair.rejected)
    return [prompt, *(prompt + side + ("" if side.endswith(end) else end) for side in (chosen, rejected))]


def _fate(prompt: list[int], chosen: list[int], rejected: list[int], max_length: int) -> Fate:
    chosen, rejected = chosen[:max_length], rejected[:max_length]
    # the completion starts where prompt and prompt + completion part, so the prompt fills max_length exactly where
    # all three agree that far
    if len(prompt) >= max_length and prompt[:max_length] == chosen == rejected:
        return Fate.PROMPT_TOO_LONG
    return Fate.SAME_AFTER_TRUNCATION if chosen == rejected else Fate.DIFFER


def _templates(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Template files take precedence over the config, as in transformers."""
    files = {"default": folder / "chat_template.jinja"}
    files |= {found.stem: found for found in sorted(folder.glob("additional_chat_templates/*.jinja"))}
    found = {name: _read(file) for name, file in files.items() if file.is_file()}
    if found:
        return found
    given = config.get("chat_template")
    if isinstance(given, list):
        return {entry["name"]: entry["template"] for entry in given}
    if isinstance(given, dict):
        return dict(given)
    return {"default": given} if isinstance(given, str) else {}


def _token(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _config(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(_read(file))
    except ValueError as error:
        raise ConfigError(f"{file}: not JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error


class _Generation(jinja2.ext.Extension):
    """`{% generation %}` marks what a model said, for loss masks; here it is only its content."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """Read the block; what is set inside stays inside."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)  # noqa: DTZ005  (the template's own clock, as transformers has it)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@cache
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
    return environment.from_string(template)
