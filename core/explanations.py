"""What ended a launch, in words for three readers, by the code of the error.

Before a launch is trusted nobody knows who looks at the page, so `student` stands first there and
is enough by itself; where a trusted one says that its reader teaches, `instructor` does. `clause`
is the part of the specifications that is meant in general; an error that was raised for a narrower
one names that. `screen` is a key of SCREENS.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mentorai.core.errors import MentorAIError
from mentorai.core.values import PlatformProfile

AGAIN = (
    "Something between your LMS and the mentor did not fit. Open the activity again from the "
    "course page. If it happens again, give your campus IT the reference number."
)
SWITCHED_OFF = (
    "Your campus has not connected this course with the mentor, or not any more. Give your "
    "campus IT the reference number."
)

# Where in an LMS something is changed, in words that fit any; a PlatformProfile may say it in
# the words of its family, under the same keys.
SCREENS: Mapping[str, str] = {
    "tool": "the page where the LMS keeps its external tools (LTI 1.3), this tool's entry",
    "addresses": "this tool's entry among the external tools, its URLs: login, redirect, key set",
    "deployments": "where this tool is deployed or installed: deployment id, course or account",
    "services": "this tool's entry, its services or scopes: grades (AGS), names and roles (NRPS)",
    "privacy": "this tool's entry, its privacy level and roles",
    "placements": "this tool's entry, its placements; in a course, the activity's own settings",
    "clock": "the clock of the LMS's server (NTP); for a hosted LMS, its support",
    "platform_facts": "where the LMS shows its own values: issuer, client id, key set, token URL",
    "here": "nothing in the LMS; the setting is on this side",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code, explained. tells_reason: the error's own sentence is fit for everybody.

    it: for campus IT and administrators: what to check. screen: where, a key of SCREENS.
    """

    title: str
    student: str
    instructor: str
    it: str
    screen: str
    clause: str = ""
    tells_reason: bool = False


SECURITY = "LTI Security Framework 1.0, section 5.1"
CORE = "LTI Core 1.3, section "

