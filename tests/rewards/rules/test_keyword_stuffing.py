"""Words that are used and words that are forced in, in English and Chinese."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.keyword_stuffing import keyword_stuffing
from rewards.rules.no_keyword_stuffing import no_keyword_stuffing

WORDS = ["lantern", "river", "violin", "copper"]
ZH_WORDS = ["灯笼", "河流", "小提琴", "铜"]
STORY = "At dusk she walked down to the harbour. Nobody was there to meet her, so she turned back and went home."
ZH_STORY = "黄昏时分，她独自走到码头。没有人来接她，于是她转身回家了。"
STUFFED = [
    f"{STORY}\n\nKeywords: lantern, river, violin, copper",
    f"{STORY} Tags: #lantern #river #violin #copper",
    f"{STORY}\n\nlantern, river, violin, copper",
    f"{STORY}\n- lantern\n- river\n- violin\n- copper",
    f"lantern river violin copper\n{STORY}",
    f"{STORY} Lantern. River. Violin. Copper.",
    f"{STORY} (lantern, river, violin, copper)",
    f"{STORY} Words used: lantern and river.",
    f"{STORY} I have included the words lantern, river, violin and copper.",
    "lantern river violin copper",
    "lantern lantern lantern river violin copper",
    f"{STORY} A lantern, lantern, lantern.",
    f"{STORY} The lantern. The river. The violin. The copper.",
    "She went. Lantern. She sat. River. She slept. Violin. She left. Copper.",
    f"{STORY} <!-- lantern river violin copper -->",
    f"{STORY} | lantern | river | violin | copper |",
    f"{STORY} LANTERN / RIVER / VIOLIN / COPPER",
    f"{STORY} lan\u200btern ri\u200bver vio\u200blin cop\u200bper",
    f"{STORY} ｌａｎｔｅｒｎ, ｒｉｖｅｒ, ｖｉｏｌｉｎ, ｃｏｐｐｅｒ.",
    "The river river is a river of the river, a river for river people, river boats, river river and river fish here.",
]
ZH_STUFFED = [
    f"{ZH_STORY}\n关键词：灯笼、河流、小提琴、铜",
    f"{ZH_STORY}\n\n灯笼、河流、小提琴、铜",
    f"{ZH_STORY}灯笼。河流。小提琴。铜。",
    f"{ZH_STORY}\n1. 灯笼\n2. 河流\n3. 小提琴\n4. 铜",
    "灯笼，河流，小提琴，铜",
    f"{ZH_STORY}灯笼灯笼灯笼灯笼。",
    f"{ZH_STORY}灯笼河流小提琴铜，真好。",
    f"本文包含灯笼、河流、小提琴、铜等词语。{ZH_STORY}",
    f"{ZH_STORY}（灯笼、河流、小提琴、铜）",
]
USED = [
    "She lit the lantern and walked along the river. An old man played his violin beside a copper kettle.",
    "- lantern: a lamp that one can carry\n- river: water that flows to the sea\n- violin: it has four strings\n"
    "- copper: a red metal that carries current",
    "The lanterns hung over two rivers while violins played and copper bells rang across the whole valley.",
    "My grandfather sold a lantern, a violin and copper wire. He lived near the river all his life.",
    "## Lantern\nIt gives light to people.\n## River\nIt flows through the old town.\n## Violin\nIt sounds sad at "
    "dusk.\n## Copper\nThe pots are made of this metal.",
    "1. Light the lantern.\n2. Cross the river.\n3. Tune the violin.\n4. Polish the copper.",
    '"Lantern?" she asked. "By the river," he said, and took his violin. Copper coins rang.',
    '{"light": "lantern", "place": "river", "sound": "violin", "metal": "copper"}',
    "The lantern glows,\nthe river runs,\nthe violin sings\nof copper suns.",
    "",
    STORY,
]
ZH_USED = [
    "她点亮灯笼，沿着河流慢慢走。一位老人在铜壶旁边拉小提琴。",
    "灯笼挂在屋檐下，照亮了门前的小路。河流从村边流过。铜制的门环很旧，屋里传来小提琴的声音。",
    "“点灯笼了吗？”她问。“先过河流。”他说着，拿起小提琴，铜环响了。",
    ZH_STORY,
]


@pytest.mark.parametrize("completion", STUFFED)
def test_forced_words_are_stuffing(completion: str) -> None:
    assert keyword_stuffing(completion, WORDS).value is True
    assert keyword_stuffing(completion, WORDS, "Write a story with the keywords lantern, river, violin, copper.").value


@pytest.mark.parametrize("completion", ZH_STUFFED)
def test_forced_chinese_words_are_stuffing(completion: str) -> None:
    assert keyword_stuffing(completion, ZH_WORDS).value is True


@pytest.mark.parametrize(("completion", "words"), [*((u, WORDS) for u in USED), *((u, ZH_WORDS) for u in ZH_USED)])
def test_used_words_are_none(completion: str, words: list[str]) -> None:
    assert keyword_stuffing(completion, words).reason == ""
    assert keyword_stuffing(completion, words).value is False


def test_a_list_is_no_fault_where_the_prompt_asks_for_one() -> None:
    assert keyword_stuffing("Copper, iron, tin", ["copper", "tin"], "List three metals.").value is False
    assert keyword_stuffing("Copper, iron, tin", ["copper", "tin"], "Make a list with the words copper and tin.").value
    assert keyword_stuffing("Copper and tin", ["copper", "tin"], "Which two metals make bronze?").value is False
    assert keyword_stuffing("铜、铁、锡", ["铜", "锡"], "列出三种金属").value is False


def test_one_word_is_an_answer() -> None:
    assert keyword_stuffing("Paris", ["paris"]).value is False
    assert keyword_stuffing("巴黎。", ["巴黎"]).value is False


def test_without_keywords_it_does_not_apply() -> None:
    assert keyword_stuffing("text", []).value is None
    assert no_keyword_stuffing("text", [" "]).value is None


@given(st.text(), st.lists(st.text(max_size=4), max_size=4))
def test_the_opposite_rule_says_the_opposite(completion: str, words: list[str]) -> None:
    one, other = keyword_stuffing(completion, words), no_keyword_stuffing(completion, words)
    assert (one.value, other.value) in [(None, None), (True, False), (False, True)]


@given(st.permutations(WORDS), st.sampled_from([*STUFFED, *USED]))
def test_the_order_of_the_keywords_does_not_matter(words: list[str], completion: str) -> None:
    assert keyword_stuffing(completion, words) == keyword_stuffing(completion, WORDS)


@pytest.mark.parametrize(
    "piece", ["river ", "river, ", "river\n", "- \n", "a river b. ", "铜", "铜、灯笼\n", "\n\n", "keywords: "]
)
def test_a_million_characters_take_a_moment(piece: str) -> None:
    started = time.process_time()
    keyword_stuffing(piece * (1_000_000 // len(piece)), [*WORDS, *ZH_WORDS])
    assert time.process_time() - started < 5
