"""Words as they are compared: lower-case, stemmed, without accents; bigrams where no spaces are.

Texts and questions go through the same preparation, so both databases index the same words
and neither needs to know a language.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from mentorai.core.stop_words import ASKING, STOP_WORDS

DEFAULT_LANGUAGE = "english"
LONGEST_WORD = 40
# A message with fewer words that mean something goes on with the question before it.
FOLLOW_UP_BELOW = 2
# Scripts written without spaces: Thai to Myanmar, Khmer, kana, Han, Hangul (stems by pairs too).
_UNSPACED = (
    "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
# Marks that belong to the letter before them, which \w leaves out (Hebrew, Arabic, Indic).
_MARKS = "\u0300-\u036f\u0483-\u0487\u05b0-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963"
_MARKS += "\u0981-\u0d83\u0dca-\u0ddf"
_TOKEN = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))+")
# Soft hyphens and joiners stand inside words without parting them.
_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
# Two and more hiragana in a row are grammar as a rule; content is written in kanji and katakana.
_ASKING = re.compile("|".join([*sorted(ASKING, key=len, reverse=True), "[\u3041-\u309f]{2,}"]))
_SAMPLE = 20_000
_stemmers = threading.local()


def read_words(text: str, language: str) -> list[str]:
    """Every word of `text` in order, prepared."""
    return [_stem(word, language) for word in _read_tokens(text)]


def read_question(text: str, language: str) -> list[str]:
    """The words of a question that carry its meaning, prepared, each once, in order.

    If all of them are stop words, they are all kept.
    """
    kept = _read_content(text, language) or list(_read_tokens(text))
    return list(dict.fromkeys(_stem(word, language) for word in kept))


def count_content(text: str, language: str) -> int:
    """How many words of `text` are no stop words."""
    return len(_read_content(text, language))


def widen_question(message: str, earlier: Sequence[str], language: str) -> str:
    """The question that a message asks: a follow-up like "why?" takes up what came before.

    earlier: the conversation's messages so far, oldest first.
    """
    question = message
    for before in reversed(earlier):
        if count_content(question, language) >= FOLLOW_UP_BELOW:
            break
        question = f"{question}\n{before}"
    return question


def detect_language(text: str) -> str:
    """The language whose stop words `text` uses most; English when nothing speaks for another."""
    tokens = list(_read_tokens(text[:_SAMPLE]))
    hits = {name: sum(word in stop for word in tokens) for name, stop in STOP_WORDS.items()}
    best = max(hits, key=lambda name: (hits[name], name == DEFAULT_LANGUAGE))
    return best if hits[best] > len(tokens) / 20 else DEFAULT_LANGUAGE


def measure_words(text: str) -> float:
    """How many words long `text` reads: a character of an unspaced script counts 0.6, and
    a run of letters longer than any word (a gene, an address) one for every 20.
    """
    unspaced = 0 if text.isascii() else len(_IS_UNSPACED.findall(text))
    spaced = _IS_UNSPACED.sub("", text) if unspaced else text
    return max(len(spaced.split()), len(spaced) / 20) + 0.6 * unspaced


def _read_content(text: str, language: str) -> list[str]:
    """The tokens of `text` without stop words; where no spaces are, without what only asks."""
    stop = STOP_WORDS.get(language, frozenset())
    if not text.isascii():
        text = _ASKING.sub(" ", text)
    return [word for word in _read_tokens(text) if word not in stop]


def _read_tokens(text: str) -> Iterator[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    for found in _TOKEN.finditer(text.casefold()):
        token = found.group()
        if _IS_UNSPACED.match(token) and len(token) > 1:
            yield from (token[i : i + 2] for i in range(len(token) - 1))
        else:
            yield token[:LONGEST_WORD]


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    if not _IS_UNSPACED.match(word) and language in STOP_WORDS:
        word = _stemmer(language).stemWord(word) or word
    return word if word.isascii() else _without_accents(word)


def _without_accents(word: str) -> str:
    # Students leave accents out; letters that only look composed (Hangul) are put together again.
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", plain) or word


def _stemmer(language: str) -> Any:
    # A Snowball stemmer keeps the word it works on in itself, so each thread has its own.
    if not hasattr(_stemmers, language):
        import snowballstemmer

        setattr(_stemmers, language, snowballstemmer.stemmer(language))
    return getattr(_stemmers, language)
