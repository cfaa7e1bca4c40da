"""Personal data: what counts, what is reserved for examples, and what the mask leaves."""

import polars as pl
import pytest

from datakit.filters.pii import Pii
from datakit.pii import KINDS, found_in, id_card_holds, luhn_holds, masked
from datakit.repairs.mask_pii import MaskPii

REAL = {
    "mail me at john.doe+x@mail.gmail.com.": "mail me at [EMAIL].",
    "邮箱zhang@qq.com，谢谢": "邮箱[EMAIL]，谢谢",
    "call (415) 662-9087 or 415-662-9087": "call [PHONE] or [PHONE]",
    "+1 415 662 9087": "[PHONE]",
    "+44 20 7946 0958": "[PHONE]",
    "手机13812345678吧": "手机[PHONE]吧",
    "+86 138 1234 5678": "[PHONE]",
    "电话：010-12345678，（0755）12345678": "电话：[PHONE]，[PHONE]",
    "身份证11010519491231002X。": "身份证[ID_CARD]。",
    "卡4111 1111 1111 1111, 378282246310005": "卡[BANK_CARD], [BANK_CARD]",
    "6222021234567890128": "[BANK_CARD]",
    "host 93.184.216.34:80": "host [IP]:80",
    "2606:2800:220:1:248:1893:25c8:1946": "[IP]",
}
NOBODYS = [
    "a@example.com, b@mail.example.org, c@host.test",
    "git@github.com, logo@2x.png, @name",
    "call (415) 555-0132, 1-800-273-8255, 123-456-7890",
    "11010519491231002, 110105194912310021, 110105194913310029",
    "4111111111111112, 1234567812345678, 0000000000000000",
    "127.0.0.1, 0.0.0.0, 192.168.1.1, 192.0.2.5, 255.255.255.0, 1.2.3.4",
    "version 93.184.216.34, v93.184.216.34, 版本 93.184.216.34, 1.93.184.216.34",
    "2001:db8::1, ::1, 12:30:45, std::vector",
    "3.14159265358979, 2023-10-01, 12345678901234567890, 1999 2000 2001 2002",
    "订单20231013812345678",
]


@pytest.mark.parametrize(("text", "hidden"), REAL.items())
def test_personal_data_is_masked_once(text: str, hidden: str) -> None:
    assert masked(text) == hidden
    assert masked(hidden) == hidden


@pytest.mark.parametrize("text", NOBODYS)
def test_what_is_reserved_or_only_looks_like_it_stays(text: str) -> None:
    assert masked(text) == text


def test_filter_and_mask_find_the_same_and_name_the_kinds() -> None:
    texts = [*REAL, *NOBODYS, "", "x" * 1_000_000, "1" * 1_000_000, "a@" * 300_000]
    rows = pl.DataFrame(
        {"row": range(len(texts)), "prompt": "", "context": "", "output": texts}, schema_overrides={"row": pl.UInt32}
    )
    assert Pii().drop(rows)["row"].to_list() == list(range(len(REAL)))
    assert Pii().drop(rows[:1])["value"].to_list() == ["email"]
    assert Pii(kinds=("phone",), of="prompt").drop(rows).is_empty()
    mask = MaskPii()
    shown = rows.filter(mask.suspect(pl.col("output"))).select("row", text=mask.repair(pl.col("output")))
    found = rows.join(shown, on="row").filter(pl.col("text") != pl.col("output"))
    assert found["text"].to_list() == list(REAL.values())


def test_only_the_kinds_that_are_asked_for_are_looked_for() -> None:
    text = "john@gmail.com 13812345678"
    assert [one.kind for one in found_in(text)] == ["email", "phone"]
    assert masked(text, ("phone",)) == "john@gmail.com [PHONE]"
    assert {one.kind for line in REAL for one in found_in(line)} == set(KINDS)


def test_check_digits() -> None:
    assert luhn_holds("79927398713")  # ISO/IEC 7812-1's own example in Wikipedia, "Luhn algorithm"
    assert not luhn_holds("79927398710")
    assert id_card_holds("11010519491231002X")  # GB 11643-1999, appendix A
    assert not id_card_holds("110105194912310021")
    assert not id_card_holds("110105194902310020")
