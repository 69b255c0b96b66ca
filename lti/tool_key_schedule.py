"""The rotation of tool keys by the calendar, so that nobody has to remember it."""

from datetime import timedelta

import structlog

from mentorai.core.clock import now
from mentorai.core.errors import Conflict
from mentorai.lti.tool import Tool
from mentorai.lti.tool_keys import ACTIVE, NEXT, ToolKey

# How long a next key waits for the first platform to fetch it before it signs all the same.
PATIENCE = timedelta(days=7)
log = structlog.get_logger(__name__)


def tend_tool_keys(tool: Tool) -> None:
    """Do what is due: withdraw what is over, let the next key sign, publish a new one.

    Any number of processes may call this at once; one of them does each thing. A next key waits
    until somebody has fetched our key set since it was published, and no longer than PATIENCE.
    """
    tool.tool_keys.withdraw_old()
    signing, waiting = tool.tool_keys.find(ACTIVE), tool.tool_keys.find(NEXT)
    try:
        if waiting is not None:
            if waiting.may_sign_at <= now() and _has_met_platforms(tool, waiting):
                tool.tool_keys.rotate()
        elif signing is not None and _is_old(signing, tool.settings.tool_key_days):
            tool.tool_keys.publish_next()
    except Conflict:
        log.info("tool_key_rotated_by_another_process")


def _is_old(key: ToolKey, days: int) -> bool:
    began_at = key.activated_at or key.created_at
    return days > 0 and began_at <= now() - timedelta(days=days)


def _has_met_platforms(tool: Tool, key: ToolKey) -> bool:
    if key.created_at <= now() - PATIENCE:
        return True
    return any(fetch.fetched_at >= key.created_at for fetch in tool.keyset_fetches.list())
