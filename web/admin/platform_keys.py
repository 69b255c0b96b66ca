"""Whether the keys of an LMS can be read, before campus IT's facts about it are believed."""

from collections.abc import Sequence

from mentorai.core.engine import Engine
from mentorai.core.explanations import read_screens
from mentorai.lti.probe import probe_keyset
from mentorai.lti.tool import Tool
from mentorai.web.registration_words import begin_sentence, tell

WORKS_NOT = "The key set of the LMS cannot be read, so no launch would be let in."


def find_key_faults(engine: Engine, family: str, keyset_url: str) -> Sequence[str]:
    """Why no launch could be verified with the keys at this address, in sentences; empty: it can.

    Asks the LMS. family: whose screens are named.
    """
    screens = read_screens(engine.plugins.ask_all("platform_profile"), family)
    seen = probe_keyset(engine.room(Tool), keyset_url)
    told = [tell(each, screens) for each in seen if each.state == "wrong"]
    sentences = [
        begin_sentence(said) + (f" Where: {where}." if where else "") for said, where in told
    ]
    return [WORKS_NOT, *sentences] if sentences else ()