EXPLANATIONS: Mapping[str, Explanation] = {
    "launch_rejected": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The course and the mentor do not fit together; nothing in your course can "
        "mend that. Other activities may still work.",
        it="The reason says which part of the launch was broken. Compare this tool's entry in the "
        "LMS with the addresses under Platforms in the admin.",
        screen="addresses",
        clause=SECURITY,
    ),
    "unknown_registration": Explanation(
        title="This LMS is not registered here",
        student=SWITCHED_OFF,
        instructor="The LMS that your course is in is not connected with the mentor. Campus IT "
        "connects it once for all courses.",
        it="Compare issuer and client id, character by character, with `mentorai registrations "
        "list`: often a slash at the end, a test system, or a second client id. A disabled "
        "registration refuses its launches too.",
        screen="platform_facts",
        clause=f"{SECURITY}.1.1 (iss, client_id)",
    ),
    "unknown_deployment": Explanation(
        title="This way to the mentor is not set up",
        student=SWITCHED_OFF,
        instructor="The mentor was added to your course in another way than campus IT allowed. "
        "Use the mentor that is in the LMS's list of tools already, or ask campus IT.",
        it="The LMS added the tool under another deployment id than the registration knows. The "
        "launch log shows the id; add it to the registration if you want it.",
        screen="deployments",
        clause=f"{CORE}5.3.3 (LTI Deployment ID claim)",
    ),
    "deployment_held": Explanation(
        title="The mentor waits for approval",
        student="Your campus has not decided yet whether the mentor may be opened from this "
        "course. Nothing is wrong with your account; try again later.",
        instructor="Campus IT sees this place in its list and decides whether the mentor may be "
        "opened from here. Ask them if it is urgent.",
        it="The registration holds deployments that it does not know. Approve or refuse this one: "
        "Platforms in the admin, or `mentorai registrations deployments`.",
        screen="here",
        clause=f"{CORE}5.3.3 (LTI Deployment ID claim)",
    ),
    "deployment_refused": Explanation(
        title="This is not allowed here",
        student="Your campus does not let the mentor be opened from this course. If you think "
        "that it should, give your campus IT the reference number.",
        instructor="Campus IT has decided that the mentor may not be opened from here. Use the "
        "mentor that is in the LMS's list of tools already, or ask them.",
        it="This deployment was refused by one of you. Platforms in the admin, or `mentorai "
        "registrations deployments approve`, takes that back.",
        screen="here",
        clause=f"{CORE}5.3.3 (LTI Deployment ID claim)",
    ),
    "state_mismatch": Explanation(
        title="Open the mentor from your course again",
        student="Go back to the course page and open the activity there, in one browser and "
        "within ten minutes. If it happens again, give your campus IT the reference number.",
        instructor="A launch begins with a click in the course and must end in the same browser. "
        "Bookmarks and copied addresses of a launch do not work; the activity in the course does.",
        it="Seen once: a reload, a copied address, or more than ten minutes at the sign-in page. "
        "Seen for one browser only: it keeps no cookies in frames; let the LMS open the tool in "
        "a new window. Seen for all: a proxy drops cookies or answers under another host name.",
        screen="placements",
        clause=f"{SECURITY}.1; OpenID Connect Core 1.0, section 3.2.2.11 (state, nonce)",
        tells_reason=True,
    ),
    "nonce_reused": Explanation(
        title="Open the mentor from your course again",
        student="Each launch works once, so Back and Reload do not repeat it. Go back to the "
        "course page and open the activity again.",
        instructor="Each click in the course makes one launch, and each works once. Open the "
        "activity again.",
        it="Nothing is wrong unless it is seen without Back or Reload: then something between the "
        "LMS and here sends requests twice, such as a security scanner or a proxy that retries.",
        screen="here",
        clause=f"{SECURITY}.3, step 9 (nonce)",
        tells_reason=True,
    ),
    "token_invalid": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The message from the LMS could not be verified; nothing in your course can "
        "mend that. Campus IT needs the reference number.",
        it="The reason names the part of the id_token that is not as it must be. If it is the "
        "audience or the address (aud, azp, target_link_uri), compare the client id and the URLs "
        "of this tool's entry. `mentorai doctor --registration` looks at the rest.",
        screen="addresses",
        clause=f"{SECURITY}.3",
    ),
    "signing_key_unknown": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The message from the LMS could not be verified; nothing in your course can "
        "mend that. Campus IT needs the reference number.",
        it="The key set address that is registered does not hold the key that signed. Usual: it "
        "belongs to another tenant or to the test system; or the LMS changed its keys in the last "
        "minute, and the next launch works. `mentorai doctor --registration` fetches the set.",
        screen="platform_facts",
        clause=f"{SECURITY}.3, step 1; section 6 (key sets)",
    ),
    "signature_invalid": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The message from the LMS could not be verified; nothing in your course can "
        "mend that. Campus IT needs the reference number.",
        it="The key has the right name and another content: the LMS was restored or copied and "
        "made new keys under old names, or somebody changed the message. Look at the key set "
        "address, and wait an hour for the old keys to be forgotten.",
        screen="platform_facts",
        clause=f"{SECURITY}.3, step 1",
    ),
    "token_expired": Explanation(
        title="Open the mentor from your course again",
        student="A launch is good for a short time only. Open the activity again from the course "
        "page. If this page comes at once, give your campus IT the reference number.",
        instructor="Opening the activity again helps if the page was left open for long. If it "
        "does not, a clock is wrong, and campus IT needs the reference number.",
        it="The reason names the age that was measured. Seen once: a reload or Back after some "
        "time. Seen at once and for all: the clock of the LMS is behind ours; set both by NTP. "
        "`mentorai doctor --registration` compares them.",
        screen="clock",
        clause=f"{SECURITY}.3, steps 7 and 8 (exp, iat)",
    ),
    "token_out_of_time": Explanation(
        title="The mentor could not be opened",
        student="The clock of your LMS and ours differ, so the mentor cannot be opened. Give your "
        "campus IT the reference number.",
        instructor="A clock is wrong; nothing in your course can mend that. Campus IT needs the "
        "reference number.",
        it="The reason names the difference that was measured: the LMS is more than a minute "
        "ahead of us. Set both clocks by NTP. `mentorai doctor --registration` compares them.",
        screen="clock",
        clause=f"{SECURITY}.3, steps 7 and 8 (exp, iat)",
    ),
    "keyset_unavailable": Explanation(
        title="The mentor could not be opened just now",
        student="Your LMS could not be asked something that opening the mentor needs. Wait a "
        "minute and open the activity again from the course page. If it happens again, give your "
        "campus IT the reference number.",
        instructor="The LMS did not answer a question of the mentor's server. It is tried again "
        "with the next launch.",
        it="The key set address did not answer as it must. From the machine that runs this "
        "server, fetch it; look at firewall, DNS and certificate. `mentorai doctor "
        "--registration` says what it answers.",
        screen="platform_facts",
        clause=f"{SECURITY}.3, step 1; section 6 (key sets)",
    ),
    "claim_missing": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The LMS left out something that the mentor needs. If only one activity is "
        "affected, remove it and add the mentor again.",
        it="The reason names what is missing. Allow it in the LMS: privacy level, services, or "
        "the placement that the launch came from.",
        screen="privacy",
        clause=f"{CORE}5.3 (required claims)",
    ),
    "message_unsupported": Explanation(
        title="The mentor could not be opened",
        student="This place in your LMS cannot open the mentor. Open it from an activity in the "
        "course. If there is none, tell your instructor or give your campus IT the reference "
        "number.",
        instructor="The mentor was added in a place of the LMS that it does not serve. Add it as "
        "an activity of the course.",
        it="The LMS sent another kind of message, or another version of LTI, than is served here: "
        "LTI 1.3 resource links and deep linking are. Switch that placement off.",
        screen="placements",
        clause=f"{CORE}5.3.1 and 5.3.2 (message type, version)",
    ),
    "launch_denied": Explanation(
        title="This is not allowed here",
        student="The rules of your campus do not let this launch through. If you think they "
        "should, give your campus IT the reference number.",
        instructor="A rule of this installation refused the launch; the reason says which.",
        it="A plugin judged the launch and said no. `mentorai plugins list` shows which judge "
        "launches; the log has the plugin's own lines under the reference number.",
        screen="here",
        tells_reason=True,
    ),
    "platform_declined": Explanation(
        title="Your learning platform stopped the launch",
        student="Sign in to your LMS again and open the activity from the course page. If it "
        "happens again, give your campus IT the reference number.",
        instructor="The LMS itself refused to open the activity for this person. Check that the "
        "person may see it in the course.",
        it="The reason names the error that the LMS posted back. login_required: the LMS lost the "
        "person's session, often for want of cookies in frames. unauthorized_client or "
        "invalid_request: client id or redirect URI differ from this tool's entry.",
        screen="addresses",
        clause="OpenID Connect Core 1.0, section 3.1.2.6",
        tells_reason=True,
    ),
    "mentor_not_chosen": Explanation(
        title="There is no mentor in this place yet",
        student="Your instructor has not chosen a mentor for this activity yet. Please tell them.",
        instructor="Nobody has chosen which mentor answers here. Edit the activity in the course "
        "and pick one (“Select content”), or ask campus IT to make one.",
        it="The launch was right, but leads to no mentor: no placement, and the custom parameters "
        "`mentor` or `quiz` name none of here, or there is not exactly one to fall back on. If "
        "there is none yet, make one: Mentors, New mentor. Else allow deep linking, so that "
        "instructors pick, or put the parameter right.",
        screen="placements",
    ),
    "session_invalid": Explanation(
        title="Open the mentor from your course",
        student="Sessions belong to the browser they were opened in. Go back to the course page "
        "and open the activity again.",
        instructor="A link to an open mentor cannot be passed on; each person opens the activity "
        "in the course.",
        it="Seen once: a copied or old link. Seen for one browser: it keeps no cookies in frames.",
        screen="placements",
        tells_reason=True,
    ),
    "plugin_failed": Explanation(
        title="Something went wrong here",
        student="The mentor had trouble of its own. Try again in a few minutes. If it happens "
        "again, give your campus IT the reference number.",
        instructor="The mentor's server had trouble; nothing in your course is wrong.",
        it="A plugin raised an error. The log has its place in the code under the reference "
        "number.",
        screen="here",
    ),
    "internal_error": Explanation(
        title="Something went wrong here",
        student="The mentor had trouble of its own. Try again in a few minutes. If it happens "
        "again, give your campus IT the reference number.",
        instructor="The mentor's server had trouble; nothing in your course is wrong.",
        it="An error that nobody foresaw. The log has its place in the code under the reference "
        "number; `mentorai doctor` may say why.",
        screen="here",
    ),
    "database_unavailable": Explanation(
        title="The mentor could not be opened at this moment",
        student="Open the activity again from the course page in a few seconds. If it happens "
        "again, give your campus IT the reference number.",
        instructor="The mentor's database did not answer in time; nothing in your course is wrong.",
        it="The log has the reason under the reference number: a database that is restarted, has "
        "too few connections or a full disk, or two changes that waited for each other. `mentorai "
        "doctor` looks whether it answers.",
        screen="here",
    ),
    "too_large": Explanation(
        title="The mentor could not be opened",
        student=AGAIN,
        instructor="The LMS sent more than any launch needs. If only one activity is affected, "
        "look for very long texts in its settings.",
        it="The form that the LMS posted is larger than 200 KB. Look for huge custom parameters.",
        screen="placements",
    ),
}


def read_screens(profiles: Iterable[PlatformProfile], family: str) -> Mapping[str, str]:
    """Where each thing is changed in an LMS, in the words of its family where it has some."""
    own = next((profile.screens for profile in profiles if profile.family == family), {})
    return {key: own.get(key, words) for key, words in SCREENS.items()}


def find_explanation(error: MentorAIError) -> Explanation | None:
    """The words for an error; a plugin's own kind of error gets its parent's. None: no words."""
    codes = (error.code, *(getattr(kind, "code", "") for kind in type(error).__mro__))
    return next((EXPLANATIONS[code] for code in codes if code in EXPLANATIONS), None)
