"""The HTML of a duel's score: bars of people and machines, for the wall and for phones.

It is drawn without JavaScript, so that an update each second costs nothing in the browser.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st

from simcore.lab.people.analysis import Rate
from simcore.lab.people.duel_scores import HardestPicture, LiveScore, MachineScore
from simcore.ui import components, thumbnails
from simcore.ui.duel.join_address import JoinAddress, qr_code

STYLE = (Path(components.__file__).parent / "components" / "duel.css").read_text("utf-8")


def style() -> None:
    """Add the style sheet of everything here to the page."""
    st.html(f"<style>{STYLE}</style>")


def wall(live: LiveScore, address: JoinAddress) -> str:
    """What the wall shows of a group."""
    if live.state == "waiting":
        return _waiting(live, address)
    main = [bars(live, people="People"), _chance(live)]
    if live.state == "ended":
        side = [_hardest(live), _footing(live)]
    else:
        side = [_join(address), _footing(live)]
        main.append(_hardest(live))
    counts = f"{count(live.players, 'player')} · {count(live.answers, 'answer')}"
    return (
        f'<div class="duel wall {live.state}"><div class="head"><h1>{escape(headline(live))}</h1>'
        f'<p class="counts" role="status">{counts}</p></div>'
        f'<div class="side">{"".join(side)}</div><div class="main">{"".join(main)}</div></div>'
    )


def headline(live: LiveScore) -> str:
    """One line that says who is ahead."""
    total = len(live.machines)
    if live.people is None:
        return "Beat the machine"
    share = percent(live.people.value)
    beaten, level = len(live.beaten), len(live.level)
    if beaten == total:
        ending = "beat every machine" if live.state == "ended" else "are ahead of every machine"
        return f"People {ending}: {share} right"
    best = live.machines[0]
    if not beaten and not level:
        return f"The machines are ahead: {best.name} {percent(best.right.value)}, people {share}"
    level_text = f", level with {level}" if level else ""
    verb = "beat" if live.state == "ended" else "are ahead of"
    return f"People {verb} {beaten} of {total} machines{level_text}: {share} right"


def bars(live: LiveScore, *, people: str, own: Rate | None = None) -> str:
    """A list of bars, best first; people before a machine that is level with them.

    Args:
        people: what the people's row is called.
        own: the rate of the player who looks at it.
    """
    rows = [(machine.right.value, 0, _machine_bar(machine, live)) for machine in live.machines]
    if live.people is not None:
        rows.append((live.people.value, 1, _bar(people, "", live.people, "people", live.chance)))
    if own is not None:
        rows.append((own.value, 2, _bar("You", "", own, "you", live.chance)))
    rows.sort(key=lambda row: (-row[0], -row[1]))
    return f'<ol class="bars">{"".join(row for _, _, row in rows)}</ol>'


def _machine_bar(machine: MachineScore, live: LiveScore) -> str:
    added = len(machine.members) > 1
    detail = " + ".join(machine.members) if added else ""
    return _bar(machine.name, detail, machine.right, "sum" if added else "machine", live.chance)


def _bar(name: str, detail: str, rate: Rate, kind: str, chance: float) -> str:
    low, high = (100 * end for end in rate.ci95)
    small = f"<small>{escape(detail)}</small>" if detail else ""
    ends = f"{low:.0f} to {high:.0f} %"
    return (
        f'<li class="{kind}"><span class="who">{escape(name)}{small}</span>'
        f'<span class="track" aria-hidden="true">'
        f'<span class="bar" style="--v:{100 * rate.value:.1f}"></span>'
        f'<span class="range" style="--l:{low:.1f};--h:{high:.1f}"></span>'
        f'<span class="chance" style="--c:{100 * chance:.1f}"></span></span>'
        f'<span class="value">{percent(rate.value)} <small>{ends}</small></span></li>'
    )


def _chance(live: LiveScore) -> str:
    return (
        '<p class="soft">Right answers, with 95 % intervals; dotted: guessing, '
        f"{percent(live.chance)}.</p>"
    )


def _hardest(live: LiveScore) -> str:
    hardest = live.hardest
    if hardest is None:
        return ""
    images = _image(hardest.query_key, "The hardest picture")
    if hardest.mate_key:
        images += _image(hardest.mate_key, "Its mate")
    return (
        f'<div class="hard"><figure>{images}</figure><div><h2>The hardest picture</h2>'
        f"<p>{escape(_hardest_text(hardest, len(live.machines)))}</p></div></div>"
    )


def _hardest_text(hardest: HardestPicture, machines: int) -> str:
    return (
        f"{hardest.right:,} of {count(hardest.answers, 'answer')} found its mate, and "
        f"{hardest.machines_right} of {count(machines, 'machine')}."
    )


def _image(key: str, alt: str) -> str:
    return f'<img src="{escape(thumbnails.large(key), quote=True)}" alt="{escape(alt)}">'


def _join(address: JoinAddress) -> str:
    warning = ""
    if not address.reachable:
        warning = (
            '<p class="warn">Phones cannot reach this address. Start the app with '
            "<code>simcore app --&#8288;host 0.0.0.0</code>, or open this page by the name of its "
            "proxy.</p>"
        )
    alt = escape(f"QR code of {address.url}", quote=True)
    return (
        f'<img class="qr" src="{qr_code(address.url)}" alt="{alt}">'
        f'<p class="address">{escape(address.short)}</p>{warning}'
    )


def _waiting(live: LiveScore, address: JoinAddress) -> str:
    names = ", ".join(sorted(machine.name for machine in live.machines))
    joined = "player has joined" if live.players == 1 else "players have joined"
    return (
        f'<div class="duel wall waiting"><div class="side">{_join(address)}</div>'
        '<div class="main"><h1>Beat the machine</h1>'
        '<ol class="steps"><li>Scan the code, or type the address.</li>'
        f"<li>{count(live.questions, 'picture')}: find the one of {live.choices} that looks most "
        "like each.</li>"
        f"<li>{count(len(live.machines), 'machine')} have answered already. Be better.</li></ol>"
        f'<p><span class="players">{live.players:,}</span> {joined}</p>'
        f'<p class="soft">Your opponents: {escape(names)}</p>{_footing(live)}</div></div>'
    )


def _footing(live: LiveScore) -> str:
    lines = []
    if live.state != "waiting":
        lines.append(f"{live.finished:,} of {count(live.players, 'player')} have finished.")
    if live.state == "ended" and live.most_alike:
        lines.append(f"People answer most like {listed(live.most_alike)}.")
    if live.best_group is not None:
        best = live.best_group
        lines.append(f"Best other group so far: number {best.number}, {percent(best.right)} right.")
    return "".join(f'<p class="soft">{escape(line)}</p>' for line in lines)


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "player"), count(0, "player")
    ('1 player', '0 players')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share as whole percent.

    >>> percent(0.625)
    '62 %'
    """
    return f"{100 * share:.0f} %"
