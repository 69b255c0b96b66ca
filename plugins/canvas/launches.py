"""What Canvas' launches say in their own way."""

from dataclasses import replace

from mentorai.core.values import Launch
from mentorai.lti.origins import find_origin
from mentorai.plugins.canvas.work_urls import read_work


def refine(launch: Launch) -> Launch | None:
    """The launch with the school's own address to go back to, a named place, and whose work
    SpeedGrader asks for; None as it is.

    A launch from the course's menu names the course as its resource link, without a title.
    """
    found = read_work(launch)
    if launch.return_url is None:
        # Its pages frame ours, and hosted Canvas frames from the school's host, not the issuer's.
        found = replace(found, return_url=_find_home(launch))
    link, context = launch.resource_link, launch.context
    if link and context and link.lms_id == context.lms_id and not link.title:
        found = replace(found, resource_link=replace(link, title=context.title))
    return None if found is launch else found


def _find_home(launch: Launch) -> str | None:
    domain = launch.custom.get("canvas_api_domain", "")
    named = find_origin(f"https://{domain}") if domain else None
    service = launch.grade_service
    columns_url = service.line_items_url if service else None
    return named or find_origin(columns_url or launch.memberships_url)
