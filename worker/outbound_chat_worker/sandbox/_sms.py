"""How many units an SMS text takes, and whether it fits the GSM alphabet.

Alphabet: https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html (GSM 03.38).
"""

import string

_GSM_BASIC = frozenset(
    string.ascii_letters
    + string.digits
    + " !\"#%&'()*+,-./:;<=>?@_$\n\r"
    + "\u00a1\u00a3\u00a4\u00a5\u00a7\u00bf"  # inverted !, pound, currency, yen, section, inverted ?
    + "\u00c4\u00c5\u00c6\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc"  # capital A", A ring, AE, C cedilla, E', N~, O", O/, U"
    + "\u00df\u00e0\u00e4\u00e5\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc"  # sharp s and small ones
    + "\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9"  # the Greek capitals Latin has no letter for
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|\u20ac")  # sent with an escape before it: two units each


def sms_units(text: str) -> tuple[int, bool]:
    """Return how many units `text` takes, and whether these are GSM septets (else UTF-16 units)."""
    characters = set(text)
    if characters <= _GSM_BASIC:
        return len(text), True
    if characters <= _GSM_BASIC | _GSM_EXTENDED:
        return len(text) + sum(character in _GSM_EXTENDED for character in text), True
    return len(text.encode("utf-16-le", "surrogatepass")) // 2, False
