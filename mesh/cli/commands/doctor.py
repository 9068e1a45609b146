"""`mesh doctor`: find out what keeps nodes apart, with or without a daemon."""

import click
import msgspec

from mesh.cli.daemon_client import folders_of
from mesh.cli.failures import Exit
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.node.doctor.doctor import examine
from mesh.node.doctor.finding import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
INDENT = " " * 6


class Findings(msgspec.Struct, kw_only=True):
    """The answer of `mesh doctor --json`."""

    findings: list[Finding]


@click.command(
    help="""\
Look at everything that a node needs: files, settings, ports, networks.

Each finding says what it means and what to do. Exit 7 if something keeps the node from working.

\b
Examples:
  mesh doctor
  mesh doctor -q
  mesh doctor --json | jq -r '.findings[] | select(.level != "ok") | .found'
""",
)
@shared_options
@click.pass_obj
def doctor(choices: Choices) -> None:
    terminal = Terminal(choices)
    terminal.say("Looking, and listening to the network…")
    findings = examine(folders_of(choices))
    if terminal.is_json:
        terminal.json(Findings(findings=findings))
    else:
        for finding in findings:
            if finding.level != "ok" or not choices.quiet:
                terminal.result(drawn(finding))
    if any(finding.level == "fail" for finding in findings):
        raise click.exceptions.Exit(Exit.PROBLEMS_FOUND)


def drawn(finding: Finding) -> str:
    """Return a finding for people, with what to do on lines of their own."""
    level = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
    lines = [f"{level}  {finding.check}: {clean_line(finding.found)}"]
    if finding.meaning:
        lines.append(INDENT + clean_line(finding.meaning))
    if finding.fix:
        lines.append(f"{INDENT}Do: {clean_line(finding.fix)}")
    return "\n".join(lines)
