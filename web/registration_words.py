"""What the doctor says of each thing that a probe of an LMS sees, in a terminal and in the admin.

code -> the sentence, filled with the facts, and where to change it: a key of SCREENS, or "".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mentorai.lti.observations import Observation

WORDS: Mapping[str, tuple[str, str]] = {
    "registration_active": ("launches are taken; deployments: {deployments}.", ""),
    "registration_inactive": (
        "it is {status}: every launch is refused. Change that on its page in the admin, or see "
        "`mentorai registrations --help`.",
        "here",
    ),
    "launches_none": (
        "nobody launched in the last {days} days. Add the tool to a course and open it.",
        "placements",
    ),
    "launches_admitted": ("{admitted} in the last {days} days, all let in.", ""),
    "launches_some_refused": (
        "{admitted} let in and {refused} refused in the last {days} days ({codes}). "
        "`mentorai launches --refused` shows each, and so does Launches on its page in the admin.",
        "",
    ),
    "launches_all_refused": (
        "none let in and {refused} refused in the last {days} days ({codes}). "
        "`mentorai launches --refused` shows each, and so does Launches on its page in the admin.",
        "",
    ),
    "clock_agrees": ("the LMS is {seconds} s {direction} us.", ""),
    "clock_differs": (
        "the LMS is {seconds} s {direction} us; launches and tokens fail beyond a minute. Set the "
        "clock that is wrong by NTP.",
        "clock",
    ),
    "clock_not_told": ("the LMS sends no Date header, so the clocks were not compared.", ""),
    "calls_throttled": (
        "not found out yet: the LMS lets one tool make so many calls, and those just made, such as "
        "after a first launch, leave no room. That is no fault. Ask again in a minute.",
        "",
    ),
    "keyset_usable": ("{url} publishes keys that can be used: {kids}.", ""),
    "keyset_unreachable": (
        "{url}: {reason} Look at the address, and at firewall, DNS and certificate.",
        "platform_facts",
    ),
    "keyset_slow": (
        "{url} took {seconds} s; a launch waits that long when keys are new.",
        "platform_facts",
    ),
    "keyset_status": ("{url} answers {status}: look at the address.", "platform_facts"),
    "keyset_not_json": (
        "{url} answers with something that is not JSON, perhaps a page to sign in.",
        "platform_facts",
    ),
    "keyset_not_a_set": ("{url} answers with JSON that is no key set.", "platform_facts"),
    "keyset_no_usable_key": (
        "{url} publishes {listed} keys and none that can be used: RSA of 2048 bits or EC, for "
        "signing, with a kid.",
        "platform_facts",
    ),
    "keyset_some_left_out": (
        "{url} publishes {listed} keys, of which {usable} can be used ({kids}); a launch that is "
        "signed with another is refused.",
        "platform_facts",
    ),
    "keyset_no_cache_header": (
        "{url} does not say how long it may be kept; it is kept for an hour.",
        "",
    ),
    "token_granted": ("granted for each scope that is needed: {granted}.", ""),
    "token_refused": (
        "refused for {refused}; granted for {granted}. Grades or rosters will fail.",
        "services",
    ),
    "token_useful_refused": ("also refused, and seldom missed: {refused}.", "services"),
    "token_not_together": (
        "each scope is granted alone and all together are not; that does no harm here, where they "
        "are asked for one by one.",
        "",
    ),
    "token_no_scope": (
        "{url} knows this tool and grants it no scope ({error}): allow grades and names.",
        "services",
    ),
    "token_other_audience": (
        "{url} refuses the audience {used} ({error}) and takes {audience}. On this LMS's page in "
        "the admin, change the token audience to {audience}",
        "here",
    ),
    "token_client_refused": (
        "{url} refuses this tool ({error}), with the token URL and with the issuer as audience "
        "too. Compare the client id; see that the LMS can fetch our key set, and that the tool is "
        "switched on there.",
        "addresses",
    ),
    "token_unreachable": (
        "{url}: {reason} Look at the address, and at firewall, DNS and certificate.",
        "platform_facts",
    ),
    "token_trouble": ("{url} answers {status}: the LMS has trouble of its own.", "platform_facts"),
    "token_elsewhere": (
        "{url} answers {status} to a request for a token: it is not the token URL, or no longer.",
        "platform_facts",
    ),
    "auth_accepted": (
        "the LMS answers to {redirect_uri}, so it knows client id and redirect URI (error it "
        "gives nobody: {error}).",
        "",
    ),
    "auth_sign_in": (
        "the LMS wants a person to sign in first (at {host}), so nothing shows of {redirect_uri}; "
        "compare it by eye.",
        "addresses",
    ),
    "auth_redirect_refused": (
        "the LMS refuses the redirect URI ({status}). Enter {redirect_uri} there, to the letter.",
        "addresses",
    ),
    "auth_client_refused": (
        "the LMS does not know the client id {client_id}, or not with this tool switched on.",
        "platform_facts",
    ),
    "auth_unclear": (
        "the LMS answers {status} to a request for nobody, which shows nothing; compare "
        "{redirect_uri} with the tool's entry by eye.",
        "addresses",
    ),
    "auth_trouble": ("{url} answers {status}: the LMS has trouble of its own.", "platform_facts"),
    "auth_unreachable": (
        "{url}: {reason} Look at --auth-url of the registration.",
        "platform_facts",
    ),
    "line_items_read": ("the gradebook of a course can be read (columns: {count}).", ""),
    "line_items_not_offered": (
        "no launch has brought an address for grades yet. Open the tool in a course; if this "
        "stays, the grade service is off.",
        "services",
    ),
    "scores_not_offered": (
        "the LMS offers its gradebook and not that scores are sent (scope `score`).",
        "services",
    ),
    "line_items_refused": ("the gradebook cannot be read. {reason}", "services"),
    "line_items_unreadable": ("the gradebook's answer is no list of columns.", "services"),
    "roster_read": ("the roster of a course can be read (members on its first page: {count}).", ""),
    "roster_not_offered": (
        "no launch has brought an address for a roster yet. Open the tool in a course; if this "
        "stays, names and roles are off.",
        "services",
    ),
    "roster_refused": ("the roster cannot be read. {reason}", "services"),
    "roster_unreadable": ("the roster's answer cannot be read.", "services"),
}


def tell(observation: "Observation", screens: Mapping[str, str]) -> tuple[str, str]:
    """The sentence for an observation, and where to change it; empty if nothing is to be done."""
    sentence, screen = WORDS[observation.code]
    is_well = observation.state == "well" or not screen
    return sentence.format(**observation.facts), "" if is_well else screens[screen]


def begin_sentence(text: str) -> str:
    """With a capital letter, unless an address stands first."""
    return text if text.startswith(("http://", "https://")) else text[:1].upper() + text[1:]


def say(observation: "Observation", screens: Mapping[str, str]) -> str:
    """Both in one line."""
    said, where = tell(observation, screens)
    return f"{said} Where: {where}." if where else said
