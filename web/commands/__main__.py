"""`python -m mentorai.web.commands` is `mentorai`: how one process of ours starts another."""

from mentorai.web.commands import main

main(prog_name="mentorai")
