"""Drop answers in which a language model speaks of itself ("as an AI language model ..."), in English or Chinese."""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter

_MODEL = (
    r"(?:(?:large |big |mere |simple |text-based |virtual |digital )*"
    r"(?:ai|a\.i\.|artificial intelligence|machine learning|language)"
    r"(?:[- ](?:language|based|powered|text))*(?:[- ](?:model|assistant|chatbot|bot|system|program|entity))?)"
)
_ENGLISH = (
    # "As an AI, I ..." speaks of itself; "As an AI engineer, I ..." and "as an AI model that Google built" do not
    rf"\bas an? (?:just |only )?{_MODEL}(?:(?: created| developed| trained| made)? by \w+)?"
    r"(?:,| -| –|—| (?:i\b|my\b|it(?:'s|’s| is) (?:not|im)))",
    rf"\bi(?:'m| am|’m) (?:just |only |merely |simply )?an? {_MODEL}\b"
    r"(?:,? (?:and|so|but|designed|created|trained|developed|therefore|without|that (?:can|does|do)|which)\b|[.,]? i )",
    r"\bmy (?:knowledge cut-?off|training data (?:only |was |is |goes )|last (?:knowledge )?update was)\b",
    r"\bi (?:was|am|have been) (?:trained|created|developed|programmed) by "
    r"(?:openai|anthropic|google|meta|microsoft|alibaba|deepseek|mistral)(?:[.,;!]|\s*$| (?:and|to|on|as)\b)",
)
_MODEL_ZH = (
    r"(?:(?:AI|人工智[能慧]|大?型?[语語]言|聊天|智[能慧]|[虚虛][拟擬])+"
    r"(?:[语語]言)?(?:大?模型|助手|助理|[机機]器人|程序|程式|系[统統])?)"
)
_CHINESE = (
    rf"(?:作为|作為|身为|身為)(?:一?[个個名款位台种種])?(?:基于|基於)?(?:大型|大规模|大規模)?{_MODEL_ZH}[，,]?(?:我|本人|是)?[，,]?"
    r"(?:我|本|無法|无法|不)",
    rf"我(?:只|仅|僅)?是(?:一?[个個名款位台种種])?(?:大型|由[^，。]{{1,12}}的)?{_MODEL_ZH}[，,]"
    r"[^。！？\n]{0,12}(?:无法|無法|不能|不会|不會|没有|沒有|不具[备備])",
    r"我的(?:知[识識]|[训訓][练練][数數][据據])(?:库|庫)?(?:截止|截至|只?更新到)",
)
_OF_ITSELF = rf"(?i){'|'.join((*_ENGLISH, *_CHINESE))}"


class Boilerplate(RowFilter):
    """Refuses such words anywhere in the answer; the value is the words."""

    reads: ClassVar[tuple[str, ...]] = ("output",)

    def suspect(self) -> pl.Expr:
        """See the base class."""
        hints = ["as a", "i'm a", "i am", "i’m", "i was", "i have been", "i'm just", "i'm only", "my "]
        chinese = ["作为", "作為", "身为", "身為", "我是", "我只", "我仅", "我僅", "我的"]
        return pl.col("output").str.contains_any([*hints, *chinese], ascii_case_insensitive=True)

    def measured(self) -> pl.Expr:
        """See the base class."""
        return pl.col("output").str.extract(f"({_OF_ITSELF})")

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return "an answer in which no language model speaks of itself"
