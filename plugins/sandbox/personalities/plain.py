"""The sandbox as itself: what the specifications say, and nothing else."""

from mentorai.plugins.sandbox.personalities.traits import Personality

PLAIN = Personality(
    name="plain",
    title="Sandbox LMS",
    about="It keeps to the specifications and imitates no product.",
)
