"""Sakai as an LTI platform: little is known of it, and little is special."""

from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    ColumnTraits,
    LaunchTraits,
    Personality,
)

SAKAI = Personality(
    name="sakai",
    title="Sakai",
    about="Its own addresses, and line items that came with their link and cannot be changed.",
    addresses=Addresses(
        line_items="/imsblis/lti13/lineitems/{course}",
        line_item="/imsblis/lti13/lineitems/{course}/{column}",
        members="/imsblis/lti13/namesandroles/{course}",
    ),
    columns=ColumnTraits(fixes_coupled=True),
    launches=LaunchTraits(family_code="sakai", version="23.1"),
    words={
        "coupled": (400, "Attempt to modify an 'on-demand' line item"),
        "no_column": (400, "Could not load line item"),
        "no_course": (400, "Could not load site"),
    },
)
