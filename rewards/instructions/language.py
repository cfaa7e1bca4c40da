"""The language of the answer."""

from rewards.langdetect_code import langdetect_code, langdetect_codes


def response_language(response: str, *, language: str) -> bool:
    """The answer is in the language, by its code in langdetect (`en`, `zh-cn`); `zh` is `zh-cn` or `zh-tw`.

    True where there is too little text to tell, as in IFEval.

    Raises:
        ValueError: langdetect knows no such code.
    """
    wanted = language.strip().lower()
    known = langdetect_codes()
    codes = [code for code in known if code == wanted or code.startswith(f"{wanted}-")]
    if not codes:
        raise ValueError(f"language: {language!r} is none of: {', '.join(known)}")
    found = langdetect_code(response)
    return found is None or found in codes
