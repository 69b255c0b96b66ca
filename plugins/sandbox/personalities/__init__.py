"""The LMSs that the sandbox can be: each is data, and what code its services need.

What an LMS does was observed on it, read in its source, or taken from its documentation; where
nothing is known, the sandbox does as the specification says.
"""

from collections.abc import Mapping

from mentorai.plugins.sandbox.personalities.blackboard import BLACKBOARD
from mentorai.plugins.sandbox.personalities.brightspace import BRIGHTSPACE
from mentorai.plugins.sandbox.personalities.canvas import CANVAS
from mentorai.plugins.sandbox.personalities.moodle import MOODLE
from mentorai.plugins.sandbox.personalities.openedx import OPENEDX
from mentorai.plugins.sandbox.personalities.plain import PLAIN
from mentorai.plugins.sandbox.personalities.sakai import SAKAI
from mentorai.plugins.sandbox.personalities.traits import Personality

PERSONALITIES: Mapping[str, Personality] = {
    each.name: each for each in (PLAIN, CANVAS, MOODLE, BLACKBOARD, BRIGHTSPACE, SAKAI, OPENEDX)
}
