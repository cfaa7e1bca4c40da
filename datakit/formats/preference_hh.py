r"""Anthropic's HH: chosen and rejected transcripts, "\n\nHuman: ... \n\nAssistant: ..."."""

from typing import ClassVar

from datakit.conversation import wrong_type
from datakit.format import Answer, Entry, Fields, Format
from datakit.pairing import is_transcript, pair_of, shared_prompt, transcript


class PreferenceHh(Format):
    """A pair a row; the prompt is what both sides begin with."""

    fields: ClassVar[str] = "chosen, rejected (transcripts of Human and Assistant)"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        sides = [row.text(name) for name in ("chosen", "rejected")]
        for side in sides:
            if not is_transcript(side):
                wrong_type("chosen or rejected", side, 'a transcript that begins with "Human:"')
        messages, chosen, rejected = shared_prompt(transcript(sides[0]), transcript(sides[1]))
        return pair_of(row, messages, Answer(chosen), Answer(rejected))
