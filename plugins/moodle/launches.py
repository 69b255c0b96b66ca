"""What Moodle's launches say in their own way."""

from dataclasses import replace

from mentorai.core.values import Launch


def refine(launch: Launch) -> Launch | None:
    """The launch with its language as the web writes it (pt-BR, not pt_br); None as it is."""
    language, mark, region = (launch.locale or "").partition("_")
    if not mark:
        return None
    # Moodle's own variants (de_kids, es_mx_wp) are no regions.
    is_region = len(region) == 2 and region.isalpha()
    return replace(launch, locale=f"{language}-{region.upper()}" if is_region else language)
